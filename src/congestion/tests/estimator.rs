//! Does the estimate follow the path?

use proptest::prelude::*;

use super::super::estimator::Trend;
use super::super::repeats::{self, Repeats};
use super::{FRAME, FREE, MEGABIT, Path, Simulation};

/// What an encoder makes of the estimate, with this ceiling.
fn follows(ceiling: f64) -> impl FnMut(&super::Estimate) -> f64 {
    move |estimate| (estimate.bitrate * 0.9).min(ceiling)
}

const fn narrow(capacity: f64) -> Path {
    Path { capacity, ..FREE }
}

#[test]
fn a_free_path_keeps_the_bitrate_that_is_set() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.run(60.0, follows(2.5 * MEGABIT));
    assert_eq!(viewer.last.bitrate, 3.0 * MEGABIT);
}

#[test]
fn a_path_that_drops_to_a_megabit_is_followed_within_a_second() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.run(10.0, follows(2.5 * MEGABIT));
    viewer.path = narrow(MEGABIT);
    viewer.longest = 0.0;
    let took = viewer.run_until(2.0, follows(2.5 * MEGABIT), |e| e.bitrate < 1.05 * MEGABIT);
    assert!(took < 1.0, "{took}");
    viewer.run(1.0, follows(2.5 * MEGABIT));
    viewer.longest = 0.0;
    viewer.run(30.0, follows(2.5 * MEGABIT));
    assert!(viewer.longest < 0.4, "packets waited {} s", viewer.longest);
    assert!(viewer.last.bitrate > 0.6 * MEGABIT, "{:?}", viewer.last);
}

#[test]
fn a_path_that_is_free_again_is_used_within_ten_seconds() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.run(10.0, follows(2.5 * MEGABIT));
    viewer.path = narrow(MEGABIT);
    viewer.run(20.0, follows(2.5 * MEGABIT));
    viewer.path = FREE;
    let took = viewer.run_until(10.0, follows(2.5 * MEGABIT), |e| {
        e.bitrate > 2.5 * MEGABIT / 0.9
    });
    assert!(took < 8.0, "{took}");
}

#[test]
fn a_path_with_hardly_a_buffer_is_followed_by_its_losses() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.run(10.0, follows(2.5 * MEGABIT));
    viewer.path = Path {
        capacity: MEGABIT,
        buffer: 0.03,
        ..FREE
    };
    let took = viewer.run_until(4.0, follows(2.5 * MEGABIT), |e| e.bitrate < 1.3 * MEGABIT);
    assert!(took < 2.5, "{took}");
}

#[test]
fn packets_that_get_lost_without_a_queue_throttle_nothing() {
    for loss in [0.01, 0.05] {
        let mut viewer = Simulation::new(3.0 * MEGABIT);
        viewer.path = Path { loss, ..FREE };
        viewer.run(60.0, follows(2.5 * MEGABIT));
        assert!(viewer.last.bitrate > 2.4 * MEGABIT, "{:?}", viewer.last);
    }
}

#[test]
fn a_narrow_path_that_loses_packets_is_used_again_when_it_is_free() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.path = Path {
        loss: 0.05,
        ..narrow(MEGABIT)
    };
    viewer.run(20.0, follows(2.5 * MEGABIT));
    assert!(viewer.last.bitrate < 1.3 * MEGABIT, "{:?}", viewer.last);
    viewer.path = Path { loss: 0.05, ..FREE };
    let took = viewer.run_until(10.0, follows(2.5 * MEGABIT), |e| e.bitrate > 2.5 * MEGABIT);
    assert!(took < 8.0, "{took}");
}

#[test]
fn a_wifi_that_stands_still_for_moments_throttles_nothing() {
    for stall in [0.05, 0.1] {
        let mut viewer = Simulation::new(3.0 * MEGABIT);
        viewer.path = Path {
            stall,
            jitter: 0.01,
            ..FREE
        };
        viewer.run(60.0, follows(2.5 * MEGABIT));
        assert!(
            viewer.last.bitrate > 2.4 * MEGABIT,
            "{stall}: {:?}",
            viewer.last
        );
    }
}

#[test]
fn a_viewer_that_is_busy_for_a_moment_is_not_taken_for_a_narrow_path() {
    let mut viewer = Simulation::new(2.0 * MEGABIT);
    for _ in 0..5 {
        viewer.run(1.0, follows(2.0 * MEGABIT));
        // Each picture is taken a little later than the one before, all of its packets at once.
        for late in 1..=8 {
            viewer.shift = f64::from(late) * 0.006;
            viewer.run(FRAME, follows(2.0 * MEGABIT));
        }
        viewer.shift = 0.0;
    }
    assert_eq!(viewer.last.bitrate, 2.0 * MEGABIT, "{:?}", viewer.last);
}

#[test]
fn a_still_picture_neither_raises_nor_lowers_the_estimate() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.path = Path {
        jitter: 0.015,
        ..FREE
    };
    viewer.run(60.0, |_| 0.1 * MEGABIT);
    assert_eq!(viewer.last.bitrate, 3.0 * MEGABIT);
}

#[test]
fn what_is_not_sent_is_not_believed_after_a_drop() {
    let mut viewer = Simulation::new(30.0 * MEGABIT);
    viewer.path = narrow(MEGABIT);
    viewer.run(5.0, follows(2.0 * MEGABIT));
    viewer.path = FREE;
    viewer.run(60.0, |_| 0.5 * MEGABIT);
    assert!(viewer.last.bitrate < 1.5 * MEGABIT, "{:?}", viewer.last);
    viewer.run(10.0, follows(20.0 * MEGABIT));
    assert!(viewer.last.bitrate > 10.0 * MEGABIT, "{:?}", viewer.last);
}

#[test]
fn a_viewer_that_was_always_calm_is_trusted_with_one_more_stream() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.run(5.0, follows(2.5 * MEGABIT));
    viewer.estimator.set_ceiling(6.0 * MEGABIT);
    assert_eq!(viewer.estimator.estimate().bitrate, 6.0 * MEGABIT);
}

#[test]
fn a_queue_that_somebody_else_keeps_full_does_not_end_in_nothing() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.run(5.0, follows(2.5 * MEGABIT));
    // From now on everything takes a quarter of a second longer.
    let before = viewer.last.bitrate;
    viewer.shift = 0.25;
    viewer.run(60.0, follows(2.5 * MEGABIT));
    assert!(viewer.last.bitrate > 0.5 * before, "{:?}", viewer.last);
}

#[test]
fn a_full_buffer_is_emptied_and_not_taken_for_the_path() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.repeats = Some(Repeats::new(repeats::PICTURES));
    viewer.run(10.0, follows(2.5 * MEGABIT));
    viewer.path = Path {
        buffer: 0.6,
        ..narrow(MEGABIT)
    };
    // Who encodes takes its time, and packets get lost.
    viewer.run(1.5, |_| 2.5 * MEGABIT);
    viewer.run(5.0, follows(2.5 * MEGABIT));
    viewer.longest = 0.0;
    viewer.run(3.0, follows(2.5 * MEGABIT));
    assert!(viewer.longest < 0.3, "packets waited {} s", viewer.longest);
    assert!(viewer.last.bitrate > 0.5 * MEGABIT, "{:?}", viewer.last);
}

#[test]
fn how_fast_a_picture_arrives_tells_of_the_path_while_less_is_sent() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.path = narrow(1.5 * MEGABIT);
    viewer.run(5.0, |_| MEGABIT);
    let narrow = viewer.last.bursts;
    assert!(
        narrow.is_some_and(|rate| rate < 1.6 * MEGABIT),
        "{narrow:?}"
    );
    viewer.path = FREE;
    viewer.run(2.0, |_| MEGABIT);
    let free = viewer.last.bursts;
    assert!(free.is_some_and(|rate| rate > 20.0 * MEGABIT), "{free:?}");
}

#[test]
fn calm_lasts_from_the_last_reduction_on() {
    let mut viewer = Simulation::new(3.0 * MEGABIT);
    viewer.run(10.0, follows(2.5 * MEGABIT));
    assert!(viewer.last.calm.as_secs_f64() > 9.0);
    viewer.path = narrow(MEGABIT);
    viewer.run_until(2.0, follows(2.5 * MEGABIT), |e| {
        e.trend == Trend::Decreasing
    });
    assert!(viewer.last.calm.is_zero());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the path does, the estimate has a meaning; and when it is free again, it is
    /// used again.
    #[test]
    fn no_path_breaks_it(
        paths in proptest::collection::vec(
            (0.05..20.0_f64, 0.02..1.0_f64, 0.0..0.5_f64, 0.0..0.2_f64, 0.1..3.0_f64),
            1..12,
        ),
    ) {
        let mut viewer = Simulation::new(3.0 * MEGABIT);
        for (megabits, buffer, loss, stall, seconds) in paths {
            viewer.path = Path {
                capacity: megabits * MEGABIT,
                buffer,
                loss,
                stall,
                jitter: 0.01,
            };
            viewer.run(seconds, follows(2.5 * MEGABIT));
            let bitrate = viewer.last.bitrate;
            prop_assert!(bitrate.is_finite() && bitrate >= 50_000.0, "{bitrate}");
            prop_assert!(bitrate <= 3.0 * MEGABIT, "{bitrate}");
        }
        viewer.path = FREE;
        viewer.run_until(30.0, follows(2.5 * MEGABIT), |e| e.bitrate > 2.5 * MEGABIT);
    }

    /// A path of any width is found: little waits, and it is used.
    #[test]
    fn any_capacity_is_used_and_not_overused(megabits in 0.3..8.0_f64) {
        let mut viewer = Simulation::new(10.0 * MEGABIT);
        viewer.path = narrow(megabits * MEGABIT);
        viewer.run(5.0, follows(9.0 * MEGABIT));
        viewer.longest = 0.0;
        let mut sent = 0.0;
        viewer.run(30.0, |estimate| {
            let rate = estimate.bitrate * 0.9;
            sent += rate / 30.0;
            rate
        });
        prop_assert!(viewer.longest < 0.5, "{} s", viewer.longest);
        let used = sent / 30.0 / MEGABIT / megabits;
        prop_assert!((0.5..1.05).contains(&used), "{used}");
    }
}
