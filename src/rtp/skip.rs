//! Sound that is left out for a viewer whose browser holds more of it back than it has to
//! (pure).
//!
//! A browser that has once let sound pile up, because its loudspeaker started late or the
//! network stood still, plays a little faster until its delay is just not too long any more,
//! and stays there. Its page sees by how much, and asks for a packet less to play: what
//! follows is stamped as if the one that was left out had never been. In speech that is put
//! where it is quiet.

use std::time::Duration;

/// Most that is left out at a time: what follows comes by that much later than browsers
/// expect, and more would make them wait longer for all that comes.
const MOST: Duration = Duration::from_millis(20);
/// How long a quiet moment is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// A packet that is so much smaller than usual is one of a pause.
const QUIET: f64 = 0.6;
/// How fast an encoder's usual packet size is learnt: within about a second.
const LEARNING: f64 = 0.02;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    LeftOut,
    /// It goes out, so much earlier than it is stamped.
    Sent(Duration),
}

#[derive(Debug, Default)]
pub(crate) struct Skip {
    wanted: Duration,
    waited: Duration,
    left_out: Duration,
    usual_size: f64,
}

impl Skip {
    /// Leaves out as much as that, or as whole packets make of it. In place of what was asked
    /// for before and has not been done.
    pub(crate) fn ask(&mut self, duration: Duration) {
        self.wanted = duration.min(MOST);
        self.waited = Duration::ZERO;
    }

    /// Decides about a packet of `size` bytes that lasts for `duration`.
    pub(crate) fn packet(&mut self, size: usize, duration: Duration) -> Fate {
        #[expect(clippy::cast_precision_loss, reason = "sizes of packets are small")]
        let size = size as f64;
        if self.usual_size == 0.0 {
            self.usual_size = size;
        }
        self.usual_size += LEARNING * (size - self.usual_size);
        if duration.is_zero() || duration > self.wanted {
            self.wanted = Duration::ZERO;
            return Fate::Sent(self.left_out);
        }
        if self.waited < PATIENCE && size >= QUIET * self.usual_size {
            self.waited += duration;
            return Fate::Sent(self.left_out);
        }
        // What is begun is done in one piece.
        self.waited = PATIENCE;
        self.wanted -= duration;
        self.left_out += duration;
        Fate::LeftOut
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKET: Duration = Duration::from_millis(10);
    const NONE: [usize; 0] = [];

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// The numbers of the packets that are left out.
    fn left_out(skip: &mut Skip, sizes: impl IntoIterator<Item = usize>) -> Vec<usize> {
        sizes
            .into_iter()
            .enumerate()
            .filter(|(_, size)| skip.packet(*size, PACKET) == Fate::LeftOut)
            .map(|(number, _)| number)
            .collect()
    }

    fn after_usual_packets() -> Skip {
        let mut skip = Skip::default();
        assert_eq!(left_out(&mut skip, [60; 200]), NONE);
        skip
    }

    #[test]
    fn nothing_is_left_out_that_nobody_asked_for() {
        assert_eq!(after_usual_packets().packet(60, PACKET), Fate::Sent(ms(0)));
    }

    #[test]
    fn what_is_left_out_is_quiet() {
        let mut skip = after_usual_packets();
        skip.ask(ms(20));
        assert_eq!(left_out(&mut skip, [60, 60, 20, 60, 60]), [2, 3]);
        assert_eq!(skip.packet(60, PACKET), Fate::Sent(ms(20)));
    }

    #[test]
    fn where_it_never_gets_quiet_it_is_left_out_all_the_same() {
        let mut skip = after_usual_packets();
        skip.ask(ms(10));
        assert_eq!(left_out(&mut skip, [60; 100]), [50]);
    }

    #[test]
    fn what_is_shorter_than_a_packet_is_not_left_out() {
        let mut skip = after_usual_packets();
        skip.ask(ms(19));
        assert_eq!(left_out(&mut skip, [10; 100]), [0]);
        skip.ask(ms(9));
        assert_eq!(left_out(&mut skip, [10; 100]), NONE);
        assert_eq!(skip.packet(60, Duration::ZERO), Fate::Sent(ms(10)));
    }

    #[test]
    fn nobody_can_have_much_left_out() {
        let mut skip = after_usual_packets();
        skip.ask(Duration::MAX);
        assert_eq!(left_out(&mut skip, [60; 1_000]).len(), 2);
    }

    #[test]
    fn what_is_asked_anew_takes_the_place_of_what_was_not_done() {
        let mut skip = after_usual_packets();
        skip.ask(ms(20));
        skip.ask(ms(10));
        assert_eq!(left_out(&mut skip, [10; 100]), [0]);
    }
}
