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

    /// Has the instruments made safe, whoever controls; returns when they have been told.
    pub(crate) fn rest(&self, reason: &str) {
        let mut state = self.locked();
        state.arbiter.rest(reason);
        self.changed.notify_all();
        // Who stops the pipeline from within a message of ours cannot wait for itself.
        if state.thread != Some(std::thread::current().id()) {
            drop(self.wait_until_safe(state));
        }
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// A crew that tells what it is told, and takes its time.
    struct Listening {
        tell: Mutex<Sender<String>>,
        /// Makes the crew wait while it makes something safe.
        gate: Mutex<()>,
    }

    impl Crew for Listening {
        fn control_changed(&self, standing: &Standing) {
            let holder = standing
                .holder
                .map_or_else(|| "nobody".into(), |id| id.to_string());
            let _ = self.tell.lock().expect("lock").send(holder);
        }

        fn make_safe(&self, reason: &str, after: u64) {
            drop(self.gate.lock().expect("lock"));
            let _ = self
                .tell
                .lock()
                .expect("lock")
                .send(format!("{reason} ({after})"));
        }
    }

    fn desk(rules: Rules) -> (Arc<Desk>, Arc<Listening>, Receiver<String>) {
        let (tell, told) = channel();
        let crew = Arc::new(Listening {
            tell: Mutex::new(tell),
            gate: Mutex::new(()),
        });
        let desk = Arc::new(Desk::new(rules));
        let weak: Weak<dyn Crew> = Arc::<Listening>::downgrade(&crew);
        desk.start(weak).expect("a thread");
        for id in [1, 2] {
            desk.join(id, Station::Peer(id), true, Arc::new(Pulse::default()));
        }
        (desk, crew, told)
    }

    fn next(told: &Receiver<String>, words: &str) -> String {
        loop {
            let text = told.recv_timeout(Duration::from_secs(10)).expect(words);
            if text.contains(words) {
                return text;
            }
        }
    }

    #[test]
    fn silence_is_noticed_without_anybody_asking() {
        let heartbeat = Some(Duration::from_millis(100));
        let (desk, _crew, told) = desk(Rules {
            heartbeat,
            ..Rules::default()
        });
        desk.greet(1, true, Instant::now());
        desk.take(1, Instant::now()).expect("free");
        let started = Instant::now();
        next(&told, "not heard of for 100 ms (0)");
        let took = started.elapsed();
        assert!(took < Duration::from_millis(400), "{took:?}");
        assert_eq!(desk.overview().1.safes, 1);
        desk.close();
    }

    #[test]
    fn a_pulse_keeps_control_without_waking_anybody() {
        let heartbeat = Some(Duration::from_millis(300));
        let (desk, _crew, told) = desk(Rules {
            heartbeat,
            ..Rules::default()
        });
        let pulse = Arc::new(Pulse::default());
        desk.join(3, Station::Peer(3), true, pulse.clone());
        desk.greet(3, true, Instant::now());
        desk.take(3, Instant::now()).expect("free");
        next(&told, "3");
        for _ in 0..20 {
            pulse.beat();
            let silent = told.recv_timeout(Duration::from_millis(50));
            assert!(silent.is_err(), "{silent:?}");
        }
        next(&told, "not heard of");
        desk.close();
    }

    #[test]
    fn no_command_passes_before_the_instruments_are_safe_after_the_last_control() {
        let (desk, crew, told) = desk(Rules::default());
        assert_eq!(desk.command(1, Instant::now()), Ok(1));
        let gate = crew.gate.lock().expect("lock");
        desk.gone(1);
        let (tell, passed) = channel();
        let second = desk.clone();
        let thread = std::thread::spawn(move || {
            let _ = tell.send(second.command(2, Instant::now()));
        });
        assert!(passed.recv_timeout(Duration::from_millis(100)).is_err());
        drop(gate);
        next(&told, "is gone (1)");
        let verdict = passed.recv_timeout(Duration::from_secs(10));
        assert_eq!(verdict, Ok(Ok(2)));
        thread.join().expect("ended");
        desk.close();
    }

    #[test]
    fn a_pad_that_is_held_up_refuses_commands_and_ends_no_program() {
        let (desk, crew, _told) = desk(Rules::default());
        assert_eq!(desk.command(1, Instant::now()), Ok(1));
        let gate = crew.gate.lock().expect("lock");
        desk.rest("the pipeline has stopped");
        let verdict = desk.command(1, Instant::now());
        assert_eq!(verdict, Err(Refusal::MakingSafe));
        drop(gate);
        desk.close();
    }

    #[test]
    fn a_thread_that_panics_has_no_control_any_more() {
        let (desk, _crew, told) = desk(Rules::default());
        desk.take(1, Instant::now()).expect("free");
        let departure = desk.departure(1);
        let panicked = std::thread::spawn(move || {
            let _departure = departure;
            std::panic::resume_unwind(Box::new("as a peer's thread might"));
        });
        assert!(panicked.join().is_err());
        next(&told, "viewer 1, who had control, is gone (0)");
        desk.close();
    }
}
