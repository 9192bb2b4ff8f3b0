//! Encode once, hand out to all.
//!
//! In comes what enters the sink pads of the element; out go encoded buffers, by
//! [`stream::Subscription`], to as many peers as there are, and messages. The element
//! makes an [`input::Input`] for each sink pad, the peers subscribe. Nothing in here
//! ever makes the user's pipeline wait.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;

use crate::congestion::Congestion;
use crate::congestion::audience::Size;
use crate::opus::Profile;

pub(crate) mod codec;
pub(crate) mod data;
pub(crate) mod elements;
pub(crate) mod encoders;
pub(crate) mod encoding;
pub(crate) mod fanout;
pub(crate) mod gate;
pub(crate) mod input;
pub(crate) mod key_frames;
pub(crate) mod place;
pub(crate) mod playout_delay;
pub(crate) mod stream;
pub(crate) mod transport_feedback;

/// Which video codecs are sent (property `video-codec`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeVideoCodec")]
#[repr(i32)]
pub enum VideoCodec {
    /// H.264, and VP8 for viewers that cannot decode H.264.
    #[default]
    #[enum_value(
        name = "H.264, and VP8 for viewers that cannot decode it",
        nick = "auto"
    )]
    Auto = 0,
    /// H.264 only.
    #[enum_value(name = "H.264 only", nick = "h264")]
    H264 = 1,
    /// VP8 only.
    #[enum_value(name = "VP8 only", nick = "vp8")]
    Vp8 = 2,
}

/// What raw sound is, and so how it is encoded (property `audio-profile`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeAudioProfile")]
#[repr(i32)]
pub enum AudioProfile {
    /// A voice if it has one channel, else music.
    #[default]
    #[enum_value(name = "voice if it is mono, else music", nick = "auto")]
    Auto = 0,
    /// People who talk.
    #[enum_value(
        name = "People who talk: mono, 40 kbit/s, in-band FEC for 5 % loss",
        nick = "voice"
    )]
    Voice = 1,
    /// Everything that is to sound as it is.
    #[enum_value(
        name = "Music and measurements: stereo, 128 kbit/s, least delay",
        nick = "music"
    )]
    Music = 2,
    /// What a receiver makes of a radio channel.
    #[enum_value(
        name = "Radio channels, or a weak network: mono, 24 kbit/s, in-band FEC for 10 % loss",
        nick = "radio"
    )]
    Radio = 3,
}

impl AudioProfile {
    /// None: by the sound.
    pub(crate) const fn profile(self) -> Option<Profile> {
        match self {
            Self::Auto => None,
            Self::Voice => Some(Profile::Voice),
            Self::Music => Some(Profile::Music),
            Self::Radio => Some(Profile::Radio),
        }
    }
}

/// How to encode; from the element's properties.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) video_codec: VideoCodec,
    /// kbit/s; 0: by the size of the picture.
    pub(crate) video_bitrate: u32,
    /// Greatest time from one key frame to the next.
    pub(crate) key_frame_interval: Duration,
    pub(crate) audio_profile: AudioProfile,
    /// kbit/s; 0: by the profile.
    pub(crate) audio_bitrate: u32,
    /// A GStreamer element to use instead of the first that works.
    pub(crate) video_encoder: Option<String>,
    /// Sound and picture are shown as they belong together, not each as early as can be.
    pub(crate) lip_sync: bool,
    /// What becomes of viewers whose network does not carry the stream.
    pub(crate) congestion: Congestion,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            video_codec: VideoCodec::Auto,
            video_bitrate: 0,
            key_frame_interval: Duration::from_secs(10),
            audio_profile: AudioProfile::Auto,
            audio_bitrate: 0,
            video_encoder: None,
            lip_sync: false,
            congestion: Congestion::default(),
        }
    }
}

/// The clock and base time of the user's pipeline, which all others run on, so that a
/// time stamp means the same everywhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timing {
    pub(crate) clock: Option<gst::Clock>,
    pub(crate) base_time: Option<gst::ClockTime>,
}

impl Timing {
    pub(crate) fn apply(&self, pipeline: &gst::Pipeline) {
        let clock = self.clock.clone().unwrap_or_else(gst::SystemClock::obtain);
        pipeline.set_base_time(self.base_time.unwrap_or_else(|| clock.time()));
        pipeline.use_clock(Some(&clock));
        pipeline.set_start_time(gst::ClockTime::NONE);
    }
}

/// All streams of one element, and how they are encoded.
///
/// Lock: `state` comes before the state of an input, of which it asks whether it is known;
/// nothing else is taken under it.
#[derive(Default)]
pub(crate) struct Media {
    state: Mutex<MediaState>,
    /// Notified when a stream has become known, or has gone.
    changed: Condvar,
}

/// How long after the start of the element an offer waits for streams to tell what they
/// are. A camera that sends H.264 is best offered as just that; one that is off must not
/// keep anybody waiting later.
const SETTLING: Duration = Duration::from_secs(2);

#[derive(Default)]
struct MediaState {
    streams: Vec<Arc<stream::Stream>>,
    settings: Settings,
    timing: Timing,
    on_trouble: Option<encoding::OnTrouble>,
    started: Option<Instant>,
}

impl Media {
    /// Settles how encoders that start from now on are set, and who hears of trouble.
    pub(crate) fn configure(&self, settings: Settings, on_trouble: encoding::OnTrouble) {
        let mut state = self.locked();
        state.settings = settings;
        state.on_trouble = Some(on_trouble);
        state.started = Some(Instant::now());
    }

    /// The element has stopped: nobody waits for streams any more, and no picture is kept.
    pub(crate) fn rest(&self) {
        self.hurry();
        for stream in self.streams() {
            stream.input.forget();
        }
    }

    /// Ends all waiting for streams to become known.
    pub(crate) fn hurry(&self) {
        self.locked().started = None;
        self.changed.notify_all();
    }

    /// A stream has become known.
    pub(crate) fn notify(&self) {
        // With the lock, so that nobody looks and goes to sleep in between.
        let _state = self.locked();
        self.changed.notify_all();
    }

    /// Waits, soon after the start only, until every stream has told what it is.
    pub(crate) fn settle(&self) {
        let mut state = self.locked();
        while !state.streams.iter().all(|stream| stream.is_ready()) {
            let Some(started) = state.started else {
                return;
            };
            let left = (started + SETTLING).saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn locked(&self) -> MutexGuard<'_, MediaState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, stream: Arc<stream::Stream>) {
        self.locked().streams.push(stream);
    }

    pub(crate) fn remove(&self, name: &str) {
        let mut state = self.locked();
        state.streams.retain(|stream| stream.name != name);
        self.changed.notify_all();
    }

    /// The streams, in the order in which their pads came.
    pub(crate) fn streams(&self) -> Vec<Arc<stream::Stream>> {
        self.locked().streams.clone()
    }

    pub(crate) fn timing(&self) -> Timing {
        self.locked().timing.clone()
    }

    pub(crate) fn set_timing(&self, timing: Timing) {
        self.locked().timing = timing;
    }

    /// The codecs in which a stream can be had, best first.
    pub(crate) fn offered(&self, stream: &stream::Stream) -> Vec<stream::OfferedCodec> {
        let settings = self.locked().settings.clone();
        stream.offered(&settings)
    }

    /// The media stream that a stream is a part of, for browsers: those of one stream are kept
    /// in step.
    pub(crate) fn msid(&self, stream: &str) -> String {
        match self.locked().settings.lip_sync {
            true => "bench".to_owned(),
            false => stream.to_owned(),
        }
    }

    /// Whether browsers play sound in step with the picture.
    pub(crate) fn keeps_lips_in_step(&self) -> bool {
        self.locked().settings.lip_sync
    }

    /// What becomes of viewers whose network does not carry a stream.
    pub(crate) fn congestion(&self) -> Congestion {
        self.locked().settings.congestion
    }

    /// Takes part in a stream; see [`stream::Stream::subscribe`].
    pub(crate) fn subscribe(
        &self,
        stream: &stream::Stream,
        codec: codec::Codec,
        size: Size,
    ) -> anyhow::Result<stream::Subscription> {
        let (settings, timing, on_trouble) = {
            let state = self.locked();
            (
                state.settings.clone(),
                state.timing.clone(),
                state.on_trouble.clone(),
            )
        };
        stream.subscribe(
            codec,
            size,
            &settings,
            &timing,
            &on_trouble.unwrap_or_else(|| Arc::new(|_| {})),
        )
    }
}
