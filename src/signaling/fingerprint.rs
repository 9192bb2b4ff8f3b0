//! Certificate fingerprints (RFC 8122, section 5): what ties a pasted description to the
//! certificate that a peer then shows in DTLS.
//!
//! `webrtcbin` does not compare them before GStreamer 1.28.5, so the element must.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt;
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// A hash function that is good enough to name a certificate by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256, what every browser uses.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Algorithm::Sha256 => "sha-256",
            Algorithm::Sha384 => "sha-384",
            Algorithm::Sha512 => "sha-512",
        }
    }

    fn length(self) -> usize {
        match self {
            Algorithm::Sha256 => 32,
            Algorithm::Sha384 => 48,
            Algorithm::Sha512 => 64,
        }
    }
}

/// Why the value of an `a=fingerprint` line is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FingerprintError {
    /// A hash that can be forged, or one that we do not know.
    #[error("fingerprint algorithm “{0}” is not accepted: use sha-256, sha-384 or sha-512")]
    Algorithm(String),
    /// Not `algorithm AA:BB:…`, or not as many bytes as the algorithm makes.
    #[error(
        "the fingerprint is not written as “sha-256 AA:BB:…” with all its bytes: copy it again"
    )]
    Syntax,
}

/// The hash of a certificate's DER form.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    /// The hash function.
    pub algorithm: Algorithm,
    /// The hash: 32, 48 or 64 bytes.
    pub bytes: Vec<u8>,
}

impl Fingerprint {
    /// The fingerprint that is this SHA-256.
    pub fn sha256(hash: &[u8; 32]) -> Self {
        Self {
            algorithm: Algorithm::Sha256,
            bytes: hash.to_vec(),
        }
    }

    /// The SHA-256 fingerprint of a certificate in DER form.
    pub fn of_der(der: &[u8]) -> Self {
        Self::with(Algorithm::Sha256, der)
    }

    /// The SHA-256 fingerprint of the first certificate in a PEM text (RFC 7468). A private key
    /// in the same text is not looked at.
    ///
    /// # Errors
    /// [`FingerprintError::Syntax`] when there is no certificate.
    pub fn of_pem(pem: &str) -> Result<Self, FingerprintError> {
        Ok(Self::of_der(&certificate_der(pem)?))
    }

    fn with(algorithm: Algorithm, der: &[u8]) -> Self {
        let bytes = match algorithm {
            Algorithm::Sha256 => Sha256::digest(der).to_vec(),
            Algorithm::Sha384 => Sha384::digest(der).to_vec(),
            Algorithm::Sha512 => Sha512::digest(der).to_vec(),
        };
        Self { algorithm, bytes }
    }

    /// Whether both name the same certificate, in constant time.
    pub fn matches(&self, other: &Fingerprint) -> bool {
        self.algorithm == other.algorithm && bool::from(self.bytes.ct_eq(&other.bytes))
    }
}

/// The value of an `a=fingerprint` line, hexadecimal in upper case as RFC 8122 asks.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        for (i, byte) in self.bytes.iter().enumerate() {
            write!(f, "{}{byte:02X}", if i == 0 { ' ' } else { ':' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Reads `sha-256 AA:BB:…`; either case of letters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut words = text.split_ascii_whitespace();
        let (Some(name), Some(hex), None) = (words.next(), words.next(), words.next()) else {
            return Err(FingerprintError::Syntax);
        };
        let algorithm = [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| FingerprintError::Algorithm(name.chars().take(20).collect()))?;
        let mut bytes = Vec::with_capacity(algorithm.length());
        for pair in hex.split(':') {
            // from_str_radix alone would take “+f”.
            if pair.len() != 2 || !pair.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(FingerprintError::Syntax);
            }
            bytes.push(u8::from_str_radix(pair, 16).map_err(|_| FingerprintError::Syntax)?);
        }
        if bytes.len() != algorithm.length() {
            return Err(FingerprintError::Syntax);
        }
        Ok(Self { algorithm, bytes })
    }
}

/// The peer showed another certificate than its description named, or none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the peer's certificate is not the one in its description (expected {expected}, got {got}): \
     somebody may be in between, or an old description was pasted; start again with a new one"
)]
pub struct FingerprintMismatch {
    /// What the description said.
    pub expected: String,
    /// What the certificate hashes to.
    pub got: String,
}

/// Checks the certificate that a peer showed in DTLS against the fingerprints of its description.
/// One match is enough (RFC 8122, section 5).
///
/// # Errors
/// [`FingerprintMismatch`], also when there is no fingerprint or no certificate to compare.
pub fn verify(certificate_pem: &str, expected: &[Fingerprint]) -> Result<(), FingerprintMismatch> {
    let mismatch = |got: String| FingerprintMismatch {
        expected: match expected {
            [] => "none".to_owned(),
            some => some
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" or "),
        },
        got,
    };
    let Ok(der) = certificate_der(certificate_pem) else {
        return Err(mismatch("no certificate".to_owned()));
    };
    // No early exit: which of them matched is nobody's business.
    let mut matched = false;
    for fingerprint in expected {
        matched |= fingerprint.matches(&Fingerprint::with(fingerprint.algorithm, &der));
    }
    if matched {
        Ok(())
    } else {
        let algorithm = expected.first().map_or(Algorithm::Sha256, |f| f.algorithm);
        Err(mismatch(Fingerprint::with(algorithm, &der).to_string()))
    }
}

/// The first certificate in a PEM text (RFC 7468) in DER form.
pub(crate) fn certificate_der(pem: &str) -> Result<Vec<u8>, FingerprintError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let body = pem
        .split_once(BEGIN)
        .and_then(|(_, rest)| rest.split_once(END))
        .map(|(body, _)| body)
        .ok_or(FingerprintError::Syntax)?;
    let packed: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    match STANDARD.decode(packed) {
        Ok(der) if !der.is_empty() => Ok(der),
        _ => Err(FingerprintError::Syntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // printf 'hello' | sha256sum
    const HELLO: &str = "sha-256 2C:F2:4D:BA:5F:B0:A3:0E:26:E8:3B:2A:C5:B9:E2:9E:1B:16:1E:5C:1F:\
        A7:42:5E:73:04:33:62:93:8B:98:24";

    fn pem() -> String {
        format!(
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n\
             -----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
            STANDARD.encode("hello")
        )
    }

    #[test]
    fn the_fingerprint_of_a_certificate_ignores_the_key_beside_it() {
        assert_eq!(Fingerprint::of_pem(&pem()).unwrap().to_string(), HELLO);
    }

    #[test]
    fn a_certificate_that_matches_any_of_the_fingerprints_is_accepted() {
        let other = Fingerprint::of_der(b"other");
        let sha512 = Fingerprint::with(Algorithm::Sha512, b"hello");
        assert_eq!(verify(&pem(), &[other, sha512]), Ok(()));
    }

    #[test]
    fn a_mismatch_shows_both_fingerprints() {
        let other = Fingerprint::of_der(b"other");
        let error = verify(&pem(), std::slice::from_ref(&other)).unwrap_err();
        assert_eq!(error.got, HELLO);
        let text = error.to_string();
        assert!(
            text.contains(HELLO) && text.contains(&other.to_string()),
            "{text}"
        );
    }

    #[test]
    fn nothing_to_compare_is_a_mismatch() {
        assert!(verify(&pem(), &[]).is_err());
        assert!(verify("", &[HELLO.parse().unwrap()]).is_err());
        let empty = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----";
        assert!(verify(empty, &[Fingerprint::of_der(b"")]).is_err());
    }

    #[test]
    fn weak_hashes_are_refused_by_name() {
        let error = "sha-1 AA:BB".parse::<Fingerprint>().unwrap_err();
        assert!(error.to_string().contains("sha-1"), "{error}");
        assert!(matches!(
            "md5 AA".parse::<Fingerprint>(),
            Err(FingerprintError::Algorithm(_))
        ));
    }

    #[test]
    fn lower_case_is_read_and_upper_case_written() {
        let lower: Fingerprint = HELLO.to_lowercase().parse().unwrap();
        assert_eq!(lower.to_string(), HELLO);
    }

    #[test]
    fn a_fingerprint_with_a_byte_missing_is_refused() {
        let cut = &HELLO[..HELLO.len() - 3];
        assert_eq!(cut.parse::<Fingerprint>(), Err(FingerprintError::Syntax));
        assert_eq!(
            "sha-256".parse::<Fingerprint>(),
            Err(FingerprintError::Syntax)
        );
        assert_eq!(
            format!("{HELLO} x").parse::<Fingerprint>(),
            Err(FingerprintError::Syntax)
        );
        assert_eq!(
            "sha-256 +2:C0".parse::<Fingerprint>(),
            Err(FingerprintError::Syntax)
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            if let Ok(fingerprint) = text.parse::<Fingerprint>() {
                prop_assert_eq!(fingerprint.to_string().parse::<Fingerprint>(), Ok(fingerprint));
            }
            let _ = Fingerprint::of_pem(&text);
        }

        #[test]
        fn what_is_written_is_read_again(der in any::<Vec<u8>>()) {
            let fingerprint = Fingerprint::of_der(&der);
            prop_assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        }
    }
}
