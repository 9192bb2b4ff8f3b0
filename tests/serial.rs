//! Instruments on real ttys: what they say comes as buffers, what is sent to them arrives, and
//! they may be unplugged.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::tty::{Instrument, Line, open_tty, read_until, text};
use common::wait_until;
use gst::prelude::*;

fn source(instrument: &Instrument, properties: &str) -> Line {
    let device = instrument.path();
    let line = Line::start(&format!(
        "serialsrc name=s device={} {properties} ! appsink name=out",
        device.display()
    ));
    line.posts("serial-state", &[("state", "open")]);
    line
}

fn both(instrument: &Instrument, of_source: &str, of_sink: &str) -> Line {
    let device = instrument.path();
    let device = device.display();
    let line = Line::start(&format!(
        "serialsrc name=s device={device} {of_source} ! appsink name=out \
         appsrc name=in ! serialsink name=k device={device} {of_sink}"
    ));
    line.posts_times(2, "serial-state", &[("state", "open")]);
    line
}

#[test]
fn lines_come_with_the_time_of_their_first_byte() {
    let instrument = Instrument::new();
    let line = source(&instrument, "");
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let running = line.pipeline.current_running_time().unwrap();
    instrument.say(b"one\r\ntw");
    line.receives(1);
    let between = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let later = line.pipeline.current_running_time().unwrap();
    instrument.say(b"o\n");
    assert_eq!(line.receives(2), ["one", "two"]);
    line.buffers.get(|buffers| {
        for buffer in buffers {
            let meta = buffer.meta::<gst::ReferenceTimestampMeta>().unwrap();
            assert_eq!(meta.reference().to_string(), "timestamp/x-unix");
            let unix = Duration::from(meta.timestamp());
            assert!(before <= unix && unix <= between, "{before:?} {unix:?}");
            let pts = buffer.pts().unwrap();
            assert!(running <= pts && pts <= later, "{running} {pts} {later}");
        }
    });
    let pad = line.pipeline.by_name("out").unwrap().static_pad("sink");
    let caps = pad.as_ref().unwrap().current_caps().unwrap();
    assert_eq!(
        caps.to_string(),
        "application/x-instrument, framing=(string)line, text=(boolean)true"
    );
    let state = pad
        .unwrap()
        .sticky_event::<gst::event::CustomDownstreamSticky>(0);
    let state = state.unwrap();
    let structure = state.structure().unwrap();
    assert_eq!(structure.name(), "instrument-state");
    assert_eq!(structure.get::<String>("state").as_deref(), Ok("open"));
}

#[test]
fn messages_come_in_any_framing() {
    let cases: [(&str, &[u8], &[&str]); 6] = [
        ("framing=raw", b"raw", &["raw"]),
        ("framing=delimiter", b"FA1;IF2;", &["FA1;", "IF2;"]),
        (
            "framing=delimiter delimiter=\\\\r keep-delimiter=false",
            b"a\rb\r",
            &["a", "b"],
        ),
        (
            "framing=fixed length=5",
            b"12345abcdexx",
            &["12345", "abcde"],
        ),
        ("framing=slip", b"\xC0one\xC0\xC0two\xC0", &["one", "two"]),
        ("framing=cobs", b"\x04one\0\x04two\0", &["one", "two"]),
    ];
    for (properties, said, expected) in cases {
        let instrument = Instrument::new();
        let line = source(&instrument, properties);
        instrument.say(said);
        assert_eq!(line.receives(expected.len()), expected, "{properties}");
    }
}

#[test]
fn silence_ends_a_message() {
    let instrument = Instrument::new();
    let line = source(&instrument, "framing=idle-gap gap=20000");
    instrument.say(b"one");
    line.receives(1);
    instrument.say(b"two");
    assert_eq!(line.receives(2), ["one", "two"]);
}

#[test]
fn a_source_and_a_sink_share_a_port() {
    let mut instrument = Instrument::new();
    let line = both(&instrument, "baud=38400", "terminator=\\\\r\\\\n");
    line.send("*IDN?", 0);
    assert_eq!(instrument.hears("\r\n"), "*IDN?\r\n");
    instrument.say(b"Periscope\n");
    assert_eq!(line.receives(1), ["Periscope"]);
    assert_eq!(line.stat("k", "messages"), 1);
    assert_eq!(line.stat("s", "messages"), 1);
}

#[test]
fn settings_that_contradict_each_other_are_an_error() {
    let instrument = Instrument::new();
    let device = instrument.path();
    let device = device.display();
    let line = Line::prepare(&format!(
        "serialsrc device={device} baud=9600 ! appsink name=out \
         appsrc name=in ! serialsink device={device} baud=38400"
    ));
    assert!(line.pipeline.set_state(gst::State::Playing).is_err());
    assert!(line.error().contains("baud=38400"), "{}", line.error());
}

#[test]
fn a_port_in_use_says_by_whom_and_is_opened_when_it_is_free() {
    let instrument = Instrument::new();
    let device = instrument.path();
    let mut other = Command::new("flock")
        .arg("--exclusive")
        .arg(&device)
        .args(["sh", "-c", "echo locked; exec sleep 1000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let stdout = std::fs::File::from(std::os::fd::OwnedFd::from(other.stdout.take().unwrap()));
    assert!(read_until(&stdout, &mut said, |said| said == b"locked\n"));

    let needed = Line::prepare(&format!(
        "serialsrc device={} required=true ! fakesink",
        device.display()
    ));
    assert!(needed.pipeline.set_state(gst::State::Playing).is_err());
    let whom = format!("flock (process {})", other.id());
    assert!(needed.error().contains(&whom), "{}", needed.error());
    drop(needed);

    let line = Line::start(&format!(
        "serialsrc device={} ! appsink name=out",
        device.display()
    ));
    line.warns(&whom);
    // The whole group of our own child.
    let group = rustix::process::Pid::from_child(&other);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();
    other.wait().unwrap();
    line.posts("serial-state", &[("state", "open")]);
    instrument.say(b"free\n");
    assert_eq!(line.receives(1), ["free"]);
}

#[test]
fn our_lock_keeps_others_out() {
    let instrument = Instrument::new();
    let line = source(&instrument, "");
    let other_can_lock = || {
        let mut other = Command::new("flock");
        other.args(["--nonblock", "--exclusive"]);
        other.arg(instrument.path()).arg("true");
        other.status().unwrap().success()
    };
    assert!(!other_can_lock());
    drop(line);
    assert!(other_can_lock());
}

#[test]
fn a_device_that_is_missing_is_waited_for() {
    let mut instrument = Instrument::new();
    instrument.unplug();
    let line = Line::start(&format!(
        "serialsrc device={} ! appsink name=out",
        instrument.path().display()
    ));
    line.warns("is not there");
    line.posts("serial-state", &[("state", "waiting")]);
    instrument.plug();
    line.posts("serial-state", &[("state", "open")]);
    instrument.say(b"here\n");
    assert_eq!(line.receives(1), ["here"]);
}

#[test]
fn a_required_device_that_is_missing_is_an_error() {
    let line = Line::prepare("serialsrc device=/dev/no-such-tty required=true ! fakesink");
    assert!(line.pipeline.set_state(gst::State::Playing).is_err());
    let error = line.error();
    assert!(error.contains("/dev/no-such-tty is not there"), "{error}");
}

#[test]
fn what_is_not_a_serial_port_is_an_error() {
    for (device, words) in [
        ("/dev/null", "is not a serial port"),
        ("pty:/dev/null", "there is a file of that name"),
    ] {
        let line = Line::prepare(&format!("serialsrc device={device} ! fakesink"));
        assert!(line.pipeline.set_state(gst::State::Playing).is_err());
        assert!(line.error().contains(words), "{}", line.error());
    }
}

#[test]
fn a_wrong_property_is_named() {
    for (properties, words) in [
        ("serialsrc ! fakesink", "No device"),
        (
            "serialsrc device=/dev/null delimiter=\\\\q ! fakesink",
            "Property delimiter",
        ),
        (
            "serialsrc device=/dev/null poll=<\"FA;\"> ! fakesink",
            "COMMAND@MILLISECONDS",
        ),
        (
            "fakesrc ! serialsink device=/dev/null transmit-start=(",
            "Property transmit-start",
        ),
        ("serialsrc device=/dev/null profile=kx33 ! fakesink", "kx3"),
    ] {
        let line = Line::prepare(properties);
        assert!(line.pipeline.set_state(gst::State::Playing).is_err());
        assert!(line.error().contains(words), "{}", line.error());
    }
}

#[test]
fn an_instrument_that_is_unplugged_comes_back_and_is_set_up_again() {
    let mut instrument = Instrument::new();
    let line = both(&instrument, "init=<\"AI2;\",\"K31;\">", "");
    instrument.hears("AI2;K31;");
    instrument.say(b"before\nhalf a li");
    line.receives(1);
    instrument.unplug();
    line.posts_times(2, "serial-state", &[("state", "waiting")]);
    line.warns("was unplugged");
    // Goes nowhere, and not to the instrument later.
    line.send("LOST;", 0);
    wait_until("the command to be dropped", || {
        line.stat("k", "dropped") == 1
    });
    instrument.plug();
    line.posts_times(4, "serial-state", &[("state", "open")]);
    line.send("FA;", 0);
    assert_eq!(instrument.hears("FA;"), "AI2;K31;FA;");
    instrument.say(b"after\n");
    assert_eq!(line.receives(2), ["before", "after"]);
    assert_eq!(line.stat("s", "reconnects"), 1);
    assert_eq!(line.stat("s", "bad"), 1);
}

#[test]
fn what_arrived_before_the_cable_was_pulled_is_not_lost() {
    let mut instrument = Instrument::new();
    let line = source(&instrument, "");
    line.pipeline.set_state(gst::State::Paused).unwrap();
    let expected: Vec<String> = (0..1000).map(|n| format!("line {n}")).collect();
    instrument.say((expected.join("\n") + "\n").as_bytes());
    wait_until("all to be read", || line.stat("s", "messages") == 1000);
    instrument.unplug();
    line.posts("serial-state", &[("state", "waiting")]);
    line.pipeline.set_state(gst::State::Playing).unwrap();
    assert_eq!(line.receives(1000), expected);
}

#[test]
fn questions_are_asked_in_intervals() {
    let mut instrument = Instrument::new();
    let _line = source(&instrument, "init=<\"ID;\"> poll=<\"FA;@30\">");
    assert!(instrument.hears("FA;FA;FA;").starts_with("ID;FA;FA;FA;"));
}

#[test]
fn questions_do_not_cut_into_commands() {
    let mut instrument = Instrument::new();
    let line = both(
        &instrument,
        "poll=<\"?@5\">",
        "character-delay=2000 terminator=;",
    );
    for _ in 0..5 {
        line.send("0123456789", 0);
    }
    line.send("END", 0);
    let heard = instrument.hears_among_others("END;").replace('?', "");
    assert_eq!(heard, "0123456789;".repeat(5) + "END;");
}

#[test]
fn nothing_is_lost_at_three_megabaud() {
    let instrument = Instrument::new();
    let line = source(&instrument, "baud=3000000");
    let count = 150_000;
    let mut voice = instrument.voice();
    let speaker = std::thread::spawn(move || {
        for block in 0..count / 100 {
            let lines: String = (block * 100..block * 100 + 100)
                .map(|n| format!("{n:08} 123456789 ab\r\n"))
                .collect();
            voice.write_all(lines.as_bytes()).unwrap();
        }
    });
    line.buffers
        .wait("all lines", |buffers| buffers.len() >= count);
    speaker.join().unwrap();
    line.buffers.get(|buffers| {
        assert_eq!(buffers.len(), count);
        for (n, buffer) in buffers.iter().enumerate() {
            assert_eq!(text(buffer), format!("{n:08} 123456789 ab"));
        }
    });
    assert_eq!(line.stat("s", "dropped"), 0);
    assert_eq!(line.stat("s", "bytes"), count as u64 * 23);
}

#[test]
fn noise_and_a_line_without_end_are_counted_and_the_next_line_is_heard() {
    let instrument = Instrument::new();
    let line = source(&instrument, "max-message=1000");
    let mut state = 1_u64;
    let mut noise = || {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8
    };
    // A second of it at 1 Mbit/s.
    let noise: Vec<u8> = (0..100_000).map(|_| noise()).collect();
    instrument.say(&noise);
    instrument.say(b"\n");
    instrument.say(&[b'x'; 100_000]);
    // More than the longest block that the noise may have begun, and its end.
    instrument.say(b"\n");
    instrument.say(&[b'\n'; 1000]);
    instrument.say(b"hello\n");
    line.buffers.wait("the line after the noise", |buffers| {
        buffers.last().is_some_and(|last| text(last) == "hello")
    });
    assert!(line.stat("s", "overlong") >= 1);
    line.warns("max-message");
}

#[test]
fn a_command_that_is_too_long_is_dropped_and_counted() {
    let mut instrument = Instrument::new();
    let line = both(&instrument, "", "");
    line.send(&"x".repeat(1 << 20), 0);
    line.send("FA;", 0);
    assert_eq!(instrument.hears(";"), "FA;");
    assert_eq!(line.stat("k", "dropped"), 1);
}

#[test]
fn a_profile_sets_the_port_up_and_goes_with_the_stream() {
    let mut instrument = Instrument::new();
    let line = source(&instrument, "profile=scpi-multimeter poll=<\"MEAS?@50\">");
    assert!(instrument.hears("MEAS?\n").ends_with("MEAS?\n"));
    instrument.say(b"1.5\n");
    line.receives(1);
    let pad = line.pipeline.by_name("out").unwrap().static_pad("sink");
    let pad = pad.unwrap();
    let profile = (0..)
        .map_while(|index| pad.sticky_event::<gst::event::CustomDownstreamSticky>(index))
        .filter_map(|event| event.structure().map(|structure| structure.to_owned()))
        .find(|structure| structure.name() == "instrument-profile")
        .unwrap();
    assert_eq!(
        profile.get::<String>("name").as_deref(),
        Ok("scpi-multimeter")
    );
    assert!(
        profile
            .get::<String>("profile")
            .unwrap()
            .contains("\"panel\"")
    );
}

#[test]
fn a_program_that_only_knows_a_tty_uses_a_virtual_port() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("radio");
    let line = Line::start(&format!(
        "serialsrc name=s device=pty:{0} framing=delimiter ! appsink name=out \
         appsrc name=in ! serialsink name=k device=pty:{0}",
        path.display()
    ));
    line.posts(
        "serial-state",
        &[("state", "waiting"), ("text", "no program")],
    );
    // While nobody listens it goes nowhere.
    line.send("NOBODY;", 0);
    wait_until("the command to be dropped", || {
        line.stat("k", "dropped") == 1
    });
    for round in 1..=3 {
        let program = open_tty(&path);
        line.posts_times(2 * round, "serial-state", &[("state", "open")]);
        (&program)
            .write_all(format!("FA{round};").as_bytes())
            .unwrap();
        assert_eq!(line.receives(round).last().unwrap(), &format!("FA{round};"));
        line.send("IF;", 0);
        let mut heard = Vec::new();
        assert!(read_until(&program, &mut heard, |heard| heard == b"IF;"));
        drop(program);
        line.posts_times(
            2 * round,
            "serial-state",
            &[("state", "waiting"), ("text", "has closed")],
        );
    }
    drop(line);
    assert!(!path.is_symlink());
}

#[test]
fn what_a_program_says_that_leaves_at_once_is_heard() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    let line = Line::start(&format!(
        "serialsrc device=pty:{} ! appsink name=out",
        path.display()
    ));
    line.posts("serial-state", &[("state", "waiting")]);
    let said = Command::new("sh")
        .args(["-c", "echo hello > \"$0\""])
        .arg(&path)
        .status();
    assert!(said.unwrap().success());
    assert_eq!(line.receives(1), ["hello"]);
}

#[test]
fn a_name_that_was_left_behind_is_taken_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("port");
    std::os::unix::fs::symlink("/dev/pts/999999", &path).unwrap();
    let line = Line::start(&format!(
        "serialsrc device=pty:{} ! appsink name=out",
        path.display()
    ));
    line.posts("serial-state", &[("state", "waiting")]);
    (&open_tty(&path)).write_all(b"hello\n").unwrap();
    assert_eq!(line.receives(1), ["hello"]);
}

#[test]
fn a_command_that_is_being_written_survives_a_pause() {
    let mut instrument = Instrument::new();
    let line = Line::start(&format!(
        "appsrc name=in ! serialsink name=k device={} character-delay=20000",
        instrument.path().display()
    ));
    line.posts("serial-state", &[("state", "open")]);
    line.send("A SLOW COMMAND;", 0);
    line.send("NEXT;", 0);
    instrument.hears("A S");
    line.pipeline.set_state(gst::State::Paused).unwrap();
    line.pipeline.set_state(gst::State::Playing).unwrap();
    assert_eq!(instrument.hears("NEXT;"), "A SLOW COMMAND;NEXT;");
    line.send("LAST;", 0);
    instrument.hears("LAST;");
}
