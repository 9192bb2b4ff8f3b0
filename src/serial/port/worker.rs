//! The thread of a port.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::connection::Retry;
use super::counters::Counters;
use super::device::Device;
use super::error::OpenError;
use super::guardian::Guardian;
use super::opened::Opened;
use super::writing::Lowering;
use super::{Command, News, Phase, Request, SinkSide, SourceSide, State, Ticket};
use crate::serial::framing::{Arrival, Message};
use crate::serial::settings::LineSettings;
use crate::serial::transmit::{Item, Kind, Outbox, Safety, Talk};

/// Enough for what a tty holds at a time.
const READ_SIZE: usize = 16 * 1024;

/// How often a virtual port that nobody has open is looked at, if the system tells by itself.
const LOOK_SELDOM: Duration = Duration::from_millis(500);
/// The same if it does not.
const LOOK_OFTEN: Duration = Duration::from_millis(20);
/// How often a source is looked at that takes no more.
const LOOK_AT_SOURCE: Duration = Duration::from_millis(10);

/// What the thread owns. The other files of this room have its larger tasks:
/// [`super::connection`], [`super::reading`] and [`super::writing`].
pub(super) struct Worker {
    pub(super) device: Device,
    inbox: Receiver<Request>,
    wake: Arc<OwnedFd>,
    pub(super) counters: Arc<Counters>,
    pub(super) opened: Option<Opened>,
    /// The port is open, and somebody is at the other end.
    pub(super) connected: bool,
    /// It was connected before.
    pub(super) was_connected: bool,
    pub(super) retry: Option<Retry>,
    pub(super) state: State,
    pub(super) source: Option<SourceSide>,
    /// When each question of the source is asked again.
    pub(super) due: Vec<Instant>,
    pub(super) sink: Option<SinkSide>,
    pub(super) outbox: Outbox<Ticket>,
    pub(super) safety: Safety,
    pub(super) talk: Talk,
    /// Why the safe string that waits is written.
    pub(super) reason: Option<(String, bool)>,
    pub(super) lowering: Option<Lowering>,
    /// DTR and RTS are low, to make the instrument safe.
    pub(super) lowered: bool,
    pub(super) guardian: Option<Guardian>,
    /// When it was started.
    pub(super) guarded_since: Instant,
    /// Commands numbered up to this are not written any more.
    pub(super) after: u64,
    /// Number of the order by which the transmitter was keyed last; 0: one without a number.
    pub(super) keyed_by: u64,
    /// When the line is done with what was written, at its speed.
    pub(super) sent_at: Option<Instant>,
    /// The device takes no more for now.
    pub(super) blocked: bool,
    pub(super) buffer: Vec<u8>,
    pub(super) messages: Vec<Message>,
    /// Those who listen know that messages are too long.
    pub(super) told_overlong: bool,
    finished: bool,
}

impl Worker {
    pub(super) fn new(
        device: Device,
        inbox: Receiver<Request>,
        wake: Arc<OwnedFd>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            device,
            inbox,
            wake,
            counters,
            opened: None,
            connected: false,
            was_connected: false,
            retry: None,
            state: State {
                phase: Phase::Waiting,
                text: String::new(),
            },
            source: None,
            due: Vec::new(),
            sink: None,
            outbox: Outbox::default(),
            safety: Safety::default(),
            talk: Talk::default(),
            reason: None,
            lowering: None,
            lowered: false,
            guardian: None,
            guarded_since: Instant::now(),
            after: 0,
            keyed_by: 0,
            sent_at: None,
            blocked: false,
            buffer: vec![0; READ_SIZE],
            messages: Vec::new(),
            told_overlong: false,
            finished: false,
        }
    }

    pub(super) fn run(mut self) {
        while self.take_requests() {
            let now = Instant::now();
            self.look_after_guardian(now);
            self.keep_connected(now);
            self.ask_questions(now);
            self.limit_transmission(now);
            self.write(now);
            self.end_silence(now);
            self.wait();
        }
        self.close();
        self.finished = true;
    }

    /// False when the port is to be closed.
    fn take_requests(&mut self) -> bool {
        loop {
            match self.inbox.try_recv() {
                Ok(Request::Close) | Err(TryRecvError::Disconnected) => return false,
                Ok(request) => self.take(request),
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Source(side, reply) => {
                let answer = self.take_source(*side);
                let _ = reply.send(answer);
            }
            Request::Sink(side, reply) => {
                let answer = self.take_sink(*side);
                let _ = reply.send(answer);
            }
            Request::NoSource(done) => {
                self.source = None;
                self.due.clear();
                self.outbox.drop_questions();
                finish([done]);
            }
            Request::NoSink(done) => {
                self.make_safe("serialsink has stopped".to_owned(), false, Some(done));
                self.sink = None;
            }
            Request::Command(command) => self.take_command(command),
            Request::Safe {
                reason,
                after,
                done,
            } => {
                self.after = self.after.max(after);
                self.make_safe(reason, false, Some(done));
            }
            Request::Talk { on, number } => self.talk(on, number),
            Request::NewStream => self.after = 0,
            Request::Close => {}
        }
    }

    fn take_source(&mut self, side: SourceSide) -> Result<State, OpenError> {
        if self.source.is_some() {
            return Err(OpenError::Taken {
                device: self.device.to_string(),
                element: "serialsrc",
            });
        }
        let wishes = side.wishes;
        let is_new = self.opened.is_none() && self.retry.is_none();
        self.due = vec![Instant::now(); side.polls.len()];
        self.source = Some(side);
        let state = self.open_with(wishes, self.sink.as_ref().map(|sink| sink.wishes));
        match (&state, &self.source) {
            (Ok(state), Some(source)) if !is_new => {
                source.outlet.tell(state.clone());
                let _ = source.news.send(News::State(state.clone()));
                if self.connected {
                    self.begin_talk(Instant::now());
                }
            }
            (Ok(_), _) => {}
            (Err(_), _) => {
                self.source = None;
                self.due.clear();
            }
        }
        state
    }

    fn take_sink(&mut self, side: SinkSide) -> Result<State, OpenError> {
        if self.sink.is_some() {
            return Err(OpenError::Taken {
                device: self.device.to_string(),
                element: "serialsink",
            });
        }
        let wishes = side.wishes;
        // Of a port that was lost while another sink worked the instrument.
        let armed = self.safety.is_armed();
        self.safety = Safety::new(side.safe_string.clone(), side.max_transmit);
        if armed {
            self.safety.rearm();
        }
        self.talk = Talk::new(side.keying.clone());
        self.after = 0;
        let is_new = self.opened.is_none() && self.retry.is_none();
        self.sink = Some(side);
        let state = self.open_with(wishes, self.source.as_ref().map(|source| source.wishes));
        match (&state, &self.sink) {
            (Ok(state), Some(sink)) if !is_new => {
                let _ = sink.news.send(News::State(state.clone()));
                if self.connected {
                    self.start_guardian();
                }
            }
            (Ok(_), _) => {}
            (Err(_), _) => self.sink = None,
        }
        state
    }

    /// One has come who wishes for these settings; the other, if there is one, for others.
    fn open_with(
        &mut self,
        wishes: LineSettings,
        other: Option<LineSettings>,
    ) -> Result<State, OpenError> {
        if let Some((property, here, there)) = other.and_then(|other| wishes.conflict(&other)) {
            return Err(OpenError::Conflict {
                device: self.device.to_string(),
                property,
                here,
                there,
            });
        }
        let settings = self.settings();
        match &mut self.opened {
            Some(opened) if other.is_none_or(|other| other.or(wishes) != other) => {
                opened.configure(&settings)?;
            }
            Some(_) => {}
            None if self.retry.is_none() => self.open_first(Instant::now())?,
            None => {}
        }
        Ok(self.state.clone())
    }

    /// What all who use the port have wished for.
    pub(super) fn settings(&self) -> LineSettings {
        let source = self.source.as_ref().map(|source| source.wishes);
        let sink = self.sink.as_ref().map(|sink| sink.wishes);
        source.unwrap_or_default().or(sink.unwrap_or_default())
    }

    fn take_command(&mut self, command: Command) {
        let Some(sink) = &self.sink else {
            return;
        };
        if !self.connected || command.number.is_some_and(|number| number <= self.after) {
            self.counters.dropped.add(1);
            return;
        }
        let item = Item {
            kind: Kind::Command {
                transmits: command.transmits,
            },
            bytes: command.bytes,
            pacing: sink.pacing,
            ticket: Some(command.ticket),
        };
        if command.transmits == Some(false) {
            let dropped = self.outbox.add_end(item, Instant::now());
            self.counters.dropped.add(dropped as u64);
        } else {
            self.outbox.add(item);
        }
    }

    /// Waits for the port, for a request, or for the time of the next task.
    fn wait(&mut self) {
        let wants_input = self.wants_input();
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, wants_input);
        events.set(PollFlags::OUT, self.blocked && self.connected);
        let timeout = self.timeout(wants_input);
        let (input, writable, looked, requests) = {
            let wake = self.wake.as_fd();
            let watch = self.opened.as_ref().and_then(Opened::watch);
            let port = self.opened.as_ref().filter(|_| self.connected);
            let guardian = self.guardian.as_ref().map(AsFd::as_fd);
            let mut fds = [
                PollFd::new(&wake, PollFlags::IN),
                // A descriptor that is never readable stands in for one that is not there.
                PollFd::from_borrowed_fd(
                    watch.unwrap_or(wake),
                    match watch {
                        Some(_) => PollFlags::IN,
                        None => PollFlags::empty(),
                    },
                ),
                PollFd::from_borrowed_fd(
                    port.map_or(wake, |port| port.as_fd()),
                    match port {
                        Some(_) => events,
                        None => PollFlags::empty(),
                    },
                ),
                PollFd::from_borrowed_fd(
                    guardian.unwrap_or(wake),
                    match guardian {
                        Some(_) => PollFlags::IN,
                        None => PollFlags::empty(),
                    },
                ),
            ];
            if rustix::event::poll(&mut fds, timeout.as_ref()).is_err() {
                return;
            }
            let came = fds[2].revents();
            (
                port.is_some()
                    && came.intersects(
                        PollFlags::IN | PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL,
                    ),
                came.contains(PollFlags::OUT),
                !fds[1].revents().is_empty(),
                !fds[0].revents().is_empty(),
            )
        };
        if requests {
            let _ = rustix::io::read(&*self.wake, &mut [0_u8; 8]);
        }
        if writable {
            self.blocked = false;
        }
        if looked {
            self.look_for_program();
        }
        if input {
            self.read(arrival());
        }
    }

    /// Until the next task; none if there is none.
    fn timeout(&mut self, wants_input: bool) -> Option<Timespec> {
        let now = Instant::now();
        let look = match (&self.opened, self.connected) {
            (Some(opened), false) => Some(match opened.watch() {
                Some(_) => LOOK_SELDOM,
                None => LOOK_OFTEN,
            }),
            (Some(_), true) if !wants_input => Some(LOOK_AT_SOURCE),
            _ => None,
        };
        [
            self.source.as_ref().and_then(|side| side.framer.deadline()),
            self.due.iter().min().copied().filter(|_| self.connected),
            self.safety.deadline().filter(|_| self.connected),
            self.retry.as_ref().map(|retry| retry.at),
            look.map(|look| now + look),
            self.next_write(now),
            self.guardian.as_ref().and_then(Guardian::next_beat),
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|at| at.saturating_duration_since(now))
        .map(|left| Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        })
    }

    /// Something has happened that both elements are told.
    pub(super) fn tell(&self, news: &News) {
        let source = self.source.as_ref().map(|source| &source.news);
        let sink = self.sink.as_ref().map(|sink| &sink.news);
        for listener in [source, sink].into_iter().flatten() {
            let _ = listener.send(news.clone());
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Only after a panic.
        if !self.finished {
            self.make_safe_in_panic();
        }
    }
}

/// Now.
fn arrival() -> Arrival {
    Arrival {
        at: Instant::now(),
        unix: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    }
}

/// Tells whoever waits for something to be done.
pub(super) fn finish(waiting: impl IntoIterator<Item = Sender<()>>) {
    for waiting in waiting {
        let _ = waiting.send(());
    }
}
