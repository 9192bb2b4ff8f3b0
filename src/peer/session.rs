//! The life of one peer, on its own thread, from the first description to the end.
//!
//! ```text
//! offer made ── Waiting ── answer taken ─┐
//! offer taken, answer made ──────────────┼─ Connecting ── certificate checked ── Connected ── Closed
//! came by a code ────────────────────────┘
//! ```
//!
//! Nothing but ICE and DTLS passes before the certificate that the peer shows in DTLS
//! is one that its description announces: webrtcbin does not check it before 1.28.5.

use std::cell::OnceCell;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_webrtc::{WebRTCDataChannel, WebRTCPeerConnectionState};

use super::channels::Channels;
use super::chunks::Reassembler;
use super::control::{self, ToPage};
use super::inbox::{Event, Inbox, Outbox};
use super::instruments::Told;
use super::lines::{Line, Sending};
use super::negotiation::Negotiation;
use super::opening::{Admission, Opening};
use super::rtc::{Network, Rtc};
use super::{Host, PeerState, Report};
use crate::arbitration::desk::Desk;
use crate::congestion::audience::Size;
use crate::ice::seat::{Seat, SeatEvent};
use crate::intercom::{Ear, Intercom};
use crate::media::Media;
use crate::media::stream::Subscription;
use crate::rtp::transmitter::Transmitter;
use crate::signaling::fingerprint::{self, Fingerprint};

/// How long a connection may be silent before the peer counts as gone.
const WAIT_FOR_RETURN: Duration = Duration::from_secs(15);
/// A page whose last ping is younger is there.
const SPEAKS: Duration = Duration::from_secs(3);
/// How long a page may leave an in-band offer unanswered.
const WAIT_FOR_REANSWER: Duration = Duration::from_secs(15);

/// Channels that a browser may open; each costs this side threads.
const MAX_OFFERED_CHANNELS: usize = 64;

/// What others may know of a peer at any time, without asking its thread.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) state: PeerState,
    pub(crate) since: Instant,
    /// What is sent, as `video_0 H.264`.
    pub(crate) streams: Vec<String>,
}

/// What a session is made with.
pub(crate) struct Birth {
    pub(crate) id: u32,
    /// Tells this peer's offer from all others; four characters.
    pub(crate) tag: String,
    pub(crate) host: Arc<dyn Host>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) intercom: Arc<Intercom>,
    pub(crate) media: Arc<Media>,
    pub(crate) network: Network,
    pub(crate) status: Arc<Mutex<Status>>,
    pub(crate) channels: Arc<Channels>,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
}

/// How far ICE has come at the shared port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathState {
    None,
    /// Checks have come; webrtcbin does not know yet.
    Found,
    /// webrtcbin has been told.
    Told,
}

pub(super) enum Verification {
    /// DTLS has not shown a certificate yet.
    Pending,
    /// The certificate is the announced one.
    Done,
}

pub(super) struct Session {
    pub(super) id: u32,
    pub(super) host: Arc<dyn Host>,
    pub(super) desk: Arc<Desk>,
    pub(super) intercom: Arc<Intercom>,
    pub(super) ear: Ear,
    pub(super) media: Arc<Media>,
    pub(super) rtc: Rtc,
    /// The place at the shared port; none with a full ICE agent.
    pub(super) seat: Option<Arc<Seat>>,
    pub(super) path: PathState,
    pub(super) network: Network,
    pub(super) admission: Admission,
    pub(super) outbox: Outbox,
    pub(super) inbox: Inbox,
    /// Events that came while something else was awaited.
    pub(super) postponed: VecDeque<Event>,
    pub(super) status: Arc<Mutex<Status>>,
    pub(super) state: PeerState,
    /// When the present state or silence ends in giving up, and what to say then.
    pub(super) deadline: Option<(Instant, &'static str)>,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) verification: Verification,
    pub(super) negotiation: Negotiation,
    pub(super) control: Option<Control>,
    pub(super) channels: Arc<Channels>,
    /// Data channels that this side opened, by label.
    pub(super) opened: HashMap<Arc<str>, WebRTCDataChannel>,
    /// Data channels that the browser opened, kept alive.
    pub(super) offered: Vec<WebRTCDataChannel>,
    pub(super) reassemblers: HashMap<Arc<str>, Reassembler>,
    /// What the page was told of control and instruments.
    pub(super) news: Told,
    /// Streams that have been offered and will most likely be taken: their encoders run
    /// while the page makes its answer.
    pub(super) warm: Vec<Subscription>,
    /// Decided about when the first stream starts.
    pub(super) transmitter: OnceCell<Option<Arc<Transmitter>>>,
    /// Whether it is known from the start that a page of ours comes, which says hello.
    pub(super) is_page: bool,
    /// When the page was heard of last; none of those that need not ping.
    pub(super) last_ping: Option<Instant>,
    /// Whether the page is told that this is the end, so that it does not come back.
    pub(super) farewell: bool,
}

/// The control channel.
pub(super) struct Control {
    pub(super) channel: WebRTCDataChannel,
    pub(super) open: bool,
    /// MIME types that the page can receive; none before it has said hello.
    pub(super) codecs: Option<Vec<String>>,
}

/// Runs a peer until it ends. Called on the peer's own thread. `leave` takes it from the
/// register before its end is told: whoever hears of it finds it there no more.
pub(crate) fn run(birth: Birth, opening: Opening, leave: impl FnOnce()) {
    let id = birth.id;
    let host = birth.host.clone();
    let desk = birth.desk.clone();
    let intercom = birth.intercom.clone();
    let channels = birth.channels.clone();
    let status = birth.status.clone();
    let end = |text: String| {
        desk.gone(id);
        intercom.leave(id);
        channels.clear();
        set_status(&status, PeerState::Closed);
        leave();
        host.report(Report::State {
            peer: id,
            state: PeerState::Closed,
            text,
        });
    };
    match Session::open(birth, opening) {
        Ok(mut session) => {
            let reason = session.serve();
            // Before anything that takes time: it may have controlled a transmitter.
            desk.gone(id);
            session.stop_talking();
            intercom.leave(id);
            // Nobody sends through channels of a webrtcbin that is being taken down.
            channels.clear();
            session.say_farewell(&reason);
            // A browser that still got answers would believe itself connected.
            if let Some(seat) = &session.seat {
                seat.leave();
            }
            // The elements stop before the end is told: whoever hears of it may count
            // on them being gone.
            drop(session);
            end(reason);
        }
        Err(text) => end(text),
    }
}

fn set_status(status: &Mutex<Status>, state: PeerState) {
    let mut status = status.lock().unwrap_or_else(PoisonError::into_inner);
    status.state = state;
    status.since = Instant::now();
}

impl Session {
    pub(super) fn enter(&mut self, state: PeerState, text: &str) {
        self.state = state;
        set_status(&self.status, state);
        self.host.report(Report::State {
            peer: self.id,
            state,
            text: text.to_owned(),
        });
    }

    /// For the debug log, which has the times.
    pub(super) fn log(&self, what: &str) {
        gst::debug!(crate::CAT, "peer {}: {what}", self.id);
    }

    /// Handles events until the peer ends; tells why it ended.
    fn serve(&mut self) -> String {
        loop {
            let event = match self.postponed.pop_front() {
                Some(event) => Ok(event),
                None => {
                    let now = Instant::now();
                    let patience = [self.next_deadline(), self.news.deadline()]
                        .into_iter()
                        .flatten()
                        .min()
                        .map(|at| at.saturating_duration_since(now));
                    self.inbox.receive(patience)
                }
            };
            let flow = match event {
                Ok(event) => match self.handle(event) {
                    // Deadlines hold also for a peer whose events never end.
                    ControlFlow::Continue(()) => self.give_up_if_due(),
                    end => end,
                },
                Err(RecvTimeoutError::Timeout) => self.give_up_if_due(),
                Err(RecvTimeoutError::Disconnected) => {
                    ControlFlow::Break("the element has stopped".into())
                }
            };
            if let ControlFlow::Break(reason) = flow {
                return reason;
            }
            self.tell_refusals();
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.silence_due(), self.reanswer_due()];
        let deadlines = deadlines.into_iter().chain([self.deadline]).flatten();
        deadlines.map(|(at, _)| at).min()
    }

    /// When a page, which pings, is taken for gone.
    fn silence_due(&self) -> Option<(Instant, &'static str)> {
        let at = self.last_ping? + WAIT_FOR_RETURN;
        Some((at, "the page has gone silent"))
    }

    fn reanswer_due(&self) -> Option<(Instant, &'static str)> {
        let at = self.negotiation.offer_out_since()? + WAIT_FOR_REANSWER;
        Some((
            at,
            "the page did not answer an offer: is it of another version?",
        ))
    }

    fn give_up_if_due(&mut self) -> ControlFlow<String> {
        let now = Instant::now();
        let is_due = |(at, _): &(Instant, _)| *at <= now;
        if let Some((_, why)) = self.reanswer_due().filter(is_due) {
            // Only one that is there and does not answer speaks another language.
            let is_there = self.last_ping.is_none_or(|at| now - at < SPEAKS);
            return match is_there {
                true => ControlFlow::Break(why.to_owned()),
                false => self.is_lost(why.to_owned()),
            };
        }
        let lost = self.deadline.filter(is_due);
        match lost.or_else(|| self.silence_due().filter(is_due)) {
            Some((_, why)) => self.is_lost(why.to_owned()),
            None => ControlFlow::Continue(()),
        }
    }

    /// Nobody wanted the end. Who is told farewell is wanted no more; a page to which nobody
    /// says anything comes back as soon as it can, and it may well be there.
    fn is_lost(&mut self, why: String) -> ControlFlow<String> {
        self.farewell = false;
        ControlFlow::Break(why)
    }

    fn handle(&mut self, event: Event) -> ControlFlow<String> {
        match event {
            Event::StateChanged => return self.follow_connection(),
            Event::ChannelOffered { label, channel } => {
                gst::debug!(crate::CAT, "peer {}: the browser opened “{label}”", self.id);
                if self.offered.len() >= MAX_OFFERED_CHANNELS {
                    return ControlFlow::Break("the page opened too many channels".into());
                }
                self.offered.push(channel);
            }
            Event::ChannelOpen(label) => return self.channel_is_open(&label),
            Event::ChannelClosed(label) => {
                self.channels.remove(&label);
                if self.opened.contains_key(&label) {
                    self.desk.channel_closed(self.id);
                }
                if &*label == control::LABEL && self.state == PeerState::Connected {
                    return self.page_has_left();
                }
            }
            Event::Message { label, payload, at } => {
                self.verify()?;
                if matches!(self.verification, Verification::Done) {
                    return self.take_message(&label, payload, at);
                }
            }
            Event::PipelineError { source, .. } if source.starts_with("sctp") => {
                return self.page_has_left();
            }
            Event::PipelineError { source, text } => {
                return self.is_lost(format!("{source}: {text}"));
            }
            Event::TakeAnswer { answer, reply } => {
                reply(self.take_answer(&answer));
                self.follow_path();
            }
            Event::TakeShortAnswer { fingerprint, reply } => {
                reply(self.take_short_answer(fingerprint));
                self.follow_path();
            }
            Event::KeyFrameWanted(ssrc) => self.negotiation.request_key_frame(ssrc),
            Event::NoRoom(ssrc) => self.give_up(ssrc),
            Event::PathMeasured => self.act_on_estimate(),
            Event::Seat(SeatEvent::PathFound) => {
                if self.path == PathState::None {
                    self.path = PathState::Found;
                }
                self.follow_path();
            }
            Event::Seat(SeatEvent::Silent) => match self.state {
                // A page that was closed while a person was on the way: another may come.
                PeerState::Waiting => {}
                _ => return self.is_lost("the connection was lost".into()),
            },
            Event::StreamsChanged => {
                if self.state == PeerState::Connected {
                    self.open_data_channels();
                    self.feed_all();
                    self.connect_voice();
                    self.renegotiate();
                    self.tell_welcome();
                }
            }
            Event::TimingChanged(timing) => self.rtc.set_timing(&timing),
            Event::ControlChanged => self.tell_standing(),
            Event::InstrumentsChanged => self.tell_instruments(),
            Event::TalkChanged => self.tell_talk(),
            Event::MadeSafe { label, reason } => self.tell_safe(label.as_deref(), &reason),
            Event::Dropped(dropped) => self.tell_dropped(&dropped),
            Event::Describe(reply) => reply(self.describe()),
            Event::Close { reason, farewell } => {
                self.farewell = farewell;
                return ControlFlow::Break(reason);
            }
        }
        ControlFlow::Continue(())
    }

    /// Tells webrtcbin of the path to the peer, once it has both descriptions: a handshake
    /// that begins earlier never ends.
    pub(super) fn follow_path(&mut self) {
        if self.path == PathState::Found && self.state != PeerState::Waiting {
            self.path = PathState::Told;
            self.log("has a path");
            self.rtc.connect_ice();
        }
    }

    /// webrtcbin knows what media may come.
    pub(super) fn admit_media(&self) {
        if let Some(seat) = &self.seat {
            seat.admit_media();
        }
    }

    fn follow_connection(&mut self) -> ControlFlow<String> {
        let state = self.rtc.connection_state();
        let was_connected = self.state == PeerState::Connected;
        match state {
            WebRTCPeerConnectionState::Connected if was_connected => self.deadline = None,
            WebRTCPeerConnectionState::Connected => return self.verify(),
            WebRTCPeerConnectionState::Failed | WebRTCPeerConnectionState::Closed
                if was_connected =>
            {
                return self.is_lost("the connection was lost".into());
            }
            WebRTCPeerConnectionState::Disconnected if was_connected && self.deadline.is_none() => {
                self.deadline = Some((Instant::now() + WAIT_FOR_RETURN, "the connection was lost"));
            }
            // Before the first connection, “failed” only means that the other side has
            // not begun yet: a person is still carrying the answer.
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Compares the peer's certificate with what its description announced, once DTLS
    /// has shown it; then the peer is connected.
    pub(super) fn verify(&mut self) -> ControlFlow<String> {
        if matches!(self.verification, Verification::Done) || self.state == PeerState::Waiting {
            return ControlFlow::Continue(());
        }
        let Some(certificate) = self.rtc.peer_certificate() else {
            return ControlFlow::Continue(());
        };
        if let Err(error) = fingerprint::verify(&certificate, &self.fingerprints) {
            return ControlFlow::Break(error.to_string());
        }
        if let Some((code, certificate)) = self.admission.code
            && !self.host.admit(code, &certificate)
        {
            return ControlFlow::Break("its code was revoked or used up meanwhile".into());
        }
        if let Some(seat) = &self.seat {
            seat.verified();
        }
        self.log("is verified");
        self.verification = Verification::Done;
        self.join_others(&certificate);
        self.deadline = None;
        // A page that has come back another way meanwhile leaves before it has said anything.
        if self.is_page {
            self.last_ping = Some(Instant::now());
        }
        self.enter(PeerState::Connected, "");
        self.open_data_channels();
        self.feed_all();
        self.connect_voice();
        ControlFlow::Continue(())
    }

    /// Starts the encoders that the offer which is out will need.
    pub(super) fn warm_up(&mut self) {
        let likely: Vec<_> = self.negotiation.likely().collect();
        for (name, codec) in likely {
            let streams = self.media.streams();
            let stream = streams.iter().find(|s| s.name == name && s.is_ready());
            // What goes wrong here goes wrong again, and is told, when it is needed.
            let subscription = stream.and_then(|s| self.media.subscribe(s, codec, Size::Main).ok());
            self.warm.extend(subscription);
        }
    }

    /// Starts to send every stream that is agreed, has arrived, and is not sent yet;
    /// stops sending those that are gone.
    pub(super) fn feed_all(&mut self) {
        if !matches!(self.verification, Verification::Done) {
            return;
        }
        let mut troubles = Vec::new();
        let streams = self.media.streams();
        let transmitter = self.transmitter();
        for (mline, line) in self.negotiation.lines.iter_mut().enumerate() {
            let Line::Sending(sending) = line else {
                continue;
            };
            let Some(stream) = streams.iter().find(|s| s.name == sending.stream) else {
                sending.stop();
                continue;
            };
            let transmitter = transmitter.as_ref();
            let started =
                sending.start(self.id, mline, &self.rtc, stream, &self.media, transmitter);
            if let Err(error) = started {
                troubles.push(format!("peer {}: {error:#}", self.id));
            }
        }
        self.set_up_meter();
        for text in troubles {
            self.tell(&ToPage::Error { text: &text });
            self.host.report(Report::Trouble(text));
        }
        let sent: Vec<String> = self
            .negotiation
            .sending()
            .filter(|sending| sending.feed.is_some())
            .filter_map(Sending::describe)
            .collect();
        self.status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .streams = sent;
    }

    /// The seat by which pictures and sound go past webrtcbin, where that can be: at the shared
    /// port, and where lips need not be kept in step. For that a browser needs sender reports,
    /// which webrtcbin has.
    pub(super) fn passes_webrtcbin(&self) -> Option<&Arc<Seat>> {
        let seat = self.seat.as_ref()?;
        (!self.media.keeps_lips_in_step()).then_some(seat)
    }

    /// What sends pictures and sound past webrtcbin, if there are any.
    fn transmitter(&self) -> Option<Arc<Transmitter>> {
        self.negotiation.sending().find_map(Sending::codec)?;
        let open = || {
            let seat = self.passes_webrtcbin()?;
            self.rtc
                .shortcut()
                .open(seat, self.rtc.meter(), &self.outbox)
        };
        // For good: a stream that goes another way would begin its numbers anew.
        self.transmitter.get_or_init(open).clone()
    }

    /// State and statistics for a program.
    pub(super) fn describe(&self) -> gst::Structure {
        let (messages_sent, messages_dropped) = self.channels.counts();
        let streams = self
            .negotiation
            .sending()
            .filter_map(Sending::statistics)
            .map(|structure| structure.to_send_value());
        let mut structure = gst::Structure::builder("periscope-peer")
            .field("id", self.id)
            .field("state", self.state.as_str())
            .field("rights", self.admission.rights.as_str())
            .field("messages-sent", messages_sent)
            .field("messages-dropped", messages_dropped)
            .field("commands", self.news.commands)
            .field("commands-refused", self.news.refused)
            .field("control", self.desk.standing(self.id).role.as_str())
            .field("streams", gst::Array::new(streams));
        if let Some(estimate) = self.rtc.meter().estimate() {
            let milliseconds = estimate.queue.as_secs_f64() * 1000.0;
            structure = structure
                // Far below 2^64.
                .field("estimate", estimate.bitrate as u64)
                .field("congestion", estimate.trend.as_str())
                .field("queue", milliseconds)
                .field("loss", estimate.loss);
        }
        if let Some((code, _)) = self.admission.code {
            structure = structure.field("code", code.to_string());
        }
        if let Some(seat) = &self.seat {
            structure = structure.field("packets-lost", seat.lost());
            if let Some(Some(transmitter)) = self.transmitter.get() {
                let counts = transmitter.counts();
                structure = structure
                    .field("packets-sent", counts.packets)
                    .field("packets-sent-again", counts.sent_again);
            }
            if let Some(path) = seat.path() {
                structure = structure.field("address", path.remote.to_string());
            }
        }
        if self.state == PeerState::Connected
            && let Ok(statistics) = self.rtc.statistics()
        {
            structure = structure.field("webrtc", statistics);
        }
        structure.build()
    }
}
