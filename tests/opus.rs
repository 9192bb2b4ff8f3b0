//! Sound cards of a real PulseAudio: what is heard, measured; and they may be unplugged.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::pulse::{self, Pulse, RATE, listen, play, samples, side};
use common::tty::Line;
use common::{plugin_folder, wait_until};
use gst::glib;
use gst::prelude::*;

/// A source, decoded again; `s` is the element.
fn source(device: &str, properties: &str) -> Line {
    Line::start(&format!(
        "opussrc name=s device={device}.monitor {properties} ! opusdec ! \
         audio/x-raw,format=S16LE,rate={RATE} ! appsink name=out"
    ))
}

/// A live sine into a sink, `k`.
fn sink(device: &str, properties: &str) -> Line {
    Line::start(&format!(
        "audiotestsrc is-live=true samplesperbuffer=480 freq=997 volume=0.5 ! identity name=i ! \
         opussink name=k device={device} {properties}"
    ))
}

/// The element inside of a bin that was made by a factory.
fn inside(line: &Line, bin: &str, factory: &str) -> gst::Element {
    let bin = line.pipeline.by_name(bin).unwrap();
    let bin = bin.downcast::<gst::Bin>().unwrap();
    let mut all = bin.iterate_all_by_element_factory_name(factory);
    all.next().unwrap().unwrap()
}

/// Half a second of it.
fn wait_tone(line: &Line, channels: usize, hertz: f64, amplitude: f64) {
    pulse::wait_tone(line, channels, RATE / 2, hertz, amplitude);
}

fn wait_open(line: &Line, times: usize) {
    line.posts_times(times, "sound-state", &[("state", "open")]);
}

fn informs(line: &Line, words: &str) {
    line.messages
        .wait(&format!("an information: {words}"), |all| {
            all.iter().any(|message| match message.view() {
                gst::MessageView::Info(info) => info.error().to_string().contains(words),
                _ => false,
            })
        });
}

/// dBFS of the left channel in the newest level message.
fn level(line: &Line) -> Option<f64> {
    line.messages.get(|all| {
        let mut structures = all.iter().rev().filter_map(|message| message.structure());
        let newest = structures.find(|structure| structure.name() == "level")?;
        let rms = newest.get::<glib::ValueArray>("rms").unwrap();
        rms.first()?.get().ok()
    })
}

fn flag(line: &Line, element: &str, name: &str) -> bool {
    let element = line.pipeline.by_name(element).unwrap();
    let stats: gst::Structure = element.property("stats");
    stats.get(name).unwrap_or_default()
}

/// Checks that all that came is one stream without a hole, longer than from `begin`.
fn is_gapless(line: &Line) {
    line.buffers.get(|buffers| {
        let mut next = None;
        for buffer in buffers {
            let begin = buffer.pts().unwrap();
            if let Some(next) = next {
                let hole = begin.absdiff(next);
                assert!(hole < gst::ClockTime::from_mseconds(1), "{next} {begin}");
            }
            next = Some(begin + buffer.duration().unwrap());
        }
    });
}

#[test]
fn a_tone_passes_the_source_with_its_pitch_and_level() {
    let pulse = Pulse::start();
    pulse.plug_in("bench");
    let _tone = play("bench", "freq=997 volume=0.5");
    let line = source("bench", "profile=music level-interval=100");
    wait_open(&line, 1);
    wait_tone(&line, 2, 997.0, 0.5);
    // A sine of amplitude 0.5: 20 log (0.5 / √2).
    wait_until("its level", || {
        level(&line).is_some_and(|rms| (rms + 9.03).abs() < 0.3)
    });
    let source = line.pipeline.by_name("s").unwrap();
    assert_eq!(source.property::<String>("state"), "open");
    source.set_property("volume", 0.5);
    wait_tone(&line, 2, 997.0, 0.25);
    source.set_property("mute", true);
    pulse::wait_silence(&line, 2);
    wait_until("no level", || level(&line).is_some_and(|rms| rms < -90.0));
    source.set_property("mute", false);
    wait_tone(&line, 2, 997.0, 0.25);
}

#[test]
fn a_voice_is_mono_and_music_stays_stereo() {
    let pulse = Pulse::start();
    pulse.plug_in("bench");
    let _left = play(
        "bench",
        "freq=997 volume=0.5 ! audio/x-raw,channels=1 ! audiopanorama panorama=-1.0",
    );
    let voice = source("bench", "profile=voice bitrate=128");
    wait_tone(&voice, 1, 997.0, 0.25);
    drop(voice);
    let music = source("bench", "profile=music");
    wait_tone(&music, 2, 997.0, 0.5);
    let right = side(&music, 1);
    let loudest = right.iter().fold(0.0_f32, |a, b| a.max(b.abs()));
    assert!(loudest < 0.01, "{loudest} on the right");
}

#[test]
fn the_profile_sets_the_encoder_and_what_is_set_by_hand_wins() {
    let _pulse = Pulse::start();
    let encoder = |properties: &str| {
        let line = source("nothing", properties);
        line.buffers.wait("silence", |buffers| !buffers.is_empty());
        let encoder = inside(&line, "s", "opusenc");
        (line, encoder)
    };
    let text = |element: &gst::Element, name: &str| {
        let value = element.property_value(name);
        value.serialize().unwrap().to_string()
    };
    let (line, voice) = encoder("profile=voice");
    assert_eq!(text(&voice, "audio-type"), "voice");
    assert_eq!(text(&voice, "frame-size"), "10");
    assert_eq!(text(&voice, "inband-fec"), "true");
    assert_eq!(text(&voice, "packet-loss-percentage"), "5");
    assert_eq!(text(&voice, "bitrate"), "40000");
    let source = line.pipeline.by_name("s").unwrap();
    source.set_property("bitrate", 64_u32);
    source.set_property("expected-loss", 15_u32);
    assert_eq!(text(&voice, "bitrate"), "64000");
    assert_eq!(text(&voice, "packet-loss-percentage"), "15");
    drop(line);
    let (_line, radio) = encoder("frame=10 fec=false profile=radio channels=2");
    assert_eq!(text(&radio, "frame-size"), "10");
    assert_eq!(text(&radio, "inband-fec"), "false");
    assert_eq!(text(&radio, "bitrate"), "24000");
}

#[test]
fn dtx_sends_next_to_nothing_while_it_is_silent() {
    let _pulse = Pulse::start();
    let bytes = |properties: &str| {
        let line = Line::start(&format!(
            "opussrc device=nothing {properties} ! appsink name=out"
        ));
        line.buffers.wait("two seconds", |all| all.len() > 200);
        line.buffers.get(|all| {
            all[100..200]
                .iter()
                .map(|buffer| buffer.size())
                .sum::<usize>()
        })
    };
    let (usual, dtx) = (bytes("dtx=false"), bytes("dtx=true"));
    assert!(dtx * 2 < usual, "{dtx} bytes with DTX, {usual} without");
}

#[test]
fn a_source_gives_silence_until_its_device_is_there() {
    let pulse = Pulse::start();
    let line = source("bench", "profile=music");
    line.warns("bench.monitor cannot be used");
    line.buffers.wait("a second", |all| all.len() > 100);
    assert!(
        samples(&line, 2, 0)
            .iter()
            .all(|sample| sample.abs() < 0.001)
    );
    let source = line.pipeline.by_name("s").unwrap();
    assert_eq!(source.property::<String>("state"), "waiting");
    pulse.plug_in("bench");
    let _tone = play("bench", "freq=997 volume=0.5");
    informs(&line, "bench.monitor is open");
    wait_tone(&line, 2, 997.0, 0.5);
    assert!(line.stat("s", "silence") > 500);
}

#[test]
fn a_source_outlives_its_device_and_its_server() {
    let mut pulse = Pulse::start();
    let device = pulse.plug_in("bench");
    let line = source("bench", "profile=music");
    wait_open(&line, 1);
    pulse.unplug(&device);
    line.warns("bench.monitor cannot be used");
    let tone = {
        pulse.plug_in("bench");
        play("bench", "freq=997 volume=0.5")
    };
    wait_open(&line, 2);
    wait_tone(&line, 2, 997.0, 0.5);
    drop(tone);

    pulse.kill_server();
    line.posts_times(2, "sound-state", &[("state", "waiting")]);
    let before = line.buffers.get(Vec::len);
    line.buffers
        .wait("a second", |all| all.len() > before + 100);
    pulse.plug_in_server();
    pulse.plug_in("bench");
    let _tone = play("bench", "freq=1500 volume=0.5");
    wait_open(&line, 3);
    wait_tone(&line, 2, 1500.0, 0.5);
    assert_eq!(line.stat("s", "reconnects"), 2);
    assert_eq!(line.error(), "");
}

#[test]
fn a_named_device_is_not_replaced_by_another() {
    let pulse = Pulse::start();
    pulse.rescue_streams();
    let device = pulse.plug_in("bench");
    pulse.plug_in("other");
    let _tone = play("other", "freq=997 volume=0.5");
    let line = source("bench", "");
    wait_open(&line, 1);
    pulse.unplug(&device);
    line.warns("bench.monitor cannot be used");
    let later = samples(&line, 1, 0).len();
    wait_until("two seconds more", || {
        samples(&line, 1, 0).len() > later + 2 * RATE
    });
    pulse::wait_silence(&line, 1);
}

#[test]
fn silence_has_no_hole() {
    let _pulse = Pulse::start();
    let line = source("nothing", "");
    let begin = Instant::now();
    line.buffers.wait("two seconds", |all| all.len() > 200);
    let time = begin.elapsed();
    assert!(time > Duration::from_millis(1800), "{time:?}: in real time");
    is_gapless(&line);
}

#[test]
fn after_a_pause_sound_has_the_time_of_now() {
    let _pulse = Pulse::start();
    let line = source("nothing", "");
    line.buffers.wait("a second", |all| all.len() > 100);
    line.pipeline.set_state(gst::State::Paused).unwrap();
    let before = line.buffers.get(Vec::len);
    line.pipeline.set_state(gst::State::Playing).unwrap();
    // Stamped with the time that has passed twice, nothing would come for a second.
    line.buffers.wait("more", |all| all.len() > before + 20);
    let last = line.buffers.get(|all| all.last().unwrap().pts().unwrap());
    let now = line.pipeline.current_running_time().unwrap();
    assert!(last <= now, "{last} is later than {now}");
}

#[test]
fn a_device_that_is_required_is_an_error_if_it_is_not_there() {
    let pulse = Pulse::start();
    for description in [
        "opussrc device=bench.monitor required=true ! fakesink",
        "audiotestsrc is-live=true ! opussink device=bench required=true",
    ] {
        let line = Line::prepare(description);
        assert!(line.pipeline.set_state(gst::State::Playing).is_err());
        assert!(line.error().contains("cannot be used"), "{}", line.error());
    }
    pulse.plug_in("bench");
    let line = Line::start("opussrc name=s device=bench.monitor required=true ! fakesink");
    let source = line.pipeline.by_name("s").unwrap();
    assert_eq!(source.property::<String>("state"), "open");
}

#[test]
fn a_tone_passes_the_sink_with_its_pitch_and_level() {
    let pulse = Pulse::start();
    pulse.plug_in("bench");
    let heard = listen("bench");
    let line = sink("bench", "level-interval=100");
    wait_open(&line, 1);
    wait_tone(&heard, 2, 997.0, 0.5);
    wait_until("its level", || {
        level(&line).is_some_and(|rms| (rms + 9.03).abs() < 0.3)
    });
    let sink = line.pipeline.by_name("k").unwrap();
    sink.set_property("mute", true);
    pulse::wait_silence(&heard, 2);
    sink.set_property("mute", false);
    sink.set_property("volume", 0.5);
    wait_tone(&heard, 2, 997.0, 0.25);
}

#[test]
fn a_sink_discards_in_real_time_until_its_device_is_back() {
    let mut pulse = Pulse::start();
    let line = sink("bench", "");
    line.warns("bench cannot be used");
    let passed = common::count(
        &line
            .pipeline
            .by_name("i")
            .unwrap()
            .static_pad("src")
            .unwrap(),
    );
    passed.wait("a second of sound", |count| *count > 100);
    let device = pulse.plug_in("bench");
    informs(&line, "bench is open");
    wait_tone(&listen("bench"), 2, 997.0, 0.5);
    pulse.unplug(&device);
    line.posts_times(2, "sound-state", &[("state", "waiting")]);
    let before = passed.get(|count| *count);
    passed.wait("a second of sound", |count| *count > before + 100);
    pulse.plug_in("bench");
    wait_open(&line, 2);
    wait_tone(&listen("bench"), 2, 997.0, 0.5);

    pulse.kill_server();
    line.posts_times(3, "sound-state", &[("state", "waiting")]);
    pulse.plug_in_server();
    pulse.plug_in("bench");
    wait_open(&line, 3);
    wait_tone(&listen("bench"), 2, 997.0, 0.5);
    assert_eq!(line.stat("k", "reconnects"), 2);
    assert_eq!(line.error(), "");
}

#[test]
fn a_device_that_never_works_does_no_harm_however_often_it_is_tried() {
    let pulse = Pulse::start();
    for _ in 0..20 {
        let line = sink("nothing", "");
        line.warns("nothing cannot be used");
    }
    drop(pulse);
}

#[test]
fn what_is_not_live_is_held_to_real_time_without_a_device() {
    let _pulse = Pulse::start();
    let begin = Instant::now();
    let line = Line::start(
        "audiotestsrc num-buffers=100 samplesperbuffer=480 ! audio/x-raw,rate=48000 ! \
         opussink device=nothing",
    );
    line.messages.wait("the end", |all| {
        all.iter().any(|m| m.type_() == gst::MessageType::Eos)
    });
    let time = begin.elapsed();
    assert!(time > Duration::from_millis(900), "{time:?}");
}

#[test]
fn both_together_pass_sound_without_a_gap() {
    let pulse = Pulse::start();
    pulse.plug_in("near");
    pulse.plug_in("far");
    let _tone = play("near", "freq=997 volume=0.5");
    let heard = listen("far");
    let line = Line::start(
        "opussrc name=s device=near.monitor profile=music ! \
         opussink name=k device=far buffer=200",
    );
    wait_open(&line, 2);
    pulse::wait_tone(&heard, 2, 5 * RATE, 997.0, 0.5);
}

#[test]
fn a_burst_does_not_become_delay() {
    let pulse = Pulse::start();
    pulse.plug_in("bench");
    let line = Line::start(
        "appsrc name=in is-live=true format=time caps=audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved ! \
         opussink name=k device=bench",
    );
    wait_open(&line, 1);
    let silence = vec![0_u8; 96_000];
    line.appsrc()
        .push_buffer(gst::Buffer::from_mut_slice(silence))
        .unwrap();
    let sink = line.pipeline.by_name("k").unwrap();
    wait_until("most of it is dropped", || {
        let stats: gst::Structure = sink.property("stats");
        line.stat("k", "dropped") > 800 && stats.get::<f64>("delay").unwrap() < 100.0
    });
}

#[test]
fn a_microphone_finds_the_loudspeaker_whose_echo_it_hears() {
    let pulse = Pulse::start();
    pulse.plug_in("bench");
    let microphone = source("bench", "processing=echo level-interval=100 profile=voice");
    wait_open(&microphone, 1);
    assert!(!flag(&microphone, "s", "echo"));
    // What a microphone beside the loudspeaker hears is what is played.
    let loudspeaker = Line::start(
        "audiotestsrc is-live=true samplesperbuffer=480 wave=pink-noise volume=0.5 ! \
         opussink name=k device=bench level-interval=100",
    );
    wait_until("a partner", || flag(&microphone, "s", "echo"));
    wait_until("less of an echo", || {
        let (played, heard) = (level(&loudspeaker), level(&microphone));
        played
            .zip(heard)
            .is_some_and(|(played, heard)| played > -40.0 && heard < played - 12.0)
    });
    drop(loudspeaker);
    wait_until("no partner", || !flag(&microphone, "s", "echo"));
}

#[test]
fn noise_suppression_works_without_a_loudspeaker() {
    let pulse = Pulse::start();
    pulse.plug_in("bench");
    let _noise = play("bench", "wave=white-noise volume=0.1");
    let plain = source("bench", "level-interval=100");
    wait_open(&plain, 1);
    let quiet = source("bench", "level-interval=100 processing=noise");
    wait_open(&quiet, 1);
    wait_until("less noise", || {
        let (plain, quiet) = (level(&plain), level(&quiet));
        plain
            .zip(quiet)
            .is_some_and(|(plain, quiet)| plain > -50.0 && quiet < plain - 5.0)
    });
}

#[test]
fn both_run_in_gst_launch() {
    let pulse = Pulse::start();
    pulse.plug_in("near");
    pulse.plug_in("far");
    let printed = pulse::gst_launch(
        &plugin_folder(),
        "-e opussrc device=near.monitor processing=noise+gain ! opussink device=far",
        Duration::from_secs(4),
    );
    assert!(printed.contains("near.monitor"), "{printed}");
    assert!(printed.contains("far\\ is\\ open"), "{printed}");
    assert!(!printed.contains("ERROR"), "{printed}");
    assert!(!printed.contains("CRITICAL"), "{printed}");
}
