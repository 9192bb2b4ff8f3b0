//! The element's properties as plain values.

use std::net::IpAddr;
use std::time::Duration;

use gst::glib;

use crate::media::{self, VideoCodec};

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

pub(super) const DEFAULT_PORT: u16 = 8080;
pub(super) const DEFAULT_MAX_PEERS: u32 = 64;
pub(super) const DEFAULT_AUDIO_BITRATE: u32 = 96;
pub(super) const DEFAULT_KEY_FRAME_INTERVAL: u32 = 10_000;

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
    /// kbit/s.
    pub(super) audio_bitrate: u32,
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
            audio_bitrate: DEFAULT_AUDIO_BITRATE,
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

    pub(super) fn encoding(&self) -> media::Settings {
        media::Settings {
            video_codec: self.video_codec,
            video_bitrate: self.video_bitrate,
            key_frame_interval: Duration::from_millis(self.key_frame_interval.into()),
            audio_bitrate: self.audio_bitrate,
            video_encoder: self.video_encoder.clone(),
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
    fn what_is_not_an_address_is_named() {
        let error = with_address("eth0").addresses().expect_err("no address");
        assert!(error.contains("“eth0”"), "{error}");
    }
}
