//! What the desk knows of one guest.

use std::net::SocketAddr;
use std::time::Instant;

use super::memory::Memory;
use super::{Limits, Path};
use crate::ice::stun::{Key, Names};
use crate::signaling::code::CodeId;

/// How far in a guest is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Has shown that it knows a code, and has not begun DTLS.
    Hall {
        until: Instant,
        code: CodeId,
        fingerprint: [u8; 32],
    },
    /// Is being made a peer of; nobody has seen its certificate.
    Unverified,
    /// Announced by a description, or its certificate is the right one.
    Admitted,
}

/// Whether a guest is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// No valid check has come.
    Awaited,
    /// The last new one came at that time.
    Heard(Instant),
    /// It was said that the guest is gone; this is said once.
    Gone,
}

/// What the desk has to say when a guest's time is up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    ClientHello,
    Check,
}

pub(super) struct Entry {
    pub(super) key: Key,
    /// What the other side has to call us.
    pub(super) local: String,
    /// What it calls itself; none until it has come.
    remote: Option<String>,
    pub(super) stage: Stage,
    pub(super) path: Option<Path>,
    /// From where valid checks have come, and nobody else's; the latest is last.
    pub(super) remotes: Vec<SocketAddr>,
    /// Hashes of the transaction ids that were there, and of the addresses they came from.
    checks: Memory<u64>,
    presence: Presence,
}

/// A check and where it came from, as hashes of transaction id and address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trace {
    pub(super) check: u64,
    pub(super) source: u64,
}

/// What a valid check of a guest is.
pub(super) enum Novelty {
    New,
    /// Its answer was lost.
    Retransmission,
    /// Somebody else has recorded it.
    Replay,
}

impl Entry {
    pub(super) fn new(
        key: Key,
        local: &str,
        remote: Option<&str>,
        stage: Stage,
        limits: &Limits,
    ) -> Self {
        Self {
            key,
            local: local.to_owned(),
            remote: remote.map(str::to_owned),
            stage,
            path: None,
            remotes: Vec::new(),
            checks: Memory::new(limits.checks),
            presence: Presence::Awaited,
        }
    }

    pub(super) fn names(&self) -> Option<Names> {
        Some(Names {
            local: self.local.clone(),
            remote: self.remote.clone()?,
        })
    }

    pub(super) fn novelty(&self, trace: Trace) -> Novelty {
        match self.checks.get(trace.check) {
            None => Novelty::New,
            Some(before) if *before == trace.source => Novelty::Retransmission,
            Some(_) => Novelty::Replay,
        }
    }

    /// Another browser, or the same one anew, has come with the ufrag that we announced:
    /// the latest is the guest. Returns the names of the one before, and where it was.
    pub(super) fn succeed(&mut self, remote: &str) -> Option<(Names, Vec<SocketAddr>)> {
        if self.remote.as_deref() == Some(remote) {
            return None;
        }
        let before = self.names();
        self.remote = Some(remote.to_owned());
        Some((before?, std::mem::take(&mut self.remotes)))
    }

    /// Takes note of a new valid check. Returns the address that is forgotten for it, if
    /// any, and whether the path has moved.
    ///
    /// Chromium nominates with every check, Firefox only once: a path moves when it is
    /// nominated, and to where the guest has never been before.
    pub(super) fn heard(
        &mut self,
        now: Instant,
        path: Path,
        trace: Trace,
        nominates: bool,
        limits: &Limits,
    ) -> (Option<SocketAddr>, bool) {
        self.checks.insert(trace.check, trace.source);
        if self.presence != Presence::Gone {
            self.presence = Presence::Heard(now);
        }
        let known = self.remotes.len();
        self.remotes.retain(|remote| *remote != path.remote);
        let is_new = self.remotes.len() == known;
        self.remotes.push(path.remote);
        // The path is not forgotten: a new address is where it moves.
        let forgotten =
            (self.remotes.len() > limits.addresses.max(1)).then(|| self.remotes.remove(0));
        let moves = (is_new || nominates) && self.path != Some(path);
        if moves {
            self.path = Some(path);
        }
        (forgotten, moves)
    }

    fn due(&self, limits: &Limits) -> Option<(Instant, Overdue)> {
        match (self.stage, self.presence) {
            (Stage::Hall { until, .. }, _) => Some((until, Overdue::ClientHello)),
            (_, Presence::Heard(at)) => Some((at + limits.silence, Overdue::Check)),
            (_, Presence::Awaited | Presence::Gone) => None,
        }
    }

    /// When something is overdue, if nothing comes before.
    pub(super) fn deadline(&self, limits: &Limits) -> Option<Instant> {
        self.due(limits).map(|(at, _)| at)
    }

    /// What is overdue; a check only once.
    pub(super) fn overdue(&mut self, now: Instant, limits: &Limits) -> Option<Overdue> {
        let (_, overdue) = self.due(limits).filter(|(at, _)| *at <= now)?;
        if overdue == Overdue::Check {
            self.presence = Presence::Gone;
        }
        Some(overdue)
    }
}
