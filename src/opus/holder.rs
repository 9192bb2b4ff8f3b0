//! An element's hold on its device: the keeper, and what it has told.
//!
//! Lock: `known` is a leaf, held to copy what is in it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;

use super::card::State;
use super::card::keeper::{Card, Keeper, Note};
use super::herald;
use super::settings::Settings;

/// How long the start of an element that requires its device may take.
const LONGEST_START: Duration = Duration::from_secs(15);

/// Why an element cannot start.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{0}")]
    Missing(String),
    #[error("{device} cannot be used: {reason}")]
    NotThere { device: String, reason: String },
    #[error("The system gives no thread: {0}")]
    System(#[from] std::io::Error),
    #[error("The elements inside do not fit together: {0}")]
    Inside(String),
}

impl Refusal {
    pub(super) fn inside(error: glib::BoolError) -> Self {
        Self::Inside(error.to_string())
    }

    pub(super) fn to_message(&self) -> gst::ErrorMessage {
        match self {
            Self::Missing(_) => gst::error_msg!(gst::CoreError::MissingPlugin, ("{self}")),
            Self::NotThere { .. } => gst::error_msg!(gst::ResourceError::NotFound, ("{self}")),
            Self::System(_) | Self::Inside(_) => {
                gst::error_msg!(gst::ResourceError::Failed, ("{self}"))
            }
        }
    }
}

/// See the module.
pub(super) struct Holder {
    known: Arc<Mutex<Known>>,
    _keeper: Keeper,
}

#[derive(Debug, Default)]
struct Known {
    state: Option<State>,
    element: &'static str,
    opened: u64,
}

fn locked(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Holder {
    /// Begins to use the device, and tells the bus how that goes. If the device is required,
    /// waits until it is known whether it can be used.
    pub(super) fn new(
        element: &gst::Element,
        settings: &Settings,
        card: impl Card,
        notes: (Sender<Note>, Receiver<Note>),
    ) -> Result<Self, Refusal> {
        let known = Arc::<Mutex<Known>>::default();
        let device = settings.device_name();
        let (first, told_first) = channel();
        let mut first = settings.required.then_some(first);
        let tell = {
            let (known, device, element) = (known.clone(), device.clone(), element.downgrade());
            move |state: &State| {
                let before = locked(&known).learn(state);
                if let Some(first) = first.take() {
                    let _ = first.send(state.clone());
                    if matches!(state, State::Waiting(_)) {
                        // It becomes an error.
                        return;
                    }
                }
                if let Some(element) = element.upgrade() {
                    herald::post(&element, &device, state, before.as_ref());
                }
            }
        };
        let keeper = Keeper::start(card, notes, tell)?;
        if settings.required {
            let reason = match told_first.recv_timeout(LONGEST_START) {
                Ok(State::Open(_)) => None,
                Ok(State::Waiting(reason)) => Some(reason),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    Some("it does not answer".to_owned())
                }
            };
            if let Some(reason) = reason {
                return Err(Refusal::NotThere { device, reason });
            }
        }
        Ok(Self {
            known,
            _keeper: keeper,
        })
    }

    pub(super) fn state(&self) -> &'static str {
        let known = locked(&self.known);
        known.state.as_ref().map_or("waiting", State::word)
    }

    /// The element that has the device, or had it; empty: none yet.
    pub(super) fn element(&self) -> &'static str {
        locked(&self.known).element
    }

    pub(super) fn reconnects(&self) -> u64 {
        locked(&self.known).opened.saturating_sub(1)
    }
}

impl Known {
    /// Gives what the state was before.
    fn learn(&mut self, state: &State) -> Option<State> {
        if let State::Open(element) = state {
            self.element = element;
            self.opened += 1;
        }
        self.state.replace(state.clone())
    }
}
