//! TLS for the page: which versions, which certificate.

use std::fmt;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{Error, ServerConfig};

/// First byte of a connection that begins with a handshake of TLS (RFC 8446, section 5.1). No
/// request in HTTP begins with it (RFC 9110, section 9.1).
pub(super) const HANDSHAKE: u8 = 0x16;

/// A certificate with its key. The `Debug` form does not show the key.
#[derive(Clone)]
pub struct TlsCertificate {
    /// X.509, DER; self-signed.
    pub certificate: Vec<u8>,
    /// PKCS#8, DER.
    pub key: Vec<u8>,
}

impl fmt::Debug for TlsCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsCertificate").finish_non_exhaustive()
    }
}

/// Takes connections that begin with [`HANDSHAKE`].
pub(super) fn acceptor(certificate: TlsCertificate) -> Result<TlsAcceptor, Error> {
    let TlsCertificate { certificate, key } = certificate;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate)],
            PrivatePkcs8KeyDer::from(key).into(),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
