//! Viewers who come by a code: bare webrtcbins that write the bench's answer themselves.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::net::UdpSocket;

use common::visitor::{Visitor, code, make_code};
use common::{ALL, Bench, wait_until};
use gst::prelude::*;
use gstperiscope::signaling::code::{Code, Secret};

const PICTURE: &str = "periscope name=p http=false console=off port=0 \
     videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=30/1 ! p.";

/// How many datagrams the port has turned away for a reason.
fn turned_away(bench: &Bench, reason: &str) -> u64 {
    let port: gst::Structure = bench.stats().get("port").unwrap();
    port.get(reason).unwrap()
}

#[test]
fn who_has_a_code_is_connected_and_offered_the_media() {
    let bench = Bench::start(PICTURE);
    let visitor = Visitor::come(&code(&bench), None);
    bench.wait_peer(1, "connected");
    let welcome = visitor.hears(r#""type":"welcome""#);
    assert!(welcome.contains(r#""rights":"view""#), "{welcome}");
    let offer = visitor.hears(r#""type":"offer""#);
    assert!(offer.contains("a=ice-lite") && offer.contains("m=video"));
}

#[test]
fn who_comes_by_a_code_and_says_nothing_is_taken_for_gone() {
    let bench = Bench::start(PICTURE);
    let visitor = Visitor::silent(&code(&bench));
    bench.wait_peer(1, "connected");
    assert_eq!(bench.wait_peer(1, "closed"), "the page has gone silent");
    drop(visitor);
    assert!(bench.peers().is_empty());
}

#[test]
fn re_offers_keep_the_credentials_that_the_visitor_chose() {
    let bench = Bench::start(PICTURE);
    let code = code(&bench);
    let visitor = Visitor::come(&code, None);
    let offer = visitor.hears(r#""type":"offer""#);
    let id = code.secret.id();
    assert!(offer.contains(&format!("a=ice-ufrag:{id}")), "{offer}");
    assert!(offer.contains(&code.secret.ice_pwd()));
}

#[test]
fn who_shows_another_certificate_than_announced_gets_nothing() {
    let bench = Bench::start(PICTURE);
    let watching = bench.connect(ALL);
    watching.wait_packets("H264", 5);
    let impostor = Visitor::come(&code(&bench), Some([7; 32]));
    let text = bench.wait_peer(2, "closed");
    assert!(text.contains("certificate"), "{text}");
    assert!(impostor.has_heard_nothing());
    watching.wait_packets("H264", 10);
    assert_eq!(bench.peers(), [watching.peer]);
}

#[test]
fn who_guesses_the_secret_gets_no_answer_and_costs_no_peer() {
    let bench = Bench::start(PICTURE);
    let real = code(&bench);
    let guess = Code {
        secret: Secret::generate(),
        ..real.clone()
    };
    let stranger = Visitor::come(&guess, None);
    wait_until("checks that are turned away", || {
        turned_away(&bench, "unknown-ufrag") > 0
    });
    assert!(stranger.has_heard_nothing());
    assert_eq!(bench.peers(), [0_u32; 0]);
    // The right one still works.
    let visitor = Visitor::come(&real, None);
    visitor.hears("welcome");
}

#[test]
fn a_code_for_one_viewer_lets_in_that_one_again_and_no_other() {
    let bench = Bench::start(PICTURE);
    let once = make_code(&bench, "control", true, 0);
    let first = Visitor::come(&once, None);
    let welcome = first.hears("welcome");
    assert!(welcome.contains(r#""rights":"control""#), "{welcome}");
    let second = Visitor::come(&once, Some([7; 32]));
    wait_until("something that is turned away", || {
        ["buried", "unknown-address"]
            .iter()
            .any(|reason| turned_away(&bench, reason) > 0)
    });
    assert!(second.has_heard_nothing());
    assert_eq!(bench.peers(), [1]);
    // The certificate is one for the whole process: this is the first one, coming back.
    Visitor::come(&once, None).hears("welcome");
}

#[test]
fn a_revoked_code_ends_its_visits_and_no_others() {
    let bench = Bench::start(PICTURE);
    let (kept, revoked) = (code(&bench), make_code(&bench, "control", false, 0));
    let stays = Visitor::come(&kept, None);
    stays.hears("welcome");
    let leaves = Visitor::come(&revoked, None);
    leaves.hears("welcome");
    let count: u32 = bench
        .element
        .emit_by_name("revoke-code", &[&revoked.secret.id().to_string()]);
    assert_eq!(count, 1);
    assert!(bench.wait_peer(2, "closed").contains("revoked"));
    leaves.hears(r#""type":"bye""#);
    assert_eq!(bench.peers(), [1]);
}

#[test]
fn a_code_for_viewing_sends_nothing_to_the_bench() {
    let bench = Bench::start(&format!(
        "{PICTURE} fakesrc num-buffers=0 ! text/x-raw,format=utf8 ! p.data_0 \
         p.data_src_0 ! fakesink name=out async=false"
    ));
    let out = bench.pipeline.by_name("out").unwrap();
    let received = common::count(&out.static_pad("sink").unwrap());
    let viewer = Visitor::come(&code(&bench), None);
    viewer.hears("welcome");
    viewer.send("data_0", "OUTP ON");
    viewer.hears("your code is for watching");
    let controller = Visitor::come(&make_code(&bench, "control", false, 0), None);
    controller.hears("welcome");
    controller.send("data_0", "OUTP OFF");
    received.wait("the command of who may", |n| *n == 1);
}

#[test]
fn an_expired_code_lets_nobody_in() {
    let bench = Bench::start(PICTURE);
    let short = make_code(&bench, "view", false, 1);
    wait_until("the end of the code", || {
        let codes: gst::Structure = bench.element.property("codes");
        codes.get::<gst::Array>("codes").unwrap().len() == 1
    });
    let late = Visitor::come(&short, None);
    // Its first knock finds the code expired; what follows finds no code at all.
    wait_until("something that is turned away", || {
        ["buried", "unknown-ufrag", "unknown-address"]
            .iter()
            .any(|reason| turned_away(&bench, reason) > 0)
    });
    assert!(late.has_heard_nothing());
    assert_eq!(bench.peers(), [0_u32; 0]);
}

#[test]
fn garbage_at_the_port_is_counted_and_viewers_go_on() {
    let bench = Bench::start(PICTURE);
    let visitor = Visitor::come(&code(&bench), None);
    visitor.hears("welcome");
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    let target = (code(&bench).addresses[0], code(&bench).port);
    for garbage in [
        &b""[..],
        b"\x00\x01",
        b"\x16\xfe\xfd",
        b"GET / HTTP/1.0",
        &[0xff; 1400],
    ] {
        socket.send_to(garbage, target).unwrap();
    }
    wait_until("four that are turned away", || {
        ["foreign", "malformed", "unknown-address"]
            .iter()
            .map(|reason| turned_away(&bench, reason))
            .sum::<u64>()
            >= 4
    });
    let ping = r#"{"type":"ping","t":1}"#;
    visitor.control.send_string_full(Some(ping)).unwrap();
    visitor.hears("pong");
}

#[test]
fn a_bench_that_is_full_says_so_and_makes_room_again() {
    let bench = Bench::start(&PICTURE.replace("name=p", "name=p max-peers=1"));
    let code = code(&bench);
    let first = Visitor::come(&code, None);
    first.hears("welcome");
    let second = Visitor::come(&code, None);
    assert!(bench.wait_error().contains("turned away"));
    assert!(second.has_heard_nothing());
    drop((first, second));
    bench.wait_peer(1, "closed");
    Visitor::come(&code, None).hears("welcome");
}
