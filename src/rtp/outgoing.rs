//! One viewer's packets on their way out: encrypted, put together for one system call, and
//! sent now or, so that an access point can keep them, later.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::arrivals::Log;
use super::srtp::{MASTER, Srtp};
use super::stream::{Format, Packet};
use crate::ice::burst::Burst;
use crate::ice::desk::Path;
use crate::ice::pace::Pace;
use crate::ice::seat::Seat;

/// Bytes that may wait to be sent: a tenth of a second at the rate of the pacer. Beyond,
/// pictures are left out.
pub(super) const MAX_WAITING: usize = 2 * 1024 * 1024;

/// Where and when packets leave.
pub(super) struct Departure<'a> {
    pub(super) seat: &'a Seat,
    pub(super) path: Path,
    pub(super) now: Instant,
    /// `now`, since the origin of the times in what the viewer reports.
    pub(super) since: Duration,
}

pub(super) struct Outgoing {
    srtp: Srtp,
    /// What the viewer will report about.
    pub(super) log: Log,
    burst: Burst,
    pace: Pace,
    later: VecDeque<Later>,
    /// Bytes in `later`.
    waiting: usize,
}

/// A burst that is to leave later.
struct Later {
    due: Instant,
    bytes: Vec<u8>,
    segment: Option<usize>,
    count: usize,
}

impl Outgoing {
    /// `key`: key and salt; `most`: packets that the kernel takes at once.
    pub(super) fn new(key: &[u8; MASTER], most: usize) -> Self {
        Self {
            srtp: Srtp::new(key),
            log: Log::default(),
            burst: Burst::new(most),
            pace: Pace::default(),
            later: VecDeque::new(),
            waiting: 0,
        }
    }

    /// Bytes that wait.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn rests(&self) -> bool {
        self.later.is_empty()
    }

    /// To be called before packets are added.
    pub(super) fn begin(&mut self, departure: &Departure<'_>) {
        self.burst.set_most(departure.seat.wire().most_segments());
    }

    pub(super) fn add(&mut self, format: &Format, packet: &Packet<'_>, departure: &Departure<'_>) {
        let length = format.length(packet);
        if !self.burst.fits(length) {
            self.flush(departure);
        }
        let transport = match format.description.transport_feedback {
            Some(_) => self.log.number(length, departure.since),
            None => 0,
        };
        let Self { burst, srtp, .. } = self;
        burst.add(|out| format.write(out, srtp, packet, transport));
        if format.description.is_sound {
            self.flush_at_once(departure);
        }
    }

    /// Sends what was added ahead of all that waits.
    fn flush_at_once(&mut self, departure: &Departure<'_>) {
        let (segment, count) = (self.burst.segment(), self.burst.count());
        let bytes = self.burst.bytes();
        departure.seat.send(departure.path, bytes, segment, count);
        self.burst.clear();
    }

    /// Sends what was added, now or later.
    pub(super) fn flush(&mut self, departure: &Departure<'_>) {
        if self.burst.count() == 0 {
            return;
        }
        let wait = self.pace.wait(self.burst.bytes().len(), departure.now);
        if self.later.is_empty() && wait.is_zero() {
            return self.flush_at_once(departure);
        }
        self.waiting += self.burst.bytes().len();
        self.later.push_back(Later {
            due: departure.now + wait,
            bytes: self.burst.bytes().to_vec(),
            segment: self.burst.segment(),
            count: self.burst.count(),
        });
        self.burst.clear();
    }

    /// Sends what is due.
    pub(super) fn release(&mut self, seat: &Seat, path: Path, now: Instant) {
        while self.due().is_some_and(|due| due <= now) {
            let Some(later) = self.later.pop_front() else {
                return;
            };
            self.waiting -= later.bytes.len();
            seat.send(path, &later.bytes, later.segment, later.count);
        }
    }

    /// When the next burst is to leave.
    pub(super) fn due(&self) -> Option<Instant> {
        self.later.front().map(|later| later.due)
    }
}
