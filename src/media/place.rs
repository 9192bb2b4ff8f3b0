//! A viewer's place in the audience of a stream, and what the audience means for the encoders.

use std::sync::Arc;

use super::codec::Codec;
use super::stream::Stream;
use crate::congestion::Congestion;
use crate::congestion::audience::{Audience, Rates, Size, Verdict};
use crate::congestion::estimator::Estimate;

/// One viewer of a stream that is encoded here; it leaves when this is dropped.
pub(crate) struct Place {
    stream: Arc<Stream>,
    codec: Codec,
    viewer: u32,
}

impl Place {
    /// `ceiling`: the bitrate that is set for the stream, in kbit/s.
    pub(crate) fn take(
        stream: &Arc<Stream>,
        codec: Codec,
        viewer: u32,
        congestion: Congestion,
        ceiling: u32,
    ) -> Self {
        let place = Self {
            stream: stream.clone(),
            codec,
            viewer,
        };
        let now = stream.epoch.elapsed();
        let rates = {
            let mut audiences = place.stream.audiences();
            let audience = audiences
                .entry(codec)
                .or_insert_with(|| Audience::new(congestion, ceiling));
            audience.join(viewer, now);
            audience.rates()
        };
        place.steer(rates);
        place
    }

    /// The viewer's path takes so many bit/s for this stream.
    pub(crate) fn report(&self, bitrate: f64, estimate: &Estimate) -> Verdict {
        let now = self.stream.epoch.elapsed();
        let (verdict, rates) = {
            let mut audiences = self.stream.audiences();
            let Some(audience) = audiences.get_mut(&self.codec) else {
                return Verdict::default();
            };
            let verdict = audience.report(self.viewer, bitrate, estimate, now);
            (verdict, audience.rates())
        };
        self.steer(rates);
        verdict
    }

    /// The small encoding cannot be had.
    pub(crate) fn stays(&self) {
        if let Some(audience) = self.stream.audiences().get_mut(&self.codec) {
            audience.stays(self.viewer);
        }
    }

    /// Sets the encoders; not under a lock.
    fn steer(&self, rates: Rates) {
        for (size, kilobits) in [(Size::Main, rates.main), (Size::Small, rates.small)] {
            if let Some(encoding) = self.stream.encoding(self.codec, size) {
                encoding.set_bitrate(kilobits);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let rates = {
            let mut audiences = self.stream.audiences();
            let Some(audience) = audiences.get_mut(&self.codec) else {
                return;
            };
            audience.leave(self.viewer);
            let rates = audience.rates();
            if audience.is_empty() {
                audiences.remove(&self.codec);
            }
            rates
        };
        self.steer(rates);
    }
}
