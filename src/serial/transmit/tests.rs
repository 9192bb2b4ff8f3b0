use std::time::{Duration, Instant};

use super::*;
use crate::serial::profile::Pattern;

const MS: Duration = Duration::from_millis(1);

fn item(kind: Kind, bytes: &[u8]) -> Item<u32> {
    Item {
        kind,
        bytes: bytes.to_vec(),
        pacing: Pacing::default(),
        ticket: None,
    }
}

fn command(bytes: &[u8]) -> Item<u32> {
    item(Kind::Command { transmits: None }, bytes)
}

/// Writes all that may be written at this time, at most `most` bytes at a time.
fn write_all(outbox: &mut Outbox<u32>, now: Instant, most: usize) -> String {
    let mut written = Vec::new();
    while let Step::Write { bytes, .. } = outbox.next(now) {
        let count = bytes.len().min(most);
        written.extend_from_slice(&bytes[..count]);
        outbox.wrote(count, now);
    }
    String::from_utf8(written).unwrap()
}

fn make_safe(outbox: &mut Outbox<u32>, now: Instant) -> usize {
    outbox.make_safe(Some(item(Kind::Safe, b"RX;")), now)
}

#[test]
fn set_up_goes_before_commands_and_commands_before_questions() {
    let mut outbox = Outbox::default();
    outbox.add(item(Kind::Poll(0), b"P;"));
    outbox.add(command(b"A;"));
    outbox.add(command(b"B;"));
    outbox.add(item(Kind::Init, b"I;"));
    assert_eq!(write_all(&mut outbox, Instant::now(), 1), "I;A;B;P;");
}

#[test]
fn nothing_cuts_into_a_message() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    outbox.add(item(Kind::Poll(0), b"POLL;"));
    assert!(matches!(outbox.next(now), Step::Write { begins: true, .. }));
    assert!(outbox.wrote(2, now).is_none());
    outbox.add(command(b"A;"));
    outbox.add(item(Kind::Init, b"I;"));
    assert!(outbox.is_half_written());
    assert_eq!(write_all(&mut outbox, now, 100), "LL;I;A;");
}

#[test]
fn a_question_that_waits_is_not_asked_twice() {
    let mut outbox = Outbox::default();
    for _ in 0..3 {
        outbox.add(item(Kind::Poll(0), b"P;"));
        outbox.add(item(Kind::Poll(1), b"Q;"));
    }
    assert_eq!(write_all(&mut outbox, Instant::now(), 100), "P;Q;");
}

#[test]
fn there_are_pauses_after_characters_and_messages() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    let pacing = Pacing {
        character: MS,
        line: 10 * MS,
    };
    for bytes in [b"AB", b"CD"] {
        outbox.add(Item {
            pacing,
            ..command(bytes)
        });
    }
    assert_eq!(write_all(&mut outbox, now, 100), "A");
    assert_eq!(outbox.next(now), Step::Wait(now + MS));
    assert_eq!(write_all(&mut outbox, now + MS, 100), "B");
    assert_eq!(outbox.next(now + 2 * MS), Step::Wait(now + 11 * MS));
    assert_eq!(write_all(&mut outbox, now + 11 * MS, 100), "C");
}

#[test]
fn the_safe_string_goes_before_all_that_waits_and_that_is_not_written() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    outbox.add(command(b"A;"));
    outbox.add(command(b"B;"));
    outbox.add(item(Kind::Poll(0), b"P;"));
    assert_eq!(make_safe(&mut outbox, now), 2);
    outbox.add(command(b"C;"));
    assert!(outbox.is_making_safe());
    assert_eq!(write_all(&mut outbox, now, 100), "RX;C;");
}

#[test]
fn a_short_message_is_finished_before_the_safe_string() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    outbox.add(command(b"TX;"));
    assert!(matches!(outbox.next(now), Step::Write { .. }));
    outbox.wrote(1, now);
    assert_eq!(make_safe(&mut outbox, now), 0);
    assert_eq!(write_all(&mut outbox, now, 100), "X;RX;");
}

#[test]
fn a_long_message_is_cut_and_the_safe_string_is_heard_all_the_same() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    outbox.add(command(&[b'x'; 1000]));
    assert!(matches!(outbox.next(now), Step::Write { .. }));
    outbox.wrote(10, now);
    assert_eq!(make_safe(&mut outbox, now), 1);
    assert_eq!(write_all(&mut outbox, now, 100), "RX;RX;");
}

#[test]
fn what_ends_a_transmission_overtakes_commands_and_none_begins_one_after_it() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    let of = |transmits, bytes| item(Kind::Command { transmits }, bytes);
    outbox.add(of(None, b"A;"));
    assert!(matches!(outbox.next(now), Step::Write { .. }));
    outbox.wrote(1, now);
    outbox.add(of(None, b"B;"));
    outbox.add(of(Some(true), b"TX;"));
    outbox.add(item(Kind::Init, b"I;"));
    assert_eq!(outbox.add_end(of(Some(false), b"RX;"), now), 1);
    outbox.add(of(Some(true), b"TX;"));
    assert_eq!(write_all(&mut outbox, now, 100), ";RX;I;B;TX;");
}

#[test]
fn what_ends_a_transmission_does_not_wait_for_a_long_pause() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    let pacing = Pacing {
        character: Duration::ZERO,
        line: Duration::from_secs(60),
    };
    for bytes in [b"A;", b"B;"] {
        outbox.add(Item {
            pacing,
            ..command(bytes)
        });
    }
    assert_eq!(write_all(&mut outbox, now, 100), "A;");
    let transmits = Some(false);
    outbox.add_end(item(Kind::Command { transmits }, b"RX;"), now);
    assert_eq!(write_all(&mut outbox, now + 100 * MS, 100), "RX;B;");
}

#[test]
fn the_second_safe_string_does_not_wait_for_a_long_pause() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    outbox.add(command(&[b'x'; 1000]));
    assert!(matches!(outbox.next(now), Step::Write { .. }));
    outbox.wrote(10, now);
    let safe = Item {
        pacing: Pacing {
            character: Duration::ZERO,
            line: Duration::from_secs(60),
        },
        ..item(Kind::Safe, b"RX;")
    };
    outbox.make_safe(Some(safe), now);
    assert_eq!(write_all(&mut outbox, now, 100), "RX;");
    assert_eq!(write_all(&mut outbox, now + 100 * MS, 100), "RX;");
}

#[test]
fn a_message_that_waits_for_its_pauses_is_cut_too() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    outbox.add(Item {
        pacing: Pacing {
            character: 100 * MS,
            line: Duration::ZERO,
        },
        ..command(b"SLOW;")
    });
    assert_eq!(write_all(&mut outbox, now, 100), "S");
    make_safe(&mut outbox, now);
    assert_eq!(write_all(&mut outbox, now + 100 * MS, 100), "RX;RX;");
}

#[test]
fn the_safe_string_does_not_wait_for_a_long_pause() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    outbox.add(Item {
        pacing: Pacing {
            character: Duration::ZERO,
            line: Duration::from_secs(60),
        },
        ..command(b"TX;")
    });
    assert_eq!(write_all(&mut outbox, now, 100), "TX;");
    make_safe(&mut outbox, now);
    assert_eq!(write_all(&mut outbox, now + 100 * MS, 100), "RX;");
}

#[test]
fn nothing_is_left_when_the_port_is_gone() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    outbox.add(command(b"TX;"));
    assert!(matches!(outbox.next(now), Step::Write { .. }));
    outbox.wrote(1, now);
    outbox.add(command(b"A;"));
    outbox.add(item(Kind::Init, b"I;"));
    assert_eq!(outbox.clear(false), 2);
    assert_eq!(outbox.next(now), Step::Idle);
}

#[test]
fn a_message_that_was_cut_off_with_the_port_does_not_swallow_the_safe_string() {
    let now = Instant::now();
    for (written, cut, expected) in [(1, false, "RX;RX;"), (3, true, "RX;RX;"), (3, false, "RX;")] {
        let mut outbox = Outbox::default();
        outbox.add(command(b"TX;"));
        assert!(matches!(outbox.next(now), Step::Write { .. }));
        outbox.wrote(written, now);
        outbox.clear(cut);
        make_safe(&mut outbox, now);
        assert_eq!(write_all(&mut outbox, now, 100), expected);
        outbox.add(command(b"TX;"));
        assert_eq!(write_all(&mut outbox, now, 100), "TX;");
        make_safe(&mut outbox, now);
        assert_eq!(write_all(&mut outbox, now, 100), "RX;", "once");
    }
}

#[test]
fn what_was_written_gives_its_ticket_back() {
    let mut outbox = Outbox::default();
    let now = Instant::now();
    outbox.add(Item {
        ticket: Some(7),
        ..command(b"AB")
    });
    assert!(matches!(outbox.next(now), Step::Write { .. }));
    assert!(outbox.wrote(1, now).is_none());
    assert_eq!(outbox.wrote(1, now).and_then(|item| item.ticket), Some(7));
}

fn safety() -> Safety {
    Safety::new(Some(b"RX;".to_vec()), Some(100 * MS))
}

#[test]
fn the_safe_string_is_due_once_for_each_time_somebody_worked_the_instrument() {
    let mut safety = safety();
    let now = Instant::now();
    assert_eq!(safety.release(), Release::default());
    assert!(safety.command(None, now).armed);
    assert!(!safety.command(None, now).armed);
    assert!(safety.is_armed());
    assert_eq!(safety.release().string.as_deref(), Some(&b"RX;"[..]));
    assert_eq!(safety.release().string, None);
    assert!(safety.command(None, now).armed);
    assert_eq!(safety.release().string.as_deref(), Some(&b"RX;"[..]));
}

#[test]
fn without_a_safe_string_nothing_is_written() {
    let mut safety = Safety::new(Some(Vec::new()), None);
    safety.command(Some(true), Instant::now());
    assert_eq!(safety.release().string, None);
}

#[test]
fn a_transmission_is_limited_and_repeating_its_start_gains_no_time() {
    let mut safety = safety();
    let now = Instant::now();
    assert_eq!(safety.deadline(), None);
    assert_eq!(safety.command(Some(true), now).transmitting, Some(true));
    assert_eq!(safety.command(Some(true), now + 90 * MS).transmitting, None);
    assert_eq!(safety.deadline(), Some(now + 100 * MS));
    assert_eq!(safety.command(None, now + 91 * MS).transmitting, None);
    assert_eq!(
        safety.command(Some(false), now + 95 * MS).transmitting,
        Some(false)
    );
    assert_eq!(safety.deadline(), None);
    safety.command(Some(true), now + 200 * MS);
    assert!(safety.release().ends_transmission);
    assert_eq!(safety.deadline(), None);
}

#[test]
fn in_doubt_the_transmitter_is_on() {
    let pattern = |text| Some(Pattern::new(text).unwrap());
    let transmission = Transmission::new(pattern("TX;"), pattern("RX;"), vec![b"KY0;".to_vec()]);
    for (bytes, effect) in [
        (&b"TX;"[..], Some(true)),
        (b"RX;", Some(false)),
        (b"FA;TX;", Some(true)),
        (b"TX;RX;", Some(true)),
        (b"KY0;", Some(false)),
        (b"FA;RX;", None),
        (b"FA;", None),
    ] {
        assert_eq!(
            transmission.effect(bytes),
            effect,
            "{}",
            bytes.escape_ascii()
        );
    }
    assert_eq!(transmission.ends(), ["RX;", r"\x4b\x59\x30\x3b"]);
    assert_eq!(Transmission::default().effect(b"TX;"), None);
}

#[test]
fn a_line_that_keys_is_limited_and_no_command_ends_it() {
    let mut safety = safety();
    let now = Instant::now();
    let changed = safety.key(now);
    assert_eq!((changed.armed, changed.transmitting), (true, Some(true)));
    assert_eq!(safety.command(Some(false), now + MS).transmitting, None);
    assert_eq!(safety.deadline(), Some(now + 100 * MS));
    assert!(safety.unkey(false), "nothing else ends it");
    assert_eq!(safety.deadline(), None);

    safety.key(now);
    assert!(!safety.unkey(true), "a command will");
    assert_eq!(safety.deadline(), Some(now + 100 * MS));
    assert_eq!(safety.command(Some(false), now).transmitting, Some(false));

    safety.key(now);
    assert!(safety.release().ends_transmission);
    assert_eq!(safety.deadline(), None);
}
