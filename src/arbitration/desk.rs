//! The arbiter at work: its lock, its thread and its clock.
//!
//! The thread carries out all that follows from what anybody does, so that it happens in
//! order: a command is let through only when the instruments have been told to be safe
//! after the last control.
//!
//! Lock: `state` is a leaf, held while the arbiter decides, which takes no time.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use super::arbiter::{Arbiter, Effect, Station};
use super::pulse::Pulse;
use super::{Refusal, Rules, Standing};

/// How long a command or the end of the pipeline waits for the instruments to be told to be
/// safe, which takes less than a millisecond unless somebody holds a pad up.
const WAIT_FOR_SAFE: Duration = Duration::from_secs(1);

/// Nobody: has no part in anything, and sees what all see.
const NOBODY: u32 = 0;

/// Who carries out what the arbiter says; called on the desk's thread.
pub(crate) trait Crew: Send + Sync {
    /// Who controls or who waits may have changed; how things stand for nobody special.
    fn control_changed(&self, standing: &Standing);
    /// The instruments are to be made safe, ahead of everything. Commands up to number
    /// `after` are void.
    fn make_safe(&self, reason: &str, after: u64);
}

/// What programs may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Commands that did not go out.
    pub(crate) refused: u64,
    /// How often the instruments were told to be safe.
    pub(crate) safes: u64,
}

/// Shared by the peers' threads; see [`Arbiter`] for what each call means.
#[derive(Debug)]
pub(crate) struct Desk {
    state: Mutex<State>,
    /// Something has happened, or is done.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    arbiter: Arbiter,
    pulses: BTreeMap<u32, Arc<Pulse>>,
    thread: Option<ThreadId>,
    /// The thread is telling the instruments to be safe.
    making_safe: bool,
    /// No command passes: nobody could stop what it begins.
    resting: bool,
    counts: Counts,
    closing: bool,
}

impl State {
    fn safe_is_under_way(&self) -> bool {
        self.making_safe || self.arbiter.safe_is_due()
    }
}

impl Desk {
    pub(crate) fn new(rules: Rules) -> Self {
        Self {
            state: Mutex::new(State {
                arbiter: Arbiter::new(rules),
                pulses: BTreeMap::new(),
                thread: None,
                making_safe: false,
                resting: false,
                counts: Counts {
                    refused: 0,
                    safes: 0,
                },
                closing: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Starts the thread, which ends with [`Desk::close`] or when `crew` is no more.
    pub(crate) fn start(self: &Arc<Self>, crew: Weak<dyn Crew>) -> std::io::Result<JoinHandle<()>> {
        let desk = self.clone();
        std::thread::Builder::new()
            .name("periscope-control".into())
            .spawn(move || desk.work(&crew))
    }

    pub(crate) fn close(&self) {
        self.locked().closing = true;
        self.changed.notify_all();
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let result = act(&mut self.locked());
        self.changed.notify_all();
        result
    }

    /// Carries out what follows from the inputs and from time.
    fn work(&self, crew: &Weak<dyn Crew>) {
        let mut guard = self.locked();
        guard.thread = Some(std::thread::current().id());
        loop {
            let state = &mut *guard;
            for (id, pulse) in &state.pulses {
                state.arbiter.heard(*id, pulse.last());
            }
            let now = Instant::now();
            state.arbiter.tick(now);
            let effects = state.arbiter.effects();
            if !effects.is_empty() {
                let safes = effects.iter().filter(|e| matches!(e, Effect::Safe { .. }));
                let safes = safes.count() as u64;
                state.counts.safes += safes;
                state.making_safe = safes > 0;
                let standing = state.arbiter.standing(NOBODY);
                drop(guard);
                match crew.upgrade() {
                    Some(crew) => carry_out(&*crew, &effects, &standing),
                    None => return,
                }
                guard = self.locked();
                guard.making_safe = false;
                self.changed.notify_all();
                continue;
            }
            if guard.closing {
                return;
            }
            guard = match guard.arbiter.deadline() {
                Some(at) => {
                    let left = at.saturating_duration_since(now);
                    let waited = self.changed.wait_timeout(guard, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let waited = self.changed.wait(guard);
                    waited.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    fn wait_until_safe<'a>(&self, guard: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout_while(guard, WAIT_FOR_SAFE, |state| state.safe_is_under_way())
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    // ---- Peers -------------------------------------------------------------------------

    pub(crate) fn join(&self, id: u32, station: Station, may_control: bool, pulse: Arc<Pulse>) {
        self.act(|state| {
            state.pulses.insert(id, pulse);
            state.arbiter.join(id, station, may_control);
        });
    }

    pub(crate) fn greet(&self, id: u32, heartbeat: bool, at: Instant) {
        self.act(|state| state.arbiter.greet(id, heartbeat, at));
    }

    pub(crate) fn channel_closed(&self, id: u32) {
        self.act(|state| state.arbiter.channel_closed(id, Instant::now()));
    }

    pub(crate) fn gone(&self, id: u32) {
        self.act(|state| {
            state.pulses.remove(&id);
            state.arbiter.gone(id, Instant::now());
        });
    }

    /// For the peer's thread to hold as long as it runs.
    pub(crate) fn departure(self: &Arc<Self>, id: u32) -> Departure {
        Departure {
            desk: self.clone(),
            id,
        }
    }

    pub(crate) fn take(&self, id: u32, at: Instant) -> Result<(), Refusal> {
        self.act(|state| state.arbiter.take(id, at))
    }

    pub(crate) fn release(&self, id: u32, at: Instant) -> Result<(), Refusal> {
        self.act(|state| state.arbiter.release(id, at))
    }

    pub(crate) fn give(&self, id: u32, to: u32, at: Instant) -> Result<(), Refusal> {
        self.act(|state| state.arbiter.give(id, to, at))
    }

    pub(crate) fn keep(&self, id: u32) -> Result<(), Refusal> {
        self.act(|state| state.arbiter.keep(id))
    }

    /// The number of a command, if it may pass. One that follows the end of a control waits
    /// until the instruments have been told to be safe.
    pub(crate) fn command(&self, id: u32, at: Instant) -> Result<u64, Refusal> {
        let mut state = self.wait_until_safe(self.locked());
        if state.safe_is_under_way() {
            return Err(Refusal::MakingSafe);
        }
        if state.resting {
            return Err(Refusal::Resting);
        }
        let was_free = state.arbiter.is_free();
        let verdict = state.arbiter.command(id, at);
        if was_free && verdict.is_ok() {
            // It has taken control.
            self.changed.notify_all();
        }
        verdict
    }

    // ---- The bench ---------------------------------------------------------------------

    /// Takes control away from whoever has it. False if nobody has.
    pub(crate) fn revoke(&self) -> bool {
        self.act(|state| state.arbiter.revoke(Instant::now()))
    }

    /// Has the instruments made safe, whoever controls; returns when they have been told. No
    /// command passes any more until [`Desk::resume`].
    pub(crate) fn rest(&self, reason: &str) {
        let mut state = self.locked();
        state.resting = true;
        state.arbiter.rest(reason);
        self.changed.notify_all();
        // Who stops the pipeline from within a message of ours cannot wait for itself.
        if state.thread != Some(std::thread::current().id()) {
            drop(self.wait_until_safe(state));
        }
    }

    /// Commands may pass again.
    pub(crate) fn resume(&self) {
        self.locked().resting = false;
    }

    pub(crate) fn count_refused(&self, commands: u64) {
        self.locked().counts.refused += commands;
    }

    pub(crate) fn standing(&self, id: u32) -> Standing {
        self.locked().arbiter.standing(id)
    }

    /// How things stand for nobody special.
    pub(crate) fn overview(&self) -> (Standing, Counts) {
        let state = self.locked();
        (state.arbiter.standing(NOBODY), state.counts)
    }
}

/// Ends a peer's control with its thread, also if that panics.
#[derive(Debug)]
pub(crate) struct Departure {
    desk: Arc<Desk>,
    id: u32,
}

impl Drop for Departure {
    fn drop(&mut self) {
        self.desk.gone(self.id);
    }
}

fn carry_out(crew: &dyn Crew, effects: &[Effect], standing: &Standing) {
    for effect in effects {
        if let Effect::Safe { reason, after } = effect {
            crew.make_safe(reason, *after);
        }
    }
    if effects.contains(&Effect::Changed) {
        crew.control_changed(standing);
    }
}
