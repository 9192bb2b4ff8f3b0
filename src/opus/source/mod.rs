//! The element `opussrc`: Opus from a sound card, without a gap, whatever happens to the card.

use gst::glib;
use gst::prelude::*;

mod imp;
mod inlet;
mod microphone;

glib::wrapper! {
    /// The element `opussrc`; `gst-inspect-1.0 opussrc` is its manual.
    pub struct OpusSrc(ObjectSubclass<imp::OpusSrc>)
        @extends gst::Bin, gst::Element, gst::Object;
}

pub(super) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "opussrc",
        gst::Rank::NONE,
        OpusSrc::static_type(),
    )
}
