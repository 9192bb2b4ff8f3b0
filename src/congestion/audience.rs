//! All viewers of one stream in one codec: how its encoders are set, and who gets which.
//!
//! The *main* encoding has the bitrate that the user has set, or less; the *small* one half
//! the width and height, for viewers whose path does not take the main one. It exists only
//! while one of them is there.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Congestion;
use super::estimator::Estimate;

/// Of what a path takes, so much is for the pictures: sound, RTCP and retransmission go the
/// same way, and an encoder's bitrate is one on average.
const FOR_PICTURES: f64 = 0.9;

/// A viewer that takes less than this part of the main encoding's bitrate moves to the small
/// one.
const TOO_LITTLE: f64 = 0.85;

/// How long it has to be too little.
const MOMENT: Duration = Duration::from_millis(200);

/// How long the path of a viewer with the small encoding has to be calm before it is tried
/// with the main one, though it may have had no way to show what it takes: the small one may
/// be held down by somebody slower, or by a picture that needs few bits.
const PATIENCE: Duration = Duration::from_secs(5);

/// And so much faster than the main encoding's bitrate bursts have to arrive, where that can be
/// told: a try that fails costs the viewer half a second.
const WIDE: f64 = 1.5;

/// One whose estimate has grown to the main encoding's bitrate need not wait so long.
const GROWN: u32 = 5;

/// A viewer that has to leave the main encoding so soon after it came back came back too
/// early: the next time it waits for twice as long.
const TOO_SOON: Duration = Duration::from_secs(10);
const GREATEST_PATIENCE: Duration = Duration::from_secs(60);

/// One that stays for so long has earned the usual patience again.
const STAYED: Duration = Duration::from_secs(30);

/// Least bitrate of an encoder, kbit/s: below, a picture is none. Viewers whose path takes
/// still less have pictures left out ([`super::thinning`]).
pub(crate) const LEAST_KILOBITS: u32 = 150;

/// With [`Congestion::Fair`] nobody makes all the others see less than this part of the bitrate
/// that is set.
const FAIR_FLOOR: f64 = 0.25;

/// The small encoding has no more than this part of the bitrate that is set: at half the
/// width and height that is plenty, and shows whether a path takes the main one.
const MOST_OF_SMALL: f64 = 0.75;

/// Which encoding a viewer gets.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Size {
    /// The one that the user has set.
    #[default]
    Main,
    /// Half the width and height, at a lower bitrate.
    Small,
}

impl Size {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Small => "small",
        }
    }
}

/// What a viewer's report means for it.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) size: Size,
    /// Bit/s that its path is to be tried out with: it comes back to the main encoding.
    pub(crate) try_out: Option<f64>,
}

/// Bitrates of the encoders in kbit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) main: u32,
    pub(crate) small: u32,
}

#[derive(Debug, Clone)]
struct Viewer {
    /// Bit/s for this stream's pictures; none before its first report.
    takes: Option<f64>,
    size: Size,
    /// Since when the main encoding is too much for it.
    too_little_since: Option<Duration>,
    /// When it came to the encoding that it has.
    moved: Duration,
    /// Whether it has been at the small one.
    has_moved: bool,
    patience: Duration,
    /// There is a small encoding for it.
    may_move: bool,
}

/// The viewers by number, and what is set for them.
#[derive(Debug)]
pub(crate) struct Audience {
    congestion: Congestion,
    /// The bitrate that the user has set, kbit/s.
    ceiling: u32,
    viewers: BTreeMap<u32, Viewer>,
}

impl Audience {
    pub(crate) const fn new(congestion: Congestion, ceiling: u32) -> Self {
        Self {
            congestion,
            ceiling,
            viewers: BTreeMap::new(),
        }
    }

    /// A viewer has come, to the main encoding.
    pub(crate) fn join(&mut self, viewer: u32, now: Duration) {
        self.viewers.insert(
            viewer,
            Viewer {
                takes: None,
                size: Size::Main,
                too_little_since: None,
                moved: now,
                has_moved: false,
                patience: PATIENCE,
                may_move: self.congestion == Congestion::Best,
            },
        );
    }

    pub(crate) fn leave(&mut self, viewer: u32) {
        self.viewers.remove(&viewer);
    }

    /// A viewer's path takes `bitrate` for this stream.
    pub(crate) fn report(
        &mut self,
        viewer: u32,
        bitrate: f64,
        estimate: &Estimate,
        now: Duration,
    ) -> Verdict {
        if let Some(viewer) = self.viewers.get_mut(&viewer) {
            viewer.takes = Some(bitrate * FOR_PICTURES);
        }
        let main = f64::from(self.rates().main) * 1000.0;
        let Some(viewer) = self.viewers.get_mut(&viewer) else {
            return Verdict::default();
        };
        let comes_back = viewer.may_move && viewer.decide(main, estimate, now);
        Verdict {
            size: viewer.size,
            try_out: comes_back.then_some(main / FOR_PICTURES),
        }
    }

    /// The small encoding cannot be had: the viewer stays with the main one.
    pub(crate) fn stays(&mut self, viewer: u32) {
        if let Some(viewer) = self.viewers.get_mut(&viewer) {
            viewer.size = Size::Main;
            viewer.may_move = false;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.viewers.is_empty()
    }

    /// How the encoders are to be set.
    pub(crate) fn rates(&self) -> Rates {
        let takes = |viewer: &Viewer| viewer.takes.unwrap_or(f64::INFINITY);
        let ceiling = f64::from(self.ceiling) * 1000.0;
        let slowest = |size| {
            self.viewers
                .values()
                .filter(|viewer| viewer.size == size)
                .map(takes)
                .fold(f64::INFINITY, f64::min)
        };
        let (main, floor) = match self.congestion {
            Congestion::Off => (ceiling, ceiling),
            Congestion::Fair => (slowest(Size::Main), ceiling * FAIR_FLOOR),
            // Nobody there is nobody who would be slow.
            Congestion::Best if self.viewers.is_empty() => (ceiling, 0.0),
            Congestion::Best => (self.viewers.values().map(takes).fold(0.0, f64::max), 0.0),
        };
        Rates {
            main: kilobits(main, floor, ceiling),
            small: kilobits(slowest(Size::Small), 0.0, ceiling * MOST_OF_SMALL),
        }
    }
}

/// In kbit/s, within bounds in bit/s.
fn kilobits(bitrate: f64, floor: f64, ceiling: f64) -> u32 {
    let least = f64::from(LEAST_KILOBITS);
    let kilobits = (bitrate.max(floor).min(ceiling) / 1000.0).max(least.min(ceiling / 1000.0));
    // Not above the ceiling, which was a u32.
    kilobits as u32
}

impl Viewer {
    /// Moves between the encodings. True if it has come back to the main one.
    fn decide(&mut self, main: f64, estimate: &Estimate, now: Duration) -> bool {
        let takes = self.takes.unwrap_or(f64::INFINITY);
        let here = now.saturating_sub(self.moved);
        match self.size {
            Size::Main => {
                if takes >= TOO_LITTLE * main {
                    self.too_little_since = None;
                    if here >= STAYED {
                        self.patience = PATIENCE;
                    }
                    return false;
                }
                let since = *self.too_little_since.get_or_insert(now);
                if now.saturating_sub(since) >= MOMENT {
                    if self.has_moved && here < TOO_SOON {
                        self.patience = (self.patience * 2).min(GREATEST_PATIENCE);
                    }
                    self.go(Size::Small, now);
                }
                false
            }
            Size::Small => {
                let calm = estimate.calm.min(here);
                let looks_wide = estimate.bursts.is_none_or(|bursts| bursts >= main * WIDE);
                let comes_back = (calm >= self.patience && looks_wide)
                    || (takes >= main && calm >= self.patience / GROWN);
                if comes_back {
                    self.takes = Some(takes.max(main));
                    self.go(Size::Main, now);
                }
                comes_back
            }
        }
    }

    const fn go(&mut self, size: Size, now: Duration) {
        self.size = size;
        self.moved = now;
        self.has_moved = true;
        self.too_little_since = None;
    }
}
