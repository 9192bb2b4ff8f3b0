//! What stands behind one sink pad of the element: from whatever comes in to a
//! [`Fanout`] of something that the rest of the house understands.
//!
//! ```text
//! pad ─ clocksync ─ [download or parser] ─ appsink ─▸ Fanout
//! ```
//!
//! The part in brackets is put in when the first caps have told what comes. Live
//! sources pass `clocksync` untouched; what is not live (a file) is held to its own
//! time there, or it would rush through in seconds, because nothing behind waits.
//!
//! Locks: `state` is a leaf, never held across a call into GStreamer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;

use super::codec::Codec;
use super::elements::{self, Missing};
use super::fanout::{Fanout, Flow};

/// What a sink pad is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Video,
    Audio,
    Data,
}

/// What is known of the stream behind a pad.
#[derive(Debug, Clone)]
pub(crate) enum State {
    /// No caps have arrived yet.
    Unknown,
    /// Pictures or sound to be encoded here, in system memory.
    Raw { caps: gst::Caps, fanout: Fanout },
    /// A stream that somebody else encoded, or data.
    Encoded {
        caps: gst::Caps,
        codec: Codec,
        fanout: Fanout,
    },
    /// Messages of an instrument.
    Data,
}

/// Memory that pictures may come in, and the element that fetches them from it.
const DOWNLOADS: &[(&str, &str)] = &[
    ("memory:GLMemory", "gldownload"),
    ("memory:VAMemory", "vapostproc"),
    ("memory:VASurface", "vaapipostproc"),
    ("memory:CUDAMemory", "cudadownload"),
    ("memory:DMABuf", "vapostproc"),
    ("memory:NVMM", "nvvidconv"),
];

/// Caps that a pad of this kind takes on this machine.
pub(crate) fn acceptable_caps(kind: Kind) -> gst::Caps {
    match kind {
        Kind::Video => {
            let mut caps = gst::Caps::builder_full()
                .structure(gst::Structure::new_empty("video/x-raw"))
                .structure(gst::Structure::new_empty("video/x-h264"))
                .structure(gst::Structure::new_empty("video/x-vp8"));
            for (feature, download) in DOWNLOADS {
                if elements::exists(download) {
                    caps = caps.structure_with_features(
                        gst::Structure::new_empty("video/x-raw"),
                        gst::CapsFeatures::new([*feature]),
                    );
                }
            }
            caps.build()
        }
        Kind::Audio => gst::Caps::builder_full()
            .structure(gst::Structure::new_empty("audio/x-raw"))
            .structure(gst::Structure::new_empty("audio/x-opus"))
            .build(),
        Kind::Data => data_caps(),
    }
}

/// Caps of pad templates: all that a pad may take on some machine.
pub(crate) fn template_caps(kind: Kind) -> gst::Caps {
    match kind {
        Kind::Video => gst::Caps::builder_full()
            .structure(gst::Structure::new_empty("video/x-raw"))
            .structure_with_any_features(gst::Structure::new_empty("video/x-raw"))
            .structure(gst::Structure::new_empty("video/x-h264"))
            .structure(gst::Structure::new_empty("video/x-vp8"))
            .build(),
        Kind::Audio | Kind::Data => acceptable_caps(kind),
    }
}

/// Caps of messages, in both directions.
pub(crate) fn data_caps() -> gst::Caps {
    gst::Caps::builder_full()
        .structure(gst::Structure::new_empty("application/x-instrument"))
        .structure(
            gst::Structure::builder("text/x-raw")
                .field("format", "utf8")
                .build(),
        )
        .structure(gst::Structure::new_empty("application/octet-stream"))
        .build()
}

/// Called on a streaming thread when the state of an input has changed.
pub(crate) type OnChange = Arc<dyn Fn() + Send + Sync>;

/// The elements behind one sink pad.
#[derive(Debug)]
pub(crate) struct Input {
    kind: Kind,
    state: Mutex<State>,
    clocksync: gst::Element,
    appsink: gst_app::AppSink,
}

impl Input {
    /// Makes the elements and puts them into `bin`; they follow its state.
    pub(crate) fn new(kind: Kind, bin: &gst::Bin) -> anyhow::Result<Arc<Self>> {
        let clocksync = elements::make("clocksync", &[("sync", "false"), ("qos", "false")])?;
        let appsink = gst_app::AppSink::builder()
            .sync(false)
            .async_(false)
            .enable_last_sample(false)
            .qos(false)
            .wait_on_eos(false)
            .build();
        bin.add_many([&clocksync, appsink.upcast_ref()])?;
        clocksync.link(&appsink)?;
        Ok(Arc::new(Self {
            kind,
            state: Mutex::new(State::Unknown),
            clocksync,
            appsink,
        }))
    }

    /// The pad that the element's ghost pad stands for.
    pub(crate) fn sink_pad(&self) -> Option<gst::Pad> {
        self.clocksync.static_pad("sink")
    }

    pub(crate) const fn appsink(&self) -> &gst_app::AppSink {
        &self.appsink
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn state(&self) -> State {
        self.locked_state().clone()
    }

    fn locked_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the elements follow the state of their bin.
    pub(crate) fn sync_state(&self) -> Result<(), glib::BoolError> {
        self.appsink.sync_state_with_parent()?;
        self.clocksync.sync_state_with_parent()
    }

    /// Watches the ghost pad: answers caps queries and learns what comes.
    pub(crate) fn watch(self: &Arc<Self>, pad: &gst::Pad, on_change: OnChange) {
        let weak = Arc::downgrade(self);
        pad.add_probe(
            gst::PadProbeType::EVENT_DOWNSTREAM | gst::PadProbeType::QUERY_DOWNSTREAM,
            move |pad, info| {
                let Some(input) = weak.upgrade() else {
                    return gst::PadProbeReturn::Ok;
                };
                if let Some(query) = info.query_mut() {
                    return input.answer(query);
                }
                if let Some(gst::EventView::Caps(event)) = info.event().map(|event| event.view()) {
                    let caps = event.caps_owned();
                    if let Err(error) = input.arrange(pad, &caps) {
                        gst::element_error!(
                            input.appsink,
                            gst::StreamError::WrongType,
                            ("{error:#}"),
                            ["caps {caps}"]
                        );
                        return gst::PadProbeReturn::Handled;
                    }
                    on_change();
                }
                gst::PadProbeReturn::Ok
            },
        );
    }

    /// Caps queries are answered here, because what can be taken depends on what
    /// could be put behind, not on what is there now.
    fn answer(&self, query: &mut gst::QueryRef) -> gst::PadProbeReturn {
        match query.view_mut() {
            gst::QueryViewMut::Caps(query) => {
                let ours = self.still_acceptable();
                let result = match query.filter() {
                    Some(filter) => {
                        filter.intersect_with_mode(&ours, gst::CapsIntersectMode::First)
                    }
                    None => ours,
                };
                query.set_result(&result);
                gst::PadProbeReturn::Handled
            }
            gst::QueryViewMut::AcceptCaps(query) => {
                let fits = self.still_acceptable().can_intersect(query.caps());
                query.set_result(fits);
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        }
    }

    /// A stream may change its size or format, but not turn into another kind of
    /// stream: viewers and encoders are set up for what came first.
    fn still_acceptable(&self) -> gst::Caps {
        let all = acceptable_caps(self.kind);
        let name = match &*self.locked_state() {
            State::Unknown | State::Data => return all,
            State::Raw { .. } => match self.kind {
                Kind::Audio => "audio/x-raw",
                Kind::Video | Kind::Data => "video/x-raw",
            },
            State::Encoded { codec, .. } => encoded_caps_name(*codec),
        };
        let mut kept = gst::Caps::new_empty();
        let caps = kept.make_mut();
        for (structure, features) in all.iter_with_features() {
            if structure.name() == name {
                caps.append_structure_full(structure.to_owned(), Some(features.to_owned()));
            }
        }
        kept
    }

    /// Puts behind `clocksync` what `caps` need, once, and notes them.
    fn arrange(&self, pad: &gst::Pad, caps: &gst::Caps) -> anyhow::Result<()> {
        let Some(structure) = caps.structure(0) else {
            anyhow::bail!("empty caps");
        };
        let known = self.state();
        let next = match structure.name().as_str() {
            "video/x-raw" | "audio/x-raw" => match known {
                State::Raw { fanout, .. } => State::Raw {
                    caps: caps.clone(),
                    fanout,
                },
                _ => {
                    if let Some(download) = download_for(caps)? {
                        self.insert(&[download])?;
                    }
                    let fanout = Fanout::new(match self.kind {
                        Kind::Audio => Flow::Sound,
                        Kind::Video | Kind::Data => Flow::Pictures,
                    });
                    fanout.attach(&self.appsink);
                    State::Raw {
                        caps: caps.clone(),
                        fanout,
                    }
                }
            },
            "video/x-h264" => self.encoded(known, Codec::H264, caps, &["h264parse"])?,
            "video/x-vp8" => self.encoded(known, Codec::Vp8, caps, &[])?,
            "audio/x-opus" => self.encoded(known, Codec::Opus, caps, &["opusparse"])?,
            _ => State::Data,
        };
        let old = std::mem::replace(&mut *self.locked_state(), next);
        let first = matches!(old, State::Unknown);
        if first {
            self.pace(pad);
        }
        Ok(())
    }

    fn encoded(
        &self,
        known: State,
        codec: Codec,
        caps: &gst::Caps,
        parsers: &[&str],
    ) -> anyhow::Result<State> {
        let fanout = match known {
            State::Encoded { fanout, .. } => fanout,
            _ => {
                let mut chain = Vec::new();
                for parser in parsers {
                    chain.push(elements::make(parser, &[("config-interval", "-1")])?);
                }
                if codec == Codec::H264 {
                    let filter = gst::ElementFactory::make("capsfilter")
                        .property(
                            "caps",
                            gst::Caps::builder("video/x-h264")
                                .field("stream-format", "byte-stream")
                                .field("alignment", "au")
                                .build(),
                        )
                        .build()?;
                    chain.push(filter);
                }
                self.insert(&chain)?;
                let fanout = Fanout::new(Flow::Encoded);
                fanout.attach(&self.appsink);
                fanout
            }
        };
        Ok(State::Encoded {
            caps: caps.clone(),
            codec,
            fanout,
        })
    }

    /// Links `chain` between `clocksync` and the sink.
    fn insert(&self, chain: &[gst::Element]) -> anyhow::Result<()> {
        let Some(bin) = self
            .clocksync
            .parent()
            .and_then(|parent| parent.downcast::<gst::Bin>().ok())
        else {
            anyhow::bail!("the pad is being released");
        };
        self.clocksync.unlink(&self.appsink);
        let mut previous = self.clocksync.clone();
        for element in chain {
            bin.add(element)?;
            previous.link(element)?;
            element.sync_state_with_parent()?;
            previous = element.clone();
        }
        previous.link(&self.appsink)?;
        Ok(())
    }

    /// Holds a source that is not live to its own time.
    fn pace(&self, pad: &gst::Pad) {
        let mut query = gst::query::Latency::new();
        let live = pad.peer_query(&mut query) && query.result().0;
        self.clocksync.set_property("sync", !live);
    }

    /// Wakes a streaming thread that waits for the clock, and lets nothing through any
    /// more: the pad can be deactivated, which waits for that thread.
    pub(crate) fn stop(&self) {
        self.clocksync.set_locked_state(true);
        let _ = self.clocksync.set_state(gst::State::Null);
    }

    /// Lets go of the newest picture: it may be memory of a device that has to be free.
    pub(crate) fn forget(&self) {
        if let State::Raw { fanout, .. } = self.state() {
            fanout.forget();
        }
    }

    /// Takes the elements out of the bin and stops them.
    pub(crate) fn remove(&self) {
        let Some(bin) = self
            .clocksync
            .parent()
            .and_then(|parent| parent.downcast::<gst::Bin>().ok())
        else {
            return;
        };
        let mut next = Some(self.clocksync.clone());
        while let Some(element) = next {
            next = element
                .static_pad("src")
                .and_then(|pad| pad.peer())
                .and_then(|pad| pad.parent_element());
            let _ = element.set_state(gst::State::Null);
            let _ = bin.remove(&element);
        }
    }
}

const fn encoded_caps_name(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "video/x-h264",
        Codec::Vp8 => "video/x-vp8",
        Codec::Opus => "audio/x-opus",
    }
}

fn download_for(caps: &gst::Caps) -> Result<Option<gst::Element>, Missing> {
    let Some(features) = caps.features(0) else {
        return Ok(None);
    };
    DOWNLOADS
        .iter()
        .find(|(feature, _)| features.contains(*feature))
        .map(|(_, download)| elements::make(download, &[]))
        .transpose()
}
