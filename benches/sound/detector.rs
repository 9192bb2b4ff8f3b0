//! Finds bursts in what comes (pure).

use super::RATE;
use super::signal::{BURST, burst};

/// A burst that has come through quieter than that is none: a quarter of what is played.
const THRESHOLD: f64 = 0.12;
/// Samples between two looks.
const STEP: usize = 8;
/// The peak has passed when nothing as loud has come for 5 ms.
const PASSED: u64 = RATE as u64 / 200;
/// Codecs ring; nothing is a new burst so soon: 200 ms.
const DEAF: u64 = RATE as u64 / 5;

/// A matched filter: it is loudest where the burst ends, whatever its phase has become.
pub(crate) struct Detector {
    /// The last samples of one burst's length, the oldest at `position` modulo that length.
    window: [f64; BURST],
    pattern: [(f64, f64); BURST],
    position: u64,
    peak: Option<Peak>,
    deaf_until: u64,
}

#[derive(Clone, Copy)]
struct Peak {
    position: u64,
    level: f64,
}

impl Default for Detector {
    fn default() -> Self {
        Self {
            window: [0.0; BURST],
            pattern: std::array::from_fn(burst),
            position: 0,
            peak: None,
            deaf_until: 0,
        }
    }
}

impl Detector {
    /// Takes a sample. Gives how many samples ago a burst began, once it has passed.
    pub(crate) fn take(&mut self, sample: f64) -> Option<u64> {
        self.window[self.position as usize % BURST] = sample;
        self.position += 1;
        if !self.position.is_multiple_of(STEP as u64) || self.position < self.deaf_until {
            return None;
        }
        let level = self.level();
        let best = self.peak.map_or(THRESHOLD, |peak| peak.level);
        if level > best {
            self.peak = Some(Peak {
                position: self.position,
                level,
            });
        }
        let peak = self
            .peak
            .take_if(|peak| self.position - peak.position >= PASSED)?;
        self.deaf_until = peak.position + DEAF;
        Some(self.position - peak.position + BURST as u64)
    }

    /// How loud the burst is in the window: its amplitude.
    fn level(&self) -> f64 {
        let (mut real, mut imaginary, mut weight) = (0.0, 0.0, 0.0);
        for (n, (sine, cosine)) in self.pattern.iter().enumerate() {
            let sample = self.window[(self.position as usize + n) % BURST];
            real += sample * sine;
            imaginary += sample * cosine;
            weight += sine * sine;
        }
        real.hypot(imaginary) / weight
    }
}

#[cfg(test)]
mod tests {
    use super::super::signal::{Kind, Signal};
    use super::*;

    #[test]
    fn bursts_are_found_where_they_are() {
        let mut signal = Signal::new(Kind::Clicks, 0.0);
        let mut detector = Detector::default();
        let (mut played, mut heard) = (Vec::new(), Vec::new());
        for n in 0..10 * RATE as u64 {
            let (sample, begins) = signal.next();
            if begins {
                played.push(n);
            }
            if let Some(ago) = detector.take(-0.6 * sample) {
                heard.push(n + 1 - ago);
            }
        }
        assert!(played.len() > 15);
        played.truncate(heard.len());
        assert!(heard.len() > 15);
        for (played, heard) in played.iter().zip(&heard) {
            assert!(
                played.abs_diff(*heard) < 2 * STEP as u64,
                "{played} {heard}"
            );
        }
    }

    #[test]
    fn a_quiet_room_has_no_bursts() {
        let mut signal = Signal::new(Kind::Silence, 0.0);
        let mut detector = Detector::default();
        assert!((0..10 * RATE).all(|_| detector.take(signal.next().0).is_none()));
    }
}
