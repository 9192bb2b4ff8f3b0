//! Silence between messages.

use std::time::{Duration, Instant};

/// Watches for silence of a certain length, or for none.
#[derive(Debug)]
pub(super) struct Silence {
    least: Option<Duration>,
    last: Option<Instant>,
}

impl Silence {
    pub(super) fn new(least: Option<Duration>) -> Self {
        Self { least, last: None }
    }

    /// Something came: was there silence before it?
    pub(super) fn heard(&mut self, now: Instant) -> bool {
        let last = self.last.replace(now);
        match (self.least, last) {
            (Some(least), Some(last)) => now.saturating_duration_since(last) >= least,
            _ => false,
        }
    }

    /// When there will have been silence if nothing comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.last?.checked_add(self.least?)
    }
}
