//! Descriptions in JSON, whole or broken over lines.

use super::text::broken_lines;
use super::{PasteError, checked, kind_of};
use crate::signaling::{Description, Kind};

/// Finds `{"type":…,"sdp":…}`.
pub(super) fn json(lines: &[String]) -> Result<Description, PasteError> {
    const ATTEMPTS: usize = 8;
    let text = lines.join("\n");
    let mut error = PasteError::Nothing;
    let objects = text
        .match_indices('{')
        .map(|(index, _)| &text[index..])
        .filter(|rest| rest[1..].trim_start().starts_with('"'));
    for rest in objects.take(ATTEMPTS) {
        match first_json(rest) {
            Ok(description) => return Ok(description),
            Err(PasteError::Nothing) => {}
            Err(found) => error = found,
        }
    }
    Err(error)
}

/// Reads the JSON object at the beginning of a text. Line ends within its strings are mended in
/// the way that leaves the fewest broken lines in the SDP.
pub(super) fn first_json(text: &str) -> Result<Description, PasteError> {
    let lines: Vec<&str> = text.split('\n').collect();
    let mends: &[Mend] = match lines.as_slice() {
        // Nothing to mend.
        [_] => &[Mend::Keep],
        // Lines of one width were broken by a terminal, others at a space.
        [_, middle @ .., _] if middle.windows(2).all(|pair| pair[0].len() == pair[1].len()) => {
            &[Mend::Keep, Mend::Space, Mend::Width, Mend::LineEnd]
        }
        _ => &[Mend::Space, Mend::Width, Mend::Keep, Mend::LineEnd],
    };
    let mut best: Option<(usize, Result<Description, PasteError>)> = None;
    let mut cut_off = false;
    for mend in mends {
        let mended = mend.strings(&lines);
        let mut values =
            serde_json::Deserializer::from_str(&mended).into_iter::<serde_json::Value>();
        match values.next() {
            Some(Ok(value)) => {
                let (broken, result) = from_value(&value);
                if best.as_ref().is_none_or(|(least, _)| broken < *least) {
                    best = Some((broken, result));
                }
            }
            Some(Err(error)) => cut_off |= error.is_eof(),
            None => {}
        }
    }
    match best {
        Some((_, result)) => result,
        // Only what looked like a description is called a damaged one.
        None if cut_off && text.contains("\"sdp\"") => Err(PasteError::CutOff("JSON")),
        None => Err(PasteError::Nothing),
    }
}

/// How the lines of a JSON string that was broken are put together again.
#[derive(Clone, Copy)]
enum Mend {
    /// As they are: a terminal breaks at its width, wherever that is.
    Keep,
    /// With a space: a mail program replaces one by the line end.
    Space,
    /// With a space after the shorter lines: a terminal that drops spaces at the end of a line.
    Width,
    /// With the line end that some tools forget to escape.
    LineEnd,
}

impl Mend {
    /// Joins lines, so that line ends in strings are mended and others become spaces.
    fn strings(self, lines: &[&str]) -> String {
        let widest = lines
            .iter()
            .map(|line| line.trim().len())
            .max()
            .unwrap_or(0);
        let mut mended = String::new();
        let (mut inside, mut escaped) = (false, false);
        for (index, line) in lines.iter().enumerate() {
            let line = if inside && !matches!(self, Mend::Keep) {
                line.trim()
            } else {
                line
            };
            for c in line.chars() {
                if c == '"' && !escaped {
                    inside = !inside;
                }
                escaped = inside && !escaped && c == '\\';
                mended.push(c);
            }
            let last = index + 1 == lines.len();
            mended.push_str(match self {
                _ if last || escaped => "",
                _ if !inside => " ",
                Mend::Keep => "",
                Mend::Width if line.trim().len() == widest => "",
                Mend::Space | Mend::Width => " ",
                Mend::LineEnd => "\\r\\n",
            });
        }
        mended
    }
}

/// The description in a JSON value, and how many of its lines are broken.
fn from_value(value: &serde_json::Value) -> (usize, Result<Description, PasteError>) {
    let sdp = match &value["sdp"] {
        serde_json::Value::String(sdp) => sdp,
        // {"sdp":{"type":…,"sdp":…}}, as GStreamer's own examples send it.
        inner @ serde_json::Value::Object(fields)
            if fields.contains_key("sdp") && inner["sdp"].is_string() =>
        {
            return from_value(inner);
        }
        _ => return (usize::MAX, Err(PasteError::Nothing)),
    };
    let kind = match value["type"]
        .as_str()
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("offer") => Ok(Kind::Offer),
        Some("answer") => Ok(Kind::Answer),
        Some(other) => Err(PasteError::Type(other.chars().take(20).collect())),
        None => kind_of(sdp),
    };
    let broken = broken_lines(sdp);
    if broken >= 1000 {
        return (broken, Err(PasteError::CutOff("SDP in the JSON")));
    }
    (broken, kind.and_then(|kind| checked(kind, sdp)))
}
