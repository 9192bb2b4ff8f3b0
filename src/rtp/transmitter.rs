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
use crate::congestion::repeats::{self, Fate, Rate, Repeats};
use crate::ice::pacer::Paced;
use crate::ice::seat::Seat;

/// Bytes that may wait when something is sent again: pictures come first.
const MAX_WAITING_AGAIN: usize = MAX_WAITING / 4;

/// Sound that is sent again: all of two streams in packets of 10 ms.
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
    pictures_again: Repeats,
    sound_again: Repeats,
    counts: Counts,
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
    /// Something of the stream with this SSRC got lost, and the path has no room to send it again.
    NoRoom(u32),
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
                pictures_again: Repeats::new(repeats::PICTURES),
                sound_again: Repeats::new(SOUND_AGAIN),
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
                    let mut outcome = Again::Done;
                    self.dispatch(|state, departure| {
                        outcome = state.send_again(ssrc, &numbers, departure);
                        true
                    });
                    if outcome == Again::NoRoom {
                        on_news(News::NoRoom(ssrc));
                    }
                }
                Feedback::KeyFrame { ssrc } => on_news(News::KeyFrameWanted(ssrc)),
                Feedback::Arrivals(arrivals) => {
                    let at = self.epoch.elapsed();
                    let packets = self.locked().arrivals(&arrivals, at);
                    if !packets.is_empty() {
                        on_news(News::Arrivals { packets, at });
                    }
                }
            }
        }
        is_all
    }

    /// Bit/s that the path has left for pictures that are sent again; none: it takes all.
    pub(crate) fn set_room(&self, room: Option<f64>) {
        let now = self.epoch.elapsed();
        self.locked().pictures_again.set_room(room, now);
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

    /// What a report says about packets, which came `at` that time.
    fn arrivals(&mut self, arrivals: &[(u16, Option<Duration>)], at: Duration) -> Vec<Packet> {
        let packets = self.outgoing.log.report(arrivals);
        if let Some(newest) = packets.iter().map(|packet| packet.sent).max() {
            let round_trip = at.saturating_sub(newest);
            self.pictures_again.set_round_trip(round_trip);
            self.sound_again.set_round_trip(round_trip);
        }
        packets
    }

    fn send_again(&mut self, ssrc: u32, numbers: &[u16], departure: &Departure<'_>) -> Again {
        let mut streams = self.streams.iter_mut();
        let Some(stream) = streams.find(|s| s.ssrc() == ssrc) else {
            return Again::Done;
        };
        let is_sound = stream.is_sound();
        let repeats = match is_sound {
            true => &mut self.sound_again,
            false => &mut self.pictures_again,
        };
        let now = departure.since;
        for number in numbers {
            // Sound has no key frames, and goes ahead of what waits.
            let is_needed = is_sound || !repeats.is_limited() || !stream.is_outdated(*number);
            let is_full = !is_sound && self.outgoing.waiting() > MAX_WAITING_AGAIN;
            if !is_needed || is_full {
                continue;
            }
            let mut fate = Fate::UnderWay;
            let again = stream.packet_again(*number, |bytes| {
                fate = repeats.request(ssrc, *number, bytes, now);
                fate == Fate::Sent
            });
            let Some((format, packet)) = again else {
                match fate {
                    Fate::NoRoom if !is_sound && stream.may_give_up(now) => return Again::NoRoom,
                    Fate::NoRoom => return Again::Done,
                    Fate::Sent | Fate::UnderWay => continue,
                }
            };
            self.outgoing.add(format, &packet, departure);
            self.counts.packets += 1;
            self.counts.sent_again += 1;
        }
        Again::Done
    }
}

/// What has become of packets that were asked for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    /// Those that can be of use are on their way.
    Done,
    /// The path has no room for them; a key frame would help.
    NoRoom,
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

    /// Nothing that was sent is sent again: a key frame comes.
    pub(crate) fn give_up(&self) {
        if let Some(stream) = self.transmitter.locked().find(self.ssrc) {
            stream.give_up();
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
