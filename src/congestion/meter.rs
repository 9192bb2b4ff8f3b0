//! Reports are worked out where they arrive; whoever acts on them is told only when there is
//! something to act on (pure).
//!
//! A hundred viewers report two thousand times a second, nearly always that all is well. To wake
//! a thread for each of these would cost more than to send the pictures.

use std::time::Duration;

use super::Packet;
use super::estimator::{Estimate, Estimator, Trend};

/// As long as all is well, news have time.
const CALM: Duration = Duration::from_millis(250);

/// A bitrate that has changed by such a part is another one.
const CHANGE: f64 = 0.02;

#[derive(Debug)]
pub(crate) struct Meter {
    estimator: Estimator,
    /// Less is sent than could be: whatever changes is of interest.
    is_restricted: bool,
    /// When somebody was told last, and of which bitrate.
    told: Option<(Duration, f64)>,
    /// What nobody has taken yet.
    news: Option<Estimate>,
}

impl Meter {
    /// `ceiling`: the most that will be sent in bit/s.
    pub(crate) fn new(ceiling: f64) -> Self {
        Self {
            estimator: Estimator::new(ceiling),
            is_restricted: false,
            told: None,
            news: None,
        }
    }

    /// More is sent than before, or less.
    pub(crate) fn set_ceiling(&mut self, ceiling: f64) {
        self.estimator.set_ceiling(ceiling);
    }

    pub(crate) const fn set_restricted(&mut self, is_restricted: bool) {
        self.is_restricted = is_restricted;
    }

    /// The path is tried out with so many bit/s.
    pub(crate) fn try_out(&mut self, bitrate: f64) {
        self.estimator.try_out(bitrate);
    }

    pub(crate) fn estimate(&self) -> Estimate {
        self.estimator.estimate()
    }

    /// The viewer's report on some packets has come, in the order in which they were sent.
    /// `now` is by the clock of their sending. True if there are news that nobody has been told
    /// of.
    pub(crate) fn report(&mut self, packets: &[Packet], now: Duration) -> bool {
        if packets.is_empty() {
            return false;
        }
        let mut estimate = self.estimator.report(packets, now);
        let waits = self.news.take();
        // A queue that has begun must not be forgotten for what came after.
        if waits.is_some_and(|waits| waits.trend == Trend::Decreasing) {
            estimate.trend = Trend::Decreasing;
        }
        let is_news = self.is_restricted
            || estimate.trend == Trend::Decreasing
            || self.told.is_none_or(|(told, bitrate)| {
                (estimate.bitrate - bitrate).abs() > CHANGE * bitrate
                    || now.checked_sub(told).is_none_or(|elapsed| elapsed >= CALM)
            });
        if waits.is_some() || is_news {
            self.news = Some(estimate);
        }
        let tells = is_news && waits.is_none();
        if tells {
            self.told = Some((now, estimate.bitrate));
        }
        tells
    }

    /// What there is to act on.
    pub(crate) const fn take(&mut self) -> Option<Estimate> {
        self.news.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CEILING: f64 = 2e6;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Reports, each 50 ms, on one packet that was under way for so many milliseconds; says for
    /// each whether somebody was told.
    fn reports(meter: &mut Meter, from: u64, delays: &[u64]) -> Vec<bool> {
        let times = (from..).step_by(50);
        let report = |(now, delay): (u64, &u64)| {
            let packet = Packet {
                sent: ms(now),
                arrived: Some(ms(now + delay)),
                size: 1_000,
            };
            meter.report(&[packet], ms(now + delay))
        };
        times.zip(delays).map(report).collect()
    }

    #[test]
    fn while_all_is_well_news_come_four_times_a_second() {
        let mut meter = Meter::new(CEILING);
        let told: Vec<bool> = (0..60)
            .map(|number| {
                let told = reports(&mut meter, number * 50, &[5]);
                meter.take();
                told[0]
            })
            .collect();
        assert!(told[0]);
        assert_eq!(told.iter().filter(|told| **told).count(), 12);
    }

    #[test]
    fn nobody_is_told_again_before_he_has_taken_the_news() {
        let mut meter = Meter::new(CEILING);
        let told = reports(&mut meter, 0, &[5; 40]);
        assert_eq!(told.iter().filter(|told| **told).count(), 1);
        assert!(meter.take().is_some() && meter.take().is_none());
    }

    #[test]
    fn a_queue_is_told_at_once_and_stays_told_until_it_is_taken() {
        let mut meter = Meter::new(CEILING);
        reports(&mut meter, 0, &[5; 20]);
        meter.take();
        let growing: Vec<u64> = (0..20).map(|step| 5 + step * 20).collect();
        let told = reports(&mut meter, 1_000, &growing);
        assert!(told.contains(&true), "{told:?}");
        reports(&mut meter, 2_500, &[5; 2]);
        let news = meter.take().expect("news");
        assert_eq!(news.trend, Trend::Decreasing);
        assert!(meter.estimate().bitrate < CEILING);
    }

    #[test]
    fn where_less_is_sent_than_could_be_each_report_is_told() {
        let mut meter = Meter::new(CEILING);
        meter.set_restricted(true);
        for number in 0..20 {
            assert_eq!(reports(&mut meter, number * 50, &[5]), [true]);
            meter.take();
        }
    }
}
