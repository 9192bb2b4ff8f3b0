//! One stream of the bench: an input, and the encodings of it that are in use.
//!
//! Locks: `encodings` is held for look-ups only; an encoder is started, set and stopped
//! outside it. `audiences` is a leaf.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::codec::{Codec, DEFAULT_PROFILE_LEVEL_ID};
use super::encoders;
use super::encoding::{Encoding, OnTrouble, Plan};
use super::fanout::Fanout;
use super::input::{Input, Kind, State};
use super::{Settings, Timing, VideoCodec, elements};
use crate::congestion::audience::{Audience, Size};
use crate::opus::tuning::Tuning;

/// One video or audio stream that viewers can watch.
pub(crate) struct Stream {
    /// Name of the element's pad.
    pub(crate) name: String,
    pub(crate) input: Arc<Input>,
    encodings: Mutex<HashMap<(Codec, Size), Weak<Encoding>>>,
    /// Who watches what is encoded here.
    pub(super) audiences: Mutex<HashMap<Codec, Audience>>,
    /// Origin of the times that `audiences` are told.
    pub(super) epoch: Instant,
}

/// A codec that a stream can be had in, with what SDP says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OfferedCodec {
    pub(crate) codec: Codec,
    /// For H.264: `profile-level-id`, RFC 6184, section 8.1.
    pub(crate) profile_level_id: Option<String>,
    /// For Opus: whether two channels come, RFC 7587, section 7.
    pub(crate) stereo: bool,
}

/// An encoder that runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunningEncoder {
    pub(crate) codec: Codec,
    pub(crate) size: Size,
    pub(crate) element: &'static str,
    /// As it is set, in kbit/s.
    pub(crate) bitrate: u32,
}

/// A viewer's hold on a stream in one codec. The encoder runs while one is alive.
pub(crate) struct Subscription {
    fanout: Fanout,
    encoding: Option<Arc<Encoding>>,
}

impl Subscription {
    pub(crate) const fn fanout(&self) -> &Fanout {
        &self.fanout
    }

    /// Bitrate that is set for what is encoded here, in kbit/s.
    pub(crate) fn ceiling(&self) -> Option<u32> {
        self.encoding.as_ref().map(|encoding| encoding.ceiling())
    }

    /// The element that encodes, if one does.
    pub(crate) fn encoder(&self) -> Option<&'static str> {
        self.encoding
            .as_ref()
            .and_then(|encoding| encoding.element())
    }
}

impl Stream {
    pub(crate) fn new(name: &str, input: Arc<Input>) -> Self {
        Self {
            name: name.to_owned(),
            input,
            encodings: Mutex::new(HashMap::new()),
            audiences: Mutex::new(HashMap::new()),
            epoch: Instant::now(),
        }
    }

    /// What browsers call this kind of stream.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.input.kind() {
            Kind::Video => "video",
            Kind::Audio => "audio",
            Kind::Data => "data",
        }
    }

    /// The codecs to offer, best first.
    pub(crate) fn offered(&self, settings: &Settings) -> Vec<OfferedCodec> {
        offered(self.input.kind(), &self.input.state(), settings, &|codec| {
            encoders::recipes(codec)
                .iter()
                .any(|recipe| elements::exists(recipe.element))
        })
    }

    /// Whether anything has arrived, so that [`Stream::subscribe`] can work.
    pub(crate) fn is_ready(&self) -> bool {
        !matches!(self.input.state(), State::Unknown)
    }

    /// Takes part in the stream in `codec`; starts an encoder if none runs for it.
    pub(crate) fn subscribe(
        &self,
        codec: Codec,
        size: Size,
        settings: &Settings,
        timing: &Timing,
        on_trouble: &OnTrouble,
    ) -> anyhow::Result<Subscription> {
        let source = self.input.state();
        match &source {
            State::Unknown => anyhow::bail!("{} has not sent anything yet", self.name),
            State::Data => anyhow::bail!("{} carries messages", self.name),
            State::Encoded {
                codec: arriving,
                fanout,
                ..
            } if *arriving == codec => {
                return Ok(Subscription {
                    fanout: fanout.clone(),
                    encoding: None,
                });
            }
            State::Encoded { .. } | State::Raw { .. } => {}
        }
        // An encoder that starts for viewers with a narrow path starts with what it takes.
        let narrow = match size {
            Size::Main => None,
            Size::Small => self
                .audiences()
                .get(&codec)
                .map(|audience| audience.rates().small),
        };
        let encoding = {
            let mut encodings = self.encodings();
            match encodings.get(&(codec, size)).and_then(Weak::upgrade) {
                Some(running) => running,
                None => {
                    let made = Arc::new(Encoding::new(Plan {
                        stream: self.name.clone(),
                        codec,
                        size,
                        source,
                        settings: settings.clone(),
                        timing: timing.clone(),
                        on_trouble: on_trouble.clone(),
                    }));
                    encodings.insert((codec, size), Arc::downgrade(&made));
                    made
                }
            }
        };
        if let Some(kilobits) = narrow {
            encoding.set_bitrate(kilobits);
        }
        encoding.start()?;
        Ok(Subscription {
            fanout: encoding.output().clone(),
            encoding: Some(encoding),
        })
    }

    pub(super) fn audiences(&self) -> MutexGuard<'_, HashMap<Codec, Audience>> {
        self.audiences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn encodings(&self) -> MutexGuard<'_, HashMap<(Codec, Size), Weak<Encoding>>> {
        self.encodings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The encoding of this codec and size, if somebody watches it.
    pub(super) fn encoding(&self, codec: Codec, size: Size) -> Option<Arc<Encoding>> {
        self.encodings().get(&(codec, size))?.upgrade()
    }

    /// The encoders that run for this stream, by codec and size.
    pub(crate) fn encoders(&self) -> Vec<RunningEncoder> {
        let encodings: Vec<(Codec, Size, Arc<Encoding>)> = self
            .encodings()
            .iter()
            .filter_map(|((codec, size), weak)| Some((*codec, *size, weak.upgrade()?)))
            .collect();
        let mut running: Vec<_> = encodings
            .iter()
            .filter_map(|(codec, size, encoding)| {
                Some(RunningEncoder {
                    codec: *codec,
                    size: *size,
                    element: encoding.element()?,
                    bitrate: encoding.bitrate(),
                })
            })
            .collect();
        running.sort_unstable();
        running
    }
}

/// What can be offered for a stream in a state: pure, `encodable` tells what this
/// machine can encode.
fn offered(
    kind: Kind,
    state: &State,
    settings: &Settings,
    encodable: &dyn Fn(Codec) -> bool,
) -> Vec<OfferedCodec> {
    let arriving = match state {
        State::Encoded { codec, .. } => Some(*codec),
        _ => None,
    };
    let wanted: &[Codec] = match (kind, settings.video_codec) {
        (Kind::Audio, _) => &[Codec::Opus],
        (Kind::Data, _) => &[],
        (Kind::Video, VideoCodec::Auto) => &[Codec::H264, Codec::Vp8],
        (Kind::Video, VideoCodec::H264) => &[Codec::H264],
        (Kind::Video, VideoCodec::Vp8) => &[Codec::Vp8],
    };
    let mut codecs: Vec<Codec> = wanted
        .iter()
        .copied()
        .filter(|codec| Some(*codec) == arriving || encodable(*codec))
        .collect();
    // What arrives encoded is best sent as it is, whatever the setting.
    if let Some(arriving) = arriving {
        codecs.retain(|codec| *codec != arriving);
        codecs.insert(0, arriving);
    }
    codecs
        .into_iter()
        .map(|codec| OfferedCodec {
            codec,
            profile_level_id: (codec == Codec::H264).then(|| profile_level_id(state)),
            stereo: codec == Codec::Opus
                && match state {
                    State::Encoded { .. } => channels(state) != Some(1),
                    _ => tuning(state, settings).channels == 2,
                },
        })
        .collect()
}

/// `profile-level-id` for the stream: of an H.264 stream that arrives encoded its own
/// profile, with a level that browsers accept.
fn profile_level_id(state: &State) -> String {
    let profile = match state {
        State::Encoded {
            codec: Codec::H264,
            caps,
            ..
        } => caps
            .structure(0)
            .and_then(|structure| structure.get::<String>("profile").ok()),
        _ => None,
    };
    // Names as in GStreamer's H.264 caps; bytes as in RFC 6184, table 5.
    match profile.as_deref() {
        Some("main") => "4d001f",
        Some("high") => "64001f",
        Some("constrained-high") => "640c1f",
        _ => DEFAULT_PROFILE_LEVEL_ID,
    }
    .to_owned()
}

/// How Opus is set for what comes raw.
pub(super) fn tuning(state: &State, settings: &Settings) -> Tuning {
    let channels = channels(state).and_then(|channels| channels.try_into().ok());
    let bitrate = Some(settings.audio_bitrate).filter(|bitrate| *bitrate > 0);
    Tuning::for_sound(channels, settings.audio_profile.profile(), bitrate)
}

fn channels(state: &State) -> Option<i32> {
    match state {
        State::Raw { caps, .. } | State::Encoded { caps, .. } => {
            caps.structure(0)?.get::<i32>("channels").ok()
        }
        State::Unknown | State::Data => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fanout::Flow;
    use super::*;

    fn codecs(state: &State, video_codec: VideoCodec, missing: &[Codec]) -> Vec<Codec> {
        let settings = Settings {
            video_codec,
            ..Settings::default()
        };
        offered(Kind::Video, state, &settings, &|codec| {
            !missing.contains(&codec)
        })
        .into_iter()
        .map(|offered| offered.codec)
        .collect()
    }

    fn encoded(codec: Codec, caps: &str) -> State {
        gst::init().expect("GStreamer");
        State::Encoded {
            caps: caps.parse().expect("caps"),
            codec,
            fanout: Fanout::new(Flow::Encoded),
        }
    }

    #[test]
    fn h264_is_offered_before_vp8() {
        assert_eq!(
            codecs(&State::Unknown, VideoCodec::Auto, &[]),
            [Codec::H264, Codec::Vp8]
        );
    }

    #[test]
    fn a_codec_that_cannot_be_encoded_here_is_not_offered() {
        assert_eq!(
            codecs(&State::Unknown, VideoCodec::Auto, &[Codec::H264]),
            [Codec::Vp8]
        );
    }

    #[test]
    fn what_arrives_encoded_is_offered_first_even_against_the_setting() {
        let vp8 = encoded(Codec::Vp8, "video/x-vp8");
        assert_eq!(
            codecs(&vp8, VideoCodec::Auto, &[]),
            [Codec::Vp8, Codec::H264]
        );
        let h264 = encoded(Codec::H264, "video/x-h264");
        assert_eq!(
            codecs(&h264, VideoCodec::Vp8, &[Codec::H264]),
            [Codec::H264, Codec::Vp8]
        );
    }

    #[test]
    fn the_profile_of_an_encoded_stream_is_told() {
        let high = encoded(Codec::H264, "video/x-h264,profile=high");
        assert_eq!(profile_level_id(&high), "64001f");
        let baseline = encoded(Codec::H264, "video/x-h264,profile=constrained-baseline");
        assert_eq!(profile_level_id(&baseline), "42e01f");
    }
}
