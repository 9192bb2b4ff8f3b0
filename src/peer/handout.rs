//! The thread that hands the messages of the bench to all peers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::Message;
use super::channels::Parcel;
use super::chunks::{ChunkError, MAX_MESSAGE};
use super::peers::Peers;
use crate::media::data::outward::{Outward, Queue};

/// The least time from one hand-out to the next. A line that comes alone goes out at once;
/// those of a fast port come together, in hundreds of batches a second instead of thousands
/// of messages.
const PAUSE: Duration = Duration::from_millis(2);

/// Bytes that are handed out at a time, or little more.
const MAX_ROUND: usize = 256 * 1024;

/// Messages in the order in which they came, by label.
#[derive(Debug, Default)]
struct Round {
    labels: Vec<(Arc<str>, Vec<Message>)>,
    bytes: usize,
}

impl Round {
    fn add(&mut self, Outward { label, message }: Outward) {
        self.bytes += message.payload.as_bytes().len();
        match self.labels.iter_mut().find(|(known, _)| *known == label) {
            Some((_, messages)) => messages.push(message),
            None => self.labels.push((label, vec![message])),
        }
    }
}

/// Hands messages out until no more will come. `warn` takes what a person should know.
pub(crate) fn hand_out(queue: &Queue, peers: &Peers, warn: impl Fn(&str)) {
    let mut number = 0_u32;
    let mut last: Option<Instant> = None;
    while let Some(first) = queue.wait() {
        if let Some(rest) = last.and_then(|at| PAUSE.checked_sub(at.elapsed())) {
            std::thread::sleep(rest);
        }
        last = Some(Instant::now());
        let mut round = Round::default();
        let mut next = Some(first);
        while let Some(outward) = next {
            let length = outward.message.payload.as_bytes().len();
            if length > MAX_MESSAGE {
                // Viewers see the gap in the numbers.
                warn(&format!(
                    "{}: {}",
                    outward.label,
                    ChunkError::TooLong(length)
                ));
            } else {
                round.add(outward);
            }
            next = match round.bytes < MAX_ROUND {
                true => queue.take(),
                false => None,
            };
        }
        for (label, messages) in &round.labels {
            peers.broadcast(label, &Parcel::new(messages, number));
            let used = u32::try_from(messages.len()).unwrap_or(u32::MAX);
            number = number.wrapping_add(used);
        }
    }
}
