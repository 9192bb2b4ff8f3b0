//! One viewer's network: from what its browser reports of packets to what it is sent.
//!
//! The reports come on a thread of webrtcbin's or on the port's, and are worked out there; what
//! follows from them is done on the peer's own thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gst::prelude::*;

use super::feed::Feed;
use super::inbox::{Event, Outbox};
use super::lines::Line;
use super::session::Session;
use crate::congestion::estimator::Estimate;
use crate::congestion::meter::Meter;
use crate::congestion::repeats::{self, Fate, Repeats};
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

/// What got lost of what goes through webrtcbin, and is sent again. Clones are of the same viewer.
///
/// Lock: a leaf, held to decide about a packet.
#[derive(Debug, Clone)]
pub(super) struct Retransmission(Arc<Mutex<Repeats>>);

impl Default for Retransmission {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Repeats::new(repeats::PICTURES))))
    }
}

/// Bytes of a packet, about: what is asked for is known by its number alone.
const PACKET: usize = 1_200;

impl Retransmission {
    fn locked(&self) -> MutexGuard<'_, Repeats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about the requests that arrive at a pad of what sends again.
    pub(super) fn decide_at(&self, pad: &gst::Pad) {
        let this = self.clone();
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            let request = info
                .event()
                .and_then(|event| event.structure())
                .filter(|structure| structure.name() == "GstRTPRetransmissionRequest");
            let number = |request: &gst::StructureRef, name| request.get::<u32>(name).ok();
            let Some(request) = request else {
                return gst::PadProbeReturn::Ok;
            };
            let (Some(ssrc), Some(sequence_number)) =
                (number(request, "ssrc"), number(request, "seqnum"))
            else {
                return gst::PadProbeReturn::Ok;
            };
            let now = gst::SystemClock::obtain().time().into();
            // Sequence numbers have 16 bits.
            let number = sequence_number as u16;
            let fate = this.locked().request(ssrc, number, PACKET, now);
            match fate {
                Fate::Sent => gst::PadProbeReturn::Ok,
                Fate::UnderWay | Fate::NoRoom => gst::PadProbeReturn::Handled,
            }
        });
    }

    fn set_room(&self, room: Option<f64>, round_trip: Duration) {
        let now = gst::SystemClock::obtain().time().into();
        let mut repeats = self.locked();
        repeats.set_room(room, now);
        repeats.set_round_trip(round_trip);
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
        let needs = self.needs();
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
        self.leave_room(&estimate);
        if let Some(meter) = &mut *self.rtc.meter().locked() {
            meter.set_restricted(is_restricted);
            if try_out > 0.0 {
                meter.try_out(try_out);
            }
        }
    }

    /// Packets that got lost do not take more of the path than it has left.
    fn leave_room(&self, estimate: &Estimate) {
        let most: f64 = self.reported().map(Self::most).sum();
        let offered = |feed: &Feed| feed.usual_rate().unwrap_or_else(|| Self::need(feed));
        let offered: f64 = self.reported().map(offered).sum();
        let room = repeats::room(estimate.bitrate, most, offered);
        match self.transmitter.get() {
            Some(Some(transmitter)) => transmitter.set_room(room),
            _ => self.rtc.retransmission().set_room(room, estimate.age),
        }
    }

    /// Something of a stream got lost that there is no room to send again: no picture can be shown
    /// before the next key frame, so none is sent.
    pub(super) fn give_up(&self, ssrc: u32) {
        let sending = self.negotiation.sending().find(|s| s.ssrc == ssrc);
        let feed = sending.and_then(|sending| sending.feed.as_ref());
        if let (Some(feed), Some(estimate)) = (feed, self.rtc.meter().estimate()) {
            let need = Self::need(feed);
            let share = need / self.needs().max(need);
            if feed.give_up(estimate.bitrate * share, &estimate) {
                gst::debug!(crate::CAT, "peer {}: waits for a key frame", self.id);
            }
        }
    }

    /// What all streams need of the path, which they share by that.
    fn needs(&self) -> f64 {
        self.reported().map(Self::need).sum()
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
