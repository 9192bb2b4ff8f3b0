//! How loud and how whole a tone is that comes (pure).

use super::RATE;

/// Samples of the windows in which a gap shows: 5 ms.
const WINDOW: usize = RATE / 200;
/// A window quieter than the second around it by so much is a gap.
const GAP_DECIBELS: f64 = 12.0;
/// A second difference of more than this part of the amplitude is a click: that of a tone of
/// 1 kHz is a sixtieth.
const CLICK: f64 = 0.15;

/// What one second was like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Second {
    /// dBFS, 0 being the loudest sine.
    pub(crate) level: f64,
    /// Windows in which next to nothing came.
    pub(crate) gaps: usize,
    /// Places where the tone jumps.
    pub(crate) clicks: usize,
}

#[derive(Default)]
pub(crate) struct Meter {
    /// Power of the windows of this second.
    windows: Vec<f64>,
    sum: f64,
    samples: usize,
    last: [f64; 2],
    /// Second differences, without sign: the largest of each window.
    jumps: Vec<f64>,
    jump: f64,
}

impl Meter {
    /// Takes a sample; gives what the second was like that ends with it.
    pub(crate) fn take(&mut self, sample: f64) -> Option<Second> {
        self.sum += sample * sample;
        self.jump = self
            .jump
            .max((sample - 2.0 * self.last[0] + self.last[1]).abs());
        self.last = [sample, self.last[0]];
        self.samples += 1;
        if !self.samples.is_multiple_of(WINDOW) {
            return None;
        }
        self.windows
            .push(std::mem::take(&mut self.sum) / WINDOW as f64);
        self.jumps.push(std::mem::take(&mut self.jump));
        if self.samples < RATE {
            return None;
        }
        self.samples = 0;
        let powers = std::mem::take(&mut self.windows);
        let jumps = std::mem::take(&mut self.jumps);
        let power = powers.iter().sum::<f64>() / powers.len() as f64;
        // The median: many gaps must not hide each other.
        let mut sorted = powers.clone();
        sorted.sort_by(f64::total_cmp);
        let usual = sorted[sorted.len() / 2];
        let least = usual / 10_f64.powf(GAP_DECIBELS / 10.0);
        let amplitude = (2.0 * usual).sqrt();
        Some(Second {
            level: 10.0 * (2.0 * power).log10(),
            gaps: powers.iter().filter(|power| **power < least).count(),
            clicks: jumps
                .iter()
                .filter(|jump| **jump > CLICK * amplitude)
                .count(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::signal::{Kind, Signal};
    use super::*;

    fn second(change: impl Fn(usize, f64) -> f64) -> Second {
        let mut signal = Signal::new(Kind::Tone, 700.0);
        let mut meter = Meter::default();
        let mut seconds = (0..2 * RATE).filter_map(|n| meter.take(change(n, signal.next().0)));
        seconds.nth(1).expect("two seconds")
    }

    #[test]
    fn a_whole_tone_has_no_gap() {
        let whole = second(|_, sample| sample);
        assert!((whole.level - 20.0 * 0.25_f64.log10()).abs() < 0.1);
        assert_eq!((whole.gaps, whole.clicks), (0, 0));
    }

    #[test]
    fn ten_milliseconds_that_are_missing_are_a_gap() {
        let hole = RATE + 24_000..RATE + 24_480;
        let broken = second(|n, sample| if hole.contains(&n) { 0.0 } else { sample });
        assert_eq!(broken.gaps, 2);
    }

    #[test]
    fn a_jump_is_a_click() {
        let broken = second(|n, sample| if n < RATE + 30_017 { sample } else { -sample });
        assert_eq!(broken.clicks, 1);
    }
}
