//! Where recorded sound enters the user's pipeline: a live source inside of `opussrc`.
//!
//! Lock: `inner` is a leaf, held to move sound; the clock is read outside it.

use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;
use gst_base::subclass::prelude::*;

use crate::opus::card::line;
use crate::opus::intake::{Intake, Step};

/// Between the device's thread and that of the pipeline.
#[derive(Debug)]
pub(super) struct Recorder {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug)]
struct Inner {
    intake: Intake,
    flushing: bool,
}

impl Recorder {
    pub(super) fn new(intake: Intake) -> Self {
        Self {
            inner: Mutex::new(Inner {
                intake,
                flushing: false,
            }),
            changed: Condvar::new(),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what was recorded.
    pub(super) fn record(&self, bytes: Vec<u8>, discontinuous: bool) {
        self.locked().intake.record(bytes, discontinuous);
        self.changed.notify_all();
    }

    /// Time of silence that was put in, and of sound that was lost.
    pub(super) fn silence_and_lost(&self) -> (Duration, Duration) {
        let inner = self.locked();
        (inner.intake.silence, inner.intake.lost)
    }

    fn restart(&self) {
        self.locked().intake.restart();
    }

    fn set_flushing(&self, flushing: bool) {
        self.locked().flushing = flushing;
        self.changed.notify_all();
    }

    /// The next piece; waits for it. None: flushing.
    fn next(&self, now: impl Fn() -> Duration) -> Option<Step> {
        loop {
            let time = now();
            let mut inner = self.locked();
            if inner.flushing {
                return None;
            }
            match inner.intake.next(time) {
                Step::Wait(longest) => {
                    let waited = self.changed.wait_timeout(inner, longest);
                    drop(waited.unwrap_or_else(PoisonError::into_inner));
                }
                piece @ Step::Piece { .. } => return Some(piece),
            }
        }
    }
}

glib::wrapper! {
    /// A live source of 16-bit samples.
    pub(super) struct Inlet(ObjectSubclass<InletImp>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object;
}

impl Inlet {
    pub(super) fn new(recorder: Arc<Recorder>, channels: u32, latency: Duration) -> Self {
        let inlet: Self = glib::Object::new();
        let _ = inlet.imp().feed.set(Feed {
            recorder,
            caps: line::raw("S16LE", channels),
            latency: latency.try_into().unwrap_or(gst::ClockTime::ZERO),
            bytes_per_second: u64::from(line::RATE) * u64::from(channels) * 2,
        });
        inlet
    }
}

/// Set once, when the element is made.
#[derive(Debug)]
struct Feed {
    recorder: Arc<Recorder>,
    caps: gst::Caps,
    latency: gst::ClockTime,
    bytes_per_second: u64,
}

#[derive(Default)]
pub(super) struct InletImp {
    feed: OnceLock<Feed>,
}

#[glib::object_subclass]
impl ObjectSubclass for InletImp {
    const NAME: &'static str = "GstPeriscopeSoundInlet";
    type Type = Inlet;
    type ParentType = gst_base::PushSrc;
}

impl ObjectImpl for InletImp {
    fn constructed(&self) {
        self.parent_constructed();
        let element = self.obj();
        element.set_live(true);
        element.set_format(gst::Format::Time);
        element.set_do_timestamp(false);
    }
}

impl GstObjectImpl for InletImp {}

impl ElementImpl for InletImp {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Sound inlet",
                "Source/Audio",
                "Part of opussrc",
                "The Periscope authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = gst::Caps::new_empty_simple("audio/x-raw");
            let (direction, presence) = (gst::PadDirection::Src, gst::PadPresence::Always);
            let template = gst::PadTemplate::new("src", direction, presence, &caps);
            template.into_iter().collect()
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::PausedToPlaying
            && let Some(feed) = self.feed.get()
        {
            feed.recorder.restart();
        }
        self.parent_change_state(transition)
    }
}

impl BaseSrcImpl for InletImp {
    fn is_seekable(&self) -> bool {
        false
    }

    fn caps(&self, filter: Option<&gst::Caps>) -> Option<gst::Caps> {
        let caps = &self.feed.get()?.caps;
        Some(match filter {
            Some(filter) => filter.intersect_with_mode(caps, gst::CapsIntersectMode::First),
            None => caps.clone(),
        })
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        if let gst::QueryViewMut::Latency(latency) = query.view_mut()
            && let Some(feed) = self.feed.get()
        {
            latency.set(true, feed.latency, gst::ClockTime::NONE);
            return true;
        }
        BaseSrcImplExt::parent_query(self, query)
    }

    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        if let Some(feed) = self.feed.get() {
            feed.recorder.set_flushing(true);
        }
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        if let Some(feed) = self.feed.get() {
            feed.recorder.set_flushing(false);
        }
        Ok(())
    }
}

impl PushSrcImpl for InletImp {
    fn create(
        &self,
        _buffer: Option<&mut gst::BufferRef>,
    ) -> Result<CreateSuccess, gst::FlowError> {
        let feed = self.feed.get().ok_or(gst::FlowError::NotNegotiated)?;
        let element = self.obj();
        let now = || {
            let time = element.current_running_time();
            time.unwrap_or(gst::ClockTime::ZERO).into()
        };
        let Some(Step::Piece {
            bytes,
            begin,
            discontinuous,
        }) = feed.recorder.next(now)
        else {
            return Err(gst::FlowError::Flushing);
        };
        let length = (bytes.len() as u64)
            .mul_div_floor(gst::ClockTime::SECOND.nseconds(), feed.bytes_per_second);
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::try_from(begin).ok());
            buffer.set_duration(length.map(gst::ClockTime::from_nseconds));
            if discontinuous {
                buffer.set_flags(gst::BufferFlags::DISCONT);
            }
        }
        Ok(CreateSuccess::NewBuffer(buffer))
    }
}
