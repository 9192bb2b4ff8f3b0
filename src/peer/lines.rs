//! The m-lines of one session: what is sent and heard on each.

use std::sync::{Arc, Weak};

use super::chain::Position;
use super::extensions::Extensions;
use super::feed::{Agreement, Feed};
use super::rtc::Rtc;
use crate::congestion::audience::Size;
use crate::media::Media;
use crate::media::codec::Codec;
use crate::media::place::Place;
use crate::media::stream::{OfferedCodec, Stream};
use crate::rtp::Route;
use crate::rtp::transmitter::Transmitter;

/// One m-line of the session.
pub(super) enum Line {
    Data,
    Sending(Box<Sending>),
    /// What is said at the other side comes here.
    Hearing(Hearing),
    /// A line of the other side's that this side does not use.
    Unused,
}

/// An m-line on which a stream is sent.
pub(super) struct Sending {
    /// Name of the stream.
    pub(super) stream: String,
    /// What was offered for it, with payload types.
    pub(super) offered: Vec<(OfferedCodec, u8)>,
    pub(super) agreed: Agreed,
    pad: gst::Pad,
    pub(super) ssrc: u32,
    /// RTP header extensions in the offer, or, after the answer, those that are agreed.
    pub(super) extensions: Extensions,
    pub(super) feed: Option<Feed>,
    /// The stream that `feed` comes from.
    fed_by: Weak<Stream>,
    /// Where the last feed stopped.
    position: Option<Position>,
    /// Where what got lost is sent again, past webrtcbin.
    pub(super) again: Option<Route>,
}

/// An m-line on which the other side sends what is said there, in Opus.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hearing {
    pub(super) payload_type: u8,
    /// The other side has said yes to it.
    pub(super) agreed: bool,
}

/// What the other side said to an m-line.
#[derive(Clone)]
pub(super) enum Agreed {
    /// Its answer is not there yet.
    Open,
    /// It takes this one of `offered`.
    On(OfferedCodec, u8),
    /// It does not want the line.
    Refused,
}

impl Sending {
    /// `pad` is webrtcbin's, for packets with `ssrc`.
    pub(super) fn new(
        stream: &str,
        offered: Vec<(OfferedCodec, u8)>,
        agreed: Agreed,
        pad: gst::Pad,
        ssrc: u32,
        extensions: Extensions,
    ) -> Self {
        Self {
            stream: stream.to_owned(),
            offered,
            agreed,
            pad,
            ssrc,
            extensions,
            feed: None,
            fed_by: Weak::new(),
            position: None,
            again: None,
        }
    }

    /// Notes the answer: the payload type that the other side takes, if it takes one.
    pub(super) fn agree(&mut self, payload_type: Option<u8>) {
        self.agreed = match self
            .offered
            .iter()
            .find(|(_, number)| Some(*number) == payload_type)
        {
            Some((codec, number)) => Agreed::On(codec.clone(), *number),
            None => Agreed::Refused,
        };
        if matches!(self.agreed, Agreed::Refused) {
            self.stop();
        }
    }

    /// Stops sending, for the time being.
    pub(super) fn stop(&mut self) {
        if let Some(feed) = self.feed.take() {
            self.position = feed.stop().or(self.position);
        }
        self.fed_by = Weak::new();
    }

    /// Starts the feed, if the codec is agreed and the stream has arrived.
    pub(super) fn start(
        &mut self,
        peer: u32,
        mline: usize,
        rtc: &Rtc,
        stream: &Arc<Stream>,
        media: &Media,
        transmitter: Option<&Arc<Transmitter>>,
    ) -> anyhow::Result<()> {
        let Agreed::On(codec, payload_type) = self.agreed.clone() else {
            return Ok(());
        };
        if !std::ptr::eq(self.fed_by.as_ptr(), Arc::as_ptr(stream)) {
            // Another stream of the same name: the pad was released and requested again.
            self.stop();
        }
        if self.feed.is_some() || !stream.is_ready() {
            return Ok(());
        }
        let subscription = media.subscribe(stream, codec.codec, Size::Main)?;
        let place = self.extensions.transport_feedback.and_then(|_| {
            let ceiling = subscription.ceiling()?;
            let congestion = media.congestion();
            Some(Place::take(stream, codec.codec, peer, congestion, ceiling))
        });
        if !codec.codec.is_sound() && transmitter.is_some() && self.again.is_none() {
            self.again = rtc.retransmission_on(mline, payload_type, self.ssrc);
        }
        let agreement = Agreement {
            again: self.again,
            codec,
            payload_type,
            ssrc: self.ssrc,
            extensions: self.extensions,
            position: self.position,
        };
        let feed = Feed::start(rtc, &self.pad, subscription, &agreement, transmitter)?;
        self.feed = Some(feed.with_place(place));
        self.fed_by = Arc::downgrade(stream);
        Ok(())
    }

    /// The codec that is agreed on.
    pub(super) fn codec(&self) -> Option<Codec> {
        match &self.agreed {
            Agreed::On(codec, _) => Some(codec.codec),
            Agreed::Open | Agreed::Refused => None,
        }
    }

    /// For lists: `video_0 H.264`.
    pub(super) fn describe(&self) -> Option<String> {
        match &self.agreed {
            Agreed::On(codec, _) => Some(format!("{} {}", self.stream, codec.codec)),
            Agreed::Open | Agreed::Refused => None,
        }
    }

    pub(super) fn statistics(&self) -> Option<gst::Structure> {
        let Agreed::On(codec, _) = &self.agreed else {
            return None;
        };
        let feed = self.feed.as_ref()?;
        let mut structure = gst::Structure::builder("periscope-stream")
            .field("name", &self.stream)
            .field("codec", codec.codec.to_string())
            .field("buffers-sent", feed.sent())
            .field("buffers-dropped", feed.dropped());
        if let Some(size) = feed.size() {
            structure = structure
                .field("encoding", size.as_str())
                .field("thinned", feed.is_thinned());
        }
        if let Some(encoder) = feed.encoder() {
            structure = structure.field("encoder", encoder);
        }
        Some(structure.build())
    }
}
