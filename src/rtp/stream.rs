//! One viewer's RTP stream (RFC 3550): its numbers, its headers, and what of it can be sent
//! again (RFC 4588). Pure: packets are written behind others into memory that is given.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::frame::{Frame, Numbering, Payload};
use super::skip::{Fate, Skip};
use super::srtp::{Srtp, TAG};
use crate::media::codec::Codec;

/// Packets and frames that can be sent again: two seconds at 30 pictures/s, or 8 Mbit/s; more
/// than half a second of sound.
const MOST_FRAMES: usize = 60;
const MOST_PACKETS: usize = 1_600;

/// Least time from giving pictures up to doing so again, and the greatest. Each time a key frame
/// has to come, and costs all others, whose pictures are worse for a moment.
const PATIENCE: Duration = Duration::from_secs(1);
const GREATEST_PATIENCE: Duration = Duration::from_secs(8);

/// Two sources of the same pictures are not further apart than this, in ticks of the RTP clock.
const AT_ONCE: u32 = 90_000;

/// Fixed header of RTP, and of the block of extensions (RFC 8285, section 4.2).
const HEADER: usize = 12;
const EXTENSIONS: usize = 4;

/// What was negotiated for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Description {
    pub(crate) route: Route,
    /// Sound goes out ahead of pictures that wait: there is little of it, and late it is lost.
    pub(crate) is_sound: bool,
    /// Number of the header extension that asks for no delay in the player, if there is one.
    pub(crate) playout_delay: Option<u8>,
    /// Number of the header extension with transport-wide sequence numbers.
    pub(crate) transport_feedback: Option<u8>,
    /// What is sent again goes there (RFC 4588, section 4); none: it goes out as it did first
    /// (RFC 4585).
    pub(crate) again: Option<Route>,
}

/// How a receiver tells streams on one path apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
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

    const fn take(&mut self, numbers: u64) -> u64 {
        let first = self.0;
        self.0 += numbers;
        first
    }
}

pub(super) struct Stream {
    pub(super) format: Format,
    /// Number of the source whose frames are sent, and of the newest that there is.
    source: u32,
    sources: u32,
    index: Counter,
    again: Counter,
    picture_id: u16,
    newest: Option<Newest>,
    /// Index of the first packet of the newest key frame, or of the next one: nothing before it is
    /// needed any more.
    begins: u64,
    /// When pictures were given up last, and for how long none are after that.
    given_up: Option<(Duration, Duration)>,
    /// Of sound.
    skip: Skip,
    sent: VecDeque<Sent>,
    /// Packets in `sent`.
    packets: usize,
}

/// The newest picture, or part of one.
struct Newest {
    /// What its source says, in ticks of the RTP clock.
    source_time: u32,
    /// What was sent.
    time: u32,
    is_whole: bool,
}

/// A frame that was sent.
struct Sent {
    frame: Arc<Frame>,
    first: u64,
    picture_id: u16,
    time: u32,
}

/// How packets of a stream are written.
pub(super) struct Format {
    pub(super) description: Description,
    /// RTP time of running time 0.
    pub(super) timestamp_offset: u32,
}

/// A packet, before it is written.
pub(super) struct Packet<'a> {
    payload: Payload<'a>,
    numbering: Numbering,
    picture_id: u16,
    /// Since running time 0, in ticks of the RTP clock.
    time: u32,
    route: Route,
    index: u64,
    /// The sequence number that it had first, where it is sent again as one of another stream.
    original: Option<u16>,
}

impl Stream {
    pub(super) fn new(description: Description) -> Self {
        Self {
            format: Format {
                description,
                timestamp_offset: rand::random(),
            },
            source: 0,
            sources: 0,
            index: Counter::new(),
            again: Counter::new(),
            picture_id: rand::random::<u16>() & PICTURE_ID,
            newest: None,
            begins: 0,
            given_up: None,
            skip: Skip::default(),
            sent: VecDeque::new(),
            packets: 0,
        }
    }

    pub(super) const fn ssrc(&self) -> u32 {
        self.format.description.route.ssrc
    }

    pub(super) const fn is_sound(&self) -> bool {
        self.format.description.is_sound
    }

    /// Number for a source of frames that is to follow all that there were.
    pub(super) const fn new_source(&mut self) -> u32 {
        self.sources += 1;
        self.sources
    }

    /// Whether frames of a source may be sent: not when those of a later one were. They would
    /// stand between pictures that follow each other.
    pub(super) const fn admits(&self, source: u32) -> bool {
        source >= self.source
    }

    /// Frames of this source are sent from now on.
    pub(super) const fn go_on_with(&mut self, source: u32) {
        self.source = source;
    }

    /// Leaves out so much of the sound.
    pub(super) fn skip(&mut self, duration: Duration) {
        self.skip.ask(duration);
    }

    /// The time of the next packet of sound. None if it is left out.
    fn time_of_sound(&mut self, frame: &Frame) -> Option<u32> {
        match self.skip.packet(frame.size(), frame.duration) {
            Fate::LeftOut => None,
            Fate::Sent(earlier) => {
                let rate = u128::from(Codec::Opus.clock_rate().unsigned_abs());
                let ticks = earlier.as_micros() * rate / 1_000_000;
                Some(frame.time.wrapping_sub(ticks as u32))
            }
        }
    }

    /// The time of the next picture, or of the next part of one: two sources may have pictures of
    /// the same moment, and what has the same time is one picture to a receiver.
    fn time_of_picture(&mut self, frame: &Frame, is_whole: bool) -> u32 {
        let time = match &self.newest {
            Some(newest) if !newest.is_whole && newest.source_time == frame.time => newest.time,
            Some(newest) if newest.time.wrapping_sub(frame.time) < AT_ONCE => {
                newest.time.wrapping_add(1)
            }
            Some(_) | None => frame.time,
        };
        self.newest = Some(Newest {
            source_time: frame.time,
            time,
            is_whole,
        });
        time
    }

    /// The packets of the next frame. None if it is left out.
    pub(super) fn packets<'a>(
        &'a mut self,
        frame: &'a Arc<Frame>,
    ) -> Option<(&'a Format, impl Iterator<Item = Packet<'a>>)> {
        let is_whole = frame.payloads().any(|(_, marker)| marker);
        let is_beginning = self
            .newest
            .as_ref()
            .is_none_or(|n| n.is_whole || n.source_time != frame.time);
        let time = match self.format.description.is_sound {
            true => self.time_of_sound(frame)?,
            false => self.time_of_picture(frame, is_whole),
        };
        let first = self.index.take(frame.len() as u64);
        if frame.is_key_frame && is_beginning {
            self.begins = first;
        }
        let picture_id = self.picture_id;
        if is_whole {
            self.picture_id = (self.picture_id + 1) & PICTURE_ID;
        }
        self.keep(Sent {
            frame: frame.clone(),
            first,
            picture_id,
            time,
        });
        let route = self.format.description.route;
        let packets = frame.payloads().zip(first..);
        let packets = packets.map(move |(payload, index)| Packet {
            payload,
            numbering: frame.numbering,
            picture_id,
            time,
            route,
            index,
            original: None,
        });
        Some((&self.format, packets))
    }

    fn keep(&mut self, sent: Sent) {
        self.packets += sent.frame.len();
        self.sent.push_back(sent);
        while self.sent.len() > MOST_FRAMES || (self.packets > MOST_PACKETS && self.sent.len() > 1)
        {
            let old = self.sent.pop_front();
            self.packets -= old.map_or(0, |old| old.frame.len());
        }
    }

    /// The newest index with this number.
    fn index_of(&self, sequence_number: u16) -> Option<u64> {
        let newest = self.index.0.checked_sub(1)?;
        let back = (newest as u16).wrapping_sub(sequence_number);
        newest.checked_sub(u64::from(back))
    }

    /// Whether pictures can be shown without a packet that was sent, because a key frame was sent
    /// after it.
    pub(super) fn is_outdated(&self, sequence_number: u16) -> bool {
        let index = self.index_of(sequence_number);
        index.is_none_or(|index| index < self.begins)
    }

    /// Whether the pictures up to the next key frame may be given up, because of one that lacks
    /// something. Where that does not help it is done less and less often.
    pub(super) fn may_give_up(&mut self, now: Duration) -> bool {
        let patience = match self.given_up {
            Some((last, patience)) if now.saturating_sub(last) < patience => return false,
            Some((last, patience)) if now.saturating_sub(last) < 2 * patience => {
                (2 * patience).min(GREATEST_PATIENCE)
            }
            _ => PATIENCE,
        };
        self.given_up = Some((now, patience));
        true
    }

    /// Nothing that was sent is needed any more: a key frame comes.
    pub(super) const fn give_up(&mut self) {
        self.begins = self.index.0;
    }

    /// A packet that was sent, to be sent again if that `may` be for its bytes. None if it may not,
    /// or is not there any more.
    pub(super) fn packet_again(
        &mut self,
        sequence_number: u16,
        may: impl FnOnce(usize) -> bool,
    ) -> Option<(&Format, Packet<'_>)> {
        let index = self.index_of(sequence_number)?;
        let end = self.sent.partition_point(|sent| sent.first <= index);
        let sent = self.sent.get(end.checked_sub(1)?)?;
        let number = usize::try_from(index - sent.first).ok()?;
        let payload = sent.frame.payload(number)?;
        if !may(payload.0.len()) {
            return None;
        }
        let description = &self.format.description;
        let (route, index, original) = match description.again {
            Some(route) => (route, self.again.take(1), Some(sequence_number)),
            None => (description.route, index, None),
        };
        let packet = Packet {
            payload,
            numbering: sent.frame.numbering,
            picture_id: sent.picture_id,
            time: sent.time,
            route,
            index,
            original,
        };
        Some((&self.format, packet))
    }
}

impl Format {
    /// Writes one packet; `transport` is its transport-wide number.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        srtp: &Srtp,
        packet: &Packet<'_>,
        transport: u16,
    ) {
        let start = out.len();
        self.write_header(out, packet, transport);
        let header = out.len() - start;
        if let Some(number) = packet.original {
            out.extend_from_slice(&number.to_be_bytes());
        }
        packet.write_payload(out);
        srtp.protect(out, start, header, packet.route.ssrc, packet.index);
    }

    /// Length of a packet when it is written.
    pub(super) const fn length(&self, packet: &Packet<'_>) -> usize {
        let original = match packet.original {
            Some(_) => size_of::<u16>(),
            None => 0,
        };
        HEADER + self.extensions() + original + packet.payload.0.len() + TAG
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

    fn write_header(&self, out: &mut Vec<u8>, packet: &Packet<'_>, transport: u16) {
        let start = out.len();
        let extensions = self.extensions();
        let marker = if packet.payload.1 { 0x80 } else { 0 };
        // Version 2.
        out.push(0x80 | if extensions > 0 { 0x10 } else { 0 });
        out.push(packet.route.payload_type | marker);
        out.extend_from_slice(&(packet.index as u16).to_be_bytes());
        let time = self.timestamp_offset.wrapping_add(packet.time);
        out.extend_from_slice(&time.to_be_bytes());
        out.extend_from_slice(&packet.route.ssrc.to_be_bytes());
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
    }
}

impl Packet<'_> {
    fn write_payload(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(self.payload.0);
        if self.numbering == Numbering::PictureId
            && let Some(place) = out.get_mut(start + 2..start + 4)
        {
            place.copy_from_slice(&(self.picture_id | LONG).to_be_bytes());
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
        route: Route {
            ssrc: 0x0102_0304,
            payload_type: 96,
        },
        is_sound: false,
        playout_delay: Some(1),
        transport_feedback: Some(2),
        again: Some(Route {
            ssrc: 0x0506_0708,
            payload_type: 97,
        }),
    };

    fn frame(payloads: &[&[u8]], numbering: Numbering) -> Arc<Frame> {
        let mut frame = Frame::new(9_000, numbering, 0);
        for (number, payload) in payloads.iter().enumerate() {
            frame.add(payload, number + 1 == payloads.len());
        }
        Arc::new(frame)
    }

    /// With a key of zeros; the payload stays encrypted.
    fn written(format: &Format, packet: &Packet<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        format.write(&mut out, &Srtp::new(&[0; 30]), packet, 0x1234);
        assert_eq!(out.len(), format.length(packet));
        out
    }

    fn sent(stream: &mut Stream, frame: &Arc<Frame>) -> Vec<Vec<u8>> {
        let Some((format, packets)) = stream.packets(frame) else {
            return Vec::new();
        };
        packets.map(|packet| written(format, &packet)).collect()
    }

    fn sent_again(stream: &mut Stream, number: u16) -> Option<Vec<u8>> {
        let (format, packet) = stream.packet_again(number, |_| true)?;
        Some(written(format, &packet))
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
        let frame = frame(&[b"one", b"two"], Numbering::None);
        let packets = sent(&mut stream, &frame);
        let [first, second] = [&packets[0], &packets[1]].map(|p| RtpPacket::parse(p).expect("RTP"));
        assert_eq!(first.payload_type(), 96);
        assert_eq!(first.ssrc(), 0x0102_0304);
        assert_eq!(first.sequence_number(), 0xffff);
        assert_eq!(second.sequence_number(), 0, "goes on from the start");
        assert!(!first.marker_bit() && second.marker_bit());
        assert_eq!(
            first.timestamp(),
            stream.format.timestamp_offset.wrapping_add(9_000)
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
        let packets = sent(&mut stream, &frame(&[b"one"], Numbering::None));
        assert_eq!(packets[0].len(), 12 + 3 + TAG);
    }

    #[test]
    fn what_got_lost_is_sent_again_with_its_number() {
        let mut stream = Stream::new(DESCRIPTION);
        stream.index.0 = 0xfffe;
        for payloads in [[b"one", b"two"], [b"san", b"shi"]] {
            sent(
                &mut stream,
                &frame(&payloads.map(|p| p.as_slice()), Numbering::None),
            );
        }
        for (number, expected) in [(0xfffe, b"one"), (0xffff, b"two"), (0, b"san"), (1, b"shi")] {
            let index = stream.again.0;
            let out = sent_again(&mut stream, number).expect("it is there");
            let packet = RtpPacket::parse(&out).expect("RTP");
            assert_eq!((packet.ssrc(), packet.payload_type()), (0x0506_0708, 97));
            assert_eq!(packet.sequence_number(), index as u16);
            let content = plain(&out, 0x0506_0708, index);
            assert_eq!(content[..2], u16::to_be_bytes(number));
            assert_eq!(content[2..], expected[..]);
        }
        for unknown in [2, 0xfffd, 0x8000] {
            assert_eq!(sent_again(&mut stream, unknown), None);
        }
    }

    #[test]
    fn without_a_stream_of_its_own_it_is_the_same_packet_again() {
        let mut stream = Stream::new(Description {
            again: None,
            ..DESCRIPTION
        });
        let first = sent(&mut stream, &frame(&[b"one", b"two"], Numbering::None));
        let number = RtpPacket::parse(&first[0]).expect("RTP").sequence_number();
        let again = sent_again(&mut stream, number);
        assert_eq!(again.as_ref(), Some(&first[0]));
    }

    fn times(stream: &mut Stream, frame: &Arc<Frame>) -> Vec<u32> {
        let offset = stream.format.timestamp_offset;
        let packets = sent(stream, frame);
        let times = packets.iter().map(|packet| {
            let packet = RtpPacket::parse(packet).expect("RTP");
            packet.timestamp().wrapping_sub(offset)
        });
        times.collect()
    }

    fn part(time: u32, is_last: bool) -> Arc<Frame> {
        let mut frame = Frame::new(time, Numbering::None, 0);
        frame.add(b"part", is_last);
        Arc::new(frame)
    }

    #[test]
    fn two_pictures_of_the_same_moment_have_times_of_their_own() {
        let mut stream = Stream::new(DESCRIPTION);
        for (time, expected) in [
            (3_000, 3_000),
            (3_000, 3_001),
            (6_000, 6_000),
            (3_000, 6_001),
        ] {
            let first = stream.index.0 as u16;
            assert_eq!(times(&mut stream, &part(time, true)), [expected]);
            let again = sent_again(&mut stream, first).expect("it is there");
            let again = RtpPacket::parse(&again).expect("RTP").timestamp();
            assert_eq!(again.wrapping_sub(stream.format.timestamp_offset), expected);
        }
    }

    #[test]
    fn a_source_that_rested_for_hours_goes_on_with_its_own_time() {
        let mut stream = Stream::new(DESCRIPTION);
        let eight_hours = 8 * 3_600 * 90_000;
        assert_eq!(times(&mut stream, &part(3_000, true)), [3_000]);
        assert_eq!(times(&mut stream, &part(eight_hours, true)), [eight_hours]);
    }

    #[test]
    fn parts_of_a_picture_have_the_same_time() {
        let mut stream = Stream::new(DESCRIPTION);
        for (part, expected) in [
            (part(3_000, true), 3_000),
            (part(3_000, false), 3_001),
            (part(3_000, true), 3_001),
            (part(6_000, false), 6_000),
            (part(6_000, true), 6_000),
            // The rest of this one never comes.
            (part(9_000, false), 9_000),
            (part(12_000, true), 12_000),
        ] {
            assert_eq!(times(&mut stream, &part), [expected]);
        }
    }

    fn sound(time: u32) -> Arc<Frame> {
        let mut frame = Frame::new(time, Numbering::None, 0);
        frame.add(b"sound", false);
        frame.duration = Duration::from_millis(10);
        Arc::new(frame)
    }

    #[test]
    fn sound_that_is_left_out_leaves_no_gap_in_numbers_and_times() {
        let mut stream = Stream::new(Description {
            is_sound: true,
            ..DESCRIPTION
        });
        let first = stream.index.0;
        assert_eq!(times(&mut stream, &sound(480)), [480]);
        stream.skip(Duration::from_millis(10));
        let sent: Vec<u32> = (2..100)
            .flat_map(|number| times(&mut stream, &sound(number * 480)))
            .collect();
        let expected: Vec<u32> = (2..99).map(|number| number * 480).collect();
        assert_eq!(
            sent, expected,
            "all moments, although one packet is missing"
        );
        assert_eq!(stream.index.0 - first, 98);
    }

    #[test]
    fn a_source_goes_on_until_a_later_one_has_begun() {
        let mut stream = Stream::new(DESCRIPTION);
        let [first, second] = [stream.new_source(), stream.new_source()];
        assert!(stream.admits(first) && stream.admits(second));
        stream.go_on_with(first);
        assert!(stream.admits(first) && stream.admits(second));
        stream.go_on_with(second);
        assert!(!stream.admits(first) && stream.admits(second));
    }

    #[test]
    fn what_was_sent_before_a_key_frame_is_outdated() {
        let mut stream = Stream::new(DESCRIPTION);
        let first = stream.index.0 as u16;
        let key_frame = |parts: &[&[u8]], is_whole| {
            let mut frame = Frame::new(9_000, Numbering::None, 0);
            frame.is_key_frame = true;
            for (number, part) in parts.iter().enumerate() {
                frame.add(part, is_whole && number + 1 == parts.len());
            }
            Arc::new(frame)
        };
        sent(&mut stream, &frame(&[b"old"], Numbering::None));
        assert!(!stream.is_outdated(first));
        // A key frame in two parts.
        sent(&mut stream, &key_frame(&[b"one"], false));
        sent(&mut stream, &key_frame(&[b"two"], true));
        sent(&mut stream, &frame(&[b"new"], Numbering::None));
        let outdated: Vec<bool> = (0..4).map(|n| stream.is_outdated(first + n)).collect();
        assert_eq!(outdated, [true, false, false, false]);
        stream.give_up();
        assert!((0..4).all(|n| stream.is_outdated(first + n)));
    }

    #[test]
    fn where_a_key_frame_does_not_help_pictures_are_given_up_less_often() {
        let mut stream = Stream::new(DESCRIPTION);
        let mut given_up = |from: u64, to: u64| {
            let times = (from..to).map(Duration::from_secs);
            let times = times.filter(|now| stream.may_give_up(*now));
            times.map(|now| now.as_secs()).collect::<Vec<_>>()
        };
        assert_eq!(given_up(0, 20), [0, 1, 3, 7, 15]);
        assert_eq!(given_up(60, 64), [60, 61, 63], "it has helped for a while");
    }

    #[test]
    fn a_packet_that_may_not_be_sent_again_leaves_no_gap_in_the_numbers() {
        let mut stream = Stream::new(DESCRIPTION);
        let first = stream.index.0 as u16;
        sent(&mut stream, &frame(&[b"one"], Numbering::None));
        let numbers = stream.again.0;
        assert!(stream.packet_again(first, |_| false).is_none());
        assert_eq!(stream.again.0, numbers);
        assert!(stream.packet_again(first, |bytes| bytes == 3).is_some());
        assert_eq!(stream.again.0, numbers + 1);
    }

    #[test]
    fn what_is_long_past_is_not_kept() {
        let mut stream = Stream::new(DESCRIPTION);
        let first = stream.index.0 as u16;
        for _ in 0..=MOST_FRAMES {
            sent(&mut stream, &frame(&[b"one"], Numbering::None));
        }
        assert_eq!(sent_again(&mut stream, first), None);
        assert!(sent_again(&mut stream, first.wrapping_add(1)).is_some());
        let large = frame(&[b"x".as_slice(); MOST_PACKETS], Numbering::None);
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
            let packets = sent(&mut stream, &frame(&payload, Numbering::PictureId));
            for (packet, index) in packets.iter().zip(index..) {
                let content = plain(packet, 0x0102_0304, index);
                assert_eq!(content[2..4], (LONG | expected).to_be_bytes());
            }
        }
    }
}
