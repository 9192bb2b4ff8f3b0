//! Whether packets queue up on their way: the trend of their one-way delay
//! (draft-ietf-rmcat-gcc-02, section 5).
//!
//! A picture leaves as one burst, so packets that were sent together count as one *group*,
//! and what is measured is its last packet. The clocks of the two sides need not agree: only
//! differences of delays have a meaning. The slope of the line through the delays of the last
//! half second tells how fast a queue grows; the least delay of some seconds stands for an
//! empty queue.

use std::collections::VecDeque;
use std::time::Duration;

use super::Packet;

/// Packets that were sent within this time are one group.
const BURST: f64 = 5.0;

/// How far back the line reaches, in milliseconds of arrival.
const WINDOW: f64 = 500.0;

/// Fewer groups are no trend.
const LEAST_GROUPS: usize = 4;

/// Weight of a new delay against those before.
const SMOOTHING: f64 = 0.5;

/// What makes a slope (milliseconds of delay for each millisecond of time) comparable with the
/// threshold: as in libwebrtc, 60 groups by a gain of 4.
const GAIN: f64 = 240.0;

/// The threshold adapts to a path that always jitters (section 5.4).
const THRESHOLD: f64 = 12.5;
const LEAST_THRESHOLD: f64 = 6.0;
const GREATEST_THRESHOLD: f64 = 600.0;
const THRESHOLD_UP: f64 = 0.0087;
const THRESHOLD_DOWN: f64 = 0.039;

/// How long the slope has to be too great: a Wi-Fi that stood still for a moment delivers
/// what waited with less and less delay, only a queue makes each group later than the last.
const RISING: f64 = 30.0;
const RISING_GROUPS: u32 = 2;

/// A queue shorter than this is not worth anything.
const SHORT_QUEUE: f64 = 20.0;

/// Delays that differ by less than this are the same.
const EMPTY: f64 = 5.0;

/// A queue of this length that does not get shorter is one, even if it grows no more: it is
/// full.
const STANDING_QUEUE: f64 = 100.0;
const STANDING: f64 = 300.0;

/// Seconds in which the least delay is sought.
const BASE: i64 = 20;

/// A step of the delay that no network makes: one of the clocks was set.
const STEP: f64 = 10_000.0;

/// What the delays say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// A queue shrinks.
    Under,
    Normal,
    /// A queue grows, or stands.
    Over,
}

#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent: f64,
    sent: f64,
    arrived: f64,
}

#[derive(Debug, Clone, Copy)]
struct Point {
    sent: f64,
    arrived: f64,
    /// Above the least.
    delay: f64,
    smoothed: f64,
}

#[derive(Debug)]
pub(super) struct Delay {
    group: Option<Group>,
    points: VecDeque<Point>,
    threshold: f64,
    slope: f64,
    /// When, in sending time, the slope became too great, and how many groups came since.
    over_since: Option<f64>,
    over_groups: u32,
    standing_since: Option<f64>,
    /// The least delay of each second; the newest is the last.
    least: VecDeque<(i64, f64)>,
    usage: Usage,
}

impl Default for Delay {
    fn default() -> Self {
        Self {
            group: None,
            points: VecDeque::new(),
            threshold: THRESHOLD,
            slope: 0.0,
            over_since: None,
            over_groups: 0,
            standing_since: None,
            least: VecDeque::new(),
            usage: Usage::Normal,
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl Delay {
    /// A packet has arrived. Gives true if that completed a group.
    pub(super) fn arrived(&mut self, packet: &Packet) -> bool {
        let Some(arrived) = packet.arrived.map(milliseconds) else {
            return false;
        };
        let sent = milliseconds(packet.sent);
        match &mut self.group {
            Some(group) if sent < group.first_sent => false,
            Some(group) if sent - group.first_sent <= BURST => {
                group.sent = group.sent.max(sent);
                group.arrived = group.arrived.max(arrived);
                false
            }
            group => {
                let done = group.replace(Group {
                    first_sent: sent,
                    sent,
                    arrived,
                });
                if let Some(done) = done {
                    self.complete(done);
                }
                done.is_some()
            }
        }
    }

    /// There is no more to come of the newest group: the report ends with it.
    pub(super) fn finish(&mut self) {
        if let Some(done) = self.group.take() {
            self.complete(done);
        }
    }

    fn complete(&mut self, group: Group) {
        let raw = group.arrived - group.sent;
        if let Some((_, least)) = self.least.back()
            && (raw - least).abs() > STEP
        {
            *self = Self::default();
        }
        let base = self.base(group.sent, raw);
        let last = self.points.back().copied();
        if last.is_some_and(|last| group.arrived < last.arrived || group.sent <= last.sent) {
            // A part of a group that is complete already.
            return;
        }
        let delay = raw - base;
        let smoothed = last.map_or(delay, |last| {
            last.smoothed + SMOOTHING * (delay - last.smoothed)
        });
        self.points.push_back(Point {
            sent: group.sent,
            arrived: group.arrived,
            delay,
            smoothed,
        });
        while let Some(first) = self.points.front()
            && first.arrived < group.arrived - WINDOW
            && self.points.len() > LEAST_GROUPS
        {
            self.points.pop_front();
        }
        self.judge();
    }

    /// The least delay of the last seconds.
    fn base(&mut self, sent: f64, delay: f64) -> f64 {
        // Far below 2^53.
        let second = (sent / 1000.0) as i64;
        match self.least.back_mut() {
            Some((current, least)) if *current == second => *least = least.min(delay),
            _ => self.least.push_back((second, delay)),
        }
        while let Some((oldest, _)) = self.least.front()
            && *oldest + BASE < second
        {
            self.least.pop_front();
        }
        self.least
            .iter()
            .map(|(_, least)| *least)
            .fold(delay, f64::min)
    }

    fn judge(&mut self) {
        let before = self.slope;
        self.slope = slope(&self.points).unwrap_or_default();
        let Some(last) = self.points.back().copied() else {
            return;
        };
        let previous = self.points.iter().rev().nth(1).copied();
        let elapsed = previous.map_or(0.0, |previous| last.arrived - previous.arrived);
        let gradient = self.slope * GAIN;
        let is_steep = gradient > self.threshold && last.delay > SHORT_QUEUE;
        let falls = previous.is_some_and(|previous| last.delay < previous.delay - 1.0);

        if is_steep {
            self.over_groups += 1;
            self.over_since.get_or_insert(last.sent);
        } else {
            self.over_since = None;
            self.over_groups = 0;
        }
        let rises = self.over_groups >= RISING_GROUPS
            && self
                .over_since
                .is_some_and(|since| last.sent - since >= RISING)
            && !falls
            && self.slope >= before * 0.9;

        if last.delay < STANDING_QUEUE {
            self.standing_since = None;
        } else {
            self.standing_since.get_or_insert(last.sent);
        }
        let stands = self
            .standing_since
            .is_some_and(|since| last.sent - since >= STANDING)
            && gradient > -self.threshold;

        self.usage = if rises || stands {
            Usage::Over
        } else if gradient < -self.threshold {
            Usage::Under
        } else {
            Usage::Normal
        };
        self.adapt(gradient.abs(), elapsed);
    }

    fn adapt(&mut self, gradient: f64, elapsed: f64) {
        // A sudden change of the path is no jitter to get used to.
        if gradient > self.threshold + 15.0 {
            return;
        }
        let speed = match gradient < self.threshold {
            true => THRESHOLD_DOWN,
            false => THRESHOLD_UP,
        };
        self.threshold += speed * (gradient - self.threshold) * elapsed.min(100.0);
        self.threshold = self.threshold.clamp(LEAST_THRESHOLD, GREATEST_THRESHOLD);
    }

    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    /// When the newest group was sent, in seconds.
    pub(super) fn newest(&self) -> f64 {
        self.points.back().map_or(0.0, |last| last.sent / 1000.0)
    }

    /// How long packets wait in a queue.
    pub(super) fn queue(&self) -> Duration {
        let delay = self.points.back().map_or(0.0, |last| last.delay);
        Duration::from_secs_f64(delay.max(0.0) / 1000.0)
    }

    /// When the group arrived, in seconds, with which the queue began to grow.
    pub(super) fn rise_began(&self) -> Option<f64> {
        let least = self
            .points
            .iter()
            .map(|point| point.delay)
            .reduce(f64::min)?;
        self.points
            .iter()
            .rfind(|point| point.delay <= least + EMPTY)
            .map(|point| point.arrived / 1000.0)
    }

    /// What has been found out counts no more: the rate has changed because of it.
    pub(super) fn restart(&mut self) {
        self.over_since = None;
        self.over_groups = 0;
        self.standing_since = None;
        self.usage = Usage::Normal;
        let keep = self.points.len().saturating_sub(1);
        self.points.drain(..keep);
    }

    /// The queue is not of our making: what stands now is normal.
    pub(super) fn accept_queue(&mut self) {
        self.restart();
        self.least.clear();
        self.points.clear();
    }
}

/// Slope of the line of least squares.
fn slope(points: &VecDeque<Point>) -> Option<f64> {
    if points.len() < LEAST_GROUPS {
        return None;
    }
    // A few dozen at most.
    let count = points.len() as f64;
    let mean = |value: fn(&Point) -> f64| points.iter().map(value).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.arrived), mean(|p| p.smoothed));
    let (mut above, mut below) = (0.0, 0.0);
    for point in points {
        above += (point.arrived - x) * (point.smoothed - y);
        below += (point.arrived - x).powi(2);
    }
    (below > 0.0).then(|| above / below)
}
