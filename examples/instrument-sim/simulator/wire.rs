//! What is on its way from the instrument to the host, and the faults that befall it. No
//! I/O and no clock.

use std::collections::VecDeque;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

/// Bytes that may wait before a patient instrument is to wait too.
const FULL: usize = 64 * 1024;

/// Bytes that wait at most; what comes then is lost, as in the hardware.
const MAX_WAITING: usize = 1024 * 1024;

/// Bytes of a piece, and the pause after it, while messages are split.
const PIECE: std::ops::RangeInclusive<usize> = 1..=3;
const PAUSE: Duration = Duration::from_millis(5);

/// See the file's documentation.
#[derive(Debug)]
pub(super) struct Wire {
    waiting: VecDeque<u8>,
    /// Messages go out in pieces, the next one at that time.
    split: Option<Duration>,
    /// Until when nothing goes out.
    silent_until: Duration,
    flood: Option<Flood>,
    random: StdRng,
}

#[derive(Debug)]
struct Flood {
    every: Duration,
    next: Duration,
    until: Duration,
    number: u64,
}

impl Wire {
    pub(super) fn new(random: StdRng) -> Self {
        Self {
            waiting: VecDeque::new(),
            split: None,
            silent_until: Duration::ZERO,
            flood: None,
            random,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8], now: Duration) {
        if now >= self.silent_until && self.waiting.len() < MAX_WAITING {
            self.waiting.extend(bytes);
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() > FULL
    }

    /// Nobody hears it.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// So many bytes of noise.
    pub(super) fn garbage(&mut self, count: usize, now: Duration) {
        let noise: Vec<u8> = (0..count).map(|_| self.random.random()).collect();
        self.push(&noise, now);
    }

    pub(super) fn split(&mut self, on: bool) {
        self.split = on.then_some(Duration::ZERO);
    }

    /// Nothing more goes out, not even what waits.
    pub(super) fn silence(&mut self, until: Duration) {
        self.silent_until = until;
        self.clear();
    }

    /// Lines that nobody has asked for, so many per second.
    pub(super) fn flood(&mut self, rate: f64, length: Duration, now: Duration) {
        self.flood = Some(Flood {
            every: Duration::from_secs_f64(1.0 / rate),
            next: now,
            until: now + length,
            number: 0,
        });
    }

    pub(super) fn tick(&mut self, now: Duration) {
        let Some(mut flood) = self.flood.take() else {
            return;
        };
        while flood.next <= now && flood.next < flood.until && !self.is_full() {
            flood.number += 1;
            flood.next += flood.every;
            self.push(format!("flood={}\r\n", flood.number).as_bytes(), now);
        }
        if now < flood.until {
            // What did not fit is not caught up on.
            flood.next = flood.next.max(now);
            self.flood = Some(flood);
        }
    }

    /// When there is something to do by itself.
    pub(super) fn wake(&self) -> Option<Duration> {
        let flood = self.flood.as_ref().map(|flood| flood.next.min(flood.until));
        let piece = self.split.filter(|_| !self.waiting.is_empty());
        [flood, piece].into_iter().flatten().min()
    }

    /// What may be written now; empty if nothing.
    pub(super) fn piece(&mut self, now: Duration) -> &[u8] {
        let all = self.waiting.as_slices().0;
        match self.split {
            Some(next) if now < next => &[],
            Some(_) => &all[..all.len().min(self.random.random_range(PIECE))],
            None => all,
        }
    }

    /// The first bytes of what waits.
    pub(super) fn first(&self, count: usize) -> &[u8] {
        let all = self.waiting.as_slices().0;
        &all[..count.min(all.len())]
    }

    /// So much of it was written.
    pub(super) fn wrote(&mut self, count: usize, now: Duration) {
        self.waiting.drain(..count);
        if let Some(next) = &mut self.split {
            *next = now + PAUSE;
        }
    }
}
