//! The element `serialsink`: writes each buffer to a serial port, and makes the instrument
//! safe when nobody answers for it.

use gst::glib;
use gst::prelude::*;

mod imp;

glib::wrapper! {
    /// The element `serialsink`; `gst-inspect-1.0 serialsink` is its manual.
    pub struct SerialSink(ObjectSubclass<imp::SerialSink>)
        @extends gst_base::BaseSink, gst::Element, gst::Object;
}

pub(super) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "serialsink",
        gst::Rank::NONE,
        SerialSink::static_type(),
    )
}
