//! A Geiger counter on the table: pulses at random, a line a second.

use std::collections::VecDeque;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::{Instrument, next_time};

const PERIOD: Duration = Duration::from_secs(1);

/// Seconds over which counts per minute are taken.
const MINUTE: usize = 60;

/// Pulses per second by the natural background.
const BACKGROUND: f64 = 0.35;

/// µSv/h for each count per minute, of the tube SBM-20.
const DOSE: f64 = 0.005_7;

/// See the file's documentation.
pub(super) struct Geiger {
    next: Duration,
    /// Counts of the last seconds.
    counts: VecDeque<u32>,
    random: StdRng,
}

impl Geiger {
    pub(super) fn new(now: Duration, random: StdRng) -> Self {
        Self {
            next: now + PERIOD,
            counts: VecDeque::new(),
            random,
        }
    }

    /// The pulses of one second: so many exponential gaps go into it. This makes a Poisson
    /// distribution.
    fn pulses(&mut self) -> u32 {
        let mut count = 0;
        let mut time = 0.0;
        loop {
            let uniform: f64 = self.random.random_range(f64::MIN_POSITIVE..1.0);
            time -= uniform.ln() / BACKGROUND;
            if time > 1.0 {
                return count;
            }
            count += 1;
        }
    }

    fn per_minute(&self) -> u32 {
        self.counts.iter().sum()
    }
}

impl Instrument for Geiger {
    fn receive(&mut self, _bytes: &[u8], _now: Duration, _out: &mut Vec<u8>) {}

    fn tick(&mut self, now: Duration, out: &mut Vec<u8>) {
        self.next = next_time(self.next, PERIOD, now);
        let count = self.pulses();
        self.counts.push_back(count);
        if self.counts.len() > MINUTE {
            self.counts.pop_front();
        }
        let minute = self.per_minute();
        let dose = f64::from(minute) * DOSE;
        let line = format!("CPS, {count}, CPM, {minute}, uSv/hr, {dose:.2}, SLOW\r\n");
        out.extend_from_slice(line.as_bytes());
    }

    fn wake(&self) -> Option<Duration> {
        Some(self.next)
    }

    fn status(&self) -> String {
        format!("{} counts in the last minute", self.per_minute())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn counts_are_of_a_poisson_distribution() {
        let mut geiger = Geiger::new(Duration::ZERO, StdRng::seed_from_u64(1));
        let counts: Vec<f64> = (0..20_000).map(|_| f64::from(geiger.pulses())).collect();
        let mean = counts.iter().sum::<f64>() / counts.len() as f64;
        let squares = counts.iter().map(|count| (count - mean).powi(2));
        let variance = squares.sum::<f64>() / counts.len() as f64;
        assert!((mean - BACKGROUND).abs() < 0.02, "{mean}");
        // Of that distribution both are the same.
        assert!((variance - mean).abs() < 0.03, "{variance}");
    }
}
