//! How Opus is set for what is to be heard.
//!
//! Pure. A [`Profile`] says what the sound is, [`Wishes`] what somebody knows better, and a
//! [`Tuning`] is what follows for the encoder.

use gst::glib;

/// What a sound is, and so how it is encoded (property `profile` of `opussrc`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeOpusProfile")]
#[repr(i32)]
pub enum Profile {
    /// People who talk.
    #[default]
    #[enum_value(
        name = "People who talk: mono, 40 kbit/s, 10 ms, in-band FEC for 5 % loss",
        nick = "voice"
    )]
    Voice = 0,
    /// Everything that is to sound as it is.
    #[enum_value(
        name = "Music and measurements: stereo, 128 kbit/s, 10 ms, least delay",
        nick = "music"
    )]
    Music = 1,
    /// What a receiver makes of a radio channel.
    #[enum_value(
        name = "Radio channels, or a weak network: mono up to 8 kHz, 24 kbit/s, 20 ms, in-band FEC for 10 % loss",
        nick = "radio"
    )]
    Radio = 2,
}

/// Length of an Opus frame (property `frame` of `opussrc`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeOpusFrame")]
#[repr(i32)]
pub enum Frame {
    /// As the profile says.
    #[default]
    #[enum_value(name = "As the profile says", nick = "auto")]
    Auto = 0,
    /// 10 ms.
    #[enum_value(name = "10 ms", nick = "10")]
    Ten = 10,
    /// 20 ms.
    #[enum_value(name = "20 ms: less data, more delay", nick = "20")]
    Twenty = 20,
}

/// What libopus calls the application: which of its coders it prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Application {
    /// Linear prediction where it helps, which alone has in-band FEC.
    Voice,
    /// Whichever reproduces best.
    Generic,
    /// Transform coder only: 4 ms less of look-ahead.
    LowDelay,
}

/// What libopus can do with, kbit/s.
pub(crate) const MIN_BITRATE: u32 = 6;

/// What is set by hand; none: as the profile says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// kbit/s.
    pub(crate) bitrate: Option<u32>,
    pub(crate) frame: Frame,
    pub(crate) fec: Option<bool>,
    /// Percent of packets.
    pub(crate) expected_loss: Option<u32>,
    pub(crate) dtx: Option<bool>,
    pub(crate) channels: Option<u32>,
}

/// How an encoder is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tuning {
    application: Application,
    /// Highest bandwidth, as `opusenc` calls it.
    bandwidth: &'static str,
    pub(crate) channels: u32,
    /// Milliseconds.
    pub(crate) frame: u32,
    /// kbit/s.
    pub(crate) bitrate: u32,
    pub(crate) fec: bool,
    /// Percent of packets. More makes the encoder spend more bits on repetitions.
    pub(crate) expected_loss: u32,
    /// Send next to nothing while it is silent.
    pub(crate) dtx: bool,
}

impl Profile {
    /// What a sound with so many channels most likely is.
    const fn for_channels(channels: u32) -> Self {
        match channels {
            1 => Self::Voice,
            _ => Self::Music,
        }
    }
}

impl Tuning {
    pub(crate) fn new(profile: Profile, wishes: &Wishes) -> Self {
        let usual = Self::of(profile);
        let fec = wishes.fec.unwrap_or(usual.fec);
        Self {
            application: match usual.application {
                // The transform coder knows no FEC.
                Application::LowDelay if fec => Application::Generic,
                application => application,
            },
            bandwidth: usual.bandwidth,
            channels: wishes.channels.unwrap_or(usual.channels),
            frame: match wishes.frame {
                Frame::Auto => usual.frame,
                Frame::Ten => 10,
                Frame::Twenty => 20,
            },
            bitrate: wishes.bitrate.unwrap_or(usual.bitrate),
            fec,
            expected_loss: wishes.expected_loss.unwrap_or(usual.expected_loss),
            dtx: wishes.dtx.unwrap_or(usual.dtx),
        }
    }

    /// For sound of so many channels that is not said to be of a profile, or is. No channel
    /// is made out of nothing.
    pub(crate) fn for_sound(
        channels: Option<u32>,
        profile: Option<Profile>,
        bitrate: Option<u32>,
    ) -> Self {
        let come = channels.unwrap_or(2);
        let wishes = Wishes {
            bitrate: bitrate.map(|bitrate| bitrate.max(MIN_BITRATE)),
            ..Wishes::default()
        };
        let profile = profile.unwrap_or_else(|| Profile::for_channels(come));
        let tuning = Self::new(profile, &wishes);
        Self {
            channels: tuning.channels.min(come),
            ..tuning
        }
    }

    fn of(profile: Profile) -> Self {
        match profile {
            // At 40 kbit/s libopus codes all of a voice and repeats the frame before: 32
            // would be enough for frames of 20 ms, those of 10 ms have more headers.
            Profile::Voice => Self {
                application: Application::Voice,
                bandwidth: "fullband",
                channels: 1,
                frame: 10,
                bitrate: 40,
                fec: true,
                expected_loss: 5,
                dtx: false,
            },
            Profile::Music => Self {
                application: Application::LowDelay,
                bandwidth: "fullband",
                channels: 2,
                frame: 10,
                bitrate: 128,
                fec: false,
                expected_loss: 0,
                dtx: false,
            },
            Profile::Radio => Self {
                application: Application::Voice,
                bandwidth: "wideband",
                channels: 1,
                frame: 20,
                bitrate: 24,
                fec: true,
                expected_loss: 10,
                dtx: false,
            },
        }
    }

    /// Properties of `opusenc`, and their values as text.
    pub(crate) fn encoder_settings(&self) -> Vec<(&'static str, String)> {
        let application = match self.application {
            Application::Voice => "voice",
            Application::Generic => "generic",
            Application::LowDelay => "restricted-lowdelay",
        };
        vec![
            ("audio-type", application.to_owned()),
            ("bandwidth", self.bandwidth.to_owned()),
            ("frame-size", self.frame.to_string()),
            ("bitrate", (self.bitrate * 1000).to_string()),
            ("bitrate-type", "constrained-vbr".to_owned()),
            ("inband-fec", self.fec.to_string()),
            ("packet-loss-percentage", self.expected_loss.to_string()),
            ("dtx", self.dtx.to_string()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(tuning: &Tuning, name: &str) -> String {
        let mut settings = tuning.encoder_settings().into_iter();
        settings.find(|(n, _)| *n == name).expect("set").1
    }

    #[test]
    fn a_voice_survives_loss_and_music_is_stereo() {
        let voice = Tuning::new(Profile::Voice, &Wishes::default());
        assert_eq!((voice.channels, voice.frame, voice.bitrate), (1, 10, 40));
        assert_eq!(setting(&voice, "audio-type"), "voice");
        assert_eq!(setting(&voice, "inband-fec"), "true");
        assert_eq!(setting(&voice, "packet-loss-percentage"), "5");
        assert_eq!(setting(&voice, "dtx"), "false");
        let music = Tuning::new(Profile::Music, &Wishes::default());
        assert_eq!((music.channels, music.frame, music.bitrate), (2, 10, 128));
        assert_eq!(setting(&music, "audio-type"), "restricted-lowdelay");
        assert_eq!(setting(&music, "inband-fec"), "false");
        let radio = Tuning::new(Profile::Radio, &Wishes::default());
        assert_eq!((radio.channels, radio.frame, radio.bitrate), (1, 20, 24));
        assert_eq!(setting(&radio, "packet-loss-percentage"), "10");
        assert_eq!(setting(&radio, "bandwidth"), "wideband");
    }

    #[test]
    fn what_is_set_by_hand_wins_over_the_profile() {
        let wishes = Wishes {
            bitrate: Some(64),
            frame: Frame::Twenty,
            fec: Some(false),
            expected_loss: Some(20),
            dtx: Some(true),
            channels: Some(2),
        };
        let tuning = Tuning::new(Profile::Voice, &wishes);
        assert_eq!(setting(&tuning, "bitrate"), "64000");
        assert_eq!(setting(&tuning, "frame-size"), "20");
        assert_eq!(setting(&tuning, "inband-fec"), "false");
        assert_eq!(setting(&tuning, "packet-loss-percentage"), "20");
        assert_eq!(setting(&tuning, "dtx"), "true");
        assert_eq!(tuning.channels, 2);
    }

    #[test]
    fn fec_takes_music_out_of_the_coder_that_has_none() {
        let wishes = Wishes {
            fec: Some(true),
            ..Wishes::default()
        };
        let tuning = Tuning::new(Profile::Music, &wishes);
        assert_eq!(setting(&tuning, "audio-type"), "generic");
    }

    #[test]
    fn one_channel_is_taken_for_a_voice_and_two_for_music() {
        let usual = |profile| Tuning::new(profile, &Wishes::default());
        assert_eq!(
            Tuning::for_sound(Some(1), None, None),
            usual(Profile::Voice)
        );
        for channels in [None, Some(2), Some(6)] {
            let tuning = Tuning::for_sound(channels, None, None);
            assert_eq!(tuning, usual(Profile::Music));
        }
    }

    #[test]
    fn a_profile_that_is_asked_for_leaves_channels_out_but_makes_none() {
        let voice = Tuning::for_sound(Some(2), Some(Profile::Voice), Some(64));
        assert_eq!((voice.channels, voice.bitrate), (1, 64));
        let music = Tuning::for_sound(Some(1), Some(Profile::Music), None);
        assert_eq!((music.channels, music.bitrate), (1, 128));
    }
}
