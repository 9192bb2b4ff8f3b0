//! From properties and profile to what a port is told.

use std::sync::Arc;
use std::time::Duration;

use super::framing::{Framer, Framing, modbus_gap};
use super::packing::Packing;
use super::port::{Device, OpenError, Port};
use super::profile::{Pattern, Profile, ProfileError};
use super::properties::Given;
use super::settings::{
    DEFAULT_MAX_MESSAGE, Defaults, FlowControl, FramingMode, LineSettings, Pin, ReceiveSettings,
    SendSettings,
};
use super::text::{self, Poll, TextError, unescape};
use super::transmit::{KeyLine, Keying, Pacing, Transmission};

/// Why an element cannot start.
#[derive(Debug, thiserror::Error)]
pub(super) enum SetupError {
    #[error("No device is set: set the property device to a path such as /dev/ttyUSB0")]
    NoDevice,
    #[error("Property {0}: {1}")]
    Text(&'static str, TextError),
    #[error("Property {0}: the pattern {1}")]
    Pattern(&'static str, String),
    #[error("Property {0} must not be empty")]
    Empty(&'static str),
    #[error("talk-start needs talk-end or safe-string, which takes the transmitter off the air")]
    Endless,
    #[error("talk-line={0} has to be low while nobody talks, which it is not with {1}")]
    KeyedAlways(&'static str, &'static str),
    #[error("{0}")]
    Profile(ProfileError),
    #[error("{0}")]
    NotThere(String),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("The system gives no thread or descriptor: {0}")]
    System(#[from] std::io::Error),
}

impl SetupError {
    pub(super) fn to_message(&self) -> gst::ErrorMessage {
        let code = match self {
            Self::Open(OpenError::Busy { .. } | OpenError::Taken { .. }) => {
                gst::ResourceError::Busy
            }
            Self::Open(OpenError::Missing { .. }) | Self::NoDevice | Self::NotThere(_) => {
                gst::ResourceError::NotFound
            }
            Self::Open(_) | Self::System(_) => gst::ResourceError::OpenReadWrite,
            _ => gst::ResourceError::Settings,
        };
        gst::error_msg!(code, ("{self}"))
    }
}

/// The port that is named, and its name.
pub(super) fn device(given: &Given) -> Result<(String, Arc<Port>), SetupError> {
    let name = given.get::<String>("device").ok_or(SetupError::NoDevice)?;
    let port = Port::get(&Device::new(&name))?;
    Ok((name, port))
}

/// Name and text of a profile.
pub(super) type ProfileText = (String, String);

/// What a source is set to.
#[derive(Debug)]
pub(super) struct Receiving {
    pub(super) line: LineSettings,
    pub(super) mode: FramingMode,
    pub(super) framer: Framer,
    /// Ready to be sent.
    pub(super) init: Vec<Vec<u8>>,
    /// Ready to be sent.
    pub(super) polls: Vec<Poll>,
    pub(super) pacing: Pacing,
    pub(super) profile: Option<ProfileText>,
}

impl Receiving {
    pub(super) fn new(given: &Given) -> Result<Self, SetupError> {
        let profile = profile(given)?;
        let defaults = profile.clone().unwrap_or_default();
        let line = given.line().or(defaults.line);
        let send = send_settings(given)?.or(defaults.send);
        let settings = receive_settings(given)?.or(defaults.receive);
        let packing = Packing::new(&send);
        let mode = settings.framing.unwrap_or_default();
        let limit = settings.max_message.unwrap_or(DEFAULT_MAX_MESSAGE) as usize;
        let check = settings.check.unwrap_or_default().into();
        let framing = framing(mode, &settings, &line)?;
        let pack = |command: &[u8]| packing.pack(command);
        Ok(Self {
            line,
            mode,
            framer: Framer::new(framing, limit, check),
            init: settings
                .init
                .unwrap_or_default()
                .iter()
                .map(|command| pack(command))
                .collect(),
            polls: settings
                .poll
                .unwrap_or_default()
                .into_iter()
                .map(|poll| Poll {
                    command: pack(&poll.command),
                    every: poll.every,
                })
                .collect(),
            pacing: pacing(&send),
            profile: profile.map(|profile| (profile.name, profile.json)),
        })
    }
}

/// What a sink is set to.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) line: LineSettings,
    pub(super) packing: Packing,
    pub(super) pacing: Pacing,
    pub(super) max_message: usize,
    /// Ready to be sent.
    pub(super) safe_string: Option<Vec<u8>>,
    pub(super) transmission: Transmission,
    pub(super) max_transmit: Option<Duration>,
    pub(super) keying: Keying,
    pub(super) profile: Option<ProfileText>,
}

impl Sending {
    pub(super) fn new(given: &Given) -> Result<Self, SetupError> {
        let profile = profile(given)?;
        let defaults = profile.clone().unwrap_or_default();
        let send = send_settings(given)?.or(defaults.send);
        let packing = Packing::new(&send);
        let some = |bytes: &Option<Vec<u8>>| bytes.clone().filter(|bytes| !bytes.is_empty());
        let talk_start = some(&send.talk_start);
        // Each stands in for the other.
        let safe_string = some(&send.safe_string).or_else(|| some(&send.talk_end));
        let talk_end = some(&send.talk_end).or_else(|| safe_string.clone());
        if talk_start.is_some() && talk_end.is_none() {
            return Err(SetupError::Endless);
        }
        let key_line = send.talk_line.unwrap_or_default().into();
        let pack = |bytes: Vec<u8>| packing.pack(&bytes);
        let ends = [&safe_string, &talk_end].map(|bytes| packing.spellings(bytes.as_deref()));
        Ok(Self {
            line: with_low_line(given.line().or(defaults.line), key_line)?,
            pacing: pacing(&send),
            max_message: send.max_message.unwrap_or(DEFAULT_MAX_MESSAGE) as usize,
            keying: Keying {
                end: talk_end.filter(|_| talk_start.is_some()).map(pack),
                start: talk_start.map(pack),
                line: key_line,
            },
            safe_string: safe_string.map(pack),
            transmission: Transmission::new(send.transmit_start, send.transmit_end, ends.concat()),
            packing,
            max_transmit: send
                .max_transmit
                .filter(|limit| *limit > 0)
                .map(|limit| Duration::from_millis(limit.into())),
            profile: profile.map(|profile| (profile.name, profile.json)),
        })
    }
}

/// The settings of a line whose `key` keys a transmitter: low when the port is opened, and
/// nobody else's.
fn with_low_line(mut line: LineSettings, key: Option<KeyLine>) -> Result<LineSettings, SetupError> {
    match key {
        None => {}
        Some(KeyLine::Rts) => {
            let conflict = match line {
                _ if line.rts == Some(Pin::On) => Some("rts=on"),
                _ if line.flow_control == Some(FlowControl::Hardware) => {
                    Some("flow-control=hardware")
                }
                _ if line.rs485 == Some(true) => Some("rs485=true"),
                _ => None,
            };
            if let Some(conflict) = conflict {
                return Err(SetupError::KeyedAlways("rts", conflict));
            }
            line.rts = Some(Pin::Off);
            // Said aloud, for the other element on the port.
            line.flow_control = line.flow_control.or(Some(FlowControl::None));
            line.rs485 = Some(false);
        }
        Some(KeyLine::Dtr) if line.dtr == Some(Pin::On) => {
            return Err(SetupError::KeyedAlways("dtr", "dtr=on"));
        }
        Some(KeyLine::Dtr) => line.dtr = Some(Pin::Off),
    }
    Ok(line)
}

fn profile(given: &Given) -> Result<Option<Defaults>, SetupError> {
    let profile = given
        .get::<String>("profile")
        .map(|name| Profile::load(&name).map_err(SetupError::Profile))
        .transpose()?;
    Ok(profile.as_ref().map(Defaults::from))
}

fn pacing(settings: &SendSettings) -> Pacing {
    Pacing {
        character: Duration::from_micros(settings.character_delay.unwrap_or(0).into()),
        line: Duration::from_millis(settings.line_delay.unwrap_or(0).into()),
    }
}

fn framing(
    mode: FramingMode,
    settings: &ReceiveSettings,
    line: &LineSettings,
) -> Result<Framing, SetupError> {
    let gap = settings
        .gap
        .filter(|gap| *gap > 0)
        .map(|gap| Duration::from_micros(gap.into()));
    Ok(match mode {
        FramingMode::Raw => Framing::Raw,
        FramingMode::Line => Framing::Line {
            blocks: settings.blocks.unwrap_or(true),
        },
        FramingMode::Delimiter => {
            let delimiter = settings.delimiter.clone().unwrap_or_else(|| b";".to_vec());
            if delimiter.is_empty() {
                return Err(SetupError::Empty("delimiter"));
            }
            Framing::Delimiter {
                delimiter,
                keep: settings.keep_delimiter.unwrap_or(true),
            }
        }
        FramingMode::Fixed => Framing::Fixed {
            length: settings.length.unwrap_or(1) as usize,
            gap,
        },
        FramingMode::IdleGap => Framing::IdleGap {
            gap: gap.unwrap_or_else(|| modbus_gap(line.character())),
        },
        FramingMode::Slip => Framing::Slip,
        FramingMode::Cobs => Framing::Cobs,
    })
}

fn receive_settings(given: &Given) -> Result<ReceiveSettings, SetupError> {
    let wrong = |name| move |error| SetupError::Text(name, error);
    let read_all = |texts: Vec<String>| texts.iter().map(|text| unescape(text)).collect();
    let poll_all = |texts: Vec<String>| texts.iter().map(|text| text::poll(text)).collect();
    Ok(ReceiveSettings {
        framing: given.get("framing"),
        delimiter: given.bytes("delimiter").map_err(wrong("delimiter"))?,
        keep_delimiter: given.get("keep-delimiter"),
        length: given.get("length"),
        gap: given.get("gap"),
        max_message: given.get("max-message"),
        blocks: given.get("blocks"),
        check: given.get("check"),
        init: given
            .texts("init")
            .map(read_all)
            .transpose()
            .map_err(wrong("init"))?,
        poll: given
            .texts("poll")
            .map(poll_all)
            .transpose()
            .map_err(wrong("poll"))?,
    })
}

/// A property that an element does not have is not set.
fn send_settings(given: &Given) -> Result<SendSettings, SetupError> {
    let bytes = |name| {
        given
            .bytes(name)
            .map_err(|error| SetupError::Text(name, error))
    };
    let pattern = |name| {
        given
            .get::<String>(name)
            .map(|text| Pattern::new(&text))
            .transpose()
            .map_err(|problem| SetupError::Pattern(name, problem))
    };
    Ok(SendSettings {
        terminator: bytes("terminator")?,
        encoding: given.get("encoding"),
        check: given.get("check"),
        character_delay: given.get("character-delay"),
        line_delay: given.get("line-delay"),
        max_message: given.get("max-message"),
        safe_string: bytes("safe-string")?,
        transmit_start: pattern("transmit-start")?,
        transmit_end: pattern("transmit-end")?,
        max_transmit: given.get("max-transmit"),
        talk_start: bytes("talk-start")?,
        talk_end: bytes("talk-end")?,
        talk_line: given.get("talk-line"),
    })
}
