use super::*;
use proptest::prelude::*;
use std::time::Duration;

const FIXTURES: [(&str, &str); 28] = include!("../../../tests/fixtures/sdp/list.rs");

fn fixture(name: &str) -> Description {
    let (_, sdp) = FIXTURES.iter().find(|(found, _)| *found == name).unwrap();
    let kind = if name.contains("answer") {
        Kind::Answer
    } else {
        Kind::Offer
    };
    Description::new(kind, sdp)
}

fn all() -> impl Iterator<Item = Description> {
    FIXTURES.iter().map(|(name, _)| fixture(name))
}

/// One description of each size and maker.
fn some() -> [Description; 4] {
    [
        "chromium-offer-data",
        "chromium-offer-microphone",
        "firefox-answer-both",
        "firefox-offer-recvonly-data",
    ]
    .map(fixture)
}

fn wrap(text: &str, width: usize) -> String {
    let chars: Vec<char> = text.chars().collect();
    chars
        .chunks(width)
        .map(String::from_iter)
        .collect::<Vec<_>>()
        .join("\n")
}

/// As a mail program does it: at spaces.
fn wrap_words(text: &str, width: usize) -> String {
    let mut out = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + 1 + word.len() > width {
            out.push('\n');
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.len();
    }
    out
}

fn quote(text: &str, with: &str) -> String {
    text.lines().map(|line| format!("{with}{line}\n")).collect()
}

fn assert_reads(text: &str, expected: &Description) {
    assert_eq!(read_description(text).as_ref(), Ok(expected), "{text}");
}

#[test]
fn every_form_of_every_description_is_read() {
    for description in all() {
        assert_reads(&description.sdp, &description);
        assert_reads(&description.to_json(), &description);
        assert_reads(&description.to_base64(), &description);
        let url_safe = description.to_base64().replace('+', "-").replace('/', "_");
        assert_reads(url_safe.trim_end_matches('='), &description);
        let sdp = base64::engine::general_purpose::STANDARD.encode(&description.sdp);
        assert_reads(&sdp, &description);
    }
}

#[test]
fn any_line_end_and_indentation_is_read() {
    for description in some() {
        for end in ["\n", "\r", "\r\n", "\n\n", "\u{2028}", "  \n\t "] {
            assert_reads(&description.sdp.replace("\r\n", end), &description);
        }
    }
}

#[test]
fn quoting_of_a_mail_is_taken_off() {
    for description in some() {
        for with in ["> ", ">", ">> ", "> > > ", " > "] {
            assert_reads(&quote(&description.sdp, with), &description);
            assert_reads(
                &quote(&wrap(&description.to_base64(), 72), with),
                &description,
            );
            assert_reads(&quote(&description.to_json(), with), &description);
        }
    }
}

#[test]
fn base64_that_was_wrapped_is_read() {
    for description in some() {
        for width in [40, 64, 76, 80, 1000] {
            assert_reads(&wrap(&description.to_base64(), width), &description);
            let console = format!("periscope: offer {}", description.to_base64());
            assert_reads(&wrap(&console, width), &description);
        }
    }
}

#[test]
fn prose_around_a_description_is_passed_over() {
    for description in some() {
        for form in [
            description.to_base64(),
            description.to_json(),
            description.sdp.clone(),
        ] {
            assert_reads(
                &format!("Hello,\nhere it is:\n\n{form}\n\nThanks\nMary"),
                &description,
            );
            assert_reads(&format!("```json\n{form}\n```\n"), &description);
            assert_reads(
                &format!("Mine (2nd try) {{sorry}}:\n{form}\n-- \nMary"),
                &description,
            );
        }
        let inline = format!("Here is mine: {} Thanks!", description.to_base64());
        assert_reads(&inline, &description);
        let unpadded = description.to_base64();
        let word_after = format!("{}\nThanks", unpadded.trim_end_matches('='));
        assert_reads(&word_after, &description);
        assert_reads(&format!("`{}`", description.to_base64()), &description);
    }
}

#[test]
fn what_a_word_processor_makes_of_json_is_read() {
    for description in some() {
        for (open, close) in [("“", "”"), ("„", "“"), ("«", "»"), ("‟", "”")] {
            let json = format!(
                "{{{open}type{close}:\u{a0}{open}{}{close}, {open}sdp{close}: {open}{}{close}}}",
                description.kind,
                description
                    .sdp
                    .replace("\r\n", "\\r\\n")
                    .replace("...", "…")
            );
            assert_reads(&json, &description);
        }
    }
}

#[test]
fn invisible_characters_are_taken_out() {
    for description in some() {
        let base64 = description.to_base64();
        let (head, tail) = base64.split_at(30);
        assert_reads(&format!("\u{feff}{head}\u{200b}{tail}\u{a0}"), &description);
        let sdp = description
            .sdp
            .replace(' ', "\u{a0}")
            .replace("a=", "\u{200b}a=");
        assert_reads(&sdp, &description);
        assert_reads(
            &format!("\u{1b}[1;32m{}\u{1b}[0m", description.sdp),
            &description,
        );
    }
}

#[test]
fn json_that_was_wrapped_is_mended() {
    for description in some() {
        for width in [72, 76, 80, 132] {
            assert_reads(&wrap(&description.to_json(), width), &description);
            assert_reads(&wrap_words(&description.to_json(), width), &description);
            assert_reads(
                &quote(&wrap_words(&description.to_json(), width), "> "),
                &description,
            );
        }
        let unescaped = description.to_json().replace("\\r\\n", "\n");
        assert_reads(&unescaped, &description);
    }
}

#[test]
fn sdp_whose_long_lines_were_wrapped_is_mended() {
    for description in some() {
        for width in [72, 78, 80] {
            let words: Vec<String> = description
                .sdp
                .lines()
                .map(|line| wrap_words(line, width))
                .collect();
            assert_reads(&words.join("\n"), &description);
        }
        let hard: Vec<String> = description.sdp.lines().map(|line| wrap(line, 80)).collect();
        assert_reads(&hard.join("\n"), &description);
    }
}

#[test]
fn pretty_and_nested_json_is_read() {
    let description = fixture("chromium-offer-data");
    let value: serde_json::Value = serde_json::from_str(&description.to_json()).unwrap();
    assert_reads(&serde_json::to_string_pretty(&value).unwrap(), &description);
    let nested = serde_json::json!({ "sdp": value, "from": 3 });
    assert_reads(&nested.to_string(), &description);
    let untyped = serde_json::json!({ "sdp": description.sdp });
    assert_reads(&untyped.to_string(), &description);
}

#[test]
fn sdp_with_written_out_line_ends_is_read() {
    let description = fixture("firefox-answer-both");
    let line = description.sdp.replace("\r\n", "\\r\\n");
    assert_reads(&format!("sdp: \"{line}\""), &description);
}

#[test]
fn the_first_of_two_descriptions_is_read() {
    let (first, second) = (
        fixture("firefox-answer-both"),
        fixture("chromium-offer-data"),
    );
    assert_reads(
        &format!("{}\n{}", first.sdp, quote(&second.sdp, "> ")),
        &first,
    );
    assert_reads(
        &format!("{}\n{}", first.to_base64(), second.to_base64()),
        &first,
    );
}

#[test]
fn offer_and_answer_are_told_apart_by_their_setup() {
    let sdp = fixture("chromium-offer-data").sdp;
    let kind = |setup: &str| {
        read_description(&sdp.replace("a=setup:actpass", setup)).map(|description| description.kind)
    };
    assert_eq!(kind("a=setup:actpass"), Ok(Kind::Offer));
    assert_eq!(kind("a=setup:active"), Ok(Kind::Answer));
    assert_eq!(kind("a=setup:passive"), Ok(Kind::Answer));
    assert_eq!(kind("a=x"), Err(PasteError::UnknownKind));
}

#[test]
fn other_types_of_description_are_named() {
    let json = fixture("chromium-offer-data").to_json();
    for other in ["pranswer", "rollback"] {
        let text = json.replace("\"offer\"", &format!("\"{other}\""));
        assert_eq!(read_description(&text), Err(PasteError::Type(other.into())));
    }
}

#[test]
fn a_description_that_was_cut_off_is_called_so() {
    for description in some() {
        let base64 = description.to_base64();
        assert_eq!(
            read_description(&base64[..base64.len() / 2]),
            Err(PasteError::CutOff("base64 text"))
        );
        assert_eq!(
            read_description(&base64[..base64.len() - 9]),
            Err(PasteError::CutOff("base64 text"))
        );
        assert_eq!(
            read_description(&base64[101..]),
            Err(PasteError::CutOff("base64 text"))
        );
        let json = description.to_json();
        assert_eq!(
            read_description(&json[..json.len() - 1]),
            Err(PasteError::CutOff("JSON"))
        );
        assert_eq!(
            read_description(&json[40..]),
            Err(PasteError::CutOff("JSON"))
        );
        let sdp = &description.sdp;
        assert_eq!(read_description(&sdp[..60]), Err(PasteError::CutOff("SDP")));
        let line = sdp.find("a=fingerprint").unwrap();
        assert_eq!(
            read_description(&sdp[..line + 30]),
            Err(PasteError::CutOff("SDP"))
        );
        assert_eq!(read_description(&sdp[5..]), Err(PasteError::CutOff("SDP")));
    }
    // A media section of the BUNDLE group is missing.
    let sdp = fixture("chromium-offer-microphone").sdp;
    let third = sdp.match_indices("m=").nth(2).unwrap().0;
    assert_eq!(
        read_description(&sdp[..third]),
        Err(PasteError::CutOff("SDP"))
    );
}

#[test]
fn what_is_no_description_is_called_so() {
    for text in [
        "",
        "hello",
        "{}",
        "{\"a\":1}",
        "offer",
        "a = b",
        "eyJ",
        "eyJhIjoxfQ==",
        "v=1",
    ] {
        assert_eq!(read_description(text), Err(PasteError::Nothing), "{text}");
    }
    assert_eq!(
        read_description("\u{0}\u{1}\u{2}abc"),
        Err(PasteError::Binary)
    );
    assert_eq!(
        read_description("PK\u{3}\u{4}\u{fffd}\u{fffd}"),
        Err(PasteError::Binary)
    );
    assert_eq!(
        read_description(&"x".repeat(MAX_PASTE + 1)),
        Err(PasteError::TooLarge)
    );
    let address = "periscope: page http://192.168.1.20:8080/#k3ZxQ";
    assert_eq!(read_description(address), Err(PasteError::PageAddress));
}

/// The short answer and the code of the protocol's test vector.
const ANSWER: &str = "QGFCM3gQERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLw";
const CODE: &str = "IQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLx-QwKgBFA";

fn short_answer() -> ShortAnswer {
    ShortAnswer::from_text(ANSWER).unwrap()
}

#[test]
fn a_short_answer_is_read_with_the_offer_that_it_answers_below_it() {
    let offer = fixture("chromium-offer-microphone");
    for text in [
        ANSWER.to_owned(),
        format!("Here it is: {ANSWER}.\n"),
        format!("> {}\n> {}", &ANSWER[..40], &ANSWER[40..]),
        format!(
            "{ANSWER}\n\nOn Monday you wrote:\n> {}\n",
            offer.to_base64()
        ),
        format!(
            "{ANSWER}\n\nOn Monday you wrote:\n{}",
            quote(&offer.sdp, "> ")
        ),
    ] {
        assert_eq!(
            read(&text),
            Ok(Pasted::ShortAnswer(short_answer())),
            "{text}"
        );
    }
}

#[test]
fn no_description_is_taken_for_a_short_answer() {
    for description in all() {
        let expected = Ok(Pasted::Description(description.clone()));
        for text in [
            description.to_base64(),
            wrap(&description.to_base64(), 50),
            wrap(&description.to_base64(), 25),
        ] {
            assert_eq!(read(&text), expected, "{text}");
        }
    }
}

#[test]
fn a_code_belongs_into_the_page() {
    for text in [
        CODE.to_owned(),
        format!("periscope: code {CODE}\n"),
        wrap(CODE, 40),
    ] {
        assert_eq!(read(&text), Err(PasteError::Code), "{text}");
        assert_eq!(read_description(&text), Err(PasteError::Code), "{text}");
    }
}

#[test]
fn a_short_answer_that_is_cut_off_is_reported() {
    assert_eq!(read(&ANSWER[..49]), Err(PasteError::CutOff("answer")));
}

#[test]
fn too_many_media_lines_are_refused() {
    let sdp = "v=0\na=setup:actpass\n".to_owned() + &"m=audio 9 RTP/SAVPF 0\n".repeat(65);
    assert_eq!(read_description(&sdp), Err(PasteError::TooManyMedia(65)));
}

#[test]
fn errors_are_one_line_and_say_what_to_do() {
    for error in [
        PasteError::Nothing,
        PasteError::CutOff("SDP"),
        PasteError::TooLarge,
        PasteError::UnknownKind,
        PasteError::Code,
    ] {
        let text = error.to_string();
        assert!(!text.contains('\n') && text.contains(": "), "{text}");
    }
}

#[test]
fn the_largest_hostile_texts_are_read_in_reasonable_time() {
    let fill = |piece: &str| piece.repeat(MAX_PASTE / piece.len());
    for text in [
        fill("{\""),
        fill("{\"sdp\":"),
        fill("eyJ\n"),
        fill("eyJ "),
        fill("v=0\n"),
        fill(">"),
        fill("v=0\r\na=mid:0\r\na=group:BUNDLE 1\n"),
        format!(
            "v=0\na=group:BUNDLE{}\n{}",
            " 1".repeat(60_000),
            "a=mid:0\n".repeat(16_000)
        ),
        fill("\\"),
        fill("\u{1b}["),
        fill("}\n"),
        fill("QGabcdef "),
        fill("Q G "),
        fill("I2345678\n"),
        format!("{{\"sdp\":\n{}", "}\n".repeat(100_000)),
    ] {
        let _ = read(&text[..text.len().min(MAX_PASTE)]);
    }
}

// The collector.

const T: Duration = Duration::from_secs(100);

fn collect(text: &str) -> (Vec<Item>, Collector) {
    let mut collector = Collector::default();
    let items = text
        .lines()
        .flat_map(|line| collector.feed_line(line, T))
        .collect();
    (items, collector)
}

#[test]
fn commands_come_out_at_once() {
    let (items, collector) = collect("offer\n\n  peers \ndrop 3\nwhat is this\n");
    let commands =
        ["offer", "peers", "drop 3", "what is this"].map(|text| Item::Command(text.into()));
    assert_eq!(items, commands);
    assert_eq!(collector.deadline(), None);
}

#[test]
fn base64_and_json_come_out_as_soon_as_they_are_complete() {
    for description in some() {
        let base64 = description.to_base64();
        let value: serde_json::Value = serde_json::from_str(&description.to_json()).unwrap();
        for text in [
            base64.clone(),
            base64.trim_end_matches('=').to_owned(),
            wrap(&base64, 76),
            wrap(base64.trim_end_matches('='), 76),
            format!("periscope: offer {base64}"),
            description.to_json(),
            wrap(&description.to_json(), 80),
            serde_json::to_string_pretty(&value).unwrap(),
        ] {
            let (items, collector) = collect(&text);
            assert_eq!(items, [Item::Description(description.clone())], "{text}");
            assert_eq!(collector.deadline(), None);
        }
    }
}

#[test]
fn a_short_answer_comes_out_as_soon_as_it_is_complete() {
    for text in [
        ANSWER.to_owned(),
        format!("  {ANSWER}  "),
        format!("Here it is: “{ANSWER}”."),
        wrap(ANSWER, 20),
    ] {
        let (items, collector) = collect(&text);
        assert_eq!(items, [Item::ShortAnswer(short_answer())], "{text}");
        assert_eq!(collector.deadline(), None);
    }
}

#[test]
fn a_short_answer_ends_what_was_begun() {
    let answer = Item::ShortAnswer(short_answer());
    let description = fixture("firefox-answer-both");
    let (items, _) = collect(&format!("{}{ANSWER}\n", description.sdp));
    assert_eq!(items, [Item::Description(description), answer.clone()]);
    let base64 = fixture("chromium-offer-data").to_base64();
    let (items, _) = collect(&format!("{}\n{ANSWER}\n", &base64[..200]));
    assert_eq!(
        items,
        [Item::Error(PasteError::CutOff("base64 text")), answer]
    );
}

#[test]
fn sdp_ends_at_an_empty_line_a_command_or_when_it_is_quiet() {
    let description = fixture("firefox-answer-both");
    let item = Item::Description(description.clone());
    let (items, _) = collect(&description.sdp);
    assert_eq!(items, [] as [Item; 0]);
    let (items, _) = collect(&format!("{}\n", description.sdp));
    assert_eq!(items, std::slice::from_ref(&item));
    let (items, _) = collect(&format!("{}peers\n", description.sdp));
    assert_eq!(items, [item.clone(), Item::Command("peers".into())]);

    let (_, mut collector) = collect(&description.sdp);
    assert_eq!(collector.deadline(), Some(T + QUIET));
    assert_eq!(collector.idle(T + QUIET / 2), None);
    assert_eq!(collector.idle(T + QUIET), Some(item.clone()));
    assert_eq!(collector.deadline(), None);

    let (_, mut collector) = collect(&description.sdp);
    assert_eq!(collector.finish(), Some(item));
    assert_eq!(collector.finish(), None);
}

#[test]
fn two_descriptions_in_a_row_both_come_out() {
    let (first, second) = (
        fixture("firefox-answer-both"),
        fixture("chromium-offer-data"),
    );
    let (items, mut collector) = collect(&format!("{}{}", first.sdp, second.sdp));
    assert_eq!(items, [Item::Description(first.clone())]);
    assert_eq!(collector.finish(), Some(Item::Description(second.clone())));
    let (items, _) = collect(&format!("{}\n{}\n", first.to_base64(), second.to_base64()));
    assert_eq!(items, [Item::Description(first), Item::Description(second)]);
}

#[test]
fn a_wrapped_line_does_not_end_an_sdp() {
    let description = fixture("chromium-offer-microphone");
    let wrapped: Vec<String> = description
        .sdp
        .lines()
        .map(|line| wrap_words(line, 72))
        .collect();
    let (items, mut collector) = collect(&wrapped.join("\n"));
    assert_eq!(items, []);
    assert_eq!(collector.finish(), Some(Item::Description(description)));
}

#[test]
fn half_a_description_is_reported_when_it_is_quiet() {
    let json = fixture("chromium-offer-data").to_json();
    let (items, mut collector) = collect(&json[..json.len() / 2]);
    assert_eq!(items, []);
    assert_eq!(
        collector.idle(T + QUIET),
        Some(Item::Error(PasteError::CutOff("JSON")))
    );
}

#[test]
fn a_command_after_unfinished_base64_is_still_a_command() {
    let base64 = fixture("chromium-offer-data").to_base64();
    let (items, _) = collect(&format!("{}\npeers\n", &base64[..200]));
    assert_eq!(
        items,
        [
            Item::Error(PasteError::CutOff("base64 text")),
            Item::Command("peers".into())
        ]
    );
}

#[test]
fn the_pages_address_is_recognised() {
    let (items, _) = collect("http://192.168.1.20:8080/#abc");
    assert_eq!(items, [Item::Error(PasteError::PageAddress)]);
}

#[test]
fn ten_megabytes_are_dropped_and_reported_once() {
    for line in ["a=x", "{\"sdp\":\"", "eyJ0eXBlIjoib2Zm"] {
        let mut collector = Collector::default();
        let long = line.repeat(1000 / line.len());
        let mut items = Vec::new();
        for _ in 0..10_000 {
            items.extend(collector.feed_line(&long, T));
            assert!(collector.size() <= MAX_PASTE);
        }
        assert_eq!(items, [Item::Error(PasteError::TooLarge)], "{line}");
        // The rest of the paste is gone once it is quiet.
        assert_eq!(collector.idle(T + QUIET), None);
        assert_eq!(
            collector.feed_line("peers", T + QUIET),
            [Item::Command("peers".into())]
        );
    }
    let mut collector = Collector::default();
    let items = collector.feed_line(&"x".repeat(10_000_000), T);
    assert_eq!(items, [Item::Error(PasteError::TooLarge)]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,300}") {
        let _ = read(&text);
        let (_, mut collector) = collect(&text);
        collector.finish();
    }

    #[test]
    fn text_made_of_telling_pieces_is_read_or_refused(pieces in prop::collection::vec(prop_oneof![
        Just("v=0\n"), Just("{\"sdp\":\""), Just("\"}"), Just("eyJ0"), Just("\\"), Just("\n"), Just("\r\\n"),
        Just("a=setup:actpass\n"), Just("m=audio 9 RTP/SAVPF 0\n"), Just("> "), Just("\u{1b}["), Just("é"),
        Just("{"), Just("\"type\":\"offer\","), Just("="), Just("dj0w"), Just("`"), Just("“"), Just(" "), Just("QGFCM3gQERITFBUWFxg"),
    ], 0..40)) {
        let text = pieces.concat();
        let _ = read(&text);
        let (_, mut collector) = collect(&text);
        collector.finish();
    }

    #[test]
    fn a_description_cut_anywhere_never_becomes_another(which in 0usize..28, form in 0u8..3, at in 0.0f64..1.0) {
        let description = fixture(FIXTURES[which].0);
        let text = match form { 0 => description.to_base64(), 1 => description.to_json(), _ => description.sdp.clone() };
        let cut = &text[..(text.len() as f64 * at) as usize];
        if let Ok(read) = read_description(cut) {
            // Nothing tells that the last lines of a plain SDP are missing.
            prop_assert!(form == 2 && description.sdp.starts_with(read.sdp.trim_end()) || read == description);
        }
    }

    #[test]
    fn wrapping_at_any_width_is_undone(which in 0usize..28, width in 30usize..200) {
        let description = fixture(FIXTURES[which].0);
        assert_reads(&wrap(&description.to_base64(), width), &description);
        assert_reads(&wrap(&description.to_json(), width), &description);
    }
}
