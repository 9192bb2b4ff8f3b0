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

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst_webrtc::{WebRTCDataChannel, WebRTCPeerConnectionState};

use super::channels::Channels;
use super::chunks::{Payload, Reassembler};
use super::control::{self, FromPage, StreamInfo, ToPage};
use super::inbox::{Event, Inbox, Outbox, Reply};
use super::negotiation::{Line, Negotiation, Ours, Sending};
use super::rtc::{Network, Rtc};
use super::{Host, PeerState, Report, SignalingError};
use crate::ice::port::Knock;
use crate::ice::seat::{Seat, SeatEvent};
use crate::media::Media;
use crate::media::stream::Subscription;
use crate::net;
use crate::signaling::code::{CodeId, Rights};
use crate::signaling::description::Description;
use crate::signaling::fingerprint::{self, Algorithm, Fingerprint};
use crate::signaling::sdp::{self, LiteIce, Setup};

/// How long an offer waits for its answer: a person may be walking with it.
const WAIT_FOR_ANSWER: Duration = Duration::from_secs(30 * 60);
/// How long an answer that a person carries may take to arrive at the other side.
const WAIT_FOR_CARRIED: Duration = Duration::from_secs(15 * 60);
/// How long finding the network path may take when nobody has to carry anything.
const WAIT_FOR_PATH: Duration = Duration::from_secs(30);
/// How long who has come by a code may take for the handshake: there is a path already.
const WAIT_FOR_HANDSHAKE: Duration = Duration::from_secs(10);
/// How long candidates are gathered; addresses of this host take milliseconds, a STUN
/// or TURN server that does not answer takes this.
const WAIT_FOR_CANDIDATES: Duration = Duration::from_secs(5);
/// How long a connection may be silent before the peer counts as gone.
const WAIT_FOR_RETURN: Duration = Duration::from_secs(15);
/// How long a page may leave an in-band offer unanswered.
const WAIT_FOR_REANSWER: Duration = Duration::from_secs(15);
/// How long a farewell may take to leave.
const WAIT_FOR_FAREWELL: Duration = Duration::from_millis(100);

/// Channels that a browser may open; each costs this side threads.
const MAX_OFFERED_CHANNELS: usize = 64;
/// Bytes of replies that may wait for a page that does not read.
const MAX_UNREAD: u64 = 1024 * 1024;

/// How a peer begins.
pub(crate) enum Opening {
    /// This side offers; the reply gets the offer's SDP.
    Offer {
        reply: Reply<Result<String, SignalingError>>,
    },
    /// The other side has offered; the reply gets the answer's SDP.
    Answer {
        offer: Description,
        /// Whether a person carries the answer back, which takes its time.
        carried: bool,
        reply: Reply<Result<String, SignalingError>>,
    },
    /// Somebody has come by a code: there is a path, and nothing to reply.
    Code { knock: Knock, rights: Rights },
}

/// What a peer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Admission {
    rights: Rights,
    /// The code by which it came, and SHA-256 of the certificate that it has announced.
    code: Option<(CodeId, [u8; 32])>,
}

impl Admission {
    /// Who has the key of the page, or carries texts at the bench, may do everything.
    const FULL: Self = Self {
        rights: Rights::Control,
        code: None,
    };
}

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
    pub(crate) media: Arc<Media>,
    pub(crate) network: Network,
    pub(crate) status: Arc<Mutex<Status>>,
    pub(crate) channels: Arc<Channels>,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
}

/// How far ICE has come at the shared port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathState {
    None,
    /// Checks have come; webrtcbin does not know yet.
    Found,
    /// webrtcbin has been told.
    Told,
}

enum Verification {
    /// DTLS has not shown a certificate yet.
    Pending,
    /// The certificate is the announced one.
    Done,
}

pub(super) struct Session {
    pub(super) id: u32,
    pub(super) host: Arc<dyn Host>,
    pub(super) media: Arc<Media>,
    pub(super) rtc: Rtc,
    /// The place at the shared port; none with a full ICE agent.
    seat: Option<Arc<Seat>>,
    path: PathState,
    network: Network,
    admission: Admission,
    pub(super) outbox: Outbox,
    inbox: Inbox,
    /// Events that came while something else was awaited.
    postponed: VecDeque<Event>,
    status: Arc<Mutex<Status>>,
    state: PeerState,
    /// When the present state or silence ends in giving up, and what to say then.
    deadline: Option<(Instant, &'static str)>,
    fingerprints: Vec<Fingerprint>,
    verification: Verification,
    pub(super) negotiation: Negotiation,
    pub(super) control: Option<Control>,
    channels: Arc<Channels>,
    /// Data channels that this side opened, by label.
    opened: HashMap<Arc<str>, WebRTCDataChannel>,
    /// Data channels that the browser opened, kept alive.
    offered: Vec<WebRTCDataChannel>,
    reassemblers: HashMap<Arc<str>, Reassembler>,
    /// Streams that have been offered and will most likely be taken: their encoders run
    /// while the page makes its answer.
    pub(super) warm: Vec<Subscription>,
    last_ping: Option<Instant>,
    /// Whether the page is told that this is the end, so that it does not come back.
    farewell: bool,
}

/// The control channel.
pub(super) struct Control {
    channel: WebRTCDataChannel,
    open: bool,
    /// MIME types that the page can receive; none before it has said hello.
    pub(super) codecs: Option<Vec<String>>,
}

/// Runs a peer until it ends. Called on the peer's own thread. `leave` takes it from the
/// register before its end is told: whoever hears of it finds it there no more.
pub(crate) fn run(birth: Birth, opening: Opening, leave: impl FnOnce()) {
    let id = birth.id;
    let host = birth.host.clone();
    let channels = birth.channels.clone();
    let status = birth.status.clone();
    let end = |text: String| {
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
    /// Carries out the first step and tells the result. On failure the text says why.
    fn open(birth: Birth, opening: Opening) -> Result<Self, String> {
        let reply = match opening {
            Opening::Code { knock, rights } => {
                return Self::open_by_code(birth, knock, rights).map_err(|error| error.to_string());
            }
            Opening::Offer { reply } => {
                return match Self::open_with_offer(birth) {
                    Ok((session, offer)) => {
                        reply(Ok(offer));
                        Ok(session)
                    }
                    Err(error) => {
                        let text = error.to_string();
                        reply(Err(error));
                        Err(text)
                    }
                };
            }
            Opening::Answer {
                offer,
                carried,
                reply,
            } => (Self::open_with_answer(birth, &offer, carried), reply),
        };
        match reply {
            (Ok((session, answer)), reply) => {
                reply(Ok(answer));
                Ok(session)
            }
            (Err(error), reply) => {
                let text = error.to_string();
                reply(Err(error));
                Err(text)
            }
        }
    }

    fn new(
        birth: Birth,
        tag: Option<String>,
        seat: Option<Arc<Seat>>,
        admission: Admission,
    ) -> Result<Self, SignalingError> {
        birth.media.settle();
        let seat = seat.or_else(|| birth.network.port.as_ref().map(|port| port.take_seat()));
        let rtc = Rtc::new(
            birth.id,
            &birth.network,
            seat.as_ref(),
            &birth.media.timing(),
            &birth.outbox,
        )
        .map_err(failed)?;
        if let Some(seat) = &seat {
            let outbox = birth.outbox.clone();
            seat.listen(move |event| outbox.send(Event::Seat(event)));
        }
        let ours = ours(&birth.network, seat.as_deref());
        Ok(Self {
            id: birth.id,
            host: birth.host,
            media: birth.media,
            rtc,
            seat,
            path: PathState::None,
            network: birth.network,
            admission,
            outbox: birth.outbox,
            inbox: birth.inbox,
            postponed: VecDeque::new(),
            status: birth.status,
            state: PeerState::Waiting,
            deadline: None,
            fingerprints: Vec::new(),
            verification: Verification::Pending,
            negotiation: Negotiation::new(tag, ours),
            control: None,
            channels: birth.channels,
            opened: HashMap::new(),
            offered: Vec::new(),
            reassemblers: HashMap::new(),
            warm: Vec::new(),
            last_ping: None,
            farewell: true,
        })
    }

    fn open_with_offer(birth: Birth) -> Result<(Self, String), SignalingError> {
        let tag = birth.tag.clone();
        let mut session = Self::new(birth, Some(tag), None, Admission::FULL)?;
        session.open_control()?;
        session.negotiation.lines.push(Line::Data);
        session.add_missing_streams(None).map_err(failed)?;
        session.rtc.offer().map_err(failed)?;
        session.gather()?;
        let offer = session.local_sdp()?;
        session.deadline = Some((
            Instant::now() + WAIT_FOR_ANSWER,
            "nobody brought the answer to its offer",
        ));
        session.enter(PeerState::Waiting, "");
        Ok((session, offer))
    }

    fn open_with_answer(
        birth: Birth,
        offer: &Description,
        carried: bool,
    ) -> Result<(Self, String), SignalingError> {
        let mut session = Self::new(birth, None, None, Admission::FULL)?;
        let remote = session.negotiation.read_offer(&offer.sdp)?;
        if remote.has_data {
            session.open_control()?;
        }
        session.fingerprints = remote.fingerprints.clone();
        session.add_requested_streams(&remote)?;
        session.rtc.answer(&remote.sdp).map_err(|error| {
            SignalingError::BadDescription(format!("the offer was not taken: {error:#}"))
        })?;
        session.gather()?;
        let answer = session.local_sdp()?;
        let answer = session.negotiation.finish_answer(&answer, &remote);
        session.deadline = Some((
            Instant::now()
                + if carried {
                    WAIT_FOR_CARRIED
                } else {
                    WAIT_FOR_PATH
                },
            "no network path to the viewer was found: are both on the same network, and does \
             no firewall block UDP?",
        ));
        session.admit_media();
        session.enter(PeerState::Connecting, "");
        Ok((session, answer))
    }

    fn open_by_code(birth: Birth, knock: Knock, rights: Rights) -> Result<Self, SignalingError> {
        let admission = Admission {
            rights,
            code: Some((knock.code, knock.fingerprint)),
        };
        let mut session = Self::new(birth, None, Some(knock.seat), admission)?;
        session.log("has come by a code; webrtcbin is made");
        session.begin_data_only(&knock.remote_ufrag, knock.fingerprint, Setup::Active)?;
        session.deadline = Some((
            Instant::now() + WAIT_FOR_HANDSHAKE,
            "the viewer did not finish the handshake",
        ));
        session.enter(PeerState::Connecting, "");
        session.path = PathState::Found;
        session.follow_path();
        Ok(session)
    }

    /// Takes the offer that a page of ours did not have to send: of it only the certificate
    /// was told, and by what it calls itself. The rest comes over the control channel.
    fn begin_data_only(
        &mut self,
        ufrag: &str,
        fingerprint: [u8; 32],
        setup: Setup,
    ) -> Result<(), SignalingError> {
        let fingerprint = Fingerprint {
            algorithm: Algorithm::Sha256,
            bytes: fingerprint.to_vec(),
        };
        let offer = sdp::data_only_offer(ufrag, &fingerprint, setup);
        let remote = self.negotiation.read_offer(&offer)?;
        self.open_control()?;
        self.fingerprints = remote.fingerprints.clone();
        self.add_requested_streams(&remote)?;
        self.rtc.answer(&remote.sdp).map_err(failed)?;
        // Notes the mids; the page has written the answer itself.
        self.local_sdp()?;
        Ok(())
    }

    fn open_control(&mut self) -> Result<(), SignalingError> {
        let channel = self
            .rtc
            .create_channel(control::LABEL, Some(0), "", &self.outbox)
            .map_err(failed)?;
        self.control = Some(Control {
            channel,
            open: false,
            codecs: None,
        });
        Ok(())
    }

    /// Waits until all candidates are in the local description.
    fn gather(&mut self) -> Result<(), SignalingError> {
        let until = Instant::now() + WAIT_FOR_CANDIDATES;
        while !self.rtc.gathering_is_complete() {
            let left = until.saturating_duration_since(Instant::now());
            match self.inbox.receive(Some(left)) {
                Ok(Event::StateChanged) => {}
                Ok(Event::Close { reason, .. }) => return Err(SignalingError::Failed(reason)),
                Ok(event) => self.postponed.push_back(event),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(SignalingError::Failed("the element has stopped".into()));
                }
            }
        }
        Ok(())
    }

    /// The local description as the other side gets it.
    pub(super) fn local_sdp(&mut self) -> Result<String, SignalingError> {
        let sdp = self
            .rtc
            .local_description()
            .ok_or_else(|| SignalingError::Failed("webrtcbin has no description".into()))?;
        self.negotiation.outgoing(&sdp)
    }

    fn enter(&mut self, state: PeerState, text: &str) {
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
                    let patience = self
                        .next_deadline()
                        .map(|(at, _)| at.saturating_duration_since(now));
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
        }
    }

    fn next_deadline(&self) -> Option<(Instant, &'static str)> {
        let silence = self
            .last_ping
            .map(|at| (at + WAIT_FOR_RETURN, "the page has gone silent"));
        let reanswer = self.negotiation.offer_out_since().map(|at| {
            (
                at + WAIT_FOR_REANSWER,
                "the page did not answer an offer: is it of another version?",
            )
        });
        [self.deadline, silence, reanswer]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at)
    }

    fn give_up_if_due(&self) -> ControlFlow<String> {
        match self.next_deadline() {
            Some((at, why)) if at <= Instant::now() => ControlFlow::Break(why.to_owned()),
            _ => ControlFlow::Continue(()),
        }
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
                if &*label == control::LABEL && self.state == PeerState::Connected {
                    return self.page_has_left();
                }
            }
            Event::Message(label, payload) => {
                self.verify()?;
                if matches!(self.verification, Verification::Done) {
                    return self.take_message(&label, payload);
                }
            }
            Event::PipelineError { source, .. } if source.starts_with("sctp") => {
                return self.page_has_left();
            }
            Event::PipelineError { source, text } => {
                return ControlFlow::Break(format!("{source}: {text}"));
            }
            Event::TakeAnswer { answer, reply } => {
                reply(self.take_answer(&answer));
                self.follow_path();
            }
            Event::TakeShortAnswer { fingerprint, reply } => {
                reply(self.take_short_answer(fingerprint));
                self.follow_path();
            }
            Event::Seat(SeatEvent::PathFound) => {
                if self.path == PathState::None {
                    self.path = PathState::Found;
                }
                self.follow_path();
            }
            Event::Seat(SeatEvent::Silent) => match self.state {
                // A page that was closed while a person was on the way: another may come.
                PeerState::Waiting => {}
                _ => return ControlFlow::Break("the connection was lost".into()),
            },
            Event::StreamsChanged => {
                if self.state == PeerState::Connected {
                    self.open_data_channels();
                    self.feed_all();
                    self.renegotiate();
                    self.tell_welcome();
                }
            }
            Event::TimingChanged(timing) => self.rtc.set_timing(&timing),
            Event::Describe(reply) => reply(self.describe()),
            Event::Close { reason, farewell } => {
                self.farewell = farewell;
                return ControlFlow::Break(reason);
            }
        }
        ControlFlow::Continue(())
    }

    /// Takes the answer to the offer with which this peer began.
    fn take_answer(&mut self, answer: &Description) -> Result<(), SignalingError> {
        if self.state != PeerState::Waiting {
            return Err(SignalingError::BadDescription(format!(
                "peer {} has its answer already: type “offer” for another viewer",
                self.id
            )));
        }
        let answer = self.read_answer_to_offer(&answer.sdp)?;
        // Before webrtcbin has it: a check that comes too late is no check.
        self.fingerprints.clone_from(&answer.fingerprints);
        self.rtc.set_remote_answer(&answer.sdp).map_err(|error| {
            SignalingError::BadDescription(format!("the answer was not taken: {error:#}"))
        })?;
        self.admit_media();
        self.negotiation.agree(&answer);
        self.deadline = Some((
            Instant::now() + WAIT_FOR_PATH,
            "no network path to the viewer was found: are both on the same network, is the \
             page still open, and does no firewall block UDP?",
        ));
        self.enter(PeerState::Connecting, "");
        Ok(())
    }

    /// Takes the short answer of a page of ours: it has thrown our offer away but for our
    /// address and credentials, so the webrtcbin that made it is of no use.
    fn take_short_answer(&mut self, fingerprint: [u8; 32]) -> Result<(), SignalingError> {
        if self.state != PeerState::Waiting {
            return Err(SignalingError::BadDescription(format!(
                "peer {} has its answer already: type “offer” for another viewer",
                self.id
            )));
        }
        let Some(seat) = &self.seat else {
            return Err(SignalingError::BadDescription(
                "a short answer is of use to ice=lite only: take the page's full one".into(),
            ));
        };
        seat.hold();
        self.control = None;
        self.rtc = Rtc::new(
            self.id,
            &self.network,
            self.seat.as_ref(),
            &self.media.timing(),
            &self.outbox,
        )
        .map_err(failed)?;
        self.negotiation = Negotiation::new(None, ours(&self.network, self.seat.as_deref()));
        // Its name is in its checks, and a lite agent makes none: any will do here.
        self.begin_data_only("page", fingerprint, Setup::Passive)?;
        self.deadline = Some((
            Instant::now() + WAIT_FOR_PATH,
            "the page did not come: is it still open?",
        ));
        self.enter(PeerState::Connecting, "");
        Ok(())
    }

    /// Tells webrtcbin of the path to the peer, once it has both descriptions: a handshake
    /// that begins earlier never ends.
    fn follow_path(&mut self) {
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
                return ControlFlow::Break("the connection was lost".into());
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
    fn verify(&mut self) -> ControlFlow<String> {
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
        self.deadline = None;
        self.enter(PeerState::Connected, "");
        self.open_data_channels();
        self.feed_all();
        ControlFlow::Continue(())
    }

    fn channel_is_open(&mut self, label: &Arc<str>) -> ControlFlow<String> {
        self.verify()?;
        self.log(&format!("channel “{label}” is open"));
        if &**label == control::LABEL {
            if let Some(control) = &mut self.control {
                control.open = true;
            }
            if matches!(self.verification, Verification::Done) {
                self.open_data_channels();
            }
            self.tell_welcome();
            self.renegotiate();
        } else if matches!(self.verification, Verification::Done)
            && let Some(channel) = self.opened.get(label)
        {
            self.channels.insert(label, channel);
        }
        ControlFlow::Continue(())
    }

    /// Starts the encoders that the offer which is out will need.
    fn warm_up(&mut self) {
        let likely: Vec<_> = self.negotiation.likely().collect();
        for (name, codec) in likely {
            let streams = self.media.streams();
            let stream = streams.iter().find(|s| s.name == name && s.is_ready());
            // What goes wrong here goes wrong again, and is told, when it is needed.
            let subscription = stream.and_then(|s| self.media.subscribe(s, codec).ok());
            self.warm.extend(subscription);
        }
    }

    fn open_data_channels(&mut self) {
        // The other side may have no data channels at all. And while SCTP is coming up,
        // webrtcbin starts a channel that is made just then twice: it may never open.
        if !self.control.as_ref().is_some_and(|control| control.open) {
            return;
        }
        for label in self.host.labels() {
            if self.opened.contains_key(&label) {
                continue;
            }
            match self
                .rtc
                .create_channel(&label, None, control::DATA_PROTOCOL, &self.outbox)
            {
                Ok(channel) => {
                    self.opened.insert(label, channel);
                }
                Err(error) => self
                    .host
                    .report(Report::Trouble(format!("peer {}: {error:#}", self.id))),
            }
        }
    }

    fn take_message(&mut self, label: &Arc<str>, payload: Payload) -> ControlFlow<String> {
        if &**label == control::LABEL {
            return match payload {
                Payload::Text(text) => self.take_control(&text),
                Payload::Binary(_) => ControlFlow::Continue(()),
            };
        }
        match self
            .reassemblers
            .entry(label.clone())
            .or_default()
            .take(payload)
        {
            Ok(Some(_)) if self.admission.rights == Rights::View => self.tell(&ToPage::Error {
                text: "not sent: your code is for watching. Ask at the bench for one to control \
                       with (“code control”)",
            }),
            Ok(Some(whole)) => self.host.deliver(label, whole),
            Ok(None) => {}
            Err(error) => self.tell(&ToPage::Error {
                text: &error.to_string(),
            }),
        }
        ControlFlow::Continue(())
    }

    fn take_control(&mut self, text: &str) -> ControlFlow<String> {
        match FromPage::read(text) {
            Ok(FromPage::Hello { version, codecs }) => {
                self.log("says hello");
                if version != control::VERSION {
                    self.tell(&ToPage::Error {
                        text: &format!(
                            "this page speaks version {version}, the bench version {}: some \
                             things may not work",
                            control::VERSION
                        ),
                    });
                }
                if let Some(control) = &mut self.control {
                    control.open = true;
                    control.codecs = Some(codecs);
                }
                // From now on it has to be heard of: a page may be killed before it has
                // sent its first ping.
                self.last_ping.get_or_insert_with(Instant::now);
                self.tell_welcome();
                self.renegotiate();
                self.warm_up();
            }
            Ok(FromPage::Answer { id, sdp }) => self.take_reanswer(id, &sdp),
            Ok(FromPage::Ping { t }) => {
                self.last_ping = Some(Instant::now());
                self.tell(&ToPage::Pong { t });
            }
            Ok(FromPage::Bye { .. }) => return self.page_has_left(),
            Ok(FromPage::Unknown) => {}
            Err(error) => self.tell(&ToPage::Error {
                text: &error.to_string(),
            }),
        }
        ControlFlow::Continue(())
    }

    /// Says something to the page, if it is one that has said hello.
    pub(super) fn tell(&self, message: &ToPage<'_>) {
        if let Some(control) = &self.control
            && control.open
            && control.codecs.is_some()
            && matches!(self.verification, Verification::Done)
            && control.channel.buffered_amount() < MAX_UNREAD
        {
            let _ = control.channel.send_string_full(Some(&message.to_json()));
        }
    }

    pub(super) fn tell_welcome(&self) {
        let streams = self
            .media
            .streams()
            .iter()
            .map(|stream| StreamInfo {
                mid: self.negotiation.mid_of(&stream.name),
                kind: stream.kind_name(),
                name: stream.name.clone(),
            })
            .collect();
        self.tell(&ToPage::Welcome {
            version: control::VERSION,
            name: concat!("periscope ", env!("CARGO_PKG_VERSION")),
            peer: self.id,
            rights: self.admission.rights.as_str(),
            streams,
            channels: self.host.labels().iter().map(ToString::to_string).collect(),
        });
    }

    /// Starts to send every stream that is agreed, has arrived, and is not sent yet;
    /// stops sending those that are gone.
    pub(super) fn feed_all(&mut self) {
        if !matches!(self.verification, Verification::Done) {
            return;
        }
        let mut troubles = Vec::new();
        let streams = self.media.streams();
        for line in &mut self.negotiation.lines {
            let Line::Sending(sending) = line else {
                continue;
            };
            let Some(stream) = streams.iter().find(|s| s.name == sending.stream) else {
                sending.stop();
                continue;
            };
            if let Err(error) = sending.start(&self.rtc, stream, &self.media) {
                troubles.push(format!("peer {}: {error:#}", self.id));
            }
        }
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

    /// State and statistics for a program.
    fn describe(&self) -> gst::Structure {
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
            .field("streams", gst::Array::new(streams));
        if let Some((code, _)) = self.admission.code {
            structure = structure.field("code", code.to_string());
        }
        if let Some(seat) = &self.seat {
            structure = structure.field("packets-lost", seat.lost());
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

    /// Nobody is there to be told anything: of each message to a channel that has ended
    /// webrtcbin 1.22 keeps an element for good.
    fn page_has_left(&mut self) -> ControlFlow<String> {
        self.farewell = false;
        ControlFlow::Break("the page was closed".into())
    }

    /// Tells the page why, and gives the message a moment to leave.
    fn say_farewell(&mut self, reason: &str) {
        for line in &mut self.negotiation.lines {
            if let Line::Sending(sending) = line {
                sending.stop();
            }
        }
        if !self.farewell {
            return;
        }
        self.tell(&ToPage::Bye { text: reason });
        let Some(control) = &self.control else {
            return;
        };
        if !control.open || control.codecs.is_none() {
            return;
        }
        // Ends early when the page, having heard it, closes its side.
        let until = Instant::now() + WAIT_FOR_FAREWELL;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.inbox.receive(Some(left)) {
                Ok(Event::ChannelClosed(_) | Event::PipelineError { .. }) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }
}

/// What our descriptions say of us.
fn ours(network: &Network, seat: Option<&Seat>) -> Ours {
    let port = network.port.as_ref().map_or(0, |port| port.number());
    Ours {
        fingerprint: network
            .certificate
            .as_ref()
            .map(|certificate| certificate.fingerprint().clone()),
        ice: seat.map(|seat| LiteIce {
            ufrag: seat.ufrag.clone(),
            pwd: seat.pwd.clone(),
            candidates: net::addresses_of_now(&network.chosen)
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect(),
        }),
    }
}

pub(super) fn failed(error: impl std::fmt::Display) -> SignalingError {
    SignalingError::Failed(format!("{error:#}"))
}
