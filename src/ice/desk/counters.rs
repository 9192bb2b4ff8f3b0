//! What has become of the datagrams, for statistics.

use stun_types::message::StunWriteError;

use super::Outcome;
use crate::ice::stun::Unfit;

/// Why a datagram was dropped without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// Neither STUN, DTLS, RTP nor RTCP by its first byte (RFC 7983, section 7).
    Foreign,
    /// DTLS, RTP or RTCP from an address from which no valid check has come.
    UnknownAddress,
    /// A check of more bytes than are read.
    TooLong,
    /// Not STUN after all, cut off, or with a wrong FINGERPRINT.
    Malformed,
    /// A binding indication: harmless, and wants nothing.
    Indication,
    /// A STUN message that is no binding request.
    NoBindingRequest,
    /// A check without two ufrags in its USERNAME.
    Names,
    /// A guest that has ended, or a page from before a restart of the bench.
    Buried,
    /// A ufrag that nobody was given, and no code's.
    UnknownUfrag,
    /// The source has failed too often to be heard now.
    TooManyFailuresOfSource,
    /// All sources together have.
    TooManyFailures,
    /// A check under another password.
    Integrity,
    /// A check that has been here before, from another address.
    Replay,
    /// The address is another guest's.
    AddressTaken,
    /// Too many guests of this source are not admitted yet.
    CrowdOfSource,
    /// Too many guests are not admitted yet.
    Crowd,
    /// Something else before the ClientHello: a page that was connected before.
    NoClientHello,
}

impl Reason {
    /// All of them, with their names in statistics; in the order of their numbers.
    const ALL: [(Self, &'static str); 17] = [
        (Self::Foreign, "foreign"),
        (Self::UnknownAddress, "unknown-address"),
        (Self::TooLong, "too-long"),
        (Self::Malformed, "malformed"),
        (Self::Indication, "indication"),
        (Self::NoBindingRequest, "no-binding-request"),
        (Self::Names, "names"),
        (Self::Buried, "buried"),
        (Self::UnknownUfrag, "unknown-ufrag"),
        (Self::TooManyFailuresOfSource, "too-many-failures-of-source"),
        (Self::TooManyFailures, "too-many-failures"),
        (Self::Integrity, "integrity"),
        (Self::Replay, "replay"),
        (Self::AddressTaken, "address-taken"),
        (Self::CrowdOfSource, "crowd-of-source"),
        (Self::Crowd, "crowd"),
        (Self::NoClientHello, "no-client-hello"),
    ];
}

impl From<Unfit> for Reason {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Malformed => Self::Malformed,
            Unfit::Indication => Self::Indication,
            Unfit::NoBindingRequest => Self::NoBindingRequest,
            Unfit::Names => Self::Names,
        }
    }
}

/// An answer can always be written: it is short, and each attribute is there once. Were it
/// not so, the check would be to blame.
impl From<StunWriteError> for Reason {
    fn from(_: StunWriteError) -> Self {
        Self::Malformed
    }
}

/// Datagrams since the desk was opened: each is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counters {
    /// DTLS, RTP and RTCP that went to guests.
    pub(crate) delivered: u64,
    /// Checks that were answered, be it with an error.
    pub(crate) replied: u64,
    dropped: [u64; Reason::ALL.len()],
    /// Guests that are there now, those in the hall and those that are awaited included.
    pub(crate) guests: usize,
}

impl Counters {
    /// What was dropped, by name of the reason.
    pub(crate) fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Reason::ALL
            .iter()
            .zip(self.dropped)
            .map(|((_, name), count)| (*name, count))
    }

    pub(super) fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Deliver(_) => &mut self.delivered,
            Outcome::Replied => &mut self.replied,
            Outcome::Dropped(reason) => &mut self.dropped[reason as usize],
        };
        *counter += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_under_its_own_name() {
        for (reason, name) in Reason::ALL {
            let mut counters = Counters::default();
            counters.count(Outcome::Dropped(reason));
            let counted: Vec<_> = counters.dropped().filter(|(_, count)| *count > 0).collect();
            assert_eq!(counted, [(name, 1)], "{reason:?}");
        }
    }
}
