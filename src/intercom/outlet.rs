//! An `audio_src_%u` pad and what stands behind it.
//!
//! ```text
//! appsrc ─ audioconvert ─ audioresample ─ [opusenc] ─▸ the pad
//! ```

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use gst::prelude::*;

use crate::media::elements;
use crate::opus::tuning::{Profile, Tuning};

/// Buffers of 10 ms that may wait for what follows; then the oldest goes, for it would be heard
/// late for ever.
const MAX_WAITING: u64 = 10;

const RAW: &str = "audio/x-raw";
const OPUS: &str = "audio/x-opus";

/// What the pads can give: the first is better, for it costs nothing.
pub(crate) fn template_caps() -> gst::Caps {
    gst::Caps::builder_full()
        .structure(gst::Structure::new_empty(RAW))
        .structure(gst::Structure::new_empty(OPUS))
        .build()
}

/// What the mixer gives.
static MIXED: LazyLock<gst::Caps> = LazyLock::new(|| {
    gst::Caps::builder(RAW)
        .field("format", "S16LE")
        .field("rate", 48_000)
        .field("channels", 2)
        .field("layout", "interleaved")
        .build()
});

#[derive(Debug, Clone)]
pub(super) struct Outlet {
    bin: gst::glib::WeakRef<gst::Bin>,
    pad: gst::GhostPad,
    appsrc: gst_app::AppSrc,
    chain: Vec<gst::Element>,
    /// What follows is there, and what it takes comes: until then nothing does.
    settled: Arc<AtomicBool>,
}

impl Outlet {
    pub(super) fn new(bin: &gst::Bin, pad: &gst::GhostPad) -> anyhow::Result<Self> {
        let appsrc = gst_app::AppSrc::builder()
            .name(format!("{}-source", pad.name()))
            .caps(&MIXED)
            .is_live(true)
            .format(gst::Format::Time)
            .min_latency(10_000_000)
            .max_buffers(MAX_WAITING)
            .leaky_type(gst_app::AppLeakyType::Downstream)
            .build();
        appsrc.set_max_bytes(0);
        let chain = vec![
            elements::make("audioconvert", &[])?,
            elements::make("audioresample", &[("quality", "4")])?,
        ];
        let outlet = Self {
            bin: bin.downgrade(),
            pad: pad.clone(),
            appsrc,
            chain,
            settled: Arc::default(),
        };
        let mut all: Vec<&gst::Element> = vec![outlet.appsrc.upcast_ref()];
        all.extend(&outlet.chain);
        bin.add_many(&all)?;
        gst::Element::link_many(&all)?;
        outlet.aim(outlet.chain.last())?;
        outlet.offer_both();
        for element in all {
            element.sync_state_with_parent()?;
        }
        Ok(outlet)
    }

    pub(super) fn name(&self) -> String {
        self.pad.name().to_string()
    }

    pub(super) fn is_linked(&self) -> bool {
        self.pad.is_linked()
    }

    fn aim(&self, last: Option<&gst::Element>) -> anyhow::Result<()> {
        let target = last.and_then(|element| element.static_pad("src"));
        self.pad.set_target(target.as_ref())?;
        Ok(())
    }

    fn encoder_name(&self) -> String {
        format!("{}-encoder", self.pad.name())
    }

    /// Before it is known what follows, the pad can give both.
    fn offer_both(&self) {
        let encoder = self.encoder_name();
        let bin = self.bin.clone();
        self.pad
            .add_probe(gst::PadProbeType::QUERY_UPSTREAM, move |pad, info| {
                let Some(gst::QueryViewMut::Caps(query)) =
                    info.query_mut().map(|query| query.view_mut())
                else {
                    return gst::PadProbeReturn::Ok;
                };
                let settled = pad.is_linked()
                    || bin
                        .upgrade()
                        .is_some_and(|bin| bin.by_name(&encoder).is_some());
                if settled {
                    return gst::PadProbeReturn::Ok;
                }
                let both = template_caps();
                let result = match query.filter() {
                    Some(filter) => {
                        filter.intersect_with_mode(&both, gst::CapsIntersectMode::First)
                    }
                    None => both,
                };
                query.set_result(&result);
                gst::PadProbeReturn::Handled
            });
    }

    /// Puts an encoder in if what follows takes nothing but Opus.
    pub(super) fn settle(&self) {
        let (Some(bin), true) = (self.bin.upgrade(), self.pad.is_linked()) else {
            self.settled.store(false, Ordering::Release);
            return;
        };
        let wanted = self.pad.peer_query_caps(None);
        let raw = gst::Caps::new_empty_simple(RAW);
        let fits = wanted.can_intersect(&raw) || bin.by_name(&self.encoder_name()).is_some();
        if !fits && let Err(error) = self.encode(&bin) {
            gst::warning!(crate::CAT, obj = self.pad, "no Opus: {error:#}");
            return;
        }
        self.settled.store(true, Ordering::Release);
    }

    fn encode(&self, bin: &gst::Bin) -> anyhow::Result<()> {
        let encoder = elements::make("opusenc", &[])?;
        encoder.set_property("name", self.encoder_name());
        for (property, value) in
            Tuning::for_sound(Some(2), Some(Profile::Voice), None).encoder_settings()
        {
            elements::set_if_possible(&encoder, property, &value);
        }
        bin.add(&encoder)?;
        // The pad holds the last element of the chain until now.
        self.pad.set_target(None::<&gst::Pad>)?;
        if let Some(last) = self.chain.last() {
            last.link(&encoder)?;
        }
        self.aim(Some(&encoder))?;
        encoder.sync_state_with_parent()?;
        Ok(())
    }

    /// Gives 10 ms of the mix.
    pub(super) fn push(&self, buffer: &gst::Buffer) {
        // A pad that is not linked, or does not get what it takes, would end the pipeline.
        if self.settled.load(Ordering::Acquire) && self.pad.is_linked() {
            let _ = self.appsrc.push_buffer(buffer.clone());
        }
    }

    /// Tells what follows who talks.
    pub(super) fn tell(&self, talking: &[u32]) {
        let peers = talking.iter().map(|peer| peer.to_send_value());
        let structure = gst::Structure::builder("periscope-talk")
            .field("on", !talking.is_empty())
            .field("peers", gst::Array::new(peers))
            .build();
        let _ = self
            .pad
            .push_event(gst::event::CustomDownstreamOob::new(structure));
    }

    pub(super) fn end(&self) {
        let _ = self.appsrc.end_of_stream();
    }

    pub(super) fn remove(&self) {
        let Some(bin) = self.bin.upgrade() else {
            return;
        };
        let mut all: Vec<gst::Element> = vec![self.appsrc.clone().upcast()];
        all.extend(self.chain.iter().cloned());
        all.extend(bin.by_name(&self.encoder_name()));
        for element in &all {
            let _ = element.set_state(gst::State::Null);
        }
        let _ = bin.remove_many(&all);
    }
}
