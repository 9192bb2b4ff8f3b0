//! One viewer's reports become a bitrate: what its path takes
//! (draft-ietf-rmcat-gcc-02, sections 5.5 and 6).

use std::time::Duration;

use super::Packet;
use super::bursts::Bursts;
use super::delay::{Delay, Usage};
use super::traffic::Traffic;

/// Of what arrived while a queue grew, so much is sent from then on: the queue shrinks.
const BACK_OFF: f64 = 0.85;

/// Growth in a second while nothing queues.
const GROWTH: f64 = 1.5;

/// The same near the bitrate at which a queue grew last.
const CAREFUL_GROWTH: f64 = 1.1;

/// How far above that bitrate it is not near any more.
const NEAR: f64 = 1.15;

/// And how long it takes to be sure that the path is another by now.
const CAREFUL: Duration = Duration::from_secs(4);

/// What is not used is not known: the estimate grows to no more than so much of what arrives.
const UNUSED: f64 = 1.5;
/// And by so many bit/s in any case, or it would never leave the ground.
const UNUSED_LEAST: f64 = 50_000.0;

/// The part of the packets that may get lost without a queue. Wi-Fi does that; beyond, some
/// queue on the way is too short to be seen (draft-ietf-rmcat-gcc-02, section 6).
const TOLERABLE_LOSS: f64 = 0.10;

/// Seconds of growth for one report, however long nothing was sent.
const LONGEST: f64 = 1.0;

/// Seconds from one reduction to the next.
const REACTION: f64 = 0.2;

/// Reductions after which a queue that stands all the same is somebody else's.
const FUTILE: u32 = 4;

/// As long as packets wait for so long, nothing grows.
const WAITING: Duration = Duration::from_millis(60);

/// A path on which bursts arrive at so many times the estimate is not full because some pictures
/// come a little late. On Wi-Fi, where a burst may wait as a whole, a longer queue tells.
const WIDE: f64 = 4.0;

/// A report that says more than so long after is no news of how full the path is.
const OLD: Duration = Duration::from_secs(1);

/// The least estimate, in bit/s.
const LEAST: f64 = 50_000.0;

/// What the estimate does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trend {
    Increasing,
    Holding,
    Decreasing,
}

impl Trend {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Increasing => "increasing",
            Self::Holding => "holding",
            Self::Decreasing => "decreasing",
        }
    }
}

/// What is known of a viewer's path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    /// Bit/s that it takes.
    pub(crate) bitrate: f64,
    pub(crate) trend: Trend,
    /// How long the newest packet that is known of had to wait on its way.
    pub(crate) queue: Duration,
    /// How long ago that was sent.
    pub(crate) age: Duration,
    /// Part of the packets that got lost lately, 0–1.
    pub(crate) loss: f64,
    /// Bit/s at which the packets of one picture arrive, if that can be told.
    pub(crate) bursts: Option<f64>,
    /// How long the path has taken all that was sent.
    pub(crate) calm: Duration,
}

#[derive(Debug)]
pub(crate) struct Estimator {
    delay: Delay,
    traffic: Traffic,
    bursts: Bursts,
    bitrate: f64,
    /// No more than this is ever sent.
    ceiling: f64,
    /// Bit/s that arrived when that could be told last.
    used: f64,
    /// The bitrate at which a queue grew last.
    capacity: Option<f64>,
    trend: Trend,
    /// Seconds, by the clock of what is sent.
    updated: Option<f64>,
    /// How old the newest packet of the last report was.
    age: Duration,
    reduced: Option<f64>,
    /// Reductions for a queue since there was none.
    reductions: u32,
    calm_since: Option<f64>,
}

impl Estimator {
    /// `ceiling`: the most that will be sent in bit/s, where it starts.
    pub(crate) fn new(ceiling: f64) -> Self {
        Self {
            delay: Delay::default(),
            traffic: Traffic::default(),
            bursts: Bursts::default(),
            bitrate: ceiling.max(LEAST),
            ceiling: ceiling.max(LEAST),
            used: 0.0,
            capacity: None,
            trend: Trend::Holding,
            updated: None,
            age: Duration::ZERO,
            reduced: None,
            reductions: 0,
            calm_since: None,
        }
    }

    /// More is sent than before, or less. A path that has always taken all is trusted with it.
    pub(crate) fn set_ceiling(&mut self, ceiling: f64) {
        let ceiling = ceiling.max(LEAST);
        if self.reduced.is_none() {
            self.bitrate = ceiling;
        }
        self.ceiling = ceiling;
        self.bitrate = self.bitrate.min(ceiling);
    }

    /// The path is tried out with so many bit/s.
    pub(crate) fn try_out(&mut self, bitrate: f64) {
        self.bitrate = self.bitrate.max(bitrate.min(self.ceiling));
    }

    pub(crate) fn estimate(&self) -> Estimate {
        let now = self.updated.unwrap_or_default();
        let calm = self.calm_since.map_or(0.0, |since| (now - since).max(0.0));
        Estimate {
            bitrate: self.bitrate,
            trend: self.trend,
            queue: self.delay.queue(),
            age: self.age,
            bursts: self.bursts.rate(),
            loss: self.traffic.loss().unwrap_or_default(),
            calm: Duration::from_secs_f64(calm),
        }
    }

    /// The viewer's report on some packets has come, in the order in which they were sent.
    /// `now` is by the clock of their sending.
    pub(crate) fn report(&mut self, packets: &[Packet], now: Duration) -> Estimate {
        let mut usage = Usage::Normal;
        for packet in packets {
            self.traffic.report(packet);
            self.bursts.report(packet);
            if self.delay.arrived(packet) {
                usage = worse(usage, self.delay.usage());
            }
        }
        self.delay.finish();
        usage = match worse(usage, self.delay.usage()) {
            // What was sent before the last reduction tells nothing of what it did.
            Usage::Over if self.is_recent(self.delay.newest()) => Usage::Under,
            // Most likely it is the viewer that takes its time.
            Usage::Over if self.delay.queue() < WAITING && self.is_wide() => Usage::Under,
            usage => usage,
        };
        let Some(newest) = packets
            .iter()
            .map(|packet| packet.sent.as_secs_f64())
            .reduce(f64::max)
        else {
            return self.estimate();
        };
        let age = now.saturating_sub(Duration::from_secs_f64(newest.max(0.0)));
        self.age = age.min(OLD);
        let elapsed = self
            .updated
            .map_or(0.0, |last| (newest - last).clamp(0.0, LONGEST));
        let now = self.updated.map_or(newest, |last| last.max(newest));
        self.updated = Some(now);
        let calm_since = *self.calm_since.get_or_insert(now);
        let loss = self.traffic.loss().unwrap_or_default();

        self.trend = match usage {
            Usage::Over => {
                self.reduce_for_queue(now);
                Trend::Decreasing
            }
            _ if loss > TOLERABLE_LOSS && !self.is_recent(now) => {
                self.reduce_for_loss(loss, now);
                Trend::Decreasing
            }
            Usage::Under => Trend::Holding,
            Usage::Normal if loss > TOLERABLE_LOSS || self.is_recent(now) => Trend::Holding,
            Usage::Normal if self.delay.queue() >= WAITING => Trend::Holding,
            Usage::Normal => {
                self.reductions = 0;
                self.grow(elapsed);
                Trend::Increasing
            }
        };
        if self.trend == Trend::Decreasing {
            self.bursts.forget();
            self.calm_since = Some(now);
        } else {
            self.calm_since = Some(calm_since);
        }
        self.estimate()
    }

    /// Whether the packets of a picture arrive so close to each other that the path is hardly too
    /// narrow for them.
    fn is_wide(&self) -> bool {
        let rate = self.bursts.rate();
        rate.is_some_and(|rate| rate > WIDE * self.bitrate)
    }

    /// Whether something was sent too soon after a reduction to show what it did.
    fn is_recent(&self, sent: f64) -> bool {
        self.reduced.is_some_and(|at| sent < at + REACTION)
    }

    fn reduce_for_queue(&mut self, now: f64) {
        if self.reductions >= FUTILE {
            // Each reduction would be followed by the next, down to nothing.
            self.reductions = 0;
            self.delay.accept_queue();
            return;
        }
        let arrives = self
            .delay
            .rise_began()
            .and_then(|since| self.traffic.rate_since(since))
            .or_else(|| self.traffic.rate());
        if let Some(arrives) = arrives {
            self.capacity = Some(arrives);
            self.bitrate = self.bitrate.min(BACK_OFF * arrives).max(LEAST);
        } else {
            self.bitrate = (self.bitrate * BACK_OFF).max(LEAST);
        }
        self.reductions += 1;
        self.reduced = Some(now);
        self.delay.restart();
    }

    fn reduce_for_loss(&mut self, loss: f64, now: f64) {
        self.reduced = Some(now);
        let arrives = self.traffic.rate();
        self.traffic.forget_losses();
        let Some(arrives) = arrives else {
            // All of it was lost: the path was gone, not narrow.
            return;
        };
        // What is not used does not count: it is not what got lost.
        let used = self.bitrate.min(arrives / (1.0 - loss).max(0.1));
        let reduced = (used * (1.0 - 0.5 * loss)).max(BACK_OFF * arrives);
        self.bitrate = self.bitrate.min(reduced).max(LEAST);
        self.capacity = Some(arrives);
    }

    fn grow(&mut self, elapsed: f64) {
        let calm = self.estimate().calm;
        let speed = match self.capacity {
            Some(capacity) if self.bitrate < capacity * NEAR && calm < CAREFUL => CAREFUL_GROWTH,
            Some(_) => {
                self.capacity = None;
                GROWTH
            }
            None => GROWTH,
        };
        // Where pictures are left out, a report may be on too few packets to tell.
        let used = self.traffic.rate().unwrap_or(self.used);
        self.used = used;
        let most = (UNUSED * used + UNUSED_LEAST).max(self.bitrate);
        self.bitrate = (self.bitrate * speed.powf(elapsed))
            .min(most)
            .min(self.ceiling);
    }
}

const fn worse(one: Usage, other: Usage) -> Usage {
    match (one, other) {
        (Usage::Over, _) | (_, Usage::Over) => Usage::Over,
        (_, other) => other,
    }
}
