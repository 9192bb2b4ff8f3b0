//! Real browsers' descriptions, normalised, in a real `webrtcbin`: it takes them, goes on, and
//! does not abort the process.
#![allow(clippy::unwrap_used)]

use gst::prelude::*;
use gst_webrtc::{
    WebRTCRTPTransceiverDirection as Direction, WebRTCSDPType, WebRTCSessionDescription,
};
use gstperiscope::signaling::sdp::{Sdp, normalise_answer, normalise_remote_offer, untag_mids};
use proptest::prelude::*;
use std::sync::mpsc;
use std::time::Duration;

const FIXTURES: [(&str, &str); 28] = include!("fixtures/sdp/list.rs");
const H264: &str = "application/x-rtp,media=video,encoding-name=H264,payload=102,clock-rate=90000,\
    packetization-mode=(string)1,profile-level-id=(string)42e01f";
const VP8: &str = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000";
const OPUS: &str = "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,\
    encoding-params=(string)2";

fn fixture(name: &str) -> Sdp {
    let (_, text) = FIXTURES.iter().find(|(found, _)| *found == name).unwrap();
    Sdp::parse(text).unwrap()
}

/// A `webrtcbin` that is set to NULL at the end.
struct Peer {
    pipeline: gst::Pipeline,
    webrtcbin: gst::Element,
    _channel: gst_webrtc::WebRTCDataChannel,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.pipeline.set_state(gst::State::Null).unwrap();
    }
}

impl Peer {
    fn new() -> Self {
        gst::init().unwrap();
        // A failed assertion of a GStreamer library ends the test.
        gst::glib::log_set_always_fatal(gst::glib::LogLevels::LEVEL_CRITICAL);
        let webrtcbin = gst::ElementFactory::make("webrtcbin")
            .property_from_str("bundle-policy", "max-bundle")
            .build()
            .expect("webrtcbin is missing: install gstreamer1.0-plugins-bad and gstreamer1.0-nice");
        // Otherwise libnice looks for a router.
        let agent: gst::glib::Object = webrtcbin.property("ice-agent");
        agent
            .property::<gst::glib::Object>("agent")
            .set_property("upnp", false);
        let pipeline = gst::Pipeline::new();
        pipeline.add(&webrtcbin).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let options = gst::Structure::builder("options")
            .field("negotiated", true)
            .field("id", 0i32)
            .build();
        let channel = webrtcbin
            .emit_by_name::<Option<gst_webrtc::WebRTCDataChannel>>(
                "create-data-channel",
                &[&"periscope", &options],
            )
            .unwrap();
        Self {
            pipeline,
            webrtcbin,
            _channel: channel,
        }
    }

    fn add(&self, direction: Direction, caps: &str, nack: bool) {
        let caps: gst::Caps = caps.parse().unwrap();
        let transceiver = self
            .webrtcbin
            .emit_by_name::<gst_webrtc::WebRTCRTPTransceiver>(
                "add-transceiver",
                &[&direction, &caps],
            );
        transceiver.set_property("do-nack", nack);
    }

    fn call(&self, run: impl FnOnce(&gst::Element, &gst::Promise)) -> Option<gst::Structure> {
        let (sender, receiver) = mpsc::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            sender
                .send(reply.unwrap().map(|reply| reply.to_owned()))
                .unwrap();
        });
        run(&self.webrtcbin, &promise);
        receiver.recv_timeout(Duration::from_secs(20)).unwrap()
    }

    fn create(&self, signal: &str, name: &str) -> WebRTCSessionDescription {
        let reply = self.call(|bin, promise| {
            bin.emit_by_name::<()>(signal, &[&None::<gst::Structure>, promise])
        });
        let reply = reply.unwrap();
        reply
            .get(name)
            .unwrap_or_else(|_| panic!("{signal}: {reply}"))
    }

    fn set(&self, signal: &str, description: &WebRTCSessionDescription) {
        let reply =
            self.call(|bin, promise| bin.emit_by_name::<()>(signal, &[description, promise]));
        assert!(
            reply.as_ref().is_none_or(|reply| !reply.has_field("error")),
            "{signal}: {reply:?}"
        );
    }

    fn set_remote(&self, kind: WebRTCSDPType, sdp: &Sdp) {
        let message = gst_sdp::SDPMessage::parse_buffer(sdp.to_string().as_bytes()).unwrap();
        self.set(
            "set-remote-description",
            &WebRTCSessionDescription::new(kind, message),
        );
    }

    fn offer(&self) -> Sdp {
        let offer = self.create("create-offer", "offer");
        self.set("set-local-description", &offer);
        Sdp::parse(&offer.sdp().as_text().unwrap()).unwrap()
    }
}

fn media(peer: &Peer, what: &str) {
    let video = if what == "both" {
        format!("{H264};{VP8}")
    } else {
        H264.to_owned()
    };
    // As when the fixtures were recorded.
    peer.add(Direction::Sendonly, &video, what == "both");
    peer.add(Direction::Sendrecv, OPUS, false);
}

#[test]
fn offers_of_browsers_are_taken_and_answered() {
    for browser in ["chromium", "firefox"] {
        for what in ["data", "recvonly-data", "microphone", "camera"] {
            let peer = Peer::new();
            let offer =
                normalise_remote_offer(&fixture(&format!("{browser}-offer-{what}"))).unwrap();
            peer.set_remote(WebRTCSDPType::Offer, &offer);
            let answer = peer.create("create-answer", "answer");
            peer.set("set-local-description", &answer);
            let answer = Sdp::parse(&answer.sdp().as_text().unwrap()).unwrap();
            assert_eq!(answer.mids(), offer.mids());
        }
    }
}

#[test]
fn answers_of_browsers_are_taken_and_another_offer_can_follow() {
    for (browser, what) in [
        ("chromium", "both"),
        ("chromium", "h264"),
        ("firefox", "both"),
    ] {
        let peer = Peer::new();
        media(&peer, what);
        let offer = peer.offer();
        let answer = untag_mids(
            &fixture(&format!("{browser}-answer-{what}")),
            "k3Zx",
            &offer,
        );
        let answer = normalise_answer(&answer, &offer).unwrap();
        peer.set_remote(WebRTCSDPType::Answer, &answer.sdp);
        assert_eq!(peer.offer().mids(), offer.mids());
    }
}

#[test]
fn media_can_be_added_to_a_data_connection_even_if_the_browser_refuses_some() {
    for (browser, what) in [
        ("chromium", "both"),
        ("chromium", "h264"),
        ("firefox", "both"),
        ("firefox", "h264"),
    ] {
        let peer = Peer::new();
        let offer = peer.offer();
        let answer = normalise_answer(&fixture(&format!("{browser}-answer-data")), &offer).unwrap();
        peer.set_remote(WebRTCSDPType::Answer, &answer.sdp);

        media(&peer, what);
        let offer = peer.offer();
        let answer =
            normalise_answer(&fixture(&format!("{browser}-reanswer-{what}")), &offer).unwrap();
        assert_eq!(
            answer.accepted[1].rejected,
            (browser, what) == ("firefox", "h264")
        );
        peer.set_remote(WebRTCSDPType::Answer, &answer.sdp);

        // Where the refused line was passed on as it is, this is where 1.22 aborts.
        peer.add(Direction::Sendonly, VP8, false);
        let offer = peer.offer();
        assert_eq!(offer.media().len(), 4);
    }
}

/// One line of a description damaged, doubled, removed or replaced.
#[derive(Debug, Clone)]
enum Damage {
    Remove(usize),
    Double(usize),
    Cut(usize, usize),
    Insert(usize, usize, String),
    Digits(usize, char),
}

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    let line = 0usize..300;
    let one = prop_oneof![
        line.clone().prop_map(Damage::Remove),
        line.clone().prop_map(Damage::Double),
        (line.clone(), 0usize..60).prop_map(|(l, c)| Damage::Cut(l, c)),
        (line.clone(), 0usize..60, "[ -~]{1,12}").prop_map(|(l, c, s)| Damage::Insert(l, c, s)),
        (line, prop::char::range('0', '9')).prop_map(|(l, c)| Damage::Digits(l, c)),
    ];
    prop::collection::vec(one, 1..5)
}

fn damaged(sdp: &Sdp, damages: &[Damage]) -> String {
    let text = sdp.to_string();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for damage in damages {
        let count = lines.len().max(1);
        match damage {
            Damage::Remove(l) => drop(lines.remove(l % count)),
            Damage::Double(l) => lines.insert(l % count, lines[l % count].clone()),
            Damage::Cut(l, at) => {
                let line = &mut lines[l % count];
                line.truncate((*at).min(line.len()));
            }
            Damage::Insert(l, at, junk) => {
                let line = &mut lines[l % count];
                line.insert_str((*at).min(line.len()), junk);
            }
            Damage::Digits(l, digit) => {
                let line = &mut lines[l % count];
                *line = line.replace(|c: char| c.is_ascii_digit(), &digit.to_string());
            }
        }
    }
    lines.join("\n")
}

proptest! {
    // Each case is a real webrtcbin; PROPTEST_CASES=5000 for a long run.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) })]

    #[test]
    fn a_damaged_answer_is_refused_or_does_no_harm(browser in prop::sample::select(vec!["chromium", "firefox"]), damages in damage()) {
        let peer = Peer::new();
        media(&peer, "both");
        let offer = peer.offer();
        let answer = untag_mids(&fixture(&format!("{browser}-answer-both")), "k3Zx", &offer);
        if let Ok(answer) = Sdp::parse(&damaged(&answer, &damages))
            && let Ok(answer) = normalise_answer(&answer, &offer)
        {
            peer.set_remote(WebRTCSDPType::Answer, &answer.sdp);
            peer.add(Direction::Sendonly, VP8, false);
            prop_assert_eq!(peer.offer().media().len(), 4);
        }
    }

    #[test]
    fn a_damaged_offer_is_refused_or_can_be_answered(browser in prop::sample::select(vec!["chromium", "firefox"]), damages in damage()) {
        let offer = damaged(&fixture(&format!("{browser}-offer-microphone")), &damages);
        if let Ok(offer) = Sdp::parse(&offer)
            && let Ok(offer) = normalise_remote_offer(&offer)
        {
            let peer = Peer::new();
            peer.set_remote(WebRTCSDPType::Offer, &offer);
            let answer = peer.create("create-answer", "answer");
            peer.set("set-local-description", &answer);
        }
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(48)
}
