//! Who controls, as a state machine (pure; time is an argument).
//!
//! Times of what a peer does are those of its arrival at the host, not of its turn: a
//! command that waited while control was lost must not pass for one that was given
//! afterwards.

use std::collections::BTreeMap;
use std::time::Instant;

use super::{Refusal, Role, Rules, Standing};

/// Who is at the other end of a connection. A page that comes back makes a second
/// connection beside the first, with the same certificate: both are one station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Station {
    /// SHA-256 of the certificate that was shown in DTLS.
    Certificate([u8; 32]),
    /// A connection that stands for itself.
    Peer(u32),
}

/// What follows from an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The standing of some peers is another one.
    Changed,
    /// The instruments are to be made safe. Commands up to number `after` are void.
    Safe { reason: String, after: u64 },
}

#[derive(Debug)]
struct Peer {
    station: Station,
    may_control: bool,
    /// Whether it is a page that can be told that it has to ask.
    greeted: bool,
    heartbeat: bool,
    lost: Option<Lost>,
}

/// How a peer's last control ended.
#[derive(Debug, Clone, Copy)]
struct Lost {
    at: Instant,
    /// It did not give control up itself, and maybe does not know: its next command is not
    /// a wish to have it again.
    must_ask: bool,
}

#[derive(Debug)]
struct Holder {
    station: Station,
    since: Instant,
    heard: Instant,
    commanded: Instant,
    /// Whether silence ends it: it has a heartbeat, or had one on another connection.
    watched: bool,
}

#[derive(Debug)]
struct Request {
    station: Station,
    since: Instant,
}

/// Decides who controls. Nobody waits while nobody controls.
#[derive(Debug)]
pub(crate) struct Arbiter {
    rules: Rules,
    peers: BTreeMap<u32, Peer>,
    holder: Option<Holder>,
    waiting: Vec<Request>,
    /// Commands that were let through: the number of the last one.
    commands: u64,
    /// Nobody has got control or sent a command since the instruments were made safe.
    at_rest: bool,
    effects: Vec<Effect>,
}

impl Arbiter {
    pub(crate) const fn new(rules: Rules) -> Self {
        Self {
            rules,
            peers: BTreeMap::new(),
            holder: None,
            waiting: Vec::new(),
            commands: 0,
            at_rest: true,
            effects: Vec::new(),
        }
    }

    /// What has followed from the inputs since this was asked last.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Whether the instruments are to be made safe among what has not been asked for yet.
    pub(crate) fn safe_is_due(&self) -> bool {
        self.effects
            .iter()
            .any(|effect| matches!(effect, Effect::Safe { .. }))
    }

    // ---- Peers come and go -------------------------------------------------------------

    /// A peer has proved who it is.
    pub(crate) fn join(&mut self, id: u32, station: Station, may_control: bool) {
        // Who may only watch is no part of a station that controls.
        let station = if may_control {
            station
        } else {
            Station::Peer(id)
        };
        let lost = self
            .peers
            .values()
            .find(|peer| peer.station == station)
            .and_then(|peer| peer.lost);
        self.peers.insert(
            id,
            Peer {
                station,
                may_control,
                greeted: false,
                heartbeat: false,
                lost,
            },
        );
        self.effects.push(Effect::Changed);
    }

    /// A peer turns out to be a page that hears what it is told. With `heartbeat` it sends
    /// one while it controls.
    pub(crate) fn greet(&mut self, id: u32, heartbeat: bool, at: Instant) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        peer.greeted = true;
        peer.heartbeat |= heartbeat;
        if peer.heartbeat
            && let Some(holder) = &mut self.holder
            && holder.station == peer.station
        {
            holder.watched = true;
            holder.heard = holder.heard.max(at);
        }
    }

    /// A channel of the peer was closed, by which it was heard of or sent its commands.
    pub(crate) fn channel_closed(&mut self, id: u32, at: Instant) {
        let Some(peer) = self.peers.get_mut(&id) else {
            return;
        };
        // A page that has promised a heartbeat is held to it, whatever becomes of its channels.
        let station = peer.station;
        if self.holds(station) && self.members(station).count() == 1 {
            self.lose(format!("a channel of viewer {id} was closed"), at, true);
            self.next(at);
        }
    }

    /// A peer is no more.
    pub(crate) fn gone(&mut self, id: u32, at: Instant) {
        let Some(peer) = self.peers.remove(&id) else {
            return;
        };
        self.effects.push(Effect::Changed);
        if self.members(peer.station).next().is_some() {
            return;
        }
        self.waiting
            .retain(|request| request.station != peer.station);
        if self.holds(peer.station) {
            self.lose(format!("viewer {id}, who had control, is gone"), at, true);
            self.next(at);
        }
    }

    // ---- What peers ask for ------------------------------------------------------------

    /// A peer wants control.
    pub(crate) fn take(&mut self, id: u32, at: Instant) -> Result<(), Refusal> {
        let station = self.controller(id)?;
        if self.holds(station) || self.waiting.iter().any(|r| r.station == station) {
            return Ok(());
        }
        if self.holder.is_none() {
            self.grant(station, at);
        } else {
            self.waiting.push(Request { station, since: at });
            self.effects.push(Effect::Changed);
        }
        Ok(())
    }

    /// A peer gives control up, or its request for it.
    pub(crate) fn release(&mut self, id: u32, at: Instant) -> Result<(), Refusal> {
        let station = self.controller(id)?;
        if self.holds(station) {
            self.lose(format!("viewer {id} gave control up"), at, false);
            self.next(at);
        } else if self.waiting.iter().any(|r| r.station == station) {
            self.waiting.retain(|r| r.station != station);
            self.effects.push(Effect::Changed);
        }
        Ok(())
    }

    /// Who controls hands over to one who waits.
    pub(crate) fn give(&mut self, id: u32, to: u32, at: Instant) -> Result<(), Refusal> {
        let station = self.controller(id)?;
        if !self.holds(station) {
            return Err(Refusal::NotHolder);
        }
        let asked = self
            .peers
            .get(&to)
            .and_then(|peer| self.waiting.iter().position(|r| r.station == peer.station));
        let Some(position) = asked else {
            return Err(Refusal::NotAsked(to));
        };
        let next = self.waiting.remove(position);
        self.lose(
            format!("viewer {id} handed control over to viewer {to}"),
            at,
            false,
        );
        self.grant(next.station, at);
        Ok(())
    }

    /// Who controls refuses all who wait.
    pub(crate) fn keep(&mut self, id: u32) -> Result<(), Refusal> {
        let station = self.controller(id)?;
        if !self.holds(station) {
            return Err(Refusal::NotHolder);
        }
        if !self.waiting.is_empty() {
            self.waiting.clear();
            self.effects.push(Effect::Changed);
        }
        Ok(())
    }

    /// The person at the bench takes control away. Nobody gets it: who waited may ask again.
    pub(crate) fn revoke(&mut self, at: Instant) -> bool {
        self.waiting.clear();
        let held = self.holder.is_some();
        self.lose("control was taken away at the bench".into(), at, true);
        held
    }

    /// The instruments have to be safe, whoever controls: nobody could stop them now.
    pub(crate) fn rest(&mut self, reason: &str) {
        self.make_safe(reason.to_owned());
    }

    /// Once for each time that somebody could have done something.
    fn make_safe(&mut self, reason: String) {
        if !self.at_rest {
            self.at_rest = true;
            self.effects.push(Effect::Safe {
                reason,
                after: self.commands,
            });
        }
    }

    /// A peer sends a command, which gets its number if it may pass.
    pub(crate) fn command(&mut self, id: u32, at: Instant) -> Result<u64, Refusal> {
        let station = self.controller(id)?;
        match &mut self.holder {
            Some(holder) if holder.station == station => {
                if at < holder.since {
                    return Err(Refusal::Stale);
                }
                holder.commanded = holder.commanded.max(at);
                holder.heard = holder.heard.max(at);
            }
            Some(holder) => {
                let station = holder.station;
                return Err(Refusal::Held(self.number(station)));
            }
            None => {
                if let Some(peer) = self.peers.get(&id)
                    && let Some(lost) = peer.lost
                {
                    if at <= lost.at {
                        return Err(Refusal::Stale);
                    }
                    if lost.must_ask && peer.greeted {
                        return Err(Refusal::Lost);
                    }
                }
                self.grant(station, at);
            }
        }
        self.at_rest = false;
        self.commands += 1;
        Ok(self.commands)
    }

    // ---- Time --------------------------------------------------------------------------

    /// A peer was heard of.
    pub(crate) fn heard(&mut self, id: u32, at: Instant) {
        if let Some(peer) = self.peers.get(&id)
            && let Some(holder) = &mut self.holder
            && holder.station == peer.station
        {
            holder.heard = holder.heard.max(at);
        }
    }

    /// When [`Arbiter::tick`] has something to do at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        [self.silent_at(), self.idle_at(), self.passes_at()]
            .into_iter()
            .flatten()
            .min()
    }

    fn silent_at(&self) -> Option<Instant> {
        let holder = self.holder.as_ref().filter(|holder| holder.watched)?;
        Some(holder.heard + self.rules.heartbeat?)
    }

    fn idle_at(&self) -> Option<Instant> {
        Some(self.holder.as_ref()?.commanded + self.rules.idle?)
    }

    /// When the request that has waited longest is answered by time. Who has just got
    /// control has as long to answer as who had it before.
    fn passes_at(&self) -> Option<Instant> {
        let request = self.waiting.first()?;
        let holder = self.holder.as_ref()?;
        Some(request.since.max(holder.since) + self.rules.request?)
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        loop {
            if due(self.silent_at()) {
                let patience = self.rules.heartbeat.unwrap_or_default().as_millis();
                self.lose(
                    format!("the controlling page was not heard of for {patience} ms"),
                    now,
                    true,
                );
            } else if due(self.idle_at()) {
                let patience = self.rules.idle.unwrap_or_default().as_secs();
                self.lose(
                    format!("the controlling page sent no command for {patience} s"),
                    now,
                    false,
                );
            } else if due(self.passes_at()) {
                let patience = self.rules.request.unwrap_or_default().as_millis();
                self.lose(
                    format!("a request for control was not answered for {patience} ms"),
                    now,
                    true,
                );
            } else {
                return;
            }
            self.next(now);
        }
    }

    // ---- What all may know -------------------------------------------------------------

    /// Whether nobody controls.
    pub(crate) const fn is_free(&self) -> bool {
        self.holder.is_none()
    }

    /// How things stand for a peer.
    pub(crate) fn standing(&self, id: u32) -> Standing {
        let own = self.peers.get(&id).map(|peer| peer.station);
        let number = |station: Station| match own {
            Some(own) if own == station => id,
            _ => self.number(station),
        };
        let holder = self.holder.as_ref().map(|holder| holder.station);
        Standing {
            holder: holder.map(number),
            role: if holder.is_some() && holder == own {
                Role::Holder
            } else if self.waiting.iter().any(|r| Some(r.station) == own) {
                Role::Waiting
            } else {
                Role::None
            },
            waiting: self.waiting.iter().map(|r| number(r.station)).collect(),
            timeout: self.rules.request,
        }
    }

    /// The number of the newest connection of a station.
    fn number(&self, station: Station) -> u32 {
        self.members(station).last().unwrap_or_default()
    }

    fn members(&self, station: Station) -> impl Iterator<Item = u32> {
        self.peers
            .iter()
            .filter(move |(_, peer)| peer.station == station)
            .map(|(id, _)| *id)
    }

    fn holds(&self, station: Station) -> bool {
        self.holder
            .as_ref()
            .is_some_and(|holder| holder.station == station)
    }

    /// The station of a peer that may control.
    fn controller(&self, id: u32) -> Result<Station, Refusal> {
        match self.peers.get(&id) {
            Some(peer) if peer.may_control => Ok(peer.station),
            _ => Err(Refusal::View),
        }
    }

    fn grant(&mut self, station: Station, at: Instant) {
        self.waiting.retain(|request| request.station != station);
        let mut watched = false;
        for peer in self.peers.values_mut() {
            if peer.station == station {
                peer.lost = None;
                watched |= peer.heartbeat;
            }
        }
        self.at_rest = false;
        self.holder = Some(Holder {
            station,
            since: at,
            heard: at,
            commanded: at,
            watched,
        });
        self.effects.push(Effect::Changed);
    }

    /// Ends the control of whoever has it.
    fn lose(&mut self, reason: String, at: Instant, must_ask: bool) {
        let Some(holder) = self.holder.take() else {
            return;
        };
        for peer in self.peers.values_mut() {
            if peer.station == holder.station {
                peer.lost = Some(Lost { at, must_ask });
            }
        }
        self.make_safe(reason);
        self.effects.push(Effect::Changed);
    }

    /// Control is free: who has waited longest gets it.
    fn next(&mut self, at: Instant) {
        if self.holder.is_none() && !self.waiting.is_empty() {
            let request = self.waiting.remove(0);
            self.grant(request.station, at);
        }
    }
}
