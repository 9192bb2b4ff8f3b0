//! The desk of the port: what each datagram is, whose it is, and who may come in.
//!
//! Pure: datagrams and the time go in; replies, deliveries and [`Event`]s come out. Called
//! by [`super::port`], which reads and writes the socket.
//!
//! Who comes in, and in this order: the check has the right form; its ufrag is one that a
//! description has announced, or begins with the id of a code; the source has not failed
//! too often; the integrity is right under the announced password or the code's. Only then
//! anything is kept. An announced guest is in; one with a code stands in the *hall*: its
//! checks are answered, and it has to begin DTLS at once ([`Event::Knock`]). A page that
//! was connected before the bench was restarted does not; it is *buried*, with no more
//! answers, or it would show a frozen picture and believe itself connected.

mod admission;
mod counters;
mod guest;
mod limits;
mod memory;

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

pub(crate) use counters::{Counters, Reason};
pub(crate) use limits::Limits;

use crate::ice::stun::{Key, Names};
use crate::signaling::code::CodeId;
use guest::{Entry, Overdue, Stage};
use limits::Strangers;
use memory::Memory;

/// Number of a transport, unique at its desk.
pub(crate) type Guest = u64;

/// Where a datagram came from, and at which of our addresses it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    pub(crate) remote: SocketAddr,
    /// Unknown where the system does not tell.
    pub(crate) local: Option<IpAddr>,
}

/// What a code lets in.
pub(crate) struct CodeKey {
    pub(crate) id: CodeId,
    pub(crate) pwd: String,
}

/// What is to be done with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Nothing.
    Dropped(Reason),
    /// The reply goes back on the same path.
    Replied,
    /// It is DTLS, RTP or RTCP of this guest.
    Deliver(Guest),
}

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// The guest can be reached by this path: with its first valid check, and whenever it
    /// moves. Of guests with a code only after their [`Event::Knock`].
    Path(Guest, Path),
    /// Somebody with a code begins DTLS: a peer is to be made. Said once, and before the
    /// first datagram is to be delivered.
    Knock {
        guest: Guest,
        code: CodeId,
        /// SHA-256 of the certificate that it has announced, authenticated by the code.
        fingerprint: [u8; 32],
        local_ufrag: String,
        local_pwd: String,
        remote_ufrag: String,
        path: Path,
    },
    /// No valid check for [`Limits::silence`]: the guest is gone. Said once.
    Silent(Guest),
}

/// Whose an address is.
struct Holder {
    guest: Guest,
    /// When the last valid check came from there.
    heard: Instant,
}

/// See the [module](self).
pub(crate) struct Desk {
    limits: Limits,
    codes: HashMap<CodeId, Key>,
    guests: HashMap<Guest, Entry>,
    /// Number of the next guest.
    next: Guest,
    /// Guests by the ufrag that a description has announced.
    announced: HashMap<String, Guest>,
    /// Guests with a code.
    coded: HashMap<Names, Guest>,
    /// The addresses of all guests, each of which is one guest's only.
    addresses: HashMap<SocketAddr, Holder>,
    /// Hashes of the names that are not answered any more.
    buried: Memory<()>,
    strangers: Strangers,
    counters: Counters,
    /// No deadline is before; it may be that none is as early.
    wake: Option<Instant>,
    hasher: RandomState,
}

impl Desk {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            codes: HashMap::new(),
            guests: HashMap::new(),
            next: 1,
            announced: HashMap::new(),
            coded: HashMap::new(),
            addresses: HashMap::new(),
            buried: Memory::new(limits.buried),
            strangers: Strangers::default(),
            counters: Counters::default(),
            wake: None,
            hasher: RandomState::new(),
            limits,
        }
    }

    /// A guest whose credentials a description announces. Whoever comes with them is the
    /// guest; if several do, the latest. The ufrag must not be in use.
    pub(crate) fn expect(&mut self, local_ufrag: &str, local_pwd: &str) -> Guest {
        let entry = Entry::new(
            Key::new(local_pwd),
            local_ufrag,
            None,
            Stage::Admitted,
            &self.limits,
        );
        let guest = self.add(entry);
        self.announced.insert(local_ufrag.to_owned(), guest);
        guest
    }

    fn add(&mut self, entry: Entry) -> Guest {
        let guest = self.next;
        self.next += 1;
        self.guests.insert(guest, entry);
        guest
    }

    /// Who may come by code from now on. Guests stay, but for those in the hall whose code
    /// is gone.
    pub(crate) fn set_codes(&mut self, codes: Vec<CodeKey>) {
        self.codes = codes
            .into_iter()
            .map(|code| (code.id, Key::new(&code.pwd)))
            .collect();
        let gone: Vec<Guest> = self
            .guests
            .iter()
            .filter(|(_, entry)| match entry.stage {
                Stage::Hall { code, .. } => !self.codes.contains_key(&code),
                Stage::Unverified | Stage::Admitted => false,
            })
            .map(|(guest, _)| *guest)
            .collect();
        for guest in gone {
            self.close(guest);
        }
    }

    /// The guest's certificate is the announced one: it does not count any more among
    /// those who are not admitted.
    pub(crate) fn admitted(&mut self, guest: Guest) {
        if let Some(entry) = self.guests.get_mut(&guest)
            && entry.stage == Stage::Unverified
        {
            entry.stage = Stage::Admitted;
        }
    }

    /// The guest has ended: its checks get no answers any more.
    pub(crate) fn close(&mut self, guest: Guest) {
        let Some(entry) = self.guests.remove(&guest) else {
            return;
        };
        self.announced.remove(&entry.local);
        self.release(&entry.remotes);
        if let Some(names) = entry.names() {
            self.coded.remove(&names);
            self.bury(&names);
        }
    }

    fn bury(&mut self, names: &Names) {
        self.buried.insert(self.hash(names), ());
    }

    fn hash(&self, value: impl Hash) -> u64 {
        self.hasher.hash_one(value)
    }

    /// These addresses are nobody's any more.
    fn release(&mut self, remotes: &[SocketAddr]) {
        for remote in remotes {
            self.addresses.remove(remote);
        }
    }

    fn holder(&self, remote: &SocketAddr) -> Option<Guest> {
        self.addresses.get(remote).map(|holder| holder.guest)
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.counters;
        counters.guests = self.guests.len();
        counters
    }

    // ---- Time -------------------------------------------------------------------------

    /// When to call [`tick`](Self::tick), if no datagram comes before.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.wake
    }

    /// Finds out whose time is up. Cheap before the deadline.
    pub(crate) fn tick(&mut self, now: Instant, events: &mut Vec<Event>) {
        if self.wake.is_none_or(|wake| now < wake) {
            return;
        }
        let mut lingerers = Vec::new();
        for (guest, entry) in &mut self.guests {
            match entry.overdue(now, &self.limits) {
                Some(Overdue::ClientHello) => lingerers.push(*guest),
                Some(Overdue::Check) => events.push(Event::Silent(*guest)),
                None => {}
            }
        }
        for guest in lingerers {
            self.close(guest);
        }
        let deadlines = self.guests.values();
        self.wake = deadlines
            .filter_map(|entry| entry.deadline(&self.limits))
            .min();
    }

    // ---- Datagrams --------------------------------------------------------------------

    /// Says what is to be done with a datagram that came by `path`. A reply is written into
    /// `reply`, over what was in there; events are added.
    pub(crate) fn datagram(
        &mut self,
        now: Instant,
        path: Path,
        bytes: &[u8],
        reply: &mut Vec<u8>,
        events: &mut Vec<Event>,
    ) -> Outcome {
        self.tick(now, events);
        // A socket for both families gives IPv4 as IPv6; the browser does not know of that.
        let path = Path {
            remote: SocketAddr::new(path.remote.ip().to_canonical(), path.remote.port()),
            local: path.local.map(|local| local.to_canonical()),
        };
        // RFC 7983, section 7.
        let outcome = match bytes.first() {
            Some(0..=3) => self
                .check(now, path, bytes, reply, events)
                .map(|()| Outcome::Replied),
            Some(20..=63 | 128..=191) => self.packet(path, bytes, events).map(Outcome::Deliver),
            _ => Err(Reason::Foreign),
        };
        let outcome = outcome.unwrap_or_else(Outcome::Dropped);
        self.counters.count(outcome);
        outcome
    }

    /// DTLS, RTP or RTCP. Nothing is allocated for what is delivered.
    fn packet(
        &mut self,
        path: Path,
        bytes: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<Guest, Reason> {
        let guest = self.holder(&path.remote).ok_or(Reason::UnknownAddress)?;
        let entry = self.guests.get_mut(&guest).ok_or(Reason::UnknownAddress)?;
        let Stage::Hall {
            code, fingerprint, ..
        } = entry.stage
        else {
            return Ok(guest);
        };
        let Some(names) = entry.names().filter(|_| is_client_hello(bytes)) else {
            self.close(guest);
            return Err(Reason::NoClientHello);
        };
        entry.stage = Stage::Unverified;
        entry.path = Some(path);
        events.push(Event::Knock {
            guest,
            code,
            fingerprint,
            local_ufrag: names.local,
            local_pwd: entry.key.pwd().to_owned(),
            remote_ufrag: names.remote,
            path,
        });
        Ok(guest)
    }
}

/// The first record of a DTLS handshake (RFC 6347, sections 4.1 and 4.2.2): content type
/// handshake, epoch 0, message ClientHello.
fn is_client_hello(bytes: &[u8]) -> bool {
    matches!(bytes, [22, _, _, 0, 0, ..]) && bytes.get(13) == Some(&1)
}

#[cfg(test)]
mod tests;
