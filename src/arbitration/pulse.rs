//! When a peer was heard of last.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Noted by the threads that receive, with no lock and at no cost; read by whoever watches.
#[derive(Debug)]
pub(crate) struct Pulse {
    origin: Instant,
    /// Nanoseconds since `origin`.
    last: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            origin: Instant::now(),
            last: AtomicU64::new(0),
        }
    }
}

impl Pulse {
    /// The peer is heard of now.
    pub(crate) fn beat(&self) {
        let since = u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last.fetch_max(since, Ordering::Relaxed);
    }

    pub(crate) fn last(&self) -> Instant {
        self.origin + Duration::from_nanos(self.last.load(Ordering::Relaxed))
    }
}
