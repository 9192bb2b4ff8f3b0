//! The checksums of Modbus and NMEA.

/// CRC-16/MODBUS: polynomial 8005 reflected, begins with all ones. Sent low byte first.
pub(super) fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xffff, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte), |crc: u16, _| {
            let shifted = crc >> 1;
            if crc & 1 == 1 {
                shifted ^ 0xa001
            } else {
                shifted
            }
        })
    })
}

/// A sentence around this, from `$` to the line's end.
pub(super) fn nmea_sentence(content: &str) -> String {
    let checksum = content.bytes().fold(0, |sum, byte| sum ^ byte);
    format!("${content}*{checksum:02X}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_specifications() {
        // Application protocol, section 6.3, with the checksum of the serial line.
        assert_eq!(
            crc16(&[0x11, 0x03, 0x00, 0x6b, 0x00, 0x03]).to_le_bytes(),
            [0x76, 0x87]
        );
        assert_eq!(crc16(b"123456789"), 0x4b37);
        assert_eq!(
            nmea_sentence("GPGLL,5300.97914,N,00259.98174,E,125926,A"),
            "$GPGLL,5300.97914,N,00259.98174,E,125926,A*28\r\n"
        );
    }
}
