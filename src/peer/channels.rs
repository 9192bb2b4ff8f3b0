//! The open data channels of a peer, as those see them who send messages.
//!
//! Lock: `open` is a leaf, held to copy a pointer, never while sending.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst_webrtc::WebRTCDataChannel;

use super::batch::{self, Message};
use super::chunks::{self, Payload};

/// What becomes of messages to a viewer that does not keep up (property `slow-viewer`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeSlowViewer")]
#[repr(i32)]
pub enum SlowViewer {
    /// It gets all, late, as long as no more than 4 MiB wait for it.
    #[default]
    #[enum_value(name = "Gets everything late; up to 4 MiB wait for it", nick = "lag")]
    Lag = 0,
    /// It gets what is new, with gaps.
    #[enum_value(
        name = "Stays up to date and loses messages; at most 64 KiB wait for it",
        nick = "drop"
    )]
    Drop = 1,
}

impl SlowViewer {
    /// Bytes that may wait in one channel of one peer. Beyond, messages to that peer are
    /// dropped and counted, those to others are not.
    const fn patience(self) -> u64 {
        match self {
            Self::Lag => 4 * 1024 * 1024,
            Self::Drop => 64 * 1024,
        }
    }
}

/// How a channel carries messages (RFC 8832, section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChannelOptions {
    pub(crate) ordered: bool,
    /// How often a lost message is sent again; none: until it has arrived.
    pub(crate) max_retransmits: Option<u16>,
    /// For how many milliseconds it is; none: until it has arrived.
    pub(crate) max_lifetime: Option<u16>,
    pub(crate) slow_viewer: SlowViewer,
}

impl Default for ChannelOptions {
    fn default() -> Self {
        Self {
            ordered: true,
            max_retransmits: None,
            max_lifetime: None,
            slow_viewer: SlowViewer::Lag,
        }
    }
}

/// Shared between a peer's thread, which opens and closes, and the senders.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    open: Mutex<HashMap<Arc<str>, Open>>,
    /// The page knows batches.
    batches: AtomicBool,
    sent: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug, Clone)]
struct Open {
    channel: WebRTCDataChannel,
    /// Bytes that may wait.
    patience: u64,
}

/// A data-channel message made once for all peers.
#[derive(Debug, Clone)]
enum Wire {
    Text(Arc<str>),
    Binary(glib::Bytes),
}

impl From<Payload> for Wire {
    fn from(payload: Payload) -> Self {
        match payload {
            Payload::Text(text) => Self::Text(text),
            Payload::Binary(bytes) => Self::Binary(glib::Bytes::from_owned(bytes)),
        }
    }
}

/// What is sent whole or not at all: data-channel messages, and how many messages of the
/// instrument are in there.
#[derive(Debug)]
struct Part {
    wire: Vec<Wire>,
    messages: u64,
}

/// Some messages of one label, in the forms in which peers take them, each made once.
#[derive(Debug)]
pub(crate) struct Parcel<'a> {
    messages: &'a [Message],
    /// Tells the chunks of one message from those of the next; for each part one.
    first_number: u32,
    batched: OnceCell<Vec<Part>>,
    plain: OnceCell<Vec<Part>>,
}

impl<'a> Parcel<'a> {
    /// Takes as many numbers from `first_number` on as there are messages. None of these is
    /// longer than what is carried at all.
    pub(crate) const fn new(messages: &'a [Message], first_number: u32) -> Self {
        Self {
            messages,
            first_number,
            batched: OnceCell::new(),
            plain: OnceCell::new(),
        }
    }

    fn batched(&self) -> &[Part] {
        self.batched.get_or_init(|| {
            let batches = batch::pack(self.messages).into_iter();
            self.cut(batches.map(|batch| (Payload::Binary(batch.bytes.into()), batch.messages)))
        })
    }

    fn plain(&self) -> &[Part] {
        self.plain
            .get_or_init(|| self.cut(self.messages.iter().map(|m| (m.payload.clone(), 1))))
    }

    fn cut(&self, wholes: impl Iterator<Item = (Payload, u64)>) -> Vec<Part> {
        let mut number = self.first_number;
        wholes
            .filter_map(|(payload, messages)| {
                number = number.wrapping_add(1);
                let pieces = chunks::split(&payload, number).ok()?;
                Some(Part {
                    wire: pieces.into_iter().map(Wire::from).collect(),
                    messages,
                })
            })
            .collect()
    }
}

impl Channels {
    fn locked(&self) -> MutexGuard<'_, HashMap<Arc<str>, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on messages with this label go out through `channel`.
    pub(crate) fn insert(
        &self,
        label: &Arc<str>,
        channel: &WebRTCDataChannel,
        slow_viewer: SlowViewer,
    ) {
        let open = Open {
            channel: channel.clone(),
            patience: slow_viewer.patience(),
        };
        let _old = self.locked().insert(label.clone(), open);
    }

    pub(crate) fn remove(&self, label: &str) {
        let _old = self.locked().remove(label);
    }

    pub(crate) fn clear(&self) {
        let _old = std::mem::take(&mut *self.locked());
    }

    /// The page knows batches.
    pub(crate) fn send_batches(&self) {
        self.batches.store(true, Ordering::Relaxed);
    }

    /// Sends messages, or drops and counts them. Never waits. Nothing happens if the peer
    /// has no such channel.
    pub(crate) fn send(&self, label: &str, parcel: &Parcel<'_>) {
        let Some(Open { channel, patience }) = self.locked().get(label).cloned() else {
            return;
        };
        let parts = match self.batches.load(Ordering::Relaxed) {
            true => parcel.batched(),
            false => parcel.plain(),
        };
        for part in parts {
            let fits = channel.buffered_amount() <= patience;
            let counter = match fits && send_all(&channel, &part.wire) {
                true => &self.sent,
                false => &self.dropped,
            };
            counter.fetch_add(part.messages, Ordering::Relaxed);
        }
    }

    /// Messages sent, and messages dropped because the peer was too slow.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (
            self.sent.load(Ordering::Relaxed),
            self.dropped.load(Ordering::Relaxed),
        )
    }
}

fn send_all(channel: &WebRTCDataChannel, message: &[Wire]) -> bool {
    message.iter().all(|part| match part {
        Wire::Text(text) => channel.send_string_full(Some(text)).is_ok(),
        Wire::Binary(bytes) => channel.send_data_full(Some(bytes)).is_ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_made_for_the_wire_once_in_each_form() {
        let line = |sequence, text: &str| Message {
            host_time: 0,
            sequence,
            payload: Payload::Text(text.into()),
        };
        let messages = [line(1, "a"), line(2, &"b".repeat(40_000)), line(3, "c")];
        let parcel = Parcel::new(&messages, 7);
        let count = |parts: &[Part]| {
            let wire: Vec<usize> = parts.iter().map(|part| part.wire.len()).collect();
            let messages: u64 = parts.iter().map(|part| part.messages).sum();
            (wire, messages)
        };
        assert_eq!(count(parcel.plain()), (vec![1, 3, 1], 3));
        assert_eq!(count(parcel.batched()), (vec![1, 3, 1], 3));
        assert!(std::ptr::eq(parcel.plain(), parcel.plain()));
        assert!(matches!(parcel.plain()[0].wire[0], Wire::Text(_)));
        let few = Parcel::new(&messages[..1], 7);
        assert_eq!(count(few.batched()), (vec![1], 1));
    }
}
