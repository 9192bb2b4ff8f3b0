//! The elements that webrtcbin makes for itself: each is set up the moment it appears.
//!
//! webrtcbin has no properties for these, and no other way in than the signal of a bin.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;

use super::congestion::{self, Retransmission, SharedMeter};
use super::inbox::{Event, Outbox};
use super::rtc::Certificate;
use super::sources;
use crate::ice::seat::Seat;
use crate::intercom::Ear;
use crate::rtp::MASTER;
use crate::rtp::transmitter::{News, Transmitter};

/// What the elements inside one webrtcbin are to work with.
pub(super) struct Insides {
    /// What we show in DTLS; none: what webrtcbin makes up.
    pub(super) certificate: Option<Arc<Certificate>>,
    /// Takes what the other side says; none: nobody listens.
    pub(super) ear: Option<Ear>,
    /// Works out what the other side reports of the packets.
    pub(super) meter: SharedMeter,
    /// Is told when that is news.
    pub(super) events: Outbox,
    pub(super) retransmission: Retransmission,
    pub(super) shortcut: Shortcut,
}

/// The way of pictures and sound past webrtcbin's elements: it needs the keys of both sides.
/// Clones are of the same webrtcbin.
#[derive(Debug, Clone, Default)]
pub(super) struct Shortcut(Arc<Mutex<Vec<glib::WeakRef<gst::Element>>>>);

impl Shortcut {
    /// What sends to `seat`, once DTLS has agreed on keys. None if it has agreed on
    /// other ciphers than those that the transmitter knows.
    pub(super) fn open(
        &self,
        seat: &Arc<Seat>,
        meter: &SharedMeter,
        events: &Outbox,
    ) -> Option<Arc<Transmitter>> {
        let ciphers: Vec<_> = self.ciphers().iter().filter_map(|c| c.upgrade()).collect();
        let ours = ciphers.iter().find_map(key_of_encryptor)?;
        let theirs = ciphers.iter().find_map(key_of_decryptor)?;
        let (meter, events) = (meter.clone(), events.clone());
        let tell = move |news| match news {
            News::KeyFrameWanted(ssrc) => events.send(Event::KeyFrameWanted(ssrc)),
            News::NoRoom(ssrc) => events.send(Event::NoRoom(ssrc)),
            News::Arrivals { packets, at } => meter.report(&packets, at, &events),
        };
        Some(Transmitter::new(seat.clone(), &ours, &theirs, tell))
    }

    /// Elements that encrypt and decrypt. A leaf among the locks, held for a look-up.
    fn ciphers(&self) -> MutexGuard<'_, Vec<glib::WeakRef<gst::Element>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the transmitter knows.
const CIPHER: &str = "aes-128-icm";
const AUTHENTICATION: &str = "hmac-sha1-80";

fn key_of_encryptor(element: &gst::Element) -> Option<[u8; MASTER]> {
    // Until DTLS gives a key it has one that it made up.
    element.find_property("random-key")?;
    if element.property::<bool>("random-key") {
        return None;
    }
    let nick = |name| {
        let value = element.property_value(name);
        let (_, value) = glib::EnumValue::from_value(&value)?;
        Some(value.nick().to_owned())
    };
    let is_known = nick("rtp-cipher").as_deref() == Some(CIPHER)
        && nick("rtp-auth").as_deref() == Some(AUTHENTICATION);
    let key = element.property::<Option<gst::Buffer>>("key")?;
    is_known.then(|| master_key(&key))?
}

fn key_of_decryptor(element: &gst::Element) -> Option<[u8; MASTER]> {
    glib::subclass::SignalId::lookup("request-key", element.type_())?;
    // It is the same for all.
    let ssrc = 0_u32;
    let caps = element.emit_by_name::<Option<gst::Caps>>("request-key", &[&ssrc])?;
    let key = caps.structure(0)?;
    let is_known =
        key.get("srtcp-cipher") == Ok(CIPHER) && key.get("srtcp-auth") == Ok(AUTHENTICATION);
    is_known.then(|| master_key(&key.get::<gst::Buffer>("srtp-key").ok()?))?
}

fn master_key(buffer: &gst::Buffer) -> Option<[u8; MASTER]> {
    buffer.map_readable().ok()?.as_slice().try_into().ok()
}

impl Insides {
    /// Sets up whatever `webrtcbin` makes from now on.
    pub(super) fn watch(self, webrtcbin: &gst::Bin) {
        webrtcbin.connect_deep_element_added(move |_, _, element| self.prepare(element));
    }

    fn prepare(&self, element: &gst::Element) {
        let Some(factory) = element.factory() else {
            return;
        };
        match factory.name().as_str() {
            // Buffers are sent as they come: they were paced at the input, and any wait here is
            // delay in the picture.
            "clocksync" => element.set_property("sync", false),
            "dtlssrtpdec" => {
                if let Some(certificate) = &self.certificate {
                    element.set_property("pem", certificate.pem());
                }
                if let Some(pad) = element.static_pad("sink") {
                    sources::limit(&pad);
                }
                if let Some(pad) = element.static_pad("rtp_src") {
                    turn_away(&pad, self.ear.clone());
                }
            }
            "srtpenc" | "srtpdec" => self.shortcut.ciphers().push(element.downgrade()),
            "rtprtxsend" => {
                if let Some(pad) = element.static_pad("src") {
                    self.retransmission.decide_at(&pad);
                }
            }
            // They work off one packet after the other, although they have nothing to add.
            "rtpulpfecenc" | "rtpredenc" => keep_lists(element),
            // What goes out comes by here, and against it what the viewer reports of it.
            "rtpfunnel" => {
                if let Some(pad) = element.static_pad("src") {
                    congestion::listen(&pad, &self.meter, &self.events);
                }
            }
            // All that the other side sends comes by here, decrypted and counted (RTCP),
            // before anything makes a jitter buffer and threads for it.
            "rtpssrcdemux" => {
                if let Some(pad) = element.static_pad("sink") {
                    listen_to_media(&pad, self.ear.clone());
                }
                if let Some(pad) = element.static_pad("rtcp_sink") {
                    listen_to_media(&pad, None);
                }
            }
            _ => {}
        }
    }
}

/// Lets lists of packets pass by an element that would take them apart. A list is one picture:
/// together its packets cost little more than one, down to the socket.
fn keep_lists(element: &gst::Element) {
    let (Some(sink), Some(source)) = (element.static_pad("sink"), element.static_pad("src")) else {
        return;
    };
    sink.add_probe(gst::PadProbeType::BUFFER_LIST, move |_, info| {
        if let Some(gst::PadProbeData::BufferList(list)) = info.data.take() {
            info.flow_res = source.push_list(list);
        }
        gst::PadProbeReturn::Handled
    });
}

/// Drops media that nobody has asked for: webrtcbin leaves the way on open, and the peer would
/// end with “not linked”.
fn turn_away(pad: &gst::Pad, ear: Option<Ear>) {
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    pad.add_probe(kinds, move |_, _| {
        match ear.as_ref().is_some_and(Ear::expects) {
            true => gst::PadProbeReturn::Ok,
            false => gst::PadProbeReturn::Handled,
        }
    });
}

/// Takes all media out of the stream. What nobody wants to hear is dropped: it would end in
/// a pad that is not linked.
fn listen_to_media(pad: &gst::Pad, ear: Option<Ear>) {
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    pad.add_probe(kinds, move |_, info| {
        if let Some(ear) = &ear {
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => ear.hear(buffer),
                Some(gst::PadProbeData::BufferList(list)) => {
                    for buffer in list.iter_owned() {
                        ear.hear(&buffer);
                    }
                }
                _ => {}
            }
        }
        // Not “drop”: of what a probe drops GStreamer 1.22 wants to let go twice.
        gst::PadProbeReturn::Handled
    });
}
