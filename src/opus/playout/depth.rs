//! How much sound is kept ready for a device, and how fast it is played to keep it so.
//!
//! Pure. The device takes sound by its own clock, which is a little faster or slower than
//! that of whoever sends: a controller follows it by the rate. It keeps as little ready as
//! goes without running dry.

/// Frames of a millisecond.
const MILLISECOND: f64 = 48.0;

/// One piece of 10 ms that is played, one that comes a moment too late because the clocks
/// have slipped by a piece, and a little.
const LEAST_TARGET: f64 = 22.0 * MILLISECOND;
/// Where the target begins.
const FIRST_TARGET: f64 = 24.0 * MILLISECOND;
const MOST_TARGET: f64 = 60.0 * MILLISECOND;
/// What is added when it has run dry.
const RUN_DRY: f64 = 6.0 * MILLISECOND;
/// What should be left at worst after a piece was taken.
const MARGIN: f64 = 4.0 * MILLISECOND;
/// For how long the worst is looked for, in seconds.
const WINDOW: f64 = 5.0;
/// Which part of what was never needed in that time is given up.
const GIVE_UP: f64 = 0.1;

/// How fast the mean follows the depth, in seconds: slower than pieces come, and faster than
/// clocks drift.
const SMOOTHING: f64 = 1.0;
/// Which part of what is too much or too little goes in a second.
const CORRECTION: f64 = 0.15;
/// How fast what is always too much or too little becomes part of the rate, per second: as
/// fast as goes without swinging.
const LEARNING: f64 = 0.005;
/// Most by which sound is played faster or slower, a twentieth of a semitone.
pub(super) const MOST_OFF: f64 = 0.003;
/// Beyond target: too much to be worked off by the rate.
const EXCESS: f64 = 40.0 * MILLISECOND;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Depth {
    target: f64,
    /// Smoothed.
    mean: f64,
    /// What the clocks differ by, as far as it is known.
    drift: f64,
    /// Least that was left after a piece was taken, in this window.
    worst: f64,
    /// Seconds of this window.
    watched: f64,
}

impl Depth {
    pub(super) const fn new() -> Self {
        Self {
            target: FIRST_TARGET,
            mean: FIRST_TARGET,
            drift: 0.0,
            worst: f64::INFINITY,
            watched: 0.0,
        }
    }

    /// Frames that are to be ready.
    pub(super) const fn target(&self) -> usize {
        // Between the bounds above.
        self.target as usize
    }

    /// Tells how many frames are ready before some are taken, each `seconds`. Gives the rate
    /// at which to play: above 1 is faster.
    pub(super) fn observe(&mut self, frames: usize, seconds: f64) -> f64 {
        let frames = frames as f64;
        self.mean += (frames - self.mean) * (seconds / SMOOTHING).min(1.0);
        self.watch(frames - seconds * 1000.0 * MILLISECOND, seconds);
        let error = (self.mean - self.target) / (1000.0 * MILLISECOND);
        self.drift = (self.drift + error * LEARNING * seconds).clamp(-MOST_OFF, MOST_OFF);
        1.0 + (self.drift + error * CORRECTION).clamp(-MOST_OFF, MOST_OFF)
    }

    /// Moves the target to where next to nothing is left at worst.
    fn watch(&mut self, left: f64, seconds: f64) {
        self.worst = self.worst.min(left);
        self.watched += seconds;
        if self.watched < WINDOW {
            return;
        }
        let spare = self.worst - MARGIN;
        let change = if spare > 0.0 { spare * GIVE_UP } else { spare };
        self.target = (self.target - change).clamp(LEAST_TARGET, MOST_TARGET);
        (self.worst, self.watched) = (f64::INFINITY, 0.0);
    }

    /// How many of the oldest frames are to be dropped: more than can be worked off unheard.
    pub(super) fn excess(&mut self, frames: usize) -> usize {
        if frames as f64 <= self.target + EXCESS {
            return 0;
        }
        self.begin();
        frames - self.target()
    }

    /// It has run dry while somebody was sending.
    pub(super) const fn ran_dry(&mut self) {
        self.target = (self.target + RUN_DRY).min(MOST_TARGET);
        self.begin();
    }

    /// Playing begins with as much as is wanted.
    pub(super) const fn begin(&mut self) {
        self.mean = self.target;
        (self.worst, self.watched) = (f64::INFINITY, 0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sender and a device whose clocks differ; gives the depth at the end, how much faster
    /// than it came all was played, in parts per million, and how often it ran dry.
    fn simulate(parts_per_million: f64, seconds: u32) -> (f64, f64, u32) {
        let mut depth = Depth::new();
        let (mut ready, mut sent) = (0.0, 0.0);
        let (mut faster, mut dry) = (0.0, 0);
        let mut plays = false;
        for _ in 0..seconds * 100 {
            sent += 480.0 * (1.0 + parts_per_million / 1e6);
            // In pieces of 10 ms.
            while sent >= 480.0 {
                ready += 480.0;
                sent -= 480.0;
            }
            plays |= ready >= depth.target;
            if !plays {
                continue;
            }
            let rate = depth.observe(ready as usize, 0.01);
            faster += (rate - 1.0) * 1e6 / f64::from(seconds * 100);
            ready -= 480.0 * rate;
            if ready < 0.0 {
                depth.ran_dry();
                (ready, plays) = (0.0, false);
                dry += 1;
            }
        }
        (ready / MILLISECOND, faster, dry)
    }

    #[test]
    fn a_device_with_another_clock_is_followed_for_ten_minutes_without_growing_delay() {
        for drift in [-500.0, -100.0, -20.0, 0.0, 20.0, 100.0, 500.0] {
            let (ready, faster, dry) = simulate(drift, 600);
            assert!(dry == 0, "{drift} ppm: ran dry {dry} times");
            assert!(ready < 35.0, "{drift} ppm: {ready} ms are ready");
            assert!((faster - drift).abs() < 50.0, "{drift} ppm: {faster} ppm");
        }
    }

    #[test]
    fn a_burst_is_dropped_down_to_the_target() {
        let mut depth = Depth::new();
        assert_eq!(depth.excess(depth.target() + 480), 0);
        let dropped = depth.excess(48_000);
        assert_eq!(48_000 - dropped, depth.target());
    }

    #[test]
    fn running_dry_makes_it_careful_for_a_while() {
        let mut depth = Depth::new();
        let usual = depth.target();
        depth.ran_dry();
        assert!(depth.target() > usual);
        for _ in 0..60_000 {
            depth.observe(depth.target(), 0.01);
        }
        assert!(depth.target() < usual);
        assert!(depth.target() as f64 >= LEAST_TARGET);
        for _ in 0..100 {
            depth.ran_dry();
        }
        assert_eq!(depth.target() as f64, MOST_TARGET);
    }
}
