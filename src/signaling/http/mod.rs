//! The page, and the door behind it: a small HTTP server on the LAN, for http and https on one
//! port.
//!
//! Out goes one self-contained page. In come WHEP requests (draft-ietf-wish-whep): an offer in the
//! body of a `POST`, for which the [`Bench`] makes an answer, and a `DELETE` that ends the session
//! again; both need the [`AccessKey`]. The element starts a [`Server`] and is its [`Bench`]; the
//! server brings its own threads, and gives up on clients that are slow, large or many, because
//! whoever reaches the port must not be able to disturb the pipeline.

mod key;
mod listen;
mod policy;
mod routes;
mod server;
mod tls;

pub use key::{AccessKey, KeyError};
pub use listen::HttpError;
pub use server::{Limits, Server, ServerConfig};
pub use tls::TlsCertificate;

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;

/// Longest offer that is taken, in bytes.
pub const MAX_OFFER: usize = 64 * 1024;

/// What [`Bench::answer`] returns.
pub type Answering = Pin<Box<dyn Future<Output = Result<Session, Refusal>> + Send>>;

/// Whoever makes peers out of offers. Called on the server's threads, which must not be blocked.
pub trait Bench: Send + Sync + 'static {
    /// Makes a peer for an offer (SDP, as it was sent) from `from`, and its answer. The future is
    /// dropped if the client goes away: then there must be no peer either.
    fn answer(&self, offer: String, from: SocketAddr) -> Answering;

    /// Ends a session; `false` if there is none of this name.
    fn end(&self, session: &str) -> bool;
}

/// A session that was made for an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name in the session's URL: unguessable, of letters, digits, `-` and `_`.
    pub id: String,
    /// The answer, SDP.
    pub answer: String,
    /// Names the ICE session (draft-ietf-wish-whep, section 4.3.1), without quotes.
    pub etag: String,
}

/// Why there is no answer. The texts are for the person at the browser: one line, what happened
/// and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The offer is not one (400).
    BadOffer(String),
    /// Nothing that was offered can be served, such as no codec in common (406).
    NotAcceptable(String),
    /// No more peers are taken at the moment (503).
    Full(String),
    /// Our own fault (500).
    Failed(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::BadOffer(text)
            | Refusal::NotAcceptable(text)
            | Refusal::Full(text)
            | Refusal::Failed(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests;
