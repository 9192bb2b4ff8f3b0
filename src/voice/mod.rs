//! What the viewers say, made one sound.
//!
//! In come RTP packets with Opus, each with its talker and its time of arrival, and every
//! 10 ms the wish for the next 10 ms of the mix; out go stereo samples at 48 kHz.
//! [`mixer::Mixer`] is the door. Nothing in here knows a clock, a thread or GStreamer:
//! what comes and when is told, so that hours of bad network are tested in seconds.
//!
//! | file | what is in there |
//! |---|---|
//! | [`floor`] | who may talk |
//! | [`mixer`] | all talkers become one sound |
//! | `talker` | one of them: fades, level |
//! | `receiver` | its packets become sound: jitter buffer, loss, pauses |
//! | `steering` | how much of that sound waits to be played, and how much should |
//! | `rtp`, `timeline` | packets read, and put in order across restarts of the sender |
//! | `arrivals` | how late packets come |
//! | `decoder` | libopus: decoding, forward error correction, concealment |
//! | `splice`, `resampler` | sound made shorter or longer, at once or slowly |
//! | `limiter`, `level` | the mix does not clip; how loud it is |
//! | `clock` | when the mix is played, whenever it is fetched |
//!
//! # How delay is kept small
//! The *offset* of a talker is the time from when a sample was made, by the sender's
//! clock, to when it is played; the *transit* of a packet, from when it was full to when it
//! came. Where the offset exceeds every packet's length and transit, nothing is missing. So
//! the receiver keeps the offset just above those of late: by splices where sound is
//! periodic or quiet, and by a resampler within half a percent, which also takes up the
//! drift between the clocks. If a packet is missing when its time has come and none that
//! follows it is there, the sound is drawn out and the offset grows by itself: nothing that
//! comes late is thrown away while it can still be said. A packet that will be restored
//! from the next one's forward error correction counts as one that comes with the next.

pub(crate) mod floor;
pub(crate) mod mixer;

mod arrivals;
mod clock;
mod decoder;
mod level;
mod limiter;
mod receiver;
mod resampler;
mod rtp;
mod sound;
mod splice;
pub(crate) mod statistics;
mod steering;
mod talker;
#[cfg(test)]
mod tests;
mod timeline;

use std::time::Duration;

/// Samples a second, also in RTP timestamps: RFC 7587, 4.1.
const RATE: i64 = 48_000;

/// Frames in what is mixed at once: 10 ms.
pub(crate) const BLOCK: usize = 480;

/// A sample for the left and one for the right.
type Frame = [f32; 2];

/// Samples from the caller's epoch on.
fn samples(time: Duration) -> i64 {
    // Some thousand years, so that sums of such times do not overflow.
    const END: u128 = 1 << 52;
    let samples = time.as_nanos() * u128::from(RATE.unsigned_abs()) / 1_000_000_000;
    i64::try_from(samples.min(END)).unwrap_or(i64::MAX)
}

/// The duration of so many samples; none if there are less than none.
fn duration(samples: i64) -> Duration {
    let samples = u64::try_from(samples).unwrap_or(0);
    Duration::from_nanos(samples.saturating_mul(1_000_000) / 48)
}

const fn milliseconds(number: i64) -> i64 {
    number * RATE / 1000
}

/// The way from 0 to 1 without a corner.
fn gentle(share: f32) -> f32 {
    share * share * (3.0 - 2.0 * share)
}
