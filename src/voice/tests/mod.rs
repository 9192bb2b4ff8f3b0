//! Talkers, networks and ears, all in virtual time; libopus is real.

mod control;
mod loss;
mod malformed;
mod pauses;
mod talkers;
mod tones;

use std::f64::consts::TAU;
use std::sync::LazyLock;
use std::time::Duration;

use opusic_c::{Application, Bitrate, Channels, Encoder, InbandFec, SampleRate};
use rtp_types::RtpPacketBuilder;

use super::mixer::{Mixer, MixerSettings};
use super::statistics::TalkerStatistics;
use super::{BLOCK, Frame};

pub(super) const PAYLOAD_TYPE: u8 = 111;

/// What the page has when nothing else is said.
const TALKER: u32 = 3;

/// How a sender encodes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Coding {
    /// CELT in stereo at a bitrate at which a tone stays a tone.
    Music,
    /// SILK in mono with forward error correction.
    Voice,
    /// SILK without.
    VoiceWithoutFec,
    /// SILK that sends nothing while there is nothing to say.
    VoiceWithDtx,
}

/// A page that talks.
pub(super) struct Sender {
    encoder: Encoder,
    channels: usize,
    /// Samples in a packet.
    pub(super) packet: usize,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// How much has been encoded.
    pub(super) at: usize,
}

impl Sender {
    pub(super) fn new(coding: Coding, packet_ms: usize) -> Self {
        let (channels, application) = match coding {
            Coding::Music => (Channels::Stereo, Application::LowDelay),
            _ => (Channels::Mono, Application::Voip),
        };
        let mut encoder = Encoder::new(channels, SampleRate::Hz48000, application).unwrap();
        let bitrate = match coding {
            Coding::Music => 256_000,
            _ => 32_000,
        };
        encoder.set_bitrate(Bitrate::Value(bitrate)).unwrap();
        if matches!(coding, Coding::Voice) {
            encoder.set_inband_fec(InbandFec::Mode1).unwrap();
            encoder.set_packet_loss(15).unwrap();
        }
        encoder
            .set_dtx(matches!(coding, Coding::VoiceWithDtx))
            .unwrap();
        Self {
            encoder,
            channels: channels as usize,
            packet: packet_ms * 48,
            ssrc: 0x1234,
            sequence: 65_500,
            timestamp: u32::MAX - 50_000,
            at: 0,
        }
    }

    /// Encodes what comes next.
    pub(super) fn encode(&mut self, signal: impl Fn(usize) -> Frame) -> Vec<u8> {
        let samples: Vec<f32> = (self.at..self.at + self.packet)
            .flat_map(|at| signal(at).into_iter().take(self.channels))
            .collect();
        self.at += self.packet;
        let mut bytes = vec![0; 1500];
        let length = self
            .encoder
            .encode_float_to_slice(&samples, &mut bytes)
            .unwrap();
        bytes.truncate(length);
        bytes
    }

    /// Makes an RTP packet of it.
    pub(super) fn send(&mut self, opus: &[u8]) -> Vec<u8> {
        let rtp = RtpPacketBuilder::<&[u8], &[u8]>::new()
            .payload_type(PAYLOAD_TYPE)
            .ssrc(self.ssrc)
            .sequence_number(self.sequence)
            .timestamp(self.timestamp)
            .payload(opus)
            .write_vec()
            .unwrap();
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = self.timestamp.wrapping_add(self.packet as u32);
        rtp
    }

    pub(super) fn next(&mut self, signal: impl Fn(usize) -> Frame) -> Vec<u8> {
        let opus = self.encode(signal);
        self.send(&opus)
    }
}

/// A packet on its way.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    /// When it arrives, in ms.
    pub(super) arrival: f64,
    pub(super) talker: u32,
    pub(super) rtp: Vec<u8>,
}

pub(super) fn ms(value: f64) -> Duration {
    Duration::from_secs_f64(value.max(0.0) / 1000.0)
}

/// So many milliseconds of a signal, each packet sent when it is full and 5 ms on its way.
pub(super) fn talk(
    sender: &mut Sender,
    length_ms: usize,
    signal: impl Fn(usize) -> Frame,
) -> Vec<Flight> {
    let packets = length_ms * 48 / sender.packet;
    (0..packets)
        .map(|_| {
            let rtp = sender.next(&signal);
            Flight {
                arrival: sender.at as f64 / 48.0 + 5.0,
                talker: TALKER,
                rtp,
            }
        })
        .collect()
}

pub(super) fn tone(frequency: f64, level: f64) -> impl Fn(usize) -> Frame {
    move |at| [(level * (at as f64 * frequency * TAU / 48_000.0).sin()) as f32; 2]
}

/// Something like vowels with short pauses between, three a second: the harmonics of a
/// voice that rises and falls. Repeats after ten seconds.
pub(super) fn speech(at: usize) -> Frame {
    static SOUND: LazyLock<Vec<f32>> = LazyLock::new(|| {
        let sample = |at: usize| {
            let time = at as f64 / 48_000.0;
            let phase = TAU * (140.0 * time + 3.0 * (TAU * 1.3 * time).sin());
            let loudness = (0.95 - (TAU * 3.0 * time).cos()).clamp(0.0, 1.0);
            let harmonics = (1..16).map(|n| (f64::from(n) * phase).sin() / f64::from(n));
            (0.3 * loudness * harmonics.sum::<f64>()) as f32
        };
        (0..480_000).map(sample).collect()
    });
    [SOUND[at % SOUND.len()]; 2]
}

/// What came out.
pub(super) struct Heard {
    pub(super) sound: Vec<Frame>,
    pub(super) mixer: Mixer,
    /// The delay after each block, in ms.
    pub(super) delays: Vec<f64>,
}

impl Heard {
    pub(super) fn statistics(&self) -> TalkerStatistics {
        self.mixer.statistics(TALKER).unwrap()
    }

    /// In percent of what was played.
    pub(super) fn concealed(&self) -> f64 {
        let statistics = self.statistics();
        100.0 * statistics.concealed_samples as f64 / statistics.played_samples as f64
    }

    /// From one time to another, in ms.
    pub(super) fn part(&self, from: usize, to: usize) -> &[Frame] {
        &self.sound[from * 48..to * 48]
    }
}

/// A bench that fetches a block each 10 ms, at times that do not fit the packets', so late
/// as `late` says (in ms).
pub(super) struct Bench {
    pub(super) settings: MixerSettings,
    pub(super) late: fn(usize) -> f64,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            settings: MixerSettings::default(),
            late: |_| 0.0,
        }
    }
}

impl Bench {
    pub(super) fn hear(&self, length_ms: usize, flights: Vec<Flight>) -> Heard {
        self.hear_and(length_ms, flights, |_, _| {})
    }

    /// Does something else before each block.
    pub(super) fn hear_and(
        &self,
        length_ms: usize,
        mut flights: Vec<Flight>,
        mut act: impl FnMut(usize, &mut Mixer),
    ) -> Heard {
        flights.sort_by(|one, other| one.arrival.total_cmp(&other.arrival));
        let mut flights = flights.into_iter().peekable();
        let mut mixer = Mixer::new(self.settings);
        mixer.enter(TALKER, PAYLOAD_TYPE).unwrap();
        let mut sound = Vec::new();
        let mut delays = Vec::new();
        for block in 0..length_ms / 10 {
            let now = block as f64 * 10.0 + 3.3 + (self.late)(block);
            while let Some(flight) = flights.next_if(|flight| flight.arrival <= now) {
                mixer.packet(flight.talker, &flight.rtp, ms(flight.arrival));
            }
            act(block, &mut mixer);
            let mut out = [0.0; 2 * BLOCK];
            mixer.mix(ms(now), &mut out);
            sound.extend_from_slice(out.as_chunks::<2>().0);
            let delay = mixer.statistics(TALKER).map(|known| known.delay);
            delays.push(delay.unwrap_or_default().as_secs_f64() * 1000.0);
        }
        Heard {
            sound,
            mixer,
            delays,
        }
    }
}

/// The amplitude of a tone in the left channel, over a whole number of its periods.
pub(super) fn amplitude(sound: &[Frame], frequency: f64) -> f64 {
    let (re, im) = correlation(sound, frequency, |frame| frame[0]);
    re.hypot(im)
}

fn correlation(sound: &[Frame], frequency: f64, side: impl Fn(&Frame) -> f32) -> (f64, f64) {
    let periods = (sound.len() as f64 * frequency / 48_000.0).floor();
    let length = (periods * 48_000.0 / frequency).round() as usize;
    let (mut re, mut im) = (0.0, 0.0);
    for (at, frame) in sound[..length].iter().enumerate() {
        let (sin, cos) = (at as f64 * frequency * TAU / 48_000.0).sin_cos();
        re += f64::from(side(frame)) * cos;
        im += f64::from(side(frame)) * sin;
    }
    (2.0 * re / length as f64, 2.0 * im / length as f64)
}

/// The frequency of a tone that is near the given one, from how its phase moves.
pub(super) fn frequency(sound: &[Frame], near: f64) -> f64 {
    let half = sound.len() / 2;
    let expected = half as f64 * near * TAU / 48_000.0;
    let (first, second) = (angle(&sound[..half], near), angle(&sound[half..], near));
    let turned = (second - first - expected).rem_euclid(TAU);
    let turned = if turned > TAU / 2.0 {
        turned - TAU
    } else {
        turned
    };
    near + turned / TAU * 48_000.0 / half as f64
}

/// The phase of a sine at the beginning of the sound.
fn angle(sound: &[Frame], frequency: f64) -> f64 {
    let (re, im) = correlation(sound, frequency, |frame| frame[0]);
    re.atan2(im)
}

/// The greatest second difference in the left channel: of a sine it is known, a click has
/// a greater one.
pub(super) fn roughness(sound: &[Frame]) -> f64 {
    let second = |three: &[Frame]| f64::from(three[0][0] - 2.0 * three[1][0] + three[2][0]).abs();
    sound.windows(3).map(second).fold(0.0, f64::max)
}

/// That of a sine.
pub(super) fn smooth(frequency: f64, level: f64) -> f64 {
    level * (TAU * frequency / 48_000.0).powi(2)
}

/// Milliseconds in which it is silent, by blocks of 1 ms.
pub(super) fn silent_ms(sound: &[Frame]) -> usize {
    let loud = |frame: &Frame| frame[0].abs() > 1e-3;
    sound
        .chunks(48)
        .filter(|chunk| !chunk.iter().any(loud))
        .count()
}

/// Numbers that look random and are the same each time.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to 1.
    pub(super) fn roll(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}
