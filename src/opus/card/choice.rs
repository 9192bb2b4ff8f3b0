//! Which elements may have a device, best first.
//!
//! Pure: what there is on this machine comes as an argument.

use crate::media::elements::{Missing, debian_package};
use crate::opus::settings::System;

/// The way that sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From a microphone.
    Capture,
    /// To a loudspeaker.
    Playback,
}

/// A way to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) system: System,
    /// GStreamer element.
    pub(crate) element: &'static str,
}

const fn candidate(system: System, direction: Direction) -> Candidate {
    let element = match (system, direction) {
        (System::PipeWire, Direction::Capture) => "pipewiresrc",
        (System::PipeWire, Direction::Playback) => "pipewiresink",
        (System::Alsa, Direction::Capture) => "alsasrc",
        (System::Alsa, Direction::Playback) => "alsasink",
        (_, Direction::Capture) => "pulsesrc",
        (_, Direction::Playback) => "pulsesink",
    };
    Candidate { system, element }
}

/// The systems whose devices are named like this. PulseAudio comes first: it is there on
/// most systems, with PipeWire behind it on new ones, and shares cards with other programs.
fn systems_for(device: Option<&str>) -> &'static [System] {
    // The kinds of names that alsa-lib's own configuration defines for cards.
    const ALSA: &[&str] = &[
        "hw",
        "plughw",
        "dmix",
        "dsnoop",
        "front",
        "sysdefault",
        "default",
        "plug",
        "usbstream",
    ];
    let Some(device) = device else {
        return &[System::PulseAudio, System::PipeWire, System::Alsa];
    };
    let kind = device.split(':').next().unwrap_or_default();
    if ALSA.contains(&kind) {
        &[System::Alsa]
    } else if device.bytes().all(|byte| byte.is_ascii_digit()) {
        // PipeWire numbers what it knows.
        &[System::PipeWire]
    } else {
        &[System::PulseAudio, System::PipeWire]
    }
}

/// The ways to try, in order; an error names what is missing.
pub(crate) fn candidates(
    system: System,
    device: Option<&str>,
    direction: Direction,
    exists: impl Fn(&str) -> bool,
) -> Result<Vec<Candidate>, String> {
    let one = [system];
    let systems = match system {
        System::Auto => systems_for(device),
        _ => &one,
    };
    let all = systems.iter().map(|system| candidate(*system, direction));
    let mut there: Vec<Candidate> = all.clone().filter(|c| exists(c.element)).collect();
    if device.is_some() {
        // Another system does not know the device if this one does not, and might take
        // another microphone.
        there.truncate(1);
    }
    if there.is_empty() {
        let missing = all.map(|c| c.element).next().unwrap_or_default();
        let missing = Missing {
            element: missing.to_owned(),
            package: debian_package(missing),
        };
        return Err(missing.to_string());
    }
    Ok(there)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(system: System, device: Option<&str>, direction: Direction) -> Vec<&'static str> {
        let all = candidates(system, device, direction, |_| true).expect("some");
        all.into_iter().map(|c| c.element).collect()
    }

    #[test]
    fn without_a_name_every_system_is_tried_pulseaudio_first() {
        assert_eq!(
            elements(System::Auto, None, Direction::Capture),
            ["pulsesrc", "pipewiresrc", "alsasrc"]
        );
        assert_eq!(
            elements(System::Auto, None, Direction::Playback),
            ["pulsesink", "pipewiresink", "alsasink"]
        );
    }

    #[test]
    fn the_kind_of_name_tells_the_system() {
        let of = |name| elements(System::Auto, Some(name), Direction::Capture);
        assert_eq!(of("hw:1,0"), ["alsasrc"]);
        assert_eq!(of("plughw:CARD=Codec"), ["alsasrc"]);
        assert_eq!(of("sysdefault:CARD=PCH"), ["alsasrc"]);
        assert_eq!(of("42"), ["pipewiresrc"]);
        assert_eq!(of("alsa_input.usb-0.analog"), ["pulsesrc"]);
    }

    #[test]
    fn a_system_that_is_asked_for_is_the_only_one() {
        assert_eq!(
            elements(System::PipeWire, Some("hw:1"), Direction::Playback),
            ["pipewiresink"]
        );
    }

    #[test]
    fn what_is_not_installed_is_passed_over_or_named_with_its_package() {
        let only_alsa = |element: &str| element.starts_with("alsa");
        let found = candidates(System::Auto, None, Direction::Capture, only_alsa);
        assert_eq!(found.expect("alsa").len(), 1);
        let error = candidates(System::PipeWire, None, Direction::Capture, |_| false);
        let error = error.expect_err("nothing there");
        assert!(error.contains("gstreamer1.0-pipewire"), "{error}");
    }
}
