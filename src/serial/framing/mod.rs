//! Where one message ends and the next begins.
//!
//! In go bytes as the port gave them, with the time at which they came; out come messages.
//! However the bytes were cut into pieces on their way, the messages are the same (but for
//! [`Framing::Raw`], which has none of its own). Whatever comes, a framer keeps at most one
//! message of the longest length allowed; a longer one is dropped, counted, and the next
//! frame begins at the next mark.
//!
//! Called by the thread of a port. No I/O and no clock.

use std::time::{Duration, Instant};

mod check;
mod framer;
mod gap;
mod line;
mod slip;
#[cfg(test)]
mod tests;

pub(crate) use check::Check;
pub(crate) use framer::{Framer, modbus_gap};
pub(crate) use slip::encode as slip_encode;

/// When bytes came, by the clock that never jumps and by the one that tells the date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// For differences.
    pub(crate) at: Instant,
    /// Since 1970 UTC.
    pub(crate) unix: Duration,
}

/// One message: what was in the frame, without the marks that made it a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// When its first byte came.
    pub(crate) arrival: Arrival,
    /// Never empty.
    pub(crate) bytes: Vec<u8>,
}

/// How messages are told from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    /// What came at once is a message.
    Raw,
    /// Lines that end with LF or CR LF.
    Line {
        /// Whether an IEEE 488.2 definite-length block in a line may hold any byte.
        blocks: bool,
    },
    /// Messages that end with these bytes.
    Delimiter {
        /// At least one byte.
        delimiter: Vec<u8>,
        /// Whether the delimiter stays at the end of the message.
        keep: bool,
    },
    /// Messages of a certain length.
    Fixed {
        /// In bytes.
        length: usize,
        /// A message that stops half-way for so long is given up.
        gap: Option<Duration>,
    },
    /// Messages with silence between them.
    IdleGap {
        /// The shortest silence that ends a message.
        gap: Duration,
    },
    /// Serial Line Internet Protocol, RFC 1055.
    Slip,
    /// Consistent Overhead Byte Stuffing; a zero byte ends a frame.
    Cobs,
}

/// What a framer has seen.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All bytes that came.
    pub(crate) bytes: u64,
    /// Messages given out.
    pub(crate) messages: u64,
    /// Messages dropped because they were longer than allowed.
    pub(crate) overlong: u64,
    /// Frames dropped because they were broken or their checksum was wrong.
    pub(crate) bad: u64,
}
