//! How late packets come, and so how much sound has to wait for them.
//!
//! Of each quarter of a second the earliest and the latest packet count. The earliest of
//! the last two seconds is the *base*: it follows the drift between the clocks. How far the
//! latest are behind it is the *spread*; the second greatest of the last eight seconds is
//! to be expected again. So it rises at once and falls late, and one mishap in eight
//! seconds is not paid for with delay.

use std::collections::VecDeque;

use super::{RATE, milliseconds};

const INTERVAL: i64 = milliseconds(250);

/// Intervals in which the base is sought.
const BASE: i64 = 8;

/// Intervals of which the spread is kept.
const KEPT: usize = 32;

/// A change of the transit that no network makes: the sender's clock has stood still.
const STEP: i64 = milliseconds(500);

#[derive(Debug, Clone, Copy)]
struct Interval {
    number: i64,
    earliest: i64,
    latest: i64,
}

/// Transits are arrivals less the timestamps at which packets end: only their differences
/// have a meaning.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    /// The last of them is the current one.
    intervals: VecDeque<Interval>,
    /// The spread in those that are over.
    spreads: VecDeque<i64>,
    last: Option<i64>,
    /// RFC 3550, 6.4.1; in samples.
    jitter: f64,
}

impl Arrivals {
    /// A packet has come.
    pub(super) fn arrived(&mut self, arrival: i64, transit: i64) {
        if let Some(last) = self.last {
            let step = (transit - last).abs();
            if step > STEP {
                return self.restart(arrival, transit);
            }
            self.jitter += (step as f64 - self.jitter) / 16.0;
        }
        self.last = Some(transit);
        let number = arrival.div_euclid(INTERVAL);
        match self.intervals.back_mut() {
            Some(current) if current.number >= number => {
                current.earliest = current.earliest.min(transit);
                current.latest = current.latest.max(transit);
            }
            _ => {
                self.close();
                self.intervals.push_back(Interval {
                    number,
                    earliest: transit,
                    latest: transit,
                });
                while let Some(oldest) = self.intervals.front()
                    && oldest.number + BASE < number
                {
                    self.intervals.pop_front();
                }
            }
        }
    }

    /// A packet that has not come itself is known from another one with this transit.
    pub(super) fn made_up_for(&mut self, transit: i64) {
        if let Some(current) = self.intervals.back_mut() {
            current.latest = current.latest.max(transit);
        }
    }

    /// From now on packets come by another way or clock. How regularly they come is
    /// expected to stay the same.
    pub(super) fn restart(&mut self, arrival: i64, transit: i64) {
        self.close();
        self.intervals.clear();
        self.intervals.push_back(Interval {
            number: arrival.div_euclid(INTERVAL),
            earliest: transit,
            latest: transit,
        });
        self.last = Some(transit);
    }

    fn close(&mut self) {
        if let Some(spread) = self.current_spread() {
            self.spreads.push_back(spread);
            if self.spreads.len() > KEPT {
                self.spreads.pop_front();
            }
        }
    }

    fn current_spread(&self) -> Option<i64> {
        Some(self.intervals.back()?.latest - self.base())
    }

    /// The transit of the fastest packets.
    pub(super) fn base(&self) -> i64 {
        let earliest = self.intervals.iter().map(|interval| interval.earliest);
        earliest.min().unwrap_or(0)
    }

    /// How much longer others are to be expected to take.
    pub(super) fn spread(&self) -> i64 {
        let known = self.spreads.iter().copied().chain(self.current_spread());
        let mut greatest = [0; 2];
        for spread in known {
            if spread > greatest[0] {
                greatest = [spread, greatest[0]];
            } else if spread > greatest[1] {
                greatest[1] = spread;
            }
        }
        // In the beginning each one counts.
        greatest[usize::from(self.spreads.len() >= BASE as usize)]
    }

    /// The transit of the slowest packet of the last quarter to half second.
    pub(super) fn latest(&self) -> i64 {
        let latest = self.intervals.iter().rev().take(2);
        latest.map(|interval| interval.latest).max().unwrap_or(0)
    }

    pub(super) fn jitter_ms(&self) -> f64 {
        self.jitter * 1000.0 / RATE as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet each 20 ms, so late as the function says; in ms.
    fn arrive(arrivals: &mut Arrivals, packets: std::ops::Range<i64>, late: impl Fn(i64) -> i64) {
        for number in packets {
            let late = milliseconds(late(number));
            arrivals.arrived(milliseconds(20 * number) + late, late);
        }
    }

    #[test]
    fn the_spread_rises_at_once_and_falls_after_eight_seconds() {
        let mut arrivals = Arrivals::default();
        arrive(&mut arrivals, 0..200, |_| 5);
        assert_eq!((arrivals.base(), arrivals.spread()), (milliseconds(5), 0));
        // 30 ms twice a second.
        arrive(&mut arrivals, 200..250, |number| {
            if number % 25 == 0 { 35 } else { 5 }
        });
        assert_eq!(arrivals.spread(), milliseconds(30));
        arrive(&mut arrivals, 250..600, |_| 5);
        assert_eq!(arrivals.spread(), milliseconds(30));
        arrive(&mut arrivals, 600..700, |_| 5);
        assert_eq!(arrivals.spread(), 0);
    }

    #[test]
    fn one_mishap_costs_no_delay() {
        let mut arrivals = Arrivals::default();
        arrive(
            &mut arrivals,
            0..500,
            |number| if number == 300 { 80 } else { 0 },
        );
        assert_eq!(arrivals.spread(), 0);
        assert!(arrivals.jitter_ms() < 1.0);
    }

    #[test]
    fn the_base_follows_a_longer_way_within_two_seconds_and_a_shorter_one_at_once() {
        let mut arrivals = Arrivals::default();
        arrive(&mut arrivals, 0..200, |_| 5);
        arrive(&mut arrivals, 200..330, |_| 105);
        assert_eq!(arrivals.base(), milliseconds(105));
        arrive(&mut arrivals, 330..331, |_| 3);
        assert_eq!(arrivals.base(), milliseconds(3));
    }

    #[test]
    fn a_step_of_the_clock_is_no_jitter() {
        let mut arrivals = Arrivals::default();
        arrive(&mut arrivals, 0..200, |_| 0);
        arrive(&mut arrivals, 200..400, |_| 60_000);
        arrive(&mut arrivals, 400..600, |_| -60_000);
        assert_eq!(arrivals.base(), milliseconds(-60_000));
        assert_eq!(arrivals.spread(), 0);
    }

    #[test]
    fn jitter_is_as_rtp_defines_it() {
        let mut arrivals = Arrivals::default();
        arrive(&mut arrivals, 0..1000, |number| number % 2 * 8);
        assert!((arrivals.jitter_ms() - 8.0).abs() < 0.01);
    }
}
