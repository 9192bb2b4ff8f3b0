//! The one UDP port of a bench: its socket, and the thread that reads it.
//!
//! The thread asks the [`Desk`] what each datagram is and acts on it. Locks: `desk` and
//! `seats` are leaves, held for a look-up; nothing is sent, woken or told under them.

use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use quinn_udp::{RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Protocol, Socket, Type};

use super::desk::{CodeKey, Counters, Desk, Event, Guest, Limits, Outcome, Path};
use super::pacer::Pacer;
use super::seat::{Seat, SeatEvent};
use crate::random::random_text;
use crate::signaling::code::CodeId;
use crate::threads;

/// Bytes that the kernel is asked to keep in either direction: a burst of key frames to
/// many viewers goes out at once.
const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

/// Datagrams that are read in one system call, each buffer as large as what the kernel may
/// put together (UDP generic receive offload).
const BATCH: usize = 8;
const LARGEST: usize = 64 * 1024;

/// Lengths of a ufrag and a password of ours, in characters of 6 bits (RFC 8839,
/// section 5.4, wants 24 and 128 bits at least).
const UFRAG: usize = 8;
const PASSWORD: usize = 24;

/// Somebody with a code is at the door: a peer is to be made.
pub(crate) struct Knock {
    pub(crate) seat: Arc<Seat>,
    pub(crate) code: CodeId,
    /// SHA-256 of the certificate that the peer has announced, authenticated by the code.
    pub(crate) fingerprint: [u8; 32],
    pub(crate) remote_ufrag: String,
}

/// Called on the port's thread: must not block.
type OnKnock = Box<dyn Fn(Knock) + Send + Sync>;

/// The port; closed when dropped.
pub(crate) struct Port {
    wire: Arc<Wire>,
    wake: Mutex<Option<OwnedFd>>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

/// What the port, its thread and the seats share.
pub(crate) struct Wire {
    socket: UdpSocket,
    state: UdpSocketState,
    pacer: Pacer,
    number: u16,
    /// Whether IPv4 goes through an IPv6 socket.
    dual: bool,
    /// Our addresses at which peers may come; empty: at any.
    addresses: Vec<IpAddr>,
    desk: Mutex<Desk>,
    seats: Mutex<HashMap<Guest, Weak<Seat>>>,
    on_knock: OnKnock,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Port {
    /// Opens UDP port `number` on all addresses of this host; 0: any free one. Peers are
    /// answered at `addresses` only, or, if there are none, wherever they ask.
    pub(crate) fn open(
        number: u16,
        addresses: Vec<IpAddr>,
        limits: Limits,
        on_knock: impl Fn(Knock) + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let (socket, dual) = bind(number)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        for result in [
            state.set_send_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER),
            state.set_recv_buffer_size(UdpSockRef::from(&socket), SOCKET_BUFFER),
        ] {
            if let Err(error) = result {
                gst::debug!(crate::CAT, "the socket's buffers keep their size: {error}");
            }
        }
        let wire = Arc::new(Wire {
            number: socket.local_addr()?.port(),
            socket,
            state,
            pacer: Pacer::start()?,
            dual,
            addresses,
            desk: Mutex::new(Desk::new(limits)),
            seats: Mutex::default(),
            on_knock: Box::new(on_knock),
        });
        let (woken, wake) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let shared = wire.clone();
        let thread = std::thread::Builder::new()
            .name("periscope-udp".into())
            .spawn(move || shared.receive(&woken))?;
        Ok(Self {
            wire,
            wake: Mutex::new(Some(wake)),
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn number(&self) -> u16 {
        self.wire.number
    }

    /// A seat for a peer whose description is about to leave.
    pub(crate) fn take_seat(&self) -> Arc<Seat> {
        let (ufrag, pwd) = (random_text(UFRAG), random_text(PASSWORD));
        let guest = lock(&self.wire.desk).expect(&ufrag, &pwd);
        self.wire.seat(guest, ufrag, pwd)
    }

    /// Who may come by code from now on; those who are there stay.
    pub(crate) fn set_codes(&self, codes: Vec<CodeKey>) {
        lock(&self.wire.desk).set_codes(codes);
    }

    pub(crate) fn counters(&self) -> Counters {
        lock(&self.wire.desk).counters()
    }
}

impl Port {
    /// Nothing is received any more. The socket itself is closed with the last seat.
    pub(crate) fn close(&self) {
        self.wire.pacer.stop();
        // Closing the pipe wakes the thread.
        drop(lock(&self.wake).take());
        let thread = lock(&self.thread).take();
        threads::join(thread);
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.close();
    }
}

impl Wire {
    fn seat(self: &Arc<Self>, guest: Guest, ufrag: String, pwd: String) -> Arc<Seat> {
        let seat = Arc::new(Seat::new(guest, ufrag, pwd, self.clone()));
        lock(&self.seats).insert(guest, Arc::downgrade(&seat));
        seat
    }

    fn find(&self, guest: Guest) -> Option<Arc<Seat>> {
        lock(&self.seats).get(&guest)?.upgrade()
    }

    pub(super) fn leave(&self, guest: Guest) {
        lock(&self.seats).remove(&guest);
        lock(&self.desk).close(guest);
    }

    pub(super) fn verified(&self, guest: Guest) {
        lock(&self.desk).admitted(guest);
    }

    pub(crate) const fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    // ---- Sending ----------------------------------------------------------------------

    /// Packets that one call of [`send`](Self::send) may hold.
    pub(crate) fn most_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Sends one datagram, or several of `segment` bytes each. False if the network does
    /// not take them now: a late packet is worth no waiting.
    pub(super) fn send(&self, path: Path, contents: &[u8], segment: Option<usize>) -> bool {
        let transmit = Transmit {
            destination: self.outward(path.remote),
            ecn: None,
            contents,
            segment_size: segment,
            // From the address that was asked, or a peer takes it for a stranger's.
            src_ip: path.local,
        };
        let socket = || UdpSockRef::from(&self.socket);
        if self.state.try_send(socket(), &transmit).is_ok() {
            return true;
        }
        // A network interface that cannot do it: from now on one packet goes at a time.
        let Some(length) = segment.filter(|_| self.most_segments() == 1) else {
            return false;
        };
        let each = contents.chunks(length).map(|contents| Transmit {
            contents,
            segment_size: None,
            ..transmit
        });
        let mut all = true;
        for one in each {
            all &= self.state.try_send(socket(), &one).is_ok();
        }
        all
    }

    fn outward(&self, address: SocketAddr) -> SocketAddr {
        match address {
            SocketAddr::V4(v4) if self.dual => {
                SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
            }
            address => address,
        }
    }

    // ---- Receiving --------------------------------------------------------------------

    fn receive(self: Arc<Self>, woken: &OwnedFd) {
        let mut storage = vec![0_u8; BATCH * LARGEST];
        let mut round = Round::default();
        loop {
            if !self.wait(woken) {
                return;
            }
            let mut metas = [RecvMeta::default(); BATCH];
            let mut buffers: Vec<IoSliceMut<'_>> =
                storage.chunks_mut(LARGEST).map(IoSliceMut::new).collect();
            let received =
                self.state
                    .recv(UdpSockRef::from(&self.socket), &mut buffers, &mut metas);
            drop(buffers);
            // An error: nothing there, or an ICMP message for a peer that has gone.
            let received = received.unwrap_or_default();
            let datagrams = storage
                .chunks(LARGEST)
                .zip(&metas)
                .take(received)
                .flat_map(|(bytes, meta)| {
                    let path = Path {
                        remote: canonical(meta.addr),
                        local: meta.dst_ip.map(|ip| ip.to_canonical()),
                    };
                    bytes
                        .get(..meta.len)
                        .unwrap_or_default()
                        .chunks(meta.stride.max(1))
                        .map(move |datagram| (path, datagram))
                })
                .filter(|(path, _)| self.is_for_us(*path));
            self.handle(datagrams, &mut round);
        }
    }

    /// Whether there is something to do; false at the end.
    fn wait(&self, woken: &OwnedFd) -> bool {
        let deadline = lock(&self.desk).next_deadline();
        let patience = deadline.map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            // Never zero: a deadline that has just passed is handled below, once.
            Timespec::try_from(left.max(Duration::from_millis(1))).unwrap_or(Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            })
        });
        let mut sources = [
            PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(woken.as_fd(), PollFlags::IN),
        ];
        match poll(&mut sources, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                gst::error!(crate::CAT, "the UDP port cannot be read any more: {error}");
                return false;
            }
        }
        let [_, stop] = &sources;
        stop.revents().is_empty()
    }

    fn is_for_us(&self, path: Path) -> bool {
        self.addresses.is_empty()
            || path
                .local
                .is_none_or(|local| self.addresses.contains(&local))
    }

    fn handle<'a>(
        self: &Arc<Self>,
        datagrams: impl Iterator<Item = (Path, &'a [u8])>,
        round: &mut Round,
    ) {
        let mut deliveries: Vec<(Guest, &[u8])> = Vec::new();
        {
            let now = Instant::now();
            let mut desk = lock(&self.desk);
            for (path, datagram) in datagrams {
                let mut reply = Vec::new();
                match desk.datagram(now, path, datagram, &mut reply, &mut round.events) {
                    Outcome::Dropped(_) => {}
                    Outcome::Replied => round.replies.push((path, reply)),
                    Outcome::Deliver(guest) => deliveries.push((guest, datagram)),
                }
            }
            desk.tick(now, &mut round.events);
        }
        for (path, reply) in round.replies.drain(..) {
            self.send(path, &reply, None);
        }
        // Keeps the seats of newcomers until their packets are delivered.
        let mut knocks = Vec::new();
        for event in round.events.drain(..) {
            match event {
                Event::Path(guest, path) => {
                    if let Some(seat) = self.find(guest) {
                        let first = seat.path().is_none();
                        seat.set_path(path);
                        if first {
                            seat.tell(SeatEvent::PathFound);
                        }
                    }
                }
                Event::Silent(guest) => {
                    if let Some(seat) = self.find(guest) {
                        seat.tell(SeatEvent::Silent);
                    }
                }
                Event::Knock {
                    guest,
                    code,
                    fingerprint,
                    local_ufrag,
                    local_pwd,
                    remote_ufrag,
                    path,
                } => {
                    let seat = self.seat(guest, local_ufrag, local_pwd);
                    seat.set_path(path);
                    knocks.push(Knock {
                        seat,
                        code,
                        fingerprint,
                        remote_ufrag,
                    });
                }
            }
        }
        for (guest, datagram) in deliveries {
            if let Some(seat) = self.find(guest) {
                seat.push(datagram);
            }
        }
        for knock in knocks {
            gst::debug!(crate::CAT, "somebody knocks with code {}", knock.code);
            (self.on_knock)(knock);
        }
    }
}

/// What one round of reading leads to; kept to save allocations.
#[derive(Default)]
struct Round {
    events: Vec<Event>,
    replies: Vec<(Path, Vec<u8>)>,
}

/// One socket for both families, or for IPv4 where the system has no IPv6.
fn bind(number: u16) -> io::Result<(UdpSocket, bool)> {
    let open = |address: IpAddr| -> io::Result<UdpSocket> {
        let address = SocketAddr::new(address, number);
        let socket = Socket::new(
            Domain::for_address(address),
            Type::DGRAM.cloexec(),
            Some(Protocol::UDP),
        )?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        socket.bind(&address.into())?;
        socket.set_nonblocking(true)?;
        Ok(socket.into())
    };
    match open(Ipv6Addr::UNSPECIFIED.into()) {
        Ok(socket) => Ok((socket, true)),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        Err(_) => Ok((open(Ipv4Addr::UNSPECIFIED.into())?, false)),
    }
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
