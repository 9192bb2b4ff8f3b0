//! What both elements do to sound on its way: volume, mute and measuring.

use gst::prelude::*;

use super::card::line;
use super::settings::Settings;

/// The elements `volume` and `level`.
#[derive(Debug, Clone)]
pub(super) struct Voicing {
    pub(super) volume: gst::Element,
    pub(super) level: gst::Element,
}

impl Voicing {
    pub(super) fn new() -> Result<Self, String> {
        Ok(Self {
            volume: line::make("volume", &[])?,
            level: line::make("level", &[("post-messages", "false")])?,
        })
    }

    pub(super) fn apply(&self, settings: &Settings) {
        self.volume.set_property("mute", settings.mute);
        self.volume.set_property("volume", settings.volume);
        let every = gst::ClockTime::from_mseconds(settings.level_interval.into());
        let on = !every.is_zero();
        if on {
            self.level.set_property("interval", every.nseconds());
        }
        self.level.set_property("post-messages", on);
    }

    /// If this is a message of ours, the same from `element`.
    pub(super) fn level(
        &self,
        message: &gst::Message,
        element: &gst::Element,
    ) -> Option<gst::Message> {
        if message.src() != Some(self.level.upcast_ref()) {
            return None;
        }
        let gst::MessageView::Element(view) = message.view() else {
            return None;
        };
        let structure = view.structure()?.to_owned();
        Some(
            gst::message::Element::builder(structure)
                .src(element)
                .build(),
        )
    }
}
