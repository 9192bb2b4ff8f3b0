//! A sound card's microphone: each 10 ms a buffer of what has just been recorded.

use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use gst::prelude::*;

use super::signal::Signal;
use super::{CAPS, RATE, microseconds};

const PERIOD: Duration = Duration::from_millis(10);
/// Samples in it.
const SAMPLES: usize = RATE / 100;
/// Later than that, a card has lost what it could not keep.
const TOO_LATE: Duration = Duration::from_millis(200);

/// Has the pipeline's element `clicks`, if there is one, give the signal from now on; prints
/// `click <µs since 1970>` for the first sample of each burst.
pub(crate) fn plug_in(pipeline: &gst::Pipeline, mut signal: Signal) -> anyhow::Result<()> {
    let Some(element) = pipeline.by_name("clicks") else {
        return Ok(());
    };
    let source = element
        .downcast::<gst_app::AppSrc>()
        .map_err(|_| anyhow::anyhow!("“clicks” is no appsrc"))?;
    source.set_caps(Some(&CAPS.parse::<gst::Caps>()?));
    source.set_is_live(true);
    source.set_format(gst::Format::Time);
    source.set_min_latency(PERIOD.as_nanos() as i64);
    std::thread::Builder::new()
        .name("sound-card".into())
        .spawn(move || record(&source, &mut signal))
        .context("no thread")?;
    Ok(())
}

/// Waits until the pipeline plays, and records until it takes no more.
fn record(source: &gst_app::AppSrc, signal: &mut Signal) {
    let mut end = loop {
        match source.current_running_time() {
            Some(time) if source.current_state() == gst::State::Playing => break time,
            _ => std::thread::sleep(PERIOD),
        }
    };
    let mut due = Instant::now();
    loop {
        due += PERIOD;
        end += gst::ClockTime::from_nseconds(PERIOD.as_nanos() as u64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let late = Instant::now().saturating_duration_since(due);
        if late > TOO_LATE {
            due += late;
            end += gst::ClockTime::from_nseconds(late.as_nanos() as u64);
        }
        // The system's clock may be set meanwhile; this is what it says at the end of the buffer.
        let began = SystemTime::now() - due.elapsed() - PERIOD;
        let mut bytes = Vec::with_capacity(SAMPLES * 4);
        let mut clicks = Vec::new();
        for n in 0..SAMPLES {
            let (sample, is_click) = signal.next();
            let sample = ((sample * 32_767.0).round() as i16).to_le_bytes();
            bytes.extend_from_slice(&sample);
            bytes.extend_from_slice(&sample);
            if is_click {
                clicks.push(began + Duration::from_secs_f64(n as f64 / RATE as f64));
            }
        }
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(end.saturating_sub(gst::ClockTime::from_mseconds(10)));
            buffer.set_duration(gst::ClockTime::from_mseconds(10));
        }
        if source.push_buffer(buffer).is_err() {
            return;
        }
        for click in clicks {
            println!("click {}", microseconds(click));
        }
    }
}
