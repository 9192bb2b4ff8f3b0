//! Keeps a device in use: a thread that makes its pipeline, watches it, and makes it anew.
//!
//! A sound server or driver may hang. Nobody but this thread waits for it then, and
//! whoever ends the keeper waits a bounded time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::State;
use super::choice::Candidate;
use super::line;
use crate::CAT;

/// How long a device has to give or take its first sound.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often is looked whether sound still passes; twice in a row it has not: it is dead.
const LOOK: Duration = Duration::from_secs(1);
/// From one attempt to the next.
const RETRY: Duration = Duration::from_secs(1);
/// How long the end of the keeper is waited for: longer only if a driver or server hangs.
const END: Duration = Duration::from_secs(5);

/// What the thread is told.
#[derive(Debug)]
pub(crate) enum Note {
    /// Sound flows in the pipeline of that number.
    Flows(u64),
    /// The pipeline of that number has failed.
    Failed(u64, String),
    /// Make the pipeline anew; something has changed around it.
    Renew,
    End,
}

/// Counts pieces of sound that have passed the device.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Progress {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Told by a pipeline that sound has passed.
#[derive(Debug)]
pub(crate) struct Pulse {
    progress: Progress,
    number: u64,
    notes: Sender<Note>,
    /// Beats until it is certain that the device works.
    countdown: u32,
}

impl Pulse {
    /// Only after so many beats the device has had part in it: before, they fill its buffer.
    pub(crate) const fn after(mut self, beats: u32) -> Self {
        self.countdown = beats;
        self
    }

    pub(crate) fn beat(&mut self) {
        self.progress.0.fetch_add(1, Ordering::Relaxed);
        match self.countdown {
            0 => return,
            1 => {
                let _ = self.notes.send(Note::Flows(self.number));
            }
            _ => {}
        }
        self.countdown -= 1;
    }
}

/// What a keeper keeps.
pub(crate) trait Card: Send + 'static {
    /// The ways to reach the device, best first.
    fn candidates(&self) -> Result<Vec<Candidate>, String>;
    /// A pipeline for the device, which tells `pulse` of sound that passes.
    fn pipeline(&mut self, candidate: Candidate, pulse: Pulse) -> Result<gst::Pipeline, String>;
    /// The pipeline has ended, and what was put into it can be taken back.
    fn ended(&mut self, pipeline: &gst::Pipeline);
}

/// The hold on a device; ends when dropped.
#[derive(Debug)]
pub(crate) struct Keeper {
    notes: Sender<Note>,
    /// Nothing is ever sent: closed at the end of the thread.
    ended: Mutex<Receiver<()>>,
    thread: std::thread::ThreadId,
}

impl Keeper {
    /// Starts to use the device. `tell` is called, on the keeper's thread, whenever its
    /// state has changed; for the first time as soon as it is known.
    pub(crate) fn start(
        card: impl Card,
        notes: (Sender<Note>, Receiver<Note>),
        tell: impl FnMut(&State) + Send + 'static,
    ) -> std::io::Result<Self> {
        let (sender, receiver) = notes;
        let (alive, ended) = channel();
        let mut work = Work {
            card,
            tell,
            sender: sender.clone(),
            notes: receiver,
            number: 0,
            favourite: None,
            state: None,
        };
        let thread = std::thread::Builder::new()
            .name("periscope-sound".to_owned())
            .spawn(move || {
                work.run();
                drop(work);
                drop(alive);
            })?;
        Ok(Self {
            notes: sender,
            ended: Mutex::new(ended),
            thread: thread.thread().id(),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.notes.send(Note::End);
        // A handler of what is told may have ended the element.
        if self.thread == std::thread::current().id() {
            return;
        }
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        if ended.recv_timeout(END) == Err(RecvTimeoutError::Timeout) {
            gst::warning!(CAT, "a sound device hangs, and is left to itself");
        }
    }
}

struct Work<C, T> {
    card: C,
    tell: T,
    sender: Sender<Note>,
    notes: Receiver<Note>,
    /// Of the newest pipeline.
    number: u64,
    /// What worked before comes first: while a sound server is restarted its card must not
    /// be taken away from it.
    favourite: Option<Candidate>,
    state: Option<State>,
}

struct Running {
    pipeline: gst::Pipeline,
    number: u64,
    progress: Progress,
    element: &'static str,
}

/// Why there is no pipeline any more.
enum Outcome {
    Failed(String),
    Renew,
    End,
}

impl<C: Card, T: FnMut(&State)> Work<C, T> {
    fn run(&mut self) {
        loop {
            let outcome = match self.open() {
                Ok(running) => {
                    self.state(State::Open(running.element));
                    let outcome = self.watch(&running);
                    self.close(&running.pipeline);
                    outcome
                }
                Err(outcome) => outcome,
            };
            match outcome {
                Outcome::End => return,
                Outcome::Renew => continue,
                Outcome::Failed(text) => self.state(State::Waiting(text)),
            }
            if !self.rest() {
                return;
            }
        }
    }

    fn state(&mut self, state: State) {
        // Which of several reasons it is may change from second to second.
        let news = match (&self.state, &state) {
            (Some(State::Waiting(_)), State::Waiting(_)) => false,
            (Some(before), now) => before != now,
            (None, _) => true,
        };
        if news {
            self.state = Some(state.clone());
            (self.tell)(&state);
        }
    }

    /// Waits for the next attempt; false: there is to be none.
    fn rest(&mut self) -> bool {
        let until = Instant::now() + RETRY;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.notes.recv_timeout(left) {
                Ok(Note::End) | Err(RecvTimeoutError::Disconnected) => return false,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return true,
            }
        }
    }

    /// Tries one way after the other.
    fn open(&mut self) -> Result<Running, Outcome> {
        let candidates = match self.favourite {
            Some(favourite) => vec![favourite],
            None => self.card.candidates().map_err(Outcome::Failed)?,
        };
        let mut problems = Vec::new();
        for candidate in candidates {
            match self.try_one(candidate) {
                Ok(running) => {
                    self.favourite = Some(candidate);
                    return Ok(running);
                }
                Err(Outcome::Failed(text)) => {
                    gst::debug!(CAT, "{}: {text}", candidate.element);
                    problems.push(format!("{}: {text}", candidate.element));
                }
                Err(other) => return Err(other),
            }
        }
        Err(Outcome::Failed(problems.join("; ")))
    }

    fn try_one(&mut self, candidate: Candidate) -> Result<Running, Outcome> {
        self.number += 1;
        let number = self.number;
        let progress = Progress::default();
        let pulse = Pulse {
            progress: progress.clone(),
            number,
            notes: self.sender.clone(),
            countdown: 1,
        };
        let pipeline = self
            .card
            .pipeline(candidate, pulse)
            .map_err(Outcome::Failed)?;
        self.listen(&pipeline, number);
        let opened = match pipeline.set_state(gst::State::Playing) {
            Ok(_) => self.await_flow(number, PATIENCE),
            // The reason is there already.
            Err(_) => self.await_flow(number, Duration::ZERO),
        };
        match opened {
            Ok(()) => Ok(Running {
                pipeline,
                number,
                progress,
                element: candidate.element,
            }),
            Err(outcome) => {
                self.close(&pipeline);
                Err(outcome)
            }
        }
    }

    /// Has the bus of a pipeline tell us of failures.
    fn listen(&self, pipeline: &gst::Pipeline, number: u64) {
        let Some(bus) = pipeline.bus() else {
            return;
        };
        let notes = self.sender.clone();
        bus.set_sync_handler(move |_, message| {
            match message.view() {
                gst::MessageView::Error(error) => {
                    let mut text = error.error().to_string();
                    text.truncate(text.trim_end_matches(['.', ' ']).len());
                    let _ = notes.send(Note::Failed(number, text));
                }
                gst::MessageView::Eos(_) => {
                    let text = "the device has ended".to_owned();
                    let _ = notes.send(Note::Failed(number, text));
                }
                _ => {}
            }
            gst::BusSyncReply::Drop
        });
    }

    fn await_flow(&mut self, number: u64, patience: Duration) -> Result<(), Outcome> {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.notes.recv_timeout(left) {
                Ok(Note::Flows(of)) if of == number => return Ok(()),
                Ok(Note::Failed(of, text)) if of == number => return Err(Outcome::Failed(text)),
                Ok(Note::Renew) => return Err(Outcome::Renew),
                Ok(Note::End) | Err(RecvTimeoutError::Disconnected) => return Err(Outcome::End),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let text = "no sound passes the device".to_owned();
                    return Err(Outcome::Failed(text));
                }
            }
        }
    }

    /// Returns when the pipeline has to go.
    fn watch(&mut self, running: &Running) -> Outcome {
        let (mut last, mut still) = (running.progress.get(), 0);
        let mut until = Instant::now() + LOOK;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.notes.recv_timeout(left) {
                Ok(Note::Failed(of, text)) if of == running.number => {
                    return Outcome::Failed(text);
                }
                Ok(Note::Renew) => return Outcome::Renew,
                Ok(Note::End) | Err(RecvTimeoutError::Disconnected) => return Outcome::End,
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    let now = running.progress.get();
                    still = if now == last { still + 1 } else { 0 };
                    if still == 2 {
                        return Outcome::Failed("no sound passes the device any more".to_owned());
                    }
                    if let Some(other) = line::moved_to(&running.pipeline) {
                        return Outcome::Failed(format!("the sound server took {other} instead"));
                    }
                    last = now;
                    until = Instant::now() + LOOK;
                }
            }
        }
    }

    fn close(&mut self, pipeline: &gst::Pipeline) {
        // One after the other: in one go a device that has not worked yet is let go of while
        // sound is still on its way to it, which pulsesink does not survive.
        let _ = pipeline.set_state(gst::State::Ready);
        let _ = pipeline.set_state(gst::State::Null);
        if let Some(bus) = pipeline.bus() {
            bus.unset_sync_handler();
        }
        self.card.ended(pipeline);
    }
}
