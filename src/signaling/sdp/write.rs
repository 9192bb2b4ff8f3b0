//! Writing a description anew from what was understood of one.
//!
//! Only lines that `webrtcbin` has a use for are written, each from its parsed form. GStreamer
//! turns every attribute it meets into caps fields, and parses some (`a=key-mgmt`) with code
//! that no browser ever reaches: what a stranger pastes must not get there.

use super::media::is_token;
use super::transport::Parameters;
use super::{ANSWER_TO, Codec, Direction, Line, Media, MediaKind, Sdp, attribute, attributes};

/// Most `a=ssrc`, and most `a=extmap` lines of a section that are passed on.
const MAX_REPEATED: usize = 32;
/// Most format parameters of a codec that are passed on.
const MAX_PARAMETERS: usize = 32;

/// The session's lines, in the order of RFC 8866, section 5.
pub(super) fn session(from: &Sdp) -> Vec<Line> {
    let origin = from.session.iter().find(|line| line.letter == b'o');
    let mut numbers = origin
        .into_iter()
        .flat_map(|line| line.value.split_ascii_whitespace().skip(1))
        .map(|word| word.parse::<u64>().unwrap_or(0));
    let (id, version) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let line = |letter, value: &str| Line {
        letter,
        value: value.to_owned(),
    };
    let mut lines = vec![
        line(b'v', "0"),
        line(b'o', &format!("- {id} {version} IN IP4 0.0.0.0")),
        line(b's', "-"),
        line(b't', "0 0"),
    ];
    // webrtcbin takes the controlling role when it sees this.
    if from.session_attribute("ice-lite").is_some() {
        lines.push(Line::attribute("ice-lite", ""));
    }
    if let Some(value) = from.session_attribute(ANSWER_TO) {
        lines.push(Line::attribute(ANSWER_TO, value));
    }
    // No a=ice-options: webrtcbin would repeat in its answer what it does not do, and
    // “trickle” would let the peer wait for candidates that never come.
    lines
}

/// What a section says beside the transport's parameters.
pub(super) struct Section<'a> {
    /// Where formats, codecs and streams are taken from.
    pub(super) from: &'a Media,
    /// The codecs, or empty for data channels.
    pub(super) codecs: Vec<Codec>,
    /// `a=mid`.
    pub(super) mid: &'a str,
    /// The direction; not written for data channels.
    pub(super) direction: Direction,
    /// Whether the section's streams and header extensions are written too.
    pub(super) streams: bool,
}

impl Section<'_> {
    /// Writes the section; `first` if it is the first of its BUNDLE group.
    pub(super) fn write(&self, parameters: &Parameters, first: bool) -> Media {
        let data = self.from.kind() == MediaKind::Application;
        let mut media = Media {
            name: self.from.name.clone(),
            port: 9,
            protocol: if data {
                "UDP/DTLS/SCTP"
            } else {
                "UDP/TLS/RTP/SAVPF"
            }
            .to_owned(),
            formats: if data {
                vec!["webrtc-datachannel".to_owned()]
            } else {
                self.codecs
                    .iter()
                    .map(|codec| codec.payload_type.to_string())
                    .collect()
            },
            // The address means nothing: it is in the candidates.
            lines: vec![Line {
                letter: b'c',
                value: "IN IP4 0.0.0.0".to_owned(),
            }],
        };
        media.lines.push(Line::attribute("mid", self.mid));
        parameters.write(&mut media, first);
        if data {
            self.data(&mut media);
        } else {
            self.rtp(&mut media);
        }
        media
    }

    fn data(&self, media: &mut Media) {
        let number = |name| attribute(&self.from.lines, name).and_then(|v| v.parse::<u64>().ok());
        let port = number("sctp-port")
            .filter(|port| (1..=65_535).contains(port))
            .unwrap_or(5000);
        media
            .lines
            .push(Line::attribute("sctp-port", &port.to_string()));
        // webrtcbin reads it with atoi(): keep it within an int. 0 is “any size” (RFC 8841,
        // section 6).
        if let Some(size) = number("max-message-size") {
            let size = size.min(i32::MAX as u64).to_string();
            media.lines.push(Line::attribute("max-message-size", &size));
        }
    }

    fn rtp(&self, media: &mut Media) {
        let lines = &mut media.lines;
        let mut add = |name: &str, value: &str| lines.push(Line::attribute(name, value));
        add(self.direction.as_str(), "");
        // Bundled media always share one port with their RTCP (RFC 8843, section 9.3), whether or
        // not the line is there.
        add("rtcp-mux", "");
        if attribute(&self.from.lines, "rtcp-rsize").is_some() {
            add("rtcp-rsize", "");
        }
        if self.streams {
            for value in extensions(self.from) {
                add("extmap", &value);
            }
        }
        for codec in &self.codecs {
            let pt = codec.payload_type;
            let channels = codec.channels.map(|n| format!("/{n}")).unwrap_or_default();
            add(
                "rtpmap",
                &format!("{pt} {}/{}{channels}", codec.name, codec.clock_rate),
            );
            for feedback in feedback(self.from, pt) {
                add("rtcp-fb", &format!("{pt} {feedback}"));
            }
            let parameters = parameters(&codec.fmtp);
            if !parameters.is_empty() {
                add("fmtp", &format!("{pt} {parameters}"));
            }
        }
        if self.streams {
            for value in streams(self.from) {
                add("ssrc", &value);
            }
            if let Some(msid) = attribute(&self.from.lines, "msid") {
                add("msid", msid);
            }
        }
    }
}

/// The codecs of a section that can be used: retransmission only of a codec that is there.
pub(super) fn usable_codecs(media: &Media) -> Vec<Codec> {
    let all = media.codecs();
    let names: Vec<u8> = all.iter().map(|codec| codec.payload_type).collect();
    let mut codecs = all;
    codecs.retain(|codec| {
        codec.name != "RTX"
            || codec
                .fmtp
                .split(';')
                .filter_map(|parameter| parameter.trim().strip_prefix("apt="))
                .any(|apt| apt.parse().is_ok_and(|apt| names.contains(&apt)))
    });
    codecs
}

/// `a=rtcp-fb` values for one payload type (RFC 4585, section 4.2) that webrtcbin knows.
fn feedback(media: &Media, payload_type: u8) -> Vec<&'static str> {
    const KNOWN: [&str; 5] = ["nack", "nack pli", "ccm fir", "transport-cc", "goog-remb"];
    let mut found = Vec::new();
    for value in attributes(&media.lines, "rtcp-fb") {
        let Some((target, rest)) = value.split_once(' ') else {
            continue;
        };
        if target != "*" && target.parse() != Ok(payload_type) {
            continue;
        }
        if let Some(known) = KNOWN.into_iter().find(|known| *known == rest.trim())
            && !found.contains(&known)
        {
            found.push(known);
        }
    }
    found
}

/// `a=fmtp` parameters. GStreamer makes a caps field of each: those that would replace a field
/// of its own are left out.
fn parameters(fmtp: &str) -> String {
    const FIELDS: [&str; 7] = [
        "media",
        "payload",
        "clock-rate",
        "encoding-name",
        "encoding-params",
        "ssrc",
        "seqnum-base",
    ];
    const PREFIXES: [&str; 5] = ["a-", "rtcp-fb-", "extmap-", "ssrc-", "x-"];
    let own = |key: &str| {
        let key = key.to_ascii_lowercase();
        FIELDS.contains(&key.as_str()) || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
    };
    fmtp.split(';')
        .map(str::trim)
        .filter(|parameter| {
            let key = parameter.split('=').next().unwrap_or_default().trim();
            // “111/111” of RED and “0-15” of DTMF are parameters without a name.
            key.split('/').all(is_token) && !own(key)
        })
        .take(MAX_PARAMETERS)
        .collect::<Vec<_>>()
        .join(";")
}

/// `a=extmap` values (RFC 8285, section 8) with distinct, legal ids, without their attributes.
fn extensions(media: &Media) -> Vec<String> {
    let mut ids = Vec::new();
    let mut values = Vec::new();
    for (id, direction, uri) in media.extensions().take(MAX_REPEATED) {
        let Ok(id @ (1..=14 | 16..=255)) = id.parse::<u8>() else {
            continue;
        };
        if ids.contains(&id) {
            continue;
        }
        ids.push(id);
        let direction = direction.map_or(String::new(), |way| format!("/{}", way.as_str()));
        values.push(format!("{id}{direction} {uri}"));
    }
    values
}

/// `a=ssrc` values (RFC 5576, section 4.1).
fn streams(media: &Media) -> Vec<String> {
    attributes(&media.lines, "ssrc")
        .filter_map(|value| {
            let (ssrc, rest) = value.split_once(' ')?;
            // webrtcbin asserts that it is not 0.
            let ssrc = ssrc.parse::<u32>().ok().filter(|ssrc| *ssrc != 0)?;
            Some(format!("{ssrc} {}", rest.trim()))
        })
        .take(MAX_REPEATED)
        .collect()
}
