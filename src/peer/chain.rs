//! The way of one stream through webrtcbin, where it cannot go past it.
//!
//! ```text
//! Fanout ─▸ appsrc ─ payloader ─ webrtcbin
//! ```

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use gst::prelude::*;

use super::feed::Agreement;
use super::rtc::{self, Rtc};
use crate::media::codec::Codec;
use crate::media::fanout::Fanout;
use crate::rtp::skip::{Fate, Skip};

/// Where a stream of RTP packets stands. One that goes on under the same SSRC must go on
/// from here: SRTP takes older sequence numbers for a replay (RFC 3711, section 3.3.2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    sequence_number: u16,
    timestamp_offset: u32,
}

/// Stops when dropped.
pub(crate) struct Chain {
    appsrc: gst_app::AppSrc,
    payloader: gst::Element,
    /// The pad of webrtcbin, and the probe that shields it.
    pad: gst::Pad,
    probe: Option<gst::PadProbeId>,
    /// Of sound. A leaf among the locks, held to decide about a packet.
    skip: Option<Arc<Mutex<Skip>>>,
}

impl Chain {
    /// Leads from what `fanout` gives to `pad`.
    pub(super) fn start(
        rtc: &Rtc,
        pad: &gst::Pad,
        fanout: &Fanout,
        agreed: &Agreement,
    ) -> anyhow::Result<Self> {
        let appsrc = gst_app::AppSrc::builder().build();
        fanout.configure(&appsrc);
        let payloader = rtc::payloader(
            agreed.codec.codec,
            agreed.payload_type,
            agreed.ssrc,
            agreed.extensions,
        )?;
        if let Some(position) = agreed.position {
            let next = position.sequence_number.wrapping_add(1);
            payloader.set_property("seqnum-offset", i32::from(next));
            payloader.set_property("timestamp-offset", position.timestamp_offset);
        }
        let probe = keep_negotiated_caps(pad, &payloader, agreed);

        let pipeline = rtc.pipeline();
        pipeline.add_many([appsrc.upcast_ref(), &payloader])?;
        let mut chain = Self {
            appsrc,
            payloader,
            pad: pad.clone(),
            probe,
            skip: None,
        };
        if agreed.codec.codec == Codec::Opus {
            chain.skip = skip_in(&chain.appsrc);
        }
        chain.appsrc.link(&chain.payloader)?;
        chain
            .payloader
            .static_pad("src")
            .context("a payloader without source pad")?
            .link(pad)?;
        chain.payloader.sync_state_with_parent()?;
        chain.appsrc.sync_state_with_parent()?;
        Ok(chain)
    }

    pub(super) const fn appsrc(&self) -> &gst_app::AppSrc {
        &self.appsrc
    }

    /// RTP timestamp of running time 0.
    pub(super) fn timestamp_offset(&self) -> Option<u32> {
        let stats = self.payloader.property::<Option<gst::Structure>>("stats")?;
        stats.get("timestamp-offset").ok()
    }

    /// Leaves out so much of the sound.
    pub(super) fn skip(&self, duration: Duration) {
        if let Some(skip) = &self.skip {
            skip.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .ask(duration);
        }
    }

    /// Nothing flows any more; the source has let go before. Tells where the packets stand.
    pub(super) fn halt(&self) -> Position {
        for element in self.elements() {
            let _ = element.set_state(gst::State::Null);
        }
        Position {
            // The property is a guint that holds a sequence number.
            sequence_number: self.payloader.property::<u32>("seqnum") as u16,
            timestamp_offset: self.timestamp_offset().unwrap_or_default(),
        }
    }

    fn elements(&self) -> [&gst::Element; 2] {
        [self.appsrc.upcast_ref(), &self.payloader]
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        self.halt();
        // Only now: an unlinked pad would be an error of the peer's.
        if let Some(source) = self.payloader.static_pad("src") {
            let _ = source.unlink(&self.pad);
        }
        if let Some(probe) = self.probe.take() {
            self.pad.remove_probe(probe);
        }
        for element in self.elements() {
            if let Some(bin) = element
                .parent()
                .and_then(|parent| parent.downcast::<gst::Bin>().ok())
            {
                let _ = bin.remove(element);
            }
        }
    }
}

/// Leaves out packets of what `appsrc` sends, as [`Skip`] decides.
fn skip_in(appsrc: &gst_app::AppSrc) -> Option<Arc<Mutex<Skip>>> {
    let skip = Arc::new(Mutex::new(Skip::default()));
    let source = appsrc.static_pad("src")?;
    let decides = skip.clone();
    source.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(buffer) = info.buffer_mut() else {
            return gst::PadProbeReturn::Ok;
        };
        let duration = buffer.duration().map_or(Duration::ZERO, Into::into);
        let fate = decides
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .packet(buffer.size(), duration);
        match fate {
            Fate::LeftOut => return gst::PadProbeReturn::Handled,
            Fate::Sent(Duration::ZERO) => {}
            Fate::Sent(earlier) => {
                let earlier = gst::ClockTime::try_from(earlier).unwrap_or_default();
                let buffer = buffer.make_mut();
                let pts = buffer.pts().map(|pts| pts.saturating_sub(earlier));
                buffer.set_pts(pts);
                let dts = buffer.dts().map(|dts| dts.saturating_sub(earlier));
                buffer.set_dts(dts);
            }
        }
        gst::PadProbeReturn::Ok
    })?;
    Some(skip)
}

/// Shields the negotiation from what is in the stream.
///
/// Browsers take any profile and level of H.264 that their decoder can do, whatever the
/// SDP says. GStreamer does not: the payloader would refuse pictures of a level above
/// the negotiated one, and webrtcbin a later offer in which the stream's own profile
/// stands. So the payloader sees no restriction, and webrtcbin only what was agreed.
fn keep_negotiated_caps(
    pad: &gst::Pad,
    payloader: &gst::Element,
    agreed: &Agreement,
) -> Option<gst::PadProbeId> {
    let codec = agreed.codec.codec;
    let open = gst::Caps::builder("application/x-rtp")
        .field("media", codec.media())
        .field("payload", i32::from(agreed.payload_type))
        .field("clock-rate", codec.clock_rate())
        .field("encoding-name", codec.encoding_name())
        .build();
    let probe = pad.add_probe(
        gst::PadProbeType::QUERY_DOWNSTREAM,
        move |_, info| match info.query_mut().map(|query| query.view_mut()) {
            Some(gst::QueryViewMut::Caps(query)) => {
                let result = match query.filter() {
                    Some(filter) => {
                        filter.intersect_with_mode(&open, gst::CapsIntersectMode::First)
                    }
                    None => open.clone(),
                };
                query.set_result(&result);
                gst::PadProbeReturn::Handled
            }
            Some(gst::QueryViewMut::AcceptCaps(query)) => {
                query.set_result(true);
                gst::PadProbeReturn::Handled
            }
            _ => gst::PadProbeReturn::Ok,
        },
    );

    let agreed = rtc::rtp_caps(
        &[(agreed.codec.clone(), agreed.payload_type)],
        agreed.ssrc,
        agreed.extensions,
    );
    let source = payloader.static_pad("src")?;
    source.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        let Some(gst::EventView::Caps(event)) = info.event().map(|event| event.view()) else {
            return gst::PadProbeReturn::Ok;
        };
        let mut caps = agreed.clone();
        if let (Some(structure), Some(from)) =
            (caps.make_mut().structure_mut(0), event.caps().structure(0))
        {
            for field in ["timestamp-offset", "seqnum-offset"] {
                if let Ok(value) = from.value(field) {
                    structure.set_value(field, value.clone());
                }
            }
        }
        let replacement = gst::event::Caps::builder(&caps)
            .seqnum(event.seqnum())
            .build();
        info.data = Some(gst::PadProbeData::Event(replacement));
        gst::PadProbeReturn::Ok
    });
    probe
}
