//! One line of sequence numbers and timestamps, whatever the sender does to its own.
//!
//! Both wrap around, and a sender may start anew: with a new source (SSRC), or with a jump
//! of either number. In here all that is one line without jumps: what comes after a restart
//! is placed right behind what was before. Time that has passed meanwhile is seen from the
//! packets' arrival.

use super::rtp::Header;
use super::{RATE, milliseconds};

/// Greatest step ahead and back in sequence numbers that is no restart; as RFC 3550, A.1.
const MAX_DROPOUT: i64 = 3000;
const MAX_MISORDER: i64 = 100;

/// How far a timestamp may be from where it is expected without a restart.
const TOLERANCE: i64 = RATE;

/// How long packets of the source before are ignored.
const FAREWELL: i64 = milliseconds(2000);

/// The place of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: i64,
    pub(super) timestamp: i64,
    /// It is from another encoder than what was before.
    pub(super) restarts: bool,
}

/// Why a packet has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It is from a source that was replaced.
    Stale,
    /// Its number or timestamp belongs nowhere. If the next one follows it, the sender has
    /// restarted.
    Stray,
}

/// The newest packet.
#[derive(Debug, Clone, Copy)]
struct Newest {
    header: Header,
    sequence: i64,
    timestamp: i64,
    arrival: i64,
}

/// See the file's documentation.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    newest: Option<Newest>,
    /// How long the last packet with sound lasts.
    duration: i64,
    /// The source before this one, and when it was replaced.
    replaced: Option<(u32, i64)>,
    /// The number that would show that the sender has restarted.
    probation: Option<u16>,
}

impl Timeline {
    /// `duration` is zero for what is no sound.
    pub(super) fn place(
        &mut self,
        header: Header,
        duration: i64,
        arrival: i64,
    ) -> Result<Place, Misfit> {
        let Some(newest) = self.newest else {
            let place = Place {
                sequence: header.sequence.into(),
                timestamp: header.timestamp.into(),
                restarts: true,
            };
            return Ok(self.settle(header, place, duration, arrival));
        };
        let steps = self.steps(&newest, header, arrival)?;
        let restart = Place {
            sequence: newest.sequence + 1,
            timestamp: newest.timestamp + self.duration,
            restarts: true,
        };
        let Some(steps) = steps else {
            return Ok(self.settle(header, restart, duration, arrival));
        };
        let unit = if self.duration > 0 {
            self.duration
        } else {
            duration
        };
        let expected = steps * unit;
        let moved = i64::from(header.timestamp.wrapping_sub(newest.header.timestamp) as i32);
        let place = Place {
            sequence: newest.sequence + steps,
            timestamp: newest.timestamp + moved,
            restarts: false,
        };
        let is_near = |other: i64| (moved - other).abs() <= TOLERANCE;
        if steps <= 0 {
            return if is_near(expected) {
                Ok(place)
            } else {
                Err(Misfit::Stray)
            };
        }
        let elapsed = arrival - newest.arrival;
        let place = match moved >= 0 && (is_near(expected) || is_near(elapsed)) {
            true => place,
            // The timestamp alone has jumped: the numbers still tell what is lost.
            false => Place {
                timestamp: newest.timestamp + expected,
                ..place
            },
        };
        Ok(self.settle(header, place, duration, arrival))
    }

    /// By how much the sequence number differs from the newest; none after a restart.
    fn steps(
        &mut self,
        newest: &Newest,
        header: Header,
        arrival: i64,
    ) -> Result<Option<i64>, Misfit> {
        if header.ssrc != newest.header.ssrc {
            if let Some((ssrc, at)) = self.replaced
                && ssrc == header.ssrc
                && arrival - at < FAREWELL
            {
                return Err(Misfit::Stale);
            }
            self.replaced = Some((newest.header.ssrc, arrival));
            return Ok(None);
        }
        let steps = header.sequence.wrapping_sub(newest.header.sequence) as i16;
        let steps = i64::from(steps);
        if (-MAX_MISORDER..=MAX_DROPOUT).contains(&steps) {
            return Ok(Some(steps));
        }
        if self.probation == Some(header.sequence) {
            return Ok(None);
        }
        self.probation = Some(header.sequence.wrapping_add(1));
        Err(Misfit::Stray)
    }

    fn settle(&mut self, header: Header, place: Place, duration: i64, arrival: i64) -> Place {
        self.newest = Some(Newest {
            header,
            sequence: place.sequence,
            timestamp: place.timestamp,
            arrival,
        });
        if duration > 0 {
            self.duration = duration;
        }
        self.probation = None;
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: i64 = 960;

    fn header(sequence: u16, timestamp: u32) -> Header {
        Header {
            ssrc: 1,
            sequence,
            timestamp,
        }
    }

    /// A line on which packets 65530 to 65534 have come, each in its time.
    fn line() -> (Timeline, Place) {
        let mut line = Timeline::default();
        let mut last = None;
        for number in 0..5 {
            let header = header(65_530 + number, u32::MAX - 5000 + 960 * u32::from(number));
            let arrival = i64::from(number) * FRAME;
            last = Some(line.place(header, FRAME, arrival).unwrap());
        }
        (line, last.unwrap())
    }

    fn next(header: Header, arrival: i64) -> Result<Place, Misfit> {
        line().0.place(header, FRAME, arrival)
    }

    /// The timestamp of packet 65534, by so much later.
    fn ts(later: u32) -> u32 {
        (u32::MAX - 5000 + 4 * 960).wrapping_add(later)
    }

    fn at(sequence: i64, timestamp: i64) -> Place {
        let (_, last) = line();
        Place {
            sequence: last.sequence + sequence,
            timestamp: last.timestamp + timestamp,
            restarts: false,
        }
    }

    fn restart() -> Place {
        Place {
            restarts: true,
            ..at(1, FRAME)
        }
    }

    #[test]
    fn both_numbers_wrap_around() {
        assert_eq!(next(header(0, ts(1920)), 6 * FRAME), Ok(at(2, 1920)));
        let early = ts(960_u32.wrapping_neg());
        assert_eq!(next(header(65_533, early), 6 * FRAME), Ok(at(-1, -960)));
    }

    #[test]
    fn a_pause_shows_in_the_timestamp_alone() {
        let minutes = 10 * 60 * 48_000;
        let header = header(65_535, ts(minutes));
        let arrival = 4 * FRAME + i64::from(minutes);
        assert_eq!(next(header, arrival), Ok(at(1, minutes.into())));
    }

    #[test]
    fn a_jump_of_the_timestamp_is_no_pause() {
        for jump in [
            10_000_000,
            10_000_000_u32.wrapping_neg(),
            480_u32.wrapping_neg(),
        ] {
            assert_eq!(next(header(65_535, ts(jump)), 5 * FRAME), Ok(at(1, FRAME)));
            // And what is lost is still known.
            assert_eq!(next(header(1, ts(jump)), 5 * FRAME), Ok(at(3, 3 * FRAME)));
        }
    }

    #[test]
    fn a_new_source_continues_the_line_and_the_old_one_is_not_heard_again() {
        let (mut line, _) = line();
        let new = Header {
            ssrc: 2,
            sequence: 17,
            timestamp: 123,
        };
        assert_eq!(line.place(new, FRAME, 5 * FRAME), Ok(restart()));
        let old = header(65_535, ts(960));
        assert_eq!(line.place(old, FRAME, 6 * FRAME), Err(Misfit::Stale));
        assert!(line.place(old, FRAME, 6 * FRAME + FAREWELL).is_ok());
    }

    #[test]
    fn a_jump_of_the_sequence_is_believed_when_the_next_packet_follows() {
        let (mut line, _) = line();
        let stray = line.place(header(30_000, 5), FRAME, 5 * FRAME);
        assert_eq!(stray, Err(Misfit::Stray));
        let next = line.place(header(30_001, 965), FRAME, 6 * FRAME);
        assert_eq!(next, Ok(restart()));
    }

    #[test]
    fn a_stray_packet_changes_nothing() {
        let (mut line, _) = line();
        let stray = line.place(header(30_000, 5), FRAME, 5 * FRAME);
        assert_eq!(stray, Err(Misfit::Stray));
        let place = line.place(header(65_535, ts(960)), FRAME, 5 * FRAME);
        assert_eq!(place, Ok(at(1, FRAME)));
    }
}
