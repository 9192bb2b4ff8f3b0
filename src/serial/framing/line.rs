//! Lines, and IEEE 488.2 definite-length blocks in them.
//!
//! A block is `#`, a digit *n* that is not zero, *n* digits of a length, and that many bytes
//! of any value, line ends among them (IEEE 488.2, 8.7.9). It stands where a value begins: at
//! the start of the line or after a blank, comma, semicolon or colon.

use std::time::{Duration, Instant};

/// A block whose bytes stop coming for so long will not be completed; what comes next is a
/// new line.
const STALL: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Line {
    blocks: bool,
    place: Place,
    /// The line so far ends with a CR that is not part of a block.
    after_cr: bool,
    last: Option<Instant>,
}

/// Where in the line the next byte is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In text; a value may begin here.
    Value,
    /// In text.
    Text,
    /// After `#`.
    Digits,
    /// In the length of a block.
    Length { digits: u8, length: usize },
    /// In a block.
    Block { left: usize },
}

pub(super) enum Verdict {
    /// The line goes on.
    More,
    /// The line ends with so many bytes that are not part of it.
    Ended { mark: usize },
}

impl Line {
    pub(super) fn new(blocks: bool) -> Self {
        Self {
            blocks,
            place: Place::Value,
            after_cr: false,
            last: None,
        }
    }

    pub(super) fn restart(&mut self) {
        self.place = Place::Value;
        self.after_cr = false;
    }

    /// Bytes come now. True if a block had been waiting for them for too long: the line is
    /// given up.
    pub(super) fn stalled(&mut self, now: Instant) -> bool {
        let last = self.last.replace(now);
        let stalled = matches!(self.place, Place::Block { .. } | Place::Length { .. })
            && last.is_some_and(|last| now.saturating_duration_since(last) >= STALL);
        if stalled {
            self.restart();
        }
        stalled
    }

    /// Takes from the front of `bytes`; how many, and whether the line ends there. A block
    /// longer than `limit` is none.
    pub(super) fn take(&mut self, bytes: &[u8], limit: usize) -> (usize, Verdict) {
        let mut at = 0;
        while at < bytes.len() {
            if let Place::Block { left } = self.place {
                let taken = left.min(bytes.len() - at);
                at += taken;
                self.after_cr = false;
                self.place = match left - taken {
                    0 => Place::Text,
                    left => Place::Block { left },
                };
                continue;
            }
            let byte = bytes[at];
            at += 1;
            if byte == b'\n' {
                let mark = 1 + usize::from(self.after_cr);
                self.restart();
                return (at, Verdict::Ended { mark });
            }
            self.after_cr = byte == b'\r';
            self.place = self.after(byte, limit);
        }
        (at, Verdict::More)
    }

    fn after(&self, byte: u8, limit: usize) -> Place {
        let digit = usize::from(byte.wrapping_sub(b'0'));
        match (self.place, byte) {
            (Place::Value, b'#') if self.blocks => Place::Digits,
            (Place::Digits, b'1'..=b'9') => Place::Length {
                digits: byte - b'0',
                length: 0,
            },
            (Place::Length { digits, length }, b'0'..=b'9') => {
                // Nine digits fit.
                let length = length * 10 + digit;
                match digits - 1 {
                    0 if length > limit || length == 0 => Place::Text,
                    0 => Place::Block { left: length },
                    digits => Place::Length { digits, length },
                }
            }
            (_, b' ' | b',' | b';' | b':') => Place::Value,
            _ => Place::Text,
        }
    }
}
