//! Checksums at the end of messages.

const CRC: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_MODBUS);

/// The checksum of messages, if they have one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// None.
    #[default]
    None,
    /// CRC-16/MODBUS in the last two bytes, the low byte first.
    Modbus,
    /// `*` and two hexadecimal digits at the end of an NMEA 0183 sentence: exclusive or of
    /// what stands between `$` and `*`. Sentences may come without.
    Nmea,
}

impl Check {
    /// Whether the message is whole; its checksum is cut off.
    pub(super) fn verify(self, message: &mut Vec<u8>) -> bool {
        match self {
            Self::None => true,
            Self::Modbus => {
                // An address and a function at least.
                let Some((body, crc)) = message.split_last_chunk::<2>() else {
                    return false;
                };
                if body.len() < 2 || CRC.checksum(body).to_le_bytes() != *crc {
                    return false;
                }
                message.truncate(message.len() - 2);
                true
            }
            Self::Nmea => {
                let [b'$' | b'!', body @ .., b'*', high, low] = message.as_slice() else {
                    return !message.contains(&b'*');
                };
                let digit = |digit: u8| char::from(digit).to_digit(16);
                let said = digit(*high).zip(digit(*low)).map(|(h, l)| h * 16 + l);
                if said != Some(sum(body).into()) {
                    return false;
                }
                message.truncate(message.len() - 3);
                true
            }
        }
    }

    /// Adds the checksum to a message that is to be sent.
    pub(crate) fn append(self, message: &mut Vec<u8>) {
        match self {
            Self::None => {}
            Self::Modbus => message.extend_from_slice(&CRC.checksum(message).to_le_bytes()),
            Self::Nmea => {
                if let [b'$' | b'!', body @ ..] = message.as_slice()
                    && !body.contains(&b'*')
                {
                    let sum = format!("*{:02X}", sum(body));
                    message.extend_from_slice(sum.as_bytes());
                }
            }
        }
    }
}

fn sum(body: &[u8]) -> u8 {
    body.iter().fold(0, |sum, byte| sum ^ byte)
}
