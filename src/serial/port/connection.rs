//! Opening a port, noticing that it is gone, and finding it again.

use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use super::device::Device;
use super::error::OpenError;
use super::guardian::{Charge, Condition, Guardian, Stance};
use super::opened::Opened;
use super::worker::Worker;
use super::{News, Phase, State};
use crate::serial::transmit::{Item, Kind};

/// How often is looked whether the device is there, which costs next to nothing.
const SOON: Duration = Duration::from_millis(100);
/// How seldom is tried to open a device that is there and cannot be opened.
const LATE: Duration = Duration::from_secs(2);

/// A guardian that lives no longer than this is not replaced.
const SHORT_LIFE: Duration = Duration::from_millis(500);

/// When the port is tried again.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) at: Instant,
    /// Until the next time after that, if the device is there.
    pause: Duration,
}

impl Retry {
    fn new(now: Instant) -> Self {
        Self {
            at: now + SOON,
            pause: SOON,
        }
    }
}

impl Worker {
    /// Opens the port for those who have come first. Fails if that cannot change.
    pub(super) fn open_first(&mut self, now: Instant) -> Result<(), OpenError> {
        match self.open() {
            Ok(()) => Ok(()),
            Err(error) if error.may_pass() => {
                self.retry = Some(Retry::new(now));
                self.enter(Phase::Waiting, error.to_string());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Tries again if it is time, or looks whether somebody is at the other end.
    pub(super) fn keep_connected(&mut self, now: Instant) {
        if self.opened.is_some() && !self.connected {
            self.look_for_program();
        }
        let Some(retry) = self.retry.as_mut().filter(|retry| retry.at <= now) else {
            return;
        };
        let is_there = match &self.device {
            Device::Tty(path) => path.exists(),
            Device::Virtual(_) => true,
        };
        if !is_there {
            // As soon as it is there it is tried at once.
            retry.pause = SOON;
            retry.at = now + SOON;
            return;
        }
        retry.at = now + retry.pause;
        retry.pause = (retry.pause * 3 / 2).min(LATE);
        if let Err(error) = self.open() {
            self.enter(Phase::Waiting, error.to_string());
        }
    }

    fn open(&mut self) -> Result<(), OpenError> {
        let opened = Opened::open(&self.device, &self.settings())?;
        self.retry = None;
        self.opened = Some(opened);
        self.look_for_program();
        if !self.connected {
            self.enter(
                Phase::Unanswered,
                format!("no program has opened {}", self.device),
            );
        }
        Ok(())
    }

    /// Whether somebody is at the other end now.
    pub(super) fn look_for_program(&mut self) {
        let answered = self.opened.as_ref().is_some_and(Opened::is_answered);
        if answered && !self.connected {
            self.connect(Instant::now());
        }
    }

    fn connect(&mut self, now: Instant) {
        self.connected = true;
        self.blocked = false;
        self.lowered = false;
        if std::mem::replace(&mut self.was_connected, true) {
            self.counters.reconnects.add(1);
        }
        self.start_guardian();
        self.enter(Phase::Open, String::new());
        if self.safety.is_armed() {
            let reason = format!("{} is there again", self.device);
            self.make_safe(reason, true, None);
        }
        self.begin_talk(now);
    }

    /// The instrument is set up, and asked its questions from now on.
    pub(super) fn begin_talk(&mut self, now: Instant) {
        let Some(source) = &self.source else {
            return;
        };
        for bytes in &source.init {
            self.outbox.add(Item {
                kind: Kind::Init,
                bytes: bytes.clone(),
                pacing: source.pacing,
                ticket: None,
            });
        }
        // The first at once, each behind the other.
        self.due = vec![now; source.polls.len()];
    }

    /// The device is gone, or the program at the other end of a virtual port. What was to be
    /// written is not written later.
    pub(super) fn lose(&mut self, why: &str) {
        if self.safe_is_under_way() {
            // Nobody knows how much of it was heard.
            self.safety.rearm();
        }
        self.cut_talk();
        self.connected = false;
        self.guardian = None;
        let dropped = self.outbox.clear(self.is_on_the_line(Instant::now()));
        self.counters.dropped.add(dropped as u64);
        self.give_up_lowering();
        if let Some(source) = &mut self.source {
            source.framer.reset(&mut self.messages);
        }
        self.hand_over();
        match &self.device {
            Device::Tty(_) => {
                self.opened = None;
                self.retry = Some(Retry::new(Instant::now()));
                self.enter(Phase::Waiting, format!("{} {why}", self.device));
            }
            Device::Virtual(_) => {
                if let Some(opened) = &self.opened {
                    opened.discard_output();
                }
                self.enter(
                    Phase::Unanswered,
                    format!("the program that had opened {} has closed it", self.device),
                );
            }
        }
    }

    /// Has a guardian for the port, if there is anything that it could do.
    pub(super) fn start_guardian(&mut self) {
        let within = self.guardian.take().is_some_and(|old| old.stance().within);
        let Some(opened) = &self.opened else {
            return;
        };
        let pacing = self.sink.as_ref().map(|sink| sink.pacing);
        let pacing = pacing.unwrap_or_default();
        let charge = Charge {
            safe: self.safety.string().unwrap_or_default(),
            character: pacing.character,
            line: pacing.line,
            key: self.talk.line(),
        };
        if charge.safe.is_empty() && charge.key.is_none() {
            return;
        }
        self.guarded_since = Instant::now();
        let stance = Stance {
            armed: self.safety.is_armed(),
            within,
        };
        match Guardian::start(opened.as_fd(), &charge, stance) {
            Ok(guardian) => self.guardian = Some(guardian),
            Err(error) => self.tell(&News::Unguarded(error.to_string())),
        }
    }

    /// Tells the guardian that we are at work, and sees whether it is.
    pub(super) fn look_after_guardian(&mut self, now: Instant) {
        let Some(guardian) = &mut self.guardian else {
            return;
        };
        match guardian.condition() {
            Condition::Well => guardian.beat(now),
            Condition::Acted => {
                // Waits until it has written all.
                self.guardian = None;
                // What we have written since may have cut into that.
                self.safety.rearm();
                let reason = "this process was stopped for a while".to_owned();
                self.make_safe(reason, true, None);
                self.start_guardian();
            }
            // Something kills them: that is no use.
            Condition::Dead if now.saturating_duration_since(self.guarded_since) < SHORT_LIFE => {
                self.guardian = None;
                let reason = "it was killed as soon as it had been started".to_owned();
                self.tell(&News::Unguarded(reason));
            }
            Condition::Dead => self.start_guardian(),
        }
    }

    fn enter(&mut self, phase: Phase, text: String) {
        let state = State { phase, text };
        if state == self.state {
            return;
        }
        self.state = state.clone();
        if let Some(source) = &self.source {
            source.outlet.tell(state.clone());
        }
        self.tell(&News::State(state));
    }
}
