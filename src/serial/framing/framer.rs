//! The framer: one for all framings, which share the rules of length, count and checksum.

use std::time::{Duration, Instant};

use super::gap::Silence;
use super::line::{Line, Verdict};
use super::slip::{Slip, Symbol};
use super::{Arrival, Check, Counts, Framing, Message};

/// Finds the messages in a stream of bytes. See the room's documentation.
#[derive(Debug)]
pub(crate) struct Framer {
    state: State,
    check: Check,
    /// The longest message, in bytes.
    limit: usize,
    /// What has come of the message that is not complete.
    partial: Vec<u8>,
    /// When the first byte of that came.
    began: Option<Arrival>,
    /// The message is too long or broken: whatever comes until its end is dropped.
    dropping: bool,
    counts: Counts,
}

#[derive(Debug)]
enum State {
    Raw,
    Line(Line),
    Delimiter { delimiter: Vec<u8>, keep: bool },
    Fixed { length: usize, silence: Silence },
    IdleGap(Silence),
    Slip(Slip),
    Cobs,
}

impl Framer {
    /// A framer that drops messages longer than `limit` bytes and those that fail the check.
    pub(crate) fn new(framing: Framing, limit: usize, check: Check) -> Self {
        let state = match framing {
            Framing::Raw => State::Raw,
            Framing::Line { blocks } => State::Line(Line::new(blocks)),
            Framing::Delimiter { delimiter, keep } => State::Delimiter { delimiter, keep },
            Framing::Fixed { length, gap } => State::Fixed {
                length: length.max(1),
                silence: Silence::new(gap),
            },
            Framing::IdleGap { gap } => State::IdleGap(Silence::new(Some(gap))),
            Framing::Slip => State::Slip(Slip::default()),
            Framing::Cobs => State::Cobs,
        };
        Self {
            state,
            check,
            limit: limit.max(1),
            partial: Vec::new(),
            began: None,
            dropping: false,
            counts: Counts::default(),
        }
    }

    /// What it has seen so far.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes what came; complete messages are added to `out`.
    pub(crate) fn push(&mut self, bytes: &[u8], arrival: Arrival, out: &mut Vec<Message>) {
        if bytes.is_empty() {
            return;
        }
        self.counts.bytes += bytes.len() as u64;
        match &mut self.state {
            State::Raw => {
                for piece in bytes.chunks(self.limit) {
                    self.gather(piece, arrival);
                    self.end(0, out);
                }
            }
            State::Line(_) => self.lines(bytes, arrival, out),
            State::Delimiter { .. } => self.delimited(bytes, arrival, out),
            State::Fixed { silence, .. } => {
                if silence.heard(arrival.at) && self.began.is_some() {
                    self.counts.bad += 1;
                    self.restart();
                }
                self.fixed(bytes, arrival, out);
            }
            State::IdleGap(silence) => {
                if silence.heard(arrival.at) {
                    self.end(0, out);
                }
                self.gather(bytes, arrival);
                self.stay_within(0);
            }
            State::Slip(_) => self.slip(bytes, arrival, out),
            State::Cobs => self.cobs(bytes, arrival, out),
        }
    }

    /// When [`Self::tick`] has something to do if nothing comes until then.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::IdleGap(silence) if self.began.is_some() => silence.deadline(),
            _ => None,
        }
    }

    /// Ends a message that silence has ended.
    pub(crate) fn tick(&mut self, now: Instant, out: &mut Vec<Message>) {
        if self.deadline().is_some_and(|at| now >= at) {
            self.end(0, out);
        }
    }

    /// The stream has broken off, and another one begins. What is incomplete is no message:
    /// a number that lost its last digits would be read as another number.
    pub(crate) fn reset(&mut self, out: &mut Vec<Message>) {
        match &mut self.state {
            // There, the break is the silence that ends the message.
            State::IdleGap(_) => self.end(0, out),
            _ if self.began.is_some() && !self.dropping => self.counts.bad += 1,
            _ => {}
        }
        match &mut self.state {
            State::Line(line) => line.restart(),
            State::Slip(slip) => *slip = Slip::default(),
            _ => {}
        }
        self.restart();
    }

    fn lines(&mut self, bytes: &[u8], arrival: Arrival, out: &mut Vec<Message>) {
        let State::Line(line) = &mut self.state else {
            return;
        };
        if line.stalled(arrival.at) {
            self.counts.bad += 1;
            self.restart();
        }
        let mut rest = bytes;
        while let State::Line(line) = &mut self.state
            && !rest.is_empty()
        {
            let (taken, verdict) = line.take(rest, self.limit);
            let (piece, left) = rest.split_at(taken);
            rest = left;
            self.gather(piece, arrival);
            match verdict {
                // The marks are two bytes at most.
                Verdict::More => self.stay_within(2),
                Verdict::Ended { mark } => self.end(mark, out),
            }
        }
    }

    fn delimited(&mut self, bytes: &[u8], arrival: Arrival, out: &mut Vec<Message>) {
        let State::Delimiter { delimiter, keep } = &self.state else {
            return;
        };
        let (delimiter, keep) = (delimiter.clone(), *keep);
        let Some(&last) = delimiter.last() else {
            return;
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = memchr::memchr(last, rest).map_or(rest.len(), |at| at + 1);
            let (piece, left) = rest.split_at(end);
            rest = left;
            self.gather(piece, arrival);
            if self.partial.ends_with(&delimiter) {
                if self.partial.len() == delimiter.len() && !self.dropping {
                    // Nothing between two delimiters.
                    self.restart();
                } else {
                    let mark = delimiter.len();
                    self.end_with(mark, if keep { 0 } else { mark }, out);
                }
            } else {
                self.stay_within(delimiter.len());
            }
        }
    }

    fn fixed(&mut self, bytes: &[u8], arrival: Arrival, out: &mut Vec<Message>) {
        let State::Fixed { length, .. } = self.state else {
            return;
        };
        let mut rest = bytes;
        while !rest.is_empty() {
            let (piece, left) = rest.split_at(rest.len().min(length - self.partial.len()));
            rest = left;
            self.gather(piece, arrival);
            if self.partial.len() == length {
                self.end(0, out);
            }
        }
    }

    fn slip(&mut self, bytes: &[u8], arrival: Arrival, out: &mut Vec<Message>) {
        for &byte in bytes {
            let State::Slip(slip) = &mut self.state else {
                return;
            };
            match slip.take(byte) {
                Symbol::Byte(byte) => {
                    self.gather(&[byte], arrival);
                    self.stay_within(0);
                }
                Symbol::End => self.end(0, out),
                Symbol::Escape => {
                    self.began.get_or_insert(arrival);
                }
                Symbol::Broken => {
                    if !self.dropping {
                        self.counts.bad += 1;
                    }
                    self.began.get_or_insert(arrival);
                    self.drop_rest();
                }
            }
        }
    }

    fn cobs(&mut self, bytes: &[u8], arrival: Arrival, out: &mut Vec<Message>) {
        // Each run of 254 bytes costs one more, and so does the frame.
        let overhead = self.limit / 254 + 1;
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(end) = memchr::memchr(0, rest) else {
                self.gather(rest, arrival);
                self.stay_within(overhead);
                return;
            };
            self.gather(&rest[..end], arrival);
            self.stay_within(overhead);
            rest = &rest[end + 1..];
            if !self.dropping {
                match cobs::decode_in_place(&mut self.partial) {
                    Ok(length) => self.partial.truncate(length),
                    Err(_) => {
                        self.counts.bad += u64::from(self.began.is_some());
                        self.drop_rest();
                    }
                }
            }
            self.end(0, out);
        }
    }

    /// Adds to the message, unless it is being dropped.
    fn gather(&mut self, bytes: &[u8], arrival: Arrival) {
        if bytes.is_empty() {
            return;
        }
        self.began.get_or_insert(arrival);
        if let State::Delimiter { delimiter, .. } = &self.state
            && self.dropping
        {
            // Enough to recognise the end.
            self.partial.extend_from_slice(bytes);
            let surplus = self.partial.len().saturating_sub(delimiter.len());
            self.partial.drain(..surplus);
        } else if !self.dropping {
            self.partial.extend_from_slice(bytes);
        }
    }

    /// Gives the message up if it is too long even when `marks` bytes of it will be cut off.
    fn stay_within(&mut self, marks: usize) {
        if !self.dropping && self.partial.len() > self.limit + marks {
            self.counts.overlong += 1;
            self.drop_rest();
        }
    }

    fn drop_rest(&mut self) {
        self.dropping = true;
        let kept = match &self.state {
            State::Delimiter { delimiter, .. } => delimiter.len(),
            _ => 0,
        };
        let surplus = self.partial.len().saturating_sub(kept);
        self.partial.drain(..surplus);
        // Noise would otherwise hold the largest message for good.
        self.partial.shrink_to(256);
    }

    /// The message ends here, with so many bytes that are not part of it.
    fn end(&mut self, mark: usize, out: &mut Vec<Message>) {
        self.end_with(mark, mark, out);
    }

    /// The same where the mark may stay in the message: the limit is without it.
    fn end_with(&mut self, mark: usize, cut: usize, out: &mut Vec<Message>) {
        let bytes = std::mem::take(&mut self.partial);
        let began = self.began.take();
        if std::mem::take(&mut self.dropping) {
            return;
        }
        let Some(arrival) = began else {
            return;
        };
        if bytes.len().saturating_sub(mark) > self.limit {
            self.counts.overlong += 1;
            return;
        }
        let mut bytes = bytes;
        bytes.truncate(bytes.len().saturating_sub(cut));
        if bytes.is_empty() {
            return;
        }
        if !self.check.verify(&mut bytes) {
            self.counts.bad += 1;
            return;
        }
        self.counts.messages += 1;
        out.push(Message { arrival, bytes });
    }

    fn restart(&mut self) {
        self.partial.clear();
        self.began = None;
        self.dropping = false;
    }
}

/// The silence of 3.5 characters by which Modbus tells messages apart, at least 1.75 ms.
pub(crate) fn modbus_gap(character: Duration) -> Duration {
    (character * 7 / 2).max(Duration::from_micros(1_750))
}
