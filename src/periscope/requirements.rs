//! What has to be installed, looked at before anything starts.

use std::sync::{Mutex, Once, PoisonError};
use std::thread::JoinHandle;

use super::settings::Settings;
use crate::media::VideoCodec;
use crate::media::codec::Codec;
use crate::media::elements::{self, Missing};
use crate::media::encoders;

/// Elements that every peer needs. webrtcbin itself only says which of them is missing
/// when a viewer comes.
const FOR_EVERY_PEER: &[&str] = &[
    "webrtcbin",
    "nicesrc",
    "nicesink",
    "dtlssrtpenc",
    "dtlssrtpdec",
    "srtpenc",
    "srtpdec",
    "sctpenc",
    "sctpdec",
    "rtpbin",
    "rtpfunnel",
    "rtph264pay",
    "rtpvp8pay",
    "rtpopuspay",
    "h264parse",
    "opusparse",
    "opusenc",
    "appsrc",
    "appsink",
    "clocksync",
    "videoconvert",
    "videoscale",
    "audioconvert",
    "audioresample",
];

/// Checks the installation against the settings. A text comes back if everything works,
/// but less well than it could; an error if it cannot work.
pub(super) fn check(settings: &Settings) -> Result<Option<String>, String> {
    if let Some(missing) = elements::first_missing(FOR_EVERY_PEER) {
        return Err(missing.to_string());
    }
    if let Some(encoder) = &settings.video_encoder {
        if encoders::recipe_for(encoder).is_none() {
            return Err(format!(
                "video-encoder: “{encoder}” is not one that this element knows how to set: {}",
                known_encoders()
            ));
        }
        if !elements::exists(encoder) {
            return Err(missing(encoder));
        }
    }
    let h264 = can_encode(Codec::H264);
    let vp8 = can_encode(Codec::Vp8);
    match settings.video_codec {
        VideoCodec::H264 if !h264 => Err(missing("x264enc")),
        VideoCodec::Vp8 if !vp8 => Err(missing("vp8enc")),
        VideoCodec::Auto if !h264 && !vp8 => Err(missing("x264enc")),
        VideoCodec::Auto if !h264 => Ok(Some(format!(
            "no H.264 encoder: all viewers get VP8. {}",
            missing("x264enc")
        ))),
        VideoCodec::Auto if !vp8 => Ok(Some(format!(
            "no VP8 encoder: viewers without H.264 get no picture. {}",
            missing("vp8enc")
        ))),
        _ => Ok(None),
    }
}

fn can_encode(codec: Codec) -> bool {
    encoders::recipes(codec)
        .iter()
        .any(|recipe| elements::exists(recipe.element))
}

fn missing(element: &str) -> String {
    Missing {
        element: element.to_owned(),
        package: elements::debian_package(element),
    }
    .to_string()
}

fn known_encoders() -> String {
    [Codec::H264, Codec::Vp8]
        .into_iter()
        .flat_map(|codec| encoders::recipes(codec).iter().map(|recipe| recipe.element))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The thread of [`preload`], while it may be running.
static PRELOADING: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);

/// Loads what the first viewer needs, in the background and once a process: plugins,
/// and the certificate that GStreamer makes for all its WebRTC connections. The first
/// viewer would wait for it.
pub(super) fn preload() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let thread = std::thread::Builder::new()
            .name("periscope-preload".into())
            .spawn(crate::peer::rtc::rehearse);
        *PRELOADING.lock().unwrap_or_else(PoisonError::into_inner) = thread.ok();
    });
}

/// Waits until nothing is being loaded. A program may end, and with it GStreamer, as
/// soon as the element has stopped.
pub(super) fn finish_preloading() {
    let thread = PRELOADING
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(thread) = thread {
        let _ = thread.join();
    }
}
