//! A simulated instrument without a port, spoken to as a profile says, and the quantities
//! found in its messages as the page finds them.

use std::time::Duration;

use crate::profile::{
    Check, Form, Framing, Mode, Number, Profile, Quantity, Rule, Sending, Widget,
};
use crate::simulator::instruments::{Counting, Instrument, by_name};

/// When the instrument is switched on.
const START: Duration = Duration::from_secs(1_700_000_000);

/// As long an answer may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a quantity is at the moment.
#[derive(Debug, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Word(String),
    /// Something for which the profile has no word.
    Unknown(String),
}

/// An instrument and its profile.
pub(crate) struct Bench<'a> {
    profile: &'a Profile,
    instrument: Box<dyn Instrument>,
    now: Duration,
    complaint: Option<String>,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(profile: &'a Profile) -> Self {
        let counting = Counting {
            count: 1,
            rate: 1.0,
            length: 0,
        };
        Self {
            profile,
            instrument: by_name(&profile.name, START, 1, counting).expect("an instrument"),
            now: START,
            complaint: None,
        }
    }

    /// Sends a command; the messages that come in answer.
    pub(crate) fn send(&mut self, command: &[u8]) -> Vec<Vec<u8>> {
        let mut bytes = Vec::new();
        let packed = self.packed(command);
        self.instrument.receive(&packed, self.now, &mut bytes);
        bytes.extend(self.bytes_within(PATIENCE));
        let mut messages = self.messages(&bytes);
        if self.profile.name == "scpi-multimeter" {
            messages.retain(|message| message != b"");
        }
        self.complaint = self.find_complaint(&messages);
        messages
    }

    /// Lets time pass; the messages that come meanwhile.
    pub(crate) fn pass(&mut self, length: Duration) -> Vec<Vec<u8>> {
        let bytes = self.bytes_within(length);
        self.messages(&bytes)
    }

    /// What the instrument had against the last command.
    pub(crate) fn complaint(&mut self) -> Option<String> {
        self.complaint.take()
    }

    pub(crate) fn transmitting(&self) -> Option<bool> {
        self.instrument.transmitting()
    }

    /// All that the panel can send, of entries the ends of their range.
    pub(crate) fn panel_commands(&self) -> Vec<Vec<u8>> {
        let mut commands: Vec<Vec<u8>> = Vec::new();
        for widget in &self.profile.panel {
            match widget {
                Widget::Button { send, .. } => commands.push(send.as_bytes().into()),
                Widget::Hold { press, release, .. } => {
                    commands.extend([press, release].map(|command| command.as_bytes().into()));
                }
                Widget::Select { options, .. } => {
                    commands.extend(options.iter().map(|option| option.send.as_bytes().into()));
                }
                Widget::Entry {
                    send,
                    scale,
                    min,
                    max,
                    ..
                } => {
                    let ends = [min, max].into_iter().flatten();
                    commands.extend(ends.filter_map(|end| send.render(end * scale)));
                }
                Widget::Gauge { .. }
                | Widget::Number { .. }
                | Widget::Curve { .. }
                | Widget::Lamp { .. } => {}
            }
        }
        commands
    }

    /// What the message says of the quantity.
    pub(crate) fn value(&self, quantity: &Quantity, message: &[u8]) -> Option<Value> {
        let (raw, number) = match &quantity.rule {
            Rule::Text { pattern, form } => {
                let groups = pattern.regex().captures(message)?;
                let group = groups.name("value").or_else(|| groups.get(1))?;
                let raw = String::from_utf8(group.as_bytes().to_vec()).ok()?;
                let hemisphere = groups.name("hemisphere").map(|group| group.as_bytes());
                let number = match form {
                    Form::Number => raw.trim().parse().ok(),
                    Form::Word => None,
                    Form::Degrees => degrees(&raw, hemisphere),
                };
                (raw, number)
            }
            Rule::Bytes { begin, at, number } => {
                let number = read(
                    message
                        .strip_prefix(begin.as_slice())
                        .and(message.get(usize::from(*at)..))?,
                    *number,
                )?;
                (number.to_string(), Some(number))
            }
        };
        if !quantity.values.is_empty() {
            let word = quantity.values.iter().find(|(found, _)| *found == raw);
            return Some(match word {
                Some((_, word)) => Value::Word(word.clone()),
                None => Value::Unknown(raw),
            });
        }
        Some(match number {
            Some(number) => Value::Number(number * quantity.scale + quantity.offset),
            None => Value::Word(raw),
        })
    }

    fn bytes_within(&mut self, length: Duration) -> Vec<u8> {
        let end = self.now + length;
        let mut bytes = Vec::new();
        while let Some(wake) = self.instrument.wake().filter(|wake| *wake <= end) {
            self.now = self.now.max(wake);
            self.instrument.tick(self.now, &mut bytes);
        }
        self.now = end;
        bytes
    }

    /// With terminator and checksum.
    fn packed(&self, command: &[u8]) -> Vec<u8> {
        let Sending {
            terminator, check, ..
        } = &self.profile.send;
        let mut packed = command.to_vec();
        if *check == Some(Check::Modbus) {
            packed.extend(crc16(command).to_le_bytes());
        }
        packed.extend(terminator.iter().flatten());
        packed
    }

    fn messages(&self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let Framing {
            mode,
            delimiter,
            keep_delimiter,
            check,
            ..
        } = &self.profile.framing;
        let mut messages: Vec<Vec<u8>> = match mode.unwrap_or(Mode::Line) {
            Mode::Line => lines(bytes, b"\n", false),
            Mode::Delimiter => {
                let delimiter = delimiter.as_deref().expect("a delimiter");
                lines(bytes, delimiter, keep_delimiter.unwrap_or(true))
            }
            // Of an instrument that answers once there is one message.
            Mode::IdleGap if bytes.is_empty() => Vec::new(),
            Mode::IdleGap => vec![bytes.to_vec()],
            mode => panic!("no bundled profile has {mode:?}"),
        };
        for message in &mut messages {
            match check {
                Some(Check::Modbus) => {
                    let body = message.len().checked_sub(2).expect("a checksum");
                    let checksum = message.split_off(body);
                    assert_eq!(crc16(message).to_le_bytes(), checksum.as_slice());
                }
                Some(Check::Nmea) => {
                    let body = message.len().checked_sub(3).expect("a checksum");
                    let checksum = message.split_off(body);
                    let sum = message[1..].iter().fold(0, |sum, byte| sum ^ byte);
                    assert_eq!(format!("*{sum:02X}").as_bytes(), checksum);
                }
                Some(Check::None) | None => {}
            }
        }
        messages
    }

    /// As each kind of instrument complains.
    fn find_complaint(&mut self, messages: &[Vec<u8>]) -> Option<String> {
        let complains = |message: &&Vec<u8>| match self.profile.name.as_str() {
            "kx3" => message.as_slice() == b"?;",
            "kenwood-v71" => matches!(message.as_slice(), b"?" | b"N"),
            "modbus-rtu" => message.get(1).is_some_and(|function| function & 0x80 != 0),
            _ => false,
        };
        if let Some(message) = messages.iter().find(complains) {
            return Some(message.escape_ascii().to_string());
        }
        if self.profile.name != "scpi-multimeter" {
            return None;
        }
        let mut error = Vec::new();
        self.instrument
            .receive(b"SYST:ERR?\n", self.now, &mut error);
        let error = String::from_utf8(error).expect("text");
        (!error.starts_with("+0,")).then_some(error)
    }
}

fn lines(bytes: &[u8], end: &[u8], keep: bool) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(end.len()).position(|window| window == end) {
        let (message, after) = rest.split_at(at + end.len());
        let message = if keep { message } else { &message[..at] };
        let message = match end {
            b"\n" => message.strip_suffix(b"\r").unwrap_or(message),
            _ => message,
        };
        messages.push(message.to_vec());
        rest = after;
    }
    assert_eq!(rest, b"", "a message has no end");
    messages
}

/// Degrees and minutes: 4807.038 is 48° 7.038′.
fn degrees(raw: &str, hemisphere: Option<&[u8]>) -> Option<f64> {
    let number: f64 = raw.parse().ok()?;
    let degrees = (number / 100.0).trunc();
    let degrees = degrees + (number - degrees * 100.0) / 60.0;
    Some(match hemisphere {
        Some(b"S" | b"W") => -degrees,
        _ => degrees,
    })
}

fn read(bytes: &[u8], number: Number) -> Option<f64> {
    let two = || bytes.first_chunk::<2>().copied();
    let four = || bytes.first_chunk::<4>().copied();
    Some(match number {
        Number::U8 => (*bytes.first()?).into(),
        Number::I8 => bytes.first()?.cast_signed().into(),
        Number::U16Be => u16::from_be_bytes(two()?).into(),
        Number::U16Le => u16::from_le_bytes(two()?).into(),
        Number::I16Be => i16::from_be_bytes(two()?).into(),
        Number::I16Le => i16::from_le_bytes(two()?).into(),
        Number::U32Be => u32::from_be_bytes(four()?).into(),
        Number::U32Le => u32::from_le_bytes(four()?).into(),
        Number::I32Be => i32::from_be_bytes(four()?).into(),
        Number::I32Le => i32::from_le_bytes(four()?).into(),
        Number::F32Be => f32::from_be_bytes(four()?).into(),
        Number::F32Le => f32::from_le_bytes(four()?).into(),
    })
}

/// Written apart from the simulator's, so that the two check each other.
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0xffff_u16;
    for byte in bytes {
        crc ^= u16::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xa001
            } else {
                crc >> 1
            };
        }
    }
    crc
}
