//! From the pads to the thread that hands messages to the peers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::peer::batch::Message;
use crate::peer::chunks::Payload;

/// Bytes of messages that may wait: half a minute of a port of 2 Mbit/s in short lines. The
/// thread takes them many times faster than that.
const MAX_WAITING: usize = 16 * 1024 * 1024;

/// What a waiting message costs besides its bytes.
const OVERHEAD: usize = 96;

/// A message on its way to all peers.
#[derive(Debug)]
pub(crate) struct Outward {
    pub(crate) label: Arc<str>,
    pub(crate) message: Message,
}

fn cost(message: &Message) -> usize {
    message.payload.as_bytes().len() + OVERHEAD
}

/// Where the pads put messages.
#[derive(Debug, Clone)]
pub(super) struct Inlet {
    sender: Sender<Outward>,
    waiting: Arc<AtomicUsize>,
}

/// Where the thread takes messages, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Queue {
    receiver: Receiver<Outward>,
    waiting: Arc<AtomicUsize>,
}

pub(super) fn channel() -> (Inlet, Queue) {
    let (sender, receiver) = mpsc::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    let inlet = Inlet {
        sender,
        waiting: waiting.clone(),
    };
    (inlet, Queue { receiver, waiting })
}

impl Inlet {
    /// False if too much is waiting. Never waits.
    pub(super) fn put(&self, outward: Outward) -> bool {
        let cost = cost(&outward.message);
        let waiting = self.waiting.fetch_add(cost, Ordering::Relaxed);
        if waiting + cost > MAX_WAITING {
            self.waiting.fetch_sub(cost, Ordering::Relaxed);
            return false;
        }
        // Refused while the element stops: there is nobody left to tell.
        let _ = self.sender.send(outward);
        true
    }
}

impl Queue {
    /// Waits for the next message; none when no more will come.
    pub(crate) fn wait(&self) -> Option<Outward> {
        let outward = self.receiver.recv().ok()?;
        Some(self.taken(outward))
    }

    /// The next message, if one is waiting.
    pub(crate) fn take(&self) -> Option<Outward> {
        let outward = self.receiver.try_recv().ok()?;
        Some(self.taken(outward))
    }

    fn taken(&self, outward: Outward) -> Outward {
        self.waiting
            .fetch_sub(cost(&outward.message), Ordering::Relaxed);
        outward
    }
}

/// When the host received what is in a buffer, in microseconds since 1970 UTC: what its
/// source says, or now.
pub(super) fn host_time(buffer: &gst::BufferRef) -> u64 {
    buffer
        .iter_meta::<gst::ReferenceTimestampMeta>()
        .find(|meta| {
            let structure = meta.reference().structure(0);
            structure.is_some_and(|structure| structure.has_name("timestamp/x-unix"))
        })
        .map_or_else(
            || {
                let since = SystemTime::now().duration_since(UNIX_EPOCH);
                since.map_or(0, |since| {
                    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
                })
            },
            |meta| meta.timestamp().useconds(),
        )
}

/// A buffer's bytes as a message. `is_text`: where they are UTF-8 they are meant as text.
pub(super) fn payload(bytes: &[u8], is_text: bool) -> Payload {
    match std::str::from_utf8(bytes) {
        Ok(text) if is_text => Payload::Text(text.into()),
        _ => Payload::Binary(bytes.into()),
    }
}

/// Whether messages of these caps are meant as text.
pub(super) fn is_text(caps: Option<&gst::CapsRef>) -> bool {
    caps.and_then(|caps| caps.structure(0))
        .is_some_and(|structure| {
            structure.has_name("text/x-raw") || structure.get::<bool>("text") == Ok(true)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(sequence: u32, length: usize) -> Outward {
        Outward {
            label: "data_0".into(),
            message: Message {
                host_time: 0,
                sequence,
                payload: Payload::Binary(vec![b'x'; length].into()),
            },
        }
    }

    #[test]
    fn ten_seconds_of_a_fast_port_wait_without_loss() {
        let (inlet, queue) = channel();
        // 2 Mbit/s in lines of 20 bytes.
        assert!((1..=120_000).all(|number| inlet.put(line(number, 20))));
        drop(inlet);
        let numbers = std::iter::from_fn(|| queue.wait()).map(|o| o.message.sequence);
        assert!(numbers.eq(1..=120_000));
    }

    #[test]
    fn what_is_too_much_is_refused_until_there_is_room() {
        let (inlet, queue) = channel();
        let taken = (0..32).filter(|n| inlet.put(line(*n, 1024 * 1024))).count();
        assert_eq!(taken, 15);
        assert!(queue.take().is_some());
        assert!(inlet.put(line(0, 1024 * 1024)));
        assert!(!inlet.put(line(0, 1024 * 1024)));
    }

    #[test]
    fn the_time_is_that_of_the_source_if_it_tells_one() {
        gst::init().expect("GStreamer");
        let mut buffer = gst::Buffer::from_slice(*b"RX;");
        let before = host_time(&buffer);
        assert!(before > 1_600_000_000_000_000, "microseconds since 1970");
        if let Some(buffer) = buffer.get_mut() {
            for (name, seconds) in [("timestamp/x-ntp", 1), ("timestamp/x-unix", 1_800_000_000)] {
                gst::ReferenceTimestampMeta::add(
                    buffer,
                    &gst::Caps::new_empty_simple(name),
                    gst::ClockTime::from_seconds(seconds) + gst::ClockTime::from_useconds(7),
                    None,
                );
            }
        }
        assert_eq!(host_time(&buffer), 1_800_000_000_000_007);
    }

    #[test]
    fn a_line_is_text_only_if_it_is_and_is_meant_to_be() {
        gst::init().expect("GStreamer");
        let caps = |text: &str| text.parse::<gst::Caps>().expect("caps");
        let line = caps("application/x-instrument,framing=line,text=true");
        assert!(is_text(Some(&line)));
        assert!(is_text(Some(&caps("text/x-raw,format=utf8"))));
        assert!(!is_text(Some(&caps(
            "application/x-instrument,framing=raw,text=false"
        ))));
        assert!(!is_text(Some(&caps("application/octet-stream"))));
        assert_eq!(payload(b"RX;", true), Payload::Text("RX;".into()));
        assert!(matches!(payload(b"\xff", true), Payload::Binary(_)));
        assert!(matches!(payload(b"RX;", false), Payload::Binary(_)));
    }
}
