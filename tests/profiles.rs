//! Every bundled profile against the instrument that it is for: `init` and `poll` get
//! answers, each quantity is found in them, and what the panel sends is understood.

#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../src/expression.rs"]
mod expression;
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "not all of it is used here"
)]
#[path = "../src/serial/profile/mod.rs"]
mod profile;
#[allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "not all of it is used here"
)]
#[path = "../examples/instrument-sim/simulator/mod.rs"]
mod simulator;

mod common {
    pub(crate) mod profiled_instrument;
}

use std::time::Duration;

use common::profiled_instrument::{Bench, Value};
use profile::{Profile, Widget};
use simulator::instruments::NAMES;

/// The profiles of instruments that speak only when they are asked.
const ASKED: [&str; 4] = ["kx3", "kenwood-v71", "scpi-multimeter", "modbus-rtu"];

fn profiles() -> impl Iterator<Item = Profile> {
    Profile::bundled().map(|name| Profile::load(name).expect("bundled"))
}

#[test]
fn there_is_an_instrument_for_every_profile() {
    for name in Profile::bundled() {
        assert!(NAMES.contains(&name), "{name}");
    }
}

#[test]
fn every_command_of_init_and_poll_is_understood() {
    for profile in profiles() {
        let mut bench = Bench::new(&profile);
        for command in &profile.init {
            bench.send(command.as_bytes());
            assert_eq!(
                bench.complaint(),
                None,
                "{}: {}",
                profile.name,
                command.as_bytes().escape_ascii()
            );
        }
        for poll in &profile.poll {
            let answers = bench.send(poll.send.as_bytes());
            assert_eq!(
                bench.complaint(),
                None,
                "{}: {}",
                profile.name,
                poll.send.as_bytes().escape_ascii()
            );
            assert!(
                !answers.is_empty(),
                "{}: {}",
                profile.name,
                poll.send.as_bytes().escape_ascii()
            );
        }
    }
}

#[test]
fn every_quantity_is_found_in_what_the_instrument_says() {
    for profile in profiles() {
        let mut bench = Bench::new(&profile);
        let mut messages: Vec<Vec<u8>> = Vec::new();
        for command in &profile.init {
            messages.extend(bench.send(command.as_bytes()));
        }
        for poll in &profile.poll {
            messages.extend(bench.send(poll.send.as_bytes()));
        }
        // What tells only that it was done.
        for command in bench.panel_commands() {
            messages.extend(bench.send(&command));
        }
        messages.extend(bench.pass(Duration::from_secs(10)));
        for quantity in &profile.quantities {
            let values: Vec<Value> = messages
                .iter()
                .filter_map(|message| bench.value(quantity, message))
                .collect();
            let what = format!("{}: {}", profile.name, quantity.name);
            assert!(!values.is_empty(), "{what} is not found");
            for value in values {
                match value {
                    Value::Number(number) => {
                        let least = quantity.min.unwrap_or(f64::MIN);
                        let most = quantity.max.unwrap_or(f64::MAX);
                        assert!((least..=most).contains(&number), "{what} is {number}");
                    }
                    Value::Word(word) => assert!(!word.is_empty(), "{what}"),
                    Value::Unknown(raw) => panic!("{what} has no word for {raw}"),
                }
            }
        }
    }
}

#[test]
fn every_command_of_the_panel_is_allowed_and_understood() {
    for profile in profiles() {
        let mut bench = Bench::new(&profile);
        for command in bench.panel_commands() {
            let text = String::from_utf8_lossy(&command).into_owned();
            assert!(profile.allows(&command), "{}: {text}", profile.name);
            bench.send(&command);
            assert_eq!(bench.complaint(), None, "{}: {text}", profile.name);
        }
    }
}

#[test]
fn an_instrument_that_speaks_when_asked_is_silent_otherwise() {
    for profile in profiles() {
        let spoken = Bench::new(&profile).pass(Duration::from_secs(5));
        assert_eq!(
            spoken.is_empty(),
            ASKED.contains(&profile.name.as_str()),
            "{}",
            profile.name
        );
    }
}

#[test]
fn the_safe_string_ends_what_the_hold_button_begins() {
    for profile in profiles() {
        let Some(transmit) = &profile.transmit else {
            continue;
        };
        let safe = profile
            .safe_string
            .as_ref()
            .expect("a safe string")
            .as_bytes();
        let mut bench = Bench::new(&profile);
        let mut held = 0;
        for widget in &profile.panel {
            let Widget::Hold { press, release, .. } = widget else {
                continue;
            };
            held += 1;
            for end in [release.as_bytes(), safe] {
                assert!(transmit.start.occurs_in(press.as_bytes()));
                assert!(transmit.end.matches(end));
                bench.send(press.as_bytes());
                assert_eq!(bench.transmitting(), Some(true), "{}", profile.name);
                bench.send(end);
                assert_eq!(bench.transmitting(), Some(false), "{}", profile.name);
            }
        }
        assert!(held > 0, "{} has no button to hold", profile.name);
    }
}

#[test]
fn a_setting_comes_back_as_the_quantity_that_it_sets() {
    for (name, title, entered, quantity, poll) in [
        ("kx3", "Frequency", 7.030_5, "frequency", "FA;"),
        ("kx3", "Keyer speed", 25.0, "keyer-speed", "KS;"),
        (
            "kenwood-v71",
            "Simplex frequency",
            145.212_5,
            "frequency",
            "FO 0",
        ),
    ] {
        let profile = Profile::load(name).expect("bundled");
        let mut bench = Bench::new(&profile);
        let entry = profile.panel.iter().find_map(|widget| match widget {
            Widget::Entry {
                title: found,
                send,
                scale,
                ..
            } if found == title => Some((send, scale)),
            _ => None,
        });
        let (send, scale) = entry.expect("an entry");
        let command = send.render(entered * scale).expect("room for it");
        bench.send(&command);
        let quantity = profile
            .quantities
            .iter()
            .find(|q| q.name == quantity)
            .expect("one");
        let answers = bench.send(poll.as_bytes());
        let Some(Value::Number(number)) = bench.value(quantity, &answers[0]) else {
            panic!("{name} does not tell its {title}");
        };
        assert!((number - entered).abs() < 1e-6, "{number} is not {entered}");
    }
}

#[test]
fn places_of_a_receiver_are_in_degrees() {
    let profile = Profile::load("nmea-gps").expect("bundled");
    let bench = Bench::new(&profile);
    let sentence = b"$GPGGA,123519,4807.038,N,01131.000,W,1,08,0.9,545.4,M,46.9,M,,";
    for (name, degrees) in [("latitude", 48.117_3), ("longitude", -11.516_667)] {
        let quantity = profile
            .quantities
            .iter()
            .find(|q| q.name == name)
            .expect("one");
        match bench.value(quantity, sentence) {
            Some(Value::Number(number)) => assert!((number - degrees).abs() < 1e-6, "{number}"),
            _ => panic!("{name} is not found"),
        }
    }
}
