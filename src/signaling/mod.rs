//! The ways in: how a browser and the element come to know each other.
//!
//! In comes what a person pastes or types ([`paste`], [`console_input`]) and what a page sends
//! over HTTP ([`http`]). Out go commands, and session descriptions that `webrtcbin` can take
//! ([`sdp`]): a browser's own text makes GStreamer 1.22 refuse it, or abort the process, so no
//! remote description reaches an element without having been through [`sdp`]. A [`code`] spares
//! the person the way back; `codes` are those that stand, `qr` draws one. The element calls this
//! room; the room knows nothing of it and, but for the HTTP server, holds no socket, no thread
//! and no clock.

pub mod code;
pub(crate) mod codes;
pub(crate) mod console;
pub mod console_input;
pub mod description;
pub mod fingerprint;
pub mod http;
pub mod paste;
pub(crate) mod qr;
pub mod sdp;

pub use description::{Description, Kind};
