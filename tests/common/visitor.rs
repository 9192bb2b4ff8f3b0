//! Somebody who has a code and lets nothing be carried: a bare webrtcbin that writes the
//! bench's answer itself, and speaks as a page does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst_webrtc::{WebRTCDataChannel, WebRTCDataChannelState};
use gstperiscope::signaling::code::{Code, code_ufrag};
use gstperiscope::signaling::fingerprint::Fingerprint;

use super::{ALL, Bench, Viewer, wait_until};

/// The bench's standing code.
pub fn code(bench: &Bench) -> Code {
    let text: String = bench.element.property("code");
    Code::read(&text).unwrap()
}

pub fn make_code(bench: &Bench, rights: &str, once: bool, seconds: u32) -> Code {
    let text: String = bench
        .element
        .emit_by_name("make-code", &[&rights, &once, &seconds]);
    Code::read(&text).unwrap()
}

/// A certificate of nobody else, with its private key.
pub fn certificate() -> String {
    let made = rcgen::generate_simple_self_signed(Vec::new()).unwrap();
    made.cert.pem() + &made.signing_key.serialize_pem()
}

/// One message out of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub host_time: u64,
    pub sequence: u32,
    pub is_text: bool,
    pub bytes: Vec<u8>,
}

pub struct Visitor {
    pub viewer: Viewer,
    pub control: WebRTCDataChannel,
}

impl Visitor {
    /// Comes with a code, and announces its own certificate or the one that is given.
    pub fn come(code: &Code, announced: Option<[u8; 32]>) -> Self {
        Self::arrive(code, announced, Viewer::new(ALL), Some("[]"))
    }

    /// Comes, and does not say hello.
    pub fn silent(code: &Code) -> Self {
        Self::arrive(code, None, Viewer::new(ALL), None)
    }

    /// A page that knows batches and has a certificate of its own.
    pub fn page(code: &Code) -> Self {
        Self::with(code, &certificate(), r#"["batch","heartbeat"]"#)
    }

    /// A page with this certificate and these features, as JSON.
    pub fn with(code: &Code, pem: &str, features: &str) -> Self {
        let viewer = Viewer::with_certificate(ALL, Some(pem.to_owned()));
        // webrtcbin writes that of another one into its offer, which goes nowhere.
        let own = Fingerprint::of_pem(pem).unwrap().bytes;
        let own = own.try_into().unwrap();
        Self::arrive(code, Some(own), viewer, Some(features))
    }

    fn arrive(
        code: &Code,
        announced: Option<[u8; 32]>,
        viewer: Viewer,
        features: Option<&str>,
    ) -> Self {
        let negotiated = gst::Structure::builder("options")
            .field("negotiated", true)
            .field("id", 0)
            .build();
        let control = viewer.open_channel("periscope", negotiated);
        let opened = control.clone();
        if let Some(features) = features {
            let hello =
                format!(r#"{{"type":"hello","version":1,"codecs":[],"features":{features}}}"#);
            control.connect_on_open(move |_| {
                let _ = opened.send_string_full(Some(&hello));
            });
        }
        let offer = viewer.offer(&[]);
        let own: Fingerprint = line(&offer, "a=fingerprint:").parse().unwrap();
        let own: [u8; 32] = own.bytes.try_into().unwrap();
        let bench = Fingerprint::sha256(&code.fingerprint);
        let mid = line(&offer, "a=mid:");
        let ufrag = code_ufrag(&code.secret.id(), &announced.unwrap_or(own));
        let pwd = code.secret.ice_pwd();
        let (address, port) = (code.addresses[0], code.port);
        viewer.take_answer(&format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=ice-lite\r\n\
             a=group:BUNDLE {mid}\r\n\
             m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n\
             a=mid:{mid}\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\n\
             a=fingerprint:{bench}\r\na=setup:passive\r\na=sctp-port:5000\r\n\
             a=max-message-size:65536\r\n\
             a=candidate:1 1 UDP 2130706431 {address} {port} typ host\r\n\
             a=end-of-candidates\r\n"
        ));
        Self { viewer, control }
    }

    // ---- The control channel -----------------------------------------------------------

    /// Waits for what the bench says in the control channel.
    pub fn hears(&self, words: &str) -> String {
        let fits = |(label, bytes): &(String, Vec<u8>)| {
            let text = (label == "periscope").then(|| String::from_utf8_lossy(bytes))?;
            text.contains(words).then(|| text.into_owned())
        };
        self.viewer
            .messages
            .wait(words, |all| all.iter().any(|m| fits(m).is_some()));
        self.viewer
            .messages
            .get(|all| all.iter().find_map(fits))
            .unwrap()
    }

    /// All that the bench has said in the control channel with these words.
    pub fn heard(&self, words: &str) -> Vec<String> {
        self.viewer.messages.get(|all| {
            all.iter()
                .filter(|(label, _)| label == "periscope")
                .map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned())
                .filter(|text| text.contains(words))
                .collect()
        })
    }

    /// Forgets what was heard, so that it can be waited for again.
    pub fn forget(&self) {
        self.viewer.messages.update(Vec::clear);
    }

    pub fn has_heard_nothing(&self) -> bool {
        self.viewer.messages.get(Vec::is_empty) && self.viewer.packets.get(Vec::is_empty)
    }

    pub fn say(&self, json: &str) {
        self.control.send_string_full(Some(json)).unwrap();
    }

    // ---- Instruments -------------------------------------------------------------------

    /// The open channel of a label.
    pub fn channel(&self, label: &str) -> WebRTCDataChannel {
        let find = |all: &Vec<WebRTCDataChannel>| {
            let named = all.iter().find(|c| c.label().as_deref() == Some(label));
            named.cloned()
        };
        let channels = &self.viewer.channels;
        channels.wait(label, |all| find(all).is_some());
        let channel = channels.get(find).unwrap();
        wait_until("an open channel", || {
            channel.ready_state() == WebRTCDataChannelState::Open
        });
        channel
    }

    /// Sends a command.
    pub fn send(&self, label: &str, text: &str) {
        self.channel(label).send_string_full(Some(text)).unwrap();
    }

    /// Sends a long command in chunks.
    pub fn send_long(&self, label: &str, bytes: &[u8]) {
        let channel = self.channel(label);
        let total = bytes.len() as u32;
        for (number, part) in bytes.chunks(16_364).enumerate() {
            let mut chunk = b"\xF5PSC\x00\x00\x00\x00\x00\x00\x00\x07".to_vec();
            chunk.extend_from_slice(&total.to_be_bytes());
            chunk.extend_from_slice(&((number * 16_364) as u32).to_be_bytes());
            chunk.extend_from_slice(part);
            channel
                .send_data_full(Some(&glib::Bytes::from_owned(chunk)))
                .unwrap();
        }
    }

    /// What has come in batches on a label.
    pub fn records(&self, label: &str) -> Vec<Record> {
        self.viewer.messages.get(|all| {
            let batches = all.iter().filter(|(name, _)| name == label);
            batches.flat_map(|(_, bytes)| read(bytes)).collect()
        })
    }

    /// Batches and plain messages that have come on a label.
    pub fn messages(&self, label: &str) -> usize {
        self.viewer
            .messages
            .get(|all| all.iter().filter(|(name, _)| name == label).count())
    }

    /// Waits until the message with this number has come last.
    pub fn wait_sequence(&self, label: &str, sequence: u32) {
        let what = format!("message {sequence} of {label}");
        self.viewer.messages.wait(&what, |all| {
            let last = all.iter().rev().find(|(name, _)| name == label);
            last.is_some_and(|(_, b)| read(b).last().is_some_and(|r| r.sequence == sequence))
        });
    }

    /// Starts to send a heartbeat as a page does that controls; it ends when dropped.
    pub fn heart(&self) -> Heart {
        let channel = self.channel("periscope-heartbeat");
        let beating = Arc::new(AtomicBool::new(true));
        let going = beating.clone();
        let thread = std::thread::spawn(move || {
            let mut count = 0_u32;
            while going.load(Ordering::Relaxed) {
                count += 1;
                let beat = glib::Bytes::from_owned(count.to_be_bytes());
                let _ = channel.send_data_full(Some(&beat));
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Heart {
            beating,
            thread: Some(thread),
        }
    }
}

/// A page's heartbeat.
pub struct Heart {
    beating: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.beating.store(false, Ordering::Relaxed);
        let _ = self.thread.take().unwrap().join();
    }
}

/// The messages in a batch; none in what is no batch.
fn read(bytes: &[u8]) -> Vec<Record> {
    let Some(mut rest) = bytes.strip_prefix(b"\xF5PSB") else {
        return Vec::new();
    };
    let mut records = Vec::new();
    while let Some((header, after)) = rest.split_at_checked(16) {
        let length = u32::from_be_bytes([0, header[13], header[14], header[15]]) as usize;
        let (body, after) = after.split_at(length);
        records.push(Record {
            host_time: u64::from_be_bytes(header[..8].try_into().unwrap()),
            sequence: u32::from_be_bytes(header[8..12].try_into().unwrap()),
            is_text: header[12] == 1,
            bytes: body.to_vec(),
        });
        rest = after;
    }
    records
}

fn line<'a>(sdp: &'a str, start: &str) -> &'a str {
    sdp.lines()
        .find_map(|line| line.strip_prefix(start))
        .unwrap()
}
