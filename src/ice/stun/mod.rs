//! Connectivity checks as bytes (RFC 8489; RFC 8445, section 7): requests are read and
//! proven, answers are written. Pure.
//!
//! The steps are types, so that none is left out: of a [`Request`] only its form is right;
//! a [`Check`] was sent by somebody who knows the password, and only a check is answered.

use std::net::SocketAddr;
use std::sync::Arc;

use stun_types::attribute::{
    AttributeStaticType as _, AttributeType, ErrorCode, MessageIntegrity, MessageIntegritySha256,
    Username, XorMappedAddress,
};
use stun_types::message::{
    BINDING, IntegrityAlgorithm, IntegrityKey, Message, MessageClass, MessageHeader, MessageWrite,
    MessageWriteExt as _, MessageWriteVec, ShortTermCredentials, StunWriteError, TransactionId,
};

use crate::signaling::code::is_ice_char;

/// The attributes of RFC 8445, section 16.1.
const PRIORITY: AttributeType = AttributeType::new(0x0024);
const USE_CANDIDATE: AttributeType = AttributeType::new(0x0025);
const ICE_CONTROLLED: AttributeType = AttributeType::new(0x8029);

/// What we understand of the attributes that have to be understood (RFC 8489, section 14).
const UNDERSTOOD: [AttributeType; 5] = [
    Username::TYPE,
    MessageIntegrity::TYPE,
    MessageIntegritySha256::TYPE,
    PRIORITY,
    USE_CANDIDATE,
];

/// Characters of an `ice-ufrag` (RFC 8839, section 5.4).
const UFRAG: std::ops::RangeInclusive<usize> = 4..=256;

/// The `ice-ufrag` of both sides, of which a USERNAME consists (RFC 8445, section 7.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Names {
    /// What we are called by; the other side may have made it up (a code's).
    pub(super) local: String,
    /// What the other side calls itself.
    pub(super) remote: String,
}

impl Names {
    /// Both have only characters that may be written into an SDP.
    fn read(username: &str) -> Option<Self> {
        let (local, remote) = username.split_once(':')?;
        (is_ufrag(local) && is_ufrag(remote)).then(|| Self {
            local: local.to_owned(),
            remote: remote.to_owned(),
        })
    }
}

fn is_ufrag(text: &str) -> bool {
    UFRAG.contains(&text.len()) && text.bytes().all(is_ice_char)
}

/// An `ice-pwd` as a key of checks; copies share it.
#[derive(Clone)]
pub(super) struct Key(Arc<(ShortTermCredentials, IntegrityKey)>);

impl Key {
    pub(super) fn new(pwd: &str) -> Self {
        let credentials = ShortTermCredentials::new(pwd.to_owned());
        let key = credentials.make_key();
        Self(Arc::new((credentials, key)))
    }

    pub(super) fn pwd(&self) -> &str {
        self.0.0.password()
    }

    fn integrity(&self) -> &IntegrityKey {
        &self.0.1
    }
}

/// Why bytes that look like STUN are no request that is looked at further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Not STUN after all, cut off, or with a FINGERPRINT that is wrong.
    Malformed,
    /// A binding indication: keeps a path open and wants nothing.
    Indication,
    /// A response, or a method other than binding.
    NoBindingRequest,
    /// No USERNAME of two ufrags.
    Names,
}

/// A binding request of the right form, of which nothing is proven.
pub(super) struct Request<'a> {
    message: Message<'a>,
    pub(super) names: Names,
}

impl<'a> Request<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, Unfit> {
        let header = MessageHeader::from_bytes(bytes).map_err(|_| Unfit::Malformed)?;
        let length = usize::from(header.data_length());
        // A message fills its datagram; attributes are multiples of 4 (RFC 8489, section 5).
        if length % 4 != 0 || MessageHeader::LENGTH + length != bytes.len() {
            return Err(Unfit::Malformed);
        }
        match (header.get_type().class(), header.get_type().method()) {
            (MessageClass::Request, BINDING) => {}
            (MessageClass::Indication, BINDING) => return Err(Unfit::Indication),
            _ => return Err(Unfit::NoBindingRequest),
        }
        // Compares the FINGERPRINT as well, if there is one.
        let message = Message::from_bytes(bytes).map_err(|_| Unfit::Malformed)?;
        let names = message
            .attribute::<Username>()
            .ok()
            .and_then(|username| Names::read(username.username()))
            .ok_or(Unfit::Names)?;
        Ok(Self { message, names })
    }

    /// The check, if who sent it knows the key. The comparison takes the same time wherever
    /// the two differ.
    pub(super) fn prove(self, key: &Key) -> Option<Check<'a>> {
        let algorithm = self
            .message
            .validate_integrity_with_key(key.integrity())
            .ok()?;
        Some(Check {
            message: self.message,
            names: self.names,
            algorithm,
            key: key.clone(),
        })
    }
}

/// A binding request of somebody who knows the password.
pub(super) struct Check<'a> {
    message: Message<'a>,
    pub(super) names: Names,
    algorithm: IntegrityAlgorithm,
    key: Key,
}

impl Check<'_> {
    pub(super) fn transaction(&self) -> TransactionId {
        self.message.transaction_id()
    }

    /// Whether the other side wants this path to be used (RFC 8445, section 7.1.2).
    pub(super) fn nominates(&self) -> bool {
        self.message.has_attribute(USE_CANDIDATE)
    }

    /// What is to be said instead of the answer, if something is wrong with the check:
    /// 420 for attributes that have to be understood and are not (RFC 8489, section 6.3.1),
    /// 487 for a browser that takes itself for the controlled side, as we always are
    /// (RFC 8445, sections 6.1.1 and 7.3.1.1).
    pub(super) fn complaint(&self) -> Result<Option<Vec<u8>>, StunWriteError> {
        let writer = MessageWriteVec::new;
        let unknown = Message::check_attribute_types(&self.message, &UNDERSTOOD, &[], writer());
        let complaint = match unknown {
            Some(unknown) => unknown,
            None if self.message.has_attribute(ICE_CONTROLLED) => {
                let mut conflict = Message::builder_error(&self.message, writer());
                conflict.add_attribute(&ErrorCode::builder(ErrorCode::ROLE_CONFLICT).build()?)?;
                conflict
            }
            None => return Ok(None),
        };
        self.seal(complaint).map(Some)
    }

    /// The answer to a check that came from `remote`.
    pub(super) fn answer(&self, remote: SocketAddr) -> Result<Vec<u8>, StunWriteError> {
        let mut answer = Message::builder_success(&self.message, MessageWriteVec::new());
        answer.add_attribute(&XorMappedAddress::new(remote, self.transaction()))?;
        self.seal(answer)
    }

    /// Proves in turn that we know the password, by the same hash (RFC 8489, section 9.1.3).
    fn seal(&self, mut message: MessageWriteVec) -> Result<Vec<u8>, StunWriteError> {
        message.add_message_integrity_with_key(self.key.integrity(), self.algorithm)?;
        message.add_fingerprint()?;
        Ok(message.finish())
    }
}

#[cfg(test)]
mod tests;
