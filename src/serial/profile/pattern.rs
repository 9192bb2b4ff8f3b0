//! Patterns for messages: the regular expressions that mean the same to this crate and to
//! the JavaScript of the page.
//!
//! Both know more than that; what only one of them knows, or each reads in its own way, is
//! refused when the profile is loaded. Classes such as `\d` and `\w` are ASCII.

use std::iter::Peekable;
use std::str::Chars;

use regex::bytes::Regex;

use super::error::ProfileError;
use super::reader::Node;
use crate::expression;

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 1024;

/// A checked pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    anywhere: Regex,
    all: Regex,
}

impl Pattern {
    /// Checks it; what is wrong is told as the rest of a sentence that begins with the
    /// pattern.
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATTERN {
            let length = text.len();
            return Err(format!(
                "is {length} bytes long; at most {MAX_PATTERN} are taken"
            ));
        }
        Dialect::check(text)?;
        Ok(Self {
            anywhere: expression::anywhere(text)?,
            all: expression::whole(text)?,
        })
    }

    pub(super) fn read(node: &Node<'_>) -> Result<Self, ProfileError> {
        let text = node.text(MAX_PATTERN)?;
        Self::new(&text).map_err(|problem| node.error(problem))
    }

    /// Whether the whole of the bytes is as the pattern says.
    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        self.all.is_match(bytes)
    }

    /// Whether something in the bytes is.
    pub(crate) fn occurs_in(&self, bytes: &[u8]) -> bool {
        self.anywhere.is_match(bytes)
    }

    /// The regular expression, to look for groups, and as it was written.
    pub(crate) fn regex(&self) -> &Regex {
        &self.anywhere
    }
}

/// What can be repeated by `*` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing, or what takes no room.
    Nothing,
    /// A character, class or group.
    Atom,
    /// What is already repeated; a question mark may follow.
    Repetition,
    /// Nothing more may follow that repeats.
    Lazy,
}

/// Looks for what only one of the two dialects knows. What neither knows is left for the
/// compiler.
struct Dialect<'a> {
    rest: Peekable<Chars<'a>>,
    before: Before,
}

impl<'a> Dialect<'a> {
    fn check(text: &'a str) -> Result<(), String> {
        let mut dialect = Self {
            rest: text.chars().peekable(),
            before: Before::Nothing,
        };
        while let Some(character) = dialect.rest.next() {
            dialect.character(character)?;
        }
        Ok(())
    }

    fn character(&mut self, character: char) -> Result<(), String> {
        self.before = match character {
            '\\' => self.escape()?,
            '[' => self.class()?,
            '(' => self.group()?,
            '{' => self.counted()?,
            '*' | '+' => self.repeated()?,
            '?' => match self.before {
                Before::Repetition => Before::Lazy,
                _ => self.repeated()?,
            },
            '^' | '$' | '|' => Before::Nothing,
            ']' | '}' => return Err(format!("has a lone “{character}”: write “\\{character}”")),
            _ => Before::Atom,
        };
        Ok(())
    }

    fn repeated(&self) -> Result<Before, String> {
        match self.before {
            Before::Atom => Ok(Before::Repetition),
            _ => Err("repeats what cannot be repeated".to_owned()),
        }
    }

    /// After a backslash outside of brackets.
    fn escape(&mut self) -> Result<Before, String> {
        match self.rest.next() {
            Some('b' | 'B') => Ok(Before::Nothing),
            Some(character) => {
                self.escaped(character)?;
                Ok(Before::Atom)
            }
            None => Err("ends with a backslash".to_owned()),
        }
    }

    fn escaped(&mut self, character: char) -> Result<(), String> {
        match character {
            'd' | 'D' | 'w' | 'W' | 's' | 'S' | 'n' | 'r' | 't' | 'f' | 'v' => Ok(()),
            '^' | '$' | '\\' | '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|'
            | '/' => Ok(()),
            'x' => self.digits('x', 2),
            'u' => self.digits('u', 4),
            _ => Err(format!(
                "has “\\{character}”, which is not known to both Rust and JavaScript"
            )),
        }
    }

    fn digits(&mut self, letter: char, count: usize) -> Result<(), String> {
        let mut digits = (0..count).map(|_| self.rest.next());
        match digits.all(|digit| digit.is_some_and(|digit| digit.is_ascii_hexdigit())) {
            true => Ok(()),
            false => Err(format!(
                "has “\\{letter}” without {count} hexadecimal digits behind it"
            )),
        }
    }

    /// After an opening bracket.
    fn class(&mut self) -> Result<Before, String> {
        self.rest.next_if_eq(&'^');
        if self.rest.peek() == Some(&']') {
            return Err("has an empty pair of brackets: write “\\]” for a bracket".to_owned());
        }
        loop {
            match self.rest.next() {
                None => return Err("lacks a closing bracket".to_owned()),
                Some(']') => return Ok(Before::Atom),
                Some('[') => return Err("has a “[” in brackets: write “\\[”".to_owned()),
                Some('\\') => match self.rest.next() {
                    Some('-') => {}
                    Some(character) => self.escaped(character)?,
                    None => return Err("ends with a backslash".to_owned()),
                },
                // To Rust alone they combine two classes.
                Some(twice @ ('&' | '-' | '~')) if self.rest.peek() == Some(&twice) => {
                    return Err(format!("has “{twice}{twice}” in brackets"));
                }
                Some(_) => {}
            }
        }
    }

    /// After an opening parenthesis.
    fn group(&mut self) -> Result<Before, String> {
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(Before::Nothing);
        }
        let refused = "has a group that is not known to both Rust and JavaScript; \
                       there are (…), (?:…) and (?<name>…)";
        match self.rest.next() {
            Some(':') => Ok(Before::Nothing),
            Some('<') => {
                let mut name = String::new();
                while let Some(character) = self.rest.next_if(|c| c.is_ascii_alphanumeric()) {
                    name.push(character);
                }
                match self.rest.next() == Some('>') && !name.is_empty() {
                    true => Ok(Before::Nothing),
                    false => Err(refused.to_owned()),
                }
            }
            _ => Err(refused.to_owned()),
        }
    }

    /// After an opening brace: `{2}`, `{2,}` or `{2,5}`.
    fn counted(&mut self) -> Result<Before, String> {
        let mut inside = String::new();
        while let Some(character) = self.rest.next_if(|c| c.is_ascii_digit() || *c == ',') {
            inside.push(character);
        }
        let (least, most) = inside.split_once(',').unwrap_or((&inside, ""));
        if self.rest.next() != Some('}') || least.is_empty() || most.contains(',') {
            return Err("has a lone “{”: write “\\{”".to_owned());
        }
        self.repeated()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_for_the_whole_or_for_a_part() {
        let pattern = Pattern::new("TX;|KY .*;").expect("a pattern");
        assert!(pattern.matches(b"TX;"));
        assert!(!pattern.matches(b"FA00014060000;TX;"));
        assert!(pattern.occurs_in(b"FA00014060000;TX;"));
        assert!(!pattern.matches(b"TX;\n"));
        assert!(!pattern.matches(b"KY a\nb;"));
        assert!(!pattern.matches(b"KY a\rb;"));
    }

    #[test]
    fn an_alternative_stays_within_the_whole() {
        let pattern = Pattern::new("^A|B$").expect("a pattern");
        assert!(pattern.matches(b"A") && pattern.matches(b"B"));
        assert!(!pattern.matches(b"AB") && !pattern.matches(b"Ax"));
    }

    #[test]
    fn bytes_that_are_no_text_can_be_matched() {
        let pattern = Pattern::new(r"\x01\x06[\x00-\xff]{4}").expect("a pattern");
        assert!(pattern.matches(&[1, 6, 0, 2, 0xff, 0]));
        assert!(!pattern.matches(&[1, 6, 0, 2, 0xff]));
    }

    #[test]
    fn what_both_dialects_know_is_taken() {
        for text in [
            "",
            r"^FA(\d{11});$",
            r"^\$G[NP]GGA,(?<value>[^,]*),",
            r"a+?b*?c??d{2,}?e{2,5}",
            r"[+\-]?[.\d]+(?:[Ee][+\-]?\d+)?",
            r"\u00b5Sv/h|µSv/h",
            r"a|",
            r"[a-z_]\.\/\\",
        ] {
            assert_eq!(Pattern::new(text).map(|_| ()), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_one_dialect_does_not_know_is_refused() {
        for text in [
            // Rust alone.
            r"\Aa",
            r"a\z",
            r"\x{41}",
            r"\pL",
            r"(?i)a",
            r"(?P<a>b)",
            r"[[:alpha:]]",
            r"[a&&b]",
            r"[a--b]",
            r"[a~~b]",
            r"[]a]",
            r"a**",
            r"^*",
            r"\a",
            r"\<",
            r"a]",
            r"a}",
            r"\-",
            r"{,5}",
            r"(?<a.b>c)",
            r"\bx\b+",
            r"\#",
            r"(?<a_b>c)",
            // JavaScript alone.
            r"(?=a)",
            r"(?!a)",
            r"(?<=a)",
            r"(a)\1",
            r"\cA",
            r"\0",
            r"[]",
            r"[^]",
            r"a{",
            r"a{,5}",
            r"\k<a>",
            r"[\b]",
            // Neither.
            "(",
            ")",
            "[a",
            "a\\",
            "*",
            "(?<>a)",
            "[z-a]",
            "a{5,2}",
            "(?<a>b)(?<a>c)",
            r"\u12",
            "a{1,2,3}",
        ] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
    }

    #[test]
    fn endless_and_enormous_patterns_are_refused() {
        assert!(Pattern::new(&"a".repeat(2000)).is_err());
        assert!(Pattern::new(&"(".repeat(500)).is_err());
        assert!(Pattern::new("((a{1000}){1000}){1000}").is_err());
        let nested = format!("{}a{}", "(".repeat(200), ")".repeat(200));
        assert!(Pattern::new(&nested).is_err());
    }
}
