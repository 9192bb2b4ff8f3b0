//! Plays a little faster or slower, by a windowed sinc.
//!
//! At the original speed, and as long as it was never left, what comes out is bit for bit
//! what came in.

use std::f64::consts::PI;
use std::sync::LazyLock;

use super::{BLOCK, Frame};

/// Frames before and from the place between two frames that decide what is there.
pub(super) const BEFORE: usize = 15;
pub(super) const AFTER: usize = 17;
const TAPS: usize = BEFORE + AFTER;

/// Places between two frames for which there is a filter; between those, the two nearest
/// are mixed. So many that the error is below 16 bits.
const PHASES: usize = 256;

static FILTERS: LazyLock<Vec<[f32; TAPS]>> = LazyLock::new(|| {
    let filter = |phase: usize| {
        let place = phase as f64 / PHASES as f64;
        let taps: [f64; TAPS] = std::array::from_fn(|tap| {
            let x = tap as f64 - BEFORE as f64 - place;
            let window = 0.42
                + 0.5 * (PI * x / (TAPS / 2) as f64).cos()
                + 0.08 * (2.0 * PI * x / (TAPS / 2) as f64).cos();
            match x.abs() {
                x if x < 1e-9 => 1.0,
                x if x >= (TAPS / 2) as f64 => 0.0,
                _ => window * (PI * x).sin() / (PI * x),
            }
        });
        // No phase is louder than another.
        let sum: f64 = taps.iter().sum();
        taps.map(|tap| (tap / sum) as f32)
    };
    (0..=PHASES).map(filter).collect()
});

/// See the file's documentation.
#[derive(Debug, Default)]
pub(super) struct Resampler {
    /// How far the next output is behind the next input frame, from 0 to 1.
    place: f64,
}

impl Resampler {
    /// How many frames have to be there for a block at this speed.
    pub(super) fn need(&self, speed: f64) -> usize {
        (self.place + speed * BLOCK as f64).ceil() as usize + AFTER
    }

    /// Fills the block; gives how many frames of `input` are played. `input` has [`BEFORE`]
    /// frames that were played and as many more as [`Resampler::need`] says; what is missing
    /// is taken as silence.
    pub(super) fn process(
        &mut self,
        speed: f64,
        input: &[Frame],
        block: &mut [Frame; BLOCK],
    ) -> usize {
        if self.place == 0.0 && speed == 1.0 {
            let played = input.get(BEFORE..).unwrap_or(&[]);
            let length = played.len().min(BLOCK);
            block[..length].copy_from_slice(&played[..length]);
            block[length..].fill([0.0; 2]);
            return BLOCK;
        }
        let start = self.place;
        for (at, frame) in block.iter_mut().enumerate() {
            let place = start + at as f64 * speed;
            *frame = match input.get(place as usize..).and_then(|i| i.first_chunk()) {
                Some(around) => between(around, place.fract()),
                None => [0.0; 2],
            };
        }
        let end = start + BLOCK as f64 * speed;
        self.place = end.fract();
        end as usize
    }
}

fn between(around: &[Frame; TAPS], place: f64) -> Frame {
    let phase = place * PHASES as f64;
    let share = phase.fract() as f32;
    let [near, far] = [phase as usize, phase as usize + 1].map(|phase| &FILTERS[phase]);
    let mut sum = [0.0; 2];
    let mut at = 0;
    while at < TAPS {
        let tap = near[at] + share * (far[at] - near[at]);
        sum[0] += tap * around[at][0];
        sum[1] += tap * around[at][1];
        at += 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f64, at: f64) -> f64 {
        0.5 * (at * frequency * 2.0 * PI / 48_000.0).sin()
    }

    /// The greatest deviation from a tone that was made at that speed.
    fn error(frequency: f64, speed: f64) -> f64 {
        let input: Vec<Frame> = (0..200_000)
            .map(|at| [tone(frequency, at as f64 - BEFORE as f64) as f32; 2])
            .collect();
        let mut resampler = Resampler::default();
        let mut from = 0;
        let mut worst: f64 = 0.0;
        for number in 0..300 {
            let mut block = [[0.0; 2]; BLOCK];
            from += resampler.process(speed, &input[from..], &mut block);
            for (at, frame) in block.iter().enumerate().filter(|_| number > 0) {
                let wanted = tone(frequency, (number * BLOCK + at) as f64 * speed);
                worst = worst.max((wanted - f64::from(frame[0])).abs());
            }
        }
        worst
    }

    #[test]
    fn at_the_original_speed_nothing_is_changed() {
        assert!(error(997.0, 1.0) < 1e-7);
    }

    #[test]
    fn tones_stay_pure_at_other_speeds() {
        for speed in [0.995, 0.9995, 1.000_03, 1.005] {
            let voice = error(997.0, speed);
            assert!(voice < 3e-5, "1 kHz at {speed}: {voice}");
            let high = error(16_000.0, speed);
            assert!(high < 2e-3, "16 kHz at {speed}: {high}");
        }
    }

    #[test]
    fn what_is_missing_is_silence() {
        let mut block = [[1.0; 2]; BLOCK];
        Resampler::default().process(1.001, &[[0.5; 2]; 100], &mut block);
        assert_eq!(block[BLOCK - 1], [0.0; 2]);
        Resampler::default().process(1.0, &[], &mut block);
        assert_eq!(block, [[0.0; 2]; BLOCK]);
    }
}
