//! Anything that can arrive at the UDP port, and what the bench does meanwhile.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use stun_types::attribute::{RawAttribute, Username};
use stun_types::message::{
    IntegrityAlgorithm, Message, MessageType, MessageWrite as _, MessageWriteExt as _,
    MessageWriteVec, ShortTermCredentials,
};

use crate::ice::desk::{CodeKey, Desk, Event, Guest, Limits, Outcome, Path};
use crate::signaling::code::{Secret, code_ufrag};

const PASSWORD: &str = "a password of the bench+";

/// What happens.
#[derive(Debug, Arbitrary)]
pub enum Act<'a> {
    /// A datagram.
    Bytes(From, &'a [u8]),
    /// One that is DTLS or media from its first byte on.
    Packet(From, u8, &'a [u8]),
    /// The begin of DTLS.
    ClientHello(From),
    /// A STUN message under the right password.
    Signed {
        /// The sender.
        from: From,
        /// Class and method.
        kind: u8,
        /// Whether it comes by the code.
        coded: bool,
        /// What the browser calls itself.
        ufrag: u8,
        /// Transaction id.
        transaction: u8,
        /// Type and value of an attribute.
        attribute: Option<(u16, &'a [u8])>,
        /// Whether by SHA-256.
        sha256: bool,
    },
    /// The guest's certificate is the right one.
    Admitted(u8),
    /// The guest has ended.
    Close(u8),
    /// The code is there or not.
    Code(bool),
    /// So many milliseconds pass.
    Pass(u16),
}

/// An address of a few.
#[derive(Debug, Clone, Copy, Arbitrary)]
pub struct From(u8);

impl From {
    fn path(self) -> Path {
        let Self(number) = self;
        let host = Ipv4Addr::new(10, 0, 0, number >> 4);
        Path {
            remote: (host, 5000 + u16::from(number & 15)).into(),
            local: None,
        }
    }
}

fn secret() -> Secret {
    Secret::from_bytes([7; 16])
}

fn set_code(desk: &mut Desk, exists: bool) {
    let key = exists.then(|| CodeKey {
        id: secret().id(),
        pwd: secret().ice_pwd(),
    });
    desk.set_codes(key.into_iter().collect());
}

/// Plays it through.
pub fn play(acts: Vec<Act<'_>>) {
    let mut desk = Desk::new(Limits::default());
    set_code(&mut desk, true);
    let announced = desk.expect("bench", PASSWORD);
    let mut now = Instant::now();
    let mut reply = Vec::new();
    let mut events = Vec::new();
    let mut known: Vec<Guest> = vec![announced];
    let mut datagrams = 0;
    for act in acts {
        let datagram = match act {
            Act::Bytes(from, bytes) => Some((from, bytes.to_vec())),
            Act::Packet(from, first, bytes) => Some((from, [&[first], bytes].concat())),
            Act::ClientHello(from) => {
                let hello = [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
                Some((from, hello.to_vec()))
            }
            Act::Signed {
                from,
                kind,
                coded,
                ufrag,
                transaction,
                attribute,
                sha256,
            } => {
                let bytes = signed(kind, coded, ufrag, transaction, attribute, sha256);
                bytes.map(|bytes| (from, bytes))
            }
            Act::Admitted(guest) => {
                desk.admitted(Guest::from(guest));
                None
            }
            Act::Close(guest) => {
                desk.close(Guest::from(guest));
                known.retain(|other| *other != Guest::from(guest));
                None
            }
            Act::Code(exists) => {
                set_code(&mut desk, exists);
                None
            }
            Act::Pass(milliseconds) => {
                now += Duration::from_millis(u64::from(milliseconds));
                desk.tick(now, &mut events);
                assert!(desk.next_deadline().is_none_or(|deadline| deadline > now));
                None
            }
        };
        if let Some((from, bytes)) = datagram {
            datagrams += 1;
            reply.clear();
            let outcome = desk.datagram(now, from.path(), &bytes, &mut reply, &mut events);
            for event in &events {
                if let Event::Knock { guest, .. } = event {
                    assert!(!known.contains(guest));
                    known.push(*guest);
                }
            }
            match outcome {
                Outcome::Replied => assert!(Message::from_bytes(&reply).is_ok()),
                Outcome::Deliver(guest) => assert!(known.contains(&guest)),
                Outcome::Dropped(_) => assert!(reply.is_empty()),
            }
        }
        events.clear();
    }
    let counters = desk.counters();
    let dropped: u64 = counters.dropped().map(|(_, count)| count).sum();
    assert_eq!(counters.replied + counters.delivered + dropped, datagrams);
}

fn signed(
    kind: u8,
    coded: bool,
    ufrag: u8,
    transaction: u8,
    attribute: Option<(u16, &[u8])>,
    sha256: bool,
) -> Option<Vec<u8>> {
    // Mostly binding requests.
    let kind = MessageType::from_bytes(&match kind {
        0..=200 => [0, 1],
        other => [other & 3, other],
    });
    let transaction = u128::from(transaction).into();
    let mut message = Message::builder(kind.ok()?, transaction, MessageWriteVec::new());
    let (local, pwd) = match coded {
        true => (code_ufrag(&secret().id(), &[9; 32]), secret().ice_pwd()),
        false => ("bench".to_owned(), PASSWORD.to_owned()),
    };
    let username = Username::new(&format!("{local}:ufrag{ufrag}")).ok()?;
    message.add_attribute(&username).ok()?;
    if let Some((kind, value)) = attribute {
        // Those that the writer insists on writing itself.
        if matches!(kind, 0x0008 | 0x001c | 0x8028) || value.len() > 2000 {
            return None;
        }
        let attribute = RawAttribute::new(kind.into(), value);
        message.add_attribute(&attribute).ok()?;
    }
    let key = ShortTermCredentials::new(pwd).make_key();
    let algorithm = match sha256 {
        true => IntegrityAlgorithm::Sha256,
        false => IntegrityAlgorithm::Sha1,
    };
    message
        .add_message_integrity_with_key(&key, algorithm)
        .ok()?;
    message.add_fingerprint().ok()?;
    Some(message.finish())
}
