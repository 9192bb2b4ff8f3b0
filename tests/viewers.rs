//! Viewers come, watch and leave; the pipeline and the others never notice.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{ALL, Bench, Viewer, ViewerOptions, count, wait_until};
use gst::prelude::*;

const PICTURE: &str = "periscope name=p http=false console=off \
     videotestsrc name=source is-live=true ! video/x-raw,width=320,height=240,framerate=30/1 ! p.";

const VP8_ONLY: ViewerOptions = ViewerOptions {
    codecs: &["VP8", "OPUS"],
    lie: false,
};

#[test]
fn a_viewer_that_answers_our_offer_gets_video_and_audio() {
    let bench = Bench::start(&format!("{PICTURE} audiotestsrc is-live=true ! p."));
    let viewer = bench.connect(ALL);
    bench.wait_peer(viewer.peer, "connected");
    viewer.wait_packets("H264", 30);
    viewer.wait_packets("OPUS", 30);
}

#[test]
fn one_encoder_runs_for_eight_viewers() {
    let bench = Bench::start(PICTURE);
    let viewers: Vec<Viewer> = (0..8).map(|_| bench.connect(ALL)).collect();
    for viewer in &viewers {
        viewer.wait_packets("H264", 20);
    }
    assert_eq!(bench.encoders(), ["x264enc"]);
}

#[test]
fn the_second_encoder_runs_only_while_a_viewer_without_h264_is_there() {
    let bench = Bench::start(PICTURE);
    let first = bench.connect(ALL);
    first.wait_packets("H264", 10);
    assert_eq!(bench.encoders(), ["x264enc"]);

    let second = bench.connect(VP8_ONLY);
    second.wait_packets("VP8", 10);
    assert_eq!(bench.encoders(), ["x264enc", "vp8enc"]);

    assert!(bench.drop_peer(second.peer));
    bench.wait_peer(second.peer, "closed");
    assert_eq!(bench.encoders(), ["x264enc"]);
    first.wait_packets("H264", 10);
}

#[test]
fn no_encoder_runs_while_nobody_watches() {
    let bench = Bench::start(PICTURE);
    let source = bench.pipeline.by_name("source").unwrap();
    let frames = count(&source.static_pad("src").unwrap());
    frames.wait("frames without a viewer", |n| *n > 20);
    assert!(bench.encoders().is_empty());
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 10);
    assert!(bench.drop_peer(viewer.peer));
    bench.wait_peer(viewer.peer, "closed");
    assert!(bench.encoders().is_empty());
}

#[test]
fn the_pipeline_does_not_wait_for_a_viewer_that_never_answers() {
    let bench = Bench::start(PICTURE);
    let source = bench.pipeline.by_name("source").unwrap();
    bench.offer().unwrap();
    let watching = bench.connect(ALL);
    watching.wait_packets("H264", 10);
    let frames = count(&source.static_pad("src").unwrap());
    frames.wait("frames beside a silent viewer", |n| *n > 60);
    watching.wait_packets("H264", 30);
}

#[test]
fn a_viewer_that_vanishes_disturbs_no_other() {
    let bench = Bench::start(PICTURE);
    let stays = bench.connect(ALL);
    let goes = bench.connect(ALL);
    stays.wait_packets("H264", 10);
    goes.wait_packets("H264", 10);
    goes.close();
    stays.wait_packets("H264", 60);
    let late = bench.connect(ALL);
    late.wait_packets("H264", 30);
}

#[test]
fn a_viewer_with_another_certificate_gets_nothing() {
    let bench = Bench::start(PICTURE);
    let honest = bench.connect(ALL);
    let liar = bench.connect(ViewerOptions { lie: true, ..ALL });
    let why = bench.wait_peer(liar.peer, "closed");
    assert!(why.contains("certificate"), "{why}");
    assert_eq!(liar.received("H264"), 0);
    honest.wait_packets("H264", 30);
    assert_eq!(bench.peers(), [honest.peer]);
}

#[test]
fn more_viewers_than_max_peers_are_refused_with_words() {
    let bench = Bench::start(&PICTURE.replace("name=p ", "name=p max-peers=1 "));
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 5);
    let error = bench.offer().expect_err("full");
    assert!(error.contains("max-peers"), "{error}");
    bench.drop_peer(viewer.peer);
    bench.wait_peer(viewer.peer, "closed");
    wait_until("a place to be free", || bench.offer().is_ok());
}

#[test]
fn a_foreign_offer_is_answered_with_what_it_can_take() {
    let bench = Bench::start(&format!("{PICTURE} audiotestsrc is-live=true ! p."));
    let viewer = Viewer::new(ALL);
    let offer = viewer.offer(&[
        "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2",
        "application/x-rtp,media=video,encoding-name=VP8,payload=120,clock-rate=90000",
    ]);
    let (peer, answer) = bench.accept_offer(&offer).unwrap();
    viewer.take_answer(&answer);
    bench.wait_peer(peer, "connected");
    viewer.wait_packets("VP8", 20);
    viewer.wait_packets("OPUS", 20);
}

#[test]
fn a_foreign_offer_of_h264_gets_h264_in_its_own_profile() {
    let bench = Bench::start(PICTURE);
    let viewer = Viewer::new(ALL);
    let offer = viewer.offer(&[
        "application/x-rtp,media=video,encoding-name=H264,payload=102,\
         clock-rate=90000,packetization-mode=(string)1,profile-level-id=(string)42001f,\
         level-asymmetry-allowed=(string)1",
    ]);
    let (_, answer) = bench.accept_offer(&offer).unwrap();
    assert!(answer.contains("profile-level-id=42001f"), "{answer}");
    viewer.take_answer(&answer);
    viewer.wait_packets("H264", 20);
}

#[test]
fn an_offer_without_a_codec_that_we_can_send_is_refused_with_words() {
    let bench = Bench::start(PICTURE);
    let viewer = Viewer::new(ALL);
    let offer = viewer
        .offer(&["application/x-rtp,media=video,encoding-name=VP9,payload=98,clock-rate=90000"]);
    let error = bench.accept_offer(&offer).expect_err("VP9");
    assert!(error.contains("codec"), "{error}");
    assert!(bench.peers().is_empty());
}

#[test]
fn a_stream_that_goes_takes_no_viewer_with_it() {
    let bench = Bench::start(&format!(
        "{PICTURE} videotestsrc name=second is-live=true ! \
         video/x-raw,width=64,height=64,framerate=30/1 ! identity name=last ! p."
    ));
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 20);
    wait_until("both encoders", || bench.encoders().len() == 2);

    let last = bench.pipeline.by_name("last").unwrap();
    let source = last.static_pad("src").unwrap();
    let sink = source.peer().unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    source.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, move |_, _| {
        let _ = tell.send(());
        gst::PadProbeReturn::Ok
    });
    told.recv_timeout(common::LIMIT).unwrap();
    source.unlink(&sink).unwrap();
    bench.element.release_request_pad(&sink);

    wait_until("one encoder", || bench.encoders().len() == 1);
    viewer.wait_packets("H264", 30);
    assert_eq!(bench.peers(), [viewer.peer]);
}

#[test]
fn a_stream_that_comes_back_under_its_name_is_seen_again() {
    let bench = Bench::start("periscope name=p http=false console=off");
    let add = || {
        let source = gst::parse::bin_from_description(
            "videotestsrc is-live=true ! capsfilter caps=video/x-raw,width=64,height=64,framerate=30/1",
            true,
        )
        .unwrap();
        bench.pipeline.add(&source).unwrap();
        let pad = bench.element.request_pad_simple("video_0").unwrap();
        source.static_pad("src").unwrap().link(&pad).unwrap();
        source.sync_state_with_parent().unwrap();
        (source, pad)
    };
    let (mut source, mut pad) = add();
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 10);
    // Often enough that a random sequence number would once be an old one.
    for _ in 0..6 {
        source.set_state(gst::State::Null).unwrap();
        source.static_pad("src").unwrap().unlink(&pad).unwrap();
        bench.element.release_request_pad(&pad);
        bench.pipeline.remove(&source).unwrap();
        (source, pad) = add();
        viewer.wait_packets("H264", 10);
    }
    assert_eq!(bench.peers(), [viewer.peer]);
}

#[test]
fn a_pad_can_be_released_while_its_source_waits_for_the_clock() {
    let bench = Bench::prepare(
        "periscope name=p http=false console=off \
         videotestsrc ! video/x-raw,width=64,height=64 ! identity name=last ! p.",
    );
    bench.pipeline.set_state(gst::State::Paused).unwrap();
    let last = bench.pipeline.by_name("last").unwrap();
    let source = last.static_pad("src").unwrap();
    let sink = source.peer().unwrap();
    // The first picture is on its way, and stays there until the pipeline plays.
    wait_until("caps", || sink.current_caps().is_some());
    bench.element.release_request_pad(&sink);
    assert!(bench.element.sink_pads().is_empty());
}

#[test]
fn the_element_can_be_stopped_and_started_again() {
    let bench = Bench::start(PICTURE);
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 5);
    bench.pipeline.set_state(gst::State::Ready).unwrap();
    let why = bench.wait_peer(viewer.peer, "closed");
    assert!(why.contains("stopped"), "{why}");
    assert!(bench.offer().is_err());
    bench.pipeline.set_state(gst::State::Playing).unwrap();
    let again = bench.connect(ALL);
    again.wait_packets("H264", 5);
}

#[test]
fn a_viewer_goes_on_after_a_pause() {
    let bench = Bench::start(PICTURE);
    let viewer = bench.connect(ALL);
    viewer.wait_packets("H264", 5);
    bench.pipeline.set_state(gst::State::Paused).unwrap();
    bench.pipeline.set_state(gst::State::Playing).unwrap();
    viewer.wait_packets("H264", 30);
}

#[test]
fn a_viewer_that_stalls_disturbs_no_other() {
    let bench = Bench::start(PICTURE);
    let source = bench.pipeline.by_name("source").unwrap();
    let watches = bench.connect(ALL);
    let stalls = bench.connect(ALL);
    watches.wait_packets("H264", 10);
    stalls.wait_packets("H264", 10);
    // Nothing is read from its sockets any more.
    stalls.pipeline.set_state(gst::State::Paused).unwrap();
    let frames = count(&source.static_pad("src").unwrap());
    watches.wait_packets("H264", 90);
    frames.wait("frames beside a stalled viewer", |n| *n > 60);
}
