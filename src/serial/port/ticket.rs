//! What becomes of a command.

use std::sync::mpsc::Sender;

/// See the file's documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The device has taken all of it.
    Written,
    /// It was not written, or not wholly.
    Dropped,
    /// Nobody waits for it any more.
    Flushed,
}

/// Goes with a command; says what became of it when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    outcome: Outcome,
    waiting: Sender<Outcome>,
}

impl Ticket {
    pub(crate) fn new(waiting: Sender<Outcome>) -> Self {
        Self {
            outcome: Outcome::Dropped,
            waiting,
        }
    }

    pub(super) fn written(mut self) {
        self.outcome = Outcome::Written;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let _ = self.waiting.send(self.outcome);
    }
}
