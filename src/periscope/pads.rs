//! The pads of messages, which carry the label of their data channel.

use std::sync::{Mutex, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

/// Longest label: RFC 8832, section 5.1, allows 65,535 bytes; nobody reads those.
const MAX_LABEL: usize = 256;

mod imp {
    use super::*;

    /// A `data_%u` or `data_src_%u` pad.
    #[derive(Debug, Default)]
    pub struct DataPad {
        pub(super) label: Mutex<Option<String>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for DataPad {
        const NAME: &'static str = "GstPeriscopeDataPad";
        type Type = super::DataPad;
        type ParentType = gst::GhostPad;
    }

    impl ObjectImpl for DataPad {
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: std::sync::LazyLock<Vec<glib::ParamSpec>> =
                std::sync::LazyLock::new(|| {
                    vec![
                        glib::ParamSpecString::builder("label")
                            .nick("Label")
                            .blurb(
                                "Label of the data channel, by which the page knows it. Pads \
                                 data_0 and data_src_0 share the label data_0 by default and \
                                 so one channel. At most 256 bytes; set it before the element \
                                 is PAUSED",
                            )
                            .mutable_ready()
                            .build(),
                    ]
                });
            PROPERTIES.as_ref()
        }

        fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
            if pspec.name() == "label" {
                let label = value.get::<Option<String>>().ok().flatten();
                let pad = self.obj();
                if let Some(label) = &label
                    && (label.is_empty() || label.len() > MAX_LABEL || label == "periscope")
                {
                    gst::warning!(crate::CAT, obj = pad, "label “{label}” cannot be used");
                    return;
                }
                *self.label.lock().unwrap_or_else(PoisonError::into_inner) = label;
                let new = pad.label();
                if let Some(element) = pad
                    .parent()
                    .and_then(|parent| parent.downcast::<crate::periscope::Periscope>().ok())
                {
                    element.imp().rename(&pad.name(), &new);
                }
            }
        }

        fn property(&self, _id: usize, _pspec: &glib::ParamSpec) -> glib::Value {
            self.obj().label().to_value()
        }
    }

    impl GstObjectImpl for DataPad {}
    impl PadImpl for DataPad {}
    impl ProxyPadImpl for DataPad {}
    impl GhostPadImpl for DataPad {}
}

glib::wrapper! {
    /// A pad of messages; see its property `label`.
    pub struct DataPad(ObjectSubclass<imp::DataPad>)
        @extends gst::GhostPad, gst::ProxyPad, gst::Pad, gst::Object;
}

impl DataPad {
    /// The label that was set, or the pad's name without `src_`.
    pub(super) fn label(&self) -> String {
        let set = self
            .imp()
            .label
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        set.unwrap_or_else(|| self.name().replace("data_src_", "data_"))
    }
}
