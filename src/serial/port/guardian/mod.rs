//! A process that writes the safe string when ours has been killed.
//!
//! It has the port open, and one end of a socket pair. The other end is ours alone: when we
//! die, whatever the reason, the kernel closes it. The guardian then looks whether the port
//! was armed, and if so writes the safe string and lowers DTR and RTS. It does not end by the
//! signals that end its parent.
//!
//! It is forked from a process with many threads, so that any lock may be held for ever in
//! the copy: between fork and exit there is nothing but system calls, on memory that was
//! there before. It holds no descriptor but those two.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::ptr;
use std::time::Duration;

use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

/// How long the guardian tries to write, and waits for what it has written to be sent.
const PATIENCE_MS: libc::c_int = 2_000;

/// What the guardian is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Word {
    Armed = b'A',
    Disarmed = b'D',
    /// A message is half written: the safe string would only end it.
    Within = b'W',
    Between = b'B',
    Quit = b'Q',
}

/// The guardian of one open port. It goes with this.
#[derive(Debug)]
pub(super) struct Guardian {
    socket: OwnedFd,
    process: libc::pid_t,
    within: bool,
}

impl Guardian {
    /// Forks. `safe` is what it would write to `port`.
    pub(super) fn start(port: BorrowedFd<'_>, safe: &[u8]) -> io::Result<Self> {
        let (ours, its) = rustix::net::socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let (port, socket) = (port.as_raw_fd(), its.as_raw_fd());
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
                watch(port, socket, safe.as_ptr(), safe.len());
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
            within: false,
        })
    }

    /// From now on it has to act when we die.
    pub(super) fn set_armed(&self, armed: bool) {
        self.say(if armed { Word::Armed } else { Word::Disarmed });
    }

    /// Whether a message is written in part.
    pub(super) fn set_within(&mut self, within: bool) {
        if std::mem::replace(&mut self.within, within) != within {
            self.say(if within { Word::Within } else { Word::Between });
        }
    }

    fn say(&self, word: Word) {
        // Without SIGPIPE: if the guardian was killed there is nothing to be done.
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        let _ = rustix::net::send(self.socket.as_fd(), &[word as u8], flags);
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        self.say(Word::Quit);
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        for _ in 0..PATIENCE_MS / 2 {
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

/// The guardian's life.
///
/// # Safety
/// Only in the child of a fork; the descriptors and the memory must be valid.
unsafe fn watch(port: libc::c_int, socket: libc::c_int, safe: *const u8, length: usize) -> ! {
    // SAFETY: system calls on descriptors and memory that are ours.
    unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_NAME, c"serial-guardian".as_ptr(), 0, 0, 0);
        close_all_but(port, socket);
        // Nothing is to be kept from being unmounted.
        libc::chdir(c"/".as_ptr());
        let (mut armed, mut within) = (false, false);
        let mut word = 0_u8;
        loop {
            match libc::read(socket, ptr::from_mut(&mut word).cast(), 1) {
                1 if word == Word::Armed as u8 => armed = true,
                1 if word == Word::Disarmed as u8 => armed = false,
                1 if word == Word::Within as u8 => within = true,
                1 if word == Word::Between as u8 => within = false,
                1 => libc::_exit(0),
                0 => break,
                _ if *libc::__errno_location() == libc::EINTR => {}
                _ => break,
            }
        }
        if armed {
            make_safe(port, safe, length, within);
        }
        libc::_exit(0)
    }
}

/// # Safety
/// As for [`watch`].
unsafe fn close_all_but(one: libc::c_int, other: libc::c_int) {
    let (low, high) = if one < other {
        (one, other)
    } else {
        (other, one)
    };
    let ranges = [
        (0, low.wrapping_sub(1)),
        (low.wrapping_add(1), high.wrapping_sub(1)),
        (high.wrapping_add(1), libc::c_int::MAX),
    ];
    for (first, last) in ranges {
        if first > last {
            continue;
        }
        // SAFETY: closes descriptors of the child alone.
        unsafe {
            if libc::syscall(libc::SYS_close_range, first, last, 0) != 0 {
                // A kernel before 5.9.
                let mut fd = first;
                while fd <= last && fd < 65_536 {
                    libc::close(fd);
                    fd = fd.wrapping_add(1);
                }
            }
        }
    }
}

/// # Safety
/// As for [`watch`].
unsafe fn make_safe(port: libc::c_int, safe: *const u8, length: usize, within: bool) {
    // SAFETY: system calls on descriptors and memory that are ours.
    unsafe {
        let mut times = if within { 2 } else { 1 };
        let mut patience = PATIENCE_MS;
        while times > 0 && patience > 0 {
            times -= 1;
            let mut written = 0_usize;
            while written < length && patience > 0 {
                // The port does not block: it was opened so.
                let count = libc::write(port, safe.wrapping_add(written).cast(), length - written);
                if count > 0 {
                    written = written.wrapping_add(count as usize);
                } else if count < 0 && *libc::__errno_location() == libc::EAGAIN {
                    pause_ms(5);
                    patience -= 5;
                } else {
                    // The device is gone.
                    times = 0;
                    break;
                }
            }
        }
        let mut unsent: libc::c_int = 0;
        while patience > 0 && libc::ioctl(port, libc::TIOCOUTQ, &mut unsent) == 0 && unsent > 0 {
            pause_ms(5);
            patience -= 5;
        }
        // What the driver calls sent may still be in the chip.
        pause_ms(20);
        let lines: libc::c_int = libc::TIOCM_DTR | libc::TIOCM_RTS;
        libc::ioctl(port, libc::TIOCMBIC, &lines);
        libc::ioctl(port, libc::TIOCNXCL);
    }
}

/// # Safety
/// As for [`watch`].
unsafe fn pause_ms(milliseconds: libc::c_int) {
    // SAFETY: poll without descriptors only waits.
    unsafe {
        libc::poll(ptr::null_mut(), 0, milliseconds);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::time::Instant;

    use rustix::pty::OpenptFlags;

    use super::*;

    /// Both ends of a pseudo-terminal; the second does not block.
    fn tty() -> (File, File) {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).unwrap();
        let mut settings = rustix::termios::tcgetattr(&slave).unwrap();
        settings.make_raw();
        let now = rustix::termios::OptionalActions::Now;
        rustix::termios::tcsetattr(&slave, now, &settings).unwrap();
        rustix::io::ioctl_fionbio(&slave, true).unwrap();
        (master.into(), slave.into())
    }

    /// What the guardian sees when the process has died; returns when it has ended.
    fn die(guardian: &Guardian) {
        rustix::net::shutdown(&guardian.socket, rustix::net::Shutdown::Both).unwrap();
        // SAFETY: our own child.
        unsafe { libc::waitpid(guardian.process, ptr::null_mut(), 0) };
    }

    fn written(mut master: File, slave: File) -> String {
        drop(slave);
        let mut all = Vec::new();
        // Ends with an error, because nobody has the other end.
        let _ = master.read_to_end(&mut all);
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn it_writes_only_if_the_port_was_armed_last() {
        for (words, expected) in [
            (&[][..], ""),
            (&[true], "RX;"),
            (&[true, false], ""),
            (&[true, false, true], "RX;"),
        ] {
            let (master, slave) = tty();
            let guardian = Guardian::start(slave.as_fd(), b"RX;").unwrap();
            for armed in words {
                guardian.set_armed(*armed);
            }
            die(&guardian);
            assert_eq!(written(master, slave), expected, "{words:?}");
        }
    }

    #[test]
    fn it_ends_a_message_that_was_cut_off() {
        let (master, slave) = tty();
        let mut guardian = Guardian::start(slave.as_fd(), b"RX;").unwrap();
        guardian.set_armed(true);
        guardian.set_within(true);
        die(&guardian);
        assert_eq!(written(master, slave), "RX;RX;");
    }

    #[test]
    fn it_goes_quietly_with_a_port_that_is_closed() {
        let (master, slave) = tty();
        let guardian = Guardian::start(slave.as_fd(), b"RX;").unwrap();
        guardian.set_armed(true);
        drop(guardian);
        assert_eq!(written(master, slave), "");
    }

    #[test]
    fn it_gives_up_on_a_device_that_takes_nothing() {
        let (_master, slave) = tty();
        rustix::termios::tcflow(&slave, rustix::termios::Action::OOff).unwrap();
        let guardian = Guardian::start(slave.as_fd(), b"RX;").unwrap();
        guardian.set_armed(true);
        let begin = Instant::now();
        die(&guardian);
        let patience = Duration::from_millis(PATIENCE_MS as u64);
        assert!(begin.elapsed() >= patience);
        assert!(begin.elapsed() < 10 * patience);
    }
}
