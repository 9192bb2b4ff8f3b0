use super::*;
use proptest::prelude::*;

const FIXTURES: [(&str, &str); 28] = include!("../../../tests/fixtures/sdp/list.rs");

fn text(name: &str) -> &'static str {
    FIXTURES.iter().find(|(found, _)| *found == name).unwrap().1
}

fn fixture(name: &str) -> Sdp {
    Sdp::parse(text(name)).unwrap()
}

fn answer(browser: &str, what: &str) -> Result<Answer, SdpError> {
    let offer = match what.strip_prefix("re") {
        Some(rest) => fixture(&format!("webrtcbin-reoffer-{rest}-to-{browser}")),
        None => fixture(&format!("webrtcbin-offer-{what}-to-{browser}")),
    };
    let name = match what.strip_prefix("re") {
        Some(rest) => format!("{browser}-reanswer-{rest}"),
        None => format!("{browser}-answer-{what}"),
    };
    normalise_answer(&fixture(&name), &offer)
}

/// What webrtcbin demands of every description (`validate_sdp` in webrtcsdp.c), and we of ours.
fn assert_acceptable(sdp: &Sdp) {
    let written = sdp.to_string();
    assert_eq!(&Sdp::parse(&written).unwrap(), sdp, "{written}");
    gst::init().unwrap();
    gst_sdp::SDPMessage::parse_buffer(written.as_bytes()).unwrap();
    assert!(sdp.session_attribute("fingerprint").is_none(), "{written}");
    let transport = |media: &Media| {
        ["ice-ufrag", "ice-pwd", "fingerprint", "setup"].map(|name| {
            attribute(&media.lines, name)
                .unwrap_or_else(|| panic!("{name}: {written}"))
                .to_owned()
        })
    };
    for (index, media) in sdp.media().iter().enumerate() {
        assert!(media.mid().is_some(), "{written}");
        assert_eq!(media.port(), 9, "{written}");
        assert_eq!(transport(media), transport(&sdp.media()[0]), "{written}");
        assert!(
            !attributes(&media.lines, "candidate")
                .any(|c| c.contains("tcp") || c.contains(".local"))
        );
        assert!(
            index == 0 || attribute(&media.lines, "candidate").is_none(),
            "{written}"
        );
        let directions = media.lines.iter().filter_map(Line::as_attribute);
        let directions = directions
            .filter(|(name, _)| Direction::parse(name).is_some())
            .count();
        assert_eq!(directions, usize::from(!media.is_data()), "{written}");
        assert!(
            media.is_data() || attribute(&media.lines, "rtcp-mux").is_some(),
            "{written}"
        );
    }
    if let Some(bundle) = sdp.bundle() {
        assert_eq!(bundle, sdp.mids().into_iter().flatten().collect::<Vec<_>>());
    }
}

fn edit(name: &str, from: &str, to: &str) -> Sdp {
    let text = text(name);
    assert!(text.contains(from), "{from}");
    Sdp::parse(&text.replace(from, to)).unwrap()
}

#[test]
fn a_description_is_written_as_it_was_read() {
    for (name, text) in FIXTURES {
        assert_eq!(fixture(name).to_string(), text, "{name}");
    }
}

#[test]
fn any_line_end_is_read() {
    for (_, text) in FIXTURES {
        let sdp = Sdp::parse(text).unwrap();
        assert_eq!(Sdp::parse(&text.replace("\r\n", "\n")).unwrap(), sdp);
        assert_eq!(Sdp::parse(&text.replace("\r\n", "\r")).unwrap(), sdp);
    }
}

#[test]
fn limits_are_kept() {
    assert_eq!(
        Sdp::parse(&"v=0\n".repeat(MAX_SDP)),
        Err(SdpError::TooLarge)
    );
    assert_eq!(
        Sdp::parse(&format!("v=0\ns={}", "x".repeat(MAX_LINE))),
        Err(SdpError::LineTooLong(2))
    );
    let lines = |n| format!("v=0\n{}", "m=audio 9 RTP/SAVPF 0\n".repeat(n));
    assert_eq!(
        Sdp::parse(&lines(MAX_MEDIA + 1)),
        Err(SdpError::TooManyMedia)
    );
    assert!(Sdp::parse(&lines(MAX_MEDIA)).is_ok());
    assert_eq!(
        Sdp::parse("v=0\ns=a\u{0}b"),
        Err(SdpError::ControlCharacter(2))
    );
    assert_eq!(Sdp::parse("s=-\nv=0"), Err(SdpError::NoBeginning));
    assert_eq!(Sdp::parse(""), Err(SdpError::NoBeginning));
    assert!(matches!(
        Sdp::parse("v=0\nhello"),
        Err(SdpError::Line { line: 2, .. })
    ));
    assert!(matches!(
        Sdp::parse("v=0\nm=video x y"),
        Err(SdpError::Line { line: 2, .. })
    ));
}

#[test]
fn accessors_tell_what_a_browser_offers() {
    let offer = fixture("firefox-offer-recvonly-data");
    assert_eq!(offer.mids(), [Some("0"), Some("1"), Some("2")]);
    let ufrag = format!("a=ice-ufrag:{}\r\n", offer.ice_ufrag().unwrap());
    assert!(text("firefox-offer-recvonly-data").contains(&ufrag));
    assert_eq!(offer.fingerprints().len(), 1);
    let video = &offer.media()[1];
    assert_eq!(video.kind(), MediaKind::Video);
    assert_eq!(video.direction().as_str(), "recvonly");
    let names: Vec<String> = video.codecs().into_iter().map(|codec| codec.name).collect();
    assert_eq!(names[..3], ["VP8", "RTX", "VP9"]);
    let opus = &offer.media()[0].codecs()[0];
    assert_eq!(
        (opus.name.as_str(), opus.clock_rate, opus.channels),
        ("OPUS", 48_000, Some(2))
    );
    assert!(opus.fmtp.contains("stereo=1"));
    assert!(offer.media()[2].is_data());
}

#[test]
fn every_browsers_offer_becomes_acceptable() {
    for browser in ["chromium", "firefox"] {
        for what in ["data", "recvonly-data", "microphone", "camera"] {
            let offer = fixture(&format!("{browser}-offer-{what}"));
            let normal = normalise_remote_offer(&offer).unwrap();
            assert_acceptable(&normal);
            assert_eq!(normal.mids(), offer.mids());
            assert_eq!(normal.ice_pwd(), offer.ice_pwd());
            assert_eq!(normal.fingerprints(), offer.fingerprints());
            for (normal, offer) in normal.media().iter().zip(offer.media()) {
                assert_eq!(normal.direction(), offer.direction());
                assert_eq!(normal.codecs().first(), offer.codecs().first());
            }
            assert_eq!(
                normalise_remote_offer(&normal),
                Ok(normal),
                "again changes nothing"
            );
        }
    }
}

#[test]
fn every_browsers_answer_becomes_acceptable() {
    for (browser, what) in [
        ("chromium", "both"),
        ("chromium", "h264"),
        ("chromium", "data"),
        ("chromium", "reboth"),
        ("chromium", "reh264"),
        ("firefox", "both"),
        ("firefox", "data"),
        ("firefox", "reboth"),
        ("firefox", "reh264"),
    ] {
        assert_acceptable(&answer(browser, what).unwrap().sdp);
    }
}

#[test]
fn the_codec_that_a_peer_takes_first_is_reported() {
    let chromium = answer("chromium", "both").unwrap().accepted;
    let video = chromium[0].codec.as_ref().unwrap();
    assert_eq!(
        (video.name.as_str(), video.payload_type, video.clock_rate),
        ("H264", 102, 90_000)
    );
    assert!(video.fmtp.contains("packetization-mode=1"));
    assert!(chromium[0].direction.send && !chromium[0].direction.receive);
    assert_eq!(chromium[1].codec.as_ref().unwrap().name, "OPUS");
    assert_eq!(chromium[1].direction.as_str(), "sendrecv");
    assert_eq!(
        (chromium[2].kind, chromium[2].codec.clone()),
        (MediaKind::Application, None)
    );
    let firefox = answer("firefox", "both").unwrap().accepted;
    assert_eq!(firefox[0].codec.as_ref().unwrap().name, "VP8");
    assert!(firefox.iter().all(|media| !media.rejected));
}

#[test]
fn a_refused_line_becomes_an_inactive_one_with_our_own_formats() {
    let Answer { sdp, accepted } = answer("firefox", "reh264").unwrap();
    assert_acceptable(&sdp);
    assert!(accepted[1].rejected);
    assert_eq!(accepted[1].direction, Direction::INACTIVE);
    assert_eq!(accepted[1].codec, None);
    let video = &sdp.media()[1];
    assert_eq!(video.direction(), Direction::INACTIVE);
    assert_eq!(video.codecs()[0].name, "H264");
    assert_eq!(sdp.bundle().unwrap(), ["application0", "video1", "audio2"]);
    assert!(!accepted[0].rejected && !accepted[2].rejected);
}

#[test]
fn an_answer_that_leaves_the_bundle_with_its_first_line_is_refused() {
    let error = answer("firefox", "h264").unwrap_err();
    assert_eq!(error, SdpError::FirstLineRefused("video: H264".into()));
}

#[test]
fn an_answer_for_another_offer_is_refused() {
    let other = fixture("webrtcbin-offer-both-to-firefox");
    let tagged = tag_mids(&fixture("webrtcbin-reoffer-both-to-firefox"), "zzzz");
    for (answer, offer) in [
        (fixture("firefox-answer-data"), other.clone()),
        (fixture("firefox-reanswer-both"), other.clone()),
        (fixture("firefox-answer-both"), tagged),
        (
            edit(
                "firefox-answer-both",
                "a=mid:audio1.k3Zx",
                "a=mid:audio1.k3Zy",
            ),
            other.clone(),
        ),
        (edit("firefox-answer-both", "m=audio", "m=video"), other),
    ] {
        assert_eq!(
            normalise_answer(&answer, &offer),
            Err(SdpError::AnswerForAnotherOffer)
        );
    }
}

#[test]
fn a_payload_type_that_was_not_offered_is_refused() {
    let offer = fixture("webrtcbin-offer-both-to-chromium");
    for answer in [
        edit(
            "chromium-answer-both",
            "UDP/TLS/RTP/SAVPF 97\r\n",
            "UDP/TLS/RTP/SAVPF 97 0\r\n",
        ),
        edit(
            "chromium-answer-both",
            "a=rtpmap:102 H264",
            "a=rtpmap:102 VP9",
        ),
    ] {
        assert!(matches!(
            normalise_answer(&answer, &offer),
            Err(SdpError::NotOffered { .. })
        ));
    }
}

#[test]
fn an_offer_pasted_as_answer_is_refused_by_its_role() {
    let offer = fixture("webrtcbin-offer-both-to-chromium");
    let answer = edit("chromium-answer-both", "a=setup:active", "a=setup:actpass");
    let error = normalise_answer(&answer, &offer).unwrap_err();
    assert_eq!(error, SdpError::Setup("actpass".into()));
    let answer = edit("chromium-answer-both", "a=setup:active", "a=setup:holdconn");
    assert_eq!(
        normalise_answer(&answer, &offer),
        Err(SdpError::Setup("holdconn".into()))
    );
}

#[test]
fn a_direction_that_does_not_fit_our_offer_is_cut_down() {
    let offer = fixture("webrtcbin-offer-both-to-chromium");
    let both = edit("chromium-answer-both", "a=recvonly", "a=sendrecv");
    let media = &normalise_answer(&both, &offer).unwrap();
    assert_eq!(media.sdp.media()[0].direction().as_str(), "recvonly");
    assert_eq!(media.accepted[0].direction.as_str(), "sendonly");
    let only = edit("chromium-answer-both", "a=recvonly", "a=sendonly");
    let media = &normalise_answer(&only, &offer).unwrap();
    assert_eq!(media.sdp.media()[0].direction(), Direction::INACTIVE);
    assert!(!media.accepted[0].rejected);
}

#[test]
fn an_answer_that_refuses_everything_is_refused() {
    let offer = fixture("webrtcbin-offer-data-to-chromium");
    let mut answer = fixture("chromium-answer-data");
    answer.media[0].port = 0;
    assert_eq!(normalise_answer(&answer, &offer), Err(SdpError::AllRefused));
}

#[test]
fn without_a_good_fingerprint_there_is_no_connection() {
    let line = text("chromium-offer-data")
        .lines()
        .find(|line| line.starts_with("a=fingerprint"))
        .unwrap();
    let with =
        |replacement: &str| normalise_remote_offer(&edit("chromium-offer-data", line, replacement));
    assert_eq!(with("a=x"), Err(SdpError::NoFingerprint));
    let sha1 = format!("a=fingerprint:sha-1 {}", vec!["AB"; 20].join(":"));
    assert!(matches!(with(&sha1), Err(SdpError::Fingerprint(_))));
    assert!(with("a=fingerprint:sha-256 AB:CD").is_err());
    let both = with(&format!("{sha1}\r\n{line}")).unwrap();
    assert!(!both.to_string().contains("sha-1"));
}

#[test]
fn ice_credentials_are_checked_against_their_alphabet() {
    let offer = fixture("chromium-offer-data");
    let (ufrag, pwd) = (offer.ice_ufrag().unwrap(), offer.ice_pwd().unwrap());
    for (from, to) in [
        (ufrag, "abc"),
        (ufrag, "ab cd"),
        (ufrag, "abéd"),
        (pwd, "tooshort"),
        (pwd, &"x".repeat(257)),
        (pwd, "abcdefghijklmnopqrstu\u{2028}v"),
    ] {
        let damaged = edit("chromium-offer-data", from, to);
        assert_eq!(
            normalise_remote_offer(&damaged),
            Err(SdpError::IceCredentials),
            "{to}"
        );
    }
    let missing = edit("chromium-offer-data", "a=ice-pwd", "a=ice-xyz");
    assert_eq!(
        normalise_remote_offer(&missing),
        Err(SdpError::IceCredentials)
    );
}

#[test]
fn lines_outside_the_bundle_are_refused() {
    let none = edit(
        "firefox-offer-recvonly-data",
        "a=group:BUNDLE 0 1 2",
        "a=group:LS 0 1",
    );
    assert_eq!(
        normalise_remote_offer(&none),
        Err(SdpError::NotBundled { line: 1 })
    );
    let partly = edit(
        "firefox-offer-recvonly-data",
        "a=group:BUNDLE 0 1 2",
        "a=group:BUNDLE 0 1",
    );
    assert_eq!(
        normalise_remote_offer(&partly),
        Err(SdpError::NotBundled { line: 3 })
    );
    let alone = edit("firefox-offer-data", "a=group:BUNDLE 0", "a=x");
    let normal = normalise_remote_offer(&alone).unwrap();
    assert_acceptable(&normal);
    assert_eq!(normal.bundle(), None);
}

#[test]
fn mids_must_be_distinct_words_and_missing_ones_are_invented() {
    let twice = edit("firefox-offer-recvonly-data", "a=mid:1", "a=mid:0");
    assert_eq!(
        normalise_remote_offer(&twice),
        Err(SdpError::Mid("0".into()))
    );
    let space = edit("firefox-offer-data", "a=mid:0", "a=mid:0 1");
    assert!(matches!(
        normalise_remote_offer(&space),
        Err(SdpError::Mid(_))
    ));
    let missing = edit("firefox-offer-data", "a=mid:0\r\n", "");
    let missing = Sdp::parse(&missing.to_string().replace("a=group:BUNDLE 0\r\n", "")).unwrap();
    assert_eq!(
        normalise_remote_offer(&missing).unwrap().mids(),
        [Some("0")]
    );
}

#[test]
fn a_bundle_only_line_is_not_a_refused_one() {
    // webrtcbin's own offers are full of them.
    let offer = fixture("webrtcbin-offer-both-to-chromium");
    assert!(offer.media().iter().all(|media| !media.rejected()));
    let normal = normalise_remote_offer(&offer).unwrap();
    assert_acceptable(&normal);
    assert!(!normal.to_string().contains("bundle-only"));
    assert_eq!(normal.media()[1].direction().as_str(), "sendrecv");
}

#[test]
fn a_line_that_an_offer_refuses_itself_is_refused_again_in_our_answer() {
    let offer = edit("firefox-offer-recvonly-data", "m=video 9", "m=video 0");
    let offer = Sdp::parse(&offer.to_string().replace("BUNDLE 0 1 2", "BUNDLE 0 2")).unwrap();
    let normal = normalise_remote_offer(&offer).unwrap();
    assert_acceptable(&normal);
    assert_eq!(normal.media()[1].direction(), Direction::INACTIVE);
    let restored = restore_rejected(&normal, &offer);
    assert_eq!(restored.media()[1].port(), 0);
    assert_eq!(restored.bundle().unwrap(), ["0", "2"]);
}

#[test]
fn media_that_is_not_served_is_named() {
    let text_line = edit(
        "firefox-offer-data",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "m=text 9 RTP/AVP 98",
    );
    let error = normalise_remote_offer(&text_line).unwrap_err().to_string();
    assert!(
        error.contains("m=text") || error.contains("text 9"),
        "{error}"
    );
    let plain = edit(
        "firefox-offer-recvonly-data",
        "UDP/TLS/RTP/SAVPF",
        "RTP/AVP",
    );
    assert!(matches!(
        normalise_remote_offer(&plain),
        Err(SdpError::Unsupported { line: 1, .. })
    ));
    let data = text("firefox-offer-data").split_once("m=").unwrap().1;
    let twice = format!(
        "{}m={}",
        text("firefox-offer-data"),
        data.replace("mid:0", "mid:1")
    );
    assert_eq!(
        normalise_remote_offer(&Sdp::parse(&twice).unwrap()),
        Err(SdpError::SeveralDataLines)
    );
}

#[test]
fn nothing_that_gstreamer_would_misread_gets_through() {
    let extra = "a=rtcp-mux\r\na=key-mgmt:mikey AAAA\r\na=crypto:1 X inline:Y\r\nk=clear:x\r\n\
        a=rtcp:9 IN IP4 example.com\r\na=extmap:0 urn:x\r\na=extmap:3/recvonly urn:dup\r\n\
        a=ssrc:99999999999 cname:x\r\na=rtcp-fb:120 evil";
    let offer = edit("firefox-offer-recvonly-data", "a=rtcp-mux", extra);
    let fmtp = offer
        .to_string()
        .replace("max-fs=12288", "max-fs=12288;payload=7;media=x;a-b=c");
    let normal = normalise_remote_offer(&Sdp::parse(&fmtp).unwrap()).unwrap();
    assert_acceptable(&normal);
    let written = normal.to_string();
    for gone in [
        "key-mgmt",
        "crypto",
        "k=",
        "example.com",
        "urn:x",
        "urn:dup",
        "99999999999",
        "evil",
        "payload=7",
        "media=x",
        "a-b",
    ] {
        assert!(!written.contains(gone), "{gone}");
    }
    assert!(written.contains("max-fs=12288;max-fr=60"));
}

#[test]
fn an_oversized_message_size_stays_within_an_int() {
    let offer = edit("firefox-offer-data", "1073741823", "18446744073709551615");
    let written = normalise_remote_offer(&offer).unwrap().to_string();
    assert!(written.contains("a=max-message-size:2147483647\r\n"));
}

#[test]
fn a_tag_marks_every_mid_and_the_group() {
    let offer = fixture("webrtcbin-reoffer-both-to-chromium");
    assert_eq!(mid_tag(&offer), None);
    let tagged = tag_mids(&offer, "k3Zx");
    assert_eq!(
        tagged.mids(),
        [Some("data0.k3Zx"), Some("video1.k3Zx"), Some("audio2.k3Zx")]
    );
    assert_eq!(
        tagged.bundle().unwrap(),
        ["data0.k3Zx", "video1.k3Zx", "audio2.k3Zx"]
    );
    assert_eq!(mid_tag(&tagged).as_deref(), Some("k3Zx"));
    assert_eq!(untag_mids(&tagged, "k3Zx", &offer), offer);
    assert_eq!(untag_mids(&tagged, "abcd", &offer), tagged);
}

#[test]
fn a_real_answer_tells_its_offer_by_the_tag() {
    let answer = fixture("firefox-answer-both");
    assert_eq!(mid_tag(&answer).as_deref(), Some("k3Zx"));
    let offer = fixture("webrtcbin-offer-both-to-firefox");
    let plain = Sdp::parse(
        &offer
            .to_string()
            .replace(".k3Zx", "")
            .replace("data2", "application2"),
    )
    .unwrap();
    let untagged = untag_mids(&answer, "k3Zx", &plain);
    assert!(normalise_answer(&untagged, &plain).is_ok());
}

#[test]
fn a_tagged_mid_is_no_longer_than_chromium_takes() {
    let offer = edit(
        "webrtcbin-reoffer-both-to-chromium",
        "video1",
        "application-of-video",
    );
    let tagged = tag_mids(&offer, "k3Zx");
    assert!(
        tagged
            .mids()
            .into_iter()
            .flatten()
            .all(|mid| mid.len() <= MAX_MID)
    );
    assert_eq!(untag_mids(&tagged, "k3Zx", &offer), offer);
}

#[test]
fn a_short_name_does_not_collide_with_another_line() {
    let offer = edit("webrtcbin-reoffer-both-to-chromium", "video1", "data0");
    let tagged = tag_mids(&offer, "k3Zx");
    assert_eq!(
        tagged.mids(),
        [Some("data0_.k3Zx"), Some("data0.k3Zx"), Some("audio2.k3Zx")]
    );
    assert_eq!(untag_mids(&tagged, "k3Zx", &offer), offer);
}

#[test]
fn our_own_fingerprint_replaces_all_others() {
    let mut local = fixture("firefox-offer-recvonly-data");
    let own = Fingerprint::of_der(b"own");
    local.set_fingerprint(&own);
    assert_eq!(local.to_string().matches("a=fingerprint").count(), 3);
    assert_eq!(local.fingerprints(), [own]);
}

#[test]
fn a_session_attribute_is_set_once_and_survives_normalising() {
    let mut answer = fixture("chromium-offer-data");
    answer.set_session_attribute(ANSWER_TO, "old");
    answer.set_session_attribute(ANSWER_TO, "ab\r\ncd");
    assert_eq!(answer.session_attribute(ANSWER_TO), Some("abcd"));
    assert_eq!(
        Sdp::parse(&answer.to_string())
            .unwrap()
            .to_string()
            .matches(ANSWER_TO)
            .count(),
        1
    );
    let normal = normalise_remote_offer(&answer).unwrap();
    assert_eq!(normal.session_attribute(ANSWER_TO), Some("abcd"));
}

#[test]
fn errors_are_one_line() {
    for error in [
        SdpError::TooLarge,
        SdpError::FirstLineRefused("video: H264".into()),
        SdpError::Setup("x".into()),
        SdpError::IceCredentials,
    ] {
        assert!(!error.to_string().contains('\n'));
    }
}

/// A real description with some of its lines damaged, doubled, swapped or removed.
fn mutated() -> impl Strategy<Value = (usize, String)> {
    let edits = proptest::collection::vec((0usize..400, 0u8..7, any::<u16>(), "[ -~]{0,12}"), 1..8);
    (0..FIXTURES.len(), edits).prop_map(|(index, edits)| {
        let mut lines: Vec<String> = FIXTURES[index].1.lines().map(str::to_owned).collect();
        for (line, what, number, junk) in edits {
            let line = line % lines.len().max(1);
            let Some(text) = lines.get(line).cloned() else {
                continue;
            };
            let cut = usize::from(number) % (text.len() + 1);
            match what {
                0 => drop(lines.remove(line)),
                1 => lines.insert(line, text),
                2 => {
                    let other = usize::from(number) % lines.len();
                    lines.swap(line, other);
                }
                3 => lines[line] = text[..cut].to_owned(),
                4 => lines[line].insert_str(cut, &junk),
                5 => lines[line] = format!("a={junk}"),
                _ => {
                    lines[line] =
                        text.replace(|c: char| c.is_ascii_digit(), &(number % 10).to_string())
                }
            }
        }
        (index, lines.join("\r\n"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Sdp::parse(&text);
        let _ = Sdp::parse(&format!("v=0\n{text}"));
    }

    #[test]
    fn a_damaged_offer_is_refused_or_becomes_acceptable((_, text) in mutated()) {
        if let Ok(sdp) = Sdp::parse(&text)
            && let Ok(normal) = normalise_remote_offer(&sdp)
        {
            assert_acceptable(&normal);
            let _ = restore_rejected(&normal, &sdp);
        }
    }

    #[test]
    fn a_damaged_answer_is_refused_or_becomes_acceptable((index, text) in mutated(), cross: bool) {
        let name = FIXTURES[index].0;
        if let Ok(sdp) = Sdp::parse(&text) {
            for (offer_name, offer) in FIXTURES {
                let pair = offer_name.ends_with(name.split('-').next().unwrap());
                if !offer_name.starts_with("webrtcbin") || (!cross && !pair) { continue }
                if let Ok(answer) = normalise_answer(&sdp, &Sdp::parse(offer).unwrap()) {
                    assert_acceptable(&answer.sdp);
                    prop_assert!(answer.accepted.iter().all(|m| m.rejected || m.codec.is_some() || m.kind == MediaKind::Application));
                }
            }
        }
    }

    #[test]
    fn tagging_is_undone_by_untagging((_, text) in mutated(), tag in "[a-zA-Z0-9]{4}") {
        if let Ok(sdp) = Sdp::parse(&text) {
            let tagged = tag_mids(&sdp, &tag);
            let unique = normalise_remote_offer(&sdp).is_ok();
            if unique && sdp.mids().iter().all(Option::is_some) {
                prop_assert_eq!(mid_tag(&tagged), Some(tag.clone()));
                let untagged = untag_mids(&tagged, &tag, &sdp);
                prop_assert_eq!(untagged.mids(), sdp.mids());
            }
        }
    }
}

#[test]
fn whether_a_browser_reports_arrivals_takes_the_extension_and_the_feedback() {
    let extension =
        "a=extmap:2 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    let feedback = "a=rtcp-fb:96 transport-cc";
    let reports = |lines: &[&str]| {
        let text = format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n{}\r\n",
            lines.join("\r\n")
        );
        Sdp::parse(&text).unwrap().media()[0].reports_arrivals(96)
    };
    assert!(reports(&[extension, feedback]));
    assert!(reports(&[extension, "a=rtcp-fb:* transport-cc"]));
    assert!(!reports(&[extension]));
    assert!(!reports(&[feedback]));
    assert!(!reports(&[extension, "a=rtcp-fb:97 transport-cc"]));
}

#[test]
fn an_answer_takes_header_extensions_the_way_they_are_offered() {
    let with = |lines: &str| {
        Sdp::parse(&format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n{lines}"
        ))
        .unwrap()
    };
    let offer = with(
        "a=extmap:1 urn:both\r\na=extmap:6/recvonly urn:there\r\na=extmap:7/sendonly urn:back\r\n\
         a=extmap:15 urn:long\r\na=extmap:8/sideways urn:odd\r\n",
    );
    let of = |uri| offer.media()[0].receives_extension(uri);
    assert_eq!([of("urn:both"), of("urn:there")], [Some(1), Some(6)]);
    for uri in ["urn:back", "urn:long", "urn:odd", "urn:none"] {
        assert_eq!(of(uri), None, "{uri}");
    }
    let mut answer = with("a=extmap:1 urn:both\r\na=extmap:6 urn:there\r\n");
    restore_extension_directions(&mut answer, &offer);
    let text = answer.to_string();
    assert!(text.contains("a=extmap:1 urn:both\r\n"), "{text}");
    assert!(text.contains("a=extmap:6/sendonly urn:there\r\n"), "{text}");
}

/// A line whose packets are sent again under SSRC 2.
const SENT_AGAIN: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
     m=video 9 UDP/TLS/RTP/SAVPF 96 97 98\r\nc=IN IP4 0.0.0.0\r\n\
     a=rtpmap:96 H264/90000\r\na=rtpmap:97 VP8/90000\r\na=rtpmap:98 rtx/90000\r\na=fmtp:98 apt=96\r\n\
     a=ssrc-group:FID 1 2\r\na=ssrc:1 cname:a\r\na=ssrc:2 cname:a\r\na=ssrc:22 cname:a\r\n";

#[test]
fn it_is_known_where_packets_are_sent_again() {
    let sdp = Sdp::parse(SENT_AGAIN).expect("SDP");
    let line = &sdp.media()[0];
    assert_eq!(line.retransmission(96), Some(98));
    assert_eq!(line.retransmission(97), None);
    assert_eq!(line.retransmission_ssrc(1), Some(2));
    assert_eq!(line.retransmission_ssrc(2), None);
}

#[test]
fn packets_are_sent_again_under_another_ssrc() {
    let mut sdp = Sdp::parse(SENT_AGAIN).expect("SDP");
    sdp.set_retransmission_ssrc(0, 1, 7);
    let text = sdp.to_string();
    assert_eq!(sdp.media()[0].retransmission_ssrc(1), Some(7));
    for line in ["a=ssrc:1 cname:a", "a=ssrc:7 cname:a", "a=ssrc:22 cname:a"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(!text.contains("a=ssrc:2 "), "{text}");
    sdp.set_retransmission_ssrc(0, 3, 8);
    sdp.set_retransmission_ssrc(1, 1, 8);
    assert_eq!(sdp.to_string(), text, "no such stream, no such line");
}
