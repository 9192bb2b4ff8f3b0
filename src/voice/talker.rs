//! One talker in the mix: whether it is heard, and how loud it is.

use super::level::Level;
use super::receiver::Receiver;
use super::statistics::TalkerStatistics;
use super::{BLOCK, Frame, gentle};

/// See the file's documentation.
#[derive(Debug)]
pub(super) struct Talker {
    pub(super) receiver: Receiver,
    pub(super) heard: bool,
    /// At the end of the last block; whatever changes fades within one block.
    gain: f32,
    level: Level,
}

impl Talker {
    pub(super) fn new(receiver: Receiver) -> Self {
        Self {
            receiver,
            heard: true,
            gain: 0.0,
            level: Level::default(),
        }
    }

    /// Adds its next 10 ms to the mix.
    pub(super) fn mix(&mut self, time: i64, mix: &mut [Frame; BLOCK]) {
        let mut block = [[0.0; 2]; BLOCK];
        self.receiver.block(time, &mut block);
        self.level.block(&block);
        let from = self.gain;
        self.gain = f32::from(u8::from(self.heard));
        if from == 0.0 && self.gain == 0.0 {
            return;
        }
        for (at, (sum, frame)) in mix.iter_mut().zip(block).enumerate() {
            let gain = from + (self.gain - from) * gentle((at + 1) as f32 / BLOCK as f32);
            sum[0] += gain * frame[0];
            sum[1] += gain * frame[1];
        }
    }

    pub(super) fn statistics(&self) -> TalkerStatistics {
        TalkerStatistics {
            level: self.level.dbfs(),
            ..self.receiver.statistics()
        }
    }
}
