//! The codes that a bench has given out: which of them stand, and what each allows.
//!
//! The console and the identity file call it. Pure: takes the time as an argument, keeps nothing.

use super::code::{Code, CodeId, Rights, Secret};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Most codes that stand at once.
const MAX_CODES: usize = 256;

/// Why a code is not made or revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodesError {
    /// [`MAX_CODES`] stand.
    #[error("{MAX_CODES} codes stand already: revoke those that nobody needs")]
    Full,
    /// Nothing to revoke.
    #[error("there is no code “{0}”: give the name of one that is listed, a whole code, or “all”")]
    Unknown(String),
}

/// A code that was given out. Where the bench is does not belong to it: addresses change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) secret: Secret,
    pub(crate) rights: Rights,
    /// For one viewer only.
    pub(crate) once: bool,
    /// That viewer, once it has come: SHA-256 of its certificate. It may come again, after a
    /// break in the network or a restart of the bench.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) visitor: Option<[u8; 32]>,
    /// From when on it does not count, in seconds since 1970.
    pub(crate) expires: Option<u64>,
    /// When it was made, in seconds since 1970.
    pub(crate) created: u64,
}

impl Record {
    /// The public name.
    pub(crate) fn id(&self) -> CodeId {
        self.secret.id()
    }

    fn is_open_to(&self, certificate: &[u8; 32]) -> bool {
        self.visitor.is_none_or(|visitor| visitor == *certificate)
    }

    fn is_active(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| unix(now) < expires)
    }
}

/// All codes of a bench, oldest first. No two have the same id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Codes {
    records: Vec<Record>,
}

impl Codes {
    /// Makes a code. `lifetime` is rounded up to whole seconds.
    pub(crate) fn make(
        &mut self,
        rights: Rights,
        once: bool,
        lifetime: Option<Duration>,
        now: SystemTime,
    ) -> Result<Record, CodesError> {
        self.forget_expired(now);
        if self.records.len() >= MAX_CODES {
            return Err(CodesError::Full);
        }
        // An id has 24 bits only.
        let secret = loop {
            let secret = Secret::generate();
            if self.records.iter().all(|record| record.id() != secret.id()) {
                break secret;
            }
        };
        let created = unix(now);
        let record = Record {
            secret,
            rights,
            once,
            visitor: None,
            expires: lifetime.map(|lifetime| {
                let fraction = u64::from(lifetime.subsec_nanos() > 0);
                created
                    .saturating_add(lifetime.as_secs())
                    .saturating_add(fraction)
            }),
            created,
        };
        self.records.push(record.clone());
        Ok(record)
    }

    /// The code of these rights that can be used again and does not expire; made if there is
    /// none.
    pub(crate) fn standing(
        &mut self,
        rights: Rights,
        now: SystemTime,
    ) -> Result<Record, CodesError> {
        let stands =
            |record: &&Record| record.rights == rights && !record.once && record.expires.is_none();
        match self.records.iter().find(stands) {
            Some(record) => Ok(record.clone()),
            None => self.make(rights, false, None, now),
        }
    }

    /// The codes that count, oldest first.
    pub(crate) fn active(&self, now: SystemTime) -> impl Iterator<Item = &Record> {
        self.records
            .iter()
            .filter(move |record| record.is_active(now))
    }

    /// The code of this name, if it counts.
    pub(crate) fn find(&self, id: &CodeId, now: SystemTime) -> Option<&Record> {
        self.active(now).find(|record| record.id() == *id)
    }

    /// What who comes with this code and certificate may do, if anything.
    pub(crate) fn rights(
        &self,
        id: &CodeId,
        certificate: &[u8; 32],
        now: SystemTime,
    ) -> Option<Rights> {
        let record = self.find(id, now)?;
        record.is_open_to(certificate).then_some(record.rights)
    }

    /// Somebody has come with this code and has proved to have this certificate. Whether it
    /// may come in; a code for one viewer is that viewer's from now on.
    pub(crate) fn admit(&mut self, id: &CodeId, certificate: &[u8; 32], now: SystemTime) -> bool {
        let record = self
            .records
            .iter_mut()
            .find(|record| record.id() == *id && record.is_active(now));
        match record {
            Some(record) if record.is_open_to(certificate) => {
                if record.once {
                    record.visitor = Some(*certificate);
                }
                true
            }
            _ => false,
        }
    }

    /// Takes back the code of this name, this whole code, or “all”; how many those were.
    pub(crate) fn revoke(&mut self, what: &str) -> Result<usize, CodesError> {
        let what = what.trim();
        if what.eq_ignore_ascii_case("all") {
            return Ok(self.remove(|_| true));
        }
        let removed = match (what.parse::<CodeId>(), Code::read(what)) {
            (Ok(id), _) => self.remove(|record| record.id() == id),
            (_, Ok(code)) => self.remove(|record| record.secret == code.secret),
            _ => 0,
        };
        match removed {
            // A whole code is a secret, and long: its beginning is enough.
            0 => Err(CodesError::Unknown(what.chars().take(8).collect())),
            removed => Ok(removed),
        }
    }

    /// Forgets codes that no longer count, for good: a clock that is set back does not bring
    /// them back. True if there were any.
    pub(crate) fn forget_expired(&mut self, now: SystemTime) -> bool {
        self.remove(|record| !record.is_active(now)) > 0
    }

    /// When the next code expires; not after `now` for those that were not forgotten yet.
    pub(crate) fn next_expiry(&self) -> Option<SystemTime> {
        let expires = self
            .records
            .iter()
            .filter_map(|record| record.expires)
            .min()?;
        UNIX_EPOCH.checked_add(Duration::from_secs(expires))
    }

    /// Whether codes that were kept can be these: not too many, no id twice.
    pub(crate) fn is_sound(&self) -> bool {
        let mut ids: Vec<CodeId> = self.records.iter().map(Record::id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len() == self.records.len() && ids.len() <= MAX_CODES
    }

    fn remove(&mut self, is_gone: impl Fn(&Record) -> bool) -> usize {
        let before = self.records.len();
        self.records.retain(|record| !is_gone(record));
        before - self.records.len()
    }
}

/// Seconds since 1970; 0 for a clock that stands before.
fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    fn whole(record: &Record) -> String {
        Code {
            rights: record.rights,
            secret: record.secret.clone(),
            fingerprint: [7; 32],
            port: 8080,
            addresses: vec![[192, 168, 1, 20].into()],
        }
        .to_text()
    }

    #[test]
    fn a_code_counts_until_it_expires() {
        let mut codes = Codes::default();
        let made = codes
            .make(Rights::Control, false, Some(HOUR), now())
            .unwrap();
        assert_eq!(codes.find(&made.id(), now()), Some(&made));
        let last = now() + HOUR - Duration::from_secs(1);
        assert_eq!(codes.find(&made.id(), last), Some(&made));
        assert_eq!(codes.find(&made.id(), now() + HOUR), None);
        assert_eq!(codes.active(now() + HOUR).count(), 0);
        assert_eq!(codes.next_expiry(), Some(now() + HOUR));
    }

    #[test]
    fn an_expired_code_does_not_come_back_when_the_clock_is_set_back() {
        let mut codes = Codes::default();
        let made = codes.make(Rights::View, false, Some(HOUR), now()).unwrap();
        assert!(!codes.forget_expired(now()));
        assert!(codes.forget_expired(now() + HOUR));
        assert_eq!(codes.find(&made.id(), now()), None);
        assert_eq!(codes.next_expiry(), None);
    }

    #[test]
    fn a_lifetime_of_less_than_a_second_is_a_second() {
        let mut codes = Codes::default();
        let short = Some(Duration::from_millis(1));
        let made = codes.make(Rights::View, false, short, now()).unwrap();
        assert_eq!(made.expires, Some(made.created + 1));
    }

    #[test]
    fn a_code_for_once_is_its_first_viewers_from_then_on() {
        let mut codes = Codes::default();
        let once = codes.make(Rights::View, true, None, now()).unwrap().id();
        let (first, second) = ([1; 32], [2; 32]);
        assert_eq!(codes.rights(&once, &second, now()), Some(Rights::View));
        assert!(codes.admit(&once, &first, now()));
        assert!(codes.admit(&once, &first, now()), "after a break");
        assert!(!codes.admit(&once, &second, now()));
        assert_eq!(codes.rights(&once, &first, now()), Some(Rights::View));
        assert_eq!(codes.rights(&once, &second, now()), None);
        codes.revoke(&once.to_string()).unwrap();
        assert!(!codes.admit(&once, &first, now()));
    }

    #[test]
    fn any_number_of_viewers_may_come_by_another_code() {
        let mut codes = Codes::default();
        let often = codes.make(Rights::Control, false, None, now()).unwrap();
        for certificate in [[1; 32], [2; 32]] {
            assert!(codes.admit(&often.id(), &certificate, now()));
        }
        assert_eq!(codes.find(&often.id(), now()), Some(&often));
    }

    #[test]
    fn the_standing_code_of_each_rights_is_made_once() {
        let mut codes = Codes::default();
        codes.make(Rights::View, true, None, now()).unwrap();
        codes.make(Rights::View, false, Some(HOUR), now()).unwrap();
        let view = codes.standing(Rights::View, now()).unwrap();
        assert!(!view.once && view.expires.is_none());
        let control = codes.standing(Rights::Control, now()).unwrap();
        assert_eq!(control.rights, Rights::Control);
        assert_eq!(codes.standing(Rights::View, now()), Ok(view));
        assert_eq!(codes.standing(Rights::Control, now()), Ok(control));
        assert_eq!(codes.active(now()).count(), 4);
    }

    #[test]
    fn codes_are_revoked_by_name_by_text_or_all() {
        let mut codes = Codes::default();
        let made: Vec<Record> = (0..4)
            .map(|_| codes.make(Rights::View, false, None, now()).unwrap())
            .collect();
        assert_eq!(codes.revoke(&format!(" {} ", made[0].id())), Ok(1));
        assert_eq!(codes.revoke(&whole(&made[1])), Ok(1));
        let left: Vec<&Record> = codes.active(now()).collect();
        assert_eq!(left, [&made[2], &made[3]]);
        assert_eq!(codes.revoke("ALL"), Ok(2));
        assert_eq!(codes.revoke("all"), Ok(0));
    }

    #[test]
    fn revoking_what_is_not_there_is_an_error_that_shows_no_secret() {
        let mut codes = Codes::default();
        let gone = codes.make(Rights::View, true, None, now()).unwrap();
        codes.revoke(&gone.id().to_string()).unwrap();
        for what in [gone.id().to_string(), "nonsense".into(), String::new()] {
            assert_eq!(codes.revoke(&what), Err(CodesError::Unknown(what)));
        }
        let text = whole(&gone);
        let error = codes.revoke(&text).unwrap_err().to_string();
        assert!(error.contains(&text[..8]) && !error.contains(&text[..9]));
    }

    #[test]
    fn codes_are_limited_and_an_expired_one_makes_room() {
        let mut codes = Codes::default();
        codes.make(Rights::View, false, Some(HOUR), now()).unwrap();
        for _ in 1..MAX_CODES {
            codes.make(Rights::View, true, None, now()).unwrap();
        }
        let full = codes.make(Rights::View, true, None, now());
        assert_eq!(full, Err(CodesError::Full));
        assert!(codes.is_sound());
        assert!(codes.make(Rights::View, true, None, now() + HOUR).is_ok());
    }

    #[test]
    fn a_code_that_is_kept_twice_is_noticed() {
        let mut codes = Codes::default();
        let made = codes.make(Rights::View, false, None, now()).unwrap();
        codes.records.push(made);
        assert!(!codes.is_sound());
    }

    proptest! {
        #[test]
        fn codes_are_kept_as_they_are(made in prop::collection::vec(
            (any::<bool>(), any::<bool>(), prop::option::of(any::<Duration>())), 0..10,
        )) {
            let mut codes = Codes::default();
            for (control, once, lifetime) in made {
                let rights = if control { Rights::Control } else { Rights::View };
                codes.make(rights, once, lifetime, now()).unwrap();
            }
            let text = serde_json::to_string(&codes).unwrap();
            prop_assert_eq!(serde_json::from_str::<Codes>(&text).unwrap(), codes.clone());
            // Must not overflow, whatever is asked for.
            let _ = codes.next_expiry();
        }
    }
}
