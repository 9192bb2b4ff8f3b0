//! A multimeter that speaks SCPI: lines that end with a newline.

use std::collections::VecDeque;
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;

use super::lines::Lines;
use super::{Instrument, swing};

/// What it can measure: as commands name it, as `FUNC?` tells it, the value, by how much
/// that swings, and the noise in it.
const FUNCTIONS: [(&str, &str, f64, f64, f64); 10] = [
    ("VOLT:DC", "VOLT", 12.0, 0.05, 0.000_5),
    ("VOLT:AC", "VOLT:AC", 230.0, 2.0, 0.05),
    ("CURR:DC", "CURR", 0.35, 0.01, 0.000_2),
    ("CURR:AC", "CURR:AC", 0.12, 0.01, 0.000_5),
    ("RES", "RES", 4_700.0, 1.0, 0.05),
    ("FRES", "FRES", 4_699.8, 0.5, 0.01),
    ("FREQ", "FREQ", 50.0, 0.02, 0.001),
    ("PER", "PER", 0.02, 0.000_01, 0.000_000_5),
    // Nothing is connected.
    ("CONT", "CONT", 9.9e37, 0.0, 0.0),
    ("DIOD", "DIOD", 0.62, 0.002, 0.000_1),
];

/// Long names of what commands are made of, and their short ones.
const SHORT: [(&str, &str); 17] = [
    ("MEASURE", "MEAS"),
    ("CONFIGURE", "CONF"),
    ("VOLTAGE", "VOLT"),
    ("CURRENT", "CURR"),
    ("RESISTANCE", "RES"),
    ("FRESISTANCE", "FRES"),
    ("FREQUENCY", "FREQ"),
    ("PERIOD", "PER"),
    ("CONTINUITY", "CONT"),
    ("DIODE", "DIOD"),
    ("FUNCTION", "FUNC"),
    ("SYSTEM", "SYST"),
    ("ERROR", "ERR"),
    ("VERSION", "VERS"),
    ("REMOTE", "REM"),
    ("LOCAL", "LOC"),
    ("BEEPER", "BEEP"),
];

/// Errors that are remembered.
const MAX_ERRORS: usize = 20;

/// Longest block that `CURV?` sends, in bytes.
const MAX_BLOCK: usize = 100_000;

/// See the file's documentation.
pub(super) struct Multimeter {
    commands: Lines,
    function: usize,
    remote: bool,
    errors: VecDeque<&'static str>,
    random: StdRng,
}

impl Multimeter {
    pub(super) fn new(random: StdRng) -> Self {
        Self {
            commands: Lines::ending_with(b"\r\n"),
            function: 0,
            remote: false,
            errors: VecDeque::new(),
            random,
        }
    }

    fn command(&mut self, command: &str, now: Duration, out: &mut Vec<u8>) {
        let (header, argument) = command.split_once(' ').unwrap_or((command, ""));
        let header = short(header);
        if header == "CURV?" {
            return self.block(argument, out);
        }
        let answer = match header.as_str() {
            "*IDN?" => "Periscope,Simulated multimeter,0,1.0".to_owned(),
            "*OPC?" => "1".to_owned(),
            "*CLS" => return self.errors.clear(),
            "*RST" => {
                self.function = 0;
                return;
            }
            "*TRG" | "SYST:BEEP" => return,
            "SYST:REM" => {
                self.remote = true;
                return;
            }
            "SYST:LOC" => {
                self.remote = false;
                return;
            }
            "SYST:VERS?" => "1999.0".to_owned(),
            "SYST:ERR?" => self
                .errors
                .pop_front()
                .unwrap_or("+0,\"No error\"")
                .to_owned(),
            "FUNC?" | "CONF?" => format!("\"{}\"", FUNCTIONS[self.function].1),
            "READ?" => self.reading(now),
            header => match self.select(header) {
                Some(true) => self.reading(now),
                Some(false) => return,
                None => return self.error("-113,\"Undefined header\""),
            },
        };
        out.extend_from_slice(answer.as_bytes());
        out.extend_from_slice(b"\r\n");
    }

    /// `MEAS:…?` (true) and `CONF:…`.
    fn select(&mut self, header: &str) -> Option<bool> {
        let measure = header
            .strip_prefix("MEAS:")
            .and_then(|rest| rest.strip_suffix('?'));
        let name = measure.or_else(|| header.strip_prefix("CONF:"))?;
        self.function = FUNCTIONS.iter().position(|function| function.0 == name)?;
        Some(measure.is_some())
    }

    fn reading(&mut self, now: Duration) -> String {
        let (_, _, value, swings, noise) = FUNCTIONS[self.function];
        let noise = noise * self.random.random_range(-1.0..1.0);
        scientific(value + swings * swing(now, 20.0) + noise)
    }

    /// A definite-length block of IEEE 488.2 of so many bytes, with ends of lines in it.
    fn block(&mut self, length: &str, out: &mut Vec<u8>) {
        let length: Option<usize> = length.trim().parse().ok();
        let Some(length) = length.filter(|length| *length <= MAX_BLOCK) else {
            return self.error("-222,\"Data out of range\"");
        };
        let digits = length.to_string();
        out.extend_from_slice(format!("#{}{digits}", digits.len()).as_bytes());
        out.extend((0..length).map(|n| n.to_le_bytes()[0]));
        out.extend_from_slice(b"\r\n");
    }

    fn error(&mut self, error: &'static str) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push_back(error);
        }
    }
}

/// Capital letters, short names, no colon in front.
fn short(header: &str) -> String {
    let header = header.to_ascii_uppercase();
    let (header, question) = match header.strip_suffix('?') {
        Some(header) => (header, "?"),
        None => (header.as_str(), ""),
    };
    let word = |word: &str| {
        let long = SHORT.iter().find(|(long, _)| *long == word);
        long.map_or_else(|| word.to_owned(), |(_, short)| (*short).to_owned())
    };
    let words: Vec<String> = header
        .trim_start_matches(':')
        .split(':')
        .map(word)
        .collect();
    words.join(":") + question
}

/// As `+1.20000000E+01`.
fn scientific(value: f64) -> String {
    let text = format!("{value:+.8E}");
    match text.split_once('E') {
        Some((digits, exponent)) => {
            let exponent: i32 = exponent.parse().unwrap_or(0);
            format!("{digits}E{exponent:+03}")
        }
        None => text,
    }
}

impl Instrument for Multimeter {
    fn receive(&mut self, bytes: &[u8], now: Duration, out: &mut Vec<u8>) {
        for line in self.commands.push(bytes) {
            for command in line.split(';').map(str::trim).filter(|c| !c.is_empty()) {
                self.command(command, now, out);
            }
        }
    }

    fn status(&self) -> String {
        let function = FUNCTIONS[self.function].0;
        let place = if self.remote { "remote" } else { "local" };
        format!("{function}, {place}, {} errors", self.errors.len())
    }
}
