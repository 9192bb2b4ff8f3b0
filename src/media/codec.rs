//! The codecs that travel to browsers, and what SDP, caps and browsers call them.

use std::fmt;

/// A codec that the element sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Codec {
    /// H.264, RFC 6184, packetization mode 1.
    H264,
    /// VP8, RFC 7741.
    Vp8,
    /// Opus, RFC 7587.
    Opus,
}

/// H.264 constrained baseline, level 3.1 (RFC 6184, section 8.1): what every browser
/// decodes. Browsers take higher levels than negotiated.
pub(crate) const DEFAULT_PROFILE_LEVEL_ID: &str = "42e01f";

impl Codec {
    /// The name in `a=rtpmap` and in RTP caps.
    pub(crate) const fn encoding_name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::Vp8 => "VP8",
            Self::Opus => "OPUS",
        }
    }

    /// The MIME type by which browsers report it (`RTCRtpReceiver.getCapabilities`).
    pub(crate) const fn mime_type(self) -> &'static str {
        match self {
            Self::H264 => "video/H264",
            Self::Vp8 => "video/VP8",
            Self::Opus => "audio/opus",
        }
    }

    /// The payload type that our own offers give it.
    pub(crate) const fn payload_type(self) -> u8 {
        match self {
            Self::H264 => 96,
            Self::Vp8 => 97,
            Self::Opus => 98,
        }
    }

    /// RTP clock rate in Hz.
    pub(crate) const fn clock_rate(self) -> i32 {
        match self {
            Self::H264 | Self::Vp8 => 90_000,
            Self::Opus => 48_000,
        }
    }

    /// `video` or `audio`, as in `m=` lines.
    pub(crate) const fn media(self) -> &'static str {
        match self {
            Self::H264 | Self::Vp8 => "video",
            Self::Opus => "audio",
        }
    }

    pub(crate) const fn is_sound(self) -> bool {
        matches!(self, Self::Opus)
    }

    /// The element that turns this codec into RTP, and the settings it needs.
    pub(crate) const fn payloader(self) -> (&'static str, &'static [(&'static str, &'static str)]) {
        match self {
            // Parameter sets before every key frame: a newcomer has none yet.
            Self::H264 => (
                "rtph264pay",
                &[
                    ("config-interval", "-1"),
                    ("aggregate-mode", "zero-latency"),
                ],
            ),
            Self::Vp8 => ("rtpvp8pay", &[("picture-id-mode", "15-bit")]),
            Self::Opus => ("rtpopuspay", &[]),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::H264 => "H.264",
            Self::Vp8 => "VP8",
            Self::Opus => "Opus",
        })
    }
}
