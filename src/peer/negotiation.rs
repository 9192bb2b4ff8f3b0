//! What one peer has agreed on: m-lines, codecs, and offers that are out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::control::ToPage;
use super::extensions::Extensions;
use super::lines::{Agreed, Hearing, Line, Sending};
use super::opening::failed;
use super::rtc;
use super::session::Session;
use super::{Report, SignalingError};
use crate::media::codec::Codec;
use crate::media::input::Kind;
use crate::media::stream::{OfferedCodec, Stream};
use crate::signaling::fingerprint::Fingerprint;
use crate::signaling::sdp::{self, ANSWER_TO, LiteIce, MediaKind, Sdp};

/// Offers made over the control channel.
enum InBand {
    Idle,
    OfferOut {
        id: u32,
        since: Instant,
    },
    /// An answer could not be taken: webrtcbin stays in the middle of a negotiation for
    /// good, and what flows now is all that ever will.
    Stuck,
}

/// What stands in our descriptions in place of what webrtcbin makes up.
#[derive(Clone, Default)]
pub(super) struct Ours {
    pub(super) fingerprint: Option<Fingerprint>,
    /// None: webrtcbin has a full ICE agent, and knows its credentials and candidates.
    pub(super) ice: Option<LiteIce>,
}

pub(super) struct Negotiation {
    ours: Ours,
    /// Marks the mids of our offers; none if the other side made the first offer and
    /// so chose the mids.
    tag: Option<String>,
    pub(super) lines: Vec<Line>,
    /// mids by m-line, as the other side knows them.
    mids: Vec<String>,
    in_band: InBand,
    offers: u32,
    /// The payload type of what the other side says, where it has made the offer.
    heard_as: Option<u8>,
    /// `o=` line, RFC 8866, section 5.2: the same session, a growing version.
    session_id: u64,
    version: u64,
}

/// A remote offer, ready for webrtcbin.
pub(super) struct RemoteOffer {
    pub(super) sdp: String,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) has_data: bool,
    ice_ufrag: String,
    /// The line on which it speaks, and its payload type for Opus, if it is to be heard.
    heard: Option<(usize, u8)>,
    /// As it came, for what the answer has to repeat.
    original: Sdp,
    parsed: Sdp,
}

/// A remote answer, ready for webrtcbin.
pub(super) struct RemoteAnswer {
    pub(super) sdp: String,
    pub(super) fingerprints: Vec<Fingerprint>,
    /// The payload type on which each of our lines is wanted, if it is.
    wanted: Vec<Option<u8>>,
    /// Whether the other side sends on each of the lines.
    sends: Vec<bool>,
    /// Whether it reports when what we send arrives.
    reports: Vec<bool>,
}

impl Negotiation {
    pub(super) fn new(tag: Option<String>, ours: Ours) -> Self {
        Self {
            ours,
            tag,
            lines: Vec::new(),
            mids: Vec::new(),
            in_band: InBand::Idle,
            offers: 0,
            heard_as: None,
            // RFC 8829, section 5.2.1: 63 random bits.
            session_id: rand::random::<u64>() >> 1,
            version: 0,
        }
    }

    pub(super) fn sending(&self) -> impl Iterator<Item = &Sending> {
        self.lines.iter().filter_map(|line| match line {
            Line::Sending(sending) => Some(&**sending),
            Line::Data | Line::Hearing(_) | Line::Unused => None,
        })
    }

    /// Whether there is a line for what is said at the other side, agreed on or not.
    fn hears(&self) -> bool {
        let mut lines = self.lines.iter();
        lines.any(|line| matches!(line, Line::Hearing(_)))
    }

    /// The mid of the line for what is said at the other side, and the payload type there.
    pub(super) fn heard_on(&self) -> Option<(&str, u8)> {
        self.lines
            .iter()
            .zip(&self.mids)
            .find_map(|(line, mid)| match line {
                Line::Hearing(hearing) if hearing.agreed => {
                    Some((mid.as_str(), hearing.payload_type))
                }
                _ => None,
            })
    }

    /// What will be sent if the other side takes the best that it is offered.
    pub(super) fn likely(&self) -> impl Iterator<Item = (String, Codec)> {
        self.sending()
            .filter(|sending| matches!(sending.agreed, Agreed::Open))
            .filter_map(|sending| {
                let (offered, _) = sending.offered.first()?;
                Some((sending.stream.clone(), offered.codec))
            })
    }

    /// The other side can show nothing of a stream before the next key frame.
    pub(super) fn request_key_frame(&self, ssrc: u32) {
        let wanted = self.sending().find(|sending| sending.ssrc == ssrc);
        if let Some(feed) = wanted.and_then(|sending| sending.feed.as_ref()) {
            feed.request_key_frame();
        }
    }

    /// Since when an in-band offer waits for its answer.
    pub(super) const fn offer_out_since(&self) -> Option<Instant> {
        match self.in_band {
            InBand::OfferOut { since, .. } => Some(since),
            InBand::Idle | InBand::Stuck => None,
        }
    }

    /// The mid under which the other side gets a stream.
    pub(super) fn mid_of(&self, stream: &str) -> Option<String> {
        let mline = self.lines.iter().position(|line| {
            matches!(line, Line::Sending(sending)
                if sending.stream == stream && matches!(sending.agreed, Agreed::On(..)))
        })?;
        self.mids.get(mline).cloned()
    }

    /// A local description of webrtcbin's in the form in which it leaves the house.
    pub(super) fn outgoing(&mut self, local: &str) -> Result<String, SignalingError> {
        let mut sdp = Sdp::parse(local).map_err(failed)?;
        if let Some(fingerprint) = &self.ours.fingerprint {
            sdp.set_fingerprint(fingerprint);
        }
        if let Some(ice) = &self.ours.ice {
            sdp.set_lite_ice(ice);
        }
        // webrtcbin makes up another one in each offer; what runs goes on with the first.
        for (mline, line) in self.lines.iter().enumerate() {
            if let Line::Sending(sending) = line
                && let Some(again) = sending.again
            {
                sdp.set_retransmission_ssrc(mline, sending.ssrc, again.ssrc);
            }
        }
        if let Some(tag) = &self.tag {
            sdp = sdp::tag_mids(&sdp, tag);
        }
        self.version += 1;
        self.mids = sdp
            .mids()
            .into_iter()
            .map(|mid| mid.unwrap_or_default().to_owned())
            .collect();
        Ok(with_origin(&sdp.to_string(), self.session_id, self.version))
    }

    /// Marks an answer with the offer that it belongs to.
    pub(super) fn finish_answer(&self, answer: &str, offer: &RemoteOffer) -> String {
        match Sdp::parse(answer) {
            Ok(sdp) => {
                let mut sdp = sdp::restore_rejected(&sdp, &offer.original);
                sdp::restore_extension_directions(&mut sdp, &offer.original);
                sdp.set_session_attribute(ANSWER_TO, &offer.ice_ufrag);
                sdp.to_string()
            }
            Err(_) => answer.to_owned(),
        }
    }

    /// `hears`: what is said at the other side is wanted, on the first line that can carry it.
    pub(super) fn read_offer(
        &self,
        offer: &str,
        hears: bool,
    ) -> Result<RemoteOffer, SignalingError> {
        let bad = |error: sdp::SdpError| SignalingError::BadDescription(error.to_string());
        let original = Sdp::parse(offer).map_err(bad)?;
        let parsed = sdp::normalise_remote_offer(&original).map_err(bad)?;
        let heard = hears.then(|| speaking_line(&parsed)).flatten();
        Ok(RemoteOffer {
            fingerprints: parsed.fingerprints(),
            has_data: parsed
                .media()
                .iter()
                .any(|media| media.kind() == MediaKind::Application && !media.rejected()),
            ice_ufrag: parsed.ice_ufrag().unwrap_or_default().to_owned(),
            heard,
            sdp: without_sending(&parsed.to_string(), heard.map(|(mline, _)| mline)),
            original,
            parsed,
        })
    }

    /// Reads the answer to the description that webrtcbin has as its local one.
    fn read_any_answer(&self, answer: &str, local: &str) -> Result<RemoteAnswer, SignalingError> {
        let bad = |error: sdp::SdpError| SignalingError::BadDescription(error.to_string());
        let mut answer = Sdp::parse(answer).map_err(bad)?;
        let offer = Sdp::parse(local).map_err(failed)?;
        if let Some(tag) = &self.tag {
            answer = sdp::untag_mids(&answer, tag, &offer);
        }
        let normal = sdp::normalise_answer(&answer, &offer).map_err(bad)?;
        let wanted = normal
            .accepted
            .iter()
            .map(|accepted| {
                let codec = accepted.codec.as_ref()?;
                accepted.direction.send.then_some(codec.payload_type)
            })
            .collect();
        let sends = normal.accepted.iter().map(|line| line.direction.receive);
        let reports = normal.accepted.iter().map(|line| line.reports_arrivals);
        Ok(RemoteAnswer {
            wanted,
            sends: sends.collect(),
            reports: reports.collect(),
            fingerprints: normal.sdp.fingerprints(),
            sdp: normal.sdp.to_string(),
        })
    }
}

impl Negotiation {
    /// Notes what an answer says, once webrtcbin has taken it: what is sent on a line
    /// that webrtcbin does not know to be agreed on is stuck there for good.
    pub(super) fn agree(&mut self, answer: &RemoteAnswer) {
        let said = answer.wanted.iter().zip(&answer.sends).zip(&answer.reports);
        for (line, ((wanted, sends), reports)) in self.lines.iter_mut().zip(said) {
            match line {
                Line::Sending(sending) => {
                    // rtpsession would remember all packets for reports that never come.
                    if !reports {
                        sending.extensions.transport_feedback = None;
                    }
                    sending.agree(*wanted);
                }
                Line::Hearing(hearing) => hearing.agreed = *sends,
                Line::Data | Line::Unused => {}
            }
        }
    }
}

impl Session {
    /// Answers a ping, and tells by which clock pictures are stamped: so a page knows how old
    /// they are.
    pub(super) fn pong(&self, t: f64) {
        let now = self.rtc.pipeline().current_running_time();
        let lines = self.negotiation.lines.iter().zip(&self.negotiation.mids);
        let video = lines.filter_map(|(line, mid)| match line {
            Line::Sending(sending) if !sending.codec()?.is_sound() => {
                Some((mid.as_str(), sending.feed.as_ref()?.begin()?))
            }
            Line::Sending(_) | Line::Data | Line::Hearing(_) | Line::Unused => None,
        });
        self.tell(&ToPage::Pong {
            t,
            now: now.map(|now| now.nseconds() as f64 / 1e6),
            video: video.collect(),
        });
    }

    /// Leaves out sound of the stream with that mid. Where lips are kept in step there is
    /// nothing to be left out.
    pub(super) fn skip(&self, mid: &str, duration: Duration) {
        let mline = self.negotiation.mids.iter().position(|known| known == mid);
        if let Some(Line::Sending(sending)) =
            mline.and_then(|mline| self.negotiation.lines.get(mline))
            && let Some(feed) = &sending.feed
            && !self.media.keeps_lips_in_step()
        {
            self.log(&format!("has {duration:?} of {mid} left out"));
            feed.skip(duration);
        }
    }

    /// Adds an m-line for each stream that has none and that the page, as far as it has
    /// told, can receive. True if there was one.
    pub(super) fn add_missing_streams(
        &mut self,
        codecs: Option<&[String]>,
    ) -> anyhow::Result<bool> {
        let mut added = false;
        for stream in self.media.streams() {
            if self.negotiation.sending().any(|s| s.stream == stream.name) {
                continue;
            }
            let offered: Vec<(OfferedCodec, u8)> = self
                .media
                .offered(&stream)
                .into_iter()
                .filter(|offered| receives(codecs, offered.codec))
                .map(|offered| {
                    let payload_type = offered.codec.payload_type();
                    (offered, payload_type)
                })
                .collect();
            if offered.is_empty() {
                continue;
            }
            let mline = self.negotiation.lines.len();
            let extensions = match stream.input.kind() {
                Kind::Video => {
                    Extensions::offered(self.negotiation.sending().map(|s| s.extensions))
                }
                Kind::Audio | Kind::Data => Extensions::default(),
            };
            self.add_line(mline, &stream, offered, Agreed::Open, extensions)?;
            added = true;
        }
        Ok(added)
    }

    /// Adds an m-line for what is said at the page, if it knows of talking and could be heard.
    /// True if there was none.
    fn add_hearing(&mut self) -> anyhow::Result<bool> {
        let wanted = self.news.talks && self.may_be_heard() && !self.negotiation.hears();
        if wanted {
            self.rtc.add_receiver(&rtc::talk_caps())?;
            self.negotiation.lines.push(Line::Hearing(Hearing {
                payload_type: Codec::Opus.payload_type(),
                agreed: false,
            }));
        }
        Ok(wanted)
    }

    /// Answers the lines of a remote offer: the first video line gets the first video
    /// stream, and so on.
    pub(super) fn add_requested_streams(
        &mut self,
        offer: &RemoteOffer,
    ) -> Result<(), SignalingError> {
        let streams = self.media.streams();
        let mut videos = streams.iter().filter(|s| s.input.kind() == Kind::Video);
        let mut audios = streams.iter().filter(|s| s.input.kind() == Kind::Audio);
        self.negotiation.heard_as = offer.heard.map(|(_, payload_type)| payload_type);
        let mut asked = Vec::new();
        let mut served = 0_usize;
        for (mline, media) in offer.parsed.media().iter().enumerate() {
            let stream = match media.kind() {
                MediaKind::Application => {
                    self.negotiation.lines.push(Line::Data);
                    continue;
                }
                MediaKind::Video if media.direction().receive => videos.next(),
                MediaKind::Audio if media.direction().receive => audios.next(),
                _ => None,
            };
            let Some(stream) = stream else {
                if let Some((_, payload_type)) = offer.heard.filter(|(heard, _)| *heard == mline) {
                    let caps = rtc::opus_caps(payload_type);
                    self.rtc.add_receiver(&caps).map_err(failed)?;
                }
                self.negotiation.lines.push(Line::Unused);
                continue;
            };
            asked.push(stream.name.clone());
            let choice = self.media.offered(stream).into_iter().find_map(|mut ours| {
                let theirs = matching(&media.codecs(), &ours)?;
                // webrtcbin wants the profile to the letter as the offer has it.
                ours.profile_level_id = parameter(&theirs, "profile-level-id").map(str::to_owned);
                Some((ours, theirs.payload_type))
            });
            match choice {
                Some((codec, payload_type)) => {
                    let agreed = Agreed::On(codec.clone(), payload_type);
                    let extensions = match codec.codec.is_sound() {
                        true => Extensions::default(),
                        false => Extensions::answered(media, payload_type),
                    };
                    let offered = vec![(codec, payload_type)];
                    let line = self.add_line(mline, stream, offered, agreed, extensions);
                    let pad = line.map_err(failed)?;
                    if offer.heard.is_some_and(|(heard, _)| heard == mline) {
                        self.rtc.hear_on(&pad);
                    }
                    served += 1;
                }
                None => self.negotiation.lines.push(Line::Unused),
            }
        }
        if served == 0 && !asked.is_empty() && !offer.has_data {
            return Err(SignalingError::NotAcceptable(format!(
                "the offer has no codec that can be sent for {}: the bench sends H.264 \
                 (packetization-mode 1), VP8 and Opus",
                asked.join(", ")
            )));
        }
        Ok(())
    }

    fn add_line(
        &mut self,
        mline: usize,
        stream: &Arc<Stream>,
        offered: Vec<(OfferedCodec, u8)>,
        agreed: Agreed,
        extensions: Extensions,
    ) -> anyhow::Result<gst::Pad> {
        let ssrc = rand::random::<u32>().max(1);
        let is_offer = matches!(agreed, Agreed::Open);
        let mut caps = rtc::rtp_caps(&offered, ssrc, extensions);
        if is_offer && self.passes_webrtcbin().is_some() {
            rtc::offer_repairs(&mut caps);
        }
        let msid = self.media.msid(&stream.name);
        let pad = self.rtc.add_sender(mline, &msid, &caps)?;
        let sending = Sending::new(&stream.name, offered, agreed, pad.clone(), ssrc, extensions);
        let line = Line::Sending(Box::new(sending));
        self.negotiation.lines.push(line);
        Ok(pad)
    }

    /// What the other side says, if it has agreed to say something, has this payload type.
    pub(super) fn heard_as(&self) -> Option<u8> {
        let on_own_line = self
            .negotiation
            .heard_on()
            .map(|(_, payload_type)| payload_type);
        on_own_line.or(self.negotiation.heard_as)
    }

    pub(super) fn read_answer_to_offer(
        &self,
        answer: &str,
    ) -> Result<RemoteAnswer, SignalingError> {
        let local = self
            .rtc
            .local_description()
            .ok_or_else(|| SignalingError::Failed("webrtcbin has no offer".into()))?;
        self.negotiation.read_any_answer(answer, &local)
    }

    /// Offers, over the control channel, what the page does not have yet.
    pub(super) fn renegotiate(&mut self) {
        let Some(codecs) = self
            .control
            .as_ref()
            .and_then(|control| control.codecs.clone())
        else {
            return;
        };
        if !matches!(self.negotiation.in_band, InBand::Idle) {
            return;
        }
        if let Err(error) = self.offer_in_band(&codecs) {
            self.negotiation.in_band = InBand::Stuck;
            self.trouble(&format!("{error:#}"));
        }
    }

    fn offer_in_band(&mut self, codecs: &[String]) -> anyhow::Result<()> {
        // In any case both.
        let streams = self.add_missing_streams(Some(codecs))?;
        if !(self.add_hearing()? || streams) {
            return Ok(());
        }
        self.rtc.offer()?;
        let sdp = self.local_sdp()?;
        self.negotiation.offers += 1;
        let id = self.negotiation.offers;
        self.negotiation.in_band = InBand::OfferOut {
            id,
            since: Instant::now(),
        };
        self.tell(&ToPage::Offer { id, sdp: &sdp });
        self.log("is offered media");
        Ok(())
    }

    /// Takes the page's answer to an in-band offer.
    pub(super) fn take_reanswer(&mut self, id: u32, sdp: &str) {
        match self.negotiation.in_band {
            InBand::OfferOut { id: out, .. } if out == id => {}
            _ => {
                // A page that answers twice, or something older: what flows goes on.
                gst::debug!(crate::CAT, "peer {}: no offer {id} is out", self.id);
                return;
            }
        }
        let taken = self
            .read_answer_to_offer(sdp)
            .map_err(anyhow::Error::from)
            .and_then(|answer| {
                self.rtc.set_remote_answer(&answer.sdp)?;
                Ok(answer)
            });
        match taken {
            Ok(answer) => {
                self.log("has taken the media");
                self.admit_media();
                self.negotiation.agree(&answer);
                self.negotiation.in_band = InBand::Idle;
                self.connect_voice();
                self.feed_all();
                self.warm.clear();
                self.tell_welcome();
                self.renegotiate();
            }
            Err(error) => {
                self.negotiation.in_band = InBand::Stuck;
                self.trouble(&format!("the page's answer was not taken: {error:#}"));
            }
        }
    }

    fn trouble(&self, text: &str) {
        self.tell(&ToPage::Error { text });
        self.host
            .report(Report::Trouble(format!("peer {}: {text}", self.id)));
    }
}

/// The codec of a remote offer in which a stream of ours can be sent.
///
/// For H.264 that is packetization mode 1 and the same profile; the level may differ
/// (RFC 6184, section 8.2.2), and constrained baseline is a part of baseline.
fn matching(theirs: &[sdp::Codec], ours: &OfferedCodec) -> Option<sdp::Codec> {
    theirs
        .iter()
        .find(|codec| {
            if !codec.name.eq_ignore_ascii_case(ours.codec.encoding_name()) {
                return false;
            }
            let Some(profile) = &ours.profile_level_id else {
                return true;
            };
            // Without the parameter: baseline (RFC 6184, section 8.1).
            let offered = parameter(codec, "profile-level-id").unwrap_or("420010");
            parameter(codec, "packetization-mode") == Some("1")
                && offered.get(..2).map(str::to_ascii_lowercase)
                    == profile.get(..2).map(str::to_ascii_lowercase)
        })
        .cloned()
}

/// The value of a format parameter (`a=fmtp`).
fn parameter<'a>(codec: &'a sdp::Codec, name: &str) -> Option<&'a str> {
    codec.fmtp.split(';').find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then_some(value.trim())
    })
}

/// The same description with another `o=` line.
fn with_origin(sdp: &str, session_id: u64, version: u64) -> String {
    let mut text = String::with_capacity(sdp.len() + 32);
    for line in sdp.lines() {
        if line.starts_with("o=") {
            text.push_str(&format!("o=- {session_id} {version} IN IP4 127.0.0.1"));
        } else {
            text.push_str(line);
        }
        text.push_str("\r\n");
    }
    text
}

/// The same offer without media from the other side but on one line: nothing here would take
/// it, and webrtcbin says yes to whatever is offered.
fn without_sending(sdp: &str, heard: Option<usize>) -> String {
    let mut text = String::with_capacity(sdp.len());
    let mut mlines = 0_usize;
    for line in sdp.lines() {
        if line.starts_with("m=") {
            mlines += 1;
        }
        let wanted = heard.is_some_and(|heard| heard + 1 == mlines);
        text.push_str(match line {
            "a=sendrecv" if !wanted => "a=recvonly",
            "a=sendonly" if !wanted => "a=inactive",
            line => line,
        });
        text.push_str("\r\n");
    }
    text
}

/// The first line on which the other side sends Opus, and the payload type.
fn speaking_line(offer: &Sdp) -> Option<(usize, u8)> {
    offer.media().iter().enumerate().find_map(|(mline, media)| {
        let speaks =
            media.kind() == MediaKind::Audio && !media.rejected() && media.direction().send;
        let codecs = speaks.then(|| media.codecs())?;
        let opus = codecs
            .iter()
            .find(|codec| codec.name == Codec::Opus.encoding_name())?;
        Some((mline, opus.payload_type))
    })
}

/// Whether a page that has told these MIME types receives a codec. One that has told
/// nothing is offered everything.
fn receives(codecs: Option<&[String]>, codec: Codec) -> bool {
    codecs.is_none_or(|codecs| {
        codecs.is_empty()
            || codecs
                .iter()
                .any(|mime| mime.eq_ignore_ascii_case(codec.mime_type()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_h264_is_not_offered_h264() {
        let page = ["video/VP8".to_owned(), "audio/opus".to_owned()];
        assert!(!receives(Some(&page), Codec::H264));
        assert!(receives(Some(&page), Codec::Vp8));
        assert!(receives(Some(&page), Codec::Opus));
    }

    #[test]
    fn a_page_that_does_not_tell_its_codecs_is_offered_all() {
        assert!(receives(Some(&[]), Codec::H264));
        assert!(receives(None, Codec::H264));
    }
}
