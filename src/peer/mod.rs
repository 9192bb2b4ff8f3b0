//! One browser: its pipeline, negotiation, channels and statistics.
//!
//! Each peer has a thread of its own ([`session`]) that owns its webrtcbin and does all
//! that takes time; everybody else talks to it through an [`inbox::Outbox`]. So a
//! peer's trouble, latency and end stay its own, and no lock is needed inside.
//! [`peers::Peers`] is the register that the ways in (console, page, signals) use.

use std::sync::Arc;
use std::time::Instant;

pub(crate) mod batch;
mod chain;
pub(crate) mod channels;
pub(crate) mod chunks;
mod congestion;
pub(crate) mod control;
mod ending;
mod extensions;
pub(crate) mod feed;
pub(crate) mod handout;
pub(crate) mod inbox;
mod insides;
mod instruments;
mod lines;
pub(crate) mod negotiation;
mod opening;
pub(crate) mod peers;
pub(crate) mod rtc;
pub(crate) mod session;
mod sources;
mod talk;
mod voice;

use channels::ChannelOptions;
use chunks::Payload;

use crate::media::data::instrument::Instrument;
use crate::signaling::code::CodeId;

/// Why a description was not taken or given; one line for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignalingError {
    /// The text is not a description that can be used.
    #[error("{0}")]
    BadDescription(String),
    /// The description is sound, but has nothing that can be sent.
    #[error("{0}")]
    NotAcceptable(String),
    /// `max-peers` are there already.
    #[error("{0}")]
    Full(String),
    /// Something failed on this side.
    #[error("{0}")]
    Failed(String),
}

/// How far a peer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PeerState {
    /// Our offer is out; its answer has not come back.
    Waiting,
    /// Both descriptions are there; the network path is being found.
    Connecting,
    /// Connected, and the certificate is the announced one.
    Connected,
    /// Over.
    Closed,
}

impl PeerState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Closed => "closed",
        }
    }
}

/// What peers tell the element.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// A peer's state changed; the text says why if there is more to say.
    State {
        peer: u32,
        state: PeerState,
        text: String,
    },
    /// Something went wrong that a person should know; the session goes on.
    Trouble(String),
}

/// What a peer needs of the element; called from the peers' threads.
pub(crate) trait Host: Send + Sync {
    /// A report for console and bus.
    fn report(&self, report: Report);
    /// A command from a browser, which arrived at a certain time; or why it does not go out.
    fn command(&self, peer: u32, label: &str, command: &Payload, at: Instant)
    -> Result<(), String>;
    /// Keys the transmitter of an instrument for a peer that talks; gives the number by which
    /// to let it go, or why not.
    fn key(&self, peer: u32, label: &str, at: Instant) -> Result<u64, String>;
    /// Lets a transmitter go, unless somebody else has keyed it since.
    fn unkey(&self, label: &str, number: u64);
    /// Whether who came by this code, and has proved to have the certificate of this
    /// SHA-256, may come in. A code for one viewer is that viewer's from then on.
    fn admit(&self, code: CodeId, certificate: &[u8; 32]) -> bool;
    /// The data channels that each peer gets, by label.
    fn channels(&self) -> Vec<(Arc<str>, ChannelOptions)>;
    /// What is known of the instruments behind them.
    fn instruments(&self) -> Vec<Instrument>;
}
