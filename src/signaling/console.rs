//! The console: standard input and output, and the terminal behind them.
//!
//! Reads on a thread of its own and hands what was meant (see
//! [`super::console_input`]) to the element. A terminal is taken out of canonical mode,
//! in which it cuts lines at 4,096 characters (`termios(3)`), and told to mark pastes.

use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};

use super::console_input::{Event, Input};
use crate::threads;

/// Tells the terminal to put marks around what is pasted, and to stop that.
const BRACKETED_PASTE_ON: &str = "\x1b[?2004h";
const BRACKETED_PASTE_OFF: &str = "\x1b[?2004l";

/// Whether standard input is a terminal that belongs to this process right now. One in
/// the background that reads or sets the terminal would be stopped (`tcsetpgrp(3)`).
pub(crate) fn stdin_is_our_terminal() -> bool {
    let stdin = std::io::stdin();
    rustix::termios::isatty(&stdin)
        && rustix::termios::tcgetpgrp(&stdin)
            .is_ok_and(|foreground| foreground == rustix::process::getpgrp())
}

/// Writes one line that scripts can read: `periscope: <word> <text>`.
pub(crate) fn print(word: &str, text: &str) {
    let mut out = std::io::stdout().lock();
    // Nobody may be reading: that is no reason to stop showing the pipeline.
    let _ = writeln!(out, "periscope: {word} {text}").and_then(|()| out.flush());
}

/// Writes lines that are for a person.
pub(crate) fn print_lines(lines: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
}

/// Whether a person may be looking on.
pub(crate) fn stdout_is_terminal() -> bool {
    rustix::termios::isatty(std::io::stdout())
}

/// Whether a console runs in this process: standard input can be read by one only.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// How often a process in the background looks whether the terminal is its own again.
const BACKGROUND: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 500_000_000,
};

/// A running console; stops, and gives the terminal back as it was, when dropped.
pub(crate) struct Console {
    wake: Option<OwnedFd>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl Console {
    /// Starts to read standard input. `handler` is called on the console's thread and
    /// may take its time. Fails with `ResourceBusy` if another console reads it.
    pub(crate) fn start(handler: impl FnMut(Event) + Send + 'static) -> std::io::Result<Self> {
        if TAKEN.swap(true, Ordering::AcqRel) {
            return Err(std::io::ErrorKind::ResourceBusy.into());
        }
        Self::spawn(handler).inspect_err(|_| TAKEN.store(false, Ordering::Release))
    }

    fn spawn(mut handler: impl FnMut(Event) + Send + 'static) -> std::io::Result<Self> {
        let (woken, wake) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let terminal = stdin_is_our_terminal();
        let thread = std::thread::Builder::new()
            .name("periscope-console".into())
            .spawn(move || {
                let _mode = terminal.then(TerminalMode::set);
                read(&woken, terminal, &mut handler);
            })?;
        Ok(Self {
            wake: Some(wake),
            thread: Mutex::new(Some(thread)),
        })
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        // Closing the pipe wakes the thread.
        self.wake = None;
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        threads::join(thread);
        TAKEN.store(false, Ordering::Release);
    }
}

fn read(woken: &OwnedFd, terminal: bool, handler: &mut impl FnMut(Event)) {
    let mut input = Input::new(terminal);
    let stdin = std::io::stdin();
    let epoch = Instant::now();
    let mut buffer = vec![0_u8; 64 * 1024];
    loop {
        if terminal && !stdin_is_our_terminal() {
            // In the background: reading now would stop the whole process.
            let mut stop = [PollFd::from_borrowed_fd(woken.as_fd(), PollFlags::IN)];
            match poll(&mut stop, Some(&BACKGROUND)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                _ => return,
            }
        }
        let patience = input.deadline().map(|at| {
            let left = at.saturating_sub(epoch.elapsed());
            Timespec::try_from(left).unwrap_or(Timespec {
                tv_sec: 1,
                tv_nsec: 0,
            })
        });
        let mut sources = [
            PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(woken.as_fd(), PollFlags::IN),
        ];
        match poll(&mut sources, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return,
        }
        let [readable, stop] = &sources;
        if !stop.revents().is_empty() {
            return;
        }
        let ready = !readable.revents().is_empty();
        let events = if ready {
            match rustix::io::read(&stdin, &mut buffer) {
                Ok(0) => {
                    deliver(input.end_of_input(epoch.elapsed()), handler);
                    return;
                }
                Ok(length) => input.feed(buffer.get(..length).unwrap_or_default(), epoch.elapsed()),
                Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => Vec::new(),
                // The terminal has gone: the pipeline goes on without a console.
                Err(_) => return,
            }
        } else {
            input.timeout(epoch.elapsed())
        };
        deliver(events, handler);
    }
}

fn deliver(events: Vec<Event>, handler: &mut impl FnMut(Event)) {
    for event in events {
        if let Event::Echo(text) = &event {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        } else {
            handler(event);
        }
    }
}

/// The terminal without line editing and echo; as it was again when dropped.
struct TerminalMode {
    before: Option<Termios>,
}

impl TerminalMode {
    fn set() -> Self {
        let stdin = std::io::stdin();
        let Ok(before) = rustix::termios::tcgetattr(&stdin) else {
            return Self { before: None };
        };
        let mut raw = before.clone();
        // Ctrl-C and Ctrl-Z stay with the terminal: they end and stop the pipeline.
        raw.local_modes
            .remove(LocalModes::ICANON | LocalModes::ECHO);
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        if rustix::termios::tcsetattr(&stdin, OptionalActions::Now, &raw).is_err() {
            return Self { before: None };
        }
        write_raw(BRACKETED_PASTE_ON);
        Self {
            before: Some(before),
        }
    }
}

impl Drop for TerminalMode {
    fn drop(&mut self) {
        // From the background it is not ours to set, and trying would stop the process.
        if let Some(before) = &self.before
            && stdin_is_our_terminal()
        {
            write_raw(BRACKETED_PASTE_OFF);
            let _ = rustix::termios::tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}

fn write_raw(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// How long ago, for people.
pub(crate) fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// A time that is left, rounded to the nearest: eight hours less a second are not seven.
pub(crate) fn time_left(time: Duration) -> String {
    let unit = match time.as_secs() {
        0..=119 => 1,
        120..=7199 => 60,
        _ => 3600,
    };
    age(time + Duration::from_secs(unit) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_is_left_is_rounded_to_the_nearest() {
        assert_eq!(time_left(Duration::from_millis(9_400)), "9 s");
        assert_eq!(time_left(Duration::from_millis(9_600)), "10 s");
        assert_eq!(time_left(Duration::from_secs(1_799)), "30 min");
        assert_eq!(time_left(Duration::from_secs(8 * 3600 - 1)), "8 h");
        assert_eq!(time_left(Duration::from_secs(7 * 3600 + 1)), "7 h");
    }

    #[test]
    fn ages_are_told_in_a_unit_that_fits() {
        assert_eq!(age(Duration::from_secs(5)), "5 s");
        assert_eq!(age(Duration::from_secs(300)), "5 min");
        assert_eq!(age(Duration::from_secs(7200)), "2 h");
    }
}
