//! Connectivity checks: who is answered, and who comes in.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::guest::{Entry, Novelty, Stage, Trace};
use super::{Desk, Event, Guest, Holder, Path, Reason};
use crate::ice::stun::{Check, Key, Names, Request};
use crate::signaling::code::{CodeId, parse_code_ufrag};

/// Who a check says it comes from.
enum Visitor {
    Guest(Guest),
    Newcomer { code: CodeId, fingerprint: [u8; 32] },
}

impl Desk {
    /// Decides about a connectivity check; if it is answered, by what is in `reply` then.
    pub(super) fn check(
        &mut self,
        now: Instant,
        path: Path,
        bytes: &[u8],
        reply: &mut Vec<u8>,
        events: &mut Vec<Event>,
    ) -> Result<(), Reason> {
        if bytes.len() > self.limits.longest_check {
            return Err(Reason::TooLong);
        }
        let request = Request::read(bytes)?;
        if self.buried.get(self.hash(&request.names)).is_some() {
            return Err(Reason::Buried);
        }
        let (visitor, key) = self.recognise(&request.names)?;
        let check = self.prove(now, path.remote, &visitor, request, &key)?;
        if let Some(complaint) = check.complaint()? {
            *reply = complaint;
            return Ok(());
        }
        let trace = Trace {
            check: self.hash(check.transaction()),
            source: self.hash(path.remote),
        };
        if let Visitor::Guest(guest) = visitor
            && let Some(entry) = self.guests.get(&guest)
        {
            match entry.novelty(trace) {
                Novelty::New => {}
                Novelty::Replay => return Err(Reason::Replay),
                // Changes nothing: it may be a replay under the guest's own address.
                Novelty::Retransmission => {
                    *reply = check.answer(path.remote)?;
                    return Ok(());
                }
            }
        }
        let answer = check.answer(path.remote)?;
        self.claim(now, path.remote, &visitor)?;
        let guest = match visitor {
            Visitor::Guest(guest) => guest,
            Visitor::Newcomer { code, fingerprint } => {
                let stage = Stage::Hall {
                    until: now + self.limits.hall,
                    code,
                    fingerprint,
                };
                self.let_into_hall(&check.names, stage, key, path.remote.ip())?
            }
        };
        self.note(now, guest, path, &check, trace, events);
        *reply = answer;
        Ok(())
    }

    fn recognise(&self, names: &Names) -> Result<(Visitor, Key), Reason> {
        let guest = self
            .announced
            .get(&names.local)
            .or_else(|| self.coded.get(names));
        if let Some(guest) = guest
            && let Some(entry) = self.guests.get(guest)
        {
            return Ok((Visitor::Guest(*guest), entry.key.clone()));
        }
        let (code, fingerprint) = parse_code_ufrag(&names.local).ok_or(Reason::UnknownUfrag)?;
        let key = self.codes.get(&code).ok_or(Reason::UnknownUfrag)?;
        Ok((Visitor::Newcomer { code, fingerprint }, key.clone()))
    }

    /// Guests are always heard where they are; all others within limits.
    fn prove<'a>(
        &mut self,
        now: Instant,
        remote: SocketAddr,
        visitor: &Visitor,
        request: Request<'a>,
        key: &Key,
    ) -> Result<Check<'a>, Reason> {
        let is_at_home = match visitor {
            Visitor::Guest(guest) => self.holder(&remote) == Some(*guest),
            Visitor::Newcomer { .. } => false,
        };
        if !is_at_home {
            self.strangers.may_try(&self.limits, now, remote.ip())?;
        }
        request.prove(key).ok_or_else(|| {
            if !is_at_home {
                self.strangers.failed(&self.limits, now, remote.ip());
            }
            Reason::Integrity
        })
    }

    /// Takes an address from whoever is not heard there any more; not from anybody else, or
    /// one guest could cut off another by a forged sender.
    fn claim(&mut self, now: Instant, remote: SocketAddr, visitor: &Visitor) -> Result<(), Reason> {
        let Some(holder) = self.addresses.get(&remote) else {
            return Ok(());
        };
        if matches!(visitor, Visitor::Guest(guest) if *guest == holder.guest) {
            return Ok(());
        }
        if now.saturating_duration_since(holder.heard) < self.limits.tenure {
            return Err(Reason::AddressTaken);
        }
        if let Some(entry) = self.guests.get_mut(&holder.guest) {
            entry.remotes.retain(|known| *known != remote);
        }
        self.addresses.remove(&remote);
        Ok(())
    }

    fn let_into_hall(
        &mut self,
        names: &Names,
        stage: Stage,
        key: Key,
        source: IpAddr,
    ) -> Result<Guest, Reason> {
        let crowd = || {
            self.guests
                .values()
                .filter(|entry| entry.stage != Stage::Admitted)
        };
        let is_of_source =
            |entry: &&Entry| entry.path.is_some_and(|path| path.remote.ip() == source);
        if crowd().filter(is_of_source).count() >= self.limits.unverified_per_source {
            return Err(Reason::CrowdOfSource);
        }
        if crowd().count() >= self.limits.unverified {
            return Err(Reason::Crowd);
        }
        let entry = Entry::new(key, &names.local, Some(&names.remote), stage, &self.limits);
        let guest = self.add(entry);
        self.coded.insert(names.clone(), guest);
        Ok(guest)
    }

    /// Takes note of a new valid check.
    fn note(
        &mut self,
        now: Instant,
        guest: Guest,
        path: Path,
        check: &Check<'_>,
        trace: Trace,
        events: &mut Vec<Event>,
    ) {
        let Some(entry) = self.guests.get_mut(&guest) else {
            return;
        };
        let predecessor = entry.succeed(&check.names.remote);
        let (forgotten, moves) = entry.heard(now, path, trace, check.nominates(), &self.limits);
        let is_in_hall = matches!(entry.stage, Stage::Hall { .. });
        let deadline = entry.deadline(&self.limits);
        if let Some((names, remotes)) = predecessor {
            self.bury(&names);
            self.release(&remotes);
        }
        self.release(forgotten.as_slice());
        let holder = Holder { guest, heard: now };
        self.addresses.insert(path.remote, holder);
        self.wake = self.wake.into_iter().chain(deadline).min();
        if moves && !is_in_hall {
            events.push(Event::Path(guest, path));
        }
    }
}
