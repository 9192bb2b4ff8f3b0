//! The pipeline between a device and one of our elements.
//!
//! ```text
//! device ─ audioconvert ─ audioresample ─ [webrtcdsp] ─▸ on_sound
//! next_sound ─▸ audioconvert ─ [webrtcechoprobe] ─ audioresample ─ device
//! ```

use std::time::Duration;

use gst::prelude::*;

use super::choice::{Candidate, Direction};
use crate::media::elements;
use crate::opus::settings::{Processing, System};

/// Rate of all sound in here, Hz.
pub(crate) const RATE: u32 = 48_000;

/// How much of what was recorded may wait in the device's own buffer until it is read. It
/// is read as soon as it is there, so a long one costs no delay.
const CAPTURE_RING: Duration = Duration::from_millis(200);

/// Name of the device's element in its pipeline.
const DEVICE: &str = "device";

/// What is wanted of a device.
#[derive(Debug, Clone)]
pub(crate) struct Device {
    /// None: the system's default.
    pub(crate) name: Option<String>,
    /// How much sound it holds.
    pub(crate) buffer: Duration,
}

impl Device {
    /// How much sound is moved at a time.
    fn period(&self) -> Duration {
        self.buffer / 4
    }
}

/// What is done to what was recorded.
#[derive(Debug, Clone)]
pub(crate) struct Treatment {
    pub(crate) processing: Processing,
    /// Name of the webrtcechoprobe whose sound is to be taken out.
    pub(crate) probe: Option<String>,
}

/// Makes an element, or says which package has it.
pub(crate) fn make(element: &str, settings: &[(&str, &str)]) -> Result<gst::Element, String> {
    elements::make(element, settings).map_err(|missing| missing.to_string())
}

pub(crate) fn caps_filter(caps: &gst::Caps) -> Result<gst::Element, String> {
    let filter = make("capsfilter", &[])?;
    filter.set_property("caps", caps);
    Ok(filter)
}

/// Raw sound of our rate, interleaved.
pub(crate) fn raw(format: &str, channels: u32) -> gst::Caps {
    let builder = gst::Caps::builder("audio/x-raw")
        .field("format", format)
        .field("layout", "interleaved")
        .field("rate", RATE.cast_signed())
        .field("channels", channels.cast_signed());
    match channels {
        // Front left and front right.
        2 => builder.field("channel-mask", gst::Bitmask::new(0b11)),
        _ => builder,
    }
    .build()
}

/// A pipeline that gives what the device records, 16 bits a sample, to `on_sound`.
pub(crate) fn capture(
    candidate: Candidate,
    device: &Device,
    channels: u32,
    treatment: &Treatment,
    on_sound: impl FnMut(&gst::Buffer) + Send + 'static,
) -> Result<gst::Pipeline, String> {
    let source = device_element(candidate, device, Direction::Capture)?;
    // All that the device records is kept as it is: receivers adapt to its clock.
    set(&source, "slave-method", "none");
    let sink = gst_app::AppSink::builder()
        .caps(&raw("S16LE", channels))
        .sync(false)
        .async_(false)
        .enable_last_sample(false)
        .build();
    let mut on_sound = on_sound;
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                if let Some(buffer) = sample.buffer() {
                    on_sound(&buffer.to_owned());
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
    let mut chain = vec![
        source,
        make("audioconvert", &[])?,
        make("audioresample", &[])?,
        caps_filter(&raw("S16LE", channels))?,
    ];
    if !treatment.processing.is_empty() {
        chain.push(processor(treatment)?);
    }
    chain.push(sink.upcast());
    pipeline(&chain)
}

fn processor(treatment: &Treatment) -> Result<gst::Element, String> {
    let switch = |on: bool| if on { "true" } else { "false" };
    let wanted = |what| switch(treatment.processing.contains(what));
    let echo = treatment.processing.contains(Processing::ECHO) && treatment.probe.is_some();
    let dsp = make(
        "webrtcdsp",
        &[
            ("echo-cancel", switch(echo)),
            ("noise-suppression", wanted(Processing::NOISE)),
            ("gain-control", wanted(Processing::GAIN)),
            // How old the sound is that leaves the loudspeaker nobody can tell exactly.
            ("delay-agnostic", "true"),
        ],
    )?;
    if let Some(probe) = &treatment.probe {
        dsp.set_property("probe", probe);
    }
    Ok(dsp)
}

/// A pipeline that plays what `next_sound` gives, floating point, whenever the device wants
/// more. `probe`: a webrtcechoprobe that hears what is played.
pub(crate) fn playback(
    candidate: Candidate,
    device: &Device,
    channels: u32,
    probe: Option<&gst::Element>,
    next_sound: impl FnMut() -> gst::Buffer + Send + 'static,
) -> Result<gst::Pipeline, String> {
    let sink = device_element(candidate, device, Direction::Playback)?;
    // The device asks for what it needs; time stamps do not matter.
    sink.set_property("sync", false);
    set(&sink, "qos", "false");
    let source = gst_app::AppSrc::builder()
        .caps(&raw("F32LE", channels))
        .format(gst::Format::Time)
        .is_live(false)
        .do_timestamp(true)
        .max_bytes(1)
        .build();
    let mut next_sound = next_sound;
    source.set_callbacks(
        gst_app::AppSrcCallbacks::builder()
            .need_data(move |source, _| {
                let _ = source.push_buffer(next_sound());
            })
            .build(),
    );
    let mut chain = vec![
        source.upcast(),
        make("audioconvert", &[])?,
        caps_filter(&raw("S16LE", channels))?,
    ];
    chain.extend(probe.cloned());
    chain.extend([
        make("audioresample", &[])?,
        make("audioconvert", &[])?,
        sink,
    ]);
    pipeline(&chain)
}

fn pipeline(chain: &[gst::Element]) -> Result<gst::Pipeline, String> {
    let pipeline = gst::Pipeline::new();
    let failed = |error: gst::glib::BoolError| error.to_string();
    pipeline.add_many(chain).map_err(failed)?;
    gst::Element::link_many(chain).map_err(failed)?;
    // Not the device's own, which stops with it.
    pipeline.use_clock(Some(&gst::SystemClock::obtain()));
    Ok(pipeline)
}

fn set(element: &gst::Element, property: &str, value: &str) {
    elements::set_if_possible(element, property, value);
}

/// The element that has the device, set to it.
fn device_element(
    candidate: Candidate,
    device: &Device,
    direction: Direction,
) -> Result<gst::Element, String> {
    let element = match device.name.as_deref() {
        // Names of devices have no blanks; descriptions do.
        Some(text) if text.contains(' ') => described(text, candidate.element, direction)?,
        name => {
            let element = make(candidate.element, &[])?;
            if let Some(name) = name {
                name_device(&element, candidate.system, name);
            }
            element
        }
    };
    element.set_property("name", DEVICE);
    let micros = |time: Duration| time.as_micros().to_string();
    let period = device.period();
    match candidate.system {
        System::PipeWire => {
            // PipeWire's graph moves so many samples at a time.
            let samples = period.as_micros() * u128::from(RATE) / 1_000_000;
            let named = device.name.is_some().to_string();
            let properties = gst::Structure::builder("props")
                .field("media.name", "Periscope")
                .field("node.latency", format!("{samples}/{RATE}"))
                .field("node.dont-reconnect", &named)
                .field("node.dont-fallback", &named)
                .build();
            element.set_property("stream-properties", properties);
        }
        System::Auto | System::PulseAudio | System::Alsa => {
            let ring = match direction {
                Direction::Capture => device.buffer.max(CAPTURE_RING),
                Direction::Playback => device.buffer,
            };
            set(&element, "buffer-time", &micros(ring));
            set(&element, "latency-time", &micros(period));
            set(&element, "provide-clock", "false");
            set(&element, "client-name", "Periscope");
        }
    }
    Ok(element)
}

/// A sound server may move a stream to another device when its own is unplugged. If it has
/// been moved away from a device that was asked for by name, tells where to.
pub(crate) fn moved_to(pipeline: &gst::Pipeline) -> Option<String> {
    let element = pipeline.by_name(DEVICE)?;
    if !element.has_property("current-device") {
        return None;
    }
    let wanted = element.property::<Option<String>>("device")?;
    let current = element.property::<Option<String>>("current-device")?;
    // @DEFAULT_SOURCE@ is no name.
    (!current.is_empty() && !wanted.starts_with('@') && current != wanted).then_some(current)
}

fn name_device(element: &gst::Element, system: System, name: &str) {
    match system {
        // Older versions only know the number, as “path”.
        System::PipeWire if element.has_property("target-object") => {
            set(element, "target-object", name);
        }
        System::PipeWire => set(element, "path", name),
        // Not from its text form: a name may hold anything.
        _ => element.set_property("device", name),
    }
}

/// The element for a device of this description, if that system has one.
fn described(text: &str, factory: &str, direction: Direction) -> Result<gst::Element, String> {
    let class = match direction {
        Direction::Capture => "Audio/Source",
        Direction::Playback => "Audio/Sink",
    };
    let monitor = gst::DeviceMonitor::new();
    let _ = monitor.add_filter(Some(class), None);
    let missing = || format!("gst-device-monitor-1.0 {class} lists no device “{text}”");
    monitor.start().map_err(|_| missing())?;
    let made = monitor
        .devices()
        .into_iter()
        .filter(|device| device.display_name() == text)
        .filter_map(|device| device.create_element(None).ok())
        .find(|element| element.factory().is_some_and(|f| f.name() == factory));
    monitor.stop();
    made.ok_or_else(missing)
}
