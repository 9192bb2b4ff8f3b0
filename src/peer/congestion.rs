//! One viewer's network: from what its browser reports of packets to what it is sent.
//!
//! The reports come on a thread of webrtcbin's or on the port's, and are worked out there; what
//! follows from them is done on the peer's own thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gst::prelude::*;

use super::feed::Feed;
use super::inbox::{Event, Outbox};
use super::lines::Line;
use super::session::Session;
use crate::congestion::estimator::Estimate;
use crate::congestion::meter::Meter;
use crate::congestion::{Congestion, Packet};
use crate::media::transport_feedback;

/// Where a stream arrives encoded nobody knows what it will need: so much, in bit/s, until it
/// shows to be too much.
const PLENTY: f64 = 50_000_000.0;

/// What is counted of a stream at least, in bit/s, when several share a path.
const LEAST: f64 = 100_000.0;

/// An estimate that allows for so much more than is sent does not hinder it.
const ROOM: f64 = 1.25;

/// What one viewer's reports say. Clones are of the same viewer.
///
/// Lock: a leaf, held to work out one report.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedMeter(Arc<Mutex<Option<Meter>>>);

impl SharedMeter {
    /// None as long as nobody wants to know.
    fn locked(&self) -> MutexGuard<'_, Option<Meter>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The viewer has reported when packets reached it.
    pub(super) fn report(&self, packets: &[Packet], at: Duration, events: &Outbox) {
        let tells = match &mut *self.locked() {
            Some(meter) => meter.report(packets, at),
            None => false,
        };
        if tells {
            events.send(Event::PathMeasured);
        }
    }

    pub(super) fn estimate(&self) -> Option<Estimate> {
        self.locked().as_ref().map(Meter::estimate)
    }
}

/// Listens at a pad through which packets go out for what comes back about them.
pub(super) fn listen(pad: &gst::Pad, meter: &SharedMeter, events: &Outbox) {
    let (meter, events) = (meter.clone(), events.clone());
    // What rtpsession notes the time with.
    let clock = gst::SystemClock::obtain();
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if let Some(packets) = info
            .event()
            .and_then(|event| transport_feedback::read(event))
        {
            let at = clock.time().into();
            meter.report(&packets, at, &events);
        }
        gst::PadProbeReturn::Ok
    });
}

/// Whether what got lost is sent again to a viewer.
#[derive(Debug, Clone, Default)]
pub(super) struct Retransmission {
    /// A path that does not even take the pictures: each packet that is sent again, and lost
    /// again, would keep its queue full. The next key frame makes up for all of them.
    is_held: Arc<AtomicBool>,
}

impl Retransmission {
    /// Decides about the requests that arrive at a pad of what sends again.
    pub(super) fn decide_at(&self, pad: &gst::Pad) {
        let is_held = self.is_held.clone();
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            let is_request = info
                .event()
                .and_then(|event| event.structure())
                .is_some_and(|structure| structure.name() == "GstRTPRetransmissionRequest");
            match is_request && is_held.load(Ordering::Relaxed) {
                true => gst::PadProbeReturn::Handled,
                false => gst::PadProbeReturn::Ok,
            }
        });
    }

    fn hold(&self, is_held: bool) {
        self.is_held.store(is_held, Ordering::Relaxed);
    }
}

impl Session {
    /// What is sent has changed, and with it what there is to measure. What is known of the path
    /// stays known while nothing is sent.
    pub(super) fn set_up_meter(&self) {
        if self.media.congestion() == Congestion::Off {
            return;
        }
        let ceiling: f64 = self.reported().map(Self::most).sum();
        if ceiling <= 0.0 {
            return;
        }
        match &mut *self.rtc.meter().locked() {
            Some(meter) => meter.set_ceiling(ceiling),
            none => *none = Some(Meter::new(ceiling)),
        }
    }

    /// Feeds of which the viewer reports when packets arrive.
    fn reported(&self) -> impl Iterator<Item = &Feed> {
        let feeds = self.negotiation.sending().filter_map(|s| s.feed.as_ref());
        feeds.filter(|feed| feed.has_reports())
    }

    /// The path of the viewer has been measured.
    pub(super) fn act_on_estimate(&mut self) {
        self.set_up_meter();
        let estimate = self.rtc.meter().locked().as_mut().and_then(Meter::take);
        let Some(estimate) = estimate else {
            return;
        };
        gst::trace!(crate::CAT, "peer {}: {estimate:?}", self.id);
        // What a stream needs of the path, to be shared among several.
        let needs: f64 = self.reported().map(Self::need).sum();
        let streams = self.media.streams();
        let mut try_out = 0.0;
        for line in &mut self.negotiation.lines {
            let Line::Sending(sending) = line else {
                continue;
            };
            let Some(stream) = streams.iter().find(|s| s.name == sending.stream) else {
                continue;
            };
            let codec = sending.codec();
            let (Some(feed), Some(codec)) = (&mut sending.feed, codec) else {
                continue;
            };
            if !feed.has_reports() {
                continue;
            }
            let share = Self::need(feed) / needs;
            let before = feed.size();
            let more = feed.follow(estimate.bitrate * share, &estimate, |size| {
                self.media.subscribe(stream, codec, size)
            });
            if feed.size() != before {
                let size = feed.size().unwrap_or_default().as_str();
                gst::debug!(
                    crate::CAT,
                    "peer {}: {} is {size} now: {estimate:?}",
                    self.id,
                    stream.name
                );
            }
            try_out += more.map_or(0.0, |more| more / share);
        }
        let is_thinned = self.reported().any(Feed::is_thinned);
        let is_restricted = is_thinned || self.reported().any(|feed| !feed.is_settled());
        self.hold_back(is_thinned);
        if let Some(meter) = &mut *self.rtc.meter().locked() {
            meter.set_restricted(is_restricted);
            if try_out > 0.0 {
                meter.try_out(try_out);
            }
        }
    }

    fn hold_back(&self, holds_back: bool) {
        self.rtc.retransmission().hold(holds_back);
        if let Some(Some(transmitter)) = self.transmitter.get() {
            transmitter.hold_back(holds_back);
        }
    }

    /// The most that is sent of a stream.
    fn most(feed: &Feed) -> f64 {
        feed.ceiling().map_or(PLENTY, |ceiling| ceiling * ROOM)
    }

    fn need(feed: &Feed) -> f64 {
        let need = feed.ceiling().or(feed.rate()).unwrap_or_default();
        need.max(LEAST)
    }
}
