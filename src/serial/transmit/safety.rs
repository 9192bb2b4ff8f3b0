//! When a safe string is due.
//!
//! A port is *armed* by the first command that is written, and disarmed by the safe string:
//! so it is written once for each time that somebody worked the instrument, however many
//! reasons for it follow each other. Questions that the source asks arm nothing.

use std::time::{Duration, Instant};

use crate::serial::profile::Pattern;

/// By which commands the instrument is told to transmit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transmission {
    start: Option<Pattern>,
    end: Option<Pattern>,
    /// Commands that end a transmission besides.
    ends: Vec<Vec<u8>>,
}

impl Transmission {
    /// `start` begins a transmission wherever it stands in a command; `end`, or one of `ends`,
    /// ends it when it is the whole command: in doubt the transmitter is on.
    pub(crate) fn new(start: Option<Pattern>, end: Option<Pattern>, ends: Vec<Vec<u8>>) -> Self {
        Self { start, end, ends }
    }

    /// Regular expressions of whole commands that end a transmission.
    pub(crate) fn ends(&self) -> Vec<String> {
        let end = self.end.iter().map(|end| end.regex().as_str().to_owned());
        let literal = |bytes: &Vec<u8>| bytes.iter().map(|byte| format!(r"\x{byte:02x}")).collect();
        end.chain(self.ends.iter().map(literal)).collect()
    }

    /// Whether the command begins a transmission (true) or ends one.
    pub(crate) fn effect(&self, command: &[u8]) -> Option<bool> {
        let starts = |pattern: &Pattern| pattern.occurs_in(command);
        let ends = |pattern: &Pattern| pattern.matches(command);
        match self.start.as_ref().is_some_and(starts) {
            true => Some(true),
            false => (self.end.as_ref().is_some_and(ends)
                || self.ends.iter().any(|end| end == command))
            .then_some(false),
        }
    }
}

/// The state of one port. See the file's documentation.
#[derive(Debug, Default)]
pub(crate) struct Safety {
    string: Option<Vec<u8>>,
    /// How long a transmission may last.
    limit: Option<Duration>,
    armed: bool,
    transmitting_since: Option<Instant>,
    /// A line keys the transmitter: no command ends that.
    keyed: bool,
}

/// What a command has changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changed {
    /// It has armed the port.
    pub(crate) armed: bool,
    /// It has begun or ended a transmission.
    pub(crate) transmitting: Option<bool>,
}

/// What is to be done to make the instrument safe, apart from lowering RTS and DTR.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Release {
    /// To be written.
    pub(crate) string: Option<Vec<u8>>,
    /// A transmission ends by it.
    pub(crate) ends_transmission: bool,
}

impl Safety {
    pub(crate) fn new(string: Option<Vec<u8>>, limit: Option<Duration>) -> Self {
        Self {
            string: string.filter(|string| !string.is_empty()),
            limit,
            ..Self::default()
        }
    }

    /// The string that makes the instrument safe.
    pub(crate) fn string(&self) -> Option<&[u8]> {
        self.string.as_deref()
    }

    /// Whether somebody has worked the instrument since it was made safe.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed
    }

    /// A command with this effect is about to be written.
    pub(crate) fn command(&mut self, effect: Option<bool>, now: Instant) -> Changed {
        let mut changed = Changed {
            armed: !std::mem::replace(&mut self.armed, true),
            transmitting: None,
        };
        match effect {
            // One that is repeated gains no time.
            Some(true) if self.transmitting_since.is_none() => {
                self.transmitting_since = Some(now);
                changed.transmitting = Some(true);
            }
            Some(false) if !self.keyed && self.transmitting_since.take().is_some() => {
                changed.transmitting = Some(false);
            }
            _ => {}
        }
        changed
    }

    /// A line is about to key the transmitter.
    pub(crate) fn key(&mut self, now: Instant) -> Changed {
        let changed = self.command(Some(true), now);
        self.keyed = true;
        changed
    }

    /// It does so no more. Whether a transmission ends by it: not if a command began it, too,
    /// which `has_end` tells.
    pub(crate) fn unkey(&mut self, has_end: bool) -> bool {
        self.keyed = false;
        !has_end && self.transmitting_since.take().is_some()
    }

    /// When a transmission has lasted long enough.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.transmitting_since?.checked_add(self.limit?)
    }

    /// The safe string may not have been heard: it is due again.
    pub(crate) fn rearm(&mut self) {
        self.armed = true;
    }

    /// Makes the instrument safe.
    pub(crate) fn release(&mut self) -> Release {
        let armed = std::mem::take(&mut self.armed);
        self.keyed = false;
        Release {
            string: self.string.clone().filter(|_| armed),
            ends_transmission: self.transmitting_since.take().is_some(),
        }
    }
}
