//! What a page gives back for an offer of a bench that needs to know no more of it.

use super::{SHORT_ANSWER, search};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Characters of a short answer.
const LENGTH: usize = 50;

/// The answer to an offer of a bench that is ICE-lite: which offer, and which certificate the
/// page will show. The page has the bench's addresses from the offer and comes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortAnswer {
    /// The tag of the offer's mids: four letters or digits.
    tag: String,
    /// SHA-256 of the page's certificate in DER form.
    fingerprint: [u8; 32],
}

impl ShortAnswer {
    /// `None` unless the tag is four ASCII letters or digits.
    pub fn new(tag: &str, fingerprint: [u8; 32]) -> Option<Self> {
        let is_tag = tag.len() == 4 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_tag.then(|| Self {
            tag: tag.to_owned(),
            fingerprint,
        })
    }

    /// The tag of the offer's mids: four letters or digits.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// SHA-256 of the page's certificate in DER form.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// The answer as base64url without padding: 50 characters.
    pub fn to_text(&self) -> String {
        let mut bytes = vec![SHORT_ANSWER << 5];
        bytes.extend(self.tag.as_bytes());
        bytes.extend(self.fingerprint);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the first short answer in a text: broken over lines or quoted, or in a sentence.
    pub fn read(text: &str) -> Option<Self> {
        search::first(&search::words(text), LENGTH..=LENGTH, Self::from_text)
    }

    /// Whether a short answer can begin like this.
    pub(crate) fn may_begin(text: &str) -> bool {
        // 0x40 and the upper half of an ASCII letter or digit.
        matches!(text.as_bytes(), [b'Q', b'D'..=b'H', ..])
    }

    /// Reads a short answer and nothing else.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if text.len() != LENGTH {
            return None;
        }
        let bytes: [u8; 37] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (&[first], rest) = bytes.split_first_chunk::<1>()?;
        let (tag, fingerprint) = rest.split_first_chunk::<4>()?;
        if first != SHORT_ANSWER << 5 {
            return None;
        }
        Self::new(std::str::from_utf8(tag).ok()?, fingerprint.try_into().ok()?)
    }
}
