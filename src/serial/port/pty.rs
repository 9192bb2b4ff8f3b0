//! A virtual port: a pseudo-terminal with a name, for programs that only know a tty.
//!
//! Another program opens, closes and reopens it like a device. While nobody has it open it
//! is like a cable with nothing at the other end: what is written goes nowhere, and nothing
//! waits there for the next program.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::inotify;
use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;

use super::error::OpenError;
use super::holder;

/// Our end of the pseudo-terminal. The name is removed with it.
#[derive(Debug)]
pub(super) struct Pty {
    master: OwnedFd,
    /// Tells when the other end is opened.
    watch: Option<OwnedFd>,
    link: PathBuf,
    slave: PathBuf,
}

impl Pty {
    pub(super) fn open(link: &Path) -> Result<Self, OpenError> {
        let (master, slave) = pair().map_err(|reason| OpenError::Other {
            device: "/dev/ptmx".to_owned(),
            reason,
        })?;
        let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
            .and_then(|watch| {
                inotify::add_watch(&watch, &slave, inotify::WatchFlags::OPEN)?;
                Ok(watch)
            });
        make_link(&slave, link)?;
        Ok(Self {
            master,
            watch: watch.ok(),
            link: link.to_owned(),
            slave,
        })
    }

    /// Whether another program has the port open, or had and has left something to be read.
    pub(super) fn is_open(&self) -> bool {
        self.forget_events();
        let mut fds = [PollFd::new(&self.master, PollFlags::IN)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        match rustix::event::poll(&mut fds, Some(&now)) {
            Ok(_) => {
                let state = fds[0].revents();
                state.contains(PollFlags::IN) || !state.contains(PollFlags::HUP)
            }
            Err(_) => false,
        }
    }

    /// Readable when a program has opened the port.
    pub(super) fn watch(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    fn forget_events(&self) {
        if let Some(watch) = &self.watch {
            let mut events = [0; 1024];
            while rustix::io::read(watch, &mut events).is_ok_and(|count| count > 0) {}
        }
    }
}

impl AsFd for Pty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // Another one may have taken the name.
        if fs::read_link(&self.link).is_ok_and(|target| target == self.slave) {
            let _ = fs::remove_file(&self.link);
        }
    }
}

fn pair() -> io::Result<(OwnedFd, PathBuf)> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master = rustix::pty::openpt(flags)?;
    rustix::io::ioctl_fionbio(&master, true)?;
    rustix::pty::grantpt(&master)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let slave = PathBuf::from(name.to_string_lossy().into_owned());
    // The other program may not set it up at all: neither echo nor line editing then.
    // Opened and closed once, it also tells from now on whether anybody has it open.
    let other = rustix::fs::open(
        &slave,
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC,
        rustix::fs::Mode::empty(),
    )?;
    let mut settings = rustix::termios::tcgetattr(&other)?;
    settings.make_raw();
    rustix::termios::tcsetattr(&other, OptionalActions::Now, &settings)?;
    Ok((master, slave))
}

/// Gives the pseudo-terminal its name. A name that was left behind is taken over; one that is
/// in use, or is something else, is not.
fn make_link(slave: &Path, link: &Path) -> Result<(), OpenError> {
    let fail = |reason: String| OpenError::Link {
        link: link.display().to_string(),
        reason,
    };
    match fs::symlink_metadata(link) {
        Ok(found) if !found.is_symlink() => {
            return Err(fail("there is a file of that name".to_owned()));
        }
        Ok(_) => {
            let target = fs::read_link(link).map_err(|error| fail(error.to_string()))?;
            let Ok(number) = target.strip_prefix("/dev/pts") else {
                return Err(fail(format!(
                    "there is a link of that name to {}",
                    target.display()
                )));
            };
            if let Some(by) = holder::of_pseudo_terminal(&number.to_string_lossy()) {
                return Err(OpenError::Busy {
                    device: link.display().to_string(),
                    by,
                });
            }
            fs::remove_file(link).map_err(|error| fail(error.to_string()))?;
        }
        Err(_) => {}
    }
    std::os::unix::fs::symlink(slave, link).map_err(|error| fail(error.to_string()))
}
