//! What an RTP payload shows of the picture that it is a part of.

/// How the pictures are encoded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Codec {
    H264,
    Vp8,
}

impl Codec {
    pub(crate) const fn mime_type(self) -> &'static str {
        match self {
            Self::H264 => "video/H264",
            Self::Vp8 => "video/VP8",
        }
    }

    /// Whether a key frame begins with this payload, or is in it.
    pub(crate) fn begins_key_frame(self, payload: &[u8]) -> bool {
        match self {
            Self::H264 => h264(payload),
            Self::Vp8 => vp8(payload).unwrap_or(false),
        }
    }
}

/// RFC 6184. Parameter sets stand before key frames only.
fn h264(payload: &[u8]) -> bool {
    const IDR: u8 = 5;
    const SPS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let kind = |byte: &u8| byte & 0x1f;
    let Some((first, mut rest)) = payload.split_first() else {
        return false;
    };
    match kind(first) {
        IDR | SPS => true,
        STAP_A => {
            while let Some((length, units)) = rest.split_at_checked(2) {
                if matches!(units.first().map(kind), Some(IDR | SPS)) {
                    return true;
                }
                let length = length
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
                rest = units.get(length..).unwrap_or_default();
            }
            false
        }
        FU_A => rest
            .first()
            .is_some_and(|byte| byte & 0x80 != 0 && kind(byte) == IDR),
        _ => false,
    }
}

/// RFC 7741, section 4.2.
fn vp8(payload: &[u8]) -> Option<bool> {
    let first = *payload.first()?;
    // Start of the first partition.
    if first & 0x17 != 0x10 {
        return Some(false);
    }
    let mut header = 1;
    if first & 0x80 != 0 {
        let extensions = *payload.get(1)?;
        header += 1;
        if extensions & 0x80 != 0 {
            header += if payload.get(header)? & 0x80 != 0 {
                2
            } else {
                1
            };
        }
        header += usize::from(extensions & 0x40 != 0);
        header += usize::from(extensions & 0x30 != 0);
    }
    Some(payload.get(header)? & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_of_h264_are_seen_in_each_kind_of_packet() {
        assert!(h264(&[0x65, 0]));
        assert!(h264(&[0x78, 0, 2, 0x67, 0]));
        assert!(h264(&[0x78, 0, 2, 0x09, 0x10, 0, 1, 0x67]));
        assert!(!h264(&[0x78, 0, 2, 0x09, 0x10, 0, 1, 0x41]));
        assert!(!h264(&[0x78, 0xff, 0xff, 0x09, 0x10]), "cut off");
        assert!(h264(&[0x7c, 0x85]));
        assert!(!h264(&[0x7c, 0x05]), "the middle of one");
        assert!(!h264(&[0x41, 0]));
        assert!(!h264(&[]));
    }

    #[test]
    fn key_frames_of_vp8_are_seen_behind_each_descriptor() {
        assert_eq!(vp8(&[0x10, 0x50]), Some(true));
        assert_eq!(vp8(&[0x10, 0x51]), Some(false));
        assert_eq!(vp8(&[0x90, 0x80, 0x81, 0x02, 0x50]), Some(true));
        assert_eq!(vp8(&[0x90, 0x80, 0x01, 0x51]), Some(false));
        assert_eq!(vp8(&[0x00, 0x50]), Some(false), "not the first packet");
        assert_eq!(vp8(&[0x90]), None);
    }
}
