//! GObject glue of the sink.
//!
//! Locks: all are leaves, held to copy what is in them.

use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::loudspeaker::Loudspeaker;
use super::outlet::Outlet;
use crate::opus::card::line::Device;
use crate::opus::holder::{Holder, Refusal};
use crate::opus::playout::Queue;
use crate::opus::properties;
use crate::opus::settings::Settings;

/// The implementation of the element.
#[derive(Default)]
pub struct OpusSink {
    settings: Mutex<Settings>,
    queue: Queue,
    outlet: Mutex<Option<Outlet>>,
    holder: Mutex<Option<Arc<Holder>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[glib::object_subclass]
impl ObjectSubclass for OpusSink {
    const NAME: &'static str = "GstOpusSink";
    type Type = super::OpusSink;
    type ParentType = gst::Bin;
}

impl ObjectImpl for OpusSink {
    fn constructed(&self) {
        self.parent_constructed();
        let element = self.obj();
        element.set_element_flags(gst::ElementFlags::SINK);
        element.set_suppressed_flags(gst::ElementFlags::SINK | gst::ElementFlags::SOURCE);
        if let Some(template) = element.pad_template("sink") {
            let pad = gst::GhostPad::builder_from_template(&template)
                .event_function(|pad, parent, event| {
                    Self::catch_panic_pad_function(
                        parent,
                        || false,
                        |sink| sink.sink_event(pad, event),
                    )
                })
                .query_function(|pad, parent, query| {
                    Self::catch_panic_pad_function(
                        parent,
                        || false,
                        |sink| sink.sink_query(pad, query),
                    )
                })
                .build();
            let _ = element.add_pad(&pad);
        }
    }

    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> =
            LazyLock::new(|| [properties::common(), properties::of_sink()].concat());
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let settings = {
            let mut settings = locked(&self.settings);
            settings.set(pspec.name(), value);
            settings.clone()
        };
        if let Some(outlet) = self.outlet() {
            outlet.voicing.apply(&settings);
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => self.statistics().to_value(),
            "state" => self.holder().map_or("closed", |h| h.state()).to_value(),
            _ => locked(&self.settings).get(pspec),
        }
    }
}

impl GstObjectImpl for OpusSink {}

impl ElementImpl for OpusSink {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Opus sink",
                "Sink/Audio/Decoder/Hardware",
                "Plays Opus or raw sound on a sound card, by PulseAudio, PipeWire or ALSA, as \
                 soon as it comes. Follows the device's clock by resampling; sound that comes \
                 late or in bursts is dropped rather than kept waiting. The device may be \
                 missing or unplugged: sound is discarded until it is back. Element messages: \
                 sound-state (device, state open or waiting, text), level (see level-interval)",
                "The Periscope authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            // Raw first: what need not be encoded is heard sooner.
            let caps = gst::Caps::builder_full()
                .structure(gst::Structure::new_empty("audio/x-raw"))
                .structure(gst::Structure::new_empty("audio/x-opus"))
                .build();
            let (direction, presence) = (gst::PadDirection::Sink, gst::PadPresence::Always);
            let template = gst::PadTemplate::new("sink", direction, presence, &caps);
            template.into_iter().collect()
        });
        &TEMPLATES
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let failed = |refusal: Refusal| {
            self.post_error_message(refusal.to_message());
            gst::StateChangeError
        };
        match transition {
            gst::StateChange::NullToReady => self.build().map_err(failed)?,
            gst::StateChange::ReadyToPaused => self.open().map_err(failed)?,
            // Whoever waits for the end of what is played need not wait any more.
            gst::StateChange::PausedToReady => self.queue.clear(),
            _ => {}
        }
        let success = self.parent_change_state(transition);
        match transition {
            gst::StateChange::PausedToReady => self.close(),
            gst::StateChange::ReadyToPaused if success.is_err() => self.close(),
            gst::StateChange::ReadyToNull => self.dismantle(),
            gst::StateChange::NullToReady if success.is_err() => self.dismantle(),
            _ => {}
        }
        success
    }

    fn send_event(&self, event: gst::Event) -> bool {
        // What the slowest sink of the pipeline needs is no reason to play later here.
        if event.type_() == gst::EventType::Latency {
            return true;
        }
        self.parent_send_event(event)
    }
}

impl BinImpl for OpusSink {
    fn handle_message(&self, message: gst::Message) {
        let level = self
            .outlet()
            .and_then(|outlet| outlet.voicing.level(&message, self.obj().upcast_ref()));
        self.parent_handle_message(level.unwrap_or(message));
    }
}

impl OpusSink {
    fn outlet(&self) -> Option<Outlet> {
        locked(&self.outlet).clone()
    }

    fn holder(&self) -> Option<Arc<Holder>> {
        locked(&self.holder).clone()
    }

    fn sink_event(&self, pad: &gst::GhostPad, event: gst::Event) -> bool {
        match (event.view(), self.outlet()) {
            (gst::EventView::Caps(caps), Some(outlet)) => {
                let way = outlet.way_for(caps.caps(), pad);
                if pad.target() != way && pad.set_target(way.as_ref()).is_err() {
                    return false;
                }
                let mut latency = gst::query::Latency::new();
                let live = !pad.peer_query(&mut latency) || latency.result().0;
                outlet.set_live(live);
            }
            (gst::EventView::FlushStop(_), _) => self.queue.clear(),
            _ => {}
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    /// Both kinds of sound are taken at any time, whichever came last.
    fn sink_query(&self, pad: &gst::GhostPad, query: &mut gst::QueryRef) -> bool {
        match query.view_mut() {
            gst::QueryViewMut::Caps(caps) => {
                let all = pad.pad_template_caps();
                let some = caps
                    .filter_owned()
                    .map(|filter| filter.intersect_with_mode(&all, gst::CapsIntersectMode::First));
                caps.set_result(&some.unwrap_or(all));
                true
            }
            gst::QueryViewMut::AcceptCaps(caps) => {
                let fits = caps.caps().can_intersect(&pad.pad_template_caps());
                caps.set_result(fits);
                true
            }
            _ => gst::Pad::query_default(pad, Some(&*self.obj()), query),
        }
    }

    /// Makes what is inside.
    fn build(&self) -> Result<(), Refusal> {
        let settings = locked(&self.settings).clone();
        let bin = self.obj();
        let outlet = Outlet::new(bin.upcast_ref(), &self.queue, settings.buffer())
            .map_err(Refusal::Missing)?;
        outlet.voicing.apply(&settings);
        let raw = outlet.raw();
        ghost(&bin)
            .set_target(raw.as_ref())
            .map_err(Refusal::inside)?;
        *locked(&self.outlet) = Some(outlet);
        Ok(())
    }

    fn dismantle(&self) {
        let bin = self.obj();
        let _ = ghost(&bin).set_target(None::<&gst::Pad>);
        locked(&self.outlet).take();
        let _ = bin.remove_many(bin.children());
    }

    /// Begins to use the device.
    fn open(&self) -> Result<(), Refusal> {
        let settings = locked(&self.settings).clone();
        let device = Device {
            name: settings.device.clone(),
            buffer: settings.buffer(),
        };
        self.queue.clear();
        let loudspeaker = Loudspeaker::new(settings.system, device, self.queue.clone());
        let holder = Holder::new(self.obj().upcast_ref(), &settings, loudspeaker, channel())?;
        *locked(&self.holder) = Some(Arc::new(holder));
        Ok(())
    }

    fn close(&self) {
        let holder = locked(&self.holder).take();
        drop(holder);
    }

    fn statistics(&self) -> gst::Structure {
        let builder = gst::Structure::builder("opussink-stats");
        let Some(holder) = self.holder() else {
            return builder.build();
        };
        let counters = self.queue.counters();
        builder
            .field("system", holder.element())
            .field("state", holder.state())
            .field("reconnects", holder.reconnects())
            .field("delay", counters.ready as f64 / 48.0)
            .field("target", counters.target as f64 / 48.0)
            .field("rate", (counters.rate - 1.0) * 1e6)
            .field("underruns", counters.underruns)
            .field("dropped", counters.dropped / 48)
            .build()
    }
}

fn ghost(bin: &super::OpusSink) -> gst::GhostPad {
    let pad = bin.static_pad("sink").and_downcast::<gst::GhostPad>();
    pad.expect("it is added when the element is made")
}
