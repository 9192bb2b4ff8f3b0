//! Hands every buffer of one `appsink` to any number of consumers: `appsrc`s in other
//! pipelines, and viewers whose streams go past any pipeline ([`crate::rtp`]).
//!
//! The sink never waits: what a consumer cannot take is dropped for that consumer
//! alone. Consumers of an encoded stream start, and start again after a drop, with
//! a key frame, which is asked for upstream as seldom as does the job. One that joins
//! right after a key frame gets that, and what came since, at once.
//!
//! Locks: `shared`, `upstream` and `requests` are leaves. Each is held for a few
//! loads and stores, never across a call into GStreamer and never two at once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::prelude::*;

use super::gate::Gate;
use super::key_frames::KeyFrameRequests;
use crate::rtp::frame::Frame;
use crate::rtp::packetizer::Packetizer;
use crate::rtp::transmitter::{self, Readiness};

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
    shared: Mutex<Shared>,
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
struct Shared {
    /// Replaced as a whole on change, so that the streaming thread holds the lock
    /// only to clone the pointer.
    consumers: Arc<[Arc<Consumer>]>,
    recent: Recent,
}

/// One buffer on its way to the consumers.
#[derive(Debug, Clone)]
struct Item {
    sample: gst::Sample,
    /// The same as payloads of RTP packets, if it is encoded.
    frame: Option<Arc<Frame>>,
}

/// The newest encoded pictures from a key frame on; none if that is too long ago.
#[derive(Debug, Default)]
struct Recent {
    pictures: Vec<Item>,
    /// Number of the next picture; the last of `pictures` is the one before.
    next: u64,
}

/// Pictures that a newcomer is given at once: more would take a browser longer to decode
/// than a new key frame takes to come.
const MAX_RECENT: usize = 8;

impl Recent {
    fn add(&mut self, picture: Option<Item>, is_key_frame: bool) {
        self.next += 1;
        if is_key_frame {
            self.pictures.clear();
        }
        match picture {
            Some(picture) if is_key_frame || self.has_room() => {
                self.pictures.push(picture);
            }
            _ => self.pictures.clear(),
        }
    }

    /// Whether a picture that is no key frame would be kept.
    fn has_room(&self) -> bool {
        (1..MAX_RECENT).contains(&self.pictures.len())
    }

    /// What somebody has to be given who has had everything before picture `from`, or
    /// nothing yet; none if a key frame has to be awaited.
    fn since(&self, from: Option<u64>) -> Option<Vec<Item>> {
        let first = self.next - self.pictures.len() as u64;
        let skip = match from {
            Some(from) if from == self.next => return Some(Vec::new()),
            Some(from) => from.saturating_sub(first),
            None => 0,
        };
        let missing = self.pictures.get(usize::try_from(skip).ok()?..)?;
        (!missing.is_empty()).then(|| missing.to_vec())
    }
}

#[derive(Debug)]
struct Consumer {
    outlet: Outlet,
    /// Of a viewer.
    gate: Option<Arc<Gate>>,
    needs_key_frame: AtomicBool,
    /// A key frame came too late to begin with: what had been sent from elsewhere was newer.
    came_late: AtomicBool,
    pushed: AtomicU64,
    dropped: AtomicU64,
}

/// How buffers reach a consumer.
#[derive(Debug, Clone)]
pub(crate) enum Outlet {
    /// Set up by [`Fanout::configure`], and started: one that is not running refuses buffers.
    Pipeline(gst_app::AppSrc),
    /// Encoded pictures or sound of a viewer.
    Rtp(transmitter::Outlet),
}

/// The connection of one consumer to a [`Fanout`]; ends when dropped.
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
            shared: Mutex::new(Shared {
                consumers: Arc::from([]),
                recent: Recent::default(),
            }),
            upstream: Mutex::new(None),
            requests: Mutex::new(KeyFrameRequests::new()),
            epoch: Instant::now(),
            latest: Mutex::new(None),
        }))
    }

    /// Makes `appsink` the source, in place of any earlier one.
    pub(crate) fn attach(&self, appsink: &gst_app::AppSink) {
        let weak = Arc::downgrade(&self.0);
        let is_encoded = self.0.flow == Flow::Encoded;
        // For caps of this name; none where nothing is to be cut.
        let mut packetizer: (String, Option<Packetizer>) = Default::default();
        appsink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Flushing)?;
                    if let Some(inner) = weak.upgrade() {
                        let caps = sample.caps().filter(|_| is_encoded);
                        if let Some(caps) = caps
                            && let Some(name) = caps.structure(0).map(|s| s.name())
                            && packetizer.0 != name.as_str()
                        {
                            packetizer = (name.to_string(), Packetizer::of(caps));
                        }
                        let frame = packetizer.1.as_mut().and_then(|p| p.cut(&sample));
                        Fanout(inner).distribute(&Item { sample, frame });
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

    /// Adds a consumer. A viewer gets what goes through its gate; one who has had pictures
    /// from elsewhere goes on with the next key frame.
    pub(crate) fn link(&self, outlet: &Outlet, gate: Option<&Arc<Gate>>) -> Link {
        let weak = Arc::downgrade(&self.0);
        let probe = outlet.pad().and_then(|pad| {
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

        let goes_on = gate.is_some_and(|gate| gate.has_begun());
        let consumer = Arc::new(Consumer {
            outlet: outlet.clone(),
            gate: gate.cloned(),
            needs_key_frame: AtomicBool::new(self.0.flow == Flow::Encoded),
            came_late: AtomicBool::new(false),
            pushed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        });
        let starts = match self.0.flow {
            Flow::Encoded if !goes_on => self.catch_up(&consumer),
            Flow::Encoded | Flow::Pictures | Flow::Sound => {
                locked(&self.0.shared).add(&consumer);
                false
            }
        };
        match self.0.flow {
            Flow::Encoded if starts => {}
            Flow::Encoded if consumer.wants_key_frame() => self.request_key_frame(),
            Flow::Encoded => {}
            Flow::Pictures => {
                let latest = locked(&self.0.latest).clone();
                if let (Some(sample), Outlet::Pipeline(appsrc)) = (latest, outlet) {
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

    /// Adds a consumer. True if it has been given a key frame and all that came since.
    fn catch_up(&self, consumer: &Arc<Consumer>) -> bool {
        let mut seen = None;
        let mut has_all = true;
        loop {
            let missing = {
                let mut shared = locked(&self.0.shared);
                let missing = shared.recent.since(seen);
                if !has_all || missing.as_ref().is_none_or(Vec::is_empty) {
                    let starts = has_all && missing.is_some();
                    consumer.needs_key_frame.store(!starts, Ordering::Relaxed);
                    shared.add(consumer);
                    return starts;
                }
                seen = Some(shared.recent.next);
                missing
            };
            // Not under the lock; what is distributed meanwhile is fetched in the next round.
            for item in missing.into_iter().flatten() {
                has_all = has_all && consumer.push(&item);
            }
        }
    }

    /// Lets go of the newest picture.
    pub(crate) fn forget(&self) {
        let _old = locked(&self.0.latest).take();
        let _recent = std::mem::take(&mut locked(&self.0.shared).recent.pictures);
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

    fn distribute(&self, item: &Item) {
        let Some(buffer) = item.sample.buffer() else {
            return;
        };
        match self.0.flow {
            Flow::Sound => {}
            Flow::Pictures => {
                let _old = locked(&self.0.latest).replace(item.sample.clone());
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
        let consumers = self.0.next(item, buffer);
        let mut key_frame_wanted = false;
        for consumer in consumers.iter() {
            key_frame_wanted |= consumer.offer(item, buffer, self.0.flow);
        }
        if key_frame_wanted {
            self.request_key_frame();
        }
    }
}

impl Inner {
    /// Keeps a picture for newcomers. Gives those who are there.
    fn next(&self, item: &Item, buffer: &gst::BufferRef) -> Arc<[Arc<Consumer>]> {
        let is_picture = self.flow == Flow::Encoded
            && item
                .sample
                .caps()
                .and_then(|caps| caps.structure(0))
                .is_some_and(|structure| structure.name().starts_with("video/"));
        if !is_picture {
            return locked(&self.shared).consumers.clone();
        }
        let is_key_frame = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let keep = is_key_frame || locked(&self.shared).recent.has_room();
        // A copy: an encoder in hardware has few buffers, and waits for them.
        let copy = keep.then(|| copied(item, buffer)).flatten();
        let mut shared = locked(&self.shared);
        shared.recent.add(copy, is_key_frame);
        shared.consumers.clone()
    }
}

fn copied(item: &Item, buffer: &gst::BufferRef) -> Option<Item> {
    let buffer = buffer.copy_deep().ok()?;
    let caps = item.sample.caps_owned();
    Some(Item {
        sample: gst::Sample::builder()
            .buffer(&buffer)
            .caps_if_some(caps.as_ref())
            .segment_if_some(item.sample.segment())
            .build(),
        frame: item.frame.clone(),
    })
}

impl Outlet {
    /// The pad against whose stream key frames are asked for.
    fn pad(&self) -> Option<gst::Pad> {
        match self {
            Self::Pipeline(appsrc) => appsrc.static_pad("src"),
            Self::Rtp(_) => None,
        }
    }

    fn readiness(&self) -> Readiness {
        match self {
            Self::Pipeline(appsrc) if appsrc.current_level_buffers() >= MAX_WAITING => {
                Readiness::Full
            }
            Self::Pipeline(_) => Readiness::Open,
            Self::Rtp(outlet) => outlet.readiness(),
        }
    }

    /// Whether two pictures of the same moment, of two encodings, can be sent one after the other.
    const fn tells_moments_apart(&self) -> bool {
        match self {
            Self::Pipeline(_) => false,
            Self::Rtp(_) => true,
        }
    }

    /// False if it did not take it.
    fn push(&self, item: &Item) -> bool {
        match self {
            // Fails while the consumer's pipeline stops: it is about to unlink.
            Self::Pipeline(appsrc) => appsrc.push_sample(&item.sample).is_ok(),
            Self::Rtp(outlet) => item.frame.as_ref().is_some_and(|f| outlet.send(f)),
        }
    }
}

impl Shared {
    fn add(&mut self, consumer: &Arc<Consumer>) {
        self.consumers = self
            .consumers
            .iter()
            .cloned()
            .chain([consumer.clone()])
            .collect();
    }
}

impl Consumer {
    /// Gives the consumer one buffer, or counts it as dropped. True if the consumer
    /// waits for a key frame.
    fn offer(&self, item: &Item, buffer: &gst::BufferRef, flow: Flow) -> bool {
        if flow == Flow::Encoded {
            let is_delta = buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
            let size = buffer.size();
            let readiness = self.outlet.readiness();
            if readiness == Readiness::Superseded {
                return false;
            }
            if let Some(gate) = &self.gate {
                gate.count(size);
            }
            if readiness == Readiness::Full {
                self.needs_key_frame.store(true, Ordering::Relaxed);
                self.dropped.fetch_add(1, Ordering::Relaxed);
                // Asking now would only add to what cannot be taken.
                return false;
            }
            let waits = self.needs_key_frame.load(Ordering::Relaxed);
            let again = self.outlet.tells_moments_apart();
            let is_welcome = match &self.gate {
                _ if waits && is_delta => false,
                Some(gate) if waits && !gate.goes_on_with(&item.sample, again) => {
                    self.came_late.store(true, Ordering::Relaxed);
                    false
                }
                Some(gate) => gate.admits(size, !is_delta),
                None => true,
            };
            if !is_welcome {
                self.needs_key_frame.store(true, Ordering::Relaxed);
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return self.wants_key_frame();
            }
            // A wish that comes right now is for one after this buffer.
            if waits {
                self.needs_key_frame.store(false, Ordering::Relaxed);
            }
        }
        if self.push(item) || flow != Flow::Encoded {
            return false;
        }
        if self.outlet.readiness() == Readiness::Superseded {
            return false;
        }
        // What follows would be shown as if nothing were missing.
        self.needs_key_frame.store(true, Ordering::Relaxed);
        self.wants_key_frame()
    }

    /// Whether one may be asked for on its behalf.
    fn wants_key_frame(&self) -> bool {
        self.gate.as_ref().is_none_or(|gate| gate.wants_key_frame())
    }

    /// False if it was not taken.
    fn push(&self, item: &Item) -> bool {
        let taken = self.outlet.push(item);
        if taken && let Some(gate) = &self.gate {
            gate.sent(&item.sample);
        }
        let counter = match taken {
            true => &self.pushed,
            false => &self.dropped,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        taken
    }
}

impl Link {
    /// Buffers handed over so far.
    pub(crate) fn pushed(&self) -> u64 {
        self.consumer.pushed.load(Ordering::Relaxed)
    }

    /// Nothing more is handed over before the next key frame, which is asked for when the next
    /// buffer comes.
    pub(crate) fn wait_for_key_frame(&self) {
        self.consumer.needs_key_frame.store(true, Ordering::Relaxed);
    }

    /// Whether it had a key frame with which it could not begin, because something newer had been
    /// sent already.
    pub(crate) fn came_late(&self) -> bool {
        self.consumer.came_late.load(Ordering::Relaxed)
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
            let mut shared = locked(&self.fanout.0.shared);
            shared.consumers = shared
                .consumers
                .iter()
                .filter(|other| !Arc::ptr_eq(other, &self.consumer))
                .cloned()
                .collect();
        }
        if let (Some(pad), Some(probe)) = (self.consumer.outlet.pad(), self.probe.take()) {
            pad.remove_probe(probe);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Option<Item> {
        gst::init().expect("GStreamer");
        Some(Item {
            sample: gst::Sample::builder().build(),
            frame: None,
        })
    }

    fn after(key_frames: &[bool]) -> Recent {
        let mut recent = Recent::default();
        for is_key_frame in key_frames {
            recent.add(picture(), *is_key_frame);
        }
        recent
    }

    fn given(recent: &Recent, from: Option<u64>) -> Option<usize> {
        recent.since(from).map(|pictures| pictures.len())
    }

    #[test]
    fn a_newcomer_gets_the_key_frame_and_what_came_since() {
        assert_eq!(given(&after(&[false, true, false, false]), None), Some(3));
    }

    #[test]
    fn without_a_recent_key_frame_a_newcomer_waits() {
        assert_eq!(given(&after(&[]), None), None);
        assert_eq!(given(&after(&[false, false]), None), None);
        let mut long_ago = vec![true];
        long_ago.resize(MAX_RECENT + 1, false);
        let mut recent = after(&long_ago);
        assert_eq!(given(&recent, None), None);
        assert!(!recent.has_room());
        recent.add(picture(), true);
        assert_eq!(given(&recent, None), Some(1));
    }

    #[test]
    fn who_has_caught_up_is_given_nothing_and_waits_for_nothing() {
        let recent = after(&[true, false]);
        assert_eq!(given(&recent, Some(recent.next)), Some(0));
        let resting = after(&[]);
        assert_eq!(given(&resting, Some(resting.next)), Some(0));
    }

    #[test]
    fn who_lags_behind_is_given_the_rest_or_a_new_beginning() {
        let mut recent = after(&[true, false]);
        let seen = recent.next;
        recent.add(picture(), false);
        assert_eq!(given(&recent, Some(seen)), Some(1));
        recent.add(picture(), true);
        recent.add(picture(), false);
        assert_eq!(
            given(&recent, Some(seen)),
            Some(2),
            "from the newer key frame on"
        );
    }

    #[test]
    fn who_lags_behind_too_far_waits_for_a_key_frame() {
        let mut recent = after(&[true]);
        let seen = recent.next;
        for _ in 0..2 * MAX_RECENT {
            recent.add(picture(), false);
        }
        assert_eq!(given(&recent, Some(seen)), None);
    }
}
