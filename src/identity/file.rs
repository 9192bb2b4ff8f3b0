//! The file in which an identity is kept: JSON, for its owner only, written whole or not at all.
//!
//! Beside it lies a lock file; whoever reads to write, or writes, holds its lock (`flock`). The
//! lock is not on the file itself because that is replaced by each write.

use super::{Certificate, IdentityError, WebCertificate};
use crate::signaling::codes::Codes;
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The format that is written.
const VERSION: u64 = 1;

/// Most that is read, in bytes: four times what the most codes take.
const MAX_FILE: u64 = 256 * 1024;

/// What is kept.
#[derive(Debug, Clone)]
pub(super) struct Content {
    pub(super) certificate: Certificate,
    /// None in files from before there was https, and if it is damaged: what is lost with it are
    /// the exceptions that browsers made, and no code.
    pub(super) web: Option<WebCertificate>,
    pub(super) codes: Codes,
}

impl Content {
    /// A new identity.
    pub(super) fn new() -> Result<Self, IdentityError> {
        let certificate = Certificate::generate()?;
        Ok(Self {
            web: Some(WebCertificate::generate(&certificate)?),
            certificate,
            codes: Codes::default(),
        })
    }
}

/// The file as it is written.
#[derive(Serialize, Deserialize)]
struct Format {
    version: u64,
    /// The certificate, then the key.
    pem: String,
    /// The certificate for browsers. Its key is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    web: Option<String>,
    codes: Codes,
}

/// What all formats have.
#[derive(Deserialize)]
struct AnyFormat {
    version: u64,
}

/// What opening gave.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) content: Content,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
}

/// A place for an identity.
#[derive(Debug)]
pub(super) struct Store {
    path: PathBuf,
    /// The folder is ours alone, and nobody else has to look into it.
    owns_folder: bool,
}

/// The store under its lock, until dropped.
pub(super) struct Transaction<'a> {
    store: &'a Store,
    _lock: File,
}

impl Store {
    /// This file in a folder of ours.
    pub(super) fn private(path: PathBuf) -> Self {
        Self {
            path,
            owns_folder: true,
        }
    }

    /// This file in anybody's folder.
    pub(super) fn at(path: PathBuf) -> Self {
        Self {
            path,
            owns_folder: false,
        }
    }

    /// Reads what is kept, or keeps what `make` makes.
    pub(super) fn open(
        &self,
        now: SystemTime,
        make: impl FnOnce() -> Result<Content, IdentityError>,
    ) -> Result<Loaded, IdentityError> {
        let transaction = match self.begin() {
            Ok(transaction) => transaction,
            Err(error) => return self.open_read_only(error),
        };
        let mut warnings = Vec::new();
        if self.owns_folder {
            warnings.extend(tighten(self.folder(), 0o700));
        }
        let content = match transaction.read() {
            Ok(Some(mut content)) => {
                warnings.extend(tighten(&self.path, 0o600));
                if content.web.is_none() {
                    content.web = Some(WebCertificate::generate(&content.certificate)?);
                    content = transaction.keep(content)?;
                }
                content
            }
            Ok(None) => transaction.keep(make()?)?,
            Err(IdentityError::Broken { path, reason }) => {
                let aside = transaction.set_aside(now)?;
                warnings.push(format!(
                    "the bench's identity in {} could not be read ({reason}): it was set aside \
                     as {}, and codes that were given out before no longer work",
                    path.display(),
                    aside.display()
                ));
                transaction.keep(make()?)?
            }
            Err(error) => return Err(error),
        };
        Ok(Loaded { content, warnings })
    }

    /// An identity on a disk that cannot be written is still one.
    fn open_read_only(&self, error: IdentityError) -> Result<Loaded, IdentityError> {
        match self.read() {
            Ok(Some(content)) => Ok(Loaded {
                content,
                warnings: vec![format!(
                    "{error}; what is there is used, changes of codes end with the process"
                )],
            }),
            Err(later @ IdentityError::LaterVersion { .. }) => Err(later),
            _ => Err(error),
        }
    }

    /// Waits for the lock. The folder is made if it is not there.
    pub(super) fn begin(&self) -> Result<Transaction<'_>, IdentityError> {
        let lock = || {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(self.folder())?;
            let mut name = self.path.clone().into_os_string();
            name.push(".lock");
            let lock = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(name)?;
            lock.lock()?;
            Ok(lock)
        };
        Ok(Transaction {
            store: self,
            _lock: lock().map_err(|error| self.write_error(error))?,
        })
    }

    /// What is in the file; `None` if there is none.
    fn read(&self) -> Result<Option<Content>, IdentityError> {
        let broken = |reason: String| IdentityError::Broken {
            path: self.path.clone(),
            reason,
        };
        let text = match self.read_text() {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            // Not ours to move away.
            Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
                return Err(self.write_error(error));
            }
            Err(error) => return Err(broken(error.to_string())),
        };
        // serde's own words may have a secret in them.
        let syntax =
            |error: serde_json::Error| broken(format!("damaged at line {}", error.line().max(1)));
        match serde_json::from_str::<AnyFormat>(&text).map_err(syntax)? {
            AnyFormat { version: VERSION } => {}
            AnyFormat { version } if version > VERSION => {
                return Err(IdentityError::LaterVersion {
                    path: self.path.clone(),
                    version,
                });
            }
            AnyFormat { version } => return Err(broken(format!("there is no format {version}"))),
        }
        let Format {
            pem, web, codes, ..
        } = serde_json::from_str(&text).map_err(syntax)?;
        let certificate = Certificate::from_pem(pem)
            .ok_or_else(|| broken("certificate and key are damaged".into()))?;
        let web = web.and_then(|pem| WebCertificate::from_pem(pem, &certificate));
        if !codes.is_sound() {
            return Err(broken("too many codes, or one of them twice".into()));
        }
        Ok(Some(Content {
            certificate,
            web,
            codes,
        }))
    }

    fn read_text(&self) -> io::Result<String> {
        let mut text = String::new();
        let length = File::open(&self.path)?
            .take(MAX_FILE + 1)
            .read_to_string(&mut text)?;
        match length as u64 > MAX_FILE {
            true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "too large")),
            false => Ok(text),
        }
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    fn write_error(&self, error: io::Error) -> IdentityError {
        IdentityError::Write {
            path: self.path.clone(),
            error,
        }
    }
}

impl Transaction<'_> {
    /// What is in the file; `None` if there is none.
    pub(super) fn read(&self) -> Result<Option<Content>, IdentityError> {
        self.store.read()
    }

    /// Replaces what is in the file: after a power failure it is the old or the new.
    pub(super) fn write(&self, content: &Content) -> Result<(), IdentityError> {
        let write = || {
            let mut bytes = serde_json::to_vec_pretty(&Format {
                version: VERSION,
                pem: content.certificate.pem().to_owned(),
                web: content.web.as_ref().map(|web| web.pem().to_owned()),
                codes: content.codes.clone(),
            })?;
            bytes.push(b'\n');
            // For its owner only, and removed again if anything fails.
            let mut file = tempfile::NamedTempFile::new_in(self.store.folder())?;
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(&self.store.path)?;
            File::open(self.store.folder())?.sync_all()
        };
        write().map_err(|error| self.store.write_error(error))
    }

    fn keep(&self, content: Content) -> Result<Content, IdentityError> {
        self.write(&content).map(|()| content)
    }

    /// Renames the file to `NAME.broken-SECONDS.json`, or, should that be there, a later second.
    fn set_aside(&self, now: SystemTime) -> Result<PathBuf, IdentityError> {
        let path = &self.store.path;
        let stem = path.file_stem().unwrap_or_default();
        let seconds = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let aside = (seconds..)
            .map(|seconds| {
                let mut name = stem.to_owned();
                name.push(format!(".broken-{seconds}.json"));
                path.with_file_name(name)
            })
            .find(|aside| aside.symlink_metadata().is_err())
            .unwrap_or_else(|| path.with_extension("broken"));
        std::fs::rename(path, &aside)
            .map(|()| aside)
            .map_err(|error| self.store.write_error(error))
    }
}

/// Takes away what others may do with a file or folder; says so if they could do anything.
fn tighten(path: &Path, mode: u32) -> Option<String> {
    let found = std::fs::metadata(path).ok()?.permissions().mode();
    if found & 0o077 == 0 {
        return None;
    }
    Some(
        match std::fs::set_permissions(path, Permissions::from_mode(mode)) {
            Ok(()) => format!(
                "{} was open to other users of this computer: it is yours alone now, but if one of \
             them may have read it, remove it and give out new codes",
                path.display()
            ),
            Err(error) => format!(
                "{} is open to other users of this computer, and that cannot be changed ({error})",
                path.display()
            ),
        },
    )
}
