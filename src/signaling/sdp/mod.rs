//! Session descriptions (RFC 8866) as WebRTC uses them (RFC 8829), line by line.
//!
//! In comes the text of a browser, or of somebody who pretends to be one; out comes a text that
//! `webrtcbin` of GStreamer 1.22 takes without refusing it, running into an assertion or looking
//! up a name. [`Sdp`] holds the lines; [`normalise_remote_offer`] and [`normalise_answer`] write
//! them anew from what they understood, so that nothing else gets through; [`tag_mids`] and its
//! siblings mark an offer so that its answer can be told from others. The element calls this for
//! every remote description, and for its own before they leave.

mod answer;
mod candidate;
mod error;
mod local;
mod media;
mod mids;
mod offer;
mod transport;
mod write;

pub use answer::{AcceptedMedia, Answer, normalise_answer};
pub use error::SdpError;
pub use local::{LiteIce, Setup, data_only_offer};
pub use media::{Codec, Direction, Media, MediaKind, TRANSPORT_FEEDBACK};
pub use mids::{ANSWER_TO, MAX_MID, mid_tag, tag_mids, untag_mids};
pub use offer::{normalise_remote_offer, restore_extension_directions, restore_rejected};

use crate::signaling::fingerprint::Fingerprint;
use std::fmt;

/// Longest description that is read, in bytes.
pub const MAX_SDP: usize = 256 * 1024;
/// Longest line that is read, in bytes.
pub const MAX_LINE: usize = 16 * 1024;
/// Most media lines that are read.
pub const MAX_MEDIA: usize = 64;

/// One `letter=value` line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    letter: u8,
    value: String,
}

impl Line {
    fn attribute(name: &str, value: &str) -> Self {
        let value = match value {
            "" => name.to_owned(),
            value => format!("{name}:{value}"),
        };
        Self {
            letter: b'a',
            value,
        }
    }

    /// Name and value of an `a=` line; the value is empty for a flag.
    fn as_attribute(&self) -> Option<(&str, &str)> {
        (self.letter == b'a').then(|| match self.value.split_once(':') {
            Some((name, value)) => (name, value.trim()),
            None => (self.value.as_str(), ""),
        })
    }
}

/// All values of one attribute among some lines.
fn attributes<'a>(lines: &'a [Line], name: &str) -> impl Iterator<Item = &'a str> {
    lines
        .iter()
        .filter_map(Line::as_attribute)
        .filter(move |(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// The first value of one attribute among some lines.
fn attribute<'a>(lines: &'a [Line], name: &str) -> Option<&'a str> {
    attributes(lines, name).next()
}

/// Sets the first occurrence of an attribute, removes the others, or appends it.
fn set_attribute(lines: &mut Vec<Line>, name: &str, value: &str) {
    let new = Line::attribute(name, value);
    let mut place = Some(new);
    lines.retain_mut(|line| match line.as_attribute() {
        Some((found, _)) if found == name => match place.take() {
            Some(new) => {
                *line = new;
                true
            }
            None => false,
        },
        _ => true,
    });
    lines.extend(place);
}

/// A session description: the session's lines and its media sections.
///
/// Whatever [`parse`](Self::parse) took is written again by `to_string()` with CRLF line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sdp {
    session: Vec<Line>,
    media: Vec<Media>,
}

impl Sdp {
    /// Reads a description with any line ends. Unknown lines are kept; order is not checked.
    ///
    /// # Errors
    /// What is too large, has control characters in it, is not made of `letter=value` lines or
    /// does not begin with `v=0`.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        if text.len() > MAX_SDP {
            return Err(SdpError::TooLarge);
        }
        let mut sdp = Sdp {
            session: Vec::new(),
            media: Vec::new(),
        };
        let text = text.replace("\r\n", "\n");
        for (index, line) in text.split(['\r', '\n']).enumerate() {
            let number = index + 1;
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            if line.len() > MAX_LINE {
                return Err(SdpError::LineTooLong(number));
            }
            if line.chars().any(char::is_control) {
                return Err(SdpError::ControlCharacter(number));
            }
            let senseless = || SdpError::Line {
                line: number,
                text: line.chars().take(40).collect(),
            };
            let &[letter @ b'a'..=b'z', b'=', ..] = line.as_bytes() else {
                return Err(senseless());
            };
            let value = &line[2..];
            if sdp.session.is_empty() && (letter != b'v' || value != "0") {
                return Err(SdpError::NoBeginning);
            }
            if letter == b'm' {
                if sdp.media.len() == MAX_MEDIA {
                    return Err(SdpError::TooManyMedia);
                }
                sdp.media.push(Media::parse(value).ok_or_else(senseless)?);
                continue;
            }
            let line = Line {
                letter,
                value: value.to_owned(),
            };
            match sdp.media.last_mut() {
                Some(media) => media.lines.push(line),
                None => sdp.session.push(line),
            }
        }
        if sdp.session.is_empty() {
            return Err(SdpError::NoBeginning);
        }
        Ok(sdp)
    }

    /// The media sections, in order.
    pub fn media(&self) -> &[Media] {
        &self.media
    }

    /// The `a=mid` of every media section, in order.
    pub fn mids(&self) -> Vec<Option<&str>> {
        self.media.iter().map(Media::mid).collect()
    }

    /// The `a=ice-ufrag` of the connection: that of the BUNDLE group's first line.
    pub fn ice_ufrag(&self) -> Option<&str> {
        self.transport_attribute("ice-ufrag")
    }

    /// The `a=ice-pwd` of the connection: that of the BUNDLE group's first line.
    pub fn ice_pwd(&self) -> Option<&str> {
        self.transport_attribute("ice-pwd")
    }

    /// All usable fingerprints of the connection, without repetitions.
    pub fn fingerprints(&self) -> Vec<Fingerprint> {
        self.transport().fingerprints().unwrap_or_default()
    }

    /// The mids of the first `a=group:BUNDLE` (RFC 8843), in the group's order.
    pub fn bundle(&self) -> Option<Vec<&str>> {
        attributes(&self.session, "group").find_map(|group| {
            let mut words = group.split_ascii_whitespace();
            (words.next() == Some("BUNDLE")).then(|| words.collect())
        })
    }

    /// Value of a session-level attribute; empty for a flag.
    pub fn session_attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.session, name)
    }

    /// Sets a session-level attribute, or adds it. Control characters are left out of the value.
    pub fn set_session_attribute(&mut self, name: &str, value: &str) {
        let value: String = value.chars().filter(|c| !c.is_control()).collect();
        set_attribute(&mut self.session, name, &value);
    }

    /// Puts our own certificate into a local description: `webrtcbin` writes a wrong fingerprint
    /// when it is given a certificate (it hashes the key too). Every media section gets this one,
    /// the session none.
    pub fn set_fingerprint(&mut self, fingerprint: &Fingerprint) {
        let value = fingerprint.to_string();
        self.session.retain(|line| {
            line.as_attribute()
                .is_none_or(|(name, _)| name != "fingerprint")
        });
        for media in &mut self.media {
            set_attribute(&mut media.lines, "fingerprint", &value);
        }
    }

    /// Gives what is sent again of `ssrc` on a line another SSRC (RFC 5576).
    pub fn set_retransmission_ssrc(&mut self, mline: usize, ssrc: u32, again: u32) {
        let Some(media) = self.media.get_mut(mline) else {
            return;
        };
        let Some(old) = media.retransmission_ssrc(ssrc) else {
            return;
        };
        let (from, to) = (old.to_string(), again.to_string());
        for line in &mut media.lines {
            let renamed = match line.as_attribute() {
                Some(("ssrc-group", _)) => {
                    Line::attribute("ssrc-group", &format!("FID {ssrc} {to}"))
                }
                Some(("ssrc", value)) => match value.strip_prefix(&from) {
                    Some(rest) if rest.starts_with(' ') => {
                        Line::attribute("ssrc", &format!("{to}{rest}"))
                    }
                    _ => continue,
                },
                _ => continue,
            };
            *line = renamed;
        }
    }

    fn set_bundle(&mut self, mids: &[String]) {
        self.session
            .retain(|line| line.as_attribute().is_none_or(|(name, _)| name != "group"));
        if !mids.is_empty() {
            let value = format!("BUNDLE {}", mids.join(" "));
            self.session.push(Line::attribute("group", &value));
        }
    }

    fn transport_attribute(&self, name: &str) -> Option<&str> {
        self.transport().attribute(name)
    }
}

impl fmt::Display for Sdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let write = |f: &mut fmt::Formatter<'_>, lines: &[Line]| {
            lines
                .iter()
                .try_for_each(|line| write!(f, "{}={}\r\n", char::from(line.letter), line.value))
        };
        write(f, &self.session)?;
        for media in &self.media {
            write!(f, "m={}\r\n", media.header())?;
            write(f, &media.lines)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
