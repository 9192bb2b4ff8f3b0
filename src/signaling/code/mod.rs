//! The code: what a page must know to come to a bench with nothing carried back.
//!
//! A bench makes a [`Code`] and shows it as text or QR code; a person gives it to a page. It
//! carries the bench's addresses, its certificate's fingerprint and a [`Secret`], from which both
//! sides derive the code's public name and the password of the ICE checks. What the page gives
//! back for an offer of such a bench is a [`ShortAnswer`]. Pure: texts in, values out. The formats
//! are in `web/PROTOCOL.md`.

mod search;
mod secret;
mod short_answer;
mod ufrag;

pub(crate) use search::is_invisible;
pub use secret::{CodeId, CodeIdError, Secret};
pub use short_answer::ShortAnswer;
pub(crate) use ufrag::is_ice_char;
pub use ufrag::{code_ufrag, parse_code_ufrag};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What bits 7–5 of the first byte say of a code.
const VERSION: u8 = 1;

/// What they say of a short answer.
const SHORT_ANSWER: u8 = 2;

/// Bytes before the addresses.
const HEAD: usize = 51;

/// Most addresses of either family.
const MAX_ADDRESSES: usize = 8;

/// Characters of the shortest and of the longest code: one IPv4 address, eight of each family.
const LENGTHS: std::ops::RangeInclusive<usize> = 74..=282;

/// A shorter text is not taken for a damaged code, but for something else.
const LEAST_DAMAGED: usize = 16;

/// What whoever comes with a code may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rights {
    /// See and hear.
    View,
    /// Talk and work the instruments as well.
    Control,
}

impl Rights {
    /// The word that console, page and files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Rights::View => "view",
            Rights::Control => "control",
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Rights of a name that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rights are “view” or “control”")]
pub struct RightsError;

impl FromStr for Rights {
    type Err = RightsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "view" => Ok(Rights::View),
            "control" => Ok(Rights::Control),
            _ => Err(RightsError),
        }
    }
}

/// Why a text is not a code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// There is nothing like a code in the text.
    #[error("no code in this text")]
    Nothing,
    /// A code with characters missing, wrong or added.
    #[error("the code is damaged: copy all of it, from its first to its last character")]
    Damaged,
    /// A format that this version does not know.
    #[error("the code was made by another version of Periscope ({0}): use the same on both sides")]
    OtherVersion(u8),
    /// What goes the other way.
    #[error("this is a page's answer, not a code")]
    ShortAnswer,
}

/// All that a page must know to reach a bench and to know it for the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// For the page to show; what counts is what the bench knows of the secret.
    pub rights: Rights,
    /// Whoever knows it is let in.
    pub secret: Secret,
    /// SHA-256 of the bench's certificate in DER form.
    pub fingerprint: [u8; 32],
    /// UDP port of the bench.
    pub port: u16,
    /// Where the bench is, best first. In the text IPv4 comes before IPv6, at most eight of
    /// each; a text without any cannot be read.
    pub addresses: Vec<IpAddr>,
}

impl Code {
    /// The code as base64url without padding: 74 characters for one IPv4 address.
    pub fn to_text(&self) -> String {
        let ipv4: Vec<&Ipv4Addr> = self
            .addresses
            .iter()
            .filter_map(|address| match address {
                IpAddr::V4(address) => Some(address),
                IpAddr::V6(_) => None,
            })
            .take(MAX_ADDRESSES)
            .collect();
        let ipv6 = self.addresses.iter().filter_map(|address| match address {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        });
        let rights = u8::from(self.rights == Rights::Control);
        // At most 8.
        let count = ipv4.len() as u8;
        let mut bytes = vec![VERSION << 5 | rights << 4 | count];
        bytes.extend(self.secret.bytes());
        bytes.extend(self.fingerprint);
        bytes.extend(self.port.to_be_bytes());
        bytes.extend(ipv4.into_iter().flat_map(Ipv4Addr::octets));
        bytes.extend(ipv6.take(MAX_ADDRESSES).flat_map(Ipv6Addr::octets));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the first code in a text: broken over lines or quoted, in a sentence, or as the
    /// fragment of a URL.
    ///
    /// # Errors
    /// [`CodeError`] says what the text is instead.
    pub fn read(text: &str) -> Result<Self, CodeError> {
        let words = search::words(text);
        match search::first(&words, LENGTHS, |word| Self::from_text(word).ok()) {
            Some(code) => Ok(code),
            None => Err(Self::from_text(&search::longest(&words))
                .err()
                .unwrap_or(CodeError::Nothing)),
        }
    }

    /// Reads a code and nothing else.
    fn from_text(text: &str) -> Result<Self, CodeError> {
        // The first character alone tells the version: enough for a text that is cut off.
        let sextet = text
            .get(..2)
            .and_then(|start| URL_SAFE_NO_PAD.decode(format!("{start}AA")).ok());
        let version = sextet.and_then(|bytes| Some(bytes.first()? >> 5));
        match version {
            Some(VERSION) if text.len() >= LEAST_DAMAGED => URL_SAFE_NO_PAD
                .decode(text)
                .ok()
                .and_then(|bytes| Self::from_bytes(&bytes))
                .ok_or(CodeError::Damaged),
            Some(SHORT_ANSWER) if ShortAnswer::from_text(text).is_some() => {
                Err(CodeError::ShortAnswer)
            }
            // Any longer text would do, so only what is about as long as a code is called one.
            Some(other) if other != VERSION && LENGTHS.contains(&text.len()) => {
                Err(CodeError::OtherVersion(other))
            }
            _ => Err(CodeError::Nothing),
        }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (head, addresses) = bytes.split_at_checked(HEAD)?;
        let (&[first], rest) = head.split_first_chunk::<1>()?;
        let (secret, rest) = rest.split_first_chunk::<16>()?;
        let (fingerprint, rest) = rest.split_first_chunk::<32>()?;
        let port = u16::from_be_bytes(*rest.first_chunk()?);
        let count = usize::from(first & 0x0f);
        let (ipv4, ipv6) = addresses.split_at_checked(4 * count)?;
        let (ipv4, _) = ipv4.as_chunks::<4>();
        let (ipv6, excess) = ipv6.as_chunks::<16>();
        let fits = excess.is_empty()
            && !addresses.is_empty()
            && ipv4.len() <= MAX_ADDRESSES
            && ipv6.len() <= MAX_ADDRESSES;
        if !fits || first >> 5 != VERSION || port == 0 {
            return None;
        }
        let ipv4 = ipv4.iter().map(|octets| IpAddr::from(*octets));
        let ipv6 = ipv6.iter().map(|octets| IpAddr::from(*octets));
        Some(Self {
            rights: match first & 0x10 {
                0 => Rights::View,
                _ => Rights::Control,
            },
            secret: Secret::from_bytes(*secret),
            fingerprint: *fingerprint,
            port,
            addresses: ipv4.chain(ipv6).collect(),
        })
    }
}

#[cfg(test)]
mod tests;
