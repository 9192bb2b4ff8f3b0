//! Pictures left out for one viewer whose path does not take them all.
//!
//! The last resort: of a stream that arrives encoded nothing smaller can be had, and an
//! encoder takes a moment to follow. Of what is sent, a path queues what it does not take. So
//! the queue is reckoned with, and what would make it longer than is tolerable is left out, up
//! to the next key frame: nothing in between can be shown without what was left out.

use std::time::Duration;

/// How long pictures may have to wait.
const TOLERABLE: f64 = 0.35;

/// A key frame is worth more: without it, there is no picture at all.
const FOR_KEY_FRAME: f64 = 0.45;

/// Least time from one key frame to the next that is asked for on behalf of this viewer. Each
/// costs all others, whose pictures are worse for a moment.
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Thinning {
    /// Bit/s that the path takes.
    bitrate: f64,
    /// Bits that wait somewhere on the path.
    queue: f64,
    at: Duration,
    asked: Option<Duration>,
}

impl Thinning {
    /// `waits`: how long packets have to wait already.
    pub(crate) fn new(bitrate: f64, waits: Duration, now: Duration) -> Self {
        Self {
            bitrate,
            queue: bitrate * waits.as_secs_f64(),
            at: now,
            asked: None,
        }
    }

    pub(crate) fn set_bitrate(&mut self, bitrate: f64, now: Duration) {
        self.pass(now);
        self.bitrate = bitrate;
    }

    fn pass(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.at).as_secs_f64();
        self.queue = (self.queue - self.bitrate * elapsed).max(0.0);
        self.at = self.at.max(now);
    }

    /// Whether a picture of this size goes out.
    pub(crate) fn admits(&mut self, bytes: usize, is_key_frame: bool, now: Duration) -> bool {
        self.pass(now);
        let bits = super::bits(bytes as u64);
        let limit = match is_key_frame {
            true => FOR_KEY_FRAME,
            false => TOLERABLE,
        };
        // One that is too large for any path goes out when nothing else waits.
        let is_empty = is_key_frame && self.queue <= self.bitrate * 0.01;
        let admits = is_empty || self.queue + bits <= self.bitrate * limit;
        if admits {
            self.queue += bits;
        }
        admits
    }

    /// Whether, while pictures are left out, a key frame is to be asked for.
    pub(crate) fn wants_key_frame(&mut self, now: Duration) -> bool {
        self.pass(now);
        let rests = self.queue <= self.bitrate * 0.01;
        let is_time = self
            .asked
            .is_none_or(|asked| now.saturating_sub(asked) >= PATIENCE);
        let wants = rests && is_time;
        if wants {
            self.asked = Some(now);
        }
        wants
    }
}
