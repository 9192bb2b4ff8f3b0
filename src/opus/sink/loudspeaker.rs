//! The device of `opussink`, as its keeper sees it.

use gst::prelude::*;

use crate::media::elements;
use crate::opus::card::choice::{self, Candidate, Direction};
use crate::opus::card::keeper::{Card, Pulse};
use crate::opus::card::line::{self, Device};
use crate::opus::echo::{self, Announced};
use crate::opus::playout::{PIECE, Player, Queue};
use crate::opus::settings::System;

/// Milliseconds of a piece.
const PIECE_MILLISECONDS: u128 = 10;

pub(super) struct Loudspeaker {
    system: System,
    device: Device,
    queue: Queue,
    /// What tells a microphone what is played; the same for all pipelines, one after the
    /// other.
    probe: Option<(gst::Element, Announced)>,
}

impl Loudspeaker {
    pub(super) fn new(system: System, device: Device, queue: Queue) -> Self {
        let name = echo::probe_name();
        // Without it there is sound all the same.
        let probe = line::make("webrtcechoprobe", &[]).ok().map(|probe| {
            probe.set_property("name", &name);
            (probe, echo::announce(&name))
        });
        Self {
            system,
            device,
            queue,
            probe,
        }
    }
}

impl Card for Loudspeaker {
    fn candidates(&self) -> Result<Vec<Candidate>, String> {
        let name = self.device.name.as_deref();
        choice::candidates(self.system, name, Direction::Playback, elements::exists)
    }

    fn pipeline(&mut self, candidate: Candidate, pulse: Pulse) -> Result<gst::Pipeline, String> {
        let mut player = Player::new(&self.queue)?;
        let fills = self.device.buffer.as_millis() / PIECE_MILLISECONDS;
        let mut pulse = pulse.after(u32::try_from(fills).unwrap_or(u32::MAX).saturating_add(3));
        let next_sound = move || {
            pulse.beat();
            let mut bytes = Vec::with_capacity(PIECE * 8);
            bytes.extend(player.next().iter().flat_map(|sample| sample.to_le_bytes()));
            gst::Buffer::from_mut_slice(bytes)
        };
        let probe = self.probe.as_ref().map(|(probe, _)| probe);
        line::playback(candidate, &self.device, 2, probe, next_sound)
    }

    fn ended(&mut self, pipeline: &gst::Pipeline) {
        if let Some((probe, _)) = &self.probe {
            let _ = pipeline.remove(probe);
        }
    }
}
