//! Instrument profiles: how an instrument talks, and how its panel looks.
//!
//! A profile is a JSON file, one of those that the plugin brings along or a person's own;
//! `profiles/README.md` describes it. The serial elements take their settings from it, and
//! send its text to the page, which finds the quantities and draws the panel. All of it is
//! checked when it is loaded, so that the others can rely on it: what is wrong is told with
//! file, line, column and field.
//!
//! Pure, but for the reading of the file in [`Profile::load`].

mod bundled;
mod command;
mod error;
mod line;
#[allow(
    dead_code,
    reason = "only checked here: the page and the tests of the bundled profiles use it"
)]
mod panel;
mod pattern;
#[allow(dead_code, reason = "as above")]
mod quantity;
mod reader;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

pub(crate) use command::Command;
pub(crate) use error::ProfileError;
#[allow(
    unused_imports,
    reason = "the tests of the bundled profiles need fewer"
)]
pub(crate) use line::{
    Check, FlowControl, Framing, Level, Line, Mode, Parity, Poll, Sending, Talk, TalkLine, Transmit,
};
pub(crate) use pattern::Pattern;
#[allow(unused_imports, reason = "for the tests of the bundled profiles")]
pub(crate) use {
    panel::Widget,
    quantity::{Form, Number, Quantity, Rule},
};

use bundled::BUNDLED;
use panel::Context;
use reader::{Fields, Node, Source, hint};

/// The version of the format that is read.
const VERSION: u32 = 1;

/// Longest profile, in bytes.
pub(crate) const MAX_PROFILE: usize = 128 * 1024;

const MAX_INIT: usize = 64;
const MAX_POLL: usize = 64;
const MAX_ALLOW: usize = 256;
const MAX_QUANTITIES: usize = 128;
const MAX_WIDGETS: usize = 256;

/// A profile that has been checked.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// What it is called by, such as `kx3`.
    pub(crate) name: String,
    pub(crate) serial: Line,
    pub(crate) framing: Framing,
    pub(crate) send: Sending,
    /// Sent when the port was opened.
    pub(crate) init: Vec<Command>,
    pub(crate) poll: Vec<Poll>,
    /// Puts the instrument in a state that needs nobody.
    pub(crate) safe_string: Option<Command>,
    /// What pages may send; `None`: anything, empty: nothing.
    pub(crate) allow: Option<Vec<Pattern>>,
    pub(crate) transmit: Option<Transmit>,
    pub(crate) talk: Option<Talk>,
    pub(crate) quantities: Vec<Quantity>,
    pub(crate) panel: Vec<Widget>,
    /// Its text, for the page.
    pub(crate) json: String,
}

impl Profile {
    /// Loads a profile that the plugin brings along, by its name, or one from a file.
    pub(crate) fn load(name_or_path: &str) -> Result<Self, ProfileError> {
        if let Some((name, text)) = BUNDLED.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(text, name);
        }
        let path = Path::new(name_or_path);
        let is_path = name_or_path.contains('/') || path.extension().is_some();
        if !is_path && !path.exists() {
            let all: Vec<&str> = Self::bundled().collect();
            let hint = hint(name_or_path, all.iter().copied());
            return Err(ProfileError::whole(
                name_or_path,
                format!(
                    "there is no profile of that name{hint}; there are {}, \
                     and files, which are named by their path, such as ./mine.json",
                    all.join(", ")
                ),
            ));
        }
        let text = read_file(path).map_err(|error| {
            ProfileError::whole(name_or_path, format!("cannot be read: {error}"))
        })?;
        Self::parse(&text, name_or_path)
    }

    /// The names of those that the plugin brings along.
    pub(crate) fn bundled() -> impl Iterator<Item = &'static str> {
        BUNDLED.iter().map(|(name, _)| *name)
    }

    /// Reads and checks a profile. `origin` is what complaints begin with: the file.
    pub(crate) fn parse(text: &str, origin: &str) -> Result<Self, ProfileError> {
        // Some editors begin files with it.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.len() > MAX_PROFILE {
            let length = text.len();
            let problem = format!("has {length} bytes; a profile has at most {MAX_PROFILE}");
            return Err(ProfileError::whole(origin, problem));
        }
        let root = Source { origin, text }.root()?;
        let mut fields = root.fields()?;
        fields.required("profile", version)?;
        let name = fields.required("name", quantity::name)?;
        fields.required("title", |node| node.label(100))?;
        let profile = Self {
            name,
            serial: fields.optional("serial", Line::read)?.unwrap_or_default(),
            framing: fields
                .optional("framing", Framing::read)?
                .unwrap_or_default(),
            send: fields.optional("send", Sending::read)?.unwrap_or_default(),
            init: list(&mut fields, "init", MAX_INIT, Command::read)?.unwrap_or_default(),
            poll: list(&mut fields, "poll", MAX_POLL, Poll::read)?.unwrap_or_default(),
            safe_string: fields.optional("safe-string", Command::read)?,
            allow: list(&mut fields, "allow", MAX_ALLOW, |node| Pattern::read(&node))?,
            transmit: fields.optional("transmit", Transmit::read)?,
            talk: fields.optional("talk", Talk::read)?,
            quantities: list(&mut fields, "quantities", MAX_QUANTITIES, Quantity::read)?
                .unwrap_or_default(),
            panel: Vec::new(),
            json: text.to_owned(),
        };
        // For the reader of the file.
        fields.optional("about", |node| node.text(4096))?;
        fields.optional("source", |node| node.text(4096))?;
        profile.finish(fields)
    }

    /// Checks what depends on more than one field.
    fn finish(mut self, mut fields: Fields<'_>) -> Result<Self, ProfileError> {
        let mut names: Vec<&str> = self.quantities.iter().map(|q| q.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            let problem = format!("there are two quantities “{}”", pair[0]);
            return Err(fields.error(problem));
        }
        match (&self.transmit, &self.safe_string) {
            (Some(_), None) => {
                let problem = "an instrument that transmits needs a “safe-string” that ends it";
                return Err(fields.error(problem));
            }
            (Some(transmit), Some(safe)) if transmit.start.occurs_in(safe.as_bytes()) => {
                return Err(fields.error("“safe-string” must not begin a transmission"));
            }
            _ => {}
        }
        self.check_talk(&fields)?;
        let widget = |node| Widget::read(node, Context(&self));
        let panel = list(&mut fields, "panel", MAX_WIDGETS, widget)?;
        self.panel = panel.unwrap_or_default();
        fields.finish("a profile")?;
        Ok(self)
    }

    /// Whether who talks can be taken off the air.
    fn check_talk(&self, fields: &Fields<'_>) -> Result<(), ProfileError> {
        let Some(talk) = &self.talk else {
            return Ok(());
        };
        if talk.start.is_some() && self.safe_string.is_none() {
            let problem = "an instrument that is keyed by talking needs a “safe-string”";
            return Err(fields.error(problem));
        }
        if let (Some(end), Some(transmit)) = (&talk.end, &self.transmit)
            && transmit.start.occurs_in(end.as_bytes())
        {
            return Err(fields.error("the “end” of “talk” must not begin a transmission"));
        }
        match talk.conflict(&self.serial) {
            Some(what) => Err(fields.error(format!(
                "the “line” of “talk” has to be low while nobody talks, which it is not with \
                 {what} in “serial”"
            ))),
            None => Ok(()),
        }
    }

    /// Whether pages may send this.
    pub(crate) fn allows(&self, command: &[u8]) -> bool {
        match &self.allow {
            Some(patterns) => patterns.iter().any(|pattern| pattern.matches(command)),
            None => true,
        }
    }
}

fn version(node: Node<'_>) -> Result<(), ProfileError> {
    match node.whole(0..=u32::MAX)? {
        VERSION => Ok(()),
        other => Err(node.error(format!(
            "this is format {other}, and only {VERSION} is known here"
        ))),
    }
}

fn list<'a, T>(
    fields: &mut Fields<'a>,
    name: &'static str,
    most: usize,
    read: impl FnMut(Node<'a>) -> Result<T, ProfileError>,
) -> Result<Option<Vec<T>>, ProfileError> {
    fields.optional(name, |node| node.each(most, read))
}

/// The text of a file, as much of it as is needed to see that it is too long.
fn read_file(path: &Path) -> io::Result<String> {
    // A pipe might wait for ever.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a file",
        ));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_PROFILE).unwrap_or(u64::MAX);
    File::open(path)?.take(most + 4).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_PROFILE + 3 {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("a profile has at most {MAX_PROFILE} bytes"),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..before]
            .iter()
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("line {line} is not UTF-8"),
        )
    })
}
