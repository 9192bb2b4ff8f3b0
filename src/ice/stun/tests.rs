use super::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// RFC 5769: password of all its samples with short-term credentials.
const PASSWORD: &str = "VOkJxbRl1RmTxUk/WvJxBt";

/// RFC 5769, section 2.1.
const REQUEST: [u8; 108] = [
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
    0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
];

/// RFC 5769, section 2.2.
const IPV4_RESPONSE: [u8; 80] = [
    0x01, 0x01, 0x00, 0x3c, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
    0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43,
    0x00, 0x08, 0x00, 0x14, 0x2b, 0x91, 0xf5, 0x99, 0xfd, 0x9e, 0x90, 0xc3, 0x8c, 0x74, 0x89, 0xf9,
    0x2a, 0xf9, 0xba, 0x53, 0xf0, 0x6b, 0xe7, 0xd7, 0x80, 0x28, 0x00, 0x04, 0xc0, 0x7d, 0x4c, 0x96,
];

/// RFC 5769, section 2.3.
const IPV6_RESPONSE: [u8; 92] = [
    0x01, 0x01, 0x00, 0x48, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x0b, 0x74, 0x65, 0x73, 0x74, 0x20, 0x76, 0x65, 0x63,
    0x74, 0x6f, 0x72, 0x20, 0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa,
    0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9, 0x00, 0x08, 0x00, 0x14,
    0xa3, 0x82, 0x95, 0x4e, 0x4b, 0xe6, 0x7b, 0xf1, 0x17, 0x84, 0xc9, 0x7c, 0x82, 0x92, 0xc2, 0x75,
    0xbf, 0xe3, 0xed, 0x41, 0x80, 0x28, 0x00, 0x04, 0xc8, 0xfb, 0x0b, 0x4c,
];

fn key() -> Key {
    Key::new(PASSWORD)
}

fn sample() -> Check<'static> {
    let request = Request::read(&REQUEST);
    request.unwrap().prove(&key()).unwrap()
}

/// A request, and what `alter` adds to it, under the password.
fn request(alter: impl FnOnce(&mut MessageWriteVec)) -> Vec<u8> {
    let mut message = Message::builder_request(BINDING, MessageWriteVec::new());
    let username = Username::new("evtj:h6vY").unwrap();
    message.add_attribute(&username).unwrap();
    alter(&mut message);
    message
        .add_message_integrity_with_key(key().integrity(), IntegrityAlgorithm::Sha1)
        .unwrap();
    message.add_fingerprint().unwrap();
    message.finish()
}

fn unfit(bytes: &[u8]) -> Option<Unfit> {
    Request::read(bytes).err()
}

fn error_code(reply: &[u8]) -> u16 {
    let reply = Message::from_bytes(reply).unwrap();
    assert!(reply.has_class(MessageClass::Error));
    assert!(reply.validate_integrity_with_key(key().integrity()).is_ok());
    assert!(reply.has_attribute(stun_types::attribute::Fingerprint::TYPE));
    reply.attribute::<ErrorCode>().unwrap().code()
}

#[test]
fn the_sample_request_of_rfc_5769_is_read_and_proven() {
    let check = sample();
    assert_eq!(check.names.local, "evtj");
    assert_eq!(check.names.remote, "h6vY");
    assert_eq!(
        check.transaction(),
        0xb7e7_a701_bc34_d686_fa87_dfae_u128.into()
    );
    assert!(!check.nominates());
}

#[test]
fn another_password_proves_nothing() {
    let request = Request::read(&REQUEST);
    assert!(
        request
            .unwrap()
            .prove(&Key::new("VOkJxbRl1RmTxUk/WvJxBT"))
            .is_none()
    );
}

#[test]
fn a_single_wrong_bit_anywhere_is_noticed() {
    // Not those that make the FINGERPRINT something that nobody has to understand.
    for position in (0..100).chain(102..REQUEST.len()) {
        for bit in 0..8 {
            let mut bytes = REQUEST;
            bytes[position] ^= 1 << bit;
            let proven = Request::read(&bytes).is_ok_and(|request| request.prove(&key()).is_some());
            assert!(!proven, "bit {bit} of byte {position}");
        }
    }
}

#[test]
fn a_request_that_is_cut_off_or_followed_by_something_is_malformed() {
    for length in 0..REQUEST.len() {
        assert_eq!(
            unfit(&REQUEST[..length]),
            Some(Unfit::Malformed),
            "{length}"
        );
    }
    let more = [REQUEST.as_slice(), &[0; 4]].concat();
    assert_eq!(unfit(&more), Some(Unfit::Malformed));
}

#[test]
fn a_request_without_integrity_proves_nothing() {
    let mut message = Message::builder_request(BINDING, MessageWriteVec::new());
    let username = Username::new("evtj:h6vY").unwrap();
    message.add_attribute(&username).unwrap();
    let bytes = message.finish();
    let request = Request::read(&bytes);
    assert!(request.unwrap().prove(&key()).is_none());
}

#[test]
fn what_stands_after_the_integrity_does_not_count() {
    let mut bytes = request(|_| {});
    // Room for USE-CANDIDATE where the FINGERPRINT was.
    bytes.truncate(bytes.len() - 8);
    bytes.extend([0x00, 0x25, 0x00, 0x00]);
    let length = u16::try_from(bytes.len() - 20).unwrap();
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    let request = Request::read(&bytes);
    assert!(!request.unwrap().prove(&key()).unwrap().nominates());
}

#[test]
fn responses_indications_and_other_methods_are_told_apart() {
    assert_eq!(unfit(&IPV4_RESPONSE), Some(Unfit::NoBindingRequest));
    let indication = Message::builder_indication(BINDING, MessageWriteVec::new()).finish();
    assert_eq!(unfit(&indication), Some(Unfit::Indication));
    let allocate = stun_types::message::Method::new(3);
    let other = Message::builder_request(allocate, MessageWriteVec::new()).finish();
    assert_eq!(unfit(&other), Some(Unfit::NoBindingRequest));
}

#[test]
fn only_ufrags_that_may_stand_in_an_sdp_are_names() {
    let long = "x".repeat(256);
    for good in ["abcd:efgh", "AZaz09+/:abcd", &format!("{long}:{long}")] {
        assert!(Names::read(good).is_some(), "{good}");
    }
    for bad in [
        "",
        "abcdefgh",
        "abc:efgh",
        "abcd:efg",
        "abcd:ef\r\ngh",
        "abcd:efgh:ijkl",
        "abc=:efgh",
        "abcd:éfgh",
        &format!("{long}x:abcd"),
    ] {
        assert!(Names::read(bad).is_none(), "{bad}");
    }
    let unnamed = Message::builder_request(BINDING, MessageWriteVec::new()).finish();
    assert_eq!(unfit(&unnamed), Some(Unfit::Names));
}

#[test]
fn the_answer_says_what_the_sample_responses_of_rfc_5769_say() {
    let ipv4 = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 32853));
    let ipv6: Ipv6Addr = "2001:db8:1234:5678:11:2233:4455:6677".parse().unwrap();
    let ipv6 = SocketAddr::from((IpAddr::from(ipv6), 32853));
    for (remote, sample_response) in [
        (ipv4, IPV4_RESPONSE.as_slice()),
        (ipv6, IPV6_RESPONSE.as_slice()),
    ] {
        let theirs = Message::from_bytes(sample_response).unwrap();
        let bytes = sample().answer(remote).unwrap();
        let ours = Message::from_bytes(&bytes).unwrap();
        assert!(ours.has_class(MessageClass::Success));
        assert_eq!(ours.transaction_id(), theirs.transaction_id());
        assert_eq!(
            ours.raw_attribute(XorMappedAddress::TYPE),
            theirs.raw_attribute(XorMappedAddress::TYPE)
        );
        assert!(ours.validate_integrity_with_key(key().integrity()).is_ok());
        assert!(ours.has_attribute(stun_types::attribute::Fingerprint::TYPE));
    }
}

#[test]
fn an_answer_uses_the_hash_of_the_request() {
    for algorithm in [IntegrityAlgorithm::Sha1, IntegrityAlgorithm::Sha256] {
        let mut message = Message::builder_request(BINDING, MessageWriteVec::new());
        let username = Username::new("evtj:h6vY").unwrap();
        message.add_attribute(&username).unwrap();
        message
            .add_message_integrity_with_key(key().integrity(), algorithm)
            .unwrap();
        let bytes = message.finish();
        let request = Request::read(&bytes);
        let check = request.unwrap().prove(&key()).unwrap();
        let reply = check.answer(([127, 0, 0, 1], 9).into()).unwrap();
        let reply = Message::from_bytes(&reply).unwrap();
        assert_eq!(
            reply
                .validate_integrity_with_key(key().integrity())
                .unwrap(),
            algorithm
        );
    }
}

#[test]
fn a_browser_that_wants_to_be_controlled_is_told_of_the_conflict() {
    let complaint = sample().complaint().unwrap();
    assert_eq!(error_code(&complaint.unwrap()), 487);
}

#[test]
fn attributes_that_must_be_understood_and_are_not_are_named() {
    let unknown = stun_types::attribute::RawAttribute::new(0x7abc.into(), &[1, 2, 3]);
    let bytes = request(|message| message.add_attribute(&unknown).unwrap());
    let request = Request::read(&bytes);
    let complaint = request.unwrap().prove(&key()).unwrap().complaint();
    let complaint = complaint.unwrap().unwrap();
    assert_eq!(error_code(&complaint), 420);
    let complaint = Message::from_bytes(&complaint).unwrap();
    let named = complaint
        .attribute::<stun_types::attribute::UnknownAttributes>()
        .unwrap();
    assert!(named.has_attribute(0x7abc.into()));
}

#[test]
fn nothing_is_wrong_with_a_check_like_a_browsers() {
    // Chromium's NETWORK-COST need not be understood.
    let cost = stun_types::attribute::RawAttribute::new(0xc057.into(), &[0; 4]);
    let controlling = stun_types::attribute::RawAttribute::new(0x802a.into(), &[7; 8]);
    let nomination = stun_types::attribute::RawAttribute::new(USE_CANDIDATE, &[]);
    let priority = stun_types::attribute::RawAttribute::new(PRIORITY, &[1, 2, 3, 4]);
    let bytes = request(|message| {
        for attribute in [&cost, &controlling, &nomination, &priority] {
            message.add_attribute(attribute).unwrap();
        }
    });
    let request = Request::read(&bytes);
    let check = request.unwrap().prove(&key()).unwrap();
    assert!(check.nominates());
    assert!(check.complaint().unwrap().is_none());
}
