//! The user name with which a page that has a code comes to the bench.

use super::CodeId;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// Characters of the id.
const ID: usize = 4;

/// The `ice-ufrag` that a page writes into the answer that it makes for the bench: the code's id
/// and the SHA-256 of the page's own certificate, 47 characters. So the bench learns from the
/// first connectivity check, under the code's password, which certificate to expect.
pub fn code_ufrag(id: &CodeId, fingerprint: &[u8; 32]) -> String {
    format!("{id}{}", STANDARD_NO_PAD.encode(fingerprint))
}

/// Reads a [`code_ufrag`]; `None` for any other text. What is read has no character that could
/// end a line of an SDP.
pub fn parse_code_ufrag(ufrag: &str) -> Option<(CodeId, [u8; 32])> {
    let (id, fingerprint) = ufrag.split_at_checked(ID)?;
    let fingerprint = STANDARD_NO_PAD.decode(fingerprint).ok()?;
    Some((id.parse().ok()?, fingerprint.try_into().ok()?))
}

/// `ice-char` of RFC 8839, section 5.4.
pub(crate) fn is_ice_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}
