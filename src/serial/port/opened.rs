//! What is behind the name of a port while it is open.

use std::os::fd::{AsFd, BorrowedFd};

use super::device::Device;
use super::error::OpenError;
use super::pty::Pty;
use super::tty::{self, Tty};
use crate::serial::settings::LineSettings;
use crate::serial::transmit::KeyLine;

/// An open port of either kind.
#[derive(Debug)]
pub(super) enum Opened {
    Tty(Tty),
    Virtual(Pty),
}

impl Opened {
    pub(super) fn open(device: &Device, settings: &LineSettings) -> Result<Self, OpenError> {
        match device {
            Device::Tty(path) => Tty::open(path, settings).map(Self::Tty),
            Device::Virtual(link) => Pty::open(link).map(Self::Virtual),
        }
    }

    pub(super) fn configure(&mut self, settings: &LineSettings) -> Result<(), OpenError> {
        match self {
            Self::Tty(tty) => tty.configure(settings),
            Self::Virtual(_) => Ok(()),
        }
    }

    /// Whether somebody is at the other end, as far as that can be told.
    pub(super) fn is_answered(&self) -> bool {
        match self {
            Self::Tty(_) => true,
            Self::Virtual(pty) => pty.is_open(),
        }
    }

    /// Whether it is a pseudo-terminal, whose other end waits when nobody reads.
    pub(super) fn is_pseudo(&self) -> bool {
        match self {
            Self::Tty(tty) => tty.is_pseudo(),
            Self::Virtual(_) => true,
        }
    }

    /// Readable when that may have changed.
    pub(super) fn watch(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Self::Tty(_) => None,
            Self::Virtual(pty) => pty.watch(),
        }
    }

    /// Bytes that the device has yet to send.
    pub(super) fn unsent(&self) -> usize {
        tty::unsent(self.as_fd())
    }

    /// Takes back what the device has yet to send.
    pub(super) fn discard_output(&self) {
        let _ = rustix::termios::tcflush(self, rustix::termios::QueueSelector::OFlush);
    }

    /// Raises or lowers a line that keys a transmitter. A pseudo-terminal has none.
    pub(super) fn set_line(&self, line: KeyLine, on: bool) -> std::io::Result<()> {
        match self {
            Self::Tty(tty) => tty.set_line(line, on),
            Self::Virtual(_) => Ok(()),
        }
    }

    pub(super) fn lower_lines(&self) {
        if let Self::Tty(tty) = self {
            tty.lower_lines();
        }
    }

    pub(super) fn restore_lines(&self) {
        if let Self::Tty(tty) = self {
            tty.restore_lines();
        }
    }
}

impl AsFd for Opened {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tty(tty) => tty.as_fd(),
            Self::Virtual(pty) => pty.as_fd(),
        }
    }
}
