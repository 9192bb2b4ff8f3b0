//! Keeps a sum of talkers below full scale, inaudibly where it already is.
//!
//! The sound is delayed by a millisecond, so that the gain is down before the peak that
//! calls for it comes; then it rises again slowly. What stays below the ceiling passes
//! bit for bit.

use super::{BLOCK, Frame};

/// The greatest sample that leaves: -1 dBFS, which leaves room for what a device or an
/// encoder makes of it between the samples.
pub(super) const CEILING: f32 = 0.891_25;

/// Frames that get one gain, or a straight way to the next: 1 ms.
const STEP: usize = 48;

/// How much of the missing gain comes back in a step: within some 100 ms.
const RELEASE: f32 = 0.02;

/// See the file's documentation.
#[derive(Debug)]
pub(super) struct Limiter {
    /// What has come and not left yet.
    held: [Frame; STEP],
    /// The greatest gain that `held` bears.
    held_bears: f32,
    /// The gain at the end of what has left.
    gain: f32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self {
            held: [[0.0; 2]; STEP],
            held_bears: 1.0,
            gain: 1.0,
        }
    }
}

impl Limiter {
    pub(super) fn process(&mut self, block: &mut [Frame; BLOCK]) {
        for step in block.as_chunks_mut::<STEP>().0 {
            let bears = gain_for(step);
            let released = self.gain + RELEASE * (1.0 - self.gain);
            let released = if released > 0.9999 { 1.0 } else { released };
            // What leaves now ends with this gain, and what has just come begins with it.
            let to = released.min(self.held_bears).min(bears);
            std::mem::swap(&mut self.held, step);
            if self.gain < 1.0 || to < 1.0 {
                for (at, frame) in step.iter_mut().enumerate() {
                    let gain = self.gain + (to - self.gain) * (at + 1) as f32 / STEP as f32;
                    *frame = frame.map(|s| (s * gain).clamp(-CEILING, CEILING));
                }
            }
            self.gain = to;
            self.held_bears = bears;
        }
    }
}

fn gain_for(step: &[Frame]) -> f32 {
    let peak = step
        .iter()
        .flatten()
        .fold(0.0, |peak: f32, s| peak.max(s.abs()));
    if peak > CEILING { CEILING / peak } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(block: usize, level: f32) -> [Frame; BLOCK] {
        std::array::from_fn(|i| {
            let at = (block * BLOCK + i) as f32 / 48_000.0;
            [level * (at * 440.0 * std::f32::consts::TAU).sin(); 2]
        })
    }

    #[test]
    fn what_is_below_the_ceiling_passes_bit_for_bit() {
        let mut limiter = Limiter::default();
        let mut sent = Vec::new();
        let mut left = Vec::new();
        for number in 0..50 {
            let mut block = tone(number, 0.89);
            sent.extend(block);
            limiter.process(&mut block);
            left.extend(block);
        }
        assert_eq!(left[STEP..], sent[..sent.len() - STEP]);
    }

    #[test]
    fn ten_times_full_scale_is_brought_under_the_ceiling_without_a_flat_top() {
        let mut limiter = Limiter::default();
        for number in 0..200 {
            let mut block = tone(number, if number < 50 { 0.1 } else { 10.0 });
            limiter.process(&mut block);
            let peaks = block
                .iter()
                .filter(|frame| frame[0].abs() >= CEILING * 0.9999);
            assert!(peaks.count() < 12, "block {number}");
            assert!(block.iter().flatten().all(|s| s.abs() <= CEILING));
        }
    }

    #[test]
    fn the_gain_comes_back_within_half_a_second() {
        let mut limiter = Limiter::default();
        for number in 0..100 {
            let mut block = tone(number, if number < 20 { 3.0 } else { 0.5 });
            limiter.process(&mut block);
        }
        assert_eq!(limiter.gain, 1.0);
    }
}
