//! GObject glue of the source.
//!
//! Locks: `running` is a leaf, held to copy what is in it.

use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;
use gst_base::subclass::prelude::*;

use super::messages::Stamper;
use crate::CAT;
use crate::serial::herald::{self, Herald};
use crate::serial::port::{Heard, News, Outlet, Phase, Port, SourceSide, State};
use crate::serial::properties::{self, Given};
use crate::serial::setup::{Receiving, SetupError, device};

/// Buffers that are pushed together, at most.
const MOST_AT_ONCE: usize = 256;

/// The implementation of the element.
#[derive(Default)]
pub struct SerialSrc {
    given: Given,
    running: Mutex<Option<Running>>,
}

/// What there is between start and stop.
#[derive(Clone)]
struct Running {
    port: Arc<Port>,
    outlet: Arc<Outlet>,
    device: String,
    caps: gst::Caps,
    /// Caps of the reference time stamps.
    unix: gst::Caps,
    /// Events that go before the next buffer.
    events: Arc<Mutex<VecDeque<gst::Event>>>,
    state: Arc<Mutex<Option<State>>>,
    _herald: Arc<Herald>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[glib::object_subclass]
impl ObjectSubclass for SerialSrc {
    const NAME: &'static str = "GstSerialSrc";
    type Type = super::SerialSrc;
    type ParentType = gst_base::PushSrc;
}

impl ObjectImpl for SerialSrc {
    fn constructed(&self) {
        self.parent_constructed();
        let element = self.obj();
        element.set_live(true);
        element.set_format(gst::Format::Time);
        element.set_do_timestamp(false);
    }

    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> =
            LazyLock::new(|| [properties::common(), properties::of_source()].concat());
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

impl GstObjectImpl for SerialSrc {}

impl ElementImpl for SerialSrc {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Serial port source",
                "Source/Hardware",
                "Messages of an instrument on a serial port, one buffer each. PTS is the time at \
                 which the first byte came, and a reference time stamp (timestamp/x-unix, \
                 nanoseconds since 1970 UTC) tells the host's time then. The device may be \
                 unplugged and comes back by itself. Element messages serial-state (device, \
                 state open or waiting, text) tell of it",
                "The Periscope authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = gst::Caps::builder("application/x-instrument")
                .field(
                    "framing",
                    gst::List::new([
                        "raw",
                        "line",
                        "delimiter",
                        "fixed",
                        "idle-gap",
                        "slip",
                        "cobs",
                    ]),
                )
                .field("text", gst::List::new([false, true]))
                .build();
            gst::PadTemplate::new(
                "src",
                gst::PadDirection::Src,
                gst::PadPresence::Always,
                &caps,
            )
            .into_iter()
            .collect()
        });
        &TEMPLATES
    }
}

impl BaseSrcImpl for SerialSrc {
    fn start(&self) -> Result<(), gst::ErrorMessage> {
        self.open().map_err(|error| error.to_message())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        let running = locked(&self.running).take();
        if let Some(running) = running {
            running.port.detach_source();
        }
        Ok(())
    }

    fn is_seekable(&self) -> bool {
        false
    }

    fn caps(&self, filter: Option<&gst::Caps>) -> Option<gst::Caps> {
        let Some(running) = self.running() else {
            return self.parent_caps(filter);
        };
        Some(match filter {
            Some(filter) => {
                filter.intersect_with_mode(&running.caps, gst::CapsIntersectMode::First)
            }
            None => running.caps,
        })
    }

    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        if let Some(running) = self.running() {
            running.outlet.set_flushing(true);
        }
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        if let Some(running) = self.running() {
            running.outlet.set_flushing(false);
        }
        Ok(())
    }
}

impl PushSrcImpl for SerialSrc {
    fn create(
        &self,
        _buffer: Option<&mut gst::BufferRef>,
    ) -> Result<CreateSuccess, gst::FlowError> {
        let running = self.running().ok_or(gst::FlowError::Flushing)?;
        let element = self.obj();
        let pad = element.static_pad("src").ok_or(gst::FlowError::Error)?;
        loop {
            let events: Vec<gst::Event> = locked(&running.events).drain(..).collect();
            for event in events {
                pad.push_event(event);
            }
            let messages = match running.outlet.take(MOST_AT_ONCE) {
                Some(Heard::Messages(messages)) => messages,
                Some(Heard::State(state)) => {
                    let structure = herald::state_structure(&running.device, &state);
                    pad.push_event(gst::event::CustomDownstreamSticky::new(structure));
                    continue;
                }
                None => return Err(gst::FlowError::Flushing),
            };
            let stamper = Stamper::new(element.upcast_ref(), &running.unix);
            let mut buffers = messages.into_iter().map(|message| stamper.buffer(message));
            return match (buffers.next(), buffers.len()) {
                (Some(only), 0) => Ok(CreateSuccess::NewBuffer(only)),
                (Some(first), _) => Ok(CreateSuccess::NewBufferList(
                    std::iter::once(first).chain(buffers).collect(),
                )),
                (None, _) => continue,
            };
        }
    }
}

impl SerialSrc {
    fn running(&self) -> Option<Running> {
        locked(&self.running).clone()
    }

    fn open(&self) -> Result<(), SetupError> {
        let receiving = Receiving::new(&self.given)?;
        let (device, port) = device(&self.given)?;
        let outlet = Arc::<Outlet>::default();
        let state = Arc::<Mutex<Option<State>>>::default();
        let (herald, news) = {
            let element = self.obj().downgrade();
            let (device, state) = (device.clone(), state.clone());
            Herald::start(move |news| {
                let Some(element) = element.upgrade() else {
                    return;
                };
                let before = match &news {
                    News::State(new) => locked(&state).replace(new.clone()),
                    // The sink tells, which has the string.
                    News::Safe { .. } | News::Unguarded(_) => return,
                    _ => None,
                };
                herald::post(element.upcast_ref(), &device, &news, before.as_ref());
            })?
        };
        let caps = gst::Caps::builder("application/x-instrument")
            .field("framing", receiving.mode.nick())
            .field("text", receiving.mode.is_text())
            .build();
        let opened = port.attach_source(SourceSide {
            wishes: receiving.line,
            framer: receiving.framer,
            init: receiving.init,
            polls: receiving.polls,
            pacing: receiving.pacing,
            outlet: outlet.clone(),
            news,
        })?;
        gst::debug!(CAT, imp = self, "{device}: {opened:?}");
        if opened.phase == Phase::Waiting && self.given.get::<bool>("required") == Some(true) {
            port.detach_source();
            return Err(SetupError::NotThere(opened.text));
        }
        let mut events = VecDeque::new();
        if let Some((name, json)) = &receiving.profile {
            let structure = herald::profile_structure(name, json);
            events.push_back(gst::event::CustomDownstreamSticky::new(structure));
        }
        *locked(&self.running) = Some(Running {
            port,
            outlet,
            device,
            caps,
            unix: gst::Caps::new_empty_simple("timestamp/x-unix"),
            events: Arc::new(Mutex::new(events)),
            state,
            _herald: Arc::new(herald),
        });
        Ok(())
    }

    fn statistics(&self) -> gst::Structure {
        let builder = gst::Structure::builder("serialsrc-stats");
        let Some(running) = self.running() else {
            return builder.build();
        };
        let counters = running.port.counters();
        let state = locked(&running.state).clone();
        builder
            .field("bytes", counters.bytes_in.get())
            .field("messages", counters.messages.get())
            .field("overlong", counters.overlong.get())
            .field("bad", counters.bad.get())
            .field("dropped", running.outlet.dropped())
            .field("reconnects", counters.reconnects.get())
            .field(
                "state",
                state.map_or("waiting", |state| herald::word(state.phase)),
            )
            .build()
    }
}
