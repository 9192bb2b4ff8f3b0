//! A sender, a network and a viewer that reports, all in virtual time.

mod audience;
mod estimator;
mod thinning;

use std::collections::VecDeque;
use std::time::Duration;

use super::Packet;
use super::estimator::{Estimate, Estimator};
use super::repeats::{self, Fate, Repeats};

/// From one picture to the next.
const FRAME: f64 = 1.0 / 30.0;
/// Bytes of a packet.
const MTU: u32 = 1200;
/// Chromium reports ten to twenty times a second.
const REPORTS: f64 = 0.1;
/// The way there, and the same back.
const WAY: f64 = 0.005;
/// The viewer's clock has begun at another time.
const CLOCK: f64 = 4_711.0;

pub(super) const MEGABIT: f64 = 1e6;

/// What the path does at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path {
    /// Bit/s.
    pub(super) capacity: f64,
    /// Seconds that packets may have to wait; more get lost.
    pub(super) buffer: f64,
    /// The part of packets that get lost whatever is sent.
    pub(super) loss: f64,
    /// Seconds that the air is silent every second.
    pub(super) stall: f64,
    /// Greatest random delay of a picture in seconds.
    pub(super) jitter: f64,
}

pub(super) const FREE: Path = Path {
    capacity: 100.0 * MEGABIT,
    buffer: 0.5,
    loss: 0.0,
    stall: 0.0,
    jitter: 0.0,
};

pub(super) struct Simulation {
    pub(super) estimator: Estimator,
    pub(super) path: Path,
    pub(super) now: f64,
    /// What was sent, and when the viewer had it or knew that it was lost; with the number of
    /// what it is a copy of.
    under_way: VecDeque<(f64, u16, Packet)>,
    next_number: u16,
    ceiling: f64,
    /// What a viewer that asks for lost packets gets again.
    pub(super) repeats: Option<Repeats>,
    /// What it lacks, and how often it has asked for that.
    missing: Vec<(u16, u32)>,
    busy_until: f64,
    arrived_last: f64,
    next_report: f64,
    random: u64,
    /// Seconds by which everything takes longer, for a reason that is not ours.
    pub(super) shift: f64,
    /// Longest wait of a packet since this was last set to zero, in seconds.
    pub(super) longest: f64,
    pub(super) last: Estimate,
}

impl Simulation {
    pub(super) fn new(ceiling: f64) -> Self {
        let estimator = Estimator::new(ceiling);
        Self {
            last: estimator.estimate(),
            estimator,
            path: FREE,
            now: 100.0,
            under_way: VecDeque::new(),
            next_number: 0,
            ceiling,
            repeats: None,
            missing: Vec::new(),
            busy_until: 0.0,
            arrived_last: 0.0,
            next_report: 100.0,
            random: 1,
            shift: 0.0,
            longest: 0.0,
        }
    }

    /// 0–1, the same in each run.
    fn random(&mut self) -> f64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 40) as f64 / (1_u64 << 24) as f64
    }

    /// Sends pictures for a time, at the bit/s that `rate` makes of the estimate.
    pub(super) fn run(&mut self, seconds: f64, mut rate: impl FnMut(&Estimate) -> f64) {
        let end = self.now + seconds;
        while self.now < end {
            let offered = rate(&self.last);
            let mut bytes = (offered * FRAME / 8.0) as u32;
            while bytes > 0 {
                let size = bytes.min(MTU);
                bytes -= size;
                self.next_number = self.next_number.wrapping_add(1);
                self.send(self.next_number, size);
            }
            self.now += FRAME;
            if self.now >= self.next_report {
                self.next_report = self.now + REPORTS;
                self.report();
                self.ask_again(offered);
            }
        }
    }

    /// The same until the estimate is as wanted; gives the seconds that took.
    pub(super) fn run_until(
        &mut self,
        limit: f64,
        mut rate: impl FnMut(&Estimate) -> f64,
        is_wanted: impl Fn(&Estimate) -> bool,
    ) -> f64 {
        let start = self.now;
        while !is_wanted(&self.last) {
            assert!(
                self.now < start + limit,
                "not in {limit} s: {:?}",
                self.last
            );
            self.run(FRAME, &mut rate);
        }
        self.now - start
    }

    fn send(&mut self, number: u16, size: u32) {
        let jitter = self.random() * self.path.jitter;
        let queued = (self.busy_until - self.now).max(0.0);
        let is_lost = queued > self.path.buffer || self.random() < self.path.loss;
        let mut arrived = None;
        let mut known = self.now + queued + WAY;
        if !is_lost {
            self.busy_until =
                self.now.max(self.busy_until) + f64::from(size) * 8.0 / self.path.capacity;
            let mut at = self.busy_until + jitter + WAY + self.shift;
            if at.fract() < self.path.stall {
                at = at.floor() + self.path.stall;
            }
            at = at.max(self.arrived_last);
            self.arrived_last = at;
            self.longest = self.longest.max(at - self.now);
            arrived = Some(Duration::from_secs_f64(at + CLOCK));
            known = at;
        }
        let packet = Packet {
            sent: Duration::from_secs_f64(self.now),
            arrived,
            size,
        };
        self.under_way.push_back((known, number, packet));
    }

    /// The viewer asks for all that it lacks, ten times in all, as browsers do.
    fn ask_again(&mut self, offered: f64) {
        let now = Duration::from_secs_f64(self.now);
        let Some(mut repeats) = self.repeats.take() else {
            return;
        };
        let room = repeats::room(self.last.bitrate, self.ceiling, offered);
        repeats.set_room(room, now);
        repeats.set_round_trip(self.last.age);
        let mut missing = std::mem::take(&mut self.missing);
        for (number, asked) in &mut missing {
            *asked += 1;
            let number = *number;
            if repeats.request(0, number, MTU as usize, now) == Fate::Sent {
                self.send(number, MTU);
            }
        }
        missing.retain(|(_, asked)| *asked < 10);
        self.missing = missing;
        self.repeats = Some(repeats);
    }

    fn report(&mut self) {
        let until = self.now - WAY;
        let mut packets = Vec::new();
        while self
            .under_way
            .front()
            .is_some_and(|(known, ..)| *known <= until)
        {
            let Some((_, number, packet)) = self.under_way.pop_front() else {
                break;
            };
            packets.push(packet);
            let is_new = self.missing.iter().all(|(missing, _)| *missing != number);
            match packet.arrived {
                Some(_) => self.missing.retain(|(missing, _)| *missing != number),
                None if is_new => self.missing.push((number, 0)),
                None => {}
            }
        }
        self.last = self
            .estimator
            .report(&packets, Duration::from_secs_f64(self.now));
    }
}
