//! The simulated instrument on a real pseudo-terminal, with the faults that it can have.

#[allow(dead_code, reason = "not all of it is used here")]
#[path = "../examples/instrument-sim/simulator/mod.rs"]
mod simulator;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};

use simulator::instruments::Counting;
use simulator::{Planned, Settings, Simulator};

/// How long any single thing may take before the test fails.
const LIMIT: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// A simulator in a thread of its own.
struct Running {
    events: Receiver<String>,
    orders: UnixStream,
    stop: UnixStream,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Where a simulator's events go.
struct Events(Sender<String>, Vec<u8>);

impl Write for Events {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        while let Some(end) = self.1.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.1.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let _ = self.0.send(line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn settings(instrument: &str) -> (Settings, Receiver<String>) {
    let (sender, events) = channel();
    let settings = Settings {
        instrument: instrument.to_owned(),
        link: None,
        counting: Counting {
            count: 0,
            rate: 1000.0,
            length: 0,
        },
        seed: 7,
        faults: Vec::new(),
        log: None,
        sent: None,
        events: Box::new(Events(sender, Vec::new())),
    };
    (settings, events)
}

impl Running {
    fn start((settings, events): (Settings, Receiver<String>)) -> Self {
        let mut simulator = Simulator::new(settings).expect("a terminal");
        let (orders, theirs) = UnixStream::pair().expect("a pair");
        let (stop, stopped) = UnixStream::pair().expect("a pair");
        let thread =
            std::thread::spawn(move || simulator.run(Some(OwnedFd::from(theirs)), &stopped));
        Self {
            events,
            orders,
            stop,
            thread: Some(thread),
        }
    }

    /// The rest of the next event that begins with this word.
    fn event(&self, word: &str) -> String {
        loop {
            let event = self.events.recv_timeout(Duration::from_secs(10));
            let event = event.expect("an event");
            if let Some(rest) = event.strip_prefix(word) {
                return rest.trim_start().to_owned();
            }
        }
    }

    fn order(&self, order: &str) {
        writeln!(&self.orders, "{order}").expect("it listens");
    }

    fn open(&self) -> Host {
        Host::open(&PathBuf::from(self.event("tty")))
    }

    fn end(mut self) {
        self.stop.write_all(b"x").expect("it listens");
        if let Some(thread) = self.thread.take() {
            thread.join().expect("no panic").expect("no error");
        }
    }
}

/// A host that has opened the port.
struct Host(File);

impl Host {
    fn open(path: &Path) -> Self {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(path, flags, Mode::empty()).expect("it opens");
        Self(File::from(fd))
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("it is there");
    }

    /// What comes next.
    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        assert_eq!(poll(&mut fds, Some(&LIMIT)), Ok(1), "nothing comes");
        let mut bytes = vec![0; 65536];
        let count = self.0.read(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// What comes until this has come.
    fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end) {
            bytes.extend(self.piece().expect("it is there"));
        }
        bytes
    }
}

#[test]
fn it_answers_and_tells_when_it_transmits() {
    let running = Running::start(settings("kx3"));
    let mut host = running.open();
    host.send(b"FA;");
    assert_eq!(host.until(b";"), b"FA00014060000;");
    host.send(b"TX;TQ;");
    assert_eq!(host.until(b";"), b"TQ1;");
    assert!(running.event("transmit").starts_with("on "));
    running.order("status");
    let status = running.event("status");
    assert!(
        status.contains("transmitting") && status.contains("TX;TQ;"),
        "{status}"
    );
    host.send(b"RX;");
    assert!(running.event("transmit").starts_with("off "));
    running.end();
}

#[test]
fn what_it_hears_is_logged_with_the_time() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let (mut settings, events) = settings("kenwood-v71");
    settings.log = Some(Box::new(file.reopen().expect("a file")));
    let running = Running::start((settings, events));
    let mut host = running.open();
    host.send(b"BY 0\r");
    host.until(b"\r");
    running.end();
    let log = std::fs::read_to_string(file.path()).expect("a log");
    let (time, bytes) = log.trim_end().split_once(' ').expect("time and bytes");
    assert!(time.parse::<u64>().expect("a number") > 1_700_000_000_000_000);
    assert_eq!(bytes, "BY 0\\r");
}

#[test]
fn a_pulled_cable_is_found_under_the_same_name_when_it_is_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("radio");
    let (mut settings, events) = settings("kx3");
    settings.link = Some(link.clone());
    let running = Running::start((settings, events));
    let first = running.event("tty");
    let mut host = Host::open(&link);
    running.event("open");
    running.order("unplug");
    running.event("unplugged");
    // A pulled cable is an error or the end.
    assert!(host.piece().is_ok_and(|bytes| bytes.is_empty()) || host.piece().is_err());
    assert!(!link.exists());
    running.order("plug");
    let second = running.event("tty");
    assert_ne!(first, second);
    drop(host);
    let mut host = Host::open(&link);
    host.send(b"ID;");
    assert_eq!(host.until(b";"), b"ID017;");
    running.end();
    assert!(!link.exists());
}

#[test]
fn a_cable_can_be_pulled_for_a_while_by_plan() {
    let (mut settings, events) = settings("kx3");
    let plan = "0.05:unplug 0.05".parse::<Planned>();
    settings.faults = vec![plan.expect("an order")];
    let running = Running::start((settings, events));
    running.event("tty");
    running.event("unplugged");
    let mut host = running.open();
    host.send(b"ID;");
    assert_eq!(host.until(b";"), b"ID017;");
    running.end();
}

#[test]
fn split_messages_come_in_pieces_and_whole() {
    let running = Running::start(settings("kx3"));
    let mut host = running.open();
    running.event("open");
    running.order("split on");
    // Followed, when its answer comes.
    running.order("status");
    running.event("status");
    host.send(b"FA;");
    let first = host.piece().expect("it is there");
    assert!((1..=3).contains(&first.len()), "{first:?}");
    let rest = host.until(b";");
    assert_eq!([first, rest].concat(), b"FA00014060000;");
    running.end();
}

#[test]
fn a_silent_instrument_says_nothing_until_it_may_again() {
    let running = Running::start(settings("kx3"));
    let mut host = running.open();
    running.event("open");
    running.order("silence");
    running.order("status");
    running.event("status");
    host.send(b"FA;TX;");
    running.event("transmit");
    running.order("silence 0");
    running.order("status");
    running.event("status");
    host.send(b"TQ;");
    assert_eq!(host.until(b";"), b"TQ1;");
    running.end();
}

#[test]
fn garbage_and_floods_come_when_they_are_ordered() {
    let running = Running::start(settings("kx3"));
    let mut host = running.open();
    running.event("open");
    running.order("garbage 50");
    let mut noise = 0;
    while noise < 50 {
        noise += host.piece().expect("it is there").len();
    }
    assert_eq!(noise, 50);
    running.order("flood 1000 60");
    host.until(b"flood=50\r\n");
    running.order("say end\\n");
    host.until(b"end\n");
    running.end();
}

#[test]
fn numbered_lines_begin_when_the_port_is_opened_and_none_is_lost() {
    let count = 20_000;
    let file = tempfile::NamedTempFile::new().expect("a file");
    let (mut settings, events) = settings("counter");
    settings.counting = Counting {
        count,
        rate: 1_000_000.0,
        length: 40,
    };
    settings.sent = Some(Box::new(file.reopen().expect("a file")));
    let running = Running::start((settings, events));
    let mut host = running.open();
    let mut bytes = Vec::new();
    let mut lines = 0;
    while lines < count {
        let piece = host.piece().expect("it is there");
        lines += piece
            .iter()
            .map(|byte| u64::from(*byte == b'\n'))
            .sum::<u64>();
        bytes.extend(piece);
    }
    running.end();
    let text = String::from_utf8(bytes.clone()).expect("text");
    for (number, line) in (1..).zip(text.lines()) {
        assert!(line.starts_with(&format!("n={number} t=")), "{line}");
        assert_eq!(line.len(), 39);
    }
    assert_eq!(bytes, std::fs::read(file.path()).expect("what was sent"));
}

#[test]
fn a_wrong_order_is_told_and_does_no_harm() {
    let running = Running::start(settings("terminal"));
    let mut host = running.open();
    running.order("dance");
    assert!(
        running
            .event("error")
            .contains("“dance” is nothing that can be done")
    );
    host.send(b"echo hello\r\n");
    host.until(b"hello\r\n");
    running.order("quit");
    let Running { thread, .. } = running;
    let ended = thread.expect("a thread").join().expect("no panic");
    ended.expect("no error");
}
