//! What a person pastes: an offer or an answer, in whatever state it arrives.
//!
//! In comes text: plain SDP, `{"type","sdp"}` JSON, base64 of either, or the short answer of a
//! page, quoted, wrapped and decorated by the programs it went through. Out comes a
//! [`Description`] or a [`ShortAnswer`], or an error that tells the person what to copy instead.
//! [`read`] takes a whole text, [`read_description`] one that can be no short answer; a
//! [`Collector`] finds the end of a text that arrives line by line. The console and the action
//! signals of the element call it.
//! Whether the description makes sense is for [`sdp`](crate::signaling::sdp) to say.

mod collector;
mod json;
mod text;

pub use collector::{Collector, Item, QUIET};

use super::code::{Code, ShortAnswer};
use super::{Description, Kind};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use json::{first_json, json};
use std::collections::HashSet;
use text::{is_broken, is_sdp_line, trim};

/// Longest text that is read, in bytes.
pub const MAX_PASTE: usize = 256 * 1024;

/// A word that begins like a base64 text is taken for one from this length on, in characters.
const BEGUN: usize = 16;

/// Most media lines that are read.
const MAX_MEDIA: usize = crate::signaling::sdp::MAX_MEDIA;

/// Why a text is not a description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PasteError {
    /// There is no description in the text.
    #[error("no offer or answer in this text: paste one as base64, JSON or SDP (from “v=0” on)")]
    Nothing,
    /// A description begins and does not end, or the other way round.
    #[error("the {0} is cut off: copy all of it, from its first to its last character")]
    CutOff(&'static str),
    /// Longer than [`MAX_PASTE`].
    #[error("the text is longer than 256 KiB: paste one offer or answer only")]
    TooLarge,
    /// Not text.
    #[error("this is not text: paste an offer or answer as base64, JSON or SDP")]
    Binary,
    /// More than 64 media lines.
    #[error("the description has {0} media lines: 64 is the limit, offer fewer tracks")]
    TooManyMedia(usize),
    /// The address that the console prints for browsers.
    #[error("that is the page's address: open it in a browser")]
    PageAddress,
    /// The code that the console prints for pages.
    #[error("this is a code: paste it into the page")]
    Code,
    /// A JSON description that is neither offer nor answer (`pranswer`, `rollback`).
    #[error("a description of type “{0}” is of no use here: paste an offer or an answer")]
    Type(String),
    /// Plain SDP without `a=setup`, from which offer and answer are told apart (RFC 8842).
    #[error(
        "cannot tell whether this is an offer or an answer: paste it as {{\"type\":…,\"sdp\":…}}"
    )]
    UnknownKind,
}

/// What a text turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pasted {
    /// An offer or an answer.
    Description(Description),
    /// What a page gives back for an offer of an ICE-lite bench.
    ShortAnswer(ShortAnswer),
}

/// Reads a short answer or the first description in a text. The short answer goes first: below
/// it, in the same mail, there may be the offer that it answers.
///
/// # Errors
/// [`PasteError`] says what the text is instead.
pub fn read(text: &str) -> Result<Pasted, PasteError> {
    if text.len() > MAX_PASTE {
        return Err(PasteError::TooLarge);
    }
    match ShortAnswer::read(text) {
        Some(answer) => Ok(Pasted::ShortAnswer(answer)),
        None => read_description(text).map(Pasted::Description),
    }
}

/// Reads the first description in a text.
///
/// Plain SDP is an offer if it says `a=setup:actpass`, an answer if it says `active` or `passive`
/// (RFC 8842, section 5.2 and 5.3: an offer leaves the choice, an answer makes it).
///
/// # Errors
/// [`PasteError`] says what the text is instead.
pub fn read_description(text: &str) -> Result<Description, PasteError> {
    if text.len() > MAX_PASTE {
        return Err(PasteError::TooLarge);
    }
    let lines = text::lines(text);
    let trimmed: Vec<&str> = lines.iter().map(|line| trim(line)).collect();
    let attempts: [&dyn Fn() -> Result<Description, PasteError>; 3] =
        [&|| json(&lines), &|| base64_text(&trimmed), &|| {
            plain(&lines)
        }];
    // The most telling of several errors: what was begun and is damaged, not what was not found.
    let mut error = PasteError::Nothing;
    for attempt in attempts {
        match attempt() {
            Ok(description) => return Ok(description),
            Err(found) if error == PasteError::Nothing => error = found,
            Err(_) => {}
        }
    }
    if error == PasteError::Nothing {
        // Only now: a damaged JSON has these written-out line ends too.
        return escaped(&trimmed).unwrap_or_else(|| Err(unrecognised(text, &trimmed)));
    }
    Err(error)
}

/// Says what a text is in which no description begins.
fn unrecognised(text: &str, lines: &[&str]) -> PasteError {
    let is_garbage = |c: char| {
        c == '\u{fffd}' || (c.is_control() && !matches!(c, '\t'..='\r' | '\u{1b}' | '\u{85}'))
    };
    if text.contains(is_garbage) {
        return PasteError::Binary;
    }
    if text.contains("\\r\\na=") || text.contains("\\na=") {
        return PasteError::CutOff("JSON");
    }
    if lines
        .iter()
        .filter(|line| line.starts_with("a=") || line.starts_with("m="))
        .count()
        > 1
    {
        return PasteError::CutOff("SDP");
    }
    // The middle of a base64 text can begin at any of four places of a group.
    let is_middle = |word: &str| {
        is_base64(word)
            && word.len() >= 64
            && (0..4).any(|skip| {
                let bytes = decode(&word[skip..]);
                [&b"\\r\\na="[..], b"\r\na="]
                    .iter()
                    .any(|sign| bytes.windows(sign.len()).any(|window| window == *sign))
            })
    };
    let mut words = lines.iter().flat_map(|line| line.split(' '));
    if words.clone().any(is_middle) {
        return PasteError::CutOff("base64 text");
    }
    let is_address = |word: &str| word.starts_with("http://") || word.starts_with("https://");
    let is_answer = |word: &str| word.len() >= BEGUN && ShortAnswer::may_begin(word);
    if words.clone().any(is_address) {
        PasteError::PageAddress
    } else if Code::read(text).is_ok() {
        PasteError::Code
    } else if words.any(|word| is_base64(word) && is_answer(word)) {
        PasteError::CutOff("answer")
    } else {
        PasteError::Nothing
    }
}

/// Finds a base64 text: a word, or a word that goes on over the following lines.
fn base64_text(lines: &[&str]) -> Result<Description, PasteError> {
    let mut error = PasteError::Nothing;
    let mut index = 0;
    while let Some(line) = lines.get(index) {
        index += 1;
        let mut words = line
            .split(' ')
            .map(|word| word.trim_matches(|c| !is_base64_char(c)));
        while let Some(word) = words.next() {
            if !begins_base64(word) {
                continue;
            }
            let mut packed = word.to_owned();
            if words.clone().next().is_none() {
                while let Some(next) = lines.get(index) {
                    if packed.ends_with('=') || (!next.is_empty() && !is_base64(next)) {
                        break;
                    }
                    packed.push_str(next);
                    index += 1;
                }
            }
            match unpack(&packed) {
                Ok(description) => return Ok(description),
                Err(PasteError::Nothing) => {}
                Err(found) => error = found,
            }
        }
    }
    Err(error)
}

/// Reads one base64 text without spaces. What follows the description in it is not looked at: it
/// may be the first word of the sentence that came after.
fn unpack(packed: &str) -> Result<Description, PasteError> {
    let bytes = decode(packed);
    let text = String::from_utf8_lossy(&bytes);
    let found = match text.trim_start().starts_with('{') {
        true => first_json(text.trim_start()),
        false => plain(&text::lines(&text)),
    };
    found.map_err(|error| match error {
        PasteError::CutOff(_) => PasteError::CutOff("base64 text"),
        other => other,
    })
}

/// Decodes either alphabet, with or without padding, up to the padding or the last whole byte.
fn decode(packed: &str) -> Vec<u8> {
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let mut standard: String = packed
        .chars()
        .take_while(|c| *c != '=')
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    if standard.len() % 4 == 1 {
        standard.pop();
    }
    GeneralPurpose::new(&STANDARD, config)
        .decode(standard)
        .unwrap_or_default()
}

fn is_base64_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_' | '=')
}

fn is_base64(word: &str) -> bool {
    !word.is_empty() && word.chars().all(is_base64_char)
}

/// Whether this is the beginning of `{"`, `{ `, `{` and a line end, or `v=0` in base64.
fn begins_base64(word: &str) -> bool {
    is_base64(word)
        && ["eyJ", "eyA", "ewo", "ew0", "ewk", "dj0w"]
            .iter()
            .any(|sign| word.starts_with(sign))
}

/// Finds plain SDP.
fn plain(lines: &[String]) -> Result<Description, PasteError> {
    let Some(start) = lines.iter().position(|line| trim(line) == "v=0") else {
        return Err(PasteError::Nothing);
    };
    let widest = lines.iter().map(|line| trim(line).len()).max().unwrap_or(0);
    let mut sdp: Vec<String> = Vec::new();
    let mut rest = lines[start..].iter();
    // Length of the last line as it was pasted; None after an empty one.
    let mut width = None;
    while let Some(line) = rest.next() {
        let text = trim(line);
        if text.is_empty() {
            width = None;
        } else if is_sdp_line(text) {
            // A second description, in the quoted mail below the first.
            if text == "v=0" && !sdp.is_empty() {
                break;
            }
            sdp.push(line.clone());
            width = Some(text.len());
        } else {
            // The rest of a long line that was broken, if the SDP goes on after it; else prose.
            let goes_on = rest.clone().take(3).any(|line| is_sdp_line(trim(line)));
            match (sdp.last_mut(), width) {
                (Some(broken), Some(length)) if goes_on && may_continue(length, text) => {
                    *broken = join(broken, line, length == widest);
                    width = Some(text.len().max(length));
                }
                _ => break,
            }
        }
    }
    let sdp: Vec<&str> = sdp.iter().map(|line| trim(line)).collect();
    if is_cut_off(&sdp) {
        return Err(PasteError::CutOff("SDP"));
    }
    let text = sdp.join("\n");
    checked(kind_of(&text)?, &text)
}

/// Whether a line of this length, in bytes, may have been broken before `tail`: whether it would
/// have been a long one with the next word.
fn may_continue(length: usize, tail: &str) -> bool {
    const NARROWEST: usize = 60;
    length + tail.split(' ').next().map_or(0, str::len) >= NARROWEST
}

/// Joins the parts of a broken line. A terminal breaks at its width, a mail program at a space.
fn join(head: &str, tail: &str, full_width: bool) -> String {
    let at_space = head.ends_with(' ') || (tail.starts_with(' ') && !tail.starts_with("  "));
    let (head, tail) = (head.trim_end(), tail.trim());
    let (tight, spaced) = (format!("{head}{tail}"), format!("{head} {tail}"));
    match (is_broken(trim(&tight)), is_broken(trim(&spaced))) {
        (true, false) => spaced,
        (false, true) => tight,
        _ if full_width && !at_space => tight,
        _ => spaced,
    }
}

/// Finds SDP in one line with written-out line ends (`v=0\r\no=…`), as program logs have it.
fn escaped(lines: &[&str]) -> Option<Result<Description, PasteError>> {
    let line = lines.iter().find_map(|line| {
        let start = line.find("v=0\\r\\n").or_else(|| line.find("v=0\\n"))?;
        line[start..].split(['"', '\'']).next()
    })?;
    let text = line.replace("\\r", "").replace("\\n", "\n");
    Some(plain(&text::lines(&text)))
}

/// Whether the end of a plain SDP is missing: its last line is damaged, it has no media, or
/// members of its BUNDLE group are not there.
fn is_cut_off(sdp: &[&str]) -> bool {
    let mids: HashSet<&str> = sdp
        .iter()
        .filter_map(|line| line.strip_prefix("a=mid:"))
        .collect();
    let missing = sdp
        .iter()
        .filter_map(|line| line.strip_prefix("a=group:BUNDLE "))
        .flat_map(|group| group.split_ascii_whitespace())
        .any(|mid| !mids.contains(mid));
    missing
        || !sdp.iter().any(|line| line.starts_with("m="))
        || sdp.last().is_none_or(|last| is_broken(last))
}

fn kind_of(sdp: &str) -> Result<Kind, PasteError> {
    let setup = sdp
        .split(['\r', '\n'])
        .find_map(|line| line.trim().strip_prefix("a=setup:"));
    match setup {
        Some("actpass") => Ok(Kind::Offer),
        Some("active" | "passive") => Ok(Kind::Answer),
        _ => Err(PasteError::UnknownKind),
    }
}

fn checked(kind: Kind, sdp: &str) -> Result<Description, PasteError> {
    let description = Description::new(kind, sdp);
    let media = description
        .sdp
        .lines()
        .filter(|line| line.starts_with("m="))
        .count();
    match media {
        0 => Err(PasteError::CutOff("SDP")),
        1..=MAX_MEDIA => Ok(description),
        more => Err(PasteError::TooManyMedia(more)),
    }
}

#[cfg(test)]
mod tests;
