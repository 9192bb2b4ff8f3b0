//! stub
use crate::signaling::code::CodeId;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;
pub(crate) type Guest = u64;
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Path {
    pub(crate) remote: SocketAddr,
    pub(crate) local: Option<IpAddr>,
}
pub(crate) struct CodeKey {
    pub(crate) id: CodeId,
    pub(crate) pwd: String,
}
#[derive(Default)]
pub(crate) struct Limits;
pub(crate) enum Outcome {
    Dropped(()),
    Replied,
    Deliver(Guest),
}
pub(crate) enum Event {
    Path(Guest, Path),
    Silent(Guest),
    Knock {
        guest: Guest,
        code: CodeId,
        fingerprint: [u8; 32],
        local_ufrag: String,
        local_pwd: String,
        remote_ufrag: String,
        path: Path,
    },
}
pub(crate) struct Counters;
pub(crate) struct Desk;
impl Limits {
    pub(crate) fn for_peers(_n: usize) -> Self {
        Self
    }
}
impl Desk {
    pub(crate) fn new(_: Limits) -> Self {
        Desk
    }
    pub(crate) fn expect(&mut self, _u: &str, _p: &str, _n: Instant) -> Guest {
        1
    }
    pub(crate) fn set_codes(&mut self, _c: Vec<CodeKey>) {}
    pub(crate) fn datagram(
        &mut self,
        _n: Instant,
        _p: Path,
        _b: &[u8],
        _r: &mut Vec<u8>,
        _e: &mut Vec<Event>,
    ) -> Outcome {
        Outcome::Dropped(())
    }
    pub(crate) fn admitted(&mut self, _g: Guest) {}
    pub(crate) fn close(&mut self, _g: Guest, _n: Instant) {}
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        None
    }
    pub(crate) fn tick(&mut self, _n: Instant, _e: &mut Vec<Event>) {}
    pub(crate) fn counters(&self) -> Counters {
        Counters
    }
}
