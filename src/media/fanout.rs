//! Hands every buffer of one `appsink` to any number of `appsrc`s in other pipelines.
//!
//! The sink never waits: what a consumer cannot take is dropped for that consumer
//! alone. Consumers of an encoded stream start, and start again after a drop, with
//! a key frame, which is asked for upstream as seldom as does the job.
//!
//! Locks: `consumers`, `upstream` and `requests` are leaves. Each is held for a few
//! loads and stores, never across a call into GStreamer and never two at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::prelude::*;

use super::key_frames::KeyFrameRequests;

/// What flows through a [`Fanout`], which decides what a slow consumer loses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Raw pictures: each stands for itself, only the newest counts.
    Pictures,
    /// Raw sound: a missing piece is heard, so some may wait.
    Sound,
    /// Encoded pictures or sound: after a gap the next key frame is awaited.
    Encoded,
}

/// Encoded buffers that may wait for one consumer (half a second of pictures at
/// 30 frames/s): beyond, that consumer has stalled and jumps to the next key frame.
const MAX_WAITING: u64 = 15;

/// Raw sound that may wait for an encoder.
const MAX_WAITING_SOUND: gst::ClockTime = gst::ClockTime::from_mseconds(200);

/// One source, many consumers. Clones share the same consumers.
#[derive(Debug, Clone)]
pub(crate) struct Fanout(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    flow: Flow,
    /// Replaced as a whole on change, so that the streaming thread holds the lock
    /// only to clone the pointer.
    consumers: Mutex<Arc<[Arc<Consumer>]>>,
    /// Sink pad of the `appsink` that feeds this fan-out at the moment: key-frame
    /// requests leave through it.
    upstream: Mutex<Option<gst::Pad>>,
    requests: Mutex<KeyFrameRequests>,
    /// Origin of the times that `requests` is told.
    epoch: Instant,
    /// The newest raw picture: an encoder that starts while the source
    /// rests (a slide, a paused camera) has something to show at once.
    latest: Mutex<Option<gst::Sample>>,
}

#[derive(Debug)]
struct Consumer {
    appsrc: gst_app::AppSrc,
    needs_key_frame: AtomicBool,
    pushed: AtomicU64,
    dropped: AtomicU64,
}

/// The connection of one `appsrc` to a [`Fanout`]; ends when dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Link {
    fanout: Fanout,
    consumer: Arc<Consumer>,
    probe: Option<gst::PadProbeId>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic in another thread leaves these plain values usable.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fanout {
    pub(crate) fn new(flow: Flow) -> Self {
        Self(Arc::new(Inner {
            flow,
            consumers: Mutex::new(Arc::from([])),
            upstream: Mutex::new(None),
            requests: Mutex::new(KeyFrameRequests::new()),
            epoch: Instant::now(),
            latest: Mutex::new(None),
        }))
    }

    /// Makes `appsink` the source, in place of any earlier one.
    pub(crate) fn attach(&self, appsink: &gst_app::AppSink) {
        let weak = Arc::downgrade(&self.0);
        appsink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Flushing)?;
                    if let Some(inner) = weak.upgrade() {
                        Fanout(inner).distribute(&sample);
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
        *locked(&self.0.upstream) = appsink.static_pad("sink");
    }

    /// Forgets the source. Consumers stay and wait for the next one.
    pub(crate) fn detach(&self) {
        let _old = locked(&self.0.upstream).take();
    }

    /// Sets `appsrc` up as a consumer of this fan-out, before its pipeline starts.
    pub(crate) fn configure(&self, appsrc: &gst_app::AppSrc) {
        appsrc.set_format(gst::Format::Time);
        appsrc.set_is_live(true);
        appsrc.set_handle_segment_change(true);
        appsrc.set_automatic_eos(false);
        appsrc.set_latency(gst::ClockTime::ZERO, gst::ClockTime::NONE);
        appsrc.set_max_bytes(0);
        match self.0.flow {
            Flow::Pictures => appsrc.set_max_buffers(1),
            Flow::Sound => appsrc.set_max_time(MAX_WAITING_SOUND),
            // Measured before each buffer, because what is dropped must not be a part
            // of what follows.
            Flow::Encoded => return,
        }
        appsrc.set_leaky_type(gst_app::AppLeakyType::Downstream);
    }

    /// Adds a consumer that was set up by [`Fanout::configure`] and has been started:
    /// an `appsrc` that is not running refuses buffers.
    pub(crate) fn link(&self, appsrc: &gst_app::AppSrc) -> Link {
        let weak = Arc::downgrade(&self.0);
        let probe = appsrc.static_pad("src").and_then(|pad| {
            pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
                let wanted = info.event().is_some_and(|event| {
                    gst_video::UpstreamForceKeyUnitEvent::parse(event).is_ok()
                });
                if wanted && let Some(inner) = weak.upgrade() {
                    Fanout(inner).request_key_frame();
                }
                gst::PadProbeReturn::Ok
            })
        });

        let consumer = Arc::new(Consumer {
            appsrc: appsrc.clone(),
            needs_key_frame: AtomicBool::new(self.0.flow == Flow::Encoded),
            pushed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        {
            let mut consumers = locked(&self.0.consumers);
            *consumers = consumers
                .iter()
                .cloned()
                .chain([consumer.clone()])
                .collect();
        }
        match self.0.flow {
            Flow::Encoded => self.request_key_frame(),
            Flow::Pictures => {
                let latest = locked(&self.0.latest).clone();
                if let Some(sample) = latest {
                    let _ = appsrc.push_sample(&sample);
                }
            }
            Flow::Sound => {}
        }
        Link {
            fanout: self.clone(),
            consumer,
            probe,
        }
    }

    /// Lets go of the newest picture.
    pub(crate) fn forget(&self) {
        let _old = locked(&self.0.latest).take();
    }

    /// Asks the source for a key frame, unless one is on its way.
    pub(crate) fn request_key_frame(&self) {
        let now = self.0.epoch.elapsed();
        let ask = locked(&self.0.requests).request(now);
        if ask {
            self.ask_upstream();
        }
    }

    fn ask_upstream(&self) {
        let pad = locked(&self.0.upstream).clone();
        if let Some(pad) = pad {
            // Through the pad, not the element: `send_event` takes the state lock.
            pad.push_event(
                gst_video::UpstreamForceKeyUnitEvent::builder()
                    .all_headers(true)
                    .build(),
            );
        }
    }

    fn distribute(&self, sample: &gst::Sample) {
        let Some(buffer) = sample.buffer() else {
            return;
        };
        match self.0.flow {
            Flow::Sound => {}
            Flow::Pictures => {
                let _old = locked(&self.0.latest).replace(sample.clone());
            }
            Flow::Encoded => {
                let is_key_frame = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
                let now = self.0.epoch.elapsed();
                let ask = locked(&self.0.requests).frame(now, is_key_frame);
                if ask {
                    self.ask_upstream();
                }
            }
        }
        let consumers = locked(&self.0.consumers).clone();
        let mut key_frame_wanted = false;
        for consumer in consumers.iter() {
            key_frame_wanted |= consumer.offer(sample, buffer, self.0.flow);
        }
        if key_frame_wanted {
            self.request_key_frame();
        }
    }
}

impl Consumer {
    /// Gives the consumer one buffer, or counts it as dropped. True if the consumer
    /// waits for a key frame.
    fn offer(&self, sample: &gst::Sample, buffer: &gst::BufferRef, flow: Flow) -> bool {
        if flow == Flow::Encoded {
            let is_delta = buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            if self.appsrc.current_level_buffers() >= MAX_WAITING {
                self.needs_key_frame.store(true, Ordering::Relaxed);
                self.dropped.fetch_add(1, Ordering::Relaxed);
                // Asking now would only add to what cannot be taken.
                return false;
            }
            if is_delta && self.needs_key_frame.load(Ordering::Relaxed) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return true;
            }
            self.needs_key_frame.store(false, Ordering::Relaxed);
        }
        // Fails while the consumer's pipeline stops: it is about to unlink.
        let counter = match self.appsrc.push_sample(sample) {
            Ok(_) => &self.pushed,
            Err(_) => &self.dropped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        false
    }
}

impl Link {
    /// Buffers handed over so far.
    pub(crate) fn pushed(&self) -> u64 {
        self.consumer.pushed.load(Ordering::Relaxed)
    }

    /// Buffers that this consumer could not take, or that came before its first key
    /// frame.
    pub(crate) fn dropped(&self) -> u64 {
        self.consumer.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        {
            let mut consumers = locked(&self.fanout.0.consumers);
            *consumers = consumers
                .iter()
                .filter(|other| !Arc::ptr_eq(other, &self.consumer))
                .cloned()
                .collect();
        }
        if let (Some(pad), Some(probe)) =
            (self.consumer.appsrc.static_pad("src"), self.probe.take())
        {
            pad.remove_probe(probe);
        }
    }
}
