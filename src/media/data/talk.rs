//! Who talks keys an instrument: the order to do so, which overtakes commands.

use gst::prelude::*;

use super::Data;
use super::inward::{Source, Undeliverable};

impl Source {
    /// Keys the instrument, or does so no more.
    fn tell_talk(&self, on: bool, number: u64) {
        let structure = gst::Structure::builder("instrument-talk")
            .field("on", on)
            .field("number", number);
        let event = gst::event::CustomDownstreamOob::new(structure.build());
        // False where nothing is linked.
        let _ = self.pad.push_event(event);
    }
}

impl Data {
    /// Whether somebody who talks can key an instrument of this label.
    pub(crate) fn check_talk(&self, label: &str) -> Result<(), Undeliverable> {
        self.meet(label)?;
        let sources = self.sources(label)?;
        match sources.iter().any(|source| source.news.keys()) {
            true => Ok(()),
            false => Err(Undeliverable::NotKeyed(label.to_owned())),
        }
    }

    /// Keys the instruments of a label while somebody talks, ahead of what waits. It was
    /// checked and has its number, like a command.
    pub(crate) fn begin_talk(&self, label: &str, number: u64) -> Result<(), Undeliverable> {
        for source in self.sources(label)?.iter().filter(|s| s.news.keys()) {
            if !source.waiting().pass(number) {
                return Err(Undeliverable::Void);
            }
            source.tell_talk(true, number);
        }
        Ok(())
    }

    /// The talking that began with that number has ended.
    pub(crate) fn end_talk(&self, label: &str, number: u64) {
        let sources = self.locked().sources.clone();
        for source in sources {
            if &*source.settings.label == label && source.news.keys() {
                source.tell_talk(false, number);
            }
        }
    }
}
