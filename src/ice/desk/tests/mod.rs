//! A desk in front of which browsers can be put.

mod admission;
mod anything;
mod hall;
mod path;
mod time;

use std::time::Duration;

use stun_types::attribute::{RawAttribute, Username};
use stun_types::message::{
    BINDING, IntegrityAlgorithm, Message, MessageClass, MessageType, MessageWrite as _,
    MessageWriteExt as _, MessageWriteVec, ShortTermCredentials,
};

use super::*;
use crate::signaling::code::{Secret, code_ufrag};

const UFRAG: &str = "periscop";
const PASSWORD: &str = "a password of the bench+";

/// What the page of these tests has as SHA-256 of its certificate.
const CERTIFICATE: [u8; 32] = [0x5a; 32];

/// ClientHello: a handshake record of epoch 0 with message type 1.
const CLIENT_HELLO: [u8; 16] = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0];

/// A record of application data, as of an established connection.
const APPLICATION_DATA: [u8; 16] = [23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 3, 1, 0, 0];

const RTP: [u8; 12] = [128, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];

fn secret() -> Secret {
    Secret::from_bytes(*b"a secret of 16 B")
}

fn code_key(secret: &Secret) -> CodeKey {
    CodeKey {
        id: secret.id(),
        pwd: secret.ice_pwd(),
    }
}

/// A connectivity check of a browser.
#[derive(Debug, Clone)]
struct Sent {
    username: String,
    pwd: String,
    transaction: u128,
    nominates: bool,
    attribute: Option<u16>,
}

impl Sent {
    fn nominating(mut self) -> Self {
        self.nominates = true;
        self
    }

    fn with_attribute(mut self, kind: u16) -> Self {
        self.attribute = Some(kind);
        self
    }

    fn under(mut self, pwd: &str) -> Self {
        pwd.clone_into(&mut self.pwd);
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let kind = MessageType::from_class_method(MessageClass::Request, BINDING);
        let transaction = self.transaction.into();
        let mut message = Message::builder(kind, transaction, MessageWriteVec::new());
        let username = Username::new(&self.username).unwrap();
        message.add_attribute(&username).unwrap();
        let nomination = self.nominates.then_some(0x0025);
        for kind in nomination.into_iter().chain(self.attribute) {
            let attribute = RawAttribute::new(kind.into(), &[]);
            message.add_attribute(&attribute).unwrap();
        }
        let key = ShortTermCredentials::new(self.pwd.clone()).make_key();
        message
            .add_message_integrity_with_key(&key, IntegrityAlgorithm::Sha1)
            .unwrap();
        message.add_fingerprint().unwrap();
        message.finish()
    }
}

/// Whoever knows how to name us, and our password.
#[derive(Debug, Clone)]
struct Browser {
    local: String,
    remote: String,
    pwd: String,
}

impl Browser {
    /// One that has got our description.
    fn announced(remote: &str) -> Self {
        Self {
            local: UFRAG.into(),
            remote: remote.into(),
            pwd: PASSWORD.into(),
        }
    }

    /// One that has got a code.
    fn coded(remote: &str) -> Self {
        Self {
            local: code_ufrag(&secret().id(), &CERTIFICATE),
            remote: remote.into(),
            pwd: secret().ice_pwd(),
        }
    }
}

struct Bench {
    desk: Desk,
    now: Instant,
    events: Vec<Event>,
    reply: Vec<u8>,
    transaction: u128,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        let mut desk = Desk::new(limits);
        desk.set_codes(vec![code_key(&secret())]);
        Self {
            desk,
            now: Instant::now(),
            events: Vec::new(),
            reply: Vec::new(),
            transaction: 0,
        }
    }

    /// A desk with a guest that was announced.
    fn with_guest() -> (Self, Guest) {
        let mut bench = Self::new(Limits::default());
        let guest = bench.desk.expect(UFRAG, PASSWORD);
        (bench, guest)
    }

    /// A check that was never sent before.
    fn check(&mut self, browser: &Browser) -> Sent {
        self.transaction += 1;
        Sent {
            username: format!("{}:{}", browser.local, browser.remote),
            pwd: browser.pwd.clone(),
            transaction: self.transaction,
            nominates: false,
            attribute: None,
        }
    }

    fn receive(&mut self, from: &str, bytes: &[u8]) -> Outcome {
        self.reply.clear();
        self.desk.datagram(
            self.now,
            path(from),
            bytes,
            &mut self.reply,
            &mut self.events,
        )
    }

    /// A new check of this browser arrives.
    fn receive_check(&mut self, from: &str, browser: &Browser) -> Outcome {
        let check = self.check(browser);
        self.receive(from, &check.bytes())
    }

    fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// The reply, which must be under the password.
    fn reply(&self, pwd: &str) -> Message<'_> {
        let reply = Message::from_bytes(&self.reply).unwrap();
        let key = ShortTermCredentials::new(pwd.to_owned()).make_key();
        reply.validate_integrity_with_key(&key).unwrap();
        reply
    }
}

/// A path from this address to the one address that we have.
fn path(remote: &str) -> Path {
    Path {
        remote: remote.parse().unwrap(),
        local: Some([192, 168, 1, 20].into()),
    }
}
