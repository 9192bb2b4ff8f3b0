//! The pseudo-terminal on which the instrument is found, and the cable that can be pulled.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// A name for the terminal that stays the same when the cable is pulled and put back.
#[derive(Debug)]
pub(super) struct Port {
    link: Option<PathBuf>,
    plugged: Option<Plugged>,
}

#[derive(Debug)]
struct Plugged {
    /// Our side of it.
    master: OwnedFd,
    /// The host's.
    path: PathBuf,
}

impl Port {
    /// Not plugged in yet.
    pub(super) fn new(link: Option<PathBuf>) -> Self {
        Self {
            link,
            plugged: None,
        }
    }

    /// Plugs it in; the path of the terminal.
    pub(super) fn plug(&mut self) -> io::Result<&Path> {
        if self.plugged.is_none() {
            let plugged = Plugged::new()?;
            if let Some(link) = &self.link {
                make_link(link, &plugged.path)?;
            }
            self.plugged = Some(plugged);
        }
        match &self.plugged {
            Some(plugged) => Ok(&plugged.path),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Pulls the cable: whoever has the port open finds that it is gone.
    pub(super) fn unplug(&mut self) {
        let Some(plugged) = self.plugged.take() else {
            return;
        };
        if let Some(link) = &self.link {
            // Unless somebody else has made it theirs.
            if fs::read_link(link).is_ok_and(|target| target == plugged.path) {
                let _ = fs::remove_file(link);
            }
        }
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.plugged.as_ref().map(|plugged| plugged.master.as_fd())
    }

    /// Whether somebody has it open.
    pub(super) fn is_open(&self) -> bool {
        self.fd().is_some_and(|fd| {
            let mut fds = [PollFd::new(&fd, PollFlags::empty())];
            let polled = poll(&mut fds, Some(&Timespec::default()));
            polled.is_ok() && !fds[0].revents().contains(PollFlags::HUP)
        })
    }

    /// What has come; 0 if nothing has, or nobody is there.
    pub(super) fn read(&self, buffer: &mut [u8]) -> usize {
        match self.fd().map(|fd| rustix::io::read(fd, buffer)) {
            Some(Ok(count)) => count,
            _ => 0,
        }
    }

    /// How much of it has gone out.
    pub(super) fn write(&self, bytes: &[u8]) -> usize {
        match self.fd().map(|fd| rustix::io::write(fd, bytes)) {
            Some(Ok(count)) => count,
            _ => 0,
        }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.unplug();
    }
}

impl Plugged {
    fn new() -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        let name = rustix::pty::ptsname(&master, Vec::new())?;
        let path = PathBuf::from(std::ffi::OsString::from_vec(name.into_bytes()));
        // A serial line echoes nothing. Opened and closed once, the terminal also tells
        // from then on whether somebody has it open.
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = rustix::fs::open(&path, flags, Mode::empty())?;
        let mut settings = tcgetattr(&slave)?;
        settings.make_raw();
        tcsetattr(&slave, OptionalActions::Now, &settings)?;
        drop(slave);
        let flags = rustix::fs::fcntl_getfl(&master)?;
        rustix::fs::fcntl_setfl(&master, flags | OFlags::NONBLOCK)?;
        Ok(Self { master, path })
    }
}

/// Makes the link, in place of one that an earlier run has left.
fn make_link(link: &Path, target: &Path) -> io::Result<()> {
    let told =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", link.display()));
    match fs::symlink_metadata(link) {
        Ok(there) if there.is_symlink() => fs::remove_file(link).map_err(told)?,
        Ok(_) => return Err(told(io::ErrorKind::AlreadyExists.into())),
        Err(_) => {}
    }
    symlink(target, link).map_err(told)
}
