//! RTP header extension `playout-delay`: tells a browser to show each picture at once.
//!
//! Without it Chromium smooths: it shows a picture some ten milliseconds after it could.
//! The extension's data are two numbers of 12 bits, the least and the greatest delay
//! wanted, in units of 10 ms; both are 0 here. See
//! <https://webrtc.googlesource.com/src/+/main/docs/native-code/rtp-hdrext/playout-delay>.
//! Browsers that do not know it ignore it (RFC 8285, section 4.2).

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_rtp::prelude::*;
use gst_rtp::subclass::prelude::*;

/// Name of the extension in `a=extmap`.
pub(crate) const URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";

/// Number under which our offers give it (RFC 8285, section 4.2: 1–14).
pub(crate) const ID: u8 = 1;

/// 0 ms at least, 0 ms at most.
const AT_ONCE: [u8; 3] = [0; 3];

mod imp {
    use super::*;

    #[derive(Default)]
    #[allow(unreachable_pub, reason = "GObject wants it public")]
    pub struct PlayoutDelay;

    #[glib::object_subclass]
    impl ObjectSubclass for PlayoutDelay {
        const NAME: &'static str = "GstPeriscopePlayoutDelay";
        type Type = super::PlayoutDelay;
        type ParentType = gst_rtp::RTPHeaderExtension;
    }

    impl ObjectImpl for PlayoutDelay {}
    impl GstObjectImpl for PlayoutDelay {}

    impl ElementImpl for PlayoutDelay {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Playout delay",
                    "Network/Extension/RTPHeader",
                    "Asks the receiver to show each picture at once",
                    "The Periscope authors",
                )
            });
            Some(&METADATA)
        }
    }

    impl RTPHeaderExtensionImpl for PlayoutDelay {
        const URI: &'static str = super::URI;

        fn supported_flags(&self) -> gst_rtp::RTPHeaderExtensionFlags {
            gst_rtp::RTPHeaderExtensionFlags::ONE_BYTE | gst_rtp::RTPHeaderExtensionFlags::TWO_BYTE
        }

        fn max_size(&self, _input: &gst::BufferRef) -> usize {
            AT_ONCE.len()
        }

        fn write(
            &self,
            _input: &gst::BufferRef,
            _flags: gst_rtp::RTPHeaderExtensionFlags,
            _output: &gst::BufferRef,
            data: &mut [u8],
        ) -> Result<usize, gst::LoggableError> {
            match data.get_mut(..AT_ONCE.len()) {
                Some(place) => {
                    place.copy_from_slice(&AT_ONCE);
                    Ok(AT_ONCE.len())
                }
                None => Err(gst::loggable_error!(
                    crate::CAT,
                    "no room for the playout delay"
                )),
            }
        }
    }
}

glib::wrapper! {
    /// The extension, to be added to a payloader.
    pub struct PlayoutDelay(ObjectSubclass<imp::PlayoutDelay>)
        @extends gst_rtp::RTPHeaderExtension, gst::Element, gst::Object;
}

/// Makes `payloader` put the extension into its packets, under that number.
pub(crate) fn add_to(payloader: &gst::Element, id: u8) {
    let extension = glib::Object::new::<PlayoutDelay>();
    extension.set_id(id.into());
    payloader.emit_by_name::<()>("add-extension", &[&extension]);
}
