//! Commands on their way from the peers to the pads, and the order to make instruments
//! safe, which overtakes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;

use super::instrument::Profile;
use super::{Allow, Data, PadNews, PadSettings};
use crate::media::input::data_caps;
use crate::peer::chunks::Payload;

/// Bytes and messages that may wait in one `data_src_%u` pad, 0.4 s of 10,000 commands/s:
/// what comes then is refused, because old commands must not reach an instrument late.
const MAX_WAITING_BYTES: u64 = 4 * 1024 * 1024;
const MAX_WAITING: u64 = 4096;

/// A `data_src_%u` pad.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) pad: gst::Pad,
    pub(super) settings: PadSettings,
    pub(super) allow: Allow,
    pub(super) appsrc: gst_app::AppSrc,
    /// Commands up to this number were given before the instruments were made safe.
    void: Arc<AtomicU64>,
    /// The number of the last command.
    last: Arc<AtomicU64>,
    pub(super) news: PadNews,
}

/// Why a command reaches no instrument; for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Undeliverable {
    #[error("nothing at the bench takes commands on “{0}”")]
    NoPad(String),
    #[error("the pipeline at the bench is not playing")]
    NotPlaying,
    #[error("the bench does not allow this command")]
    Forbidden,
    #[error("no command is allowed: {0}")]
    BadList(String),
    #[error("the instrument does not keep up: {0} commands wait")]
    Full(u64),
    #[error("the pipeline at the bench has ended")]
    Ended,
    #[error("talking cannot turn this instrument’s transmitter on")]
    NoKey,
}

impl Source {
    pub(super) fn new(pad: &gst::Pad, settings: PadSettings, appsrc: &gst_app::AppSrc) -> Self {
        // What is too much is refused before it gets there.
        appsrc.set_max_bytes(0);
        appsrc.set_max_buffers(0);
        let void = Arc::new(AtomicU64::new(0));
        let until = void.clone();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let number = info.buffer().map(|buffer| buffer.offset());
            match number.is_some_and(|number| number <= until.load(Ordering::Acquire)) {
                true => gst::PadProbeReturn::Drop,
                false => gst::PadProbeReturn::Ok,
            }
        });
        Self {
            name: pad.name().to_string(),
            pad: pad.clone(),
            settings,
            allow: Allow::Unset,
            appsrc: appsrc.clone(),
            void,
            last: Arc::new(AtomicU64::new(0)),
            news: PadNews::default(),
        }
    }

    /// Commands are numbered anew.
    pub(super) fn start(&self) {
        self.void.store(0, Ordering::Release);
        self.last.store(0, Ordering::Release);
    }

    /// Has the instrument made safe, ahead of what waits.
    fn make_safe(&self, reason: &str, after: u64) {
        self.void.fetch_max(after, Ordering::AcqRel);
        let event = gst::event::CustomDownstreamOob::new(
            gst::Structure::builder("instrument-safe")
                .field("reason", reason)
                .field("after", after)
                .build(),
        );
        // False where nothing is linked, or nothing is there to be made safe.
        let _ = self.pad.push_event(event);
    }

    /// Whether this command may and can go out here. `profile` is that of the label.
    fn check(&self, command: &[u8], profile: Option<&Profile>) -> Result<(), Undeliverable> {
        let list = match (&self.allow, profile.and_then(|p| p.allow.as_ref())) {
            (Allow::List(list), _) | (Allow::Unset, Some(Ok(list))) => Some(list),
            (Allow::Broken(error), _) | (Allow::Unset, Some(Err(error))) => {
                return Err(Undeliverable::BadList(error.to_string()));
            }
            (Allow::Unset, None) => None,
        };
        if list.is_some_and(|list| !list.allows(command)) {
            return Err(Undeliverable::Forbidden);
        }
        let waiting = self.appsrc.current_level_buffers();
        let bytes = self.appsrc.current_level_bytes() + command.len() as u64;
        if waiting >= MAX_WAITING || bytes > MAX_WAITING_BYTES {
            return Err(Undeliverable::Full(waiting));
        }
        Ok(())
    }
}

impl Data {
    /// The pads that a command on this label leaves by: a pad that is not linked would end
    /// the pipeline, and one that is paused would keep an old command for later.
    pub(super) fn sources(&self, label: &str) -> Result<Vec<Source>, Undeliverable> {
        let mut sources = self.locked().sources.clone();
        sources.retain(|source| &*source.settings.label == label && source.pad.is_linked());
        if sources.is_empty() {
            return Err(Undeliverable::NoPad(label.to_owned()));
        }
        sources.retain(|source| source.appsrc.current_state() == gst::State::Playing);
        if sources.is_empty() {
            return Err(Undeliverable::NotPlaying);
        }
        Ok(sources)
    }

    /// Whether a command may and can go out, on all pads of its label.
    pub(crate) fn check(&self, label: &str, command: &[u8]) -> Result<(), Undeliverable> {
        let profile = self.profile(label);
        self.sources(label)?
            .iter()
            .try_for_each(|source| source.check(command, profile.as_deref()))
    }

    /// Sends a command that was checked out of the pads of its label, with its number.
    pub(crate) fn deliver(
        &self,
        label: &str,
        payload: &Payload,
        number: u64,
    ) -> Result<(), Undeliverable> {
        for Source { appsrc, last, .. } in self.sources(label)? {
            last.fetch_max(number, Ordering::AcqRel);
            if appsrc.caps().is_none() {
                appsrc.set_caps(Some(&caps_for(&appsrc)));
            }
            let mut buffer = gst::Buffer::from_slice(payload.as_bytes().to_vec());
            if let Some(buffer) = buffer.get_mut() {
                buffer.set_offset(number);
            }
            appsrc
                .push_buffer(buffer)
                .map_err(|_| Undeliverable::Ended)?;
        }
        Ok(())
    }

    /// Has every instrument made safe, ahead of what waits. Commands up to number `after`
    /// reach nobody any more.
    pub(crate) fn make_safe(&self, reason: &str, after: u64) {
        let sources = self.locked().sources.clone();
        for source in sources {
            source.make_safe(reason, after);
        }
    }

    /// A pad is about to go: who is behind it gets no other command, nor one that stops
    /// something.
    pub(crate) fn part_with(&self, pad: &str) {
        let source = self
            .locked()
            .sources
            .iter()
            .find(|s| s.name == pad)
            .cloned();
        if let Some(source) = source {
            let last = source.last.load(Ordering::Acquire);
            if last > source.void.load(Ordering::Acquire) {
                source.make_safe("its pad was released", last);
            }
        }
    }

    /// Ends the streams of commands.
    pub(crate) fn end(&self) {
        let sources = self.locked().sources.clone();
        for source in sources {
            let _ = source.appsrc.end_of_stream();
        }
    }
}

/// The kind of message that the element behind the pad takes.
fn caps_for(appsrc: &gst_app::AppSrc) -> gst::Caps {
    let wanted = appsrc
        .static_pad("src")
        .map(|pad| pad.peer_query_caps(Some(&data_caps())))
        .filter(|caps| !caps.is_any() && !caps.is_empty());
    let mut caps = wanted.unwrap_or_else(data_caps);
    caps.fixate();
    caps
}
