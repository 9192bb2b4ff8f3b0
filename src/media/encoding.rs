//! One running encoder, shared by all viewers of one stream and codec.
//!
//! ```text
//! Fanout (input) ─▸ appsrc ─ [decoder] ─ convert ─ encoder ─ appsink ─▸ Fanout (output)
//! ```
//!
//! It is a pipeline of its own, on the clock of the user's pipeline: an encoder that
//! fails, stalls or is slow to start harms nobody, and the next recipe is tried.
//!
//! Locks: `worker` is a leaf; pipelines are started, set and stopped outside it.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use anyhow::Context;
use gst::prelude::*;

use super::codec::Codec;
use super::elements;
use super::encoders::{self, Recipe};
use super::fanout::{Fanout, Flow, Link, Outlet};
use super::input::State;
use super::stream::tuning;
use super::{Settings, Timing};
use crate::congestion::audience::Size;

/// Called, with a text for the user, when an encoder had to be given up.
pub(crate) type OnTrouble = Arc<dyn Fn(String) + Send + Sync>;

/// What to encode from and how; fixed for the life of an [`Encoding`].
pub(crate) struct Plan {
    pub(crate) stream: String,
    pub(crate) codec: Codec,
    pub(crate) size: Size,
    pub(crate) source: State,
    pub(crate) settings: Settings,
    pub(crate) timing: Timing,
    pub(crate) on_trouble: OnTrouble,
}

/// A shared encoder; stops when the last viewer drops it.
pub(crate) struct Encoding {
    plan: Plan,
    output: Fanout,
    /// The bitrate that is set for it, in kbit/s.
    ceiling: u32,
    /// The bitrate that its viewers' networks take, in kbit/s.
    bitrate: AtomicU32,
    worker: Mutex<Worker>,
}

#[derive(Debug)]
enum Worker {
    /// Made, but nobody has asked it to start.
    Idle,
    /// Some thread is making the pipeline; the number of a recipe that has failed
    /// meanwhile.
    Starting {
        failed: Option<usize>,
    },
    Running(Running),
    /// No recipe works; the text says why.
    Failed(String),
}

#[derive(Debug)]
struct Running {
    pipeline: gst::Pipeline,
    /// Where in the list of recipes this one stands.
    recipe: usize,
    element: &'static str,
    encoder: gst::Element,
    _input: Link,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Encoding {
    /// An encoder that has not been started; costs nothing yet.
    pub(crate) fn new(plan: Plan) -> Self {
        let ceiling = ceiling(&plan);
        Self {
            bitrate: AtomicU32::new(ceiling),
            ceiling,
            plan,
            output: Fanout::new(Flow::Encoded),
            worker: Mutex::new(Worker::Idle),
        }
    }

    /// Where the encoded buffers come out.
    pub(crate) const fn output(&self) -> &Fanout {
        &self.output
    }

    /// The element that encodes at the moment.
    pub(crate) fn element(&self) -> Option<&'static str> {
        match &*self.locked() {
            Worker::Running(running) => Some(running.element),
            _ => None,
        }
    }

    /// The bitrate that is set for it, in kbit/s: it never gets more.
    pub(crate) const fn ceiling(&self) -> u32 {
        self.ceiling
    }

    /// The bitrate that it has, in kbit/s.
    pub(crate) fn bitrate(&self) -> u32 {
        self.bitrate.load(Ordering::Relaxed)
    }

    /// Follows what its viewers' networks take: down at once, up in steps that matter.
    /// Encoders whose bitrate cannot change while they run keep the one they began with.
    pub(crate) fn set_bitrate(&self, kilobits: u32) {
        let now = self.bitrate();
        let matters = kilobits < now
            || kilobits > now + now / 20
            || (kilobits > now && kilobits == self.ceiling());
        if !matters {
            return;
        }
        self.bitrate.store(kilobits, Ordering::Relaxed);
        let encoder = match &*self.locked() {
            Worker::Running(running) => Some((running.encoder.clone(), running.recipe)),
            // Who makes it now has maybe looked already: the next step sets it.
            _ => None,
        };
        if let Some((encoder, recipe)) = encoder
            && let Some((property, unit)) = self.recipes().get(recipe).and_then(|r| r.bitrate)
            && is_changeable(&encoder, property)
        {
            gst::debug!(
                crate::CAT,
                "{}: {} kbit/s ({})",
                self.plan.stream,
                kilobits,
                self.plan.size.as_str()
            );
            elements::set_if_possible(&encoder, property, &(kilobits * unit).to_string());
        }
    }

    fn locked(&self) -> MutexGuard<'_, Worker> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the encoder unless it runs or another thread starts it right now.
    ///
    /// Fails if no encoder of this codec can be started on this machine.
    pub(crate) fn start(self: &Arc<Self>) -> anyhow::Result<()> {
        {
            let mut worker = self.locked();
            match &*worker {
                Worker::Running(_) | Worker::Starting { .. } => return Ok(()),
                Worker::Failed(why) => anyhow::bail!("{why}"),
                Worker::Idle => *worker = Worker::Starting { failed: None },
            }
        }
        self.start_from(0)
    }

    /// Tries the recipes from number `first` on.
    fn start_from(self: &Arc<Self>, first: usize) -> anyhow::Result<()> {
        let recipes = self.recipes();
        let mut problems = Vec::new();
        for (number, recipe) in recipes.iter().enumerate().skip(first) {
            if !elements::exists(recipe.element) {
                continue;
            }
            match self.run(recipe, number) {
                Ok(running) => {
                    gst::info!(
                        crate::CAT,
                        "{}: {} is encoded by {}",
                        self.plan.stream,
                        self.plan.codec,
                        recipe.element
                    );
                    if let Err(running) = self.is_running(running) {
                        drop(running);
                        problems.push(format!("{}: it failed at once", recipe.element));
                        continue;
                    }
                    return Ok(());
                }
                Err(error) => problems.push(format!("{}: {error:#}", recipe.element)),
            }
        }
        let why = if problems.is_empty() {
            let wanted = recipes.last().map_or("x264enc", |recipe| recipe.element);
            format!(
                "no {} encoder is left for {}: “apt install {}” brings {wanted}",
                self.plan.codec,
                self.plan.stream,
                elements::debian_package(wanted)
            )
        } else {
            format!(
                "no {} encoder could be started for {} ({})",
                self.plan.codec,
                self.plan.stream,
                problems.join("; ")
            )
        };
        let _old = std::mem::replace(&mut *self.locked(), Worker::Failed(why.clone()));
        anyhow::bail!("{why}")
    }

    /// Notes that an encoder runs, unless it has failed already; then it is given back.
    fn is_running(&self, running: Running) -> Result<(), Running> {
        let mut worker = self.locked();
        match &mut *worker {
            Worker::Starting { failed } if *failed == Some(running.recipe) => {
                *failed = None;
                Err(running)
            }
            _ => {
                *worker = Worker::Running(running);
                Ok(())
            }
        }
    }

    fn recipes(&self) -> Vec<Recipe> {
        if let Some(name) = &self.plan.settings.video_encoder
            && let Some((codec, recipe)) = encoders::recipe_for(name)
            && codec == self.plan.codec
        {
            return vec![recipe];
        }
        encoders::recipes(self.plan.codec).to_vec()
    }

    /// Makes and starts a pipeline after `recipe`.
    fn run(self: &Arc<Self>, recipe: &Recipe, number: usize) -> anyhow::Result<Running> {
        let (input, decoder) = match &self.plan.source {
            State::Raw { fanout, .. } => (fanout, None),
            State::Encoded {
                fanout,
                caps,
                codec,
            } => {
                let factory = elements::decoder_for(caps).with_context(|| {
                    format!("no decoder for {codec}: “apt install gstreamer1.0-libav” brings one")
                })?;
                (fanout, Some(factory.create().build()?))
            }
            State::Unknown | State::Data => anyhow::bail!("nothing to encode yet"),
        };

        let pipeline = gst::Pipeline::builder()
            .name(format!("encode-{}-{}", self.plan.stream, recipe.element))
            .build();
        let appsrc = gst_app::AppSrc::builder().name("input").build();
        input.configure(&appsrc);
        let encoder = self.encoder(recipe)?;
        let running = encoder.clone();
        let appsink = gst_app::AppSink::builder()
            .name("output")
            .sync(false)
            .async_(false)
            .enable_last_sample(false)
            .qos(false)
            .max_buffers(4)
            .build();

        let mut chain: Vec<gst::Element> = vec![appsrc.clone().upcast()];
        chain.extend(decoder);
        chain.extend(self.conversion(recipe)?);
        chain.push(encoder);
        if self.plan.codec == Codec::H264 {
            chain.push(elements::make("h264parse", &[("config-interval", "-1")])?);
            chain.push(capsfilter(
                "video/x-h264,stream-format=byte-stream,alignment=au",
            )?);
        }
        chain.push(appsink.clone().upcast());
        pipeline.add_many(&chain)?;
        for pair in chain.windows(2) {
            if let [from, to] = pair {
                if from.name().starts_with("encoder") {
                    from.link_filtered(to, &recipe.output.parse::<gst::Caps>()?)?;
                } else {
                    from.link(to)?;
                }
            }
        }

        self.watch(&pipeline, number);
        self.plan.timing.apply(&pipeline);
        self.output.attach(&appsink);
        if let Err(error) = pipeline.set_state(gst::State::Playing) {
            if let Some(bus) = pipeline.bus() {
                bus.unset_sync_handler();
            }
            let _ = pipeline.set_state(gst::State::Null);
            self.output.detach();
            return Err(error).context("it does not start on this machine");
        }
        let link = input.link(&Outlet::Pipeline(appsrc), None);
        Ok(Running {
            pipeline,
            recipe: number,
            element: recipe.element,
            encoder: running,
            _input: link,
        })
    }

    fn encoder(&self, recipe: &Recipe) -> anyhow::Result<gst::Element> {
        let encoder = elements::make(recipe.element, recipe.settings)?;
        encoder.set_property("name", "encoder");
        let settings = &self.plan.settings;
        let picture = Picture::of(&self.plan.source);
        if self.plan.codec == Codec::Opus {
            for (name, value) in tuning(&self.plan.source, settings).encoder_settings() {
                elements::set_if_possible(&encoder, name, &value);
            }
        }
        let kilobits = self.bitrate();
        if let Some((property, unit)) = recipe.bitrate {
            elements::set_if_possible(&encoder, property, &(kilobits * unit).to_string());
        }
        if recipe.element == "v4l2h264enc" {
            // The controls of the V4L2 stateful encoder interface.
            let controls = format!(
                "controls,repeat_sequence_header=1,video_bitrate={},h264_i_frame_period={}",
                kilobits * 1000,
                picture.frames_in(settings.key_frame_interval)
            );
            elements::set_if_possible(&encoder, "extra-controls", &controls);
        }
        if recipe.element == "vp8enc" {
            let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
            let threads = encoders::vpx_threads(picture.width, picture.height, cores);
            elements::set_if_possible(&encoder, "threads", &threads.to_string());
        }
        if let Some(property) = recipe.key_frame_distance {
            let frames = picture.frames_in(settings.key_frame_interval);
            elements::set_if_possible(&encoder, property, &frames.to_string());
        }
        Ok(encoder)
    }

    /// What turns the source's format into one that the encoder takes.
    fn conversion(&self, recipe: &Recipe) -> anyhow::Result<Vec<gst::Element>> {
        if self.plan.codec == Codec::Opus {
            let channels = tuning(&self.plan.source, &self.plan.settings).channels;
            return Ok(vec![
                elements::make("audioconvert", &[])?,
                elements::make("audioresample", &[])?,
                capsfilter(&format!("audio/x-raw,rate=48000,channels={channels}"))?,
            ]);
        }
        // Codecs with 4:2:0 chroma have even sizes only.
        let (width, height) = match self.plan.size {
            Size::Small => {
                let (width, height) = Picture::of(&self.plan.source).half();
                (width.to_string(), height.to_string())
            }
            Size::Main => ("[2,16384,2]".to_owned(), "[2,16384,2]".to_owned()),
        };
        let scale = elements::make("videoscale", &[])?;
        let convert = elements::make("videoconvert", &[("n-threads", "2")])?;
        let format = recipe.raw_format;
        let caps = capsfilter(&format!(
            "video/x-raw,format={format},width={width},height={height}"
        ))?;
        Ok(match self.plan.size {
            Size::Main => vec![convert, scale, caps],
            // There is less to convert in a small picture.
            Size::Small => vec![scale, convert, caps],
        })
    }

    /// Goes on with the next recipe when the encoder fails while it runs.
    fn watch(self: &Arc<Self>, pipeline: &gst::Pipeline, number: usize) {
        let Some(bus) = pipeline.bus() else {
            return;
        };
        let weak: Weak<Self> = Arc::downgrade(self);
        bus.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(error) = message.view()
                && let Some(encoding) = weak.upgrade()
            {
                let text = error.error().to_string();
                // Not from here: this is a thread of the pipeline that has to stop.
                std::thread::spawn(move || encoding.replace(number, &text));
            }
            gst::BusSyncReply::Drop
        });
    }

    fn replace(self: &Arc<Self>, failed: usize, why: &str) {
        let old = {
            let mut worker = self.locked();
            match &mut *worker {
                Worker::Running(running) if running.recipe == failed => {}
                // The thread that starts it goes on with the next.
                Worker::Starting { failed: noted } => {
                    *noted = Some(failed);
                    return;
                }
                // Somebody else has dealt with it.
                _ => return,
            }
            std::mem::replace(&mut *worker, Worker::Starting { failed: None })
        };
        let name = match &old {
            Worker::Running(running) => running.element,
            _ => "encoder",
        };
        drop(old);
        let stream = &self.plan.stream;
        match self.start_from(failed + 1) {
            Ok(()) => (self.plan.on_trouble)(format!(
                "{stream}: {name} failed ({why}); going on with {}",
                self.element().unwrap_or("another encoder")
            )),
            Err(error) => {
                (self.plan.on_trouble)(format!("{stream}: {name} failed ({why}); {error:#}"))
            }
        }
        self.output.request_key_frame();
    }
}

/// The bitrate that is set for an encoding, in kbit/s.
fn ceiling(plan: &Plan) -> u32 {
    match plan.settings.video_bitrate {
        0 => {
            let picture = Picture::of(&plan.source);
            encoders::automatic_bitrate(picture.width, picture.height, picture.frames_per_second)
        }
        set => set,
    }
}

/// Whether a property may change while its element plays, as it says itself; libvpx's
/// encoders take a new bitrate at any time, and do not say so.
fn is_changeable(element: &gst::Element, property: &str) -> bool {
    let is_vpx = element
        .factory()
        .is_some_and(|factory| factory.name() == "vp8enc");
    is_vpx
        || element
            .find_property(property)
            .is_some_and(|spec| spec.flags().contains(gst::PARAM_FLAG_MUTABLE_PLAYING))
}

fn capsfilter(caps: &str) -> anyhow::Result<gst::Element> {
    Ok(gst::ElementFactory::make("capsfilter")
        .property("caps", caps.parse::<gst::Caps>()?)
        .build()?)
}

/// Size and rate of the pictures that a source sends.
struct Picture {
    width: u32,
    height: u32,
    frames_per_second: f64,
}

impl Picture {
    /// From the caps, as far as they tell; else a usual picture.
    fn of(source: &State) -> Self {
        let mut picture = Self {
            width: 1280,
            height: 720,
            frames_per_second: 30.0,
        };
        let (State::Raw { caps, .. } | State::Encoded { caps, .. }) = source else {
            return picture;
        };
        let Some(structure) = caps.structure(0) else {
            return picture;
        };
        if let Ok(width) = structure.get::<i32>("width") {
            picture.width = width.unsigned_abs();
        }
        if let Ok(height) = structure.get::<i32>("height") {
            picture.height = height.unsigned_abs();
        }
        if let Ok(rate) = structure.get::<gst::Fraction>("framerate")
            && rate.numer() > 0
            && rate.denom() > 0
        {
            picture.frames_per_second = f64::from(rate.numer()) / f64::from(rate.denom());
        }
        picture
    }

    /// Half the width and height, even; small pictures stay as they are.
    fn half(&self) -> (u32, u32) {
        let divisor = if self.width >= 160 && self.height >= 120 {
            2
        } else {
            1
        };
        let even = |size: u32| (size / divisor) & !1;
        (even(self.width), even(self.height))
    }

    /// Frames in a time, at least one.
    fn frames_in(&self, time: std::time::Duration) -> u32 {
        // Saturates; an hour at 1000 frames/s is far below.
        (time.as_secs_f64() * self.frames_per_second)
            .round()
            .max(1.0) as u32
    }
}
