//! GObject glue of the sink.
//!
//! Locks: all are leaves, held to copy what is in them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;

use crate::CAT;
use crate::serial::herald::{self, Herald};
use crate::serial::packing::Packing;
use crate::serial::port::{Command, News, Outcome, Phase, Port, SinkSide, State, Ticket};
use crate::serial::properties::{self, Given};
use crate::serial::setup::{ProfileText, Sending, SetupError, device};
use crate::serial::transmit::Transmission;

/// The implementation of the element.
#[derive(Default)]
pub struct SerialSink {
    given: Given,
    running: Mutex<Option<Arc<Running>>>,
    /// The streaming thread waits for the other end of this.
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    flushing: bool,
    outcome: Option<Sender<Outcome>>,
}

/// What there is between start and stop.
struct Running {
    port: Arc<Port>,
    packing: Packing,
    max_message: usize,
    transmission: Transmission,
    profile: Option<ProfileText>,
    known: Arc<Known>,
    /// Buffers that were too long.
    refused: Mutex<u64>,
    /// The stream is at its end: nobody could stop what begins now.
    ended: AtomicBool,
    /// Somebody was told that the instrument cannot be keyed.
    told_unkeyed: AtomicBool,
    _herald: Herald,
}

/// What those upstream are told of the instrument.
struct Known {
    device: String,
    /// Patterns of commands that end a transmission.
    ends: Vec<String>,
    /// Whether it can be keyed by talking.
    keys: bool,
    state: Mutex<Option<State>>,
}

impl Known {
    /// The structure of the event `instrument-state`, as it goes upstream.
    fn structure(&self, state: &State) -> gst::Structure {
        let mut structure = herald::state_structure(&self.device, state);
        structure.set("ends", gst::Array::new(&self.ends));
        structure.set("keys", self.keys);
        structure
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[glib::object_subclass]
impl ObjectSubclass for SerialSink {
    const NAME: &'static str = "GstSerialSink";
    type Type = super::SerialSink;
    type ParentType = gst_base::BaseSink;
}

impl ObjectImpl for SerialSink {
    fn constructed(&self) {
        self.parent_constructed();
        let element = self.obj();
        // Commands are written when they come.
        element.set_sync(false);
        element.set_property("async", false);
        element.set_property("enable-last-sample", false);
        element.set_property("qos", false);
        if let Some(pad) = element.static_pad("sink") {
            let sink = element.downgrade();
            pad.connect_linked(move |_, _| {
                if let Some(sink) = sink.upgrade() {
                    sink.imp().introduce();
                }
            });
            // Who sent the commands can no longer tell that the instrument is to be made safe.
            let sink = element.downgrade();
            pad.connect_unlinked(move |_, _| {
                if let Some(sink) = sink.upgrade()
                    && let Some(running) = sink.imp().running()
                {
                    let reason = "nothing is linked to the sink any more".to_owned();
                    drop(running.port.make_safe(reason, 0));
                }
            });
        }
    }

    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> =
            LazyLock::new(|| [properties::common(), properties::of_sink()].concat());
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.given.set(pspec, value);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => self.statistics().to_value(),
            _ => self.given.value(pspec),
        }
    }
}

impl GstObjectImpl for SerialSink {}

impl ElementImpl for SerialSink {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Serial port sink",
                "Sink/Hardware",
                "Commands for an instrument on a serial port, one in each buffer. Makes the \
                 instrument safe when the pipeline ends or fails, when the process is killed or stopped, \
                 and when the event instrument-safe says so. The event instrument-talk (on) \
                 keys a transmitter. Buffers that come while the port is not there are \
                 dropped. Element messages: serial-state (device, state open \
                 or waiting, text), serial-safe (device, reason)",
                "The Periscope authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            gst::PadTemplate::new(
                "sink",
                gst::PadDirection::Sink,
                gst::PadPresence::Always,
                &gst::Caps::new_any(),
            )
            .into_iter()
            .collect()
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        // Not in BaseSinkImpl::start and stop, which are at the edges of NULL: a port is not
        // kept in READY, and READY is safe.
        if transition == gst::StateChange::ReadyToPaused {
            self.open().map_err(|error| {
                self.post_error_message(error.to_message());
                gst::StateChangeError
            })?;
        }
        if transition == gst::StateChange::PlayingToPaused
            && let Some(running) = self.running()
        {
            running.port.talk(false, None);
        }
        let success = self.parent_change_state(transition);
        match transition {
            // Upstream was not ready for events before.
            gst::StateChange::PausedToPlaying => self.introduce(),
            gst::StateChange::PausedToReady => self.close(),
            gst::StateChange::ReadyToPaused if success.is_err() => self.close(),
            _ => {}
        }
        success
    }
}

impl BaseSinkImpl for SerialSink {
    fn render(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let running = self.running().ok_or(gst::FlowError::Flushing)?;
        let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        if map.len() > running.max_message {
            *locked(&running.refused) += 1;
            gst::warning!(
                CAT,
                imp = self,
                "a buffer of {} bytes is dropped",
                map.len()
            );
            return Ok(gst::FlowSuccess::Ok);
        }
        if map.is_empty() {
            return Ok(gst::FlowSuccess::Ok);
        }
        let (outcome, waiting) = channel();
        locked(&self.waiting).outcome = Some(outcome.clone());
        running.port.command(Command {
            bytes: running.packing.pack(&map),
            number: Some(buffer.offset()).filter(|offset| !matches!(offset, 0 | &u64::MAX)),
            transmits: running.transmission.effect(&map),
            ticket: Ticket::new(outcome),
        });
        let result = self.wait_for(&waiting);
        locked(&self.waiting).outcome = None;
        result
    }

    fn event(&self, event: gst::Event) -> bool {
        let running = self.running();
        match (event.view(), &running) {
            (gst::EventView::Eos(_), Some(running)) => {
                running.ended.store(true, Ordering::Release);
                running
                    .port
                    .make_safe_and_wait("the stream has ended".to_owned());
            }
            (gst::EventView::StreamStart(_), Some(running)) => {
                running.ended.store(false, Ordering::Release);
                running.port.new_stream();
                self.introduce();
            }
            (gst::EventView::CustomDownstreamOob(custom), Some(running)) => {
                if let Some(structure) = custom.structure() {
                    self.hear(running, structure);
                }
            }
            _ => {}
        }
        self.parent_event(event)
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        if let gst::QueryView::Custom(custom) = query.view()
            && custom
                .structure()
                .is_some_and(|structure| structure.name() == "instrument-introduction")
        {
            self.introduce();
            return true;
        }
        BaseSinkImplExt::parent_query(self, query)
    }

    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        let mut waiting = locked(&self.waiting);
        waiting.flushing = true;
        if let Some(outcome) = &waiting.outcome {
            let _ = outcome.send(Outcome::Flushed);
        }
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        locked(&self.waiting).flushing = false;
        Ok(())
    }
}

impl SerialSink {
    /// Waits until a command is written or dropped, also over pauses: it is on its way, and is
    /// not sent a second time.
    fn wait_for(&self, outcome: &Receiver<Outcome>) -> Result<gst::FlowSuccess, gst::FlowError> {
        loop {
            // Whoever began to flush before this could wake nobody.
            if locked(&self.waiting).flushing {
                self.obj().wait_preroll()?;
            }
            match outcome.recv() {
                Ok(Outcome::Flushed) => {}
                Ok(Outcome::Written | Outcome::Dropped) | Err(_) => {
                    return Ok(gst::FlowSuccess::Ok);
                }
            }
        }
    }

    fn running(&self) -> Option<Arc<Running>> {
        locked(&self.running).clone()
    }

    /// An order from upstream, ahead of the commands.
    fn hear(&self, running: &Running, structure: &gst::StructureRef) {
        match structure.name().as_str() {
            "instrument-safe" => {
                let reason = structure.get::<String>("reason").unwrap_or_default();
                let after = structure.get::<u64>("after").unwrap_or_default();
                gst::info!(CAT, imp = self, "to be made safe: {reason}");
                // Done at once; nobody need wait here.
                drop(running.port.make_safe(reason, after));
            }
            "instrument-talk" if !running.known.keys => self.tell_unkeyed(running),
            "instrument-talk" => {
                let on = structure.get::<bool>("on").unwrap_or(false);
                let number = structure.get::<u64>("number").ok();
                // As commands, which wait or are no more.
                let plays = self.obj().current_state() == gst::State::Playing
                    && !running.ended.load(Ordering::Acquire);
                if plays || !on {
                    running.port.talk(on, number.filter(|number| *number > 0));
                }
            }
            _ => {}
        }
    }

    /// Tells once that the instrument cannot be keyed.
    fn tell_unkeyed(&self, running: &Running) {
        if !running.told_unkeyed.swap(true, Ordering::AcqRel) {
            gst::element_imp_warning!(
                self,
                gst::ResourceError::Settings,
                ("The instrument cannot be keyed by talking: set talk-start or talk-line")
            );
        }
    }

    fn open(&self) -> Result<(), SetupError> {
        let sending = Sending::new(&self.given)?;
        let (device, port) = device(&self.given)?;
        let known = Arc::new(Known {
            device: device.clone(),
            ends: sending.transmission.ends(),
            keys: sending.keying.is_possible(),
            state: Mutex::default(),
        });
        let (herald, news) = {
            let element = self.obj().downgrade();
            let known = known.clone();
            Herald::start(move |news| {
                if let Some(element) = element.upgrade() {
                    tell(&element, &known, &news);
                }
            })?
        };
        let opened = port.attach_sink(SinkSide {
            wishes: sending.line,
            pacing: sending.pacing,
            safe_string: sending.safe_string,
            max_transmit: sending.max_transmit,
            keying: sending.keying,
            news,
        })?;
        gst::debug!(CAT, imp = self, "{device}: {opened:?}");
        if opened.phase == Phase::Waiting && self.given.get::<bool>("required") == Some(true) {
            port.detach_sink();
            return Err(SetupError::NotThere(opened.text));
        }
        // The herald may have been faster.
        locked(&known.state).get_or_insert(opened);
        *locked(&self.running) = Some(Arc::new(Running {
            port,
            packing: sending.packing,
            max_message: sending.max_message,
            transmission: sending.transmission,
            profile: sending.profile,
            known,
            refused: Mutex::default(),
            ended: AtomicBool::new(false),
            told_unkeyed: AtomicBool::new(false),
            _herald: herald,
        }));
        Ok(())
    }

    fn close(&self) {
        let running = locked(&self.running).take();
        if let Some(running) = running {
            running.port.detach_sink();
        }
    }

    /// Tells those upstream what there is at this end.
    fn introduce(&self) {
        let Some(running) = self.running() else {
            return;
        };
        let Some(pad) = self.obj().static_pad("sink") else {
            return;
        };
        if let Some((name, json)) = &running.profile {
            let structure = herald::profile_structure(name, json);
            pad.push_event(gst::event::CustomUpstream::new(structure));
        }
        let state = locked(&running.known.state).clone();
        if let Some(state) = state {
            let structure = running.known.structure(&state);
            pad.push_event(gst::event::CustomUpstream::new(structure));
        }
    }

    fn statistics(&self) -> gst::Structure {
        let builder = gst::Structure::builder("serialsink-stats");
        let Some(running) = self.running() else {
            return builder.build();
        };
        let counters = running.port.counters();
        let refused = *locked(&running.refused);
        let state = locked(&running.known.state).clone();
        builder
            .field("bytes", counters.bytes_out.get())
            .field("messages", counters.commands.get())
            .field("dropped", counters.dropped.get() + refused)
            .field("safes", counters.safes.get())
            .field("reconnects", counters.reconnects.get())
            .field(
                "state",
                state.map_or("waiting", |state| herald::word(state.phase)),
            )
            .build()
    }
}

/// Tells the bus, and those upstream, what has happened.
fn tell(element: &super::SerialSink, known: &Known, news: &News) {
    let (before, structure) = match news {
        News::State(state) => (
            locked(&known.state).replace(state.clone()),
            Some(known.structure(state)),
        ),
        News::Safe { reason, own: true } => (
            None,
            Some(
                gst::Structure::builder("instrument-safe")
                    .field("reason", reason)
                    .build(),
            ),
        ),
        News::Transmitting(on) => (
            None,
            Some(
                gst::Structure::builder("instrument-transmit")
                    .field("on", *on)
                    .build(),
            ),
        ),
        // The source tells.
        News::Overlong => return,
        News::Safe { .. } | News::NotKeyed(_) | News::Unguarded(_) => (None, None),
    };
    if let (Some(structure), Some(pad)) = (structure, element.static_pad("sink")) {
        pad.push_event(gst::event::CustomUpstream::new(structure));
    }
    herald::post(element.upcast_ref(), &known.device, news, before.as_ref());
}
