//! When what is mixed is played, whenever it is fetched.
//!
//! The mix is fetched every 10 ms, but by a thread that may be held up: 30 ms late, then
//! three times in a row. What counts is the number of times; the time of the call only
//! tells, in the mean, where the blocks lie.

use std::time::Duration;

use super::{BLOCK, samples};

/// Blocks over which the smallest lateness is sought: a second.
const WINDOW: u32 = 100;

/// See the file's documentation.
#[derive(Debug, Default)]
pub(super) struct PlayoutClock {
    /// When the next block is due.
    next: Option<i64>,
    /// How late the most punctual call of this window was.
    lateness: i64,
    calls: u32,
}

impl PlayoutClock {
    /// A block is fetched. Gives the time, in samples, at which it begins.
    pub(super) fn tick(&mut self, now: Duration) -> i64 {
        let now = samples(now);
        let mut block = self.next.unwrap_or(now);
        if now <= block {
            // Nobody fetches what is not due: it was thought to be due later than it is.
            block = now;
            self.begin_window();
        }
        self.lateness = self.lateness.min(now - block);
        self.calls += 1;
        if self.calls >= WINDOW {
            block += self.lateness;
            self.begin_window();
        }
        self.next = Some(block + BLOCK as i64);
        block
    }

    fn begin_window(&mut self) {
        self.lateness = i64::MAX;
        self.calls = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::milliseconds;
    use super::*;

    #[test]
    fn late_calls_do_not_move_the_blocks() {
        let mut clock = PlayoutClock::default();
        for block in 0..1000_u64 {
            // Each second a call is 30 ms late, and three follow in a row.
            let late = 30_u64.saturating_sub(block % 100 * 10);
            let time = clock.tick(Duration::from_millis(block * 10 + late));
            let wanted = milliseconds(block as i64 * 10 + if block < 4 { late as i64 } else { 0 });
            assert!(
                block < 4 || time == wanted,
                "block {block}: {time}, {wanted}"
            );
        }
    }

    #[test]
    fn calls_that_were_left_out_are_noticed_within_two_seconds() {
        let mut clock = PlayoutClock::default();
        let mut last = 0;
        for block in 0..300_u64 {
            let pause = if block < 50 { 0 } else { 5000 };
            last = clock.tick(Duration::from_millis(block * 10 + pause));
        }
        assert_eq!(last, milliseconds(2990 + 5000));
    }
}
