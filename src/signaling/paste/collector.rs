//! Finds where a pasted text ends when it comes line by line.

use super::text::{clean, is_sdp_line, trim};
use super::{
    BEGUN, MAX_PASTE, PasteError, Pasted, begins_base64, decode, is_base64, may_continue, read,
    unpack,
};
use crate::signaling::Description;
use crate::signaling::code::ShortAnswer;
use std::mem;
use std::time::Duration;

/// A text that has begun is complete when nothing came for this long.
pub const QUIET: Duration = Duration::from_millis(700);

/// How often a base64 text is decoded to see whether it is complete before [`QUIET`] has passed.
const ATTEMPTS: u8 = 16;

/// What came out of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A line that is no part of a description, trimmed.
    Command(String),
    /// A complete description.
    Description(Description),
    /// A complete short answer.
    ShortAnswer(ShortAnswer),
    /// A text that looked like one.
    Error(PasteError),
}

/// What has been collected so far.
#[derive(Debug, Default)]
enum State {
    /// Nothing.
    #[default]
    Idle,
    /// Plain SDP; ends at an empty line or one that is no SDP.
    Sdp {
        text: String,
        /// Length of the last line in bytes.
        width: usize,
    },
    /// JSON; ends where its first brace is closed.
    Json { text: String, braces: Braces },
    /// Base64; ends where it decodes to complete JSON or to a short answer.
    Base64 {
        text: String,
        /// Times it has been tried.
        attempts: u8,
    },
    /// More than [`MAX_PASTE`] came: everything is dropped until it is quiet.
    Overflow,
}

/// Collects lines into descriptions. Holds at most [`MAX_PASTE`] bytes and one line; looks at
/// each byte a bounded number of times.
///
/// Times are on any clock that does not go backwards.
#[derive(Debug, Default)]
pub struct Collector {
    state: State,
    /// When the last line came.
    last: Duration,
}

impl Collector {
    /// Takes one line, with or without its line end.
    pub fn feed_line(&mut self, line: &str, now: Duration) -> Vec<Item> {
        self.last = now;
        if line.len() > MAX_PASTE {
            return self.overflow().into_iter().collect();
        }
        // read() wants the spaces at the ends of a line that was broken there.
        let whole = clean(line);
        let line = trim(&whole);
        let mut items = Vec::new();
        match mem::take(&mut self.state) {
            State::Idle => items.extend(self.begin(&whole)),
            State::Overflow => self.state = State::Overflow,
            State::Sdp { mut text, .. } if is_sdp_line(line) && line != "v=0" => {
                push_line(&mut text, &whole);
                self.state = State::Sdp {
                    text,
                    width: line.len(),
                };
            }
            // Perhaps the rest of a line that was broken: read() will see.
            State::Sdp { mut text, width } if may_continue(width, line) && !begins_anew(line) => {
                push_line(&mut text, &whole);
                self.state = State::Sdp {
                    text,
                    width: width.max(line.len()),
                };
            }
            State::Sdp { text, .. } => {
                items.push(complete(&text));
                items.extend(self.begin(&whole));
            }
            State::Json {
                mut text,
                mut braces,
            } => {
                push_line(&mut text, &whole);
                if braces.close(line) {
                    items.push(complete(&text));
                } else {
                    self.state = State::Json { text, braces };
                }
            }
            State::Base64 { mut text, attempts } if goes_on(line) => {
                text.push_str(line);
                items.extend(self.base64(text, attempts));
            }
            State::Base64 { text, .. } => {
                items.push(complete(&text));
                items.extend(self.begin(&whole));
            }
        }
        if self.size() > MAX_PASTE {
            items.extend(self.overflow());
        }
        items
    }

    /// When [`idle`](Self::idle) wants to be called, if something has begun.
    pub fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Idle => None,
            _ => Some(self.last + QUIET),
        }
    }

    /// Ends what has begun if it has been quiet for [`QUIET`].
    pub fn idle(&mut self, now: Duration) -> Option<Item> {
        if self.deadline().is_some_and(|deadline| now >= deadline) {
            self.finish()
        } else {
            None
        }
    }

    /// Ends what has begun: no more lines will come.
    pub fn finish(&mut self) -> Option<Item> {
        match mem::take(&mut self.state) {
            State::Idle | State::Overflow => None,
            State::Sdp { text, .. } | State::Json { text, .. } | State::Base64 { text, .. } => {
                Some(complete(&text))
            }
        }
    }

    /// Says that bytes are still coming in, of a line that is already too long.
    pub fn still_coming(&mut self, now: Duration) {
        self.last = now;
    }

    fn begin(&mut self, whole: &str) -> Option<Item> {
        let line = trim(whole);
        if line.is_empty() {
            return None;
        }
        if is_sdp_line(line) {
            self.state = State::Sdp {
                width: line.len(),
                text: whole.to_owned(),
            };
            return None;
        }
        if let Some(start) = json_start(line) {
            let mut braces = Braces::default();
            if braces.close(&line[start..]) {
                return Some(complete(line));
            }
            self.state = State::Json {
                text: whole.to_owned(),
                braces,
            };
            return None;
        }
        if let Some(answer) = ShortAnswer::read(line) {
            return Some(Item::ShortAnswer(answer));
        }
        // “Here is mine: eyJ0…” as well.
        if let Some(word) = line
            .rsplit(' ')
            .next()
            .filter(|word| word.len() >= BEGUN && is_base64(word))
            .filter(|word| begins_base64(word) || ShortAnswer::may_begin(word))
        {
            return self.base64(word.to_owned(), 0);
        }
        if line.starts_with("http://") || line.starts_with("https://") {
            return Some(Item::Error(PasteError::PageAddress));
        }
        Some(Item::Command(line.to_owned()))
    }

    /// Goes on with a base64 text, or ends it.
    fn base64(&mut self, text: String, mut attempts: u8) -> Option<Item> {
        if let Some(answer) = ShortAnswer::from_text(&text) {
            return Some(Item::ShortAnswer(answer));
        }
        if text.ends_with('=') {
            return Some(complete(&text));
        }
        if attempts < ATTEMPTS && ends_in_brace(&text) {
            attempts += 1;
            if let Ok(description) = unpack(&text) {
                return Some(Item::Description(description));
            }
        }
        self.state = State::Base64 { text, attempts };
        None
    }

    pub(super) fn size(&self) -> usize {
        match &self.state {
            State::Idle | State::Overflow => 0,
            State::Sdp { text, .. } | State::Json { text, .. } | State::Base64 { text, .. } => {
                text.len()
            }
        }
    }

    /// Drops everything; reports it the first time.
    fn overflow(&mut self) -> Option<Item> {
        match mem::replace(&mut self.state, State::Overflow) {
            State::Overflow => None,
            _ => Some(Item::Error(PasteError::TooLarge)),
        }
    }
}

/// Keeps count of braces outside of strings.
#[derive(Debug, Default)]
struct Braces {
    depth: u32,
    inside_string: bool,
    escaped: bool,
}

impl Braces {
    /// Goes through some more text; whether the first brace is closed in it.
    fn close(&mut self, text: &str) -> bool {
        for c in text.chars() {
            let escaped = mem::take(&mut self.escaped);
            match c {
                '"' if !escaped => self.inside_string = !self.inside_string,
                '\\' if self.inside_string => self.escaped = !escaped,
                '{' if !self.inside_string => self.depth += 1,
                '}' if !self.inside_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }
}

/// Where a JSON object begins in a line: a brace before a string, or as the last character.
fn json_start(line: &str) -> Option<usize> {
    line.match_indices('{')
        .map(|(index, _)| index)
        .find(|index| {
            let rest = line[index + 1..].trim_start();
            rest.is_empty() || rest.starts_with('"')
        })
}

/// Whether the last bytes of a base64 text say `}`: cheap to ask after every line.
fn ends_in_brace(text: &str) -> bool {
    let group = text.len().saturating_sub(1) / 4 * 4;
    let start = group.saturating_sub(8);
    text.get(start..)
        .is_some_and(|tail| decode(tail).trim_ascii_end().ends_with(b"}"))
}

/// Whether a line can be the next one of a base64 text.
fn goes_on(line: &str) -> bool {
    is_base64(line) && !is_command(line) && ShortAnswer::from_text(line).is_none()
}

/// Whether a line can be no part of an SDP that has begun.
fn begins_anew(line: &str) -> bool {
    line.is_empty()
        || line == "v=0"
        || is_command(line)
        || begins_base64(line)
        || ShortAnswer::from_text(line).is_some()
        || json_start(line).is_some()
}

/// The console's commands, all of which could be base64.
fn is_command(line: &str) -> bool {
    let word = line
        .split(' ')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    matches!(
        word.as_str(),
        "offer" | "peers" | "drop" | "help" | "code" | "codes" | "revoke" | "qr"
    )
}

fn push_line(text: &mut String, line: &str) {
    text.push('\n');
    text.push_str(line);
}

fn complete(text: &str) -> Item {
    match read(text) {
        Ok(Pasted::Description(description)) => Item::Description(description),
        Ok(Pasted::ShortAnswer(answer)) => Item::ShortAnswer(answer),
        Err(error) => Item::Error(error),
    }
}
