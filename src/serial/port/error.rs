//! Why a port cannot be used, in words for a person.

use std::io;

use super::holder;

/// Why a port cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// No such file.
    #[error("{device} is not there; is it plugged in and switched on?")]
    Missing { device: String },
    /// Somebody else has it.
    #[error("{device} is in use by {by}")]
    Busy { device: String, by: String },
    /// We may not.
    #[error(
        "{device} may not be opened by this user: add the user to the group {group} \
         (sudo usermod -aG {group} $USER) and log in again"
    )]
    Forbidden { device: String, group: String },
    /// Not a serial port.
    #[error("{device} is not a serial port")]
    NotATty { device: String },
    /// The name of a virtual port cannot be made.
    #[error("{link} cannot be made a name of a virtual port: {reason}")]
    Link { link: String, reason: String },
    /// The port does not do what was asked for.
    #[error("{device} does not take {what}: {reason}")]
    Setting {
        device: String,
        what: String,
        reason: io::Error,
    },
    /// Two elements share the port and want different settings.
    #[error(
        "{device} is already open with {property}={there}, and {property}={here} is set here; \
         set it on one of the elements, or the same on both"
    )]
    Conflict {
        device: String,
        property: &'static str,
        here: String,
        there: String,
    },
    /// Two elements want to do the same with the port.
    #[error("{device} already has a {element} in this program")]
    Taken {
        device: String,
        element: &'static str,
    },
    /// The thread of the port is gone.
    #[error("{device} has been given up after an internal error")]
    GivenUp { device: String },
    /// Anything else.
    #[error("{device}: {reason}")]
    Other { device: String, reason: io::Error },
}

impl OpenError {
    /// Whether it may be otherwise later, without anybody changing the pipeline.
    pub(super) fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. } | Self::Busy { .. } | Self::Forbidden { .. } | Self::Other { .. }
        )
    }

    pub(super) fn new(device: &std::path::Path, reason: io::Error) -> Self {
        let name = device.display().to_string();
        match reason.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO | libc::ENOTDIR) => {
                Self::Missing { device: name }
            }
            Some(libc::EBUSY | libc::EWOULDBLOCK) => Self::Busy {
                by: holder::describe(device),
                device: name,
            },
            Some(libc::EACCES | libc::EPERM) => Self::Forbidden {
                group: holder::group(device),
                device: name,
            },
            Some(libc::ENOTTY | libc::EISDIR) => Self::NotATty { device: name },
            _ => Self::Other {
                device: name,
                reason,
            },
        }
    }
}
