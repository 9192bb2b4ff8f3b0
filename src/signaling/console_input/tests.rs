use super::*;
use crate::signaling::Kind;
use proptest::prelude::*;

const T: Duration = Duration::from_secs(100);
const OFFER: &str = include_str!("../../../tests/fixtures/sdp/chromium-offer-microphone.sdp");

fn offer() -> Description {
    Description::new(Kind::Offer, OFFER)
}

/// Everything but the echo; the echo.
fn split(events: Vec<Event>) -> (Vec<Event>, String) {
    let mut echo = String::new();
    let rest = events
        .into_iter()
        .filter(|event| match event {
            Event::Echo(text) => {
                echo.push_str(text);
                false
            }
            _ => true,
        })
        .collect();
    (rest, echo)
}

/// Types a text as a person does: a byte at a time.
fn typed(input: &mut Input, text: &str) -> (Vec<Event>, String) {
    split(
        text.as_bytes()
            .iter()
            .flat_map(|byte| input.feed(&[*byte], T))
            .collect(),
    )
}

fn bracketed(text: &str) -> String {
    format!("\u{1b}[200~{text}\u{1b}[201~")
}

#[test]
fn commands_are_read_and_echoed() {
    let mut input = Input::new(true);
    let (events, echo) = typed(&mut input, "offer\rPeers\r\ndrop 12\nhelp\r?\r\r");
    let commands = [
        Command::Offer,
        Command::Peers,
        Command::Drop(12),
        Command::Help,
        Command::Help,
    ];
    assert_eq!(events, commands.map(Event::Command));
    assert_eq!(echo, "offer\r\nPeers\r\ndrop 12\r\nhelp\r\n?\r\n\r\n");
    assert_eq!(input.deadline(), None);
}

#[test]
fn without_a_terminal_nothing_is_echoed() {
    let mut input = Input::new(false);
    let mut events = input.feed(
        format!("offer\n{}\npeers", offer().to_base64()).as_bytes(),
        T,
    );
    events.extend(input.end_of_input(T));
    assert_eq!(
        events,
        [
            Event::Command(Command::Offer),
            Event::Description(offer()),
            Event::Command(Command::Peers)
        ]
    );
}

#[test]
fn a_mistake_gets_one_friendly_line() {
    let error = |line: &str| match typed(&mut Input::new(false), &format!("{line}\n"))
        .0
        .as_slice()
    {
        [Event::Error(text)] => text.clone(),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(error("foo"), "unknown command “foo”: type help");
    assert_eq!(error("drop x"), "“x” is no peer's number: peers lists them");
    assert!(error("drop").starts_with("drop which peer?"));
    assert!(error("drop 1 2").starts_with("drop which peer?"));
    assert!(error("drop -1").contains("no peer's number"));
    assert!(error("offer now").contains("stands alone"));
    assert!(error("http://192.168.1.20:8080/#abc").contains("open it in a browser"));
    assert!(error(&offer().to_base64()[100..]).contains("cut off"));
    assert!(error(&"x".repeat(60)).ends_with("x…”: type help"));
}

#[test]
fn a_typed_line_can_be_corrected() {
    let mut input = Input::new(true);
    let (events, echo) = typed(&mut input, "offex\u{7f}r\r");
    assert_eq!(events, [Event::Command(Command::Offer)]);
    assert_eq!(echo, "offex\u{8} \u{8}r\r\n");
    let (events, _) = typed(&mut input, "nonsense\u{15}peers\r");
    assert_eq!(events, [Event::Command(Command::Peers)]);
    let (events, _) = typed(&mut input, "drop 33 \u{17}4\r");
    assert_eq!(events, [Event::Command(Command::Drop(4))]);
    let (events, echo) = typed(&mut input, "\u{7f}\u{8}é\u{7f}\u{15}\u{17}help\r");
    assert_eq!(events, [Event::Command(Command::Help)]);
    assert_eq!(echo, "é\u{8} \u{8}help\r\n");
}

/// The short answer and the code of the protocol's test vector.
const ANSWER: &str = "QGFCM3gQERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLw";
const CODE: &str = "IQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLx-QwKgBFA";

#[test]
fn a_short_answer_is_taken_however_it_comes() {
    let expected = [Event::ShortAnswer(ShortAnswer::read(ANSWER).unwrap())];
    let (events, _) = typed(&mut Input::new(true), &format!("{ANSWER}\r"));
    assert_eq!(events, expected);
    let (events, _) = typed(&mut Input::new(true), &bracketed(ANSWER));
    assert_eq!(events, expected);
    // At once, with neither end mark nor line end.
    let mut input = Input::new(true);
    let (events, _) = split(input.feed(ANSWER.as_bytes(), T));
    assert_eq!(events, []);
    let (events, _) = split(input.timeout(T + QUIET));
    assert_eq!(events, expected);
}

#[test]
fn a_code_is_sent_back_to_the_page() {
    let expected = [Event::Error(
        "this is a code: paste it into the page".into(),
    )];
    for text in [format!("{CODE}\r"), bracketed(CODE)] {
        let (events, _) = typed(&mut Input::new(true), &text);
        assert_eq!(events, expected, "{text}");
    }
}

#[test]
fn a_code_pasted_after_a_command_is_part_of_the_line() {
    let mut input = Input::new(true);
    let (events, echo) = typed(&mut input, &format!("drop {}", bracketed(CODE)));
    assert_eq!(events, []);
    assert_eq!(echo, format!("drop {CODE}"));
}

#[test]
fn cursor_and_function_keys_do_nothing() {
    let mut input = Input::new(true);
    let (events, echo) = typed(
        &mut input,
        "\u{1b}[Aof\u{1b}[1;5Cf\u{1b}OPer\u{1b}[3~\r\u{1b}help\r",
    );
    assert_eq!(events, [Command::Offer, Command::Help].map(Event::Command));
    assert_eq!(echo, "offer\r\nhelp\r\n");
}

#[test]
fn a_bracketed_paste_is_summarised_and_read() {
    for text in [offer().sdp, offer().to_json(), offer().to_base64()] {
        for size in [1, 7, 1000, 100_000] {
            let mut input = Input::new(true);
            let pasted = bracketed(&text.replace("\r\n", "\r"));
            let (events, echo) = split(
                pasted
                    .as_bytes()
                    .chunks(size)
                    .flat_map(|part| input.feed(part, T))
                    .collect(),
            );
            assert_eq!(events, [Event::Description(offer())]);
            let count = thousands(text.replace("\r\n", "\r").chars().count());
            assert_eq!(echo, format!("[pasted {count} characters]\r\n"));
            assert_eq!(input.deadline(), None);
            // Enter after it, out of habit.
            assert_eq!(typed(&mut input, "\r").0, []);
        }
    }
}

#[test]
fn a_paste_without_brackets_is_summarised_too() {
    for text in [offer().sdp, offer().to_base64() + "\r", offer().to_base64()] {
        let mut input = Input::new(true);
        let mut events: Vec<Event> = text
            .as_bytes()
            .chunks(1024)
            .flat_map(|part| input.feed(part, T))
            .collect();
        if let Some(deadline) = input.deadline() {
            assert_eq!(input.timeout(T), []);
            events.extend(input.timeout(deadline));
        }
        let (events, echo) = split(events);
        assert_eq!(events, [Event::Description(offer())]);
        assert!(
            echo.starts_with("[pasted ") && echo.matches("pasted").count() == 1,
            "{echo}"
        );
        assert_eq!(input.deadline(), None);
    }
}

#[test]
fn a_command_can_be_pasted() {
    let mut input = Input::new(true);
    let (events, echo) = typed(&mut input, &format!("drop {}\r", bracketed("3")));
    assert_eq!(events, [Event::Command(Command::Drop(3))]);
    assert_eq!(echo, "drop 3\r\n");
    let (events, _) = typed(
        &mut input,
        &bracketed("offer\npeers\ndrop 1\nhelp and more\n"),
    );
    assert!(
        matches!(events.as_slice(), [Event::Error(_)]),
        "not all are commands: {events:?}"
    );
    let (events, _) = typed(&mut input, &bracketed("offer\r\n\r\npeers\r\n"));
    assert_eq!(events, [Command::Offer, Command::Peers].map(Event::Command));
}

#[test]
fn a_paste_whose_end_does_not_come_is_read_after_a_while() {
    let mut input = Input::new(true);
    let text = format!("\u{1b}[200~{}", offer().to_json());
    assert_eq!(input.feed(text.as_bytes(), T), []);
    let deadline = input.deadline().unwrap();
    assert_eq!(deadline, T + PASTE_QUIET);
    let (events, _) = split(input.timeout(deadline));
    assert_eq!(events, [Event::Description(offer())]);
    assert_eq!(
        typed(&mut input, "peers\r").0,
        [Event::Command(Command::Peers)]
    );
}

#[test]
fn plain_sdp_from_a_pipe_ends_when_it_is_quiet() {
    let mut input = Input::new(false);
    assert_eq!(input.feed(OFFER.as_bytes(), T), []);
    assert_eq!(input.timeout(T + QUIET / 2), []);
    assert_eq!(input.timeout(T + QUIET), [Event::Description(offer())]);
}

#[test]
fn characters_may_be_split_over_reads() {
    let mut input = Input::new(true);
    let (events, echo) = typed(&mut input, "größe 漢字\r");
    assert_eq!(
        events,
        [Event::Error(
            "unknown command “größe 漢字”: type help".into()
        )]
    );
    assert_eq!(echo, "größe 漢字\r\n");
    let events = split(input.feed(b"\xff\xe6\xbc x\r", T)).0;
    assert_eq!(
        events,
        [Event::Error(
            "unknown command “\u{fffd}\u{fffd} x”: type help".into()
        )]
    );
}

#[test]
fn a_typed_line_waits_for_enter() {
    let mut input = Input::new(true);
    typed(&mut input, "pee");
    assert_eq!(input.deadline(), None);
    assert_eq!(input.timeout(T + Duration::from_secs(60)), []);
    assert_eq!(
        typed(&mut input, "rs\r").0,
        [Event::Command(Command::Peers)]
    );
}

#[test]
fn ten_megabytes_are_dropped_and_reported_once() {
    let bracket = (b"\x1b[200~".to_vec(), b"\x1b[201~".to_vec());
    for (before, after) in [(vec![], vec![]), bracket] {
        for piece in ["x", "a=b\n", "eyJ0", "{\"sdp\":\"\n"] {
            let mut input = Input::new(true);
            let mut events = input.feed(&before, T);
            let part = piece.repeat(65_536 / piece.len());
            for _ in 0..if piece == "x" { 160 } else { 20 } {
                events.extend(input.feed(part.as_bytes(), T));
                assert!(
                    input.line.len() + input.paste.as_ref().map_or(0, |p| p.text.len())
                        <= 2 * MAX_PASTE
                );
            }
            events.extend(input.feed(&after, T));
            if let Some(deadline) = input.deadline() {
                events.extend(input.timeout(deadline));
            }
            let (events, _) = split(events);
            assert_eq!(
                events,
                [Event::Error(PasteError::TooLarge.to_string())],
                "{piece:?}"
            );
            assert_eq!(input.deadline(), None);
            let later = input.feed(b"peers\r", T + PASTE_QUIET * 2);
            assert_eq!(split(later).0, [Event::Command(Command::Peers)]);
        }
    }
}

#[test]
fn a_novel_gets_three_errors_and_no_more() {
    let mut input = Input::new(true);
    let (events, _) = split(input.feed(
        "It was a dark and stormy night.\n".repeat(1000).as_bytes(),
        T,
    ));
    assert_eq!(events.len(), 3);
    let later = input.feed(b"foo\r", T + QUIET);
    assert_eq!(split(later).0.len(), 1);
}

#[test]
fn an_error_shows_nothing_that_a_terminal_obeys() {
    let (events, _) = split(Input::new(false).feed("a\u{9b}31m\0b\n".as_bytes(), T));
    assert_eq!(
        events,
        [Event::Error("unknown command “a31mb”: type help".into())]
    );
}

proptest! {
    #[test]
    fn any_bytes_are_taken_and_nothing_is_left_behind(
        parts in prop::collection::vec(prop_oneof![
            any::<Vec<u8>>(),
            Just(b"\x1b[200~".to_vec()), Just(b"\x1b[201~".to_vec()), Just(b"\r\n".to_vec()), Just(b"\x7f\x17\x15".to_vec()),
            Just(b"v=0\n".to_vec()), Just(b"eyJ0eXBlIjoib2ZmZXIi".to_vec()), Just(b"{\"".to_vec()), Just(vec![b' '; 40]),
        ], 0..12),
        terminal: bool,
    ) {
        let mut input = Input::new(terminal);
        let mut now = T;
        for part in parts {
            let events = input.feed(&part, now);
            prop_assert!(terminal || events.iter().all(|event| !matches!(event, Event::Echo(_))));
            now += Duration::from_millis(100);
        }
        if let Some(deadline) = input.deadline() {
            input.timeout(deadline);
        }
        prop_assert_eq!(input.deadline(), None);
        input.end_of_input(now);
        prop_assert!(input.line.is_empty() && input.paste.is_none());
    }

    #[test]
    fn a_paste_arrives_whole_however_it_is_read(cuts in prop::collection::vec(1usize..3000, 1..20)) {
        let text = bracketed(&offer().sdp);
        let mut rest = text.as_bytes();
        let mut input = Input::new(true);
        let mut events = Vec::new();
        for cut in cuts.into_iter().chain([usize::MAX]) {
            let (part, tail) = rest.split_at(cut.min(rest.len()));
            events.extend(input.feed(part, T));
            rest = tail;
        }
        prop_assert_eq!(split(events).0, [Event::Description(offer())]);
    }
}
