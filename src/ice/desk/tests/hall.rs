//! Guests with a code, from the first check to their end.

use super::*;

const HOME: &str = "192.168.1.30:5000";
const BURIED: Outcome = Outcome::Dropped(Reason::Buried);

/// A browser with a code that has knocked.
fn knocked() -> (Bench, Guest) {
    let mut bench = Bench::new(Limits::default());
    bench.receive_check(HOME, &Browser::coded("chrm"));
    let Outcome::Deliver(guest) = bench.receive(HOME, &CLIENT_HELLO) else {
        panic!("the ClientHello is not delivered");
    };
    bench.events.clear();
    (bench, guest)
}

#[test]
fn who_knows_a_code_is_answered_and_knocks_with_a_client_hello() {
    let mut bench = Bench::new(Limits::default());
    let browser = Browser::coded("chrm");
    assert_eq!(bench.receive_check(HOME, &browser), Outcome::Replied);
    bench.reply(&secret().ice_pwd());
    assert!(bench.events().is_empty(), "nothing to do for a mere check");
    let outcome = bench.receive(HOME, &CLIENT_HELLO);
    let Outcome::Deliver(guest) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(
        bench.events(),
        [Event::Knock {
            guest,
            code: secret().id(),
            fingerprint: CERTIFICATE,
            local_ufrag: browser.local,
            local_pwd: browser.pwd,
            remote_ufrag: "chrm".into(),
            path: path(HOME),
        }]
    );
}

#[test]
fn a_guest_knocks_once() {
    let (mut bench, guest) = knocked();
    assert_eq!(
        bench.receive(HOME, &CLIENT_HELLO),
        Outcome::Deliver(guest),
        "its retransmission is delivered"
    );
    assert_eq!(
        bench.receive(HOME, &APPLICATION_DATA),
        Outcome::Deliver(guest)
    );
    assert_eq!(bench.receive(HOME, &RTP), Outcome::Deliver(guest));
    assert!(bench.events().is_empty());
}

#[test]
fn the_path_of_the_client_hello_is_the_guests() {
    let mut bench = Bench::new(Limits::default());
    let browser = Browser::coded("chrm");
    let second = "10.0.0.2:5000";
    bench.receive_check(HOME, &browser);
    bench.receive_check(second, &browser);
    bench.receive(HOME, &CLIENT_HELLO);
    let events = bench.events();
    assert!(
        matches!(&events[..], [Event::Knock { path: by, .. }] if *by == path(HOME)),
        "{events:?}"
    );
    let nomination = bench.check(&browser).nominating();
    bench.receive(second, &nomination.bytes());
    let events = bench.events();
    assert!(
        matches!(&events[..], [Event::Path(_, to)] if *to == path(second)),
        "{events:?}"
    );
}

#[test]
fn a_client_hello_from_where_nobody_has_checked_is_nobodys() {
    let mut bench = Bench::new(Limits::default());
    bench.receive_check(HOME, &Browser::coded("chrm"));
    assert_eq!(
        bench.receive("192.168.1.30:5001", &CLIENT_HELLO),
        Outcome::Dropped(Reason::UnknownAddress)
    );
    assert!(bench.events().is_empty());
}

#[test]
fn a_page_from_before_a_restart_is_not_answered_any_more() {
    let renegotiation = {
        let mut hello = CLIENT_HELLO;
        hello[4] = 1;
        hello
    };
    let server_hello = {
        let mut hello = CLIENT_HELLO;
        hello[13] = 2;
        hello
    };
    for packet in [
        APPLICATION_DATA.as_slice(),
        &RTP,
        &renegotiation,
        &server_hello,
        &CLIENT_HELLO[..13],
    ] {
        let mut bench = Bench::new(Limits::default());
        let zombie = Browser::coded("zomb");
        assert_eq!(bench.receive_check(HOME, &zombie), Outcome::Replied);
        assert_eq!(
            bench.receive(HOME, packet),
            Outcome::Dropped(Reason::NoClientHello)
        );
        assert_eq!(bench.receive_check(HOME, &zombie), BURIED);
        assert_eq!(
            bench.receive(HOME, &CLIENT_HELLO),
            Outcome::Dropped(Reason::UnknownAddress)
        );
        assert!(bench.events().is_empty());
        assert_eq!(bench.desk.counters().guests, 0);
        // The same page comes back by a new connection, with a ufrag of its own.
        assert_eq!(
            bench.receive_check(HOME, &Browser::coded("anew")),
            Outcome::Replied
        );
    }
}

#[test]
fn a_page_that_does_not_begin_dtls_is_not_answered_any_more() {
    let mut bench = Bench::new(Limits::default());
    let zombie = Browser::coded("zomb");
    bench.receive_check(HOME, &zombie);
    let deadline = bench.desk.next_deadline().unwrap();
    assert_eq!(deadline, bench.now + bench.desk.limits.hall);
    bench.now = deadline - Duration::from_millis(1);
    assert_eq!(bench.receive_check(HOME, &zombie), Outcome::Replied);
    bench.now = deadline;
    assert_eq!(bench.receive_check(HOME, &zombie), BURIED);
    assert_eq!(
        bench.receive(HOME, &CLIENT_HELLO),
        Outcome::Dropped(Reason::UnknownAddress)
    );
    assert!(bench.events().is_empty());
}

#[test]
fn a_guest_that_has_ended_is_not_answered_any_more() {
    let (mut bench, guest) = knocked();
    bench.desk.close(guest);
    assert_eq!(bench.receive_check(HOME, &Browser::coded("chrm")), BURIED);
    assert_eq!(
        bench.receive(HOME, &RTP),
        Outcome::Dropped(Reason::UnknownAddress)
    );
    assert_eq!(bench.desk.counters().guests, 0);
    assert!(bench.desk.coded.is_empty());
    assert!(bench.desk.addresses.is_empty());
}

#[test]
fn an_announced_guest_that_has_ended_is_not_answered_any_more() {
    let (mut bench, guest) = Bench::with_guest();
    bench.receive_check(HOME, &Browser::announced("chrm"));
    bench.desk.close(guest);
    let outcome = bench.receive_check(HOME, &Browser::announced("chrm"));
    assert_eq!(outcome, BURIED);
    let outcome = bench.receive_check(HOME, &Browser::announced("next"));
    assert_eq!(outcome, Outcome::Dropped(Reason::UnknownUfrag));
}

#[test]
fn nobody_is_admitted_without_a_knock() {
    let mut bench = Bench::new(Limits::default());
    bench.receive_check(HOME, &Browser::coded("chrm"));
    for guest in bench.desk.guests.keys().copied().collect::<Vec<_>>() {
        bench.desk.admitted(guest);
    }
    let outcome = bench.receive(HOME, &RTP);
    assert_eq!(outcome, Outcome::Dropped(Reason::NoClientHello));
}

#[test]
fn the_longest_buried_are_forgotten() {
    let mut bench = Bench::new(Limits {
        buried: 3,
        unverified_per_source: 100,
        ..Limits::default()
    });
    let browser = |number: u32| Browser::coded(&format!("ufrag{number}"));
    for number in 0..4 {
        bench.receive_check(HOME, &browser(number));
        bench.receive(HOME, &RTP);
    }
    assert_eq!(bench.desk.buried.len(), 3);
    assert_eq!(bench.receive_check(HOME, &browser(1)), BURIED);
    assert_eq!(bench.receive_check(HOME, &browser(0)), Outcome::Replied);
}

#[test]
fn only_so_many_of_one_source_may_wait_for_their_certificate_to_be_seen() {
    let mut bench = Bench::new(Limits::default());
    let most = bench.desk.limits.unverified_per_source;
    let mut guests = Vec::new();
    for number in 0..most {
        let from = format!("192.168.1.30:{}", 5000 + number);
        bench.receive_check(&from, &Browser::coded(&format!("ufrag{number}")));
        let Outcome::Deliver(guest) = bench.receive(&from, &CLIENT_HELLO) else {
            panic!("guest {number} cannot knock");
        };
        guests.push(guest);
    }
    let late = Browser::coded("late");
    let outcome = bench.receive_check("192.168.1.30:80", &late);
    assert_eq!(outcome, Outcome::Dropped(Reason::CrowdOfSource));
    assert_eq!(bench.desk.counters().guests, most);
    let outcome = bench.receive_check("192.168.1.31:80", &Browser::coded("else"));
    assert_eq!(outcome, Outcome::Replied);
    bench.desk.admitted(guests[0]);
    assert_eq!(
        bench.receive_check("192.168.1.30:80", &late),
        Outcome::Replied
    );
}

#[test]
fn only_so_many_in_all_may_wait_for_their_certificate_to_be_seen() {
    let mut bench = Bench::new(Limits::default());
    let most = bench.desk.limits.unverified;
    for number in 0..most {
        let from = format!("10.0.0.{number}:5000");
        let browser = Browser::coded(&format!("ufrag{number}"));
        assert_eq!(bench.receive_check(&from, &browser), Outcome::Replied);
    }
    let late = Browser::coded("late");
    let outcome = bench.receive_check(HOME, &late);
    assert_eq!(outcome, Outcome::Dropped(Reason::Crowd));
    assert_eq!(bench.desk.counters().guests, most);
    bench.pass(bench.desk.limits.hall);
    assert_eq!(bench.receive_check(HOME, &late), Outcome::Replied);
}

#[test]
fn a_code_that_is_withdrawn_lets_nobody_in_and_nobody_go() {
    let (mut bench, guest) = knocked();
    let waiting = Browser::coded("wait");
    bench.receive_check("192.168.1.31:5000", &waiting);
    bench.desk.set_codes(Vec::new());
    assert_eq!(bench.receive_check("192.168.1.31:5000", &waiting), BURIED);
    let outcome = bench.receive_check("192.168.1.32:5000", &Browser::coded("late"));
    assert_eq!(outcome, Outcome::Dropped(Reason::UnknownUfrag));
    let outcome = bench.receive_check(HOME, &Browser::coded("chrm"));
    assert_eq!(outcome, Outcome::Replied);
    assert_eq!(bench.receive(HOME, &RTP), Outcome::Deliver(guest));
}

#[test]
fn two_pages_in_one_browser_are_two_guests() {
    let (mut bench, guest) = knocked();
    let second = "192.168.1.30:5001";
    bench.receive_check(second, &Browser::coded("tab2"));
    let outcome = bench.receive(second, &CLIENT_HELLO);
    assert!(
        matches!(outcome, Outcome::Deliver(other) if other != guest),
        "{outcome:?}"
    );
    assert_eq!(bench.receive(HOME, &RTP), Outcome::Deliver(guest));
}
