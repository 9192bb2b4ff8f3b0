//! The certificate that a bench shows in DTLS, and its key.

use crate::signaling::fingerprint::certificate_der;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use sha2::{Digest, Sha256};
use std::fmt;

/// A certificate with its key. The `Debug` form does not show the key.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    pem: String,
    /// PKCS#8, DER.
    key: Vec<u8>,
    fingerprint: [u8; 32],
}

impl Certificate {
    /// Makes a self-signed one for ECDSA on P-256. Its validity is rcgen's, 1975 to 4096: a peer
    /// goes by the fingerprint alone (RFC 8122, section 5), and a bench whose clock is not kept
    /// going does not know the year.
    pub(super) fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters
            .distinguished_name
            .push(DnType::CommonName, "periscope");
        let certificate = parameters.self_signed(&key)?;
        Ok(Self {
            fingerprint: Sha256::digest(certificate.der()).into(),
            pem: format!("{}{}", certificate.pem(), key.serialize_pem()),
            key: key.serialize_der(),
        })
    }

    /// Takes a certificate with its key after it, as [`pem`](Self::pem) gives it. `None` if one
    /// of them is damaged, or they do not belong together.
    pub(super) fn from_pem(pem: String) -> Option<Self> {
        let der = certificate_der(&pem).ok()?;
        let key = KeyPair::from_pem(pem.get(pem.find("-----BEGIN PRIVATE KEY-----")?..)?).ok()?;
        is_for(&der, &key).then(|| Self {
            fingerprint: Sha256::digest(&der).into(),
            key: key.serialize_der(),
            pem,
        })
    }

    /// The certificate, then its key in PKCS#8 (RFC 7468).
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// SHA-256 of the certificate in DER form.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The key, PKCS#8 in DER form.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The bench's name on the LAN, see [`Identity::mdns_name`](super::Identity::mdns_name).
    pub(super) fn mdns_name(&self) -> String {
        let [a, b, c, d, ..] = self.fingerprint;
        format!("periscope-{a:02x}{b:02x}{c:02x}{d:02x}.local")
    }
}

/// Whether a certificate in DER form is one for this key, which stands in it as it is.
pub(super) fn is_for(der: &[u8], key: &KeyPair) -> bool {
    let public = key.public_key_raw();
    der.windows(public.len()).any(|window| window == public)
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signaling::fingerprint::Fingerprint;

    #[test]
    fn a_certificate_is_read_as_it_was_written() {
        let made = Certificate::generate().unwrap();
        assert_eq!(Certificate::from_pem(made.pem().to_owned()), Some(made));
    }

    #[test]
    fn the_fingerprint_is_the_one_that_a_peer_computes() {
        let made = Certificate::generate().unwrap();
        let seen = Fingerprint::of_pem(made.pem()).unwrap();
        assert_eq!(seen.bytes, made.fingerprint());
    }

    #[test]
    fn the_certificate_comes_before_its_key() {
        let made = Certificate::generate().unwrap();
        let begins: Vec<&str> = made
            .pem()
            .lines()
            .filter(|line| line.starts_with("-----BEGIN"))
            .collect();
        let expected = ["CERTIFICATE", "PRIVATE KEY"].map(|name| format!("-----BEGIN {name}-----"));
        assert_eq!(begins, expected);
    }

    #[test]
    fn a_damaged_certificate_and_a_foreign_key_are_refused() {
        let (one, other) = (
            Certificate::generate().unwrap(),
            Certificate::generate().unwrap(),
        );
        let key = one.pem().find("-----BEGIN PRIVATE").unwrap();
        let foreign = other.pem().find("-----BEGIN PRIVATE").unwrap();
        for pem in [
            String::new(),
            one.pem()[..key].to_owned(),
            one.pem()[key..].to_owned(),
            one.pem()[..one.pem().len() - 60].to_owned(),
            format!("{}{}", &one.pem()[..key], &other.pem()[foreign..]),
        ] {
            assert_eq!(Certificate::from_pem(pem.clone()), None, "{pem}");
        }
    }

    #[test]
    fn debugging_output_does_not_show_the_key() {
        let made = Certificate::generate().unwrap();
        assert!(!format!("{made:?}").contains("PRIVATE"));
    }
}
