//! What reaches a peer's thread, from webrtcbin's threads, the port's and the element.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst_webrtc::WebRTCDataChannel;

use super::SignalingError;
use super::chunks::Payload;
use super::control;
use crate::arbitration::pulse::Pulse;
use crate::ice::seat::SeatEvent;
use crate::media::Timing;
use crate::media::data::Dropped;
use crate::signaling::description::Description;

/// Bytes of messages from the browser that may wait here. A page that sends faster
/// than the bench reads loses the rest, and the bench its memory to nobody.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;

/// What a waiting message costs besides its bytes.
const OVERHEAD: usize = 128;

/// Takes the result of a request that a peer's thread carries out.
pub(crate) type Reply<T> = Box<dyn FnOnce(T) + Send>;

pub(crate) enum Event {
    /// The connection or gathering state of webrtcbin may have changed.
    StateChanged,
    /// The browser has opened a data channel.
    ChannelOffered {
        label: String,
        channel: WebRTCDataChannel,
    },
    ChannelOpen(Arc<str>),
    ChannelClosed(Arc<str>),
    Message {
        label: Arc<str>,
        payload: Payload,
        /// When it arrived; its turn may be later.
        at: Instant,
    },
    PipelineError {
        source: String,
        text: String,
    },
    /// A person or a program brings the answer to this peer's offer.
    TakeAnswer {
        answer: Description,
        reply: Reply<Result<(), SignalingError>>,
    },
    /// A page of ours brings the short answer to this peer's offer.
    TakeShortAnswer {
        fingerprint: [u8; 32],
        reply: Reply<Result<(), SignalingError>>,
    },
    /// What the browser's reports say of its path is to be acted on.
    PathMeasured,
    /// The browser can show nothing of the stream with this SSRC before the next key frame.
    KeyFrameWanted(u32),
    /// It lacks something of the stream with this SSRC that its path has no room for.
    NoRoom(u32),
    /// News from the peer's place at the shared port.
    Seat(SeatEvent),
    /// Streams or data labels of the element have come, gone or become known.
    StreamsChanged,
    TimingChanged(Timing),
    /// Who controls or who waits may have changed.
    ControlChanged,
    /// What is known of some instrument has changed.
    InstrumentsChanged,
    /// Who talks or may talk may have changed.
    TalkChanged,
    /// Instruments were told to be safe: that of this label, or all.
    MadeSafe {
        label: Option<Arc<str>>,
        reason: Arc<str>,
    },
    /// Commands of this peer that had gone out do not reach their instrument.
    Dropped(Dropped),
    /// Somebody wants to know how this peer is doing.
    Describe(Reply<gst::Structure>),
    /// The element ends this peer; the text says why. Without a farewell the page takes it
    /// for a broken connection, and comes back when it can.
    Close {
        reason: String,
        farewell: bool,
    },
}

/// How and why the element ends a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Closing {
    reason: String,
    farewell: bool,
}

/// Sends to a peer's thread.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    sender: Sender<Event>,
    waiting: Arc<AtomicUsize>,
    lost: Arc<AtomicU64>,
    pulse: Arc<Pulse>,
    closing: Arc<Mutex<Option<Closing>>>,
}

/// The receiving end, owned by a peer's thread.
#[derive(Debug)]
pub(crate) struct Inbox {
    receiver: Receiver<Event>,
    waiting: Arc<AtomicUsize>,
    /// Messages that came while too much was waiting.
    lost: Arc<AtomicU64>,
    /// Overtakes what waits: a flood of messages must not keep the element from stopping.
    closing: Arc<Mutex<Option<Closing>>>,
}

pub(crate) fn channel() -> (Outbox, Inbox) {
    let (sender, receiver) = mpsc::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let lost = Arc::new(AtomicU64::new(0));
    let closing = Arc::new(Mutex::new(None));
    (
        Outbox {
            sender,
            waiting: waiting.clone(),
            lost: lost.clone(),
            pulse: Arc::new(Pulse::default()),
            closing: closing.clone(),
        },
        Inbox {
            receiver,
            waiting,
            lost,
            closing,
        },
    )
}

impl Outbox {
    /// Sends an event; nothing happens if the peer has ended.
    pub(crate) fn send(&self, event: Event) {
        let _ = self.sender.send(event);
    }

    /// Ends the peer, ahead of all that waits.
    pub(crate) fn close(&self, reason: &str, farewell: bool) {
        *self.closing.lock().unwrap_or_else(PoisonError::into_inner) = Some(Closing {
            reason: reason.to_owned(),
            farewell,
        });
        // Wakes the peer's thread.
        self.send(Event::StateChanged);
    }

    /// When the browser was heard of last.
    pub(crate) const fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Sends a message from the browser, or drops and counts it if too much is waiting.
    /// Of a heartbeat nothing but the time counts, and that is noted here: this peer's
    /// thread may be at work.
    pub(crate) fn send_message(&self, label: &Arc<str>, payload: Payload) {
        self.pulse.beat();
        if &**label == control::HEARTBEAT_LABEL {
            return;
        }
        let length = payload.as_bytes().len() + OVERHEAD;
        let waiting = self.waiting.fetch_add(length, Ordering::Relaxed);
        if waiting + length > MAX_WAITING_BYTES
            || self
                .sender
                .send(Event::Message {
                    label: label.clone(),
                    payload,
                    at: Instant::now(),
                })
                .is_err()
        {
            self.waiting.fetch_sub(length, Ordering::Relaxed);
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Inbox {
    /// The next event; `Err(Timeout)` after `patience`, if any is given.
    pub(crate) fn receive(&self, patience: Option<Duration>) -> Result<Event, RecvTimeoutError> {
        let event = match patience {
            Some(patience) => self.receiver.recv_timeout(patience)?,
            None => self
                .receiver
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected)?,
        };
        let closing = self
            .closing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Closing { reason, farewell }) = closing {
            return Ok(Event::Close { reason, farewell });
        }
        if let Event::Message { payload, .. } = &event {
            self.waiting
                .fetch_sub(payload.as_bytes().len() + OVERHEAD, Ordering::Relaxed);
        }
        Ok(event)
    }

    /// How many messages were dropped since this was asked last.
    pub(crate) fn take_lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_overtakes_a_flood() {
        let (outbox, inbox) = channel();
        for _ in 0..1000 {
            outbox.send_message(&"data_0".into(), Payload::Text("x".into()));
        }
        outbox.close("stopped", true);
        assert!(matches!(
            inbox.receive(None),
            Ok(Event::Close { farewell: true, .. })
        ));
    }

    #[test]
    fn a_heartbeat_is_noted_and_takes_no_turn() {
        let (outbox, inbox) = channel();
        let before = outbox.pulse().last();
        let beat = Payload::Binary(vec![0, 0, 0, 1].into());
        outbox.send_message(&control::HEARTBEAT_LABEL.into(), beat);
        assert!(outbox.pulse().last() > before);
        assert!(inbox.receive(Some(Duration::ZERO)).is_err());
    }

    #[test]
    fn a_page_that_floods_loses_messages_and_recovers() {
        let (outbox, inbox) = channel();
        let label: Arc<str> = "data_0".into();
        let mebibyte = Payload::Binary(vec![0; 1024 * 1024].into());
        for _ in 0..20 {
            outbox.send_message(&label, mebibyte.clone());
        }
        let received = std::iter::from_fn(|| inbox.receive(Some(Duration::ZERO)).ok()).count();
        assert_eq!(received, 7);
        assert_eq!(inbox.take_lost(), 13);
        outbox.send_message(&label, mebibyte);
        assert!(inbox.receive(Some(Duration::ZERO)).is_ok());
    }
}
