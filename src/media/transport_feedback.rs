//! RTP header extension `transport-wide-cc`: numbers all packets on their way to a viewer,
//! so that it can tell when each arrived (draft-holmer-rmcat-transport-wide-cc-extensions-01).
//!
//! GStreamer's `rtphdrexttwcc` makes room for the number and `rtpsession` fills it in,
//! in retransmitted packets, too. What the viewer tells becomes an event that travels
//! upstream from there.

use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst_rtp::prelude::*;

use super::elements;
use crate::congestion::Packet;
pub(crate) use crate::signaling::sdp::TRANSPORT_FEEDBACK as URI;

/// Number under which our offers give it (RFC 8285, section 4.2: 1–14).
pub(crate) const ID: u8 = 2;

const ELEMENT: &str = "rtphdrexttwcc";

/// What a packet has besides its payload: headers of IPv4, UDP and RTP with two extensions,
/// and the tag of SRTP.
const OVERHEAD: u32 = 20 + 8 + 12 + 12 + 10;

/// The times of packets that have none.
const NONE: u64 = u64::MAX;

/// Whether this GStreamer knows it.
pub(crate) fn exists() -> bool {
    elements::exists(ELEMENT)
}

/// Makes `payloader` put the extension into its packets, under that number.
pub(crate) fn add_to(payloader: &gst::Element, id: u8) {
    let extension = gst::ElementFactory::make(ELEMENT)
        .build()
        .ok()
        .and_then(|element| element.downcast::<gst_rtp::RTPHeaderExtension>().ok());
    if let Some(extension) = extension {
        extension.set_id(id.into());
        payloader.emit_by_name::<()>("add-extension", &[&extension]);
    }
}

/// The viewer's report in an event of `rtpsession`, in the order in which the packets were
/// sent; none if the event is another.
pub(crate) fn read(event: &gst::EventRef) -> Option<Vec<Packet>> {
    let structure = event.structure()?;
    if structure.name() != "RTPTWCCPackets" {
        return None;
    }
    let values = structure.get::<glib::ValueArray>("packets").ok()?;
    let mut packets: Vec<Packet> = values
        .as_slice()
        .iter()
        .filter_map(|value| packet(value.get::<&gst::StructureRef>().ok()?))
        .collect();
    packets.sort_by_key(|packet| packet.sent);
    Some(packets)
}

fn packet(structure: &gst::StructureRef) -> Option<Packet> {
    let time = |name| {
        let time = structure.get::<u64>(name).ok().filter(|time| *time != NONE);
        time.map(Duration::from_nanos)
    };
    let lost = structure.get::<bool>("lost").unwrap_or_default();
    Some(Packet {
        // One that is not known any more, or was reported before.
        sent: time("local-ts")?,
        arrived: time("remote-ts").filter(|_| !lost),
        size: structure.get::<u32>("size").ok()? + OVERHEAD,
    })
}
