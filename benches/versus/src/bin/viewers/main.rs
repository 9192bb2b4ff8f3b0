//! `viewers h264|vp8`: any number of viewers in one process, which count what comes and decode
//! nothing. They answer offers, or call as Periscope's page does, and send what every receiver
//! sends: reports, transport-wide feedback, requests for what is missing and for key frames.
//!
//! Each has a socket of its own on the loopback interface. Ends with its standard input.

mod picture;
mod viewer;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use anyhow::Context;
use mio::{Events, Interest, Poll, Token, Waker};
use periscope_versus::{Word, heard, say};

use picture::Codec;
use viewer::Viewer;

/// Viewers have their number as token.
const WORDS: Token = Token(usize::MAX);

/// How often they look after themselves when nothing comes.
const IDLE: Duration = Duration::from_millis(100);

fn main() -> anyhow::Result<()> {
    let codec = match std::env::args().nth(1).as_deref() {
        Some("h264") => Codec::H264,
        Some("vp8") => Codec::Vp8,
        _ => anyhow::bail!("which codec? h264 or vp8"),
    };
    str0m::crypto::from_feature_flags().install_process_default();
    let poll = Poll::new()?;
    let words = words(Waker::new(poll.registry(), WORDS)?);
    Hall {
        codec,
        poll,
        viewers: HashMap::new(),
    }
    .run(&words)
}

/// Reads the driver's words on a thread of its own.
fn words(waker: Waker) -> Receiver<anyhow::Result<Word>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for word in heard() {
            if sender.send(word).is_err() || waker.wake().is_err() {
                return;
            }
        }
        drop(sender);
        let _ = waker.wake();
    });
    receiver
}

/// Where the viewers are.
struct Hall {
    codec: Codec,
    poll: Poll,
    viewers: HashMap<u32, Viewer>,
}

impl Hall {
    fn run(mut self, words: &Receiver<anyhow::Result<Word>>) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            let now = Instant::now();
            let next = self.viewers.values().map(Viewer::deadline).min();
            let wait = next.map_or(IDLE, |next| next.saturating_duration_since(now).min(IDLE));
            if let Err(error) = self.poll.poll(&mut events, Some(wait)) {
                // A signal, such as that of a terminal that is resized.
                if error.kind() != std::io::ErrorKind::Interrupted {
                    return Err(error.into());
                }
            }
            for event in &events {
                // Before each, or a full house would have the driver wait.
                if !self.obey_all(words)? {
                    return Ok(());
                }
                if let Ok(number) = u32::try_from(event.token().0) {
                    self.with(number, Viewer::receive);
                }
            }
            let now = Instant::now();
            let due: Vec<u32> = self
                .viewers
                .iter()
                .filter(|(_, viewer)| viewer.deadline() <= now)
                .map(|(number, _)| *number)
                .collect();
            for number in due {
                self.with(number, |viewer| viewer.turn(now));
            }
        }
    }

    /// Whether there may be more words.
    fn obey_all(&mut self, words: &Receiver<anyhow::Result<Word>>) -> anyhow::Result<bool> {
        loop {
            match words.try_recv() {
                Ok(word) => self.obey(word?)?,
                Err(TryRecvError::Empty) => return Ok(true),
                Err(TryRecvError::Disconnected) => return Ok(false),
            }
        }
    }

    /// One viewer's trouble is told, and is not that of the others.
    fn with(&mut self, number: u32, act: impl FnOnce(&mut Viewer) -> anyhow::Result<()>) {
        let Some(viewer) = self.viewers.get_mut(&number) else {
            return;
        };
        if let Err(error) = act(viewer) {
            self.viewers.remove(&number);
            say(&Word::Failed {
                viewer: Some(number),
                why: format!("{error:#}"),
            });
        }
    }

    fn add(&mut self, number: u32) -> anyhow::Result<&mut Viewer> {
        let mut viewer = Viewer::new(number, self.codec)?;
        let token = Token(usize::try_from(number)?);
        self.poll
            .registry()
            .register(viewer.socket(), token, Interest::READABLE)?;
        Ok(self.viewers.entry(number).insert_entry(viewer).into_mut())
    }

    fn obey(&mut self, word: Word) -> anyhow::Result<()> {
        match word {
            Word::Call { viewer } => {
                let sdp = self.add(viewer)?.call()?;
                say(&Word::Offer { viewer, sdp });
            }
            Word::Offer { viewer, sdp } => {
                let sdp = self.add(viewer)?.answer(&sdp)?;
                say(&Word::Answer { viewer, sdp });
            }
            Word::Answer { viewer, sdp } => self
                .viewers
                .get_mut(&viewer)
                .context("who is that?")?
                .answered(&sdp)?,
            Word::Candidate {
                viewer, candidate, ..
            } => self.with(viewer, |viewer| viewer.candidate(&candidate)),
            Word::Reset => {
                for viewer in self.viewers.values_mut() {
                    viewer.reset();
                }
            }
            Word::Count => say(&Word::Counts {
                viewers: self.viewers.values().map(Viewer::counts).collect(),
            }),
            word => anyhow::bail!("this makes no sense here: {word:?}"),
        }
        Ok(())
    }
}
