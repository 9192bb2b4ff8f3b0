//! What can be told from an RTP packet with Opus without decoding it.

use opusic_c::{SampleRate, utils};
use rtp_types::RtpPacket;

/// Where a packet stands in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
}

/// A packet that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) header: Header,
    /// One Opus packet; none if this one only takes a sequence number: padding by which
    /// a sender probes the network, or another payload (telephone keys).
    pub(super) opus: Option<Opus<'a>>,
}

/// An Opus packet (RFC 6716, 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Opus<'a> {
    pub(super) payload: &'a [u8],
    /// How long it sounds, in samples; at most 5760.
    pub(super) duration: usize,
    /// How much of what was before it can be restored from it, in samples; zero if nothing.
    pub(super) correction: usize,
}

/// None if it is malformed.
pub(super) fn read(bytes: &[u8], payload_type: u8) -> Option<Packet<'_>> {
    let rtp = RtpPacket::parse(bytes).ok()?;
    let header = Header {
        ssrc: rtp.ssrc(),
        sequence: rtp.sequence_number(),
        timestamp: rtp.timestamp(),
    };
    let from = rtp.payload_offset();
    let payload = bytes.get(from..from + rtp.payload_len())?;
    let opus = match payload {
        [] => None,
        _ if rtp.payload_type() != payload_type => None,
        payload => Some(Opus {
            payload,
            duration: duration(payload)?,
            correction: correction(payload),
        }),
    };
    Some(Packet { header, opus })
}

fn duration(payload: &[u8]) -> Option<usize> {
    let samples = utils::get_nb_samples(payload, SampleRate::Hz48000).ok()?;
    (samples > 0).then_some(samples)
}

/// How many samples of the frame before this packet it holds once more. SILK says so in
/// the flags at its beginning (RFC 6716, 4.2.3): after one bit of voice activity for each
/// 20 ms, one for low bit-rate redundancy. They are coded so that they can be read here
/// as bits.
fn correction(payload: &[u8]) -> usize {
    let toc = payload[0];
    // By configuration (RFC 6716, 3.1): 0 to 11 are SILK, 12 to 15 both, the rest CELT.
    let duration = match toc >> 3 {
        configuration @ 0..12 => [480, 960, 1920, 2880][usize::from(configuration % 4)],
        configuration @ 12..16 => [480, 960][usize::from(configuration % 2)],
        _ => return 0,
    };
    let activity = (duration / 960).max(1);
    let Some(first) = first_frame(payload) else {
        return 0;
    };
    let mid = first >> (7 - activity) & 1;
    let is_stereo = toc & 4 != 0;
    let side = if is_stereo {
        first >> (6 - 2 * activity) & 1
    } else {
        0
    };
    match mid | side {
        0 => 0,
        _ => duration,
    }
}

/// The byte with which the first frame begins (RFC 6716, 3.2); none if it is empty.
fn first_frame(payload: &[u8]) -> Option<u8> {
    let length = |at: usize| -> Option<(usize, usize)> {
        let first = usize::from(*payload.get(at)?);
        match first {
            0..252 => Some((first, 1)),
            _ => Some((first + 4 * usize::from(*payload.get(at + 1)?), 2)),
        }
    };
    let at = match payload[0] & 3 {
        0 | 1 => 1,
        2 => match length(1)? {
            (0, _) => return None,
            (_, bytes) => 1 + bytes,
        },
        _ => {
            let flags = *payload.get(1)?;
            let frames = usize::from(flags & 0x3f);
            let mut at = 2;
            if flags & 0x40 != 0 {
                while *payload.get(at)? == 255 {
                    at += 1;
                }
                at += 1;
            }
            if flags & 0x80 != 0 {
                let mut is_empty = false;
                for frame in 1..frames {
                    let (bytes, taken) = length(at)?;
                    is_empty |= frame == 1 && bytes == 0;
                    at += taken;
                }
                if is_empty {
                    return None;
                }
            }
            at
        }
    };
    payload.get(at).copied()
}

#[cfg(test)]
mod tests {
    use rtp_types::RtpPacketBuilder;

    use super::*;

    /// 20 ms of CELT.
    const CELT: u8 = 31 << 3;
    /// 20 ms of SILK.
    const SILK: u8 = 1 << 3;

    fn header() -> Header {
        Header {
            ssrc: 0x0102_0304,
            sequence: 65_535,
            timestamp: 0xffff_fff0,
        }
    }

    fn builder<'a>() -> RtpPacketBuilder<&'a [u8], &'a [u8]> {
        RtpPacketBuilder::new()
            .ssrc(header().ssrc)
            .sequence_number(header().sequence)
            .timestamp(header().timestamp)
            .payload_type(111)
    }

    #[test]
    fn the_payload_is_found_behind_sources_and_extensions_and_before_padding() {
        let opus = [CELT, 1, 2, 3];
        let bytes = builder()
            .add_csrc(7)
            .add_csrc(8)
            .extension(0xbede, &[0x10, 0xff, 0, 0])
            .padding(5)
            .payload(&opus[..])
            .write_vec()
            .unwrap();
        let packet = read(&bytes, 111).unwrap();
        assert_eq!(packet.header, header());
        let found = packet.opus.unwrap();
        assert_eq!((found.payload, found.duration), (&opus[..], 960));
    }

    #[test]
    fn padding_and_other_payloads_only_take_a_sequence_number() {
        let padding = builder().padding(200).write_vec().unwrap();
        assert_eq!(read(&padding, 111).unwrap().opus, None);
        let other = builder().payload_type(126).payload(&[CELT][..]);
        let other = other.write_vec().unwrap();
        assert_eq!(read(&other, 111).unwrap().opus, None);
    }

    #[test]
    fn what_is_no_opus_packet_is_malformed() {
        // Code 3 without frames, and with more than 120 ms.
        for opus in [&[CELT | 3][..], &[CELT | 3, 0], &[CELT | 3, 7, 0]] {
            let bytes = builder().payload(opus).write_vec().unwrap();
            assert_eq!(read(&bytes, 111), None, "{opus:?}");
        }
        assert_eq!(read(&[], 111), None);
        assert_eq!(read(&[0x80; 11], 111), None);
    }

    #[test]
    fn forward_error_correction_is_seen_by_its_flag() {
        assert_eq!(correction(&[SILK, 0b1100_0000]), 960);
        assert_eq!(correction(&[SILK, 0b1000_0000]), 0);
        assert_eq!(correction(&[CELT, 0b1100_0000]), 0);
        // 60 ms have three flags of activity before it.
        assert_eq!(correction(&[3 << 3, 0b0001_0000]), 2880);
        assert_eq!(correction(&[3 << 3, 0b1110_0000]), 0);
        // Stereo: mid, then side.
        assert_eq!(correction(&[SILK | 4, 0b0001_0000]), 960);
        // Two frames in one packet, of the same length or not; several with padding.
        assert_eq!(correction(&[SILK | 1, 0b0100_0000, 0]), 960);
        assert_eq!(correction(&[SILK | 2, 1, 0b0100_0000, 0]), 960);
        assert_eq!(correction(&[SILK | 2, 0, 0b0100_0000]), 0);
        assert_eq!(correction(&[SILK | 3, 0x42, 2, 0b0100_0000, 0, 0, 0]), 960);
        assert_eq!(correction(&[SILK]), 0);
    }
}
