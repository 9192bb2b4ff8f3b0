//! What the viewers say: who may talk, who does, and how their voices reach the pads.
//!
//! ```text
//! a peer's webrtcbin ─▸ Ear ─▸ arrived ─▸ Mixer (voice) ─▸ appsrc ─▸ audio_src_%u
//!                              Roster ───┘ who is heard
//! ```
//!
//! RTP packets are taken out of webrtcbin before its jitter buffers, and wait for one thread
//! that mixes 10 ms at a time, as long as the pipeline plays: silence too, so that what follows
//! never starves. That thread decodes, conceals and mixes for all talkers; a talker costs no
//! thread, and the threads of the network never wait for one.
//!
//! [`roster::Roster`] decides who is heard and knows neither threads nor clocks.
//!
//! Locks: `roster`, `arrived`, `outlets`, `playing` and `engine` are leaves, held to look
//! something up or to take it out; nothing is mixed, pushed or told under one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gst::glib;

mod engine;
mod outlet;
pub(crate) mod roster;

pub(crate) use outlet::template_caps;

use crate::arbitration::pulse::Pulse;
use crate::voice::floor::{Mode, Refusal};
use crate::voice::mixer::MixerSettings;
use crate::voice::statistics::TalkerStatistics;
use engine::Engine;
use outlet::Outlet;
use roster::{Roster, Standing};

/// Who may talk at a time (property `talk`).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstPeriscopeTalk")]
#[repr(i32)]
pub enum Talk {
    /// Everybody who may talk, at once.
    #[default]
    #[enum_value(name = "All who may talk, at once", nick = "all")]
    All = 0,
    /// One at a time.
    #[enum_value(
        name = "One at a time: the first who begins, until the end",
        nick = "one"
    )]
    One = 1,
    /// Nobody.
    #[enum_value(name = "Nobody", nick = "none")]
    None = 2,
}

impl From<Talk> for Mode {
    fn from(talk: Talk) -> Self {
        match talk {
            Talk::All => Self::All,
            Talk::One => Self::One,
            Talk::None => Self::None,
        }
    }
}

/// From the element's properties.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) talk: Talk,
    /// How long who talks and keys a transmitter may be silent on its heartbeat; none: for
    /// ever, as everybody.
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) mixer: MixerSettings,
}

/// Who hears of changes; called on threads of peers and of the mixer, never under a lock.
pub(crate) trait Audience: Send + Sync {
    /// Others talk than before: these.
    fn talk_changed(&self, talking: &[u32]);
    /// Others may talk than before.
    fn talk_allowed(&self);
}

/// RTP packets that may wait, 2 s of ten talkers: more come only while nobody mixes.
const MAX_ARRIVED: usize = 2000;

/// The longest RTP packet that is looked at, in bytes.
const MAX_PACKET: usize = 2048;

/// A packet as it came.
struct Arrived {
    talker: u32,
    at: Duration,
    bytes: Box<[u8]>,
}

/// The voices of all viewers of one element.
pub(crate) struct Intercom {
    epoch: Instant,
    roster: Mutex<Roster>,
    arrived: Mutex<Vec<Arrived>>,
    outlets: Mutex<Vec<Outlet>>,
    audience: Mutex<Option<std::sync::Weak<dyn Audience>>>,
    mixer: Mutex<MixerSettings>,
    /// The clock and base time of the pipeline, while it plays.
    playing: Mutex<Option<(gst::Clock, gst::ClockTime)>>,
    engine: Mutex<Option<Engine>>,
    /// What the engine has counted, by talker.
    statistics: Mutex<Vec<(u32, TalkerStatistics)>>,
    /// dBFS of the mix.
    level: Mutex<f64>,
}

impl Default for Intercom {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            roster: Mutex::default(),
            arrived: Mutex::default(),
            outlets: Mutex::default(),
            audience: Mutex::new(None),
            mixer: Mutex::default(),
            playing: Mutex::default(),
            engine: Mutex::default(),
            statistics: Mutex::default(),
            level: Mutex::new(f64::NEG_INFINITY),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Intercom {
    /// The element starts.
    pub(crate) fn open(&self, settings: &Settings, audience: std::sync::Weak<dyn Audience>) {
        let mut fresh = Roster::new(settings.talk.into(), settings.heartbeat);
        {
            let mut roster = locked(&self.roster);
            fresh.is_telling = roster.is_telling;
            *roster = fresh;
        }
        *locked(&self.mixer) = settings.mixer;
        *locked(&self.audience) = Some(audience);
        self.follow_pads();
    }

    /// The element stops.
    pub(crate) fn close(&self) {
        self.pause();
        *locked(&self.audience) = None;
        locked(&self.roster).clear();
        locked(&self.statistics).clear();
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Changes who talks or may talk, and tells if others talk than before.
    fn change<T>(&self, change: impl FnOnce(&mut Roster, Instant) -> T) -> T {
        let now = Instant::now();
        let result = change(&mut locked(&self.roster), now);
        // One thread tells at a time, or the end of a talk might be heard of before its begin.
        // What changes meanwhile is told by the one that is at it.
        while let Some(talking) = self.begin_telling() {
            self.tell(&talking);
            locked(&self.roster).is_telling = false;
        }
        result
    }

    /// What is to be told, and by this thread.
    fn begin_telling(&self) -> Option<Vec<u32>> {
        let mut roster = locked(&self.roster);
        if roster.is_telling {
            return None;
        }
        let news = roster.take_news();
        roster.is_telling = news.is_some();
        news
    }

    fn tell(&self, talking: &[u32]) {
        for outlet in self.outlets() {
            outlet.tell(talking);
        }
        let audience = locked(&self.audience).clone();
        if let Some(audience) = audience.and_then(|audience| audience.upgrade()) {
            audience.talk_changed(talking);
        }
    }

    // ---- Peers -------------------------------------------------------------------------

    /// A peer has proved who it is. `may_talk`: its rights allow it.
    pub(crate) fn join(&self, id: u32, may_talk: bool, pulse: Arc<Pulse>) {
        self.change(|roster, _| roster.join(id, may_talk, pulse));
    }

    /// A peer turns out to be a page. One that knows of talking says when it begins and ends;
    /// a page with a heartbeat sends one meanwhile.
    pub(crate) fn greet(&self, id: u32, tells: bool, heartbeat: bool) {
        self.change(|roster, _| roster.greet(id, tells, heartbeat));
    }

    /// A peer sends what it says in RTP packets of this payload type.
    pub(crate) fn connect(&self, id: u32, payload_type: u8) {
        self.change(|roster, _| roster.connect(id, payload_type));
    }

    pub(crate) fn leave(&self, id: u32) {
        self.change(|roster, _| roster.leave(id));
    }

    /// Whether a peer could be heard: it may talk, and somebody listens.
    pub(crate) fn could_hear(&self, may_talk: bool) -> bool {
        locked(&self.roster).could_hear(may_talk)
    }

    /// Something takes what the viewers say.
    fn listens(&self) -> bool {
        self.outlets().iter().any(Outlet::is_linked)
    }

    /// Pads were linked, unlinked, added or removed: does anything take what is said?
    pub(crate) fn follow_pads(&self) {
        self.settle();
        let listens = self.listens();
        self.change(|roster, _| roster.set_listener(listens));
    }

    /// Others may talk at a time than before.
    pub(crate) fn set_talk(&self, talk: Talk) {
        self.change(|roster, _| roster.set_mode(talk.into()));
        // Who does not talk may still have a reason for it that it does not know.
        let audience = locked(&self.audience).clone();
        if let Some(audience) = audience.and_then(|audience| audience.upgrade()) {
            audience.talk_allowed();
        }
    }

    /// A page begins to talk, or why it does not. `keys`: a transmitter is on meanwhile.
    pub(crate) fn start(&self, id: u32, keys: bool) -> Result<(), Refusal> {
        self.change(|roster, now| roster.start(id, keys, now))
    }

    /// A page does not talk any more.
    pub(crate) fn end(&self, id: u32) {
        self.change(|roster, _| roster.end(id));
    }

    /// Ends a page's talking, and notes why.
    pub(crate) fn refuse(&self, id: u32, why: Refusal) {
        self.change(|roster, _| roster.refuse(id, why));
    }

    /// How things stand for a peer.
    pub(crate) fn standing(&self, id: u32) -> Standing {
        locked(&self.roster).standing(id)
    }

    /// Who talks.
    pub(crate) fn talking(&self) -> Vec<u32> {
        locked(&self.roster).talking()
    }

    /// What was counted of each talker, by the peer's number.
    pub(crate) fn statistics(&self) -> Vec<(u32, TalkerStatistics)> {
        locked(&self.statistics).clone()
    }

    /// How loud the mix is, in dBFS.
    pub(crate) fn level(&self) -> f64 {
        *locked(&self.level)
    }

    fn hear(&self, talker: u32, bytes: &[u8]) {
        // None of Opus is so long (RFC 6716, section 3.2.1: 1275 bytes for 20 ms).
        if bytes.len() > MAX_PACKET {
            return;
        }
        let at = self.now();
        let mut arrived = locked(&self.arrived);
        if arrived.len() < MAX_ARRIVED {
            arrived.push(Arrived {
                talker,
                at,
                bytes: bytes.into(),
            });
        }
    }

    // ---- Pads --------------------------------------------------------------------------

    fn outlets(&self) -> Vec<Outlet> {
        locked(&self.outlets).clone()
    }

    /// Makes what stands behind a new pad.
    pub(crate) fn add_outlet(
        self: &Arc<Self>,
        bin: &gst::Bin,
        pad: &gst::GhostPad,
    ) -> anyhow::Result<()> {
        let outlet = Outlet::new(bin, pad)?;
        locked(&self.outlets).push(outlet);
        // It may be the first one of a pipeline that plays.
        self.run_engine()
    }

    pub(crate) fn remove_outlet(&self, pad: &str) {
        let outlet = {
            let mut outlets = locked(&self.outlets);
            let position = outlets.iter().position(|outlet| outlet.name() == pad);
            position.map(|position| outlets.remove(position))
        };
        if let Some(outlet) = outlet {
            outlet.remove();
        }
        self.follow_pads();
    }

    /// What follows is known: raw sound or Opus?
    pub(crate) fn settle(&self) {
        for outlet in self.outlets() {
            outlet.settle();
        }
    }

    /// Nothing comes any more: what follows ends, too.
    pub(crate) fn end_of_stream(&self) {
        for outlet in self.outlets() {
            outlet.end();
        }
    }

    // ---- The pipeline ------------------------------------------------------------------

    /// The pipeline plays by this clock: from now on there is sound, if only silence.
    pub(crate) fn play(
        self: &Arc<Self>,
        clock: &gst::Clock,
        base_time: gst::ClockTime,
    ) -> anyhow::Result<()> {
        self.pause();
        *locked(&self.playing) = Some((clock.clone(), base_time));
        self.run_engine()
    }

    /// Mixes while the pipeline plays and there is a pad, and not twice.
    fn run_engine(self: &Arc<Self>) -> anyhow::Result<()> {
        let Some((clock, base_time)) = locked(&self.playing).clone() else {
            return Ok(());
        };
        if self.outlets().is_empty() || locked(&self.engine).is_some() {
            return Ok(());
        }
        let settings = *locked(&self.mixer);
        let engine = Engine::start(self, &clock, base_time, settings)?;
        // Whoever was quicker has the same: only one stays.
        let _spare = locked(&self.engine).replace(engine);
        // The pipeline may have been paused in between, which then found nothing to stop.
        if locked(&self.playing).is_none() {
            self.stop_engine();
        }
        Ok(())
    }

    pub(crate) fn pause(&self) {
        let _old = locked(&self.playing).take();
        self.stop_engine();
    }

    fn stop_engine(&self) {
        let engine = locked(&self.engine).take();
        drop(engine);
    }
}

/// Takes what a peer says out of its pipeline.
#[derive(Clone)]
pub(crate) struct Ear {
    intercom: Arc<Intercom>,
    talker: u32,
    /// The peer has been told that it may send.
    expects: Arc<AtomicBool>,
}

impl Ear {
    pub(crate) fn new(intercom: Arc<Intercom>, talker: u32) -> Self {
        Self {
            intercom,
            talker,
            expects: Arc::default(),
        }
    }

    /// From now on the peer may send.
    pub(crate) fn expect(&self) {
        self.expects.store(true, Ordering::Release);
    }

    pub(crate) fn expects(&self) -> bool {
        self.expects.load(Ordering::Acquire)
    }

    /// An RTP packet has come.
    pub(crate) fn hear(&self, packet: &gst::BufferRef) {
        if let Ok(map) = packet.map_readable() {
            self.intercom.hear(self.talker, &map);
        }
    }
}
