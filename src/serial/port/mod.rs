//! Serial ports: opened for this process alone, kept open, reopened when they come back.
//!
//! One thread owns a port ([`worker::Worker`]): it reads and finds messages, writes what is
//! due, notices that a device is unplugged and looks for it until it is there again. A source
//! and a sink of one process that name the same device share it. They talk to it by
//! [`Port`], a list of requests; it talks to them by an [`Outlet`] and by [`News`]. It calls
//! nothing of GStreamer, so nothing there can hold up the port.

use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::framing::Framer;
use super::settings::LineSettings;
use super::text::Poll;
use super::transmit::{Keying, Pacing};

mod connection;
mod counters;
mod device;
mod error;
mod guardian;
mod holder;
mod opened;
mod outlet;
mod pty;
mod reading;
mod talking;
mod ticket;
mod tty;
mod worker;
mod writing;

pub(crate) use counters::Counters;
pub(crate) use device::Device;
pub(crate) use error::OpenError;
pub(crate) use outlet::{Heard, Outlet};
pub(crate) use ticket::{Outcome, Ticket};
use worker::Worker;

/// Whether the port is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) phase: Phase,
    /// For a person; may be empty.
    pub(crate) text: String,
}

/// See [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// It is open.
    Open,
    /// It is a virtual port that no program has open.
    Unanswered,
    /// It cannot be opened, or has been unplugged, and is tried again and again.
    Waiting,
}

/// What happens on a port by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// It has come or gone.
    State(State),
    /// The safe string has been written. `own`: nobody had asked for it.
    Safe { reason: String, own: bool },
    /// A transmission has begun or ended.
    Transmitting(bool),
    /// For the first time since the port was opened a message was too long.
    Overlong,
    /// A line does not let itself be raised.
    NotKeyed(String),
    /// The process cannot be guarded.
    Unguarded(String),
}

/// What a source brings along.
#[derive(Debug)]
pub(crate) struct SourceSide {
    pub(crate) wishes: LineSettings,
    pub(crate) framer: Framer,
    /// Written when the port has been opened, ready to be sent.
    pub(crate) init: Vec<Vec<u8>>,
    /// Asked in intervals, ready to be sent.
    pub(crate) polls: Vec<Poll>,
    pub(crate) pacing: Pacing,
    pub(crate) outlet: Arc<Outlet>,
    pub(crate) news: Sender<News>,
}

/// What a sink brings along.
#[derive(Debug)]
pub(crate) struct SinkSide {
    pub(crate) wishes: LineSettings,
    pub(crate) pacing: Pacing,
    /// Ready to be sent.
    pub(crate) safe_string: Option<Vec<u8>>,
    pub(crate) max_transmit: Option<Duration>,
    pub(crate) keying: Keying,
    pub(crate) news: Sender<News>,
}

/// A command of the sink, ready to be sent.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) bytes: Vec<u8>,
    /// As numbered upstream.
    pub(crate) number: Option<u64>,
    /// Whether it begins (true) or ends a transmission.
    pub(crate) transmits: Option<bool>,
    pub(crate) ticket: Ticket,
}

type Reply = Sender<Result<State, OpenError>>;

enum Request {
    Source(Box<SourceSide>, Reply),
    Sink(Box<SinkSide>, Reply),
    NoSource(Sender<()>),
    NoSink(Sender<()>),
    Command(Command),
    /// Make the instrument safe, and drop commands up to that number.
    Safe {
        reason: String,
        after: u64,
        done: Sender<()>,
    },
    /// Somebody begins or ends to talk.
    Talk {
        on: bool,
        number: Option<u64>,
    },
    /// Commands are numbered anew.
    NewStream,
    Close,
}

/// How long somebody waits for the safe string to be written, at most. It takes that long
/// only if the device does not take it.
const SAFE_LIMIT: Duration = Duration::from_secs(3);

/// One port of this process, shared by those who use it. It is closed with the last of them.
#[derive(Debug)]
pub(crate) struct Port {
    device: Device,
    requests: Sender<Request>,
    wake: Arc<OwnedFd>,
    counters: Arc<Counters>,
    thread: Option<JoinHandle<()>>,
}

/// The ports of this process.
#[derive(Debug)]
struct Register {
    ports: Vec<Weak<Port>>,
    /// How often one was added.
    changes: u64,
}

static PORTS: Mutex<Register> = Mutex::new(Register {
    ports: Vec::new(),
    changes: 0,
});

impl Port {
    /// The port of this device: the one that is there, or a new one.
    pub(crate) fn get(device: &Device) -> std::io::Result<Arc<Self>> {
        let canonical = device.canonical();
        let mut new = None;
        loop {
            let (all, changes) = Self::all();
            // By what they are called now: a device that has been unplugged may have left its
            // number to another one. Without the lock: a file system may take its time.
            let is_same = |port: &Arc<Self>| port.device.canonical() == canonical;
            if let Some(port) = all.into_iter().find(is_same) {
                return Ok(port);
            }
            let port = match new.take() {
                Some(port) => port,
                None => Arc::new(Self::new(device.clone())?),
            };
            let mut register = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
            if register.changes == changes {
                register.changes += 1;
                register.ports.push(Arc::downgrade(&port));
                return Ok(port);
            }
            // Somebody was faster, maybe with the same device.
            new = Some(port);
        }
    }

    /// All ports that are in use, and how often others were added until now.
    fn all() -> (Vec<Arc<Self>>, u64) {
        let mut register = PORTS.lock().unwrap_or_else(PoisonError::into_inner);
        register.ports.retain(|port| port.strong_count() > 0);
        let all = register.ports.iter().filter_map(Weak::upgrade);
        (all.collect(), register.changes)
    }

    fn new(device: Device) -> std::io::Result<Self> {
        let flags = rustix::event::EventfdFlags::CLOEXEC | rustix::event::EventfdFlags::NONBLOCK;
        let wake = Arc::new(rustix::event::eventfd(0, flags)?);
        let counters = Arc::<Counters>::default();
        let (requests, inbox) = channel();
        let worker = Worker::new(device.clone(), inbox, wake.clone(), counters.clone());
        let thread = std::thread::Builder::new()
            .name("periscope-tty".to_owned())
            .spawn(move || worker.run())?;
        Ok(Self {
            device,
            requests,
            wake,
            counters,
            thread: Some(thread),
        })
    }

    /// Lets a source listen. Waits until the port has been tried for the first time.
    pub(crate) fn attach_source(&self, side: SourceSide) -> Result<State, OpenError> {
        self.attach(|reply| Request::Source(Box::new(side), reply))
    }

    /// Lets a sink write. Waits until the port has been tried for the first time.
    pub(crate) fn attach_sink(&self, side: SinkSide) -> Result<State, OpenError> {
        self.attach(|reply| Request::Sink(Box::new(side), reply))
    }

    fn attach(&self, request: impl FnOnce(Reply) -> Request) -> Result<State, OpenError> {
        let (reply, answer) = channel();
        self.ask(request(reply));
        answer.recv().unwrap_or_else(|_| {
            Err(OpenError::GivenUp {
                device: self.device.to_string(),
            })
        })
    }

    pub(crate) fn detach_source(&self) {
        let (done, waiting) = channel();
        self.ask(Request::NoSource(done));
        let _ = waiting.recv_timeout(SAFE_LIMIT);
    }

    /// Makes the instrument safe, and returns when that is done.
    pub(crate) fn detach_sink(&self) {
        let (done, waiting) = channel();
        self.ask(Request::NoSink(done));
        let _ = waiting.recv_timeout(SAFE_LIMIT);
    }

    /// Has a command written.
    pub(crate) fn command(&self, command: Command) {
        self.ask(Request::Command(command));
    }

    /// Makes the instrument safe at once. Commands that wait are dropped, and so are those
    /// that come later with a number up to `after`. The receiver hears when it is done.
    pub(crate) fn make_safe(&self, reason: String, after: u64) -> Receiver<()> {
        let (done, waiting) = channel();
        self.ask(Request::Safe {
            reason,
            after,
            done,
        });
        waiting
    }

    /// The same, and waits until it is done.
    pub(crate) fn make_safe_and_wait(&self, reason: String) {
        let _ = self.make_safe(reason, 0).recv_timeout(SAFE_LIMIT);
    }

    /// Keys the transmitter, or does so no more. A beginning is numbered like a command.
    pub(crate) fn talk(&self, on: bool, number: Option<u64>) {
        self.ask(Request::Talk { on, number });
    }

    /// Commands that come from now on are numbered anew.
    pub(crate) fn new_stream(&self) {
        self.ask(Request::NewStream);
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    fn ask(&self, request: Request) {
        // Whoever waits for an answer notices that nobody is there.
        let _ = self.requests.send(request);
        let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.ask(Request::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_names_of_a_device_are_one_port_also_for_those_who_come_at_once() {
        for _ in 0..20 {
            let directory = tempfile::tempdir().unwrap();
            let device = directory.path().join("device");
            std::fs::write(&device, "").unwrap();
            let names: Vec<_> = (0..8)
                .map(|number| {
                    let name = directory.path().join(number.to_string());
                    std::os::unix::fs::symlink(&device, &name).unwrap();
                    Device::new(&name.to_string_lossy())
                })
                .collect();
            let ports: Vec<_> = std::thread::scope(|scope| {
                let get = |name| scope.spawn(move || Port::get(name).unwrap());
                let threads: Vec<_> = names.iter().map(get).collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            assert!(ports.iter().all(|port| Arc::ptr_eq(port, &ports[0])));
        }
    }
}
