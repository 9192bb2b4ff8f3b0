//! The element `periscope`: a pipeline on one side, browsers on the other.
//!
//! In come the streams and messages that enter its request pads; out they go to every
//! viewer, and what viewers send leaves its source pads. This room only translates
//! between GObject (`imp`) and the rest of the house, and holds together what runs
//! while the element runs (`bench`).

use gst::glib;
use gst::prelude::*;

mod bench;
mod commands;
mod door;
mod host;
mod imp;
mod instruments;
mod lan;
mod pads;
mod properties;
mod reply;
mod requirements;
mod settings;
mod signals;
mod statistics;
mod teller;
mod visitors;

pub use pads::DataPad;
pub use settings::{ConsoleMode, IceMode};

glib::wrapper! {
    /// The element `periscope`; `gst-inspect-1.0 periscope` is its manual.
    pub struct Periscope(ObjectSubclass<imp::Periscope>)
        @extends gst::Bin, gst::Element, gst::Object, @implements gst::ChildProxy;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for kind in [
        DataPad::static_type(),
        ConsoleMode::static_type(),
        IceMode::static_type(),
        crate::intercom::Talk::static_type(),
        crate::media::VideoCodec::static_type(),
        crate::peer::channels::SlowViewer::static_type(),
    ] {
        kind.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(
        Some(plugin),
        "periscope",
        gst::Rank::NONE,
        Periscope::static_type(),
    )
}
