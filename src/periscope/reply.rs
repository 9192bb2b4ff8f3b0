//! Replies that are made of two parts: a peer's number, which is there at once, and a
//! result, which comes later and mostly on another thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::peer::SignalingError;
use crate::peer::inbox::Reply;
use crate::signaling::description::Description;

/// Takes a peer's number and the description to carry to it.
pub(super) type OnDescription = Box<dyn FnOnce(Result<(u32, Description), SignalingError>) + Send>;

/// Takes the number of the peer to which an answer belonged.
pub(super) type OnTaken = Box<dyn FnOnce(Result<u32, SignalingError>) + Send>;

/// Begins something that gives a peer's number at once and a result, mostly on another
/// thread, sooner or later; `reply` gets both when both are there, or the error with which
/// it did not begin.
pub(super) fn with_number<T: Send + 'static>(
    reply: impl FnOnce(Result<T, SignalingError>, u32) + Send + 'static,
    begin: impl FnOnce(Reply<Result<T, SignalingError>>) -> Result<u32, SignalingError>,
) {
    let pending = Arc::new(Mutex::new(Pending {
        reply: Some(reply),
        result: None,
        peer: None,
    }));
    let told = pending.clone();
    let begun = begin(Box::new(move |result| {
        lock(&told).result = Some(result);
        Pending::settle(&told);
    }));
    match begun {
        Ok(peer) => lock(&pending).peer = Some(peer),
        Err(error) => {
            let mut pending = lock(&pending);
            pending.result = Some(Err(error));
            pending.peer = Some(0);
        }
    }
    Pending::settle(&pending);
}

/// A reply that waits for its two parts.
struct Pending<T, F> {
    reply: Option<F>,
    result: Option<Result<T, SignalingError>>,
    peer: Option<u32>,
}

impl<T, F: FnOnce(Result<T, SignalingError>, u32)> Pending<T, F> {
    fn settle(pending: &Mutex<Self>) {
        let whole = {
            let mut pending = lock(pending);
            match (pending.peer, pending.result.is_some()) {
                (Some(peer), true) => pending
                    .reply
                    .take()
                    .zip(pending.result.take())
                    .map(|(reply, result)| (reply, result, peer)),
                _ => None,
            }
        };
        if let Some((reply, result, peer)) = whole {
            reply(result, peer);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replied(
        begin: impl FnOnce(Reply<Result<(), SignalingError>>) -> Result<u32, SignalingError>,
    ) -> (Result<(), SignalingError>, u32) {
        let (tell, told) = std::sync::mpsc::channel();
        with_number(
            move |result, peer| {
                let _ = tell.send((result, peer));
            },
            begin,
        );
        told.try_recv().expect("a reply")
    }

    #[test]
    fn a_peer_that_ends_while_it_is_asked_does_not_hold_up_who_asks() {
        let gone = || SignalingError::Failed("the peer has ended".into());
        let reply = replied(|tell| {
            tell(Err(gone()));
            Ok(7)
        });
        assert_eq!(reply, (Err(gone()), 7));
    }

    #[test]
    fn what_did_not_begin_is_an_error_at_once() {
        let full = || SignalingError::Full("no room".into());
        assert_eq!(replied(|_| Err(full())), (Err(full()), 0));
    }

    #[test]
    fn a_result_that_comes_later_is_told_with_its_peer() {
        let mut later = None;
        let (tell, told) = std::sync::mpsc::channel();
        with_number(
            move |result: Result<u8, SignalingError>, peer| {
                let _ = tell.send((result, peer));
            },
            |reply| {
                later = Some(reply);
                Ok(3)
            },
        );
        assert!(told.try_recv().is_err());
        later.expect("begun")(Ok(9));
        assert_eq!(told.try_recv(), Ok((Ok(9), 3)));
    }
}
