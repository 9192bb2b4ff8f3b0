//! One viewer: a connection, a socket, and what has been counted.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use mio::net::UdpSocket;
use periscope_versus::{Counts, Word, say};
use serde::Deserialize;
use serde_json::json;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::{ChannelConfig, ChannelId};
use str0m::media::KeyframeRequestKind;
use str0m::net::{Protocol, Receive};
use str0m::rtp::RtpPacket;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

use super::picture::Codec;

/// A burst of a key frame must fit in: what is lost here is not the sender's fault.
const RECEIVE_BUFFER: usize = 4 << 20;

/// How long a viewer waits for the key frame that it asked for until it asks again.
const PATIENCE: Duration = Duration::from_millis(300);

/// How often Periscope's page says that it is there (web/PROTOCOL.md).
const PING: Duration = Duration::from_secs(1);

pub(crate) struct Viewer {
    number: u32,
    codec: Codec,
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    /// When str0m wants to be called.
    wanted: Instant,
    pending: Option<SdpPendingOffer>,
    /// Periscope's control channel, and when the next ping is due.
    control: Option<(ChannelId, Instant)>,
    key_frame: KeyFrame,
    counts: Counts,
    /// Highest sequence number, and the one of the last reset.
    sequence: Option<(u64, u64)>,
    /// RTP time of the first whole picture since the last reset.
    first_picture: Option<u64>,
}

/// On the way to the first picture.
enum KeyFrame {
    Missing {
        asked: Option<Instant>,
    },
    /// It has begun, and has this time.
    Begun(u64),
    Whole,
}

/// Those of Periscope's messages that matter here.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Message {
    Offer {
        id: u64,
        sdp: String,
    },
    #[serde(other)]
    Other,
}

impl Viewer {
    pub(crate) fn new(number: u32, codec: Codec) -> anyhow::Result<Self> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        socket.set_nonblocking(true)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        let socket = UdpSocket::from_std(socket.into());
        let address = socket.local_addr()?;
        let config = RtcConfig::new().clear_codecs().set_rtp_mode(true);
        let now = Instant::now();
        let mut rtc = match codec {
            Codec::H264 => config.enable_h264(true),
            Codec::Vp8 => config.enable_vp8(true),
        }
        .build(now);
        rtc.add_local_candidate(Candidate::host(address, "udp")?);
        Ok(Self {
            number,
            codec,
            rtc,
            socket,
            address,
            wanted: now,
            pending: None,
            control: None,
            key_frame: KeyFrame::Missing { asked: None },
            counts: Counts::default(),
            sequence: None,
            first_picture: None,
        })
    }

    pub(crate) fn socket(&mut self) -> &mut UdpSocket {
        &mut self.socket
    }

    /// When it wants a turn.
    pub(crate) fn deadline(&self) -> Instant {
        match self.control {
            Some((_, ping)) => self.wanted.min(ping),
            None => self.wanted,
        }
    }

    // ---- Connecting ------------------------------------------------------------------------

    /// An offer as Periscope's page makes it: media are offered by the bench later on.
    pub(crate) fn call(&mut self) -> anyhow::Result<String> {
        let mut changes = self.rtc.sdp_api();
        changes.add_channel_with_config(ChannelConfig {
            label: "periscope".into(),
            negotiated: Some(0),
            ..ChannelConfig::default()
        });
        let (offer, pending) = changes.apply().context("there is nothing to offer")?;
        self.pending = Some(pending);
        Ok(offer.to_sdp_string())
    }

    pub(crate) fn answered(&mut self, sdp: &str) -> anyhow::Result<()> {
        let pending = self.pending.take().context("nothing was offered")?;
        let answer = SdpAnswer::from_sdp_string(sdp)?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        self.turn(Instant::now())
    }

    pub(crate) fn answer(&mut self, sdp: &str) -> anyhow::Result<String> {
        let offer = SdpOffer::from_sdp_string(sdp)?;
        let answer = self.rtc.sdp_api().accept_offer(offer)?;
        self.turn(Instant::now())?;
        Ok(answer.to_sdp_string())
    }

    pub(crate) fn candidate(&mut self, candidate: &str) -> anyhow::Result<()> {
        // The end of candidates is an empty one; TCP is not what is measured.
        if candidate.to_ascii_lowercase().contains(" udp ") {
            let candidate = Candidate::from_sdp_string(candidate)?;
            self.rtc.add_remote_candidate(candidate);
        }
        self.turn(Instant::now())
    }

    // ---- What comes ------------------------------------------------------------------------

    /// Takes all that waits in the socket.
    pub(crate) fn receive(&mut self) -> anyhow::Result<()> {
        let mut buffer = [0; 2048];
        loop {
            let (length, source) = match self.socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The other side has closed its port: that shows in other ways.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(error) => return Err(error.into()),
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            let Ok(received) = Receive::new(Protocol::Udp, source, self.address, datagram) else {
                continue;
            };
            self.rtc
                .handle_input(Input::Receive(Instant::now(), received))?;
            self.drain()?;
        }
    }

    /// Does what is due.
    pub(crate) fn turn(&mut self, now: Instant) -> anyhow::Result<()> {
        if let Some((channel, ping)) = &mut self.control
            && *ping <= now
        {
            *ping = now + PING;
            let channel = *channel;
            self.tell(channel, &json!({"type": "ping", "t": 0}))?;
        }
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain()
    }

    fn drain(&mut self) -> anyhow::Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(wanted) => {
                    self.wanted = wanted;
                    return Ok(());
                }
                Output::Transmit(packet) => {
                    // UDP promises nothing; a full buffer is made up for like a lost packet.
                    let _ = self.socket.send_to(&packet.contents, packet.destination);
                }
                Output::Event(event) => self.take(event)?,
            }
        }
    }

    fn take(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::RtpPacket(packet) => self.count(&packet),
            Event::ChannelOpen(channel, label) if label == "periscope" => {
                self.control = Some((channel, Instant::now() + PING));
                let hello = json!({
                    "type": "hello",
                    "version": 1,
                    "codecs": [self.codec.mime_type()],
                });
                self.tell(channel, &hello)?;
            }
            Event::ChannelData(data) if self.control.is_some_and(|(id, _)| id == data.id) => {
                if let Message::Offer { id, sdp } = serde_json::from_slice(&data.data)? {
                    let offer = SdpOffer::from_sdp_string(&sdp)?;
                    let answer = self.rtc.sdp_api().accept_offer(offer)?.to_sdp_string();
                    self.tell(data.id, &json!({"type": "answer", "id": id, "sdp": answer}))?;
                }
            }
            Event::Closed => anyhow::bail!("the sender has closed the connection"),
            _ => {}
        }
        Ok(())
    }

    fn tell(&mut self, channel: ChannelId, message: &serde_json::Value) -> anyhow::Result<()> {
        let mut channel = self.rtc.channel(channel).context("no channel")?;
        let taken = channel.write(false, message.to_string().as_bytes())?;
        anyhow::ensure!(taken, "the control channel is full");
        Ok(())
    }

    // ---- Counting --------------------------------------------------------------------------

    fn count(&mut self, packet: &RtpPacket) {
        let time = packet.time.numer();
        self.counts.packets += 1;
        self.counts.bytes += packet.payload.len() as u64;
        let sequence = *packet.seq_no;
        let (highest, _) = self
            .sequence
            .get_or_insert((sequence, sequence.wrapping_sub(1)));
        *highest = sequence.max(*highest);
        if packet.header.marker {
            self.counts.pictures += 1;
            let first = *self.first_picture.get_or_insert(time);
            self.counts.span = self.counts.span.max(time.saturating_sub(first));
        }
        self.look_for_key_frame(packet, time);
    }

    fn look_for_key_frame(&mut self, packet: &RtpPacket, time: u64) {
        if let KeyFrame::Missing { asked } = &mut self.key_frame {
            if self.codec.begins_key_frame(&packet.payload) {
                self.key_frame = KeyFrame::Begun(time);
            } else if asked.is_none_or(|asked| asked.elapsed() > PATIENCE) {
                *asked = Some(Instant::now());
                if let Some(stream) = self.rtc.direct_api().stream_rx(&packet.header.ssrc) {
                    stream.request_keyframe(KeyframeRequestKind::Pli);
                }
            }
        }
        if packet.header.marker && matches!(self.key_frame, KeyFrame::Begun(begun) if begun == time)
        {
            self.key_frame = KeyFrame::Whole;
            let since = SystemTime::now().duration_since(UNIX_EPOCH);
            say(&Word::First {
                viewer: self.number,
                at: since.map_or(0.0, |since| since.as_secs_f64() * 1000.0),
            });
        }
    }

    pub(crate) fn reset(&mut self) {
        self.counts = Counts::default();
        self.first_picture = None;
        if let Some((highest, begun)) = &mut self.sequence {
            *begun = *highest;
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let passed = self
            .sequence
            .map_or(0, |(highest, begun)| highest.wrapping_sub(begun));
        Counts {
            viewer: self.number,
            // What was late at the last reset may make one too many.
            lost: passed as i64 - self.counts.packets as i64,
            ..self.counts.clone()
        }
    }
}
