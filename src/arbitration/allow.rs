//! Which commands may reach an instrument at all (pure).

use std::sync::Arc;

use regex::bytes::RegexSet;

use crate::expression;

/// Patterns of commands; one of them has to match a command from its first byte to its
/// last. Clones share what a search needs besides the patterns.
#[derive(Debug, Clone)]
pub(crate) struct AllowList(Arc<RegexSet>);

/// A pattern cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern “{pattern}” {why}")]
pub(crate) struct BadPattern {
    pattern: String,
    why: String,
}

impl AllowList {
    pub(crate) fn new<T: AsRef<str>>(patterns: &[T]) -> Result<Self, BadPattern> {
        let bad = |pattern: &str, why| BadPattern {
            pattern: pattern.to_owned(),
            why,
        };
        for pattern in patterns.iter().map(AsRef::as_ref) {
            expression::whole(pattern).map_err(|why| bad(pattern, why))?;
        }
        let set = expression::whole_of_any(patterns).map_err(|why| bad("of all together", why))?;
        Ok(Self(Arc::new(set)))
    }

    pub(crate) fn allows(&self, command: &[u8]) -> bool {
        self.0.is_match(command)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(patterns: &[&str]) -> AllowList {
        AllowList::new(patterns).expect("patterns")
    }

    #[test]
    fn a_pattern_matches_the_whole_command_or_not_at_all() {
        let list = list(&[r"FA\d{11};", "RX;|TX;"]);
        for command in ["FA00014060000;", "RX;", "TX;"] {
            assert!(list.allows(command.as_bytes()), "{command}");
        }
        for command in [
            "FA00014060000;TX1;",
            "TX;\n",
            "\nTX;",
            "XTX;",
            "FA0001406000;",
            "",
            "FA٠٠٠١٤٠٦٠٠٠٠;",
        ] {
            assert!(!list.allows(command.as_bytes()), "{command:?}");
        }
    }

    #[test]
    fn a_dot_lets_no_second_command_pass() {
        let list = list(&["FO.*"]);
        assert!(list.allows(b"FO 0,0144500000"));
        assert!(!list.allows(b"FO 0\rTX"));
        assert!(!list.allows(b"FO 0\nTX"));
    }

    #[test]
    fn alternatives_are_tried_in_full() {
        assert!(list(&["a|ab"]).allows(b"ab"));
        assert!(!list(&["a|ab"]).allows(b"abc"));
    }

    #[test]
    fn a_pattern_cannot_break_out_of_its_frame() {
        // In a frame of (?:…) this would be two patterns, each open at one end.
        assert!(AllowList::new(&["a)|(?:b"]).is_err());
        // The comment would swallow the end of the frame.
        assert!(AllowList::new(&["(?x)a # b"]).is_err());
    }

    #[test]
    fn a_broken_pattern_is_named() {
        let error = AllowList::new(&["RX;", "FA(\\d{11};"]).expect_err("unclosed");
        let text = error.to_string();
        assert!(
            text.contains(r"FA(\d{11};") && text.contains("unclosed"),
            "{text}"
        );
    }

    #[test]
    fn bytes_and_control_characters_can_be_allowed() {
        let list = list(&[r"(?s-u)\x01\x03.{4}..", r"\x1bc", "é"]);
        assert!(list.allows(b"\x01\x03\x00\xff\n\x01\x84\x0a"));
        assert!(list.allows(b"\x1bc"));
        assert!(list.allows("é".as_bytes()));
        assert!(!list.allows(b"\x1bcx"));
    }

    #[test]
    fn an_empty_list_allows_nothing() {
        assert!(!list(&[]).allows(b"RX;"));
    }

    proptest! {
        #[test]
        fn nothing_but_the_literal_passes(
            literal in "[ -~]{1,12}", command in proptest::collection::vec(any::<u8>(), 0..14),
        ) {
            let list = AllowList::new(&[regex::escape(&literal)]).expect("escaped");
            prop_assert!(list.allows(literal.as_bytes()));
            prop_assert_eq!(list.allows(&command), command == literal.as_bytes());
        }

        #[test]
        fn no_pattern_panics(pattern in any::<String>()) {
            let _ = AllowList::new(&[pattern]);
        }
    }
}
