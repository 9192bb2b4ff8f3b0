//! How an instrument talks: line settings, framing, sending, and what is said when.

use super::command::{self, Command};
use super::error::ProfileError;
use super::pattern::Pattern;
use super::reader::{Fields, Node};

/// Bytes of a delimiter or terminator.
const MAX_DELIMITER: usize = 16;

/// Longest message that can be allowed, in bytes: what a data channel carries.
const MAX_MESSAGE: u32 = 1024 * 1024;

/// Longest pause between bytes, in microseconds.
const MAX_MICROSECONDS: u32 = 10_000_000;

/// Longest pause between lines, in milliseconds.
const MAX_MILLISECONDS: u32 = 60_000;

/// How often may be polled, in milliseconds: at most a day apart.
const POLL_RANGE: std::ops::RangeInclusive<u32> = 10..=86_400_000;

/// Longest time of transmission that can be allowed, in milliseconds: a day.
const MAX_TRANSMIT: u32 = 86_400_000;

/// Settings of the port; what is `None` is left to the element's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) baud: Option<u32>,
    pub(crate) data_bits: Option<u8>,
    pub(crate) parity: Option<Parity>,
    pub(crate) stop_bits: Option<u8>,
    pub(crate) flow_control: Option<FlowControl>,
    pub(crate) dtr: Option<Level>,
    pub(crate) rts: Option<Level>,
    pub(crate) rs485: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parity {
    None,
    Odd,
    Even,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlowControl {
    None,
    Hardware,
    Software,
}

/// What a modem line is set to when the port is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    On,
    Off,
    /// As it is.
    Keep,
}

impl Line {
    pub(super) fn read(node: Node<'_>) -> Result<Self, ProfileError> {
        const PARITIES: [(&str, Parity); 3] = [
            ("none", Parity::None),
            ("odd", Parity::Odd),
            ("even", Parity::Even),
        ];
        const FLOW_CONTROLS: [(&str, FlowControl); 3] = [
            ("none", FlowControl::None),
            ("hardware", FlowControl::Hardware),
            ("software", FlowControl::Software),
        ];
        const LEVELS: [(&str, Level); 3] = [
            ("on", Level::On),
            ("off", Level::Off),
            ("keep", Level::Keep),
        ];

        let mut fields = node.fields()?;
        let line = Self {
            baud: fields.optional("baud", |node| node.whole(50..=12_000_000))?,
            data_bits: fields.optional("data-bits", |node| node.whole(5..=8))?,
            parity: fields.optional("parity", |node| node.word(&PARITIES))?,
            stop_bits: fields.optional("stop-bits", |node| node.whole(1..=2))?,
            flow_control: fields.optional("flow-control", |node| node.word(&FLOW_CONTROLS))?,
            dtr: fields.optional("dtr", |node| node.word(&LEVELS))?,
            rts: fields.optional("rts", |node| node.word(&LEVELS))?,
            rs485: fields.optional("rs485", |node| node.boolean())?,
        };
        fields.finish("the serial line")?;
        Ok(line)
    }
}

/// How bytes become messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Framing {
    pub(crate) mode: Option<Mode>,
    pub(crate) delimiter: Option<Vec<u8>>,
    pub(crate) keep_delimiter: Option<bool>,
    pub(crate) length: Option<u32>,
    /// 0: 3.5 characters.
    pub(crate) gap_us: Option<u32>,
    pub(crate) max_message: Option<u32>,
    pub(crate) blocks: Option<bool>,
    pub(crate) check: Option<Check>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Raw,
    Line,
    Delimiter,
    Fixed,
    IdleGap,
    Slip,
    Cobs,
}

/// A checksum: added to what is sent; what arrives with a wrong one is dropped, and a
/// right one is taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    None,
    /// CRC-16/MODBUS, low byte first.
    Modbus,
    /// `*` and two hexadecimal digits: exclusive or of what stands between `$` and `*`.
    Nmea,
}

const CHECKS: [(&str, Check); 3] = [
    ("none", Check::None),
    ("modbus", Check::Modbus),
    ("nmea", Check::Nmea),
];

impl Framing {
    pub(super) fn read(node: Node<'_>) -> Result<Self, ProfileError> {
        const MODES: [(&str, Mode); 7] = [
            ("raw", Mode::Raw),
            ("line", Mode::Line),
            ("delimiter", Mode::Delimiter),
            ("fixed", Mode::Fixed),
            ("idle-gap", Mode::IdleGap),
            ("slip", Mode::Slip),
            ("cobs", Mode::Cobs),
        ];
        let mut fields = node.fields()?;
        let framing = Self {
            mode: fields.optional("mode", |node| node.word(&MODES))?,
            delimiter: fields.optional("delimiter", delimiter)?,
            keep_delimiter: fields.optional("keep-delimiter", |node| node.boolean())?,
            length: fields.optional("length", |node| node.whole(1..=MAX_MESSAGE))?,
            gap_us: fields.optional("gap", |node| node.whole(0..=MAX_MICROSECONDS))?,
            max_message: fields.optional("max-message", |node| node.whole(1..=MAX_MESSAGE))?,
            blocks: fields.optional("blocks", |node| node.boolean())?,
            check: fields.optional("check", |node| node.word(&CHECKS))?,
        };
        framing.complete(&fields)?;
        fields.finish("framing")?;
        Ok(framing)
    }

    /// Whether it has what its mode needs, and nothing that belongs to another one.
    fn complete(&self, fields: &Fields<'_>) -> Result<(), ProfileError> {
        let mode = self.mode.unwrap_or(Mode::Line);
        // Name, whether it is there, the modes that know it, whether they need it.
        let rules: [(_, _, &[Mode], _); 5] = [
            (
                "delimiter",
                self.delimiter.is_some(),
                &[Mode::Delimiter],
                true,
            ),
            (
                "keep-delimiter",
                self.keep_delimiter.is_some(),
                &[Mode::Delimiter],
                false,
            ),
            ("length", self.length.is_some(), &[Mode::Fixed], true),
            (
                "gap",
                self.gap_us.is_some(),
                &[Mode::IdleGap, Mode::Fixed],
                false,
            ),
            ("blocks", self.blocks.is_some(), &[Mode::Line], false),
        ];
        for (name, present, modes, needed) in rules {
            let fits = modes.contains(&mode);
            if present && !fits {
                return Err(fields.error(format!("“{name}” has no meaning in this mode")));
            }
            if fits && needed && !present {
                return Err(fields.error(format!("this mode needs “{name}”")));
            }
        }
        Ok(())
    }
}

/// How commands are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sending {
    /// Added to each command.
    pub(crate) terminator: Option<Vec<u8>>,
    pub(crate) character_delay_us: Option<u32>,
    pub(crate) line_delay_ms: Option<u32>,
    pub(crate) check: Option<Check>,
}

impl Sending {
    pub(super) fn read(node: Node<'_>) -> Result<Self, ProfileError> {
        let mut fields = node.fields()?;
        let send = Self {
            terminator: fields
                .optional("terminator", |node| command::bytes(&node, MAX_DELIMITER))?,
            character_delay_us: fields
                .optional("character-delay", |node| node.whole(0..=MAX_MICROSECONDS))?,
            line_delay_ms: fields
                .optional("line-delay", |node| node.whole(0..=MAX_MILLISECONDS))?,
            check: fields.optional("check", |node| node.word(&CHECKS))?,
        };
        fields.finish("sending")?;
        Ok(send)
    }
}

/// A command that is sent again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Poll {
    pub(crate) send: Command,
    pub(crate) every_ms: u32,
}

impl Poll {
    pub(super) fn read(node: Node<'_>) -> Result<Self, ProfileError> {
        let mut fields = node.fields()?;
        let poll = Self {
            send: fields.required("send", Command::read)?,
            every_ms: fields.required("every", |node| node.whole(POLL_RANGE))?,
        };
        fields.finish("polling")?;
        Ok(poll)
    }
}

/// What begins and ends a transmission, and how long it may last.
#[derive(Debug, Clone)]
pub(crate) struct Transmit {
    /// Wherever it occurs in a command.
    pub(crate) start: Pattern,
    /// A whole command.
    pub(crate) end: Pattern,
    /// Longest transmission; `None` without a limit.
    pub(crate) max_ms: Option<u32>,
}

impl Transmit {
    pub(super) fn read(node: Node<'_>) -> Result<Self, ProfileError> {
        let mut fields = node.fields()?;
        let transmit = Self {
            start: fields.required("start", |node| something(&node))?,
            end: fields.required("end", |node| something(&node))?,
            max_ms: fields.optional("max", |node| node.whole(100..=MAX_TRANSMIT))?,
        };
        fields.finish("transmission")?;
        Ok(transmit)
    }
}

/// How the transmitter is keyed while somebody talks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Talk {
    pub(crate) start: Option<Command>,
    pub(crate) end: Option<Command>,
    pub(crate) line: Option<TalkLine>,
}

/// A modem line that is raised while somebody talks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TalkLine {
    Rts,
    Dtr,
}

impl Talk {
    pub(super) fn read(node: Node<'_>) -> Result<Self, ProfileError> {
        const LINES: [(&str, TalkLine); 2] = [("rts", TalkLine::Rts), ("dtr", TalkLine::Dtr)];
        let mut fields = node.fields()?;
        let talk = Self {
            start: fields.optional("start", Command::read)?,
            end: fields.optional("end", Command::read)?,
            line: fields.optional("line", |node| node.word(&LINES))?,
        };
        if talk.start.is_none() && talk.line.is_none() {
            return Err(fields.error("talking needs a “start”, a “line”, or both"));
        }
        if talk.end.is_some() && talk.start.is_none() {
            return Err(fields.error("“end” has no meaning without “start”"));
        }
        fields.finish("talking")?;
        Ok(talk)
    }

    /// What of the line's settings keeps its line from being low while nobody talks.
    pub(super) fn conflict(&self, line: &Line) -> Option<&'static str> {
        match self.line? {
            TalkLine::Rts if line.rts == Some(Level::On) => Some("“rts” on"),
            TalkLine::Rts if line.flow_control == Some(FlowControl::Hardware) => {
                Some("“flow-control” hardware")
            }
            TalkLine::Rts if line.rs485 == Some(true) => Some("“rs485”"),
            TalkLine::Dtr if line.dtr == Some(Level::On) => Some("“dtr” on"),
            _ => None,
        }
    }
}

/// A pattern that is not of nothing: that would be in every command.
fn something(node: &Node<'_>) -> Result<Pattern, ProfileError> {
    let pattern = Pattern::read(node)?;
    match pattern.occurs_in(b"") {
        true => Err(node.error("matches even where nothing is")),
        false => Ok(pattern),
    }
}

fn delimiter(node: Node<'_>) -> Result<Vec<u8>, ProfileError> {
    let bytes = command::bytes(&node, MAX_DELIMITER)?;
    match bytes.is_empty() {
        true => Err(node.error("must not be empty")),
        false => Ok(bytes),
    }
}
