//! Where sound leaves the user's pipeline: an appsink inside of `opussink`, and what is
//! before it.
//!
//! ```text
//! raw  ─────────────┐
//! Opus ─▸ opusdec ──┴─▸ audioconvert ─ audioresample ─ volume ─ level ─ appsink ─▸ Queue
//! ```
//! Which of the two ways the sink pad takes is settled by each caps event.

use std::time::Duration;

use gst::prelude::*;

use crate::opus::card::line;
use crate::opus::playout::{Frame, Queue};
use crate::opus::voicing::Voicing;

#[derive(Debug, Clone)]
pub(super) struct Outlet {
    decoder: gst::Element,
    convert: gst::Element,
    pub(super) voicing: Voicing,
    appsink: gst_app::AppSink,
}

impl Outlet {
    /// Makes the elements in `bin`. `buffer`: how much sound the device holds.
    pub(super) fn new(bin: &gst::Bin, queue: &Queue, buffer: Duration) -> Result<Self, String> {
        let decoder = line::make("opusdec", &[("plc", "true"), ("use-inband-fec", "true")])?;
        let convert = line::make("audioconvert", &[])?;
        let voicing = Voicing::new()?;
        let appsink = gst_app::AppSink::builder()
            .caps(&line::raw("F32LE", 2))
            .async_(false)
            .enable_last_sample(false)
            .qos(false)
            .sync(false)
            .build();
        // Nothing is added to what the pipeline's other sinks have to wait for.
        appsink.set_property("processing-deadline", 0_u64);
        let (put, ended) = (queue.clone(), queue.clone());
        appsink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    if let Some(map) = sample.buffer().and_then(|b| b.map_readable().ok()) {
                        put.put(frames(&map));
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .eos(move |_| ended.play_out(buffer))
                .build(),
        );
        let chain = [
            convert.clone(),
            line::make("audioresample", &[])?,
            line::caps_filter(&line::raw("F32LE", 2))?,
            voicing.volume.clone(),
            voicing.level.clone(),
            appsink.clone().upcast(),
        ];
        let failed = |error: gst::glib::BoolError| error.to_string();
        bin.add(&decoder).map_err(failed)?;
        bin.add_many(&chain).map_err(failed)?;
        gst::Element::link_many(&chain).map_err(failed)?;
        Ok(Self {
            decoder,
            convert,
            voicing,
            appsink,
        })
    }

    /// Where raw sound goes in.
    pub(super) fn raw(&self) -> Option<gst::Pad> {
        self.convert.static_pad("sink")
    }

    /// Gives the pad that caps like these go to, and links what is behind it.
    pub(super) fn way_for(&self, caps: &gst::CapsRef, ghost: &gst::GhostPad) -> Option<gst::Pad> {
        let is_opus = caps.structure(0)?.name() == "audio/x-opus";
        let wanted = match is_opus {
            true => self.decoder.static_pad("sink"),
            false => self.raw(),
        };
        if ghost.target() == wanted {
            return wanted;
        }
        // The raw input is taken by one of them only.
        let _ = ghost.set_target(None::<&gst::Pad>);
        if is_opus {
            let _ = self.decoder.link(&self.convert);
        } else {
            self.decoder.unlink(&self.convert);
        }
        wanted
    }

    /// What is live is played when it comes. What is not is held back by the clock; nothing
    /// else would keep it from coming all at once.
    pub(super) fn set_live(&self, live: bool) {
        self.appsink.set_property("sync", !live);
    }
}

/// Left and right out of interleaved samples.
fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame> + '_ {
    bytes.chunks_exact(8).map(|bytes| match *bytes {
        [a, b, c, d, e, f, g, h] => [
            f32::from_le_bytes([a, b, c, d]),
            f32::from_le_bytes([e, f, g, h]),
        ],
        _ => [0.0; 2],
    })
}
