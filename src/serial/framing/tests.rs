use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn line(blocks: bool) -> Framing {
    Framing::Line { blocks }
}

fn delimiter(delimiter: &[u8], keep: bool) -> Framing {
    Framing::Delimiter {
        delimiter: delimiter.to_vec(),
        keep,
    }
}

fn arrival(begin: Instant, after: Duration) -> Arrival {
    Arrival {
        at: begin + after,
        unix: Duration::from_secs(1_000_000) + after,
    }
}

/// What a framer makes of pieces that come one millisecond after the other.
fn messages(framer: &mut Framer, pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let begin = Instant::now();
    let mut out = Vec::new();
    for (index, piece) in (0_u32..).zip(pieces) {
        framer.push(
            piece,
            arrival(begin, Duration::from_millis(1) * index),
            &mut out,
        );
    }
    out.into_iter().map(|message| message.bytes).collect()
}

fn framed(framing: Framing, limit: usize, bytes: &[u8]) -> (Vec<Vec<u8>>, Counts) {
    let mut framer = Framer::new(framing, limit, Check::None);
    let messages = messages(&mut framer, &[bytes]);
    (messages, framer.counts())
}

#[test]
fn lines_end_with_lf_or_cr_lf_and_empty_ones_are_left_out() {
    let (messages, counts) = framed(line(true), 100, b"one\r\ntwo\n\r\n\nthr\ree\r\nfour");
    assert_eq!(messages, [&b"one"[..], b"two", b"thr\ree"]);
    assert_eq!((counts.messages, counts.bytes), (3, 24));
}

#[test]
fn a_block_may_hold_line_ends() {
    let (messages, _) = framed(
        line(true),
        100,
        b"CURV #15a\nb\r\n\nnext\n1,#13\n\n\n;#12\r\n\nx\n",
    );
    assert_eq!(
        messages,
        [
            &b"CURV #15a\nb\r\n"[..],
            b"next",
            b"1,#13\n\n\n;#12\r\n",
            b"x"
        ]
    );
}

#[test]
fn the_last_byte_of_a_block_is_not_taken_for_a_line_end() {
    let (messages, _) = framed(line(true), 100, b"#13ab\r\r\n#13ab\r\n");
    assert_eq!(messages, [&b"#13ab\r"[..], b"#13ab\r"]);
}

#[test]
fn what_only_resembles_a_block_is_text() {
    for text in [
        &b"# comment"[..],
        b"#0",
        b"#",
        b"a#15",
        b"#3x",
        b"#3999",
        b"#10",
        b"#999999999",
    ] {
        let bytes = [text, b"\nnext\n"].concat();
        let (messages, counts) = framed(line(true), 100, &bytes);
        assert_eq!(messages, [text, b"next"], "{}", text.escape_ascii());
        assert_eq!(counts.bad, 0);
    }
    let (messages, _) = framed(line(false), 100, b"#15a\nb\n");
    assert_eq!(messages, [&b"#15a"[..], b"b"]);
}

#[test]
fn a_block_that_breaks_off_does_not_swallow_what_comes_later() {
    let mut framer = Framer::new(line(true), 100, Check::None);
    let begin = Instant::now();
    let mut out = Vec::new();
    framer.push(b"#210abc", arrival(begin, Duration::ZERO), &mut out);
    let later = Duration::from_secs(10);
    framer.push(b"hello\n", arrival(begin, later), &mut out);
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].bytes, b"hello");
    assert_eq!(out[0].arrival, arrival(begin, later));
    assert_eq!(framer.counts().bad, 1);
}

#[test]
fn a_delimiter_is_kept_or_not() {
    let bytes = b"FA00014060000;;IF;rest";
    assert_eq!(
        framed(delimiter(b";", true), 100, bytes).0,
        [&b"FA00014060000;"[..], b"IF;"]
    );
    assert_eq!(
        framed(delimiter(b";", false), 100, bytes).0,
        [&b"FA00014060000"[..], b"IF"]
    );
    assert_eq!(
        framed(delimiter(b"\r\n>", false), 100, b"a\r\n\r\n>b\r\n>").0,
        [&b"a\r\n"[..], b"b"]
    );
}

#[test]
fn messages_have_a_fixed_length_and_begin_anew_after_silence() {
    let framing = Framing::Fixed {
        length: 3,
        gap: Some(Duration::from_millis(50)),
    };
    let mut framer = Framer::new(framing, 100, Check::None);
    let begin = Instant::now();
    let mut out = Vec::new();
    framer.push(b"abcde", arrival(begin, Duration::ZERO), &mut out);
    framer.push(b"f", arrival(begin, Duration::from_millis(49)), &mut out);
    framer.push(b"g", arrival(begin, Duration::from_millis(60)), &mut out);
    framer.push(b"hij", arrival(begin, Duration::from_millis(110)), &mut out);
    let bytes: Vec<&[u8]> = out.iter().map(|message| &message.bytes[..]).collect();
    assert_eq!(bytes, [b"abc", b"def", b"hij"]);
    assert_eq!(framer.counts().bad, 1);
}

#[test]
fn silence_ends_a_message() {
    let gap = Duration::from_millis(4);
    let mut framer = Framer::new(Framing::IdleGap { gap }, 100, Check::None);
    let begin = Instant::now();
    let mut out = Vec::new();
    assert_eq!(framer.deadline(), None);
    framer.push(b"a", arrival(begin, Duration::ZERO), &mut out);
    framer.push(b"b", arrival(begin, Duration::from_millis(3)), &mut out);
    assert_eq!(framer.deadline(), Some(begin + Duration::from_millis(7)));
    framer.tick(begin + Duration::from_millis(6), &mut out);
    assert!(out.is_empty());
    framer.tick(begin + Duration::from_millis(7), &mut out);
    framer.push(b"c", arrival(begin, Duration::from_millis(20)), &mut out);
    framer.push(b"d", arrival(begin, Duration::from_millis(24)), &mut out);
    let bytes: Vec<&[u8]> = out.iter().map(|message| &message.bytes[..]).collect();
    assert_eq!(bytes, [&b"ab"[..], b"c"]);
    assert_eq!(out[0].arrival, arrival(begin, Duration::ZERO));
}

#[test]
fn broken_slip_frames_are_dropped_and_counted() {
    let mut bytes = slip_encode(b"a\xC0b\xDBc");
    bytes.extend_from_slice(b"x\xDBy\xDBz\xC0");
    bytes.extend_from_slice(&slip_encode(b"next"));
    let (messages, counts) = framed(Framing::Slip, 100, &bytes);
    assert_eq!(messages, [&b"a\xC0b\xDBc"[..], b"next"]);
    assert_eq!(counts.bad, 1);
}

#[test]
fn broken_cobs_frames_are_dropped_and_counted() {
    let (messages, counts) = framed(Framing::Cobs, 100, b"\x02a\x02b\0\0\x05ab\0\x03cd\0");
    assert_eq!(messages, [&b"a\0b"[..], b"cd"]);
    assert_eq!(counts.bad, 1);
}

#[test]
fn a_message_without_end_is_dropped_once_and_the_next_one_is_found() {
    let noise = vec![b'x'; 100_000];
    let cases: [(Framing, &[u8], &[u8]); 4] = [
        (line(true), b"\nafter\n", b"after"),
        (delimiter(b";>", false), b"; ;>after;>", b"after"),
        (Framing::Slip, b"\xC0after\xC0", b"after"),
        (Framing::Cobs, b"\0\x06after\0", b"after"),
    ];
    for (framing, rest, expected) in cases {
        let mut framer = Framer::new(framing.clone(), 1000, Check::None);
        let mut pieces: Vec<&[u8]> = noise.chunks(7).collect();
        pieces.push(rest);
        assert_eq!(messages(&mut framer, &pieces), [expected], "{framing:?}");
        assert_eq!(framer.counts().overlong, 1, "{framing:?}");
    }
}

#[test]
fn the_longest_message_may_be_as_long_as_the_limit() {
    let cases: [(Framing, &[u8], &[u8]); 5] = [
        (line(true), b"abc\r\n", b"abcd\r\n"),
        (delimiter(b"--", true), b"abc--", b"abcd--"),
        (delimiter(b"--", false), b"abc--", b"abcd--"),
        (Framing::Slip, b"a\xDB\xDCc\xC0", b"a\xDB\xDCcd\xC0"),
        (Framing::Cobs, b"\x04abc\0", b"\x05abcd\0"),
    ];
    for (framing, fits, too_long) in cases {
        let (messages, counts) = framed(framing.clone(), 3, fits);
        assert_eq!((messages.len(), counts.overlong), (1, 0), "{framing:?}");
        let (messages, counts) = framed(framing.clone(), 3, too_long);
        assert_eq!((messages.len(), counts.overlong), (0, 1), "{framing:?}");
    }
}

#[test]
fn a_break_drops_what_is_incomplete() {
    let mut framer = Framer::new(line(true), 100, Check::None);
    let mut out = Vec::new();
    let begin = Instant::now();
    framer.push(b"1.2345\n1.2", arrival(begin, Duration::ZERO), &mut out);
    framer.reset(&mut out);
    framer.push(b"1.2346\n", arrival(begin, Duration::ZERO), &mut out);
    assert_eq!(out[1].bytes, b"1.2346");
    assert_eq!((out.len(), framer.counts().bad), (2, 1));
}

#[test]
fn a_modbus_message_has_its_crc_verified_and_cut_off() {
    let good = [0x01, 0x03, 0x02, 0x12, 0x34, 0xB5, 0x33];
    let bad = [0x01, 0x03, 0x02, 0x12, 0x35, 0xB5, 0x33];
    let framing = Framing::Fixed {
        length: 7,
        gap: None,
    };
    let mut framer = Framer::new(framing, 100, Check::Modbus);
    assert_eq!(messages(&mut framer, &[&bad, &good]), [&good[..5]]);
    assert_eq!(framer.counts().bad, 1);
}

#[test]
fn an_nmea_sentence_has_its_checksum_verified_and_cut_off() {
    let mut framer = Framer::new(line(true), 100, Check::Nmea);
    let sentences = b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n\
        $GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*48\r\n\
        $PUBX,00\r\n$X*4\r\n$*0g\r\n*\r\n";
    assert_eq!(
        messages(&mut framer, &[sentences]),
        [
            &b"$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"[..],
            b"$PUBX,00"
        ]
    );
    assert_eq!(framer.counts().bad, 4);
}

fn any_framing() -> impl Strategy<Value = Framing> {
    prop_oneof![
        any::<bool>().prop_map(line),
        (prop::collection::vec(b'a'..=b'c', 1..4), any::<bool>())
            .prop_map(|(bytes, keep)| delimiter(&bytes, keep)),
        (1_usize..6).prop_map(|length| Framing::Fixed { length, gap: None }),
        Just(Framing::IdleGap {
            gap: Duration::from_secs(1),
        }),
        Just(Framing::Slip),
        Just(Framing::Cobs),
    ]
}

/// Bytes of which many mean something to a framer.
fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        8 => prop::sample::select(b"abc\r\n#123, \xC0\xDB\xDC\xDD\0\x01\x02\x03".to_vec()),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..300)
}

fn any_check() -> impl Strategy<Value = Check> {
    prop::sample::select(vec![Check::None, Check::None, Check::Modbus, Check::Nmea])
}

proptest! {
    #[test]
    fn any_split_of_the_stream_gives_the_same_messages(
        framing in any_framing(),
        check in any_check(),
        limit in prop_oneof![1_usize..20, Just(1000)],
        stream in any_stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let mut whole = Framer::new(framing.clone(), limit, check);
        let mut split = Framer::new(framing, limit, check);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let now = arrival(Instant::now(), Duration::ZERO);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        whole.push(&stream, now, &mut one);
        for cut in cuts.windows(2) {
            split.push(&stream[cut[0]..cut[1]], now, &mut other);
        }
        let later = now.at + Duration::from_secs(2);
        whole.tick(later, &mut one);
        split.tick(later, &mut other);
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(whole.counts(), split.counts());
        prop_assert!(one.iter().all(|message| !message.bytes.is_empty()));
    }

    #[test]
    fn what_is_put_in_frames_comes_out_again(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..600), 0..8),
    ) {
        for framing in [Framing::Slip, Framing::Cobs] {
            let mut stream = Vec::new();
            for message in &messages {
                match framing {
                    Framing::Slip => stream.extend(slip_encode(message)),
                    _ => {
                        stream.extend(cobs::encode_vec(message));
                        stream.push(0);
                    }
                }
            }
            let (found, counts) = framed(framing, 600, &stream);
            prop_assert_eq!(&found, &messages);
            prop_assert_eq!((counts.bad, counts.overlong), (0, 0));
        }
    }

    #[test]
    fn raw_loses_nothing_and_makes_no_message_too_long(stream in any_stream(), limit in 1_usize..50) {
        let (messages, counts) = framed(Framing::Raw, limit, &stream);
        prop_assert!(messages.iter().all(|message| message.len() <= limit));
        prop_assert_eq!(messages.concat(), stream);
        prop_assert_eq!(counts.overlong, 0);
    }

    #[test]
    fn a_block_of_any_bytes_is_found(
        block in prop::collection::vec(any::<u8>(), 1..300),
        before in "[A-Z:]{0,8}[ ,;]",
    ) {
        let length = block.len().to_string();
        let mut expected = format!("{before}#{}{length}", length.len()).into_bytes();
        expected.extend(&block);
        let mut stream = expected.clone();
        stream.extend_from_slice(b"\r\nOK\n");
        let (messages, _) = framed(line(true), 1000, &stream);
        prop_assert_eq!(messages, vec![expected, b"OK".to_vec()]);
    }
}
