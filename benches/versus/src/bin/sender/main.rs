//! `sender <pipeline description>`: runs a pipeline whose end, the element `out`, viewers get
//! to see.
//!
//! - `periscope`: viewers come by its page's address.
//! - `webrtcsink`: its signalling is this process's standard input and output.
//! - `tee`: behind it, each viewer gets a plain webrtcbin. A second tee, `sound`, may stand
//!   beside it. Both carry RTP.
//!
//! If `VERSUS_ECHO` is set, that is the label of a data channel on which a plain webrtcbin returns
//! what a viewer sends.
//!
//! What comes to an element `heard` goes out of an `appsrc` that is called `said`.
//!
//! libnice has the address `VERSUS_ADDRESS` of this machine and no other, 127.0.0.1 if it is not
//! set.
//!
//! Each I420 picture that leaves the element `clock` gets the time painted into it (see
//! [`paint`]). Ends with its standard input.

#[path = "../../../../paint/mod.rs"]
mod paint;
mod plain;
mod signaller;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use gst::glib;
use gst::prelude::*;
use periscope_versus::{Word, heard, say};

use plain::Plain;
use signaller::Signaller;

/// Who is measured.
enum Way {
    Periscope,
    Webrtcsink(Signaller),
    Plain(Plain),
}

fn main() -> anyhow::Result<()> {
    gst::init()?;
    gstrswebrtc::plugin_register_static()?;
    gstrsrtp::plugin_register_static()?;
    let description: Vec<String> = std::env::args().skip(1).collect();
    let pipeline = gst::parse::launch(&description.join(" "))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| anyhow::anyhow!("the description is not a pipeline"))?;
    let pictures = count_pictures(&pipeline)?;
    let out = pipeline.by_name("out").context("there is no “out”")?;
    let way = match out.factory().context("no factory")?.name().as_str() {
        "webrtcsink" => {
            let signaller = Signaller::default();
            out.set_property("signaller", &signaller);
            out.set_property("stun-server", None::<&str>);
            Way::Webrtcsink(signaller)
        }
        "tee" => Way::Plain(Plain::new(&pipeline, out.clone())),
        _ => Way::Periscope,
    };
    return_what_is_heard(&pipeline)?;
    end_on_errors(&pipeline)?;
    pipeline.set_state(gst::State::Playing)?;
    match &way {
        Way::Periscope => say(&Word::Ready {
            page: Some(
                out.property::<Option<String>>("page-url")
                    .context("“out” serves no page")?,
            ),
        }),
        // The signaller says it when it is started.
        Way::Webrtcsink(_) => {}
        Way::Plain(_) => say(&Word::Ready { page: None }),
    }

    for word in heard() {
        match (word?, &way) {
            (Word::Count, _) => say(&Word::Pictures {
                count: pictures.load(Ordering::Relaxed),
            }),
            (Word::Join { viewer }, Way::Webrtcsink(signaller)) => signaller.join(viewer),
            (Word::Answer { viewer, sdp }, Way::Webrtcsink(signaller)) => {
                signaller.answer(viewer, &sdp)?;
            }
            (Word::Join { viewer }, Way::Plain(plain)) => plain.join(viewer)?,
            (Word::Answer { viewer, sdp }, Way::Plain(plain)) => plain.answer(viewer, &sdp)?,
            (word, _) => anyhow::bail!("this makes no sense here: {word:?}"),
        }
    }
    pipeline.set_state(gst::State::Null)?;
    Ok(())
}

/// Paints the time into the pictures of `clock`, and counts them.
fn count_pictures(pipeline: &gst::Pipeline) -> anyhow::Result<Arc<AtomicU64>> {
    let clock = pipeline.by_name("clock").context("there is no “clock”")?;
    let pad = clock
        .static_pad("src")
        .context("“clock” has no source pad")?;
    paint::paint_times(&pad);
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    Ok(count)
}

/// What comes to the element `heard` goes out of the `appsrc` that is called `said`, if they are
/// there.
fn return_what_is_heard(pipeline: &gst::Pipeline) -> anyhow::Result<()> {
    let (Some(heard), Some(said)) = (pipeline.by_name("heard"), pipeline.by_name("said")) else {
        return Ok(());
    };
    let pad = heard.static_pad("sink").context("“heard” has no pad")?;
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer() {
            // With a time of its own.
            let again = buffer.copy_region(gst::BufferCopyFlags::MEMORY, ..);
            if let Ok(again) = again {
                // What it does not take is missing at the viewer, who waits for it.
                let _ = said.emit_by_name::<gst::FlowReturn>("push-buffer", &[&again]);
            }
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// What is measured has to run to the end: the driver is told of an error.
fn end_on_errors(pipeline: &gst::Pipeline) -> anyhow::Result<()> {
    let bus = pipeline.bus().context("no bus")?;
    std::thread::spawn(move || {
        for message in bus.iter_timed(gst::ClockTime::NONE) {
            if let gst::MessageView::Error(error) = message.view() {
                say(&Word::Failed {
                    viewer: None,
                    why: format!("{} ({:?})", error.error(), error.debug()),
                });
            }
        }
    });
    Ok(())
}

/// Keeps libnice on this machine: one address, and no router asked for anything.
fn stay_at_home(webrtcbin: &gst::Element) {
    let Some(ice) = webrtcbin.property::<Option<glib::Object>>("ice-agent") else {
        return;
    };
    let address = std::env::var("VERSUS_ADDRESS").unwrap_or_else(|_| "127.0.0.1".into());
    ice.emit_by_name::<bool>("add-local-ip-address", &[&address]);
    if ice.find_property("agent").is_some()
        && let Some(agent) = ice.property::<Option<glib::Object>>("agent")
        && agent.find_property("upnp").is_some()
    {
        agent.set_property("upnp", false);
    }
}

/// A description that came from a viewer.
fn answer(sdp: &str) -> anyhow::Result<gst_webrtc::WebRTCSessionDescription> {
    Ok(gst_webrtc::WebRTCSessionDescription::new(
        gst_webrtc::WebRTCSDPType::Answer,
        gst_sdp::SDPMessage::parse_buffer(sdp.as_bytes())?,
    ))
}
