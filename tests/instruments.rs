//! Instruments behind data pads: their messages, their commands, who controls, and what
//! makes them safe. Serial ports are not needed here; what they would send is sent by
//! hand.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::visitor::{Visitor, certificate, code, make_code};
use common::{Bench, Watched, wait_until};
use gst::prelude::*;
use gst_webrtc::WebRTCDataChannel;
use gstperiscope::signaling::code::Code;

/// An instrument whose port can be written and whose commands are seen.
const INSTRUMENT: &str = "periscope name=p http=false console=off port=0 \
     appsrc name=port is-live=true format=time \
     caps=application/x-instrument,framing=line,text=true ! p.data_0 \
     p.data_src_0 ! fakesink name=out async=false sync=false";

/// Nobody takes control by waiting.
const PATIENT: &str = "control-timeout=-1";

fn bench(settings: &str) -> Bench {
    Bench::start(&INSTRUMENT.replace("name=p ", &format!("name=p {settings} ")))
}

fn port(bench: &Bench) -> gst_app::AppSrc {
    bench.pipeline.by_name("port").unwrap().downcast().unwrap()
}

fn line(text: &str) -> gst::Buffer {
    gst::Buffer::from_slice(text.as_bytes().to_vec())
}

fn control_code(bench: &Bench) -> Code {
    make_code(bench, "control", false, 0)
}

/// A page that may control, and has been welcomed.
fn controller(bench: &Bench) -> Visitor {
    let visitor = Visitor::page(&control_code(bench));
    visitor.hears(r#""type":"welcome""#);
    visitor
}

/// What has left a `data_src_%u` pad.
#[derive(Default, Clone)]
struct Out {
    /// Number and bytes.
    commands: Watched<Vec<(u64, Vec<u8>)>>,
    /// Reason and number of the last command that is void.
    safes: Watched<Vec<(String, u64)>>,
    ended: Watched<bool>,
}

fn out(bench: &Bench) -> Out {
    let out = Out::default();
    let seen = out.clone();
    let sink = bench.pipeline.by_name("out").unwrap();
    sink.static_pad("sink").unwrap().add_probe(
        gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM,
        move |_, info| {
            if let Some(buffer) = info.buffer() {
                let bytes = buffer.map_readable().unwrap().to_vec();
                let number = buffer.offset();
                seen.commands.update(|all| all.push((number, bytes)));
            }
            if let Some(event) = info.event() {
                if event.type_() == gst::EventType::Eos {
                    seen.ended.update(|ended| *ended = true);
                }
                if let Some(safe) = event.structure().filter(|s| s.name() == "instrument-safe") {
                    assert_eq!(event.type_(), gst::EventType::CustomDownstreamOob);
                    let (reason, after) = (safe.get("reason").unwrap(), safe.get("after").unwrap());
                    seen.safes.update(|all| all.push((reason, after)));
                }
            }
            gst::PadProbeReturn::Ok
        },
    );
    out
}

impl Out {
    fn wait_command(&self, text: &str) {
        self.commands
            .wait(text, |all| all.iter().any(|(_, c)| c == text.as_bytes()));
    }

    fn texts(&self) -> Vec<String> {
        self.commands.get(|all| {
            let bytes = all.iter().map(|(_, bytes)| bytes);
            bytes
                .map(|b| String::from_utf8_lossy(b).into_owned())
                .collect()
        })
    }

    /// Waits for the only safe event so far; gives its reason.
    fn wait_safe(&self) -> String {
        self.safes.wait("a safe event", |all| !all.is_empty());
        self.safes.get(|all| {
            assert_eq!(all.len(), 1, "{all:?}");
            all[0].0.clone()
        })
    }
}

/// Sends lines until each visitor has got one in a batch: their channels are open.
fn wait_open(bench: &Bench, visitors: &[&Visitor]) {
    let port = port(bench);
    wait_until("open channels", || {
        port.push_buffer(line("?")).unwrap();
        visitors.iter().all(|v| !v.records("data_0").is_empty())
    });
}

/// A number of the statistics.
fn number(bench: &Bench, field: &str) -> u64 {
    bench.stats().get(field).unwrap()
}

fn of_peer(bench: &Bench, peer: u32, field: &str) -> u64 {
    let stats = bench.stats();
    let peers = stats.get::<gst::Array>("peers").unwrap();
    peers
        .iter()
        .map(|peer| peer.get::<gst::Structure>().unwrap())
        .find(|structure| structure.get::<u32>("id") == Ok(peer))
        .map_or(0, |structure| structure.get(field).unwrap())
}

// ---- Messages --------------------------------------------------------------------------

#[test]
fn a_hundred_thousand_messages_reach_two_pages_with_their_times_and_none_is_lost() {
    const COUNT: u32 = 100_000;
    const FIRST: u64 = 1_800_000_000_000_000;
    let bench = bench("");
    let pages = [
        Visitor::page(&code(&bench)),
        Visitor::page(&control_code(&bench)),
    ];
    wait_open(&bench, &[&pages[0], &pages[1]]);
    let before = [pages[0].messages("data_0"), pages[1].messages("data_0")];
    let unix = gst::Caps::new_empty_simple("timestamp/x-unix");
    let port = port(&bench);
    for number in 0..COUNT {
        let mut buffer = line(&format!("+{number:09}E-03,DCV0"));
        gst::ReferenceTimestampMeta::add(
            buffer.get_mut().unwrap(),
            &unix,
            gst::ClockTime::from_useconds(FIRST + u64::from(number)),
            None,
        );
        port.push_buffer(buffer).unwrap();
    }
    port.push_buffer(line("end")).unwrap();
    for (page, before) in pages.iter().zip(before) {
        page.viewer.messages.wait("the last line", |all| {
            all.last()
                .is_some_and(|(_, batch)| batch.ends_with(b"\x03end"))
        });
        let records = page.records("data_0");
        let lines: Vec<_> = records
            .iter()
            .filter(|record| {
                record.host_time < FIRST + u64::from(COUNT) && record.bytes.len() == 19
            })
            .collect();
        assert_eq!(lines.len(), COUNT as usize);
        for (number, record) in lines.iter().enumerate() {
            assert_eq!(record.bytes, format!("+{number:09}E-03,DCV0").as_bytes());
            assert_eq!(record.host_time, FIRST + number as u64);
            assert!(record.is_text);
        }
        assert!(
            records
                .windows(2)
                .all(|pair| pair[1].sequence == pair[0].sequence + 1),
            "numbered without a gap"
        );
        let batches = page.messages("data_0") - before;
        assert!(batches < COUNT as usize / 50, "{batches} batches");
    }
    assert_eq!(number(&bench, "messages-dropped"), 0);
}

#[test]
fn a_line_without_a_time_gets_that_of_the_host() {
    let bench = bench("");
    let page = Visitor::page(&code(&bench));
    wait_open(&bench, &[&page]);
    let record = page.records("data_0")[0].clone();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let age = now - Duration::from_micros(record.host_time);
    assert!(age < Duration::from_secs(60), "{age:?} old");
    assert_eq!(record.bytes, b"?");
}

#[test]
fn a_page_that_does_not_know_batches_gets_each_message_as_it_is() {
    let bench = bench("");
    let plain = Visitor::with(&code(&bench), &certificate(), "[]");
    plain.hears("welcome");
    plain.channel("data_0");
    let port = port(&bench);
    wait_until("a message", || {
        port.push_buffer(line("FA00014060000;")).unwrap();
        plain.messages("data_0") > 0
    });
    plain.viewer.messages.get(|all| {
        let (_, bytes) = all.iter().find(|(label, _)| label == "data_0").unwrap();
        assert_eq!(bytes, b"FA00014060000;");
    });
}

#[test]
fn a_slow_viewer_loses_messages_alone_and_sees_the_gap() {
    let bench = Bench::start(&INSTRUMENT.replace("name=p ", "name=p data_0::slow-viewer=drop "));
    let (fast, slow) = (Visitor::page(&code(&bench)), Visitor::page(&code(&bench)));
    wait_open(&bench, &[&fast, &slow]);
    fast.hears("welcome");
    let slow_peer = match slow.hears("welcome").contains(r#""peer":1,"#) {
        true => 1,
        false => 2,
    };
    // Nothing is read from its sockets any more.
    slow.viewer.pipeline.set_state(gst::State::Paused).unwrap();
    let port = port(&bench);
    let text = "x".repeat(1000);
    wait_until("losses of the slow one", || {
        for _ in 0..20 {
            port.push_buffer(line(&text)).unwrap();
        }
        of_peer(&bench, slow_peer, "messages-dropped") > 100
    });
    port.push_buffer(line("end")).unwrap();
    fast.viewer.messages.wait("the last line", |all| {
        all.last().is_some_and(|(_, batch)| batch.ends_with(b"end"))
    });
    let records = fast.records("data_0");
    assert!(
        records
            .windows(2)
            .all(|p| p[1].sequence == p[0].sequence + 1)
    );
    assert_eq!(of_peer(&bench, 3 - slow_peer, "messages-dropped"), 0);

    slow.viewer.pipeline.set_state(gst::State::Playing).unwrap();
    wait_until("the slow one to be up to date", || {
        port.push_buffer(line("now")).unwrap();
        slow.records("data_0")
            .last()
            .is_some_and(|r| r.bytes == b"now")
    });
    let records = slow.records("data_0");
    assert!(
        records
            .windows(2)
            .any(|p| p[1].sequence > p[0].sequence + 1)
    );
}

#[test]
fn a_channel_is_as_reliable_as_its_pad_says() {
    let bench = Bench::start(
        "periscope name=p http=false console=off port=0 \
         data_0::label=gps data_0::ordered=false data_0::max-retransmits=2 \
         data_src_0::label=gps data_src_0::max-lifetime=900 \
         data_src_1::max-lifetime=500 \
         appsrc name=port ! application/octet-stream ! p.data_0 \
         p.data_src_0 ! fakesink async=false  p.data_src_1 ! fakesink async=false",
    );
    let page = Visitor::page(&code(&bench));
    let gps = page.channel("gps");
    assert!(!gps.is_ordered());
    assert_eq!((gps.max_retransmits(), gps.max_packet_lifetime()), (2, -1));
    let other = page.channel("data_1");
    assert!(other.is_ordered());
    assert_eq!(
        (other.max_retransmits(), other.max_packet_lifetime()),
        (-1, 500)
    );
}

#[test]
fn settings_that_make_no_sense_are_errors_that_name_the_pad() {
    for (settings, words) in [
        (
            "data_src_0::allow=<\"FA(;\">",
            "data_src_0: allow: the pattern “FA(;”",
        ),
        ("data_0::allow=<\"FA;\">", "set allow on data_src_0"),
        (
            "data_0::max-retransmits=1 data_0::max-lifetime=1",
            "data_0: a channel has max-retransmits or max-lifetime, not both",
        ),
    ] {
        let bench = Bench::prepare(&INSTRUMENT.replace("name=p ", &format!("name=p {settings} ")));
        assert!(
            bench.pipeline.set_state(gst::State::Playing).is_err(),
            "{settings}"
        );
        let error = bench.wait_error();
        assert!(error.contains(words), "{error}");
    }
}

// ---- Who controls ----------------------------------------------------------------------

#[test]
fn a_second_viewer_is_refused_and_then_takes_over() {
    let bench = bench(PATIENT);
    let out = out(&bench);
    let (first, second) = (controller(&bench), controller(&bench));
    first.send("data_0", "FA;");
    out.wait_command("FA;");
    let _heart = first.heart();
    first.hears(r#""holder":1,"you":"holder","waiting":[],"timeout":-1"#);
    second.hears(r#""holder":1,"you":"none""#);

    second.send("data_0", "TX;");
    let refused = second.hears(r#""type":"refused""#);
    assert_eq!(
        refused,
        r#"{"type":"refused","label":"data_0","reason":"viewer 1 has control","text":"TX;"}"#
    );
    second.say(r#"{"type":"take"}"#);
    second.hears(r#""you":"waiting","waiting":[2]"#);
    first.hears(r#""you":"holder","waiting":[2]"#);
    assert_eq!(number(&bench, "safes"), 0);

    first.say(r#"{"type":"give","to":2}"#);
    second.hears(r#""holder":2,"you":"holder""#);
    let _heart = second.heart();
    assert_eq!(out.wait_safe(), "viewer 1 handed control over to viewer 2");
    second.send("data_0", "TX;");
    out.wait_command("TX;");
    assert_eq!(
        out.commands.get(Clone::clone),
        [(1, b"FA;".to_vec()), (2, b"TX;".to_vec())]
    );
    assert_eq!(out.safes.get(|all| all[0].1), 1);
    first.send("data_0", "FB;");
    first.hears(r#""reason":"viewer 2 has control","text":"FB;""#);
    let holders: Vec<u32> = bench.messages("periscope-control", |s| s.get("holder").unwrap());
    assert_eq!(holders, [1, 1, 2]);
}

#[test]
fn a_request_that_nobody_answers_is_granted_in_time() {
    let bench = bench("control-timeout=300 heartbeat-timeout=0");
    let out = out(&bench);
    let (first, second) = (controller(&bench), controller(&bench));
    first.say(r#"{"type":"take"}"#);
    first.hears(r#""you":"holder""#);
    second.say(r#"{"type":"take"}"#);
    second.hears(r#""you":"holder""#);
    assert!(out.wait_safe().contains("not answered for 300 ms"));
}

#[test]
fn who_controls_may_refuse_to_hand_over() {
    let bench = bench("control-timeout=-1 heartbeat-timeout=0");
    let out = out(&bench);
    let (first, second) = (controller(&bench), controller(&bench));
    first.say(r#"{"type":"take"}"#);
    first.hears(r#""you":"holder""#);
    second.say(r#"{"type":"take"}"#);
    first.hears(r#""waiting":[2]"#);
    second.forget();
    first.say(r#"{"type":"keep"}"#);
    second.hears(r#""holder":1,"you":"none","waiting":[]"#);
    second.say(r#"{"type":"give","to":2}"#);
    second.hears("this page does not have control");
    assert!(out.safes.get(Vec::is_empty));
}

#[test]
fn who_gives_control_up_makes_the_instrument_safe() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    page.send("data_0", "TX;");
    out.wait_command("TX;");
    page.say(r#"{"type":"release"}"#);
    assert_eq!(out.wait_safe(), "viewer 1 gave control up");
    let safe = page.hears(r#""type":"safe""#);
    assert_eq!(
        safe,
        r#"{"type":"safe","label":null,"reason":"viewer 1 gave control up"}"#
    );
    bench.wait_message("periscope-safe", |message| {
        let structure = message.structure()?;
        (structure.name() == "periscope-safe").then_some(())
    });
}

#[test]
fn control_that_nobody_uses_ends() {
    let bench = bench("heartbeat-timeout=0 control-idle=1");
    let out = out(&bench);
    let page = controller(&bench);
    page.send("data_0", "TX;");
    assert!(out.wait_safe().contains("no command for 1 s"));
    assert_eq!(out.texts(), ["TX;"]);
}

#[test]
fn the_bench_can_take_control_away() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    let release = || bench.element.emit_by_name::<bool>("release-control", &[]);
    assert!(!release(), "nobody has it");
    page.send("data_0", "TX;");
    out.wait_command("TX;");
    assert!(release());
    assert_eq!(out.wait_safe(), "control was taken away at the bench");
    page.send("data_0", "TX1;");
    page.hears("this page has lost control: take it again first");
    page.say(r#"{"type":"take"}"#);
    page.send("data_0", "RX;");
    // Channels are not in step with each other: it may have come before it had control.
    wait_until("a command of who took control again", || {
        page.send("data_0", "RX;");
        out.texts().last().is_some_and(|text| text == "RX;")
    });
}

#[test]
fn who_may_only_watch_is_refused_with_the_reason() {
    let bench = bench("");
    let out = out(&bench);
    let viewer = Visitor::page(&code(&bench));
    viewer.hears("welcome");
    viewer.send("data_0", "TX;");
    let refused = viewer.hears(r#""type":"refused""#);
    assert!(refused.contains("your code is for watching"), "{refused}");
    viewer.say(r#"{"type":"take"}"#);
    viewer.hears(r#""type":"error""#);
    assert!(viewer.heard(r#""you":"holder""#).is_empty());
    assert!(out.commands.get(Vec::is_empty));
    assert_eq!(number(&bench, "refused"), 1);
    let channels = viewer.viewer.channels.get(|all| {
        let label = |channel: &WebRTCDataChannel| channel.label().unwrap().to_string();
        all.iter().map(label).collect::<Vec<_>>()
    });
    assert_eq!(channels, ["data_0"], "no heartbeat is asked of it");
}

// ---- Dead-man --------------------------------------------------------------------------

#[test]
fn a_heartbeat_that_stops_makes_the_instrument_safe_once_and_in_time() {
    let bench = bench("");
    let out = out(&bench);
    let (page, other) = (controller(&bench), controller(&bench));
    let heart = page.heart();
    page.send("data_0", "TX;");
    out.wait_command("TX;");
    // Longer than the time-out: it is the heartbeat that keeps control.
    let clock = gst::SystemClock::obtain();
    let id = clock.new_single_shot_id(clock.time() + gst::ClockTime::from_mseconds(2000));
    let _ = id.wait();
    assert!(
        out.safes.get(Vec::is_empty),
        "{:?}",
        out.safes.get(Clone::clone)
    );

    let stopped = Instant::now();
    drop(heart);
    let reason = out.wait_safe();
    let took = stopped.elapsed();
    assert!(reason.contains("not heard of for 750 ms"), "{reason}");
    // The last beat was sent up to 200 ms before it stopped.
    assert!(
        took > Duration::from_millis(500) && took < Duration::from_millis(1000),
        "{took:?}"
    );
    other.hears(r#""type":"safe""#);
    other.hears(r#""holder":null"#);
    // It does not know yet; what it sends is refused until it asks.
    page.send("data_0", "TX;");
    page.hears("this page has lost control");
    assert_eq!(out.texts(), ["TX;"]);
    assert_eq!(out.safes.get(Vec::len), 1);
}

#[test]
fn a_viewer_that_ends_with_control_makes_the_instrument_safe_at_once() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let (page, next) = (controller(&bench), controller(&bench));
    page.send("data_0", "TX;");
    out.wait_command("TX;");
    next.say(r#"{"type":"take"}"#);
    next.hears(r#""you":"waiting""#);
    page.say(r#"{"type":"bye","text":"closed"}"#);
    assert_eq!(out.wait_safe(), "viewer 1, who had control, is gone");
    next.hears(r#""holder":2,"you":"holder""#);
}

#[test]
fn a_viewer_that_is_dropped_makes_the_instrument_safe() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    page.send("data_0", "TX;");
    out.wait_command("TX;");
    assert!(bench.drop_peer(1));
    assert_eq!(out.wait_safe(), "viewer 1, who had control, is gone");
}

#[test]
fn a_page_that_comes_back_beside_itself_keeps_control() {
    let bench = bench("");
    let out = out(&bench);
    let pem = certificate();
    let features = r#"["batch","heartbeat"]"#;
    let code = control_code(&bench);
    let first = Visitor::with(&code, &pem, features);
    first.hears("welcome");
    let heart = first.heart();
    first.send("data_0", "TX;");
    out.wait_command("TX;");
    let second = Visitor::with(&code, &pem, features);
    second.hears(r#""holder":2,"you":"holder""#);
    let _heart = second.heart();
    drop(heart);
    first.say(r#"{"type":"bye","text":"moved"}"#);
    bench.wait_peer(1, "closed");
    second.send("data_0", "RX;");
    out.wait_command("RX;");
    assert!(
        out.safes.get(Vec::is_empty),
        "{:?}",
        out.safes.get(Clone::clone)
    );
    drop(second);
    out.wait_safe();
}

#[test]
fn a_pipeline_that_pauses_or_ends_leaves_the_instrument_safe() {
    let paused = bench("heartbeat-timeout=0");
    let out_of_paused = out(&paused);
    let page = controller(&paused);
    page.send("data_0", "TX;");
    out_of_paused.wait_command("TX;");
    paused.pipeline.set_state(gst::State::Paused).unwrap();
    assert_eq!(out_of_paused.wait_safe(), "the pipeline is paused");
    page.send("data_0", "RX;");
    page.hears("the pipeline at the bench is not playing");
    paused.pipeline.set_state(gst::State::Ready).unwrap();
    assert_eq!(out_of_paused.safes.get(Vec::len), 1);

    let ending = bench("heartbeat-timeout=0");
    let out = out(&ending);
    let page = controller(&ending);
    page.send("data_0", "TX;");
    out.wait_command("TX;");
    port(&ending).end_of_stream().unwrap();
    assert_eq!(out.wait_safe(), "the pipeline has come to its end");
    out.ended.wait("the end of commands", |ended| *ended);
    ending.wait_eos();
}

#[test]
fn a_pad_that_is_released_leaves_its_instrument_safe() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    page.send("data_0", "TX;");
    out.wait_command("TX;");
    let pad = bench.element.static_pad("data_src_0").unwrap();
    bench.element.release_request_pad(&pad);
    assert_eq!(out.wait_safe(), "its pad was released");
    page.send("data_0", "TX;");
    page.hears("nothing at the bench takes commands");
}

// ---- Commands --------------------------------------------------------------------------

#[test]
fn ten_thousand_commands_in_a_second_all_arrive_in_order() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    let watching = Visitor::page(&code(&bench));
    wait_open(&bench, &[&watching]);
    let channel = page.channel("data_0");
    let started = Instant::now();
    let clock = gst::SystemClock::obtain();
    for number in 0..10_000_u32 {
        if number % 100 == 0 {
            let pause = gst::ClockTime::from_mseconds(10);
            let _ = clock.new_single_shot_id(clock.time() + pause).wait();
        }
        channel
            .send_string_full(Some(&format!("FA{number:011};")))
            .unwrap();
    }
    out.commands.wait("all commands or their refusal", |all| {
        all.last()
            .is_some_and(|(_, last)| last == b"FA00000009999;")
    });
    let took = started.elapsed();
    let refused = number(&bench, "refused");
    let texts = out.texts();
    assert_eq!(texts.len() as u64 + refused, 10_000, "after {took:?}");
    assert_eq!(refused, 0, "after {took:?}");
    assert!(texts.windows(2).all(|pair| pair[0] < pair[1]), "in order");
    // The others have not noticed.
    wait_open(&bench, &[&watching]);
}

#[test]
fn an_instrument_that_does_not_keep_up_loses_no_command_silently() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    let channel = page.channel("data_0");
    let pad = bench
        .pipeline
        .by_name("out")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    let block = pad.add_probe(
        gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER,
        |_, _| gst::PadProbeReturn::Ok,
    );
    for number in 0..6000 {
        channel.send_string_full(Some(&number.to_string())).unwrap();
    }
    page.hears("the instrument does not keep up: 4096 commands wait");
    wait_until("all commands to be read", || {
        number(&bench, "refused") > 1800
    });
    pad.remove_probe(block.unwrap());
    wait_until("what is left", || {
        out.commands.get(Vec::len) as u64 + number(&bench, "refused") == 6000
    });
    // At most five notices a second, and what was merged is counted.
    wait_until("the last notice", || {
        let told: u64 = page
            .heard(r#""type":"refused""#)
            .iter()
            .map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap())
            .map(|notice| 1 + notice["more"].as_u64().unwrap_or(0))
            .sum();
        told == number(&bench, "refused")
    });
}

#[test]
fn commands_after_the_end_of_control_are_void_wherever_they_wait() {
    let bench = bench("heartbeat-timeout=0");
    let page = controller(&bench);
    let pad = bench
        .pipeline
        .by_name("out")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    let block = pad.add_probe(
        gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER,
        |_, _| gst::PadProbeReturn::Ok,
    );
    for number in 0..50 {
        page.send("data_0", &format!("TX{number};"));
    }
    wait_until("all to be on their way", || {
        of_peer(&bench, 1, "commands") == 50
    });
    // Behind the probe that holds the first one up.
    let out = out(&bench);
    page.say(r#"{"type":"release"}"#);
    out.safes.wait("the safe event", |all| !all.is_empty());
    assert_eq!(out.safes.get(|all| all[0].1), 50);
    page.send("data_0", "RX;");
    pad.remove_probe(block.unwrap());
    out.wait_command("RX;");
    let old = out
        .texts()
        .iter()
        .filter(|text| text.starts_with("TX"))
        .count();
    assert!(old <= 1, "the one that was in the sink already, not {old}");
}

#[test]
fn only_what_the_bench_allows_goes_out() {
    let bench = Bench::start(&INSTRUMENT.replace(
        "name=p ",
        r#"name=p data_src_0::allow=<"FA\\d{11};","RX;"> "#,
    ));
    let out = out(&bench);
    let page = controller(&bench);
    let _heart = page.heart();
    for text in ["TX;", "FA00014060000;TX;", "FA0001406000٠;"] {
        page.send("data_0", text);
        let refused = page.hears(&format!(r#""text":"{text}""#));
        assert!(
            refused.contains("the bench does not allow this command"),
            "{refused}"
        );
    }
    assert_eq!(
        bench.stats().get::<u32>("controller"),
        Ok(0),
        "takes no control"
    );
    page.send("data_0", "FA00014060000;");
    page.send("data_0", "RX;");
    out.wait_command("RX;");
    assert_eq!(out.texts(), ["FA00014060000;", "RX;"]);
    assert_eq!(number(&bench, "refused"), 3);
}

#[test]
fn commands_of_a_mebibyte_and_of_control_characters_arrive_unchanged() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    let long: Vec<u8> = (0..1024 * 1024_u32).map(|n| n as u8).collect();
    page.send_long("data_0", &long);
    page.send("data_0", "\x1b\x07\x01\r\n\x7f");
    out.wait_command("\x1b\x07\x01\r\n\x7f");
    out.commands.get(|all| {
        assert_eq!(all.len(), 2);
        assert!(all[0].1 == long);
    });
    page.send_long("data_0", &vec![0; 1024 * 1024 + 100]);
    page.hears("at most 1048576 bytes fit");
    page.send("data_0", "FA;");
    out.wait_command("FA;");
}

#[test]
fn a_command_that_nobody_takes_is_refused() {
    let bench = Bench::start(
        "periscope name=p http=false console=off port=0 \
         appsrc name=port ! application/octet-stream ! p.data_0",
    );
    let page = controller(&bench);
    page.send("data_0", "TX;");
    page.hears("nothing at the bench takes commands on “data_0”");
}

// ---- What instruments tell -------------------------------------------------------------

fn sticky(name: &str, fields: &[(&str, &str)]) -> gst::Event {
    let mut structure = gst::Structure::builder(name);
    for (field, value) in fields {
        structure = structure.field(*field, *value);
    }
    gst::event::CustomDownstreamSticky::new(structure.build())
}

#[test]
fn pages_are_told_of_the_port_and_its_profile_and_late_ones_too() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    page.hears(
        r#"{"type":"instrument","label":"data_0","state":"none","text":"","profile":null,"sends":true,"transmitting":false}"#,
    );
    let source = port(&bench).static_pad("src").unwrap();
    let profile = r#"{"profile": 1, "name": "kx3", "allow": ["FA\\d{11};"]}"#;
    port(&bench).push_buffer(line("first")).unwrap();
    wait_until("caps", || source.current_caps().is_some());
    assert!(source.push_event(sticky(
        "instrument-profile",
        &[("profile", profile), ("name", "kx3")]
    )));
    page.hears(r#""profile":{"allow":["FA\\d{11};"],"name":"kx3","profile":1}"#);
    let state = [("state", "open"), ("device", "/dev/ttyUSB0"), ("text", "")];
    assert!(source.push_event(sticky("instrument-state", &state)));
    let told = page.hears(r#""state":"open""#);
    assert!(!told.contains("profile"), "it knows the profile: {told}");

    // The profile's list holds for the pad that has none.
    page.send("data_0", "TX;");
    page.hears("the bench does not allow this command");
    page.send("data_0", "FA00014060000;");
    out.wait_command("FA00014060000;");

    // From where the commands go.
    let sink = bench
        .pipeline
        .by_name("out")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    let upstream = |structure: gst::Structure| {
        sink.push_event(gst::event::CustomUpstream::new(structure));
    };
    let transmit = |on: bool| {
        let structure = gst::Structure::builder("instrument-transmit").field("on", on);
        upstream(structure.build());
    };
    transmit(true);
    page.hears(r#""transmitting":true"#);
    let late = Visitor::page(&code(&bench));
    let told = late.hears(r#""type":"instrument""#);
    assert!(
        told.contains(r#""state":"open""#) && told.contains(r#""transmitting":true"#),
        "{told}"
    );
    assert!(told.contains(r#""name":"kx3""#), "{told}");

    let reason = "it transmitted for 180 s";
    upstream(
        gst::Structure::builder("instrument-safe")
            .field("reason", reason)
            .build(),
    );
    page.hears(&format!(
        r#"{{"type":"safe","label":"data_0","reason":"{reason}"}}"#
    ));
    late.hears(r#""transmitting":false"#);
    let unplugged = gst::Structure::builder("instrument-state")
        .field("state", "waiting")
        .field("device", "/dev/ttyUSB0")
        .field("text", "unplugged: waiting for it to come back");
    upstream(unplugged.build());
    page.hears(r#""state":"waiting","text":"unplugged: waiting for it to come back""#);
}

#[test]
fn who_takes_commands_hears_of_the_stream_before_the_first_one() {
    let bench = bench("");
    let sink = bench.pipeline.by_name("out").unwrap();
    let pad = sink.static_pad("sink").unwrap();
    wait_until("the start of the stream", || {
        pad.sticky_event::<gst::event::StreamStart>(0).is_some()
    });
}

#[test]
fn an_element_that_starts_again_numbers_anew_and_knows_no_old_instrument() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    let sink = bench
        .pipeline
        .by_name("out")
        .unwrap()
        .static_pad("sink")
        .unwrap();
    let state = gst::Structure::builder("instrument-state")
        .field("state", "open")
        .field("text", "");
    sink.push_event(gst::event::CustomUpstream::new(state.build()));
    page.hears(r#""state":"open""#);
    page.send("data_0", "FA;");
    page.send("data_0", "FB;");
    out.wait_command("FB;");
    bench.pipeline.set_state(gst::State::Ready).unwrap();
    bench.pipeline.set_state(gst::State::Playing).unwrap();
    let page = controller(&bench);
    page.hears(r#""state":"none""#);
    page.send("data_0", "FC;");
    out.wait_command("FC;");
    assert_eq!(out.commands.get(|all| all.last().unwrap().0), 1);
}

#[test]
fn a_profile_that_cannot_be_read_is_a_warning() {
    let bench = bench("");
    let source = port(&bench).static_pad("src").unwrap();
    port(&bench).push_buffer(line("first")).unwrap();
    wait_until("caps", || source.current_caps().is_some());
    source.push_event(sticky(
        "instrument-profile",
        &[("profile", "{"), ("name", "kx3")],
    ));
    let warning = bench.wait_error();
    assert!(warning.contains("the profile is not JSON"), "{warning}");
}
