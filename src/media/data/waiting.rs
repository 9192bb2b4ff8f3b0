//! Commands that have not left their pad yet (pure; time is an argument).
//!
//! A command is for the moment in which it was given: an instrument that is slow must not
//! carry it out when nobody reckons with it any more. What has waited too long does not go
//! out, and what ends a transmission waits hardly at all.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::peer::chunks::Payload;

/// How long a command may wait.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// The same if a command waits behind it that ends a transmission. Long enough that nothing
/// is lost where the instrument keeps up.
const PATIENCE_BEFORE_END: Duration = Duration::from_millis(50);

/// A command on its way.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) number: u64,
    /// Who gave it, and when it arrived here.
    pub(super) peer: u32,
    pub(super) since: Instant,
    pub(super) payload: Payload,
    /// It ends a transmission: better late than never.
    pub(super) ends: bool,
}

/// Why a command reaches no instrument any more; for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Late {
    #[error("the instrument does not keep up: it waited for {} ms", PATIENCE.as_millis())]
    Patience,
    #[error("the instrument does not keep up: the end of the transmission went before it")]
    End,
}

/// Whether a command leaves, and which others are dropped instead of leaving later.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) passes: bool,
    pub(super) dropped: Vec<(Entry, Late)>,
}

/// The commands that wait in one pad.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: VecDeque<Entry>,
    /// Commands up to this number were given before the instrument was made safe.
    void: u64,
    /// The number of the last command.
    last: u64,
}

impl Waiting {
    /// A command is about to be put in the queue. False if it is void already.
    pub(super) fn add(&mut self, entry: Entry) -> bool {
        let is_valid = self.pass(entry.number);
        if is_valid {
            self.entries.push_back(entry);
        }
        is_valid
    }

    /// Something is done that has a number and does not wait. False if it is void already.
    pub(super) fn pass(&mut self, number: u64) -> bool {
        let is_valid = number > self.void;
        if is_valid {
            self.last = self.last.max(number);
        }
        is_valid
    }

    /// It could not be put there.
    pub(super) fn forget(&mut self, number: u64) {
        self.entries.retain(|entry| entry.number != number);
    }

    /// Whether what comes now would come too late.
    pub(super) fn is_slow(&self, now: Instant) -> bool {
        let oldest = self.entries.front();
        oldest.is_some_and(|entry| now.saturating_duration_since(entry.since) >= PATIENCE)
    }

    /// Commands up to this number are void, wherever they are.
    pub(super) fn make_void(&mut self, until: u64) {
        self.void = self.void.max(until);
        self.entries.retain(|entry| entry.number > until);
    }

    /// All commands are void, those included that come yet. The number of the last one, if
    /// it was not void before.
    pub(super) fn close(&mut self) -> Option<u64> {
        let last = Some(self.last).filter(|last| *last > self.void);
        self.make_void(u64::MAX);
        last
    }

    /// The command of this number is at the door.
    pub(super) fn leave(&mut self, number: u64, now: Instant) -> Leaving {
        // The usual case; where the oldest is young enough all are.
        let patience = match self.entries.iter().any(|entry| entry.ends) {
            true => PATIENCE_BEFORE_END,
            false => PATIENCE,
        };
        let is_next = |entry: &Entry| {
            entry.number == number
                && (entry.ends || now.saturating_duration_since(entry.since) < patience)
        };
        if self.entries.front().is_some_and(is_next) {
            self.entries.pop_front();
            return Leaving {
                passes: true,
                dropped: Vec::new(),
            };
        }
        let end = self.entries.iter().rposition(|entry| entry.ends);
        let mut leaving = Leaving::default();
        let mut kept = VecDeque::with_capacity(self.entries.len());
        for (index, entry) in self.entries.drain(..).enumerate() {
            let age = now.saturating_duration_since(entry.since);
            let late = match end {
                _ if entry.ends => None,
                Some(end) if index < end && age >= PATIENCE_BEFORE_END => Some(Late::End),
                _ if age >= PATIENCE => Some(Late::Patience),
                _ => None,
            };
            match late {
                Some(late) => leaving.dropped.push((entry, late)),
                None if entry.number == number => leaving.passes = true,
                None => kept.push_back(entry),
            }
        }
        self.entries = kept;
        leaving
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn command(number: u64, since: Instant) -> Entry {
        Entry {
            number,
            peer: 1,
            since,
            payload: Payload::Text("FA;".into()),
            ends: false,
        }
    }

    fn end(number: u64, since: Instant) -> Entry {
        Entry {
            ends: true,
            ..command(number, since)
        }
    }

    fn numbers(leaving: &Leaving) -> Vec<u64> {
        let numbers = leaving.dropped.iter().map(|(entry, _)| entry.number);
        numbers.collect()
    }

    #[test]
    fn commands_leave_in_time_or_not_at_all() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        assert!((1..=4).all(|number| waiting.add(command(number, now))));
        assert!(waiting.add(command(5, now + 400 * MS)));
        assert!(waiting.leave(1, now + MS).passes);
        assert!(!waiting.is_slow(now + 499 * MS));
        assert!(waiting.is_slow(now + 500 * MS));
        let leaving = waiting.leave(2, now + 500 * MS);
        assert!(!leaving.passes);
        assert_eq!(numbers(&leaving), [2, 3, 4]);
        // They are told of once.
        let leaving = waiting.leave(3, now + 500 * MS);
        assert!(!leaving.passes && leaving.dropped.is_empty());
        assert!(!waiting.is_slow(now + 500 * MS));
        assert!(waiting.leave(5, now + 501 * MS).passes);
    }

    #[test]
    fn what_ends_a_transmission_does_not_wait_behind_a_flood() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        for number in 1..=4000 {
            assert!(waiting.add(command(number, now)));
        }
        assert!(waiting.add(end(4001, now + MS)));
        assert!(waiting.add(command(4002, now + 2 * MS)));
        assert!(waiting.leave(1, now + 2 * MS).passes, "it keeps up so far");
        let leaving = waiting.leave(2, now + 50 * MS);
        assert!(!leaving.passes);
        assert_eq!(leaving.dropped.len(), 3999);
        assert!(leaving.dropped.iter().all(|(_, late)| *late == Late::End));
        assert!(waiting.leave(4001, now + 50 * MS).passes);
        assert!(waiting.leave(4002, now + 60 * MS).passes);
    }

    #[test]
    fn what_ends_a_transmission_is_better_late_than_never() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        waiting.add(end(1, now));
        assert!(waiting.leave(1, now + 60_000 * MS).passes);
    }

    #[test]
    fn a_command_that_is_void_neither_leaves_nor_comes_in() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        assert!(waiting.add(command(1, now)));
        assert!(waiting.add(end(2, now)));
        waiting.make_void(3);
        assert!(!waiting.leave(1, now).passes);
        assert!(!waiting.leave(2, now).passes);
        assert!(!waiting.add(command(3, now)), "it was on its way");
        assert!(waiting.add(command(4, now)));
        assert!(waiting.leave(4, now).passes);
    }

    #[test]
    fn a_pad_that_is_closed_takes_nothing_more() {
        let now = Instant::now();
        let mut waiting = Waiting::default();
        assert_eq!(waiting.close(), None, "nobody has worked the instrument");
        let mut waiting = Waiting::default();
        assert!(waiting.add(command(7, now)));
        assert!(waiting.leave(7, now).passes);
        assert!(waiting.pass(8));
        assert_eq!(waiting.close(), Some(8));
        assert!(!waiting.add(command(9, now)) && !waiting.pass(9));
        assert_eq!(waiting.close(), None);
    }
}
