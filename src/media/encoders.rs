//! Which encoder to use, and how it is set for pictures without delay.
//!
//! The tables are plain data. Hardware stands before software; an encoder is used
//! when GStreamer has it and it accepts being started on this machine.

use super::codec::Codec;

/// How an encoder names and counts its settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe {
    /// GStreamer element.
    pub(crate) element: &'static str,
    /// The raw format that it takes without a conversion of its own.
    pub(crate) raw_format: &'static str,
    /// Property that takes the bitrate, and how many of its units make one kbit/s.
    pub(crate) bitrate: Option<(&'static str, u32)>,
    /// Property that takes the greatest distance of key frames, in frames.
    pub(crate) key_frame_distance: Option<&'static str>,
    /// Other settings; those that an element version does not have are left out.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Caps that follow the encoder, to fix profile and stream format.
    pub(crate) output: &'static str,
}

const H264_OUTPUT: &str = "video/x-h264,profile=constrained-baseline";
/// Some hardware encoders only know the unconstrained name of the same stream.
const H264_BASELINE: &str = "video/x-h264,profile=baseline";
const VP8_OUTPUT: &str = "video/x-vp8";

const H264: &[Recipe] = &[
    Recipe {
        element: "vah264enc",
        raw_format: "NV12",
        bitrate: Some(("bitrate", 1)),
        key_frame_distance: Some("key-int-max"),
        settings: &[
            ("b-frames", "0"),
            ("ref-frames", "1"),
            ("target-usage", "6"),
            ("rate-control", "cbr"),
        ],
        output: H264_OUTPUT,
    },
    Recipe {
        element: "vah264lpenc",
        raw_format: "NV12",
        bitrate: Some(("bitrate", 1)),
        key_frame_distance: Some("key-int-max"),
        settings: &[
            ("b-frames", "0"),
            ("ref-frames", "1"),
            ("target-usage", "6"),
            ("rate-control", "cbr"),
        ],
        output: H264_OUTPUT,
    },
    Recipe {
        element: "vaapih264enc",
        raw_format: "NV12",
        bitrate: Some(("bitrate", 1)),
        key_frame_distance: Some("keyframe-period"),
        settings: &[
            ("max-bframes", "0"),
            ("refs", "1"),
            ("quality-level", "7"),
            ("rate-control", "cbr"),
        ],
        output: H264_OUTPUT,
    },
    Recipe {
        element: "nvh264enc",
        raw_format: "NV12",
        bitrate: Some(("bitrate", 1)),
        key_frame_distance: Some("gop-size"),
        settings: &[
            ("preset", "low-latency-hp"),
            ("rc-mode", "cbr"),
            ("zerolatency", "true"),
            ("bframes", "0"),
        ],
        output: H264_BASELINE,
    },
    Recipe {
        element: "qsvh264enc",
        raw_format: "NV12",
        bitrate: Some(("bitrate", 1)),
        key_frame_distance: Some("gop-size"),
        settings: &[
            ("b-frames", "0"),
            ("low-latency", "true"),
            ("target-usage", "7"),
            ("rate-control", "cbr"),
        ],
        output: H264_BASELINE,
    },
    // Raspberry Pi up to 4, and other boards with a stateful V4L2 encoder. The driver
    // wants the level in the caps.
    Recipe {
        element: "v4l2h264enc",
        raw_format: "NV12",
        bitrate: None,
        key_frame_distance: None,
        settings: &[],
        output: "video/x-h264,profile=(string){constrained-baseline,baseline},level=(string)4",
    },
    Recipe {
        element: "omxh264enc",
        raw_format: "NV12",
        bitrate: Some(("target-bitrate", 1000)),
        key_frame_distance: Some("interval-intraframes"),
        settings: &[("control-rate", "constant")],
        output: H264_BASELINE,
    },
    Recipe {
        element: "x264enc",
        raw_format: "I420",
        bitrate: Some(("bitrate", 1)),
        key_frame_distance: Some("key-int-max"),
        settings: &[
            ("tune", "zerolatency"),
            ("speed-preset", "ultrafast"),
            ("bframes", "0"),
            ("byte-stream", "true"),
            // It would be a packet of its own in front of each picture.
            ("aud", "false"),
            // The rate controller's window, in milliseconds: what a key frame may
            // take at once, and so the burst that a Wi-Fi link has to swallow.
            ("vbv-buf-capacity", "300"),
        ],
        output: H264_OUTPUT,
    },
    Recipe {
        element: "openh264enc",
        raw_format: "I420",
        bitrate: Some(("bitrate", 1000)),
        key_frame_distance: Some("gop-size"),
        settings: &[
            ("usage-type", "camera"),
            ("complexity", "low"),
            ("rate-control", "bitrate"),
            ("slice-mode", "auto"),
        ],
        output: H264_OUTPUT,
    },
];

const VP8: &[Recipe] = &[
    Recipe {
        element: "vavp8enc",
        raw_format: "NV12",
        bitrate: Some(("bitrate", 1)),
        key_frame_distance: Some("keyframe-period"),
        settings: &[("rate-control", "cbr")],
        output: VP8_OUTPUT,
    },
    Recipe {
        element: "vaapivp8enc",
        raw_format: "NV12",
        bitrate: Some(("bitrate", 1)),
        key_frame_distance: Some("keyframe-period"),
        settings: &[("rate-control", "cbr")],
        output: VP8_OUTPUT,
    },
    Recipe {
        element: "vp8enc",
        raw_format: "I420",
        bitrate: Some(("target-bitrate", 1000)),
        key_frame_distance: Some("keyframe-max-dist"),
        settings: &[
            // One microsecond a frame: libvpx's real-time mode.
            ("deadline", "1"),
            // A fixed speed. Above 0 libvpx takes as much time for a picture as that leaves it:
            // on two shared cores 12 ms for 1280×720 with 10, and 6 ms with −12. −16 takes a
            // tenth less than that, for 0.7 dB at the same bitrate.
            ("cpu-used", "-16"),
            ("lag-in-frames", "0"),
            ("end-usage", "cbr"),
            ("token-partitions", "1"),
            ("buffer-initial-size", "200"),
            ("buffer-optimal-size", "250"),
            ("buffer-size", "400"),
            ("undershoot", "95"),
            ("overshoot", "15"),
            ("max-intra-bitrate", "600"),
            ("static-threshold", "1"),
        ],
        output: VP8_OUTPUT,
    },
];

const OPUS: &[Recipe] = &[Recipe {
    element: "opusenc",
    raw_format: "S16LE",
    // By what the sound is: opus::tuning.
    bitrate: None,
    key_frame_distance: None,
    settings: &[],
    output: "audio/x-opus",
}];

/// All recipes for a codec, best first.
pub(crate) const fn recipes(codec: Codec) -> &'static [Recipe] {
    match codec {
        Codec::H264 => H264,
        Codec::Vp8 => VP8,
        Codec::Opus => OPUS,
    }
}

/// The recipe for an element that the user named, if it is known here.
pub(crate) fn recipe_for(element: &str) -> Option<(Codec, Recipe)> {
    [Codec::H264, Codec::Vp8, Codec::Opus]
        .into_iter()
        .flat_map(|codec| recipes(codec).iter().map(move |recipe| (codec, *recipe)))
        .find(|(_, recipe)| recipe.element == element)
}

/// A bitrate in kbit/s for pictures of this size: a tenth of a bit for each pixel of
/// each frame, which on a LAN looks clean with the fast encoders above (0.9 Mbit/s for
/// 640×480 at 30 frames/s, 2.8 for 1280×720, 6.2 for 1920×1080), within 300–12,000.
pub(crate) fn automatic_bitrate(width: u32, height: u32, frames_per_second: f64) -> u32 {
    let bits = f64::from(width) * f64::from(height) * frames_per_second * 0.1;
    let kilobits = (bits / 1000.0).clamp(300.0, 12_000.0);
    // Within 300–12,000 by the line above.
    kilobits as u32
}

/// Threads for libvpx. They wait for each other in a busy loop: on two cores with other work
/// two of them made 26 frames of 150 where one made 140. So there are more only where cores
/// are spare, and pictures large enough.
pub(crate) const fn vpx_threads(width: u32, height: u32, cores: usize) -> u32 {
    let pixels = width.saturating_mul(height);
    match cores {
        4.. if pixels > 1280 * 960 => 3,
        3.. if pixels > 640 * 480 => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libvpx_gets_threads_only_where_cores_are_spare() {
        assert_eq!(vpx_threads(1920, 1080, 2), 1);
        assert_eq!(vpx_threads(640, 480, 16), 1);
        assert_eq!(vpx_threads(1280, 720, 4), 2);
        assert_eq!(vpx_threads(1920, 1080, 4), 3);
    }

    #[test]
    fn hardware_comes_before_software() {
        let names: Vec<_> = recipes(Codec::H264).iter().map(|r| r.element).collect();
        let position = |name| names.iter().position(|n| *n == name);
        assert!(position("vah264enc") < position("x264enc"));
        assert!(position("v4l2h264enc") < position("x264enc"));
        assert!(position("x264enc") < position("openh264enc"));
    }

    #[test]
    fn the_bitrate_grows_with_the_picture_and_stays_in_bounds() {
        assert_eq!(automatic_bitrate(640, 480, 30.0), 921);
        assert_eq!(automatic_bitrate(1280, 720, 30.0), 2764);
        assert_eq!(automatic_bitrate(16, 16, 1.0), 300);
        assert_eq!(automatic_bitrate(7680, 4320, 60.0), 12_000);
    }

    #[test]
    fn a_named_encoder_is_found_with_its_codec() {
        let (codec, recipe) = recipe_for("vp8enc").expect("known");
        assert_eq!((codec, recipe.element), (Codec::Vp8, "vp8enc"));
        assert!(recipe_for("nosuchenc").is_none());
    }
}
