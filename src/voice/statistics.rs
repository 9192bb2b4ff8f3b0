//! What can be told of a talker.

use std::time::Duration;

/// How it stands with one talker. All counts are since it entered.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct TalkerStatistics {
    /// Packets that were taken, without those that follow.
    pub(crate) packets: u64,
    /// Packets that came twice.
    pub(crate) duplicates: u64,
    /// What is no RTP, no Opus, or belongs nowhere.
    pub(crate) malformed: u64,
    /// Packets that had not come when it was their turn.
    pub(crate) lost: u64,
    /// Of those, packets that came afterwards.
    pub(crate) late: u64,
    /// Of those, packets that were restored by forward error correction.
    pub(crate) recovered: u64,
    /// Samples that were made up for lost or delayed ones.
    pub(crate) concealed_samples: u64,
    /// Samples that were played, pauses included.
    pub(crate) played_samples: u64,
    /// By how many samples sound was drawn out or made shorter to keep the delay.
    pub(crate) stretched_samples: u64,
    pub(crate) compressed_samples: u64,
    /// Of the time between arrivals: RFC 3550, 6.4.1.
    pub(crate) jitter: Duration,
    /// How long a packet that comes in the shortest time waits until it has been played:
    /// its own length included.
    pub(crate) delay: Duration,
    /// What it should be, as the network is.
    pub(crate) target: Duration,
    /// In dBFS; a sine of full scale has -3.
    pub(crate) level: f32,
}
