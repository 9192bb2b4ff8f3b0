//! How fast a picture of many packets leaves (pure): the kernel takes it at once and puts it
//! on the cable at the cable's speed, and an access point or a small switch behind it would
//! have to keep it all.

use std::time::{Duration, Instant};

/// What leaves at once: a picture between two key frames does.
const BURST: usize = 20_000;
/// Bytes a microsecond beyond that, 160 Mbit/s: a key frame of 100 kB takes 4 ms.
const RATE: usize = 20;

/// One peer's leaky bucket.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When all that was sent would have left at the rate.
    done: Option<Instant>,
}

impl Pace {
    /// Counts what is about to be sent. Gives how long that has to wait.
    pub(crate) fn wait(&mut self, bytes: usize, now: Instant) -> Duration {
        let begin = self.done.map_or(now, |done| done.max(now));
        self.done = Some(begin + time(bytes));
        begin
            .saturating_duration_since(now)
            .saturating_sub(time(BURST))
    }
}

const fn time(bytes: usize) -> Duration {
    Duration::from_micros((bytes / RATE) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_picture_leaves_at_once() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        assert_eq!(pace.wait(8_000, now), Duration::ZERO);
        assert_eq!(pace.wait(8_000, now), Duration::ZERO);
    }

    #[test]
    fn a_key_frame_leaves_at_the_rate() {
        let mut pace = Pace::default();
        let begin = Instant::now();
        let mut now = begin;
        for _ in 0..50 {
            now += pace.wait(20_000, now);
        }
        let took = now - begin;
        let expected = time(48 * 20_000);
        assert!(
            took.abs_diff(expected) < Duration::from_millis(1),
            "{took:?}"
        );
    }

    #[test]
    fn what_was_not_sent_before_is_no_reason_for_a_longer_burst() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.wait(100_000, now);
        let later = now + Duration::from_secs(10);
        assert_eq!(pace.wait(20_000, later), Duration::ZERO);
        assert_eq!(pace.wait(20_000, later), Duration::ZERO);
        assert_eq!(pace.wait(20_000, later), time(20_000));
    }
}
