//! Sound into a pipeline and out of it, for the benchmarks of sound.
//!
//! The element `clicks` (an `appsrc`) is fed as a sound card would feed it ([`card`]) with
//! one of a few signals ([`signal`]); what the element `ear` (a `fakesink`) plays is searched
//! for the same bursts ([`detector`]) and measured ([`meter`]). All sound is 48 kHz, stereo,
//! signed 16 bit.

pub(crate) mod card;
pub(crate) mod detector;
pub(crate) mod ear;
pub(crate) mod meter;
pub(crate) mod signal;

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) const RATE: usize = 48_000;

/// Caps of all sound.
pub(crate) const CAPS: &str = "audio/x-raw,format=S16LE,rate=48000,channels=2,layout=interleaved";

/// Microseconds since 1970.
pub(crate) fn microseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH)
        .map(|since| since.as_micros())
        .unwrap_or_default()
}
