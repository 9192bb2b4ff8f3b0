//! Who is answered, and why others are not.

use super::*;
use stun_types::attribute::{ErrorCode, XorMappedAddress};

const HOME: &str = "192.168.1.30:5000";

/// Nothing is known of anybody.
fn assert_untouched(desk: &Desk) {
    assert!(desk.guests.is_empty());
    assert!(desk.addresses.is_empty());
    assert!(desk.coded.is_empty());
    assert_eq!(desk.buried.len(), 0);
    assert_eq!(desk.next_deadline(), None);
}

#[test]
fn who_knows_the_announced_password_is_answered_with_its_own_address() {
    let (mut bench, guest) = Bench::with_guest();
    let outcome = bench.receive_check(HOME, &Browser::announced("chrm"));
    assert_eq!(outcome, Outcome::Replied);
    let reply = bench.reply(PASSWORD);
    assert!(reply.has_class(MessageClass::Success));
    let mapped = reply.attribute::<XorMappedAddress>().unwrap();
    assert_eq!(
        mapped.addr(reply.transaction_id()),
        HOME.parse::<SocketAddr>().unwrap()
    );
    assert_eq!(bench.events(), [Event::Path(guest, path(HOME))]);
}

#[test]
fn an_ipv4_address_in_ipv6_form_is_an_ipv4_address() {
    let (mut bench, guest) = Bench::with_guest();
    let mapped: IpAddr = "::ffff:192.168.1.20".parse().unwrap();
    let arrival = Path {
        remote: "[::ffff:192.168.1.30]:5000".parse().unwrap(),
        local: Some(mapped),
    };
    let check = bench.check(&Browser::announced("chrm")).bytes();
    let outcome = bench.desk.datagram(
        bench.now,
        arrival,
        &check,
        &mut bench.reply,
        &mut bench.events,
    );
    assert_eq!(outcome, Outcome::Replied);
    let reply = bench.reply(PASSWORD);
    let mapped = reply.attribute::<XorMappedAddress>().unwrap();
    assert_eq!(
        mapped.addr(reply.transaction_id()),
        HOME.parse::<SocketAddr>().unwrap()
    );
    assert_eq!(bench.events(), [Event::Path(guest, path(HOME))]);
    assert_eq!(bench.receive(HOME, &RTP), Outcome::Deliver(guest));
}

#[test]
fn media_of_an_announced_guest_are_delivered_from_where_it_has_checked_only() {
    let (mut bench, guest) = Bench::with_guest();
    let unknown = Outcome::Dropped(Reason::UnknownAddress);
    assert_eq!(bench.receive(HOME, &CLIENT_HELLO), unknown);
    bench.receive_check(HOME, &Browser::announced("chrm"));
    for packet in [CLIENT_HELLO.as_slice(), &APPLICATION_DATA, &RTP] {
        assert_eq!(bench.receive(HOME, packet), Outcome::Deliver(guest));
        assert_eq!(bench.receive("192.168.1.30:5001", packet), unknown);
    }
}

#[test]
fn what_is_no_check_of_ours_leaves_nothing_behind() {
    let mut bench = Bench::new(Limits::default());
    let code = Browser::coded("chrm");
    let stranger = Browser {
        local: "unknown1".into(),
        ..code.clone()
    };
    let bad_name = Browser {
        remote: "a\r\nb".into(),
        ..code.clone()
    };
    let other_code = Secret::from_bytes([9; 16]);
    let other_code = Browser {
        local: code_ufrag(&other_code.id(), &CERTIFICATE),
        pwd: other_code.ice_pwd(),
        ..code.clone()
    };
    let cut_off = {
        let mut bytes = bench.check(&code).bytes();
        bytes.truncate(60);
        bytes
    };
    let wrong_fingerprint = {
        let mut bytes = bench.check(&code).bytes();
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    };
    let indication = Message::builder_indication(BINDING, MessageWriteVec::new()).finish();
    let success = MessageType::from_class_method(MessageClass::Success, BINDING);
    let response = Message::builder(success, 7.into(), MessageWriteVec::new()).finish();
    let too_long = [bench.check(&code).bytes(), vec![0; 1280]].concat();
    let cases = [
        (Vec::new(), Reason::Foreign),
        (vec![4; 100], Reason::Foreign),
        (vec![19; 100], Reason::Foreign),
        (vec![64; 100], Reason::Foreign),
        (vec![127; 100], Reason::Foreign),
        (vec![192; 100], Reason::Foreign),
        (vec![3; 100], Reason::Malformed),
        (vec![20; 100], Reason::UnknownAddress),
        (vec![63; 100], Reason::UnknownAddress),
        (vec![128; 100], Reason::UnknownAddress),
        (vec![191; 100], Reason::UnknownAddress),
        (too_long, Reason::TooLong),
        (cut_off, Reason::Malformed),
        (wrong_fingerprint, Reason::Malformed),
        (indication, Reason::Indication),
        (response, Reason::NoBindingRequest),
        (bench.check(&bad_name).bytes(), Reason::Names),
        (bench.check(&stranger).bytes(), Reason::UnknownUfrag),
        (bench.check(&other_code).bytes(), Reason::UnknownUfrag),
        (
            bench.check(&code).under("something else").bytes(),
            Reason::Integrity,
        ),
    ];
    for (bytes, reason) in cases {
        assert_eq!(
            bench.receive(HOME, &bytes),
            Outcome::Dropped(reason),
            "{bytes:?}"
        );
        assert!(bench.reply.is_empty());
        assert!(bench.events().is_empty());
        assert_untouched(&bench.desk);
    }
}

#[test]
fn a_code_lets_in_only_with_a_whole_fingerprint_in_the_name() {
    let mut bench = Bench::new(Limits::default());
    let mut short = Browser::coded("chrm");
    short.local.pop();
    let outcome = bench.receive_check(HOME, &short);
    assert_eq!(outcome, Outcome::Dropped(Reason::UnknownUfrag));
}

#[test]
fn complaints_are_sent_to_those_who_know_the_password_and_let_nobody_in() {
    for (kind, code) in [(0x8029, 487), (0x7abc, 420)] {
        let mut bench = Bench::new(Limits::default());
        let check = bench.check(&Browser::coded("chrm")).with_attribute(kind);
        let stranger = check.clone().under("something else").bytes();
        assert_eq!(
            bench.receive(HOME, &stranger),
            Outcome::Dropped(Reason::Integrity)
        );
        assert_eq!(bench.receive(HOME, &check.bytes()), Outcome::Replied);
        let reply = bench.reply(&secret().ice_pwd());
        assert_eq!(reply.attribute::<ErrorCode>().unwrap().code(), code);
        assert_untouched(&bench.desk);
    }
}

#[test]
fn a_source_that_fails_too_often_is_not_heard_until_it_has_waited() {
    let mut bench = Bench::new(Limits::default());
    let limit = bench.desk.limits.failures_per_source;
    let browser = Browser::coded("chrm");
    for _ in 0..limit.burst {
        let wrong = bench.check(&browser).under("something else").bytes();
        let outcome = bench.receive(HOME, &wrong);
        assert_eq!(outcome, Outcome::Dropped(Reason::Integrity));
    }
    let closed = Outcome::Dropped(Reason::TooManyFailuresOfSource);
    assert_eq!(bench.receive_check(HOME, &browser), closed);
    assert_eq!(
        bench.receive_check("192.168.1.30:777", &browser),
        closed,
        "another port is the same source"
    );
    let elsewhere = bench.receive_check("192.168.1.31:5000", &browser);
    assert_eq!(elsewhere, Outcome::Replied);
    bench.pass(limit.interval);
    assert_eq!(
        bench.receive_check(HOME, &Browser::coded("next")),
        Outcome::Replied
    );
}

#[test]
fn a_flood_from_everywhere_keeps_newcomers_out_and_guests_in() {
    let (mut bench, _) = Bench::with_guest();
    let guest = Browser::announced("here");
    bench.receive_check(HOME, &guest);
    let newcomer = Browser::coded("chrm");
    for source in 0..bench.desk.limits.failures.burst {
        let from = format!("10.0.{}.{}:9", source / 200, source % 200);
        let wrong = bench.check(&newcomer).under("something else").bytes();
        let outcome = bench.receive(&from, &wrong);
        assert_eq!(outcome, Outcome::Dropped(Reason::Integrity));
    }
    let closed = Outcome::Dropped(Reason::TooManyFailures);
    assert_eq!(bench.receive_check("192.168.1.31:1", &newcomer), closed);
    assert_eq!(bench.receive_check(HOME, &guest), Outcome::Replied);
    // Forged under the guest's address: neither lets in nor keeps out.
    for _ in 0..100 {
        let wrong = bench.check(&guest).under("something else").bytes();
        let outcome = bench.receive(HOME, &wrong);
        assert_eq!(outcome, Outcome::Dropped(Reason::Integrity));
    }
    assert_eq!(bench.receive_check(HOME, &guest), Outcome::Replied);
    bench.pass(bench.desk.limits.failures.interval);
    let outcome = bench.receive_check("192.168.1.31:1", &newcomer);
    assert_eq!(outcome, Outcome::Replied);
}

#[test]
fn a_flood_from_everywhere_does_not_wash_out_who_has_failed() {
    let mut bench = Bench::new(Limits {
        sources: 4,
        ..Limits::default()
    });
    let browser = Browser::coded("chrm");
    let limit = bench.desk.limits.failures_per_source;
    for _ in 0..limit.burst {
        let wrong = bench.check(&browser).under("something else").bytes();
        bench.receive(HOME, &wrong);
    }
    for source in 0..100 {
        let wrong = bench.check(&browser).under("something else").bytes();
        bench.receive(&format!("10.0.0.{source}:9"), &wrong);
        assert!(bench.desk.strangers.sources() <= 4);
    }
    let closed = Outcome::Dropped(Reason::TooManyFailuresOfSource);
    assert_eq!(bench.receive_check(HOME, &browser), closed);
    // Those whose time is over make room.
    bench.pass(limit.interval * limit.burst);
    let wrong = bench.check(&browser).under("something else").bytes();
    bench.receive("10.0.1.1:9", &wrong);
    assert_eq!(bench.desk.strangers.sources(), 1);
}

#[test]
fn checks_that_prove_themselves_are_not_limited() {
    let (mut bench, _) = Bench::with_guest();
    for port in 1..2000 {
        let from = format!("192.168.1.30:{port}");
        let outcome = bench.receive_check(&from, &Browser::announced("chrm"));
        assert_eq!(outcome, Outcome::Replied);
    }
}

#[test]
fn each_datagram_is_counted_under_what_became_of_it() {
    let (mut bench, _) = Bench::with_guest();
    bench.receive_check(HOME, &Browser::announced("chrm"));
    bench.receive(HOME, &RTP);
    bench.receive(HOME, &RTP);
    bench.receive(HOME, b"hello");
    let counters = bench.desk.counters();
    assert_eq!((counters.replied, counters.delivered), (1, 2));
    let dropped: Vec<_> = counters.dropped().filter(|(_, count)| *count > 0).collect();
    assert_eq!(dropped, [("foreign", 1)]);
    assert_eq!(counters.guests, 1);
}
