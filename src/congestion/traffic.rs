//! How much of what was sent arrived, how fast, and how much got lost.

use std::collections::VecDeque;

use super::{Packet, bits};

/// Seconds over which rates are taken.
const WINDOW: f64 = 0.5;

/// The least time, in seconds, over which a rate has a meaning.
const LEAST: f64 = 0.08;

/// Seconds over which losses are counted, and of how many packets at least.
const LOSS_WINDOW: f64 = 1.0;
const LOSS_PACKETS: usize = 20;

#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Arrival in seconds, and bytes.
    arrived: VecDeque<(f64, u32)>,
    /// Time of sending in seconds, and whether it got lost.
    fates: VecDeque<(f64, bool)>,
}

impl Traffic {
    pub(super) fn report(&mut self, packet: &Packet) {
        let sent = packet.sent.as_secs_f64();
        self.fates.push_back((sent, packet.arrived.is_none()));
        while self
            .fates
            .front()
            .is_some_and(|(at, _)| *at < sent - LOSS_WINDOW)
        {
            self.fates.pop_front();
        }
        let Some(arrived) = packet.arrived else {
            return;
        };
        let arrived = arrived.as_secs_f64();
        if self
            .arrived
            .back()
            .is_some_and(|(last, _)| (arrived - last).abs() > 10.0)
        {
            // One of the clocks was set.
            self.arrived.clear();
        }
        self.arrived.push_back((arrived, packet.size));
        while self
            .arrived
            .front()
            .is_some_and(|(at, _)| *at < arrived - WINDOW)
        {
            self.arrived.pop_front();
        }
    }

    /// Bits a second that arrived lately.
    pub(super) fn rate(&self) -> Option<f64> {
        let first = self.arrived.front()?.0;
        self.rate_since(first)
    }

    /// Bits a second that arrived since then; what had arrived by then does not count.
    pub(super) fn rate_since(&self, since: f64) -> Option<f64> {
        let last = self.arrived.back()?.0;
        let span = last - since;
        if span < LEAST {
            return None;
        }
        let bytes = self
            .arrived
            .iter()
            .filter(|(at, _)| *at > since)
            .map(|(_, size)| u64::from(*size))
            .sum();
        // Packets that came before, out of order, may be missing at the window's edge.
        Some(bits(bytes) / span.min(WINDOW))
    }

    /// The part of the packets that got lost lately; none if there were too few.
    pub(super) fn loss(&self) -> Option<f64> {
        if self.fates.len() < LOSS_PACKETS {
            return None;
        }
        let lost = self.fates.iter().filter(|(_, lost)| *lost).count();
        Some(lost as f64 / self.fates.len() as f64)
    }

    /// Losses have been answered: only new ones count.
    pub(super) fn forget_losses(&mut self) {
        self.fates.clear();
    }
}
