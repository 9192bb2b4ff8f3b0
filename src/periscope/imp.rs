//! GObject glue of the element: properties, signals, pads and states.
//!
//! Locks: `settings`, `pads`, `ended` and `bench` are leaves, each held to copy values, never
//! two at once and never across a call into GStreamer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::bench::Bench;
use super::pads::DataPad;
use super::properties;
use super::requirements;
use super::settings::{DEFAULT_PORT, Settings};
use super::signals;
use crate::intercom::{self, Intercom};
use crate::media::data::{Data, PadSettings};
use crate::media::input::{Input, Kind, data_caps, template_caps};
use crate::media::stream::Stream;
use crate::media::{Media, Timing};

/// What stands behind one request pad.
enum Behind {
    Input(Arc<Input>),
    Source(gst_app::AppSrc),
    /// Gives what viewers say.
    Voices,
}

/// The implementation of the element.
#[derive(Default)]
pub struct Periscope {
    settings: Mutex<Settings>,
    media: Arc<Media>,
    data: Arc<Data>,
    intercom: Arc<Intercom>,
    pads: Mutex<BTreeMap<String, Behind>>,
    /// Sink pads whose streams have ended.
    ended: Mutex<BTreeSet<String>>,
    bench: Mutex<Option<Arc<Bench>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[glib::object_subclass]
impl ObjectSubclass for Periscope {
    const NAME: &'static str = "GstPeriscope";
    type Type = super::Periscope;
    type ParentType = gst::Bin;
    type Interfaces = (gst::ChildProxy,);
}

impl ObjectImpl for Periscope {
    fn constructed(&self) {
        self.parent_constructed();
        crate::memory::spare();
        let element = self.obj();
        element.set_suppressed_flags(gst::ElementFlags::SOURCE | gst::ElementFlags::SINK);
        element.set_element_flags(gst::ElementFlags::SINK);
    }

    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(properties::all);
        PROPERTIES.as_ref()
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = locked(&self.settings);
        let number = || value.get::<u32>().unwrap_or_default();
        let text = || {
            value
                .get::<Option<String>>()
                .ok()
                .flatten()
                .filter(|text| !text.is_empty())
        };
        match pspec.name() {
            "console" => settings.console = value.get().unwrap_or_default(),
            "http" => settings.http = value.get().unwrap_or(true),
            "port" => settings.port = u16::try_from(number()).ok(),
            "key" => settings.key = text(),
            "address" => settings.address = text(),
            "stun-server" => settings.stun_server = text(),
            "turn-server" => settings.turn_server = text(),
            "max-peers" => settings.max_peers = number(),
            "video-codec" => settings.video_codec = value.get().unwrap_or_default(),
            "video-bitrate" => settings.video_bitrate = number(),
            "key-frame-interval" => settings.key_frame_interval = number(),
            "video-encoder" => settings.video_encoder = text(),
            "congestion" => settings.congestion = value.get().unwrap_or_default(),
            "audio-profile" => settings.audio_profile = value.get().unwrap_or_default(),
            "audio-bitrate" => settings.audio_bitrate = number(),
            "ice" => settings.ice = value.get().unwrap_or_default(),
            "identity" => settings.identity = text(),
            "code-once" => settings.code_once = value.get().unwrap_or_default(),
            "code-lifetime" => settings.code_lifetime = number(),
            "mdns" => settings.mdns = value.get().unwrap_or(true),
            "heartbeat-timeout" => settings.heartbeat_timeout = number(),
            "control-timeout" => settings.control_timeout = value.get().unwrap_or(-1),
            "control-idle" => settings.control_idle = number(),
            "talk" => {
                let talk = value.get().unwrap_or_default();
                settings.talk = talk;
                drop(settings);
                self.intercom.set_talk(talk);
            }
            "talk-latency-min" => settings.talk_latency.0 = number(),
            "talk-latency-max" => settings.talk_latency.1 = number(),
            "sync" => settings.sync = value.get().unwrap_or_default(),
            _ => {}
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "page-url" => return self.bench().and_then(|bench| bench.page_url()).to_value(),
            "stats" => return self.statistics().to_value(),
            "code" => {
                let code = self.bench().and_then(|bench| bench.standing_code());
                return code.to_value();
            }
            "codes" => {
                let codes = self.bench().map(|bench| bench.codes()).unwrap_or_default();
                return gst::Structure::builder("periscope-codes")
                    .field("codes", codes)
                    .build()
                    .to_value();
            }
            _ => {}
        }
        let settings = locked(&self.settings).clone();
        match pspec.name() {
            "console" => settings.console.to_value(),
            "http" => settings.http.to_value(),
            "port" => u32::from(settings.port.unwrap_or(DEFAULT_PORT)).to_value(),
            "key" => settings.key.to_value(),
            "address" => settings.address.to_value(),
            "stun-server" => settings.stun_server.to_value(),
            "turn-server" => settings.turn_server.to_value(),
            "max-peers" => settings.max_peers.to_value(),
            "video-codec" => settings.video_codec.to_value(),
            "video-bitrate" => settings.video_bitrate.to_value(),
            "key-frame-interval" => settings.key_frame_interval.to_value(),
            "video-encoder" => settings.video_encoder.to_value(),
            "congestion" => settings.congestion.to_value(),
            "audio-profile" => settings.audio_profile.to_value(),
            "audio-bitrate" => settings.audio_bitrate.to_value(),
            "ice" => settings.ice.to_value(),
            "identity" => settings.identity.to_value(),
            "code-once" => settings.code_once.to_value(),
            "code-lifetime" => settings.code_lifetime.to_value(),
            "mdns" => settings.mdns.to_value(),
            "heartbeat-timeout" => settings.heartbeat_timeout.to_value(),
            "control-timeout" => settings.control_timeout.to_value(),
            "control-idle" => settings.control_idle.to_value(),
            "talk" => settings.talk.to_value(),
            "talk-latency-min" => settings.talk_latency.0.to_value(),
            "talk-latency-max" => settings.talk_latency.1.to_value(),
            "sync" => settings.sync.to_value(),
            _ => pspec.default_value().clone(),
        }
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(signals::signals);
        SIGNALS.as_ref()
    }
}

impl GstObjectImpl for Periscope {}

impl ElementImpl for Periscope {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Periscope",
                "Sink/Network/WebRTC",
                "Shows a pipeline in browsers on the LAN by WebRTC: video, audio and messages, \
                 without a signaling server. Open the page it serves, or carry a text across \
                 by copy and paste",
                "The Periscope authors",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let sink = |name, kind| {
                gst::PadTemplate::new(
                    name,
                    gst::PadDirection::Sink,
                    gst::PadPresence::Request,
                    &template_caps(kind),
                )
            };
            let message = |name, direction| {
                gst::PadTemplate::with_gtype(
                    name,
                    direction,
                    gst::PadPresence::Request,
                    &data_caps(),
                    DataPad::static_type(),
                )
            };
            let voices = gst::PadTemplate::new(
                "audio_src_%u",
                gst::PadDirection::Src,
                gst::PadPresence::Request,
                &intercom::template_caps(),
            );
            [
                sink("video_%u", Kind::Video),
                sink("audio_%u", Kind::Audio),
                message("data_%u", gst::PadDirection::Sink),
                message("data_src_%u", gst::PadDirection::Src),
                voices,
            ]
            .into_iter()
            .filter_map(Result::ok)
            .collect()
        });
        TEMPLATES.as_ref()
    }

    fn request_new_pad(
        &self,
        template: &gst::PadTemplate,
        name: Option<&str>,
        _caps: Option<&gst::Caps>,
    ) -> Option<gst::Pad> {
        match self.add_request_pad(template, name) {
            Ok(pad) => {
                self.obj().child_added(&pad, &pad.name());
                if let Some(bench) = self.bench() {
                    bench.peers.streams_changed();
                }
                Some(pad)
            }
            Err(error) => {
                gst::error!(crate::CAT, imp = self, "no pad: {error:#}");
                None
            }
        }
    }

    fn release_pad(&self, pad: &gst::Pad) {
        let name = pad.name();
        self.data.part_with(&name);
        let behind = locked(&self.pads).remove(name.as_str());
        locked(&self.ended).remove(name.as_str());
        self.media.remove(&name);
        self.data.remove(&name);
        if let Some(bench) = self.bench() {
            bench.peers.streams_changed();
        }
        if let Some(Behind::Input(input)) = &behind {
            input.stop();
        }
        let _ = pad.set_active(false);
        let _ = self.obj().remove_pad(pad);
        match behind {
            Some(Behind::Input(input)) => input.remove(),
            Some(Behind::Source(appsrc)) => {
                let _ = appsrc.set_state(gst::State::Null);
                let _ = self.obj().remove(&appsrc);
            }
            Some(Behind::Voices) => self.intercom.remove_outlet(&name),
            None => {}
        }
        self.obj().child_removed(pad, &name);
    }

    fn change_state(
        &self,
        transition: gst::StateChange,
    ) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::NullToReady => self.check_requirements()?,
            gst::StateChange::ReadyToPaused => {
                self.intercom.follow_pads();
                self.start()?;
            }
            gst::StateChange::PausedToPlaying => {
                // The sources of commands refuse them themselves until they play.
                if let Some(bench) = self.bench() {
                    bench.resume();
                }
            }
            gst::StateChange::PlayingToPaused => {
                // No command goes out any more, nor one that stops something.
                if let Some(bench) = self.bench() {
                    bench.rest("the pipeline is paused");
                }
                self.intercom.pause();
            }
            gst::StateChange::PausedToReady => self.stop(),
            _ => {}
        }
        let success = self.parent_change_state(transition);
        match (transition, &success) {
            (gst::StateChange::PausedToPlaying, Ok(_)) => self.follow_clock(),
            (gst::StateChange::ReadyToPaused, Err(_)) => self.stop(),
            _ => {}
        }
        success
    }
}

impl BinImpl for Periscope {}

impl ChildProxyImpl for Periscope {
    fn child_by_index(&self, index: u32) -> Option<glib::Object> {
        self.obj()
            .pads()
            .into_iter()
            .nth(index as usize)
            .map(Cast::upcast)
    }

    fn child_by_name(&self, name: &str) -> Option<glib::Object> {
        self.obj()
            .pads()
            .into_iter()
            .find(|pad| pad.name() == name)
            .map(Cast::upcast)
    }

    fn children_count(&self) -> u32 {
        u32::from(self.obj().num_pads())
    }
}

impl Periscope {
    pub(super) fn bench(&self) -> Option<Arc<Bench>> {
        locked(&self.bench).clone()
    }

    pub(super) const fn media(&self) -> &Arc<Media> {
        &self.media
    }

    pub(super) const fn intercom(&self) -> &Arc<Intercom> {
        &self.intercom
    }

    pub(super) const fn data(&self) -> &Arc<Data> {
        &self.data
    }

    /// A data pad has got other settings.
    pub(super) fn configure(&self, pad: &str, settings: &PadSettings) {
        self.data.configure(pad, settings);
    }

    /// Follows the end of what comes in: when all has ended, what goes out ends, too.
    fn follow_end(&self, pad: &gst::Pad, event: &gst::EventRef) {
        let has_ended = {
            let mut ended = locked(&self.ended);
            match event.type_() {
                gst::EventType::Eos => ended.insert(pad.name().to_string()),
                gst::EventType::StreamStart | gst::EventType::FlushStop => {
                    ended.remove(pad.name().as_str());
                    false
                }
                _ => false,
            }
        };
        if !has_ended {
            return;
        }
        let ended = locked(&self.ended).clone();
        let all = locked(&self.pads)
            .iter()
            .filter(|(_, behind)| matches!(behind, Behind::Input(_)))
            .all(|(name, _)| ended.contains(name));
        if all && let Some(bench) = self.bench() {
            bench.end_of_stream();
        }
    }

    fn add_request_pad(
        &self,
        template: &gst::PadTemplate,
        wanted: Option<&str>,
    ) -> anyhow::Result<gst::Pad> {
        let prefix = template.name_template().trim_end_matches("%u").to_owned();
        let name = self.pad_name(&prefix, wanted)?;
        let element = self.obj();
        let pad: gst::Pad = if prefix.starts_with("data") {
            gst::PadBuilder::<DataPad>::from_template(template)
                .name(&name)
                .build()
                .upcast()
        } else {
            let mut builder = gst::GhostPad::builder_from_template(template).name(&name);
            if prefix == "audio_src_" {
                builder = builder.proxy_pad_chain_function(give_voices);
            }
            builder.build().upcast()
        };
        let ghost = pad
            .downcast_ref::<gst::GhostPad>()
            .ok_or_else(|| anyhow::anyhow!("the pad is not a ghost pad"))?;

        if prefix == "audio_src_" {
            self.add_voices(ghost)?;
            return Ok(pad);
        }
        if prefix == "data_src_" {
            let appsrc = gst_app::AppSrc::builder()
                .name(format!("{name}-source"))
                .is_live(true)
                .do_timestamp(true)
                .format(gst::Format::Time)
                .build();
            element.add(&appsrc)?;
            ghost.set_target(appsrc.static_pad("src").as_ref())?;
            self.data
                .add_source(&pad, &name.replace("src_", ""), &appsrc);
            pad.set_active(true)?;
            element.add_pad(&pad)?;
            appsrc.sync_state_with_parent()?;
            locked(&self.pads).insert(name, Behind::Source(appsrc));
            return Ok(pad);
        }

        let kind = match prefix.as_str() {
            "video_" => Kind::Video,
            "audio_" => Kind::Audio,
            _ => Kind::Data,
        };
        let input = Input::new(kind, element.upcast_ref())?;
        ghost.set_target(input.sink_pad().as_ref())?;
        let weak = element.downgrade();
        input.watch(
            &pad,
            Arc::new(move || {
                if let Some(element) = weak.upgrade() {
                    let imp = element.imp();
                    imp.media.notify();
                    if let Some(bench) = imp.bench() {
                        bench.peers.streams_changed();
                    }
                }
            }),
        );
        let weak = element.downgrade();
        let events = gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::EVENT_FLUSH;
        pad.add_probe(events, move |pad, info| {
            if let (Some(element), Some(event)) = (weak.upgrade(), info.event()) {
                element.imp().follow_end(pad, event);
            }
            gst::PadProbeReturn::Ok
        });
        if kind == Kind::Data {
            self.data.add_sink(&pad, &name, input.appsink());
        } else {
            self.media.add(Arc::new(Stream::new(&name, input.clone())));
        }
        pad.set_active(true)?;
        element.add_pad(&pad)?;
        input.sync_state()?;
        locked(&self.pads).insert(name, Behind::Input(input));
        Ok(pad)
    }

    /// A pad that gives what the viewers say.
    fn add_voices(&self, pad: &gst::GhostPad) -> anyhow::Result<()> {
        let element = self.obj();
        self.intercom.add_outlet(element.upcast_ref(), pad)?;
        pad.set_active(true)?;
        element.add_pad(pad)?;
        locked(&self.pads).insert(pad.name().to_string(), Behind::Voices);
        let changed = element.downgrade();
        let follow = move || {
            if let Some(element) = changed.upgrade() {
                let imp = element.imp();
                imp.intercom.follow_pads();
                if let Some(bench) = imp.bench() {
                    bench.peers.streams_changed();
                }
            }
        };
        let unlinked = follow.clone();
        pad.connect_linked(move |_, _| follow());
        pad.connect_unlinked(move |_, _| unlinked());
        Ok(())
    }

    /// The name that was asked for, or the first free number.
    fn pad_name(&self, prefix: &str, wanted: Option<&str>) -> anyhow::Result<String> {
        let pads = locked(&self.pads);
        match wanted.filter(|name| !name.ends_with("%u")) {
            Some(name) if pads.contains_key(name) => {
                anyhow::bail!("there is a pad {name} already")
            }
            Some(name)
                if name
                    .strip_prefix(prefix)
                    .is_some_and(|number| number.parse::<u32>().is_ok()) =>
            {
                Ok(name.to_owned())
            }
            Some(name) => anyhow::bail!("{name}: pads are named {prefix}0, {prefix}1, …"),
            None => (0..=u32::MAX)
                .map(|number| format!("{prefix}{number}"))
                .find(|name| !pads.contains_key(name))
                .ok_or_else(|| anyhow::anyhow!("no number is left")),
        }
    }

    fn check_requirements(&self) -> Result<(), gst::StateChangeError> {
        let settings = locked(&self.settings).clone();
        match requirements::check(&settings) {
            Ok(Some(warning)) => {
                gst::element_imp_warning!(self, gst::CoreError::MissingPlugin, ("{warning}"));
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                gst::element_imp_error!(self, gst::CoreError::MissingPlugin, ("{error}"));
                Err(gst::StateChangeError)
            }
        }
    }

    fn start(&self) -> Result<(), gst::StateChangeError> {
        let settings = locked(&self.settings).clone();
        let element = self.obj();
        match Bench::start(
            element.upcast_ref(),
            &settings,
            &self.media,
            &self.data,
            &self.intercom,
        ) {
            Ok(bench) => {
                *locked(&self.bench) = Some(bench);
                requirements::preload();
                Ok(())
            }
            Err(error) => {
                gst::element_imp_error!(self, gst::ResourceError::Settings, ("{error:#}"));
                Err(gst::StateChangeError)
            }
        }
    }

    fn stop(&self) {
        let bench = locked(&self.bench).take();
        if let Some(bench) = bench {
            bench.stop();
        }
        locked(&self.ended).clear();
        self.media.rest();
        requirements::finish_preloading();
    }

    /// Tells clock and base time of the pipeline to all who make pipelines of their own.
    fn follow_clock(&self) {
        let timing = Timing {
            clock: self.obj().clock(),
            base_time: self.obj().base_time(),
        };
        self.media.set_timing(timing.clone());
        if let (Some(clock), Some(base_time)) = (&timing.clock, timing.base_time)
            && let Err(error) = self.intercom.play(clock, base_time)
        {
            gst::error!(crate::CAT, imp = self, "no sound from viewers: {error:#}");
        }
        if let Some(bench) = self.bench() {
            bench.peers.timing_changed(&timing);
        }
    }
}

/// Gives what viewers say to what follows. Who unlinks a pad that has something under way does
/// not mean to end the pipeline.
fn give_voices(
    inner: &gst::ProxyPad,
    parent: Option<&gst::Object>,
    buffer: gst::Buffer,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    match gst::ProxyPad::chain_default(inner, parent, buffer) {
        Err(gst::FlowError::NotLinked) => Ok(gst::FlowSuccess::Ok),
        result => result,
    }
}
