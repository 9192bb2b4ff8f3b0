//! An offer or an answer, and the texts in which people carry one across.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// Which half of the exchange a description is (RFC 3264).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The first half.
    Offer,
    /// The reply to an offer.
    Answer,
}

impl Kind {
    /// The word that JSON and the console use.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Offer => "offer",
            Kind::Answer => "answer",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A session description with its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Offer or answer.
    pub kind: Kind,
    /// The SDP text; its lines end in CRLF (RFC 8866, section 5).
    pub sdp: String,
}

impl Description {
    /// Takes an SDP text with any line ends. The text is not checked.
    pub fn new(kind: Kind, sdp: &str) -> Self {
        let mut text = String::with_capacity(sdp.len() + 64);
        for line in sdp.split(['\r', '\n']).filter(|line| !line.is_empty()) {
            text.push_str(line);
            text.push_str("\r\n");
        }
        Self { kind, sdp: text }
    }

    /// `{"type":"offer","sdp":"…"}`, what JavaScript's `RTCSessionDescription` reads and writes.
    pub fn to_json(&self) -> String {
        // Written by hand so that `type` comes first: a person sees at once what it is.
        format!(
            r#"{{"type":"{}","sdp":{}}}"#,
            self.kind,
            serde_json::Value::from(self.sdp.as_str())
        )
    }

    /// Base64 (standard alphabet, padded) of [`to_json`](Self::to_json): one word that survives
    /// terminals and mail.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_becomes_crlf() {
        let description = Description::new(Kind::Offer, "v=0\ns=-\r\nt=0 0\r\r\n");
        assert_eq!(description.sdp, "v=0\r\ns=-\r\nt=0 0\r\n");
    }

    #[test]
    fn json_begins_with_the_type() {
        let json = Description::new(Kind::Answer, "v=0\ns=\"x\"\n").to_json();
        assert_eq!(json, r#"{"type":"answer","sdp":"v=0\r\ns=\"x\"\r\n"}"#);
    }
}
