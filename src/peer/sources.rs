//! How many sources of RTP and RTCP one peer may have.
//!
//! For each SSRC that it has not seen, GStreamer's SRTP decoder keeps a context before it
//! knows whether the packet is genuine, and never lets it go: whoever sends from a peer's
//! address could have it grow without end.

use gst::prelude::*;

/// A browser has one for each line, one for what is sent again, and one for reports.
const MOST: usize = 32;

#[derive(Debug, Default)]
struct Sources(Vec<u32>);

impl Sources {
    /// Whether a packet is of a source that there is room for. What has none (DTLS, STUN)
    /// passes.
    fn admit(&mut self, packet: &[u8]) -> bool {
        let Some(ssrc) = ssrc(packet) else {
            return true;
        };
        if self.0.contains(&ssrc) {
            return true;
        }
        let has_room = self.0.len() < MOST;
        if has_room {
            self.0.push(ssrc);
        }
        has_room
    }
}

/// RFC 3550, sections 5.1 and 6.4; which of both it is: RFC 5761, section 4.
fn ssrc(packet: &[u8]) -> Option<u32> {
    let [first, second, ..] = packet else {
        return None;
    };
    // Version 2, RFC 7983, section 7.
    if !(128..192).contains(first) {
        return None;
    }
    let at = match second {
        192..=223 => 4,
        _ => 8,
    };
    let bytes = packet.get(at..at + 4)?.try_into().ok()?;
    Some(u32::from_be_bytes(bytes))
}

/// Lets through `pad` packets of only so many sources.
pub(super) fn limit(pad: &gst::Pad) {
    let sources = std::sync::Mutex::new(Sources::default());
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    pad.add_probe(kinds, move |_, info| {
        let mut sources = sources
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut admit = |buffer: &gst::BufferRef| {
            buffer
                .map_readable()
                .is_ok_and(|packet| sources.admit(&packet))
        };
        let all = match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => admit(buffer),
            Some(gst::PadProbeData::BufferList(list)) => list.iter().all(admit),
            _ => true,
        };
        match all {
            true => gst::PadProbeReturn::Ok,
            false => gst::PadProbeReturn::Handled,
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rtp(ssrc: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 96, 0, 1, 0, 0, 0, 0];
        packet.extend(ssrc.to_be_bytes());
        packet
    }

    #[test]
    fn so_many_sources_and_no_more_get_through() {
        let mut sources = Sources::default();
        for number in 0..MOST as u32 {
            assert!(sources.admit(&rtp(number)));
        }
        assert!(!sources.admit(&rtp(4711)));
        assert!(sources.admit(&rtp(0)), "known ones go on");
    }

    #[test]
    fn a_report_of_a_source_is_of_that_source() {
        assert_eq!(ssrc(&rtp(0x0102_0304)), Some(0x0102_0304));
        assert_eq!(ssrc(&[0x81, 201, 0, 7, 1, 2, 3, 4, 9]), Some(0x0102_0304));
    }

    #[test]
    fn what_has_no_source_passes_and_what_is_cut_off_does_no_harm() {
        let mut sources = Sources::default();
        for packet in [&[22_u8, 254, 253][..], &[0x80], &[], &[0x80, 96, 0]] {
            assert!(sources.admit(packet));
        }
        assert_eq!(sources.0.len(), 0);
    }
}
