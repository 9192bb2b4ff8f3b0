//! A Modbus RTU device, unit 1, with three holding registers: temperature and humidity in
//! tenths, and a relay.

use std::time::Duration;

use super::checksum::crc16;
use super::{Instrument, swing};

const UNIT: u8 = 1;

/// Silence after which a message is over, or given up.
const SILENCE: Duration = Duration::from_millis(20);

/// Longest message.
const MAX_MESSAGE: usize = 256;

/// The registers: 0 temperature, 1 humidity, 2 relay.
const REGISTERS: u16 = 3;
const RELAY: u16 = 2;

const READ_HOLDING_REGISTERS: u8 = 3;
const WRITE_SINGLE_REGISTER: u8 = 6;

/// Exceptions, section 7 of the application protocol.
const ILLEGAL_FUNCTION: u8 = 1;
const ILLEGAL_DATA_ADDRESS: u8 = 2;
const ILLEGAL_DATA_VALUE: u8 = 3;

/// See the file's documentation.
#[derive(Debug, Default)]
pub(super) struct Device {
    waiting: Vec<u8>,
    last_byte: Duration,
    relay: bool,
    bad: u64,
}

impl Device {
    fn register(&self, number: u16, now: Duration) -> u16 {
        match number {
            // Below zero now and then: 12 ± 20 °C.
            0 => ((120.0 + 200.0 * swing(now, 120.0)).round() as i16).cast_unsigned(),
            1 => (550.0 + 100.0 * swing(now, 90.0)).round() as u16,
            _ => u16::from(self.relay),
        }
    }

    /// What follows unit and function, or an exception.
    fn execute(&mut self, function: u8, data: [u8; 4], now: Duration) -> Result<Vec<u8>, u8> {
        let first = u16::from_be_bytes([data[0], data[1]]);
        let second = u16::from_be_bytes([data[2], data[3]]);
        match function {
            READ_HOLDING_REGISTERS if second == 0 || second > 125 => Err(ILLEGAL_DATA_VALUE),
            READ_HOLDING_REGISTERS if first.saturating_add(second) > REGISTERS => {
                Err(ILLEGAL_DATA_ADDRESS)
            }
            READ_HOLDING_REGISTERS => {
                let registers = first..first + second;
                let bytes = registers.flat_map(|number| self.register(number, now).to_be_bytes());
                let bytes: Vec<u8> = bytes.collect();
                Ok([&[bytes.len().to_le_bytes()[0]], bytes.as_slice()].concat())
            }
            WRITE_SINGLE_REGISTER if first != RELAY => Err(ILLEGAL_DATA_ADDRESS),
            WRITE_SINGLE_REGISTER if second > 1 => Err(ILLEGAL_DATA_VALUE),
            WRITE_SINGLE_REGISTER => {
                self.relay = second == 1;
                Ok(data.to_vec())
            }
            _ => Err(ILLEGAL_FUNCTION),
        }
    }

    /// The messages are over: those that are known have eight bytes each.
    fn messages(&mut self, now: Duration, out: &mut Vec<u8>) {
        let waiting = std::mem::take(&mut self.waiting);
        for message in waiting.chunks(8) {
            let Ok([unit, function, data @ .., low, high]) = <[u8; 8]>::try_from(message) else {
                self.bad += 1;
                continue;
            };
            if crc16(&message[..6]).to_le_bytes() != [low, high] {
                self.bad += 1;
                continue;
            }
            if unit != UNIT {
                continue;
            }
            let mut answer = vec![UNIT];
            match self.execute(function, data, now) {
                Ok(data) => {
                    answer.push(function);
                    answer.extend(data);
                }
                Err(exception) => answer.extend([function | 0x80, exception]),
            }
            answer.extend(crc16(&answer).to_le_bytes());
            out.extend(answer);
        }
    }
}

impl Instrument for Device {
    fn receive(&mut self, bytes: &[u8], now: Duration, _out: &mut Vec<u8>) {
        self.last_byte = now;
        if self.waiting.len() + bytes.len() > MAX_MESSAGE {
            self.waiting.clear();
            self.bad += 1;
        } else {
            self.waiting.extend_from_slice(bytes);
        }
    }

    fn tick(&mut self, now: Duration, out: &mut Vec<u8>) {
        self.messages(now, out);
    }

    fn wake(&self) -> Option<Duration> {
        (!self.waiting.is_empty()).then(|| self.last_byte + SILENCE)
    }

    fn status(&self) -> String {
        let relay = if self.relay { "on" } else { "off" };
        format!("relay {relay}, {} bad messages", self.bad)
    }
}
