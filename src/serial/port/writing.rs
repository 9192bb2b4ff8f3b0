//! What goes to a port, and how the instrument is made safe.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::News;
use super::opened::Opened;
use super::worker::{Worker, finish};
use crate::serial::transmit::{Changed, Item, Kind, Step, WORTH_FINISHING};

/// The device is given no more than it sends in this time: what it has cannot be overtaken
/// by the safe string.
const AHEAD: Duration = Duration::from_millis(20);
/// But at least so much, which is what chips hold.
const AHEAD_BYTES: usize = 64;
/// How often is looked whether the device has sent everything.
const LOOK: Duration = Duration::from_millis(1);
/// How long the safe string may take on its way through the driver, beside its time on the
/// line. Afterwards the lines go down in any case.
const SAFE_PATIENCE: Duration = Duration::from_millis(250);
/// How long an end waits for a device that does not take the safe string.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// What the driver calls sent may still be in the chip, which the lines may supply.
const IN_THE_CHIP: Duration = Duration::from_millis(20);

/// DTR and RTS are to go down as soon as the safe string is out.
#[derive(Debug)]
pub(super) struct Lowering {
    by: Instant,
    /// Whether there is a safe string.
    speaks: bool,
    /// Since when the driver has nothing left to send.
    sent_since: Option<Instant>,
    /// Who waits for it.
    waiting: Vec<Sender<()>>,
}

impl Worker {
    /// Adds the questions that are due.
    pub(super) fn ask_questions(&mut self, now: Instant) {
        let Some(source) = self.source.as_ref().filter(|_| self.connected) else {
            return;
        };
        for (index, (poll, due)) in source.polls.iter().zip(&mut self.due).enumerate() {
            if *due > now {
                continue;
            }
            self.outbox.add(Item {
                kind: Kind::Poll(index),
                bytes: poll.command.clone(),
                pacing: source.pacing,
                ticket: None,
            });
            // In step, unless we are late by more than a step.
            *due = (*due + poll.every).max(now + poll.every / 2);
        }
    }

    /// Ends a transmission that has lasted too long.
    pub(super) fn limit_transmission(&mut self, now: Instant) {
        // While the port is not there nothing can be done about it.
        if self.connected && self.safety.deadline().is_some_and(|at| at <= now) {
            let limit = self.sink.as_ref().and_then(|sink| sink.max_transmit);
            let reason = format!(
                "the transmission has lasted {} s, which is the limit",
                limit.unwrap_or_default().as_secs_f64()
            );
            self.make_safe(reason, true, None);
        }
    }

    /// Drops what waits, writes the safe string if the port is armed, and lowers DTR and RTS.
    pub(super) fn make_safe(&mut self, reason: String, own: bool, done: Option<Sender<()>>) {
        self.cut_talk();
        if !self.connected {
            // The port remains armed: the string is written when it is there again.
            finish(done);
            return;
        }
        let release = self.safety.release();
        let pacing = self.sink.as_ref().map(|sink| sink.pacing);
        let safe = release.string.map(|bytes| Item {
            kind: Kind::Safe,
            bytes,
            pacing: pacing.unwrap_or_default(),
            ticket: None,
        });
        if release.ends_transmission {
            self.tell(&News::Transmitting(false));
        }
        let mut time = SAFE_PATIENCE;
        let speaks = safe.is_some();
        if let Some(safe) = &safe {
            self.reason = Some((reason, own));
            let length = u32::try_from(safe.bytes.len()).unwrap_or(u32::MAX);
            let each = self.settings().character() + safe.pacing.character;
            // It may be written twice.
            time += each.saturating_mul(length.saturating_mul(2));
            // Before it goes what the driver has, and what is left of a short message.
            let unsent = self.opened.as_ref().map_or(0, Opened::unsent);
            let before = u32::try_from(unsent.saturating_add(WORTH_FINISHING)).unwrap_or(u32::MAX);
            time += self.settings().character().saturating_mul(before);
            if let Some(opened) = &self.opened
                && self.blocked
            {
                // The device is held up: what it has would go first.
                opened.discard_output();
                self.outbox.cut_off();
            }
        }
        let dropped = self.outbox.make_safe(safe, Instant::now());
        self.counters.dropped.add(dropped as u64);
        self.blocked = false;
        let by = Instant::now() + time;
        let lowering = self.lowering.get_or_insert_with(|| Lowering {
            by,
            speaks: false,
            sent_since: None,
            waiting: Vec::new(),
        });
        lowering.speaks |= speaks;
        lowering.waiting.extend(done);
    }

    /// Writes what can be written now.
    pub(super) fn write(&mut self, now: Instant) {
        while self.connected && !self.blocked {
            self.finish_lowering(now);
            self.key(now);
            if self.lowering.is_some() && !self.outbox.is_making_safe() {
                return;
            }
            let (kind, begins) = match self.outbox.next(now) {
                Step::Idle | Step::Wait(_) => return,
                Step::Write { kind, begins, .. } => (kind, begins),
            };
            if self.is_ahead(now) {
                return;
            }
            if let (Kind::Command { transmits }, true) = (kind, begins) {
                let changed = self.safety.command(transmits, now);
                self.command_begins(&changed);
            }
            if !self.write_some(now) {
                return;
            }
        }
        self.finish_lowering(now);
    }

    /// Before the first byte of a command.
    pub(super) fn command_begins(&mut self, changed: &Changed) {
        if let Some(guardian) = &mut self.guardian {
            guardian.set_armed(true, Instant::now());
        }
        if std::mem::take(&mut self.lowered)
            && let Some(opened) = &self.opened
        {
            opened.restore_lines();
        }
        if let Some(on) = changed.transmitting {
            self.tell(&News::Transmitting(on));
        }
    }

    /// Whether the device has enough to send for now.
    fn is_ahead(&mut self, now: Instant) -> bool {
        let character = self.settings().character();
        let unsent = self.opened.as_ref().map_or(0, Opened::unsent);
        let surplus = unsent.saturating_sub(self.ahead());
        if surplus == 0 {
            return false;
        }
        let surplus = u32::try_from(surplus).unwrap_or(u32::MAX);
        self.outbox
            .hold(now + character.saturating_mul(surplus).clamp(LOOK, AHEAD));
        true
    }

    /// How much the device is given at most.
    fn ahead(&self) -> usize {
        let each = self.settings().character().as_nanos().max(1);
        usize::try_from(AHEAD.as_nanos() / each)
            .unwrap_or(usize::MAX)
            .max(AHEAD_BYTES)
    }

    /// False if nothing more can be written now.
    fn write_some(&mut self, now: Instant) -> bool {
        let ahead = self.ahead();
        let left = self.outbox.left();
        let (Some(opened), Step::Write { bytes, .. }) = (&self.opened, self.outbox.next(now))
        else {
            return false;
        };
        let piece = &bytes[..bytes.len().min(ahead)];
        let completes = piece.len() == left;
        if let Some(guardian) = self.guardian.as_mut().filter(|_| !completes) {
            // Before: it may be the last that we do.
            guardian.set_within(true);
        }
        match rustix::io::write(opened, piece) {
            Ok(count) => {
                self.counters.bytes_out.add(count as u64);
                self.note_sent(count, now);
                let done = self.outbox.wrote(count, now);
                if let Some(guardian) = &mut self.guardian {
                    guardian.set_within(self.outbox.is_half_written());
                }
                if let Some(item) = done {
                    self.written(item);
                }
                self.blocked = count == 0;
                true
            }
            Err(Errno::INTR) => true,
            Err(Errno::AGAIN) => {
                self.blocked = true;
                false
            }
            Err(_) => {
                self.lose("was unplugged");
                false
            }
        }
    }

    /// So many bytes are on their way over the line.
    fn note_sent(&mut self, count: usize, now: Instant) {
        if self.opened.as_ref().is_some_and(Opened::is_pseudo) {
            return;
        }
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let begin = self.sent_at.map_or(now, |at| at.max(now));
        self.sent_at = Some(begin + self.settings().character().saturating_mul(count));
    }

    /// Whether the line is not done with what was written, as far as can be told when the
    /// device is gone.
    pub(super) fn is_on_the_line(&self, now: Instant) -> bool {
        self.sent_at.is_some_and(|at| now < at + IN_THE_CHIP)
            || self
                .opened
                .as_ref()
                .is_some_and(|opened| opened.unsent() > 0)
    }

    fn written(&mut self, item: Item<super::Ticket>) {
        match item.kind {
            Kind::Command { .. } => {
                self.counters.commands.add(1);
                if let Some(ticket) = item.ticket {
                    ticket.written();
                }
            }
            Kind::Safe if !self.outbox.is_making_safe() => {
                self.counters.safes.add(1);
                if let Some(guardian) = &mut self.guardian {
                    guardian.set_armed(self.safety.is_armed(), Instant::now());
                }
                if let Some((reason, own)) = self.reason.take() {
                    self.tell(&News::Safe { reason, own });
                }
            }
            _ => {}
        }
    }

    /// Lowers DTR and RTS if the safe string is out, or does not get out.
    fn finish_lowering(&mut self, now: Instant) {
        let unsent = self.opened.as_ref().map_or(0, Opened::unsent);
        let Some(lowering) = &mut self.lowering else {
            return;
        };
        let is_sent = !self.outbox.is_making_safe() && unsent == 0;
        lowering.sent_since = is_sent.then(|| lowering.sent_since.unwrap_or(now));
        let is_out = match lowering.sent_since {
            Some(since) => !lowering.speaks || now >= since + IN_THE_CHIP,
            None => false,
        };
        if !is_out && now < lowering.by {
            return;
        }
        if let Some(opened) = &self.opened {
            opened.lower_lines();
        }
        if let Some(guardian) = self.guardian.as_mut().filter(|_| is_sent) {
            guardian.set_armed(self.safety.is_armed(), now);
        }
        self.lowered = true;
        self.give_up_lowering();
    }

    /// Whether a safe string is under way: to the port, or in it.
    pub(super) fn safe_is_under_way(&self) -> bool {
        let lowering = self.lowering.as_ref();
        self.outbox.is_making_safe() || lowering.is_some_and(|lowering| lowering.speaks)
    }

    pub(super) fn give_up_lowering(&mut self) {
        if let Some(lowering) = self.lowering.take() {
            finish(lowering.waiting);
        }
    }

    /// When there is something to be done here again.
    pub(super) fn next_write(&mut self, now: Instant) -> Option<Instant> {
        if !self.connected {
            return None;
        }
        let lowering = self.lowering.as_ref().map(|lowering| lowering.by);
        if lowering.is_some() && !self.outbox.is_making_safe() {
            return Some(now + LOOK);
        }
        let step = match self.outbox.next(now) {
            _ if self.blocked => None,
            Step::Idle => None,
            Step::Wait(at) => Some(at),
            Step::Write { .. } => Some(now),
        };
        [lowering, step].into_iter().flatten().min()
    }

    /// The last one has gone: makes the instrument safe and closes the port.
    pub(super) fn close(&mut self) {
        if self.safety.is_armed() || self.outbox.is_making_safe() {
            self.make_safe("the port is closed".to_owned(), false, None);
        }
        let end = Instant::now() + CLOSE_PATIENCE;
        while self.connected && self.outbox.is_making_safe() && Instant::now() < end {
            self.blocked = false;
            self.write(Instant::now());
            self.beat();
            std::thread::sleep(LOOK);
        }
        self.wait_until_sent(end);
        self.guardian = None;
        self.opened = None;
    }

    fn beat(&mut self) {
        if let Some(guardian) = &mut self.guardian {
            guardian.beat(Instant::now());
        }
    }

    fn wait_until_sent(&mut self, end: Instant) {
        while self.opened.as_ref().is_some_and(|o| o.unsent() > 0) && Instant::now() < end {
            self.beat();
            std::thread::sleep(LOOK);
        }
        if let Some(opened) = &self.opened
            && (self.lowered || self.lowering.is_some())
        {
            opened.lower_lines();
        }
    }

    /// After a panic: nothing but what needs no other state.
    pub(super) fn make_safe_in_panic(&mut self) {
        // Also if it has been asked for, and waits to be written.
        let is_due = self.safe_is_under_way();
        let string = self.safety.string().map(<[u8]>::to_vec);
        let is_due = self.safety.release().string.is_some() || is_due;
        // The first would only end a message that is half written.
        let times = 1 + usize::from(self.outbox.is_half_written());
        let strings = string.filter(|_| is_due).map(|string| string.repeat(times));
        let end = Instant::now() + CLOSE_PATIENCE;
        let Some(opened) = &self.opened else {
            return;
        };
        if let Some(line) = self.talk.line() {
            let _ = opened.set_line(line, false);
        }
        let mut left = strings.as_deref().unwrap_or_default();
        while !left.is_empty() && Instant::now() < end {
            match rustix::io::write(opened, left) {
                Ok(count) => left = &left[count..],
                Err(Errno::AGAIN | Errno::INTR) => std::thread::sleep(LOOK),
                Err(_) => break,
            }
        }
        self.wait_until_sent(end);
        if let Some(opened) = &self.opened {
            opened.lower_lines();
        }
    }
}
