//! How a peer begins: the first descriptions, whoever made them and however they came.

use std::cell::OnceCell;
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::channels::ChannelOptions;
use super::control;
use super::inbox::{Event, Reply};
use super::instruments::Told;
use super::lines::Line;
use super::negotiation::{Negotiation, Ours};
use super::rtc::{Network, Rtc};
use super::session::{Birth, Control, PathState, Session, Verification};
use super::{PeerState, SignalingError};
use crate::ice::port::Knock;
use crate::ice::seat::Seat;
use crate::intercom::Ear;
use crate::net;
use crate::signaling::code::{CodeId, Rights};
use crate::signaling::description::Description;
use crate::signaling::fingerprint::Fingerprint;
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
pub(super) struct Admission {
    pub(super) rights: Rights,
    /// The code by which it came, and SHA-256 of the certificate that it has announced.
    pub(super) code: Option<(CodeId, [u8; 32])>,
}

impl Admission {
    /// Who has the key of the page, or carries texts at the bench, may do everything.
    const FULL: Self = Self {
        rights: Rights::Control,
        code: None,
    };
}

impl Session {
    /// Carries out the first step and tells the result. On failure the text says why.
    pub(super) fn open(birth: Birth, opening: Opening) -> Result<Self, String> {
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

    pub(super) fn new(
        birth: Birth,
        tag: Option<String>,
        seat: Option<Arc<Seat>>,
        admission: Admission,
    ) -> Result<Self, SignalingError> {
        birth.media.settle();
        let seat = seat.or_else(|| birth.network.port.as_ref().map(|port| port.take_seat()));
        let ear = Ear::new(birth.intercom.clone(), birth.id);
        let rtc = Rtc::new(
            birth.id,
            &birth.network,
            seat.as_ref(),
            Some(ear.clone()),
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
            desk: birth.desk,
            intercom: birth.intercom,
            ear,
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
            news: Told::default(),
            warm: Vec::new(),
            transmitter: OnceCell::new(),
            is_page: false,
            last_ping: None,
            farewell: true,
        })
    }

    pub(super) fn open_with_offer(birth: Birth) -> Result<(Self, String), SignalingError> {
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

    pub(super) fn open_with_answer(
        birth: Birth,
        offer: &Description,
        carried: bool,
    ) -> Result<(Self, String), SignalingError> {
        let mut session = Self::new(birth, None, None, Admission::FULL)?;
        let hears = session.may_be_heard();
        let remote = session.negotiation.read_offer(&offer.sdp, hears)?;
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

    pub(super) fn open_by_code(
        birth: Birth,
        knock: Knock,
        rights: Rights,
    ) -> Result<Self, SignalingError> {
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
    pub(super) fn begin_data_only(
        &mut self,
        ufrag: &str,
        fingerprint: [u8; 32],
        setup: Setup,
    ) -> Result<(), SignalingError> {
        let fingerprint = Fingerprint::sha256(&fingerprint);
        let offer = sdp::data_only_offer(ufrag, &fingerprint, setup);
        self.is_page = true;
        let remote = self.negotiation.read_offer(&offer, false)?;
        self.open_control()?;
        self.fingerprints = remote.fingerprints.clone();
        self.add_requested_streams(&remote)?;
        self.rtc.answer(&remote.sdp).map_err(failed)?;
        // Notes the mids; the page has written the answer itself.
        self.local_sdp()?;
        Ok(())
    }

    pub(super) fn open_control(&mut self) -> Result<(), SignalingError> {
        let channel = self
            .rtc
            .create_channel(
                control::LABEL,
                Some(0),
                "",
                ChannelOptions::default(),
                &self.outbox,
            )
            .map_err(failed)?;
        self.control = Some(Control {
            channel,
            open: false,
            codecs: None,
        });
        Ok(())
    }

    /// Waits until all candidates are in the local description.
    pub(super) fn gather(&mut self) -> Result<(), SignalingError> {
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

    /// Takes the answer to the offer with which this peer began.
    pub(super) fn take_answer(&mut self, answer: &Description) -> Result<(), SignalingError> {
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
    pub(super) fn take_short_answer(
        &mut self,
        fingerprint: [u8; 32],
    ) -> Result<(), SignalingError> {
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
            Some(self.ear.clone()),
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
