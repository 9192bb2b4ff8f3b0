//! What viewers say is heard at the bench.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::talker::{EAR, Heard, Talker, level};
use common::{ALL, Bench, count, wait_until};
use gst::prelude::*;

fn bench(properties: &str) -> Bench {
    Bench::start(&format!(
        "periscope name=p http=false console=off {properties} \
         audiotestsrc is-live=true wave=silence ! p. p.audio_src_0 ! {EAR}"
    ))
}

fn talking(bench: &Bench) -> Vec<u32> {
    let talking = bench.stats().get::<gst::Array>("talking").unwrap();
    talking.iter().map(|peer| peer.get().unwrap()).collect()
}

#[test]
fn there_is_silence_while_nobody_talks() {
    let bench = bench("");
    let heard = Heard::of(&bench);
    assert!(heard.next(300).iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_viewer_is_heard_as_loud_as_it_speaks() {
    let bench = bench("");
    let heard = Heard::of(&bench);
    let talker = Talker::come(&bench, 1000.0);
    heard.wait_tone(1000.0, -14.0);
    let samples = heard.next(500);
    let tone = level(&samples, 1000.0);
    assert!((-13.5..=-10.5).contains(&tone), "{tone} dBFS, not -12");
    assert_eq!(talking(&bench), [talker.viewer.peer]);
    talker.viewer.wait_packets("OPUS", 20);
}

#[test]
fn two_talk_at_once() {
    let bench = bench("");
    let heard = Heard::of(&bench);
    let _low = Talker::come(&bench, 600.0);
    let _high = Talker::come(&bench, 1500.0);
    heard.wait_tone(600.0, -14.0);
    heard.wait_tone(1500.0, -14.0);
    let samples = heard.next(300);
    for frequency in [600.0, 1500.0] {
        let tone = level(&samples, frequency);
        assert!((-14.0..=-10.0).contains(&tone), "{frequency}: {tone} dBFS");
    }
}

#[test]
fn one_who_leaves_is_not_heard_and_the_other_goes_on() {
    let bench = bench("");
    let heard = Heard::of(&bench);
    let _stays = Talker::come(&bench, 600.0);
    let leaves = Talker::come(&bench, 1500.0);
    heard.wait_tone(1500.0, -14.0);
    heard.wait_tone(600.0, -14.0);
    assert!(bench.drop_peer(leaves.viewer.peer));
    bench.wait_peer(leaves.viewer.peer, "closed");
    wait_until("one talker", || talking(&bench).len() == 1);
    let samples = heard.next(300);
    assert!(level(&samples, 600.0) > -14.0);
    let gone = heard.next(300);
    assert!(level(&gone, 1500.0) < -60.0);
}

#[test]
fn one_at_a_time_where_the_bench_is_set_so() {
    let bench = bench("talk=one");
    let heard = Heard::of(&bench);
    let first = Talker::come(&bench, 600.0);
    heard.wait_tone(600.0, -14.0);
    let second = Talker::come(&bench, 1500.0);
    bench.wait_peer(second.viewer.peer, "connected");
    second.viewer.wait_packets("OPUS", 50);
    assert_eq!(talking(&bench), [first.viewer.peer]);
    assert!(level(&heard.next(300), 1500.0) < -60.0);
    assert!(bench.drop_peer(first.viewer.peer));
    heard.wait_tone(1500.0, -14.0);
}

#[test]
fn nobody_is_heard_where_nobody_may_talk() {
    let bench = bench("talk=none");
    let heard = Heard::of(&bench);
    let talker = Talker::come(&bench, 1000.0);
    bench.wait_peer(talker.viewer.peer, "connected");
    talker.viewer.wait_packets("OPUS", 50);
    assert!(heard.next(200).iter().all(|sample| *sample == 0.0));
    assert!(talking(&bench).is_empty());
}

#[test]
fn who_talks_is_told_on_the_bus_and_downstream() {
    let bench = bench("");
    let events = common::Watched::<Vec<(bool, usize)>>::default();
    let kept = events.clone();
    let ear = bench.pipeline.by_name("ear").unwrap();
    ear.static_pad("sink").unwrap().add_probe(
        gst::PadProbeType::EVENT_DOWNSTREAM,
        move |_, info| {
            if let Some(structure) = info.event().and_then(|event| event.structure())
                && structure.name() == "periscope-talk"
            {
                let peers = structure.get::<gst::Array>("peers").unwrap();
                kept.update(|all| all.push((structure.get("on").unwrap(), peers.len())));
            }
            gst::PadProbeReturn::Ok
        },
    );
    let talker = Talker::come(&bench, 1000.0);
    events.wait("somebody talks", |all| all.contains(&(true, 1)));
    let peer = talker.viewer.peer;
    assert!(bench.drop_peer(peer));
    events.wait("nobody talks", |all| all.last() == Some(&(false, 0)));
    let told = |message: &gst::Message| {
        let structure = message.structure()?;
        let peers = structure.get::<gst::Array>("peers").ok()?;
        (structure.name() == "periscope-talk").then(|| {
            let peers = peers.iter().map(|peer| peer.get::<u32>().unwrap());
            peers.collect::<Vec<_>>()
        })
    };
    assert_eq!(bench.wait_message("who talks", told), [peer]);
    let ended = |message: &gst::Message| told(message).filter(Vec::is_empty);
    bench.wait_message("the end", ended);
}

#[test]
fn what_takes_opus_gets_opus() {
    let bench = Bench::start(
        "periscope name=p http=false console=off p.audio_src_0 ! \
         opusparse name=opus ! fakesink sync=false",
    );
    let opus = bench.pipeline.by_name("opus").unwrap();
    count(&opus.static_pad("src").unwrap()).wait("packets of Opus", |n| *n > 20);
}

#[test]
fn a_second_pad_hears_the_same() {
    let bench = Bench::start(&format!(
        "periscope name=p http=false console=off p.audio_src_0 ! {EAR} \
         p.audio_src_1 ! audio/x-raw,rate=8000,channels=1 ! fakesink name=narrow sync=false"
    ));
    let narrow = bench.pipeline.by_name("narrow").unwrap();
    let heard = Heard::of(&bench);
    let _talker = Talker::come(&bench, 1000.0);
    heard.wait_tone(1000.0, -14.0);
    count(&narrow.static_pad("sink").unwrap()).wait("sound at 8 kHz", |n| *n > 20);
}

#[test]
fn the_voices_go_on_after_a_pause() {
    let bench = bench("");
    let heard = Heard::of(&bench);
    let _talker = Talker::come(&bench, 1000.0);
    heard.wait_tone(1000.0, -14.0);
    bench.pipeline.set_state(gst::State::Paused).unwrap();
    bench.pipeline.set_state(gst::State::Playing).unwrap();
    heard.next(300);
    heard.wait_tone(1000.0, -14.0);
}

#[test]
fn a_pad_that_comes_and_goes_disturbs_nobody() {
    let bench = bench("");
    let heard = Heard::of(&bench);
    for _ in 0..3 {
        let pad = bench.element.request_pad_simple("audio_src_%u").unwrap();
        heard.next(50);
        bench.element.release_request_pad(&pad);
    }
    let _viewer = bench.connect(ALL);
    heard.next(100);
}

#[test]
fn a_pad_that_is_added_while_the_pipeline_plays_is_heard_from() {
    let bench = Bench::start(
        "periscope name=p http=false console=off audiotestsrc is-live=true wave=silence ! p.",
    );
    let ear = gst::parse::bin_from_description(EAR, true).unwrap();
    bench.pipeline.add(&ear).unwrap();
    ear.sync_state_with_parent().unwrap();
    let pad = bench.element.request_pad_simple("audio_src_0").unwrap();
    pad.link(&ear.static_pad("sink").unwrap()).unwrap();
    let heard = Heard::of(&bench);
    heard.next(100);
    let _talker = Talker::come(&bench, 1000.0);
    heard.wait_tone(1000.0, -14.0);
}

#[test]
fn a_pad_that_is_unlinked_and_linked_again_while_it_gives_goes_on() {
    let bench = bench("");
    let heard = Heard::of(&bench);
    let pad = bench.element.static_pad("audio_src_0").unwrap();
    let sink = pad.peer().unwrap();
    for _ in 0..20 {
        heard.next(30);
        pad.unlink(&sink).unwrap();
        std::thread::yield_now();
        pad.link(&sink).unwrap();
    }
    heard.next(100);
}

#[test]
fn the_end_of_what_comes_in_ends_what_goes_out() {
    let bench = Bench::start(
        "periscope name=p http=false console=off \
         audiotestsrc is-live=true num-buffers=20 ! p. p.audio_src_0 ! fakesink sync=false",
    );
    bench.wait_eos();
}
