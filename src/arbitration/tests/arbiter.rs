//! Who controls, in all that may happen.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use crate::arbitration::arbiter::{Arbiter, Effect, Station};
use crate::arbitration::{Refusal, Role, Rules};

const HEARTBEAT: Duration = Duration::from_millis(750);
const REQUEST: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);

const RULES: Rules = Rules {
    heartbeat: Some(HEARTBEAT),
    request: Some(REQUEST),
    idle: None,
};

fn ms(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// An arbiter with some pages that have the right to control.
fn pages(count: u32, rules: Rules) -> (Arbiter, Instant) {
    let mut arbiter = Arbiter::new(rules);
    let now = Instant::now();
    for id in 1..=count {
        arbiter.join(id, Station::Peer(id), true);
        arbiter.greet(id, true, now);
    }
    arbiter.effects();
    (arbiter, now)
}

/// The reasons for which the instruments were made safe since this was asked last.
fn safes(arbiter: &mut Arbiter) -> Vec<String> {
    arbiter
        .effects()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Safe { reason, .. } => Some(reason),
            Effect::Changed => None,
        })
        .collect()
}

#[test]
fn the_first_who_asks_controls_and_the_second_waits() {
    let (mut arbiter, now) = pages(3, RULES);
    arbiter.take(2, now).expect("free");
    arbiter.take(1, now).expect("asked");
    let standing = arbiter.standing(1);
    assert_eq!((standing.holder, standing.role), (Some(2), Role::Waiting));
    assert_eq!(standing.waiting, [1]);
    assert_eq!(arbiter.standing(2).role, Role::Holder);
    assert_eq!(arbiter.standing(3).role, Role::None);
    assert_eq!(arbiter.command(1, now), Err(Refusal::Held(2)));
    assert_eq!(arbiter.command(2, now), Ok(1));
    assert!(safes(&mut arbiter).is_empty());
}

#[test]
fn a_command_takes_control_while_nobody_has_it() {
    let (mut arbiter, now) = pages(2, RULES);
    assert_eq!(arbiter.command(1, now), Ok(1));
    assert_eq!(arbiter.standing(2).holder, Some(1));
    assert_eq!(arbiter.command(2, now), Err(Refusal::Held(1)));
}

#[test]
fn who_may_watch_gets_no_control_by_any_way() {
    let (mut arbiter, now) = pages(1, RULES);
    // With the certificate of one who may.
    arbiter.join(7, Station::Peer(1), false);
    arbiter.take(1, now).expect("free");
    assert_eq!(arbiter.standing(7).role, Role::None);
    for refused in [
        arbiter.take(7, now),
        arbiter.release(7, now),
        arbiter.give(7, 1, now),
        arbiter.keep(7),
        arbiter.command(7, now).map(|_| ()),
        arbiter.command(99, now).map(|_| ()),
    ] {
        assert_eq!(refused, Err(Refusal::View));
    }
}

#[test]
fn silence_ends_control_once() {
    let (mut arbiter, now) = pages(1, RULES);
    arbiter.take(1, now).expect("free");
    arbiter.heard(1, now + ms(600));
    arbiter.tick(now + ms(1349));
    assert!(safes(&mut arbiter).is_empty());
    assert_eq!(arbiter.deadline(), Some(now + ms(1350)));
    arbiter.tick(now + ms(1350));
    let reasons = safes(&mut arbiter);
    assert_eq!(reasons.len(), 1);
    assert!(reasons[0].contains("750 ms"), "{reasons:?}");
    arbiter.tick(now + ms(9000));
    arbiter.gone(1, now + ms(9000));
    assert!(safes(&mut arbiter).is_empty());
}

#[test]
fn a_page_that_was_given_up_has_to_ask_before_it_sends() {
    let (mut arbiter, now) = pages(1, RULES);
    arbiter.take(1, now).expect("free");
    arbiter.tick(now + HEARTBEAT);
    // Sent before the end, but its turn comes only now.
    assert_eq!(arbiter.command(1, now + ms(700)), Err(Refusal::Stale));
    assert_eq!(arbiter.command(1, now + ms(900)), Err(Refusal::Lost));
    arbiter.take(1, now + ms(1000)).expect("free");
    assert_eq!(arbiter.command(1, now + ms(900)), Err(Refusal::Stale));
    assert_eq!(arbiter.command(1, now + ms(1000)), Ok(1));
}

#[test]
fn a_page_that_gave_control_up_gets_it_back_by_a_command() {
    let (mut arbiter, now) = pages(1, RULES);
    arbiter.take(1, now).expect("free");
    arbiter.release(1, now + ms(10)).expect("may");
    assert_eq!(safes(&mut arbiter).len(), 1);
    assert_eq!(arbiter.command(1, now + ms(5)), Err(Refusal::Stale));
    assert_eq!(arbiter.command(1, now + ms(20)), Ok(1));
}

#[test]
fn a_foreign_page_has_no_heartbeat_and_keeps_control_in_silence() {
    let mut arbiter = Arbiter::new(RULES);
    let now = Instant::now();
    arbiter.join(1, Station::Peer(1), true);
    arbiter.command(1, now).expect("free");
    assert_eq!(arbiter.deadline(), None);
    arbiter.tick(now + IDLE);
    assert_eq!(arbiter.command(1, now + IDLE), Ok(2));
    // It cannot be told that it lost control, nor can it ask.
    assert!(arbiter.revoke(now + IDLE));
    assert_eq!(arbiter.command(1, now + IDLE + ms(1)), Ok(3));
    arbiter.channel_closed(1, now + IDLE + ms(2));
    assert_eq!(safes(&mut arbiter).len(), 2);
}

#[test]
fn a_page_that_comes_back_beside_itself_keeps_control() {
    let station = Station::Certificate([7; 32]);
    let mut arbiter = Arbiter::new(RULES);
    let now = Instant::now();
    arbiter.join(1, station, true);
    arbiter.greet(1, true, now);
    arbiter.take(1, now).expect("free");
    arbiter.join(2, station, true);
    assert_eq!(arbiter.standing(2).role, Role::Holder);
    arbiter.heard(1, now + ms(700));
    arbiter.gone(1, now + ms(800));
    assert!(safes(&mut arbiter).is_empty());
    assert_eq!(arbiter.standing(9).holder, Some(2));
    // It has not said hello yet, but it is still the page that has a heartbeat.
    assert_eq!(arbiter.deadline(), Some(now + ms(1450)));
    arbiter.heard(2, now + ms(1400));
    arbiter.tick(now + ms(1500));
    assert!(safes(&mut arbiter).is_empty());
    assert_eq!(arbiter.command(2, now + ms(1500)), Ok(1));
    arbiter.tick(now + ms(2250));
    assert_eq!(safes(&mut arbiter).len(), 1);
}

#[test]
fn a_page_that_drops_its_second_connection_keeps_control_on_the_first() {
    let station = Station::Certificate([7; 32]);
    let (mut arbiter, now) = (Arbiter::new(RULES), Instant::now());
    for id in [1, 2] {
        arbiter.join(id, station, true);
        arbiter.greet(id, true, now);
    }
    arbiter.take(1, now).expect("free");
    arbiter.channel_closed(2, now);
    arbiter.gone(2, now);
    assert!(safes(&mut arbiter).is_empty());
    assert_eq!(arbiter.command(1, now), Ok(1));
    arbiter.channel_closed(1, now);
    assert_eq!(safes(&mut arbiter).len(), 1);
}

#[test]
fn who_leaves_with_control_makes_the_instruments_safe_and_room_for_the_next() {
    let (mut arbiter, now) = pages(3, RULES);
    for id in [1, 2, 3] {
        arbiter.take(id, now).expect("may");
    }
    arbiter.gone(2, now);
    assert!(safes(&mut arbiter).is_empty(), "who waits holds nothing");
    arbiter.gone(1, now);
    assert_eq!(safes(&mut arbiter), ["viewer 1, who had control, is gone"]);
    assert_eq!(arbiter.standing(3).role, Role::Holder);
}

#[test]
fn an_unanswered_request_takes_control_in_time() {
    let (mut arbiter, now) = pages(
        3,
        Rules {
            heartbeat: None,
            ..RULES
        },
    );
    arbiter.take(1, now).expect("free");
    arbiter.take(2, now + ms(100)).expect("asked");
    arbiter.take(3, now + ms(200)).expect("asked");
    arbiter.tick(now + ms(10_099));
    assert_eq!(arbiter.standing(2).role, Role::Waiting);
    arbiter.tick(now + ms(10_100));
    assert_eq!(arbiter.standing(2).role, Role::Holder);
    assert_eq!(safes(&mut arbiter).len(), 1);
    // The new one has time to answer, too.
    assert_eq!(arbiter.deadline(), Some(now + ms(20_100)));
    assert_eq!(arbiter.command(1, now + ms(10_200)), Err(Refusal::Held(2)));
}

#[test]
fn requests_wait_for_ever_if_they_are_to() {
    let never = Rules {
        request: None,
        heartbeat: None,
        ..RULES
    };
    let (mut arbiter, now) = pages(2, never);
    arbiter.take(1, now).expect("free");
    arbiter.take(2, now).expect("asked");
    assert_eq!(arbiter.deadline(), None);
    arbiter.tick(now + Duration::from_secs(86_400));
    assert_eq!(arbiter.standing(2).role, Role::Waiting);
}

#[test]
fn requests_that_need_not_wait_are_granted_at_the_next_tick() {
    let at_once = Rules {
        request: Some(Duration::ZERO),
        ..RULES
    };
    let (mut arbiter, now) = pages(3, at_once);
    for id in [1, 2, 3] {
        arbiter.take(id, now).expect("may");
    }
    arbiter.tick(now);
    assert_eq!(arbiter.standing(3).role, Role::Holder);
    assert_eq!(safes(&mut arbiter).len(), 2);
}

#[test]
fn who_controls_hands_over_or_refuses() {
    let (mut arbiter, now) = pages(3, RULES);
    arbiter.take(1, now).expect("free");
    assert_eq!(arbiter.give(1, 2, now), Err(Refusal::NotAsked(2)));
    arbiter.take(2, now).expect("asked");
    arbiter.take(3, now).expect("asked");
    assert_eq!(arbiter.give(3, 2, now), Err(Refusal::NotHolder));
    assert_eq!(arbiter.keep(3), Err(Refusal::NotHolder));
    arbiter.give(1, 3, now).expect("asked for");
    assert_eq!(safes(&mut arbiter).len(), 1);
    assert_eq!(arbiter.standing(3).role, Role::Holder);
    assert_eq!(arbiter.standing(3).waiting, [2]);
    arbiter.keep(3).expect("may");
    assert_eq!(arbiter.effects(), [Effect::Changed]);
    assert_eq!(arbiter.standing(2).role, Role::None);
}

#[test]
fn who_waits_may_think_better_of_it() {
    let (mut arbiter, now) = pages(2, RULES);
    arbiter.take(1, now).expect("free");
    arbiter.take(2, now).expect("asked");
    arbiter.release(2, now).expect("may");
    assert!(arbiter.standing(1).waiting.is_empty());
    assert_eq!(arbiter.standing(1).role, Role::Holder);
}

#[test]
fn control_that_nobody_uses_ends() {
    let rules = Rules {
        idle: Some(IDLE),
        heartbeat: None,
        ..RULES
    };
    let (mut arbiter, now) = pages(1, rules);
    arbiter.command(1, now).expect("free");
    arbiter.command(1, now + ms(500)).expect("held");
    arbiter.heard(1, now + ms(900));
    assert_eq!(arbiter.deadline(), Some(now + ms(500) + IDLE));
    arbiter.tick(now + ms(500) + IDLE);
    assert_eq!(safes(&mut arbiter).len(), 1);
    assert_eq!(arbiter.command(1, now + ms(501) + IDLE), Ok(3));
}

#[test]
fn the_bench_has_the_last_word() {
    let (mut arbiter, now) = pages(2, RULES);
    assert!(!arbiter.revoke(now));
    arbiter.take(1, now).expect("free");
    arbiter.take(2, now).expect("asked");
    assert!(arbiter.revoke(now + ms(1)));
    assert_eq!(arbiter.standing(2).holder, None);
    assert_eq!(safes(&mut arbiter), ["control was taken away at the bench"]);
    // What was on its way does not undo it.
    assert_eq!(arbiter.command(1, now + ms(2)), Err(Refusal::Lost));
    assert_eq!(arbiter.command(2, now + ms(2)), Ok(1));
}

#[test]
fn commands_before_the_end_are_void() {
    let (mut arbiter, now) = pages(1, RULES);
    for number in 1..=5 {
        assert_eq!(arbiter.command(1, now), Ok(number));
    }
    arbiter.release(1, now).expect("may");
    let safe = arbiter
        .effects()
        .into_iter()
        .find_map(|effect| match effect {
            Effect::Safe { after, .. } => Some(after),
            Effect::Changed => None,
        });
    assert_eq!(safe, Some(5));
}

#[test]
fn instruments_that_are_safe_are_not_made_safe_again() {
    let (mut arbiter, now) = pages(1, RULES);
    arbiter.rest("the pipeline is paused");
    assert!(!arbiter.safe_is_due(), "nobody has done anything yet");
    arbiter.command(1, now).expect("free");
    arbiter.rest("the pipeline is paused");
    arbiter.rest("the pipeline has stopped");
    arbiter.gone(1, now);
    assert_eq!(safes(&mut arbiter), ["the pipeline is paused"]);
}

/// What may happen to an arbiter.
#[derive(Debug, Clone)]
enum Input {
    Join(u32, bool, Option<u8>),
    Greet(u32, bool),
    Close(u32),
    Gone(u32),
    Take(u32),
    Release(u32),
    Give(u32, u32),
    Keep(u32),
    Revoke,
    Command(u32),
    Heard(u32),
    Wait(u64),
}

fn input() -> impl Strategy<Value = Input> {
    let id = || 1..6_u32;
    prop_oneof![
        (id(), prop::bool::weighted(0.8), prop::option::of(0..2_u8))
            .prop_map(|(id, may, certificate)| Input::Join(id, may, certificate)),
        (id(), any::<bool>()).prop_map(|(id, beats)| Input::Greet(id, beats)),
        id().prop_map(Input::Close),
        id().prop_map(Input::Gone),
        id().prop_map(Input::Take),
        id().prop_map(Input::Take),
        id().prop_map(Input::Release),
        (id(), id()).prop_map(|(from, to)| Input::Give(from, to)),
        id().prop_map(Input::Keep),
        Just(Input::Revoke),
        id().prop_map(Input::Command),
        id().prop_map(Input::Heard),
        (0..4000_u64).prop_map(Input::Wait),
    ]
}

/// Who joins as what, for the model in the test below.
fn join(arbiter: &mut Arbiter, id: u32, may: bool, certificate: Option<u8>) {
    let station = match certificate {
        Some(byte) => Station::Certificate([byte; 32]),
        None => Station::Peer(id),
    };
    arbiter.join(id, station, may);
}

proptest! {
    #[test]
    fn whatever_happens_one_station_controls_and_each_end_of_control_is_safe_once(
        inputs in proptest::collection::vec(input(), 0..120), idle in any::<bool>(),
    ) {
        let rules = Rules { idle: idle.then_some(ms(5000)), ..RULES };
        let mut arbiter = Arbiter::new(rules);
        let mut now = Instant::now();
        let mut joined = [false; 6];
        let mut numbers = 0;
        for input in inputs {
            let before: Vec<_> = (0..6).map(|id| arbiter.standing(id)).collect();
            match input.clone() {
                // Numbers are given once.
                Input::Join(id, ..) if joined[id as usize] => continue,
                Input::Join(id, may, certificate) => {
                    joined[id as usize] = true;
                    join(&mut arbiter, id, may, certificate);
                }
                Input::Greet(id, beats) => arbiter.greet(id, beats, now),
                Input::Close(id) => arbiter.channel_closed(id, now),
                Input::Gone(id) => arbiter.gone(id, now),
                Input::Take(id) => drop(arbiter.take(id, now)),
                Input::Release(id) => drop(arbiter.release(id, now)),
                Input::Give(from, to) => drop(arbiter.give(from, to, now)),
                Input::Keep(id) => drop(arbiter.keep(id)),
                Input::Revoke => drop(arbiter.revoke(now)),
                Input::Command(id) => {
                    if let Ok(number) = arbiter.command(id, now) {
                        numbers += 1;
                        prop_assert_eq!(number, numbers, "numbered without a gap");
                        prop_assert_eq!(arbiter.standing(id).role, Role::Holder);
                    }
                }
                Input::Heard(id) => arbiter.heard(id, now),
                Input::Wait(time) => now += ms(time),
            }
            arbiter.tick(now);
            prop_assert!(arbiter.deadline().is_none_or(|at| at > now), "nothing is left undone");
            let effects = arbiter.effects();
            let after: Vec<_> = (0..6).map(|id| arbiter.standing(id)).collect();

            // Whoever's standing is another one is told of it.
            if before != after {
                prop_assert!(effects.contains(&Effect::Changed), "{:?}: {:?}", input, effects);
            }
            // One holder: a station whose members all know it.
            let holders: Vec<u32> = (1..6)
                .filter(|id| after[*id as usize].role == Role::Holder)
                .collect();
            prop_assert_eq!(holders.is_empty(), after[0].holder.is_none());
            if let Some(holder) = after[0].holder {
                prop_assert!(holders.contains(&holder));
            } else {
                prop_assert!(after[0].waiting.is_empty(), "nobody waits for nothing");
            }
            // The instruments are safe each time that somebody's control ends, and only then.
            let ended = (1..6_usize).any(|id| {
                before[id].role == Role::Holder && after[id].role != Role::Holder
            }) && !(1..6_usize).any(|id| {
                before[id].role == Role::Holder && after[id].role == Role::Holder
            });
            let safe = effects.iter().filter(|e| matches!(e, Effect::Safe { .. })).count();
            if ended {
                prop_assert!(safe >= 1, "{:?} made nothing safe", input);
            }
            if before[0].holder.is_none() {
                prop_assert_eq!(safe, 0, "{:?} ended nothing", input);
            }
            for effect in effects {
                if let Effect::Safe { after, .. } = effect {
                    prop_assert_eq!(after, numbers, "all that was let through is void");
                }
            }
        }
    }
}
