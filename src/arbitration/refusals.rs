//! How often a page is told that its commands do not go out (pure).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Notices in each [`WINDOW`]; what comes beyond is merged.
const MOST: usize = 5;
const WINDOW: Duration = Duration::from_secs(1);

/// Characters of a command that are repeated to the page.
const SHOWN: usize = 100;

/// What a page is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) label: String,
    pub(crate) reason: String,
    /// How the command begins.
    pub(crate) text: String,
    /// How many others were refused that the page was not told of.
    pub(crate) more: u64,
}

/// The refusals of one peer.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    told: VecDeque<Instant>,
    held: Option<Notice>,
}

impl Refusals {
    /// Notes that this and `others` were refused; gives what to tell now.
    pub(crate) fn add(
        &mut self,
        label: &str,
        reason: &str,
        command: &[u8],
        others: u64,
        now: Instant,
    ) -> Option<Notice> {
        let notice = Notice {
            label: label.to_owned(),
            reason: reason.to_owned(),
            text: beginning(command),
            more: others + self.held.take().map_or(0, |held| held.more + 1),
        };
        self.held = Some(notice);
        self.due(now)
    }

    /// What to tell now of that which was held back.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Notice> {
        while self
            .told
            .front()
            .is_some_and(|at| now.saturating_duration_since(*at) >= WINDOW)
        {
            self.told.pop_front();
        }
        if self.told.len() >= MOST {
            return None;
        }
        let notice = self.held.take()?;
        self.told.push_back(now);
        Some(notice)
    }

    /// When [`Refusals::due`] will have something.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.held.as_ref()?;
        self.told.front().map(|at| *at + WINDOW)
    }
}

fn beginning(command: &[u8]) -> String {
    // No character has more than four bytes.
    let head = command.get(..SHOWN * 4).unwrap_or(command);
    String::from_utf8_lossy(head).chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_refusals_are_told_at_once_and_the_rest_together() {
        let mut refusals = Refusals::default();
        let start = Instant::now();
        for number in 0..MOST {
            let told = refusals.add("kx3", "viewer 3 has control", b"TX;", 0, start);
            assert_eq!(told.expect("at once").more, 0, "refusal {number}");
        }
        for _ in 0..12 {
            assert_eq!(refusals.add("kx3", "no", b"RX;", 0, start), None);
        }
        let deadline = refusals.deadline().expect("something is held back");
        assert_eq!(deadline, start + WINDOW);
        assert_eq!(refusals.due(deadline - Duration::from_millis(1)), None);
        let merged = refusals.due(deadline).expect("due");
        assert_eq!((merged.text.as_str(), merged.more), ("RX;", 11));
        assert_eq!(refusals.deadline(), None);
    }

    #[test]
    fn a_long_command_is_repeated_in_part() {
        let told =
            Refusals::default().add("a", "no", "é".repeat(500_000).as_bytes(), 0, Instant::now());
        assert_eq!(told.expect("told").text, "é".repeat(SHOWN));
        let told = Refusals::default().add("a", "no", &[0xff; 3], 0, Instant::now());
        assert_eq!(told.expect("told").text, "\u{fffd}".repeat(3));
    }

    proptest! {
        #[test]
        fn every_refusal_is_told_of_and_never_more_than_five_a_second(
            gaps in proptest::collection::vec(0..400_u64, 1..100),
        ) {
            let mut refusals = Refusals::default();
            let mut now = Instant::now();
            let mut told: Vec<(Instant, u64)> = Vec::new();
            for gap in &gaps {
                let next = now + Duration::from_millis(*gap);
                while let Some(at) = refusals.deadline().filter(|at| *at <= next) {
                    told.extend(refusals.due(at).map(|notice| (at, notice.more)));
                }
                now = next;
                told.extend(refusals.add("a", "no", b"x", 0, now).map(|n| (now, n.more)));
            }
            while let Some(at) = refusals.deadline() {
                told.extend(refusals.due(at).map(|notice| (at, notice.more)));
            }
            let all: u64 = told.iter().map(|(_, more)| 1 + more).sum();
            prop_assert_eq!(all, gaps.len() as u64);
            for six in told.windows(MOST + 1) {
                prop_assert!(six[MOST].0.duration_since(six[0].0) >= WINDOW);
            }
        }
    }
}
