//! From properties and profile to what a port is told.

use std::sync::Arc;
use std::time::Duration;

use super::framing::{Framer, Framing, modbus_gap};
use super::packing::Packing;
use super::port::{Device, OpenError, Port};
use super::profile::{Pattern, Profile, ProfileError};
use super::properties::Given;
use super::settings::{
    DEFAULT_MAX_MESSAGE, Defaults, FramingMode, LineSettings, ReceiveSettings, SendSettings,
};
use super::text::{self, Poll, TextError, unescape};
use super::transmit::{Pacing, Transmission};

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
    pub(super) profile: Option<ProfileText>,
}

impl Sending {
    pub(super) fn new(given: &Given) -> Result<Self, SetupError> {
        let profile = profile(given)?;
        let defaults = profile.clone().unwrap_or_default();
        let send = send_settings(given)?.or(defaults.send);
        let packing = Packing::new(&send);
        Ok(Self {
            line: given.line().or(defaults.line),
            pacing: pacing(&send),
            max_message: send.max_message.unwrap_or(DEFAULT_MAX_MESSAGE) as usize,
            safe_string: send
                .safe_string
                .as_deref()
                .map(|string| packing.pack(string)),
            transmission: Transmission::new(
                send.transmit_start,
                send.transmit_end,
                packing.spellings(send.safe_string.as_deref()),
            ),
            packing,
            max_transmit: send
                .max_transmit
                .filter(|limit| *limit > 0)
                .map(|limit| Duration::from_millis(limit.into())),
            profile: profile.map(|profile| (profile.name, profile.json)),
        })
    }
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
    })
}
