//! The property `stats`.

use std::time::Duration;

use gst::prelude::*;

use super::imp::Periscope;
use crate::voice::statistics::TalkerStatistics;

impl Periscope {
    pub(super) fn statistics(&self) -> gst::Structure {
        let bench = self.bench();
        let peers = bench
            .as_ref()
            .map(|bench| bench.peers.statistics())
            .unwrap_or_default();
        let encoders = self.media().streams().into_iter().flat_map(|stream| {
            stream
                .encoders()
                .into_iter()
                .map(|encoder| {
                    gst::Structure::builder("periscope-encoder")
                        .field("stream", &stream.name)
                        .field("codec", encoder.codec.to_string())
                        .field("element", encoder.element)
                        .field("encoding", encoder.size.as_str())
                        .field("bitrate", encoder.bitrate)
                        .build()
                        .to_send_value()
                })
                .collect::<Vec<_>>()
        });
        let port = bench.as_ref().and_then(|bench| bench.port_statistics());
        let mut structure = gst::Structure::builder("periscope-stats")
            .field_if_some("port", port)
            .field(
                "peers",
                gst::Array::new(peers.into_iter().map(|peer| peer.to_send_value())),
            )
            .field("encoders", gst::Array::new(encoders))
            .field("messages-dropped", self.data().dropped());
        if let Some(bench) = bench {
            let (standing, counts) = bench.control_statistics();
            let waiting = standing
                .waiting
                .into_iter()
                .map(|peer| peer.to_send_value());
            structure = structure
                .field("controller", standing.holder.unwrap_or_default())
                .field("waiting", gst::Array::new(waiting))
                .field("refused", counts.refused)
                .field("safes", counts.safes);
            let intercom = self.intercom();
            let talking = intercom.talking();
            let talking = talking.into_iter().map(|peer| peer.to_send_value());
            let talkers = intercom.statistics();
            let talkers = talkers
                .iter()
                .map(|(peer, counts)| talker(*peer, counts).to_send_value());
            structure = structure
                .field("talking", gst::Array::new(talking))
                .field("talkers", gst::Array::new(talkers))
                .field("talk-level", intercom.level());
        }
        structure.build()
    }
}

/// What came of one viewer's voice.
fn talker(peer: u32, counts: &TalkerStatistics) -> gst::Structure {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
    gst::Structure::builder("periscope-talker")
        .field("peer", peer)
        .field("packets", counts.packets)
        .field("duplicates", counts.duplicates)
        .field("malformed", counts.malformed)
        .field("lost", counts.lost)
        .field("late", counts.late)
        .field("recovered", counts.recovered)
        .field("concealed-samples", counts.concealed_samples)
        .field("played-samples", counts.played_samples)
        .field("stretched-samples", counts.stretched_samples)
        .field("compressed-samples", counts.compressed_samples)
        .field("jitter", milliseconds(counts.jitter))
        .field("delay", milliseconds(counts.delay))
        .field("target", milliseconds(counts.target))
        .field("level", f64::from(counts.level))
        .build()
}
