//! The two ends of webrtcbin's transport: a source of what the port received for one peer,
//! and a sink that sends by the port. Private to this crate: never registered.

use gst::glib;
use gst::subclass::prelude::*;
use gst_base::prelude::*;

use super::seat::Seat;
use std::sync::Arc;

glib::wrapper! {
    pub(super) struct Source(ObjectSubclass<source::Source>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object;
}

glib::wrapper! {
    pub(super) struct Sink(ObjectSubclass<sink::Sink>)
        @extends gst_base::BaseSink, gst::Element, gst::Object;
}

impl Source {
    /// Without a seat it never gives anything.
    pub(super) fn new(seat: Option<Arc<Seat>>) -> Self {
        let source: Self = glib::Object::new();
        source.imp().take(seat);
        source.set_live(true);
        source.set_format(gst::Format::Time);
        source.set_do_timestamp(true);
        source
    }
}

impl Sink {
    /// Without a seat everything that comes is lost.
    pub(super) fn new(seat: Option<Arc<Seat>>) -> Self {
        let sink: Self = glib::Object::new();
        sink.imp().take(seat);
        // Packets leave as they come: they were paced at the input.
        sink.set_sync(false);
        sink.set_property("async", false);
        sink.set_property("enable-last-sample", false);
        sink.set_property("qos", false);
        sink
    }
}

fn pad_template(name: &str, direction: gst::PadDirection) -> Vec<gst::PadTemplate> {
    gst::PadTemplate::new(
        name,
        direction,
        gst::PadPresence::Always,
        &gst::Caps::new_any(),
    )
    .into_iter()
    .collect()
}

mod source {
    use super::*;
    use gst_base::subclass::base_src::CreateSuccess;
    use gst_base::subclass::prelude::*;
    use std::sync::{LazyLock, OnceLock};

    #[derive(Default)]
    pub(in crate::ice) struct Source {
        seat: OnceLock<Arc<Seat>>,
        /// For a source without a seat.
        stopped: (std::sync::Mutex<bool>, std::sync::Condvar),
    }

    impl Source {
        pub(super) fn take(&self, seat: Option<Arc<Seat>>) {
            if let Some(seat) = seat {
                let _ = self.seat.set(seat);
            }
        }

        fn set_stopped(&self, stopped: bool) {
            if let Some(seat) = self.seat.get() {
                seat.flush(stopped);
            }
            *self
                .stopped
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner) = stopped;
            self.stopped.1.notify_all();
        }

        fn wait_for_stop(&self) {
            let (stopped, changed) = &self.stopped;
            let guard = stopped
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            drop(changed.wait_while(guard, |stopped| !*stopped));
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Source {
        const NAME: &'static str = "GstPeriscopeIceSrc";
        type Type = super::Source;
        type ParentType = gst_base::PushSrc;
    }

    impl ObjectImpl for Source {}
    impl GstObjectImpl for Source {}

    impl ElementImpl for Source {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Periscope ICE source",
                    "Source/Network",
                    "What one peer sends to the shared port",
                    "The Periscope authors",
                )
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
                LazyLock::new(|| pad_template("src", gst::PadDirection::Src));
            &TEMPLATES
        }
    }

    impl BaseSrcImpl for Source {
        fn is_seekable(&self) -> bool {
            false
        }

        fn unlock(&self) -> Result<(), gst::ErrorMessage> {
            self.set_stopped(true);
            Ok(())
        }

        fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
            self.set_stopped(false);
            Ok(())
        }
    }

    impl PushSrcImpl for Source {
        fn create(
            &self,
            _buffer: Option<&mut gst::BufferRef>,
        ) -> Result<CreateSuccess, gst::FlowError> {
            let Some(seat) = self.seat.get() else {
                self.wait_for_stop();
                return Err(gst::FlowError::Flushing);
            };
            seat.next()
                .map(CreateSuccess::NewBuffer)
                .ok_or(gst::FlowError::Flushing)
        }
    }
}

mod sink {
    use super::super::burst::Burst;
    use super::super::desk::Path;
    use super::super::pace::Pace;
    use super::*;
    use gst_base::subclass::prelude::*;
    use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
    use std::time::Instant;

    #[derive(Default)]
    pub(in crate::ice) struct Sink {
        seat: OnceLock<Arc<Seat>>,
        /// None before there is a list. Held by the one streaming thread, also while it waits.
        outgoing: Mutex<Option<Outgoing>>,
    }

    struct Outgoing {
        burst: Burst,
        pace: Pace,
    }

    impl Outgoing {
        fn send(&mut self, seat: &Seat, path: Path) {
            let count = self.burst.count();
            if count == 0 {
                return;
            }
            let wait = self.pace.wait(self.burst.bytes().len(), Instant::now());
            if !wait.is_zero() {
                std::thread::sleep(wait);
            }
            seat.send(path, self.burst.bytes(), self.burst.segment(), count);
            self.burst.clear();
        }
    }

    impl Sink {
        pub(super) fn take(&self, seat: Option<Arc<Seat>>) {
            if let Some(seat) = seat {
                let _ = self.seat.set(seat);
            }
        }
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Sink {
        const NAME: &'static str = "GstPeriscopeIceSink";
        type Type = super::Sink;
        type ParentType = gst_base::BaseSink;
    }

    impl ObjectImpl for Sink {}
    impl GstObjectImpl for Sink {}

    impl ElementImpl for Sink {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "Periscope ICE sink",
                    "Sink/Network",
                    "Sends to one peer by the shared port",
                    "The Periscope authors",
                )
            });
            Some(&METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> =
                LazyLock::new(|| pad_template("sink", gst::PadDirection::Sink));
            &TEMPLATES
        }
    }

    impl BaseSinkImpl for Sink {
        fn render(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
            let Some((seat, path)) = self.way() else {
                return Ok(gst::FlowSuccess::Ok);
            };
            let packet = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
            seat.send(path, &packet, None, 1);
            Ok(gst::FlowSuccess::Ok)
        }

        fn render_list(&self, list: &gst::BufferList) -> Result<gst::FlowSuccess, gst::FlowError> {
            let Some((seat, path)) = self.way() else {
                return Ok(gst::FlowSuccess::Ok);
            };
            let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
            let outgoing = outgoing.get_or_insert_with(|| Outgoing {
                burst: Burst::new(seat.wire().most_segments()),
                pace: Pace::default(),
            });
            outgoing.burst.set_most(seat.wire().most_segments());
            for buffer in list.iter() {
                let packet = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                if !outgoing.burst.fits(packet.len()) {
                    outgoing.send(seat, path);
                }
                outgoing.burst.add(|bytes| bytes.extend_from_slice(&packet));
            }
            outgoing.send(seat, path);
            Ok(gst::FlowSuccess::Ok)
        }
    }

    impl Sink {
        fn way(&self) -> Option<(&Arc<Seat>, Path)> {
            let seat = self.seat.get()?;
            Some((seat, seat.path()?))
        }
    }
}
