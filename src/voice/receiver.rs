//! The packets of one talker become sound: a jitter buffer from which each 10 ms a block
//! is taken. See `mod.rs` for how it keeps delay small.

use std::collections::BTreeMap;

use super::arrivals::Arrivals;
use super::decoder::{Decoder, NoDecoder};
use super::resampler::{AFTER, Resampler};
use super::rtp::{self, Opus};
use super::sound::Sound;
use super::statistics::TalkerStatistics;
use super::steering::{Action, Limits, START, Steering};
use super::timeline::{Misfit, Place, Timeline};
use super::{BLOCK, Frame, duration, gentle, samples, splice};

/// How long lost sound is made up for in full, and how long it then takes to fade.
const HOLD: usize = 3360;
const FADE: f32 = 1440.0;

/// How long comfort noise goes on: a sender with nothing to say (DTX) says so each 400 ms.
const COMFORT: usize = 48_000;

/// How long sound takes to come back after silence.
const RISE: f32 = 240.0;

/// What a sender with nothing to say sends is no longer.
const DTX: usize = 2;

/// A silence that is shorter is one of the network if no timestamp was left out in it.
const STALL: usize = 24_000;

/// How many skipped packets are decoded before one that is played.
const LEAD_IN: usize = 8;

/// Packets that are kept if nobody fetches the sound.
const MAX_PACKETS: usize = 250;

#[derive(Debug)]
struct Packet {
    timestamp: i64,
    payload: Box<[u8]>,
    /// Both in samples, see [`Opus`].
    duration: usize,
    correction: usize,
    restarts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Silence, or comfort noise, until it is time for the next packet. It has lasted for
    /// so many samples.
    Waiting(usize),
    /// Each packet follows the one before.
    Playing,
}

/// See the file's documentation.
#[derive(Debug)]
pub(super) struct Receiver {
    payload_type: u8,
    limits: Limits,
    timeline: Timeline,
    arrivals: Arrivals,
    packets: BTreeMap<i64, Packet>,
    /// Which of the sequence numbers up to the greatest have come; the lowest bit is the
    /// greatest.
    seen: u128,
    greatest: i64,
    state: State,
    /// What is played after the sound that is decoded.
    next_sequence: Option<i64>,
    next_timestamp: i64,
    /// How long the packet that came last is.
    packet: usize,
    decoder: Decoder,
    sound: Sound,
    steering: Steering,
    resampler: Resampler,
    /// How many more samples are made up before they fade, and the gain of the last.
    hold: usize,
    gain: f32,
    /// Samples by which the sound was drawn out while nothing was there.
    drawn_out: i64,
    /// Samples that were made up where it is open yet whether anything was to be said.
    provisional: u64,
    /// By how many samples the resampler has shortened the sound.
    gained: [f64; 2],
    /// When what is at the beginning of the sound is played.
    time: i64,
    counts: TalkerStatistics,
}

impl Receiver {
    pub(super) fn new(payload_type: u8, limits: Limits) -> Result<Self, NoDecoder> {
        Ok(Self {
            payload_type,
            limits,
            timeline: Timeline::default(),
            arrivals: Arrivals::default(),
            packets: BTreeMap::new(),
            seen: 0,
            greatest: 0,
            state: State::Waiting(STALL),
            next_sequence: None,
            next_timestamp: 0,
            packet: 0,
            decoder: Decoder::new()?,
            sound: Sound::default(),
            steering: Steering::default(),
            resampler: Resampler::default(),
            hold: 0,
            gain: 0.0,
            drawn_out: 0,
            provisional: 0,
            gained: [0.0; 2],
            time: 0,
            counts: TalkerStatistics::default(),
        })
    }

    /// Takes an RTP packet.
    pub(super) fn packet(&mut self, bytes: &[u8], arrival: std::time::Duration) {
        let arrival = samples(arrival);
        let Some(packet) = rtp::read(bytes, self.payload_type) else {
            self.counts.malformed += 1;
            return;
        };
        let length = packet.opus.map_or(0, |opus| opus.duration);
        let place = match self.timeline.place(packet.header, length as i64, arrival) {
            Ok(place) => place,
            Err(Misfit::Stale | Misfit::Stray) => {
                self.counts.malformed += 1;
                return;
            }
        };
        if self.was_seen(place.sequence) {
            self.counts.duplicates += 1;
            return;
        }
        self.counts.packets += 1;
        if let Some(opus) = packet.opus {
            self.packet = opus.duration;
            self.measure(place, opus, arrival);
        }
        if self.next_sequence.is_some_and(|next| place.sequence < next) {
            self.counts.late += 1;
            return;
        }
        let packet = Packet {
            timestamp: place.timestamp,
            payload: packet.opus.map_or(&[][..], |opus| opus.payload).into(),
            duration: length,
            correction: packet.opus.map_or(0, |opus| opus.correction),
            restarts: place.restarts,
        };
        self.packets.insert(place.sequence, packet);
        if self.packets.len() > MAX_PACKETS {
            self.packets.pop_first();
        }
    }

    /// Notes that this packet has come; true if it had before.
    fn was_seen(&mut self, sequence: i64) -> bool {
        if self.counts.packets == 0 {
            self.greatest = sequence;
        }
        let ahead = sequence - self.greatest;
        if ahead > 0 {
            let shift = u32::try_from(ahead).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0);
            self.greatest = sequence;
        }
        let behind = u32::try_from(self.greatest - sequence).unwrap_or(u32::MAX);
        let Some(bit) = 1_u128.checked_shl(behind) else {
            return false;
        };
        let seen = self.seen & bit != 0;
        self.seen |= bit;
        seen
    }

    fn measure(&mut self, place: Place, opus: Opus<'_>, arrival: i64) {
        // Until it is full it cannot be sent: so its length is no part of the way.
        let transit = arrival - place.timestamp - opus.duration as i64;
        let is_behind = transit - self.arrivals.base() > self.limits.max;
        if matches!(self.state, State::Waiting(_)) && self.packets.is_empty() && is_behind {
            // The sender's clock stood still while it was silent.
            self.arrivals.restart(arrival, transit);
        } else {
            self.arrivals.arrived(arrival, transit);
        }
        // What was lost before this packet comes with it.
        let before = place.sequence - 1;
        let is_lost = self.next_sequence.is_some_and(|next| before >= next)
            && !self.packets.contains_key(&before);
        if is_lost && opus.correction > 0 {
            self.arrivals.made_up_for(transit + opus.correction as i64);
        }
    }

    /// The next 10 ms, which begin at `time`.
    pub(super) fn block(&mut self, time: i64, block: &mut [Frame; BLOCK]) {
        self.time = time;
        let mut speed = 1.0;
        if self.state == State::Playing {
            let error = self.error();
            match self.steering.action(error) {
                Action::None => {}
                Action::Splice { change, urgent } => self.splice(change, urgent),
                Action::Skip => self.skip(),
            }
            speed = self.steering.speed(error);
        } else if self.gain == 0.0 {
            // Nothing is heard: from here on it can be bit for bit again.
            self.steering = Steering::default();
            self.resampler = Resampler::default();
        }
        let need = self.resampler.need(speed);
        while self.sound.ahead() < need {
            match self.state {
                State::Waiting(waited) => self.wait(waited, need - self.sound.ahead()),
                State::Playing => self.play(),
            }
        }
        let played = self.resampler.process(speed, self.sound.to_play(), block);
        self.sound.played(played);
        self.time = time + BLOCK as i64;
        self.counts.played_samples += BLOCK as u64;
        self.gained[usize::from(speed > 1.0)] += (speed - 1.0).abs() * BLOCK as f64;
    }

    /// The offset of what is decoded next.
    fn offset(&self) -> i64 {
        self.time + self.sound.ahead() as i64 - self.next_timestamp
    }

    fn error(&self) -> i64 {
        self.limits
            .error(self.offset(), &self.arrivals, self.packet as i64)
    }

    fn target(&self) -> i64 {
        self.limits.offset(&self.arrivals, self.packet as i64)
    }

    fn splice(&mut self, change: splice::Change, urgent: bool) {
        // As far as all is there; the rest may still come.
        while self.sound.ahead() < AFTER + splice::REACH
            && let Some((&sequence, packet)) = self.packets.first_key_value()
            && Some(sequence) == self.next_sequence
            && packet.timestamp <= self.next_timestamp
        {
            self.take(sequence);
        }
        let Some(found) = splice::find(self.sound.untouched(), change, urgent) else {
            return;
        };
        match change {
            splice::Change::Shorten(_) => self.counts.compressed_samples += found.length as u64,
            splice::Change::Lengthen(_) => self.counts.stretched_samples += found.length as u64,
        }
        self.sound.replace(found.replaced, found.by);
    }

    /// Far too much has come: goes on with the last of it.
    fn skip(&mut self) {
        self.sound.cut(RISE as usize);
        self.gain = 0.0;
        self.state = State::Waiting(STALL);
    }

    /// Adds to the sound, or finds that it is time to wait.
    fn play(&mut self) {
        let Some((&sequence, packet)) = self.packets.first_key_value() else {
            return self.run_dry();
        };
        let gap = packet.timestamp - self.next_timestamp;
        let lost = sequence - self.next_sequence.unwrap_or(sequence);
        if gap <= 0 {
            self.take(sequence);
        } else if lost <= 0 {
            self.pause();
        } else {
            self.bridge(sequence, gap, lost);
        }
    }

    /// Nothing is there: it is late, lost, or there is nothing to say.
    fn run_dry(&mut self) {
        if self.hold > HOLD || self.gain == 0.0 {
            self.state = State::Waiting(0);
            return;
        }
        self.conceal(BLOCK);
        self.drawn_out += BLOCK as i64;
        self.provisional += BLOCK as u64;
    }

    /// The sender has left out something by intention.
    fn pause(&mut self) {
        if self.hold <= HOLD {
            self.hold = 0;
        }
        self.state = State::Waiting(STALL);
    }

    /// Fills a part of the gap before a packet, or all of it.
    fn bridge(&mut self, sequence: i64, gap: i64, lost: i64) {
        // The sound was drawn out for what is known now to be lost. If the delay is to
        // grow, it was not in vain.
        let excess = self.error().max(0);
        let filled = std::mem::take(&mut self.drawn_out).min(excess).min(gap);
        if filled > 0 {
            self.next_timestamp += filled;
            return;
        }
        if gap > 2 * lost * self.packet as i64 + HOLD as i64 {
            return self.pause();
        }
        let gap = gap as usize;
        let Some(packet) = self.packets.get(&sequence) else {
            return;
        };
        if gap > packet.correction {
            let length = (gap - packet.correction).min(BLOCK);
            self.conceal(length);
            self.counts.concealed_samples += length as u64;
            self.next_timestamp += length as i64;
            return;
        }
        self.counts.recovered += 1;
        match self
            .decoder
            .correct(&packet.payload, packet.correction, gap)
        {
            Some(frames) if frames.len() == gap => {
                let (frames, gain) = (frames.iter().copied(), &mut self.gain);
                self.sound.push(rising(frames, gain));
            }
            _ => self.sound.push_silence(gap),
        }
        self.next_timestamp += gap as i64;
    }

    /// Makes up this many samples.
    fn conceal(&mut self, length: usize) {
        if self.gain == 0.0 {
            return self.sound.push_silence(length);
        }
        let frames = self.decoder.conceal(length).unwrap_or(&[]);
        let missing = length - frames.len();
        let (hold, gain) = (&mut self.hold, &mut self.gain);
        self.sound.push(frames.iter().map(|frame| {
            match hold.checked_sub(1) {
                Some(rest) => *hold = rest,
                None => *gain = (*gain - 1.0 / FADE).max(0.0),
            }
            faded(frame, *gain)
        }));
        self.sound.push_silence(missing);
    }

    /// Decodes this packet.
    fn take(&mut self, sequence: i64) {
        let Some(packet) = self.packets.remove(&sequence) else {
            return;
        };
        self.pass(sequence);
        if packet.restarts {
            self.decoder.restart();
        }
        if packet.duration == 0 {
            return;
        }
        self.counts.concealed_samples += std::mem::take(&mut self.provisional);
        self.drawn_out = 0;
        let end = packet.timestamp + packet.duration as i64;
        let overdue = usize::try_from(self.next_timestamp - packet.timestamp).unwrap_or(0);
        match self.decoder.decode(&packet.payload) {
            Some(frames) => {
                let frames = frames.iter().skip(overdue).copied();
                self.sound.push(rising(frames, &mut self.gain));
                self.hold = if packet.payload.len() > DTX {
                    HOLD
                } else {
                    COMFORT
                };
            }
            None => {
                self.counts.malformed += 1;
                let length = packet.duration.saturating_sub(overdue);
                self.conceal(length);
                self.counts.concealed_samples += length as u64;
            }
        }
        self.next_timestamp = self.next_timestamp.max(end);
    }

    /// What was before this packet and has not come yet is lost.
    fn pass(&mut self, sequence: i64) {
        let next = self.next_sequence.unwrap_or(sequence);
        self.counts.lost += u64::try_from(sequence - next).unwrap_or(0);
        self.next_sequence = Some(sequence + 1);
    }

    /// Adds at most `missing` samples of silence, or begins to play.
    fn wait(&mut self, waited: usize, missing: usize) {
        let quiet = match self.packets.first_key_value() {
            None => missing,
            Some((&sequence, packet)) => {
                let begin = packet.timestamp + self.target() + START;
                let early = begin - (self.time + self.sound.ahead() as i64);
                match usize::try_from(early) {
                    Ok(early @ 1..) => early.min(missing),
                    _ => return self.begin(sequence, early.unsigned_abs(), waited),
                }
            }
        };
        self.conceal(quiet);
        self.state = State::Waiting(waited.saturating_add(quiet));
    }

    /// Plays the first packet, or skips it if it is late and not the last.
    fn begin(&mut self, sequence: i64, late: u64, waited: usize) {
        let Some(packet) = self.packets.get(&sequence) else {
            return;
        };
        if late >= packet.duration as u64 && self.packets.len() > 1 {
            // The decoder needs some of what was before to find its way.
            if packet.restarts {
                self.decoder.restart();
            }
            if self.packets.len() <= LEAD_IN && packet.duration > 0 {
                self.decoder.decode(&packet.payload);
            }
            self.packets.remove(&sequence);
            self.pass(sequence);
            self.counts.lost += 1;
            self.counts.late += 1;
            return;
        }
        let is_next = packet.timestamp == self.next_timestamp
            || self.next_sequence.is_some_and(|next| next < sequence);
        self.provisional = match waited < STALL && is_next {
            true => self.provisional + waited as u64,
            false => 0,
        };
        self.next_timestamp = packet.timestamp;
        self.state = State::Playing;
        self.take(sequence);
    }

    /// All but the level.
    pub(super) fn statistics(&self) -> TalkerStatistics {
        let base = self.arrivals.base();
        let delay = match self.state {
            State::Playing => self.offset() - base,
            State::Waiting(_) => 0,
        };
        let [stretched, compressed] = self.gained.map(|samples| samples as u64);
        TalkerStatistics {
            stretched_samples: self.counts.stretched_samples + stretched,
            compressed_samples: self.counts.compressed_samples + compressed,
            jitter: std::time::Duration::from_secs_f64(self.arrivals.jitter_ms() / 1000.0),
            delay: duration(delay),
            target: duration(self.target() - base),
            ..self.counts
        }
    }
}

/// Sound that comes back after it was made up or silent.
fn rising(frames: impl Iterator<Item = Frame>, gain: &mut f32) -> impl Iterator<Item = Frame> {
    frames.map(|frame| {
        *gain = (*gain + 1.0 / RISE).min(1.0);
        faded(&frame, *gain)
    })
}

fn faded(frame: &Frame, gain: f32) -> Frame {
    frame.map(|sample| sample * gentle(gain))
}
