//! Tells the bus, and the elements around, what happens on a port.
//!
//! On a thread of its own: an application that is slow in a handler holds up neither the port
//! nor a stream.

use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use gst::prelude::*;

use super::port::{News, Phase, State};
use crate::threads;

/// Lives as long as somebody may have news.
#[derive(Debug)]
pub(super) struct Herald {
    thread: Option<JoinHandle<()>>,
}

impl Herald {
    /// Calls `tell` with what comes, until all senders are gone.
    pub(super) fn start(
        tell: impl Fn(News) + Send + 'static,
    ) -> std::io::Result<(Self, Sender<News>)> {
        let (sender, news) = channel();
        let thread = std::thread::Builder::new()
            .name("periscope-tell".to_owned())
            .spawn(move || news.iter().for_each(tell))?;
        let herald = Self {
            thread: Some(thread),
        };
        Ok((herald, sender))
    }
}

impl Drop for Herald {
    fn drop(&mut self) {
        // The last reference to the element may have been its own.
        threads::join(self.thread.take());
    }
}

/// As in events and messages.
pub(super) fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Open => "open",
        Phase::Unanswered | Phase::Waiting => "waiting",
    }
}

/// The structure of the event `instrument-state`.
pub(super) fn state_structure(device: &str, state: &State) -> gst::Structure {
    gst::Structure::builder("instrument-state")
        .field("state", word(state.phase))
        .field("device", device)
        .field("text", &state.text)
        .build()
}

/// The structure of the event `instrument-profile`.
pub(super) fn profile_structure(name: &str, json: &str) -> gst::Structure {
    gst::Structure::builder("instrument-profile")
        .field("profile", json)
        .field("name", name)
        .build()
}

/// Posts news on the bus. `before`: what the state was.
pub(super) fn post(element: &gst::Element, device: &str, news: &News, before: Option<&State>) {
    let post = |structure: gst::Structure| {
        let message = gst::message::Element::builder(structure)
            .src(element)
            .build();
        let _ = element.post_message(message);
    };
    match news {
        News::State(state) => {
            post(
                gst::Structure::builder("serial-state")
                    .field("device", device)
                    .field("state", word(state.phase))
                    .field("text", &state.text)
                    .build(),
            );
            match (state.phase, before.map(|before| before.phase)) {
                (Phase::Waiting, _) => {
                    gst::element_warning!(
                        element,
                        gst::ResourceError::NotFound,
                        ("{}; trying again until it can be used", state.text)
                    );
                }
                (Phase::Open, Some(Phase::Waiting)) => {
                    gst::element_info!(element, gst::ResourceError::Settings, ("{device} is open"));
                }
                _ => {}
            }
        }
        News::Safe { reason, .. } => post(
            gst::Structure::builder("serial-safe")
                .field("device", device)
                .field("reason", reason)
                .build(),
        ),
        News::Transmitting(_) => {}
        News::Overlong => {
            gst::element_warning!(
                element,
                gst::StreamError::Decode,
                ("A message from {device} was longer than max-message and was dropped, and \
                     so will others be (see the property stats); are baud and framing right?")
            );
        }
        News::NotKeyed(reason) => {
            gst::element_warning!(
                element,
                gst::ResourceError::Write,
                ("The talk-line of {device} cannot be raised: {reason}")
            );
        }
        News::Unguarded(reason) => {
            gst::element_warning!(
                element,
                gst::ResourceError::Failed,
                ("No process could be started that writes the safe string to {device} if \
                     this one is killed: {reason}")
            );
        }
    }
}
