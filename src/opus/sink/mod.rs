//! The element `opussink`: plays Opus or raw sound at once, whatever happens to the card.

use gst::glib;
use gst::prelude::*;

mod imp;
mod loudspeaker;
mod outlet;

glib::wrapper! {
    /// The element `opussink`; `gst-inspect-1.0 opussink` is its manual.
    pub struct OpusSink(ObjectSubclass<imp::OpusSink>)
        @extends gst::Bin, gst::Element, gst::Object;
}

pub(super) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "opussink",
        gst::Rank::NONE,
        OpusSink::static_type(),
    )
}
