//! What of an encoded stream reaches one viewer, whichever encoding it comes from.
//!
//! A viewer's gate stays when the viewer moves from one [`Fanout`](super::fanout::Fanout) to
//! another: pictures go on in time, and what its path has to carry already still counts.
//!
//! Lock: `thinning` is a leaf, held to decide about a picture.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::congestion::thinning::Thinning;

/// No picture has been sent.
const NONE: u64 = u64::MAX;

#[derive(Debug)]
pub(crate) struct Gate {
    /// Origin of the times that `thinning` is told.
    epoch: Instant,
    /// While pictures have to be left out.
    thinning: Mutex<Option<Thinning>>,
    /// Bytes that came up to the gate.
    offered: AtomicU64,
    /// Running time of the newest picture that was sent, in nanoseconds.
    newest: AtomicU64,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            epoch: Instant::now(),
            thinning: Mutex::new(None),
            offered: AtomicU64::new(0),
            newest: AtomicU64::new(NONE),
        }
    }
}

/// The running time of a buffer, which means the same whatever element it comes from.
fn running_time(sample: &gst::Sample) -> Option<u64> {
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let time = segment.to_running_time(sample.buffer()?.pts())?;
    Some(time.nseconds())
}

impl Gate {
    fn locked(&self) -> MutexGuard<'_, Option<Thinning>> {
        self.thinning.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The path takes only so many bit/s; packets have to wait for so long on it already.
    pub(crate) fn narrow(&self, bitrate: f64, waits: Duration) {
        let now = self.epoch.elapsed();
        *self.locked() = Some(Thinning::new(bitrate, waits, now));
    }

    /// The same while the gate is narrow; else nothing.
    pub(crate) fn set_bitrate(&self, bitrate: f64) {
        let now = self.epoch.elapsed();
        if let Some(thinning) = &mut *self.locked() {
            thinning.set_bitrate(bitrate, now);
        }
    }

    /// All pictures go out.
    pub(crate) fn open(&self) {
        *self.locked() = None;
    }

    pub(crate) fn is_narrow(&self) -> bool {
        self.locked().is_some()
    }

    /// Bytes that came up to the gate so far, whether they went through or not.
    pub(crate) fn offered(&self) -> u64 {
        self.offered.load(Ordering::Relaxed)
    }

    /// Whether a picture has gone through.
    pub(super) fn has_begun(&self) -> bool {
        self.newest.load(Ordering::Relaxed) != NONE
    }

    pub(super) fn count(&self, bytes: usize) {
        self.offered.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Whether a key frame comes later than all that was sent, or at the same moment if it may be
    /// there `again`: two encodings have the same pictures.
    pub(super) fn goes_on_with(&self, sample: &gst::Sample, again: bool) -> bool {
        let newest = self.newest.load(Ordering::Relaxed);
        newest == NONE
            || running_time(sample).is_none_or(|time| time > newest || (again && time == newest))
    }

    pub(super) fn admits(&self, bytes: usize, is_key_frame: bool) -> bool {
        let now = self.epoch.elapsed();
        let mut thinning = self.locked();
        thinning
            .as_mut()
            .is_none_or(|thinning| thinning.admits(bytes, is_key_frame, now))
    }

    /// Whether a viewer that waits for a key frame may ask for one.
    pub(super) fn wants_key_frame(&self) -> bool {
        let now = self.epoch.elapsed();
        let mut thinning = self.locked();
        thinning
            .as_mut()
            .is_none_or(|thinning| thinning.wants_key_frame(now))
    }

    pub(super) fn sent(&self, sample: &gst::Sample) {
        if let Some(time) = running_time(sample) {
            self.newest.store(time, Ordering::Relaxed);
        }
    }
}
