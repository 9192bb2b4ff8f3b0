//! The queue of what is to be written.
//!
//! Several write to one port: the safe string before all, then what ends a transmission, then
//! what sets the instrument up, then commands, then questions that are asked again and again.
//! None cuts into another, but for the safe string, which does not wait for the end of a long
//! message.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What may remain of a message when the safe string is due and still be written first. A
/// message cut off would swallow the string that follows.
pub(crate) const WORTH_FINISHING: usize = 64;
/// The same as time, where there are pauses.
const WORTH_WAITING: Duration = Duration::from_millis(100);

/// Pauses that the instrument needs.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pacing {
    /// After each byte.
    pub(crate) character: Duration,
    /// After each message.
    pub(crate) line: Duration,
}

/// Who wants something written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The safe string.
    Safe,
    /// Sets the instrument up when the port has been opened.
    Init,
    /// From the sink; whether it begins (true) or ends a transmission.
    Command { transmits: Option<bool> },
    /// A question that is asked in intervals: the n-th of them.
    Poll(usize),
}

/// A message to be written. `ticket` is dropped with it, or given back when it is written.
#[derive(Debug)]
pub(crate) struct Item<T> {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
    pub(crate) pacing: Pacing,
    pub(crate) ticket: Option<T>,
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// Nothing waits.
    Idle,
    /// Nothing before then.
    Wait(Instant),
    /// Write some of these bytes, and say how many by [`Outbox::wrote`].
    Write {
        bytes: &'a [u8],
        kind: Kind,
        /// Whether they begin a message.
        begins: bool,
    },
}

/// See the file's documentation.
#[derive(Debug)]
pub(crate) struct Outbox<T> {
    safe: VecDeque<Item<T>>,
    ends: VecDeque<Item<T>>,
    init: VecDeque<Item<T>>,
    commands: VecDeque<Item<T>>,
    polls: VecDeque<Item<T>>,
    /// What is being written, and how much of it is.
    current: Option<(Item<T>, usize)>,
    not_before: Option<Instant>,
    /// The port was lost within a message: the next one may only end that.
    was_cut: bool,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self {
            safe: VecDeque::new(),
            ends: VecDeque::new(),
            init: VecDeque::new(),
            commands: VecDeque::new(),
            polls: VecDeque::new(),
            current: None,
            not_before: None,
            was_cut: false,
        }
    }
}

impl<T> Outbox<T> {
    /// Adds a message. A question that still waits is not asked twice.
    pub(crate) fn add(&mut self, item: Item<T>) {
        if item.bytes.is_empty() {
            return;
        }
        match item.kind {
            Kind::Safe => self.safe.push_back(item),
            Kind::Init => self.init.push_back(item),
            Kind::Command { .. } => self.commands.push_back(item),
            Kind::Poll(_) => {
                if !self.polls.iter().any(|waiting| waiting.kind == item.kind) {
                    self.polls.push_back(item);
                }
            }
        }
    }

    /// Adds a command that ends a transmission, ahead of other commands; those that would
    /// begin one are not written after it. Returns how many commands were dropped.
    pub(crate) fn add_end(&mut self, item: Item<T>, now: Instant) -> usize {
        let before = self.commands.len();
        let starts = Kind::Command {
            transmits: Some(true),
        };
        self.commands.retain(|waiting| waiting.kind != starts);
        let mut dropped = before - self.commands.len();
        // The next one may have been chosen, and not begun.
        match self.current.take() {
            Some((next, 0)) if next.kind == starts => dropped += 1,
            Some((next, 0)) if matches!(next.kind, Kind::Command { .. }) => {
                self.commands.push_front(next);
            }
            other => self.current = other,
        }
        self.do_not_wait_long(now);
        if !item.bytes.is_empty() {
            self.ends.push_back(item);
        }
        dropped
    }

    /// A long pause after the last message is no longer waited for.
    fn do_not_wait_long(&mut self, now: Instant) {
        let at_last = now + WORTH_WAITING;
        self.not_before = self.not_before.map(|at| at.min(at_last));
    }

    /// Nothing that waits is written any more, except the safe string if there is one: at
    /// once, or after what is left of a short message. Returns how many commands were
    /// dropped.
    pub(crate) fn make_safe(&mut self, safe: Option<Item<T>>, now: Instant) -> usize {
        let mut dropped = self.commands.len() + self.ends.len();
        self.commands.clear();
        self.ends.clear();
        self.polls.clear();
        self.do_not_wait_long(now);
        let mut cut = self.was_cut;
        if let Some((item, written)) = &self.current
            && item.kind != Kind::Safe
        {
            let left = item.bytes.len() - written;
            let patience = item
                .pacing
                .character
                .saturating_mul(u32::try_from(left).unwrap_or(u32::MAX));
            let cuts = *written > 0 && (left > WORTH_FINISHING || patience > WORTH_WAITING);
            cut |= cuts;
            if cuts || *written == 0 {
                dropped += usize::from(matches!(item.kind, Kind::Command { .. }));
                self.current = None;
            }
        }
        if let Some(safe) = safe {
            if cut {
                // The first ends the message that was cut, the second is heard, soon.
                let pacing = Pacing {
                    line: safe.pacing.line.min(WORTH_WAITING),
                    ..safe.pacing
                };
                self.safe.push_back(Item {
                    bytes: safe.bytes.clone(),
                    pacing,
                    ticket: None,
                    ..safe
                });
            }
            self.safe.push_back(safe);
        }
        dropped
    }

    /// Something was taken back that had been written, maybe the end of a message.
    pub(crate) fn cut_off(&mut self) {
        self.was_cut = true;
    }

    /// The port is gone, and with it what was to be written there. `cut`: the last message
    /// was not heard to its end, even if it was written. Returns how many commands were
    /// dropped.
    pub(crate) fn clear(&mut self, cut: bool) -> usize {
        let was_cut = cut || self.was_cut || self.is_half_written();
        let current = self.current.take();
        let dropped = self.commands.len()
            + self.ends.len()
            + usize::from(
                current.is_some_and(|(item, _)| matches!(item.kind, Kind::Command { .. })),
            );
        *self = Self {
            was_cut,
            ..Self::default()
        };
        dropped
    }

    /// The source has gone, and with it its questions.
    pub(crate) fn drop_questions(&mut self) {
        self.init.clear();
        self.polls.clear();
    }

    /// Whether a safe string has yet to be written.
    pub(crate) fn is_making_safe(&self) -> bool {
        !self.safe.is_empty()
            || self
                .current
                .as_ref()
                .is_some_and(|(item, _)| item.kind == Kind::Safe)
    }

    /// Whether some of a message is written, and some is not.
    pub(crate) fn is_half_written(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|(_, written)| *written > 0)
    }

    /// How much of the message that is next, or is being written, is left to be written.
    pub(crate) fn left(&self) -> usize {
        let current = self.current.as_ref();
        current.map_or(0, |(item, written)| item.bytes.len() - written)
    }

    /// What to do at this time.
    pub(crate) fn next(&mut self, now: Instant) -> Step<'_> {
        if self.current.is_none() && !self.choose() {
            return Step::Idle;
        }
        if let Some(at) = self.not_before {
            if at > now {
                return Step::Wait(at);
            }
            self.not_before = None;
        }
        let Some((item, written)) = &self.current else {
            return Step::Idle;
        };
        let end = if item.pacing.character.is_zero() {
            item.bytes.len()
        } else {
            written + 1
        };
        Step::Write {
            bytes: &item.bytes[*written..end],
            kind: item.kind,
            begins: *written == 0,
        }
    }

    fn choose(&mut self) -> bool {
        let next = self
            .safe
            .pop_front()
            .or_else(|| self.ends.pop_front())
            .or_else(|| self.init.pop_front())
            .or_else(|| self.commands.pop_front())
            .or_else(|| self.polls.pop_front());
        self.current = next.map(|item| (item, 0));
        self.current.is_some()
    }

    /// The port cannot take more before then.
    pub(crate) fn hold(&mut self, until: Instant) {
        self.not_before = Some(until);
    }

    /// So many bytes are written. Returns the message when it is complete.
    pub(crate) fn wrote(&mut self, count: usize, now: Instant) -> Option<Item<T>> {
        let (item, written) = self.current.as_mut()?;
        *written += count;
        let pacing = item.pacing;
        let pause = if *written < item.bytes.len() {
            pacing.character
        } else {
            pacing.character.max(pacing.line)
        };
        if !pause.is_zero() && count > 0 {
            self.not_before = Some(now + pause);
        }
        if *written < item.bytes.len() {
            return None;
        }
        self.was_cut = false;
        self.current.take().map(|(item, _)| item)
    }
}
