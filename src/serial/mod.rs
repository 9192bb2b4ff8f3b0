//! Instruments on serial ports: the elements `serialsrc` and `serialsink`.
//!
//! A source makes one buffer of each message that an instrument sends, and a sink writes each
//! buffer as a message. What they share is below them: a port ([`port`]) that is opened once,
//! kept for this process alone and found again when it was unplugged; how messages are found
//! in bytes ([`framing`]); and what is written when, with the safe string before all
//! ([`transmit`]). The last two are pure. A [`profile`] says how a certain instrument wants all
//! this.

use gst::glib;
use gst::prelude::*;

mod defaults;
mod framing;
mod herald;
mod packing;
mod port;
pub(crate) mod profile;
mod properties;
mod settings;
mod setup;
mod sink;
mod source;
mod text;
mod transmit;

pub use settings::{CheckMode, Encoding, FlowControl, FramingMode, Parity, Pin, TalkLine};
pub use sink::SerialSink;
pub use source::SerialSrc;

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for kind in [
        Parity::static_type(),
        FlowControl::static_type(),
        Pin::static_type(),
        FramingMode::static_type(),
        Encoding::static_type(),
        CheckMode::static_type(),
        TalkLine::static_type(),
    ] {
        kind.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    source::register(plugin)?;
    sink::register(plugin)
}
