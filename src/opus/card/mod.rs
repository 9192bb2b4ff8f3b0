//! A sound card, or what the system has in its place, that may come and go.
//!
//! The device is in a pipeline of its own ([`line`]), on the system's clock: what happens
//! to it (an error, a server that hangs, a clock that stops) stays there. A [`keeper`]
//! makes that pipeline, makes it anew each second while it does not work, and tells of it.
//! Which elements are tried is a matter of [`choice`].

pub(super) mod choice;
pub(super) mod keeper;
pub(super) mod line;

/// How a device is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Sound flows, by this element.
    Open(&'static str),
    /// It cannot be used; the text says why.
    Waiting(String),
}

impl State {
    /// As in messages and properties.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Waiting(_) => "waiting",
        }
    }
}
