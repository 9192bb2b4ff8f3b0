//! Periscope: shows any GStreamer pipeline in browsers on the LAN, with no server in
//! between.
//!
//! The plugin's main element is [`periscope::Periscope`]: `… ! periscope`
//! serves a page on the LAN, and whoever opens it sees and hears the pipeline. Where
//! nothing may be served, a person carries a text across by copy and paste.
//!
//! | room | what is in there |
//! |---|---|
//! | [`periscope`] | the element `periscope`: properties, signals, pads, states |
//! | `media` | encode once, hand out to all |
//! | `rtp` | pictures on their way to viewers, without a pipeline for each |
//! | `peer` | one browser: its pipeline, negotiation, channels |
//! | `intercom` | who talks, and how it reaches the pads |
//! | `congestion` | what a viewer's network takes, and what it is sent because of it |
//! | `arbitration` | who controls the instruments, and what happens when that one is gone |
//! | [`serial`] | instruments on serial ports: the elements `serialsrc` and `serialsink` |
//! | [`opus`] | sound cards: the elements `opussrc` and `opussink`, and how Opus is set |
//! | [`signaling`] | the ways in: SDP text, codes, console, page and WHEP server |
//! | `ice` | one UDP port for all peers |
//! | `identity` | certificates and codes, kept on disk |
//! | `mdns` | the bench's name on the LAN |
//! | `memory` | keeps the process small while viewers come and go |
//! | `random` | text that nobody can guess |
//! | `expression` | regular expressions for commands and messages |
//! | `net` | which addresses of this host a viewer can reach |
//!
//! # Locks
//! Every lock is held for a look-up or an exchange of values, never across a call into
//! GStreamer, a signal, a message or a wait for another thread. So two are rarely held at
//! once; where they are, in this order: the register of peers before a peer's status
//! (`peer::peers`), the list of streams before the state of an input (`media`). All
//! others are leaves, also those on the way of a command, which are taken one after the
//! other: data pads, arbitration, data pads again.
//!
//! # Threads
//! Each peer has one thread, which owns its webrtcbin; one thread hands out messages, one
//! watches who controls and alone makes instruments safe, one tells of that, one mixes what
//! the viewers say while the pipeline plays and has an `audio_src` pad, one reads the
//! UDP port, one sends what may not leave at once, one looks after the addresses of this host; the console has one while it reads,
//! the page server two, mDNS one. A serial port has one thread, each element on it one that
//! tells the bus, and a port whose instrument can be made safe a process. A sound card has one
//! thread that makes its pipeline and tells the bus. All end before the element is READY again,
//! but that of a sound card whose driver or server hangs: it is not waited for longer than 5
//! seconds.
//!
//! Pure logic (SDP text, pastes, chunks, batches, arbitration, framing, profiles, key-frame
//! requests, congestion control, RTP headers, SRTP and feedback, who talks, jitter buffers and
//! mixing, the tuning of Opus, intake and playout of sound) knows no socket, thread or
//! GStreamer, and takes time as an argument.

use std::sync::LazyLock;

mod arbitration;
mod congestion;
mod expression;
mod ice;
mod identity;
mod intercom;
mod mdns;
mod media;
mod memory;
mod net;
pub mod opus;
mod peer;
pub mod periscope;
mod random;
mod rtp;
pub mod serial;
pub mod signaling;
mod threads;
mod voice;

pub(crate) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "periscope",
        gst::DebugColorFlags::empty(),
        Some("Periscope: pipelines in browsers"),
    )
});

mod plugin {
    #![allow(
        missing_docs,
        reason = "what the macro makes public has no place for a comment"
    )]

    use gst::glib;

    fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
        crate::periscope::register(plugin)?;
        crate::serial::register(plugin)?;
        crate::opus::register(plugin)
    }

    gst::plugin_define!(
        periscope,
        env!("CARGO_PKG_DESCRIPTION"),
        plugin_init,
        concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
        "MIT/X11",
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        env!("CARGO_PKG_NAME"),
        env!("BUILD_REL_DATE")
    );
}

/// Registers the plugin in a program that is linked with this crate.
pub use plugin::plugin_register_static;
