//! Finding a word of base64url in a text in which it was broken, quoted or talked about.

use std::ops::RangeInclusive;

/// A broken word is looked for only from parts of this length on: nobody breaks narrower, and a
/// long text of tiny words would take long.
const NARROWEST: usize = 8;

/// A text of at most this many characters is also read as one word, wherever it was broken.
const SHORT_TEXT: usize = 1000;

/// A word of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Word {
    /// Base64url, without the punctuation around it.
    Part(String),
    /// Anything else.
    Other,
}

/// The words of a text; marks without a letter (a mail's `>`) are none. Of a URL the fragment is
/// taken. The words that our own console puts in front are left out.
pub(super) fn words(text: &str) -> Vec<Word> {
    let visible: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    visible
        .replace("periscope: code ", " ")
        .split_whitespace()
        .map(|word| word.rsplit('#').next().unwrap_or(word))
        .map(|word| word.trim_matches(|c| !is_base64url(c)))
        .filter(|word| !word.is_empty())
        .map(|word| match word.chars().all(is_base64url) {
            true => Word::Part(word.to_owned()),
            false => Word::Other,
        })
        .collect()
}

/// The first word, or run of words, of one of these lengths that can be read; the longest run of
/// several that begin at the same place.
pub(super) fn first<T>(
    words: &[Word],
    lengths: RangeInclusive<usize>,
    read: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    let from = |start: usize| {
        let mut joined = String::new();
        let mut found = None;
        for word in words.get(start..)? {
            match word {
                Word::Part(part) if joined.len() + part.len() <= *lengths.end() => {
                    joined.push_str(part);
                }
                _ => break,
            }
            if lengths.contains(&joined.len()) {
                found = read(&joined).or(found);
            }
        }
        found
    };
    words
        .iter()
        .enumerate()
        .filter(|(_, word)| matches!(word, Word::Part(part) if part.len() >= NARROWEST))
        .find_map(|(start, _)| from(start))
        .or_else(|| read(&whole(words)?))
}

/// The longest word, or all of a short text: what to say of a text in which nothing was found.
pub(super) fn longest(words: &[Word]) -> String {
    let longest = || {
        let parts = words.iter().filter_map(|word| match word {
            Word::Part(part) => Some(part),
            Word::Other => None,
        });
        parts.max_by_key(|part| part.len()).cloned()
    };
    whole(words).or_else(longest).unwrap_or_default()
}

/// All words as one, if they are few and nothing else.
fn whole(words: &[Word]) -> Option<String> {
    let mut whole = String::new();
    for word in words {
        match word {
            Word::Part(part) if whole.len() + part.len() <= SHORT_TEXT => whole.push_str(part),
            _ => return None,
        }
    }
    Some(whole)
}

/// Characters that programs slip in and nobody sees: zero-width, bidirectional and soft-hyphen
/// characters, byte order mark.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
    )
}

fn is_base64url(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}
