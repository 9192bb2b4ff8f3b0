//! Puts commands together that arrive in pieces.

/// Longest command; what is longer is forgotten.
const MAX_COMMAND: usize = 4096;

/// Bytes since the last end of a command.
#[derive(Debug)]
pub(super) struct Lines {
    ends: &'static [u8],
    waiting: Vec<u8>,
}

impl Lines {
    /// Commands that end with any of these bytes.
    pub(super) fn ending_with(ends: &'static [u8]) -> Self {
        Self {
            ends,
            waiting: Vec::new(),
        }
    }

    /// The commands that are complete now, without their ends; empty ones are left out.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut commands = Vec::new();
        for byte in bytes {
            if !self.ends.contains(byte) {
                self.waiting.push(*byte);
                if self.waiting.len() > MAX_COMMAND {
                    self.waiting.clear();
                }
            } else if !self.waiting.is_empty() {
                let command = std::mem::take(&mut self.waiting);
                commands.push(String::from_utf8_lossy(&command).into_owned());
            }
        }
        commands
    }
}
