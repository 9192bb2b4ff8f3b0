//! The life of the guardian, in a process of its own.
//!
//! It is forked from a process with many threads, so that any lock may be held for ever in
//! the copy: between fork and exit there is nothing but system calls, on memory that was
//! there before. It holds no descriptors but those that it needs.

use std::ptr;
use std::time::Duration;

use super::{ACTED, Word};

/// How long the guardian tries to write, and waits for what it has written to be sent, beside
/// the pauses that the instrument needs.
pub(super) const PATIENCE: Duration = Duration::from_millis(2_000);

/// How long a process that has armed the port may be silent: as long as a page that controls.
pub(super) const SILENCE: Duration = Duration::from_millis(750);

/// Longest pause that is made for the instrument.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// What it has and what it does. The pointer is to memory of the parent, of which it has a
/// copy.
pub(super) struct Life {
    pub(super) port: libc::c_int,
    pub(super) socket: libc::c_int,
    /// Readable when the process that it watches is dead; -1 if there is no such thing.
    pub(super) watched: libc::c_int,
    pub(super) safe: *const u8,
    pub(super) length: usize,
    pub(super) character: Duration,
    pub(super) line: Duration,
    /// Bits of the lines that are lowered first.
    pub(super) key: libc::c_int,
}

/// Watches, acts when it has to, and exits.
///
/// # Safety
/// Only in the child of a fork; the descriptors and the memory must be valid.
pub(super) unsafe fn watch(life: &Life) -> ! {
    let mut state = State {
        armed: false,
        within: false,
    };
    // SAFETY: system calls on descriptors and memory that are ours.
    unsafe {
        libc::setsid();
        libc::prctl(libc::PR_SET_NAME, c"serial-guardian".as_ptr(), 0, 0, 0);
        close_all_but([life.port, life.socket, life.watched]);
        // Nothing is to be kept from being unmounted.
        libc::chdir(c"/".as_ptr());
        while listen(life, &mut state) {}
        if state.armed {
            let acted = ACTED;
            libc::send(
                life.socket,
                ptr::from_ref(&acted).cast(),
                1,
                libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT,
            );
            make_safe(life, state.within);
        }
        libc::_exit(0)
    }
}

struct State {
    armed: bool,
    within: bool,
}

/// Waits for a word and heeds it. False when it has to be seen to that the port is safe.
///
/// # Safety
/// As for [`watch`].
unsafe fn listen(life: &Life, state: &mut State) -> bool {
    let ear = |fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let mut ears = [ear(life.socket), ear(life.watched)];
    let patience = match state.armed {
        true => SILENCE.as_millis() as libc::c_int,
        false => -1,
    };
    // SAFETY: as for `watch`.
    unsafe {
        let heard = libc::poll(ears.as_mut_ptr(), 2, patience);
        if heard < 0 {
            return *libc::__errno_location() == libc::EINTR;
        }
        if heard == 0 {
            // It was killed in a way that nobody sees, or stopped.
            return false;
        }
        if ears[0].revents == 0 {
            // It is dead, and has said all that it had to say.
            return false;
        }
        let mut word = 0_u8;
        let word_at = ptr::from_mut(&mut word).cast();
        match libc::recv(life.socket, word_at, 1, libc::MSG_DONTWAIT) {
            1 => {}
            0 => return false,
            _ => {
                let reason = *libc::__errno_location();
                return reason == libc::EINTR || reason == libc::EAGAIN;
            }
        }
        match word {
            word if word == Word::Armed as u8 => state.armed = true,
            word if word == Word::Disarmed as u8 => state.armed = false,
            word if word == Word::Within as u8 => state.within = true,
            word if word == Word::Between as u8 => state.within = false,
            word if word == Word::Alive as u8 => {}
            _ => libc::_exit(0),
        }
    }
    true
}

/// # Safety
/// As for [`watch`].
unsafe fn close_all_but(mut kept: [libc::c_int; 3]) {
    // Without the standard library, which might allocate.
    if kept[0] > kept[1] {
        kept.swap(0, 1);
    }
    if kept[1] > kept[2] {
        kept.swap(1, 2);
    }
    if kept[0] > kept[1] {
        kept.swap(0, 1);
    }
    let mut first: libc::c_int = 0;
    for fd in kept {
        // SAFETY: as for `watch`.
        unsafe { close_range(first, fd.wrapping_sub(1)) };
        first = fd.wrapping_add(1);
    }
    // SAFETY: as for `watch`.
    unsafe { close_range(first, libc::c_int::MAX) };
}

/// # Safety
/// As for [`watch`].
unsafe fn close_range(first: libc::c_int, last: libc::c_int) {
    if first > last || last < 0 {
        return;
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

/// # Safety
/// As for [`watch`].
unsafe fn make_safe(life: &Life, within: bool) {
    // SAFETY: system calls on descriptors and memory that are ours.
    unsafe {
        if life.key != 0 {
            libc::ioctl(life.port, libc::TIOCMBIC, &life.key);
        }
        let mut patience = PATIENCE.as_millis() as libc::c_int;
        let mut is_there = life.length > 0;
        if within && is_there {
            // The first would only end the message.
            is_there = write_all(life, &mut patience);
            pause(short(life.line));
        }
        if is_there {
            write_all(life, &mut patience);
        }
        let mut unsent: libc::c_int = 0;
        while patience > 0 && libc::ioctl(life.port, libc::TIOCOUTQ, &mut unsent) == 0 && unsent > 0
        {
            pause_ms(5);
            patience -= 5;
        }
        // What the driver calls sent may still be in the chip.
        pause_ms(20);
        let lines: libc::c_int = libc::TIOCM_DTR | libc::TIOCM_RTS;
        libc::ioctl(life.port, libc::TIOCMBIC, &lines);
        libc::ioctl(life.port, libc::TIOCNXCL);
    }
}

/// Writes the safe string once. False if the device is gone, or takes nothing.
///
/// # Safety
/// As for [`watch`].
unsafe fn write_all(life: &Life, patience: &mut libc::c_int) -> bool {
    let has_pauses = !life.character.is_zero();
    let mut written = 0_usize;
    while written < life.length {
        let left = if has_pauses { 1 } else { life.length - written };
        // SAFETY: within the memory of the string; the port does not block, it was opened so.
        let count = unsafe { libc::write(life.port, life.safe.wrapping_add(written).cast(), left) };
        // SAFETY: as for `watch`.
        unsafe {
            if count > 0 {
                written = written.wrapping_add(count as usize);
                pause(short(life.character));
            } else if count < 0 && *libc::__errno_location() == libc::EAGAIN && *patience > 0 {
                pause_ms(5);
                *patience -= 5;
            } else {
                return false;
            }
        }
    }
    true
}

fn short(pause: Duration) -> Duration {
    if pause > LONGEST_PAUSE {
        LONGEST_PAUSE
    } else {
        pause
    }
}

/// # Safety
/// As for [`watch`].
unsafe fn pause(time: Duration) {
    let time = libc::timespec {
        tv_sec: 0,
        tv_nsec: time.subsec_nanos() as libc::c_long,
    };
    // SAFETY: the pointer is valid; what is left of the time is of no interest.
    unsafe {
        libc::nanosleep(&time, ptr::null_mut());
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
