//! Bytes of a terminal to keys: UTF-8, control characters and escape sequences, across reads.

/// What a terminal sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A character, or U+FFFD for bytes that are none.
    Char(char),
    /// End of a line.
    Enter,
    /// Backspace.
    Erase,
    /// Ctrl-W.
    EraseWord,
    /// Ctrl-U.
    EraseLine,
    /// ESC \[ 200 ~: a bracketed paste begins.
    PasteBegin,
    /// ESC \[ 201 ~: it ends.
    PasteEnd,
}

/// Longest run of parameters in an escape sequence that is remembered.
const MAX_PARAMETERS: usize = 8;

/// Where in an escape sequence the reader stands (ECMA-48, section 5.4).
#[derive(Debug, Clone, Default)]
enum Escape {
    #[default]
    None,
    /// After ESC.
    Begun,
    /// After ESC O: one character follows.
    Single,
    /// After ESC [, with the parameters so far.
    Sequence(String),
}

/// Turns bytes into keys.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// Bytes of a character that is not complete yet: at most three.
    partial: Vec<u8>,
    escape: Escape,
    /// The last character was CR: LF after it belongs to the same line end.
    after_cr: bool,
    /// Within a bracketed paste, where control characters edit nothing.
    pasting: bool,
}

impl Keys {
    /// Takes bytes as they were read.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut joined = std::mem::take(&mut self.partial);
        joined.extend_from_slice(bytes);
        let mut keys = Vec::with_capacity(joined.len());
        let chunks = joined.utf8_chunks();
        let mut consumed = 0;
        for chunk in chunks {
            keys.extend(chunk.valid().chars().filter_map(|c| self.character(c)));
            consumed += chunk.valid().len() + chunk.invalid().len();
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            // The last bytes may be the beginning of a character.
            if consumed == joined.len() && may_be_completed(invalid) {
                self.partial = invalid.to_vec();
            } else {
                keys.extend(self.character(char::REPLACEMENT_CHARACTER));
            }
        }
        keys
    }

    /// Ends a bracketed paste whose end did not come.
    pub(super) fn end_paste(&mut self) {
        self.pasting = false;
    }

    fn character(&mut self, c: char) -> Option<Key> {
        let after_cr = std::mem::replace(&mut self.after_cr, c == '\r');
        match std::mem::take(&mut self.escape) {
            Escape::None => {}
            Escape::Begun => match c {
                '[' => {
                    self.escape = Escape::Sequence(String::new());
                    return None;
                }
                'O' => {
                    self.escape = Escape::Single;
                    return None;
                }
                // The Escape key on its own.
                _ => {}
            },
            Escape::Single => return None,
            Escape::Sequence(mut parameters) => {
                return match c {
                    '@'..='~' => self.sequence(&parameters, c),
                    ' '..='?' => {
                        if parameters.len() < MAX_PARAMETERS {
                            parameters.push(c);
                        }
                        self.escape = Escape::Sequence(parameters);
                        None
                    }
                    // No sequence at all.
                    _ => self.character(c),
                };
            }
        }
        match c {
            '\u{1b}' => {
                self.escape = Escape::Begun;
                None
            }
            '\n' if after_cr => None,
            '\r' | '\n' => Some(Key::Enter),
            c if self.pasting => Some(Key::Char(c)),
            '\u{8}' | '\u{7f}' => Some(Key::Erase),
            '\u{15}' => Some(Key::EraseLine),
            '\u{17}' => Some(Key::EraseWord),
            '\t' => Some(Key::Char(' ')),
            c if c.is_control() && c != '\0' => None,
            c => Some(Key::Char(c)),
        }
    }

    fn sequence(&mut self, parameters: &str, last: char) -> Option<Key> {
        match (parameters, last) {
            ("200", '~') => {
                self.pasting = true;
                Some(Key::PasteBegin)
            }
            ("201", '~') => {
                self.pasting = false;
                Some(Key::PasteEnd)
            }
            // Cursor and function keys: there is nothing to move in.
            _ => None,
        }
    }
}

/// Whether bytes that are no UTF-8 can become so with more of them.
fn may_be_completed(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}
