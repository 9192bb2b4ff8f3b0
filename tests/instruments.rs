//! Instruments behind data pads: their messages, and what pages are told of them. Serial
//! ports are not needed here; what they would send is sent by hand.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::data_pads::{
    INSTRUMENT, bench, control_code, controller, line, number, of_peer, out, port, wait_open,
};
use common::visitor::{Visitor, certificate, code};
use common::{Bench, wait_until};
use gst::prelude::*;

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
        r#"{"type":"instrument","label":"data_0","state":"none","text":"","profile":null,"sends":true,"transmitting":false,"keys":false}"#,
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
