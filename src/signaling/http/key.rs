//! The key that opens the door: whoever has it may watch.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use std::fmt;
use subtle::ConstantTimeEq;

/// Longest key, in characters.
const MAX_KEY: usize = 128;

/// Why a text cannot be a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, or too long.
    #[error("the key has {0} characters: use 1 to 128")]
    Length(usize),
    /// Something that does not go into a URL as it is.
    #[error("the key has “{0}” in it: use letters, digits, “-”, “.”, “_” and “~” only")]
    Character(char),
}

/// A bearer secret. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey(String);

impl AccessKey {
    /// Makes a new one: 128 random bits, 22 characters of base64url.
    pub fn generate() -> Self {
        Self(URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()))
    }

    /// Takes a key that a person chose: 1 to 128 unreserved characters of RFC 3986, section 2.3,
    /// because it is shown in the fragment of a URL.
    ///
    /// # Errors
    /// [`KeyError`] says which of this it is not.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~');
        let length = text.chars().count();
        if !(1..=MAX_KEY).contains(&length) {
            return Err(KeyError::Length(length));
        }
        match text.chars().find(|c| !usable(*c)) {
            Some(c) => Err(KeyError::Character(c)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// Whether a text is this key; the time it takes tells nothing, not even the length.
    pub fn matches(&self, text: &str) -> bool {
        let digest = |text: &str| Sha256::digest(text.as_bytes());
        digest(&self.0).ct_eq(&digest(text)).into()
    }

    /// The key itself, for the page's address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_22_characters_that_are_never_the_same() {
        let (one, other) = (AccessKey::generate(), AccessKey::generate());
        assert_eq!(one.as_str().len(), 22);
        assert_ne!(one, other);
        assert_eq!(AccessKey::parse(one.as_str()), Ok(one));
    }

    #[test]
    fn only_the_key_itself_matches() {
        let key = AccessKey::parse("lab-7").unwrap();
        assert!(key.matches("lab-7"));
        for wrong in ["", "lab-", "lab-77", "LAB-7", "lab-8"] {
            assert!(!key.matches(wrong), "{wrong}");
        }
    }

    #[test]
    fn what_does_not_go_into_an_address_is_refused() {
        assert_eq!(AccessKey::parse(""), Err(KeyError::Length(0)));
        assert_eq!(
            AccessKey::parse(&"x".repeat(129)),
            Err(KeyError::Length(129))
        );
        assert!(AccessKey::parse(&"x".repeat(128)).is_ok());
        for (text, c) in [("a b", ' '), ("a#b", '#'), ("ä", 'ä'), ("a\nb", '\n')] {
            assert_eq!(AccessKey::parse(text), Err(KeyError::Character(c)));
        }
    }

    #[test]
    fn debugging_output_does_not_show_the_key() {
        assert!(!format!("{:?}", AccessKey::parse("secret").unwrap()).contains("secret"));
    }
}
