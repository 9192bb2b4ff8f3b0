//! What can be read off an instrument's messages: named quantities, and the rules by which
//! they are found. The page applies the rules; here they are only checked.

use super::command;
use super::error::ProfileError;
use super::pattern::Pattern;
use super::reader::{Fields, Node};

/// Words that one quantity can be told in.
const MAX_VALUES: usize = 256;

/// How far into a message of bytes a number may stand.
const MAX_AT: u16 = 4096;

/// Something that an instrument measures or says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Quantity {
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) unit: String,
    /// What is shown is the number times `scale` plus `offset`.
    pub(crate) scale: f64,
    pub(crate) offset: f64,
    /// Decimals to show; `None`: as many as it takes.
    pub(crate) digits: Option<u8>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    /// Whether it is drawn as a curve when nobody has chosen.
    pub(crate) curve: bool,
    /// What is shown for what was found, in place of a number.
    pub(crate) values: Vec<(String, String)>,
    pub(crate) rule: Rule,
}

/// Where it stands in a message.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    /// In the group `value` of a pattern, or in its first group.
    Text { pattern: Pattern, form: Form },
    /// At a place in messages that begin in a certain way.
    Bytes {
        begin: Vec<u8>,
        at: u16,
        number: Number,
    },
}

/// What is made of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Number,
    /// Nothing: it is shown as it is.
    Word,
    /// A number from degrees and minutes, as GPS receivers write them: 4807.038 is
    /// 48° 7.038′. South and west are negative, by the group `hemisphere`.
    Degrees,
}

/// How bytes make a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    U8,
    I8,
    U16Be,
    U16Le,
    I16Be,
    I16Le,
    U32Be,
    U32Le,
    I32Be,
    I32Le,
    F32Be,
    F32Le,
}

impl Quantity {
    pub(super) fn read(node: Node<'_>) -> Result<Self, ProfileError> {
        let mut fields = node.fields()?;
        let name = fields.required("name", name)?;
        let title = fields.optional("title", |node| node.label(100))?;
        let values = fields.optional("values", values)?.unwrap_or_default();
        let rule = rule(&mut fields)?;
        let is_number = values.is_empty() && rule.is_number();
        let number = |node: Node<'_>| match is_number {
            true => node.number(),
            false => Err(node.error("is for numbers, and this quantity is told in words")),
        };
        let scale = fields.optional("scale", |node| match number(node.clone())? {
            0.0 => Err(node.error("must not be 0")),
            scale => Ok(scale),
        })?;
        let offset = fields.optional("offset", number)?;
        let digits = fields.optional("digits", |node| match is_number {
            true => node.whole(0..=9),
            false => Err(node.error("is for numbers, and this quantity is told in words")),
        })?;
        let (min, max) = range(&mut fields, number)?;
        let curve = fields.optional("curve", |node| match node.boolean()? {
            true if !is_number => {
                Err(node.error("is for numbers, and this quantity is told in words"))
            }
            curve => Ok(curve),
        })?;
        let unit = fields.optional("unit", |node| node.label(32))?;
        fields.finish("a quantity")?;
        Ok(Self {
            title: title.unwrap_or_else(|| name.clone()),
            name,
            unit: unit.unwrap_or_default(),
            scale: scale.unwrap_or(1.0),
            offset: offset.unwrap_or(0.0),
            digits,
            min,
            max,
            curve: curve.unwrap_or(false),
            values,
            rule,
        })
    }

    /// Whether it is a number rather than a word.
    pub(crate) fn is_number(&self) -> bool {
        self.values.is_empty() && self.rule.is_number()
    }
}

impl Rule {
    fn is_number(&self) -> bool {
        match self {
            Self::Text { form, .. } => *form != Form::Word,
            Self::Bytes { .. } => true,
        }
    }

    fn text(node: Node<'_>) -> Result<Self, ProfileError> {
        const FORMS: [(&str, Form); 3] = [
            ("number", Form::Number),
            ("word", Form::Word),
            ("degrees", Form::Degrees),
        ];
        let mut fields = node.fields()?;
        let pattern = fields.required("pattern", |node| {
            let pattern = Pattern::read(&node)?;
            match pattern.regex().captures_len() {
                1 => Err(node.error("has no group: put what is wanted in parentheses")),
                _ => Ok(pattern),
            }
        })?;
        let form = fields.optional("as", |node| node.word(&FORMS))?;
        fields.finish("a rule for text")?;
        Ok(Self::Text {
            pattern,
            form: form.unwrap_or(Form::Number),
        })
    }

    fn bytes(node: Node<'_>) -> Result<Self, ProfileError> {
        const NUMBERS: [(&str, Number); 12] = [
            ("u8", Number::U8),
            ("i8", Number::I8),
            ("u16be", Number::U16Be),
            ("u16le", Number::U16Le),
            ("i16be", Number::I16Be),
            ("i16le", Number::I16Le),
            ("u32be", Number::U32Be),
            ("u32le", Number::U32Le),
            ("i32be", Number::I32Be),
            ("i32le", Number::I32Le),
            ("f32be", Number::F32Be),
            ("f32le", Number::F32Le),
        ];
        let mut fields = node.fields()?;
        let rule = Self::Bytes {
            begin: fields
                .optional("match", |node| command::hex(&node))?
                .unwrap_or_default(),
            at: fields.required("at", |node| node.whole(0..=MAX_AT))?,
            number: fields.required("type", |node| node.word(&NUMBERS))?,
        };
        fields.finish("a rule for bytes")?;
        Ok(rule)
    }
}

fn rule(fields: &mut Fields<'_>) -> Result<Rule, ProfileError> {
    let text = fields.optional("text", Rule::text)?;
    let bytes = fields.optional("bytes", Rule::bytes)?;
    match (text, bytes) {
        (Some(rule), None) | (None, Some(rule)) => Ok(rule),
        (Some(_), Some(_)) => Err(fields.error("has both “text” and “bytes”: one rule is enough")),
        (None, None) => Err(fields.error("needs a rule, “text” or “bytes”")),
    }
}

/// What a quantity or a profile is called by.
pub(super) fn name(node: Node<'_>) -> Result<String, ProfileError> {
    let name = node.label(64)?;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    match name.chars().all(is_plain) {
        true => Ok(name),
        false => Err(node.error("may have small letters a to z, digits and - in it")),
    }
}

/// `min` and `max`, each of which may be missing.
pub(super) fn range(
    fields: &mut Fields<'_>,
    number: impl Fn(Node<'_>) -> Result<f64, ProfileError>,
) -> Result<(Option<f64>, Option<f64>), ProfileError> {
    let min = fields.optional("min", &number)?;
    let max = fields.optional("max", |node| match (min, number(node.clone())?) {
        (Some(min), max) if max <= min => Err(node.error("has to be more than “min”")),
        (_, max) => Ok(max),
    })?;
    Ok((min, max))
}

fn values(node: Node<'_>) -> Result<Vec<(String, String)>, ProfileError> {
    let values = node.fields()?.rest(MAX_VALUES)?;
    if values.is_empty() {
        return Err(node.error("must not be empty"));
    }
    let word = |(found, node): (String, Node<'_>)| Ok((found, node.label(100)?));
    values.into_iter().map(word).collect()
}
