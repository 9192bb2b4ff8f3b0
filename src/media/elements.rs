//! Small helpers around GStreamer elements, and which Debian package has them.

use gst::prelude::*;

/// An element that cannot be made here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the GStreamer element “{element}” is missing: install it with “apt install {package}”")]
pub(crate) struct Missing {
    pub(crate) element: String,
    pub(crate) package: &'static str,
}

/// The Debian package that has an element. Elements that are used but not listed are
/// in the base package.
pub(crate) fn debian_package(element: &str) -> &'static str {
    match element {
        "nicesrc" | "nicesink" => "gstreamer1.0-nice",
        "webrtcbin" | "dtlssrtpenc" | "dtlssrtpdec" | "srtpenc" | "srtpdec" | "sctpenc"
        | "sctpdec" | "h264parse" | "openh264enc" | "vah264enc" | "vapostproc" | "webrtcdsp"
        | "webrtcechoprobe" => "gstreamer1.0-plugins-bad",
        "rtpbin" | "rtpfunnel" | "rtph264pay" | "rtpvp8pay" | "rtpopuspay" | "rtpredenc"
        | "rtpulpfecenc" | "vp8enc" | "level" | "v4l2h264enc" | "rtpstorage" => {
            "gstreamer1.0-plugins-good"
        }
        "x264enc" => "gstreamer1.0-plugins-ugly",
        "avdec_h264" => "gstreamer1.0-libav",
        "gldownload" => "gstreamer1.0-gl",
        "pulsesrc" | "pulsesink" => "gstreamer1.0-pulseaudio",
        "pipewiresrc" | "pipewiresink" => "gstreamer1.0-pipewire",
        "alsasrc" | "alsasink" => "gstreamer1.0-alsa",
        _ => "gstreamer1.0-plugins-base",
    }
}

/// Makes an element and sets properties from their text form.
///
/// Properties that this version of the element does not have are left out, and so
/// are values that it does not know: tuning must not decide whether a picture comes.
pub(crate) fn make(factory: &str, settings: &[(&str, &str)]) -> Result<gst::Element, Missing> {
    let element = gst::ElementFactory::make(factory)
        .build()
        .map_err(|_| Missing {
            element: factory.to_owned(),
            package: debian_package(factory),
        })?;
    for (name, value) in settings {
        set_if_possible(&element, name, value);
    }
    Ok(element)
}

/// Sets a property from its text form, if the element has it and knows the value.
pub(crate) fn set_if_possible(element: &gst::Element, name: &str, value: &str) {
    let Some(spec) = element.find_property(name) else {
        return;
    };
    match gst::glib::Value::deserialize_with_pspec(value, &spec) {
        Ok(value) => element.set_property_from_value(name, &value),
        Err(_) => gst::debug!(
            crate::CAT,
            obj = element,
            "does not know {name}={value}, left at its default"
        ),
    }
}

/// Whether GStreamer has an element of this name.
pub(crate) fn exists(factory: &str) -> bool {
    gst::ElementFactory::find(factory).is_some()
}

/// The first of `names` that GStreamer does not have.
pub(crate) fn first_missing(names: &[&str]) -> Option<Missing> {
    names.iter().find(|name| !exists(name)).map(|name| Missing {
        element: (*name).to_owned(),
        package: debian_package(name),
    })
}

/// A decoder for `caps`, the best ranked one that takes them.
pub(crate) fn decoder_for(caps: &gst::Caps) -> Option<gst::ElementFactory> {
    let mut decoders: Vec<gst::ElementFactory> = gst::ElementFactory::factories_with_type(
        gst::ElementFactoryType::DECODER,
        gst::Rank::MARGINAL,
    )
    .into_iter()
    .filter(|factory| factory.can_sink_any_caps(caps))
    .collect();
    decoders.sort_by_key(|factory| std::cmp::Reverse(i32::from(factory.rank())));
    decoders.into_iter().next()
}
