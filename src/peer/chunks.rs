//! Messages longer than a data channel carries well, in chunks (pure).
//!
//! The format is in `web/PROTOCOL.md`. Messages of up to [`MAX_PLAIN`] bytes travel as
//! they are, so that any other WebRTC page can read them; longer ones are cut here,
//! because webrtcbin loses what is longer than 64 KiB and browsers differ above 16 KiB.

use std::sync::Arc;

/// Longest data-channel message, in bytes: what every browser takes (RFC 8831,
/// section 6.6, without message interleaving).
pub(crate) const MAX_PLAIN: usize = 16 * 1024;

/// Longest message that is carried at all, in bytes.
pub(crate) const MAX_MESSAGE: usize = 1024 * 1024;

/// Longest message in chunks, in bytes: the longest that is carried, in a batch.
const MAX_CHUNKED: usize = MAX_MESSAGE + super::batch::OVERHEAD;

const MAGIC: [u8; 4] = [0xF5, b'P', b'S', b'C'];
const HEADER: usize = 20;

/// One message between the bench and a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Payload {
    Text(Arc<str>),
    Binary(Arc<[u8]>),
}

impl Payload {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// A message was not carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChunkError {
    /// The message is longer than [`MAX_MESSAGE`].
    #[error("a message of {0} bytes was not sent: at most {MAX_MESSAGE} bytes fit")]
    TooLong(usize),
    /// A chunk did not continue its message, or its header is wrong.
    #[error("a chunked message was cut off and dropped")]
    Broken,
}

/// Cuts `payload` into data-channel messages. `number` tells this message's chunks
/// from those of the next.
pub(crate) fn split(payload: &Payload, number: u32) -> Result<Vec<Payload>, ChunkError> {
    let bytes = payload.as_bytes();
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let looks_like_chunk = matches!(payload, Payload::Binary(_)) && bytes.starts_with(&MAGIC);
    if bytes.len() <= MAX_PLAIN && !looks_like_chunk {
        return Ok(vec![payload.clone()]);
    }
    let total = match u32::try_from(bytes.len()) {
        Ok(total) if bytes.len() <= MAX_CHUNKED => total,
        _ => return Err(ChunkError::TooLong(bytes.len())),
    };
    let kind = u8::from(matches!(payload, Payload::Text(_)));
    let mut offset = 0_u32;
    let mut chunks = Vec::with_capacity(bytes.len() / (MAX_PLAIN - HEADER) + 1);
    for part in bytes.chunks(MAX_PLAIN - HEADER) {
        let mut chunk = Vec::with_capacity(HEADER + part.len());
        chunk.extend_from_slice(&MAGIC);
        chunk.extend_from_slice(&[kind, 0, 0, 0]);
        chunk.extend_from_slice(&number.to_be_bytes());
        chunk.extend_from_slice(&total.to_be_bytes());
        chunk.extend_from_slice(&offset.to_be_bytes());
        chunk.extend_from_slice(part);
        chunks.push(Payload::Binary(chunk.into()));
        // At most 16 KiB of at most 1 MiB: cannot overflow.
        offset = offset.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
    }
    Ok(chunks)
}

#[derive(Debug)]
struct Partial {
    number: u32,
    is_text: bool,
    total: usize,
    bytes: Vec<u8>,
}

/// Puts the messages of one channel together again.
#[derive(Debug, Default)]
pub(crate) struct Reassembler {
    partial: Option<Partial>,
}

impl Reassembler {
    /// Takes one data-channel message; gives a whole message when it is complete.
    /// Empty messages are ignored. After an error the next whole message is taken.
    pub(crate) fn take(&mut self, message: Payload) -> Result<Option<Payload>, ChunkError> {
        let bytes = match &message {
            Payload::Binary(bytes) if bytes.starts_with(&MAGIC) => bytes.clone(),
            _ => {
                let cut_off = self.partial.take().is_some();
                if cut_off {
                    gst::debug!(crate::CAT, "a chunked message was cut off by another");
                }
                return Ok((!message.as_bytes().is_empty()).then_some(message));
            }
        };
        let result = self.chunk(&bytes);
        if result.is_err() {
            self.partial = None;
        }
        result
    }

    fn chunk(&mut self, bytes: &[u8]) -> Result<Option<Payload>, ChunkError> {
        let (header, body) = bytes.split_at_checked(HEADER).ok_or(ChunkError::Broken)?;
        let is_text = match header.get(4) {
            Some(0) => false,
            Some(1) => true,
            _ => return Err(ChunkError::Broken),
        };
        let number = number_at(header, 8)?;
        let total = number_at(header, 12)? as usize;
        let offset = number_at(header, 16)? as usize;
        if total > MAX_CHUNKED {
            return Err(ChunkError::TooLong(total));
        }
        if offset == 0 {
            self.partial = Some(Partial {
                number,
                is_text,
                total,
                bytes: Vec::with_capacity(total.min(MAX_PLAIN * 4)),
            });
        }
        let partial = self.partial.as_mut().ok_or(ChunkError::Broken)?;
        let continues = partial.number == number
            && partial.total == total
            && partial.is_text == is_text
            && partial.bytes.len() == offset
            && !body.is_empty()
            && offset + body.len() <= total;
        if !continues {
            return Err(ChunkError::Broken);
        }
        partial.bytes.extend_from_slice(body);
        if partial.bytes.len() < total {
            return Ok(None);
        }
        let Some(whole) = self.partial.take() else {
            return Err(ChunkError::Broken);
        };
        if whole.is_text {
            let text = String::from_utf8(whole.bytes).map_err(|_| ChunkError::Broken)?;
            Ok(Some(Payload::Text(text.into())))
        } else {
            Ok(Some(Payload::Binary(whole.bytes.into())))
        }
    }
}

fn number_at(header: &[u8], at: usize) -> Result<u32, ChunkError> {
    header
        .get(at..at + 4)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_be_bytes)
        .ok_or(ChunkError::Broken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn binary(bytes: &[u8]) -> Payload {
        Payload::Binary(bytes.into())
    }

    fn through(payload: &Payload) -> Payload {
        let mut reassembler = Reassembler::default();
        let chunks = split(payload, 7).expect("short enough");
        let mut whole = None;
        for chunk in chunks {
            assert!(chunk.as_bytes().len() <= MAX_PLAIN);
            assert!(whole.is_none(), "nothing follows a whole message");
            whole = reassembler.take(chunk).expect("in order");
        }
        whole.expect("complete")
    }

    #[test]
    fn a_short_message_travels_as_it_is() {
        let message = Payload::Text("FA00014060000;".into());
        assert_eq!(split(&message, 1), Ok(vec![message]));
        let limit = binary(&vec![1; MAX_PLAIN]);
        assert_eq!(split(&limit, 1).expect("fits").len(), 1);
    }

    #[test]
    fn a_long_message_arrives_whole() {
        let message = binary(&(0..131_768_u32).map(|i| i as u8).collect::<Vec<_>>());
        assert_eq!(through(&message), message);
        let text = Payload::Text("Grüße ".repeat(30_000).into());
        assert_eq!(through(&text), text);
    }

    #[test]
    fn a_message_above_one_mebibyte_is_refused_with_its_length() {
        let message = binary(&vec![0; MAX_CHUNKED + 1]);
        assert_eq!(
            split(&message, 1),
            Err(ChunkError::TooLong(MAX_CHUNKED + 1))
        );
        assert_eq!(
            through(&binary(&vec![0; MAX_MESSAGE])).as_bytes().len(),
            MAX_MESSAGE
        );
    }

    #[test]
    fn data_that_looks_like_a_chunk_arrives_unchanged() {
        let message = binary(b"\xF5PSC and more");
        assert_eq!(through(&message), message);
    }

    #[test]
    fn empty_messages_are_neither_sent_nor_delivered() {
        assert_eq!(split(&binary(b""), 1), Ok(vec![]));
        assert_eq!(Reassembler::default().take(binary(b"")), Ok(None));
    }

    #[test]
    fn a_message_that_is_not_continued_is_dropped_and_the_next_arrives() {
        let long = binary(&vec![5; 40_000]);
        let chunks = split(&long, 1).expect("fits");
        let mut reassembler = Reassembler::default();
        assert_eq!(reassembler.take(chunks[0].clone()), Ok(None));
        assert_eq!(reassembler.take(chunks[2].clone()), Err(ChunkError::Broken));
        let short = binary(b"next");
        assert_eq!(reassembler.take(short.clone()), Ok(Some(short)));
    }

    #[test]
    fn a_chunk_that_announces_too_much_is_refused() {
        let mut chunk = MAGIC.to_vec();
        chunk.extend_from_slice(&[0; 8]);
        chunk.extend_from_slice(&u32::MAX.to_be_bytes());
        chunk.extend_from_slice(&[0; 4]);
        chunk.push(1);
        assert_eq!(
            Reassembler::default().take(binary(&chunk)),
            Err(ChunkError::TooLong(u32::MAX as usize))
        );
    }

    proptest! {
        #[test]
        fn any_message_arrives_unchanged(bytes in proptest::collection::vec(any::<u8>(), 1..60_000)) {
            let message = binary(&bytes);
            prop_assert_eq!(through(&message), message);
        }

        #[test]
        fn no_chunk_breaks_the_reassembler(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20)
        ) {
            let mut reassembler = Reassembler::default();
            for part in parts {
                let mut chunk = MAGIC.to_vec();
                chunk.extend(part);
                let _ = reassembler.take(binary(&chunk));
            }
            let next = Payload::Text("still there".into());
            prop_assert_eq!(reassembler.take(next.clone()), Ok(Some(next)));
        }
    }
}
