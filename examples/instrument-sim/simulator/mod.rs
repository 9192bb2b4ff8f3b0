//! A simulated instrument on a pseudo-terminal.
//!
//! [`Simulator::run`] is one loop in one thread: it waits until the host writes, the
//! instrument wants to say something, or an order comes, and does what is due.

pub(crate) mod instruments;
mod order;
mod port;
mod wire;

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rand::SeedableRng;
use rand::rngs::StdRng;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use instruments::{Counting, Instrument};
pub(crate) use order::{HELP, Order, Planned};
use port::Port;
use wire::Wire;

/// How often is looked whether somebody has opened the port.
const LOOK: Duration = Duration::from_millis(10);

/// What is read at once, in bytes.
const BUFFER: usize = 64 * 1024;

/// Of what was last heard so much is kept, in bytes.
const MAX_HEARD: usize = 100;

/// What to simulate.
pub(crate) struct Settings {
    /// One of [`instruments::NAMES`].
    pub(crate) instrument: String,
    /// A name for the terminal.
    pub(crate) link: Option<PathBuf>,
    pub(crate) counting: Counting,
    pub(crate) seed: u64,
    pub(crate) faults: Vec<Planned>,
    /// What the host has sent: a line for each piece, time in µs since 1970, a space, the
    /// bytes as Rust escapes them.
    pub(crate) log: Option<Box<dyn Write + Send>>,
    /// What the host was sent, as it is.
    pub(crate) sent: Option<Box<dyn Write + Send>>,
    /// What happens, a line for each.
    pub(crate) events: Box<dyn Write + Send>,
}

/// See the module's documentation.
pub(crate) struct Simulator {
    instrument: Box<dyn Instrument>,
    port: Port,
    wire: Wire,
    faults: Vec<Planned>,
    log: Option<Box<dyn Write + Send>>,
    sent: Option<Box<dyn Write + Send>>,
    events: Box<dyn Write + Send>,
    begun: Duration,
    is_open: bool,
    /// When the cable is put back.
    plug_at: Option<Duration>,
    transmitting: Option<bool>,
    /// What came last, and when.
    heard: Option<(Vec<u8>, Duration)>,
    /// The begin of an order that has not come whole.
    half_order: Vec<u8>,
    has_ended: bool,
}

impl Simulator {
    /// Plugs the instrument in.
    pub(crate) fn new(settings: Settings) -> io::Result<Self> {
        let now = now();
        let name = &settings.instrument;
        let instrument = instruments::by_name(name, now, settings.seed, settings.counting);
        let Some(instrument) = instrument else {
            return Err(io::Error::other(format!("there is no instrument “{name}”")));
        };
        let mut simulator = Self {
            transmitting: instrument.transmitting(),
            instrument,
            port: Port::new(settings.link),
            wire: Wire::new(StdRng::seed_from_u64(settings.seed)),
            faults: settings.faults,
            log: settings.log,
            sent: settings.sent,
            events: settings.events,
            begun: now,
            is_open: false,
            plug_at: None,
            heard: None,
            half_order: Vec::new(),
            has_ended: false,
        };
        simulator.plug()?;
        Ok(simulator)
    }

    /// Simulates until there is something to read from `stop`, or an order says so. Orders
    /// are read line by line.
    pub(crate) fn run(&mut self, mut orders: Option<OwnedFd>, stop: impl AsFd) -> io::Result<()> {
        let mut buffer = vec![0; BUFFER];
        while !self.has_ended {
            let now = now();
            self.due(now)?;
            let writes = self.is_open && !self.wire.piece(now).is_empty();
            let wait = self.wait(now);
            let mut fds = vec![PollFd::new(&stop, PollFlags::IN)];
            if let Some(orders) = &orders {
                fds.push(PollFd::new(orders, PollFlags::IN));
            }
            let fd = self.port.fd();
            // While nobody has it open the terminal would not let us wait.
            if let Some(fd) = fd.as_ref().filter(|_| self.is_open) {
                let wanted = match writes {
                    true => PollFlags::IN | PollFlags::OUT,
                    false => PollFlags::IN,
                };
                fds.push(PollFd::new(fd, wanted));
            }
            match poll(&mut fds, wait.as_ref()) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            if !fds[0].revents().is_empty() {
                break;
            }
            let ordered = orders.is_some() && !fds[1].revents().is_empty();
            drop(fds);
            if ordered && !self.read_orders(orders.as_ref(), &mut buffer)? {
                orders = None;
            }
            self.exchange(&mut buffer);
        }
        self.flush();
        Ok(())
    }

    /// What is due by the clock.
    fn due(&mut self, now: Duration) -> io::Result<()> {
        let begun = self.begun;
        let due = |fault: &mut Planned| begun + fault.after <= now;
        for fault in self.faults.extract_if(.., due).collect::<Vec<_>>() {
            self.follow(fault.order, now)?;
        }
        if self.plug_at.is_some_and(|time| time <= now) {
            self.plug()?;
        }
        self.look();
        let waits = self.instrument.is_patient() && (!self.is_open || self.wire.is_full());
        if !waits && self.instrument.wake().is_some_and(|time| time <= now) {
            let mut out = Vec::new();
            self.instrument.tick(now, &mut out);
            self.wire.push(&out, now);
        }
        self.wire.tick(now);
        if !self.is_open {
            self.wire.clear();
        }
        Ok(())
    }

    /// Whether somebody has the port open now.
    fn look(&mut self) {
        let is_open = self.port.is_open();
        if is_open != self.is_open {
            self.is_open = is_open;
            self.event(if is_open { "open" } else { "closed" });
        }
    }

    /// How long nothing is due.
    fn wait(&self, now: Duration) -> Option<Timespec> {
        let waits = self.instrument.is_patient() && (!self.is_open || self.wire.is_full());
        let instrument = self.instrument.wake().filter(|_| !waits);
        let faults = self.faults.iter().map(|fault| self.begun + fault.after);
        let look = now + LOOK;
        let times = [instrument, self.wire.wake(), self.plug_at, Some(look)];
        let next = times.into_iter().flatten().chain(faults).min();
        let wait = next.map_or(LOOK, |next| next.saturating_sub(now));
        Timespec::try_from(wait).ok()
    }

    /// Reads what the host has written, and writes what it is to be told.
    fn exchange(&mut self, buffer: &mut [u8]) {
        let now = now();
        let count = self.port.read(buffer);
        if count > 0 {
            // Told before what it leads to.
            if !self.is_open {
                self.look();
            }
            self.hear(&buffer[..count], now);
        }
        if !self.is_open {
            return;
        }
        let written = self.port.write(self.wire.piece(now));
        if written > 0 {
            if let Some(sent) = &mut self.sent {
                // The piece that was offered is still the first.
                let _ = sent.write_all(self.wire.first(written));
            }
            self.wire.wrote(written, now);
        }
    }

    fn hear(&mut self, bytes: &[u8], now: Duration) {
        if let Some(log) = &mut self.log {
            let _ = writeln!(log, "{} {}", now.as_micros(), bytes.escape_ascii());
            let _ = log.flush();
        }
        let tail = bytes.len().saturating_sub(MAX_HEARD);
        self.heard = Some((bytes[tail..].to_vec(), now));
        let mut out = Vec::new();
        self.instrument.receive(bytes, now, &mut out);
        self.wire.push(&out, now);
        let transmitting = self.instrument.transmitting();
        if transmitting != self.transmitting {
            self.transmitting = transmitting;
            let state = if transmitting == Some(true) {
                "on"
            } else {
                "off"
            };
            self.event(&format!("transmit {state} {}", now.as_micros()));
        }
    }

    /// `false`: there will be no more.
    fn read_orders(&mut self, orders: Option<&OwnedFd>, buffer: &mut [u8]) -> io::Result<bool> {
        let Some(orders) = orders else {
            return Ok(false);
        };
        let count = rustix::io::read(orders, &mut *buffer)?;
        self.half_order.extend_from_slice(&buffer[..count]);
        while let Some(end) = self.half_order.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.half_order.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            if line.trim().is_empty() {
                continue;
            }
            match line.parse() {
                Ok(order) => self.follow(order, now())?,
                Err(error) => self.event(&format!("error {error}")),
            }
        }
        if self.half_order.len() > BUFFER {
            self.half_order.clear();
        }
        Ok(count > 0)
    }

    fn follow(&mut self, order: Order, now: Duration) -> io::Result<()> {
        match order {
            Order::Garbage(count) => self.wire.garbage(count, now),
            Order::Split(on) => self.wire.split(on),
            Order::Silence(length) => {
                let until = length.map_or(Duration::MAX, |length| now + length);
                self.wire.silence(until);
            }
            Order::Flood { rate, length } => self.wire.flood(rate, length, now),
            Order::Say(bytes) => self.wire.push(&bytes, now),
            Order::Unplug(length) => {
                self.unplug();
                self.plug_at = length.map(|length| now + length);
            }
            Order::Plug => self.plug()?,
            Order::Status => self.status(now),
            Order::Help => self.event(HELP),
            Order::Quit => self.has_ended = true,
        }
        Ok(())
    }

    fn plug(&mut self) -> io::Result<()> {
        self.plug_at = None;
        if self.port.fd().is_none() {
            let path = self.port.plug()?.display().to_string();
            self.event(&format!("tty {path}"));
        }
        Ok(())
    }

    fn unplug(&mut self) {
        self.port.unplug();
        self.wire.clear();
        self.is_open = false;
        self.event("unplugged");
    }

    fn status(&mut self, now: Duration) {
        let mut status = format!("status {}", self.instrument.status());
        if let Some(transmitting) = self.transmitting {
            status += if transmitting {
                ", transmitting"
            } else {
                ", receiving"
            };
        }
        if let Some((bytes, time)) = &self.heard {
            let ago = (now - *time).as_secs_f64();
            status += &format!(", last heard {ago:.1} s ago: {}", bytes.escape_ascii());
        }
        self.event(&status);
    }

    fn event(&mut self, text: &str) {
        // Who does not read it does not want it.
        let _ = writeln!(self.events, "{text}");
        let _ = self.events.flush();
    }

    fn flush(&mut self) {
        for file in [&mut self.log, &mut self.sent].into_iter().flatten() {
            let _ = file.flush();
        }
    }
}

/// Time since 1970.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
