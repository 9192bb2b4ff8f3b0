//! Where a guest is, and when it moves.

use super::*;

const FIRST: &str = "192.168.1.30:5000";
const SECOND: &str = "10.8.0.2:6000";

#[test]
fn chromium_moves_by_nominating_the_other_path() {
    let (mut bench, guest) = Bench::with_guest();
    let chromium = Browser::announced("chrm");
    bench.receive_check(FIRST, &chromium);
    bench.receive_check(SECOND, &chromium);
    let back = bench.check(&chromium).nominating();
    bench.receive(FIRST, &back.bytes());
    // Checks of other paths go on, without a nomination.
    bench.receive_check(SECOND, &chromium);
    let stay = bench.check(&chromium).nominating();
    bench.receive(FIRST, &stay.bytes());
    assert_eq!(
        bench.events(),
        [
            Event::Path(guest, path(FIRST)),
            Event::Path(guest, path(SECOND)),
            Event::Path(guest, path(FIRST)),
        ]
    );
}

#[test]
fn firefox_moves_by_checking_from_where_it_never_was() {
    let (mut bench, guest) = Bench::with_guest();
    let firefox = Browser::announced("frfx");
    let nomination = bench.check(&firefox).nominating();
    bench.receive(FIRST, &nomination.bytes());
    for _ in 0..3 {
        bench.pass(Duration::from_secs(5));
        bench.receive_check(FIRST, &firefox);
    }
    for _ in 0..3 {
        bench.pass(Duration::from_secs(5));
        bench.receive_check(SECOND, &firefox);
    }
    assert_eq!(
        bench.events(),
        [
            Event::Path(guest, path(FIRST)),
            Event::Path(guest, path(SECOND)),
        ]
    );
    assert_eq!(bench.receive(SECOND, &RTP), Outcome::Deliver(guest));
}

#[test]
fn the_other_address_of_ours_is_another_path_when_it_is_nominated() {
    let (mut bench, guest) = Bench::with_guest();
    let chromium = Browser::announced("chrm");
    bench.receive_check(FIRST, &chromium);
    let other = Path {
        local: Some([10, 8, 0, 1].into()),
        ..path(FIRST)
    };
    for (check, moves) in [
        (bench.check(&chromium), false),
        (bench.check(&chromium).nominating(), true),
    ] {
        bench.events.clear();
        bench.desk.datagram(
            bench.now,
            other,
            &check.bytes(),
            &mut bench.reply,
            &mut bench.events,
        );
        let expected: &[Event] = match moves {
            true => &[Event::Path(guest, other)],
            false => &[],
        };
        assert_eq!(bench.events, expected);
    }
}

#[test]
fn a_guest_with_a_code_moves_like_any_other() {
    let mut bench = Bench::new(Limits::default());
    let browser = Browser::coded("chrm");
    bench.receive_check(FIRST, &browser);
    let Outcome::Deliver(guest) = bench.receive(FIRST, &CLIENT_HELLO) else {
        panic!("the ClientHello is not delivered");
    };
    bench.events.clear();
    bench.receive_check(SECOND, &browser);
    assert_eq!(bench.events(), [Event::Path(guest, path(SECOND))]);
}

#[test]
fn a_check_that_is_replayed_from_elsewhere_moves_nothing() {
    let (mut bench, _) = Bench::with_guest();
    let browser = Browser::announced("chrm");
    let recorded = bench.check(&browser).nominating().bytes();
    bench.receive(FIRST, &recorded);
    bench.events.clear();
    let outcome = bench.receive(SECOND, &recorded);
    assert_eq!(outcome, Outcome::Dropped(Reason::Replay));
    assert!(bench.reply.is_empty());
    assert!(bench.events().is_empty());
    assert_eq!(
        bench.receive(SECOND, &RTP),
        Outcome::Dropped(Reason::UnknownAddress)
    );
}

#[test]
fn a_check_that_is_replayed_under_an_old_address_moves_nothing_and_keeps_nobody_alive() {
    let (mut bench, guest) = Bench::with_guest();
    let browser = Browser::announced("chrm");
    let recorded = bench.check(&browser).nominating().bytes();
    bench.receive(FIRST, &recorded);
    bench.receive_check(SECOND, &browser);
    bench.events.clear();
    bench.pass(bench.desk.limits.silence - Duration::from_secs(1));
    assert_eq!(
        bench.receive(FIRST, &recorded),
        Outcome::Replied,
        "it may be a retransmission"
    );
    assert!(bench.events().is_empty());
    bench.pass(Duration::from_secs(1));
    bench.desk.tick(bench.now, &mut bench.events);
    assert_eq!(bench.events(), [Event::Silent(guest)]);
}

#[test]
fn a_retransmission_is_answered_again() {
    let (mut bench, _) = Bench::with_guest();
    let check = bench.check(&Browser::announced("chrm")).bytes();
    bench.receive(FIRST, &check);
    let reply = bench.reply.clone();
    assert_eq!(bench.receive(FIRST, &check), Outcome::Replied);
    assert_eq!(bench.reply, reply);
}

#[test]
fn checks_are_remembered_up_to_a_number() {
    let mut bench = Bench::new(Limits {
        checks: 10,
        ..Limits::default()
    });
    bench.desk.expect(UFRAG, PASSWORD);
    let browser = Browser::announced("chrm");
    let checks: Vec<_> = (0..11).map(|_| bench.check(&browser).bytes()).collect();
    for check in &checks {
        bench.receive(FIRST, check);
    }
    let replay = Outcome::Dropped(Reason::Replay);
    assert_eq!(bench.receive(SECOND, &checks[1]), replay);
    assert_eq!(bench.receive(SECOND, &checks[0]), Outcome::Replied);
}

#[test]
fn the_address_that_was_not_used_for_longest_is_forgotten() {
    let (mut bench, guest) = Bench::with_guest();
    let browser = Browser::announced("chrm");
    let most = bench.desk.limits.addresses;
    let from = |port: usize| format!("192.168.1.30:{}", 5000 + port);
    for port in 0..most {
        bench.receive_check(&from(port), &browser);
    }
    bench.receive_check(&from(0), &browser);
    bench.receive_check(&from(most), &browser);
    assert_eq!(bench.desk.addresses.len(), most);
    assert_eq!(bench.receive(&from(0), &RTP), Outcome::Deliver(guest));
    assert_eq!(
        bench.receive(&from(1), &RTP),
        Outcome::Dropped(Reason::UnknownAddress)
    );
}

#[test]
fn the_latest_browser_with_an_announced_ufrag_is_the_guest() {
    let (mut bench, guest) = Bench::with_guest();
    let early = Browser::announced("earl");
    let late = Browser::announced("late");
    bench.receive_check(FIRST, &early);
    bench.events.clear();
    assert_eq!(bench.receive_check(SECOND, &late), Outcome::Replied);
    assert_eq!(bench.events(), [Event::Path(guest, path(SECOND))]);
    let outcome = bench.receive_check(FIRST, &early);
    assert_eq!(outcome, Outcome::Dropped(Reason::Buried));
    assert_eq!(
        bench.receive(FIRST, &RTP),
        Outcome::Dropped(Reason::UnknownAddress)
    );
    assert_eq!(bench.receive(SECOND, &RTP), Outcome::Deliver(guest));
}

#[test]
fn a_guest_cannot_take_the_address_of_another_that_is_heard_there() {
    let (mut bench, guest) = Bench::with_guest();
    bench.receive_check(FIRST, &Browser::announced("here"));
    let intruder = Browser::coded("evil");
    let taken = Outcome::Dropped(Reason::AddressTaken);
    assert_eq!(bench.receive_check(FIRST, &intruder), taken);
    assert_eq!(bench.desk.counters().guests, 1);
    bench.receive_check(SECOND, &intruder);
    assert_eq!(bench.receive_check(FIRST, &intruder), taken);
    assert_eq!(bench.receive(FIRST, &RTP), Outcome::Deliver(guest));
}

#[test]
fn an_address_where_nobody_is_heard_any_more_may_be_used_again() {
    let (mut bench, guest) = Bench::with_guest();
    bench.receive_check(FIRST, &Browser::announced("here"));
    bench.pass(bench.desk.limits.tenure);
    let next = Browser::coded("next");
    assert_eq!(bench.receive_check(FIRST, &next), Outcome::Replied);
    let outcome = bench.receive(FIRST, &CLIENT_HELLO);
    assert!(
        matches!(outcome, Outcome::Deliver(other) if other != guest),
        "{outcome:?}"
    );
    // The end of the one before takes nothing from the next.
    bench.desk.close(guest);
    assert_eq!(bench.receive(FIRST, &RTP), outcome);
}
