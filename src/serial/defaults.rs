//! What a profile says, as settings of the elements.

use std::time::Duration;

use super::profile::{self, Profile};
use super::settings::{
    CheckMode, Defaults, Encoding, FlowControl, FramingMode, LineSettings, Parity, Pin,
    ReceiveSettings, SendSettings, TalkLine,
};
use super::text::Poll;

impl From<&Profile> for Defaults {
    fn from(profile: &Profile) -> Self {
        Self {
            name: profile.name.clone(),
            json: profile.json.clone(),
            line: line(&profile.serial),
            receive: receive(profile),
            send: send(profile),
        }
    }
}

fn line(line: &profile::Line) -> LineSettings {
    LineSettings {
        baud: line.baud,
        data_bits: line.data_bits,
        parity: line.parity.map(|parity| match parity {
            profile::Parity::None => Parity::None,
            profile::Parity::Odd => Parity::Odd,
            profile::Parity::Even => Parity::Even,
        }),
        stop_bits: line.stop_bits,
        flow_control: line.flow_control.map(|flow| match flow {
            profile::FlowControl::None => FlowControl::None,
            profile::FlowControl::Hardware => FlowControl::Hardware,
            profile::FlowControl::Software => FlowControl::Software,
        }),
        dtr: line.dtr.map(pin),
        rts: line.rts.map(pin),
        rs485: line.rs485,
    }
}

fn pin(level: profile::Level) -> Pin {
    match level {
        profile::Level::Keep => Pin::Keep,
        profile::Level::On => Pin::On,
        profile::Level::Off => Pin::Off,
    }
}

fn check(check: profile::Check) -> CheckMode {
    match check {
        profile::Check::None => CheckMode::None,
        profile::Check::Modbus => CheckMode::Modbus,
        profile::Check::Nmea => CheckMode::Nmea,
    }
}

fn receive(profile: &Profile) -> ReceiveSettings {
    let framing = &profile.framing;
    ReceiveSettings {
        framing: framing.mode.map(|mode| match mode {
            profile::Mode::Raw => FramingMode::Raw,
            profile::Mode::Line => FramingMode::Line,
            profile::Mode::Delimiter => FramingMode::Delimiter,
            profile::Mode::Fixed => FramingMode::Fixed,
            profile::Mode::IdleGap => FramingMode::IdleGap,
            profile::Mode::Slip => FramingMode::Slip,
            profile::Mode::Cobs => FramingMode::Cobs,
        }),
        delimiter: framing.delimiter.clone(),
        keep_delimiter: framing.keep_delimiter,
        length: framing.length,
        gap: framing.gap_us,
        max_message: framing.max_message,
        blocks: framing.blocks,
        check: framing.check.map(check),
        init: Some(
            profile
                .init
                .iter()
                .map(|command| command.as_bytes().to_vec())
                .collect(),
        ),
        poll: Some(
            profile
                .poll
                .iter()
                .map(|poll| Poll {
                    command: poll.send.as_bytes().to_vec(),
                    every: Duration::from_millis(poll.every_ms.into()),
                })
                .collect(),
        ),
    }
}

fn send(profile: &Profile) -> SendSettings {
    let send = &profile.send;
    let transmit = profile.transmit.as_ref();
    let talk = profile.talk.as_ref();
    let bytes = |command: &profile::Command| command.as_bytes().to_vec();
    SendSettings {
        terminator: send.terminator.clone(),
        // What talks in frames listens in frames.
        encoding: profile.framing.mode.and_then(|mode| match mode {
            profile::Mode::Slip => Some(Encoding::Slip),
            profile::Mode::Cobs => Some(Encoding::Cobs),
            _ => None,
        }),
        check: send.check.map(check),
        character_delay: send.character_delay_us,
        line_delay: send.line_delay_ms,
        max_message: None,
        safe_string: profile.safe_string.as_ref().map(bytes),
        transmit_start: transmit.map(|transmit| transmit.start.clone()),
        transmit_end: transmit.map(|transmit| transmit.end.clone()),
        max_transmit: transmit.and_then(|transmit| transmit.max_ms),
        talk_start: talk.and_then(|talk| talk.start.as_ref()).map(bytes),
        talk_end: talk.and_then(|talk| talk.end.as_ref()).map(bytes),
        talk_line: talk.and_then(|talk| talk.line).map(|line| match line {
            profile::TalkLine::Rts => TalkLine::Rts,
            profile::TalkLine::Dtr => TalkLine::Dtr,
        }),
    }
}
