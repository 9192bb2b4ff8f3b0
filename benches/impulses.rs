//! Runs a pipeline whose microphone and loudspeaker are measured, for the benchmark of sound.
//!
//! `impulses [OPTION …] <pipeline description>`: the description is that of
//! `gst-launch-1.0`. Its `appsrc name=clicks` is fed as by a sound card, its
//! `fakesink name=ear` is listened to (see [`sound`]); either may be left out. Once a second
//! it prints, for each talker of the element `p`, what that element has counted:
//! `talker <JSON>`.

mod sound;

use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use gst::prelude::*;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use sound::signal::{Kind, Signal};

#[derive(Parser)]
struct Options {
    /// What is played.
    #[arg(long, value_enum, default_value_t = Kind::Clicks)]
    play: Kind,
    /// Of the tone, in Hz.
    #[arg(long, default_value_t = 440.0)]
    frequency: f64,
    /// Print each second how loud and whole the sound is.
    #[arg(long)]
    measure: bool,
    /// As for gst-launch-1.0.
    #[arg(required = true, trailing_var_arg = true)]
    pipeline: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    gst::init()?;
    gstperiscope::plugin_register_static()?;
    let pipeline = gst::parse::launch(&options.pipeline.join(" "))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| anyhow::anyhow!("the description is not a pipeline"))?;
    sound::card::plug_in(&pipeline, Signal::new(options.play, options.frequency))?;
    sound::ear::listen(&pipeline, options.measure)?;
    if let Some(periscope) = pipeline.by_name("p") {
        std::thread::Builder::new()
            .name("counts".into())
            .spawn(move || {
                loop {
                    std::thread::sleep(Duration::from_secs(1));
                    tell_counts(&periscope);
                }
            })?;
    }

    let bus = pipeline.bus().context("no bus")?;
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let end = bus.clone();
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            if signals.forever().next().is_some() {
                let _ = end.post(gst::message::Application::new(gst::Structure::new_empty(
                    "end",
                )));
            }
        })?;
    pipeline.set_state(gst::State::Playing)?;
    // Ends with an error, or as the driver asks for it.
    for message in bus.iter_timed(gst::ClockTime::NONE) {
        match message.view() {
            gst::MessageView::Error(error) => {
                eprintln!("{}", error.error());
                std::process::exit(1);
            }
            gst::MessageView::Latency(_) => {
                let _ = pipeline.recalculate_latency();
            }
            gst::MessageView::Application(_) | gst::MessageView::Eos(_) => break,
            _ => {}
        }
    }
    pipeline.set_state(gst::State::Null)?;
    Ok(())
}

fn tell_counts(periscope: &gst::Element) {
    let statistics: gst::Structure = periscope.property("stats");
    let Ok(talkers) = statistics.get::<gst::Array>("talkers") else {
        return;
    };
    for talker in talkers.iter() {
        let Ok(talker) = talker.get::<gst::Structure>() else {
            continue;
        };
        let fields: serde_json::Map<String, serde_json::Value> = talker
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), number(value)?)))
            .collect();
        println!("talker {}", serde_json::Value::Object(fields));
    }
}

fn number(value: &gst::glib::SendValue) -> Option<serde_json::Value> {
    let whole = || value.get::<u64>().ok().map(Into::into);
    let small = || value.get::<u32>().ok().map(Into::into);
    let real = || value.get::<f64>().ok().map(Into::into);
    whole().or_else(small).or_else(real)
}
