//! One UDP port for all peers: an ICE-lite agent (RFC 8445, section 2.5).
//!
//! A browser checks the path to us, we answer; so one socket serves everybody, and who
//! knows a code gets in without anything being carried back. [`desk`] decides about each
//! datagram and knows no socket; [`port`] reads and writes; a [`seat::Seat`] is one peer's
//! share of it, and [`agent`] is how webrtcbin sits on it.

pub(crate) mod agent;
pub(crate) mod burst;
pub(crate) mod desk;
mod elements;
pub(crate) mod pace;
pub(crate) mod pacer;
pub(crate) mod port;
pub(crate) mod seat;
mod stun;
