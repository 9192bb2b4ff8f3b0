//! The properties that both elements have, and those that a profile can set, as plain values.
//!
//! Every value is optional until the port is opened: what is set by a property wins over the
//! profile, the profile over the default, and elements that share a port put together what
//! they have.

use std::time::Duration;

use gst::glib;

use super::framing::Check;
use super::profile::Pattern;
use super::text::Poll;
use super::transmit::KeyLine;

/// Parity bit (property `parity`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSerialParity")]
#[repr(i32)]
pub enum Parity {
    /// No parity bit.
    #[default]
    #[enum_value(name = "No parity bit", nick = "none")]
    None = 0,
    /// An odd number of ones.
    #[enum_value(name = "Odd", nick = "odd")]
    Odd = 1,
    /// An even number of ones.
    #[enum_value(name = "Even", nick = "even")]
    Even = 2,
}

/// Flow control (property `flow-control`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSerialFlowControl")]
#[repr(i32)]
pub enum FlowControl {
    /// Nobody waits for the other.
    #[default]
    #[enum_value(name = "None", nick = "none")]
    None = 0,
    /// By the lines RTS and CTS.
    #[enum_value(name = "RTS and CTS", nick = "hardware")]
    Hardware = 1,
    /// By the characters XON and XOFF.
    #[enum_value(name = "XON and XOFF", nick = "software")]
    Software = 2,
}

/// State of a modem line when the port has been opened (properties `dtr`, `rts`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSerialLine")]
#[repr(i32)]
pub enum Pin {
    /// As the system leaves it, which is on with most drivers.
    #[default]
    #[enum_value(name = "As the system leaves it", nick = "keep")]
    Keep = 0,
    /// Raised.
    #[enum_value(name = "On", nick = "on")]
    On = 1,
    /// Lowered.
    #[enum_value(name = "Off", nick = "off")]
    Off = 2,
}

/// Modem line that is raised while somebody talks (property `talk-line`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSerialTalkLine")]
#[repr(i32)]
pub enum TalkLine {
    /// None.
    #[default]
    #[enum_value(name = "None", nick = "none")]
    None = 0,
    /// RTS.
    #[enum_value(name = "RTS", nick = "rts")]
    Rts = 1,
    /// DTR.
    #[enum_value(name = "DTR", nick = "dtr")]
    Dtr = 2,
}

impl From<TalkLine> for Option<KeyLine> {
    fn from(line: TalkLine) -> Self {
        match line {
            TalkLine::None => None,
            TalkLine::Rts => Some(KeyLine::Rts),
            TalkLine::Dtr => Some(KeyLine::Dtr),
        }
    }
}

/// How messages are told from each other (property `framing`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSerialFraming")]
#[repr(i32)]
pub enum FramingMode {
    /// None: what came at once.
    #[enum_value(name = "What came at once is a message", nick = "raw")]
    Raw = 0,
    /// Lines.
    #[default]
    #[enum_value(name = "Lines that end with LF or CR LF", nick = "line")]
    Line = 1,
    /// Messages that end with the property `delimiter`.
    #[enum_value(name = "Messages that end with the delimiter", nick = "delimiter")]
    Delimiter = 2,
    /// Messages of the property `length`.
    #[enum_value(name = "Messages of a fixed length", nick = "fixed")]
    Fixed = 3,
    /// Messages with silence between them.
    #[enum_value(name = "Messages with silence between them", nick = "idle-gap")]
    IdleGap = 4,
    /// SLIP.
    #[enum_value(name = "SLIP (RFC 1055)", nick = "slip")]
    Slip = 5,
    /// COBS.
    #[enum_value(name = "COBS, frames end with a zero byte", nick = "cobs")]
    Cobs = 6,
}

impl FramingMode {
    /// As in caps.
    pub(crate) fn nick(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Line => "line",
            Self::Delimiter => "delimiter",
            Self::Fixed => "fixed",
            Self::IdleGap => "idle-gap",
            Self::Slip => "slip",
            Self::Cobs => "cobs",
        }
    }

    /// Whether messages are text, as a rule.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Line | Self::Delimiter)
    }
}

/// How messages are packed that are sent (property `encoding`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSerialEncoding")]
#[repr(i32)]
pub enum Encoding {
    /// As they are, with the terminator.
    #[default]
    #[enum_value(name = "As they are, with the terminator", nick = "none")]
    None = 0,
    /// SLIP.
    #[enum_value(name = "SLIP (RFC 1055)", nick = "slip")]
    Slip = 1,
    /// COBS.
    #[enum_value(name = "COBS, frames end with a zero byte", nick = "cobs")]
    Cobs = 2,
}

/// Checksum at the end of messages (property `check`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSerialCheck")]
#[repr(i32)]
pub enum CheckMode {
    /// None.
    #[default]
    #[enum_value(name = "None", nick = "none")]
    None = 0,
    /// CRC-16/MODBUS.
    #[enum_value(name = "CRC-16/MODBUS", nick = "modbus")]
    Modbus = 1,
    /// NMEA 0183.
    #[enum_value(name = "NMEA 0183", nick = "nmea")]
    Nmea = 2,
}

impl From<CheckMode> for Check {
    fn from(mode: CheckMode) -> Self {
        match mode {
            CheckMode::None => Self::None,
            CheckMode::Modbus => Self::Modbus,
            CheckMode::Nmea => Self::Nmea,
        }
    }
}

pub(crate) const DEFAULT_BAUD: u32 = 9600;
pub(crate) const DEFAULT_MAX_MESSAGE: u32 = 65_536;

/// The settings of the line.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineSettings {
    pub(crate) baud: Option<u32>,
    pub(crate) data_bits: Option<u8>,
    pub(crate) parity: Option<Parity>,
    pub(crate) stop_bits: Option<u8>,
    pub(crate) flow_control: Option<FlowControl>,
    pub(crate) dtr: Option<Pin>,
    pub(crate) rts: Option<Pin>,
    pub(crate) rs485: Option<bool>,
}

impl LineSettings {
    /// What is not set is taken from the other.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            baud: self.baud.or(other.baud),
            data_bits: self.data_bits.or(other.data_bits),
            parity: self.parity.or(other.parity),
            stop_bits: self.stop_bits.or(other.stop_bits),
            flow_control: self.flow_control.or(other.flow_control),
            dtr: self.dtr.or(other.dtr),
            rts: self.rts.or(other.rts),
            rs485: self.rs485.or(other.rs485),
        }
    }

    /// The first property that is set differently in both, and both values.
    pub(crate) fn conflict(&self, other: &Self) -> Option<(&'static str, String, String)> {
        fn differ<T: PartialEq + std::fmt::Debug>(
            name: &'static str,
            one: Option<T>,
            other: Option<T>,
        ) -> Option<(&'static str, String, String)> {
            match (one, other) {
                (Some(one), Some(other)) if one != other => Some((
                    name,
                    format!("{one:?}").to_lowercase(),
                    format!("{other:?}").to_lowercase(),
                )),
                _ => None,
            }
        }
        differ("baud", self.baud, other.baud)
            .or_else(|| differ("data-bits", self.data_bits, other.data_bits))
            .or_else(|| differ("parity", self.parity, other.parity))
            .or_else(|| differ("stop-bits", self.stop_bits, other.stop_bits))
            .or_else(|| differ("flow-control", self.flow_control, other.flow_control))
            .or_else(|| differ("dtr", self.dtr, other.dtr))
            .or_else(|| differ("rts", self.rts, other.rts))
            .or_else(|| differ("rs485", self.rs485, other.rs485))
    }

    pub(crate) fn baud(&self) -> u32 {
        self.baud.unwrap_or(DEFAULT_BAUD).max(1)
    }

    /// How long one character takes on the line.
    pub(crate) fn character(&self) -> Duration {
        let bits = 1
            + u32::from(self.data_bits.unwrap_or(8))
            + u32::from(self.parity.unwrap_or_default() != Parity::None)
            + u32::from(self.stop_bits.unwrap_or(1));
        Duration::from_secs(1) * bits / self.baud()
    }
}

/// How messages are received.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ReceiveSettings {
    pub(crate) framing: Option<FramingMode>,
    pub(crate) delimiter: Option<Vec<u8>>,
    pub(crate) keep_delimiter: Option<bool>,
    pub(crate) length: Option<u32>,
    /// Microseconds.
    pub(crate) gap: Option<u32>,
    pub(crate) max_message: Option<u32>,
    pub(crate) blocks: Option<bool>,
    pub(crate) check: Option<CheckMode>,
    pub(crate) init: Option<Vec<Vec<u8>>>,
    pub(crate) poll: Option<Vec<Poll>>,
}

impl ReceiveSettings {
    /// What is not set is taken from the other.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            framing: self.framing.or(other.framing),
            delimiter: self.delimiter.or(other.delimiter),
            keep_delimiter: self.keep_delimiter.or(other.keep_delimiter),
            length: self.length.or(other.length),
            gap: self.gap.or(other.gap),
            max_message: self.max_message.or(other.max_message),
            blocks: self.blocks.or(other.blocks),
            check: self.check.or(other.check),
            init: self.init.or(other.init),
            poll: self.poll.or(other.poll),
        }
    }
}

/// How messages are sent.
#[derive(Debug, Default, Clone)]
pub(crate) struct SendSettings {
    pub(crate) terminator: Option<Vec<u8>>,
    pub(crate) encoding: Option<Encoding>,
    pub(crate) check: Option<CheckMode>,
    /// Microseconds.
    pub(crate) character_delay: Option<u32>,
    /// Milliseconds.
    pub(crate) line_delay: Option<u32>,
    pub(crate) max_message: Option<u32>,
    pub(crate) safe_string: Option<Vec<u8>>,
    pub(crate) transmit_start: Option<Pattern>,
    pub(crate) transmit_end: Option<Pattern>,
    /// Milliseconds.
    pub(crate) max_transmit: Option<u32>,
    pub(crate) talk_start: Option<Vec<u8>>,
    pub(crate) talk_end: Option<Vec<u8>>,
    pub(crate) talk_line: Option<TalkLine>,
}

impl SendSettings {
    /// What is not set is taken from the other.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            terminator: self.terminator.or(other.terminator),
            encoding: self.encoding.or(other.encoding),
            check: self.check.or(other.check),
            character_delay: self.character_delay.or(other.character_delay),
            line_delay: self.line_delay.or(other.line_delay),
            max_message: self.max_message.or(other.max_message),
            safe_string: self.safe_string.or(other.safe_string),
            transmit_start: self.transmit_start.or(other.transmit_start),
            transmit_end: self.transmit_end.or(other.transmit_end),
            max_transmit: self.max_transmit.or(other.max_transmit),
            talk_start: self.talk_start.or(other.talk_start),
            talk_end: self.talk_end.or(other.talk_end),
            talk_line: self.talk_line.or(other.talk_line),
        }
    }
}

/// What a profile says of all this.
#[derive(Debug, Default, Clone)]
pub(crate) struct Defaults {
    pub(crate) name: String,
    /// The profile as it was read, for the page.
    pub(crate) json: String,
    pub(crate) line: LineSettings,
    pub(crate) receive: ReceiveSettings,
    pub(crate) send: SendSettings,
}
