//! Properties: what the manual says of them, and what has been set.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use gst::glib;
use gst::prelude::*;

use super::settings::{
    CheckMode, DEFAULT_BAUD, DEFAULT_MAX_MESSAGE, Encoding, FlowControl, FramingMode, LineSettings,
    Parity, Pin, TalkLine,
};
use super::text::{TextError, unescape};

/// The properties that have been set; the others are left to the profile or the default.
#[derive(Debug, Default)]
pub(super) struct Given(Mutex<BTreeMap<String, glib::SendValue>>);

impl Given {
    pub(super) fn set(&self, pspec: &glib::ParamSpec, value: &glib::Value) {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match sendable(value) {
            Some(value) => values.insert(pspec.name().to_owned(), value),
            None => values.remove(pspec.name()),
        };
    }

    /// What is set, or the default.
    pub(super) fn value(&self, pspec: &glib::ParamSpec) -> glib::Value {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match values.get(pspec.name()) {
            Some(value) => (**value).clone(),
            None => pspec.default_value().clone(),
        }
    }

    pub(super) fn get<T>(&self, name: &str) -> Option<T>
    where
        T: for<'v> glib::value::FromValue<'v> + 'static,
    {
        let values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        values.get(name).and_then(|value| value.get().ok())
    }

    /// The bytes of a text with escapes.
    pub(super) fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, TextError> {
        self.get::<String>(name)
            .map(|text| unescape(&text))
            .transpose()
    }

    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let array = self.get::<gst::Array>(name)?;
        let texts = array.iter().filter_map(|value| value.get().ok());
        Some(texts.collect())
    }

    pub(super) fn line(&self) -> LineSettings {
        LineSettings {
            baud: self.get("baud"),
            data_bits: self.byte("data-bits"),
            parity: self.get("parity"),
            stop_bits: self.byte("stop-bits"),
            flow_control: self.get("flow-control"),
            dtr: self.get("dtr"),
            rts: self.get("rts"),
            rs485: self.get("rs485"),
        }
    }

    fn byte(&self, name: &str) -> Option<u8> {
        self.get::<u32>(name)
            .and_then(|value| value.try_into().ok())
    }
}

/// A copy that may go to another thread. None for a text or an array that is empty: that is
/// how such a property is set back.
fn sendable(value: &glib::Value) -> Option<glib::SendValue> {
    fn of<T>(value: &glib::Value) -> Option<glib::SendValue>
    where
        T: for<'v> glib::value::FromValue<'v> + ToSendValue,
    {
        value.get::<T>().ok().map(|value| value.to_send_value())
    }
    of::<u32>(value)
        .or_else(|| of::<bool>(value))
        .or_else(|| of::<String>(value))
        .or_else(|| {
            of::<gst::Array>(value)
                .filter(|_| value.get::<gst::Array>().is_ok_and(|a| !a.is_empty()))
        })
        .or_else(|| of::<Parity>(value))
        .or_else(|| of::<FlowControl>(value))
        .or_else(|| of::<Pin>(value))
        .or_else(|| of::<FramingMode>(value))
        .or_else(|| of::<Encoding>(value))
        .or_else(|| of::<CheckMode>(value))
        .or_else(|| of::<TalkLine>(value))
}

/// The properties of both elements.
pub(super) fn common() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecString::builder("device")
            .nick("Device")
            .blurb(
                "The port: a path such as /dev/ttyUSB0 or, better for USB, one of \
                 /dev/serial/by-id/, which stays the same; or pty:/path/to/name, which makes a \
                 virtual port of that name for a program that only knows a tty. A serialsrc and \
                 a serialsink of one program may name the same device and share it",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("profile")
            .nick("Profile")
            .blurb(
                "How an instrument talks: the name of a profile that comes with the plugin, \
                 such as kx3, or the path of a .json file (profiles/README.md). A property that \
                 is set wins over the profile, the profile over a default",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("required")
            .nick("Required")
            .blurb(
                "Fail at the start if the device is not there, in use or forbidden. Otherwise \
                 that is a warning, and the device is opened as soon as it can be",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("baud")
            .nick("Baud rate")
            .blurb(
                "Bits per second; any value that the device can make. Like all settings of the \
                 line it is enough to set it on one of the two elements that share a port",
            )
            .minimum(50)
            .maximum(12_000_000)
            .default_value(DEFAULT_BAUD)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("data-bits")
            .nick("Data bits")
            .blurb("Bits of a character")
            .minimum(5)
            .maximum(8)
            .default_value(8)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Parity>("parity")
            .nick("Parity")
            .blurb("Parity bit of a character. Characters in which it is wrong are dropped")
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("stop-bits")
            .nick("Stop bits")
            .blurb("Stop bits of a character")
            .minimum(1)
            .maximum(2)
            .default_value(1)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<FlowControl>("flow-control")
            .nick("Flow control")
            .blurb("How one side makes the other wait")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Pin>("dtr")
            .nick("DTR")
            .blurb(
                "State of the line DTR while the port is open. Many boards reset when it \
                 changes. Linux raises DTR and RTS for a moment when it opens a port, whatever \
                 is set here: do not key a transmitter by them without a circuit that minds that",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Pin>("rts")
            .nick("RTS")
            .blurb("State of the line RTS while the port is open; see dtr")
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("rs485")
            .nick("RS-485")
            .blurb(
                "Have the driver switch the transceiver by RTS, high while sending; an error if \
                 the driver cannot. Adapters that switch by themselves do not need it",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<CheckMode>("check")
            .nick("Checksum")
            .blurb(
                "Checksum of messages. Added to what is sent; taken off what is received, and \
                 messages in which it is wrong are dropped and counted. nmea: sentences may \
                 come without",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("max-message")
            .nick("Longest message")
            .blurb("Longest message in bytes; longer ones are dropped and counted")
            .minimum(1)
            .maximum(1 << 20)
            .default_value(DEFAULT_MAX_MESSAGE)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("terminator")
            .nick("Terminator")
            .blurb(
                "What each message that is sent ends with; it is added where it is missing. \
                 With \\r \\n \\t \\0 \\e \\\\ and \\xHH (two backslashes in gst-launch-1.0). \
                 If it is not set: nothing is added",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("character-delay")
            .nick("Character delay")
            .blurb("Pause after each byte that is sent, in microseconds")
            .maximum(10_000_000)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("line-delay")
            .nick("Line delay")
            .blurb("Pause after each message that is sent, in milliseconds")
            .maximum(60_000)
            .mutable_ready()
            .build(),
    ]
}

/// Those of the source alone.
pub(super) fn of_source() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecEnum::builder::<FramingMode>("framing")
            .nick("Framing")
            .blurb("How messages are told from each other. Empty messages are left out")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("delimiter")
            .nick("Delimiter")
            .blurb(
                "For framing=delimiter: the bytes that end a message, such as ; or \\r. With \
                 \\r \\n \\t \\0 \\e \\\\ and \\xHH (two backslashes in gst-launch-1.0)",
            )
            .default_value(Some(";"))
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("keep-delimiter")
            .nick("Keep the delimiter")
            .blurb("For framing=delimiter: whether the delimiter stays part of the message")
            .default_value(true)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("length")
            .nick("Length")
            .blurb("For framing=fixed: bytes of a message")
            .minimum(1)
            .maximum(1 << 20)
            .default_value(1)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("gap")
            .nick("Gap")
            .blurb(
                "Microseconds of silence. For framing=idle-gap: what ends a message; 0: 3.5 \
                 characters, at least 1750. USB adapters may add silence of some milliseconds. \
                 For framing=fixed: after which an incomplete message is dropped; 0: never",
            )
            .maximum(10_000_000)
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("blocks")
            .nick("Blocks")
            .blurb(
                "For framing=line: a definite-length block of IEEE 488.2 (#, a digit, a \
                 length, bytes) at the start of a line or after a blank, comma, semicolon or \
                 colon may hold line ends",
            )
            .default_value(true)
            .mutable_ready()
            .build(),
        gst::ParamSpecArray::builder("init")
            .nick("Set-up")
            .blurb(
                "Commands that are written when the port has been opened, and each time it has \
                 come back. With \\r \\n \\t \\0 \\e \\\\ and \\xHH (two backslashes in \
                 gst-launch-1.0)",
            )
            .element_spec(&text_of("init"))
            .mutable_ready()
            .build(),
        gst::ParamSpecArray::builder("poll")
            .nick("Questions")
            .blurb(
                "Commands that are written in intervals, as “COMMAND@MILLISECONDS”, such as \
                 “FA;@500”. They do not cut into messages of a serialsink. With \\r \\n \\t \\0 \
                 \\e \\\\ and \\xHH (two backslashes in gst-launch-1.0)",
            )
            .element_spec(&text_of("poll"))
            .mutable_ready()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb(
                "bytes that were read; messages; overlong: messages dropped because they were \
                 longer than max-message; bad: frames dropped because they were broken, or cut \
                 off by unplugging, or their checksum was wrong; dropped: messages dropped \
                 because the pipeline was paused or slow; reconnects; state",
            )
            .read_only()
            .build(),
    ]
}

/// Those of the sink alone.
pub(super) fn of_sink() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecEnum::builder::<Encoding>("encoding")
            .nick("Encoding")
            .blurb("Frame of each message. If it is not set: that of the profile, or none")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("safe-string")
            .nick("Safe string")
            .blurb(
                "What makes the instrument safe, such as RX; for a transmitter. It is written \
                 before anything that waits, and then RTS and DTR go low: at the event \
                 instrument-safe, at EOS, in READY, after max-transmit, after an error, and by \
                 a process of its own if this one is killed, or stopped for 750 ms; but only if a buffer has been \
                 written since the last time. With \\r \\n \\t \\0 \\e \\\\ and \\xHH (two \
                 backslashes in gst-launch-1.0). Nothing helps against a loss of power, a system that \
                 hangs or a cable that is pulled: set the time-out of the transmitter, too",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("transmit-start")
            .nick("Start of transmission")
            .blurb(
                "Regular expression (crate regex) that occurs in commands which begin a \
                 transmission, such as TX;",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("transmit-end")
            .nick("End of transmission")
            .blurb(
                "Regular expression (crate regex) of whole commands that end a transmission, \
                 such as RX;",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("max-transmit")
            .nick("Longest transmission")
            .blurb(
                "Milliseconds after which a transmission is ended by the safe string; commands \
                 that repeat its start do not make it longer. 0: no limit",
            )
            .maximum(86_400_000)
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("talk-start")
            .nick("Begin of talking")
            .blurb(
                "What is written when somebody begins to talk (event instrument-talk, on=true), \
                 such as TX;. All that ends a transmission ends it: see safe-string and \
                 max-transmit. It needs talk-end or safe-string. With \\r \\n \\t \\0 \\e \\\\ \
                 and \\xHH (two backslashes in gst-launch-1.0)",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("talk-end")
            .nick("End of talking")
            .blurb(
                "What is written when nobody talks any more (event instrument-talk, on=false), \
                 ahead of commands that wait, such as RX;. If it is not set: safe-string; and \
                 it stands in for a safe-string that is not set. With \\r \\n \\t \\0 \\e \\\\ \
                 and \\xHH (two backslashes in gst-launch-1.0)",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<TalkLine>("talk-line")
            .nick("Line of talking")
            .blurb(
                "Modem line that is raised while somebody talks, and low otherwise. Whatever \
                 makes the instrument safe lowers it first. Linux raises DTR and RTS for a \
                 moment when it opens a port: the circuit behind has to bear with that. A \
                 pseudo-terminal has no such lines",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb(
                "bytes that were written, of whomever; messages: buffers that were written; \
                 dropped: buffers that were not, because they were too long, the port was not \
                 there or the instrument was made safe; safes: how often the safe string was \
                 written; reconnects; state",
            )
            .read_only()
            .build(),
    ]
}

fn text_of(name: &str) -> glib::ParamSpec {
    glib::ParamSpecString::builder(name)
        .nick("Command")
        .blurb("One command")
        .build()
}
