//! The certificate that a bench shows to browsers in TLS: a second one for the same key.
//!
//! Browsers want more of a certificate than DTLS does, and codes carry the fingerprint of the
//! first one, which therefore has to stay as it is.

use super::certificate::{Certificate, is_for};
use crate::signaling::fingerprint::certificate_der;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::ParsedCertificate;

/// A certificate without its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebCertificate {
    pem: String,
    der: Vec<u8>,
}

impl WebCertificate {
    /// Makes a self-signed one for the key of `bench`.
    ///
    /// A browser lets a person make an exception for it, once: so it has to be the same one for
    /// as long as the bench is. That is why no address stands in it, for addresses change; only
    /// the bench's name on the LAN, for those who tell their system to trust it.
    pub(super) fn generate(bench: &Certificate) -> Result<Self, rcgen::Error> {
        let key = KeyPair::try_from(bench.key())?;
        let name = bench.mdns_name();
        let mut parameters = CertificateParams::new([name.clone()])?;
        parameters.distinguished_name = DistinguishedName::new();
        // Not the name in the bench's other certificate, and not its number either: Firefox
        // refuses, without a way round, a second certificate of the same issuer and number.
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.serial_number = Some(SerialNumber::from_slice(&rand::random::<[u8; 16]>()));
        // The same years whenever it is made: a bench whose clock is not kept going does not know
        // which one it is. Apple's systems refuse more than 825 days, but not in certificates from
        // before July 2019; and years from 2050 on are written in another way (RFC 5280, section
        // 4.1.2.5).
        parameters.not_before = date_time_ymd(2019, 6, 1);
        parameters.not_after = date_time_ymd(2049, 12, 31);
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = parameters.self_signed(&key)?;
        Ok(Self {
            pem: certificate.pem(),
            der: certificate.der().to_vec(),
        })
    }

    /// Takes one, as [`pem`](Self::pem) gives it. `None` if it is damaged, or none for the key of
    /// `bench`.
    pub(super) fn from_pem(pem: String, bench: &Certificate) -> Option<Self> {
        let der = certificate_der(&pem).ok()?;
        let key = KeyPair::try_from(bench.key()).ok()?;
        let is_whole = ParsedCertificate::try_from(&CertificateDer::from(der.as_slice())).is_ok();
        (is_whole && is_for(&der, &key)).then_some(Self { pem, der })
    }

    /// RFC 7468.
    pub(super) fn pem(&self) -> &str {
        &self.pem
    }

    /// X.509, DER.
    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    fn made() -> (Certificate, WebCertificate) {
        let bench = Certificate::generate().unwrap();
        let web = WebCertificate::generate(&bench).unwrap();
        (bench, web)
    }

    fn contains(whole: &[u8], part: &[u8]) -> bool {
        whole.windows(part.len()).any(|window| window == part)
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        let (bench, web) = made();
        let read = WebCertificate::from_pem(web.pem().to_owned(), &bench);
        assert_eq!(read, Some(web));
    }

    #[test]
    fn it_is_another_certificate_for_the_same_key() {
        let (bench, web) = made();
        let first = certificate_der(bench.pem()).unwrap();
        let key = KeyPair::try_from(bench.key()).unwrap();
        assert!(is_for(&first, &key) && is_for(web.der(), &key));
        // Browsers take two certificates of one issuer and number for forgery.
        assert!(!contains(&first, bench.mdns_name().as_bytes()));
        assert_ne!(web, WebCertificate::generate(&bench).unwrap());
    }

    #[test]
    fn it_holds_what_browsers_look_for() {
        let (bench, web) = made();
        // dNSName, a context-specific tag 2 (RFC 5280, section 4.2.1.6).
        let name = bench.mdns_name();
        let mut dns_name = vec![0x82, name.len() as u8];
        dns_name.extend(name.bytes());
        assert!(contains(web.der(), &dns_name));
        // UTCTime (tag 0x17), 13 bytes: both years are before 2050.
        assert!(contains(
            web.der(),
            b"\x17\x0d190601000000Z\x17\x0d491231000000Z"
        ));
        // id-kp-serverAuth, 1.3.6.1.5.5.7.3.1.
        let server_auth = [0x2b, 6, 1, 5, 5, 7, 3, 1];
        assert!(contains(web.der(), &server_auth));
    }

    #[test]
    fn a_damaged_one_and_one_for_another_key_are_refused() {
        let (bench, web) = made();
        let (_, foreign) = made();
        let half = &web.der()[..web.der().len() - 30];
        for pem in [
            String::new(),
            web.pem()[..web.pem().len() / 2].to_owned(),
            foreign.pem().to_owned(),
            format!(
                "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
                STANDARD.encode(half)
            ),
        ] {
            assert_eq!(WebCertificate::from_pem(pem.clone(), &bench), None, "{pem}");
        }
    }
}
