//! SRTP for packets that leave, SRTCP for reports that come (RFC 3711): AES-128 in counter
//! mode and HMAC-SHA1, the protection profile that webrtcbin agrees on in DTLS
//! (`SRTP_AES128_CM_HMAC_SHA1_80`, RFC 5764, section 4.1.2).

use aes::Aes128Enc;
use aes::cipher::{InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use ctr::CtrCore;
use ctr::flavors::Ctr32BE;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use subtle::ConstantTimeEq;

/// A master key and its salt, one behind the other.
pub(crate) const MASTER: usize = KEY + SALT;

const KEY: usize = 16;
const SALT: usize = 14;
const AUTHENTICATION_KEY: usize = 20;

/// What protection adds to a packet.
pub(super) const TAG: usize = 10;

/// What session keys are derived for (RFC 3711, section 4.3.2).
#[derive(Clone, Copy)]
enum Label {
    Encryption = 0,
    Authentication = 1,
    Salt = 2,
}

/// The labels of RTCP's keys come behind those of RTP's.
#[derive(Clone, Copy)]
enum Of {
    Rtp = 0,
    Rtcp = 3,
}

/// Session keys.
struct Keys {
    cipher: Aes128Enc,
    salt: [u8; SALT],
    authentication: Hmac<Sha1>,
}

impl Keys {
    fn new(master: &[u8; MASTER], of: Of) -> Self {
        let (mut key, mut salt) = ([0; KEY], [0; SALT]);
        key.copy_from_slice(&master[..KEY]);
        salt.copy_from_slice(&master[KEY..]);
        let master = Aes128Enc::new(&key.into());
        let (mut encryption, mut session_salt) = ([0; KEY], [0; SALT]);
        let mut authentication = [0; AUTHENTICATION_KEY];
        derive(&master, salt, of, Label::Encryption, &mut encryption);
        derive(
            &master,
            salt,
            of,
            Label::Authentication,
            &mut authentication,
        );
        derive(&master, salt, of, Label::Salt, &mut session_salt);
        Self {
            cipher: Aes128Enc::new(&encryption.into()),
            salt: session_salt,
            authentication: <Hmac<Sha1> as KeyInit>::new(&padded(authentication).into()),
        }
    }

    /// Encrypts, or decrypts.
    fn apply(&self, bytes: &mut [u8], ssrc: u32, index: u64) {
        let mut iv = self.salt;
        for (byte, ssrc) in iv[4..].iter_mut().zip(ssrc.to_be_bytes()) {
            *byte ^= ssrc;
        }
        // The lower 48 bits.
        for (byte, index) in iv[8..].iter_mut().zip(&index.to_be_bytes()[2..]) {
            *byte ^= index;
        }
        keystream(&self.cipher, iv).apply_keystream(bytes);
    }

    fn tag(&self, parts: [&[u8]; 2]) -> [u8; TAG] {
        let mut mac = self.authentication.clone();
        for part in parts {
            mac.update(part);
        }
        let mut tag = [0; TAG];
        tag.copy_from_slice(&mac.finalize().into_bytes()[..TAG]);
        tag
    }
}

/// Protects what one side of a connection sends.
pub(super) struct Srtp(Keys);

impl Srtp {
    pub(super) fn new(master: &[u8; MASTER]) -> Self {
        Self(Keys::new(master, Of::Rtp))
    }

    /// Encrypts the packet that begins at `start` behind its header of `header` bytes, and
    /// adds the tag. `index` is the roll-over counter and the sequence number
    /// (RFC 3711, section 3.3.1).
    pub(super) fn protect(
        &self,
        bytes: &mut Vec<u8>,
        start: usize,
        header: usize,
        ssrc: u32,
        index: u64,
    ) {
        if let Some(payload) = bytes.get_mut(start + header..) {
            self.0.apply(payload, ssrc, index);
        }
        let roll_over_counter = ((index >> 16) as u32).to_be_bytes();
        let packet = bytes.get(start..).unwrap_or_default();
        let tag = self.0.tag([packet, &roll_over_counter]);
        bytes.extend_from_slice(&tag);
    }
}

/// Fixed header of RTCP, which is not encrypted, and its end with the index.
const RTCP_HEADER: usize = 8;
const RTCP_INDEX: usize = 4;

/// Senders of reports that are remembered; a browser has one for each connection.
const MOST_SENDERS: usize = 64;

/// Reads the reports of the other side.
pub(super) struct Srtcp {
    keys: Keys,
    /// Of each sender, which indices have been there.
    seen: Vec<(u32, Seen)>,
}

impl Srtcp {
    pub(super) fn new(master: &[u8; MASTER]) -> Self {
        Self {
            keys: Keys::new(master, Of::Rtcp),
            seen: Vec::new(),
        }
    }

    /// Decrypts a packet, if it is authentic and new (RFC 3711, section 3.4).
    pub(super) fn open(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        let (signed, tag) = packet.split_at_checked(packet.len().checked_sub(TAG)?)?;
        let expected = self.keys.tag([signed, &[]]);
        if !bool::from(expected.as_slice().ct_eq(tag)) {
            return None;
        }
        let (content, index) = signed.split_last_chunk::<RTCP_INDEX>()?;
        let index = u32::from_be_bytes(*index);
        let ssrc = u32::from_be_bytes(content.get(4..RTCP_HEADER)?.try_into().ok()?);
        let (is_encrypted, index) = (index >> 31 == 1, index & 0x7fff_ffff);
        if !self.is_new(ssrc, index) {
            return None;
        }
        let mut content = content.to_vec();
        if is_encrypted {
            self.keys
                .apply(content.get_mut(RTCP_HEADER..)?, ssrc, u64::from(index));
        }
        Some(content)
    }

    fn is_new(&mut self, ssrc: u32, index: u32) -> bool {
        if let Some((_, seen)) = self.seen.iter_mut().find(|(known, _)| *known == ssrc) {
            return seen.note(index);
        }
        if self.seen.len() >= MOST_SENDERS {
            return false;
        }
        self.seen.push((
            ssrc,
            Seen {
                newest: index,
                window: 1,
            },
        ));
        true
    }
}

/// Which of the newest 64 indices have been there (RFC 3711, section 3.3.2).
#[derive(Debug, Clone, Copy)]
struct Seen {
    newest: u32,
    window: u64,
}

impl Seen {
    fn note(&mut self, index: u32) -> bool {
        if let Some(ahead) = index.checked_sub(self.newest).filter(|ahead| *ahead > 0) {
            self.window = self.window.checked_shl(ahead).unwrap_or(0) | 1;
            self.newest = index;
            return true;
        }
        let bit = 1_u64.checked_shl(self.newest - index).unwrap_or(0);
        let is_new = bit != 0 && self.window & bit == 0;
        self.window |= bit;
        is_new
    }
}

/// A key of HMAC-SHA1 fills a block with zeros (RFC 2104, section 2).
fn padded(key: [u8; AUTHENTICATION_KEY]) -> [u8; 64] {
    let mut block = [0; 64];
    block[..AUTHENTICATION_KEY].copy_from_slice(&key);
    block
}

/// AES in counter mode; the counter has the last 16 bits (RFC 3711, section 4.1.1).
fn keystream(
    cipher: &Aes128Enc,
    iv: [u8; SALT],
) -> StreamCipherCoreWrapper<CtrCore<Aes128Enc, Ctr32BE>> {
    let mut block = [0; KEY];
    block[..SALT].copy_from_slice(&iv);
    StreamCipherCoreWrapper::from_core(CtrCore::inner_iv_init(cipher.clone(), &block.into()))
}

/// Section 4.3.1 with a key derivation rate of 0.
fn derive(master: &Aes128Enc, mut salt: [u8; SALT], of: Of, label: Label, key: &mut [u8]) {
    salt[7] ^= of as u8 + label as u8;
    key.fill(0);
    keystream(master, salt).apply_keystream(key);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits
            .chunks(2)
            .map(|pair| {
                let pair = std::str::from_utf8(pair).expect("ASCII");
                u8::from_str_radix(pair, 16).expect("hexadecimal")
            })
            .collect()
    }

    /// The key of RFC 3711, section B.3.
    fn master() -> [u8; MASTER] {
        bytes("E1F97A0D3E018BE0D64FA32C06DE4139 0EC675AD498AFEEBB6960B3AABE6")
            .try_into()
            .expect("30 bytes")
    }

    #[test]
    fn session_keys_are_those_of_the_rfc() {
        let key = Aes128Enc::new_from_slice(&master()[..KEY]).expect("16 bytes");
        let mut salt = [0; SALT];
        salt.copy_from_slice(&master()[KEY..]);
        let derived = |label, length| {
            let mut out = vec![0; length];
            derive(&key, salt, Of::Rtp, label, &mut out);
            out
        };
        assert_eq!(
            derived(Label::Encryption, 16),
            bytes("C61E7A93744F39EE10734AFE3FF7A087")
        );
        assert_eq!(
            derived(Label::Salt, 14),
            bytes("30CBBC08863D8C85D49DB34A9AE1")
        );
        assert_eq!(
            derived(Label::Authentication, 20),
            bytes("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4")
        );
    }

    #[test]
    fn the_keystream_is_that_of_the_rfc() {
        // Section B.2.
        let key = Aes128Enc::new_from_slice(&bytes("2B7E151628AED2A6ABF7158809CF4F3C"));
        let mut out = [0; 32];
        let iv = bytes("F0F1F2F3F4F5F6F7F8F9FAFBFCFD").try_into();
        keystream(&key.expect("16 bytes"), iv.expect("14 bytes")).apply_keystream(&mut out);
        assert_eq!(
            out.to_vec(),
            bytes("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB")
        );
    }

    #[test]
    fn a_packet_is_protected_as_other_implementations_do() {
        let header = bytes("800f1234decafbadcafebabe");
        let mut packet = b"before".to_vec();
        packet.extend_from_slice(&header);
        packet.extend_from_slice(&[0xab; 16]);
        Srtp::new(&master()).protect(&mut packet, 6, header.len(), 0xcafe_babe, 0x1234);
        assert_eq!(packet[..6], *b"before");
        // The reference packet of libsrtp's own test.
        assert_eq!(
            packet[6..],
            bytes("800f1234decafbadcafebabe 4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb")
        );
    }

    /// A report with this index; `flags`: whether it is encrypted.
    fn report(ssrc: u32, index: u32, is_encrypted: bool) -> Vec<u8> {
        let keys = Keys::new(&master(), Of::Rtcp);
        let mut packet = b"\x81\xc9\0\x01".to_vec();
        packet.extend_from_slice(&ssrc.to_be_bytes());
        packet.extend_from_slice(b"contents");
        if is_encrypted {
            keys.apply(&mut packet[8..], ssrc, u64::from(index));
        }
        let flag = u32::from(is_encrypted) << 31;
        packet.extend_from_slice(&(index | flag).to_be_bytes());
        let tag = keys.tag([&packet, &[]]);
        packet.extend_from_slice(&tag);
        packet
    }

    #[test]
    fn a_report_of_another_implementation_is_opened() {
        // The reference packet of libsrtp's own test.
        let packet = bytes(
            "81c8000bcafebabe 7128035be487b9bd bef89041f977a5a8 80000001 993e08cd54d6c1230798",
        );
        let opened = Srtcp::new(&master()).open(&packet).expect("authentic");
        assert_eq!(
            opened,
            bytes("81c8000bcafebabe abababababababab abababababababab")
        );
    }

    #[test]
    fn a_report_is_opened_once() {
        let mut srtcp = Srtcp::new(&master());
        for is_encrypted in [true, false] {
            let packet = report(7, 5 + u32::from(is_encrypted), is_encrypted);
            let opened = srtcp.open(&packet).expect("authentic");
            assert_eq!(opened[8..], b"contents"[..]);
            assert_eq!(srtcp.open(&packet), None, "it has been there");
        }
        assert!(srtcp.open(&report(7, 100, true)).is_some());
        assert!(srtcp.open(&report(7, 99, true)).is_some(), "late");
        assert!(srtcp.open(&report(7, 36, true)).is_none(), "too late");
        assert!(
            srtcp.open(&report(8, 36, true)).is_some(),
            "of somebody else"
        );
        assert!(srtcp.open(&report(7, 0x7fff_ffff, true)).is_some());
    }

    #[test]
    fn what_was_changed_or_cut_off_is_not_opened() {
        let packet = report(7, 5, true);
        for at in 0..packet.len() {
            let mut srtcp = Srtcp::new(&master());
            let mut changed = packet.clone();
            changed[at] ^= 1;
            assert_eq!(srtcp.open(&changed), None);
            assert_eq!(srtcp.open(&packet[..at]), None);
        }
    }

    #[test]
    fn the_roll_over_counter_changes_text_and_tag() {
        let protected = |index| {
            let mut packet = vec![0; 40];
            Srtp::new(&master()).protect(&mut packet, 0, 12, 1, index);
            packet
        };
        let (first, second) = (protected(0x0001_0005), protected(0x0002_0005));
        assert_ne!(first[12..40], second[12..40]);
        assert_ne!(first[40..], second[40..]);
    }
}
