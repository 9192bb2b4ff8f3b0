//! The console's standard input: from bytes to commands and descriptions.
//!
//! In come the bytes that were read, and the time; out come commands, pasted descriptions, errors
//! for the person, and what to echo. On a terminal the owner of this has switched canonical mode
//! and echo off, because canonical mode cuts lines at 4,096 bytes (`MAX_CANON`) and an offer is
//! longer, and has asked for bracketed paste (`ESC [ ? 2004 h`): so the line is edited here. Pure:
//! the console's thread reads, waits for [`Input::deadline`], and prints.

mod keys;

use crate::signaling::Description;
use crate::signaling::code::ShortAnswer;
use crate::signaling::paste::{self, Collector, Item, MAX_PASTE, PasteError, Pasted, QUIET};
use keys::{Key, Keys};
use std::mem;
use std::time::Duration;

/// A paste whose end mark did not come is taken as complete after this silence.
const PASTE_QUIET: Duration = Duration::from_secs(3);

/// This many characters at once were not typed: they are summarised, not echoed. For terminals
/// without bracketed paste.
const BURST: usize = 32;

/// Errors that are shown while lines keep coming without a pause: whoever pastes a novel by
/// mistake needs no error for each of its lines.
const ERRORS_IN_A_ROW: u32 = 3;

/// What a person tells the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Make an offer and print it.
    Offer,
    /// List the peers.
    Peers,
    /// Disconnect the peer with this number.
    Drop(u32),
    /// List the commands.
    Help,
}

/// What came out of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Write this to the terminal as it is.
    Echo(String),
    /// A command was given.
    Command(Command),
    /// A description was pasted.
    Description(Description),
    /// A page's short answer was pasted.
    ShortAnswer(ShortAnswer),
    /// One line for the person.
    Error(String),
}

/// Standard input, as far as it was read.
///
/// Times are on any clock that does not go backwards. Holds at most a few times
/// [`MAX_PASTE`] bytes, whatever comes.
#[derive(Debug)]
pub struct Input {
    /// Whether to echo and edit: a person is typing.
    terminal: bool,
    keys: Keys,
    collector: Collector,
    /// The line that is being typed.
    line: String,
    /// The rest of the line is dropped: it is too long.
    skipping: bool,
    paste: Option<Paste>,
    /// Characters that were neither echoed nor summarised yet.
    unechoed: usize,
    /// Errors shown since it was last quiet.
    errors: u32,
    /// When something last came.
    last: Duration,
}

/// A bracketed paste that has begun.
#[derive(Debug, Default)]
struct Paste {
    text: String,
    /// All its characters, also those beyond [`MAX_PASTE`] that are dropped.
    characters: usize,
}

impl Input {
    /// `terminal`: whether input is a terminal, with echo and canonical mode off.
    pub fn new(terminal: bool) -> Self {
        Self {
            terminal,
            keys: Keys::default(),
            collector: Collector::default(),
            line: String::new(),
            skipping: false,
            paste: None,
            unechoed: 0,
            errors: 0,
            last: Duration::ZERO,
        }
    }

    /// Takes bytes as they were read at `now`.
    pub fn feed(&mut self, bytes: &[u8], now: Duration) -> Vec<Event> {
        if now.saturating_sub(self.last) >= QUIET {
            self.errors = 0;
        }
        self.last = now;
        let mut out = Vec::new();
        let keys = self.keys.feed(bytes);
        let burst = keys
            .iter()
            .filter(|key| matches!(key, Key::Char(_)))
            .count()
            >= BURST;
        for key in keys {
            self.key(key, burst, now, &mut out);
        }
        if self.collector.deadline().is_none() && self.line.is_empty() {
            self.summarise(&mut out);
        }
        out
    }

    /// When [`timeout`](Self::timeout) wants to be called; `None` while nothing has begun.
    pub fn deadline(&self) -> Option<Duration> {
        match &self.paste {
            Some(_) => Some(self.last + PASTE_QUIET),
            None => match self.collector.deadline() {
                // What was pasted without its last line end.
                None if self.unechoed > 0 => Some(self.last + QUIET),
                deadline => deadline.map(|deadline| deadline.max(self.last + QUIET)),
            },
        }
    }

    /// Ends what has begun and has been quiet for long enough.
    pub fn timeout(&mut self, now: Duration) -> Vec<Event> {
        let mut out = Vec::new();
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return out;
        }
        if let Some(paste) = self.paste.take() {
            self.keys.end_paste();
            self.pasted(paste, now, &mut out);
        }
        // A pasted line without its end; a typed one waits for Enter.
        if (self.unechoed > 0 || self.collector.deadline().is_some()) && !self.line.is_empty() {
            self.enter(now, &mut out);
        }
        if let Some(item) = self.collector.finish() {
            self.item(item, &mut out);
        }
        self.skipping = false;
        self.summarise(&mut out);
        out
    }

    /// Ends whatever has begun: there will be no more input.
    pub fn end_of_input(&mut self, now: Duration) -> Vec<Event> {
        let mut out = Vec::new();
        if let Some(paste) = self.paste.take() {
            self.pasted(paste, now, &mut out);
        }
        if !self.line.is_empty() {
            self.enter(now, &mut out);
        }
        if let Some(item) = self.collector.finish() {
            self.item(item, &mut out);
        }
        self.summarise(&mut out);
        out
    }

    fn key(&mut self, key: Key, burst: bool, now: Duration, out: &mut Vec<Event>) {
        if let Some(paste) = &mut self.paste {
            match key {
                Key::PasteEnd => {
                    let paste = mem::take(paste);
                    self.paste = None;
                    self.pasted(paste, now, out);
                }
                Key::Enter => paste.push('\n'),
                Key::Char(c) => paste.push(c),
                // Cannot come from the keys of a paste.
                Key::Erase | Key::EraseWord | Key::EraseLine | Key::PasteBegin => {}
            }
            return;
        }
        match key {
            Key::PasteBegin => self.paste = Some(Paste::default()),
            Key::PasteEnd => {}
            Key::Enter if mem::take(&mut self.skipping) => self.collector.still_coming(now),
            Key::Enter => self.enter(now, out),
            Key::Char(_) if self.skipping => self.collector.still_coming(now),
            Key::Char(c) => self.character(c, burst, now, out),
            Key::Erase => self.erase(1, out),
            Key::EraseLine => self.erase(self.line.chars().count(), out),
            Key::EraseWord => {
                let kept = self.line.trim_end().rfind(' ').map_or(0, |space| space + 1);
                self.erase(self.line[kept..].chars().count(), out);
            }
        }
    }

    fn character(&mut self, c: char, burst: bool, now: Duration, out: &mut Vec<Event>) {
        self.line.push(c);
        if self.line.len() > MAX_PASTE {
            // The collector says so, once, and drops what follows.
            let line = mem::take(&mut self.line);
            self.take_line(&line, now, out);
            self.skipping = true;
        }
        if burst || self.unechoed > 0 {
            self.unechoed += 1;
        } else {
            self.echo(&c.to_string(), out);
        }
    }

    fn enter(&mut self, now: Duration, out: &mut Vec<Event>) {
        if self.unechoed == 0 {
            self.echo("\r\n", out);
        }
        let line = mem::take(&mut self.line);
        self.take_line(&line, now, out);
    }

    fn erase(&mut self, characters: usize, out: &mut Vec<Event>) {
        for _ in 0..characters {
            if self.line.pop().is_none() {
                break;
            }
            if self.unechoed > 0 {
                self.unechoed -= 1;
            } else {
                self.echo("\u{8} \u{8}", out);
            }
        }
    }

    /// A bracketed paste is complete.
    fn pasted(&mut self, paste: Paste, now: Duration, out: &mut Vec<Event>) {
        // Part of a command, to be edited: a few words, or a code after what was typed.
        let short = paste.text.trim_end_matches('\n');
        let is_typing = !short.contains('\n')
            && match paste::read(short) {
                Err(PasteError::Nothing) => short.chars().count() < BURST,
                Err(PasteError::Code) => !self.line.is_empty(),
                _ => false,
            };
        if is_typing {
            for c in short.chars() {
                self.character(if c.is_control() { ' ' } else { c }, false, now, out);
            }
            if short.len() < paste.text.len() {
                self.enter(now, out);
            }
            return;
        }
        self.unechoed += paste.characters;
        self.summarise(out);
        // What had been typed before it.
        self.line.clear();
        let result = match paste.characters > paste.text.chars().count() {
            true => Err(PasteError::TooLarge),
            false => paste::read(&paste.text),
        };
        match result {
            Ok(Pasted::Description(description)) => out.push(Event::Description(description)),
            Ok(Pasted::ShortAnswer(answer)) => out.push(Event::ShortAnswer(answer)),
            // A command may have a code in it.
            Err(error @ (PasteError::Nothing | PasteError::Code)) => {
                self.pasted_commands(&paste.text, &error, out);
            }
            Err(error) => self.error(error.to_string(), out),
        }
    }

    /// A paste without a description: commands, if each of its lines is one, else `error`.
    fn pasted_commands(&mut self, text: &str, error: &PasteError, out: &mut Vec<Event>) {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let commands: Result<Vec<Command>, String> = lines.take(64).map(parse).collect();
        match commands {
            Ok(commands) => out.extend(commands.into_iter().map(Event::Command)),
            Err(_) => self.error(error.to_string(), out),
        }
    }

    fn take_line(&mut self, line: &str, now: Duration, out: &mut Vec<Event>) {
        for item in self.collector.feed_line(line, now) {
            self.item(item, out);
        }
    }

    fn item(&mut self, item: Item, out: &mut Vec<Event>) {
        self.summarise(out);
        match item {
            Item::Description(description) => out.push(Event::Description(description)),
            Item::ShortAnswer(answer) => out.push(Event::ShortAnswer(answer)),
            Item::Error(error) => self.error(error.to_string(), out),
            Item::Command(line) => match parse(&line) {
                Ok(command) => out.push(Event::Command(command)),
                Err(error) => self.error(error, out),
            },
        }
    }

    fn error(&mut self, text: String, out: &mut Vec<Event>) {
        self.errors += 1;
        if self.errors <= ERRORS_IN_A_ROW {
            out.push(Event::Error(text));
        }
    }

    /// Says how much came that was not echoed.
    fn summarise(&mut self, out: &mut Vec<Event>) {
        match mem::take(&mut self.unechoed) {
            0 => {}
            1 => self.echo("[pasted 1 character]\r\n", out),
            n => self.echo(&format!("[pasted {} characters]\r\n", thousands(n)), out),
        }
    }

    fn echo(&mut self, text: &str, out: &mut Vec<Event>) {
        if !self.terminal {
            return;
        }
        match out.last_mut() {
            Some(Event::Echo(last)) => last.push_str(text),
            _ => out.push(Event::Echo(text.to_owned())),
        }
    }
}

impl Paste {
    fn push(&mut self, c: char) {
        self.characters += 1;
        if self.text.len() + c.len_utf8() <= MAX_PASTE {
            self.text.push(c);
        }
    }
}

/// Reads a command, or says what is wrong with it.
fn parse(line: &str) -> Result<Command, String> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next().unwrap_or_default().to_ascii_lowercase();
    let argument = words.next();
    let command = match (name.as_str(), argument) {
        ("offer", None) => Command::Offer,
        ("peers", None) => Command::Peers,
        ("help" | "?", None) => Command::Help,
        ("drop", Some(number)) if words.next().is_none() => match number.parse() {
            Ok(number) => Command::Drop(number),
            Err(_) => {
                return Err(format!(
                    "“{}” is no peer's number: peers lists them",
                    shown(number)
                ));
            }
        },
        ("drop", _) => {
            return Err("drop which peer? Type drop and its number: peers lists them".into());
        }
        ("offer" | "peers" | "help", Some(_)) => {
            return Err(format!(
                "“{name}” stands alone: type {name}, and nothing after it"
            ));
        }
        // Too long to be a word somebody typed: half a description, perhaps.
        _ if line.len() > 64 => {
            let error = paste::read(line).err().unwrap_or(PasteError::Nothing);
            return Err(error.to_string());
        }
        _ => return Err(format!("unknown command “{}”: type help", shown(line))),
    };
    Ok(command)
}

/// A text for an error: short, and without anything a terminal would obey.
fn shown(text: &str) -> String {
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    if text.chars().count() > 40 {
        short.push('…');
    }
    short
}

/// A number with commas: 2345 as 2,345.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
