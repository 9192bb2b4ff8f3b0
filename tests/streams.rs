//! What may enter the pads, and what comes out of it.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{ALL, Bench, ViewerOptions, wait_until};
use gst::prelude::*;

fn bench(streams: &str) -> Bench {
    Bench::start(&format!(
        "periscope name=p http=false console=off {streams}"
    ))
}

#[test]
fn encoded_h264_passes_through_without_an_encoder() {
    let bench = bench(
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 ! \
         x264enc tune=zerolatency speed-preset=ultrafast key-int-max=3000 ! p.",
    );
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 30);
    assert!(bench.encoders().is_empty());
}

#[test]
fn encoded_vp8_and_opus_pass_through_without_an_encoder() {
    let bench = bench(
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 ! \
         vp8enc deadline=1 keyframe-max-dist=3000 ! p. \
         audiotestsrc is-live=true ! opusenc ! p.",
    );
    let viewer = bench.connect(ALL);
    viewer.wait_packets("VP8", 30);
    viewer.wait_packets("OPUS", 30);
    assert!(bench.encoders().is_empty());
}

#[test]
fn encoded_h264_is_transcoded_for_a_viewer_without_h264() {
    let bench = bench(
        "videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 ! \
         x264enc tune=zerolatency speed-preset=ultrafast key-int-max=3000 ! p.",
    );
    let viewer = bench.connect(ViewerOptions {
        codecs: &["VP8"],
        lie: false,
    });
    viewer.wait_packets("VP8", 20);
    assert_eq!(bench.encoders(), ["vp8enc"]);
}

#[test]
fn pictures_of_any_format_and_size_are_taken() {
    for caps in [
        "video/x-raw,format=RGB,width=321,height=241",
        "video/x-raw,format=YUY2,width=640,height=360",
        "video/x-raw,format=GRAY16_LE,width=100,height=101",
        "video/x-raw,format=NV12,width=1920,height=1080,framerate=10/1",
    ] {
        let bench = bench(&format!("videotestsrc is-live=true ! {caps} ! p."));
        let viewer = bench.connect(ALL);
        viewer.wait_packets("H264", 10);
    }
}

#[test]
fn sound_of_any_format_is_taken() {
    for caps in [
        "audio/x-raw,format=S16LE,rate=44100,channels=2",
        "audio/x-raw,format=F32LE,rate=8000,channels=1",
        "audio/x-raw,format=S24LE,rate=96000,channels=6,channel-mask=(bitmask)0x3f",
    ] {
        let bench = bench(&format!(
            "audiotestsrc is-live=true ! audioconvert ! {caps} ! p."
        ));
        let viewer = bench.connect(ALL);
        viewer.wait_packets("OPUS", 10);
    }
}

#[test]
fn a_picture_may_change_its_size_while_it_is_watched() {
    let bench = bench(
        "videotestsrc is-live=true ! capsfilter name=size \
         caps=video/x-raw,width=320,height=240,framerate=30/1 ! p.",
    );
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 10);
    let size = bench.pipeline.by_name("size").unwrap();
    size.set_property_from_str("caps", "video/x-raw,width=641,height=479,framerate=30/1");
    viewer.wait_packets("H264", 60);
}

#[test]
fn several_streams_of_each_kind_are_sent() {
    let bench = bench(
        "videotestsrc is-live=true ! video/x-raw,width=64,height=64 ! p. \
         videotestsrc is-live=true ! video/x-raw,width=64,height=64 ! p. \
         audiotestsrc is-live=true ! p. audiotestsrc is-live=true ! p.",
    );
    let viewer = bench.connect(ALL);
    wait_until("four encoders", || bench.encoders().len() == 4);
    wait_until("four streams", || viewer.webrtcbin.src_pads().len() == 4);
}

#[test]
fn the_right_pad_is_found_for_each_stream() {
    let bench = bench(
        "videotestsrc is-live=true ! p. audiotestsrc is-live=true ! p. \
         videotestsrc is-live=true ! x264enc ! p. \
         fakesrc is-live=true num-buffers=1 ! text/x-raw,format=utf8 ! p.",
    );
    let mut names: Vec<String> = bench
        .element
        .pads()
        .iter()
        .map(|pad| pad.name().to_string())
        .collect();
    names.sort();
    assert_eq!(names, ["audio_0", "data_0", "video_0", "video_1"]);
}

#[test]
fn a_source_that_is_not_live_is_held_to_its_own_time() {
    let bench =
        bench("videotestsrc num-buffers=30 ! video/x-raw,width=64,height=64,framerate=30/1 ! p.");
    bench.wait_eos();
    let position = bench.element.current_running_time().unwrap();
    assert!(
        position >= gst::ClockTime::from_mseconds(900),
        "a second of pictures ended after {position}"
    );
}

#[test]
fn a_picture_that_stands_still_is_shown_to_a_newcomer() {
    // One frame, and then nothing for ten seconds.
    let bench =
        bench("videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=1/10 ! p.");
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 1);
}

#[test]
fn two_streams_are_two_media_streams_so_that_none_waits_for_the_other() {
    let bench = bench("videotestsrc is-live=true ! p. audiotestsrc is-live=true ! p.");
    let (_, offer) = bench.offer().unwrap();
    assert!(offer.contains("msid:video_0 "), "{offer}");
    assert!(offer.contains("msid:audio_0 "), "{offer}");
}

#[test]
fn pictures_ask_to_be_shown_at_once() {
    let bench = bench("videotestsrc is-live=true ! video/x-raw,width=64,height=64 ! p.");
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 5);
    let packet = viewer.last_packet.get(|all| all["H264"].clone());
    // RFC 3550, section 5.1: bit X; RFC 8285, section 4.2: one-byte header, id 1, 3 bytes.
    assert_eq!(packet[0] & 0x10, 0x10, "a header extension");
    assert_eq!(packet[12..14], [0xBE, 0xDE], "with one-byte headers");
    assert!(
        packet[16..]
            .windows(4)
            .take(8)
            .any(|bytes| bytes == [0x12, 0, 0, 0]),
        "the delay 0–0: {:02x?}",
        &packet[..28]
    );
}
