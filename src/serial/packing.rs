//! How a message is packed before it is sent.

use super::framing::{Check, slip_encode};
use super::settings::{Encoding, SendSettings};

/// See the file's documentation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Packing {
    terminator: Vec<u8>,
    encoding: Encoding,
    check: Check,
}

impl Packing {
    pub(crate) fn new(settings: &SendSettings) -> Self {
        Self {
            terminator: settings.terminator.clone().unwrap_or_default(),
            encoding: settings.encoding.unwrap_or_default(),
            check: settings.check.unwrap_or_default().into(),
        }
    }

    /// The message with its checksum, and with its terminator unless it ends with that, or in
    /// its frame.
    pub(crate) fn pack(&self, message: &[u8]) -> Vec<u8> {
        let mut bytes = message.to_vec();
        let terminated = !self.terminator.is_empty() && bytes.ends_with(&self.terminator);
        if terminated {
            bytes.truncate(bytes.len() - self.terminator.len());
        }
        self.check.append(&mut bytes);
        match self.encoding {
            Encoding::None => bytes.extend_from_slice(&self.terminator),
            Encoding::Slip => bytes = slip_encode(&bytes),
            Encoding::Cobs => {
                bytes = cobs::encode_vec(&bytes);
                bytes.push(0);
            }
        }
        bytes
    }

    /// A command as it may come: with its terminator and without. None for no command.
    pub(crate) fn spellings(&self, command: Option<&[u8]>) -> Vec<Vec<u8>> {
        let Some(command) = command.filter(|command| !command.is_empty()) else {
            return Vec::new();
        };
        let bare = command
            .strip_suffix(&self.terminator[..])
            .unwrap_or(command);
        let mut spellings = vec![bare.to_vec(), [bare, &self.terminator[..]].concat()];
        spellings.retain(|spelling| !spelling.is_empty());
        spellings.dedup();
        spellings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serial::settings::CheckMode;

    fn packed(settings: SendSettings, message: &[u8]) -> Vec<u8> {
        Packing::new(&settings).pack(message)
    }

    #[test]
    fn a_terminator_is_added_once() {
        let settings = SendSettings {
            terminator: Some(b"\r\n".to_vec()),
            ..SendSettings::default()
        };
        assert_eq!(packed(settings.clone(), b"*IDN?"), b"*IDN?\r\n");
        assert_eq!(packed(settings, b"*IDN?\r\n"), b"*IDN?\r\n");
    }

    #[test]
    fn a_command_is_known_with_its_terminator_and_without() {
        let packing = |terminator: &[u8]| {
            Packing::new(&SendSettings {
                terminator: Some(terminator.to_vec()),
                ..SendSettings::default()
            })
        };
        let both = [b"RX".to_vec(), b"RX\r".to_vec()];
        assert_eq!(packing(b"\r").spellings(Some(b"RX")), both);
        assert_eq!(packing(b"\r").spellings(Some(b"RX\r")), both);
        assert_eq!(packing(b"").spellings(Some(b"RX;")), [b"RX;".to_vec()]);
        assert!(packing(b"\r").spellings(None).is_empty());
    }

    #[test]
    fn a_checksum_stands_before_the_terminator() {
        let settings = SendSettings {
            terminator: Some(b"\r\n".to_vec()),
            check: Some(CheckMode::Nmea),
            ..SendSettings::default()
        };
        assert_eq!(
            packed(settings, b"$PMTK605"),
            b"$PMTK605*31\r\n",
            "as in the data sheet of the GPS receiver"
        );
        let settings = SendSettings {
            check: Some(CheckMode::Modbus),
            ..SendSettings::default()
        };
        assert_eq!(
            packed(settings, &[0x01, 0x03, 0, 0, 0, 0x0A]),
            [0x01, 0x03, 0, 0, 0, 0x0A, 0xC5, 0xCD]
        );
    }

    #[test]
    fn frames_have_their_marks() {
        let settings = |encoding| SendSettings {
            encoding: Some(encoding),
            ..SendSettings::default()
        };
        assert_eq!(
            packed(settings(Encoding::Cobs), &[1, 0, 2]),
            [2, 1, 2, 2, 0]
        );
        assert_eq!(
            packed(settings(Encoding::Slip), &[1, 0xC0, 0xDB]),
            [0xC0, 1, 0xDB, 0xDC, 0xDB, 0xDD, 0xC0]
        );
    }
}
