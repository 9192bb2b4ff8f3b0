//! Commands on their way from the peers to the pads, and the order to make instruments
//! safe, which overtakes them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::prelude::*;

use super::instrument::Profile;
use super::waiting::{self, Entry, Leaving, Waiting};
use super::{Allow, Data, Dropped, News, PadNews, PadSettings};
use crate::arbitration::allow::AllowList;
use crate::media::input::data_caps;
use crate::peer::chunks::Payload;

/// Bytes and messages that may wait in one `data_src_%u` pad, 0.4 s of 10,000 commands/s:
/// what comes then is refused. How long they may wait is the matter of [`waiting`].
const MAX_WAITING_BYTES: u64 = 4 * 1024 * 1024;
const MAX_WAITING: u64 = 4096;
/// So many more may wait of those that end a transmission.
const MAX_ENDS: u64 = 256;

/// A `data_src_%u` pad.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) pad: gst::Pad,
    pub(super) settings: PadSettings,
    pub(super) allow: Allow,
    pub(super) appsrc: gst_app::AppSrc,
    /// What has not left yet. A leaf, too.
    waiting: Arc<Mutex<Waiting>>,
    pub(super) news: PadNews,
}

/// Why a command reaches no instrument; for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Undeliverable {
    #[error("nothing at the bench takes commands on “{0}”")]
    NoPad(String),
    #[error("the pipeline at the bench is not playing")]
    NotPlaying,
    #[error("the instrument has not told yet which commands it allows: send it again")]
    Unknown,
    #[error("the bench does not allow this command")]
    Forbidden,
    #[error("no command is allowed: {0}")]
    BadList(String),
    #[error("the instrument does not keep up: {0} commands wait")]
    Full(u64),
    #[error(
        "the instrument does not keep up: a command has waited for {} ms",
        waiting::PATIENCE.as_millis()
    )]
    Slow,
    #[error("the instrument was made safe meanwhile: send it again")]
    Void,
    #[error("the pipeline at the bench has ended")]
    Ended,
    #[error("“{0}” cannot be keyed by talking: it has no talk-start and no talk-line")]
    NotKeyed(String),
}

impl Source {
    pub(super) fn new(pad: &gst::Pad, settings: PadSettings, appsrc: &gst_app::AppSrc) -> Self {
        // What is too much is refused before it gets there.
        appsrc.set_max_bytes(0);
        appsrc.set_max_buffers(0);
        Self {
            name: pad.name().to_string(),
            pad: pad.clone(),
            settings,
            allow: Allow::Unset,
            appsrc: appsrc.clone(),
            waiting: Arc::default(),
            news: PadNews::default(),
        }
    }

    pub(super) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commands are numbered anew.
    pub(super) fn start(&self) {
        *self.waiting() = Waiting::default();
    }

    /// Has the instrument made safe, ahead of what waits.
    fn make_safe(&self, reason: &str, after: u64) {
        self.waiting().make_void(after);
        let event = gst::event::CustomDownstreamOob::new(
            gst::Structure::builder("instrument-safe")
                .field("reason", reason)
                .field("after", after)
                .build(),
        );
        // False where nothing is linked, or nothing is there to be made safe.
        let _ = self.pad.push_event(event);
    }

    /// Whether this command may and can go out here. `profile` is that of the label; `ends`:
    /// it ends a transmission.
    fn check(
        &self,
        command: &[u8],
        profile: Option<&Profile>,
        ends: bool,
    ) -> Result<(), Undeliverable> {
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
        if ends && waiting < MAX_WAITING + MAX_ENDS {
            return Ok(());
        }
        if waiting >= MAX_WAITING || bytes > MAX_WAITING_BYTES {
            return Err(Undeliverable::Full(waiting));
        }
        match self.waiting().is_slow(Instant::now()) {
            true => Err(Undeliverable::Slow),
            false => Ok(()),
        }
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

    /// Has those tell of themselves to whom a command would go, if they have not yet: what
    /// they allow has to be known before.
    pub(super) fn meet(&self, label: &str) -> Result<(), Undeliverable> {
        let is_known = |source: &Source| {
            let known = self.with_news(&source.name, |news, _| news.is_introduced());
            known.unwrap_or(false)
        };
        for source in self.sources(label)? {
            if is_known(&source) {
                continue;
            }
            let request = gst::Structure::new_empty("instrument-introduction");
            let mut query = gst::query::Custom::new(request);
            // Who answers has pushed its events before that.
            if source.pad.peer_query(&mut query) && !is_known(&source) {
                return Err(Undeliverable::Unknown);
            }
        }
        Ok(())
    }

    /// Whether a command may and can go out, on all pads of its label.
    pub(crate) fn check(&self, label: &str, command: &[u8]) -> Result<(), Undeliverable> {
        self.meet(label)?;
        let profile = self.profile(label);
        let ends = self.ends_transmission(label, command);
        self.sources(label)?
            .iter()
            .try_for_each(|source| source.check(command, profile.as_deref(), ends))
    }

    /// Whether an instrument of this label takes the command for the end of a transmission.
    fn ends_transmission(&self, label: &str, command: &[u8]) -> bool {
        let ends: Vec<AllowList> = {
            let ports = self.locked();
            let sources = ports.sources.iter();
            sources
                .filter(|source| &*source.settings.label == label)
                .filter_map(|source| source.news.ends().cloned())
                .collect()
        };
        ends.iter().any(|ends| ends.allows(command))
    }

    /// Sends a command that was checked out of the pads of its label, with its number. It is
    /// `peer` that gave it, and it arrived at that time.
    pub(crate) fn deliver(
        &self,
        peer: u32,
        label: &str,
        payload: &Payload,
        number: u64,
        at: Instant,
    ) -> Result<(), Undeliverable> {
        let ends = self.ends_transmission(label, payload.as_bytes());
        for source in self.sources(label)? {
            let appsrc = &source.appsrc;
            if appsrc.caps().is_none() {
                appsrc.set_caps(Some(&caps_for(appsrc)));
            }
            let mut buffer = gst::Buffer::from_slice(payload.as_bytes().to_vec());
            if let Some(buffer) = buffer.get_mut() {
                buffer.set_offset(number);
            }
            let is_valid = source.waiting().add(Entry {
                number,
                peer,
                since: at,
                payload: payload.clone(),
                ends,
            });
            if !is_valid {
                return Err(Undeliverable::Void);
            }
            if appsrc.push_buffer(buffer).is_err() {
                source.waiting().forget(number);
                return Err(Undeliverable::Ended);
            }
        }
        Ok(())
    }

    /// Lets those commands leave by a pad that are neither void nor late.
    pub(super) fn watch(self: &Arc<Self>, source: &Source) {
        let data = Arc::downgrade(self);
        let waiting = source.waiting.clone();
        source
            .pad
            .add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
                let Some(number) = info.buffer().map(|buffer| buffer.offset()) else {
                    return gst::PadProbeReturn::Ok;
                };
                let Leaving { passes, dropped } = waiting
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .leave(number, Instant::now());
                if let Some(data) = data.upgrade().filter(|_| !dropped.is_empty()) {
                    data.tell_dropped(&pad.name(), dropped);
                }
                match passes {
                    true => gst::PadProbeReturn::Ok,
                    false => gst::PadProbeReturn::Handled,
                }
            });
    }

    /// Tells those who gave them that commands were dropped: each peer of its first one, and
    /// of how many others there are.
    fn tell_dropped(&self, pad: &str, dropped: Vec<(Entry, waiting::Late)>) {
        let Some(label) = self.with_news(pad, |_, label| label.clone()) else {
            return;
        };
        let mut told: Vec<Dropped> = Vec::new();
        for (entry, late) in dropped {
            match told.iter_mut().find(|told| told.peer == entry.peer) {
                Some(told) => told.others += 1,
                None => told.push(Dropped {
                    peer: entry.peer,
                    label: label.clone(),
                    command: entry.payload,
                    reason: late.to_string(),
                    others: 0,
                }),
            }
        }
        for dropped in told {
            self.tell(News::Dropped(dropped));
        }
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
            // In one step: a command that is on its way comes before the end or not at all.
            let last = source.waiting().close();
            if let Some(last) = last {
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
