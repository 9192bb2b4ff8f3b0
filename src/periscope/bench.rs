//! The running element: peers, page server and console, and how they find each other.
//!
//! A [`Bench`] lives from READY→PAUSED to PAUSED→READY. It knows the element only as
//! something that posts messages, so nothing in here runs with an element lock held.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use super::door::{Door, Issued, Refused};
use super::host::BenchHost;
use super::lan::LanWatch;
use super::page::Page;
use super::reply::{OnDescription, OnTaken, with_number};
use super::settings::{ConsoleMode, IceMode, Settings};
use super::teller::Teller;
use super::visitors::WebBench;
use crate::arbitration::Standing;
use crate::arbitration::desk::{Crew, Desk};
use crate::ice::port::Knock;
use crate::intercom::{Audience, Intercom};
use crate::mdns::Publisher;
use crate::media::Media;
use crate::media::data::Data;
use crate::net;
use crate::peer::SignalingError;
use crate::peer::handout;
use crate::peer::peers::Peers;
use crate::peer::rtc::Network;
use crate::signaling::code::{CodeId, Rights, ShortAnswer};
use crate::signaling::console::{self, Console};
use crate::signaling::description::{Description, Kind};
use crate::signaling::http::{AccessKey, HttpError, Limits, Server, ServerConfig, TlsCertificate};
use crate::threads;
use anyhow::Context;
use gst::prelude::*;

/// The bundled page.
const PAGE: &str = include_str!("../../web/dist/periscope.html");

/// Viewers who are turned away within this time are told of once.
const TURNED_AWAY_AGAIN: Duration = Duration::from_secs(60);

/// Posts messages for the application, with the element as their source.
#[derive(Debug, Clone)]
pub(crate) struct Messenger {
    element: gst::glib::WeakRef<gst::Element>,
    console: bool,
}

impl Messenger {
    pub(super) fn post(&self, structure: gst::Structure) {
        if let Some(element) = self.element.upgrade() {
            let message = gst::message::Element::builder(structure)
                .src(&element)
                .build();
            let _ = element.post_message(message);
        }
    }

    pub(super) fn print(&self, word: &str, text: &str) {
        if self.console {
            console::print(word, text);
        }
    }

    /// For a person only: no script reads this.
    pub(super) fn print_lines(&self, lines: &str) {
        if self.console {
            console::print_lines(lines);
        }
    }

    /// Something went wrong, and the element goes on.
    pub(super) fn warn(&self, text: &str) {
        self.print("error", text);
        if let Some(element) = self.element.upgrade() {
            gst::element_warning!(element, gst::ResourceError::Failed, ("{text}"));
        }
    }
}

/// Everything that runs while the element is PAUSED or PLAYING.
pub(crate) struct Bench {
    pub(super) messenger: Messenger,
    pub(crate) peers: Arc<Peers>,
    pub(super) door: Arc<Door>,
    pub(super) data: Arc<Data>,
    /// Who controls the instruments.
    pub(super) desk: Arc<Desk>,
    /// Who talks.
    pub(super) intercom: Arc<Intercom>,
    control_thread: Mutex<Option<JoinHandle<()>>>,
    pub(super) teller: Mutex<Option<Teller>>,
    teller_thread: Mutex<Option<JoinHandle<()>>>,
    /// Who controlled and who waited when that was told last.
    pub(super) told_control: Mutex<Option<Standing>>,
    /// The addresses that the user chose; none: all that lead to a LAN.
    chosen: Vec<IpAddr>,
    page_url: Mutex<Option<String>>,
    /// The page's server, and the key that it asks for.
    server: Mutex<Option<(Server, String)>>,
    pub(super) console: Mutex<Option<Console>>,
    /// When somebody was turned away last.
    turned_away: Mutex<Option<Instant>>,
    /// The code that was printed at the start.
    standing_code: Mutex<Option<CodeId>>,
    data_thread: Mutex<Option<JoinHandle<()>>>,
    lan: Mutex<Option<LanWatch>>,
    /// The bench's name on the LAN.
    publisher: Mutex<Option<Publisher>>,
    media: Arc<Media>,
    /// WHEP sessions: the unguessable name, and the peer's number.
    pub(super) sessions: Mutex<Vec<(String, u32)>>,
}

impl Bench {
    pub(super) fn start(
        element: &gst::Element,
        settings: &Settings,
        media: &Arc<Media>,
        data: &Arc<Data>,
        intercom: &Arc<Intercom>,
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
        check_addresses(&chosen)?;
        data.check_settings().map_err(anyhow::Error::msg)?;

        let trouble = messenger.clone();
        media.configure(
            settings.encoding(),
            Arc::new(move |text| trouble.warn(&text)),
        );
        let (mut door, warning) = Door::new(settings)?;
        if let Some(warning) = warning {
            messenger.warn(&warning);
        }
        // The port and the page's server are there before the bench that they work for.
        let hall: Arc<OnceLock<Weak<Self>>> = Arc::default();
        let (knocked, served) = (hall.clone(), hall.clone());
        let certificate = door.tls_certificate();
        let server = door.open(
            settings,
            chosen.clone(),
            move |knock| {
                if let Some(bench) = knocked.get().and_then(Weak::upgrade) {
                    bench.let_in(knock);
                }
            },
            |port| match settings.http {
                true => {
                    start_server(settings, &chosen, port, &certificate, served.clone()).map(Some)
                }
                false => Ok(None),
            },
        )?;
        let door = Arc::new(door);
        let desk = Arc::new(Desk::new(settings.rules()));
        let peers = Arc::new(Peers::new(
            Arc::new(BenchHost {
                messenger: messenger.clone(),
                data: data.clone(),
                door: door.clone(),
                desk: desk.clone(),
            }),
            desk.clone(),
            intercom.clone(),
            media.clone(),
            Network {
                port: door.port().cloned(),
                certificate: Some(door.certificate().clone()),
                chosen: chosen.clone(),
                stun_server: settings.stun_server.clone(),
                turn_server: settings.turn_server.clone(),
            },
            settings.max_peers as usize,
        ));
        let bench = Arc::new(Self {
            messenger,
            peers,
            door,
            data: data.clone(),
            desk,
            intercom: intercom.clone(),
            control_thread: Mutex::new(None),
            teller: Mutex::new(None),
            teller_thread: Mutex::new(None),
            told_control: Mutex::new(None),
            chosen,
            page_url: Mutex::new(None),
            server: Mutex::new(server),
            console: Mutex::new(None),
            turned_away: Mutex::new(None),
            standing_code: Mutex::new(None),
            data_thread: Mutex::new(None),
            lan: Mutex::new(None),
            publisher: Mutex::new(None),
            media: media.clone(),
            sessions: Mutex::new(Vec::new()),
        });
        let audience: Weak<dyn Audience> = Arc::<Self>::downgrade(&bench);
        intercom.open(&settings.intercom(), audience);
        // From here on viewers may come.
        let _ = hall.set(Arc::downgrade(&bench));
        let started = bench
            .start_data()
            .and_then(|()| bench.watch_lan(settings))
            .map(|()| bench.tell_page())
            .and_then(|()| bench.show_code(settings))
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

    fn start_data(self: &Arc<Self>) -> anyhow::Result<()> {
        let (teller, thread) = Teller::start(self.messenger.clone())?;
        *lock(&self.teller) = Some(teller);
        *lock(&self.teller_thread) = Some(thread);
        let crew: Weak<dyn Crew> = Arc::<Self>::downgrade(self);
        *lock(&self.control_thread) = Some(self.desk.start(crew)?);
        let bench = Arc::downgrade(self);
        let queue = self.data.open(move |news| {
            if let Some(bench) = bench.upgrade() {
                bench.hear(news);
            }
        });
        let peers = self.peers.clone();
        let messenger = self.messenger.clone();
        let thread = std::thread::Builder::new()
            .name("periscope-data".into())
            .spawn(move || handout::hand_out(&queue, &peers, |text| messenger.warn(text)))?;
        *lock(&self.data_thread) = Some(thread);
        Ok(())
    }

    /// Tells where the page is, if it is served.
    fn tell_page(&self) {
        let Some((port, key)) = lock(&self.server)
            .as_ref()
            .map(|(server, key)| (server.port(), key.clone()))
        else {
            return;
        };
        let addresses = self.addresses();
        let fingerprint = self.door.web_fingerprint();
        let name = self.door.mdns_name();
        let page = Page {
            addresses: &addresses,
            port,
            key: &key,
            name: lock(&self.publisher).is_some().then_some(name.as_str()),
            fingerprint: &fingerprint,
            is_kept: self.door.keeps_tls_certificate(),
        };
        let (http, https) = (page.urls("http"), page.urls("https"));
        let ([url, ..], [https_url, ..]) = (http.as_slice(), https.as_slice()) else {
            return;
        };
        *lock(&self.page_url) = Some(url.clone());
        self.messenger.post(
            gst::Structure::builder("periscope-page")
                .field("url", url)
                .field("https-url", https_url)
                .field("fingerprint", fingerprint.to_string())
                .build(),
        );
        // Whoever takes the first line gets what works without a question.
        for url in http.iter().chain(&https) {
            self.messenger.print("page", url);
        }
        self.messenger.print("note", &page.note());
    }

    /// Publishes the bench's name, and follows the addresses of this host.
    fn watch_lan(self: &Arc<Self>, settings: &Settings) -> anyhow::Result<()> {
        let port = self.door.port().map(|port| port.number());
        if let Some(port) = port
            && settings.mdns
        {
            match Publisher::start(&self.door.mdns_name(), port, &self.addresses()) {
                Ok(publisher) => *lock(&self.publisher) = Some(publisher),
                // Without a name all works as long as the address stays.
                Err(error) => self.messenger.warn(&error.to_string()),
            }
        }
        let bench = Arc::downgrade(self);
        let watch = LanWatch::start(self.chosen.clone(), move |addresses| {
            if let Some(bench) = bench.upgrade() {
                bench.moved(&addresses);
            }
        })?;
        *lock(&self.lan) = Some(watch);
        Ok(())
    }

    /// This host has other addresses than before. Viewers come to them by the old code too,
    /// if they find the bench by its name; who copies a code now gets the new ones.
    fn moved(&self, addresses: &[IpAddr]) {
        if addresses.iter().all(IpAddr::is_loopback) {
            // The cable is out: nobody is there to be told.
            return;
        }
        // Taken out, for to publish anew takes time. Nobody else puts one in, and the
        // thread that calls this has ended before the publisher is stopped.
        let publisher = lock(&self.publisher).take();
        if let Some(mut publisher) = publisher {
            if let Err(error) = publisher.set_addresses(addresses) {
                gst::warning!(crate::CAT, "the new addresses are not published: {error}");
            }
            *lock(&self.publisher) = Some(publisher);
        }
        self.tell_page();
        let id = *lock(&self.standing_code);
        for issued in self.door.list(addresses) {
            if Some(issued.id) == id {
                self.tell_code(&issued);
                self.print_code(&issued);
            }
        }
    }

    /// Prints the code that lets viewers in, and its QR code where a person looks on.
    fn show_code(&self, settings: &Settings) -> anyhow::Result<()> {
        if settings.ice() == IceMode::Full {
            return Ok(());
        }
        let issued = self.make_code(Rights::View, settings.code_once, settings.code_lifetime())?;
        *lock(&self.standing_code) = Some(issued.id);
        self.print_code(&issued);
        if console::stdout_is_terminal() {
            // Too much text for a QR code is no reason not to start.
            let _ = self.print_qr(&issued);
        }
        Ok(())
    }

    /// The addresses of now at which viewers reach this host.
    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        net::addresses_of_now(&self.chosen)
    }

    /// Where the page is served, without the key.
    pub(super) fn page_address(&self) -> Option<SocketAddr> {
        let port = lock(&self.server)
            .as_ref()
            .map(|(server, _)| server.port())?;
        let address = self.addresses().first().copied()?;
        Some(SocketAddr::new(address, port))
    }

    // ---- Codes ------------------------------------------------------------------------

    /// Gives a code, and tells programs of it.
    pub(super) fn make_code(
        &self,
        rights: Rights,
        once: bool,
        lifetime: Option<Duration>,
    ) -> anyhow::Result<Issued> {
        let issued = self.door.issue(rights, once, lifetime, &self.addresses())?;
        self.tell_code(&issued);
        Ok(issued)
    }

    fn tell_code(&self, issued: &Issued) {
        self.messenger.post(
            gst::Structure::builder("periscope-code")
                .field("code", &issued.text)
                .field("id", issued.id.to_string())
                .field("rights", issued.rights.as_str())
                .build(),
        );
    }

    /// Ends codes, and the visits of those who came by them.
    pub(super) fn revoke_code(&self, what: &str) -> anyhow::Result<Vec<CodeId>> {
        let (gone, warning) = self.door.revoke(what)?;
        for code in &gone {
            self.peers.drop_code(*code, "its code was revoked");
        }
        if let Some(warning) = warning {
            self.messenger.warn(&warning);
        }
        Ok(gone)
    }

    /// The code that was printed at the start, if it still counts.
    pub(super) fn standing_code(&self) -> Option<String> {
        let id = (*lock(&self.standing_code))?;
        let codes = self.door.list(&self.addresses());
        codes
            .into_iter()
            .find(|issued| issued.id == id)
            .map(|issued| issued.text)
    }

    /// What the UDP port has received, for a program.
    pub(super) fn port_statistics(&self) -> Option<gst::Structure> {
        let counters = self.door.port()?.counters();
        let mut structure = gst::Structure::builder("periscope-port")
            .field("guests", counters.guests as u64)
            .field("delivered", counters.delivered)
            .field("answered", counters.replied);
        for (reason, count) in counters.dropped() {
            structure = structure.field(reason, count);
        }
        Some(structure.build())
    }

    /// All codes, for a program.
    pub(super) fn codes(&self) -> gst::Array {
        let structure = |issued: Issued| {
            let mut structure = gst::Structure::builder("periscope-code")
                .field("code", &issued.text)
                .field("id", issued.id.to_string())
                .field("rights", issued.rights.as_str())
                .field("once", issued.once);
            if let Some(since) = issued
                .expires
                .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok())
            {
                structure = structure.field("expires", since.as_secs());
            }
            structure.build().to_send_value()
        };
        let codes = self.door.list(&self.addresses());
        gst::Array::new(codes.into_iter().map(structure))
    }

    /// Somebody has come by a code. Called on the port's thread.
    fn let_in(&self, knock: Knock) {
        let code = knock.code;
        let Some(rights) = self.door.rights(code, &knock.fingerprint) else {
            return;
        };
        if let Err(error) = self.peers.admit(knock, rights) {
            gst::warning!(
                crate::CAT,
                "a viewer with code {code} is turned away: {error}"
            );
            let now = Instant::now();
            let told = lock(&self.turned_away).replace(now);
            // A page tries again every few seconds, and cannot be told why.
            if told.is_none_or(|at| now.duration_since(at) > TURNED_AWAY_AGAIN) {
                self.messenger
                    .warn(&format!("a viewer was turned away: {error}"));
            }
        }
    }

    /// The address of the page, key included; none without `http`.
    pub(super) fn page_url(&self) -> Option<String> {
        lock(&self.page_url).clone()
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

    /// Takes the short answer of a page of ours to an offer of ours.
    pub(super) fn take_short_answer(&self, answer: &ShortAnswer, reply: OnTaken) {
        with_number(
            move |result: Result<(), SignalingError>, peer| reply(result.map(|()| peer)),
            |told| self.peers.take_short_answer(answer, told),
        );
    }

    /// Ends everything: the instruments are safe first, then the ways in end, then the peers.
    pub(super) fn stop(&self) {
        self.rest("the pipeline has stopped");
        // Its thread uses what ends next.
        drop(lock(&self.lan).take());
        let server = lock(&self.server).take();
        let console = lock(&self.console).take();
        let publisher = lock(&self.publisher).take();
        drop((server, console, publisher));
        self.media.hurry();
        self.peers.close_all("the pipeline has stopped");
        if let Some(port) = self.door.port() {
            port.close();
        }
        self.intercom.close();
        self.desk.close();
        self.data.close();
        threads::join(lock(&self.control_thread).take());
        threads::join(lock(&self.data_thread).take());
        // Now nobody has anything to tell any more.
        drop(lock(&self.teller).take());
        threads::join(lock(&self.teller_thread).take());
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(items: impl Iterator<Item = impl ToString>) -> String {
    items
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Every address that was chosen is one of this host's.
fn check_addresses(chosen: &[IpAddr]) -> anyhow::Result<()> {
    let interfaces = net::interfaces().context("the network interfaces cannot be listed")?;
    match chosen
        .iter()
        .find(|address| interfaces.iter().all(|i| i.address != **address))
    {
        Some(foreign) => anyhow::bail!(
            "address: {foreign} is none of this host's addresses, which are {}",
            join(interfaces.iter().map(|i| i.address))
        ),
        None => Ok(()),
    }
}

/// Serves the page at this port. Gives the server and the key that it asks for.
fn start_server(
    settings: &Settings,
    chosen: &[IpAddr],
    port: u16,
    certificate: &TlsCertificate,
    bench: Arc<OnceLock<Weak<Bench>>>,
) -> Result<(Server, String), Refused> {
    let key = match &settings.key {
        Some(key) => AccessKey::parse(key).map_err(|error| Refused::Failed(error.into()))?,
        None => AccessKey::generate(),
    };
    let fragment = key.as_str().to_owned();
    let config = ServerConfig {
        addresses: chosen.to_vec(),
        port,
        certificate: certificate.clone(),
        key,
        page: PAGE,
        limits: Limits::default(),
    };
    match Server::start(config, Arc::new(WebBench(bench))) {
        Ok(server) => Ok((server, fragment)),
        Err(error @ HttpError::PortTaken(_)) => Err(Refused::Taken(error.into())),
        Err(error) => Err(Refused::Failed(error.into())),
    }
}
