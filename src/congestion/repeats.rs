//! Whether what got lost is sent again (pure).
//!
//! On a path that takes all pictures a repeat costs next to nothing and saves a picture. Where a
//! queue overflows it is the other way round: a viewer asks ten times a second for each packet
//! that it lacks, the repeats keep the queue full, get lost themselves, and are asked for again.
//! So a packet is not repeated before its last copy could have arrived, and all of them together
//! take no more than the pictures leave of what the path takes.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

/// Repeats that may leave at once where a path has little room: what so much time brings.
const AT_ONCE: f64 = 0.5;

/// And at least so many bits: two packets.
const LEAST_AT_ONCE: f64 = 2.0 * 1_200.0 * 8.0;

/// No round trip is taken to be longer: after a standstill a report is no news of how long one is.
const LONGEST: Duration = Duration::from_secs(1);

/// Of what a path takes, at least so much is for repeats.
const LEAST_ROOM: f64 = 0.05;

/// Bit/s that a path has left for repeats; none where it takes all. `bitrate`: what it takes;
/// `most`: what is ever sent; `offered`: pictures that are to be sent.
pub(crate) fn room(bitrate: f64, most: f64, offered: f64) -> Option<f64> {
    (bitrate < most).then(|| (bitrate - offered).max(LEAST_ROOM * bitrate))
}

/// How fast repeats may come at all, whatever the path takes: a viewer that asks for more has
/// lost the picture anyway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Packets.
    pub(crate) at_once: f64,
    /// Packets a second.
    pub(crate) a_second: f64,
}

/// Pictures that are sent again: 5 % of 200 Mbit/s.
pub(crate) const PICTURES: Rate = Rate {
    at_once: 500.0,
    a_second: 1_000.0,
};

/// What becomes of a packet that somebody asks for again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Sent,
    /// The last copy may still arrive.
    UnderWay,
    /// The path has no room for it: a key frame has to help.
    NoRoom,
}

/// A bucket that fills again.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    most: f64,
    a_second: f64,
    left: f64,
    /// When `left` was right.
    at: Duration,
}

impl Bucket {
    const fn full(most: f64, a_second: f64, now: Duration) -> Self {
        Self {
            most,
            a_second,
            left: most,
            at: now,
        }
    }

    fn has(&mut self, amount: f64, now: Duration) -> bool {
        let elapsed = now.saturating_sub(self.at).as_secs_f64();
        self.left = (self.left + elapsed * self.a_second).min(self.most);
        self.at = self.at.max(now);
        self.left >= amount
    }
}

/// A stream, and the number of a packet in it.
type Name = (u32, u16);

/// What one viewer has sent again of its pictures, or of its sound.
#[derive(Debug)]
pub(crate) struct Repeats {
    packets: Bucket,
    /// Bits that the path has room for; none where it takes all.
    room: Option<Bucket>,
    round_trip: Duration,
    /// What was sent again less than a round trip ago, and when.
    under_way: HashSet<Name>,
    sent: VecDeque<(Name, Duration)>,
}

impl Repeats {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            packets: Bucket::full(rate.at_once, rate.a_second, Duration::ZERO),
            room: None,
            round_trip: Duration::ZERO,
            under_way: HashSet::new(),
            sent: VecDeque::new(),
        }
    }

    /// The path has so many bit/s left for repeats; none: it takes whatever comes.
    pub(crate) fn set_room(&mut self, room: Option<f64>, now: Duration) {
        let Some(a_second) = room else {
            self.room = None;
            return;
        };
        let most = match a_second > 0.0 {
            true => (a_second * AT_ONCE).max(LEAST_AT_ONCE),
            false => 0.0,
        };
        let mut bucket = self.room.unwrap_or(Bucket::full(most, a_second, now));
        bucket.has(0.0, now);
        bucket.most = most;
        bucket.a_second = a_second;
        bucket.left = bucket.left.min(most);
        self.room = Some(bucket);
    }

    /// Whether the path does not take all that could be sent again.
    pub(crate) const fn is_limited(&self) -> bool {
        self.room.is_some()
    }

    /// A viewer has told of a packet that left so long ago.
    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip.min(LONGEST);
    }

    /// Somebody asks for packet `number` of a stream, of `bytes`, again.
    pub(crate) fn request(
        &mut self,
        stream: u32,
        number: u16,
        bytes: usize,
        now: Duration,
    ) -> Fate {
        let name = (stream, number);
        while let Some((old, at)) = self.sent.front()
            && now.saturating_sub(*at) >= self.round_trip
        {
            self.under_way.remove(old);
            self.sent.pop_front();
        }
        if self.under_way.contains(&name) {
            return Fate::UnderWay;
        }
        let bits = super::bits(bytes as u64);
        let has_room = self.room.as_mut().is_none_or(|room| room.has(bits, now));
        if !has_room || !self.packets.has(1.0, now) {
            return Fate::NoRoom;
        }
        self.packets.left -= 1.0;
        if let Some(room) = &mut self.room {
            room.left -= bits;
        }
        if !self.round_trip.is_zero() {
            self.under_way.insert(name);
            self.sent.push_back((name, now));
        }
        Fate::Sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: usize = 1_250;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// How many of so many packets are sent again.
    fn sent(repeats: &mut Repeats, numbers: std::ops::Range<u16>, now: Duration) -> usize {
        let fates = numbers.map(|number| repeats.request(1, number, PACKET, now));
        fates.filter(|fate| *fate == Fate::Sent).count()
    }

    #[test]
    fn on_a_path_that_takes_all_only_a_flood_has_a_bound() {
        let mut repeats = Repeats::new(PICTURES);
        assert_eq!(sent(&mut repeats, 0..10_000, ms(0)), 500);
        assert_eq!(sent(&mut repeats, 0..10_000, ms(100)), 100);
        assert_eq!(sent(&mut repeats, 0..10_000, ms(60_000)), 500);
    }

    #[test]
    fn a_packet_that_may_still_arrive_is_not_sent_once_more() {
        let mut repeats = Repeats::new(PICTURES);
        repeats.set_round_trip(ms(600));
        assert_eq!(repeats.request(1, 7, PACKET, ms(0)), Fate::Sent);
        assert_eq!(repeats.request(1, 7, PACKET, ms(599)), Fate::UnderWay);
        assert_eq!(repeats.request(1, 8, PACKET, ms(599)), Fate::Sent);
        assert_eq!(repeats.request(2, 7, PACKET, ms(599)), Fate::Sent);
        assert_eq!(repeats.request(1, 7, PACKET, ms(600)), Fate::Sent);
    }

    #[test]
    fn repeats_take_what_the_pictures_leave_of_the_path() {
        let mut repeats = Repeats::new(PICTURES);
        repeats.set_room(room(1e6, 3e6, 0.8e6), ms(0));
        assert!(repeats.is_limited());
        // 200 kbit/s are twenty packets a second.
        assert_eq!(sent(&mut repeats, 0..1_000, ms(0)), 10);
        let later = (1..=100).map(|n| sent(&mut repeats, 0..1_000, ms(n * 100)));
        assert_eq!(later.sum::<usize>(), 200);
    }

    #[test]
    fn where_pictures_leave_nothing_a_few_are_sent_again_all_the_same() {
        assert_eq!(room(1e6, 3e6, 2e6), Some(0.05e6));
        let mut repeats = Repeats::new(PICTURES);
        repeats.set_room(Some(1_000.0), ms(0));
        assert_eq!(sent(&mut repeats, 0..1_000, ms(0)), 1);
        repeats.set_room(Some(0.0), ms(0));
        assert_eq!(sent(&mut repeats, 0..1_000, ms(10_000)), 0);
    }

    #[test]
    fn a_path_that_takes_all_again_is_trusted_again() {
        assert_eq!(room(3e6, 3e6, 2e6), None);
        let mut repeats = Repeats::new(PICTURES);
        repeats.set_room(Some(0.0), ms(0));
        assert_eq!(repeats.request(1, 1, PACKET, ms(1)), Fate::NoRoom);
        repeats.set_room(None, ms(2));
        assert!(!repeats.is_limited());
        assert_eq!(repeats.request(1, 1, PACKET, ms(3)), Fate::Sent);
    }
}
