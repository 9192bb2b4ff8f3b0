//! Wakes those who have packets for later: one thread for all viewers of a port, which sleeps
//! as long as nothing waits.
//!
//! Lock: `queue` is a leaf, held to look something up; nobody is woken under it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Instant;

use crate::threads;

/// Somebody who has packets for later.
pub(crate) trait Paced: Send + Sync {
    /// Sends what is due. Gives when the next is.
    fn release(&self, now: Instant) -> Option<Instant>;
}

#[derive(Default)]
struct Queue {
    waiting: Vec<(Instant, Weak<dyn Paced>)>,
    stopped: bool,
}

/// Stops when dropped; what waits then is lost.
pub(crate) struct Pacer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Pacer {
    pub(super) fn start() -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        let thread = std::thread::Builder::new()
            .name("periscope-pacer".into())
            .spawn(move || own.run())?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Has `who` woken at `due`.
    pub(crate) fn wake(&self, who: Weak<dyn Paced>, due: Instant) {
        self.shared.locked().waiting.push((due, who));
        self.shared.changed.notify_one();
    }

    /// Nobody is woken any more.
    pub(super) fn stop(&self) {
        self.shared.locked().stopped = true;
        self.shared.changed.notify_one();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        threads::join(thread);
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn locked(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        while let Some(due) = self.wait() {
            for who in due {
                let Some(who) = who.upgrade() else {
                    continue;
                };
                if let Some(next) = who.release(Instant::now()) {
                    let weak = Arc::downgrade(&who);
                    self.locked().waiting.push((next, weak));
                }
            }
        }
    }

    /// Those who are due; waits for them. None at the end.
    fn wait(&self) -> Option<Vec<Weak<dyn Paced>>> {
        let mut queue = self.locked();
        loop {
            if queue.stopped {
                return None;
            }
            let now = Instant::now();
            let due: Vec<_> = queue
                .waiting
                .extract_if(.., |(at, _)| *at <= now)
                .map(|(_, who)| who)
                .collect();
            if !due.is_empty() {
                return Some(due);
            }
            let next = queue.waiting.iter().map(|(at, _)| *at).min();
            queue = match next {
                Some(at) => {
                    let patience = at.saturating_duration_since(now);
                    let woken = self.changed.wait_timeout(queue, patience);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    struct Sender {
        told: mpsc::Sender<Instant>,
        again: Mutex<Option<Instant>>,
    }

    impl Paced for Sender {
        fn release(&self, now: Instant) -> Option<Instant> {
            let _ = self.told.send(now);
            self.again
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
        }
    }

    #[test]
    fn who_has_more_is_woken_again_and_not_too_soon() {
        let (told, heard) = mpsc::channel();
        let pacer = Pacer::start().expect("a thread");
        let first = Instant::now() + Duration::from_millis(20);
        let second = first + Duration::from_millis(20);
        let who: Arc<dyn Paced> = Arc::new(Sender {
            told,
            again: Mutex::new(Some(second)),
        });
        pacer.wake(Arc::downgrade(&who), first);
        let limit = Duration::from_secs(10);
        assert!(heard.recv_timeout(limit).expect("woken") >= first);
        assert!(heard.recv_timeout(limit).expect("woken again") >= second);
    }

    #[test]
    fn it_ends_while_somebody_waits() {
        let (told, _heard) = mpsc::channel();
        let pacer = Pacer::start().expect("a thread");
        let who: Arc<dyn Paced> = Arc::new(Sender {
            told,
            again: Mutex::new(None),
        });
        let later = Instant::now() + Duration::from_secs(3_600);
        pacer.wake(Arc::downgrade(&who), later);
        drop(pacer);
    }
}
