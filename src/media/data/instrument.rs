//! What serial elements tell of their instruments, by events beside the messages (pure but
//! for the structures that it is told in).
//!
//! `instrument-state` (`state`, `text`, and from where commands go `ends`, patterns of those
//! that end a transmission, and `keys`, whether it can be keyed by talking) and `instrument-profile` come down with the messages of a port and
//! up from where its commands go; `instrument-safe` and `instrument-transmit` come up.

use std::sync::Arc;

use crate::arbitration::allow::{AllowList, BadPattern};
use crate::serial::profile::MAX_PROFILE;

/// Longest profile that pages are told, in bytes and without the spaces: webrtcbin loses
/// messages above 64 KiB.
const MAX_TOLD: usize = 60_000;

/// How an instrument talks and looks, as far as it matters here.
#[derive(Debug)]
pub(crate) struct Profile {
    /// As the page gets it; none if it is too long.
    pub(crate) json: Option<serde_json::Value>,
    /// Which commands it allows; none: all; an empty list: nothing. A list that cannot be
    /// used allows nothing.
    pub(super) allow: Option<Result<AllowList, BadPattern>>,
}

/// A profile is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadProfile {
    #[error("the profile has {0} bytes: at most {MAX_PROFILE} are read")]
    TooLong(usize),
    #[error("the profile is not JSON: {0}")]
    Syntax(String),
    #[error("the profile’s “allow” is not a list of patterns")]
    Allow,
}

impl Profile {
    fn read(text: &str) -> Result<Self, BadProfile> {
        if text.len() > MAX_PROFILE {
            return Err(BadProfile::TooLong(text.len()));
        }
        let json: serde_json::Value =
            serde_json::from_str(text).map_err(|error| BadProfile::Syntax(error.to_string()))?;
        let allow = match json.get("allow") {
            None | Some(serde_json::Value::Null) => None,
            Some(list) => {
                let patterns: Vec<String> =
                    serde_json::from_value(list.clone()).map_err(|_| BadProfile::Allow)?;
                Some(AllowList::new(&patterns))
            }
        };
        Ok(Self {
            json: (json.to_string().len() <= MAX_TOLD).then_some(json),
            allow,
        })
    }
}

/// Whether the port of an instrument is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PortState {
    /// Nobody has said: what comes is not from a serial element.
    #[default]
    None,
    Open,
    /// Unplugged, or not there yet.
    Waiting,
}

impl PortState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Open => "open",
            Self::Waiting => "waiting",
        }
    }
}

/// What one pad has heard of its instrument.
#[derive(Debug, Clone, Default)]
pub(crate) struct PadNews {
    state: PortState,
    text: String,
    profile: Option<Arc<Profile>>,
    transmitting: bool,
    keys: bool,
    /// Somebody has told of the instrument.
    introduced: bool,
    /// The commands that end a transmission, and the patterns of them.
    ends: Option<(AllowList, Vec<String>)>,
}

/// What follows from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing of ours, or nothing new.
    Nothing,
    /// The instrument is another than before.
    Changed,
    /// The instrument was made safe on the bench's own account, and why.
    Safe(String),
    /// What was told cannot be used.
    Trouble(BadProfile),
}

impl PadNews {
    pub(crate) fn hear(&mut self, structure: &gst::StructureRef) -> Heard {
        match structure.name().as_str() {
            "instrument-state" => {
                self.introduced = true;
                self.hear_ends(structure);
                let state = match structure.get::<&str>("state") {
                    Ok("open") => PortState::Open,
                    Ok("waiting") => PortState::Waiting,
                    _ => PortState::None,
                };
                let text = structure.get::<Option<String>>("text");
                let text = text.ok().flatten().unwrap_or_default();
                let keys = structure.get::<bool>("keys").unwrap_or(false);
                if self.state == state && self.text == text && self.keys == keys {
                    return Heard::Nothing;
                }
                self.state = state;
                self.text = text;
                self.keys = keys;
                // Whoever transmitted does so no more.
                self.transmitting &= state == PortState::Open;
                Heard::Changed
            }
            "instrument-profile" => {
                let text = structure.get::<Option<String>>("profile").ok().flatten();
                match Profile::read(text.as_deref().unwrap_or_default()) {
                    Ok(profile) => {
                        self.profile = Some(Arc::new(profile));
                        Heard::Changed
                    }
                    Err(error) => Heard::Trouble(error),
                }
            }
            "instrument-transmit" => {
                let on = structure.get::<bool>("on").unwrap_or(false);
                if self.transmitting == on {
                    return Heard::Nothing;
                }
                self.transmitting = on;
                Heard::Changed
            }
            "instrument-safe" => {
                self.transmitting = false;
                let reason = structure.get::<Option<String>>("reason");
                Heard::Safe(reason.ok().flatten().unwrap_or_default())
            }
            _ => Heard::Nothing,
        }
    }

    /// Whether all is known that an instrument tells of itself.
    pub(super) const fn is_introduced(&self) -> bool {
        self.introduced
    }

    /// Whether it can be keyed by talking.
    pub(super) const fn keys(&self) -> bool {
        self.keys
    }

    /// By which commands a transmission ends; as told with the state.
    fn hear_ends(&mut self, structure: &gst::StructureRef) {
        let patterns = structure.get::<gst::Array>("ends").unwrap_or_default();
        let patterns: Vec<String> = patterns.iter().filter_map(|p| p.get().ok()).collect();
        if self.ends.as_ref().is_some_and(|(_, old)| *old == patterns) {
            return;
        }
        // One that cannot be used ends nothing.
        let list = AllowList::new(&patterns).ok();
        self.ends = list.map(|list| (list, patterns));
    }

    /// Which commands end a transmission.
    pub(super) fn ends(&self) -> Option<&AllowList> {
        self.ends.as_ref().map(|(list, _)| list)
    }

    pub(super) const fn profile(&self) -> Option<&Arc<Profile>> {
        self.profile.as_ref()
    }
}

/// An instrument, as pages are told of it.
#[derive(Debug, Clone)]
pub(crate) struct Instrument {
    pub(crate) label: Arc<str>,
    pub(crate) state: PortState,
    /// For a person; may be empty.
    pub(crate) text: String,
    pub(crate) profile: Option<Arc<Profile>>,
    /// Whether commands go anywhere.
    pub(crate) sends: bool,
    pub(crate) transmitting: bool,
    /// Whether it can be keyed by talking.
    pub(crate) keys: bool,
}

impl Instrument {
    pub(super) const fn new(label: Arc<str>) -> Self {
        Self {
            label,
            state: PortState::None,
            text: String::new(),
            profile: None,
            sends: false,
            transmitting: false,
            keys: false,
        }
    }

    /// Adds what a pad has heard. The first profile counts, and the worst state: a port
    /// from which nothing comes is no less away because commands could go there.
    pub(super) fn add(&mut self, news: &PadNews) {
        if news.state > self.state {
            self.state = news.state;
            self.text.clone_from(&news.text);
        }
        if self.profile.is_none() {
            self.profile.clone_from(&news.profile);
        }
        self.transmitting |= news.transmitting;
        self.keys |= news.keys;
    }

    /// Whether a page that knows the other has nothing to learn from this one.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.state == other.state
            && self.text == other.text
            && self.sends == other.sends
            && self.transmitting == other.transmitting
            && self.keys == other.keys
            && self.has_profile_of(other)
    }

    pub(crate) fn has_profile_of(&self, other: &Self) -> bool {
        match (&self.profile, &other.profile) {
            (Some(one), Some(other)) => Arc::ptr_eq(one, other) || one.json == other.json,
            (None, None) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(state: &str, text: &str) -> gst::Structure {
        gst::init().expect("GStreamer");
        gst::Structure::builder("instrument-state")
            .field("state", state)
            .field("device", "/dev/ttyUSB0")
            .field("text", text)
            .build()
    }

    fn profile(text: &str) -> gst::Structure {
        gst::init().expect("GStreamer");
        gst::Structure::builder("instrument-profile")
            .field("profile", text)
            .field("name", "kx3")
            .build()
    }

    #[test]
    fn an_instrument_is_as_well_as_the_worst_of_its_pads() {
        let (mut source, mut sink) = (PadNews::default(), PadNews::default());
        assert_eq!(source.hear(&state("open", "")), Heard::Changed);
        assert_eq!(source.hear(&state("open", "")), Heard::Nothing);
        assert_eq!(sink.hear(&state("waiting", "unplugged")), Heard::Changed);
        let mut instrument = Instrument::new("kx3".into());
        instrument.add(&source);
        assert_eq!(instrument.state, PortState::Open);
        instrument.add(&sink);
        assert_eq!(instrument.state, PortState::Waiting);
        assert_eq!(instrument.text, "unplugged");
    }

    #[test]
    fn a_sink_tells_whether_it_can_be_keyed_and_what_ends_a_transmission() {
        let mut news = PadNews::default();
        assert!(!news.is_introduced() && !news.keys());
        let mut told = state("open", "");
        told.set("keys", true);
        told.set("ends", gst::Array::new(["RX;", "("]));
        assert_eq!(news.hear(&told), Heard::Changed);
        assert!(news.is_introduced() && news.keys());
        assert!(news.ends().is_none(), "what cannot be read ends nothing");
        told.set("ends", gst::Array::new(["RX;"]));
        assert_eq!(news.hear(&told), Heard::Nothing);
        let ends = news.ends().expect("a list");
        assert!(ends.allows(b"RX;") && !ends.allows(b"TX;RX;"));
        let mut instrument = Instrument::new("kx3".into());
        assert!(instrument.is_like(&instrument.clone()) && !instrument.keys);
        let without = instrument.clone();
        instrument.add(&news);
        assert!(instrument.keys && !instrument.is_like(&without));
    }

    #[test]
    fn a_profile_brings_its_allow_list() {
        let mut news = PadNews::default();
        let text = r#"{"profile":1,"name":"kx3","allow":["FA\\d{11};"]}"#;
        assert_eq!(news.hear(&profile(text)), Heard::Changed);
        let kept = news.profile().expect("a profile");
        let Some(Ok(allow)) = &kept.allow else {
            panic!("an allow-list");
        };
        assert!(allow.allows(b"FA00014060000;") && !allow.allows(b"TX;"));
        assert_eq!(kept.json.as_ref().expect("short")["name"], "kx3");
    }

    #[test]
    fn a_profile_with_an_empty_allow_list_allows_nothing() {
        let mut news = PadNews::default();
        assert_eq!(news.hear(&profile(r#"{"allow":[]}"#)), Heard::Changed);
        let kept = news.profile().expect("kept");
        assert!(matches!(&kept.allow, Some(Ok(list)) if !list.allows(b"TX;")));
    }

    #[test]
    fn a_profile_with_a_broken_allow_list_allows_nothing() {
        let mut news = PadNews::default();
        assert_eq!(news.hear(&profile(r#"{"allow":["("]}"#)), Heard::Changed);
        let kept = news.profile().expect("a profile");
        assert!(matches!(kept.allow, Some(Err(_))));
        let wrong = news.hear(&profile(r#"{"allow":"FA;"}"#));
        assert_eq!(wrong, Heard::Trouble(BadProfile::Allow));
    }

    #[test]
    fn a_profile_that_is_none_is_told() {
        let mut news = PadNews::default();
        for text in ["", "{", "radio"] {
            let heard = news.hear(&profile(text));
            assert!(
                matches!(heard, Heard::Trouble(BadProfile::Syntax(_))),
                "{text}"
            );
        }
        let long = " ".repeat(200_000);
        assert_eq!(
            news.hear(&profile(&long)),
            Heard::Trouble(BadProfile::TooLong(200_000))
        );
        assert!(news.profile().is_none());
    }

    #[test]
    fn a_profile_too_long_for_the_page_still_limits_commands() {
        let text = format!(r#"{{"allow":["RX;"],"about":"{}"}}"#, "x".repeat(MAX_TOLD));
        let mut news = PadNews::default();
        assert_eq!(news.hear(&profile(&text)), Heard::Changed);
        let kept = news.profile().expect("a profile");
        assert!(kept.json.is_none() && matches!(kept.allow, Some(Ok(_))));
    }

    #[test]
    fn who_is_made_safe_or_unplugged_transmits_no_more() {
        gst::init().expect("GStreamer");
        let transmit = gst::Structure::builder("instrument-transmit").field("on", true);
        let transmit = transmit.build();
        let safe = gst::Structure::builder("instrument-safe").field("reason", "3 minutes");
        let safe = safe.build();
        let mut news = PadNews::default();
        assert_eq!(news.hear(&state("open", "")), Heard::Changed);
        assert_eq!(news.hear(&transmit), Heard::Changed);
        assert!(news.transmitting);
        assert_eq!(news.hear(&safe), Heard::Safe("3 minutes".into()));
        assert!(!news.transmitting);
        news.hear(&transmit);
        news.hear(&state("waiting", ""));
        assert!(!news.transmitting);
    }
}
