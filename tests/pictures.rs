//! Pictures and sound on their way to a viewer: past webrtcbin's elements, or through them.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{ALL, Bench, Viewer, connect_lossy, peer, wait_until};
use gst::prelude::*;
use rtp_types::RtpPacket;

fn bench(properties: &str) -> Bench {
    Bench::start(&format!(
        "periscope name=p http=false console=off {properties} \
         videotestsrc is-live=true pattern=snow ! \
         video/x-raw,width=320,height=240,framerate=30/1 ! p."
    ))
}

fn bench_with_sound(properties: &str) -> Bench {
    Bench::start(&format!(
        "periscope name=p http=false console=off {properties} audiotestsrc is-live=true ! p."
    ))
}

/// Receivers made of webrtcbin ask for nothing that got lost, unless they are told to.
fn asking(viewer: &Viewer) {
    viewer
        .webrtcbin
        .connect("on-new-transceiver", false, |values| {
            let transceiver = values[1].get::<gst::glib::Object>().unwrap();
            transceiver.set_property("do-nack", true);
            None
        });
}

/// How many packets of the only stream are `wanted`, from now on.
fn count(
    viewer: &Viewer,
    wanted: impl Fn(&RtpPacket<'_>) -> bool + Send + Sync + 'static,
) -> Arc<AtomicU32> {
    let pad = viewer.webrtcbin.src_pads().into_iter().next().unwrap();
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let map = info.buffer().and_then(|buffer| buffer.map_readable().ok());
        if map.is_some_and(|map| wanted(&RtpPacket::parse(&map).unwrap())) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
        gst::PadProbeReturn::Ok
    });
    count
}

/// What the statistics say of the packets that did not go through webrtcbin.
fn packets(bench: &Bench, viewer: &Viewer, field: &str) -> Option<u64> {
    peer(bench, viewer)?.get(field).ok()
}

#[test]
fn pictures_go_past_webrtcbin() {
    let bench = bench("");
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 60);
    wait_until("packets in the statistics", || {
        packets(&bench, &viewer, "packets-sent") >= Some(60)
    });
    assert_eq!(packets(&bench, &viewer, "packets-sent-again"), Some(0));
}

#[test]
fn where_lips_are_kept_in_step_pictures_go_through_webrtcbin() {
    let bench = bench("sync=true");
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 60);
    wait_until("statistics", || peer(&bench, &viewer).is_some());
    assert_eq!(packets(&bench, &viewer, "packets-sent"), None);
}

#[test]
fn what_got_lost_is_sent_again() {
    let bench = bench("");
    let (viewer, percent) = connect_lossy(&bench, asking);
    viewer.wait_packets("H264", 30);
    percent.store(10, Ordering::Relaxed);
    wait_until("packets that were sent again", || {
        packets(&bench, &viewer, "packets-sent-again") >= Some(20)
    });
    viewer.wait_packets("H264", 60);
}

#[test]
fn sound_goes_past_webrtcbin() {
    let bench = bench_with_sound("");
    let viewer = bench.connect(ALL);
    viewer.wait_packets("OPUS", 60);
    wait_until("packets in the statistics", || {
        packets(&bench, &viewer, "packets-sent") >= Some(60)
    });
}

#[test]
fn sound_has_no_header_extensions() {
    let bench = bench_with_sound("");
    let viewer = bench.connect(ALL);
    viewer.wait_packets("OPUS", 10);
    let with = count(&viewer, |packet| packet.extension().is_some());
    let without = count(&viewer, |packet| packet.extension().is_none());
    wait_until("sound", || {
        without.load(Ordering::Relaxed) + with.load(Ordering::Relaxed) > 20
    });
    assert_eq!(with.load(Ordering::Relaxed), 0);
}

#[test]
fn where_lips_are_kept_in_step_sound_goes_through_webrtcbin() {
    let bench = bench_with_sound("sync=true");
    let viewer = bench.connect(ALL);
    viewer.wait_packets("OPUS", 60);
    wait_until("statistics", || peer(&bench, &viewer).is_some());
    assert_eq!(packets(&bench, &viewer, "packets-sent"), None);
}

#[test]
fn sound_that_got_lost_is_sent_again() {
    let bench = bench_with_sound("");
    let (viewer, percent) = connect_lossy(&bench, asking);
    viewer.wait_packets("OPUS", 30);
    percent.store(10, Ordering::Relaxed);
    wait_until("packets that were sent again", || {
        packets(&bench, &viewer, "packets-sent-again") >= Some(20)
    });
    viewer.wait_packets("OPUS", 60);
}

#[test]
fn a_viewer_that_asks_for_a_key_frame_gets_one() {
    let bench = bench("");
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 60);
    let pad = viewer.webrtcbin.src_pads().into_iter().next().unwrap();
    let key_frames = count(&viewer, has_parameter_sets);
    pad.send_event(
        gst_video::UpstreamForceKeyUnitEvent::builder()
            .all_headers(true)
            .build(),
    );
    wait_until("a key frame", || key_frames.load(Ordering::Relaxed) > 0);
}

/// A sequence parameter set comes with each key frame, alone or in front of another unit
/// (RFC 6184, section 5.2).
fn has_parameter_sets(packet: &RtpPacket<'_>) -> bool {
    match packet.payload() {
        [unit, ..] if unit & 0x1f == 7 => true,
        [unit, _, _, first, ..] => unit & 0x1f == 24 && first & 0x1f == 7,
        _ => false,
    }
}
