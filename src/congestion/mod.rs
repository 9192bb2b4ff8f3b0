//! What a viewer's path takes, and what is sent because of it (pure).
//!
//! In come the viewer's reports of when each packet reached it (transport-wide feedback,
//! draft-holmer-rmcat-transport-wide-cc-extensions-01); out go a bitrate, and what it means
//! for the encoders that viewers share.
//!
//! | file | what is in there |
//! |---|---|
//! | [`meter`] | who has to hear of a report |
//! | [`estimator`] | one viewer's reports become a bitrate |
//! | `delay` | whether its packets queue up somewhere: the trend of their delay |
//! | `traffic` | how much arrived, and how much got lost |
//! | `bursts` | how fast the packets of one picture arrive: what the path could take |
//! | [`audience`] | all viewers of a stream: how its encoders are set, who gets which |
//! | [`thinning`] | which pictures are left out where nothing else helps |
//! | [`repeats`] | what of what got lost is sent again |
//!
//! Nothing in here knows a clock, a thread or GStreamer: times are arguments, and a link
//! that drops and recovers is tested in milliseconds. The estimator follows
//! draft-ietf-rmcat-gcc-02 where it serves. It differs because a bench stands on a LAN: it
//! starts with what the user has set, not with a probe; grows by half in a second, not by
//! a twelfth, as long as nothing queues; and takes packets that get lost without a queue for
//! what Wi-Fi does, which retransmission repairs. (`rtpgccbwe` of gst-plugins-rs was not
//! taken: it is an element with a thread and a pacing queue for each viewer, starts low, and
//! is not in Debian.)

pub(crate) mod audience;
pub(crate) mod estimator;
pub(crate) mod meter;
pub(crate) mod repeats;
pub(crate) mod thinning;

mod bursts;
mod delay;
#[cfg(test)]
mod tests;
mod traffic;

use std::time::Duration;

use gst::glib;

/// What becomes of viewers whose network does not carry the stream (property `congestion`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeCongestion")]
#[repr(i32)]
pub enum Congestion {
    /// The encoder follows the fastest viewer, slower ones share a second, smaller encoding.
    #[default]
    #[enum_value(
        name = "The bitrate follows the fastest viewer; slower ones get a smaller picture",
        nick = "best"
    )]
    Best = 0,
    /// The encoder follows the slowest viewer.
    #[enum_value(
        name = "The bitrate follows the slowest viewer, down to a quarter of what is set",
        nick = "fair"
    )]
    Fair = 1,
    /// The bitrate is what is set, whatever the network carries.
    #[enum_value(name = "The bitrate is what is set", nick = "off")]
    Off = 2,
}

/// One packet of ours, as the viewer's feedback has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packet {
    /// When it was sent, by our clock.
    pub(crate) sent: Duration,
    /// When it arrived, by the viewer's clock; none if it did not.
    pub(crate) arrived: Option<Duration>,
    /// Bytes on the wire.
    pub(crate) size: u32,
}

const fn bits(bytes: u64) -> f64 {
    bytes as f64 * 8.0
}
