//! What people and programs bring to the element, good and bad.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::fmt::Write as _;

use common::{ALL, Bench, Viewer};
use gst::prelude::*;

const PICTURE: &str = "periscope name=p http=false console=off \
     videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=30/1 ! p.";

/// Runs `attack` beside a viewer, which must go on watching.
fn beside_a_viewer(attack: impl FnOnce(&Bench)) {
    let bench = Bench::start(PICTURE);
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 5);
    attack(&bench);
    viewer.wait_packets("H264", 20);
    assert_eq!(bench.peers(), [viewer.peer]);
}

#[test]
fn garbage_is_refused_and_viewers_go_on() {
    beside_a_viewer(|bench| {
        for garbage in [
            "",
            "hello",
            "v=0",
            "{\"type\":\"answer\"}",
            "AAAA",
            "\u{1}\u{2}\u{3}",
        ] {
            let error = bench.accept_answer(garbage).expect_err(garbage);
            assert!(!error.contains('\n'), "one line: {error}");
            let error = bench.accept_offer(garbage).expect_err(garbage);
            assert!(!error.contains('\n'), "one line: {error}");
        }
    });
}

#[test]
fn ten_megabytes_are_refused_and_viewers_go_on() {
    beside_a_viewer(|bench| {
        let error = bench
            .accept_offer(&"a=b\n".repeat(2_500_000))
            .expect_err("too large");
        assert!(error.contains("256 KiB"), "{error}");
    });
}

#[test]
fn an_offer_of_five_hundred_lines_is_refused_and_viewers_go_on() {
    beside_a_viewer(|bench| {
        let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
        for line in 0..500 {
            let _ = write!(
                sdp,
                "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:{line}\r\na=setup:actpass\r\n\
                 a=rtpmap:96 VP8/90000\r\n"
            );
        }
        let error = bench.accept_offer(&sdp).expect_err("500 lines");
        assert!(
            error.contains("m-lines") || error.contains("media"),
            "{error}"
        );
    });
}

#[test]
fn half_an_offer_is_refused_and_viewers_go_on() {
    beside_a_viewer(|bench| {
        let viewer = Viewer::new(ALL);
        let offer = viewer.offer(&[
            "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000",
        ]);
        for length in (0..offer.len()).step_by(97) {
            // Whatever is made of it: nothing ends, and an error is one line.
            if let Err(error) = bench.accept_offer(&offer[..length]) {
                assert!(!error.contains('\n'), "one line: {error}");
            }
        }
        for peer in bench.peers().into_iter().skip(1) {
            bench.drop_peer(peer);
            bench.wait_peer(peer, "closed");
        }
    });
}

#[test]
fn an_answer_pasted_twice_is_refused_and_the_viewer_goes_on() {
    let bench = Bench::start(PICTURE);
    let (peer, offer) = bench.offer().unwrap();
    let viewer = Viewer::new(ALL);
    let answer = viewer.answer(&offer);
    assert_eq!(bench.accept_answer(&answer), Ok(peer));
    let error = bench.accept_answer(&answer).expect_err("twice");
    assert!(error.contains("already"), "{error}");
    viewer.wait_packets("H264", 20);
    let error = bench.accept_answer(&answer).expect_err("three times");
    assert!(error.contains("already"), "{error}");
    viewer.wait_packets("H264", 20);
}

#[test]
fn an_answer_when_no_offer_is_out_is_refused_with_what_to_do() {
    let bench = Bench::start(PICTURE);
    let (peer, offer) = bench.offer().unwrap();
    let answer = Viewer::new(ALL).answer(&offer);
    assert!(bench.drop_peer(peer));
    bench.wait_peer(peer, "closed");
    let error = bench.accept_answer(&answer).expect_err("no offer");
    assert!(error.contains("“offer”"), "{error}");
}

#[test]
fn an_answer_finds_its_offer_among_several() {
    let bench = Bench::start(PICTURE);
    let offers: Vec<_> = (0..3).map(|_| bench.offer().unwrap()).collect();
    for (peer, offer) in offers.iter().rev() {
        let viewer = Viewer::new(ALL);
        assert_eq!(bench.accept_answer(&viewer.answer(offer)), Ok(*peer));
        viewer.wait_packets("H264", 5);
    }
}

#[test]
fn an_answer_for_another_bench_is_refused() {
    let (one, other) = (Bench::start(PICTURE), Bench::start(PICTURE));
    let (_, offer) = one.offer().unwrap();
    other.offer().unwrap();
    let answer = Viewer::new(ALL).answer(&offer);
    let error = other.accept_answer(&answer).expect_err("another bench's");
    assert!(error.contains("another offer"), "{error}");
}

#[test]
fn an_offer_where_an_answer_belongs_is_named_as_such() {
    let bench = Bench::start(PICTURE);
    let (_, offer) = bench.offer().unwrap();
    let error = bench.accept_answer(&offer).expect_err("an offer");
    assert!(error.contains("offer"), "{error}");
}

#[test]
fn messages_travel_both_ways_in_the_channel_of_their_label() {
    let bench = Bench::prepare(
        "periscope name=p http=false console=off \
         appsrc name=out is-live=true format=time do-timestamp=true \
         caps=text/x-raw,format=utf8 ! p.data_0 \
         p.data_src_0 ! appsink name=in sync=false async=false",
    );
    bench.pipeline.set_state(gst::State::Playing).unwrap();
    let viewer = bench.connect(ALL);
    viewer.channels.wait("the channel", |all| {
        all.iter().any(|c| c.label().as_deref() == Some("data_0"))
    });

    // Said until it is heard: what is sent before the channel is open goes nowhere.
    let out = bench.pipeline.by_name("out").unwrap();
    let out = out.downcast_ref::<gst_app::AppSrc>().unwrap();
    common::wait_until("a message at the viewer", || {
        out.push_buffer(gst::Buffer::from_slice("FA00014060000;"))
            .unwrap();
        viewer
            .messages
            .get(|all| all.contains(&("data_0".into(), b"FA00014060000;".to_vec())))
    });

    let channel = viewer.channels.get(|all| all[0].clone());
    channel.send_string_full(Some("FB;")).unwrap();
    let sink = bench.pipeline.by_name("in").unwrap();
    let sink = sink.downcast_ref::<gst_app::AppSink>().unwrap();
    let sample = sink
        .try_pull_sample(gst::ClockTime::from_seconds(30))
        .unwrap();
    let map = sample.buffer().unwrap().map_readable().unwrap();
    assert_eq!(map.as_slice(), b"FB;");
    assert_eq!(
        sample.caps().unwrap().structure(0).unwrap().name(),
        "application/x-instrument"
    );
}

#[test]
fn a_port_that_is_set_and_taken_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let bench = Bench::prepare(&format!("periscope name=p console=off port={port}"));
    assert!(bench.pipeline.set_state(gst::State::Playing).is_err());
    let error = bench.wait_error();
    assert!(error.contains(&port.to_string()), "{error}");
}

#[test]
fn the_page_has_an_address_with_a_key_while_the_element_runs() {
    let bench = Bench::prepare("periscope name=p console=off port=0 key=secret-key");
    assert_eq!(bench.element.property::<Option<String>>("page-url"), None);
    bench.pipeline.set_state(gst::State::Playing).unwrap();
    let url = bench
        .element
        .property::<Option<String>>("page-url")
        .unwrap();
    assert!(
        url.starts_with("http://") && url.ends_with("/#secret-key"),
        "{url}"
    );
}

#[test]
fn a_program_is_told_the_address_by_http_and_by_https_and_the_certificate() {
    let bench = Bench::start("periscope name=p console=off port=0 address=127.0.0.1 key=lab-7");
    let field = |name| bench.messages("periscope-page", |page| page.get::<String>(name).unwrap());
    let url = bench.element.property::<Option<String>>("page-url");
    assert_eq!(field("url"), [url.clone().unwrap()]);
    let https = url.unwrap().replace("http://", "https://");
    assert_eq!(field("https-url"), [https]);
    let fingerprints = field("fingerprint");
    assert!(fingerprints[0].starts_with("sha-256 "), "{fingerprints:?}");
}

#[test]
fn an_address_that_is_not_this_hosts_is_an_error_that_names_it() {
    let bench = Bench::prepare("periscope name=p console=off http=false address=198.51.100.7");
    assert!(bench.pipeline.set_state(gst::State::Playing).is_err());
    let error = bench.wait_error();
    assert!(error.contains("198.51.100.7"), "{error}");
}

#[test]
fn only_the_named_address_is_offered() {
    let bench = Bench::start(&PICTURE.replace("name=p ", "name=p address=127.0.0.1 "));
    let (_, offer) = bench.offer().unwrap();
    let addresses: Vec<&str> = offer
        .lines()
        .filter(|line| line.starts_with("a=candidate:"))
        .filter_map(|line| line.split(' ').nth(4))
        .collect();
    assert_eq!(addresses, ["127.0.0.1"]);
}

#[test]
fn an_encoder_that_is_not_known_is_an_error_that_lists_those_that_are() {
    let bench = Bench::prepare("periscope name=p console=off http=false video-encoder=nosuchenc");
    assert!(bench.pipeline.set_state(gst::State::Ready).is_err());
    let error = bench.wait_error();
    assert!(
        error.contains("nosuchenc") && error.contains("x264enc"),
        "{error}"
    );
}

#[test]
fn the_offers_of_real_browsers_are_answered_with_pictures() {
    for (name, offer) in [
        (
            "chromium",
            include_str!("fixtures/sdp/chromium-offer-recvonly-data.sdp"),
        ),
        (
            "firefox",
            include_str!("fixtures/sdp/firefox-offer-recvonly-data.sdp"),
        ),
        (
            "chromium camera",
            include_str!("fixtures/sdp/chromium-offer-camera.sdp"),
        ),
        (
            "firefox camera",
            include_str!("fixtures/sdp/firefox-offer-camera.sdp"),
        ),
    ] {
        let bench = Bench::start(PICTURE);
        let (_, answer) = bench.accept_offer(offer).unwrap();
        let video = answer.split("m=video").nth(1).unwrap_or_default();
        assert!(video.contains("a=sendonly"), "{name}: {answer}");
        assert!(!answer.contains("a=sendrecv"), "{name}: {answer}");
        assert!(!answer.contains("a=recvonly"), "{name}: {answer}");
        // RFC 3264, section 6: as many lines as the offer has.
        assert_eq!(
            answer.matches("\nm=").count(),
            offer.matches("\nm=").count(),
            "{name}"
        );
    }
}

#[test]
fn a_browsers_offer_without_media_is_answered_too() {
    for offer in [
        include_str!("fixtures/sdp/chromium-offer-data.sdp"),
        include_str!("fixtures/sdp/firefox-offer-data.sdp"),
    ] {
        let bench = Bench::start(PICTURE);
        let (_, answer) = bench.accept_offer(offer).unwrap();
        assert!(answer.contains("m=application 9 "), "{answer}");
        assert!(answer.contains("a=x-periscope-answer-to:"), "{answer}");
    }
}
