//! Many watch, one controls: who that is, and what happens when that one is no longer
//! heard of.
//!
//! In come what peers do (they join, ask for control, send commands, fall silent, leave)
//! and time; out go a verdict for each command, and the order to make the instruments
//! safe, which ends every control, whichever way it ends. [`arbiter::Arbiter`] decides and
//! knows neither threads nor clocks; [`desk::Desk`] has both. The peers' threads call it,
//! the element carries out what it says.

use std::time::Duration;

pub(crate) mod allow;
pub(crate) mod arbiter;
pub(crate) mod desk;
pub(crate) mod pulse;
pub(crate) mod refusals;
#[cfg(test)]
mod tests;

/// The times that matter, from the element's properties.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    /// How long who controls may be silent; none: for ever.
    pub(crate) heartbeat: Option<Duration>,
    /// After which time a request is granted that nobody answers; none: never.
    pub(crate) request: Option<Duration>,
    /// How long control may be held without a command; none: for ever.
    pub(crate) idle: Option<Duration>,
}

/// What a peer is to the instruments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It watches.
    None,
    /// It has asked for control.
    Waiting,
    /// It controls.
    Holder,
}

impl Role {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Waiting => "waiting",
            Self::Holder => "holder",
        }
    }
}

/// How things stand, for one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Number of the peer that controls.
    pub(crate) holder: Option<u32>,
    pub(crate) role: Role,
    /// Those who have asked for control, who has waited longest first.
    pub(crate) waiting: Vec<u32>,
    /// After which time a request is granted that nobody answers.
    pub(crate) timeout: Option<Duration>,
}

/// Why a command or a request is not carried out; for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("your code is for watching. Ask at the bench for one to control with (“code control”)")]
    View,
    #[error("viewer {0} has control")]
    Held(u32),
    #[error("this page has lost control: take it again first")]
    Lost,
    #[error("it was sent before this page had control")]
    Stale,
    #[error("this page does not have control")]
    NotHolder,
    #[error("viewer {0} has not asked for control")]
    NotAsked(u32),
    #[error("the instruments are being made safe: send it again")]
    MakingSafe,
    #[error("the pipeline at the bench is not playing")]
    Resting,
}
