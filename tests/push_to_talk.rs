//! A transmitter is keyed while somebody talks, and whatever ends that takes it off the air.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::time::{Duration, Instant};

use common::tty::{Instrument, Line, open_tty};
use common::{Watched, wait_until};
use gst::prelude::*;

fn sink(instrument: &Instrument, properties: &str) -> Line {
    let line = Line::start(&format!(
        "appsrc name=in ! serialsink name=k device={} {properties}",
        instrument.path().display()
    ));
    line.posts("serial-state", &[("state", "open")]);
    // Who is asleep does not talk.
    let (changed, state, _) = line.pipeline.state(gst::ClockTime::from_seconds(10));
    assert_eq!((changed.is_ok(), state), (true, gst::State::Playing));
    line
}

const KX3: &str = "talk-start=TX; talk-end=RX; safe-string=SAFE;";

fn event(structure: gst::structure::Builder) -> gst::Event {
    gst::event::CustomDownstreamOob::new(structure.build())
}

fn push(line: &Line, event: gst::Event) {
    let pad = line.appsrc().static_pad("src").unwrap();
    assert!(pad.push_event(event));
}

fn talk(line: &Line, on: bool) {
    push(
        line,
        event(gst::Structure::builder("instrument-talk").field("on", on)),
    );
}

/// What the sink tells of transmissions, in order.
fn transmissions(line: &Line) -> Watched<Vec<bool>> {
    let told = Watched::<Vec<bool>>::default();
    let kept = told.clone();
    let pad = line.appsrc().static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
        if let Some(structure) = info.event().and_then(|event| event.structure())
            && structure.name() == "instrument-transmit"
        {
            let on = structure.get("on").unwrap();
            kept.update(|all| all.push(on));
        }
        gst::PadProbeReturn::Ok
    });
    told
}

#[test]
fn the_start_is_written_when_talking_begins_and_the_end_when_it_ends() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    let told = transmissions(&line);
    talk(&line, true);
    instrument.hears("TX;");
    talk(&line, false);
    assert_eq!(instrument.hears("RX;"), "TX;RX;");
    wait_until("both to be told", || told.get(|all| *all == [true, false]));
    // Somebody has worked it.
    drop(line);
    assert_eq!(instrument.heard_until_closed(), "TX;RX;SAFE;");
}

#[test]
fn who_talks_twice_is_keyed_once_and_an_end_without_begin_is_harmless() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    talk(&line, false);
    talk(&line, true);
    talk(&line, true);
    instrument.hears("TX;");
    talk(&line, false);
    talk(&line, false);
    instrument.hears("RX;");
    line.send("FA;", 0);
    assert_eq!(instrument.hears("FA;"), "TX;RX;FA;");
}

#[test]
fn an_instrument_that_is_made_safe_is_keyed_no_more_until_somebody_begins_anew() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    let told = transmissions(&line);
    talk(&line, true);
    instrument.hears("TX;");
    line.make_safe(0);
    instrument.hears("SAFE;");
    talk(&line, false);
    line.send("FA;", 0);
    assert_eq!(instrument.hears("FA;"), "TX;SAFE;FA;");
    wait_until("both to be told", || told.get(|all| *all == [true, false]));
    talk(&line, true);
    instrument.hears("FA;TX;");
}

#[test]
fn who_began_to_talk_before_the_order_to_be_safe_is_not_keyed_after_it() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    line.send("FA;", 1);
    instrument.hears("FA;");
    line.make_safe(2);
    let begin = gst::Structure::builder("instrument-talk").field("on", true);
    push(&line, event(begin.field("number", 2_u64)));
    line.send("FB;", 3);
    assert_eq!(instrument.hears("FB;"), "FA;SAFE;FB;");
}

#[test]
fn who_had_the_transmitter_before_does_not_take_another_one_off_the_air() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    let tell = |on: bool, number: u64| {
        let structure = gst::Structure::builder("instrument-talk").field("on", on);
        push(&line, event(structure.field("number", number)));
    };
    tell(true, 3);
    instrument.hears("TX;");
    line.make_safe(4);
    instrument.hears("SAFE;");
    tell(true, 5);
    instrument.hears("SAFE;TX;");
    // The first one lets go only now.
    tell(false, 3);
    line.send("FA;", 6);
    assert_eq!(instrument.hears("FA;"), "TX;SAFE;TX;FA;");
    tell(false, 5);
    assert_eq!(instrument.hears("RX;"), "TX;SAFE;TX;FA;RX;");
}

#[test]
fn talking_that_lasts_too_long_is_ended() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, &format!("{KX3} max-transmit=300"));
    let begin = Instant::now();
    talk(&line, true);
    instrument.hears("TX;");
    assert_eq!(instrument.hears("SAFE;"), "TX;SAFE;");
    assert!(begin.elapsed() >= Duration::from_millis(300));
    line.posts("serial-safe", &[("reason", "0.3 s")]);
}

#[test]
fn an_instrument_that_is_unplugged_while_somebody_talks_comes_back_safe() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    talk(&line, true);
    instrument.hears("TX;");
    instrument.unplug();
    line.posts("serial-state", &[("state", "waiting")]);
    // While it is away nobody begins for later.
    talk(&line, true);
    instrument.plug();
    instrument.hears("SAFE;");
    talk(&line, false);
    line.send("FA;", 0);
    assert_eq!(instrument.hears("FA;"), "SAFE;FA;");
}

#[test]
fn the_end_of_the_stream_and_ready_take_who_talks_off_the_air() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    talk(&line, true);
    instrument.hears("TX;");
    line.appsrc().end_of_stream().unwrap();
    instrument.hears("SAFE;");
    talk(&line, true);
    drop(line);
    assert_eq!(instrument.heard_until_closed(), "TX;SAFE;");

    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    talk(&line, true);
    instrument.hears("TX;");
    line.pipeline.set_state(gst::State::Ready).unwrap();
    // On the way there it pauses, which ends the talking unless the safe string is faster.
    let heard = instrument.hears("SAFE;");
    assert!(["TX;RX;SAFE;", "TX;SAFE;"].contains(&&*heard), "{heard}");
}

#[test]
fn a_pipeline_that_pauses_takes_who_talks_off_the_air() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    talk(&line, true);
    instrument.hears("TX;");
    line.pipeline.set_state(gst::State::Paused).unwrap();
    assert_eq!(instrument.hears("RX;"), "TX;RX;");
    talk(&line, true);
    line.pipeline.set_state(gst::State::Playing).unwrap();
    line.send("FA;", 0);
    assert_eq!(instrument.hears("FA;"), "TX;RX;FA;");
}

#[test]
fn the_end_of_talking_goes_before_commands_that_wait() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, &format!("{KX3} line-delay=60000"));
    talk(&line, true);
    instrument.hears("TX;");
    for _ in 0..100 {
        line.send("FA;", 0);
    }
    talk(&line, false);
    assert_eq!(instrument.hears("RX;"), "TX;RX;");
}

#[test]
fn the_safe_string_and_the_end_of_talking_stand_in_for_each_other() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "talk-start=TX; safe-string=RX;");
    talk(&line, true);
    instrument.hears("TX;");
    talk(&line, false);
    assert_eq!(instrument.hears("RX;"), "TX;RX;");
    drop(line);

    let mut instrument = Instrument::new();
    let line = sink(&instrument, "talk-start=TX; talk-end=RX;");
    talk(&line, true);
    instrument.hears("TX;");
    line.make_safe(0);
    assert_eq!(instrument.hears("RX;"), "TX;RX;");
}

/// A pseudo-terminal has no lines: what is seen is what the sink tells.
#[test]
fn a_line_alone_counts_as_a_transmission() {
    let mut instrument = Instrument::new();
    let line = sink(
        &instrument,
        "talk-line=rts safe-string=RX; max-transmit=300",
    );
    let told = transmissions(&line);
    talk(&line, true);
    told.wait("to be on the air", |all| *all == [true]);
    talk(&line, false);
    told.wait("to be off the air", |all| *all == [true, false]);
    talk(&line, true);
    // No command takes a line down.
    line.send("RX;", 0);
    instrument.hears("RX;");
    line.posts("serial-safe", &[("reason", "0.3 s")]);
    assert_eq!(instrument.hears("RX;RX;"), "RX;RX;");
    assert_eq!(told.get(Clone::clone), [true, false, true, false]);
}

#[test]
fn a_line_that_would_not_be_low_is_refused_at_the_start() {
    let instrument = Instrument::new();
    for (properties, words) in [
        ("talk-line=rts rts=on", "rts=on"),
        (
            "talk-line=rts flow-control=hardware",
            "flow-control=hardware",
        ),
        ("talk-line=dtr dtr=on", "dtr=on"),
        ("talk-start=TX;", "needs talk-end or safe-string"),
    ] {
        let line = Line::prepare(&format!(
            "appsrc name=in ! serialsink device={} {properties}",
            instrument.path().display()
        ));
        assert!(line.pipeline.set_state(gst::State::Playing).is_err());
        assert!(line.error().contains(words), "{}", line.error());
    }
}

#[test]
fn an_instrument_that_cannot_be_keyed_says_so_once() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "safe-string=RX;");
    talk(&line, true);
    talk(&line, false);
    talk(&line, true);
    line.send("FA;", 0);
    assert_eq!(instrument.hears("FA;"), "FA;");
    line.warns("cannot be keyed by talking");
    let warnings = line.messages.get(|all| {
        let warnings = all
            .iter()
            .filter(|m| m.type_() == gst::MessageType::Warning);
        warnings.count()
    });
    assert_eq!(warnings, 1);
}

#[test]
fn a_sink_tells_whether_it_can_be_keyed() {
    for (properties, keys) in [
        ("profile=kx3", true),
        ("profile=kenwood-v71", true),
        ("", false),
    ] {
        let instrument = Instrument::new();
        let line = Line::prepare(&format!(
            "appsrc name=in ! serialsink name=k device={} {properties}",
            instrument.path().display()
        ));
        let told = Watched::<Option<bool>>::default();
        let kept = told.clone();
        let pad = line.appsrc().static_pad("src").unwrap();
        pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |_, info| {
            if let Some(structure) = info.event().and_then(|event| event.structure())
                && structure.name() == "instrument-state"
            {
                let keys = structure.get("keys").unwrap();
                kept.update(|told| *told = Some(keys));
            }
            gst::PadProbeReturn::Ok
        });
        line.pipeline.set_state(gst::State::Playing).unwrap();
        told.wait(properties, |told| *told == Some(keys));
    }
}

#[test]
fn a_profile_says_how_its_radio_is_keyed() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, "profile=kenwood-v71 flow-control=none");
    talk(&line, true);
    instrument.hears("TX\r");
    talk(&line, false);
    assert_eq!(instrument.hears("RX\r"), "TX\rRX\r");
}

#[test]
fn a_port_that_takes_nothing_does_not_keep_who_talks_on_the_air_for_long() {
    let mut instrument = Instrument::new();
    let line = sink(&instrument, KX3);
    talk(&line, true);
    instrument.hears("TX;");
    let tty = open_tty(&instrument.path());
    rustix::termios::tcflow(&tty, rustix::termios::Action::OOff).unwrap();
    line.make_safe(0);
    rustix::termios::tcflow(&tty, rustix::termios::Action::OOn).unwrap();
    assert_eq!(instrument.hears("SAFE;"), "TX;SAFE;");
}
