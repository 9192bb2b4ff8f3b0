//! All talkers become one sound.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::PlayoutClock;
use super::decoder::NoDecoder;
use super::level::Level;
use super::limiter::Limiter;
use super::receiver::Receiver;
use super::statistics::TalkerStatistics;
use super::steering::Limits;
use super::talker::Talker;
use super::{BLOCK, samples};

/// How a mixer works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MixerSettings {
    /// Least and most delay of a talker, from when a packet comes to when it has been
    /// played. Below one packet and 10 ms it cannot be, whatever is set.
    pub(crate) min_delay: Duration,
    pub(crate) max_delay: Duration,
}

impl Default for MixerSettings {
    fn default() -> Self {
        Self {
            min_delay: Duration::from_millis(20),
            max_delay: Duration::from_millis(60),
        }
    }
}

/// See the module's documentation. All times are since one epoch of the caller's.
#[derive(Debug)]
pub(crate) struct Mixer {
    settings: MixerSettings,
    clock: PlayoutClock,
    talkers: BTreeMap<u32, Talker>,
    /// Those that fade out.
    leaving: Vec<Talker>,
    limiter: Limiter,
    level: Level,
}

impl Mixer {
    pub(crate) fn new(settings: MixerSettings) -> Self {
        Self {
            settings,
            clock: PlayoutClock::default(),
            talkers: BTreeMap::new(),
            leaving: Vec::new(),
            limiter: Limiter::default(),
            level: Level::default(),
        }
    }

    /// A talker comes, and is heard. Its Opus packets have this RTP payload type. One that
    /// is there already begins anew.
    pub(crate) fn enter(&mut self, talker: u32, payload_type: u8) -> Result<(), NoDecoder> {
        let limits = Limits {
            min: samples(self.settings.min_delay),
            max: samples(self.settings.max_delay),
        };
        let receiver = Receiver::new(payload_type, limits)?;
        let before = self.talkers.insert(talker, Talker::new(receiver));
        self.fade_out(before);
        Ok(())
    }

    /// A talker goes. What it said fades within 10 ms.
    pub(crate) fn leave(&mut self, talker: u32) {
        let talker = self.talkers.remove(&talker);
        self.fade_out(talker);
    }

    fn fade_out(&mut self, talker: Option<Talker>) {
        if let Some(mut talker) = talker {
            talker.heard = false;
            self.leaving.push(talker);
        }
    }

    /// Whether a talker is heard. Its packets are followed in any case, so that it is heard
    /// at once when it may be.
    pub(crate) fn set_heard(&mut self, talker: u32, heard: bool) {
        if let Some(talker) = self.talkers.get_mut(&talker) {
            talker.heard = heard;
        }
    }

    /// An RTP packet has come at that time. What is malformed is counted and ignored.
    pub(crate) fn packet(&mut self, talker: u32, rtp: &[u8], arrival: Duration) {
        if let Some(talker) = self.talkers.get_mut(&talker) {
            talker.receiver.packet(rtp, arrival);
        }
    }

    /// The next 10 ms: left and right in turn, at 48 kHz, no sample beyond -1 dBFS. To be
    /// called for each 10 ms; may be called late, and then as often as was missed.
    pub(crate) fn mix(&mut self, now: Duration, out: &mut [f32; 2 * BLOCK]) {
        let time = self.clock.tick(now);
        let mut mix = [[0.0; 2]; BLOCK];
        for talker in self.talkers.values_mut() {
            talker.mix(time, &mut mix);
        }
        for mut talker in self.leaving.drain(..) {
            talker.mix(time, &mut mix);
        }
        self.limiter.process(&mut mix);
        self.level.block(&mix);
        out.copy_from_slice(mix.as_flattened());
    }

    /// How it stands with a talker that is there.
    pub(crate) fn statistics(&self, talker: u32) -> Option<TalkerStatistics> {
        self.talkers.get(&talker).map(Talker::statistics)
    }

    /// How loud the mix is, in dBFS; a sine of full scale has -3.
    pub(crate) fn level(&self) -> f32 {
        self.level.dbfs()
    }
}
