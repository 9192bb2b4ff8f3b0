//! An encoded picture, or a moment of sound, as payloads of RTP packets, the same for all
//! viewers.

use std::ops::Range;
use std::time::Duration;

/// What stands in the payloads that differs between viewers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// Nothing.
    None,
    /// A picture number of 15 bits in bytes 2 and 3 (RFC 7741, section 4.2). A viewer to whom
    /// pictures are not sent, or who gets another encoding, has numbers of its own.
    PictureId,
}

/// A payload, and whether the packet has the marker bit.
pub(super) type Payload<'a> = (&'a [u8], bool);

/// One picture, or a part of one where an encoder gives parts; or one packet of sound.
#[derive(Debug)]
pub(crate) struct Frame {
    bytes: Vec<u8>,
    payloads: Vec<(Range<usize>, bool)>,
    /// Its running time, in ticks of the RTP clock.
    pub(super) time: u32,
    pub(super) numbering: Numbering,
    /// How long it lasts; 0 where its source does not say.
    pub(super) duration: Duration,
    /// It can be shown without anything before it.
    pub(super) is_key_frame: bool,
}

impl Frame {
    /// `bytes`: about as many will be added.
    pub(super) fn new(time: u32, numbering: Numbering, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            payloads: Vec::new(),
            time,
            numbering,
            duration: Duration::ZERO,
            is_key_frame: false,
        }
    }

    /// `marker`: it ends a picture, or begins a talkspurt (RFC 3551, section 4.1).
    pub(super) fn add(&mut self, payload: &[u8], marker: bool) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        self.payloads.push((start..self.bytes.len(), marker));
    }

    /// Bytes of all payloads.
    pub(super) const fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Number of packets.
    pub(crate) const fn len(&self) -> usize {
        self.payloads.len()
    }

    pub(super) fn payloads(&self) -> impl Iterator<Item = Payload<'_>> {
        let payloads = self.payloads.iter();
        payloads.filter_map(|(range, marker)| Some((self.bytes.get(range.clone())?, *marker)))
    }

    pub(super) fn payload(&self, number: usize) -> Option<Payload<'_>> {
        let (range, marker) = self.payloads.get(number)?;
        Some((self.bytes.get(range.clone())?, *marker))
    }
}
