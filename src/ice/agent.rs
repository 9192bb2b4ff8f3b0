//! webrtcbin's view of the port: a `GstWebRTCICE` that gathers nothing, checks nothing and
//! trusts its [`Seat`].
//!
//! Candidates, credentials and fingerprints are written into our descriptions by the
//! session ([`crate::peer`]); what webrtcbin makes up in their place goes nowhere.
//!
//! The class has no safe binding for subclasses. What is `unsafe` in here follows
//! `gst/webrtc/ice.h` of GStreamer 1.22 to 1.28:
//! - every function of the class that webrtcbin calls must be there, or it aborts;
//! - `add_candidate` has three arguments before 1.24 and four from then on;
//! - `add_stream`'s result is borrowed up to 1.26.9 and 1.27.2, and owned later;
//! - `close` is new in 1.28, in a slot that was reserved before.

use std::sync::{Arc, Mutex, PoisonError};

use gst::glib;
use gst::glib::translate::ToGlibPtr as _;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::elements::{Sink, Source};
use super::seat::Seat;

glib::wrapper! {
    /// The ICE-lite agent (RFC 8445, section 2.5) of one webrtcbin.
    pub(crate) struct Agent(ObjectSubclass<imp::Agent>)
        @extends gst_webrtc::WebRTCICE, gst::Object;
}

glib::wrapper! {
    pub(super) struct Stream(ObjectSubclass<imp::Stream>)
        @extends gst_webrtc::WebRTCICEStream, gst::Object;
}

glib::wrapper! {
    pub(super) struct Transport(ObjectSubclass<imp::Transport>)
        @extends gst_webrtc::WebRTCICETransport, gst::Object;
}

impl Agent {
    pub(crate) fn new(seat: Arc<Seat>) -> Self {
        let agent: Self = glib::Object::new();
        *agent.imp().seat() = Some(seat);
        agent
    }

    /// To be called once webrtcbin has been made with this agent. webrtcbin gives up a
    /// reference at its end that it never took; should a later version take one, it is
    /// enough.
    pub(crate) fn lend_reference(&self) {
        let object: *mut glib::gobject_ffi::GObject =
            self.upcast_ref::<glib::Object>().to_glib_none().0;
        // SAFETY: the object is alive: `self` holds one reference, and so the count is at
        // least 1. Nobody else has the object yet but webrtcbin.
        unsafe {
            if (*object).ref_count == 1 {
                glib::gobject_ffi::g_object_ref(object);
            }
        }
    }

    /// There is a path, and webrtcbin has both descriptions: DTLS may begin. Not to be
    /// called from one of webrtcbin's own threads, because elements are started in here.
    pub(crate) fn connect(&self) {
        let transports = self.imp().transports();
        for transport in &transports {
            transport.set_state(gst_webrtc::ffi::GST_WEBRTC_ICE_CONNECTION_STATE_CHECKING);
            transport.set_state(gst_webrtc::ffi::GST_WEBRTC_ICE_CONNECTION_STATE_CONNECTED);
        }
        let seat = self.imp().seat().clone();
        if let Some(seat) = seat {
            seat.open();
        }
    }
}

impl Transport {
    fn set_state(&self, state: gst_webrtc::ffi::GstWebRTCICEConnectionState) {
        let transport: *mut gst_webrtc::ffi::GstWebRTCICETransport = self
            .upcast_ref::<gst_webrtc::WebRTCICETransport>()
            .to_glib_none()
            .0;
        // SAFETY: a live object of the right class; the state is one of the enumeration's.
        unsafe {
            gst_webrtc::ffi::gst_webrtc_ice_transport_connection_state_change(transport, state);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

mod imp {
    use super::*;
    use std::ffi::{c_char, c_uint};
    use std::ptr;
    use std::sync::OnceLock;

    use glib::ffi::{GFALSE, GTRUE, gboolean, gpointer};
    use gst_webrtc::ffi;

    #[derive(Default)]
    pub(crate) struct Agent {
        seat: Mutex<Option<Arc<Seat>>>,
        streams: Mutex<Vec<super::Stream>>,
        controller: Mutex<bool>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Agent {
        const NAME: &'static str = "GstPeriscopeIceLite";
        type Type = super::Agent;
        type ParentType = gst_webrtc::WebRTCICE;
    }

    impl ObjectImpl for Agent {}
    impl GstObjectImpl for Agent {}

    impl Agent {
        pub(super) fn seat(&self) -> std::sync::MutexGuard<'_, Option<Arc<Seat>>> {
            lock(&self.seat)
        }

        pub(super) fn transports(&self) -> Vec<super::Transport> {
            lock(&self.streams)
                .iter()
                .filter_map(|stream| stream.imp().transport.get().cloned())
                .collect()
        }

        fn add_stream(&self, session: u32) -> super::Stream {
            let stream: super::Stream = glib::Object::builder()
                .property("stream-id", session)
                .build();
            // All media are bundled: the first stream is the one that is used.
            let seat = match lock(&self.streams).is_empty() {
                true => self.seat().clone(),
                false => None,
            };
            let transport: super::Transport = glib::Object::builder()
                .property("component", gst_webrtc::WebRTCICEComponent::Rtp)
                .build();
            transport.imp().furnish(seat);
            let _ = stream.imp().transport.set(transport);
            lock(&self.streams).push(stream.clone());
            stream
        }
    }

    /// Whether who calls `add_stream` takes over a reference.
    fn stream_is_owned_by_caller() -> bool {
        let (major, minor, micro, _) = gst::version();
        match (major, minor) {
            (1, 26) => micro >= 10,
            (1, 27) => micro > 2,
            version => version >= (1, 28),
        }
    }

    // SAFETY: the instance is `GstWebRTCICE`, which `ParentType` extends with nothing; the
    // class is filled in below with functions of the signatures in `ice.h`.
    unsafe impl IsSubclassable<Agent> for gst_webrtc::WebRTCICE {
        fn class_init(class: &mut glib::Class<Self>) {
            Self::parent_class_init::<Agent>(class);
            let class = class.as_mut();
            class.add_stream = Some(add_stream);
            class.find_transport = Some(find_transport);
            class.gather_candidates = Some(gather_candidates);
            class.add_candidate = Some(add_candidate);
            class.set_local_credentials = Some(set_credentials);
            class.set_remote_credentials = Some(set_credentials);
            class.add_turn_server = Some(add_turn_server);
            class.set_is_controller = Some(set_is_controller);
            class.get_is_controller = Some(get_is_controller);
            class.set_force_relay = Some(set_force_relay);
            class.set_stun_server = Some(set_text);
            class.get_stun_server = Some(get_text);
            class.set_turn_server = Some(set_text);
            class.get_turn_server = Some(get_text);
            class.set_http_proxy = Some(set_text);
            class.get_http_proxy = Some(get_text);
            class.set_tos = Some(set_tos);
            class.set_on_ice_candidate = Some(set_on_ice_candidate);
            class.get_local_candidates = Some(get_candidates);
            class.get_remote_candidates = Some(get_candidates);
            class.get_selected_pair = Some(get_selected_pair);
            class.close = Some(close);
        }
    }

    /// The implementation behind an instance that GStreamer hands us.
    ///
    /// # Safety
    /// `ice` is a live instance of this class.
    unsafe fn agent<'a>(ice: *mut ffi::GstWebRTCICE) -> &'a Agent {
        // SAFETY: the class's functions are called with instances of the class only.
        unsafe {
            let instance = &*(ice as *mut <Agent as ObjectSubclass>::Instance);
            instance.imp()
        }
    }

    unsafe extern "C" fn add_stream(
        ice: *mut ffi::GstWebRTCICE,
        session: c_uint,
    ) -> *mut ffi::GstWebRTCICEStream {
        // SAFETY: see `agent`.
        let stream = unsafe { agent(ice) }
            .add_stream(session)
            .upcast::<gst_webrtc::WebRTCICEStream>();
        if stream_is_owned_by_caller() {
            stream.to_glib_full()
        } else {
            // The agent keeps one reference for as long as it lives.
            stream.to_glib_none().0
        }
    }

    unsafe extern "C" fn find_transport(
        _ice: *mut ffi::GstWebRTCICE,
        stream: *mut ffi::GstWebRTCICEStream,
        _component: ffi::GstWebRTCICEComponent,
    ) -> *mut ffi::GstWebRTCICETransport {
        // SAFETY: webrtcbin gives a stream that came from `add_stream`.
        unsafe { stream_transport(stream) }
    }

    /// # Safety
    /// `stream` is a live instance of [`Stream`].
    unsafe fn stream_transport(
        stream: *mut ffi::GstWebRTCICEStream,
    ) -> *mut ffi::GstWebRTCICETransport {
        // SAFETY: by the caller's promise.
        let imp = unsafe {
            let instance = &*(stream as *mut <Stream as ObjectSubclass>::Instance);
            instance.imp()
        };
        match imp.transport.get() {
            Some(transport) => transport
                .clone()
                .upcast::<gst_webrtc::WebRTCICETransport>()
                .to_glib_full(),
            None => ptr::null_mut(),
        }
    }

    unsafe extern "C" fn gather_candidates(
        _ice: *mut ffi::GstWebRTCICE,
        _stream: *mut ffi::GstWebRTCICEStream,
    ) -> gboolean {
        GTRUE
    }

    /// A lite agent checks no candidates.
    unsafe extern "C" fn add_candidate(
        _ice: *mut ffi::GstWebRTCICE,
        _stream: *mut ffi::GstWebRTCICEStream,
        _candidate: *const c_char,
        promise: *mut gst::ffi::GstPromise,
    ) {
        // Before 1.24 there is no such argument, and what stands here is garbage.
        if gst::version() >= (1, 24, 0, 0) && !promise.is_null() {
            // SAFETY: a promise that the caller waits for.
            unsafe { gst::ffi::gst_promise_reply(promise, ptr::null_mut()) };
        }
    }

    unsafe extern "C" fn set_credentials(
        _ice: *mut ffi::GstWebRTCICE,
        _stream: *mut ffi::GstWebRTCICEStream,
        _ufrag: *const c_char,
        _pwd: *const c_char,
    ) -> gboolean {
        GTRUE
    }

    unsafe extern "C" fn add_turn_server(
        _ice: *mut ffi::GstWebRTCICE,
        _uri: *const c_char,
    ) -> gboolean {
        GFALSE
    }

    unsafe extern "C" fn set_is_controller(ice: *mut ffi::GstWebRTCICE, controller: gboolean) {
        // SAFETY: see `agent`.
        *lock(&unsafe { agent(ice) }.controller) = controller != GFALSE;
    }

    unsafe extern "C" fn get_is_controller(ice: *mut ffi::GstWebRTCICE) -> gboolean {
        // SAFETY: see `agent`.
        i32::from(*lock(&unsafe { agent(ice) }.controller))
    }

    unsafe extern "C" fn set_force_relay(_ice: *mut ffi::GstWebRTCICE, _force: gboolean) {}

    unsafe extern "C" fn set_text(_ice: *mut ffi::GstWebRTCICE, _text: *const c_char) {}

    unsafe extern "C" fn get_text(_ice: *mut ffi::GstWebRTCICE) -> *mut c_char {
        ptr::null_mut()
    }

    unsafe extern "C" fn set_tos(
        _ice: *mut ffi::GstWebRTCICE,
        _stream: *mut ffi::GstWebRTCICEStream,
        _tos: c_uint,
    ) {
    }

    /// No candidate is ever told: they are in the descriptions.
    unsafe extern "C" fn set_on_ice_candidate(
        _ice: *mut ffi::GstWebRTCICE,
        _function: ffi::GstWebRTCICEOnCandidateFunc,
        data: gpointer,
        destroy: glib::ffi::GDestroyNotify,
    ) {
        if let Some(destroy) = destroy {
            // SAFETY: the caller gives the data away with the function that frees it.
            unsafe { destroy(data) };
        }
    }

    unsafe extern "C" fn get_candidates(
        _ice: *mut ffi::GstWebRTCICE,
        _stream: *mut ffi::GstWebRTCICEStream,
    ) -> *mut *mut ffi::GstWebRTCICECandidateStats {
        // SAFETY: an empty array, ended by a null pointer; the caller frees it.
        unsafe { glib::ffi::g_malloc0(size_of::<*mut u8>()).cast() }
    }

    unsafe extern "C" fn get_selected_pair(
        _ice: *mut ffi::GstWebRTCICE,
        _stream: *mut ffi::GstWebRTCICEStream,
        _local: *mut *mut ffi::GstWebRTCICECandidateStats,
        _remote: *mut *mut ffi::GstWebRTCICECandidateStats,
    ) -> gboolean {
        GFALSE
    }

    unsafe extern "C" fn close(_ice: *mut ffi::GstWebRTCICE, promise: *mut gst::ffi::GstPromise) {
        if !promise.is_null() {
            // SAFETY: a promise that the caller waits for.
            unsafe { gst::ffi::gst_promise_reply(promise, ptr::null_mut()) };
        }
    }

    #[derive(Default)]
    pub(in crate::ice) struct Stream {
        pub(super) transport: OnceLock<super::Transport>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Stream {
        const NAME: &'static str = "GstPeriscopeIceLiteStream";
        type Type = super::Stream;
        type ParentType = gst_webrtc::WebRTCICEStream;
    }

    impl ObjectImpl for Stream {}
    impl GstObjectImpl for Stream {}

    // SAFETY: as for the agent.
    unsafe impl IsSubclassable<Stream> for gst_webrtc::WebRTCICEStream {
        fn class_init(class: &mut glib::Class<Self>) {
            Self::parent_class_init::<Stream>(class);
            let class = class.as_mut();
            class.find_transport = Some(stream_find_transport);
            class.gather_candidates = Some(stream_gather_candidates);
        }
    }

    unsafe extern "C" fn stream_find_transport(
        stream: *mut ffi::GstWebRTCICEStream,
        _component: ffi::GstWebRTCICEComponent,
    ) -> *mut ffi::GstWebRTCICETransport {
        // SAFETY: the class's functions are called with instances of the class only.
        unsafe { stream_transport(stream) }
    }

    unsafe extern "C" fn stream_gather_candidates(
        _stream: *mut ffi::GstWebRTCICEStream,
    ) -> gboolean {
        GTRUE
    }

    #[derive(Default)]
    pub(in crate::ice) struct Transport {
        /// Kept here because the public structure only points at them.
        ends: OnceLock<(Source, Sink)>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Transport {
        const NAME: &'static str = "GstPeriscopeIceLiteTransport";
        type Type = super::Transport;
        type ParentType = gst_webrtc::WebRTCICETransport;
    }

    impl ObjectImpl for Transport {}
    impl GstObjectImpl for Transport {}

    // SAFETY: as for the agent; both functions of the class are optional.
    unsafe impl IsSubclassable<Transport> for gst_webrtc::WebRTCICETransport {}

    impl Transport {
        /// Gives the transport its two elements.
        fn furnish(&self, seat: Option<Arc<Seat>>) {
            let ends = (Source::new(seat.clone()), Sink::new(seat));
            let (source, sink) = self.ends.get_or_init(|| ends);
            let object = self.obj();
            let transport: *mut ffi::GstWebRTCICETransport = object
                .upcast_ref::<gst_webrtc::WebRTCICETransport>()
                .to_glib_none()
                .0;
            // SAFETY: the object was made a moment ago and nobody else has it. The elements
            // live as long as it does.
            unsafe {
                (*transport).role = ffi::GST_WEBRTC_ICE_ROLE_CONTROLLED;
                (*transport).src = source.upcast_ref::<gst::Element>().to_glib_none().0;
                (*transport).sink = sink.upcast_ref::<gst::Element>().to_glib_none().0;
            }
        }
    }
}
