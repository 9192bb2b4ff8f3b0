//! Commands on their way to an instrument: none that may go out is lost, and none that may
//! not goes out.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::data_pads::{INSTRUMENT, bench, controller, number, of_peer, out, wait_open};
use common::tty::Instrument;
use common::visitor::{Visitor, code};
use common::{Bench, wait_until};
use gst::prelude::*;

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
fn who_may_only_watch_can_send_what_it_likes_and_disturbs_nobody() {
    const FLOOD: u64 = 10_000;
    let bench = bench("heartbeat-timeout=0");
    let out = out(&bench);
    let (viewer, page) = (Visitor::page(&code(&bench)), controller(&bench));
    let channel = viewer.channel("data_0");
    for number in 0..FLOOD {
        let text = format!("TX{number};\x1b\r\n");
        channel.send_string_full(Some(&text)).unwrap();
    }
    page.send("data_0", "FA;");
    out.wait_command("FA;");
    wait_until("all to be counted", || number(&bench, "refused") == FLOOD);
    assert_eq!(out.texts(), ["FA;"]);
    // It is told of all of them in few words.
    viewer.hears(r#""more":"#);
    let notices = || viewer.heard(r#""type":"refused""#);
    wait_until("the last notice", || told(&notices()) == FLOOD);
    assert!(notices().len() < 100, "{} notices", notices().len());
}

/// Of how many refusals some notices tell.
fn told(notices: &[String]) -> u64 {
    let json = notices
        .iter()
        .map(|json| serde_json::from_str::<serde_json::Value>(json).unwrap());
    json.map(|notice| 1 + notice["more"].as_u64().unwrap_or(0))
        .sum()
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
        told(&page.heard(r#""type":"refused""#)) == number(&bench, "refused")
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

/// A bench whose commands go to a port that takes 20 ms for each byte.
fn slow_bench(instrument: &Instrument) -> Bench {
    Bench::start(&format!(
        "periscope name=p http=false console=off port=0 heartbeat-timeout=0 \
         appsrc name=port is-live=true format=time caps=text/x-raw,format=utf8 ! p.data_0 \
         p.data_src_0 ! serialsink name=out device={} character-delay=20000 safe-string=RX;",
        instrument.path().display()
    ))
}

#[test]
fn a_slow_instrument_gets_no_old_commands() {
    let instrument = Instrument::new();
    let bench = slow_bench(&instrument);
    let out = out(&bench);
    let page = controller(&bench);
    let begin = Instant::now();
    for number in 0..1000 {
        page.send("data_0", &format!("FA{number:011};"));
    }
    page.hears("the instrument does not keep up");
    wait_until("what is left", || {
        out.commands.get(Vec::len) as u64 + number(&bench, "refused") == 1000
    });
    // All of them would take almost five minutes.
    assert!(begin.elapsed() < Duration::from_secs(5), "{begin:?}");
    assert!(out.commands.get(Vec::len) >= 1);
    wait_until("the page to be told of each", || {
        told(&page.heard(r#""type":"refused""#)) == number(&bench, "refused")
    });
    let went = out.commands.get(Vec::len) as u64;
    wait_until("the count", || of_peer(&bench, 1, "commands") == went);
}

#[test]
fn a_command_that_ends_a_transmission_does_not_wait_behind_a_flood() {
    let mut instrument = Instrument::new();
    let bench = slow_bench(&instrument);
    let page = controller(&bench);
    page.send("data_0", "TX;");
    instrument.hears("TX;");
    for number in 0..1000 {
        page.send("data_0", &format!("FA{number:011};"));
    }
    page.send("data_0", "RX;");
    let begin = Instant::now();
    instrument.hears_among_others("RX;");
    // At most the rest of one command, and what waited for less than it would be missed.
    assert!(begin.elapsed() < Duration::from_secs(2), "{begin:?}");
}

#[test]
fn a_sink_that_has_not_told_what_it_allows_gets_no_command() {
    let mut instrument = Instrument::new();
    let bench = Bench::start(&format!(
        "periscope name=p http=false console=off port=0 heartbeat-timeout=0 \
         appsrc name=port is-live=true format=time caps=text/x-raw,format=utf8 ! p.data_0 \
         serialsink name=out device={} profile=kx3",
        instrument.path().display()
    ));
    let page = controller(&bench);
    let source = bench.element.request_pad_simple("data_src_%u").unwrap();
    let sink = bench.pipeline.by_name("out").unwrap();
    let pad = sink.static_pad("sink").unwrap();
    let deaf = pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, |_, info| {
        let name = info.event().and_then(|event| event.structure());
        if !name.is_some_and(|name| name.name().starts_with("instrument-")) {
            return gst::PadProbeReturn::Ok;
        }
        info.data = None;
        gst::PadProbeReturn::Handled
    });
    source.link(&pad).unwrap();
    wait_until("a refusal", || {
        page.send("data_0", "SWH16;");
        !page
            .heard("has not told yet which commands it allows")
            .is_empty()
    });
    pad.remove_probe(deaf.unwrap());
    page.send("data_0", "SWH17;");
    page.hears("the bench does not allow this command");
    page.send("data_0", "FA;");
    instrument.hears_among_others("FA;");
    assert_eq!(instrument.text(), "FA;");
}
