//! Bytes as people write them in a property.

use std::time::Duration;

/// What is wrong with such a text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TextError {
    /// A backslash and something that has no meaning.
    #[error(
        "“{0}” has a backslash that stands for nothing; known are \\r \\n \\t \\0 \\e \\\\ and \
         \\xHH with two hexadecimal digits"
    )]
    Escape(String),
    /// No interval.
    #[error("“{0}” is no question in intervals; write COMMAND@MILLISECONDS, such as “FA;@500”")]
    Poll(String),
}

/// The bytes of a text with `\r`, `\n`, `\t`, `\0`, `\e`, `\\` and `\xHH`.
pub(crate) fn unescape(text: &str) -> Result<Vec<u8>, TextError> {
    let wrong = || TextError::Escape(text.to_owned());
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let (&code, after) = rest.split_first().ok_or_else(wrong)?;
        rest = after;
        bytes.push(match code {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'e' => 0x1B,
            b'\\' => b'\\',
            b'x' => {
                let (digits, after) = rest.split_first_chunk::<2>().ok_or_else(wrong)?;
                rest = after;
                let digit = |digit: u8| char::from(digit).to_digit(16).ok_or_else(wrong);
                let value = digit(digits[0])? * 16 + digit(digits[1])?;
                u8::try_from(value).map_err(|_| wrong())?
            }
            _ => return Err(wrong()),
        });
    }
    Ok(bytes)
}

/// A question that is asked in intervals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Poll {
    pub(crate) command: Vec<u8>,
    pub(crate) every: Duration,
}

/// Reads `COMMAND@MILLISECONDS`: without blanks, which `gst-launch-1.0` takes for the end of a
/// value.
pub(crate) fn poll(text: &str) -> Result<Poll, TextError> {
    let wrong = || TextError::Poll(text.to_owned());
    let (command, interval) = text.rsplit_once('@').ok_or_else(wrong)?;
    let interval: u32 = interval.trim().parse().map_err(|_| wrong())?;
    if interval == 0 || command.is_empty() {
        return Err(wrong());
    }
    Ok(Poll {
        command: unescape(command)?,
        every: Duration::from_millis(interval.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_bytes() {
        assert_eq!(
            unescape("A\\r\\n\\x00\\xfF\\\\;\\t\\0\\e").as_deref(),
            Ok(b"A\r\n\0\xFF\\;\t\0\x1B".as_slice())
        );
        assert_eq!(unescape("µ").as_deref(), Ok("µ".as_bytes()));
    }

    #[test]
    fn an_escape_that_stands_for_nothing_is_refused() {
        for text in ["\\", "\\q", "\\x", "\\x1", "\\x1g", "a\\xµ"] {
            assert_eq!(unescape(text), Err(TextError::Escape(text.into())));
        }
    }

    #[test]
    fn a_question_has_an_interval() {
        assert_eq!(
            poll("A@B;@500"),
            Ok(Poll {
                command: b"A@B;".to_vec(),
                every: Duration::from_millis(500),
            })
        );
        for text in ["FA;", "FA;@", "FA;@0", "FA;@x", "@5"] {
            assert!(poll(text).is_err(), "{text}");
        }
    }
}
