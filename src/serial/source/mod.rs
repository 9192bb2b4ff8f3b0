//! The element `serialsrc`: one buffer for each message that comes from a serial port.

use gst::glib;
use gst::prelude::*;

mod imp;
mod messages;

glib::wrapper! {
    /// The element `serialsrc`; `gst-inspect-1.0 serialsrc` is its manual.
    pub struct SerialSrc(ObjectSubclass<imp::SerialSrc>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object;
}

pub(super) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "serialsrc",
        gst::Rank::NONE,
        SerialSrc::static_type(),
    )
}
