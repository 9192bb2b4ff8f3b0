//! What is wrong with a profile, and where.

use std::fmt;

/// A profile that cannot be used. It reads as one sentence that begins with the place:
/// `mine.json, line 7, column 21, serial.baud: has to be …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProfileError {
    /// The file, or the name of a bundled profile.
    pub(crate) origin: String,
    /// Where in the text.
    pub(crate) position: Option<Position>,
    /// The field, such as `panel[3].send`; empty for the whole.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) problem: String,
}

/// A place in a text, as editors count: both from 1, the column in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    /// The place of the byte `offset`, or of the end if that lies behind it.
    pub(super) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl ProfileError {
    /// One about the whole, not about a place in it.
    pub(super) fn whole(origin: &str, problem: impl Into<String>) -> Self {
        Self {
            origin: origin.to_owned(),
            position: None,
            field: String::new(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ", line {line}, column {column}")?;
        }
        if !self.field.is_empty() {
            write!(f, ", {}", self.field)?;
        }
        write!(f, ": {}", self.problem)
    }
}

impl std::error::Error for ProfileError {}
