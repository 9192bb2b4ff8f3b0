//! Messages between the pads of the element and the data channels of the peers.
//!
//! Outward: `data_%u` pad ─ appsink ─▸ queue ─▸ a thread of its own ─▸ every peer. The
//! thread keeps the order of messages and the chunks of each together without a lock;
//! the queue is bounded, so that a flood from an instrument costs memory to a limit.
//! Inward: a peer's thread ─▸ appsrc ─ `data_src_%u` pad.
//!
//! Lock: `ports` is a leaf, held to copy what is asked for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::prelude::*;

use super::input::data_caps;
use crate::peer::chunks::Payload;

/// Messages that may wait to be sent to the peers.
const MAX_WAITING: usize = 1024;

/// Bytes and messages that may wait in one `data_src_%u` pad: what comes then is
/// dropped, because old commands must not reach an instrument late.
const MAX_INWARD_BYTES: u64 = 4 * 1024 * 1024;
const MAX_INWARD_MESSAGES: u64 = 1024;

/// A message on its way to all peers.
pub(crate) type Outward = (Arc<str>, Payload);

/// The data pads of one element.
#[derive(Debug, Default)]
pub(crate) struct Data {
    ports: Mutex<Ports>,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Ports {
    /// `data_%u` pads: name and label.
    sinks: Vec<(String, Arc<str>)>,
    /// `data_src_%u` pads.
    sources: Vec<Source>,
    /// Towards the peers, while the element runs.
    outward: Option<SyncSender<Outward>>,
}

#[derive(Debug, Clone)]
struct Source {
    pad: gst::Pad,
    label: Arc<str>,
    appsrc: gst_app::AppSrc,
}

impl Data {
    fn locked(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the way to the peers; the receiver is for the thread that sends.
    pub(crate) fn open(&self) -> Receiver<Outward> {
        let (sender, receiver) = sync_channel(MAX_WAITING);
        self.locked().outward = Some(sender);
        receiver
    }

    /// Closes the way to the peers; the receiver's thread ends.
    pub(crate) fn close(&self) {
        let _sender = self.locked().outward.take();
    }

    pub(crate) fn add_sink(self: &Arc<Self>, pad: &str, label: &str, appsink: &gst_app::AppSink) {
        self.locked().sinks.push((pad.to_owned(), label.into()));
        let data = Arc::downgrade(self);
        let name = pad.to_owned();
        appsink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Flushing)?;
                    if let (Some(data), Some(buffer)) = (data.upgrade(), sample.buffer()) {
                        let is_text = sample
                            .caps()
                            .and_then(|caps| caps.structure(0))
                            .is_some_and(|structure| structure.has_name("text/x-raw"));
                        data.send(&name, buffer, is_text);
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
    }

    pub(crate) fn add_source(&self, pad: &gst::Pad, label: &str, appsrc: &gst_app::AppSrc) {
        appsrc.set_max_bytes(MAX_INWARD_BYTES);
        appsrc.set_max_buffers(MAX_INWARD_MESSAGES);
        appsrc.set_leaky_type(gst_app::AppLeakyType::Upstream);
        self.locked().sources.push(Source {
            pad: pad.clone(),
            label: label.into(),
            appsrc: appsrc.clone(),
        });
    }

    pub(crate) fn remove(&self, pad: &str) {
        let mut ports = self.locked();
        ports.sinks.retain(|(name, _)| name != pad);
        ports.sources.retain(|source| source.pad.name() != pad);
    }

    /// Gives a pad another label.
    pub(crate) fn rename(&self, pad: &str, label: &str) {
        let mut ports = self.locked();
        for (name, old) in &mut ports.sinks {
            if name == pad {
                *old = label.into();
            }
        }
        for source in &mut ports.sources {
            if source.pad.name() == pad {
                source.label = label.into();
            }
        }
    }

    /// The labels of all data pads, each once.
    pub(crate) fn labels(&self) -> Vec<Arc<str>> {
        let ports = self.locked();
        let mut labels: Vec<Arc<str>> = ports
            .sinks
            .iter()
            .map(|(_, label)| label.clone())
            .chain(ports.sources.iter().map(|source| source.label.clone()))
            .collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    /// Messages that were dropped because the bench sends faster than can be handed out.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn send(&self, pad: &str, buffer: &gst::BufferRef, is_text: bool) {
        let Ok(map) = buffer.map_readable() else {
            return;
        };
        let payload = match std::str::from_utf8(&map) {
            Ok(text) if is_text => Payload::Text(text.into()),
            _ => Payload::Binary(map.as_slice().into()),
        };
        let (label, outward) = {
            let ports = self.locked();
            let label = ports
                .sinks
                .iter()
                .find(|(name, _)| name == pad)
                .map(|(_, label)| label.clone());
            (label, ports.outward.clone())
        };
        if let (Some(label), Some(outward)) = (label, outward)
            && let Err(TrySendError::Full(_)) = outward.try_send((label, payload))
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Brings a message from a browser to the pads of its label. False if there is none
    /// that takes it: a pad that is not linked would end the pipeline, and one that is
    /// paused would keep an old command for later.
    pub(crate) fn deliver(&self, label: &str, payload: &Payload) -> bool {
        let mut sources = self.locked().sources.clone();
        sources.retain(|source| {
            &*source.label == label
                && source.pad.is_linked()
                && source.appsrc.current_state() == gst::State::Playing
        });
        for Source { appsrc, .. } in &sources {
            if appsrc.caps().is_none() {
                appsrc.set_caps(Some(&caps_for(appsrc)));
            }
            // Refused while the element stops: there is nobody left to tell.
            let _ = appsrc.push_buffer(gst::Buffer::from_slice(payload.as_bytes().to_vec()));
        }
        !sources.is_empty()
    }
}

/// The kind of message that the element behind the pad takes.
fn caps_for(appsrc: &gst_app::AppSrc) -> gst::Caps {
    let wanted = appsrc
        .static_pad("src")
        .map(|pad| pad.peer_query_caps(Some(&data_caps())))
        .filter(|caps| !caps.is_any() && !caps.is_empty());
    let mut caps = wanted.unwrap_or_else(data_caps);
    caps.fixate();
    caps
}
