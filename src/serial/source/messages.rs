//! Buffers of messages.

use std::time::Instant;

use gst::prelude::*;

use crate::serial::framing::Message;

/// Makes buffers with time stamps.
#[derive(Debug)]
pub(super) struct Stamper {
    /// Caps of the host's time.
    unix: gst::Caps,
    /// The running time now, by the pipeline's clock.
    running_time: Option<gst::ClockTime>,
    now: Instant,
}

impl Stamper {
    /// For messages that are taken now.
    pub(super) fn new(element: &gst::Element, unix: &gst::Caps) -> Self {
        Self {
            unix: unix.clone(),
            running_time: element.current_running_time(),
            now: Instant::now(),
        }
    }

    /// PTS: the running time when the first byte came; and as reference time stamp, the
    /// host's time then.
    pub(super) fn buffer(&self, message: Message) -> gst::Buffer {
        let Message { arrival, bytes } = message;
        let age = self.now.saturating_duration_since(arrival.at);
        let age = gst::ClockTime::try_from(age).unwrap_or(gst::ClockTime::ZERO);
        let unix = gst::ClockTime::try_from(arrival.unix).unwrap_or(gst::ClockTime::ZERO);
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(self.running_time.map(|now| now.saturating_sub(age)));
            gst::ReferenceTimestampMeta::add(buffer, &self.unix, unix, gst::ClockTime::NONE);
        }
        buffer
    }
}
