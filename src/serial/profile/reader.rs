//! JSON that remembers where each value stands, so that every complaint names line, column
//! and field. Reading goes from the outside in; an object complains of members that nobody
//! has asked for.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::{Position, ProfileError};

/// How much alike two words have to be for one to be suggested for the other, 0 to 1.
const ALIKE: f64 = 0.7;

/// The text that is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) origin: &'a str,
    pub(super) text: &'a str,
}

/// One value in it.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    source: Source<'a>,
    /// The value as it is written.
    text: &'a str,
    /// Such as `panel[3].send`.
    path: String,
}

/// The members of an object that were not asked for yet.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    object: Node<'a>,
    members: Vec<Member<'a>>,
    known: Vec<&'static str>,
}

#[derive(Debug)]
struct Member<'a> {
    name: String,
    /// Where the name is written.
    offset: usize,
    value: &'a RawValue,
}

impl<'a> Source<'a> {
    /// The outermost value.
    pub(super) fn root(self) -> Result<Node<'a>, ProfileError> {
        let value: &RawValue =
            serde_json::from_str(self.text).map_err(|error| self.syntax(0, self.text, &error))?;
        Ok(Node {
            source: self,
            text: value.get(),
            path: String::new(),
        })
    }

    fn error(self, offset: usize, field: &str, problem: String) -> ProfileError {
        ProfileError {
            origin: self.origin.to_owned(),
            position: Some(Position::of(self.text, offset)),
            field: field.to_owned(),
            problem,
        }
    }

    /// What the JSON parser says of `part`, which begins at `offset`.
    fn syntax(self, offset: usize, part: &str, error: &serde_json::Error) -> ProfileError {
        // It counts columns in bytes, and names a line and a column after its text.
        let lines = part.split_inclusive('\n');
        let before: usize = lines
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum();
        let at = offset + before + error.column().saturating_sub(1);
        let text = error.to_string();
        let what = text.split(" at line ").next().unwrap_or(&text);
        self.error(at, "", format!("this is not JSON: {what}"))
    }

    /// Where a part of the text begins.
    fn offset_of(self, part: &str) -> usize {
        (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize)
    }
}

impl<'a> Node<'a> {
    /// A complaint about this value.
    pub(super) fn error(&self, problem: impl Display) -> ProfileError {
        let offset = self.source.offset_of(self.text);
        self.source.error(offset, &self.path, problem.to_string())
    }

    fn expected(&self, what: impl Display) -> ProfileError {
        let is = match self.text.as_bytes().first() {
            Some(b'{') => "an object",
            Some(b'[') => "a list",
            Some(b'"') => "a text",
            Some(b't' | b'f') => "true or false",
            Some(b'n') => "null",
            _ => "a number",
        };
        let short: String = self.text.chars().take(40).collect();
        match is {
            "an object" | "a list" => self.error(format!("has to be {what}, but is {is}")),
            _ => self.error(format!("has to be {what}, but is {short}")),
        }
    }

    fn parsed<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.text).ok()
    }

    fn child(&self, text: &'a str, step: impl Display) -> Self {
        Self {
            source: self.source,
            text,
            path: format!("{}{step}", self.path),
        }
    }

    /// Whether it is an object; else it has to be something simpler.
    pub(super) fn is_object(&self) -> bool {
        self.text.starts_with('{')
    }

    /// Its members.
    pub(super) fn fields(&self) -> Result<Fields<'a>, ProfileError> {
        if !self.is_object() {
            return Err(self.expected("an object in braces"));
        }
        let offset = self.source.offset_of(self.text);
        let Members(raw) = serde_json::from_str(self.text)
            .map_err(|error| self.source.syntax(offset, self.text, &error))?;
        let mut members: Vec<Member<'a>> = Vec::with_capacity(raw.len());
        for (name, value) in raw {
            let offset = self.source.offset_of(name.get());
            let name: String = serde_json::from_str(name.get())
                .map_err(|error| self.source.syntax(offset, name.get(), &error))?;
            if members.iter().any(|member| member.name == name) {
                let path = self.child("", self.step(&name)).path;
                let problem = "stands here for the second time".to_owned();
                return Err(self.source.error(offset, &path, problem));
            }
            members.push(Member {
                name,
                offset,
                value,
            });
        }
        Ok(Fields {
            object: self.clone(),
            members,
            known: Vec::new(),
        })
    }

    /// Its elements, at most `most`.
    pub(super) fn list(&self, most: usize) -> Result<Vec<Self>, ProfileError> {
        if !self.text.starts_with('[') {
            return Err(self.expected("a list in brackets"));
        }
        let offset = self.source.offset_of(self.text);
        let values: Vec<&'a RawValue> = serde_json::from_str(self.text)
            .map_err(|error| self.source.syntax(offset, self.text, &error))?;
        if values.len() > most {
            let count = values.len();
            return Err(self.error(format!("has {count} elements; at most {most} are taken")));
        }
        let elements = values.iter().enumerate();
        Ok(elements
            .map(|(index, value)| self.child(value.get(), format_args!("[{index}]")))
            .collect())
    }

    /// All elements, each read by `read`.
    pub(super) fn each<T>(
        &self,
        most: usize,
        read: impl FnMut(Self) -> Result<T, ProfileError>,
    ) -> Result<Vec<T>, ProfileError> {
        self.list(most)?.into_iter().map(read).collect()
    }

    /// A text of at most `most` bytes.
    pub(super) fn text(&self, most: usize) -> Result<String, ProfileError> {
        let text: String = self
            .parsed()
            .ok_or_else(|| self.expected("a text in quotes"))?;
        if text.len() > most {
            let length = text.len();
            return Err(self.error(format!("is {length} bytes long; at most {most} are taken")));
        }
        Ok(text)
    }

    /// As [`Self::text`], for what a person reads: not empty, no control characters.
    pub(super) fn label(&self, most: usize) -> Result<String, ProfileError> {
        let text = self.text(most)?;
        if text.trim().is_empty() {
            return Err(self.error("must not be empty"));
        }
        if text.chars().any(char::is_control) {
            return Err(self.error("must not have control characters in it"));
        }
        Ok(text)
    }

    pub(super) fn boolean(&self) -> Result<bool, ProfileError> {
        self.parsed().ok_or_else(|| self.expected("true or false"))
    }

    /// A finite number.
    pub(super) fn number(&self) -> Result<f64, ProfileError> {
        self.parsed()
            .filter(|number: &f64| number.is_finite())
            .ok_or_else(|| self.expected("a number"))
    }

    /// A whole number in a range.
    pub(super) fn whole<T>(&self, range: RangeInclusive<T>) -> Result<T, ProfileError>
    where
        T: DeserializeOwned + PartialOrd + Display,
    {
        self.parsed()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                self.expected(format_args!("a whole number from {least} to {most}"))
            })
    }

    /// One of some words, each of which means something.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, ProfileError> {
        let names = || words.iter().map(|(name, _)| *name);
        let all = || names().collect::<Vec<_>>().join(", ");
        let Some(text) = self.parsed::<String>() else {
            return Err(self.expected(format_args!("one of the words {}", all())));
        };
        let known = words.iter().find(|(name, _)| *name == text);
        known.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let hint = hint(&text, names());
            self.error(format!("“{text}” is none of {}{hint}", all()))
        })
    }

    fn step(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => name.to_owned(),
            false => format!(".{name}"),
        }
    }
}

impl<'a> Fields<'a> {
    /// A member, if it is there.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.known.push(name);
        let index = self.members.iter().position(|member| member.name == name)?;
        let member = self.members.swap_remove(index);
        let step = self.object.step(name);
        Some(self.object.child(member.value.get(), step))
    }

    /// A member that may be missing.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'a>) -> Result<T, ProfileError>,
    ) -> Result<Option<T>, ProfileError> {
        self.take(name).map(read).transpose()
    }

    /// A member that has to be there.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(Node<'a>) -> Result<T, ProfileError>,
    ) -> Result<T, ProfileError> {
        match self.take(name) {
            Some(node) => read(node),
            None => {
                let hint = self.misspelt(name);
                Err(self.error(format!("“{name}” is missing{hint}")))
            }
        }
    }

    /// All members whatever their names are, in the order of the text.
    pub(super) fn rest(mut self, most: usize) -> Result<Vec<(String, Node<'a>)>, ProfileError> {
        let members = std::mem::take(&mut self.members);
        if members.len() > most {
            let count = members.len();
            return Err(self.error(format!("has {count} members; at most {most} are taken")));
        }
        let object = &self.object;
        let node = |member: Member<'a>| {
            let step = object.step(&member.name);
            let node = object.child(member.value.get(), step);
            (member.name, node)
        };
        Ok(members.into_iter().map(node).collect())
    }

    /// A complaint about the object.
    pub(super) fn error(&self, problem: impl Display) -> ProfileError {
        self.object.error(problem)
    }

    /// Complains of a member that was not asked for: most likely a slip of the pen. `what`
    /// has such members, as in “a gauge”.
    pub(super) fn finish(self, what: &str) -> Result<(), ProfileError> {
        let first = self.members.iter().min_by_key(|member| member.offset);
        let Some(member) = first else {
            return Ok(());
        };
        let hint = hint(&member.name, self.known.iter().copied());
        let all = self.known.join(", ");
        let path = self.object.child("", self.object.step(&member.name)).path;
        let problem = format!("{what} has nothing of that name{hint}; there are {all}");
        Err(self.object.source.error(member.offset, &path, problem))
    }

    /// A member that may stand for the one that is missing.
    fn misspelt(&self, name: &str) -> String {
        let alike = |member: &&Member<'_>| strsim::jaro_winkler(&member.name, name) > ALIKE;
        match self.members.iter().find(alike) {
            Some(member) => format!("; is “{}” meant to be it?", member.name),
            None => String::new(),
        }
    }
}

/// The nearest of some names, as the end of a sentence.
pub(super) fn hint<'n>(wrong: &str, names: impl Iterator<Item = &'n str>) -> String {
    let wrong = wrong.to_lowercase();
    names
        .map(|name| (strsim::jaro_winkler(&wrong, name), name))
        .filter(|(likeness, _)| *likeness > ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| format!("; did you mean “{name}”?"))
        .unwrap_or_default()
}

/// The members of an object in order, those that are there twice included.
struct Members<'a>(Vec<(&'a RawValue, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
