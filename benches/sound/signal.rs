//! What is played.

use std::f64::consts::TAU;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::RATE;

/// A burst that codecs for speech keep and that stands at one place: 4 ms of 2 kHz.
pub(crate) const BURST: usize = RATE / 250;
const BURST_FREQUENCY: f64 = 2000.0;
const BURST_LEVEL: f64 = 0.5;

/// Between two bursts: half a second, and up to so much more or less, so that they meet all
/// places of a packet.
const INTERVAL: u64 = RATE as u64 / 2;
const SPREAD: u64 = RATE as u64 / 20;

/// Noise of a quiet room, -66 dBFS: microphones never give true silence.
const ROOM: f64 = 0.0005;

/// Level of tones and of the voice.
const LEVEL: f64 = 0.25;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Bursts, each half a second.
    Clicks,
    /// A steady tone.
    Tone,
    /// Vowels in the rhythm of speech: codecs take them for speech, and code them so.
    Voice,
    /// Nothing but the room.
    Silence,
}

/// The burst's sample number `n`, and its counterpart a quarter of a wave later.
pub(crate) fn burst(n: usize) -> (f64, f64) {
    let window = 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / BURST as f64).cos();
    let phase = TAU * BURST_FREQUENCY * n as f64 / RATE as f64;
    (window * phase.sin(), window * phase.cos())
}

/// A signal, sample by sample.
pub(crate) struct Signal {
    kind: Kind,
    /// Of the tone, Hz.
    frequency: f64,
    position: u64,
    /// Where the current burst, or the next one, begins.
    next_burst: u64,
    voice: Voice,
    random: StdRng,
}

impl Signal {
    pub(crate) fn new(kind: Kind, frequency: f64) -> Self {
        Self {
            kind,
            frequency,
            position: 0,
            next_burst: INTERVAL,
            voice: Voice::default(),
            random: StdRng::from_os_rng(),
        }
    }

    /// The next sample, and whether a burst begins with it.
    pub(crate) fn next(&mut self) -> (f64, bool) {
        let position = self.position;
        self.position += 1;
        let room = self.random.random_range(-ROOM..ROOM);
        match self.kind {
            Kind::Silence => (room, false),
            Kind::Tone => {
                // The remainder first: a phase of hours has no precision left.
                let wave = position as f64 * self.frequency / RATE as f64;
                (LEVEL * (TAU * wave.fract()).sin(), false)
            }
            Kind::Voice => (room + LEVEL * self.voice.next(), false),
            Kind::Clicks => {
                let Some(at) = position.checked_sub(self.next_burst) else {
                    return (room, false);
                };
                if at + 1 == BURST as u64 {
                    let interval = INTERVAL - SPREAD..INTERVAL + SPREAD;
                    self.next_burst += self.random.random_range(interval);
                }
                (room + BURST_LEVEL * burst(at as usize).0, at == 0)
            }
        }
    }
}

/// Harmonics of a gliding pitch below the formants of an open vowel, four syllables a second.
#[derive(Default)]
struct Voice {
    /// Seconds.
    time: f64,
    /// Waves of the pitch so far.
    phase: f64,
}

/// Frequency, width and strength of the formants.
const FORMANTS: [(f64, f64, f64); 4] = [
    (700.0, 110.0, 1.0),
    (1200.0, 140.0, 0.6),
    (2600.0, 200.0, 0.25),
    (3500.0, 300.0, 0.1),
];
const HARMONICS: u32 = 32;

impl Voice {
    fn next(&mut self) -> f64 {
        let pitch = 115.0 + 20.0 * (TAU * 0.7 * self.time).sin();
        self.phase = (self.phase + pitch / RATE as f64).fract();
        self.time += 1.0 / RATE as f64;
        let syllable = 0.55 + 0.45 * (TAU * 4.0 * self.time).sin();
        let sum: f64 = (1..=HARMONICS)
            .map(|n| {
                let n = f64::from(n);
                strength(n * pitch) * (TAU * (self.phase * n).fract()).sin()
            })
            .sum();
        0.5 * syllable * sum
    }
}

fn strength(frequency: f64) -> f64 {
    FORMANTS
        .iter()
        .map(|(center, width, strength)| strength / (1.0 + ((frequency - center) / width).powi(2)))
        .sum()
}
