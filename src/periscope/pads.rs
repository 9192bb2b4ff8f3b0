//! The pads of messages: which data channel they belong to, how it carries messages, and
//! which commands may leave.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use crate::media::data::PadSettings;
use crate::peer::channels::{ChannelOptions, SlowViewer};
use crate::peer::control;

/// Longest label: RFC 8832, section 5.1, allows 65,535 bytes; nobody reads those.
const MAX_LABEL: usize = 256;

mod imp {
    use super::*;

    /// What was set; see the properties.
    #[derive(Debug, Clone, Default)]
    pub(super) struct Settings {
        pub(super) label: Option<String>,
        pub(super) options: ChannelOptions,
        pub(super) allow: Vec<String>,
    }

    /// A `data_%u` or `data_src_%u` pad.
    ///
    /// Lock: a leaf, held to copy values.
    #[derive(Debug, Default)]
    pub struct DataPad {
        settings: Mutex<Settings>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for DataPad {
        const NAME: &'static str = "GstPeriscopeDataPad";
        type Type = super::DataPad;
        type ParentType = gst::GhostPad;
    }

    impl DataPad {
        pub(super) fn locked(&self) -> MutexGuard<'_, Settings> {
            self.settings.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl ObjectImpl for DataPad {
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(properties);
            PROPERTIES.as_ref()
        }

        fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
            let pad = self.obj();
            let limit = || u16::try_from(value.get::<i32>().unwrap_or(-1)).ok();
            match pspec.name() {
                "label" => {
                    let label = value.get::<Option<String>>().ok().flatten();
                    if let Some(label) = &label
                        && !can_be_label(label)
                    {
                        gst::warning!(crate::CAT, obj = pad, "label “{label}” cannot be used");
                        return;
                    }
                    self.locked().label = label;
                }
                "ordered" => self.locked().options.ordered = value.get().unwrap_or(true),
                "max-retransmits" => self.locked().options.max_retransmits = limit(),
                "max-lifetime" => self.locked().options.max_lifetime = limit(),
                "slow-viewer" => {
                    self.locked().options.slow_viewer = value.get().unwrap_or_default();
                }
                "allow" => {
                    let patterns = value.get::<gst::Array>().unwrap_or_default();
                    let patterns = patterns.iter().map(|pattern| pattern.get::<String>());
                    self.locked().allow = patterns.filter_map(Result::ok).collect();
                }
                _ => return,
            }
            if let Some(element) = pad
                .parent()
                .and_then(|parent| parent.downcast::<crate::periscope::Periscope>().ok())
            {
                element.imp().configure(&pad.name(), &pad.settings());
            }
        }

        fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
            let settings = self.locked().clone();
            let limit = |limit: Option<u16>| limit.map_or(-1, i32::from).to_value();
            match pspec.name() {
                "label" => self.obj().label().to_value(),
                "ordered" => settings.options.ordered.to_value(),
                "max-retransmits" => limit(settings.options.max_retransmits),
                "max-lifetime" => limit(settings.options.max_lifetime),
                "slow-viewer" => settings.options.slow_viewer.to_value(),
                "allow" => gst::Array::new(settings.allow).to_value(),
                _ => pspec.default_value().clone(),
            }
        }
    }

    impl GstObjectImpl for DataPad {}
    impl PadImpl for DataPad {}
    impl ProxyPadImpl for DataPad {}
    impl GhostPadImpl for DataPad {}
}

glib::wrapper! {
    /// A pad of messages; see its properties.
    pub struct DataPad(ObjectSubclass<imp::DataPad>)
        @extends gst::GhostPad, gst::ProxyPad, gst::Pad, gst::Object;
}

impl DataPad {
    /// The label that was set, or the pad's name without `src_`.
    pub(super) fn label(&self) -> String {
        let set = self.imp().locked().label.clone();
        set.unwrap_or_else(|| self.name().replace("data_src_", "data_"))
    }

    fn settings(&self) -> PadSettings {
        let settings = self.imp().locked().clone();
        PadSettings {
            options: settings.options,
            allow: settings.allow,
            ..PadSettings::new(&self.label())
        }
    }
}

/// Two labels are taken by channels of our own.
fn can_be_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= MAX_LABEL
        && label != control::LABEL
        && label != control::HEARTBEAT_LABEL
}

fn properties() -> Vec<glib::ParamSpec> {
    let pattern = glib::ParamSpecString::builder("pattern")
        .nick("Pattern")
        .blurb("A regular expression that has to match the whole command")
        .build();
    vec![
        glib::ParamSpecString::builder("label")
            .nick("Label")
            .blurb(
                "Label of the data channel, by which the page knows it. Pads data_0 and \
                 data_src_0 share the label data_0 by default and so one channel, whose other \
                 properties are then those of data_0. At most 256 bytes; set it before the \
                 element is PAUSED",
            )
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("ordered")
            .nick("Ordered")
            .blurb(
                "Messages arrive in the order in which they were sent; a lost one holds up those \
                 behind it. Counts when the channel is opened: set it before the element is \
                 PAUSED",
            )
            .default_value(true)
            .mutable_ready()
            .build(),
        glib::ParamSpecInt::builder("max-retransmits")
            .nick("Maximum of retransmissions")
            .blurb(
                "How often a lost message is sent again (RFC 8832). -1: until it has arrived. \
                 Not together with max-lifetime. Set it before the element is PAUSED",
            )
            .minimum(-1)
            .maximum(65_535)
            .default_value(-1)
            .mutable_ready()
            .build(),
        glib::ParamSpecInt::builder("max-lifetime")
            .nick("Maximum lifetime")
            .blurb(
                "For how many milliseconds a lost message is sent again (RFC 8832). -1: until it \
                 has arrived. Not together with max-retransmits. Set it before the element is \
                 PAUSED",
            )
            .minimum(-1)
            .maximum(65_535)
            .default_value(-1)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<SlowViewer>("slow-viewer")
            .nick("Slow viewer")
            .blurb(
                "What becomes of messages to a viewer that does not keep up. Either way it is \
                 alone with it: neither other viewers nor the pipeline wait. What it loses is \
                 counted (stats: messages-dropped of the peer), and its page sees the gaps. Set \
                 it before the element is PAUSED",
            )
            .mutable_ready()
            .build(),
        gst::ParamSpecArray::builder("allow")
            .element_spec(&pattern)
            .nick("Allowed commands")
            .blurb(
                "Of data_src_%u only: which commands may leave, as regular expressions of which \
                 one has to match the whole command, such as <\"FA\\\\d{11};\", \"RX;\">. \
                 Others are refused, counted, and the page is told. None: as the profile of the \
                 instrument says, or all. Set it before the element is PAUSED",
            )
            .mutable_ready()
            .build(),
    ]
}
