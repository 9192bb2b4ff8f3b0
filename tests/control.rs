//! Who controls the instruments, and what happens when that one is gone.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use common::data_pads::{bench, control_code, controller, number, out, port};
use common::visitor::{Visitor, certificate, code};
use common::wait_until;
use gst::prelude::*;
use gst_webrtc::WebRTCDataChannel;

/// Nobody takes control by waiting.
const PATIENT: &str = "control-timeout=-1";

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
fn an_application_that_holds_up_messages_does_not_hold_up_the_dead_man() {
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let page = controller(&bench);
    let (free, held) = channel::<()>();
    let held = Mutex::new(held);
    let bus = bench.pipeline.bus().unwrap();
    bus.unset_sync_handler();
    bus.set_sync_handler(move |_, message| {
        let structure = message.structure();
        if structure.is_some_and(|structure| structure.name() == "periscope-control") {
            let _ = held.lock().unwrap().recv();
        }
        gst::BusSyncReply::Drop
    });
    page.send("data_0", "TX;");
    out.wait_command("TX;");
    page.say(r#"{"type":"bye","text":"closed"}"#);
    assert_eq!(out.wait_safe(), "viewer 1, who had control, is gone");
    drop(free);
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
