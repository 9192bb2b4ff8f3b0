//! Who gets in: the bench's identity, its codes, and the port where they are shown.
//!
//! Lock: `codes` is held while a change is written to disk, and by nobody who holds
//! another lock.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;

use super::settings::{DEFAULT_PORT, IceMode, Settings};
use crate::ice::desk::{CodeKey, Limits};
use crate::ice::port::{Knock, Port};
use crate::identity::{Identity, Source};
use crate::peer::rtc::Certificate;
use crate::signaling::code::{Code, CodeId, Rights};
use crate::signaling::codes::{Codes, Record};
use crate::signaling::fingerprint::Fingerprint;
use crate::signaling::http::TlsCertificate;
use crate::signaling::qr;

/// How many ports are tried if none is set: as many as the page's server does.
const PORTS_TO_TRY: u16 = 101;

/// The door to the bench, while it runs.
pub(super) struct Door {
    identity: Identity,
    certificate: Arc<Certificate>,
    codes: Mutex<Codes>,
    /// None with full ICE: then there are no codes.
    port: Option<Arc<Port>>,
}

/// A code, and what a person should know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) text: String,
    pub(super) id: CodeId,
    pub(super) rights: Rights,
    pub(super) once: bool,
    /// Whether the one viewer has come.
    pub(super) used: bool,
    pub(super) expires: Option<SystemTime>,
    /// Why it will not outlive this process.
    pub(super) warning: Option<String>,
}

impl Door {
    /// Opens the identity; no port yet. Besides, what a person should know.
    pub(super) fn new(settings: &Settings) -> anyhow::Result<(Self, Option<String>)> {
        let now = SystemTime::now();
        let (identity, warning) = match settings.identity() {
            Source::Default => Identity::open(Source::Default, now).or_else(|error| {
                // Nobody has asked for it by name: the pipeline is to be seen all the same.
                let (identity, _) = Identity::open(Source::None, now)?;
                Ok::<_, anyhow::Error>((identity, Some(error.to_string())))
            })?,
            source => Identity::open(source, now)?,
        };
        let certificate = Arc::new(Certificate::new(
            identity.certificate_pem().to_owned(),
            Fingerprint::sha256(&identity.fingerprint()),
        ));
        let mut codes = identity.codes();
        if codes.next_expiry().is_some_and(|at| at <= now) {
            // That they stay in the file harms nobody.
            let _ = identity.change_codes(&mut codes, |codes| codes.forget_expired(now));
        }
        let door = Self {
            codes: Mutex::new(codes),
            identity,
            certificate,
            port: None,
        };
        Ok((door, warning))
    }

    /// Opens the UDP port. With `accept`, which is asked for each number, the page's server
    /// gets the same one: a number that either finds taken is passed over, unless it was
    /// set by the user.
    pub(super) fn open<T>(
        &mut self,
        settings: &Settings,
        addresses: Vec<IpAddr>,
        on_knock: impl Fn(Knock) + Clone + Send + Sync + 'static,
        mut accept: impl FnMut(u16) -> Result<T, Refused>,
    ) -> anyhow::Result<T> {
        let numbers: Vec<u16> = match settings.port {
            // Which is free for UDP may be taken for TCP.
            Some(0) => vec![0; PORTS_TO_TRY.into()],
            Some(port) => vec![port],
            None => (DEFAULT_PORT..DEFAULT_PORT + PORTS_TO_TRY).collect(),
        };
        let mut taken = None;
        for number in numbers {
            let port = match settings.ice() {
                IceMode::Full => None,
                IceMode::Auto | IceMode::Lite => {
                    match Port::open(
                        number,
                        addresses.clone(),
                        Limits::default(),
                        on_knock.clone(),
                    ) {
                        Ok(port) => Some(port),
                        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                            taken = Some(anyhow::anyhow!(
                                "port {number} (UDP) is taken by another program: stop that \
                                 one, or choose another port"
                            ));
                            continue;
                        }
                        Err(error) => {
                            return Err(error)
                                .with_context(|| format!("UDP port {number} cannot be opened"));
                        }
                    }
                }
            };
            let number = port.as_ref().map_or(number, Port::number);
            match accept(number) {
                Ok(accepted) => {
                    self.port = port.map(Arc::new);
                    self.show_codes(&self.codes());
                    return Ok(accepted);
                }
                Err(Refused::Taken(error)) => taken = Some(error),
                Err(Refused::Failed(error)) => return Err(error),
            }
        }
        Err(taken.unwrap_or_else(|| anyhow::anyhow!("there is no free port")))
    }

    pub(super) fn port(&self) -> Option<&Arc<Port>> {
        self.port.as_ref()
    }

    pub(super) fn certificate(&self) -> &Arc<Certificate> {
        &self.certificate
    }

    /// What browsers see that come by https.
    pub(super) fn tls_certificate(&self) -> TlsCertificate {
        self.identity.tls_certificate()
    }

    /// Of the certificate that browsers see.
    pub(super) fn web_fingerprint(&self) -> Fingerprint {
        Fingerprint::of_der(&self.identity.tls_certificate().certificate)
    }

    /// Whether browsers see the same certificate after a restart.
    pub(super) fn keeps_tls_certificate(&self) -> bool {
        self.identity.keeps_tls_certificate()
    }

    pub(super) fn mdns_name(&self) -> String {
        self.identity.mdns_name()
    }

    fn codes(&self) -> MutexGuard<'_, Codes> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the port whom to let in.
    fn show_codes(&self, codes: &Codes) {
        if let Some(port) = &self.port {
            port.set_codes(
                codes
                    .active(SystemTime::now())
                    .map(|record| CodeKey {
                        id: record.id(),
                        pwd: record.secret.ice_pwd(),
                    })
                    .collect(),
            );
        }
    }

    // ---- Codes ------------------------------------------------------------------------

    /// The standing code of these rights; a new one if it is for one visit or for a time.
    pub(super) fn issue(
        &self,
        rights: Rights,
        once: bool,
        lifetime: Option<Duration>,
        addresses: &[IpAddr],
    ) -> anyhow::Result<Issued> {
        let port = self.port.as_ref().context(
            "there are no codes with ice=full, nor with a STUN or TURN server: set ice=lite",
        )?;
        let now = SystemTime::now();
        let mut codes = self.codes();
        let (record, kept) = self.identity.change_codes(&mut codes, |codes| {
            if once || lifetime.is_some() {
                codes.make(rights, once, lifetime, now)
            } else {
                codes.standing(rights, now)
            }
        });
        self.show_codes(&codes);
        drop(codes);
        Ok(self.issued(
            &record?,
            port.number(),
            addresses,
            kept.err().map(|error| error.to_string()),
        ))
    }

    fn issued(
        &self,
        record: &Record,
        port: u16,
        addresses: &[IpAddr],
        warning: Option<String>,
    ) -> Issued {
        let code = Code {
            rights: record.rights,
            secret: record.secret.clone(),
            fingerprint: self.identity.fingerprint(),
            port,
            addresses: addresses.to_vec(),
        };
        Issued {
            text: code.to_text(),
            id: record.id(),
            rights: record.rights,
            once: record.once,
            used: record.visitor.is_some(),
            expires: record
                .expires
                .and_then(|at| SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(at))),
            warning,
        }
    }

    /// All codes that count, with the addresses of now.
    pub(super) fn list(&self, addresses: &[IpAddr]) -> Vec<Issued> {
        let Some(port) = &self.port else {
            return Vec::new();
        };
        self.codes()
            .active(SystemTime::now())
            .map(|record| self.issued(record, port.number(), addresses, None))
            .collect()
    }

    /// Takes codes back, by id, whole text or “all”. Gives those that are gone.
    pub(super) fn revoke(&self, what: &str) -> anyhow::Result<(Vec<CodeId>, Option<String>)> {
        let now = SystemTime::now();
        let mut codes = self.codes();
        let ids = |codes: &Codes| codes.active(now).map(Record::id).collect::<Vec<_>>();
        let before = ids(&codes);
        let (revoked, kept) = self
            .identity
            .change_codes(&mut codes, |codes| codes.revoke(what));
        self.show_codes(&codes);
        revoked?;
        let left = ids(&codes);
        let gone = before.into_iter().filter(|id| !left.contains(id)).collect();
        Ok((gone, kept.err().map(|error| error.to_string())))
    }

    /// What who knocks may do, if the code lets this certificate in.
    pub(super) fn rights(&self, code: CodeId, certificate: &[u8; 32]) -> Option<Rights> {
        let codes = self.codes();
        let now = SystemTime::now();
        let rights = codes.rights(&code, certificate, now);
        if codes.find(&code, now).is_none() {
            // Expired: from now on there is no answer at all.
            self.show_codes(&codes);
        }
        rights
    }

    /// Whether who came by this code, and has proved to have this certificate, may come in.
    /// A code for one viewer is that viewer's from now on.
    pub(super) fn admit(&self, code: CodeId, certificate: &[u8; 32]) -> bool {
        let now = SystemTime::now();
        let mut codes = self.codes();
        match codes.find(&code, now) {
            Some(record) if record.once => {}
            record => return record.is_some(),
        }
        let (admitted, kept) = self
            .identity
            .change_codes(&mut codes, |codes| codes.admit(&code, certificate, now));
        if let Err(error) = kept {
            gst::warning!(crate::CAT, "whose code {code} is, is not kept: {error}");
        }
        admitted
    }

    // ---- Labels -----------------------------------------------------------------------

    /// What a QR code says: the page with the code, if the page is served.
    pub(super) fn link(issued: &Issued, page: Option<SocketAddr>) -> String {
        match page {
            Some(address) => format!("http://{address}/#{}", issued.text),
            None => issued.text.clone(),
        }
    }

    /// Writes a label for the instrument's case. Gives where it is.
    pub(super) fn write_label(
        &self,
        file: &str,
        issued: &Issued,
        page: Option<SocketAddr>,
    ) -> anyhow::Result<PathBuf> {
        let path = Path::new(file);
        let name = self.mdns_name();
        let label = qr::Label {
            name: &name,
            content: &Self::link(issued, page),
            code: &issued.text,
        };
        qr::write_label(path, &label)?;
        Ok(std::path::absolute(path)?)
    }
}

/// Why the page's server does not take a port.
pub(super) enum Refused {
    /// Another number may do.
    Taken(anyhow::Error),
    Failed(anyhow::Error),
}
