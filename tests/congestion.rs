//! What a viewer's network does not take is not sent to it, and the others notice nothing.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{ALL, Bench, Viewer, lossy, peer, wait_until};
use gst::prelude::*;

/// Noise: an encoder needs all the bits that it is given.
const NOISE: &str =
    "videotestsrc is-live=true pattern=snow ! video/x-raw,width=320,height=240,framerate=30/1";

fn bench(properties: &str, stream: &str) -> Bench {
    Bench::start(&format!(
        "periscope name=p http=false console=off video-bitrate=1000 {properties} {stream} ! p."
    ))
}

/// webrtcbin answers without extensions, unless they are among its preferences.
fn reporting(viewer: &Viewer) {
    let caps: gst::Caps = "application/x-rtp,media=video,encoding-name=H264,payload=96,\
         clock-rate=90000,packetization-mode=(string)1,extmap-2=(string)\
         http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
        .parse()
        .unwrap();
    viewer
        .webrtcbin
        .connect("on-new-transceiver", false, move |values| {
            let transceiver = values[1].get::<gst_webrtc::WebRTCRTPTransceiver>().unwrap();
            if transceiver.property::<gst_webrtc::WebRTCKind>("kind")
                != gst_webrtc::WebRTCKind::Audio
            {
                transceiver.set_property("codec-preferences", &caps);
            }
            None
        });
}

fn connect_lossy(bench: &Bench) -> (Viewer, Arc<AtomicU32>) {
    let (peer, offer) = bench.offer().unwrap();
    let mut viewer = Viewer::new(ALL);
    reporting(&viewer);
    let percent = lossy(&viewer);
    assert_eq!(bench.accept_answer(&viewer.answer(&offer)), Ok(peer));
    viewer.peer = peer;
    (viewer, percent)
}

/// What the statistics of the only stream of a viewer say.
fn stream<T>(bench: &Bench, viewer: &Viewer, field: &str) -> Option<T>
where
    for<'a> T: gst::glib::value::FromValue<'a> + 'static,
{
    let streams = peer(bench, viewer)?.get::<gst::Array>("streams").unwrap();
    let stream = streams.first()?.get::<gst::Structure>().unwrap();
    stream.get::<T>(field).ok()
}

/// Encodings that run, and their bitrates.
fn encodings(bench: &Bench) -> Vec<(String, u32)> {
    let encoders = bench.stats().get::<gst::Array>("encoders").unwrap();
    encoders
        .iter()
        .map(|encoder| {
            let encoder = encoder.get::<gst::Structure>().unwrap();
            (
                encoder.get("encoding").unwrap(),
                encoder.get("bitrate").unwrap(),
            )
        })
        .collect()
}

fn encoding(bench: &Bench, viewer: &Viewer) -> Option<String> {
    stream(bench, viewer, "encoding")
}

fn is_thinned(bench: &Bench, viewer: &Viewer) -> Option<bool> {
    stream(bench, viewer, "thinned")
}

fn estimate(bench: &Bench, viewer: &Viewer) -> Option<u64> {
    peer(bench, viewer)?.get("estimate").ok()
}

#[test]
fn offers_ask_for_reports_on_video_and_not_on_sound() {
    let bench = bench("", &format!("audiotestsrc is-live=true ! p. {NOISE}"));
    let (_, offer) = bench.offer().unwrap();
    let of = |media: &str| {
        let (_, section) = offer.split_once(&format!("m={media}")).unwrap();
        section.split("\r\nm=").next().unwrap().to_owned()
    };
    let video = of("video");
    assert!(video.contains("transport-wide-cc-extensions-01"), "{video}");
    assert!(video.contains("transport-cc"), "{video}");
    let audio = of("audio");
    assert!(!audio.contains("transport-wide-cc"), "{audio}");
}

#[test]
fn what_a_viewer_s_network_takes_is_in_the_statistics() {
    let bench = bench("", NOISE);
    let (viewer, _) = connect_lossy(&bench);
    viewer.wait_packets("H264", 30);
    wait_until("an estimate", || {
        estimate(&bench, &viewer) >= Some(1_000_000)
    });
    wait_until("the full picture", || {
        encoding(&bench, &viewer).as_deref() == Some("main")
    });
    assert_eq!(encodings(&bench), [("main".to_owned(), 1000)]);
}

#[test]
fn a_viewer_with_a_bad_network_gets_a_smaller_picture_and_later_the_full_one_again() {
    let bench = bench("", NOISE);
    let (steady, _) = connect_lossy(&bench);
    let (slow, percent) = connect_lossy(&bench);
    steady.wait_packets("H264", 60);
    slow.wait_packets("H264", 60);

    percent.store(50, Ordering::Relaxed);
    wait_until("a smaller picture", || {
        encoding(&bench, &slow).as_deref() == Some("small")
    });
    let rates = encodings(&bench);
    assert_eq!(rates[0], ("main".to_owned(), 1000));
    assert!(rates[1].0 == "small" && rates[1].1 <= 750, "{rates:?}");
    wait_until("the other viewer’s full picture", || {
        encoding(&bench, &steady).as_deref() == Some("main")
    });
    slow.wait_packets("H264", 30);

    percent.store(0, Ordering::Relaxed);
    wait_until("the full picture", || {
        encoding(&bench, &slow).as_deref() == Some("main")
    });
    wait_until("the second encoder to end", || encodings(&bench).len() == 1);
    slow.wait_packets("H264", 60);
    steady.wait_packets("H264", 60);
}

#[test]
fn to_be_fair_the_encoder_follows_the_slowest() {
    let bench = bench("congestion=fair", NOISE);
    let (steady, _) = connect_lossy(&bench);
    let (slow, percent) = connect_lossy(&bench);
    steady.wait_packets("H264", 30);
    slow.wait_packets("H264", 30);
    percent.store(50, Ordering::Relaxed);
    wait_until("a lower bitrate", || {
        encodings(&bench).first().is_some_and(|main| main.1 < 700)
    });
    assert_eq!(encodings(&bench).len(), 1);
    percent.store(0, Ordering::Relaxed);
    wait_until("the full bitrate", || encodings(&bench)[0].1 == 1000);
}

#[test]
fn when_it_is_switched_off_nothing_changes() {
    let bench = bench("congestion=off", NOISE);
    let (slow, percent) = connect_lossy(&bench);
    // A receiver takes a stream for one after two packets in a row.
    slow.wait_packets("H264", 30);
    percent.store(50, Ordering::Relaxed);
    slow.wait_packets("H264", 300);
    wait_until("statistics", || peer(&bench, &slow).is_some());
    assert_eq!(estimate(&bench, &slow), None);
    assert_eq!(encodings(&bench), [("main".to_owned(), 1000)]);
}

#[test]
fn of_a_stream_that_arrives_encoded_pictures_are_left_out() {
    let bench = bench(
        "",
        &format!(
            "{NOISE} ! x264enc bitrate=1000 tune=zerolatency speed-preset=ultrafast key-int-max=3000"
        ),
    );
    let (steady, _) = connect_lossy(&bench);
    let (slow, percent) = connect_lossy(&bench);
    steady.wait_packets("H264", 30);
    slow.wait_packets("H264", 30);
    percent.store(50, Ordering::Relaxed);
    wait_until("pictures left out", || {
        is_thinned(&bench, &slow) == Some(true)
    });
    wait_until("all pictures for the other", || {
        is_thinned(&bench, &steady) == Some(false)
    });
    slow.wait_packets("H264", 20);
    percent.store(0, Ordering::Relaxed);
    wait_until("all pictures", || is_thinned(&bench, &slow) == Some(false));
    slow.wait_packets("H264", 60);
}
