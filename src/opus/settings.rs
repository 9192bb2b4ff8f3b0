//! What both elements can be set to, as plain values.

use std::time::Duration;

use gst::glib;

use super::tuning::{MIN_BITRATE, Profile, Tuning, Wishes};

/// Which of the system's ways to a sound card is taken (property `system`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeSoundSystem")]
#[repr(i32)]
pub enum System {
    /// The first that works.
    #[default]
    #[enum_value(
        name = "The first that works of PulseAudio, PipeWire, ALSA",
        nick = "auto"
    )]
    Auto = 0,
    /// PipeWire by itself.
    #[enum_value(name = "PipeWire", nick = "pipewire")]
    PipeWire = 1,
    /// PulseAudio, or PipeWire in its place.
    #[enum_value(name = "PulseAudio, also as PipeWire speaks it", nick = "pulseaudio")]
    PulseAudio = 2,
    /// The card itself, which nobody else can use then.
    #[enum_value(
        name = "ALSA: the card itself, which often only one program can use",
        nick = "alsa"
    )]
    Alsa = 3,
}

mod flags {
    #![allow(
        missing_docs,
        reason = "what the macro makes public has no place for a comment"
    )]

    use gst::glib;

    /// What is done to the microphone's sound (property `processing`).
    #[glib::flags(name = "GstPeriscopeSoundProcessing")]
    pub enum Processing {
        /// Echo cancelling.
        #[flags_value(
            name = "Take out what an opussink of this program plays",
            nick = "echo"
        )]
        ECHO = 0b001,
        /// Noise suppression.
        #[flags_value(name = "Suppress steady noise", nick = "noise")]
        NOISE = 0b010,
        /// Gain control.
        #[flags_value(name = "Even out the loudness of voices", nick = "gain")]
        GAIN = 0b100,
    }
}
pub use flags::Processing;

impl Default for Processing {
    fn default() -> Self {
        Self::empty()
    }
}

pub(super) const DEFAULT_BUFFER: u32 = 40;
pub(super) const MIN_BUFFER: u32 = 20;
pub(super) const MAX_BUFFER: u32 = 200;

/// All properties that can be set, of either element.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) system: System,
    /// None: the system's default.
    pub(super) device: Option<String>,
    pub(super) required: bool,
    /// Milliseconds.
    pub(super) buffer: u32,
    pub(super) mute: bool,
    /// Factor of the amplitude.
    pub(super) volume: f64,
    /// Milliseconds; 0: off.
    pub(super) level_interval: u32,
    pub(super) profile: Profile,
    pub(super) wishes: Wishes,
    pub(super) processing: Processing,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            system: System::default(),
            device: None,
            required: false,
            buffer: DEFAULT_BUFFER,
            mute: false,
            volume: 1.0,
            level_interval: 0,
            profile: Profile::default(),
            wishes: Wishes::default(),
            processing: Processing::default(),
        }
    }
}

impl Settings {
    pub(super) fn tuning(&self) -> Tuning {
        Tuning::new(self.profile, &self.wishes)
    }

    pub(super) fn buffer(&self) -> Duration {
        Duration::from_millis(self.buffer.into())
    }

    /// The device as messages call it.
    pub(super) fn device_name(&self) -> String {
        let usual = || "the default device".to_owned();
        self.device.clone().unwrap_or_else(usual)
    }

    /// Takes the value of a property.
    pub(super) fn set(&mut self, name: &str, value: &glib::Value) {
        let text = || {
            let text = value.get::<Option<String>>().ok().flatten();
            text.filter(|text| !text.is_empty())
        };
        let number = || value.get::<u32>().unwrap_or_default();
        let some = || Some(number()).filter(|number| *number > 0);
        let switch = || value.get::<bool>().unwrap_or_default();
        match name {
            "device" => self.device = text(),
            "system" => self.system = value.get().unwrap_or_default(),
            "required" => self.required = switch(),
            "buffer" => self.buffer = number(),
            "mute" => self.mute = switch(),
            "volume" => self.volume = value.get().unwrap_or(1.0),
            "level-interval" => self.level_interval = number(),
            "profile" => self.profile = value.get().unwrap_or_default(),
            "bitrate" => self.wishes.bitrate = some().map(|bitrate| bitrate.max(MIN_BITRATE)),
            "frame" => self.wishes.frame = value.get().unwrap_or_default(),
            "fec" => self.wishes.fec = Some(switch()),
            "expected-loss" => self.wishes.expected_loss = Some(number()),
            "dtx" => self.wishes.dtx = Some(switch()),
            "channels" => self.wishes.channels = some(),
            "processing" => self.processing = value.get().unwrap_or_default(),
            _ => {}
        }
    }

    /// The value of a property; what is not set by hand as the profile has it.
    pub(super) fn get(&self, pspec: &glib::ParamSpec) -> glib::Value {
        use glib::prelude::*;
        match pspec.name() {
            "device" => self.device.to_value(),
            "system" => self.system.to_value(),
            "required" => self.required.to_value(),
            "buffer" => self.buffer.to_value(),
            "mute" => self.mute.to_value(),
            "volume" => self.volume.to_value(),
            "level-interval" => self.level_interval.to_value(),
            "profile" => self.profile.to_value(),
            "bitrate" => self.tuning().bitrate.to_value(),
            "frame" => self.wishes.frame.to_value(),
            "fec" => self.tuning().fec.to_value(),
            "expected-loss" => self.tuning().expected_loss.to_value(),
            "dtx" => self.tuning().dtx.to_value(),
            "channels" => self.tuning().channels.to_value(),
            "processing" => self.processing.to_value(),
            _ => pspec.default_value().clone(),
        }
    }
}
