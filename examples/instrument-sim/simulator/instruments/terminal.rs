//! A development board: prints what it measures, and answers a few words.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::lines::Lines;
use super::{Instrument, next_time, swing};

const PERIOD: Duration = Duration::from_secs(2);

/// See the file's documentation.
pub(super) struct Terminal {
    commands: Lines,
    begun: Duration,
    next: Duration,
    random: StdRng,
}

impl Terminal {
    pub(super) fn new(now: Duration, random: StdRng) -> Self {
        Self {
            commands: Lines::ending_with(b"\r\n"),
            begun: now,
            next: now,
            random,
        }
    }

    fn answer(&self, command: &str, now: Duration) -> String {
        match command
            .trim()
            .split_once(' ')
            .unwrap_or((command.trim(), ""))
        {
            ("help", _) => "commands: help, uptime, echo TEXT".to_owned(),
            ("uptime", _) => format!("uptime={} s", (now - self.begun).as_secs()),
            ("echo", text) => text.to_owned(),
            (other, _) => format!("{other}: not a command, try help"),
        }
    }
}

impl Instrument for Terminal {
    fn receive(&mut self, bytes: &[u8], now: Duration, out: &mut Vec<u8>) {
        for command in self.commands.push(bytes) {
            let answer = self.answer(&command, now);
            out.extend_from_slice(format!("{answer}\r\n").as_bytes());
        }
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<u8>) {
        self.next = next_time(self.next, PERIOD, now);
        let temperature = 24.0 + 3.0 * swing(now, 60.0) + self.random.random_range(-0.1..0.1);
        let volts = 3.3 + self.random.random_range(-0.02..0.02);
        let line = format!("temperature={temperature:.1} supply={volts:.3}\r\n");
        out.extend_from_slice(line.as_bytes());
    }

    fn wake(&self) -> Option<Duration> {
        Some(self.next)
    }

    fn status(&self) -> String {
        "it runs".to_owned()
    }
}
