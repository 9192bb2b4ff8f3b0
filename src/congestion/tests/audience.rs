//! Do viewers with a narrow path, and only they, get less?

use std::time::Duration;

use proptest::prelude::*;

use super::super::Congestion;
use super::super::audience::{Audience, Size, Verdict};
use super::super::estimator::{Estimate, Trend};
use super::MEGABIT;

const CEILING: u32 = 2_500;
/// An estimate that hinders nothing.
const FREE: f64 = 3.0;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn estimate(megabits: f64, calm: Duration) -> Estimate {
    Estimate {
        bitrate: megabits * MEGABIT,
        trend: Trend::Holding,
        queue: Duration::ZERO,
        age: Duration::ZERO,
        bursts: None,
        loss: 0.0,
        calm,
    }
}

/// Viewers who report ten times a second.
struct Room {
    audience: Audience,
    now: Duration,
    /// Number, what the path takes in Mbit/s, and since when it has taken all.
    viewers: Vec<(u32, f64, Duration)>,
}

impl Room {
    fn new(congestion: Congestion, paths: &[f64]) -> Self {
        let mut audience = Audience::new(congestion, CEILING);
        let now = ms(1_000);
        let viewers: Vec<_> = (1..)
            .zip(paths)
            .map(|(id, path)| (id, *path, now))
            .collect();
        for (id, ..) in &viewers {
            audience.join(*id, now);
        }
        Self {
            audience,
            now,
            viewers,
        }
    }

    /// The last verdicts.
    fn pass(&mut self, time: Duration) -> Vec<Verdict> {
        let until = self.now + time;
        let mut verdicts = Vec::new();
        while self.now < until {
            self.now += ms(100);
            let all = self.viewers.iter().map(|(id, path, since)| {
                let estimate = estimate(*path, self.now - *since);
                self.audience
                    .report(*id, path * MEGABIT, &estimate, self.now)
            });
            verdicts = all.collect();
        }
        verdicts
    }

    fn set(&mut self, viewer: usize, path: f64) {
        if let Some(entry) = self.viewers.get_mut(viewer) {
            entry.1 = path;
            entry.2 = self.now;
        }
    }

    fn sizes(&mut self, time: Duration) -> Vec<Size> {
        self.pass(time).iter().map(|verdict| verdict.size).collect()
    }
}

#[test]
fn nobody_with_a_free_path_notices_anything() {
    for congestion in [Congestion::Best, Congestion::Fair, Congestion::Off] {
        let mut room = Room::new(congestion, &[FREE, FREE]);
        assert_eq!(room.sizes(ms(10_000)), [Size::Main; 2]);
        assert_eq!(room.audience.rates().main, CEILING);
    }
}

#[test]
fn a_slow_viewer_gets_the_small_encoding_and_the_others_keep_theirs() {
    let mut room = Room::new(Congestion::Best, &[FREE, FREE, FREE]);
    room.pass(ms(5_000));
    room.set(1, 0.85);
    assert_eq!(room.sizes(ms(500)), [Size::Main, Size::Small, Size::Main]);
    let rates = room.audience.rates();
    assert_eq!((rates.main, rates.small), (CEILING, 765));
}

#[test]
fn a_viewer_that_is_alone_has_the_encoder_follow_it() {
    let mut room = Room::new(Congestion::Best, &[0.85]);
    assert_eq!(room.sizes(ms(3_000)), [Size::Main]);
    assert_eq!(room.audience.rates().main, 765);
    room.set(0, FREE);
    room.pass(ms(100));
    assert_eq!(room.audience.rates().main, CEILING);
}

#[test]
fn a_viewer_that_does_not_report_is_not_slow() {
    let mut room = Room::new(Congestion::Best, &[0.85]);
    room.audience.join(99, room.now);
    assert_eq!(room.sizes(ms(1_000)), [Size::Small]);
    assert_eq!(room.audience.rates().main, CEILING);
}

#[test]
fn a_viewer_whose_path_is_free_again_comes_back() {
    let mut room = Room::new(Congestion::Best, &[FREE, 0.85]);
    assert_eq!(room.sizes(ms(1_000)), [Size::Main, Size::Small]);
    room.set(1, FREE);
    assert_eq!(room.sizes(ms(2_000)), [Size::Main, Size::Main]);
}

#[test]
fn a_viewer_that_cannot_show_what_its_path_takes_is_tried_after_a_while() {
    let mut room = Room::new(Congestion::Best, &[FREE, 0.85]);
    assert_eq!(room.sizes(ms(4_000)), [Size::Main, Size::Small]);
    let mut tried = None;
    while tried.is_none() {
        let verdicts = room.pass(ms(100));
        tried = verdicts[1].try_out;
        assert!(room.now < ms(10_000), "it is never tried");
    }
    assert!(tried >= Some(2.5 * MEGABIT), "{tried:?}");
}

#[test]
fn a_path_that_pulls_bursts_apart_is_not_tried() {
    let mut audience = Audience::new(Congestion::Best, CEILING);
    audience.join(1, ms(0));
    audience.join(2, ms(0));
    let mut report = |second: u64, bursts: f64| {
        let now = ms(second * 1_000);
        let estimate = Estimate {
            bursts: Some(bursts * MEGABIT),
            ..estimate(0.85, now)
        };
        audience.report(2, 0.85 * MEGABIT, &estimate, now).size
    };
    report(1, 1.0);
    for second in 2..60 {
        assert_eq!(report(second, 1.0), Size::Small);
    }
    assert_eq!(report(60, 50.0), Size::Main);
}

#[test]
fn one_that_comes_back_too_early_waits_longer_each_time() {
    let mut room = Room::new(Congestion::Best, &[FREE, 0.85]);
    let mut returns = Vec::new();
    while room.now < ms(200_000) {
        if room.pass(ms(100))[1].try_out.is_some() {
            returns.push(room.now.as_secs());
            // It was too much.
            room.set(1, 0.85);
        }
    }
    let waits: Vec<u64> = returns.windows(2).map(|two| two[1] - two[0]).collect();
    assert!(waits.is_sorted() && waits.last() >= Some(&59), "{waits:?}");
}

#[test]
fn the_small_encoding_follows_the_slowest_of_its_viewers() {
    let mut room = Room::new(Congestion::Best, &[FREE, 1.2, 0.5]);
    assert_eq!(
        room.sizes(ms(1_000)),
        [Size::Main, Size::Small, Size::Small]
    );
    assert_eq!(room.audience.rates().small, 450);
    room.audience.leave(3);
    assert_eq!(room.audience.rates().small, 1_080);
}

#[test]
fn when_the_fastest_leaves_the_main_encoding_follows_the_next() {
    let mut room = Room::new(Congestion::Best, &[FREE, 0.85]);
    room.pass(ms(1_000));
    room.audience.leave(1);
    room.viewers.remove(0);
    assert_eq!(room.audience.rates().main, 765);
    assert_eq!(room.sizes(ms(2_000)), [Size::Main]);
}

#[test]
fn where_there_is_no_small_encoding_everybody_stays() {
    let mut room = Room::new(Congestion::Best, &[FREE, 0.85]);
    assert_eq!(room.sizes(ms(1_000)), [Size::Main, Size::Small]);
    room.audience.stays(2);
    assert_eq!(room.sizes(ms(5_000)), [Size::Main, Size::Main]);
}

#[test]
fn to_be_fair_is_to_follow_the_slowest_but_not_to_the_bottom() {
    let mut room = Room::new(Congestion::Fair, &[FREE, 1.0]);
    assert_eq!(room.sizes(ms(1_000)), [Size::Main; 2]);
    assert_eq!(room.audience.rates().main, 900);
    room.set(1, 0.1);
    room.pass(ms(1_000));
    assert_eq!(room.audience.rates().main, CEILING / 4);
}

proptest! {
    /// Bitrates stay within what is set; whoever takes as much as the main encoding has
    /// gets it in the end.
    #[test]
    fn bitrates_stay_in_bounds(
        congestion in prop_oneof![Just(Congestion::Best), Just(Congestion::Fair)],
        changes in proptest::collection::vec((0..4_usize, 0.05..4.0_f64, 0..6_000_u64), 0..40),
    ) {
        let mut room = Room::new(congestion, &[FREE, FREE, FREE, FREE]);
        for (viewer, path, time) in changes {
            room.set(viewer, path);
            room.pass(ms(time));
            let rates = room.audience.rates();
            for rate in [rates.main, rates.small] {
                prop_assert!((150..=CEILING).contains(&rate), "{rates:?}");
            }
        }
        for viewer in 0..4 {
            room.set(viewer, FREE);
        }
        let mut sizes = Vec::new();
        for _ in 0..700 {
            sizes = room.sizes(ms(100));
        }
        prop_assert_eq!(sizes, [Size::Main; 4]);
    }
}
