//! Messages between the pads of the element and the data channels of the peers.
//!
//! Outward: `data_%u` pad ─ appsink ─▸ queue ─▸ a thread of its own ([`outward`]) ─▸ every
//! peer. The thread keeps the order of messages and the chunks of each together without a
//! lock; the queue is bounded, so that a flood from an instrument costs memory to a limit.
//! Inward: a peer's thread ─▸ appsrc ─ `data_src_%u` pad ([`inward`]).
//!
//! What serial elements tell of their instruments by events is kept by pad, and pages are
//! told it by label ([`instrument`]).
//!
//! Lock: `ports` is a leaf, held to copy what is asked for, and while a message gets its
//! number and its place in the queue.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::prelude::*;

use crate::arbitration::allow::{AllowList, BadPattern};
use crate::peer::batch::Message;
use crate::peer::channels::ChannelOptions;
use crate::peer::chunks::Payload;

pub(crate) mod instrument;
pub(crate) mod inward;
pub(crate) mod outward;
mod talk;
mod waiting;

use instrument::{Heard, Instrument, PadNews, Profile};
use inward::Source;
use outward::{Inlet, Outward, Queue};

/// What is set at a data pad.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PadSettings {
    pub(crate) label: Arc<str>,
    pub(crate) options: ChannelOptions,
    /// Patterns of commands; none: as the profile says.
    pub(crate) allow: Vec<String>,
}

impl PadSettings {
    pub(crate) fn new(label: &str) -> Self {
        Self {
            label: label.into(),
            options: ChannelOptions::default(),
            allow: Vec::new(),
        }
    }
}

/// The allow-list of a pad.
#[derive(Debug, Clone)]
enum Allow {
    /// As the profile says.
    Unset,
    List(AllowList),
    /// Allows nothing.
    Broken(BadPattern),
}

/// What the element hears of its data pads; called on streaming threads.
#[derive(Debug)]
pub(crate) enum News {
    /// Pages are to be told of the instruments again.
    Instruments,
    /// An instrument was made safe by itself, and why.
    Safe { label: Arc<str>, reason: String },
    /// Commands that were on their way reach no instrument any more.
    Dropped(Dropped),
    /// Something that a person should know.
    Trouble(String),
}

/// Commands of one peer that were dropped.
#[derive(Debug)]
pub(crate) struct Dropped {
    pub(crate) peer: u32,
    pub(crate) label: Arc<str>,
    /// The first of them.
    pub(crate) command: Payload,
    pub(crate) reason: String,
    /// How many others were dropped.
    pub(crate) others: u64,
}

type OnNews = Arc<dyn Fn(News) + Send + Sync>;

/// The data pads of one element.
#[derive(Debug, Default)]
pub(crate) struct Data {
    ports: Mutex<Ports>,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Ports {
    /// `data_%u` pads.
    sinks: Vec<Sink>,
    /// `data_src_%u` pads.
    sources: Vec<Source>,
    /// Towards the peers, while the element runs.
    inlet: Option<Inlet>,
    /// The number of the last message of each label.
    sequences: HashMap<Arc<str>, u32>,
    on_news: Option<OnNews>,
}

impl std::fmt::Debug for Ports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ports")
            .field("sinks", &self.sinks)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Sink {
    pad: String,
    settings: PadSettings,
    news: PadNews,
}

impl Data {
    fn locked(&self) -> MutexGuard<'_, Ports> {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the way to the peers; the queue is for the thread that sends.
    pub(crate) fn open(&self, on_news: impl Fn(News) + Send + Sync + 'static) -> Queue {
        let (inlet, queue) = outward::channel();
        let mut ports = self.locked();
        ports.inlet = Some(inlet);
        ports.sequences.clear();
        for source in &ports.sources {
            source.start();
        }
        ports.on_news = Some(Arc::new(on_news));
        queue
    }

    /// Closes the way to the peers; the queue ends. What was heard of instruments is no
    /// longer so: who starts again tells it again, maybe before this element is there.
    pub(crate) fn close(&self) {
        let mut guard = self.locked();
        let ports = &mut *guard;
        for sink in &mut ports.sinks {
            sink.news = PadNews::default();
        }
        for source in &mut ports.sources {
            source.news = PadNews::default();
        }
        let inlet = ports.inlet.take();
        let on_news = ports.on_news.take();
        drop(guard);
        drop((inlet, on_news));
    }

    // ---- Pads --------------------------------------------------------------------------

    pub(crate) fn add_sink(
        self: &Arc<Self>,
        pad: &gst::Pad,
        label: &str,
        appsink: &gst_app::AppSink,
    ) {
        self.locked().sinks.push(Sink {
            pad: pad.name().to_string(),
            settings: PadSettings::new(label),
            news: PadNews::default(),
        });
        self.listen(pad, gst::PadProbeType::EVENT_DOWNSTREAM);
        let data = Arc::downgrade(self);
        let name = pad.name().to_string();
        appsink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Flushing)?;
                    if let (Some(data), Some(buffer)) = (data.upgrade(), sample.buffer()) {
                        data.send(&name, buffer, outward::is_text(sample.caps()));
                    }
                    Ok(gst::FlowSuccess::Ok)
                })
                .build(),
        );
    }

    pub(crate) fn add_source(
        self: &Arc<Self>,
        pad: &gst::Pad,
        label: &str,
        appsrc: &gst_app::AppSrc,
    ) {
        let source = Source::new(pad, PadSettings::new(label), appsrc);
        self.watch(&source);
        self.locked().sources.push(source);
        self.listen(pad, gst::PadProbeType::EVENT_UPSTREAM);
    }

    /// Hears what the element on the other side of a pad tells of its instrument.
    fn listen(self: &Arc<Self>, pad: &gst::Pad, events: gst::PadProbeType) {
        let data = Arc::downgrade(self);
        pad.add_probe(events, move |pad, info| {
            if let (Some(data), Some(event)) = (data.upgrade(), info.event())
                // Orders to be safe go the other way: one that comes round is our own.
                && event.type_() != gst::EventType::CustomDownstreamOob
                && let Some(structure) = event.structure()
                && structure.name().starts_with("instrument-")
            {
                data.hear(&pad.name(), structure);
            }
            gst::PadProbeReturn::Ok
        });
        let data = Arc::downgrade(self);
        pad.connect_linked(move |_, _| {
            if let Some(data) = data.upgrade() {
                data.tell(News::Instruments);
            }
        });
        let data = Arc::downgrade(self);
        pad.connect_unlinked(move |pad, _| {
            if let Some(data) = data.upgrade() {
                // Who was there is no more; who comes tells anew.
                data.with_news(&pad.name(), |news, _| *news = PadNews::default());
                data.tell(News::Instruments);
            }
        });
    }

    pub(crate) fn remove(&self, pad: &str) {
        let mut ports = self.locked();
        ports.sinks.retain(|sink| sink.pad != pad);
        ports.sources.retain(|source| source.name != pad);
    }

    /// Gives a pad other settings.
    pub(crate) fn configure(&self, pad: &str, settings: &PadSettings) {
        let allow = match settings.allow.as_slice() {
            [] => Allow::Unset,
            patterns => match AllowList::new(patterns) {
                Ok(list) => Allow::List(list),
                Err(error) => Allow::Broken(error),
            },
        };
        let mut ports = self.locked();
        for sink in &mut ports.sinks {
            if sink.pad == pad {
                sink.settings = settings.clone();
            }
        }
        for source in &mut ports.sources {
            if source.name == pad {
                source.settings = settings.clone();
                source.allow = allow.clone();
            }
        }
    }

    /// Says what is wrong with the settings of the pads.
    pub(crate) fn check_settings(&self) -> Result<(), String> {
        let ports = self.locked();
        let all = ports
            .sinks
            .iter()
            .map(|sink| (&sink.pad, &sink.settings))
            .chain(ports.sources.iter().map(|s| (&s.name, &s.settings)));
        for (pad, settings) in all {
            let options = settings.options;
            if options.max_retransmits.is_some() && options.max_lifetime.is_some() {
                return Err(format!(
                    "{pad}: a channel has max-retransmits or max-lifetime, not both (RFC 8832): \
                     set one of them to -1"
                ));
            }
        }
        if let Some(sink) = ports
            .sinks
            .iter()
            .find(|sink| !sink.settings.allow.is_empty())
        {
            return Err(format!(
                "{0}: commands leave by data_src pads: set allow on data_src_{1}",
                sink.pad,
                sink.pad.trim_start_matches("data_"),
            ));
        }
        for source in &ports.sources {
            if let Allow::Broken(error) = &source.allow {
                return Err(format!("{}: allow: {error}", source.name));
            }
        }
        Ok(())
    }

    /// The channels that each peer gets, by label. Where pads share one, those by which
    /// messages come say how they are carried.
    pub(crate) fn channels(&self) -> Vec<(Arc<str>, ChannelOptions)> {
        let ports = self.locked();
        let mut channels: Vec<(Arc<str>, ChannelOptions)> = Vec::new();
        let sinks = ports.sinks.iter().map(|sink| &sink.settings);
        for settings in sinks.chain(ports.sources.iter().map(|source| &source.settings)) {
            if channels.iter().all(|(label, _)| *label != settings.label) {
                channels.push((settings.label.clone(), settings.options));
            }
        }
        channels.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        channels
    }

    // ---- Instruments -------------------------------------------------------------------

    /// All instruments, by label.
    pub(crate) fn instruments(&self) -> Vec<Instrument> {
        let labels = self.channels();
        let (mut instruments, sources) = {
            let ports = self.locked();
            let instruments = labels.into_iter().map(|(label, _)| {
                let mut instrument = Instrument::new(label.clone());
                for sink in ports.sinks.iter().filter(|s| s.settings.label == label) {
                    instrument.add(&sink.news);
                }
                for source in ports.sources.iter().filter(|s| s.settings.label == label) {
                    instrument.add(&source.news);
                }
                instrument
            });
            (instruments.collect::<Vec<_>>(), ports.sources.clone())
        };
        for instrument in &mut instruments {
            instrument.sends = sources
                .iter()
                .any(|s| s.settings.label == instrument.label && s.pad.is_linked());
        }
        instruments
    }

    /// The profile of a label.
    fn profile(&self, label: &str) -> Option<Arc<Profile>> {
        let ports = self.locked();
        let sinks = ports.sinks.iter().map(|sink| (&sink.settings, &sink.news));
        let sources = ports.sources.iter();
        sinks
            .chain(sources.map(|source| (&source.settings, &source.news)))
            .filter(|(settings, _)| &*settings.label == label)
            .find_map(|(_, news)| news.profile().cloned())
    }

    fn with_news<T>(
        &self,
        pad: &str,
        work: impl FnOnce(&mut PadNews, &Arc<str>) -> T,
    ) -> Option<T> {
        let mut guard = self.locked();
        let ports = &mut *guard;
        if let Some(sink) = ports.sinks.iter_mut().find(|sink| sink.pad == pad) {
            return Some(work(&mut sink.news, &sink.settings.label));
        }
        let source = ports.sources.iter_mut().find(|s| s.name == pad)?;
        Some(work(&mut source.news, &source.settings.label))
    }

    fn hear(&self, pad: &str, structure: &gst::StructureRef) {
        let heard = self.with_news(pad, |news, label| (news.hear(structure), label.clone()));
        match heard {
            None | Some((Heard::Nothing, _)) => {}
            Some((Heard::Changed, _)) => self.tell(News::Instruments),
            Some((Heard::Safe(reason), label)) => {
                self.tell(News::Instruments);
                self.tell(News::Safe { label, reason });
            }
            Some((Heard::Trouble(error), label)) => {
                self.tell(News::Trouble(format!("{label}: {error}")));
            }
        }
    }

    fn tell(&self, news: News) {
        let on_news = self.locked().on_news.clone();
        if let Some(on_news) = on_news {
            on_news(news);
        }
    }

    // ---- Messages ----------------------------------------------------------------------

    /// Messages that were dropped because the bench sends faster than can be handed out.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn send(&self, pad: &str, buffer: &gst::BufferRef, is_text: bool) {
        let host_time = outward::host_time(buffer);
        let Ok(map) = buffer.map_readable() else {
            return;
        };
        if map.is_empty() {
            return;
        }
        let payload = outward::payload(&map, is_text);
        // Two pads may have one label: whose number is lower has to be first in the queue.
        let mut guard = self.locked();
        let ports = &mut *guard;
        let (Some(inlet), Some(sink)) = (
            &ports.inlet,
            ports.sinks.iter().find(|sink| sink.pad == pad),
        ) else {
            return;
        };
        let label = sink.settings.label.clone();
        let sequence = ports.sequences.entry(label.clone()).or_default();
        *sequence = sequence.wrapping_add(1);
        let message = Message {
            host_time,
            sequence: *sequence,
            payload,
        };
        if !inlet.put(Outward { label, message }) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}
