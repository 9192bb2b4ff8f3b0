//! The properties of both elements and what their manuals say of them.

use gst::glib;
use gst::prelude::*;

use super::settings::{DEFAULT_BUFFER, MAX_BUFFER, MIN_BUFFER, Processing, System};
use super::tuning::{Frame, Profile};

/// The properties of both elements.
pub(super) fn common() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecString::builder("device")
            .nick("Device")
            .blurb(
                "Which sound device: its name in PulseAudio, PipeWire or ALSA, as after device= \
                 or target-object= in what gst-device-monitor-1.0 Audio/Source (or Audio/Sink) \
                 lists, such as alsa_input.usb-Burr-Brown-00.analog-stereo or hw:1; or the \
                 description that it lists as name. If it is not set: the system's default",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<System>("system")
            .nick("Sound system")
            .blurb(
                "By which of the system's ways to reach the device. PulseAudio is also what \
                 PipeWire offers to programs that were made for PulseAudio",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("required")
            .nick("Required")
            .blurb(
                "Fail at the start if the device cannot be used. Otherwise that is a warning, \
                 and the device is used as soon as it can be",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("buffer")
            .nick("Device buffer")
            .blurb(
                "How much sound the device is asked to hold, in milliseconds; it is moved in \
                 quarters of that. Less is less delay, and more often a crackle when the \
                 computer is busy",
            )
            .minimum(MIN_BUFFER)
            .maximum(MAX_BUFFER)
            .default_value(DEFAULT_BUFFER)
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("mute")
            .nick("Mute")
            .blurb("Silence in place of the sound. The device stays in use")
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("volume")
            .nick("Volume")
            .blurb("Factor of the amplitude; 1: as it is. It is not that of the device")
            .minimum(0.0)
            .maximum(10.0)
            .default_value(1.0)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("level-interval")
            .nick("Interval of level messages")
            .blurb(
                "Every how many milliseconds the element posts an element message level, with \
                 the arrays rms and peak: dBFS of each channel, after volume and mute. 0: never",
            )
            .maximum(60_000)
            .mutable_playing()
            .build(),
        glib::ParamSpecString::builder("state")
            .nick("State of the device")
            .blurb(
                "open, waiting (it cannot be used; tried again every second), or closed (the \
                 element is not PAUSED or PLAYING). Changes are posted as element message \
                 sound-state, fields device, state, text",
            )
            .default_value(Some("closed"))
            .read_only()
            .build(),
    ]
}

/// Those of the source alone.
pub(super) fn of_source() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecEnum::builder::<Profile>("profile")
            .nick("Profile")
            .blurb(
                "What is to be heard, and so how it is encoded. Settings of the encoder that \
                 are made by hand win over it",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("bitrate")
            .nick("Bitrate")
            .blurb("Bitrate of the encoder in kbit/s (at least 6). 0: as the profile says")
            .maximum(510)
            .mutable_playing()
            .build(),
        glib::ParamSpecEnum::builder::<Frame>("frame")
            .nick("Frame")
            .blurb("How much sound is in a packet")
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("fec")
            .nick("In-band FEC")
            .blurb(
                "Repeat each frame in short in the one after it, for packets that are lost \
                 (RFC 6716, section 2.1.7). If it is not set: as the profile says",
            )
            .default_value(true)
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt::builder("expected-loss")
            .nick("Expected loss")
            .blurb(
                "Percent of packets that get lost on the way: the more, the more is spent on \
                 FEC. If it is not set: as the profile says",
            )
            .maximum(100)
            .default_value(5)
            .mutable_playing()
            .build(),
        glib::ParamSpecBoolean::builder("dtx")
            .nick("DTX")
            .blurb(
                "Send next to nothing while it is silent (RFC 6716, section 2.1.9). If it is \
                 not set: as the profile says",
            )
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("channels")
            .nick("Channels")
            .blurb("1: mono, 2: stereo. 0: as the profile says")
            .maximum(2)
            .mutable_ready()
            .build(),
        glib::ParamSpecFlags::builder::<Processing>("processing")
            .nick("Processing")
            .blurb(
                "What is done to the sound of a microphone before it is encoded (webrtcdsp). \
                 For echo this needs an opussink in the same program, which it finds by itself",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb(
                "system: the element that has the device; state; reconnects; silence: \
                 milliseconds of silence while the device gave nothing; lost: milliseconds of \
                 sound that the device or the pipeline was too slow for; echo: whether there \
                 is an opussink whose echo is taken out",
            )
            .read_only()
            .build(),
    ]
}

/// Those of the sink alone.
pub(super) fn of_sink() -> Vec<glib::ParamSpec> {
    vec![
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb(
                "system: the element that has the device; state; reconnects; delay: \
                 milliseconds of sound that wait for the device, without its own buffer; \
                 target: what delay is held to; rate: parts per million by which sound is \
                 played faster than it comes, to follow the device's clock; underruns: how \
                 often there was nothing to play; dropped: milliseconds of sound that were \
                 dropped because they came too late, or all at once, or nobody played them",
            )
            .read_only()
            .build(),
    ]
}
