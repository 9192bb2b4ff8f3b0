//! The property `stats`.

use gst::prelude::*;

use super::imp::Periscope;

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
                .map(|(codec, element)| {
                    gst::Structure::builder("periscope-encoder")
                        .field("stream", &stream.name)
                        .field("codec", codec.to_string())
                        .field("element", element)
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
            structure = structure
                .field("talking", gst::Array::new(talking))
                .field("talk-level", intercom.level());
        }
        structure.build()
    }
}
