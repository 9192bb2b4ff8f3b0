//! What comes from a port.

use std::time::Instant;

use rustix::io::Errno;

use super::News;
use super::opened::Opened;
use super::worker::Worker;
use crate::serial::framing::Arrival;
use crate::serial::settings::FlowControl;

impl Worker {
    /// Whether anything is to be read now. Where the other side can be made to wait, it waits
    /// for a pipeline that takes nothing.
    pub(super) fn wants_input(&self) -> bool {
        let waits = self.settings().flow_control.unwrap_or_default() != FlowControl::None
            || self.opened.as_ref().is_some_and(Opened::is_pseudo);
        !waits
            || self
                .source
                .as_ref()
                .is_none_or(|source| !source.outlet.is_filling())
    }

    /// Reads what has come at that time.
    pub(super) fn read(&mut self, arrival: Arrival) {
        let Some(opened) = &self.opened else {
            return;
        };
        let why = match rustix::io::read(opened, &mut self.buffer[..]) {
            // A tty has no end: that is what is left of one that is gone.
            Ok(0) => "was unplugged",
            Ok(count) => {
                self.counters.bytes_in.add(count as u64);
                if let Some(source) = &mut self.source {
                    source
                        .framer
                        .push(&self.buffer[..count], arrival, &mut self.messages);
                    self.hand_over();
                }
                return;
            }
            Err(Errno::AGAIN | Errno::INTR) => {
                return;
            }
            Err(_) => "was unplugged",
        };
        self.lose(why);
    }

    /// Ends messages that are ended by silence.
    pub(super) fn end_silence(&mut self, now: Instant) {
        if let Some(source) = &mut self.source {
            source.framer.tick(now, &mut self.messages);
            if !self.messages.is_empty() {
                self.hand_over();
            }
        }
    }

    /// Gives the messages to the source.
    pub(super) fn hand_over(&mut self) {
        let Some(source) = &self.source else {
            self.messages.clear();
            return;
        };
        let counts = source.framer.counts();
        self.counters.messages.set(counts.messages);
        self.counters.bad.set(counts.bad);
        self.counters.overlong.set(counts.overlong);
        source.outlet.add(&mut self.messages);
        if counts.overlong > 0 && !self.told_overlong {
            self.told_overlong = true;
            self.tell(&News::Overlong);
        }
    }
}
