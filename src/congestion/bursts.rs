//! How fast the packets of one burst arrive.
//!
//! A picture leaves all at once; the narrowest part of its way pulls its packets apart. So what
//! a path could take shows in how close to each other they arrive, also while far less is sent.
//! It is a hint, not a proof: a queue that lets some packets pass unhindered, as traffic shapers
//! do, makes a path look wider than it is.

use std::collections::VecDeque;

use super::{Packet, bits};

/// Packets of a burst that tell something. The first only marks the beginning.
const LEAST_PACKETS: u32 = 3;

/// Bursts of which the middle one counts: a viewer with other things to do makes some late.
const KEPT: usize = 9;
const LEAST_BURSTS: usize = 3;

/// The resolution of arrivals in feedback, in seconds.
const TICK: f64 = 0.000_25;

#[derive(Debug, Default)]
pub(super) struct Bursts {
    current: Option<Burst>,
    /// Bit/s.
    rates: VecDeque<f64>,
}

#[derive(Debug)]
struct Burst {
    /// Seconds.
    sent: f64,
    first: f64,
    last: f64,
    /// Behind the first packet.
    bytes: u64,
    packets: u32,
}

/// Packets that were sent within so many seconds are one burst.
const TOGETHER: f64 = 0.002;

impl Bursts {
    pub(super) fn report(&mut self, packet: &Packet) {
        let Some(arrived) = packet.arrived.map(|at| at.as_secs_f64()) else {
            return;
        };
        let sent = packet.sent.as_secs_f64();
        match &mut self.current {
            Some(burst) if (sent - burst.sent).abs() <= TOGETHER => {
                burst.last = burst.last.max(arrived);
                burst.bytes += u64::from(packet.size);
                burst.packets += 1;
            }
            current => {
                let done = current.replace(Burst {
                    sent,
                    first: arrived,
                    last: arrived,
                    bytes: 0,
                    packets: 1,
                });
                self.rates.extend(done.and_then(|burst| burst.rate()));
                while self.rates.len() > KEPT {
                    self.rates.pop_front();
                }
            }
        }
    }

    /// Bit/s at which bursts arrive lately; none if too few of them were long enough.
    pub(super) fn rate(&self) -> Option<f64> {
        if self.rates.len() < LEAST_BURSTS {
            return None;
        }
        let mut rates: Vec<f64> = self.rates.iter().copied().collect();
        rates.sort_unstable_by(f64::total_cmp);
        rates.get(rates.len() / 2).copied()
    }

    /// What was seen of another encoding, or of a path that has changed, does not count.
    pub(super) fn forget(&mut self) {
        self.rates.clear();
    }
}

impl Burst {
    fn rate(&self) -> Option<f64> {
        let span = (self.last - self.first).max(TICK);
        (self.packets >= LEAST_PACKETS).then(|| bits(self.bytes) / span)
    }
}
