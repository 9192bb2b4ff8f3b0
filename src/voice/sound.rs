//! Decoded sound that waits to be played.

use super::resampler::{AFTER, BEFORE};
use super::{Frame, gentle};

/// A queue that keeps what the resampler still needs of what was played.
#[derive(Debug)]
pub(super) struct Sound {
    frames: Vec<Frame>,
    /// The next frame to be played.
    at: usize,
}

impl Default for Sound {
    fn default() -> Self {
        Self {
            frames: vec![[0.0; 2]; BEFORE],
            at: BEFORE,
        }
    }
}

impl Sound {
    /// How many frames are to be played.
    pub(super) fn ahead(&self) -> usize {
        self.frames.len() - self.at
    }

    /// Those that the resampler has not begun to look at.
    pub(super) fn untouched(&self) -> &[Frame] {
        let from = self.at + AFTER;
        self.frames.get(from..).unwrap_or(&[])
    }

    /// Exchanges the first `length` of the untouched frames for others.
    pub(super) fn replace(&mut self, length: usize, frames: impl IntoIterator<Item = Frame>) {
        let from = (self.at + AFTER).min(self.frames.len());
        let to = (from + length).min(self.frames.len());
        self.frames.splice(from..to, frames);
    }

    pub(super) fn push(&mut self, frames: impl IntoIterator<Item = Frame>) {
        self.frames.extend(frames);
    }

    pub(super) fn push_silence(&mut self, length: usize) {
        self.frames.resize(self.frames.len() + length, [0.0; 2]);
    }

    /// Fades out at once, and forgets what would come after.
    pub(super) fn cut(&mut self, fade: usize) {
        let from = self.at + AFTER;
        self.frames.truncate(from + fade);
        let fading = self.frames.get_mut(from..).unwrap_or_default();
        let length = fading.len() as f32;
        for (at, frame) in fading.iter_mut().enumerate() {
            let gain = gentle(1.0 - (at + 1) as f32 / length);
            *frame = frame.map(|sample| sample * gain);
        }
    }

    /// What the resampler reads: the next frame is at [`BEFORE`].
    pub(super) fn to_play(&self) -> &[Frame] {
        &self.frames[self.at - BEFORE..]
    }

    pub(super) fn played(&mut self, length: usize) {
        self.at = (self.at + length).min(self.frames.len());
        // Rarely, as the rest is moved.
        if self.at > 4096 {
            self.frames.drain(..self.at - BEFORE);
            self.at = BEFORE;
        }
    }
}
