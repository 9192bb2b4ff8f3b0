//! Tells the bus how a device is doing.

use gst::prelude::*;

use super::card::State;

/// Posts a new state. `before`: what it was.
pub(super) fn post(element: &gst::Element, device: &str, state: &State, before: Option<&State>) {
    let text = match state {
        State::Open(element) => format!("{device} is open ({element})"),
        State::Waiting(reason) => format!("{device} cannot be used: {reason}"),
    };
    let structure = gst::Structure::builder("sound-state")
        .field("device", device)
        .field("state", state.word())
        .field("text", &text)
        .build();
    let message = gst::message::Element::builder(structure)
        .src(element)
        .build();
    let _ = element.post_message(message);
    match (state, before) {
        (State::Waiting(_), _) => gst::element_warning!(
            element,
            gst::ResourceError::NotFound,
            ("{text}; trying again every second")
        ),
        (State::Open(_), Some(State::Waiting(_))) => {
            gst::element_info!(element, gst::ResourceError::Settings, ("{text}"));
        }
        (State::Open(_), _) => {}
    }
}
