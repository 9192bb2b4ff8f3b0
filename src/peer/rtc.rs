//! One peer's pipeline and its webrtcbin: how it is set up, asked and listened to.
//!
//! Everything that webrtcbin says becomes an [`Event`] for the peer's own thread; no
//! callback in here does any work, because many of them run with webrtcbin's lock
//! held. The blocking calls are for that thread alone.

use std::net::IpAddr;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::{Context, bail};
use gst::glib;
use gst::prelude::*;
use gst_webrtc::{
    WebRTCDataChannel, WebRTCRTPTransceiver, WebRTCSDPType, WebRTCSessionDescription,
};

use super::channels::ChannelOptions;
use super::chunks::Payload;
use super::congestion::{Retransmission, SharedMeter};
use super::ending;
use super::extensions::Extensions;
use super::inbox::{Event, Outbox};
use super::insides::{Insides, Shortcut};
use crate::ice::agent::Agent;
use crate::ice::port::Port;
use crate::ice::seat::Seat;
use crate::intercom::Ear;
use crate::media::Timing;
use crate::media::codec::Codec;
use crate::media::elements;
use crate::media::stream::OfferedCodec;
use crate::media::{playout_delay, transport_feedback};
use crate::net;
use crate::rtp;
use crate::signaling::fingerprint::Fingerprint;
use crate::signaling::sdp::Sdp;

/// How the peers reach each other, and who we are; from the element's properties.
#[derive(Clone, Default)]
pub(crate) struct Network {
    /// The port that all peers share; none: each webrtcbin has a full ICE agent.
    pub(crate) port: Option<Arc<Port>>,
    /// What we show in DTLS; none: what webrtcbin makes up, new in each process.
    pub(crate) certificate: Option<Arc<Certificate>>,
    /// Local addresses to offer; empty: all that lead to a LAN.
    pub(crate) chosen: Vec<IpAddr>,
    /// `stun://host:port`, none by default.
    pub(crate) stun_server: Option<String>,
    /// `turn(s)://user:password@host:port`, none by default.
    pub(crate) turn_server: Option<String>,
}

/// A certificate with its private key.
pub(crate) struct Certificate {
    pem: String,
    fingerprint: Fingerprint,
    /// Keeps the certificate loaded between two peers. GStreamer shares one among all who
    /// have the same text, and lets it go with the last of them, in a way that crashes if
    /// somebody new asks for it at that moment (dtlsdec up to 1.26 at least).
    _anchor: Option<gst::Element>,
}

impl Certificate {
    /// `pem` holds both.
    pub(crate) fn new(pem: String, fingerprint: Fingerprint) -> Self {
        let anchor = gst::ElementFactory::make("dtlsdec").property("pem", &pem);
        Self {
            _anchor: anchor.build().ok(),
            pem,
            fingerprint,
        }
    }

    pub(crate) const fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }
}

/// Longest wait for an answer of webrtcbin, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// The size of RTP packets in bytes, below what Ethernet, tunnels and Wi-Fi carry.
const MTU: u32 = 1200;

/// One webrtcbin in a pipeline of its own; stops when dropped.
#[derive(Debug)]
pub(crate) struct Rtc {
    pipeline: gst::Pipeline,
    webrtcbin: gst::Element,
    /// The agent at the shared port; none: a full one of webrtcbin's own.
    lite: Option<Agent>,
    meter: SharedMeter,
    retransmission: Retransmission,
    shortcut: Shortcut,
    /// Of the line on which the other side only sends.
    receiver: Option<WebRTCRTPTransceiver>,
}

impl Rtc {
    /// Makes and starts the pipeline of peer `id`, with its place at the shared port if it
    /// has one.
    pub(crate) fn new(
        id: u32,
        network: &Network,
        seat: Option<&Arc<Seat>>,
        ear: Option<Ear>,
        timing: &Timing,
        events: &Outbox,
    ) -> anyhow::Result<Self> {
        let pipeline = gst::Pipeline::builder().name(format!("peer-{id}")).build();
        let lite = seat.cloned().map(Agent::new);
        let webrtcbin = gst::ElementFactory::make("webrtcbin")
            .name("webrtcbin")
            .property_from_str("bundle-policy", "max-bundle")
            // What a viewer says is taken before it gets to a jitter buffer: nothing waits in one.
            .property("latency", 0_u32)
            .property_if_some("ice-agent", lite.as_ref())
            .build()
            .context(elements::Missing {
                element: "webrtcbin".into(),
                package: elements::debian_package("webrtcbin"),
            })?;
        match &lite {
            Some(agent) => agent.lend_reference(),
            None => restrict_ice(&webrtcbin, network),
        }
        let meter = SharedMeter::default();
        let retransmission = Retransmission::default();
        let shortcut = Shortcut::default();
        let insides = Insides {
            certificate: network.certificate.clone(),
            ear,
            meter: meter.clone(),
            events: events.clone(),
            retransmission: retransmission.clone(),
            shortcut: shortcut.clone(),
        };
        insides.watch(
            webrtcbin
                .downcast_ref::<gst::Bin>()
                .context("webrtcbin is not a bin")?,
        );
        listen(&webrtcbin, events);
        pipeline.add(&webrtcbin)?;
        timing.apply(&pipeline);

        let rtc = Self {
            pipeline,
            webrtcbin,
            lite,
            meter,
            retransmission,
            shortcut,
            receiver: None,
        };
        rtc.watch_bus(events);
        rtc.pipeline
            .set_state(gst::State::Playing)
            .context("webrtcbin does not start")?;
        Ok(rtc)
    }

    fn watch_bus(&self, events: &Outbox) {
        let Some(bus) = self.pipeline.bus() else {
            return;
        };
        let events = events.clone();
        bus.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(error) = message.view() {
                events.send(Event::PipelineError {
                    source: error
                        .src()
                        .map(|src| src.name().to_string())
                        .unwrap_or_default(),
                    text: error.error().to_string(),
                });
            }
            // Messages hold references to elements: none is kept.
            gst::BusSyncReply::Drop
        });
    }

    /// What the other side reports of the packets.
    pub(super) const fn meter(&self) -> &SharedMeter {
        &self.meter
    }

    pub(super) const fn retransmission(&self) -> &Retransmission {
        &self.retransmission
    }

    pub(super) const fn shortcut(&self) -> &Shortcut {
        &self.shortcut
    }

    pub(crate) const fn pipeline(&self) -> &gst::Pipeline {
        &self.pipeline
    }

    /// Follows a change of the user's pipeline.
    pub(crate) fn set_timing(&self, timing: &Timing) {
        timing.apply(&self.pipeline);
    }

    /// Opens a data channel. `id` makes it a negotiated one.
    pub(crate) fn create_channel(
        &self,
        label: &str,
        id: Option<i32>,
        protocol: &str,
        how: ChannelOptions,
        events: &Outbox,
    ) -> anyhow::Result<WebRTCDataChannel> {
        let mut options = gst::Structure::builder("options")
            .field("ordered", how.ordered)
            .field_if_some("max-retransmits", how.max_retransmits.map(i32::from))
            .field_if_some("max-packet-lifetime", how.max_lifetime.map(i32::from))
            .field("protocol", protocol);
        if let Some(id) = id {
            options = options.field("negotiated", true).field("id", id);
        }
        let channel = self
            .webrtcbin
            .emit_by_name::<Option<WebRTCDataChannel>>(
                "create-data-channel",
                &[&label, &options.build()],
            )
            .with_context(|| format!("webrtcbin refused the data channel “{label}”"))?;
        listen_to_channel(&channel, label, events);
        // With SCTP up, webrtcbin opens it from its own thread, maybe before we listened.
        if channel.ready_state() == gst_webrtc::WebRTCDataChannelState::Open {
            events.send(Event::ChannelOpen(label.into()));
        }
        Ok(channel)
    }

    /// Reserves m-line number `mline` for a stream in any of `codecs`.
    pub(crate) fn add_sender(
        &self,
        mline: usize,
        msid: &str,
        caps: &gst::Caps,
    ) -> anyhow::Result<gst::Pad> {
        let template = self
            .webrtcbin
            .pad_template("sink_%u")
            .context("webrtcbin has no sink pads")?;
        let pad = self
            .webrtcbin
            .request_pad(&template, Some(&format!("sink_{mline}")), Some(caps))
            .with_context(|| format!("webrtcbin refused m-line {mline}"))?;
        // Browsers hold the pictures of a stream back until its sound of the same moment has
        // come.
        if pad.find_property("msid").is_some() {
            pad.set_property("msid", msid);
        }
        let transceiver = pad.property::<WebRTCRTPTransceiver>("transceiver");
        transceiver.set_property(
            "direction",
            gst_webrtc::WebRTCRTPTransceiverDirection::Sendonly,
        );
        transceiver.set_property("codec-preferences", caps);
        // What got lost is sent again (RFC 4588): the next key frame may be seconds away. Of
        // sound webrtcbin would send it as RTX, which browsers do not take.
        let is_video = caps
            .structure(0)
            .is_some_and(|codec| codec.get::<&str>("media") == Ok("video"));
        transceiver.set_property("do-nack", is_video);
        Ok(pad)
    }

    /// Lets the other side send on the line of a sender, too.
    pub(crate) fn hear_on(&self, pad: &gst::Pad) {
        let transceiver = pad.property::<WebRTCRTPTransceiver>("transceiver");
        let direction = gst_webrtc::WebRTCRTPTransceiverDirection::Sendrecv;
        transceiver.set_property("direction", direction);
    }

    /// Adds an m-line, the next one that has no number yet, on which the other side sends in
    /// the codec of `caps`.
    pub(crate) fn add_receiver(&mut self, caps: &gst::Caps) -> anyhow::Result<()> {
        let direction = gst_webrtc::WebRTCRTPTransceiverDirection::Recvonly;
        let transceiver = self
            .webrtcbin
            .emit_by_name::<Option<WebRTCRTPTransceiver>>("add-transceiver", &[&direction, caps]);
        self.receiver = Some(transceiver.context("webrtcbin refused a line for receiving")?);
        Ok(())
    }

    /// Makes an offer and takes it as local description; gives its SDP.
    pub(crate) fn offer(&self) -> anyhow::Result<String> {
        let offer = self.ask_description("create-offer", "offer")?;
        self.set_description("set-local-description", &offer)?;
        Ok(offer.sdp().as_text()?)
    }

    /// Takes a remote offer, answers it and takes the answer as local description.
    pub(crate) fn answer(&self, offer: &str) -> anyhow::Result<()> {
        self.set_remote(WebRTCSDPType::Offer, offer)?;
        let answer = self.ask_description("create-answer", "answer")?;
        self.set_description("set-local-description", &answer)
    }

    pub(crate) fn set_remote_answer(&self, answer: &str) -> anyhow::Result<()> {
        self.set_remote(WebRTCSDPType::Answer, answer)
    }

    fn set_remote(&self, kind: WebRTCSDPType, sdp: &str) -> anyhow::Result<()> {
        let message = gst_sdp::SDPMessage::parse_buffer(sdp.as_bytes())?;
        self.set_description(
            "set-remote-description",
            &WebRTCSessionDescription::new(kind, message),
        )
    }

    fn set_description(
        &self,
        signal: &str,
        description: &WebRTCSessionDescription,
    ) -> anyhow::Result<()> {
        self.ask(signal, |promise| {
            self.webrtcbin
                .emit_by_name::<()>(signal, &[description, promise]);
        })?;
        Ok(())
    }

    fn ask_description(
        &self,
        signal: &str,
        field: &str,
    ) -> anyhow::Result<WebRTCSessionDescription> {
        let reply = self.ask(signal, |promise| {
            self.webrtcbin
                .emit_by_name::<()>(signal, &[&None::<gst::Structure>, promise]);
        })?;
        reply
            .and_then(|reply| reply.get::<WebRTCSessionDescription>(field).ok())
            .with_context(|| format!("webrtcbin: {signal} gave nothing"))
    }

    /// Statistics of webrtcbin, as it gives them.
    pub(crate) fn statistics(&self) -> anyhow::Result<gst::Structure> {
        self.ask("get-stats", |promise| {
            self.webrtcbin
                .emit_by_name::<()>("get-stats", &[&None::<gst::Pad>, promise]);
        })?
        .context("webrtcbin has no statistics")
    }

    fn ask(
        &self,
        signal: &str,
        emit: impl FnOnce(&gst::Promise),
    ) -> anyhow::Result<Option<gst::Structure>> {
        let (tell, told) = mpsc::channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let _ = tell.send(match reply {
                Ok(reply) => Ok(reply.map(ToOwned::to_owned)),
                Err(error) => Err(format!("{error:?}")),
            });
        });
        emit(&promise);
        match told.recv_timeout(PATIENCE) {
            Ok(Ok(reply)) => {
                if let Some(error) = reply
                    .as_ref()
                    .and_then(|reply| reply.get::<glib::Error>("error").ok())
                {
                    bail!("webrtcbin: {error}");
                }
                Ok(reply)
            }
            Ok(Err(error)) => bail!("webrtcbin: {signal}: {error}"),
            Err(_) => bail!("webrtcbin did not answer {signal}"),
        }
    }

    pub(crate) fn local_description(&self) -> Option<String> {
        self.webrtcbin
            .property::<Option<WebRTCSessionDescription>>("local-description")
            .and_then(|description| description.sdp().as_text().ok())
    }

    pub(crate) fn remote_description(&self) -> Option<String> {
        self.webrtcbin
            .property::<Option<WebRTCSessionDescription>>("remote-description")
            .and_then(|description| description.sdp().as_text().ok())
    }

    /// Where a stream that is sent on a line is sent again, as both descriptions have it.
    pub(super) fn retransmission_on(
        &self,
        mline: usize,
        payload_type: u8,
        ssrc: u32,
    ) -> Option<rtp::Route> {
        let of = |description: Option<String>| {
            let sdp = Sdp::parse(&description?).ok()?;
            sdp.media().get(mline).cloned()
        };
        let remote = of(self.remote_description())?;
        Some(rtp::Route {
            payload_type: remote.retransmission(payload_type)?,
            ssrc: of(self.local_description())?.retransmission_ssrc(ssrc)?,
        })
    }

    /// A lite agent has nothing to gather.
    pub(crate) fn gathering_is_complete(&self) -> bool {
        self.lite.is_some()
            || self
                .webrtcbin
                .property::<gst_webrtc::WebRTCICEGatheringState>("ice-gathering-state")
                == gst_webrtc::WebRTCICEGatheringState::Complete
    }

    /// The shared port has a path to the peer and both descriptions are there. A full agent
    /// finds this out by itself.
    pub(crate) fn connect_ice(&self) {
        if let Some(agent) = &self.lite {
            agent.connect();
        }
    }

    pub(crate) fn connection_state(&self) -> gst_webrtc::WebRTCPeerConnectionState {
        self.webrtcbin.property("connection-state")
    }

    /// The certificate that the other side has shown, as PEM; none before DTLS is
    /// connected.
    pub(crate) fn peer_certificate(&self) -> Option<String> {
        let transport = self.dtls_transport()?;
        transport
            .property::<Option<String>>("remote-certificate")
            .filter(|pem| !pem.is_empty())
    }

    fn dtls_transport(&self) -> Option<gst_webrtc::WebRTCDTLSTransport> {
        let sctp = self
            .webrtcbin
            .property::<Option<gst_webrtc::WebRTCSCTPTransport>>("sctp-transport")
            .and_then(|sctp| sctp.transport());
        let receiver = || self.receiver.as_ref()?.receiver()?.transport();
        sctp.or_else(receiver).or_else(|| {
            // A peer without data channels: all media share one transport.
            self.webrtcbin.sink_pads().into_iter().find_map(|pad| {
                pad.property::<Option<WebRTCRTPTransceiver>>("transceiver")?
                    .sender()?
                    .transport()
            })
        })
    }
}

impl Drop for Rtc {
    fn drop(&mut self) {
        if let Some(webrtcbin) = self.webrtcbin.downcast_ref() {
            ending::stop(&self.pipeline, webrtcbin);
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
            bus.set_flushing(true);
        }
    }
}

/// RTP caps of some codecs, as webrtcbin turns them into lines of SDP. Only an offer may have
/// extensions that the other side has not.
pub(crate) fn rtp_caps(
    offered: &[(OfferedCodec, u8)],
    ssrc: u32,
    extensions: Extensions,
) -> gst::Caps {
    let mut caps = gst::Caps::builder_full();
    for (number, (offered, payload_type)) in offered.iter().enumerate() {
        let codec = offered.codec;
        let mut structure = gst::Structure::builder("application/x-rtp")
            .field("media", codec.media())
            .field("encoding-name", codec.encoding_name())
            .field("payload", i32::from(*payload_type))
            .field("clock-rate", codec.clock_rate());
        if number == 0 {
            // webrtcbin writes the lines of an SSRC once for each format that has one.
            structure = structure.field("ssrc", ssrc);
            if let Some(id) = extensions.playout_delay {
                structure = structure.field(format!("extmap-{id}"), playout_delay::URI);
            }
            if let Some(id) = extensions.transport_feedback {
                structure = structure.field(format!("extmap-{id}"), transport_feedback::URI);
            }
        }
        structure = match codec {
            Codec::H264 => structure
                .field("packetization-mode", "1")
                .field("level-asymmetry-allowed", "1")
                .field(
                    "profile-level-id",
                    offered.profile_level_id.as_deref().unwrap_or_default(),
                ),
            Codec::Vp8 => structure,
            Codec::Opus => structure
                .field("encoding-params", "2")
                .field("minptime", "10")
                .field("useinbandfec", "1")
                .field("sprop-stereo", if offered.stereo { "1" } else { "0" }),
        };
        caps = caps.structure(structure.build());
    }
    caps.build()
}

/// Has an offer say of sound, too, that what got lost is sent again (RFC 4585, section 4.2; of
/// video webrtcbin says so itself). Sound is not sent again as a stream of its own: browsers
/// know RTX for pictures only.
pub(crate) fn offer_repairs(caps: &mut gst::Caps) {
    for structure in caps.make_mut().iter_mut() {
        if structure.get::<&str>("media") == Ok("audio") {
            structure.set("rtcp-fb-nack", true);
        }
    }
}

/// RTP caps of the line on which a page sends what is said there. Speech is mono, and what
/// one packet loses the next one brings (in-band FEC, RFC 7587, section 6.1); packets of
/// 10 ms are half as late as the usual ones.
pub(crate) fn talk_caps() -> gst::Caps {
    let mut caps = opus_caps(Codec::Opus.payload_type());
    if let Some(structure) = caps.make_mut().structure_mut(0) {
        structure.set("encoding-params", "2");
        structure.set("minptime", "10");
        structure.set("useinbandfec", "1");
        structure.set("a-ptime", "10");
    }
    caps
}

/// RTP caps of Opus, whatever its parameters.
pub(crate) fn opus_caps(payload_type: u8) -> gst::Caps {
    let codec = Codec::Opus;
    gst::Caps::builder("application/x-rtp")
        .field("media", codec.media())
        .field("encoding-name", codec.encoding_name())
        .field("payload", i32::from(payload_type))
        .field("clock-rate", codec.clock_rate())
        .build()
}

/// Makes the payloader of a codec.
pub(crate) fn payloader(
    codec: Codec,
    payload_type: u8,
    ssrc: u32,
    extensions: Extensions,
) -> anyhow::Result<gst::Element> {
    let (factory, settings) = codec.payloader();
    let payloader = elements::make(factory, settings)?;
    payloader.set_property("pt", u32::from(payload_type));
    payloader.set_property("ssrc", ssrc);
    payloader.set_property("mtu", MTU);
    if let Some(id) = extensions.playout_delay {
        playout_delay::add_to(&payloader, id);
    }
    if let Some(id) = extensions.transport_feedback {
        transport_feedback::add_to(&payloader, id);
    }
    Ok(payloader)
}

fn restrict_ice(webrtcbin: &gst::Element, network: &Network) {
    if let Some(server) = &network.stun_server {
        webrtcbin.set_property("stun-server", server);
    }
    if let Some(server) = &network.turn_server {
        webrtcbin.set_property("turn-server", server);
    }
    let ice = webrtcbin.property::<gst::Object>("ice-agent");
    if ice.find_property("ice-tcp").is_some() {
        ice.set_property("ice-tcp", false);
    }
    for address in net::addresses_of_now(&network.chosen) {
        let _taken: bool = ice.emit_by_name("add-local-ip-address", &[&address.to_string()]);
    }
    if ice.find_property("agent").is_some() {
        let agent = ice.property::<glib::Object>("agent");
        // On by default: it asks the home router to open ports to the internet.
        agent.set_property("upnp", false);
        // Notices a peer that vanishes without a word.
        agent.set_property("keepalive-conncheck", true);
    }
}

fn listen(webrtcbin: &gst::Element, events: &Outbox) {
    for property in ["connection-state", "ice-gathering-state"] {
        let events = events.clone();
        webrtcbin.connect_notify(Some(property), move |_, _| {
            events.send(Event::StateChanged);
        });
    }
    let events = events.clone();
    webrtcbin.connect("on-data-channel", false, move |values| {
        let channel = values.get(1)?.get::<WebRTCDataChannel>().ok()?;
        let label = channel.label().map(String::from).unwrap_or_default();
        // At once and in here: messages that come before are lost.
        listen_to_channel(&channel, &label, &events);
        events.send(Event::ChannelOffered { label, channel });
        None
    });
}

fn listen_to_channel(channel: &WebRTCDataChannel, label: &str, events: &Outbox) {
    let name: std::sync::Arc<str> = label.into();
    {
        let (events, name) = (events.clone(), name.clone());
        channel.connect_on_open(move |_| {
            events.send(Event::ChannelOpen(name.clone()));
        });
    }
    {
        let (events, name) = (events.clone(), name.clone());
        channel.connect_on_close(move |_| {
            events.send(Event::ChannelClosed(name.clone()));
        });
    }
    {
        let (events, name) = (events.clone(), name.clone());
        channel.connect_on_message_string(move |_, text| {
            if let Some(text) = text {
                events.send_message(&name, Payload::Text(text.into()));
            }
        });
    }
    let events = events.clone();
    channel.connect_on_message_data(move |_, bytes| {
        if let Some(bytes) = bytes {
            events.send_message(&name, Payload::Binary(bytes.as_ref().into()));
        }
    });
}

/// Makes an offer that nobody gets, so that all that GStreamer does once a process
/// (loading plugins, making a certificate) is done before the first viewer comes.
pub(crate) fn rehearse() {
    let (events, _inbox) = super::inbox::channel();
    let network = Network {
        chosen: vec![IpAddr::from([127, 0, 0, 1])],
        ..Network::default()
    };
    let rehearsal =
        Rtc::new(0, &network, None, None, &Timing::default(), &events).and_then(|rtc| {
            rtc.create_channel("rehearsal", None, "", ChannelOptions::default(), &events)?;
            rtc.offer()
        });
    if let Err(error) = rehearsal {
        gst::warning!(crate::CAT, "webrtcbin does not work here: {error:#}");
    }
}
