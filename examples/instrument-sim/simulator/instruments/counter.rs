//! Numbered lines with the time, for benchmarks: `n=17 t=1763728898123456`, the time in µs
//! since 1970. It begins when somebody has opened the port, and answers what it hears with
//! `heard=…` and the time, so that the way back can be measured too.

use std::time::Duration;

use super::Instrument;
use super::lines::Lines;

/// How it counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counting {
    /// Lines in all; 0: without an end.
    pub(crate) count: u64,
    /// Lines per second.
    pub(crate) rate: f64,
    /// Bytes in a line, its end included, to which shorter ones are filled.
    pub(crate) length: usize,
}

/// Lines that are made at once when it is late, so that it is never long away from the port.
const MAX_AT_ONCE: u64 = 1000;

/// See the file's documentation.
pub(super) struct Counter {
    counting: Counting,
    commands: Lines,
    begun: Duration,
    /// Lines that were made.
    made: u64,
}

impl Counter {
    pub(super) fn new(now: Duration, counting: Counting) -> Self {
        Self {
            counting,
            commands: Lines::ending_with(b"\r\n;"),
            begun: now,
            made: 0,
        }
    }

    fn is_done(&self) -> bool {
        self.counting.count != 0 && self.made >= self.counting.count
    }

    /// When the next line is due.
    fn due(&self) -> Duration {
        self.begun + Duration::from_secs_f64(self.made as f64 / self.counting.rate)
    }
}

impl Instrument for Counter {
    fn receive(&mut self, bytes: &[u8], now: Duration, out: &mut Vec<u8>) {
        for command in self.commands.push(bytes) {
            let heard = format!("heard={command} t={}\n", now.as_micros());
            out.extend_from_slice(heard.as_bytes());
        }
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<u8>) {
        // It was kept from counting: on from here.
        if self.made == 0 {
            self.begun = now;
        }
        for _ in 0..MAX_AT_ONCE {
            if self.is_done() || self.due() > now {
                break;
            }
            self.made += 1;
            let mut line = format!("n={} t={}", self.made, now.as_micros());
            let missing = self.counting.length.saturating_sub(line.len() + 1);
            if missing > 3 {
                line.push_str(" x=");
                line.extend(std::iter::repeat_n('x', missing - 3));
            }
            line.push('\n');
            out.extend_from_slice(line.as_bytes());
        }
    }

    fn wake(&self) -> Option<Duration> {
        (!self.is_done()).then(|| self.due())
    }

    fn is_patient(&self) -> bool {
        true
    }

    fn status(&self) -> String {
        format!("{} lines", self.made)
    }
}
