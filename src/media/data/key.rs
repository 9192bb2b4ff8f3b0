//! Keying a transmitter for who talks: an event that leaves the pad of its commands.

use gst::prelude::*;

use super::Data;
use super::inward::Undeliverable;

impl Data {
    /// Whether the transmitter of a label can be keyed now.
    pub(crate) fn can_key(&self, label: &str) -> Result<(), Undeliverable> {
        let keys = |source: &super::inward::Source| source.news.keys();
        match self.sources(label)?.iter().any(keys) {
            true => Ok(()),
            false => Err(Undeliverable::NoKey),
        }
    }

    /// Keys the transmitters of a label, or lets them go.
    pub(crate) fn key(&self, label: &str, on: bool) -> Result<(), Undeliverable> {
        for source in self.sources(label)? {
            let structure = gst::Structure::builder("instrument-talk")
                .field("on", on)
                .build();
            let event = gst::event::CustomDownstreamOob::new(structure);
            // False where what follows knows nothing of it; whether it does was asked before.
            let _ = source.pad.push_event(event);
        }
        Ok(())
    }
}
