//! The running element: peers, page server and console, and how they find each other.
//!
//! A [`Bench`] lives from READY→PAUSED to PAUSED→READY. It knows the element only as
//! something that posts messages, so nothing in here runs with an element lock held.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use anyhow::Context;
use gst::prelude::*;
use tokio::sync::oneshot;

use super::settings::{ConsoleMode, DEFAULT_PORT, Settings};
use crate::media::Media;
use crate::media::data::{Data, Outward};
use crate::net;
use crate::peer::channels::Wire;
use crate::peer::chunks::{self, Payload};
use crate::peer::inbox::Reply;
use crate::peer::peers::Peers;
use crate::peer::rtc::Network;
use crate::peer::{Host, Report, SignalingError};
use crate::signaling::console::{self, Console};
use crate::signaling::console_input::{Command, Event};
use crate::signaling::description::{Description, Kind};
use crate::signaling::http::{
    self, AccessKey, Answering, Limits, PortChoice, Refusal, Server, ServerConfig, Session,
};

/// The bundled page.
const PAGE: &str = include_str!("../../web/dist/periscope.html");

const HELP: &str = "offer: make an offer for a viewer, to be carried to the page; \
     paste an offer or an answer from the page to take it; \
     peers: who is there; drop <n>: end viewer <n>; help: this text";

/// Posts messages for the application, with the element as their source.
#[derive(Debug, Clone)]
pub(crate) struct Messenger {
    element: gst::glib::WeakRef<gst::Element>,
    console: bool,
}

impl Messenger {
    fn post(&self, structure: gst::Structure) {
        if let Some(element) = self.element.upgrade() {
            let message = gst::message::Element::builder(structure)
                .src(&element)
                .build();
            let _ = element.post_message(message);
        }
    }

    fn print(&self, word: &str, text: &str) {
        if self.console {
            console::print(word, text);
        }
    }

    /// Something went wrong, and the element goes on.
    fn warn(&self, text: &str) {
        self.print("error", text);
        if let Some(element) = self.element.upgrade() {
            gst::element_warning!(element, gst::ResourceError::Failed, ("{text}"));
        }
    }
}

/// What the peers know of the element.
struct BenchHost {
    messenger: Messenger,
    data: Arc<Data>,
}

impl Host for BenchHost {
    fn report(&self, report: Report) {
        match report {
            Report::State { peer, state, text } => {
                let line = match (state, text.as_str()) {
                    (_, "") => format!("{peer} {}", state.as_str()),
                    (_, text) => format!("{peer} {}: {text}", state.as_str()),
                };
                self.messenger.print("peer", &line);
                self.messenger.post(
                    gst::Structure::builder("periscope-peer")
                        .field("peer", peer)
                        .field("state", state.as_str())
                        .field("text", text)
                        .build(),
                );
            }
            Report::Trouble(text) => self.messenger.warn(&text),
        }
    }

    fn deliver(&self, label: &str, payload: Payload) {
        if !self.data.deliver(label, &payload) {
            gst::debug!(crate::CAT, "a message for “{label}” has no data_src pad");
        }
    }

    fn labels(&self) -> Vec<Arc<str>> {
        self.data.labels()
    }
}

/// Everything that runs while the element is PAUSED or PLAYING.
pub(crate) struct Bench {
    messenger: Messenger,
    pub(crate) peers: Arc<Peers>,
    data: Arc<Data>,
    addresses: Vec<IpAddr>,
    page_url: Mutex<Option<String>>,
    server: Mutex<Option<Server>>,
    console: Mutex<Option<Console>>,
    data_thread: Mutex<Option<JoinHandle<()>>>,
    media: Arc<Media>,
    /// WHEP sessions: the unguessable name, and the peer's number.
    sessions: Mutex<Vec<(String, u32)>>,
}

impl Bench {
    pub(super) fn start(
        element: &gst::Element,
        settings: &Settings,
        media: &Arc<Media>,
        data: &Arc<Data>,
    ) -> anyhow::Result<Arc<Self>> {
        let use_console = match settings.console {
            ConsoleMode::Auto => console::stdin_is_our_terminal(),
            ConsoleMode::On => true,
            ConsoleMode::Off => false,
        };
        let messenger = Messenger {
            element: element.downgrade(),
            console: use_console,
        };
        let chosen = settings.addresses().map_err(anyhow::Error::msg)?;
        let interfaces = net::interfaces().context("the network interfaces cannot be listed")?;
        if let Some(foreign) = chosen
            .iter()
            .find(|address| interfaces.iter().all(|i| i.address != **address))
        {
            anyhow::bail!(
                "address: {foreign} is none of this host's addresses, which are {}",
                join(interfaces.iter().map(|i| i.address))
            );
        }
        let addresses = net::lan_addresses(&interfaces, &chosen);

        let trouble = messenger.clone();
        media.configure(
            settings.encoding(),
            Arc::new(move |text| trouble.warn(&text)),
        );
        let peers = Arc::new(Peers::new(
            Arc::new(BenchHost {
                messenger: messenger.clone(),
                data: data.clone(),
            }),
            media.clone(),
            Network {
                addresses: addresses.clone(),
                stun_server: settings.stun_server.clone(),
                turn_server: settings.turn_server.clone(),
            },
            settings.max_peers as usize,
        ));
        let bench = Arc::new(Self {
            messenger,
            peers,
            data: data.clone(),
            addresses,
            page_url: Mutex::new(None),
            server: Mutex::new(None),
            console: Mutex::new(None),
            data_thread: Mutex::new(None),
            media: media.clone(),
            sessions: Mutex::new(Vec::new()),
        });
        let started = bench
            .start_data()
            .and_then(|()| match settings.http {
                true => bench.start_server(settings, chosen),
                false => Ok(()),
            })
            .and_then(|()| match use_console {
                true => bench.start_console(settings.console),
                false => Ok(()),
            });
        if let Err(error) = started {
            bench.stop();
            return Err(error);
        }
        Ok(bench)
    }

    fn start_data(&self) -> anyhow::Result<()> {
        let outward = self.data.open();
        let peers = self.peers.clone();
        let messenger = self.messenger.clone();
        let thread = std::thread::Builder::new()
            .name("periscope-data".into())
            .spawn(move || send_data(&outward, &peers, &messenger))?;
        *lock(&self.data_thread) = Some(thread);
        Ok(())
    }

    fn start_server(
        self: &Arc<Self>,
        settings: &Settings,
        chosen: Vec<IpAddr>,
    ) -> anyhow::Result<()> {
        let key = match &settings.key {
            Some(key) => AccessKey::parse(key)?,
            None => AccessKey::generate(),
        };
        let fragment = key.as_str().to_owned();
        let server = Server::start(
            ServerConfig {
                addresses: chosen,
                port: settings
                    .port
                    .map_or(PortChoice::FirstFreeFrom(DEFAULT_PORT), PortChoice::Fixed),
                key,
                page: PAGE,
                limits: Limits::default(),
            },
            Arc::new(WebBench(Arc::downgrade(self))),
        )?;
        let port = server.port();
        *lock(&self.server) = Some(server);
        for (number, address) in self.addresses.iter().enumerate() {
            let url = format!("http://{}/#{fragment}", SocketAddr::new(*address, port));
            if number == 0 {
                *lock(&self.page_url) = Some(url.clone());
                self.messenger.post(
                    gst::Structure::builder("periscope-page")
                        .field("url", &url)
                        .build(),
                );
            }
            self.messenger.print("page", &url);
        }
        Ok(())
    }

    /// The address of the page, key included; none without `http`.
    pub(super) fn page_url(&self) -> Option<String> {
        lock(&self.page_url).clone()
    }

    fn start_console(self: &Arc<Self>, mode: ConsoleMode) -> anyhow::Result<()> {
        let bench = Arc::downgrade(self);
        let started = Console::start(move |event| {
            if let Some(bench) = bench.upgrade() {
                bench.console_event(event);
            }
        });
        let console = match started {
            // Another element of this process has it; this one still prints.
            Err(error)
                if error.kind() == std::io::ErrorKind::ResourceBusy
                    && mode == ConsoleMode::Auto =>
            {
                return Ok(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => anyhow::bail!(
                "console: another element of this process reads standard input already; set \
                 console=off here"
            ),
            other => other.context("standard input cannot be read")?,
        };
        *lock(&self.console) = Some(console);
        self.messenger.print("ready", HELP);
        Ok(())
    }

    fn console_event(&self, event: Event) {
        match event {
            Event::Echo(_) => {}
            Event::Error(text) => self.messenger.print("error", &text),
            Event::Command(Command::Help) => self.messenger.print("help", HELP),
            Event::Command(Command::Offer) => {
                let messenger = self.messenger.clone();
                self.make_offer(Box::new(move |result| {
                    if let Err(error) = result {
                        messenger.print("error", &error.to_string());
                    }
                }));
            }
            Event::Command(Command::Peers) => self.print_peers(),
            Event::Command(Command::Drop(id)) => {
                if !self.peers.drop_peer(id, "ended at the bench") {
                    self.messenger
                        .print("error", &format!("there is no peer {id}: type “peers”"));
                }
            }
            Event::ShortAnswer(_) => self
                .messenger
                .print("error", "this bench takes no short answers"),
            Event::Description(description) => {
                let messenger = self.messenger.clone();
                match description.kind {
                    Kind::Offer => self.take_offer(
                        description,
                        Box::new(move |result| {
                            if let Err(error) = result {
                                messenger.print("error", &error.to_string());
                            }
                        }),
                    ),
                    Kind::Answer => self.take_answer(
                        description,
                        Box::new(move |result| {
                            if let Err(error) = result {
                                messenger.print("error", &error.to_string());
                            }
                        }),
                    ),
                }
            }
        }
    }

    fn print_peers(&self) {
        let peers = self.peers.list();
        if peers.is_empty() {
            self.messenger.print("peers", "nobody is there");
        }
        for peer in peers {
            let streams = match peer.streams.as_slice() {
                [] => String::new(),
                streams => format!(", {}", streams.join(", ")),
            };
            self.messenger.print(
                "peers",
                &format!(
                    "{} {} for {}{streams}",
                    peer.id,
                    peer.state.as_str(),
                    console::age(peer.age)
                ),
            );
        }
    }

    /// Makes an offer; tells it on console and bus as well as to `reply`.
    pub(super) fn make_offer(&self, reply: OnDescription) {
        self.describe_peer(Kind::Offer, reply, |peers, told| peers.offer(told));
    }

    /// Answers an offer that a person carried here.
    pub(super) fn take_offer(&self, offer: Description, reply: OnDescription) {
        self.describe_peer(Kind::Answer, reply, |peers, told| {
            peers.answer(offer, true, told)
        });
    }

    fn describe_peer(
        &self,
        kind: Kind,
        reply: OnDescription,
        begin: impl FnOnce(
            &Arc<Peers>,
            Box<dyn FnOnce(Result<String, SignalingError>) + Send>,
        ) -> Result<u32, SignalingError>,
    ) {
        let messenger = self.messenger.clone();
        with_number(
            move |result: Result<String, SignalingError>, peer| {
                reply(result.map(|sdp| {
                    let description = Description::new(kind, &sdp);
                    messenger.print(kind.as_str(), &description.to_base64());
                    messenger.post(
                        gst::Structure::builder(format!("periscope-{kind}"))
                            .field("peer", peer)
                            .field(kind.as_str(), description.to_base64())
                            .build(),
                    );
                    (peer, description)
                }));
            },
            |told| begin(&self.peers, told),
        );
    }

    /// Takes the answer to an offer of ours.
    pub(super) fn take_answer(&self, answer: Description, reply: OnTaken) {
        with_number(
            move |result: Result<(), SignalingError>, peer| reply(result.map(|()| peer)),
            |told| self.peers.take_answer(answer, told),
        );
    }

    /// Ends everything: the ways in first, then the peers.
    pub(super) fn stop(&self) {
        let server = lock(&self.server).take();
        let console = lock(&self.console).take();
        drop((server, console));
        self.media.hurry();
        self.peers.close_all("the pipeline has stopped");
        self.data.close();
        let data_thread = lock(&self.data_thread).take();
        if let Some(thread) = data_thread {
            let _ = thread.join();
        }
    }
}

/// Takes a peer's number and the description to carry to it.
pub(super) type OnDescription = Box<dyn FnOnce(Result<(u32, Description), SignalingError>) + Send>;

/// Takes the number of the peer to which an answer belonged.
pub(super) type OnTaken = Box<dyn FnOnce(Result<u32, SignalingError>) + Send>;

/// Begins something that gives a peer's number at once and a result, mostly on another
/// thread, sooner or later; `reply` gets both when both are there, or the error with which
/// it did not begin.
fn with_number<T: Send + 'static>(
    reply: impl FnOnce(Result<T, SignalingError>, u32) + Send + 'static,
    begin: impl FnOnce(Reply<Result<T, SignalingError>>) -> Result<u32, SignalingError>,
) {
    let pending = Arc::new(Mutex::new(Pending {
        reply: Some(reply),
        result: None,
        peer: None,
    }));
    let told = pending.clone();
    let begun = begin(Box::new(move |result| {
        lock(&told).result = Some(result);
        Pending::settle(&told);
    }));
    match begun {
        Ok(peer) => lock(&pending).peer = Some(peer),
        Err(error) => {
            let mut pending = lock(&pending);
            pending.result = Some(Err(error));
            pending.peer = Some(0);
        }
    }
    Pending::settle(&pending);
}

/// A reply that waits for its two parts.
struct Pending<T, F> {
    reply: Option<F>,
    result: Option<Result<T, SignalingError>>,
    peer: Option<u32>,
}

impl<T, F: FnOnce(Result<T, SignalingError>, u32)> Pending<T, F> {
    fn settle(pending: &Mutex<Self>) {
        let whole = {
            let mut pending = lock(pending);
            match (pending.peer, pending.result.is_some()) {
                (Some(peer), true) => pending
                    .reply
                    .take()
                    .zip(pending.result.take())
                    .map(|(reply, result)| (reply, result, peer)),
                _ => None,
            }
        };
        if let Some((reply, result, peer)) = whole {
            reply(result, peer);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(items: impl Iterator<Item = impl ToString>) -> String {
    items
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Hands messages of the bench to all peers until the way is closed.
fn send_data(outward: &Receiver<Outward>, peers: &Peers, messenger: &Messenger) {
    let mut number = 0_u32;
    for (label, payload) in outward {
        number = number.wrapping_add(1);
        match chunks::split(&payload, number) {
            Ok(parts) => {
                let wire: Vec<Wire> = parts.into_iter().map(Wire::from).collect();
                if !wire.is_empty() {
                    peers.broadcast(&label, &wire);
                }
            }
            Err(error) => messenger.warn(&format!("{label}: {error}")),
        }
    }
}

/// The bench as the page server sees it.
struct WebBench(Weak<Bench>);

impl http::Bench for WebBench {
    fn answer(&self, offer: String, from: SocketAddr) -> Answering {
        let bench = self.0.clone();
        Box::pin(async move {
            let stopped = || Refusal::Failed("the pipeline has stopped".into());
            let bench = bench.upgrade().ok_or_else(stopped)?;
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
        let Some(bench) = self.0.upgrade() else {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn replied(
        begin: impl FnOnce(Reply<Result<(), SignalingError>>) -> Result<u32, SignalingError>,
    ) -> (Result<(), SignalingError>, u32) {
        let (tell, told) = std::sync::mpsc::channel();
        with_number(
            move |result, peer| {
                let _ = tell.send((result, peer));
            },
            begin,
        );
        told.try_recv().expect("a reply")
    }

    #[test]
    fn a_peer_that_ends_while_it_is_asked_does_not_hold_up_who_asks() {
        let gone = || SignalingError::Failed("the peer has ended".into());
        let reply = replied(|tell| {
            tell(Err(gone()));
            Ok(7)
        });
        assert_eq!(reply, (Err(gone()), 7));
    }

    #[test]
    fn what_did_not_begin_is_an_error_at_once() {
        let full = || SignalingError::Full("no room".into());
        assert_eq!(replied(|_| Err(full())), (Err(full()), 0));
    }

    #[test]
    fn a_result_that_comes_later_is_told_with_its_peer() {
        let mut later = None;
        let (tell, told) = std::sync::mpsc::channel();
        with_number(
            move |result: Result<u8, SignalingError>, peer| {
                let _ = tell.send((result, peer));
            },
            |reply| {
                later = Some(reply);
                Ok(3)
            },
        );
        assert!(told.try_recv().is_err());
        later.expect("begun")(Ok(9));
        assert_eq!(told.try_recv(), Ok((Ok(9), 3)));
    }
}
