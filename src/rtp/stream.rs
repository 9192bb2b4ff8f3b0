//! One viewer's RTP stream (RFC 3550): its numbers, its headers, and what of it can be sent
//! again (RFC 4588). Pure: packets are written behind others into memory that is given.

use std::collections::VecDeque;
use std::sync::Arc;

use super::picture::{Numbering, Payload, Picture};
use super::srtp::{Srtp, TAG};

/// Packets and pictures that can be sent again: two seconds at 30 pictures/s, or 8 Mbit/s.
const MOST_PICTURES: usize = 60;
const MOST_PACKETS: usize = 1_600;

/// Fixed header of RTP, and of the block of extensions (RFC 8285, section 4.2).
const HEADER: usize = 12;
const EXTENSIONS: usize = 4;

/// What was negotiated for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    /// Number of the header extension that asks for no delay in the player, if there is one.
    pub(crate) playout_delay: Option<u8>,
    /// Number of the header extension with transport-wide sequence numbers.
    pub(crate) transport_feedback: Option<u8>,
    /// What is sent again goes there; none: it goes out as it did first (RFC 4585).
    pub(crate) retransmission: Option<Retransmission>,
}

impl Description {
    const fn itself(&self) -> Retransmission {
        Retransmission {
            ssrc: self.ssrc,
            payload_type: self.payload_type,
        }
    }
}

/// The stream of what is sent again (RFC 4588, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retransmission {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
}

/// Where a number of 16 bits stands, with how often it has begun anew: SRTP's packet index.
#[derive(Debug)]
struct Counter(u64);

impl Counter {
    /// Begins in the lower half: a receiver that misses the first packets would not notice
    /// that the number has begun anew (RFC 3711, section 3.3.1).
    fn new() -> Self {
        Self(u64::from(rand::random::<u16>() >> 1))
    }

    const fn next(&mut self) -> u64 {
        let next = self.0;
        self.0 += 1;
        next
    }
}

pub(super) struct Stream {
    pub(super) description: Description,
    /// Number of the source whose pictures are sent.
    pub(super) source: u32,
    /// RTP time of running time 0.
    pub(super) timestamp_offset: u32,
    index: Counter,
    again: Counter,
    picture_id: u16,
    sent: VecDeque<Sent>,
    /// Packets in `sent`.
    packets: usize,
}

/// A picture that was sent.
struct Sent {
    picture: Arc<Picture>,
    first: u64,
    picture_id: u16,
}

impl Stream {
    pub(super) fn new(description: Description) -> Self {
        Self {
            description,
            source: 0,
            timestamp_offset: rand::random(),
            index: Counter::new(),
            again: Counter::new(),
            picture_id: rand::random::<u16>() & PICTURE_ID,
            sent: VecDeque::new(),
            packets: 0,
        }
    }

    /// Takes note of a picture that is about to be sent: gives the index of its first packet
    /// and its number.
    pub(super) fn begin(&mut self, picture: &Arc<Picture>) -> (u64, u16) {
        let (first, picture_id) = (self.index.0, self.picture_id);
        self.index.0 += picture.len() as u64;
        if picture.payloads().any(|(_, marker)| marker) {
            self.picture_id = (self.picture_id + 1) & PICTURE_ID;
        }
        self.packets += picture.len();
        self.sent.push_back(Sent {
            picture: picture.clone(),
            first,
            picture_id,
        });
        while self.sent.len() > MOST_PICTURES
            || (self.packets > MOST_PACKETS && self.sent.len() > 1)
        {
            let old = self.sent.pop_front();
            self.packets -= old.map_or(0, |old| old.picture.len());
        }
        (first, picture_id)
    }

    /// Writes one packet; `transport` is its transport-wide number.
    #[expect(clippy::too_many_arguments, reason = "all that makes up a packet")]
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        srtp: &Srtp,
        picture: &Picture,
        payload: Payload<'_>,
        index: u64,
        picture_id: u16,
        transport: u16,
    ) {
        let Description {
            ssrc, payload_type, ..
        } = self.description;
        let start = out.len();
        let header = self.header(
            out,
            picture,
            payload.1,
            ssrc,
            payload_type,
            index,
            transport,
        );
        self.payload(out, picture, payload.0, picture_id);
        srtp.protect(out, start, header, ssrc, index);
    }

    /// Writes a packet once more, by its sequence number. False if it is not there any more.
    pub(super) fn write_again(
        &mut self,
        out: &mut Vec<u8>,
        srtp: &Srtp,
        sequence_number: u16,
        transport: u16,
    ) -> bool {
        let own = match self.description.retransmission {
            Some(again) => Some((again, self.again.next())),
            None => None,
        };
        let Some((sent, index, (payload, marker))) = self.find(sequence_number) else {
            return false;
        };
        let (Retransmission { ssrc, payload_type }, index) =
            own.unwrap_or((self.description.itself(), index));
        let start = out.len();
        let header = self.header(
            out,
            &sent.picture,
            marker,
            ssrc,
            payload_type,
            index,
            transport,
        );
        if own.is_some() {
            out.extend_from_slice(&sequence_number.to_be_bytes());
        }
        self.payload(out, &sent.picture, payload, sent.picture_id);
        srtp.protect(out, start, header, ssrc, index);
        true
    }

    /// Length of a packet if it is sent again; none if it cannot be.
    pub(super) fn length_again(&self, sequence_number: u16) -> Option<usize> {
        let (.., (payload, _)) = self.find(sequence_number)?;
        let number = self.description.retransmission.map_or(0, |_| 2);
        Some(self.overhead() + number + payload.len())
    }

    /// A payload that was sent, with its index and the picture that it belongs to.
    fn find(&self, sequence_number: u16) -> Option<(&Sent, u64, Payload<'_>)> {
        // The newest index with this number.
        let newest = self.index.0.checked_sub(1)?;
        let back = (newest as u16).wrapping_sub(sequence_number);
        let index = newest.checked_sub(u64::from(back))?;
        let end = self.sent.partition_point(|sent| sent.first <= index);
        let sent = self.sent.get(end.checked_sub(1)?)?;
        let number = usize::try_from(index - sent.first).ok()?;
        Some((sent, index, sent.picture.payload(number)?))
    }

    /// Bytes of a packet besides its payload.
    pub(super) fn overhead(&self) -> usize {
        HEADER + self.extensions() + TAG
    }

    /// Bytes of all header extensions.
    const fn extensions(&self) -> usize {
        let playout_delay = match self.description.playout_delay {
            Some(_) => 4,
            None => 0,
        };
        let transport_feedback = match self.description.transport_feedback {
            Some(_) => 3,
            None => 0,
        };
        match playout_delay + transport_feedback {
            0 => 0,
            bytes => EXTENSIONS + (bytes as usize).next_multiple_of(4),
        }
    }

    /// Writes a header; gives its length.
    #[expect(clippy::too_many_arguments, reason = "all that makes up a header")]
    fn header(
        &self,
        out: &mut Vec<u8>,
        picture: &Picture,
        marker: bool,
        ssrc: u32,
        payload_type: u8,
        index: u64,
        transport: u16,
    ) -> usize {
        let start = out.len();
        let extensions = self.extensions();
        // Version 2.
        out.push(0x80 | if extensions > 0 { 0x10 } else { 0 });
        out.push(payload_type | if marker { 0x80 } else { 0 });
        out.extend_from_slice(&(index as u16).to_be_bytes());
        let time = self.timestamp_offset.wrapping_add(picture.time);
        out.extend_from_slice(&time.to_be_bytes());
        out.extend_from_slice(&ssrc.to_be_bytes());
        if extensions > 0 {
            // One-byte headers (RFC 8285, section 4.2); the length is in words.
            out.extend_from_slice(&[0xbe, 0xde, 0, ((extensions - EXTENSIONS) / 4) as u8]);
            if let Some(id) = self.description.playout_delay {
                // Not less and not more than 0 ms, twelve bits each.
                out.extend_from_slice(&[id << 4 | 2, 0, 0, 0]);
            }
            if let Some(id) = self.description.transport_feedback {
                out.push(id << 4 | 1);
                out.extend_from_slice(&transport.to_be_bytes());
            }
            out.resize(start + HEADER + extensions, 0);
        }
        out.len() - start
    }

    fn payload(&self, out: &mut Vec<u8>, picture: &Picture, payload: &[u8], picture_id: u16) {
        let start = out.len();
        out.extend_from_slice(payload);
        if picture.numbering == Numbering::PictureId
            && let Some(place) = out.get_mut(start + 2..start + 4)
        {
            place.copy_from_slice(&(picture_id | LONG).to_be_bytes());
        }
    }
}

/// Bits of a picture's number, and the bit that says that it has so many.
const PICTURE_ID: u16 = 0x7fff;
const LONG: u16 = 0x8000;

#[cfg(test)]
mod tests {
    use super::*;
    use rtp_types::RtpPacket;

    const DESCRIPTION: Description = Description {
        ssrc: 0x0102_0304,
        payload_type: 96,
        playout_delay: Some(1),
        transport_feedback: Some(2),
        retransmission: Some(Retransmission {
            ssrc: 0x0506_0708,
            payload_type: 97,
        }),
    };

    fn picture(payloads: &[&[u8]], numbering: Numbering) -> Arc<Picture> {
        let mut picture = Picture::new(9_000, numbering, 0);
        for (number, payload) in payloads.iter().enumerate() {
            picture.add(payload, number + 1 == payloads.len());
        }
        Arc::new(picture)
    }

    /// With a key of zeros; the payload stays encrypted.
    fn sent(stream: &mut Stream, picture: &Arc<Picture>) -> Vec<Vec<u8>> {
        let srtp = Srtp::new(&[0; 30]);
        let (first, id) = stream.begin(picture);
        picture
            .payloads()
            .zip(first..)
            .map(|(payload, index)| {
                let mut out = Vec::new();
                stream.write(&mut out, &srtp, picture, payload, index, id, 0x1234);
                out
            })
            .collect()
    }

    /// What `protect` encrypted, it also decrypts.
    fn plain(packet: &[u8], ssrc: u32, index: u64) -> Vec<u8> {
        let header = RtpPacket::parse(packet).expect("RTP").payload_offset();
        let mut copy = packet[..packet.len() - TAG].to_vec();
        Srtp::new(&[0; 30]).protect(&mut copy, 0, header, ssrc, index);
        copy[header..copy.len() - TAG].to_vec()
    }

    #[test]
    fn a_packet_has_the_header_that_was_negotiated() {
        let mut stream = Stream::new(DESCRIPTION);
        stream.index.0 = 0x1_ffff;
        let picture = picture(&[b"one", b"two"], Numbering::None);
        let packets = sent(&mut stream, &picture);
        let [first, second] = [&packets[0], &packets[1]].map(|p| RtpPacket::parse(p).expect("RTP"));
        assert_eq!(first.payload_type(), 96);
        assert_eq!(first.ssrc(), 0x0102_0304);
        assert_eq!(first.sequence_number(), 0xffff);
        assert_eq!(second.sequence_number(), 0, "goes on from the start");
        assert!(!first.marker_bit() && second.marker_bit());
        assert_eq!(
            first.timestamp(),
            stream.timestamp_offset.wrapping_add(9_000)
        );
        let (profile, data) = first.extension().expect("extensions");
        assert_eq!(profile, 0xbede);
        assert_eq!(data, [0x12, 0, 0, 0, 0x21, 0x12, 0x34, 0]);
        assert_eq!(plain(&packets[0], 0x0102_0304, 0x1_ffff), b"one");
        assert_eq!(plain(&packets[1], 0x0102_0304, 0x2_0000), b"two");
    }

    #[test]
    fn without_extensions_the_header_is_the_shortest() {
        let mut stream = Stream::new(Description {
            playout_delay: None,
            transport_feedback: None,
            ..DESCRIPTION
        });
        let packets = sent(&mut stream, &picture(&[b"one"], Numbering::None));
        assert_eq!(packets[0].len(), 12 + 3 + TAG);
        assert_eq!(packets[0].len() - 3, stream.overhead());
    }

    #[test]
    fn what_got_lost_is_sent_again_with_its_number() {
        let mut stream = Stream::new(DESCRIPTION);
        stream.index.0 = 0xfffe;
        let srtp = Srtp::new(&[0; 30]);
        for payloads in [[b"one", b"two"], [b"san", b"shi"]] {
            sent(
                &mut stream,
                &picture(&payloads.map(|p| p.as_slice()), Numbering::None),
            );
        }
        for (number, expected) in [(0xfffe, b"one"), (0xffff, b"two"), (0, b"san"), (1, b"shi")] {
            let mut out = Vec::new();
            let index = stream.again.0;
            let length = stream.length_again(number);
            assert!(stream.write_again(&mut out, &srtp, number, 7));
            assert_eq!(length, Some(out.len()));
            let packet = RtpPacket::parse(&out).expect("RTP");
            assert_eq!((packet.ssrc(), packet.payload_type()), (0x0506_0708, 97));
            assert_eq!(packet.sequence_number(), index as u16);
            let content = plain(&out, 0x0506_0708, index);
            assert_eq!(content[..2], u16::to_be_bytes(number));
            assert_eq!(content[2..], expected[..]);
        }
        for unknown in [2, 0xfffd, 0x8000] {
            assert_eq!(stream.length_again(unknown), None);
            assert!(!stream.write_again(&mut Vec::new(), &srtp, unknown, 7));
        }
    }

    #[test]
    fn without_a_stream_of_its_own_it_is_the_same_packet_again() {
        let mut stream = Stream::new(Description {
            retransmission: None,
            ..DESCRIPTION
        });
        let first = sent(&mut stream, &picture(&[b"one", b"two"], Numbering::None));
        let number = RtpPacket::parse(&first[0]).expect("RTP").sequence_number();
        let mut again = Vec::new();
        assert_eq!(stream.length_again(number), Some(first[0].len()));
        assert!(stream.write_again(&mut again, &Srtp::new(&[0; 30]), number, 0x1234));
        assert_eq!(again, first[0]);
    }

    #[test]
    fn what_is_long_past_is_not_kept() {
        let mut stream = Stream::new(DESCRIPTION);
        let first = stream.index.0 as u16;
        let srtp = Srtp::new(&[0; 30]);
        for _ in 0..=MOST_PICTURES {
            sent(&mut stream, &picture(&[b"one"], Numbering::None));
        }
        assert!(!stream.write_again(&mut Vec::new(), &srtp, first, 7));
        let second = first.wrapping_add(1);
        assert!(stream.write_again(&mut Vec::new(), &srtp, second, 7));
        let large = picture(&[b"x".as_slice(); MOST_PACKETS], Numbering::None);
        sent(&mut stream, &large);
        assert_eq!(stream.sent.len(), 1);
        assert_eq!(stream.packets, MOST_PACKETS);
    }

    #[test]
    fn each_viewer_counts_the_pictures_it_gets() {
        let mut stream = Stream::new(DESCRIPTION);
        stream.picture_id = PICTURE_ID;
        let payload: [&[u8]; 2] = [&[0x90, 0x80, 0xff, 0xff, 9], &[0x80, 0x80, 0xff, 0xff, 8]];
        for expected in [PICTURE_ID, 0] {
            let index = stream.index.0;
            let packets = sent(&mut stream, &picture(&payload, Numbering::PictureId));
            for (packet, index) in packets.iter().zip(index..) {
                let content = plain(packet, 0x0102_0304, index);
                assert_eq!(content[2..4], (LONG | expected).to_be_bytes());
            }
        }
    }
}
