//! A transmitter that is keyed while somebody talks.

use std::time::Instant;

use super::News;
use super::worker::Worker;
use crate::serial::transmit::{Item, Kind};

impl Worker {
    /// Somebody begins or ends to talk. Who had the transmitter before lets go of what is no
    /// longer theirs.
    pub(super) fn talk(&mut self, on: bool, number: Option<u64>) {
        if !on {
            if number.is_none_or(|number| number >= self.keyed_by) {
                self.end_talk(Instant::now());
            }
        } else if self.connected && number.is_none_or(|number| number > self.after) {
            self.keyed_by = number.unwrap_or_default();
            self.talk.begin();
        }
    }

    /// Keys the transmitter if somebody has begun to talk, and nothing is being made safe.
    pub(super) fn key(&mut self, now: Instant) {
        if !self.connected || self.lowering.is_some() || self.outbox.is_making_safe() {
            return;
        }
        let Some(keying) = self.talk.key().cloned() else {
            return;
        };
        if let Some(line) = keying.line {
            let changed = self.safety.key(now);
            self.command_begins(&changed);
            let raised = self
                .opened
                .as_ref()
                .map(|opened| opened.set_line(line, true));
            if let Some(Err(error)) = raised {
                self.tell(&News::NotKeyed(error.to_string()));
                self.make_safe("the transmitter could not be keyed".to_owned(), true, None);
                return;
            }
        }
        if let (Some(bytes), Some(sink)) = (keying.start, &self.sink) {
            self.outbox.add(Item {
                kind: Kind::Command {
                    transmits: Some(true),
                },
                bytes,
                pacing: sink.pacing,
                ticket: None,
            });
        }
    }

    fn end_talk(&mut self, now: Instant) {
        let ending = self.talk.end();
        let string = ending.string.map(<[u8]>::to_vec);
        if let Some(line) = ending.line {
            if let Some(opened) = &self.opened {
                // Nothing more can be done if the device is gone.
                let _ = opened.set_line(line, false);
            }
            if self.safety.unkey(string.is_some()) {
                self.tell(&News::Transmitting(false));
            }
        }
        if let (Some(bytes), Some(sink)) = (string, &self.sink) {
            let dropped = self.outbox.add_end(
                Item {
                    kind: Kind::Command {
                        transmits: Some(false),
                    },
                    bytes,
                    pacing: sink.pacing,
                    ticket: None,
                },
                now,
            );
            self.counters.dropped.add(dropped as u64);
        }
    }

    /// Who talks is not on the air any more.
    pub(super) fn cut_talk(&mut self) {
        if let (Some(line), Some(opened)) = (self.talk.cut(), &self.opened) {
            let _ = opened.set_line(line, false);
        }
    }
}
