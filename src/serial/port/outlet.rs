//! From the thread of a port to the streaming thread of a source.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::State;
use crate::serial::framing::Message;

/// What may wait for a pipeline that is paused or slow.
const MAX_BYTES: usize = 8 << 20;
/// The same for small messages, each of which costs something beside its bytes.
const MAX_MESSAGES: usize = 65_536;

/// What a source is told.
#[derive(Debug)]
pub(crate) enum Heard {
    /// At least one.
    Messages(Vec<Message>),
    State(State),
}

#[derive(Debug)]
enum Waiting {
    Message(Message),
    State(State),
}

/// A queue with an end. If more comes than is taken, and the other side cannot be made to
/// wait, the oldest messages go: an instrument that is watched late is watched as it is now.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    dropped: u64,
    flushing: bool,
}

impl Outlet {
    /// Adds messages, in order.
    pub(super) fn add(&self, messages: &mut Vec<Message>) {
        if messages.is_empty() {
            return;
        }
        let mut queue = self.locked();
        for message in messages.drain(..) {
            queue.bytes += message.bytes.len();
            queue.waiting.push_back(Waiting::Message(message));
        }
        let mut state = None;
        while queue.bytes > MAX_BYTES || queue.waiting.len() > MAX_MESSAGES {
            match queue.waiting.pop_front() {
                Some(Waiting::Message(message)) => {
                    queue.bytes -= message.bytes.len();
                    queue.dropped += 1;
                }
                Some(Waiting::State(passed)) => state = Some(passed),
                None => break,
            }
        }
        if let Some(state) = state {
            queue.waiting.push_front(Waiting::State(state));
        }
        drop(queue);
        self.changed.notify_one();
    }

    pub(super) fn tell(&self, state: State) {
        self.locked().waiting.push_back(Waiting::State(state));
        self.changed.notify_one();
    }

    /// Whether so much waits that nothing more should be read, if the other side can be made
    /// to wait.
    pub(super) fn is_filling(&self) -> bool {
        let queue = self.locked();
        queue.bytes > MAX_BYTES / 2 || queue.waiting.len() > MAX_MESSAGES / 2
    }

    /// Waits for something, and takes it: messages that came one after the other, at most
    /// `most`. None while flushing.
    pub(crate) fn take(&self, most: usize) -> Option<Heard> {
        let mut queue = self
            .changed
            .wait_while(self.locked(), |queue| {
                queue.waiting.is_empty() && !queue.flushing
            })
            .unwrap_or_else(PoisonError::into_inner);
        if queue.flushing {
            return None;
        }
        let mut messages = Vec::with_capacity(queue.waiting.len().min(most));
        while messages.len() < most {
            match queue.waiting.pop_front() {
                Some(Waiting::Message(message)) => {
                    queue.bytes -= message.bytes.len();
                    messages.push(message);
                }
                Some(Waiting::State(state)) if messages.is_empty() => {
                    return Some(Heard::State(state));
                }
                Some(state) => {
                    queue.waiting.push_front(state);
                    break;
                }
                None => break,
            }
        }
        Some(Heard::Messages(messages))
    }

    /// Whoever waits is sent away, until it is over.
    pub(crate) fn set_flushing(&self, flushing: bool) {
        self.locked().flushing = flushing;
        self.changed.notify_all();
    }

    /// Messages that were dropped because nobody took them.
    pub(crate) fn dropped(&self) -> u64 {
        self.locked().dropped
    }

    fn locked(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
