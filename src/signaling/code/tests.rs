use super::*;
use proptest::prelude::*;

/// The test vector that the page's tests have too.
const TEXT: &str = "IQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLx-QwKgBFA";
const ANSWER: &str = "QGFCM3gQERITFBUWFxgZGhscHR4fICEiIyQlJicoKSorLC0uLw";

fn fingerprint() -> [u8; 32] {
    std::array::from_fn(|index| 0x10 + index as u8)
}

fn code() -> Code {
    Code {
        rights: Rights::View,
        secret: Secret::from_bytes(std::array::from_fn(|index| index as u8)),
        fingerprint: fingerprint(),
        port: 8080,
        addresses: vec![IpAddr::from([192, 168, 1, 20])],
    }
}

fn answer() -> ShortAnswer {
    ShortAnswer::new("aB3x", fingerprint()).unwrap()
}

/// The vector's bytes with one of them changed.
fn with_byte(index: usize, value: u8) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(TEXT).unwrap();
    bytes[index] = value;
    URL_SAFE_NO_PAD.encode(bytes)
}

#[test]
fn the_code_of_the_protocol_is_written_and_read() {
    assert_eq!(code().to_text(), TEXT);
    assert_eq!(Code::read(TEXT), Ok(code()));
}

// HKDF by Python's hmac: hmac(hmac(32 zeros, secret), info || 01).
#[test]
fn name_and_password_are_derived_as_the_protocol_says() {
    assert_eq!(code().secret.id().to_string(), "ifO+");
    assert_eq!(code().secret.ice_pwd(), "+5+fOssRMpCBxuKIgYRkE1fTWkkCurto");
}

#[test]
fn the_answer_of_the_protocol_is_written_and_read() {
    assert_eq!(answer().to_text(), ANSWER);
    assert_eq!(ShortAnswer::read(ANSWER), Some(answer()));
}

#[test]
fn what_surrounds_a_code_is_passed_over() {
    for text in [
        format!("“{TEXT}”."),
        format!("`{TEXT}`\r\n"),
        format!("http://192.168.1.20:8080/#{TEXT}"),
        format!("Please open <http://bench.local:8080/#{TEXT}>, and tell me."),
        format!("periscope: code {TEXT}\n"),
        format!("- the-code-of-the-bench-in-the-laboratory-is: {TEXT} thank-you-and-good-night\n"),
        format!("\u{feff}{}\u{200b}{}", &TEXT[..30], &TEXT[30..]),
        format!("> {}\n> {}\n", &TEXT[..40], &TEXT[40..]),
        format!("periscope: code {}\n{}\n", &TEXT[..64], &TEXT[64..]),
        TEXT.chars().flat_map(|c| [c, ' ']).collect(),
    ] {
        assert_eq!(Code::read(&text), Ok(code()), "{text}");
    }
}

#[test]
fn a_damaged_code_is_an_error() {
    let longer = format!("{TEXT}A");
    // The bits beyond the last byte are not zero.
    let bits = format!("{}B", &TEXT[..73]);
    for text in [&TEXT[..73], &TEXT[..20], &longer, &bits] {
        assert_eq!(Code::read(text), Err(CodeError::Damaged), "{text}");
    }
    // Two addresses announced, none, or nine; port 0.
    for text in [with_byte(0, 0x22), with_byte(0, 0x20), with_byte(0, 0x29)] {
        assert_eq!(Code::read(&text), Err(CodeError::Damaged), "{text}");
    }
    let port = Code { port: 0, ..code() };
    assert_eq!(Code::read(&port.to_text()), Err(CodeError::Damaged));
    let nowhere = Code {
        addresses: Vec::new(),
        ..code()
    };
    assert_eq!(Code::read(&nowhere.to_text()), Err(CodeError::Damaged));
}

#[test]
fn a_code_of_another_version_is_an_error_that_says_so() {
    let error = Code::read(&with_byte(0, 0x61)).unwrap_err();
    assert_eq!(error, CodeError::OtherVersion(3));
    assert!(error.to_string().contains("made by another version"));
}

#[test]
fn what_is_no_code_is_told_apart() {
    assert_eq!(Code::read(ANSWER), Err(CodeError::ShortAnswer));
    for text in ["", "offer", "http://192.168.1.20:8080/", "Microphone"] {
        assert_eq!(Code::read(text), Err(CodeError::Nothing), "{text}");
    }
    for text in ["", TEXT, &ANSWER[..49], "answer"] {
        assert_eq!(ShortAnswer::read(text), None, "{text}");
    }
}

#[test]
fn a_code_has_eight_addresses_of_each_family_at_most() {
    let address = |n: u8| {
        [
            IpAddr::from([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n]),
            IpAddr::from([10, 0, 0, n]),
        ]
    };
    let many = Code {
        addresses: (1..=9).flat_map(address).collect(),
        ..code()
    };
    let read = Code::read(&many.to_text()).unwrap();
    let mut expected: Vec<IpAddr> = (1..=8).flat_map(address).collect();
    expected.sort_by_key(IpAddr::is_ipv6);
    assert_eq!(read.addresses, expected);
}

#[test]
fn debugging_output_does_not_show_the_secret() {
    let text = format!("{:?}", code());
    assert!(text.contains("Secret(…)"), "{text}");
    assert!(!text.contains("0, 1, 2, 3"), "{text}");
}

#[test]
fn a_user_name_carries_id_and_certificate() {
    let ufrag = code_ufrag(&code().secret.id(), &fingerprint());
    assert_eq!(ufrag, "ifO+EBESExQVFhcYGRobHB0eHyAhIiMkJSYnKCkqKywtLi8");
    assert_eq!(
        parse_code_ufrag(&ufrag),
        Some((code().secret.id(), fingerprint()))
    );
}

#[test]
fn a_user_name_outside_of_the_ice_alphabet_is_refused() {
    let ufrag = code_ufrag(&code().secret.id(), &fingerprint());
    let long = format!("{ufrag}A");
    let padded = format!("{ufrag}=");
    let url_safe = ufrag.replace('+', "-");
    let injected = format!("if\r\n{}", &ufrag[4..]);
    let wide = format!("ä1{}", &ufrag[3..]);
    let bits = format!("{}9", &ufrag[..46]);
    for bad in [
        "",
        "ifO+",
        &ufrag[..46],
        &long,
        &padded,
        &url_safe,
        &injected,
        &wide,
        &bits,
    ] {
        assert_eq!(parse_code_ufrag(bad), None, "{bad:?}");
    }
}

#[test]
fn rights_and_ids_are_read_as_they_are_written() {
    for rights in [Rights::View, Rights::Control] {
        assert_eq!(rights.to_string().parse(), Ok(rights));
    }
    assert_eq!("admin".parse::<Rights>(), Err(RightsError));
    assert_eq!("ifO+".parse(), Ok(code().secret.id()));
    for bad in ["", "ifO", "ifO+A", "if-_", "if\n\n"] {
        assert_eq!(bad.parse::<CodeId>(), Err(CodeIdError), "{bad:?}");
    }
}

fn any_code() -> impl Strategy<Value = Code> {
    let addresses = (
        prop::collection::vec(any::<Ipv4Addr>(), 0..=MAX_ADDRESSES),
        prop::collection::vec(any::<Ipv6Addr>(), 0..=MAX_ADDRESSES),
    )
        .prop_filter("an address", |(ipv4, ipv6)| ipv4.len() + ipv6.len() > 0);
    let rights = prop_oneof![Just(Rights::View), Just(Rights::Control)];
    (
        rights,
        any::<[u8; 16]>(),
        any::<[u8; 32]>(),
        1_u16..,
        addresses,
    )
        .prop_map(|(rights, secret, fingerprint, port, (ipv4, ipv6))| Code {
            rights,
            secret: Secret::from_bytes(secret),
            fingerprint,
            port,
            addresses: ipv4
                .into_iter()
                .map(IpAddr::from)
                .chain(ipv6.into_iter().map(IpAddr::from))
                .collect(),
        })
}

proptest! {
    #[test]
    fn every_code_is_read_as_it_was_written(code in any_code()) {
        let text = code.to_text();
        prop_assert!(LENGTHS.contains(&text.len()));
        prop_assert_eq!(Code::read(&text), Ok(code));
    }

    #[test]
    fn a_code_broken_anywhere_is_read(code in any_code(), width in 8_usize..100) {
        let text = code.to_text();
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(width)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        prop_assert_eq!(Code::read(&lines.join("\n> ")), Ok(code));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*", packed in "[A-Za-z0-9_-]{0,300}") {
        for text in [text, packed.clone(), format!("I{packed}"), format!("QG{packed}")] {
            if let Ok(code) = Code::read(&text) {
                prop_assert_eq!(Code::read(&code.to_text()), Ok(code));
            }
            if let Some(answer) = ShortAnswer::read(&text) {
                prop_assert_eq!(ShortAnswer::read(&answer.to_text()), Some(answer));
            }
            let _ = parse_code_ufrag(&text);
        }
    }

    #[test]
    fn every_answer_and_user_name_is_read_as_it_was_written(
        tag in "[A-Za-z0-9]{4}",
        fingerprint in any::<[u8; 32]>(),
        secret in any::<[u8; 16]>(),
    ) {
        let answer = ShortAnswer::new(&tag, fingerprint).unwrap();
        prop_assert!(ShortAnswer::may_begin(&answer.to_text()));
        prop_assert_eq!(ShortAnswer::read(&answer.to_text()), Some(answer));
        let id = Secret::from_bytes(secret).id();
        prop_assert_eq!(parse_code_ufrag(&code_ufrag(&id, &fingerprint)), Some((id, fingerprint)));
    }
}
