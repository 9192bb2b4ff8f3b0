//! Guests that fall silent.

use super::*;

const HOME: &str = "192.168.1.30:5000";

fn tick(bench: &mut Bench) -> Vec<Event> {
    bench.desk.tick(bench.now, &mut bench.events);
    bench.events()
}

#[test]
fn a_guest_that_is_not_heard_for_30_seconds_is_gone_and_this_is_said_once() {
    let (mut bench, guest) = Bench::with_guest();
    bench.receive_check(HOME, &Browser::announced("frfx"));
    bench.events.clear();
    bench.pass(Duration::from_secs(30));
    assert_eq!(bench.desk.next_deadline(), Some(bench.now));
    bench.now -= Duration::from_millis(1);
    assert_eq!(tick(&mut bench), []);
    bench.pass(Duration::from_millis(1));
    assert_eq!(tick(&mut bench), [Event::Silent(guest)]);
    assert_eq!(bench.desk.next_deadline(), None);
    bench.receive_check(HOME, &Browser::announced("frfx"));
    bench.pass(Duration::from_secs(60));
    assert_eq!(tick(&mut bench), []);
}

#[test]
fn firefox_is_not_gone_between_its_checks() {
    let (mut bench, _) = Bench::with_guest();
    for _ in 0..10 {
        bench.receive_check(HOME, &Browser::announced("frfx"));
        bench.pass(Duration::from_secs(5));
        tick(&mut bench);
    }
    assert!(bench.events().is_empty());
    let deadline = bench.desk.next_deadline().unwrap();
    assert!(deadline > bench.now, "the port would be woken for nothing");
    assert!(deadline <= bench.now + Duration::from_secs(25));
}

/// RFC 7675, section 5.1: 5 s between checks, each time up to a fifth more.
#[test]
fn firefox_is_not_gone_while_three_of_its_checks_get_lost() {
    let (mut bench, _) = Bench::with_guest();
    for _ in 0..10 {
        bench.receive_check(HOME, &Browser::announced("frfx"));
        bench.events.clear();
        bench.pass(4 * Duration::from_secs(6));
        assert_eq!(tick(&mut bench), []);
    }
}

#[test]
fn media_are_no_sign_of_life() {
    let (mut bench, guest) = Bench::with_guest();
    bench.receive_check(HOME, &Browser::announced("chrm"));
    bench.events.clear();
    for _ in 0..30 {
        bench.pass(Duration::from_secs(1));
        bench.receive(HOME, &RTP);
    }
    assert_eq!(bench.events(), [Event::Silent(guest)]);
}

#[test]
fn an_announced_guest_that_never_came_is_not_missed() {
    let (mut bench, _) = Bench::with_guest();
    assert_eq!(bench.desk.next_deadline(), None);
    bench.pass(Duration::from_secs(3600));
    assert_eq!(tick(&mut bench), []);
    let outcome = bench.receive_check(HOME, &Browser::announced("slow"));
    assert_eq!(outcome, Outcome::Replied);
}

#[test]
fn a_guest_with_a_code_that_falls_silent_after_its_knock_is_gone() {
    let mut bench = Bench::new(Limits::default());
    bench.receive_check(HOME, &Browser::coded("chrm"));
    let Outcome::Deliver(guest) = bench.receive(HOME, &CLIENT_HELLO) else {
        panic!("the ClientHello is not delivered");
    };
    bench.events.clear();
    bench.pass(bench.desk.limits.hall);
    assert_eq!(tick(&mut bench), []);
    bench.pass(bench.desk.limits.silence);
    assert_eq!(tick(&mut bench), [Event::Silent(guest)]);
}

#[test]
fn the_earliest_deadline_is_the_next() {
    let (mut bench, _) = Bench::with_guest();
    bench.receive_check(HOME, &Browser::announced("chrm"));
    bench.pass(Duration::from_secs(1));
    bench.receive_check("10.0.0.1:1", &Browser::coded("code"));
    assert_eq!(
        bench.desk.next_deadline(),
        Some(bench.now + bench.desk.limits.hall)
    );
    bench.pass(bench.desk.limits.hall);
    tick(&mut bench);
    assert_eq!(
        bench.desk.next_deadline(),
        Some(bench.now + bench.desk.limits.silence - Duration::from_secs(6))
    );
}
