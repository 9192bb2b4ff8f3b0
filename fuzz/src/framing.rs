//! Anything that can come from a serial port, in any pieces and with any silence between
//! them.

use std::time::{Duration, Instant};

use arbitrary::Arbitrary;

use crate::serial::framing::{Arrival, Check, Framer, Framing};

/// What a port is set to, and what comes.
#[derive(Debug, Arbitrary)]
pub struct Line<'a> {
    framing: Kind<'a>,
    check: u8,
    limit: u16,
    pieces: Vec<(u16, &'a [u8])>,
}

#[derive(Debug, Arbitrary)]
enum Kind<'a> {
    Raw,
    Line { blocks: bool },
    Delimiter { delimiter: &'a [u8], keep: bool },
    Fixed { length: u16, gap: Option<u16> },
    IdleGap { gap: u16 },
    Slip,
    Cobs,
}

fn framing(kind: &Kind<'_>) -> Framing {
    let ms = |ms: u16| Duration::from_millis(ms.into());
    match *kind {
        Kind::Raw => Framing::Raw,
        Kind::Line { blocks } => Framing::Line { blocks },
        Kind::Delimiter { delimiter: &[], .. } => Framing::Raw,
        Kind::Delimiter { delimiter, keep } => Framing::Delimiter {
            delimiter: delimiter.to_vec(),
            keep,
        },
        Kind::Fixed { length, gap } => Framing::Fixed {
            length: length.into(),
            gap: gap.map(ms),
        },
        Kind::IdleGap { gap } => Framing::IdleGap { gap: ms(gap) },
        Kind::Slip => Framing::Slip,
        Kind::Cobs => Framing::Cobs,
    }
}

/// Two framers, one of which gets each piece byte by byte, find the same messages, and each
/// is as long as allowed.
pub fn listen(line: &Line<'_>) {
    let check = [Check::None, Check::Modbus, Check::Nmea][usize::from(line.check % 3)];
    let limit = usize::from(line.limit).max(1);
    let new = || Framer::new(framing(&line.framing), limit, check);
    let (mut whole, mut split) = (new(), new());
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut at = Instant::now();
    for (pause, bytes) in &line.pieces {
        at += Duration::from_millis((*pause).into());
        let arrival = Arrival {
            at,
            unix: Duration::ZERO,
        };
        whole.tick(at, &mut one);
        whole.push(bytes, arrival, &mut one);
        split.tick(at, &mut other);
        for byte in *bytes {
            split.push(&[*byte], arrival, &mut other);
        }
    }
    whole.reset(&mut one);
    split.reset(&mut other);
    let longest = match &line.framing {
        Kind::Delimiter { delimiter, .. } => limit + delimiter.len(),
        Kind::Fixed { length, .. } => usize::from(*length).max(limit),
        _ => limit,
    };
    for message in &one {
        assert!((1..=longest).contains(&message.bytes.len()));
    }
    // Without framing, what comes at once is a message; and no pause at all ends one.
    let has_no_pieces = matches!(
        line.framing,
        Kind::Raw
            | Kind::Delimiter { delimiter: &[], .. }
            | Kind::IdleGap { gap: 0 }
            | Kind::Fixed { gap: Some(0), .. }
    );
    if !has_no_pieces {
        assert_eq!(one, other);
        assert_eq!(whole.counts(), split.counts());
    }
}
