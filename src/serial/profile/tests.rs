use std::io::Write;

use proptest::prelude::*;

use super::bundled::BUNDLED;
use super::*;

/// A profile with these members besides those that all have.
fn with(members: &str) -> String {
    format!("{{\n  \"profile\": 1, \"name\": \"x\", \"title\": \"X\",\n  {members}\n}}")
}

fn parsed(members: &str) -> Profile {
    Profile::parse(&with(members), "x.json").expect("a good profile")
}

/// What is said of a profile with these members, which begin in line 3, column 3.
fn complaint(members: &str) -> String {
    match Profile::parse(&with(members), "x.json") {
        Ok(_) => panic!("{members} was taken"),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn assert_complaint(members: &str, place: &str, problem: &str) {
    let complaint = complaint(members);
    let wanted = format!("x.json, line 3, {place}: ");
    assert!(
        complaint.starts_with(&wanted),
        "{complaint}\nis not at\n{wanted}"
    );
    assert!(complaint.contains(problem), "{complaint}\nlacks\n{problem}");
}

#[test]
fn every_bundled_profile_is_good_and_has_the_name_by_which_it_is_loaded() {
    for name in Profile::bundled() {
        match Profile::load(name) {
            Ok(profile) => assert_eq!(profile.name, name),
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn the_example_in_the_description_is_good() {
    let description = include_str!("../../../profiles/README.md");
    let (_, example) = description.split_once("```json\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    if let Err(error) = Profile::parse(example, "README.md") {
        panic!("{error}");
    }
}

#[test]
fn a_profile_says_what_stands_in_it() {
    let kx3 = Profile::load("kx3").expect("bundled");
    assert_eq!(kx3.serial.baud, Some(38400));
    assert_eq!(kx3.serial.rts, Some(Level::Off));
    assert_eq!(kx3.framing.mode, Some(Mode::Delimiter));
    assert_eq!(kx3.framing.delimiter.as_deref(), Some(&b";"[..]));
    assert_eq!(
        kx3.safe_string.as_ref().map(Command::as_bytes),
        Some(&b"RX;"[..])
    );
    assert_eq!(kx3.poll[0].send.as_bytes(), b"FA;");
    assert_eq!(kx3.poll[0].every_ms, 250);
    let transmit = kx3.transmit.as_ref().expect("a transmitter");
    assert!(transmit.start.occurs_in(b"FA00014060000;tx;") && transmit.end.matches(b"RX;"));
    assert_eq!(transmit.max_ms, Some(180_000));
    let talk = kx3.talk.as_ref().expect("keyed by talking");
    let bytes = |command: &Option<Command>| command.as_ref().map(|c| c.as_bytes().to_vec());
    assert_eq!(bytes(&talk.start).as_deref(), Some(&b"TX;"[..]));
    assert_eq!(bytes(&talk.end).as_deref(), Some(&b"RX;"[..]));
    assert_eq!(talk.line, None);
    assert!(kx3.allows(b"FA00014060000;") && !kx3.allows(b"FA00014060000;TX;"));
    assert!(kx3.json.contains("\"safe-string\""));

    let modbus = Profile::load("modbus-rtu").expect("bundled");
    assert_eq!(modbus.poll[0].send.as_bytes(), [1, 3, 0, 0, 0, 3]);
    assert_eq!(modbus.framing.check, Some(Check::Modbus));
    assert!(modbus.allows(&[1, 6, 0, 2, 0, 1]) && !modbus.allows(&[1, 6, 0, 2, 0, 2]));
}

#[test]
fn a_profile_without_allow_lets_all_through_and_an_empty_list_nothing() {
    assert!(parsed("\"init\": []").allows(b"anything"));
    assert!(!parsed("\"allow\": []").allows(b"anything"));
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_one() {
    let error = Profile::load("kx4").expect_err("unknown").to_string();
    assert!(
        error.starts_with("kx4: there is no profile of that name; did you mean “kx3”?"),
        "{error}"
    );
}

#[test]
fn a_profile_is_loaded_from_a_file() {
    let mut file = tempfile::NamedTempFile::with_suffix(".json").expect("a file");
    // As some editors write it.
    write!(file, "\u{feff}{}", with("\"init\": [\"a\"]")).expect("written");
    let path = file.path().to_str().expect("text").to_owned();
    let profile = Profile::load(&path).expect("a good profile");
    assert_eq!(profile.init.len(), 1);

    write!(file, "?").expect("written");
    let error = Profile::load(&path).expect_err("no JSON").to_string();
    assert!(
        error.starts_with(&format!("{path}, line 4, column 2: this is not JSON: ")),
        "{error}"
    );
}

#[test]
fn files_that_cannot_be_profiles_are_told_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let said = |name: &str, content: Option<&[u8]>| {
        let path = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).expect("written");
        }
        let path = path.to_str().expect("text");
        Profile::load(path).expect_err("no profile").to_string()
    };
    assert!(said("missing.json", None).contains("cannot be read: No such file"));
    assert!(said(".", None).contains("it is not a file"));
    assert!(said("latin.json", Some(b"{\n\"\xe4\"}")).contains("line 2 is not UTF-8"));
    let huge = vec![b' '; MAX_PROFILE + 10];
    assert!(said("huge.json", Some(&huge)).contains("at most 131072 bytes"));
    let zero = Profile::load("/dev/zero").expect_err("no file").to_string();
    assert!(zero.contains("it is not a file"));
}

#[test]
fn text_that_is_not_json_is_told_with_its_place() {
    let error = Profile::parse("{\n  \"profile\": 1,\n  \"name\" \"x\"\n}", "x.json");
    let error = error.expect_err("a colon is missing").to_string();
    assert_eq!(
        error,
        "x.json, line 3, column 10: this is not JSON: expected `:`"
    );
    for text in [
        "",
        "null",
        "[]",
        "7",
        "\"kx3\"",
        "{",
        "{}",
        "{\"profile\":1} x",
    ] {
        assert!(Profile::parse(text, "x.json").is_err(), "{text}");
    }
}

#[test]
fn columns_are_counted_in_characters() {
    assert_complaint(
        "\"about\": \"µ — ä\", \"baud\": 9",
        "column 21, baud",
        "nothing of that name",
    );
}

#[test]
fn an_unknown_member_is_answered_with_the_nearest_one() {
    let place = "column 14, serial.bauds";
    assert_complaint(
        "\"serial\": {\"bauds\": 9600}",
        place,
        "did you mean “baud”?",
    );
    assert_complaint("\"Init\": []", "column 3, Init", "did you mean “init”?");
    assert_complaint(
        "\"zzz\": []",
        "column 3, zzz",
        "there are profile, name, title",
    );
}

#[test]
fn a_member_that_stands_there_twice_is_refused() {
    assert_complaint(
        "\"init\": [], \"init\": []",
        "column 15, init",
        "for the second time",
    );
}

#[test]
fn a_missing_member_is_named() {
    assert_complaint(
        "\"poll\": [{\"send\": \"a\"}]",
        "column 12, poll[0]",
        "“every” is missing",
    );
    let typo = "\"poll\": [{\"sent\": \"a\", \"every\": 100}]";
    assert_complaint(typo, "column 12, poll[0]", "is “sent” meant to be it?");
    let error = Profile::parse("{\"profile\":1}", "x.json").expect_err("no name");
    assert_eq!(
        error.to_string(),
        "x.json, line 1, column 1: “name” is missing"
    );
}

#[test]
fn a_value_of_another_kind_or_out_of_range_is_refused() {
    let baud = "column 22, serial.baud";
    assert_complaint(
        "\"serial\": {\"baud\": \"9600\"}",
        baud,
        "from 50 to 12000000, but is \"9600\"",
    );
    assert_complaint("\"serial\": {\"baud\": 9600.5}", baud, "whole number");
    assert_complaint("\"serial\": {\"baud\": -1}", baud, "whole number");
    assert_complaint("\"serial\": {\"baud\": [1]}", baud, "but is a list");
    assert_complaint(
        "\"serial\": []",
        "column 13, serial",
        "an object in braces, but is a list",
    );
    assert_complaint(
        "\"init\": {}",
        "column 11, init",
        "a list in brackets, but is an object",
    );
    assert_complaint(
        "\"init\": [7]",
        "column 12, init[0]",
        "a text in quotes, but is 7",
    );
    assert_complaint(
        "\"init\": [\"\"]",
        "column 12, init[0]",
        "must not be empty",
    );
    let parity = "\"serial\": {\"parity\": \"evn\"}";
    assert_complaint(
        parity,
        "column 24, serial.parity",
        "none of none, odd, even; did you mean “even”?",
    );
    assert_complaint(
        "\"serial\": {\"rs485\": 1}",
        "column 23, serial.rs485",
        "true or false",
    );
    assert_complaint(
        "\"serial\": {\"dtr\": true}",
        "column 21, serial.dtr",
        "one of the words on, off, keep",
    );
}

#[test]
fn a_later_format_is_refused() {
    let error = Profile::parse("{\"profile\": 2, \"new\": 1}", "x.json").expect_err("later");
    assert!(
        error
            .to_string()
            .contains("this is format 2, and only 1 is known here")
    );
}

#[test]
fn more_than_makes_sense_is_refused() {
    let many = vec!["\"a\""; MAX_INIT + 1].join(",");
    assert_complaint(
        &format!("\"init\": [{many}]"),
        "column 11, init",
        "65 elements; at most 64",
    );
    let long = "a".repeat(5000);
    assert_complaint(
        &format!("\"init\": [\"{long}\"]"),
        "column 12, init[0]",
        "5000 bytes long",
    );
    let huge = format!("\"about\": \"{}\"", "a".repeat(MAX_PROFILE));
    assert!(complaint(&huge).contains("a profile has at most 131072"));
}

#[test]
fn framing_needs_what_belongs_to_its_mode_and_no_more() {
    let framing = |members: &str| format!("\"framing\": {{{members}}}");
    let at = "column 14, framing";
    assert_complaint(
        &framing("\"mode\": \"delimiter\""),
        at,
        "this mode needs “delimiter”",
    );
    assert_complaint(
        &framing("\"mode\": \"fixed\""),
        at,
        "this mode needs “length”",
    );
    assert_complaint(
        &framing("\"gap\": 500"),
        at,
        "“gap” has no meaning in this mode",
    );
    assert_complaint(
        &framing("\"mode\": \"slip\", \"blocks\": true"),
        at,
        "“blocks” has no meaning",
    );
    parsed(&framing("\"mode\": \"fixed\", \"length\": 5"));
}

#[test]
fn bytes_in_hexadecimal_are_checked() {
    assert_complaint(
        "\"init\": [{\"hex\": \"01 0\"}]",
        "column 20, init[0].hex",
        "half a byte",
    );
    assert_complaint(
        "\"init\": [{\"hex\": \"0g\"}]",
        "column 20, init[0].hex",
        "“g” is no hexadecimal digit",
    );
    assert_complaint(
        "\"init\": [{\"hey\": \"00\"}]",
        "column 12, init[0]",
        "is “hey” meant to be it?",
    );
}

#[test]
fn patterns_are_checked_where_they_stand() {
    assert_complaint(
        "\"allow\": [\"a\", \"(?i)b\"]",
        "column 18, allow[1]",
        "not known to both",
    );
    assert_complaint(
        "\"allow\": [\"a(\"]",
        "column 13, allow[0]",
        "is not a regular expression: unclosed group",
    );
}

#[test]
fn who_talks_is_taken_off_the_air() {
    let safe = "\"safe-string\": \"RX;\"";
    for (members, problem) in [
        ("\"talk\": {}", "needs a “start”, a “line”"),
        ("\"talk\": {\"start\": \"TX;\"}", "needs a “safe-string”"),
        (
            "\"talk\": {\"line\": \"rts\", \"end\": \"RX;\"}",
            "no meaning without “start”",
        ),
        ("\"talk\": {\"line\": \"cts\"}", "“cts” is none of rts, dtr"),
        (
            "\"talk\": {\"line\": \"rts\"}, \"serial\": {\"rts\": \"on\"}",
            "“rts” on",
        ),
        (
            "\"talk\": {\"line\": \"rts\"}, \"serial\": {\"flow-control\": \"hardware\"}",
            "“flow-control” hardware",
        ),
        (
            "\"talk\": {\"line\": \"dtr\"}, \"serial\": {\"dtr\": \"on\"}",
            "“dtr” on",
        ),
    ] {
        let complaint = complaint(members);
        assert!(complaint.contains(problem), "{members}: {complaint}");
    }
    let transmit = "\"transmit\": {\"start\": \"TX;\", \"end\": \"RX;\"}";
    let talk = "\"talk\": {\"start\": \"TX;\", \"end\": \"TX;\"}";
    let complaint = complaint(&format!("{transmit}, {safe}, {talk}"));
    assert!(
        complaint.contains("must not begin a transmission"),
        "{complaint}"
    );

    let line = parsed("\"talk\": {\"line\": \"dtr\"}, \"serial\": {\"rts\": \"on\"}");
    assert_eq!(line.talk.expect("talk").line, Some(TalkLine::Dtr));
    let start = parsed(&format!("\"talk\": {{\"start\": \"TX;\"}}, {safe}"));
    assert!(start.talk.expect("talk").end.is_none());
}

#[test]
fn a_transmitter_needs_a_safe_string_that_ends_it() {
    let transmit = "\"transmit\": {\"start\": \"TX;\", \"end\": \"RX;\"}";
    assert!(complaint(transmit).contains("needs a “safe-string”"));
    let members = format!("{transmit}, \"safe-string\": \"RX;TX;\"");
    assert!(complaint(&members).contains("must not begin a transmission"));
    let nothing = "\"transmit\": {\"start\": \"T*\", \"end\": \"RX;\"}, \"safe-string\": \"RX;\"";
    assert_complaint(
        nothing,
        "column 25, transmit.start",
        "even where nothing is",
    );
}

const SPEED: &str = r#"{"name": "speed", "text": {"pattern": "v=(\\d+)"}}"#;
const MODE: &str = r#"{"name": "mode", "text": {"pattern": "m=(\\d)"}, "values": {"1": "LSB"}}"#;

#[test]
fn quantities_are_checked() {
    let said = |quantity: &str| complaint(&format!("\"quantities\": [{quantity}]"));
    for (quantity, problem) in [
        (r#"{"name": "a"}"#, "quantities[0]: needs a rule"),
        (
            r#"{"name": "a b", "text": {"pattern": "(a)"}}"#,
            "quantities[0].name: may have small letters",
        ),
        (
            r#"{"name": "a", "text": {"pattern": "a"}}"#,
            "quantities[0].text.pattern: has no group",
        ),
        (
            r#"{"name": "a", "text": {"pattern": "(a)"}, "bytes": {"at": 0, "type": "u8"}}"#,
            "one rule is enough",
        ),
        (
            r#"{"name": "a", "bytes": {"at": 0, "type": "u16"}}"#,
            "bytes.type: “u16” is none of",
        ),
        (
            r#"{"name": "a", "bytes": {"match": "0", "at": 0, "type": "u8"}}"#,
            "bytes.match: has half a byte",
        ),
        (
            r#"{"name": "a", "text": {"pattern": "(a)"}, "scale": 0}"#,
            "scale: must not be 0",
        ),
        (
            r#"{"name": "a", "text": {"pattern": "(a)"}, "min": 1, "max": 1}"#,
            "max: has to be more",
        ),
        (
            r#"{"name": "a", "text": {"pattern": "(a)", "as": "word"}, "digits": 1}"#,
            "is told in words",
        ),
        (
            r#"{"name": "a", "text": {"pattern": "(a)"}, "values": {"a": 1}}"#,
            "values.a: has to be a text",
        ),
    ] {
        let said = said(quantity);
        assert!(said.contains(problem), "{said}\nlacks\n{problem}");
    }
    assert!(said(&format!("{SPEED}, {SPEED}")).contains("there are two quantities “speed”"));
}

#[test]
fn widgets_are_checked() {
    let said = |widget: &str| {
        complaint(&format!(
            "\"allow\": [\"S\\\\d\\\\d\", \"on\"], \"quantities\": [{SPEED}, {MODE}], \"panel\": [{widget}]"
        ))
    };
    for (widget, problem) in [
        (
            r#"{"widget": "guage"}"#,
            "panel[0].widget: “guage” is none of gauge",
        ),
        (
            r#"{"widget": "number", "quantity": "sped"}"#,
            "no quantity “sped”; did you mean “speed”?",
        ),
        (
            r#"{"widget": "gauge", "quantity": "speed"}"#,
            "a gauge needs “min” and “max”",
        ),
        (
            r#"{"widget": "gauge", "quantity": "mode", "min": 0, "max": 1}"#,
            "“mode” is told in words",
        ),
        (
            r#"{"widget": "curve", "quantities": []}"#,
            "quantities: must not be empty",
        ),
        (
            r#"{"widget": "lamp", "quantity": "mode"}"#,
            "“on” is missing",
        ),
        (
            r#"{"widget": "button", "send": "on"}"#,
            "“title” is missing",
        ),
        (
            r#"{"widget": "button", "title": "a", "send": "off"}"#,
            "panel[0].send: no pattern in “allow” lets “off” through",
        ),
        (
            r#"{"widget": "button", "title": "a", "press": "on", "send": "on"}"#,
            "panel[0].press: a button has nothing of that name",
        ),
        (
            r#"{"widget": "hold", "title": "a", "press": "on", "release": "off"}"#,
            "panel[0].release: no pattern",
        ),
        (
            r#"{"widget": "entry", "title": "a", "send": "S"}"#,
            "panel[0].send: has no “{value}” in it",
        ),
        (
            r#"{"widget": "entry", "title": "a", "send": "S{value:02}", "min": 0, "max": 100}"#,
            "too little room for 100 times 1",
        ),
        (
            r#"{"widget": "entry", "title": "a", "send": "S{value}", "min": 0, "max": 99}"#,
            "lets “S0” through",
        ),
        (
            r#"{"widget": "select", "title": "a", "options": [{"title": "b", "send": "S"}]}"#,
            "panel[0].options[0].send: no pattern",
        ),
    ] {
        let said = said(widget);
        assert!(said.contains(problem), "{said}\nlacks\n{problem}");
    }
}

/// Something that looks like JSON, of which the loader may know some words.
fn json() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("profile"),
        Just("serial"),
        Just("baud"),
        Just("panel"),
        Just("widget"),
        Just("entry"),
        Just("send"),
        Just("hex"),
        Just("{value:0"),
        Just("quantities"),
        Just("text"),
        Just("allow"),
    ];
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1e999".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        word.prop_map(|word| format!("\"{word}\"")),
        ".{0,8}".prop_map(|text| serde_json::Value::String(text).to_string()),
        Just(r#""\ud800""#.to_owned()),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..6);
        let members = prop::collection::vec((inner.clone(), inner), 0..6);
        prop_oneof![
            list.prop_map(|list| format!("[{}]", list.join(","))),
            members.prop_map(|members| {
                let members: Vec<String> =
                    members.iter().map(|(k, v)| format!("{k}:{v}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in prop_oneof![any::<String>(), json()]) {
        if let Err(error) = Profile::parse(&text, "x.json") {
            prop_assert!(error.to_string().starts_with("x.json"));
        }
    }

    #[test]
    fn no_slip_in_a_good_profile_makes_the_loader_panic(
        which in 0..BUNDLED.len(),
        from in any::<prop::sample::Index>(),
        length in 0..40_usize,
        instead in prop_oneof![Just(String::new()), ".{0,8}", json()],
    ) {
        let characters: Vec<char> = BUNDLED[which].1.chars().collect();
        let from = from.index(characters.len());
        let to = (from + length).min(characters.len());
        let text: String = characters[..from].iter().copied()
            .chain(instead.chars())
            .chain(characters[to..].iter().copied())
            .collect();
        if let Err(error) = Profile::parse(&text, "x.json") {
            prop_assert!(error.position.is_some(), "{}", error);
        }
    }

    #[test]
    fn no_pattern_makes_the_check_panic(text in r"[\\\[\](){}^$|*+?.,:<>=!&~a-c0-9x-]{0,24}") {
        let _ = Pattern::new(&text);
    }
}
