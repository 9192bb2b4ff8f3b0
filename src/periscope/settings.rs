//! The element's properties as plain values.

use std::net::IpAddr;
use std::time::Duration;

use gst::glib;

use crate::arbitration::Rules;
use crate::congestion::Congestion;
use crate::identity::Source;
use crate::intercom::{self, Talk};
use crate::media::{self, AudioProfile, VideoCodec};
use crate::voice::mixer::MixerSettings;

/// Whether the element talks on the terminal (property `console`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeConsole")]
#[repr(i32)]
pub enum ConsoleMode {
    /// On when standard input is a terminal in the foreground.
    #[default]
    #[enum_value(name = "On when standard input is a terminal", nick = "auto")]
    Auto = 0,
    /// On, also when standard input is a pipe.
    #[enum_value(name = "Read standard input, write standard output", nick = "on")]
    On = 1,
    /// Off.
    #[enum_value(name = "Neither read nor write", nick = "off")]
    Off = 2,
}

/// How peers are reached (property `ice`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeIce")]
#[repr(i32)]
pub enum IceMode {
    /// Lite, unless a STUN or TURN server is set.
    #[default]
    #[enum_value(name = "Lite, or full if a STUN or TURN server is set", nick = "auto")]
    Auto = 0,
    /// An ICE-lite agent at one UDP port for all peers.
    #[enum_value(name = "One UDP port for all peers; codes work", nick = "lite")]
    Lite = 1,
    /// A full ICE agent for each peer.
    #[enum_value(
        name = "Ports and connectivity checks of its own for each peer",
        nick = "full"
    )]
    Full = 2,
}

pub(super) const DEFAULT_PORT: u16 = 8080;
pub(super) const DEFAULT_MAX_PEERS: u32 = 64;
pub(super) const DEFAULT_KEY_FRAME_INTERVAL: u32 = 10_000;
pub(super) const DEFAULT_HEARTBEAT_TIMEOUT: u32 = 750;
pub(super) const DEFAULT_TALK_LATENCY: (u32, u32) = (20, 60);
pub(super) const DEFAULT_CONTROL_TIMEOUT: i32 = 10_000;

/// All properties that can be set.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) console: ConsoleMode,
    pub(super) http: bool,
    /// None: the default port, or the next free one.
    pub(super) port: Option<u16>,
    /// None: a new one at each start.
    pub(super) key: Option<String>,
    /// As set by the user: addresses separated by commas.
    pub(super) address: Option<String>,
    pub(super) stun_server: Option<String>,
    pub(super) turn_server: Option<String>,
    pub(super) max_peers: u32,
    pub(super) video_codec: VideoCodec,
    /// kbit/s; 0: by the size of the picture.
    pub(super) video_bitrate: u32,
    /// Milliseconds.
    pub(super) key_frame_interval: u32,
    pub(super) video_encoder: Option<String>,
    pub(super) congestion: Congestion,
    pub(super) audio_profile: AudioProfile,
    /// kbit/s; 0: by the profile.
    pub(super) audio_bitrate: u32,
    pub(super) ice: IceMode,
    /// A file, or `none`; not set: the user's own.
    pub(super) identity: Option<String>,
    pub(super) code_once: bool,
    /// Seconds; 0: until it is revoked.
    pub(super) code_lifetime: u32,
    pub(super) mdns: bool,
    /// Milliseconds; 0: off.
    pub(super) heartbeat_timeout: u32,
    /// Milliseconds; -1: never.
    pub(super) control_timeout: i32,
    /// Seconds; 0: never.
    pub(super) control_idle: u32,
    pub(super) talk: Talk,
    /// Milliseconds: least and most.
    pub(super) talk_latency: (u32, u32),
    pub(super) sync: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            console: ConsoleMode::default(),
            http: true,
            port: None,
            key: None,
            address: None,
            stun_server: None,
            turn_server: None,
            max_peers: DEFAULT_MAX_PEERS,
            video_codec: VideoCodec::default(),
            video_bitrate: 0,
            key_frame_interval: DEFAULT_KEY_FRAME_INTERVAL,
            video_encoder: None,
            congestion: Congestion::default(),
            audio_profile: AudioProfile::default(),
            audio_bitrate: 0,
            ice: IceMode::default(),
            identity: None,
            code_once: false,
            code_lifetime: 0,
            mdns: true,
            heartbeat_timeout: DEFAULT_HEARTBEAT_TIMEOUT,
            control_timeout: DEFAULT_CONTROL_TIMEOUT,
            control_idle: 0,
            talk: Talk::default(),
            talk_latency: DEFAULT_TALK_LATENCY,
            sync: false,
        }
    }
}

impl Settings {
    /// The addresses of the property `address`.
    pub(super) fn addresses(&self) -> Result<Vec<IpAddr>, String> {
        self.address
            .as_deref()
            .unwrap_or_default()
            .split([',', ' '])
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.parse().map_err(|_| {
                    format!(
                        "address: “{text}” is not an IP address: give one of this host's, such \
                         as 192.168.1.20 or fd00::1, several separated by commas"
                    )
                })
            })
            .collect()
    }

    /// Lite or full.
    pub(super) fn ice(&self) -> IceMode {
        let servers = self.stun_server.is_some() || self.turn_server.is_some();
        match self.ice {
            IceMode::Auto if servers => IceMode::Full,
            IceMode::Auto => IceMode::Lite,
            mode => mode,
        }
    }

    pub(super) fn identity(&self) -> Source {
        match self.identity.as_deref() {
            None => Source::Default,
            Some("none") => Source::None,
            Some(path) => Source::File(path.into()),
        }
    }

    /// How long the code is valid that is printed at the start.
    pub(super) fn code_lifetime(&self) -> Option<Duration> {
        (self.code_lifetime > 0).then(|| Duration::from_secs(self.code_lifetime.into()))
    }

    /// The times that matter to who controls.
    pub(super) fn rules(&self) -> Rules {
        let milliseconds = |number: u32| Duration::from_millis(number.into());
        Rules {
            heartbeat: (self.heartbeat_timeout > 0).then(|| milliseconds(self.heartbeat_timeout)),
            request: u32::try_from(self.control_timeout).ok().map(milliseconds),
            idle: (self.control_idle > 0).then(|| Duration::from_secs(self.control_idle.into())),
        }
    }

    pub(super) fn encoding(&self) -> media::Settings {
        media::Settings {
            video_codec: self.video_codec,
            video_bitrate: self.video_bitrate,
            key_frame_interval: Duration::from_millis(self.key_frame_interval.into()),
            audio_profile: self.audio_profile,
            audio_bitrate: self.audio_bitrate,
            video_encoder: self.video_encoder.clone(),
            lip_sync: self.sync,
            congestion: self.congestion,
        }
    }

    /// Who may talk, and what is made of it.
    pub(super) fn intercom(&self) -> intercom::Settings {
        let (least, most) = self.talk_latency;
        intercom::Settings {
            talk: self.talk,
            heartbeat: self.rules().heartbeat,
            mixer: MixerSettings {
                min_delay: Duration::from_millis(least.into()),
                max_delay: Duration::from_millis(most.max(least).into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_address(address: &str) -> Settings {
        Settings {
            address: Some(address.into()),
            ..Settings::default()
        }
    }

    #[test]
    fn several_addresses_are_separated_by_commas() {
        let addresses = with_address("192.168.1.20, fd00::1").addresses();
        let expected = ["192.168.1.20", "fd00::1"].map(|a| a.parse::<IpAddr>().expect("address"));
        assert_eq!(addresses, Ok(expected.to_vec()));
        assert_eq!(Settings::default().addresses(), Ok(vec![]));
    }

    #[test]
    fn a_server_beyond_the_lan_needs_full_ice_unless_lite_is_asked_for() {
        let mut settings = Settings::default();
        assert_eq!(settings.ice(), IceMode::Lite);
        settings.stun_server = Some("stun://stun.example:3478".into());
        assert_eq!(settings.ice(), IceMode::Full);
        settings.ice = IceMode::Lite;
        assert_eq!(settings.ice(), IceMode::Lite);
    }

    #[test]
    fn times_of_control_can_be_switched_off() {
        let mut settings = Settings::default();
        assert_eq!(settings.rules().heartbeat, Some(Duration::from_millis(750)));
        assert_eq!(settings.rules().request, Some(Duration::from_secs(10)));
        assert_eq!(settings.rules().idle, None);
        settings.heartbeat_timeout = 0;
        settings.control_timeout = -1;
        settings.control_idle = 300;
        assert_eq!(settings.rules().heartbeat, None);
        assert_eq!(settings.rules().request, None);
        assert_eq!(settings.rules().idle, Some(Duration::from_secs(300)));
    }

    #[test]
    fn what_is_not_an_address_is_named() {
        let error = with_address("eth0").addresses().expect_err("no address");
        assert!(error.contains("“eth0”"), "{error}");
    }
}
