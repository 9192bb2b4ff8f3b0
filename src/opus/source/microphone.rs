//! The device of `opussrc`, as its keeper sees it.

use std::sync::Arc;

use super::inlet::Recorder;
use crate::media::elements;
use crate::opus::card::choice::{self, Candidate, Direction};
use crate::opus::card::keeper::{Card, Pulse};
use crate::opus::card::line::{self, Device, Treatment};
use crate::opus::echo::Seeking;
use crate::opus::settings::{Processing, System};

pub(super) struct Microphone {
    pub(super) system: System,
    pub(super) device: Device,
    pub(super) channels: u32,
    pub(super) processing: Processing,
    /// If echo is to be taken out.
    pub(super) seeking: Option<Arc<Seeking>>,
    pub(super) recorder: Arc<Recorder>,
}

impl Card for Microphone {
    fn candidates(&self) -> Result<Vec<Candidate>, String> {
        let name = self.device.name.as_deref();
        choice::candidates(self.system, name, Direction::Capture, elements::exists)
    }

    fn pipeline(&mut self, candidate: Candidate, pulse: Pulse) -> Result<gst::Pipeline, String> {
        let mut treatment = Treatment {
            processing: self.processing,
            probe: self.seeking.as_ref().and_then(|seeking| seeking.partner()),
        };
        treatment
            .processing
            .set(Processing::ECHO, treatment.probe.is_some());
        let (recorder, mut pulse) = (self.recorder.clone(), pulse);
        let on_sound = move |buffer: &gst::Buffer| {
            if let Ok(map) = buffer.map_readable() {
                let lost = buffer.flags().contains(gst::BufferFlags::DISCONT);
                recorder.record(map.to_vec(), lost);
            }
            pulse.beat();
        };
        line::capture(candidate, &self.device, self.channels, &treatment, on_sound)
    }

    fn ended(&mut self, _pipeline: &gst::Pipeline) {}
}
