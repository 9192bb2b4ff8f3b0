//! What the integration tests share: a bench under test, and viewers made of a bare
//! webrtcbin. Everything waits for events; the limits only bound how long a failure takes.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part of this"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

pub mod data_pads;
pub mod pulse;
pub mod talker;
pub mod visitor;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, Once};
use std::time::{Duration, Instant};

use gst::glib;
use gst::prelude::*;
use gst_webrtc::{WebRTCDataChannel, WebRTCSDPType, WebRTCSessionDescription};

/// How long any single event may take before the test fails.
pub const LIMIT: Duration = Duration::from_secs(30);

pub mod tty;

pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        gst::init().unwrap();
        gstperiscope::plugin_register_static().unwrap();
    });
}

/// A folder with nothing but the plugin that was built for this test.
pub fn plugin_folder() -> PathBuf {
    static ONCE: Once = Once::new();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin");
    ONCE.call_once(|| {
        // Next to the test itself: what stands a folder higher may be of an older build.
        let test = std::env::current_exe().unwrap();
        let built = test.parent().unwrap().join("libgstperiscope.so");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(&built, folder.join("libgstperiscope.so")).unwrap();
    });
    folder
}

/// A value that tests wait on.
#[derive(Default)]
pub struct Watched<T>(Arc<(Mutex<T>, Condvar)>);

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Watched<T> {
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) {
        let _ = change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    pub fn get<R>(&self, read: impl FnOnce(&T) -> R) -> R {
        read(&self.0.0.lock().unwrap())
    }

    /// Waits until `is_so`, or fails with `what`.
    pub fn wait(&self, what: &str, is_so: impl Fn(&T) -> bool) {
        let guard = self.0.0.lock().unwrap();
        let (guard, timeout) = self
            .0
            .1
            .wait_timeout_while(guard, LIMIT, |v| !is_so(v))
            .unwrap();
        // Before failing: streaming threads go on using it.
        drop(guard);
        assert!(!timeout.timed_out(), "waited {LIMIT:?} for {what}");
    }
}

/// A pipeline with one element `p`, and the messages it posts.
pub struct Bench {
    pub pipeline: gst::Pipeline,
    pub element: gst::Element,
    messages: Watched<Vec<gst::Message>>,
}

impl Bench {
    /// Starts a pipeline description that has a `periscope name=p`.
    pub fn start(description: &str) -> Self {
        let bench = Self::prepare(description);
        bench.pipeline.set_state(gst::State::Playing).unwrap();
        bench
    }

    pub fn prepare(description: &str) -> Self {
        init();
        // Nothing of a test is kept on disk or told to the LAN.
        let description = description.replace(
            "periscope name=p",
            "periscope identity=none mdns=false name=p",
        );
        let launched = gst::parse::launch(&description).unwrap();
        let pipeline = match launched.downcast::<gst::Pipeline>() {
            Ok(pipeline) => pipeline,
            Err(alone) => {
                let pipeline = gst::Pipeline::new();
                pipeline.add(&alone).unwrap();
                pipeline
            }
        };
        let element = pipeline.by_name("p").unwrap();
        let messages = Watched::<Vec<gst::Message>>::default();
        let kept = messages.clone();
        pipeline.bus().unwrap().set_sync_handler(move |_, message| {
            if matches!(
                message.type_(),
                gst::MessageType::Element
                    | gst::MessageType::Warning
                    | gst::MessageType::Error
                    | gst::MessageType::Eos
            ) {
                kept.update(|all| all.push(message.clone()));
            }
            gst::BusSyncReply::Drop
        });
        Self {
            pipeline,
            element,
            messages,
        }
    }

    /// Waits for a message and gives what `pick` makes of it.
    pub fn wait_message<R>(&self, what: &str, pick: impl Fn(&gst::Message) -> Option<R>) -> R {
        self.messages
            .wait(what, |all| all.iter().any(|m| pick(m).is_some()));
        self.messages.get(|all| all.iter().find_map(&pick)).unwrap()
    }

    /// What `pick` makes of all element messages of this name so far.
    pub fn messages<R>(&self, name: &str, pick: impl Fn(&gst::StructureRef) -> R) -> Vec<R> {
        self.messages.get(|all| {
            let structures = all.iter().filter_map(|message| message.structure());
            let named = structures.filter(|structure| structure.name() == name);
            named.map(&pick).collect()
        })
    }

    /// Waits until a peer is in a state; gives the text that came with it.
    pub fn wait_peer(&self, peer: u32, state: &str) -> String {
        self.wait_message(&format!("peer {peer} {state}"), |message| {
            let structure = message.structure()?;
            let fits = structure.name() == "periscope-peer"
                && structure.get::<u32>("peer") == Ok(peer)
                && structure.get::<String>("state").as_deref() == Ok(state);
            fits.then(|| structure.get::<String>("text").unwrap_or_default())
        })
    }

    pub fn wait_eos(&self) {
        self.wait_message("end of stream", |m| {
            (m.type_() == gst::MessageType::Eos).then_some(())
        });
    }

    /// The text of the first error or warning that the pipeline posts.
    pub fn wait_error(&self) -> String {
        self.wait_message("an error", |message| match message.view() {
            gst::MessageView::Error(error) => Some(error.error().to_string()),
            gst::MessageView::Warning(warning) => Some(warning.error().to_string()),
            _ => None,
        })
    }

    /// Emits an action signal that replies to a promise.
    fn ask(&self, signal: &str, text: Option<&str>) -> Result<gst::Structure, String> {
        let (tell, told) = channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let _ = tell.send(reply.ok().flatten().map(ToOwned::to_owned));
        });
        match text {
            Some(text) => self.element.emit_by_name::<()>(signal, &[&text, &promise]),
            None => self.element.emit_by_name::<()>(signal, &[&promise]),
        }
        let reply = told.recv_timeout(LIMIT).unwrap().unwrap();
        match reply.get::<glib::Error>("error") {
            Ok(error) => Err(error.to_string()),
            Err(_) => Ok(reply),
        }
    }

    /// An offer: the peer's number and the SDP.
    pub fn offer(&self) -> Result<(u32, String), String> {
        let reply = self.ask("create-offer", None)?;
        Ok((reply.get("peer").unwrap(), reply.get("sdp").unwrap()))
    }

    pub fn accept_answer(&self, answer: &str) -> Result<u32, String> {
        Ok(self
            .ask("accept-answer", Some(answer))?
            .get("peer")
            .unwrap())
    }

    pub fn accept_offer(&self, offer: &str) -> Result<(u32, String), String> {
        let reply = self.ask("accept-offer", Some(offer))?;
        Ok((reply.get("peer").unwrap(), reply.get("sdp").unwrap()))
    }

    pub fn drop_peer(&self, peer: u32) -> bool {
        self.element.emit_by_name("drop-peer", &[&peer])
    }

    pub fn stats(&self) -> gst::Structure {
        self.element.property("stats")
    }

    /// The encoders that run, as `x264enc`.
    pub fn encoders(&self) -> Vec<String> {
        let stats = self.stats();
        let encoders = stats.get::<gst::Array>("encoders").unwrap();
        encoders
            .iter()
            .map(|e| e.get::<gst::Structure>().unwrap().get("element").unwrap())
            .collect()
    }

    /// Numbers of the peers that are there.
    pub fn peers(&self) -> Vec<u32> {
        let stats = self.stats();
        let peers = stats.get::<gst::Array>("peers").unwrap();
        peers
            .iter()
            .map(|p| p.get::<gst::Structure>().unwrap().get("id").unwrap())
            .collect()
    }

    /// Connects a viewer by the device's offer.
    pub fn connect(&self, options: ViewerOptions) -> Viewer {
        let (peer, offer) = self.offer().unwrap();
        let mut viewer = Viewer::new(options);
        let answer = viewer.answer(&offer);
        assert_eq!(self.accept_answer(&answer), Ok(peer));
        viewer.peer = peer;
        viewer
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
        self.pipeline.bus().unwrap().unset_sync_handler();
    }
}

/// Counts the buffers that pass an element's pad.
pub fn count(pad: &gst::Pad) -> Watched<u64> {
    let counter = Watched::<u64>::default();
    let counted = counter.clone();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counted.update(|n| *n += 1);
        gst::PadProbeReturn::Ok
    });
    counter
}

#[derive(Clone, Copy)]
pub struct ViewerOptions {
    /// Encoding names that the viewer takes.
    pub codecs: &'static [&'static str],
    /// Changes the fingerprint in what it sends.
    pub lie: bool,
}

pub const ALL: ViewerOptions = ViewerOptions {
    codecs: &["H264", "VP8", "OPUS"],
    lie: false,
};

/// A viewer: a bare webrtcbin that counts what arrives.
pub struct Viewer {
    pub pipeline: gst::Pipeline,
    pub webrtcbin: gst::Element,
    pub peer: u32,
    options: ViewerOptions,
    /// RTP packets, by encoding name.
    pub packets: Watched<Vec<(String, u64)>>,
    /// The bytes of the last RTP packet, by encoding name.
    pub last_packet: Watched<std::collections::HashMap<String, Vec<u8>>>,
    /// Messages, by label.
    pub messages: Watched<Vec<(String, Vec<u8>)>>,
    pub channels: Watched<Vec<WebRTCDataChannel>>,
    gathered: Receiver<()>,
}

impl Viewer {
    pub fn new(options: ViewerOptions) -> Self {
        Self::with_certificate(options, None)
    }

    /// A viewer that shows a certificate of its own; `pem` holds its private key, too.
    /// Without it all viewers of this process have the same.
    pub fn with_certificate(options: ViewerOptions, pem: Option<String>) -> Self {
        init();
        let pipeline = gst::Pipeline::new();
        let webrtcbin = gst::ElementFactory::make("webrtcbin")
            .property_from_str("bundle-policy", "max-bundle")
            .build()
            .unwrap();
        pipeline.add(&webrtcbin).unwrap();
        if let Some(pem) = pem {
            let bin = webrtcbin.downcast_ref::<gst::Bin>().unwrap();
            bin.connect_deep_element_added(move |_, _, element| {
                if element.factory().is_some_and(|f| f.name() == "dtlssrtpdec") {
                    element.set_property("pem", &pem);
                }
            });
        }
        let ice = webrtcbin.property::<gst::Object>("ice-agent");
        ice.set_property("ice-tcp", false);
        ice.property::<glib::Object>("agent")
            .set_property("upnp", false);

        let packets = Watched::<Vec<(String, u64)>>::default();
        let counted = packets.clone();
        let last_packet = Watched::<std::collections::HashMap<String, Vec<u8>>>::default();
        let last = last_packet.clone();
        let weak = pipeline.downgrade();
        webrtcbin.connect_pad_added(move |_, pad| {
            let (Some(pipeline), gst::PadDirection::Src) = (weak.upgrade(), pad.direction()) else {
                return;
            };
            let sink = gst::ElementFactory::make("fakesink")
                .property("sync", false)
                .property("async", false)
                .build()
                .unwrap();
            pipeline.add(&sink).unwrap();
            let (counted, last) = (counted.clone(), last.clone());
            pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
                let name = pad
                    .current_caps()
                    .and_then(|c| c.structure(0)?.get::<String>("encoding-name").ok())
                    .unwrap_or_default();
                if let Some(map) = info.buffer().and_then(|b| b.map_readable().ok()) {
                    last.update(|all| all.insert(name.clone(), map.to_vec()));
                }
                counted.update(|all| match all.iter_mut().find(|(n, _)| *n == name) {
                    Some((_, n)) => *n += 1,
                    None => all.push((name, 1)),
                });
                gst::PadProbeReturn::Ok
            });
            sink.sync_state_with_parent().unwrap();
            pad.link(&sink.static_pad("sink").unwrap()).unwrap();
        });

        let (messages, channels) = (Watched::default(), Watched::default());
        {
            let (messages, channels) = (messages.clone(), channels.clone());
            webrtcbin.connect("on-data-channel", false, move |values| {
                let channel = values[1].get::<WebRTCDataChannel>().unwrap();
                listen(&channel, &messages);
                let channels: &Watched<Vec<WebRTCDataChannel>> = &channels;
                channels.update(|all| all.push(channel));
                None
            });
        }
        let (tell, gathered): (Sender<()>, Receiver<()>) = channel();
        webrtcbin.connect_notify(Some("ice-gathering-state"), move |webrtcbin, _| {
            let state =
                webrtcbin.property::<gst_webrtc::WebRTCICEGatheringState>("ice-gathering-state");
            if state == gst_webrtc::WebRTCICEGatheringState::Complete {
                let _ = tell.send(());
            }
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        Self {
            pipeline,
            webrtcbin,
            peer: 0,
            options,
            packets,
            last_packet,
            messages,
            channels,
            gathered,
        }
    }

    /// Opens a data channel of the viewer's own; before offer or answer.
    pub fn open_channel(&self, label: &str, options: gst::Structure) -> WebRTCDataChannel {
        let channel: WebRTCDataChannel = self
            .webrtcbin
            .emit_by_name("create-data-channel", &[&label, &options]);
        listen(&channel, &self.messages);
        channel
    }

    /// Answers an offer as a browser would that knows only some codecs.
    pub fn answer(&self, offer: &str) -> String {
        let mut message = gst_sdp::SDPMessage::parse_buffer(offer.as_bytes()).unwrap();
        keep_codecs(&mut message, self.options.codecs);
        self.set("set-remote-description", WebRTCSDPType::Offer, message);
        let reply = self.promise("create-answer");
        let answer = reply.get::<WebRTCSessionDescription>("answer").unwrap();
        self.set(
            "set-local-description",
            WebRTCSDPType::Answer,
            answer.sdp().to_owned(),
        );
        self.gathered.recv_timeout(LIMIT).unwrap();
        self.local()
    }

    /// Offers to receive `media` (caps of codecs), as a foreign page would.
    pub fn offer(&self, media: &[&str]) -> String {
        for caps in media {
            let caps = caps.parse::<gst::Caps>().unwrap();
            let _: gst_webrtc::WebRTCRTPTransceiver = self.webrtcbin.emit_by_name(
                "add-transceiver",
                &[&gst_webrtc::WebRTCRTPTransceiverDirection::Recvonly, &caps],
            );
        }
        let reply = self.promise("create-offer");
        let offer = reply.get::<WebRTCSessionDescription>("offer").unwrap();
        self.set(
            "set-local-description",
            WebRTCSDPType::Offer,
            offer.sdp().to_owned(),
        );
        self.gathered.recv_timeout(LIMIT).unwrap();
        self.local()
    }

    pub fn take_answer(&self, answer: &str) {
        let message = gst_sdp::SDPMessage::parse_buffer(answer.as_bytes()).unwrap();
        self.set("set-remote-description", WebRTCSDPType::Answer, message);
    }

    fn local(&self) -> String {
        let sdp = self
            .webrtcbin
            .property::<WebRTCSessionDescription>("local-description")
            .sdp()
            .as_text()
            .unwrap();
        if self.options.lie {
            with_wrong_fingerprint(&sdp)
        } else {
            sdp
        }
    }

    fn set(&self, signal: &str, kind: WebRTCSDPType, sdp: gst_sdp::SDPMessage) {
        let (tell, told) = channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let _ = tell.send(reply.ok().flatten().map(ToOwned::to_owned));
        });
        let description = WebRTCSessionDescription::new(kind, sdp);
        self.webrtcbin
            .emit_by_name::<()>(signal, &[&description, &promise]);
        if let Some(reply) = told.recv_timeout(LIMIT).unwrap() {
            assert!(
                reply.get::<glib::Error>("error").is_err(),
                "{signal}: {reply:?}"
            );
        }
    }

    fn promise(&self, signal: &str) -> gst::Structure {
        let (tell, told) = channel();
        let promise = gst::Promise::with_change_func(move |reply| {
            let _ = tell.send(reply.unwrap().unwrap().to_owned());
        });
        self.webrtcbin
            .emit_by_name::<()>(signal, &[&None::<gst::Structure>, &promise]);
        told.recv_timeout(LIMIT).unwrap()
    }

    /// Waits until `more` further packets of a codec have come.
    pub fn wait_packets(&self, codec: &str, more: u64) {
        let now = self.received(codec);
        self.packets
            .wait(&format!("{more} packets of {codec}"), |all| {
                number(all, codec) >= now + more
            });
    }

    pub fn received(&self, codec: &str) -> u64 {
        self.packets.get(|all| number(all, codec))
    }

    pub fn close(self) {}
}

impl Drop for Viewer {
    fn drop(&mut self) {
        stop_receiving(&self.webrtcbin);
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// Ends the threads that bring what arrives, before the pipeline is stopped: a message that
/// comes while webrtcbin's `sctpdec` is stopped can crash the process (1.22.0).
fn stop_receiving(webrtcbin: &gst::Element) {
    let bin = webrtcbin.downcast_ref::<gst::Bin>().unwrap();
    for element in bin.children() {
        if element.name().starts_with("transportreceivebin") {
            element.set_locked_state(true);
            let _ = element.set_state(gst::State::Null);
        }
    }
}

fn number(all: &[(String, u64)], codec: &str) -> u64 {
    all.iter()
        .find(|(name, _)| name == codec)
        .map_or(0, |(_, n)| *n)
}

fn listen(channel: &WebRTCDataChannel, messages: &Watched<Vec<(String, Vec<u8>)>>) {
    let label = channel.label().unwrap().to_string();
    let (name, kept) = (label.clone(), messages.clone());
    channel.connect_on_message_string(move |_, text| {
        let bytes = text.unwrap_or_default().as_bytes().to_vec();
        kept.update(|all| all.push((name.clone(), bytes)));
    });
    let kept = messages.clone();
    channel.connect_on_message_data(move |_, data| {
        let bytes = data.map(|d| d.to_vec()).unwrap_or_default();
        kept.update(|all| all.push((label.clone(), bytes)));
    });
}

/// Takes the formats of codecs that the viewer does not know out of an offer, which
/// makes webrtcbin answer as if it did not know them.
fn keep_codecs(sdp: &mut gst_sdp::SDPMessage, codecs: &[&str]) {
    for media in sdp.medias_mut() {
        let unwanted: Vec<String> = media
            .attributes()
            .filter(|a| a.key() == "rtpmap")
            .filter_map(|a| {
                let (format, name) = a.value()?.split_once(' ')?;
                let name = name.split('/').next()?;
                (!codecs.contains(&name)).then(|| format.to_owned())
            })
            .collect();
        for format in unwanted {
            if media.formats_len() < 2 {
                break;
            }
            let index = media.formats().position(|f| f == format).unwrap();
            media.remove_format(index as u32).unwrap();
            let prefix = format!("{format} ");
            while let Some(index) = media
                .attributes()
                .position(|a| a.value().is_some_and(|v| v.starts_with(&prefix)))
            {
                media.remove_attribute(index as u32).unwrap();
            }
        }
    }
}

pub fn with_wrong_fingerprint(sdp: &str) -> String {
    sdp.lines()
        .map(|line| match line.strip_prefix("a=fingerprint:sha-256 ") {
            Some(_) => format!("a=fingerprint:sha-256 {}\r\n", ["AB"; 32].join(":")),
            None => format!("{line}\r\n"),
        })
        .collect()
}

/// Waits until a condition that nobody announces holds; asks again each time the
/// pipeline's clock has moved on a little.
pub fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let clock = gst::SystemClock::obtain();
    let until = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < until, "waited {LIMIT:?} for {what}");
        let id = clock.new_single_shot_id(clock.time() + gst::ClockTime::from_mseconds(20));
        let _ = id.wait();
    }
}

/// Connects a viewer, prepared as it has to be, who loses so many percent from then on.
pub fn connect_lossy(bench: &Bench, prepare: impl FnOnce(&Viewer)) -> (Viewer, Arc<AtomicU32>) {
    let (peer, offer) = bench.offer().unwrap();
    let mut viewer = Viewer::new(ALL);
    prepare(&viewer);
    let percent = lossy(&viewer);
    assert_eq!(bench.accept_answer(&viewer.answer(&offer)), Ok(peer));
    viewer.peer = peer;
    (viewer, percent)
}

/// Of the packets that come to the viewer so many percent get lost.
pub fn lossy(viewer: &Viewer) -> Arc<AtomicU32> {
    let percent = Arc::new(AtomicU32::new(0));
    let bin = viewer.webrtcbin.downcast_ref::<gst::Bin>().unwrap();
    let loses = percent.clone();
    bin.connect_deep_element_added(move |_, _, element| {
        if element.factory().is_none_or(|f| f.name() != "nicesrc") {
            return;
        }
        let (loses, count) = (loses.clone(), AtomicU32::new(0));
        let pad = element.static_pad("src").unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let is_rtp = info
                .buffer()
                .and_then(|buffer| buffer.map_readable().ok())
                .is_some_and(|map| map.first().is_some_and(|byte| (128..192).contains(byte)));
            // In steps that have nothing to do with how many packets make a picture.
            let number = count.fetch_add(37, Ordering::Relaxed);
            match is_rtp && number % 100 < loses.load(Ordering::Relaxed) {
                true => gst::PadProbeReturn::Handled,
                false => gst::PadProbeReturn::Ok,
            }
        });
    });
    percent
}

/// Statistics of a peer; none if it has other things to do just now.
pub fn peer(bench: &Bench, viewer: &Viewer) -> Option<gst::Structure> {
    let peers = bench.stats().get::<gst::Array>("peers").unwrap();
    peers
        .iter()
        .map(|peer| peer.get::<gst::Structure>().unwrap())
        .find(|peer| peer.get::<u32>("id") == Ok(viewer.peer))
}
