//! Does what goes out fit through?

use std::time::Duration;

use proptest::prelude::*;

use super::super::thinning::Thinning;
use super::MEGABIT;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Pictures of an encoder that is asked for key frames, thirty a second: the numbers of those
/// that go out, and how often it was asked.
fn thinned(thinning: &mut Thinning, picture: usize, count: u64) -> (Vec<u64>, usize) {
    let mut sent = Vec::new();
    let (mut asked, mut waits, mut key_frame_next) = (0, false, true);
    for number in 0..count {
        let now = ms(number * 1000 / 30);
        let is_key_frame = std::mem::take(&mut key_frame_next);
        let size = if is_key_frame { 3 * picture } else { picture };
        let goes = (is_key_frame || !waits) && thinning.admits(size, is_key_frame, now);
        waits = !goes;
        if goes {
            sent.push(number);
        } else if thinning.wants_key_frame(now) {
            asked += 1;
            key_frame_next = true;
        }
    }
    (sent, asked)
}

#[test]
fn a_stream_that_fits_goes_out_whole() {
    let mut thinning = Thinning::new(MEGABIT, ms(0), ms(0));
    let (sent, asked) = thinned(&mut thinning, 4_000, 300);
    assert_eq!((sent.len(), asked), (300, 0));
}

#[test]
fn of_a_stream_that_does_not_fit_some_pictures_go_out_every_second() {
    let mut thinning = Thinning::new(MEGABIT, ms(0), ms(0));
    let (sent, asked) = thinned(&mut thinning, 10_000, 300);
    assert!(sent.len() >= 20, "{sent:?}");
    assert!(asked <= 10, "{asked}");
    let longest = sent.windows(2).map(|two| two[1] - two[0]).max();
    assert!(longest <= Some(36), "{sent:?}");
}

#[test]
fn what_waits_already_goes_out_first() {
    let mut thinning = Thinning::new(MEGABIT, ms(500), ms(0));
    assert!(!thinning.admits(10_000, true, ms(0)));
    assert!(!thinning.wants_key_frame(ms(0)));
    assert!(thinning.wants_key_frame(ms(500)));
    assert!(thinning.admits(10_000, true, ms(530)));
}

#[test]
fn a_key_frame_that_is_too_large_goes_out_when_nothing_else_waits() {
    let mut thinning = Thinning::new(0.2 * MEGABIT, ms(0), ms(0));
    assert!(thinning.admits(50_000, true, ms(0)));
    assert!(!thinning.admits(1_000, false, ms(33)));
    assert!(!thinning.admits(50_000, true, ms(1000)));
    assert!(thinning.admits(50_000, true, ms(2010)));
}

proptest! {
    /// Nothing waits longer than is tolerable, whatever the stream.
    #[test]
    fn what_goes_out_never_waits_long(
        megabits in 0.1..10.0_f64,
        pictures in proptest::collection::vec((1..200_000_usize, any::<bool>()), 1..300),
    ) {
        let mut thinning = Thinning::new(megabits * MEGABIT, ms(0), ms(0));
        let mut queue = 0.0_f64;
        for (number, (bytes, is_key_frame)) in pictures.into_iter().enumerate() {
            let now = ms(number as u64 * 33);
            queue = (queue - megabits * MEGABIT * 0.033).max(0.0);
            if thinning.admits(bytes, is_key_frame, now) {
                let alone = is_key_frame && queue <= megabits * MEGABIT * 0.02;
                queue += bytes as f64 * 8.0;
                prop_assert!(alone || queue <= megabits * MEGABIT * 0.46, "{queue}");
            }
        }
    }
}
