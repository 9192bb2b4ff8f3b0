//! What makes a bench the same one after a restart: its certificates, and the codes that it gave
//! out.
//!
//! In comes where to keep them; out come the certificate as `webrtcbin` wants it, the one for
//! browsers as TLS wants it, the fingerprint that codes carry, the bench's name on the LAN, and
//! the register of codes. The element opens
//! one [`Identity`] when it starts. All is in one file (`file`), which several benches of one
//! user share: each change is made to what the file says at that moment, under a lock, so none
//! undoes another's.

mod certificate;
mod file;
mod web;

use crate::signaling::codes::Codes;
use crate::signaling::http::TlsCertificate;
use certificate::Certificate;
use file::{Content, Loaded, Store};
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;
use web::WebCertificate;

/// What to do where nothing can be kept.
const ADVICE: &str = "name another file, or set identity=none to go without, with codes that end \
                      with the process";

/// Where an identity is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// `periscope/identity.json` in `$XDG_STATE_HOME`, else in `~/.local/state`.
    Default,
    /// This file. Its folder is made if it is not there, and otherwise left as it is.
    File(PathBuf),
    /// Nowhere: a new one each time.
    None,
}

/// Why there is no identity, or why a change to it will not outlive the process.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// Neither `XDG_STATE_HOME` nor `HOME` says where a user's files are.
    #[error("there is no home folder to keep the bench's identity in: {ADVICE}")]
    NoHome,
    /// No folder, no right, no space, or no lock.
    #[error("the bench's identity cannot be kept in {}: {error}; {ADVICE}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// What is in the file is no identity. When one is opened this is no error: such a file is
    /// set aside then.
    #[error("{} is not the bench's identity any more: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is left alone.
    #[error(
        "{} was written by a later version of Periscope (format {version}): use that version, or \
         {ADVICE}",
        path.display()
    )]
    LaterVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        version: u64,
    },
    /// No certificate could be made.
    #[error("the bench's certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// Who a bench is.
#[derive(Debug)]
pub(crate) struct Identity {
    /// None: it ends with the process.
    store: Option<Store>,
    certificate: Certificate,
    web: WebCertificate,
    web_is_kept: bool,
    /// The codes as they were when it was opened.
    codes: Codes,
}

impl Identity {
    /// Opens the identity that is kept there, or makes one. Besides, what a person should know:
    /// that a file was set aside, that permissions were changed, that changes will not be kept.
    pub(crate) fn open(
        source: Source,
        now: SystemTime,
    ) -> Result<(Self, Option<String>), IdentityError> {
        let store = match source {
            Source::Default => Store::private(default_path(
                std::env::var_os("XDG_STATE_HOME"),
                std::env::var_os("HOME"),
            )?),
            Source::File(path) => Store::at(path),
            Source::None => return Ok((Self::of(None, Content::new()?)?, None)),
        };
        let Loaded { content, warnings } = store.open(now, Content::new)?;
        let warning = (!warnings.is_empty()).then(|| warnings.join("; "));
        Ok((Self::of(Some(store), content)?, warning))
    }

    fn of(store: Option<Store>, content: Content) -> Result<Self, IdentityError> {
        let Content {
            certificate,
            web,
            codes,
        } = content;
        // On a disk that cannot be written it may be another one each time.
        let web_is_kept = store.is_some() && web.is_some();
        let web = match web {
            Some(web) => web,
            None => WebCertificate::generate(&certificate)?,
        };
        Ok(Self {
            store,
            certificate,
            web,
            web_is_kept,
            codes,
        })
    }

    /// The certificate, and after it its private key in PKCS#8: the property `pem` of
    /// GStreamer's DTLS elements.
    pub(crate) fn certificate_pem(&self) -> &str {
        self.certificate.pem()
    }

    /// SHA-256 of the certificate in DER form.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        self.certificate.fingerprint()
    }

    /// The certificate that browsers see, with the key of the other one.
    pub(crate) fn tls_certificate(&self) -> TlsCertificate {
        TlsCertificate {
            certificate: self.web.der().to_vec(),
            key: self.certificate.key().to_vec(),
        }
    }

    /// Whether browsers see the same certificate after a restart.
    pub(crate) fn keeps_tls_certificate(&self) -> bool {
        self.web_is_kept
    }

    /// The bench's name on the LAN (RFC 6762): `periscope-` and the first eight hexadecimal
    /// digits of the fingerprint, `.local`.
    pub(crate) fn mdns_name(&self) -> String {
        self.certificate.mdns_name()
    }

    /// The codes as they were when the identity was opened.
    pub(crate) fn codes(&self) -> Codes {
        self.codes.clone()
    }

    /// Changes codes. What other processes have kept meanwhile comes into `codes` first, then
    /// the change is made, then the result is kept. If keeping fails, and the error says why,
    /// `codes` is changed all the same and good for this process.
    pub(crate) fn change_codes<T>(
        &self,
        codes: &mut Codes,
        change: impl FnOnce(&mut Codes) -> T,
    ) -> (T, Result<(), IdentityError>) {
        let Some(store) = &self.store else {
            return (change(codes), Ok(()));
        };
        let transaction = match store.begin() {
            Ok(transaction) => transaction,
            Err(error) => return (change(codes), Err(error)),
        };
        let mut content = match transaction.read() {
            Ok(Some(content)) => content,
            // Somebody has removed it: it is written anew.
            Ok(None) => Content {
                certificate: self.certificate.clone(),
                web: None,
                codes: codes.clone(),
            },
            Err(error) => return (change(codes), Err(error)),
        };
        // An earlier version of Periscope, on the same file, has left it out.
        if content.web.is_none() && content.certificate == self.certificate {
            content.web = Some(self.web.clone());
        }
        let before = content.codes.clone();
        let result = change(&mut content.codes);
        *codes = content.codes.clone();
        let kept = match content.codes == before {
            true => Ok(()),
            false => transaction.write(&content),
        };
        (result, kept)
    }
}

/// Where a user's programs keep their state (XDG Base Directory Specification).
fn default_path(xdg: Option<OsString>, home: Option<OsString>) -> Result<PathBuf, IdentityError> {
    // “If … contains a relative path, the application must consider the path invalid.”
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state = xdg
        .and_then(absolute)
        .or_else(|| Some(home.and_then(absolute)?.join(".local/state")))
        .ok_or(IdentityError::NoHome)?;
    Ok(state.join("periscope/identity.json"))
}

#[cfg(test)]
mod tests;
