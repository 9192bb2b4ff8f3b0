//! Messages of an instrument on their way to pages that know batches (pure).
//!
//! The format is in `web/PROTOCOL.md`. A batch carries what a plain message cannot: when
//! the host received each message, and its number, by which a viewer sees what it lost.
//! And it makes one data-channel message of many, of which each costs three packets and
//! several threads their attention.

use super::chunks::{MAX_PLAIN, Payload};

const MAGIC: [u8; 4] = [0xF5, b'P', b'S', b'B'];

/// Bytes of a record besides its message: time, number, kind and length.
const RECORD_HEADER: usize = 8 + 4 + 1 + 3;

/// Bytes of a batch of one besides its message.
pub(crate) const OVERHEAD: usize = MAGIC.len() + RECORD_HEADER;

/// One message of an instrument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// When the host received it, in microseconds since 1970 UTC.
    pub(crate) host_time: u64,
    /// Counts the messages of a label, from 1 and around.
    pub(crate) sequence: u32,
    pub(crate) payload: Payload,
}

/// Some messages that travel as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// How many messages are in there.
    pub(crate) messages: u64,
}

/// Puts messages into as few batches as there need to be, in order. A batch is longer than
/// one data-channel message only if its single message is.
pub(crate) fn pack(messages: &[Message]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    for message in messages {
        let length = RECORD_HEADER + message.payload.as_bytes().len();
        match batches.last_mut() {
            Some(batch) if batch.bytes.len() + length <= MAX_PLAIN => add(batch, message),
            _ => {
                let mut batch = Batch {
                    bytes: MAGIC.to_vec(),
                    messages: 0,
                };
                add(&mut batch, message);
                batches.push(batch);
            }
        }
    }
    batches
}

fn add(batch: &mut Batch, message: &Message) {
    let bytes = message.payload.as_bytes();
    let kind = u8::from(matches!(message.payload, Payload::Text(_)));
    // A message holds at most 1 MiB: its length fits in three bytes.
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
    batch
        .bytes
        .extend_from_slice(&message.host_time.to_be_bytes());
    batch
        .bytes
        .extend_from_slice(&message.sequence.to_be_bytes());
    batch.bytes.push(kind);
    batch.bytes.extend_from_slice(&length[1..]);
    batch.bytes.extend_from_slice(bytes);
    batch.messages += 1;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::peer::chunks::{self, MAX_MESSAGE, Reassembler};

    /// Reads a batch as `web/PROTOCOL.md` tells.
    fn read(bytes: &[u8]) -> Vec<Message> {
        let mut rest = bytes.strip_prefix(&MAGIC).expect("magic");
        let mut messages = Vec::new();
        while !rest.is_empty() {
            let (header, after) = rest.split_at(RECORD_HEADER);
            let length = u32::from_be_bytes([0, header[13], header[14], header[15]]);
            let (body, after) = after.split_at(length as usize);
            messages.push(Message {
                host_time: u64::from_be_bytes(header[..8].try_into().expect("8 bytes")),
                sequence: u32::from_be_bytes(header[8..12].try_into().expect("4 bytes")),
                payload: match header[12] {
                    0 => Payload::Binary(body.into()),
                    1 => Payload::Text(std::str::from_utf8(body).expect("UTF-8").into()),
                    kind => panic!("kind {kind}"),
                },
            });
            rest = after;
        }
        messages
    }

    fn text(sequence: u32, text: &str) -> Message {
        Message {
            host_time: 1_800_000_000_000_000,
            sequence,
            payload: Payload::Text(text.into()),
        }
    }

    #[test]
    fn a_batch_is_laid_out_as_written_down() {
        let mut message = text(0x0102_0304, "RX;");
        message.host_time = 0x0006_6517_289A_B000;
        let batches = pack(&[message]);
        assert_eq!(
            batches[0].bytes,
            b"\xF5PSB\x00\x06\x65\x17\x28\x9A\xB0\x00\x01\x02\x03\x04\x01\x00\x00\x03RX;"
        );
    }

    #[test]
    fn a_second_of_a_fast_port_is_few_batches() {
        // 2 Mbit/s in lines of 20 bytes.
        let lines: Vec<Message> = (1..=12_000)
            .map(|n| text(n, "+1.23456789E-03,DCV0"))
            .collect();
        let batches = pack(&lines);
        assert!(batches.len() < 30, "{} batches", batches.len());
        assert!(batches.iter().all(|batch| batch.bytes.len() <= MAX_PLAIN));
    }

    #[test]
    fn a_long_message_goes_alone_and_in_order() {
        let messages = [text(1, "a"), text(2, &"b".repeat(20_000)), text(3, "c")];
        let batches = pack(&messages);
        assert_eq!(batches.len(), 3);
        let read: Vec<Message> = batches.iter().flat_map(|b| read(&b.bytes)).collect();
        assert_eq!(read, messages);
    }

    #[test]
    fn the_longest_message_fits_into_a_batch_and_through_the_chunks() {
        let message = Message {
            host_time: 1,
            sequence: u32::MAX,
            payload: Payload::Binary(vec![7; MAX_MESSAGE].into()),
        };
        let batch = pack(std::slice::from_ref(&message)).remove(0);
        let mut reassembler = Reassembler::default();
        let whole = chunks::split(&Payload::Binary(batch.bytes.into()), 1)
            .expect("fits")
            .into_iter()
            .find_map(|chunk| reassembler.take(chunk).expect("in order"))
            .expect("complete");
        assert_eq!(read(whole.as_bytes()), [message]);
    }

    proptest! {
        #[test]
        fn any_messages_arrive_unchanged_in_order_and_in_bounds(
            sizes in proptest::collection::vec(
                prop_oneof![4 => 0..60_usize, 1 => 0..40_000_usize], 0..80,
            ),
            first in any::<u32>(),
            host_time in any::<u64>(),
        ) {
            let messages: Vec<Message> = sizes.iter().enumerate().map(|(number, size)| Message {
                host_time,
                sequence: first.wrapping_add(number as u32),
                payload: match size % 2 {
                    0 => Payload::Text("x".repeat(*size).into()),
                    _ => Payload::Binary(vec![number as u8; *size].into()),
                },
            }).collect();
            let batches = pack(&messages);
            for batch in &batches {
                prop_assert!(batch.bytes.len() <= MAX_PLAIN || batch.messages == 1);
                prop_assert_eq!(read(&batch.bytes).len() as u64, batch.messages);
            }
            // Two neighbours would not have fitted into one.
            for pair in batches.windows(2) {
                let next = RECORD_HEADER + read(&pair[1].bytes)[0].payload.as_bytes().len();
                prop_assert!(pair[0].bytes.len() + next > MAX_PLAIN);
            }
            let read: Vec<Message> = batches.iter().flat_map(|b| read(&b.bytes)).collect();
            prop_assert_eq!(read, messages);
        }
    }
}
