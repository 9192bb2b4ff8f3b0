//! One stream on its way to one peer.
//!
//! ```text
//! Fanout ─┬▸ Chain: appsrc ─ payloader ─ webrtcbin
//!         └▸ Transmitter (past webrtcbin)
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::chain::{Chain, Position};
use super::extensions::Extensions;
use super::rtc::Rtc;
use crate::congestion::audience::Size;
use crate::congestion::estimator::{Estimate, Trend};
use crate::media::fanout::{self, Link};
use crate::media::gate::Gate;
use crate::media::place::Place;
use crate::media::stream::{OfferedCodec, Subscription};
use crate::rtp::transmitter::{Outlet, Transmitter};
use crate::rtp::{self, Route};

/// What was negotiated for a stream.
#[derive(Debug, Clone)]
pub(crate) struct Agreement {
    pub(crate) codec: OfferedCodec,
    pub(crate) payload_type: u8,
    pub(crate) ssrc: u32,
    pub(crate) extensions: Extensions,
    /// Where what got lost is sent again.
    pub(crate) again: Option<Route>,
    /// Where an earlier feed of the same line stopped.
    pub(crate) position: Option<Position>,
}

impl Agreement {
    /// For what sends past webrtcbin.
    fn description(&self) -> rtp::Description {
        let Extensions {
            playout_delay,
            transport_feedback,
        } = self.extensions;
        rtp::Description {
            route: Route {
                ssrc: self.ssrc,
                payload_type: self.payload_type,
            },
            is_sound: self.codec.codec.is_sound(),
            playout_delay,
            transport_feedback,
            again: self.again,
        }
    }
}

/// How the stream reaches the peer.
enum Way {
    Webrtcbin(Chain),
    Port(Outlet),
}

/// Ends when dropped: first the source lets go, then the elements stop.
pub(crate) struct Feed {
    link: Option<Link>,
    subscription: Subscription,
    way: Way,
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
    /// The encoding before, which goes on until the present one has begun.
    leaving: Option<Leaving>,
}

/// An encoding that is about to be left.
struct Leaving {
    link: Link,
    since: Instant,
    subscription: Subscription,
}

/// As long as this an encoder may take to start.
const OVERLAP: Duration = Duration::from_secs(5);

impl Feed {
    /// Sends `subscription` by `transmitter`, if there is one for it, or into `pad` of the
    /// peer's webrtcbin.
    pub(crate) fn start(
        rtc: &Rtc,
        pad: &gst::Pad,
        subscription: Subscription,
        agreed: &Agreement,
        transmitter: Option<&Arc<Transmitter>>,
    ) -> anyhow::Result<Self> {
        let way = match transmitter {
            Some(transmitter) => Way::Port(transmitter.stream(agreed.description())),
            None => Way::Webrtcbin(Chain::start(rtc, pad, subscription.fanout(), agreed)?),
        };
        let mut feed = Self {
            link: None,
            subscription,
            way,
            gate: Arc::default(),
            place: None,
            size: Size::Main,
            flow: Flow::default(),
            reports: agreed.extensions.transport_feedback.is_some(),
            before: (0, 0),
            leaving: None,
        };
        feed.link = Some(feed.join());
        Ok(feed)
    }

    /// The RTP timestamp of running time 0.
    pub(crate) fn begin(&self) -> Option<u32> {
        match &self.way {
            Way::Webrtcbin(chain) => chain.timestamp_offset(),
            Way::Port(outlet) => outlet.timestamp_offset(),
        }
    }

    /// The viewer needs a key frame; of what goes through webrtcbin its fan-out hears itself.
    pub(crate) fn request_key_frame(&self) {
        self.subscription.fanout().request_key_frame();
        if let Some(leaving) = &self.leaving {
            leaving.subscription.fanout().request_key_frame();
        }
    }

    /// Takes part in what is subscribed to.
    fn join(&self) -> Link {
        let gate = self.reports.then_some(&self.gate);
        let outlet = match &self.way {
            Way::Webrtcbin(chain) => fanout::Outlet::Pipeline(chain.appsrc().clone()),
            Way::Port(outlet) => fanout::Outlet::Rtp(outlet.renewed()),
        };
        self.subscription.fanout().link(&outlet, gate)
    }

    /// The viewer reports there what its network takes.
    pub(crate) fn with_place(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }

    /// Leaves out so much of the sound, so that the viewer plays what follows earlier.
    pub(crate) fn skip(&self, duration: Duration) {
        match &self.way {
            Way::Webrtcbin(chain) => chain.skip(duration),
            Way::Port(outlet) => outlet.skip(duration),
        }
    }

    /// Stops. Tells where the packets stand, unless the transmitter remembers.
    pub(crate) fn stop(mut self) -> Option<Position> {
        // The source lets go first.
        self.leave();
        self.link = None;
        match &self.way {
            Way::Webrtcbin(chain) => Some(chain.halt()),
            Way::Port(_) => None,
        }
    }

    /// Buffers sent to this peer.
    pub(crate) fn sent(&self) -> u64 {
        self.before.0 + self.links().map(Link::pushed).sum::<u64>()
    }

    /// Buffers that this peer could not take, or that came before its key frame.
    pub(crate) fn dropped(&self) -> u64 {
        self.before.1 + self.links().map(Link::dropped).sum::<u64>()
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        let leaving = self.leaving.as_ref().map(|leaving| &leaving.link);
        self.link.iter().chain(leaving)
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

    /// Whether the viewer has the encoding that it is meant for, and no other any more.
    pub(crate) fn is_settled(&self) -> bool {
        self.size == Size::Main && self.leaving.is_none()
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

    /// The same, but for a moment in which there was a key frame.
    pub(crate) fn usual_rate(&self) -> Option<f64> {
        let rate = self.flow.rate?;
        Some(self.flow.before.map_or(rate, |before| before.min(rate)))
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
        let leaving = self.leaving.as_ref();
        if leaving.is_some_and(|leaving| self.has_changed(leaving)) {
            self.leave();
        }
        // Else two encodings come up to the gate.
        if self.leaving.is_none() {
            self.flow.measure(self.gate.offered());
        }
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
        } else if is_too_much == Some(false) && estimate.queue < LONG_QUEUE {
            self.gate.open();
        } else {
            self.gate.set_bitrate(bitrate);
        }
    }

    /// What got lost is not sent again: goes on with a key frame, as soon as that does not have to
    /// wait behind pictures that can no longer be shown. False where nobody is there who makes
    /// one: a camera sends them when it likes.
    pub(crate) fn give_up(&self, bitrate: f64, estimate: &Estimate) -> bool {
        if self.ceiling().is_none() {
            return false;
        }
        if let Way::Port(outlet) = &self.way {
            outlet.give_up();
        }
        if estimate.queue >= LONG_QUEUE && !self.gate.is_narrow() {
            self.gate.narrow(bitrate, estimate.queue);
        }
        self.links().for_each(Link::wait_for_key_frame);
        true
    }

    /// Goes on with another encoding, from its next key frame.
    fn change_to(&mut self, size: Size, subscription: Subscription) {
        self.leave();
        let old = std::mem::replace(&mut self.subscription, subscription);
        let link = self.link.take();
        self.size = size;
        self.flow = Flow::default();
        if size == Size::Main {
            self.gate.open();
        }
        // What is too much already is ended at once; what is not goes on for the moment.
        match (link, &self.way) {
            (Some(link), Way::Port(_)) if size == Size::Main => {
                self.leaving = Some(Leaving {
                    link,
                    since: Instant::now(),
                    subscription: old,
                });
            }
            (Some(link), _) => self.count(link),
            (None, _) => {}
        }
        self.link = Some(self.join());
    }

    /// Whether the encoding before has nothing more to do.
    fn has_changed(&self, leaving: &Leaving) -> bool {
        let link = self.link.as_ref();
        // An encoding that is that far behind can only begin when nothing else is sent.
        link.is_none_or(|link| link.pushed() > 0 || link.came_late())
            || leaving.since.elapsed() > OVERLAP
    }

    /// Ends the encoding before.
    fn leave(&mut self) {
        if let Some(Leaving { link, .. }) = self.leaving.take() {
            self.count(link);
        }
    }

    /// Ends a link; what went through it stays counted.
    fn count(&mut self, link: Link) {
        self.before.0 += link.pushed();
        self.before.1 += link.dropped();
    }
}

/// While packets wait for so long a gate stays narrow.
const LONG_QUEUE: Duration = Duration::from_millis(100);

/// How much flows, measured now and then.
#[derive(Debug, Default)]
struct Flow {
    since: Option<(Instant, u64)>,
    /// Bit/s; none before there was time to measure.
    rate: Option<f64>,
    /// The one before.
    before: Option<f64>,
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
            self.before = self.rate.replace(bits as f64 / elapsed.as_secs_f64());
            self.since = Some((now, bytes));
        }
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        // Before its consumer stops.
        self.leaving = None;
        self.link = None;
    }
}
