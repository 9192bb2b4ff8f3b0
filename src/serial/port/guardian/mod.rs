//! A process that makes the instrument safe when ours cannot.
//!
//! It has the port open, and one end of a socket pair. While the port is armed the other end
//! says five times a second that we are at work. When we die, whatever the reason, or are
//! stopped for as long as a page may be silent, the guardian lowers the line that keys a
//! transmitter, writes the safe string, and lowers DTR and RTS. It does not end by the signals
//! that end its parent. If it is killed itself, that is noticed and there is a new one.
//!
//! Who was only stopped, and goes on, hears from the guardian that it has acted.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::ptr;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::{Pid, PidfdFlags};

use crate::serial::transmit::KeyLine;

mod child;
#[cfg(test)]
mod tests;

/// How often the guardian of an armed port hears of us.
const BEAT: Duration = Duration::from_millis(200);

/// What the guardian is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Word {
    Armed = b'A',
    Disarmed = b'D',
    /// A message is half written: the safe string would only end it.
    Within = b'W',
    Between = b'B',
    /// We are at work.
    Alive = b'L',
    Quit = b'Q',
}

/// What the guardian says when it acts.
const ACTED: u8 = b'S';

/// How it makes the instrument safe.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge<'a> {
    /// Written; may be empty.
    pub(super) safe: &'a [u8],
    /// Pause after each byte.
    pub(super) character: Duration,
    /// Pause after each copy of the safe string.
    pub(super) line: Duration,
    /// Lowered before that.
    pub(super) key: Option<KeyLine>,
}

/// What has become of a guardian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// It watches.
    Well,
    /// It has made the instrument safe, because it did not hear of us.
    Acted,
    /// Somebody has killed it.
    Dead,
}

/// How it stands with a port when its guardian comes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stance {
    pub(super) armed: bool,
    /// A message is written in part.
    pub(super) within: bool,
}

/// The guardian of one open port. It goes with this.
#[derive(Debug)]
pub(super) struct Guardian {
    socket: OwnedFd,
    process: libc::pid_t,
    armed: bool,
    within: bool,
    /// When it is told next that we are at work.
    beat: Instant,
    condition: Condition,
}

impl Guardian {
    /// Forks. From then on it watches this process, which has armed the port already, or not.
    pub(super) fn start(
        port: BorrowedFd<'_>,
        charge: &Charge<'_>,
        stance: Stance,
    ) -> io::Result<Self> {
        Self::watching(rustix::process::getpid(), port, charge, stance)
    }

    /// The same for any process.
    fn watching(
        watched: Pid,
        port: BorrowedFd<'_>,
        charge: &Charge<'_>,
        stance: Stance,
    ) -> io::Result<Self> {
        let (ours, its) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        // Before it is there: it knows even if this process is killed in this moment.
        let words = [
            stance.armed.then_some(Word::Armed as u8),
            stance.within.then_some(Word::Within as u8),
        ];
        for word in words.into_iter().flatten() {
            rustix::net::send(&ours, &[word], SendFlags::NOSIGNAL)?;
        }
        // A copy of this process that forgets to close the socket would keep it open. A kernel
        // before 5.3 has no such descriptors; then the socket has to do.
        let watched = rustix::process::pidfd_open(watched, PidfdFlags::empty()).ok();
        let life = child::Life {
            port: port.as_raw_fd(),
            socket: its.as_raw_fd(),
            watched: watched.as_ref().map_or(-1, |fd| fd.as_raw_fd()),
            safe: charge.safe.as_ptr(),
            length: charge.safe.len(),
            character: charge.character,
            line: charge.line,
            key: match charge.key {
                Some(KeyLine::Rts) => libc::TIOCM_RTS,
                Some(KeyLine::Dtr) => libc::TIOCM_DTR,
                None => 0,
            },
        };
        // SAFETY: sigset_t is plain data; it is filled before it is used.
        let (mut all, mut before): (libc::sigset_t, libc::sigset_t) =
            unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        // SAFETY: the pointers are valid. The child runs only `watch`, which keeps the rules
        // for a child of a process with threads, and does not return.
        let process = unsafe {
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
            let process = libc::fork();
            if process == 0 {
                child::watch(&life);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut());
            process
        };
        if process < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            socket: ours,
            process,
            armed: stance.armed,
            within: stance.within,
            beat: Instant::now() + BEAT,
            condition: Condition::Well,
        })
    }

    /// How it stands, as it was told.
    pub(super) const fn stance(&self) -> Stance {
        Stance {
            armed: self.armed,
            within: self.within,
        }
    }

    /// From now on it has to act when we are not at work.
    pub(super) fn set_armed(&mut self, armed: bool, now: Instant) {
        if std::mem::replace(&mut self.armed, armed) != armed {
            self.say(if armed { Word::Armed } else { Word::Disarmed });
            self.beat = now + BEAT;
        }
    }

    /// Whether a message is written in part.
    pub(super) fn set_within(&mut self, within: bool) {
        if std::mem::replace(&mut self.within, within) != within {
            self.say(if within { Word::Within } else { Word::Between });
        }
    }

    /// When [`Guardian::beat`] is to be called.
    pub(super) fn next_beat(&self) -> Option<Instant> {
        (self.armed && self.condition == Condition::Well).then_some(self.beat)
    }

    /// Tells it that we are at work, if it is time.
    pub(super) fn beat(&mut self, now: Instant) {
        if self.next_beat().is_some_and(|at| at <= now) {
            self.beat = now + BEAT;
            self.say(Word::Alive);
        }
    }

    /// How it is.
    pub(super) fn condition(&mut self) -> Condition {
        let mut word = [0_u8; 1];
        match rustix::net::recv(&self.socket, &mut word[..], RecvFlags::DONTWAIT) {
            Ok((_, 1)) if word[0] == ACTED => self.condition = Condition::Acted,
            Err(Errno::AGAIN | Errno::INTR) => {}
            // What it said before it died counts.
            _ if self.condition == Condition::Acted => {}
            _ => self.condition = Condition::Dead,
        }
        self.condition
    }

    fn say(&mut self, word: Word) {
        // Without SIGPIPE: that it was killed is seen by the condition.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let _ = rustix::net::send(self.socket.as_fd(), &[word as u8], flags);
    }
}

/// Readable when its condition has changed.
impl AsFd for Guardian {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.say(Word::Quit);
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        // If it is acting it is not disturbed: two who write at once are not understood.
        let patience = Instant::now() + 2 * child::PATIENCE;
        while Instant::now() < patience {
            // SAFETY: our own child; nobody else waits for it.
            if unsafe { libc::waitpid(self.process, ptr::null_mut(), libc::WNOHANG) } != 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        // Somebody has stopped it. SAFETY: as above; the number is still its.
        unsafe {
            libc::kill(self.process, libc::SIGKILL);
            libc::waitpid(self.process, ptr::null_mut(), 0);
        }
    }
}
