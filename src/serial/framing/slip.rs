//! SLIP, RFC 1055.

const END: u8 = 0xC0;
const ESC: u8 = 0xDB;
const ESC_END: u8 = 0xDC;
const ESC_ESC: u8 = 0xDD;

#[derive(Debug, Default)]
pub(super) struct Slip {
    escaped: bool,
}

pub(super) enum Symbol {
    Byte(u8),
    End,
    /// The first half of a byte.
    Escape,
    /// An escape that stands for nothing.
    Broken,
}

impl Slip {
    pub(super) fn take(&mut self, byte: u8) -> Symbol {
        match (std::mem::take(&mut self.escaped), byte) {
            (_, END) => Symbol::End,
            (true, ESC_END) => Symbol::Byte(END),
            (true, ESC_ESC) => Symbol::Byte(ESC),
            (true, _) => Symbol::Broken,
            (false, ESC) => {
                self.escaped = true;
                Symbol::Escape
            }
            (false, byte) => Symbol::Byte(byte),
        }
    }
}

/// The frame of a message. It begins with a mark, too, which ends whatever noise the
/// receiver has taken for the beginning of a frame.
pub(crate) fn encode(bytes: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(bytes.len() + 2);
    frame.push(END);
    for &byte in bytes {
        match byte {
            END => frame.extend_from_slice(&[ESC, ESC_END]),
            ESC => frame.extend_from_slice(&[ESC, ESC_ESC]),
            byte => frame.push(byte),
        }
    }
    frame.push(END);
    frame
}
