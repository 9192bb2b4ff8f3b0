//! A transmitter is not left on: the safe string is written, once, whatever the reason.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::tty::{Instrument, Line, open_tty};
use common::{Watched, plugin_folder, wait_until};
use gst::prelude::*;

fn sink(instrument: &Instrument, properties: &str) -> Line {
    let line = Line::start(&format!(
        "appsrc name=in ! serialsink name=k device={} safe-string=RX; {properties}",
        instrument.path().display()
    ));
    line.posts("serial-state", &[("state", "open")]);
    line
}

/// What goes out of the sink's pad.
fn upstream(line: &Line) -> Watched<Vec<gst::Structure>> {
    let events = Watched::<Vec<gst::Structure>>::default();
    let kept = events.clone();
    let pad = line.appsrc().static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if let Some(structure) = info.event().and_then(|event| event.structure()) {
            kept.update(|all| all.push(structure.to_owned()));
        }
        gst::PadProbeReturn::Ok
    });
    events
}

#[test]
fn the_end_of_the_stream_makes_it_safe_once() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "");
    line.send("TX;", 0);
    instrument.hears("TX;");
    line.appsrc().end_of_stream().unwrap();
    instrument.hears("RX;");
    line.posts("serial-safe", &[("reason", "ended")]);
    drop(line);
    assert_eq!(instrument.heard_until_closed(), "TX;RX;");
}

#[test]
fn ready_makes_it_safe() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "");
    line.send("TX;", 0);
    instrument.hears("TX;");
    line.pipeline.set_state(gst::State::Ready).unwrap();
    assert_eq!(instrument.hears("RX;"), "TX;RX;");
    drop(line);
    assert_eq!(instrument.heard_until_closed(), "TX;RX;");
}

#[test]
fn nothing_is_written_if_nobody_worked_the_instrument() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "");
    line.make_safe(0);
    line.appsrc().end_of_stream().unwrap();
    line.messages.wait("the end", |all| {
        all.iter()
            .any(|message| message.type_() == gst::MessageType::Eos)
    });
    drop(line);
    assert_eq!(instrument.heard_until_closed(), "");
}

#[test]
fn the_event_makes_it_safe_once_until_it_is_worked_again() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "");
    line.send("TX;", 1);
    instrument.hears("TX;");
    line.make_safe(1);
    line.make_safe(1);
    instrument.hears("RX;");
    line.send("TX;", 2);
    instrument.hears("TX;");
    line.make_safe(2);
    assert_eq!(instrument.hears("RX;"), "TX;RX;TX;RX;");
    line.posts_times(2, "serial-safe", &[("reason", "a test")]);
    drop(line);
    assert_eq!(instrument.heard_until_closed(), "TX;RX;TX;RX;");
}

#[test]
fn commands_from_before_the_event_are_not_written() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "line-delay=60000 max-message=100");
    line.send("TX;", 1);
    instrument.hears("TX;");
    // They wait for the delay, in the sink and before it.
    for number in 2..=5 {
        line.send("OLD;", number);
    }
    line.make_safe(5);
    line.send("NEW;", 6);
    drop(line);
    let heard = instrument.heard_until_closed();
    assert!(heard.starts_with("TX;RX;"), "{heard}");
    assert!(!heard.contains("OLD;"), "{heard}");
}

#[test]
fn a_command_that_comes_late_is_dropped_by_its_number() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "");
    line.send("TX;", 1);
    instrument.hears("TX;");
    line.make_safe(3);
    line.send("OLD;", 2);
    line.send("OLD;", 3);
    line.send("NEW;", 4);
    assert_eq!(instrument.hears("NEW;"), "TX;RX;NEW;");
    assert_eq!(line.stat("k", "dropped"), 2);
}

#[test]
fn a_long_message_does_not_hold_up_the_safe_string() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "character-delay=10000");
    let begin = Instant::now();
    line.send(&"x".repeat(10_000), 1);
    instrument.hears("xxx");
    line.make_safe(1);
    let heard = instrument.hears("RX;RX;");
    assert!(begin.elapsed() < Duration::from_secs(50), "{heard}");
}

#[test]
fn a_transmission_that_lasts_too_long_is_ended() {
    let mut instrument = Instrument::new();
    let limits = "transmit-start=TX; transmit-end=RX; max-transmit=300";
    let line = sink(&instrument, limits);
    let events = upstream(&line);
    let transmits = |events: &Watched<Vec<gst::Structure>>| -> Vec<bool> {
        events.get(|all| {
            all.iter()
                .filter(|structure| structure.name() == "instrument-transmit")
                .map(|structure| structure.get("on").unwrap())
                .collect()
        })
    };
    line.send("TX;", 0);
    line.send("RX;", 0);
    assert_eq!(instrument.hears("RX;"), "TX;RX;");
    wait_until("both to be told", || transmits(&events) == [true, false]);

    let begin = Instant::now();
    line.send("TX;", 0);
    instrument.hears("TX;");
    assert_eq!(instrument.hears("RX;"), "TX;RX;TX;RX;");
    assert!(begin.elapsed() >= Duration::from_millis(300));
    line.posts("serial-safe", &[("reason", "0.3 s")]);
    events.wait("what is told upstream", |all| {
        all.iter()
            .any(|structure| structure.name() == "instrument-safe")
    });
    assert_eq!(transmits(&events), [true, false, true, false]);
}

#[test]
fn an_instrument_that_was_unplugged_while_it_was_worked_is_made_safe_when_it_is_back() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "");
    let events = upstream(&line);
    line.send("TX;", 0);
    instrument.hears("TX;");
    instrument.unplug();
    line.posts("serial-state", &[("state", "waiting")]);
    instrument.plug();
    assert_eq!(instrument.hears(";"), "RX;");
    events.wait("what is told upstream", |all| {
        all.iter()
            .any(|structure| structure.name() == "instrument-safe")
    });
}

#[test]
fn a_message_that_unplugging_has_cut_off_does_not_swallow_the_safe_string() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "character-delay=100000");
    line.send("TXTXTXTXTXTXTXTXTXTXTX;", 0);
    instrument.hears("TX");
    instrument.unplug();
    line.posts("serial-state", &[("state", "waiting")]);
    instrument.plug();
    assert_eq!(instrument.hears("RX;RX;"), "RX;RX;");
    drop(line);
    assert_eq!(instrument.heard_until_closed(), "RX;RX;");
}

#[test]
fn a_safe_string_that_was_lost_with_the_port_is_written_when_it_is_back() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "");
    line.send("TX;", 1);
    instrument.hears("TX;");
    let tty = open_tty(&instrument.path());
    rustix::termios::tcflow(&tty, rustix::termios::Action::OOff).unwrap();
    line.make_safe(1);
    drop(tty);
    instrument.unplug();
    line.posts("serial-state", &[("state", "waiting")]);
    instrument.plug();
    assert_eq!(instrument.hears(";"), "RX;");
}

#[test]
fn a_sink_that_is_unlinked_leaves_the_instrument_safe() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "");
    line.send("TX;", 1);
    instrument.hears("TX;");
    let source = line.appsrc().static_pad("src").unwrap();
    source.unlink(&source.peer().unwrap()).unwrap();
    assert_eq!(instrument.hears("RX;"), "TX;RX;");
}

#[test]
fn a_device_that_takes_nothing_does_not_hold_up_the_end_for_long() {
    let instrument = Instrument::new();
    let line = sink(&instrument, "");
    let tty = open_tty(&instrument.path());
    rustix::termios::tcflow(&tty, rustix::termios::Action::OOff).unwrap();
    line.send("TX;", 1);
    line.make_safe(0);
    let begin = Instant::now();
    line.pipeline.set_state(gst::State::Null).unwrap();
    assert!(begin.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_sink_introduces_itself_upstream() {
    let instrument = Instrument::new();
    let line = Line::prepare(&format!(
        "appsrc name=in ! serialsink name=k device={} profile=kx3",
        instrument.path().display()
    ));
    let events = upstream(&line);
    line.pipeline.set_state(gst::State::Playing).unwrap();
    for name in ["instrument-profile", "instrument-state"] {
        events.wait(name, |all| {
            all.iter().any(|structure| structure.name() == name)
        });
    }
}

#[test]
fn a_sink_introduces_itself_to_who_is_linked_to_it_later() {
    let instrument = Instrument::new();
    let line = sink(&instrument, "");
    let source = line.appsrc().static_pad("src").unwrap();
    let sink = source.peer().unwrap();
    source.unlink(&sink).unwrap();
    let events = upstream(&line);
    source.link(&sink).unwrap();
    events.wait("its state", |all| {
        all.iter()
            .any(|structure| structure.name() == "instrument-state")
    });
}

/// A `gst-launch-1.0` that has worked the instrument.
fn launched(instrument: &mut Instrument) -> Child {
    let mut child = Command::new("gst-launch-1.0")
        .args(["-q", "fdsrc", "!", "text/x-raw,format=utf8", "!"])
        .args(["serialsink", "safe-string=RX;"])
        .arg(format!("device={}", instrument.path().display()))
        .env("GST_PLUGIN_PATH", plugin_folder())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.as_mut().unwrap();
    stdin.write_all(b"TX;").unwrap();
    instrument.hears("TX;");
    child
}

#[test]
fn a_process_that_is_killed_leaves_the_instrument_safe() {
    use rustix::process::Signal;
    for signal in [Signal::KILL, Signal::TERM, Signal::ABORT] {
        let mut instrument = Instrument::new();
        let mut child = launched(&mut instrument);
        let process = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(process, signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal.as_raw()));
        instrument.hears("RX;");
        // Nobody is left who has it open, and nothing more came.
        assert_eq!(instrument.heard_until_closed(), "TX;RX;", "{signal:?}");
    }
}

/// The process that guards the port of another one, if it has one.
fn guardian(of: rustix::process::Pid) -> Option<rustix::process::Pid> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", of.as_raw_pid())).unwrap();
    let children = tasks.flatten().filter_map(|task| {
        let children = std::fs::read_to_string(task.path().join("children")).ok()?;
        children
            .split_whitespace()
            .find_map(|child| child.parse().ok())
    });
    children.filter_map(rustix::process::Pid::from_raw).next()
}

#[test]
fn a_process_that_is_stopped_leaves_the_instrument_safe() {
    use rustix::process::{Signal, kill_process};
    let mut instrument = Instrument::new();
    let mut child = launched(&mut instrument);
    let process = rustix::process::Pid::from_child(&child);
    kill_process(process, Signal::STOP).unwrap();
    assert_eq!(instrument.hears("RX;"), "TX;RX;");
    // It goes on, knows what has happened, and can be used and killed as before.
    kill_process(process, Signal::CONT).unwrap();
    assert_eq!(instrument.hears("RX;RX;"), "TX;RX;RX;");
    child.stdin.as_mut().unwrap().write_all(b"TX;").unwrap();
    instrument.hears("TX;");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(instrument.heard_until_closed(), "TX;RX;RX;TX;RX;");
}

#[test]
fn a_guardian_that_is_killed_is_replaced() {
    use rustix::process::{Signal, kill_process};
    let mut instrument = Instrument::new();
    let mut child = launched(&mut instrument);
    let process = rustix::process::Pid::from_child(&child);
    let first = guardian(process).unwrap();
    // It is to have lived for a while, else it is taken for one that something kills.
    let clock = gst::SystemClock::obtain();
    let id = clock.new_single_shot_id(clock.time() + gst::ClockTime::from_seconds(1));
    let _ = id.wait();
    kill_process(first, Signal::KILL).unwrap();
    wait_until("another guardian", || {
        guardian(process).is_some_and(|other| other != first)
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(instrument.heard_until_closed(), "TX;RX;");
}

#[test]
fn a_process_that_ends_well_makes_the_instrument_safe_itself() {
    let mut instrument = Instrument::new();
    let mut child = launched(&mut instrument);
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    child.wait().unwrap();
    assert_eq!(instrument.heard_until_closed(), "TX;RX;");
}
