//! All pictures and sound that one viewer gets, on their way from encoders to the shared port.
//!
//! Frames come on the threads that distribute them, reports on the port's. Neither waits:
//! what may not leave at once, so that an access point can keep it, is sent by the port's
//! pacer.
//!
//! Lock: `state` is a leaf, held while packets are written and given to the kernel, which
//! takes them at once or not at all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::feedback::{self, Feedback};
use super::frame::Frame;
use super::outgoing::{Departure, MAX_WAITING, Outgoing};
use super::srtp::{MASTER, Srtcp};
use super::stream::{Description, Stream};
use crate::congestion::Packet;
use crate::ice::pacer::Paced;
use crate::ice::seat::Seat;

/// Bytes that may wait when something is sent again: pictures come first.
const MAX_WAITING_AGAIN: usize = MAX_WAITING / 4;

/// Packets that are sent again: so many at once, and so many a second (5 % of 200 Mbit/s). A
/// viewer that asks for more has lost the picture anyway.
const PICTURES_AGAIN: Rate = Rate {
    at_once: 500.0,
    a_second: 1_000.0,
};

/// The same of sound: all of two streams in packets of 10 ms.
const SOUND_AGAIN: Rate = Rate {
    at_once: 50.0,
    a_second: 200.0,
};

/// Sends pictures and sound to one viewer.
pub(crate) struct Transmitter {
    seat: Arc<Seat>,
    /// Origin of the times in what the viewer reports.
    epoch: Instant,
    this: Weak<Self>,
    state: Mutex<State>,
    /// Of the viewer's reports; a leaf, too.
    reports: Mutex<Srtcp>,
}

struct State {
    streams: Vec<Stream>,
    outgoing: Outgoing,
    /// A path that does not even take the pictures: each packet that is sent again, and lost
    /// again, would keep its queue full. The next key frame makes up for all of them.
    holds_back: bool,
    pictures_again: Budget,
    sound_again: Budget,
    counts: Counts,
}

#[derive(Clone, Copy)]
struct Rate {
    at_once: f64,
    a_second: f64,
}

/// How many packets may be sent again.
struct Budget {
    rate: Rate,
    left: f64,
    /// When `left` was right.
    at: Instant,
}

impl Budget {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            left: rate.at_once,
            at: Instant::now(),
        }
    }

    /// Whether one more may go out.
    fn is_left(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + elapsed * self.rate.a_second).min(self.rate.at_once);
        self.at = now;
        self.left >= 1.0
    }

    fn spend(&mut self) {
        self.left -= 1.0;
    }
}

/// What was sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Packets, those that were sent again included.
    pub(crate) packets: u64,
    pub(crate) sent_again: u64,
}

/// What a viewer has reported, as far as others have to act on it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// The stream with this SSRC needs a key frame.
    KeyFrameWanted(u32),
    Arrivals {
        /// Packets whose arrival or loss was reported.
        packets: Vec<Packet>,
        /// When the report came.
        at: Duration,
    },
}

impl Transmitter {
    /// `ours` and `theirs`: the key and the salt by which each side sends. What the viewer
    /// reports is told to `on_news`, which must not wait.
    pub(crate) fn new(
        seat: Arc<Seat>,
        ours: &[u8; MASTER],
        theirs: &[u8; MASTER],
        on_news: impl Fn(News) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let most = seat.wire().most_segments();
        let transmitter = Arc::new_cyclic(|this: &Weak<Self>| Self {
            seat,
            epoch: Instant::now(),
            this: this.clone(),
            state: Mutex::new(State {
                streams: Vec::new(),
                outgoing: Outgoing::new(ours, most),
                holds_back: false,
                pictures_again: Budget::new(PICTURES_AGAIN),
                sound_again: Budget::new(SOUND_AGAIN),
                counts: Counts::default(),
            }),
            reports: Mutex::new(Srtcp::new(theirs)),
        });
        let weak = transmitter.this.clone();
        transmitter.seat.hear_reports(move |packet| {
            let Some(transmitter) = weak.upgrade() else {
                return false;
            };
            transmitter.take(packet, &on_news)
        });
        transmitter
    }

    /// Where frames of a stream go in. One that was there before goes on with its numbers:
    /// SRTP takes older ones for a replay (RFC 3711, section 3.3.2).
    pub(crate) fn stream(self: &Arc<Self>, description: Description) -> Outlet {
        let mut state = self.locked();
        let ssrc = description.route.ssrc;
        match state.find(ssrc) {
            Some(stream) => stream.format.description = description,
            None => state.streams.push(Stream::new(description)),
        }
        Outlet {
            transmitter: self.clone(),
            ssrc,
            source: 0,
        }
    }

    /// Takes a packet of SRTCP from the viewer: sends what got lost again, and tells the rest.
    /// True if nobody else can make use of it.
    fn take(&self, packet: &[u8], on_news: impl Fn(News)) -> bool {
        let opened = {
            let mut reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
            reports.open(packet)
        };
        let Some(opened) = opened else {
            return false;
        };
        let (reports, is_all) = feedback::read(&opened);
        for report in reports {
            match report {
                Feedback::Missing { ssrc, numbers } => {
                    self.dispatch(|state, departure| state.send_again(ssrc, &numbers, departure));
                }
                Feedback::KeyFrame { ssrc } => on_news(News::KeyFrameWanted(ssrc)),
                Feedback::Arrivals(arrivals) => {
                    let packets = self.locked().outgoing.log.report(&arrivals);
                    let at = self.epoch.elapsed();
                    if !packets.is_empty() {
                        on_news(News::Arrivals { packets, at });
                    }
                }
            }
        }
        is_all
    }

    /// Whether what got lost is not sent again.
    pub(crate) fn hold_back(&self, holds_back: bool) {
        self.locked().holds_back = holds_back;
    }

    pub(crate) fn counts(&self) -> Counts {
        self.locked().counts
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what `write` writes; gives what it gives. False if there is no way out at the
    /// moment.
    fn dispatch(&self, write: impl FnOnce(&mut State, &Departure<'_>) -> bool) -> bool {
        let Some(path) = self.seat.path() else {
            return false;
        };
        let (sent, wake) = {
            let mut state = self.locked();
            let rests = state.outgoing.rests();
            let now = Instant::now();
            let departure = Departure {
                seat: &self.seat,
                path,
                now,
                since: now.saturating_duration_since(self.epoch),
            };
            state.outgoing.begin(&departure);
            let sent = write(&mut state, &departure);
            state.outgoing.flush(&departure);
            (sent, state.outgoing.due().filter(|_| rests))
        };
        if let Some(due) = wake {
            let this: Weak<dyn Paced> = self.this.clone();
            self.seat.wire().pacer().wake(this, due);
        }
        sent
    }
}

impl std::fmt::Debug for Transmitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transmitter")
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}

impl Paced for Transmitter {
    fn release(&self, now: Instant) -> Option<Instant> {
        let path = self.seat.path();
        let mut state = self.locked();
        state.outgoing.release(&self.seat, path?, now);
        state.outgoing.due()
    }
}

impl State {
    fn find(&mut self, ssrc: u32) -> Option<&mut Stream> {
        self.streams.iter_mut().find(|stream| stream.ssrc() == ssrc)
    }

    fn send(&mut self, outlet: &Outlet, frame: &Arc<Frame>, departure: &Departure<'_>) -> bool {
        let mut streams = self.streams.iter_mut();
        let Some(stream) = streams.find(|s| s.ssrc() == outlet.ssrc && s.admits(outlet.source))
        else {
            return false;
        };
        if !stream.is_sound() && self.outgoing.waiting() > MAX_WAITING {
            return false;
        }
        stream.go_on_with(outlet.source);
        let Some((format, packets)) = stream.packets(frame) else {
            return true;
        };
        for packet in packets {
            self.outgoing.add(format, &packet, departure);
            self.counts.packets += 1;
        }
        true
    }

    fn send_again(&mut self, ssrc: u32, numbers: &[u16], departure: &Departure<'_>) -> bool {
        let mut streams = self.streams.iter_mut();
        let Some(stream) = streams.find(|s| s.ssrc() == ssrc) else {
            return false;
        };
        let is_sound = stream.is_sound();
        if self.holds_back && !is_sound {
            return false;
        }
        for number in numbers {
            let may = is_sound || self.outgoing.waiting() <= MAX_WAITING_AGAIN;
            let budget = match is_sound {
                true => &mut self.sound_again,
                false => &mut self.pictures_again,
            };
            if !may || !budget.is_left(departure.now) {
                return false;
            }
            let Some((format, packet)) = stream.packet_again(*number) else {
                continue;
            };
            budget.spend();
            self.outgoing.add(format, &packet, departure);
            self.counts.packets += 1;
            self.counts.sent_again += 1;
        }
        true
    }
}

/// What an outlet does with the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Open,
    /// So much waits already that it would not be taken.
    Full,
    /// A later source has the stream, for good.
    Superseded,
}

/// Where one viewer's frames of one stream go in.
#[derive(Clone)]
pub(crate) struct Outlet {
    transmitter: Arc<Transmitter>,
    ssrc: u32,
    /// Number of the source that has this outlet.
    source: u32,
}

impl Outlet {
    /// For another source of frames. An earlier one goes on until this one sends: what still
    /// comes from it then is not sent.
    pub(crate) fn renewed(&self) -> Self {
        let mut state = self.transmitter.locked();
        let source = state.find(self.ssrc).map_or(0, Stream::new_source);
        Self {
            source,
            ..self.clone()
        }
    }

    /// Sends one frame. False if there is no way out at the moment, or a later source has
    /// the stream.
    pub(crate) fn send(&self, frame: &Arc<Frame>) -> bool {
        let transmitter = &self.transmitter;
        transmitter.dispatch(|state, departure| state.send(self, frame, departure))
    }

    pub(crate) fn readiness(&self) -> Readiness {
        let mut state = self.transmitter.locked();
        let is_full = state.outgoing.waiting() > MAX_WAITING;
        match state.find(self.ssrc) {
            Some(stream) if !stream.admits(self.source) => Readiness::Superseded,
            Some(stream) if stream.is_sound() => Readiness::Open,
            _ if is_full => Readiness::Full,
            _ => Readiness::Open,
        }
    }

    /// Leaves out so much of the sound, so that the viewer plays what follows earlier.
    pub(crate) fn skip(&self, duration: Duration) {
        if let Some(stream) = self.transmitter.locked().find(self.ssrc) {
            stream.skip(duration);
        }
    }

    /// RTP time of running time 0.
    pub(crate) fn timestamp_offset(&self) -> Option<u32> {
        let mut state = self.transmitter.locked();
        let stream = state.find(self.ssrc)?;
        Some(stream.format.timestamp_offset)
    }
}

impl std::fmt::Debug for Outlet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outlet")
            .field("ssrc", &self.ssrc)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_again_has_a_bound() {
        let mut budget = Budget::new(PICTURES_AGAIN);
        let now = budget.at;
        let taken = |budget: &mut Budget, now| {
            let spent = std::iter::from_fn(|| budget.is_left(now).then(|| budget.spend()));
            spent.take(10_000).count()
        };
        assert_eq!(taken(&mut budget, now), PICTURES_AGAIN.at_once as usize);
        let later = now + Duration::from_millis(100);
        assert_eq!(
            taken(&mut budget, later),
            PICTURES_AGAIN.a_second as usize / 10
        );
        let much_later = now + Duration::from_secs(60);
        assert_eq!(
            taken(&mut budget, much_later),
            PICTURES_AGAIN.at_once as usize
        );
    }
}
