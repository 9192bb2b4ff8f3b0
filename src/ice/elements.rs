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
    use super::super::desk::Path;
    use super::super::pace::Pace;
    use super::*;
    use gst_base::subclass::prelude::*;
    use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};
    use std::time::Instant;

    #[derive(Default)]
    pub(in crate::ice) struct Sink {
        seat: OnceLock<Arc<Seat>>,
        outgoing: Mutex<Outgoing>,
    }

    /// Held by the one streaming thread, also while it waits.
    #[derive(Default)]
    struct Outgoing {
        /// Packets of a list, one behind the other, on their way into one system call.
        burst: Vec<u8>,
        pace: Pace,
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
            if !seat.wire().send(path, &packet, None) {
                seat.count_lost(1);
            }
            Ok(gst::FlowSuccess::Ok)
        }

        fn render_list(&self, list: &gst::BufferList) -> Result<gst::FlowSuccess, gst::FlowError> {
            let Some((seat, path)) = self.way() else {
                return Ok(gst::FlowSuccess::Ok);
            };
            let mut outgoing = self.outgoing.lock().unwrap_or_else(PoisonError::into_inner);
            let Outgoing { burst, pace } = &mut *outgoing;
            let mut segments = Segments::new(seat.wire().most_segments());
            for buffer in list.iter() {
                let packet = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                if !segments.fits(packet.len()) {
                    segments.send(seat, path, burst, pace);
                }
                segments.add(packet.len());
                burst.extend_from_slice(&packet);
            }
            segments.send(seat, path, burst, pace);
            Ok(gst::FlowSuccess::Ok)
        }
    }

    impl Sink {
        fn way(&self) -> Option<(&Arc<Seat>, Path)> {
            let seat = self.seat.get()?;
            Some((seat, seat.path()?))
        }
    }

    /// Packets that one system call can send (UDP generic segmentation offload): all of one
    /// size, but for a shorter last one.
    struct Segments {
        most: usize,
        size: usize,
        count: usize,
        bytes: usize,
        complete: bool,
    }

    /// Longest content of one UDP send: less than UDP's own limit (RFC 768), because what is
    /// given to the kernel at once leaves without a pause.
    const MAX_BURST: usize = 20_000;

    impl Segments {
        const fn new(most: usize) -> Self {
            Self {
                most,
                size: 0,
                count: 0,
                bytes: 0,
                complete: false,
            }
        }

        const fn fits(&self, length: usize) -> bool {
            self.count == 0
                || (!self.complete
                    && self.count < self.most
                    && length <= self.size
                    && self.bytes + length <= MAX_BURST)
        }

        const fn add(&mut self, length: usize) {
            if self.count == 0 {
                self.size = length;
            }
            self.complete = length < self.size;
            self.count += 1;
            self.bytes += length;
        }

        fn send(&mut self, seat: &Seat, path: Path, burst: &mut Vec<u8>, pace: &mut Pace) {
            if self.count > 0 {
                let wait = pace.wait(self.bytes, Instant::now());
                if !wait.is_zero() {
                    std::thread::sleep(wait);
                }
                let size = (self.count > 1).then_some(self.size);
                if !seat.wire().send(path, burst, size) {
                    seat.count_lost(self.count);
                }
            }
            burst.clear();
            *self = Self::new(self.most);
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_the_last_packet_of_a_burst_may_be_shorter() {
            let mut segments = Segments::new(64);
            for length in [1200, 1200, 700] {
                assert!(segments.fits(length));
                segments.add(length);
            }
            assert!(!segments.fits(700), "a packet behind the short one");
            let mut segments = Segments::new(64);
            segments.add(700);
            assert!(!segments.fits(1200), "a longer one");
        }

        #[test]
        fn a_burst_is_no_longer_than_the_kernel_takes() {
            let mut segments = Segments::new(2);
            segments.add(100);
            segments.add(100);
            assert!(!segments.fits(100));
            let mut segments = Segments::new(1000);
            while segments.fits(1200) {
                segments.add(1200);
            }
            assert!(segments.bytes <= MAX_BURST);
        }
    }
}
