//! What is written to a port, in which order, and when: commands at the pace an instrument
//! can bear, and the safe string when nobody answers for what the instrument does.
//!
//! Called by the thread of a port, which does the writing. No I/O and no clock.

mod outbox;
mod safety;
mod talk;
#[cfg(test)]
mod tests;

pub(crate) use outbox::{Item, Kind, Outbox, Pacing, Step, WORTH_FINISHING};
#[cfg(test)]
use safety::Release;
pub(crate) use safety::{Changed, Safety, Transmission};
pub(crate) use talk::{KeyLine, Keying, Talk};
