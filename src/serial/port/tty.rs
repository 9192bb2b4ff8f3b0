//! A tty: opened for us alone, and set up.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::FlockOperation;
use serial2::{CharSize, SerialPort, StopBits};

use super::error::OpenError;
use crate::serial::settings::{FlowControl, LineSettings, Parity, Pin};
use crate::serial::transmit::KeyLine;

/// An open port. The lock ends with it.
#[derive(Debug)]
pub(super) struct Tty {
    port: SerialPort,
    name: String,
    /// A pseudo-terminal of another program: it has neither modem lines nor a parity bit.
    is_pseudo: bool,
    /// What DTR and RTS are while commands may be written.
    dtr: bool,
    rts: bool,
}

impl Tty {
    /// Opens and locks the device. Nothing is changed on it if somebody else has it.
    pub(super) fn open(path: &Path, settings: &LineSettings) -> Result<Self, OpenError> {
        let fail = |reason: io::Error| OpenError::new(path, reason);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            // Without O_NONBLOCK it would wait for a modem to answer.
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)
            .map_err(fail)?;
        let fd = OwnedFd::from(file);
        if !rustix::termios::isatty(&fd) {
            return Err(fail(io::Error::from_raw_os_error(libc::ENOTTY)));
        }
        // flock for those who may open it in spite of TIOCEXCL: root.
        rustix::fs::flock(&fd, FlockOperation::NonBlockingLockExclusive)
            .and_then(|()| rustix::termios::ioctl_tiocexcl(&fd))
            .map_err(|errno| fail(errno.into()))?;
        let port = SerialPort::from(fd);
        let is_pseudo = port.read_dsr().is_err();
        let mut tty = Self {
            port,
            name: path.display().to_string(),
            is_pseudo,
            dtr: false,
            rts: false,
        };
        tty.configure(settings)?;
        tty.prefer_low_latency();
        Ok(tty)
    }

    pub(super) fn is_pseudo(&self) -> bool {
        self.is_pseudo
    }

    /// Changes the settings of the line.
    pub(super) fn configure(&mut self, settings: &LineSettings) -> Result<(), OpenError> {
        // Changing them waits for what is still to be sent.
        let _ = self.port.discard_output_buffer();
        let mut wanted = self
            .port
            .get_configuration()
            .map_err(|reason| OpenError::new(Path::new(&self.name), reason))?;
        wanted.set_raw();
        let baud = settings.baud();
        let other_speed = wanted.get_baud_rate().ok() != Some(baud);
        wanted
            .set_baud_rate(baud)
            .map_err(|reason| self.refused(format!("{baud} baud"), reason))?;
        if !self.is_pseudo {
            wanted.set_char_size(match settings.data_bits.unwrap_or(8) {
                5 => CharSize::Bits5,
                6 => CharSize::Bits6,
                7 => CharSize::Bits7,
                _ => CharSize::Bits8,
            });
            wanted.set_parity(match settings.parity.unwrap_or_default() {
                Parity::None => serial2::Parity::None,
                Parity::Odd => serial2::Parity::Odd,
                Parity::Even => serial2::Parity::Even,
            });
            wanted.set_stop_bits(match settings.stop_bits.unwrap_or(1) {
                2 => StopBits::Two,
                _ => StopBits::One,
            });
            wanted.set_flow_control(match settings.flow_control.unwrap_or_default() {
                FlowControl::None => serial2::FlowControl::None,
                FlowControl::Hardware => serial2::FlowControl::RtsCts,
                FlowControl::Software => serial2::FlowControl::XonXoff,
            });
        }
        self.port
            .set_configuration(&wanted)
            .map_err(|reason| self.refused("these settings".to_owned(), reason))?;
        if other_speed && !self.is_pseudo {
            // Whatever came at the other speed is garbage.
            let _ = self.port.discard_input_buffer();
        }
        self.set_lines(settings)
    }

    fn set_lines(&mut self, settings: &LineSettings) -> Result<(), OpenError> {
        if settings.rs485.unwrap_or(false) {
            self.port
                .set_rs4xx_mode(serial2::rs4xx::Rs485Config::new())
                .map_err(|reason| self.refused("RS-485".to_owned(), reason))?;
        }
        if self.is_pseudo {
            return Ok(());
        }
        let (dtr, rts) = (
            settings.dtr.unwrap_or_default(),
            settings.rts.unwrap_or_default(),
        );
        match dtr {
            Pin::Keep => {}
            Pin::On | Pin::Off => self
                .port
                .set_dtr(dtr == Pin::On)
                .map_err(|reason| self.refused("a state of DTR".to_owned(), reason))?,
        }
        match rts {
            Pin::Keep => {}
            Pin::On | Pin::Off => self
                .port
                .set_rts(rts == Pin::On)
                .map_err(|reason| self.refused("a state of RTS".to_owned(), reason))?,
        }
        let lines = modem_lines(self.port.as_fd()).unwrap_or(libc::TIOCM_DTR | libc::TIOCM_RTS);
        self.dtr = lines & libc::TIOCM_DTR != 0;
        self.rts = lines & libc::TIOCM_RTS != 0;
        Ok(())
    }

    /// Raises or lowers a line that keys a transmitter.
    pub(super) fn set_line(&self, line: KeyLine, on: bool) -> io::Result<()> {
        match line {
            _ if self.is_pseudo => Ok(()),
            KeyLine::Rts => self.port.set_rts(on),
            KeyLine::Dtr => self.port.set_dtr(on),
        }
    }

    /// DTR and RTS go down, and with them whatever they key.
    pub(super) fn lower_lines(&self) {
        if !self.is_pseudo {
            // Nothing more can be done if the device is gone.
            let _ = self.port.set_dtr(false);
            let _ = self.port.set_rts(false);
        }
    }

    /// DTR and RTS as they were when the port had been opened.
    pub(super) fn restore_lines(&self) {
        if !self.is_pseudo {
            let _ = self.port.set_dtr(self.dtr);
            let _ = self.port.set_rts(self.rts);
        }
    }

    /// Drivers may gather bytes for up to 16 ms (FTDI) to save the computer work; this asks
    /// them not to. Those that do not know it need not.
    fn prefer_low_latency(&self) {
        const ASYNC_LOW_LATENCY: libc::c_int = 1 << 13;
        // struct serial_struct of linux/serial.h; flags are the fifth int of it, and it has
        // less than 128 bytes everywhere.
        let mut info = [0 as libc::c_int; 32];
        let fd = self.port.as_raw_fd();
        // SAFETY: the kernel writes and reads no more than its structure, which fits.
        unsafe {
            if libc::ioctl(fd, libc::TIOCGSERIAL, info.as_mut_ptr()) == 0
                && info[4] & ASYNC_LOW_LATENCY == 0
            {
                info[4] |= ASYNC_LOW_LATENCY;
                libc::ioctl(fd, libc::TIOCSSERIAL, info.as_ptr());
            }
        }
    }

    fn refused(&self, what: String, reason: io::Error) -> OpenError {
        OpenError::Setting {
            device: self.name.clone(),
            what,
            reason,
        }
    }
}

impl AsFd for Tty {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.port.as_fd()
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        // Closing would wait half a minute for a device that holds up the flow.
        let _ = self.port.discard_output_buffer();
        // The guardian may have the same file open for a moment longer.
        let _ = rustix::termios::ioctl_tiocnxcl(&self.port);
        let _ = rustix::fs::flock(&self.port, FlockOperation::NonBlockingUnlock);
    }
}

/// What the kernel and the driver have yet to send, in bytes.
pub(super) fn unsent(fd: BorrowedFd<'_>) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: TIOCOUTQ writes an int.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &mut count) };
    match result {
        0 => usize::try_from(count).unwrap_or(0),
        _ => 0,
    }
}

fn modem_lines(fd: BorrowedFd<'_>) -> Option<libc::c_int> {
    let mut lines: libc::c_int = 0;
    // SAFETY: TIOCMGET writes an int.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCMGET, &mut lines) };
    (result == 0).then_some(lines)
}
