//! Somebody who speaks from a program of their own: a bare webrtcbin that sends a tone.
//! And who listens to what leaves the bench.

use gst::prelude::*;

use super::{ALL, Bench, Viewer, Watched};

/// A viewer whose voice is a tone.
pub struct Talker {
    pub viewer: Viewer,
    source: gst::Element,
}

impl Talker {
    /// Offers to send a tone of this frequency (Hz), and to hear the bench.
    pub fn come(bench: &Bench, frequency: f64) -> Self {
        let mut viewer = Viewer::new(ALL);
        let voice = gst::parse::bin_from_description(
            &format!(
                "audiotestsrc name=source is-live=true volume=0.25 samplesperbuffer=480 \
                     freq={frequency} ! audio/x-raw,rate=48000,channels=1 ! \
                 opusenc frame-size=10 audio-type=voice bitrate=48000 ! \
                 rtpopuspay pt=111 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! identity"
            ),
            true,
        )
        .unwrap();
        let source = voice.by_name("source").unwrap();
        viewer.pipeline.add(&voice).unwrap();
        voice.link(&viewer.webrtcbin).unwrap();
        voice.sync_state_with_parent().unwrap();
        let offer = viewer.offer(&[]);
        let (peer, answer) = bench.accept_offer(&offer).unwrap();
        viewer.take_answer(&answer);
        viewer.peer = peer;
        Self { viewer, source }
    }

    /// 0–1.
    pub fn set_volume(&self, volume: f64) {
        self.source.set_property("volume", volume);
    }
}

/// What has left a pad: 48 kHz, two channels, interleaved.
#[derive(Clone)]
pub struct Heard(Watched<Vec<i16>>);

/// A part of a description that takes raw sound for [`Heard::of`].
pub const EAR: &str = "audioconvert ! audio/x-raw,format=S16LE,rate=48000,channels=2 ! \
                       fakesink name=ear sync=false";

impl Heard {
    /// Of the element `ear` of a bench.
    pub fn of(bench: &Bench) -> Self {
        let heard = Watched::<Vec<i16>>::default();
        let kept = heard.clone();
        let ear = bench.pipeline.by_name("ear").unwrap();
        ear.static_pad("sink")
            .unwrap()
            .add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let map = info.buffer().unwrap().map_readable().unwrap();
                let samples = map
                    .chunks_exact(2)
                    .map(|b| i16::from_le_bytes([b[0], b[1]]));
                kept.update(|all| all.extend(samples));
                gst::PadProbeReturn::Ok
            });
        Self(heard)
    }

    /// Waits for so many ms more, and gives them.
    pub fn next(&self, milliseconds: usize) -> Vec<f64> {
        let from = self.0.get(Vec::len);
        let more = milliseconds * 96;
        let what = format!("{milliseconds} ms of sound");
        self.0.wait(&what, |all| all.len() >= from + more);
        self.0.get(|all| {
            let left = all[from..from + more].iter().step_by(2);
            left.map(|sample| f64::from(*sample) / 32_768.0).collect()
        })
    }

    /// Waits until the level of this tone is above so many dBFS.
    pub fn wait_tone(&self, frequency: f64, above: f64) {
        self.0.wait(&format!("a tone of {frequency} Hz"), |all| {
            let last = all.len().saturating_sub(9600);
            let left: Vec<f64> = all[last..]
                .iter()
                .step_by(2)
                .map(|sample| f64::from(*sample) / 32_768.0)
                .collect();
            level(&left, frequency) > above
        });
    }

    /// Waits until there is silence.
    pub fn wait_silence(&self) {
        self.0.wait("silence", |all| {
            let last = all.len().saturating_sub(9600);
            all.len() > 9600 && all[last..].iter().all(|sample| sample.abs() < 16)
        });
    }
}

/// The level of a tone in samples at 48 kHz, in dBFS. Its phase may move: what keeps the
/// delay makes sound a little longer or shorter.
pub fn level(samples: &[f64], frequency: f64) -> f64 {
    const WINDOW: usize = 1920;
    let windows = samples.chunks_exact(WINDOW);
    let count = windows.len().max(1) as f64;
    let power: f64 = windows.map(|part| amplitude(part, frequency).powi(2)).sum();
    10.0 * (power / count).max(1e-18).log10()
}

/// Of a tone, by the Fourier coefficient of its frequency.
fn amplitude(samples: &[f64], frequency: f64) -> f64 {
    let step = std::f64::consts::TAU * frequency / 48_000.0;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (n, sample) in samples.iter().enumerate() {
        let phase = step * n as f64;
        real += sample * phase.cos();
        imaginary += sample * phase.sin();
    }
    2.0 * real.hypot(imaginary) / samples.len().max(1) as f64
}
