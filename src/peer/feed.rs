//! One stream on its way to one peer.
//!
//! ```text
//! Fanout ─▸ appsrc ─ payloader ─ webrtcbin
//! ```

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use gst::prelude::*;

use super::rtc::{self, Extensions, Rtc};
use super::skip::{Fate, Skip};
use crate::congestion::audience::Size;
use crate::congestion::estimator::{Estimate, Trend};
use crate::media::codec::Codec;
use crate::media::fanout::Link;
use crate::media::gate::Gate;
use crate::media::place::Place;
use crate::media::stream::{OfferedCodec, Subscription};

/// What was negotiated for a stream.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    pub(crate) codec: OfferedCodec,
    pub(crate) payload_type: u8,
    pub(crate) ssrc: u32,
    pub(crate) extensions: Extensions,
    /// Where an earlier feed of the same line stopped.
    pub(crate) position: Option<Position>,
}

/// Where a stream of RTP packets stands. One that goes on under the same SSRC must go on
/// from here: SRTP takes older sequence numbers for a replay (RFC 3711, section 3.3.2).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    sequence_number: u16,
    timestamp_offset: u32,
}

/// Ends when dropped: first the source lets go, then the elements stop.
pub(crate) struct Feed {
    link: Option<Link>,
    subscription: Subscription,
    appsrc: gst_app::AppSrc,
    payloader: gst::Element,
    /// The pad of webrtcbin, and the probe that shields it.
    pad: gst::Pad,
    probe: Option<gst::PadProbeId>,
    /// A leaf among the locks, held to decide about a packet.
    skip: Option<Arc<Mutex<Skip>>>,
    /// Of pictures: what of them goes out.
    gate: Arc<Gate>,
    /// Where the viewer reports what its network takes, if there is an encoder to follow.
    place: Option<Place>,
    size: Size,
    /// Bits that came up to the gate, for the rate of the encoding.
    flow: Flow,
    /// Whether the viewer reports when packets arrive.
    reports: bool,
    /// Buffers that were sent and dropped before the present encoding.
    before: (u64, u64),
}

impl Feed {
    /// Sends `subscription` into `pad` of the peer's webrtcbin.
    pub(crate) fn start(
        rtc: &Rtc,
        pad: &gst::Pad,
        subscription: Subscription,
        agreed: &Agreement,
    ) -> anyhow::Result<Self> {
        let appsrc = gst_app::AppSrc::builder().build();
        subscription.fanout().configure(&appsrc);
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
        let mut feed = Self {
            link: None,
            subscription,
            appsrc,
            payloader,
            pad: pad.clone(),
            probe,
            skip: None,
            gate: Arc::default(),
            place: None,
            size: Size::Main,
            flow: Flow::default(),
            reports: agreed.extensions.transport_feedback,
            before: (0, 0),
        };
        if agreed.codec.codec == Codec::Opus {
            feed.skip = skip_in(&feed.appsrc);
        }
        feed.appsrc.link(&feed.payloader)?;
        feed.payloader
            .static_pad("src")
            .context("a payloader without source pad")?
            .link(pad)?;
        feed.payloader.sync_state_with_parent()?;
        feed.appsrc.sync_state_with_parent()?;
        feed.link = Some(feed.join());
        Ok(feed)
    }

    /// Of a video, the RTP timestamp of running time 0.
    pub(crate) fn begin(&self) -> Option<u32> {
        if self.skip.is_some() {
            return None;
        }
        self.timestamp_offset()
    }

    fn timestamp_offset(&self) -> Option<u32> {
        let stats = self.payloader.property::<Option<gst::Structure>>("stats")?;
        stats.get("timestamp-offset").ok()
    }

    /// Takes part in what is subscribed to.
    fn join(&self) -> Link {
        let gate = self.reports.then_some(&self.gate);
        self.subscription.fanout().link(&self.appsrc, gate)
    }

    /// The viewer reports there what its network takes.
    pub(crate) fn with_place(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// Leaves out so much of the sound, so that the viewer plays what follows earlier.
    pub(crate) fn skip(&self, duration: Duration) {
        if let Some(skip) = &self.skip {
            skip.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .ask(duration);
        }
    }

    /// Stops, and tells where the packets stand.
    pub(crate) fn stop(mut self) -> Position {
        self.halt();
        // The property is a guint that holds a sequence number.
        let sequence_number = self.payloader.property::<u32>("seqnum") as u16;
        Position {
            sequence_number,
            timestamp_offset: self.timestamp_offset().unwrap_or_default(),
        }
    }

    /// The source lets go, then the elements stop: nothing flows any more.
    fn halt(&mut self) {
        self.link = None;
        for element in [self.appsrc.upcast_ref::<gst::Element>(), &self.payloader] {
            let _ = element.set_state(gst::State::Null);
        }
    }

    /// Buffers sent to this peer.
    pub(crate) fn sent(&self) -> u64 {
        self.before.0 + self.link.as_ref().map_or(0, Link::pushed)
    }

    /// Buffers that this peer could not take, or that came before its key frame.
    pub(crate) fn dropped(&self) -> u64 {
        self.before.1 + self.link.as_ref().map_or(0, Link::dropped)
    }

    /// The element that encodes, if one does.
    pub(crate) fn encoder(&self) -> Option<&'static str> {
        self.subscription.encoder()
    }
}

/// The network of the viewer.
impl Feed {
    /// The encoding that the viewer gets, if that may change.
    pub(crate) fn size(&self) -> Option<Size> {
        self.reports.then_some(self.size)
    }

    /// Whether pictures are left out for this viewer.
    pub(crate) fn is_thinned(&self) -> bool {
        self.gate.is_narrow()
    }

    /// Most bit/s that is sent, if there is an encoder that keeps to it.
    pub(crate) fn ceiling(&self) -> Option<f64> {
        let kilobits = self.subscription.ceiling()?;
        Some(f64::from(kilobits) * 1000.0)
    }

    /// Bit/s that came up to the gate lately.
    pub(crate) const fn rate(&self) -> Option<f64> {
        self.flow.rate
    }

    pub(crate) const fn has_reports(&self) -> bool {
        self.reports
    }

    /// The viewer's path takes `bitrate` for this stream. `other` gives another encoding of
    /// it. Gives the bitrate that the path is to be tried out with, if it is.
    pub(crate) fn follow(
        &mut self,
        bitrate: f64,
        estimate: &Estimate,
        other: impl FnOnce(Size) -> anyhow::Result<Subscription>,
    ) -> Option<f64> {
        self.flow.measure(self.gate.offered());
        self.thin(bitrate, estimate);
        let verdict = self.place.as_ref()?.report(bitrate, estimate);
        if verdict.size != self.size {
            match other(verdict.size) {
                Ok(subscription) => self.change_to(verdict.size, subscription),
                Err(error) => {
                    gst::warning!(crate::CAT, "no smaller picture: {error:#}");
                    self.place.as_ref()?.stays();
                }
            }
        }
        verdict.try_out
    }

    /// Has pictures left out while the encoding is more than the path takes. What begins to
    /// queue is stopped at once; whoever encodes takes a moment to follow.
    fn thin(&self, bitrate: f64, estimate: &Estimate) {
        let is_too_much = self.flow.rate.map(|offered| bitrate < offered);
        if !self.gate.is_narrow() {
            if estimate.trend == Trend::Decreasing
                && let Some(offered) = self.flow.rate
                && bitrate < offered
            {
                // What was sent since the report was made is on its way, too.
                let more = estimate
                    .age
                    .mul_f64((offered / bitrate - 1.0).min(MOST_UNKNOWN));
                self.gate.narrow(bitrate, estimate.queue + more);
            }
        } else if is_too_much == Some(false) {
            self.gate.open();
        } else {
            self.gate.set_bitrate(bitrate);
        }
    }

    /// Goes on with another encoding, from its next key frame.
    fn change_to(&mut self, size: Size, subscription: Subscription) {
        self.before = (self.sent(), self.dropped());
        self.link = None;
        let _old = std::mem::replace(&mut self.subscription, subscription);
        self.size = size;
        self.flow = Flow::default();
        if size == Size::Main {
            self.gate.open();
        }
        self.link = Some(self.join());
    }
}

/// How much flows, measured now and then.
#[derive(Debug, Default)]
struct Flow {
    since: Option<(Instant, u64)>,
    /// Bit/s; none before there was time to measure.
    rate: Option<f64>,
}

/// More than this factor beyond what a path takes was not sent for as long as a report takes:
/// packets that find a full queue get lost.
const MOST_UNKNOWN: f64 = 3.0;

/// Over how long a rate is measured: an encoder's pictures differ.
const MEASURE: Duration = Duration::from_millis(400);

impl Flow {
    fn measure(&mut self, bytes: u64) {
        let now = Instant::now();
        let (at, before) = *self.since.get_or_insert((now, bytes));
        let elapsed = now.saturating_duration_since(at);
        if elapsed >= MEASURE {
            let bits = bytes.saturating_sub(before).saturating_mul(8);
            self.rate = Some(bits as f64 / elapsed.as_secs_f64());
            self.since = Some((now, bytes));
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.halt();
        // Only now: an unlinked pad would be an error of the peer's.
        if let Some(source) = self.payloader.static_pad("src") {
            let _ = source.unlink(&self.pad);
        }
        if let Some(probe) = self.probe.take() {
            self.pad.remove_probe(probe);
        }
        for element in [self.appsrc.upcast_ref::<gst::Element>(), &self.payloader] {
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
