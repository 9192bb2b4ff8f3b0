//! What a port is called.

use std::path::{Path, PathBuf};

/// The device of a port (property `device`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Device {
    /// A tty by its path, or by a symbolic link to it, which may come and go with it.
    Tty(PathBuf),
    /// A pseudo-terminal that we make, under this name.
    Virtual(PathBuf),
}

impl Device {
    pub(crate) fn new(name: &str) -> Self {
        match name.strip_prefix("pty:") {
            Some(link) => Self::Virtual(PathBuf::from(link)),
            None => Self::Tty(PathBuf::from(name)),
        }
    }

    /// The same for all names of one port.
    pub(super) fn canonical(&self) -> Self {
        match self {
            Self::Tty(path) => Self::Tty(path.canonicalize().unwrap_or_else(|_| absolute(path))),
            // The link itself does not tell: it is made anew.
            Self::Virtual(link) => {
                let link = absolute(link);
                let parent = link.parent().and_then(|parent| parent.canonicalize().ok());
                Self::Virtual(match (parent, link.file_name()) {
                    (Some(parent), Some(name)) => parent.join(name),
                    _ => link,
                })
            }
        }
    }
}

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tty(path) => path.display().fmt(f),
            Self::Virtual(link) => write!(f, "pty:{}", link.display()),
        }
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
