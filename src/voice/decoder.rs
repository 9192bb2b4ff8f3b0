//! libopus, with what else belongs to one stream of packets.

use opusic_c::{Channels, ErrorCode, SampleRate};

use super::Frame;

/// The longest Opus packet, 120 ms.
const LONGEST: usize = 5760;

/// libopus conceals multiples of 2.5 ms.
const UNIT: usize = 120;

/// libopus gives no decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("libopus gives no decoder: {}", .0.message())]
pub(crate) struct NoDecoder(ErrorCode);

/// Decodes to stereo, whatever was sent.
pub(super) struct Decoder {
    opus: opusic_c::Decoder,
    decoded: Box<[f32; 2 * LONGEST]>,
}

impl Decoder {
    pub(super) fn new() -> Result<Self, NoDecoder> {
        Ok(Self {
            opus: opusic_c::Decoder::new(Channels::Stereo, SampleRate::Hz48000)
                .map_err(NoDecoder)?,
            decoded: Box::new([0.0; 2 * LONGEST]),
        })
    }

    /// What comes next is from another encoder.
    pub(super) fn restart(&mut self) {
        // Fails only for a request that libopus does not know.
        let _ = self.opus.reset();
    }

    /// None if it cannot be decoded.
    pub(super) fn decode(&mut self, payload: &[u8]) -> Option<&[Frame]> {
        self.run(payload, LONGEST, false)
    }

    /// The last `length` frames of what was before this packet, `correction` of which are
    /// held in it. What more is asked for is made up.
    pub(super) fn correct(
        &mut self,
        payload: &[u8],
        correction: usize,
        length: usize,
    ) -> Option<&[Frame]> {
        let all = correction.max(length).next_multiple_of(UNIT).min(LONGEST);
        let frames = self.run(payload, all, true)?;
        Some(&frames[frames.len().saturating_sub(length)..])
    }

    /// Makes up what may have been said: at most `length` frames.
    pub(super) fn conceal(&mut self, length: usize) -> Option<&[Frame]> {
        let all = length.next_multiple_of(UNIT).min(LONGEST);
        let frames = self.run(&[], all, false)?;
        Some(&frames[..length.min(frames.len())])
    }

    fn run(&mut self, payload: &[u8], most: usize, correct: bool) -> Option<&[Frame]> {
        let room = &mut self.decoded[..2 * most];
        let length = self
            .opus
            .decode_float_to_slice(payload, room, correct)
            .ok()?;
        let samples = &mut room[..2 * length];
        // Anything can be in a packet.
        for sample in samples.iter_mut().filter(|sample| !sample.is_finite()) {
            *sample = 0.0;
        }
        let (frames, _) = samples.as_chunks::<2>();
        (!frames.is_empty()).then_some(frames)
    }
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}
