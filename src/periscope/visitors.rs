//! Viewers who come by WHEP: the bench as the page's server sees it.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::oneshot;

use super::bench::{Bench, lock};
use crate::peer::SignalingError;
use crate::signaling::description::{Description, Kind};
use crate::signaling::http::{self, AccessKey, Answering, Refusal, Session};

/// The bench as the page server sees it.
pub(super) struct WebBench(pub(super) Arc<OnceLock<Weak<Bench>>>);

impl WebBench {
    fn bench(&self) -> Option<Arc<Bench>> {
        self.0.get()?.upgrade()
    }
}

impl http::Bench for WebBench {
    fn answer(&self, offer: String, from: SocketAddr) -> Answering {
        let bench = self.bench();
        Box::pin(async move {
            let stopped = || Refusal::Failed("the pipeline has stopped".into());
            let bench = bench.ok_or_else(stopped)?;
            gst::debug!(crate::CAT, "an offer from {from}");
            let (tell, told) = oneshot::channel();
            let peer = bench
                .peers
                .answer(
                    Description::new(Kind::Offer, &offer),
                    false,
                    Box::new(move |result| {
                        let _ = tell.send(result);
                    }),
                )
                .map_err(refusal)?;
            let mut client = Client {
                bench: Arc::downgrade(&bench),
                peer: Some(peer),
            };
            drop(bench);
            let answer = told.await.map_err(|_| stopped())?.map_err(refusal)?;
            let bench = client.bench.upgrade().ok_or_else(stopped)?;
            client.peer = None;
            let session = AccessKey::generate().as_str().to_owned();
            {
                let there: Vec<u32> = bench.peers.list().iter().map(|peer| peer.id).collect();
                let mut sessions = lock(&bench.sessions);
                sessions.retain(|(_, id)| there.contains(id));
                sessions.push((session.clone(), peer));
            }
            Ok(Session {
                etag: peer.to_string(),
                id: session,
                answer,
            })
        })
    }

    fn end(&self, session: &str) -> bool {
        let Some(bench) = self.bench() else {
            return false;
        };
        let peer = {
            let mut sessions = lock(&bench.sessions);
            let position = sessions.iter().position(|(name, _)| name == session);
            position.map(|position| sessions.swap_remove(position).1)
        };
        peer.is_some_and(|peer| bench.peers.drop_peer(peer, "the page was closed"))
    }
}

/// A client that waits for its answer. If it goes away, its peer goes too.
struct Client {
    bench: Weak<Bench>,
    peer: Option<u32>,
}

impl Drop for Client {
    fn drop(&mut self) {
        if let (Some(bench), Some(peer)) = (self.bench.upgrade(), self.peer) {
            bench
                .peers
                .drop_peer(peer, "the page did not wait for its answer");
        }
    }
}

fn refusal(error: SignalingError) -> Refusal {
    match error {
        SignalingError::BadDescription(text) => Refusal::BadOffer(text),
        SignalingError::NotAcceptable(text) => Refusal::NotAcceptable(text),
        SignalingError::Full(text) => Refusal::Full(text),
        SignalingError::Failed(text) => Refusal::Failed(text),
    }
}
