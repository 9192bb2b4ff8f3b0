//! Runs a pipeline and paints the time into its pictures, for the delay benchmarks.
//!
//! `clock-source <pipeline description>`: the description is that of `gst-launch-1.0`;
//! its element `clock` gets the time painted into each I420 picture that leaves it (see
//! [`paint`]). The page reads it back (`benches/picture.mjs`).

mod paint;

use anyhow::Context;
use gst::prelude::*;

fn main() -> anyhow::Result<()> {
    gst::init()?;
    gstperiscope::plugin_register_static()?;
    let description: Vec<String> = std::env::args().skip(1).collect();
    let pipeline = gst::parse::launch(&description.join(" "))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| anyhow::anyhow!("the description is not a pipeline"))?;
    let pad = pipeline
        .by_name("clock")
        .and_then(|element| element.static_pad("src"))
        .context("the pipeline has no element “clock” with a source pad")?;
    paint::paint_times(&pad);

    let bus = pipeline.bus().context("no bus")?;
    pipeline.set_state(gst::State::Playing)?;
    // Ends with an error, or when the driver ends the process.
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        match message.view() {
            gst::MessageView::Error(error) => {
                eprintln!("{}", error.error());
                break;
            }
            gst::MessageView::Eos(_) => break,
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null)?;
    Ok(())
}
