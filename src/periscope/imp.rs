//! GObject glue of the element: properties, signals, pads and states.
//!
//! Locks: `settings`, `pads` and `bench` are leaves, each held to copy values, never
//! two at once and never across a call into GStreamer.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::bench::Bench;
use super::pads::DataPad;
use super::requirements;
use super::settings::{
    ConsoleMode, DEFAULT_AUDIO_BITRATE, DEFAULT_KEY_FRAME_INTERVAL, DEFAULT_MAX_PEERS,
    DEFAULT_PORT, IceMode, Settings,
};
use super::signals;
use crate::media::data::Data;
use crate::media::input::{Input, Kind, data_caps, template_caps};
use crate::media::stream::Stream;
use crate::media::{Media, Timing, VideoCodec};

/// What stands behind one request pad.
enum Behind {
    Input(Arc<Input>),
    Source(gst_app::AppSrc),
}

/// The implementation of the element.
#[derive(Default)]
pub struct Periscope {
    settings: Mutex<Settings>,
    media: Arc<Media>,
    data: Arc<Data>,
    pads: Mutex<BTreeMap<String, Behind>>,
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
        let element = self.obj();
        element.set_suppressed_flags(gst::ElementFlags::SOURCE | gst::ElementFlags::SINK);
        element.set_element_flags(gst::ElementFlags::SINK);
    }

    fn properties() -> &'static [glib::ParamSpec] {
        static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(properties);
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
            "audio-bitrate" => settings.audio_bitrate = number(),
            "ice" => settings.ice = value.get().unwrap_or_default(),
            "identity" => settings.identity = text(),
            "code-once" => settings.code_once = value.get().unwrap_or_default(),
            "code-lifetime" => settings.code_lifetime = number(),
            "mdns" => settings.mdns = value.get().unwrap_or(true),
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
            "audio-bitrate" => settings.audio_bitrate.to_value(),
            "ice" => settings.ice.to_value(),
            "identity" => settings.identity.to_value(),
            "code-once" => settings.code_once.to_value(),
            "code-lifetime" => settings.code_lifetime.to_value(),
            "mdns" => settings.mdns.to_value(),
            _ => pspec.default_value().clone(),
        }
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(signals::signals);
        SIGNALS.as_ref()
    }
}

fn properties() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecEnum::builder::<ConsoleMode>("console")
            .nick("Console")
            .blurb(
                "Whether to take offers, answers and commands on standard input and to print \
                 lines that begin with “periscope: ” on standard output. Type help there",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("http")
            .nick("HTTP")
            .blurb(
                "Serve the page at / and WHEP (draft-ietf-wish-whep) at /whep. Both are in \
                 the clear: who listens on the LAN can read the key; what the peers say to \
                 each other is encrypted in any case",
            )
            .default_value(true)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("port")
            .nick("Port")
            .blurb(
                "TCP port of the page, and UDP port of all peers (ice=lite). If it is not set: \
                 8080, or the next that is free for both. A port that is set and taken is an \
                 error. 0: any free one",
            )
            .maximum(65535)
            .default_value(DEFAULT_PORT.into())
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("key")
            .nick("Key")
            .blurb(
                "What a viewer has to know to open the page: the part of page-url behind #. If \
                 it is not set: 128 random bits, new at each start. 1 to 128 characters out of \
                 A-Z a-z 0-9 - _",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("address")
            .nick("Address")
            .blurb(
                "Addresses of this host to offer and to serve the page on, IPv4 or IPv6, \
                 separated by commas. If it is not set: those of all real network interfaces \
                 (not of containers and virtual machines)",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("stun-server")
            .nick("STUN server")
            .blurb(
                "stun://host:port, for viewers beyond the LAN (RFC 8489). If it is not set: \
                 none, and nothing leaves the LAN",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("turn-server")
            .nick("TURN server")
            .blurb(
                "turn(s)://user:password@host:port, for viewers that cannot be reached \
                 directly (RFC 8656). If it is not set: none",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("max-peers")
            .nick("Maximum of peers")
            .blurb(
                "Most viewers at a time, offers without an answer included. Further ones are \
                 refused with an error",
            )
            .minimum(1)
            .maximum(1000)
            .default_value(DEFAULT_MAX_PEERS)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<VideoCodec>("video-codec")
            .nick("Video codec")
            .blurb(
                "Which codecs raw video is sent in. An encoder runs for each codec that a \
                 viewer uses, however many viewers. Video that arrives encoded is sent as it \
                 is to all who can decode it",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("video-bitrate")
            .nick("Video bitrate")
            .blurb(
                "Bitrate of each video encoder in kbit/s. 0: by the size of the picture, a \
                 tenth of a bit for each pixel (0.9 Mbit/s for 640×480 at 30 frames/s, 6.2 \
                 for 1920×1080)",
            )
            .maximum(200_000)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("key-frame-interval")
            .nick("Key-frame interval")
            .blurb(
                "Longest time from one key frame to the next in milliseconds. Viewers that \
                 join or lose packets get a key frame at once in any case",
            )
            .minimum(100)
            .maximum(3_600_000)
            .default_value(DEFAULT_KEY_FRAME_INTERVAL)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("video-encoder")
            .nick("Video encoder")
            .blurb(
                "Element to encode video of its codec with, such as x264enc, vah264enc, \
                 v4l2h264enc or vp8enc. If it is not set: hardware if it works, else software",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("audio-bitrate")
            .nick("Audio bitrate")
            .blurb("Bitrate of each Opus encoder in kbit/s")
            .minimum(6)
            .maximum(510)
            .default_value(DEFAULT_AUDIO_BITRATE)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<IceMode>("ice")
            .nick("ICE")
            .blurb(
                "How peers are reached. lite (RFC 8445, section 2.5): all come in by one UDP \
                 port, and codes work; UDP to that port must pass the firewall. full: for a \
                 bench behind a firewall or with a STUN or TURN server; several UDP ports for \
                 each peer, and no codes",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("identity")
            .nick("Identity")
            .blurb(
                "File that keeps the bench's certificate and the codes, so that a printed code \
                 stays valid. none: new ones at each start. If it is not set: \
                 $XDG_STATE_HOME/periscope/identity.json, or ~/.local/state in place of the \
                 former. Who can read the file can pass for the bench",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("code-once")
            .nick("Code for one visit")
            .blurb("The code that is printed at the start is a new one and lets in one viewer")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("code-lifetime")
            .nick("Lifetime of the code")
            .blurb(
                "The code that is printed at the start is a new one and is valid for this many \
                 seconds. 0: the same code at each start, until it is revoked",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("mdns")
            .nick("mDNS")
            .blurb(
                "Publish the bench's name, periscope-<8 hexadecimal digits>.local, on the LAN \
                 (RFC 6762): codes and the page are found by it when the address has changed",
            )
            .default_value(true)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("code")
            .nick("Code")
            .blurb(
                "The code that was printed at the start, with the addresses of now: a viewer \
                 pastes it into the page and is connected (web/PROTOCOL.md). None while the \
                 element is not PAUSED or PLAYING, or with full ICE. Also posted as element \
                 message periscope-code, fields code, id, rights",
            )
            .read_only()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("codes")
            .nick("Codes")
            .blurb(
                "All codes that are valid (field codes: an array of structures with the fields \
                 code, id, rights (view or control), once, and expires in seconds since 1970 \
                 unless it does not). make-code makes one, revoke-code ends one",
            )
            .read_only()
            .build(),
        glib::ParamSpecString::builder("page-url")
            .nick("Address of the page")
            .blurb(
                "Where a browser on the LAN finds the page, key included; open it and watch. \
                 None while the element is not PAUSED or PLAYING, or without http. Also posted \
                 as element message periscope-page, field url",
            )
            .read_only()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb(
                "State and statistics of each peer (field peers: as list-peers gives them), \
                 the running encoders (field encoders), what came to the UDP port (field port: \
                 peers that are there, packets delivered, checks answered, and for each reason \
                 how many were turned away), and messages dropped because the \
                 bench sends faster than can be handed out (field messages-dropped)",
            )
            .read_only()
            .build(),
    ]
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
            [
                sink("video_%u", Kind::Video),
                sink("audio_%u", Kind::Audio),
                message("data_%u", gst::PadDirection::Sink),
                message("data_src_%u", gst::PadDirection::Src),
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
        let behind = locked(&self.pads).remove(name.as_str());
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
            gst::StateChange::ReadyToPaused => self.start()?,
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

    /// A data pad has got another label.
    pub(super) fn rename(&self, pad: &str, label: &str) {
        self.data.rename(pad, label);
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
            gst::GhostPad::builder_from_template(template)
                .name(&name)
                .build()
                .upcast()
        };
        let ghost = pad
            .downcast_ref::<gst::GhostPad>()
            .ok_or_else(|| anyhow::anyhow!("the pad is not a ghost pad"))?;

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
        if kind == Kind::Data {
            self.data.add_sink(&name, &name, input.appsink());
        } else {
            self.media.add(Arc::new(Stream::new(&name, input.clone())));
        }
        pad.set_active(true)?;
        element.add_pad(&pad)?;
        input.sync_state()?;
        locked(&self.pads).insert(name, Behind::Input(input));
        Ok(pad)
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
        match Bench::start(element.upcast_ref(), &settings, &self.media, &self.data) {
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
        if let Some(bench) = self.bench() {
            bench.peers.timing_changed(&timing);
        }
    }

    pub(super) fn statistics(&self) -> gst::Structure {
        let peers = self
            .bench()
            .map(|bench| bench.peers.statistics())
            .unwrap_or_default();
        let encoders = self.media.streams().into_iter().flat_map(|stream| {
            stream
                .encoders()
                .into_iter()
                .map(|(codec, element)| {
                    gst::Structure::builder("periscope-encoder")
                        .field("stream", &stream.name)
                        .field("codec", codec.to_string())
                        .field("element", element)
                        .build()
                        .to_send_value()
                })
                .collect::<Vec<_>>()
        });
        let port = self.bench().and_then(|bench| bench.port_statistics());
        gst::Structure::builder("periscope-stats")
            .field_if_some("port", port)
            .field(
                "peers",
                gst::Array::new(peers.into_iter().map(|peer| peer.to_send_value())),
            )
            .field("encoders", gst::Array::new(encoders))
            .field("messages-dropped", self.data.dropped())
            .build()
    }
}
