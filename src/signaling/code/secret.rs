//! The secret in a code, and what is derived from it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::Sha256;
use std::fmt;
use std::str::FromStr;

/// 128 random bits. Whoever knows them is let in, so the `Debug` form does not show them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    bytes: [u8; 16],
    /// Derived once: it is compared with the first packet of everybody who knocks.
    id: CodeId,
}

impl Secret {
    /// Makes a new one.
    pub fn generate() -> Self {
        Self::from_bytes(rand::random())
    }

    /// Takes one that was made before.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let text = STANDARD_NO_PAD.encode(derive::<3>(&bytes, "periscope/1 id"));
        let mut id = [0; 4];
        // Three bytes are four characters.
        id.copy_from_slice(text.as_bytes());
        Self {
            bytes,
            id: CodeId(id),
        }
    }

    pub(super) fn bytes(&self) -> [u8; 16] {
        self.bytes
    }

    /// The public name of the code, sent in the clear with every connectivity check.
    pub fn id(&self) -> CodeId {
        self.id
    }

    /// The bench's `ice-pwd` for those who come with this code: 32 characters of the ICE
    /// alphabet (RFC 8839, section 5.4).
    pub fn ice_pwd(&self) -> String {
        STANDARD_NO_PAD.encode(derive::<24>(&self.bytes, "periscope/1 pwd"))
    }
}

/// HKDF-SHA256 (RFC 5869) without salt.
fn derive<const N: usize>(secret: &[u8; 16], info: &str) -> [u8; N] {
    // The only thing that expand() can complain about.
    const { assert!(N <= 255 * 32) };
    let mut key = [0; N];
    let _ = Hkdf::<Sha256>::new(None, secret).expand(info.as_bytes(), &mut key);
    key
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Base64url without padding.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.bytes))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        // The text itself is a secret: it does not go into the error.
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self::from_bytes)
            .ok_or_else(|| serde::de::Error::custom("a secret is not 16 bytes in base64url"))
    }
}

/// The public name of a code: four characters of A–Z, a–z, 0–9, `+` and `/`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeId([u8; 4]);

/// A text that is no [`CodeId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the name of a code is four letters, digits, “+” or “/”")]
pub struct CodeIdError;

impl fmt::Display for CodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

impl fmt::Debug for CodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodeId({self})")
    }
}

impl FromStr for CodeId {
    type Err = CodeIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match <[u8; 4]>::try_from(text.as_bytes()) {
            Ok(bytes) if bytes.iter().all(|byte| super::ufrag::is_ice_char(*byte)) => {
                Ok(Self(bytes))
            }
            _ => Err(CodeIdError),
        }
    }
}
