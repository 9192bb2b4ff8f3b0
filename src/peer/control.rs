//! The messages of the control channel (pure); `web/PROTOCOL.md` describes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Version of the protocol that this side speaks.
pub(crate) const VERSION: u32 = 1;

/// Label of the control channel; its id is 0 and it is negotiated (RFC 8831,
/// section 6.4).
pub(crate) const LABEL: &str = "periscope";

/// Label of the channel on which a page that controls says that it is there.
pub(crate) const HEARTBEAT_LABEL: &str = "periscope-heartbeat";

/// A page with this feature takes batches.
pub(crate) const BATCH: &str = "batch";

/// A page with this feature sends a heartbeat while it controls.
pub(crate) const HEARTBEAT: &str = "heartbeat";

/// A page with this feature can send what is said there.
pub(crate) const TALK: &str = "talk";

/// Subprotocol of the data channels, RFC 8832, section 5.1.
pub(crate) const DATA_PROTOCOL: &str = "periscope.1";

/// Longest control message that is looked at, in bytes.
const MAX_LENGTH: usize = 256 * 1024;

/// What a page says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum FromPage {
    /// First message. Without it nothing is said to the page.
    Hello {
        version: u32,
        /// MIME types that the page can receive; empty if it does not say.
        #[serde(default)]
        codecs: Vec<String>,
        /// What the page knows beyond the first version.
        #[serde(default)]
        features: Vec<String>,
    },
    Answer {
        id: u32,
        sdp: String,
    },
    Ping {
        #[serde(default)]
        t: f64,
    },
    Bye {
        #[serde(default)]
        text: String,
    },
    /// Asks for control.
    Take,
    /// Gives control up, or the request for it.
    Release,
    /// Who controls hands over to this peer.
    Give {
        to: u32,
    },
    /// Who controls refuses all who wait.
    Keep,
    /// The person begins to talk, or ends.
    Talk {
        on: bool,
        /// Labels of the instruments whose transmitters are to be keyed meanwhile.
        #[serde(default)]
        transmit: Vec<String>,
    },
    /// The browser holds back more sound than it needs to: so much is to be left out.
    Skip {
        mid: String,
        ms: u32,
    },
    /// Something from a later version: ignored.
    #[serde(other)]
    Unknown,
}

/// What the element says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum ToPage<'a> {
    Welcome {
        version: u32,
        name: &'a str,
        peer: u32,
        /// `view` or `control`.
        rights: &'a str,
        streams: Vec<StreamInfo>,
        channels: Vec<String>,
    },
    Offer {
        id: u32,
        sdp: &'a str,
    },
    Pong {
        t: f64,
        /// The time that buffers of the bench are stamped with, in milliseconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        now: Option<f64>,
        /// By mid, the RTP timestamp of time 0 (90 kHz).
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        video: BTreeMap<&'a str, u32>,
    },
    Error {
        text: &'a str,
    },
    Bye {
        text: &'a str,
    },
    Instrument {
        label: &'a str,
        /// `open`, `waiting` or `none`.
        state: &'a str,
        text: &'a str,
        /// Missing if it is what was told last; `null` if there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        profile: Option<Option<&'a serde_json::Value>>,
        sends: bool,
        transmitting: bool,
        /// Whether it can be keyed by talking.
        keys: bool,
    },
    Control {
        holder: Option<u32>,
        /// `none`, `waiting` or `holder`.
        you: &'a str,
        waiting: &'a [u32],
        /// Milliseconds; -1: never.
        timeout: i64,
    },
    Talk {
        /// The line for the microphone; `null` while there is none.
        mid: Option<&'a str>,
        /// `all`, `one` or `none`.
        floor: &'a str,
        /// `none`, `talking` or `refused`.
        you: &'a str,
        /// Why it may not talk; empty if it may.
        reason: &'a str,
        talking: &'a [u32],
    },
    Safe {
        label: Option<&'a str>,
        reason: &'a str,
    },
    Refused {
        label: &'a str,
        reason: &'a str,
        text: &'a str,
        #[serde(skip_serializing_if = "is_zero")]
        more: u64,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// One stream of the bench, as the page is told of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct StreamInfo {
    /// Missing while the stream is not negotiated with this peer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mid: Option<String>,
    pub(crate) kind: &'static str,
    pub(crate) name: String,
}

/// A control message that cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    #[error("a control message of {0} bytes was ignored: at most {MAX_LENGTH} are read")]
    TooLong(usize),
    #[error("a control message was ignored: {0}")]
    Syntax(#[from] serde_json::Error),
}

impl FromPage {
    pub(crate) fn read(text: &str) -> Result<Self, ControlError> {
        if text.len() > MAX_LENGTH {
            return Err(ControlError::TooLong(text.len()));
        }
        Ok(serde_json::from_str(text)?)
    }
}

impl ToPage<'_> {
    pub(crate) fn to_json(&self) -> String {
        // Only strings and finite numbers are in there: a JSON text always comes out.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_read() {
        let hello = FromPage::read(
            r#"{"type":"hello","version":1,"codecs":["video/VP8"],"later":{"x":1}}"#,
        );
        assert_eq!(
            hello.expect("readable"),
            FromPage::Hello {
                version: 1,
                codecs: vec!["video/VP8".into()],
                features: vec![],
            }
        );
    }

    #[test]
    fn a_message_of_a_later_version_is_ignored_not_an_error() {
        let message = FromPage::read(r#"{"type":"teleport","to":[1,2]}"#);
        assert_eq!(message.expect("readable"), FromPage::Unknown);
    }

    #[test]
    fn what_a_page_wants_of_control_is_read() {
        for (text, wanted) in [
            (r#"{"type":"take"}"#, FromPage::Take),
            (r#"{"type":"release","why":"tea"}"#, FromPage::Release),
            (r#"{"type":"give","to":5}"#, FromPage::Give { to: 5 }),
            (r#"{"type":"keep"}"#, FromPage::Keep),
        ] {
            assert_eq!(FromPage::read(text).expect("readable"), wanted);
        }
        assert!(FromPage::read(r#"{"type":"give","to":-1}"#).is_err());
    }

    #[test]
    fn sound_to_leave_out_is_read() {
        assert_eq!(
            FromPage::read(r#"{"type":"skip","mid":"audio1","ms":20}"#).expect("readable"),
            FromPage::Skip {
                mid: "audio1".into(),
                ms: 20
            }
        );
        assert!(FromPage::read(r#"{"type":"skip","mid":"audio1","ms":-20}"#).is_err());
    }

    #[test]
    fn what_a_page_is_told_of_instruments_is_as_written_down() {
        let profile = serde_json::json!({"name": "kx3"});
        let instrument = |profile| ToPage::Instrument {
            label: "kx3",
            state: "open",
            text: "",
            profile,
            sends: true,
            transmitting: false,
            keys: true,
        };
        for (message, json) in [
            (
                instrument(Some(Some(&profile))),
                r#"{"type":"instrument","label":"kx3","state":"open","text":"","profile":{"name":"kx3"},"sends":true,"transmitting":false,"keys":true}"#,
            ),
            (
                instrument(Some(None)),
                r#"{"type":"instrument","label":"kx3","state":"open","text":"","profile":null,"sends":true,"transmitting":false,"keys":true}"#,
            ),
            (
                instrument(None),
                r#"{"type":"instrument","label":"kx3","state":"open","text":"","sends":true,"transmitting":false,"keys":true}"#,
            ),
            (
                ToPage::Control {
                    holder: Some(3),
                    you: "waiting",
                    waiting: &[5, 7],
                    timeout: 10_000,
                },
                r#"{"type":"control","holder":3,"you":"waiting","waiting":[5,7],"timeout":10000}"#,
            ),
            (
                ToPage::Safe {
                    label: None,
                    reason: "gone",
                },
                r#"{"type":"safe","label":null,"reason":"gone"}"#,
            ),
            (
                ToPage::Refused {
                    label: "kx3",
                    reason: "viewer 3 has control",
                    text: "TX;",
                    more: 12,
                },
                r#"{"type":"refused","label":"kx3","reason":"viewer 3 has control","text":"TX;","more":12}"#,
            ),
        ] {
            assert_eq!(message.to_json(), json);
        }
    }

    #[test]
    fn nonsense_and_endless_text_are_errors() {
        assert!(FromPage::read("{").is_err());
        assert!(FromPage::read("[]").is_err());
        assert!(FromPage::read(&"x".repeat(MAX_LENGTH + 1)).is_err());
    }

    #[test]
    fn a_stream_that_is_not_negotiated_has_no_mid() {
        let welcome = ToPage::Welcome {
            version: 1,
            name: "periscope",
            peer: 3,
            rights: "view",
            streams: vec![StreamInfo {
                mid: None,
                kind: "video",
                name: "video_0".into(),
            }],
            channels: vec!["data_0".into()],
        };
        assert_eq!(
            welcome.to_json(),
            r#"{"type":"welcome","version":1,"name":"periscope","peer":3,"rights":"view","streams":[{"kind":"video","name":"video_0"}],"channels":["data_0"]}"#
        );
    }
}
