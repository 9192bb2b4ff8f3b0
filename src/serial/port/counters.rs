//! What a port has done, for the property `stats`.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All of them, since the port was first opened.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Bytes read.
    pub(crate) bytes_in: Count,
    /// Messages received.
    pub(crate) messages: Count,
    /// Messages dropped because they were too long.
    pub(crate) overlong: Count,
    /// Frames dropped because they were broken.
    pub(crate) bad: Count,
    /// How often the port has come back.
    pub(crate) reconnects: Count,
    /// Bytes written.
    pub(crate) bytes_out: Count,
    /// Commands of the sink that were written.
    pub(crate) commands: Count,
    /// Commands of the sink that were dropped.
    pub(crate) dropped: Count,
    /// Safe strings written.
    pub(crate) safes: Count,
}
