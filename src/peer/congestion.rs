//! One viewer's network: from what its browser reports of packets to what it is sent.
//!
//! The reports come from a thread of webrtcbin's and are handed on as an event; all else
//! is done on the peer's own thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::prelude::*;

use super::inbox::{Event, Outbox};
use super::lines::Line;
use super::session::Session;
use crate::congestion::estimator::Estimator;
use crate::congestion::{Congestion, Packet};
use crate::media::transport_feedback;

/// Where a stream arrives encoded nobody knows what it will need: so much, in bit/s, until it
/// shows to be too much.
const PLENTY: f64 = 50_000_000.0;

/// What is counted of a stream at least, in bit/s, when several share a path.
const LEAST: f64 = 100_000.0;

/// An estimate that allows for so much more than is sent does not hinder it.
const ROOM: f64 = 1.25;

/// Listens at a pad through which packets go out for what comes back about them.
pub(super) fn listen(pad: &gst::Pad, events: &Outbox) {
    let events = events.clone();
    // What rtpsession notes the time with.
    let clock = gst::SystemClock::obtain();
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if let Some(packets) = info
            .event()
            .and_then(|event| transport_feedback::read(event))
        {
            let at = clock.time().into();
            events.send(Event::Feedback { packets, at });
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
    /// The viewer has reported when packets reached it.
    pub(super) fn take_feedback(&mut self, packets: &[Packet], at: Duration) {
        if self.media.congestion() == Congestion::Off {
            return self.hold_back(false);
        }
        let feeds = || {
            let feeds = self.negotiation.sending().filter_map(|s| s.feed.as_ref());
            feeds.filter(|feed| feed.has_reports())
        };
        let ceiling: f64 = feeds()
            .map(|feed| feed.ceiling().map_or(PLENTY, |ceiling| ceiling * ROOM))
            .sum();
        // What a stream needs of the path, to be shared among several.
        let needs: f64 = feeds().map(Self::need).sum();
        if ceiling <= 0.0 {
            return self.hold_back(false);
        }
        let estimator = self
            .estimator
            .get_or_insert_with(|| Estimator::new(ceiling));
        estimator.set_ceiling(ceiling);
        let estimate = estimator.report(packets, at);
        gst::trace!(crate::CAT, "peer {}: {estimate:?}", self.id);

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
        let mut feeds = self.negotiation.sending().filter_map(|s| s.feed.as_ref());
        let holds_back = feeds.any(|feed| feed.is_thinned());
        drop(feeds);
        self.hold_back(holds_back);
        if try_out > 0.0
            && let Some(estimator) = &mut self.estimator
        {
            estimator.try_out(try_out);
        }
    }

    fn hold_back(&self, holds_back: bool) {
        self.rtc.retransmission().hold(holds_back);
        if let Some(Some(transmitter)) = self.transmitter.get() {
            transmitter.hold_back(holds_back);
        }
    }

    fn need(feed: &super::feed::Feed) -> f64 {
        let need = feed.ceiling().or(feed.rate()).unwrap_or_default();
        need.max(LEAST)
    }
}
