//! The register of all peers: the ways in make them here, by number they are found.
//!
//! Lock: `table` is held for look-ups and comes before a peer's `status`; never while a
//! peer works.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::channels::{Channels, Parcel};
use super::inbox::{self, Event, Outbox, Reply};
use super::opening::{Opening, failed};
use super::rtc::Network;
use super::session::{self, Birth, Status};
use super::{Host, PeerState, SignalingError};
use crate::arbitration::desk::Desk;
use crate::ice::port::Knock;
use crate::intercom::Intercom;
use crate::media::data::Dropped;
use crate::media::{Media, Timing};
use crate::memory;
use crate::random::random_text;
use crate::signaling::code::{CodeId, Rights, ShortAnswer};
use crate::signaling::description::{Description, Kind};
use crate::signaling::sdp::{self, Sdp};
use crate::threads;

/// How long a list waits for a peer's statistics.
const WAIT_FOR_STATISTICS: Duration = Duration::from_millis(500);

/// Length of the tag in the mids of an offer.
const TAG: usize = 4;

/// One line of a list of peers.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) id: u32,
    pub(crate) state: PeerState,
    /// Time in this state.
    pub(crate) age: Duration,
    pub(crate) streams: Vec<String>,
}

/// All peers of one element.
pub(crate) struct Peers {
    host: Arc<dyn Host>,
    desk: Arc<Desk>,
    intercom: Arc<Intercom>,
    media: Arc<Media>,
    network: Network,
    max_peers: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    last_id: u32,
    closing: bool,
    peers: BTreeMap<u32, Entry>,
}

struct Entry {
    tag: String,
    /// By which it came.
    code: Option<CodeId>,
    outbox: Outbox,
    channels: Arc<Channels>,
    status: Arc<Mutex<Status>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Peers {
    pub(crate) fn new(
        host: Arc<dyn Host>,
        desk: Arc<Desk>,
        intercom: Arc<Intercom>,
        media: Arc<Media>,
        network: Network,
        max_peers: usize,
    ) -> Self {
        Self {
            host,
            desk,
            intercom,
            media,
            network,
            max_peers,
            table: Mutex::new(Table::default()),
        }
    }

    fn locked(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes an offer; the reply gets its SDP, or why there is none. Gives the peer's
    /// number.
    pub(crate) fn offer(
        self: &Arc<Self>,
        reply: Reply<Result<String, SignalingError>>,
    ) -> Result<u32, SignalingError> {
        self.begin(Opening::Offer { reply })
    }

    /// Answers an offer; the reply gets the answer's SDP, or why there is none. Gives
    /// the peer's number.
    pub(crate) fn answer(
        self: &Arc<Self>,
        offer: Description,
        carried: bool,
        reply: Reply<Result<String, SignalingError>>,
    ) -> Result<u32, SignalingError> {
        if offer.kind != Kind::Offer {
            return Err(SignalingError::BadDescription(
                "this is an answer, not an offer".into(),
            ));
        }
        self.begin(Opening::Answer {
            offer,
            carried,
            reply,
        })
    }

    /// Lets somebody in who has come by a code. Gives the peer's number.
    pub(crate) fn admit(
        self: &Arc<Self>,
        knock: Knock,
        rights: Rights,
    ) -> Result<u32, SignalingError> {
        self.begin(Opening::Code { knock, rights })
    }

    fn begin(self: &Arc<Self>, opening: Opening) -> Result<u32, SignalingError> {
        let code = match &opening {
            Opening::Code { knock, .. } => Some(knock.code),
            Opening::Offer { .. } | Opening::Answer { .. } => None,
        };
        let (outbox, inbox) = inbox::channel();
        let channels = Arc::new(Channels::default());
        let status = Arc::new(Mutex::new(Status {
            state: PeerState::Connecting,
            since: Instant::now(),
            streams: Vec::new(),
        }));
        let mut table = self.locked();
        if table.closing {
            return Err(SignalingError::Failed("the pipeline has stopped".into()));
        }
        if table.peers.len() >= self.max_peers {
            return Err(SignalingError::Full(format!(
                "{} viewers are there already, which is all that max-peers allows: drop one, or \
                 raise max-peers",
                table.peers.len()
            )));
        }
        table.last_id += 1;
        let id = table.last_id;
        let tag = loop {
            let tag = random_text(TAG);
            if table.peers.values().all(|entry| entry.tag != tag) {
                break tag;
            }
        };
        let birth = Birth {
            id,
            tag: tag.clone(),
            host: self.host.clone(),
            desk: self.desk.clone(),
            intercom: self.intercom.clone(),
            media: self.media.clone(),
            network: self.network.clone(),
            status: status.clone(),
            channels: channels.clone(),
            outbox: outbox.clone(),
            inbox,
        };
        let register = Arc::downgrade(self);
        let departure = self.desk.departure(id);
        let thread = std::thread::Builder::new()
            .name(format!("periscope-{id}"))
            .spawn(move || {
                let _departure = departure;
                session::run(birth, opening, || {
                    if let Some(register) = register.upgrade() {
                        register.forget(id);
                    }
                });
            })
            .map_err(failed)?;
        table.peers.insert(
            id,
            Entry {
                tag,
                code,
                outbox,
                channels,
                status,
                thread: Some(thread),
            },
        );
        Ok(id)
    }

    /// Called at the end of a peer, on its thread.
    fn forget(&self, id: u32) {
        let (entry, quiet) = {
            let mut table = self.locked();
            (table.peers.remove(&id), table.peers.is_empty())
        };
        drop(entry);
        memory::give_back(quiet);
    }

    /// Brings an answer to the peer whose offer it belongs to. Gives the peer's number.
    pub(crate) fn take_answer(
        &self,
        answer: Description,
        reply: Reply<Result<(), SignalingError>>,
    ) -> Result<u32, SignalingError> {
        let sdp = Sdp::parse(&answer.sdp)
            .map_err(|error| SignalingError::BadDescription(error.to_string()))?;
        let (id, outbox) = self.whose_offer(sdp::mid_tag(&sdp).as_deref())?;
        outbox.send(Event::TakeAnswer {
            answer,
            reply: answered_in_any_case(reply),
        });
        Ok(id)
    }

    /// Brings the short answer of a page of ours. Gives the peer's number.
    pub(crate) fn take_short_answer(
        &self,
        answer: &ShortAnswer,
        reply: Reply<Result<(), SignalingError>>,
    ) -> Result<u32, SignalingError> {
        let (id, outbox) = self.whose_offer(Some(answer.tag()))?;
        outbox.send(Event::TakeShortAnswer {
            fingerprint: answer.fingerprint(),
            reply: answered_in_any_case(reply),
        });
        Ok(id)
    }

    /// The peer whose offer has this tag.
    fn whose_offer(&self, tag: Option<&str>) -> Result<(u32, Outbox), SignalingError> {
        let table = self.locked();
        let peer = table
            .peers
            .iter()
            .find(|(_, entry)| Some(entry.tag.as_str()) == tag);
        match peer {
            Some((id, entry)) => Ok((*id, entry.outbox.clone())),
            None => Err(SignalingError::BadDescription(
                if table
                    .peers
                    .values()
                    .any(|entry| entry.state() == PeerState::Waiting)
                {
                    "this answer belongs to another offer: answer the offer that was printed \
                     last, or type “offer” for a new one"
                } else {
                    "this answer belongs to no offer that is out: type “offer” to make one"
                }
                .into(),
            )),
        }
    }

    /// Ends all who came by this code.
    pub(crate) fn drop_code(&self, code: CodeId, reason: &str) {
        for entry in self.locked().peers.values() {
            if entry.code == Some(code) {
                entry.outbox.close(reason, true);
            }
        }
    }

    /// Ends a peer. False if there is none of that number.
    pub(crate) fn drop_peer(&self, id: u32, reason: &str) -> bool {
        let outbox = self
            .locked()
            .peers
            .get(&id)
            .map(|entry| entry.outbox.clone());
        outbox.is_some_and(|outbox| {
            outbox.close(reason, true);
            true
        })
    }

    /// The peers, by number.
    pub(crate) fn list(&self) -> Vec<Summary> {
        self.locked()
            .peers
            .iter()
            .map(|(id, entry)| {
                let status = entry.status.lock().unwrap_or_else(PoisonError::into_inner);
                Summary {
                    id: *id,
                    state: status.state,
                    age: status.since.elapsed(),
                    streams: status.streams.clone(),
                }
            })
            .collect()
    }

    /// State and statistics of all peers. Those that are busy are left out.
    pub(crate) fn statistics(&self) -> Vec<gst::Structure> {
        let (tell, told) = mpsc::channel();
        let asked = {
            let table = self.locked();
            for entry in table.peers.values() {
                let tell = tell.clone();
                entry
                    .outbox
                    .send(Event::Describe(Box::new(move |structure| {
                        let _ = tell.send(structure);
                    })));
            }
            table.peers.len()
        };
        drop(tell);
        let until = Instant::now() + WAIT_FOR_STATISTICS;
        let mut statistics = Vec::with_capacity(asked);
        while statistics.len() < asked {
            match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(structure) => statistics.push(structure),
                Err(_) => break,
            }
        }
        statistics.sort_by_key(|structure| structure.get::<u32>("id").unwrap_or_default());
        statistics
    }

    /// Sends messages to every peer that has a channel of this label.
    pub(crate) fn broadcast(&self, label: &str, parcel: &Parcel<'_>) {
        let channels: Vec<Arc<Channels>> = self
            .locked()
            .peers
            .values()
            .map(|entry| entry.channels.clone())
            .collect();
        for peer in channels {
            peer.send(label, parcel);
        }
    }

    pub(crate) fn streams_changed(&self) {
        self.tell_all(|| Event::StreamsChanged);
    }

    pub(crate) fn timing_changed(&self, timing: &Timing) {
        self.tell_all(|| Event::TimingChanged(timing.clone()));
    }

    /// Who controls or who waits may have changed.
    pub(crate) fn control_changed(&self) {
        self.tell_all(|| Event::ControlChanged);
    }

    /// What is known of some instrument has changed.
    pub(crate) fn instruments_changed(&self) {
        self.tell_all(|| Event::InstrumentsChanged);
    }

    /// Who talks or may talk has changed.
    pub(crate) fn talk_changed(&self) {
        self.tell_all(|| Event::TalkChanged);
    }

    /// Instruments were told to be safe: that of this label, or all.
    pub(crate) fn made_safe(&self, label: Option<&Arc<str>>, reason: &str) {
        let reason: Arc<str> = reason.into();
        self.tell_all(|| Event::MadeSafe {
            label: label.cloned(),
            reason: reason.clone(),
        });
    }

    /// Commands of a peer that were on their way do not reach their instrument.
    pub(crate) fn dropped(&self, dropped: Dropped) {
        if let Some(entry) = self.locked().peers.get(&dropped.peer) {
            entry.outbox.send(Event::Dropped(dropped));
        }
    }

    fn tell_all(&self, event: impl Fn() -> Event) {
        for entry in self.locked().peers.values() {
            entry.outbox.send(event());
        }
    }

    /// Ends all peers, without a farewell because the element may be started again, and
    /// waits until their elements have stopped.
    pub(crate) fn close_all(&self, reason: &str) {
        let running: Vec<_> = {
            let mut table = self.locked();
            table.closing = true;
            table
                .peers
                .values_mut()
                .filter_map(|entry| {
                    entry.outbox.close(reason, false);
                    entry.thread.take()
                })
                .collect()
        };
        for thread in running {
            threads::join(thread);
        }
    }
}

/// A reply that is given even if the peer ends before it has come to it.
fn answered_in_any_case(
    reply: Reply<Result<(), SignalingError>>,
) -> Reply<Result<(), SignalingError>> {
    struct Waiting(Option<Reply<Result<(), SignalingError>>>);
    impl Drop for Waiting {
        fn drop(&mut self) {
            if let Some(reply) = self.0.take() {
                reply(Err(SignalingError::Failed(
                    "the peer has ended: type “offer” for a new one".into(),
                )));
            }
        }
    }
    let mut waiting = Waiting(Some(reply));
    Box::new(move |result| {
        if let Some(reply) = waiting.0.take() {
            reply(result);
        }
    })
}

impl Entry {
    fn state(&self) -> PeerState {
        self.status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .state
    }
}
