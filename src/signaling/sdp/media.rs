//! One media section: its `m=` line and what belongs to it.

use super::{Line, attribute, attributes};

/// The RTP header extension that numbers packets for feedback on when each arrived.
pub const TRANSPORT_FEEDBACK: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// What a media section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// `m=audio`.
    Audio,
    /// `m=video`.
    Video,
    /// `m=application`: the data channels.
    Application,
    /// Anything else.
    Other,
}

/// Who sends on a media section (RFC 8866, section 6.7), seen from the side that wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Direction {
    /// The writer sends.
    pub send: bool,
    /// The writer receives.
    pub receive: bool,
}

impl Direction {
    /// Neither way.
    pub const INACTIVE: Self = Self {
        send: false,
        receive: false,
    };

    pub(super) fn parse(name: &str) -> Option<Self> {
        let (send, receive) = match name {
            "sendrecv" => (true, true),
            "sendonly" => (true, false),
            "recvonly" => (false, true),
            "inactive" => (false, false),
            _ => return None,
        };
        Some(Self { send, receive })
    }

    /// The attribute's name.
    pub fn as_str(self) -> &'static str {
        match (self.send, self.receive) {
            (true, true) => "sendrecv",
            (true, false) => "sendonly",
            (false, true) => "recvonly",
            (false, false) => "inactive",
        }
    }

    /// The same, seen from the other side.
    pub fn reversed(self) -> Self {
        Self {
            send: self.receive,
            receive: self.send,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            send: self.send && other.send,
            receive: self.receive && other.receive,
        }
    }
}

/// A codec as `a=rtpmap` and `a=fmtp` describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// RTP payload type, 0–127.
    pub payload_type: u8,
    /// Encoding name in upper case (`H264`, `VP8`, `OPUS`, `RTX`).
    pub name: String,
    /// Clock rate in hertz.
    pub clock_rate: u32,
    /// Audio channels, where the description says.
    pub channels: Option<u8>,
    /// Format parameters (`a=fmtp` without the payload type), empty if there are none.
    pub fmtp: String,
}

impl Codec {
    /// Whether this is a codec proper, not retransmission, redundancy or error correction.
    pub fn is_primary(&self) -> bool {
        !matches!(
            self.name.as_str(),
            "RTX" | "RED" | "ULPFEC" | "FLEXFEC-03" | "FLEXFEC" | "TELEPHONE-EVENT" | "CN"
        )
    }

    /// Whether both are the same encoding, whatever their parameters.
    pub(super) fn same_encoding(&self, other: &Codec) -> bool {
        self.name == other.name && self.clock_rate == other.clock_rate
    }
}

/// A media section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) protocol: String,
    pub(super) formats: Vec<String>,
    pub(super) lines: Vec<Line>,
}

impl Media {
    /// Reads what follows `m=`: `video 9 UDP/TLS/RTP/SAVPF 96 97`.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let name = words.next()?.to_owned();
        // “9/2”: the number of ports means nothing in WebRTC.
        let port = words.next()?.split('/').next()?.parse().ok()?;
        let protocol = words.next()?.to_owned();
        let formats = words.map(str::to_owned).collect();
        Some(Self {
            name,
            port,
            protocol,
            formats,
            lines: Vec::new(),
        })
    }

    pub(super) fn header(&self) -> String {
        let mut header = format!("{} {} {}", self.name, self.port, self.protocol);
        for format in &self.formats {
            header.push(' ');
            header.push_str(format);
        }
        header
    }

    /// What it carries.
    pub fn kind(&self) -> MediaKind {
        match self.name.as_str() {
            "audio" => MediaKind::Audio,
            "video" => MediaKind::Video,
            "application" => MediaKind::Application,
            _ => MediaKind::Other,
        }
    }

    /// The port of the `m=` line. It says nothing but “refused” when 0 and not `bundle-only`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The `a=mid` (RFC 5888).
    pub fn mid(&self) -> Option<&str> {
        attribute(&self.lines, "mid").filter(|mid| !mid.is_empty())
    }

    /// The direction as written here; `sendrecv` if it is not (RFC 8866, section 6.7).
    pub fn direction(&self) -> Direction {
        self.own_direction().unwrap_or(Direction {
            send: true,
            receive: true,
        })
    }

    pub(super) fn own_direction(&self) -> Option<Direction> {
        self.lines
            .iter()
            .filter_map(Line::as_attribute)
            .find_map(|(name, _)| Direction::parse(name))
    }

    /// Whether the line is refused (RFC 3264, section 6): port 0 and not `a=bundle-only`
    /// (RFC 8843, section 6).
    pub fn rejected(&self) -> bool {
        self.port == 0 && attribute(&self.lines, "bundle-only").is_none()
    }

    /// The payload types of the `m=` line that are numbers of 0–127, in order of preference,
    /// without repetitions.
    pub fn payload_types(&self) -> Vec<u8> {
        let mut types = Vec::new();
        if !matches!(self.kind(), MediaKind::Audio | MediaKind::Video) {
            return types;
        }
        for format in &self.formats {
            if let Ok(payload_type @ 0..=127) = format.parse::<u8>()
                && !types.contains(&payload_type)
            {
                types.push(payload_type);
            }
        }
        types
    }

    /// The codecs of the `m=` line, in order of preference; payload types without a readable
    /// `a=rtpmap` are left out, but for the static ones of WebRTC (RFC 7874: G.711; and G.722).
    pub fn codecs(&self) -> Vec<Codec> {
        self.payload_types()
            .into_iter()
            .filter_map(|pt| self.codec(pt))
            .collect()
    }

    /// The codec of one payload type.
    pub fn codec(&self, payload_type: u8) -> Option<Codec> {
        let own = |name| {
            attributes(&self.lines, name).find_map(|value| {
                let (number, rest) = value.split_once(char::is_whitespace)?;
                (number.parse() == Ok(payload_type)).then(|| rest.trim())
            })
        };
        let (name, clock_rate, channels) = match own("rtpmap") {
            Some(map) => {
                let mut parts = map.split('/');
                let name = parts.next().filter(|name| is_token(name))?;
                // GStreamer keeps clock rates in an int.
                let clock_rate = parts
                    .next()?
                    .parse()
                    .ok()
                    .filter(|r| (1..=i32::MAX as u32).contains(r))?;
                let channels = match parts.next() {
                    Some(channels) => Some(channels.parse().ok()?),
                    None => None,
                };
                (name, clock_rate, channels)
            }
            None => match payload_type {
                0 => ("PCMU", 8000, None),
                8 => ("PCMA", 8000, None),
                9 => ("G722", 8000, None),
                _ => return None,
            },
        };
        Some(Codec {
            payload_type,
            name: name.to_ascii_uppercase(),
            clock_rate,
            channels,
            fmtp: own("fmtp").unwrap_or_default().to_owned(),
        })
    }

    /// Whether the writer reports when each packet of a payload type arrives
    /// ([`TRANSPORT_FEEDBACK`]).
    pub fn reports_arrivals(&self, payload_type: u8) -> bool {
        let mut extensions = self.extensions();
        let has_extension = extensions.any(|(_, _, name)| name == TRANSPORT_FEEDBACK);
        let has_feedback = attributes(&self.lines, "rtcp-fb").any(|value| {
            let mut words = value.split_ascii_whitespace();
            let is_for = words
                .next()
                .is_some_and(|number| number == "*" || number.parse() == Ok(payload_type));
            is_for && words.next() == Some("transport-cc")
        });
        has_extension && has_feedback
    }

    /// The number of a header extension of one byte that the other side takes in packets that it
    /// receives (RFC 8285, sections 4.2 and 6).
    pub fn receives_extension(&self, uri: &str) -> Option<u8> {
        self.extensions().find_map(|(id, direction, name)| {
            let takes = direction.is_none_or(|direction| direction.receive);
            let id = id.parse().ok().filter(|id| (1..=14).contains(id))?;
            (name == uri && takes).then_some(id)
        })
    }

    /// The direction of the header extension with that number, if it has one of its own.
    pub(super) fn extension_direction(&self, id: &str) -> Option<Direction> {
        let mut known = self.extensions();
        known.find_map(|(number, direction, _)| direction.filter(|_| number == id))
    }

    /// Number, direction if there is one, and name of each header extension. One with a direction
    /// that nobody knows is passed over.
    pub(super) fn extensions(&self) -> impl Iterator<Item = (&str, Option<Direction>, &str)> {
        attributes(&self.lines, "extmap").filter_map(|value| {
            let mut words = value.split_ascii_whitespace();
            let (entry, name) = (words.next()?, words.next()?);
            Some(match entry.split_once('/') {
                Some((id, direction)) => (id, Some(Direction::parse(direction)?), name),
                None => (entry, None, name),
            })
        })
    }

    /// The payload type under which packets of another one are sent again (RFC 4588,
    /// section 8.1).
    pub fn retransmission(&self, payload_type: u8) -> Option<u8> {
        let codecs = self.codecs();
        let again = codecs.iter().find(|codec| {
            let mut parameters = codec
                .fmtp
                .split(';')
                .filter_map(|p| p.trim().split_once('='));
            codec.name == "RTX"
                && parameters
                    .any(|(name, value)| name == "apt" && value.parse() == Ok(payload_type))
        });
        again.map(|codec| codec.payload_type)
    }

    /// The SSRC under which packets of another one are sent again (RFC 5576, section 4.2).
    pub fn retransmission_ssrc(&self, ssrc: u32) -> Option<u32> {
        attributes(&self.lines, "ssrc-group").find_map(|value| {
            let mut words = value.split_ascii_whitespace();
            let is_it = words.next() == Some("FID") && words.next()?.parse() == Ok(ssrc);
            is_it.then(|| words.next()?.parse().ok())?
        })
    }

    /// Whether this is the line of the data channels (RFC 8841).
    pub fn is_data(&self) -> bool {
        self.kind() == MediaKind::Application
            && self.protocol.ends_with("DTLS/SCTP")
            && self.formats == ["webrtc-datachannel"]
    }
}

/// A token of RFC 8866, section 9: no spaces, no separators.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&b))
}
