//! How much sound should wait to be played, and what is done about too much or too little.

use super::arrivals::Arrivals;
use super::resampler::AFTER;
use super::splice::Change;
use super::{BLOCK, milliseconds};

/// What a packet has to be early by, after the latest that is to be expected: as a block
/// is mixed at once, its last sample is needed when its first is played, and the resampler
/// looks a little further.
const MARGIN: i64 = (BLOCK + AFTER) as i64;

/// So much too much is left alone: at the original speed sound is not touched at all.
/// Less is too little, so that a sender with a slow clock does not use up the margin.
const LEAST: i64 = milliseconds(1);
const ENOUGH: i64 = milliseconds(2);

/// Greatest deviation from the original speed: nobody hears it (9 cents).
const MOST: f64 = 0.005;

/// So many samples of error call for that.
const FULL: f64 = 384.0;

/// How fast the speed changes, per block.
const SLEW: f64 = 0.0005;

/// Errors from which on there are splices.
const LONG: i64 = milliseconds(8);
const SHORT: i64 = milliseconds(-5);

/// A delay that is shortened also where that may be heard.
const URGENT: i64 = milliseconds(40);

/// A delay that is not worked off: what is late is skipped.
const HOPELESS: i64 = milliseconds(200);

/// Blocks from one urgent splice to the next.
const PATIENCE: u32 = 5;

/// Least and most delay, in samples; a packet's own length is part of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) min: i64,
    pub(super) max: i64,
}

impl Limits {
    /// The offset at which packets of this length should be played.
    pub(super) fn offset(&self, arrivals: &Arrivals, packet: i64) -> i64 {
        let least = packet + MARGIN;
        let delay = (least + arrivals.spread()).max(self.min).min(self.max);
        arrivals.base() + delay.max(least)
    }

    /// Samples by which this offset is too great; less than zero if it is too small.
    pub(super) fn error(&self, offset: i64, arrivals: &Arrivals, packet: i64) -> i64 {
        let spare = offset - arrivals.latest() - packet - MARGIN;
        let error = offset - self.offset(arrivals, packet);
        // What was needed just now is not given away, whatever should be.
        if error > 0 {
            error.min(spare.max(0))
        } else {
            error
        }
    }
}

/// Where to begin, so that the error is in the middle of what is left alone.
pub(super) const START: i64 = (LEAST + ENOUGH) / 2;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    None,
    /// Look for a splice; if it is urgent, take any.
    Splice {
        change: Change,
        urgent: bool,
    },
    /// Begin anew with what has come last.
    Skip,
}

/// Turns errors into actions and a speed.
#[derive(Debug)]
pub(super) struct Steering {
    speed: f64,
    since_urgent: u32,
}

impl Default for Steering {
    fn default() -> Self {
        Self {
            speed: 1.0,
            since_urgent: 0,
        }
    }
}

impl Steering {
    pub(super) fn action(&mut self, error: i64) -> Action {
        self.since_urgent += 1;
        if error > HOPELESS {
            return Action::Skip;
        }
        let samples = usize::try_from(error.abs()).unwrap_or(0);
        let change = match error {
            LONG.. => Change::Shorten(samples),
            ..=SHORT => Change::Lengthen(samples),
            _ => return Action::None,
        };
        let urgent = error > URGENT && self.since_urgent >= PATIENCE;
        if urgent {
            self.since_urgent = 0;
        }
        Action::Splice { change, urgent }
    }

    /// The speed for the next block, as a factor.
    pub(super) fn speed(&mut self, error: i64) -> f64 {
        let beyond = match error {
            ..LEAST => error - LEAST,
            LEAST..=ENOUGH => 0,
            _ => error - ENOUGH,
        };
        let wanted = 1.0 + (beyond as f64 * MOST / FULL).clamp(-MOST, MOST);
        let step = wanted - self.speed;
        self.speed = match step.abs() > SLEW {
            true => self.speed + SLEW.copysign(step),
            false => wanted,
        };
        self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        min: milliseconds(20),
        max: milliseconds(60),
    };

    fn arrivals(late: i64) -> Arrivals {
        let mut arrivals = Arrivals::default();
        arrivals.arrived(0, 0);
        arrivals.arrived(0, milliseconds(late));
        arrivals
    }

    #[test]
    fn the_delay_is_a_packet_and_ten_milliseconds_where_packets_come_regularly() {
        for packet in [10, 20] {
            let packet = milliseconds(packet);
            let delay = LIMITS.offset(&arrivals(0), packet);
            let beyond = delay - packet - milliseconds(10);
            assert!((0..milliseconds(1)).contains(&beyond), "{delay}");
        }
    }

    #[test]
    fn the_delay_is_between_its_limits_but_never_impossibly_short() {
        let packet = milliseconds(10);
        let delay = |late| LIMITS.offset(&arrivals(late), packet);
        assert!(delay(20) > milliseconds(40));
        assert_eq!(delay(400), LIMITS.max);
        let long = milliseconds(120);
        assert_eq!(LIMITS.offset(&arrivals(30), long), long + MARGIN);
        assert_eq!(LIMITS.offset(&arrivals(0), milliseconds(3)), LIMITS.min);
    }

    #[test]
    fn what_packets_needed_just_now_is_not_given_away() {
        let arrivals = arrivals(200);
        let offset = milliseconds(225);
        assert!(LIMITS.error(offset, &arrivals, 480) < milliseconds(5));
        assert!(LIMITS.error(offset + 4800, &arrivals, 480) > milliseconds(90));
    }

    #[test]
    fn the_speed_is_exactly_one_where_nothing_is_amiss_and_never_far_from_it() {
        let mut steering = Steering::default();
        for error in [LEAST, START, ENOUGH] {
            assert_eq!(steering.speed(error), 1.0);
        }
        for _ in 0..100 {
            steering.speed(100_000);
        }
        assert_eq!(steering.speed(100_000), 1.0 + MOST);
        for _ in 0..100 {
            steering.speed(-100_000);
        }
        assert_eq!(steering.speed(-100_000), 1.0 - MOST);
        for _ in 0..100 {
            steering.speed(ENOUGH);
        }
        assert_eq!(steering.speed(LEAST), 1.0);
    }
}
