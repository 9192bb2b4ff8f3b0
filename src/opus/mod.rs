//! Sound cards: the elements `opussrc` and `opussink`.
//!
//! A source makes Opus of what a microphone hears, a sink plays Opus or raw sound. The
//! device may be missing, unplugged and plugged in again, and its clock may be a little fast
//! or slow: below them are a [`card`] in a pipeline of its own that comes and goes, what makes
//! one stream of it ([`intake`]), and what keeps sound ready for it ([`playout`]). A loudspeaker
//! and a microphone of one process find each other by themselves ([`echo`]). How Opus is set
//! for what is a matter of [`tuning`], for the element `periscope`, too. Intake, playout and
//! tuning are pure.

use gst::glib;
use gst::prelude::*;

mod card;
mod echo;
mod herald;
mod holder;
mod intake;
mod playout;
mod properties;
mod settings;
mod sink;
mod source;
pub(crate) mod tuning;
mod voicing;

pub use settings::{Processing, System};
pub use sink::OpusSink;
pub use source::OpusSrc;
pub use tuning::{Frame, Profile};

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for kind in [
        System::static_type(),
        Processing::static_type(),
        Profile::static_type(),
        Frame::static_type(),
    ] {
        kind.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    source::register(plugin)?;
    sink::register(plugin)
}
