//! webrtcsink's signalling by standard input and output, with nothing in between.

use gst::glib;
use gst::glib::subclass::prelude::*;
use gst::prelude::*;
use gst_webrtc::WebRTCSessionDescription;
use gstrswebrtc::signaller::{Signallable, SignallableImpl};
use periscope_versus::{Word, say};

glib::wrapper! {
    /// The object that webrtcsink calls, and that tells it of viewers.
    pub(crate) struct Signaller(ObjectSubclass<imp::Signaller>) @implements Signallable;
}

impl Default for Signaller {
    fn default() -> Self {
        let signaller: Self = glib::Object::new();
        signaller.connect("webrtcbin-ready", false, |values| {
            if let Some(webrtcbin) = values.get(2).and_then(|value| value.get().ok()) {
                super::stay_at_home(&webrtcbin);
            }
            None
        });
        signaller
    }
}

impl Signaller {
    /// A viewer wants to see; webrtcsink makes an offer for it.
    pub(crate) fn join(&self, viewer: u32) {
        let name = viewer.to_string();
        self.emit_by_name::<()>(
            "session-requested",
            &[&name, &name, &None::<WebRTCSessionDescription>],
        );
    }

    /// What the viewer says to the offer.
    pub(crate) fn answer(&self, viewer: u32, sdp: &str) -> anyhow::Result<()> {
        let answer = super::answer(sdp)?;
        self.emit_by_name::<()>("session-description", &[&viewer.to_string(), &answer]);
        Ok(())
    }
}

mod imp {
    use super::*;

    #[derive(Default)]
    pub(crate) struct Signaller;

    #[glib::object_subclass]
    impl ObjectSubclass for Signaller {
        const NAME: &'static str = "PeriscopeVersusSignaller";
        type Type = super::Signaller;
        type ParentType = glib::Object;
        type Interfaces = (Signallable,);
    }

    impl ObjectImpl for Signaller {
        fn properties() -> &'static [glib::ParamSpec] {
            static PROPERTIES: std::sync::LazyLock<Vec<glib::ParamSpec>> =
                std::sync::LazyLock::new(|| {
                    vec![glib::ParamSpecOverride::for_interface::<Signallable>(
                        "manual-sdp-munging",
                    )]
                });
            &PROPERTIES
        }

        fn property(&self, _id: usize, _pspec: &glib::ParamSpec) -> glib::Value {
            false.to_value()
        }
    }

    impl SignallableImpl for Signaller {
        fn start(&self) {
            say(&Word::Ready { page: None });
        }

        fn send_sdp(&self, session: &str, offer: &WebRTCSessionDescription) {
            if let (Ok(viewer), Ok(sdp)) = (session.parse(), offer.sdp().as_text()) {
                say(&Word::Offer { viewer, sdp });
            }
        }

        fn add_ice(&self, session: &str, candidate: &str, line: u32, _mid: Option<String>) {
            if let Ok(viewer) = session.parse() {
                let candidate = candidate.to_owned();
                say(&Word::Candidate {
                    viewer,
                    line,
                    candidate,
                });
            }
        }

        fn end_session(&self, session: &str) {
            say(&Word::Failed {
                viewer: session.parse().ok(),
                why: "webrtcsink ended the session".into(),
            });
        }
    }
}
