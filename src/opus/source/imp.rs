//! GObject glue of the source.
//!
//! Locks: all are leaves, held to copy what is in them.

use std::sync::mpsc::channel;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::inlet::{Inlet, Recorder};
use super::microphone::Microphone;
use crate::media::elements;
use crate::opus::card::line::{self, Device};
use crate::opus::echo::{self, Seeking};
use crate::opus::holder::{Holder, Refusal};
use crate::opus::intake::Intake;
use crate::opus::properties;
use crate::opus::settings::{Processing, Settings};
use crate::opus::voicing::Voicing;

/// How much later than it should a device may give its sound until silence stands for it,
/// beside its buffer.
const LATENESS: Duration = Duration::from_millis(100);

/// The implementation of the element.
#[derive(Default)]
pub struct OpusSrc {
    settings: Mutex<Settings>,
    parts: Mutex<Option<Parts>>,
    running: Mutex<Option<Arc<Running>>>,
}

/// What the bin is made of, from READY on.
#[derive(Debug, Clone)]
struct Parts {
    recorder: Arc<Recorder>,
    voicing: Voicing,
    encoder: gst::Element,
}

/// What there is between PAUSED and READY.
struct Running {
    holder: Holder,
    seeking: Option<Arc<Seeking>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[glib::object_subclass]
impl ObjectSubclass for OpusSrc {
    const NAME: &'static str = "GstOpusSrc";
    type Type = super::OpusSrc;
    type ParentType = gst::Bin;
}

impl ObjectImpl for OpusSrc {
    fn constructed(&self) {
        self.parent_constructed();
        let element = self.obj();
        element.set_element_flags(gst::ElementFlags::SOURCE);
        element.set_suppressed_flags(gst::ElementFlags::SINK | gst::ElementFlags::SOURCE);
        if let Some(template) = element.pad_template("src") {
            let _ = element.add_pad(&gst::GhostPad::from_template(&template));
        }
    }

    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> =
            LazyLock::new(|| [properties::common(), properties::of_source()].concat());
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let settings = {
            let mut settings = locked(&self.settings);
            settings.set(pspec.name(), value);
            settings.clone()
        };
        let parts = locked(&self.parts).clone();
        if let Some(parts) = parts {
            parts.voicing.apply(&settings);
            parts.tune(&settings, true);
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => self.statistics().to_value(),
            "state" => self.state().to_value(),
            _ => locked(&self.settings).get(pspec),
        }
    }
}

impl GstObjectImpl for OpusSrc {}

impl ElementImpl for OpusSrc {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Opus source",
                "Source/Audio/Encoder/Hardware",
                "Opus from a sound card, by PulseAudio, PipeWire or ALSA: short buffers, \
                 settings for voice, music or radio. The device may be missing or unplugged: \
                 silence stands for it until it is back. Time stamps count samples, as the \
                 device's clock gives them. Element messages: sound-state (device, state open or \
                 waiting, text), level (see level-interval)",
                "The Periscope authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = gst::Caps::builder("audio/x-opus")
                .field("rate", line::RATE.cast_signed())
                .field("channels", gst::IntRange::new(1, 2))
                .field("channel-mapping-family", 0)
                .build();
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
        let failed = |refusal: Refusal| {
            self.post_error_message(refusal.to_message());
            gst::StateChangeError
        };
        match transition {
            gst::StateChange::NullToReady => self.build().map_err(failed)?,
            gst::StateChange::ReadyToPaused => self.open().map_err(failed)?,
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
}

impl BinImpl for OpusSrc {
    fn handle_message(&self, message: gst::Message) {
        let parts = locked(&self.parts).clone();
        let level = parts.and_then(|parts| parts.voicing.level(&message, self.obj().upcast_ref()));
        self.parent_handle_message(level.unwrap_or(message));
    }
}

impl OpusSrc {
    /// Makes what is inside.
    fn build(&self) -> Result<(), Refusal> {
        let settings = locked(&self.settings).clone();
        let tuning = settings.tuning();
        let bin = self.obj();
        let patience = settings.buffer() + LATENESS;
        let intake = Intake::new(line::RATE, tuning.channels, patience);
        let recorder = Arc::new(Recorder::new(intake));
        let inlet = Inlet::new(recorder.clone(), tuning.channels, settings.buffer());
        let voicing = Voicing::new().map_err(Refusal::Missing)?;
        let encoder = line::make("opusenc", &[]).map_err(Refusal::Missing)?;
        let chain = [
            inlet.upcast(),
            voicing.volume.clone(),
            voicing.level.clone(),
            encoder.clone(),
        ];
        bin.add_many(&chain).map_err(Refusal::inside)?;
        gst::Element::link_many(&chain).map_err(Refusal::inside)?;
        let target = encoder.static_pad("src");
        ghost(&bin)
            .set_target(target.as_ref())
            .map_err(Refusal::inside)?;
        let parts = Parts {
            recorder,
            voicing,
            encoder,
        };
        parts.voicing.apply(&settings);
        parts.tune(&settings, false);
        *locked(&self.parts) = Some(parts);
        Ok(())
    }

    fn dismantle(&self) {
        let bin = self.obj();
        let _ = ghost(&bin).set_target(None::<&gst::Pad>);
        locked(&self.parts).take();
        let _ = bin.remove_many(bin.children());
    }

    /// Begins to use the device.
    fn open(&self) -> Result<(), Refusal> {
        let settings = locked(&self.settings).clone();
        let Some(parts) = locked(&self.parts).clone() else {
            return Ok(());
        };
        let (notes, told) = channel();
        let echo = settings.processing.contains(Processing::ECHO);
        let seeking = echo.then(|| Arc::new(echo::seek(notes.clone())));
        let microphone = Microphone {
            system: settings.system,
            device: Device {
                name: settings.device.clone(),
                buffer: settings.buffer(),
            },
            channels: settings.tuning().channels,
            processing: settings.processing,
            seeking: seeking.clone(),
            recorder: parts.recorder,
        };
        let holder = Holder::new(
            self.obj().upcast_ref(),
            &settings,
            microphone,
            (notes, told),
        )?;
        *locked(&self.running) = Some(Arc::new(Running { holder, seeking }));
        Ok(())
    }

    fn close(&self) {
        let running = locked(&self.running).take();
        drop(running);
    }

    fn running(&self) -> Option<Arc<Running>> {
        locked(&self.running).clone()
    }

    fn state(&self) -> &'static str {
        self.running()
            .map_or("closed", |running| running.holder.state())
    }

    fn statistics(&self) -> gst::Structure {
        let builder = gst::Structure::builder("opussrc-stats");
        let Some(running) = self.running() else {
            return builder.build();
        };
        let parts = locked(&self.parts).clone();
        let (silence, lost) = parts
            .map(|parts| parts.recorder.silence_and_lost())
            .unwrap_or_default();
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let seeking = running.seeking.as_ref();
        builder
            .field("system", running.holder.element())
            .field("state", running.holder.state())
            .field("reconnects", running.holder.reconnects())
            .field("silence", milliseconds(silence))
            .field("lost", milliseconds(lost))
            .field("echo", seeking.is_some_and(|seeking| seeking.has_partner()))
            .build()
    }
}

fn ghost(bin: &super::OpusSrc) -> gst::GhostPad {
    let pad = bin.static_pad("src").and_downcast::<gst::GhostPad>();
    pad.expect("it is added when the element is made")
}

impl Parts {
    /// Sets the encoder. `running`: only what it can change then.
    fn tune(&self, settings: &Settings, running: bool) {
        for (name, value) in settings.tuning().encoder_settings() {
            let changeable = matches!(name, "bitrate" | "packet-loss-percentage" | "dtx");
            if changeable || !running {
                elements::set_if_possible(&self.encoder, name, &value);
            }
        }
    }
}
