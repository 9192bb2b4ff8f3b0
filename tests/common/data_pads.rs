//! An instrument without a serial port: what it says is pushed by hand, and what reaches it
//! is watched.

use gst::prelude::*;
use gstperiscope::signaling::code::Code;

use super::visitor::{Visitor, make_code};
use super::{Bench, Watched, wait_until};

/// An instrument whose port can be written and whose commands are seen.
pub const INSTRUMENT: &str = "periscope name=p http=false console=off port=0 \
     appsrc name=port is-live=true format=time \
     caps=application/x-instrument,framing=line,text=true ! p.data_0 \
     p.data_src_0 ! fakesink name=out async=false sync=false";

/// A bench with that instrument, whose element has these settings besides.
pub fn bench(settings: &str) -> Bench {
    Bench::start(&INSTRUMENT.replace("name=p ", &format!("name=p {settings} ")))
}

pub fn port(bench: &Bench) -> gst_app::AppSrc {
    bench.pipeline.by_name("port").unwrap().downcast().unwrap()
}

pub fn line(text: &str) -> gst::Buffer {
    gst::Buffer::from_slice(text.as_bytes().to_vec())
}

pub fn control_code(bench: &Bench) -> Code {
    make_code(bench, "control", false, 0)
}

/// A page that may control, and has been welcomed.
pub fn controller(bench: &Bench) -> Visitor {
    let visitor = Visitor::page(&control_code(bench));
    visitor.hears(r#""type":"welcome""#);
    visitor
}

/// What has left a `data_src_%u` pad.
#[derive(Default, Clone)]
pub struct Out {
    /// Number and bytes.
    pub commands: Watched<Vec<(u64, Vec<u8>)>>,
    /// Reason and number of the last command that is void.
    pub safes: Watched<Vec<(String, u64)>>,
    pub ended: Watched<bool>,
}

/// Watches the pad from now on.
pub fn out(bench: &Bench) -> Out {
    let out = Out::default();
    let seen = out.clone();
    let sink = bench.pipeline.by_name("out").unwrap();
    sink.static_pad("sink").unwrap().add_probe(
        gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_DOWNSTREAM,
        move |_, info| {
            if let Some(buffer) = info.buffer() {
                let bytes = buffer.map_readable().unwrap().to_vec();
                let number = buffer.offset();
                seen.commands.update(|all| all.push((number, bytes)));
            }
            if let Some(event) = info.event() {
                if event.type_() == gst::EventType::Eos {
                    seen.ended.update(|ended| *ended = true);
                }
                if let Some(safe) = event.structure().filter(|s| s.name() == "instrument-safe") {
                    assert_eq!(event.type_(), gst::EventType::CustomDownstreamOob);
                    let (reason, after) = (safe.get("reason").unwrap(), safe.get("after").unwrap());
                    seen.safes.update(|all| all.push((reason, after)));
                }
            }
            gst::PadProbeReturn::Ok
        },
    );
    out
}

impl Out {
    pub fn wait_command(&self, text: &str) {
        self.commands
            .wait(text, |all| all.iter().any(|(_, c)| c == text.as_bytes()));
    }

    pub fn texts(&self) -> Vec<String> {
        self.commands.get(|all| {
            let bytes = all.iter().map(|(_, bytes)| bytes);
            bytes
                .map(|b| String::from_utf8_lossy(b).into_owned())
                .collect()
        })
    }

    /// Waits for the only safe event so far; gives its reason.
    pub fn wait_safe(&self) -> String {
        self.safes.wait("a safe event", |all| !all.is_empty());
        self.safes.get(|all| {
            assert_eq!(all.len(), 1, "{all:?}");
            all[0].0.clone()
        })
    }
}

/// Sends lines until each visitor has got one in a batch: their channels are open.
pub fn wait_open(bench: &Bench, visitors: &[&Visitor]) {
    let port = port(bench);
    wait_until("open channels", || {
        port.push_buffer(line("?")).unwrap();
        visitors.iter().all(|v| !v.records("data_0").is_empty())
    });
}

/// A number of the statistics.
pub fn number(bench: &Bench, field: &str) -> u64 {
    bench.stats().get(field).unwrap()
}

pub fn of_peer(bench: &Bench, peer: u32, field: &str) -> u64 {
    let stats = bench.stats();
    let peers = stats.get::<gst::Array>("peers").unwrap();
    peers
        .iter()
        .map(|peer| peer.get::<gst::Structure>().unwrap())
        .find(|structure| structure.get::<u32>("id") == Ok(peer))
        .map_or(0, |structure| structure.get(field).unwrap())
}
