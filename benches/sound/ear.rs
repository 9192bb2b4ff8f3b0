//! Listens to what a pipeline plays.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use gst::prelude::*;

use super::detector::Detector;
use super::meter::Meter;
use super::{RATE, microseconds};

/// Bytes of one sample of both channels.
const FRAME: usize = 4;

#[derive(Default)]
struct Ear {
    detector: Detector,
    meters: [Meter; 2],
}

/// Listens to what the pipeline's element `ear`, a `fakesink`, plays; prints `heard <µs since
/// 1970>` for each burst, and with `measures` for each second
/// `second <level left> <right> <gaps left> <right> <clicks left> <right>`.
///
/// What counts is when a buffer is played, by the pipeline's clock: a loudspeaker without
/// a buffer of its own.
pub(crate) fn listen(pipeline: &gst::Pipeline, measures: bool) -> anyhow::Result<()> {
    let Some(element) = pipeline.by_name("ear") else {
        return Ok(());
    };
    anyhow::ensure!(
        element.find_property("signal-handoffs").is_some(),
        "“ear” is no fakesink"
    );
    element.set_property("signal-handoffs", true);
    let ear = Mutex::new(Ear::default());
    element.connect("handoff", false, move |values| {
        let buffer = values.get(1)?.get::<gst::Buffer>().ok()?;
        let map = buffer.map_readable().ok()?;
        ear.lock().ok()?.hear(&map, SystemTime::now(), measures);
        None
    });
    Ok(())
}

impl Ear {
    fn hear(&mut self, sound: &[u8], begins: SystemTime, measures: bool) {
        for (n, frame) in sound.chunks_exact(FRAME).enumerate() {
            let [left, right] = [[frame[0], frame[1]], [frame[2], frame[3]]]
                .map(|bytes| f64::from(i16::from_le_bytes(bytes)) / 32_768.0);
            if let Some(ago) = self.detector.take(0.5 * (left + right)) {
                // This sample is the last of those.
                let past = (ago as f64 - 1.0 - n as f64) / RATE as f64;
                let at = if past >= 0.0 {
                    begins - Duration::from_secs_f64(past)
                } else {
                    begins + Duration::from_secs_f64(-past)
                };
                println!("heard {}", microseconds(at));
            }
            let [one, other] = &mut self.meters;
            if let (Some(left), Some(right), true) = (one.take(left), other.take(right), measures) {
                println!(
                    "second {:.1} {:.1} {} {} {} {}",
                    left.level, right.level, left.gaps, right.gaps, left.clicks, right.clicks
                );
            }
        }
    }
}
