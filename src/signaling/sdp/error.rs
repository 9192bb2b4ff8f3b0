//! What can be wrong with a session description, said to a person.

use crate::signaling::fingerprint::FingerprintError;

/// Why a session description is refused. Lines of media are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// Longer than [`MAX_SDP`](super::MAX_SDP) bytes.
    #[error("the session description is longer than 256 KiB: it is not one, or not only one")]
    TooLarge,
    /// A line longer than [`MAX_LINE`](super::MAX_LINE) bytes.
    #[error("line {0} of the session description is longer than 16 KiB: copy it again")]
    LineTooLong(usize),
    /// More media lines than [`MAX_MEDIA`](super::MAX_MEDIA).
    #[error("the session description has more than 64 media lines: offer fewer tracks")]
    TooManyMedia,
    /// A control character in a line.
    #[error("line {0} of the session description has a control character in it: copy it again")]
    ControlCharacter(usize),
    /// A line that is not `letter=value`, or an `m=` line without its fields.
    #[error("line {line} of the session description makes no sense (“{text}”): copy it again")]
    Line {
        /// Number of the line, from 1.
        line: usize,
        /// Its beginning.
        text: String,
    },
    /// The first line is not `v=0`.
    #[error("the session description does not begin with “v=0”: its beginning was not copied")]
    NoBeginning,
    /// No `m=` line.
    #[error("the session description has no media or data channel line: its end was not copied")]
    NoMedia,
    /// A media line that we cannot serve.
    #[error(
        "media line {line} (“{text}”) is not audio, video or a data channel over DTLS: leave it out"
    )]
    Unsupported {
        /// Number of the media line, from 1.
        line: usize,
        /// The `m=` line.
        text: String,
    },
    /// More than one data-channel line.
    #[error(
        "the session description has more than one data channel line: one carries all channels"
    )]
    SeveralDataLines,
    /// A media line without any usable payload type.
    #[error("media line {line} names no codec that can be read: copy it again")]
    NoCodec {
        /// Number of the media line, from 1.
        line: usize,
    },
    /// Two media lines share an `a=mid`, or one is not a token (RFC 5888, section 4).
    #[error(
        "the media lines' names (a=mid “{0}”) are not distinct words: copy the description again"
    )]
    Mid(String),
    /// Media lines outside the one BUNDLE group (RFC 8843).
    #[error(
        "media line {line} is not in the BUNDLE group: all lines must share one connection (bundlePolicy “max-bundle”)"
    )]
    NotBundled {
        /// Number of the media line, from 1.
        line: usize,
    },
    /// The peer refused our first line and thereby left the BUNDLE group, as Firefox does. It has
    /// no transport then: nothing can be connected.
    #[error(
        "the peer refuses the first line of the offer ({0}) and with it the whole connection: offer the data channel first, or a codec that it has"
    )]
    FirstLineRefused(String),
    /// The peer refused all lines.
    #[error(
        "the peer refuses everything that was offered: it may lack the codecs, or the data channel"
    )]
    AllRefused,
    /// No, or unusable, `a=ice-ufrag` or `a=ice-pwd` (RFC 8839, section 5.4).
    #[error(
        "the session description's ICE name and password (a=ice-ufrag, a=ice-pwd) are missing or damaged: copy it again"
    )]
    IceCredentials,
    /// No `a=fingerprint`: the peer does not speak DTLS.
    #[error(
        "the session description has no certificate fingerprint (a=fingerprint): without DTLS nothing is sent"
    )]
    NoFingerprint,
    /// A fingerprint that cannot be used.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
    /// An `a=setup` that does not fit (RFC 8842, section 5).
    #[error(
        "a=setup:{0} does not fit here: an offer says actpass, an answer active or passive; is it the other one?"
    )]
    Setup(String),
    /// The answer's media lines are not those of our offer.
    #[error("this answer belongs to another offer: carry across the newest offer and its answer")]
    AnswerForAnotherOffer,
    /// The answer uses what we did not offer.
    #[error(
        "media line {line} of the answer takes payload type {payload_type}, which was not offered: is it the answer to this offer?"
    )]
    NotOffered {
        /// Number of the media line, from 1.
        line: usize,
        /// The payload type, 0–127.
        payload_type: u8,
    },
}
