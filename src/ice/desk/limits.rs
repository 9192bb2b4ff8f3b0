//! How much the desk bears, and of whom.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::counters::Reason;

/// How much the desk bears. The defaults are for a bench with some dozens of viewers.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Bytes of the longest check that is read. Browsers' have about 150.
    pub(crate) longest_check: usize,
    /// Checks of one source address whose integrity may fail. Only failures count, so any
    /// number of viewers may come from one address.
    pub(crate) failures_per_source: Rate,
    /// Those of all sources together. A failure costs a hash of the check, some 5 µs of a
    /// small computer's time. While this is used up nobody new comes in; guests are heard.
    pub(crate) failures: Rate,
    /// Sources whose failures are counted one by one. Those that find no room fall under
    /// the limit for all only.
    pub(crate) sources: usize,
    /// Guests with a code and one source address that are not admitted yet.
    pub(crate) unverified_per_source: usize,
    /// All guests with a code that are not admitted yet.
    pub(crate) unverified: usize,
    /// From the first check of a guest with a code to its ClientHello. Chromium's comes 1 to
    /// 2 ms after the first check; a page that was connected before sends none.
    pub(crate) hall: Duration,
    /// Without a check for that long a guest is gone: the consent of RFC 7675 (section 5.1)
    /// has expired. Firefox checks every 4 to 6 s, so that at 15 % loss five in a row get lost
    /// once in a day, two or three within minutes. A page of ours is missed sooner, by its
    /// pings.
    pub(crate) silence: Duration,
    /// A remote address belongs to its guest until no check has come from there for that
    /// long, a little more than Firefox's 5 s.
    pub(crate) tenure: Duration,
    /// Remote addresses that are remembered for each guest.
    pub(crate) addresses: usize,
    /// Checks that are remembered for each guest against replays: those of five hours, as
    /// Chromium sends one in 2.5 s. At most about 300 KiB.
    pub(crate) checks: usize,
    /// Guests that are remembered after their end, and get no answers.
    pub(crate) buried: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            longest_check: 1280,
            failures_per_source: Rate {
                burst: 50,
                interval: Duration::from_millis(100),
            },
            failures: Rate {
                burst: 500,
                interval: Duration::from_millis(1),
            },
            sources: 1024,
            unverified_per_source: 8,
            unverified: 32,
            hall: Duration::from_secs(5),
            silence: Duration::from_secs(30),
            tenure: Duration::from_secs(6),
            addresses: 16,
            checks: 8192,
            buried: 4096,
        }
    }
}

/// So many at once, and then one each interval.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) burst: u32,
    pub(crate) interval: Duration,
}

/// A bucket from which one token leaks each interval, as the time at which it is empty.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    empty_at: Option<Instant>,
}

impl Bucket {
    fn level(&self, now: Instant) -> Duration {
        self.empty_at
            .map_or(Duration::ZERO, |at| at.saturating_duration_since(now))
    }

    fn has_room(&self, now: Instant, rate: Rate) -> bool {
        self.level(now) + rate.interval <= rate.interval * rate.burst
    }

    fn fill(&mut self, now: Instant, rate: Rate) {
        self.empty_at = Some(now + self.level(now) + rate.interval);
    }
}

/// What those have on their account who have proven nothing.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    all: Bucket,
    sources: HashMap<IpAddr, Bucket>,
}

impl Strangers {
    /// Whether a check of `source` may be proven. Changes nothing.
    pub(super) fn may_try(
        &self,
        limits: &Limits,
        now: Instant,
        source: IpAddr,
    ) -> Result<(), Reason> {
        if !self.all.has_room(now, limits.failures) {
            return Err(Reason::TooManyFailures);
        }
        match self.sources.get(&source) {
            Some(bucket) if !bucket.has_room(now, limits.failures_per_source) => {
                Err(Reason::TooManyFailuresOfSource)
            }
            _ => Ok(()),
        }
    }

    pub(super) fn failed(&mut self, limits: &Limits, now: Instant, source: IpAddr) {
        self.all.fill(now, limits.failures);
        if self.sources.len() >= limits.sources && !self.sources.contains_key(&source) {
            // An empty bucket says nothing. One that is not empty stays: whoever has many
            // addresses must not wash out what is known of others.
            self.sources
                .retain(|_, bucket| !bucket.level(now).is_zero());
            if self.sources.len() >= limits.sources {
                return;
            }
        }
        let bucket = self.sources.entry(source).or_default();
        bucket.fill(now, limits.failures_per_source);
    }

    #[cfg(test)]
    pub(super) fn sources(&self) -> usize {
        self.sources.len()
    }
}
