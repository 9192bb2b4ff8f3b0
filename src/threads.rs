//! Threads and their end.

use std::thread::JoinHandle;

/// Waits until a thread has ended, unless it is the caller's own: who stops the pipeline from
/// within a message of ours, or drops the last reference to what owns the thread there,
/// cannot wait for itself.
pub(crate) fn join(thread: impl Into<Option<JoinHandle<()>>>) {
    if let Some(thread) = thread.into()
        && thread.thread().id() != std::thread::current().id()
    {
        let _ = thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_thread_that_is_to_wait_for_itself_does_not() {
        let (give, handle) = mpsc::channel();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            join(handle.recv().ok());
            let _ = tell.send(());
        });
        give.send(thread).expect("taken");
        told.recv_timeout(std::time::Duration::from_secs(10))
            .expect("it ended");
    }
}
