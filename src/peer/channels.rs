//! The open data channels of a peer, as those see them who send messages.
//!
//! Lock: `open` is a leaf, held to copy a pointer, never while sending.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst_webrtc::WebRTCDataChannel;

use super::chunks::Payload;

/// Bytes that may wait in one channel of one peer. Beyond, messages to that peer are
/// dropped and counted, those to others are not.
const MAX_BUFFERED: u64 = 4 * 1024 * 1024;

/// Shared between a peer's thread, which opens and closes, and the senders.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    open: Mutex<HashMap<Arc<str>, WebRTCDataChannel>>,
    sent: AtomicU64,
    dropped: AtomicU64,
}

/// A data-channel message made once for all peers.
#[derive(Debug, Clone)]
pub(crate) enum Wire {
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

impl Channels {
    fn locked(&self) -> MutexGuard<'_, HashMap<Arc<str>, WebRTCDataChannel>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on messages with this label go out through `channel`.
    pub(crate) fn insert(&self, label: &Arc<str>, channel: &WebRTCDataChannel) {
        let _old = self.locked().insert(label.clone(), channel.clone());
    }

    pub(crate) fn remove(&self, label: &str) {
        let _old = self.locked().remove(label);
    }

    pub(crate) fn clear(&self) {
        let _old = std::mem::take(&mut *self.locked());
    }

    /// Sends one message, which may be several on the wire, or drops and counts it.
    /// Never waits. Nothing happens if the peer has no such channel.
    pub(crate) fn send(&self, label: &str, message: &[Wire]) {
        let Some(channel) = self.locked().get(label).cloned() else {
            return;
        };
        if channel.buffered_amount() > MAX_BUFFERED || !send_all(&channel, message) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            self.sent.fetch_add(1, Ordering::Relaxed);
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
