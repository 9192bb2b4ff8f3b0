//! Transport-wide sequence numbers: each packet of a viewer's has one, whatever its stream,
//! and the viewer reports when which arrived.

use std::collections::VecDeque;
use std::time::Duration;

use crate::congestion::Packet;

/// Packets that are remembered; with more on the way the report comes too late to be of use.
const MOST: usize = 2_048;

/// Headers of IPv4 and UDP.
const BELOW: u32 = 20 + 8;

#[derive(Debug, Default)]
pub(super) struct Log {
    /// Number of the next packet; its lower 16 bits are sent.
    next: u64,
    sent: VecDeque<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: Duration,
    size: u32,
    is_reported: bool,
}

impl Log {
    /// The number of a packet of `size` bytes that is sent now.
    pub(super) fn number(&mut self, size: usize, now: Duration) -> u16 {
        let number = self.next as u16;
        self.next += 1;
        self.sent.push_back(Entry {
            at: now,
            // Packets are far below 4 GiB.
            size: size as u32 + BELOW,
            is_reported: false,
        });
        if self.sent.len() > MOST {
            self.sent.pop_front();
        }
        number
    }

    /// What a report says about packets that have not been reported yet, in the order in which
    /// they were sent.
    pub(super) fn report(&mut self, arrivals: &[(u16, Option<Duration>)]) -> Vec<Packet> {
        let mut packets = Vec::with_capacity(arrivals.len());
        for (number, arrived) in arrivals {
            // The newest with this number.
            let back = (self.next as u16).wrapping_sub(*number);
            let Some(at) = self.sent.len().checked_sub(usize::from(back)) else {
                continue;
            };
            if let Some(entry) = self.sent.get_mut(at)
                && !entry.is_reported
            {
                entry.is_reported = true;
                packets.push(Packet {
                    sent: entry.at,
                    arrived: *arrived,
                    size: entry.size,
                });
            }
        }
        packets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn log(first: u64, packets: u64) -> Log {
        let mut log = Log {
            next: first,
            ..Log::default()
        };
        for i in 0..packets {
            assert_eq!(log.number(100, ms(i)), (first + i) as u16);
        }
        log
    }

    #[test]
    fn a_report_is_about_what_was_sent() {
        let mut log = log(65_534, 4);
        let packets = log.report(&[(65_535, Some(ms(50))), (0, None), (1, Some(ms(52)))]);
        let expected = [(1, Some(50)), (2, None), (3, Some(52))].map(|(sent, arrived)| Packet {
            sent: ms(sent),
            arrived: arrived.map(ms),
            size: 128,
        });
        assert_eq!(packets, expected);
    }

    #[test]
    fn nothing_counts_twice() {
        let mut log = log(0, 3);
        assert_eq!(log.report(&[(0, Some(ms(1))), (1, None)]).len(), 2);
        assert_eq!(
            log.report(&[(0, Some(ms(1))), (1, Some(ms(9))), (2, None)])
                .len(),
            1
        );
    }

    #[test]
    fn what_was_never_sent_or_is_long_past_is_passed_over() {
        let mut short = log(10, 3);
        assert_eq!(short.report(&[(9, None), (13, None), (40_000, None)]), []);
        let mut long = log(0, MOST as u64 + 5);
        assert_eq!(long.report(&[(4, None)]), []);
        assert_eq!(long.report(&[(5, None)]).len(), 1);
    }
}
