//! Regular expressions for messages and commands: read in one way wherever they are from
//! (pure).
//!
//! Digits and letters are those of ASCII, as in JavaScript without the flag `u`: what
//! instruments speak. A dot is no line end, neither LF nor CR: behind one of them another
//! command could follow.

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

/// Memory that one of them may take, in bytes.
const MAX_COMPILED: usize = 1 << 20;

/// How deep groups may be nested.
const MAX_NESTING: u32 = 32;

/// To be looked for anywhere. What is wrong is told as the rest of a sentence that begins
/// with the expression.
pub(crate) fn anywhere(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .unicode(false)
        .crlf(true)
        .size_limit(MAX_COMPILED)
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|error| problem(&error))
}

/// To match from the first byte to the last.
pub(crate) fn whole(text: &str) -> Result<Regex, String> {
    // On its own first: what is put around it must not make another expression of it.
    anywhere(text)?;
    anywhere(&framed(text))
}

/// As [`whole`], for any of several that were read by it.
pub(crate) fn whole_of_any<T: AsRef<str>>(texts: &[T]) -> Result<RegexSet, String> {
    RegexSetBuilder::new(texts.iter().map(|text| framed(text.as_ref())))
        .unicode(false)
        .crlf(true)
        .size_limit(MAX_COMPILED.saturating_mul(texts.len().max(1)))
        .nest_limit(MAX_NESTING)
        .build()
        .map_err(|error| problem(&error))
}

fn framed(text: &str) -> String {
    format!(r"\A(?:{text})\z")
}

fn problem(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "is too large a regular expression".to_owned(),
        // The last line tells what is wrong; those before it draw an arrow.
        error => {
            let text = error.to_string();
            let what = text.lines().last().unwrap_or_default();
            let what = what.trim_start_matches("error: ");
            format!("is not a regular expression: {what}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_and_several_are_read_alike() {
        for (text, matching, other) in [
            (r"FA\d{2};", &b"FA14;"[..], &b"FA14;TX;"[..]),
            ("FO.*", b"FO 0,1", b"FO 0\rTX"),
            ("a|ab", b"ab", b"abc"),
            (r"\x80", b"\x80", b"\xc2\x80"),
        ] {
            let one = whole(text).expect("good");
            let several = whole_of_any(&["nothing else", text]).expect("good");
            assert!(
                one.is_match(matching) && several.is_match(matching),
                "{text}"
            );
            assert!(!one.is_match(other) && !several.is_match(other), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_one_line() {
        let problem = whole(r"FA(\d{11};").expect_err("unclosed");
        assert_eq!(problem, "is not a regular expression: unclosed group");
        let problem = anywhere(&"(a{1000}){1000}".repeat(10)).expect_err("too large");
        assert_eq!(problem, "is too large a regular expression");
    }

    #[test]
    fn nothing_breaks_out_of_its_frame() {
        assert!(whole("a)|(?:b").is_err());
        // The comment would swallow the end of the frame.
        assert!(whole("(?x)a # b").is_err());
    }
}
