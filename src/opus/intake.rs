//! Sound from a device that may come and go, as a stream without a gap.
//!
//! Pure: what was recorded goes in, pieces with time stamps come out, silence where nothing
//! was recorded. Time stamps count samples and so follow the device's clock: nothing is
//! dropped or doubled because it is a little faster or slower than the pipeline's, and a
//! receiver, which adapts to its sender, hears no seam. Only where sound is missing anyway
//! they are set to the pipeline's clock again.

use std::collections::VecDeque;
use std::time::Duration;

/// Length of a piece of silence.
const SILENCE: Duration = Duration::from_millis(10);
/// Sound that may wait for a pipeline that is slow.
const MOST_WAITING: Duration = Duration::from_millis(300);
/// A hole that is not worth a jump of the time stamps.
const TOLERANCE: Duration = Duration::from_millis(20);

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Sound or silence: its bytes, and when it begins in running time.
    Piece {
        bytes: Vec<u8>,
        begin: Duration,
        /// Something is missing before it.
        discontinuous: bool,
    },
    /// Nothing for so long, unless something is recorded.
    Wait(Duration),
}

#[derive(Debug)]
struct Recorded {
    bytes: Vec<u8>,
    discontinuous: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The device gives, or gave a moment ago.
    Sound,
    /// The device gives nothing.
    Silence,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Intake {
    bytes_per_second: u64,
    /// How long the device may be late.
    patience: Duration,
    waiting: VecDeque<Recorded>,
    mode: Mode,
    /// Where the next piece begins: this, and so many bytes later.
    origin: Option<Duration>,
    bytes: u64,
    /// When the device gave something last. The time stamps tell nothing of that: they follow
    /// its clock, and so drift away from the pipeline's.
    heard: Option<Duration>,
    /// Silence that was put in.
    pub(super) silence: Duration,
    /// Sound that was dropped because the pipeline did not take it, or lost by the device.
    pub(super) lost: Duration,
}

impl Intake {
    /// For samples of 16 bits.
    pub(super) fn new(rate: u32, channels: u32, patience: Duration) -> Self {
        Self {
            bytes_per_second: u64::from(rate) * u64::from(channels) * 2,
            patience,
            waiting: VecDeque::new(),
            mode: Mode::Sound,
            origin: None,
            bytes: 0,
            heard: None,
            silence: Duration::ZERO,
            lost: Duration::ZERO,
        }
    }

    fn length(&self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        Duration::from_nanos(nanos.try_into().unwrap_or(u64::MAX))
    }

    /// The device has recorded this. `discontinuous`: it has lost what was before.
    pub(super) fn record(&mut self, bytes: Vec<u8>, discontinuous: bool) {
        let mut discontinuous = discontinuous;
        let most = self.bytes_per_second * MOST_WAITING.as_millis() as u64 / 1000;
        let mut waiting: u64 = self.waiting.iter().map(|r| r.bytes.len() as u64).sum();
        while waiting > most
            && let Some(oldest) = self.waiting.pop_front()
        {
            waiting -= oldest.bytes.len() as u64;
            self.lost += self.length(oldest.bytes.len() as u64);
            match self.waiting.front_mut() {
                Some(next) => next.discontinuous = true,
                None => discontinuous = true,
            }
        }
        self.waiting.push_back(Recorded {
            bytes,
            discontinuous,
        });
    }

    /// Begins anew: what waits is too old.
    pub(super) fn restart(&mut self) {
        self.waiting.clear();
        self.mode = Mode::Sound;
        self.origin = None;
        self.bytes = 0;
        self.heard = None;
    }

    /// What comes next; `now` is the running time.
    pub(super) fn next(&mut self, now: Duration) -> Step {
        if self.mode == Mode::Silence {
            // What was recorded while silence stood for it would be late from now on.
            while self.waiting.len() > 1 {
                self.waiting.pop_front();
            }
        }
        match self.waiting.pop_front() {
            Some(recorded) => self.sound(recorded, now),
            None => self.silence(now),
        }
    }

    fn sound(&mut self, recorded: Recorded, now: Duration) -> Step {
        self.mode = Mode::Sound;
        self.heard = Some(now);
        let behind = self.waiting.iter().map(|r| r.bytes.len() as u64);
        let recent = recorded.bytes.len() as u64 + behind.sum::<u64>();
        let began = now.saturating_sub(self.length(recent));
        let mut discontinuous = recorded.discontinuous;
        let next = *self.origin.get_or_insert(began) + self.length(self.bytes);
        let hole = began.saturating_sub(next);
        discontinuous &= hole > TOLERANCE;
        if discontinuous {
            self.lost += hole;
            self.origin = Some(began);
            self.bytes = 0;
        }
        self.piece(recorded.bytes, discontinuous)
    }

    fn silence(&mut self, now: Duration) -> Step {
        let begin = *self.origin.get_or_insert(now) + self.length(self.bytes);
        let due = match self.mode {
            Mode::Sound => self.heard.unwrap_or(begin) + self.patience,
            Mode::Silence => begin + SILENCE,
        };
        if now < due {
            return Step::Wait(due - now);
        }
        self.mode = Mode::Silence;
        self.silence += SILENCE;
        let bytes = self.bytes_per_second * SILENCE.as_millis() as u64 / 1000;
        self.piece(vec![0; bytes as usize], false)
    }

    fn piece(&mut self, bytes: Vec<u8>, discontinuous: bool) -> Step {
        let begin = self.origin.unwrap_or_default() + self.length(self.bytes);
        self.bytes += bytes.len() as u64;
        Step::Piece {
            bytes,
            begin,
            discontinuous,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(100);

    const fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn intake() -> Intake {
        Intake::new(48_000, 1, PATIENCE)
    }

    /// 10 ms.
    fn sound(value: u8) -> Vec<u8> {
        vec![value; 960]
    }

    fn piece(intake: &mut Intake, now: Duration) -> (u8, Duration, bool) {
        match intake.next(now) {
            Step::Piece {
                bytes,
                begin,
                discontinuous,
            } => (bytes[0], begin, discontinuous),
            Step::Wait(time) => panic!("waits {time:?}"),
        }
    }

    #[test]
    fn what_is_recorded_comes_out_at_once_with_the_time_at_which_it_began() {
        let mut intake = intake();
        intake.record(sound(1), true);
        assert_eq!(piece(&mut intake, ms(50)), (1, ms(40), false));
        intake.record(sound(2), false);
        assert_eq!(piece(&mut intake, ms(61)), (2, ms(50), false));
    }

    #[test]
    fn a_device_that_is_fast_or_slow_is_followed_sample_by_sample() {
        for (late, name) in [(101, "slow"), (99, "fast")] {
            let mut intake = intake();
            for number in 0..10_000_u64 {
                intake.record(sound(1), false);
                let now = Duration::from_micros(20_000 + number * late * 100);
                let (_, begin, discontinuous) = piece(&mut intake, now);
                assert_eq!(begin, ms(10 + 10 * number), "{name}");
                assert!(!discontinuous);
                assert_eq!(intake.next(now), Step::Wait(PATIENCE), "{name}");
            }
            assert_eq!((intake.silence, intake.lost), (ms(0), ms(0)), "{name}");
        }
    }

    #[test]
    fn silence_stands_for_a_device_that_gives_nothing() {
        let mut intake = intake();
        assert_eq!(intake.next(ms(5)), Step::Wait(PATIENCE));
        // All that is missing comes at once, and then what the time brings.
        for number in 0..10 {
            assert_eq!(piece(&mut intake, ms(105)), (0, ms(5 + 10 * number), false));
        }
        assert_eq!(intake.next(ms(105)), Step::Wait(ms(10)));
        assert_eq!(piece(&mut intake, ms(116)), (0, ms(105), false));
        assert_eq!(intake.silence, ms(110));
    }

    #[test]
    fn a_device_that_is_back_adds_no_delay() {
        let mut intake = intake();
        intake.record(sound(1), false);
        assert_eq!(piece(&mut intake, ms(10)), (1, ms(0), false));
        while let Step::Piece { .. } = intake.next(ms(500)) {}
        // What it recorded meanwhile, at once.
        for value in 2..6 {
            intake.record(sound(value), false);
        }
        assert_eq!(piece(&mut intake, ms(505)), (5, ms(500), false));
        assert_eq!(intake.next(ms(505)), Step::Wait(PATIENCE));
    }

    #[test]
    fn sound_that_the_device_has_lost_is_a_gap_in_the_time_stamps() {
        let mut intake = intake();
        intake.record(sound(1), true);
        assert_eq!(piece(&mut intake, ms(10)), (1, ms(0), false));
        intake.record(sound(2), true);
        assert_eq!(piece(&mut intake, ms(80)), (2, ms(70), true));
        assert_eq!(intake.lost, ms(60));
    }

    #[test]
    fn a_pipeline_that_is_slow_loses_the_oldest() {
        let mut intake = intake();
        intake.record(sound(0), false);
        assert_eq!(piece(&mut intake, ms(10)), (0, ms(0), false));
        for value in 1..=100 {
            intake.record(sound(value), false);
        }
        let (value, begin, discontinuous) = piece(&mut intake, ms(1010));
        assert!(discontinuous);
        assert_eq!(begin, ms(10 * u64::from(value)));
        assert_eq!(ms(1010) - begin, MOST_WAITING + ms(10));
    }

    #[test]
    fn after_a_pause_the_time_stamps_are_those_of_now() {
        let mut intake = intake();
        for number in 1..=100 {
            intake.record(sound(1), false);
            piece(&mut intake, ms(10 * number));
        }
        intake.restart();
        intake.record(sound(2), false);
        assert_eq!(piece(&mut intake, ms(1_030)), (2, ms(1_020), false));
        intake.restart();
        assert_eq!(intake.next(ms(1_100)), Step::Wait(PATIENCE));
        assert_eq!(piece(&mut intake, ms(1_200)), (0, ms(1_100), false));
    }

    #[test]
    fn what_was_recorded_before_a_restart_is_not_heard() {
        let mut intake = intake();
        intake.record(sound(1), false);
        intake.restart();
        assert_eq!(intake.next(ms(0)), Step::Wait(PATIENCE));
    }
}
