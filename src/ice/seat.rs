//! One peer's seat at the port: where its packets wait, and where its answers go.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use super::desk::{Guest, Path};
use super::port::Wire;

/// Bytes of received packets that may wait for the peer's pipeline. What comes on top is
/// lost, as it would be in a socket's buffer.
const MAX_WAITING: usize = 2 * 1024 * 1024;

/// What a seat tells its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SeatEvent {
    /// A valid connectivity check has come: there is a path.
    PathFound,
    /// Nothing has been heard for as long as consent lasts.
    Silent,
}

type Listener = Arc<dyn Fn(SeatEvent) + Send + Sync>;

/// Takes a packet of SRTCP. True if nobody else can make use of it.
type Reports = Box<dyn Fn(&[u8]) -> bool + Send + Sync>;

/// Made by [`super::port::Port`]; given up when dropped.
pub(crate) struct Seat {
    pub(crate) guest: Guest,
    /// What the other side has to name us by, and the key of its checks.
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
    wire: Arc<Wire>,
    path: Mutex<Option<Path>>,
    queue: Mutex<Queue>,
    arrived: Condvar,
    listener: Mutex<Option<Listener>>,
    reports: OnceLock<Reports>,
    /// Whether RTP and RTCP are let through.
    media: AtomicBool,
    lost: AtomicU64,
}

#[derive(Default)]
struct Queue {
    packets: VecDeque<gst::Buffer>,
    bytes: usize,
    open: bool,
    flushing: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Seat {
    pub(super) fn new(guest: Guest, ufrag: String, pwd: String, wire: Arc<Wire>) -> Self {
        Self {
            guest,
            ufrag,
            pwd,
            wire,
            path: Mutex::new(None),
            queue: Mutex::default(),
            arrived: Condvar::new(),
            listener: Mutex::new(None),
            reports: OnceLock::new(),
            media: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        }
    }

    /// From now on `listener` is told; it must not block. What has happened before is told
    /// at once.
    pub(crate) fn listen(&self, listener: impl Fn(SeatEvent) + Send + Sync + 'static) {
        let listener: Listener = Arc::new(listener);
        *lock(&self.listener) = Some(listener.clone());
        if self.path().is_some() {
            listener(SeatEvent::PathFound);
        }
    }

    pub(super) fn tell(&self, event: SeatEvent) {
        let listener = lock(&self.listener).clone();
        if let Some(listener) = listener {
            listener(event);
        }
    }

    pub(crate) fn path(&self) -> Option<Path> {
        *lock(&self.path)
    }

    pub(super) fn set_path(&self, path: Path) {
        *lock(&self.path) = Some(path);
    }

    pub(crate) fn wire(&self) -> &Wire {
        &self.wire
    }

    /// Sends one packet, or `count` of `segment` bytes each but for the last.
    pub(crate) fn send(&self, path: Path, bytes: &[u8], segment: Option<usize>, count: usize) {
        if !self.wire.send(path, bytes, segment) {
            self.lost.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// The certificate is the announced one: this peer counts no longer as a stranger.
    pub(crate) fn verified(&self) {
        self.wire.verified(self.guest);
    }

    /// Gives the seat up: whoever sits here gets no answers any more. Packets that are on
    /// their way out still leave.
    pub(crate) fn leave(&self) {
        self.wire.leave(self.guest);
    }

    // ---- Packets ----------------------------------------------------------------------

    /// Lets packets flow into the pipeline. A ClientHello that arrives in a webrtcbin of
    /// which DTLS has not begun would stall it for good.
    pub(crate) fn open(&self) {
        lock(&self.queue).open = true;
        self.arrived.notify_all();
    }

    /// Holds packets back again, for another webrtcbin.
    pub(crate) fn hold(&self) {
        lock(&self.queue).open = false;
        self.media.store(false, Ordering::Relaxed);
    }

    /// Lets RTP and RTCP in. What arrives before webrtcbin knows from a description what it
    /// is kills its receiving side for good (1.22).
    pub(crate) fn admit_media(&self) {
        self.media.store(true, Ordering::Relaxed);
    }

    /// From now on `take` has every packet of SRTCP first, on the port's thread. The first one
    /// to ask for that stays.
    pub(crate) fn hear_reports(&self, take: impl Fn(&[u8]) -> bool + Send + Sync + 'static) {
        let _ = self.reports.set(Box::new(take));
    }

    /// A packet of DTLS, RTP or RTCP.
    pub(super) fn push(&self, packet: &[u8]) {
        let is_media = packet.first().is_some_and(|first| *first >= 128);
        if is_media && !self.media.load(Ordering::Relaxed) {
            return;
        }
        if is_report(packet) && self.reports.get().is_some_and(|take| take(packet)) {
            return;
        }
        let mut queue = lock(&self.queue);
        if queue.bytes + packet.len() > MAX_WAITING {
            drop(queue);
            self.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.bytes += packet.len();
        queue
            .packets
            .push_back(gst::Buffer::from_slice(packet.to_vec()));
        drop(queue);
        self.arrived.notify_one();
    }

    /// Packets that were lost because the pipeline did not take them, or the network did not.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// The next packet; waits for it. None once [`flush`](Self::flush) was called.
    pub(super) fn next(&self) -> Option<gst::Buffer> {
        let mut queue = lock(&self.queue);
        loop {
            if queue.flushing {
                return None;
            }
            if queue.open
                && let Some(packet) = queue.packets.pop_front()
            {
                queue.bytes -= packet.size();
                return Some(packet);
            }
            queue = self
                .arrived
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn flush(&self, flushing: bool) {
        lock(&self.queue).flushing = flushing;
        self.arrived.notify_all();
    }
}

/// RTCP where it shares a port with RTP (RFC 5761, section 4).
fn is_report(packet: &[u8]) -> bool {
    matches!(packet, [128..=191, 192..=223, ..])
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.leave();
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat")
            .field("guest", &self.guest)
            .finish_non_exhaustive()
    }
}
