//! Pictures and sound on their way to viewers: RTP, SRTP and feedback without a pipeline for
//! each.
//!
//! ```text
//! Fanout ─▸ packetizer (once) ─▸ Frame ─▸ Transmitter (one for each viewer) ─▸ shared port
//!                                            ▴ feedback: what got lost, when it arrived
//! ```
//!
//! webrtcbin makes the connection (SDP, ICE, DTLS), and carries data and what viewers say. It
//! could carry pictures and sound to them, too, and does where a viewer has an ICE agent of
//! its own or keeps lips in step; but each packet then passes a dozen elements in a thread of
//! that viewer's. Here a frame is cut into payloads once, and what is done for each viewer is
//! what differs: a header, the encryption, and a system call for many packets.
//!
//! | file | what is in there |
//! |---|---|
//! | [`frame`] | an encoded picture or a packet of sound as payloads of RTP packets, the same for all |
//! | [`packetizer`] | makes them, with GStreamer's payloaders |
//! | `stream` | one viewer's RTP stream: numbers, headers, what may be sent again |
//! | [`skip`] | sound that is left out for a viewer who holds back too much of it |
//! | `srtp` | encrypts and signs packets, opens reports |
//! | `feedback` | what RTCP says of packets that were sent |
//! | `arrivals` | transport-wide feedback: which packets arrived, and when |
//! | `outgoing` | packets of one viewer that leave now or, paced, later |
//! | [`transmitter`] | all streams of one viewer, on their way to the port |
//!
//! All but the packetizer is pure or knows no more than the port.

mod arrivals;
mod feedback;
pub(crate) mod frame;
mod outgoing;
pub(crate) mod packetizer;
pub(crate) mod skip;
mod srtp;
mod stream;
pub(crate) mod transmitter;

pub(crate) use srtp::MASTER;
pub(crate) use stream::{Description, Route};
