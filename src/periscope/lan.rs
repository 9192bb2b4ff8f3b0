//! Follows the addresses of this host: a cable is plugged in, a lease ends, Wi-Fi comes.

use std::net::IpAddr;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::net;
use crate::threads;

/// How often is looked: cheaper than it is to be told, which needs a socket of its own.
const EVERY: Duration = Duration::from_secs(2);

/// Looks until dropped.
pub(super) struct LanWatch {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LanWatch {
    /// Calls `changed` with the new addresses whenever they are others than before, on a
    /// thread of its own. `chosen` as in [`net::lan_addresses`].
    pub(super) fn start(
        chosen: Vec<IpAddr>,
        changed: impl Fn(Vec<IpAddr>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let mut before = net::addresses_of_now(&chosen);
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("periscope-lan".into())
            .spawn(move || {
                while stopped.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                    let now = net::addresses_of_now(&chosen);
                    if now != before {
                        before.clone_from(&now);
                        changed(now);
                    }
                }
            })?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for LanWatch {
    fn drop(&mut self) {
        self.stop = None;
        threads::join(self.thread.take());
    }
}
