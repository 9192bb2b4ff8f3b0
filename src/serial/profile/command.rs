//! Bytes for an instrument, as a profile writes them, and commands with a value in them.

use super::error::ProfileError;
use super::reader::Node;

/// Longest command, in bytes.
pub(super) const MAX_COMMAND: usize = 4096;

/// What begins the place of a value.
const OPENING: &str = "{value";

/// Digits that a whole number may have to be told exactly by a double.
const MAX_WIDTH: usize = 15;

/// Decimals that make sense.
const MAX_DECIMALS: usize = 9;

/// What is sent to an instrument: a JSON text, or `{"hex": "01 03"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command(Vec<u8>);

impl Command {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// At least one byte.
    pub(super) fn read(node: Node<'_>) -> Result<Self, ProfileError> {
        let bytes = bytes(&node, MAX_COMMAND)?;
        match bytes.is_empty() {
            true => Err(node.error("must not be empty")),
            false => Ok(Self(bytes)),
        }
    }
}

impl AsRef<[u8]> for Command {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A JSON text or hexadecimal, of at most `most` bytes.
pub(super) fn bytes(node: &Node<'_>, most: usize) -> Result<Vec<u8>, ProfileError> {
    if !node.is_object() {
        return Ok(node.text(most)?.into_bytes());
    }
    let mut fields = node.fields()?;
    let bytes = fields.required("hex", |node| hex(&node))?;
    fields.finish("a command in hexadecimal")?;
    if bytes.len() > most {
        let length = bytes.len();
        return Err(node.error(format!("is {length} bytes long; at most {most} are taken")));
    }
    Ok(bytes)
}

/// A JSON text with hexadecimal digits.
pub(super) fn hex(node: &Node<'_>) -> Result<Vec<u8>, ProfileError> {
    let text = node.text(MAX_COMMAND * 4)?;
    from_hex(&text).map_err(|problem| node.error(problem))
}

/// `01 03`, with or without spaces.
fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let mut digits = Vec::new();
    for character in text.chars().filter(|c| !c.is_ascii_whitespace()) {
        match character.to_digit(16).and_then(|d| u8::try_from(d).ok()) {
            Some(digit) => digits.push(digit),
            None => return Err(format!("“{character}” is no hexadecimal digit")),
        }
    }
    if digits.len() % 2 != 0 {
        return Err("has half a byte too much: two digits make a byte".to_owned());
    }
    Ok(digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect())
}

/// A command with the place of a value in it: `FA{value:011};`. Braces around anything else
/// stand for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Format),
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `{value}`: as short as it can be.
    Plain,
    /// `{value:011}`: rounded, with zeros in front to so many characters, the sign included.
    Whole(usize),
    /// `{value:.3}`: so many decimals.
    Decimals(usize),
}

impl Template {
    pub(super) fn read(node: &Node<'_>) -> Result<Self, ProfileError> {
        let text = node.text(MAX_COMMAND)?;
        Self::parse(&text).map_err(|problem| node.error(problem))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPENING) {
            let Some((format, after)) = after.split_once('}') else {
                return Err(format!("“{OPENING}” lacks its closing brace"));
            };
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Value(Format::parse(format)?));
            rest = after;
        }
        if parts.is_empty() {
            return Err("has no “{value}” in it, the place of what is entered".to_owned());
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The command for a value, in the instrument's unit. `None` if it needs more room than
    /// there is.
    pub(crate) fn render(&self, value: f64) -> Option<Vec<u8>> {
        let mut command = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => command.push_str(text),
                Part::Value(format) => command.push_str(&format.write(value)?),
            }
        }
        Some(command.into_bytes())
    }
}

impl Format {
    /// What stands between `{value` and `}`.
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "“{{value{text}}}” is not known; there are {{value}}, {{value:011}} \
                 (a whole number of up to {MAX_WIDTH} digits) and {{value:.3}} \
                 (up to {MAX_DECIMALS} decimals)"
            )
        };
        let number = |digits: &str, most: usize| {
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let number = digits.parse().ok().filter(|number| *number <= most);
            number.filter(|_| is_number).ok_or_else(wrong)
        };
        if text.is_empty() {
            return Ok(Self::Plain);
        }
        match text.strip_prefix(':').ok_or_else(wrong)? {
            format if format.starts_with('.') => {
                Ok(Self::Decimals(number(&format[1..], MAX_DECIMALS)?))
            }
            format if format.starts_with('0') => match number(&format[1..], MAX_WIDTH)? {
                0 => Err(wrong()),
                width => Ok(Self::Whole(width)),
            },
            _ => Err(wrong()),
        }
    }

    fn write(self, value: f64) -> Option<String> {
        // No minus in front of zero.
        let clean = |value: f64| if value == 0.0 { 0.0 } else { value };
        match self {
            Self::Plain => Some(clean(value).to_string()),
            Self::Whole(width) => {
                let text = format!("{:0width$}", clean(value.round()));
                (text.len() <= width).then_some(text)
            }
            Self::Decimals(decimals) => {
                let shift = 10_f64.powi(i32::try_from(decimals).ok()?);
                let rounded = clean((value * shift).round() / shift);
                Some(format!("{rounded:.decimals$}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(template: &str, value: f64) -> Option<String> {
        let template = Template::parse(template).expect("a template");
        template
            .render(value)
            .map(|bytes| String::from_utf8(bytes).expect("text"))
    }

    #[test]
    fn a_value_is_padded_or_rounded_as_its_place_says() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            rendered("FA{value:011};", 14_060_000.4),
            some("FA00014060000;")
        );
        assert_eq!(rendered("VOLT {value:.3}", 1.23456), some("VOLT 1.235"));
        assert_eq!(rendered("VOLT {value}", 0.5), some("VOLT 0.5"));
        assert_eq!(rendered("{value:.1}", -0.04), some("0.0"));
        assert_eq!(rendered("{value:04}", -7.0), some("-007"));
        assert_eq!(
            rendered("{\"set\":{value},\"x\":{}}", 3.0),
            some("{\"set\":3,\"x\":{}}")
        );
    }

    #[test]
    fn a_value_that_needs_more_digits_than_there_are_is_not_cut() {
        assert_eq!(rendered("AG{value:03};", 1000.0), None);
    }

    #[test]
    fn templates_with_slips_are_refused() {
        for text in [
            "FA;",
            "FA{value",
            "{value:11}",
            "{value:0}",
            "{value:.x}",
            "{value:+3}",
            "{values}",
            "{value:099}",
        ] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn hexadecimal_is_read_with_and_without_spaces() {
        assert_eq!(from_hex("01 0A fF"), Ok(vec![1, 10, 255]));
        assert_eq!(from_hex("010aff"), Ok(vec![1, 10, 255]));
        assert!(from_hex("01 0").is_err());
        assert!(from_hex("0x").is_err());
        assert!(from_hex("+1").is_err());
    }
}
