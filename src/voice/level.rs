//! How loud something is.

use super::Frame;

/// What silence is given as, in dBFS.
pub(crate) const SILENCE: f32 = -100.0;

/// How much of the level is of the newest 10 ms: it follows within some 50 ms.
const SHARE: f32 = 0.2;

/// The mean power of late.
#[derive(Debug, Default)]
pub(super) struct Level {
    power: f32,
}

impl Level {
    /// Takes in 10 ms.
    pub(super) fn block(&mut self, block: &[Frame]) {
        self.power += SHARE * (power(block) - self.power);
    }

    /// In dBFS, as GStreamer's element `level` has it: a sine of full scale has -3.
    pub(super) fn dbfs(&self) -> f32 {
        (10.0 * self.power.log10()).max(SILENCE)
    }
}

/// The mean square, over both channels.
pub(super) fn power(frames: &[Frame]) -> f32 {
    let sum: f32 = frames.iter().map(|[l, r]| l * l + r * r).sum();
    sum / (2 * frames.len().max(1)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_square_wave_of_full_scale_is_the_reference() {
        let mut level = Level::default();
        assert_eq!(level.dbfs(), SILENCE);
        for _ in 0..100 {
            level.block(&[[1.0, -1.0]; 480]);
        }
        assert!(level.dbfs().abs() < 0.01);
        for _ in 0..5 {
            level.block(&[[0.0; 2]; 480]);
        }
        assert!((-5.0..-4.0).contains(&level.dbfs()));
    }
}
