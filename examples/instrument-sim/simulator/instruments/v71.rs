//! A Kenwood TM-V71: commands and answers end with a carriage return.

use std::time::Duration;

use super::lines::Lines;
use super::{Instrument, swing};

/// What can be set and asked for: the question, and the answer at start.
const SETTINGS: [(&str, &str); 10] = [
    ("FO 0", "0145500000,0,0,0,0,0,0,08,08,000,00000000,0"),
    ("FO 1", "0433500000,0,0,0,0,0,0,08,08,000,00000000,0"),
    ("PC 0", "0"),
    ("PC 1", "0"),
    ("SQ 0", "04"),
    ("SQ 1", "04"),
    ("VM 0", "0"),
    ("VM 1", "0"),
    ("BL 0", "4"),
    ("LK 0", "0"),
];

/// Signals come and go in this time, in seconds.
const TRAFFIC: f64 = 9.0;

/// See the file's documentation.
pub(super) struct V71 {
    commands: Lines,
    values: Vec<String>,
    /// The bands for control and PTT.
    bands: String,
    transmitting: bool,
    /// When it was switched on: so that the first signal comes soon.
    begun: Duration,
}

impl V71 {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            commands: Lines::ending_with(b"\r"),
            values: SETTINGS
                .iter()
                .map(|(_, value)| (*value).to_owned())
                .collect(),
            bands: "0,0".to_owned(),
            transmitting: false,
            begun: now,
        }
    }

    /// `?`: it does not know the command; `N`: not now.
    fn answer(&mut self, command: &str, now: Duration) -> String {
        let busy = !self.transmitting && swing(now - self.begun, TRAFFIC) > 0.3;
        match command {
            "ID" => "ID TM-V71".to_owned(),
            "FV 0" => "FV 0,1.00,2.10,A,1".to_owned(),
            "TY" => "TY K,0,0,1,0".to_owned(),
            "TX" | "RX" => {
                self.transmitting = command == "TX";
                command.to_owned()
            }
            "BY 0" => format!("BY 0,{}", u8::from(busy)),
            "BY 1" => "BY 1,0".to_owned(),
            "BC" => format!("BC {}", self.bands),
            "BC 0,0" | "BC 0,1" | "BC 1,0" | "BC 1,1" => {
                self.bands = command[3..].to_owned();
                command.to_owned()
            }
            _ => self.setting(command),
        }
    }

    fn setting(&mut self, command: &str) -> String {
        let known = SETTINGS
            .iter()
            .position(|(name, _)| command.starts_with(name));
        let Some(index) = known else {
            return "?".to_owned();
        };
        let (name, initial) = SETTINGS[index];
        let value = &command[name.len()..];
        if value.is_empty() {
            return format!("{name},{}", self.values[index]);
        }
        // As long as what was there, and of digits and commas.
        match value.strip_prefix(',') {
            _ if self.transmitting => "N".to_owned(),
            Some(value)
                if value.len() == initial.len()
                    && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b',') =>
            {
                self.values[index] = value.to_owned();
                command.to_owned()
            }
            _ => "?".to_owned(),
        }
    }
}

impl Instrument for V71 {
    fn receive(&mut self, bytes: &[u8], now: Duration, out: &mut Vec<u8>) {
        for command in self.commands.push(bytes) {
            let answer = self.answer(&command, now);
            out.extend_from_slice(format!("{answer}\r").as_bytes());
        }
    }

    fn transmitting(&self) -> Option<bool> {
        Some(self.transmitting)
    }

    fn status(&self) -> String {
        format!("band A {}", self.values[0])
    }
}
