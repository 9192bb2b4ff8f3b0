//! What a viewer's network does not take is not sent to it, and the others notice nothing.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{ALL, Bench, Viewer, Watched, connect_lossy, peer, wait_until};
use gst::prelude::*;
use rtp_types::RtpPacket;

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

/// One viewer whose network is good, and one who loses what is set.
fn two_viewers(bench: &Bench) -> (Viewer, Viewer, Arc<AtomicU32>) {
    let (steady, _) = connect_lossy(bench, reporting);
    let (slow, percent) = connect_lossy(bench, reporting);
    steady.wait_packets("H264", 60);
    slow.wait_packets("H264", 60);
    (steady, slow, percent)
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

/// A player that is not ours, which offers itself and has numbers of its own.
const PLAYER: &str = "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,\
     packetization-mode=(string)1,profile-level-id=(string)42e01f,rtcp-fb-transport-cc=true,\
     extmap-7=(string)http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01,\
     extmap-9=(string)http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

#[test]
fn who_offers_reports_too_and_is_told_to_hold_no_picture_back() {
    for ice in ["lite", "full"] {
        let bench = bench(&format!("ice={ice}"), NOISE);
        let mut viewer = Viewer::new(ALL);
        let extensions = Watched::<Vec<u8>>::default();
        let seen = extensions.clone();
        viewer.webrtcbin.connect_pad_added(move |_, pad| {
            let seen = seen.clone();
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
                let map = info.buffer().unwrap().map_readable().unwrap();
                let packet = RtpPacket::parse(&map).unwrap();
                let (_, data) = packet.extension().unwrap_or_default();
                seen.update(|all| *all = data.to_vec());
                gst::PadProbeReturn::Ok
            });
        });
        let (peer, answer) = bench.accept_offer(&viewer.offer(&[PLAYER])).unwrap();
        assert!(answer.contains("a=extmap:7 http"), "{ice}: {answer}");
        assert!(answer.contains("a=extmap:9 http"), "{ice}: {answer}");
        viewer.take_answer(&answer);
        viewer.peer = peer;
        viewer.wait_packets("H264", 60);
        wait_until("an estimate", || estimate(&bench, &viewer).is_some());
        extensions.wait("an element of three bytes, all zero, as number 9", |data| {
            data.windows(4).any(|bytes| bytes == [0x92, 0, 0, 0])
        });
    }
}

#[test]
fn what_a_viewer_s_network_takes_is_in_the_statistics() {
    let bench = bench("", NOISE);
    let (viewer, _) = connect_lossy(&bench, reporting);
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
    let (steady, slow, percent) = two_viewers(&bench);

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
fn on_the_way_back_to_the_full_picture_none_is_missing() {
    let bench = bench("", NOISE);
    let (steady, slow, percent) = two_viewers(&bench);
    let [of_steady, of_slow] = [&steady, &slow].map(pictures);
    percent.store(50, Ordering::Relaxed);
    wait_until("a smaller picture", || {
        encoding(&bench, &slow).as_deref() == Some("small")
    });
    percent.store(0, Ordering::Relaxed);
    // A key frame that somebody else had makes the next one come later.
    let pad = steady.webrtcbin.src_pads().remove(0);
    let asks = || {
        pad.send_event(gst_video::UpstreamForceKeyUnitEvent::builder().build());
    };
    wait_until("the full picture", || {
        asks();
        encoding(&bench, &slow).as_deref() == Some("main")
    });

    of_steady.wait("a key frame", |all| !all.is_empty());
    let full = of_steady.get(|all| all[0].parameters.clone());
    let change = |all: &Vec<Picture>| {
        let mut known = all.iter().enumerate();
        let is_other =
            |picture: &Picture| picture.parameters.is_some() && picture.parameters != full;
        known.find(|(_, picture)| is_other(picture))?;
        let (change, _) = known.find(|(_, picture)| picture.parameters == full)?;
        (all.len() > change + 5).then_some(change)
    };
    wait_until("the full picture to arrive", || {
        asks();
        of_slow.get(|all| change(all).is_some())
    });
    let times: Vec<u32> = of_slow.get(|all| {
        let change = change(all).unwrap();
        let around = all[change.saturating_sub(3)..change + 5].iter();
        around.map(|picture| picture.time).collect()
    });
    assert_eq!(times.len(), 8);
    // Ticks of the RTP clock of 90 kHz between pictures, 30 a second.
    let mut gaps = times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    assert!(gaps.all(|gap| (1..=3_001).contains(&gap)), "{times:?}");
}

/// A picture that arrived.
struct Picture {
    time: u32,
    /// The sequence parameter set that came with it: each encoding has its own.
    parameters: Option<Vec<u8>>,
}

/// Pictures that come to a viewer from now on, from the next one with parameter sets.
fn pictures(viewer: &Viewer) -> Watched<Vec<Picture>> {
    let pictures = Watched::<Vec<Picture>>::default();
    let seen = pictures.clone();
    let pads = viewer.webrtcbin.src_pads();
    let is_video = |pad: &&gst::Pad| {
        let caps = pad.current_caps();
        caps.is_some_and(|caps| caps.to_string().contains("H264"))
    };
    let pad = pads.iter().find(is_video).unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let map = info.buffer().and_then(|b| b.map_readable().ok()).unwrap();
        let packet = RtpPacket::parse(&map).unwrap();
        let (time, payload) = (packet.timestamp(), packet.payload());
        // Alone, or at the head of an aggregation (RFC 6184, sections 5.6 and 5.7.1).
        let parameters = match payload {
            [first, ..] if first & 0x1f == 7 => Some(payload.to_vec()),
            [first, high, low, unit @ ..] if first & 0x1f == 24 && unit[0] & 0x1f == 7 => {
                Some(unit[..usize::from(u16::from_be_bytes([*high, *low]))].to_vec())
            }
            _ => None,
        };
        seen.update(|all| match all.last_mut() {
            Some(last) if last.time == time => {
                last.parameters = parameters.or(last.parameters.take());
            }
            None if parameters.is_none() => {}
            _ => all.push(Picture { time, parameters }),
        });
        gst::PadProbeReturn::Ok
    });
    pictures
}

#[test]
fn to_be_fair_the_encoder_follows_the_slowest() {
    let bench = bench("congestion=fair", NOISE);
    let (_steady, _slow, percent) = two_viewers(&bench);
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
    let (slow, percent) = connect_lossy(&bench, reporting);
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
    let (steady, slow, percent) = two_viewers(&bench);
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
