//! Threads, connections, and patience.

use super::listen::listen;
use super::routes::{Client, routes};
use super::tls::{self, TlsCertificate};
use super::{AccessKey, Bench, HttpError};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long [`Server::stop`] waits for responses that are on their way.
const STOP: Duration = Duration::from_secs(1);

/// How long to wait when the system has no descriptor for another connection.
const RECOVER: Duration = Duration::from_millis(100);

/// Threads of the server: one may be busy with an offer while the other serves the page.
const THREADS: usize = 2;

/// What a client may take of time and space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// For the first byte of a connection, then for the headers of a request, and so also for
    /// idling between two of them.
    pub header: Duration,
    /// For the handshake of TLS.
    pub handshake: Duration,
    /// For the body of a request.
    pub body: Duration,
    /// For a connection, from first to last: pages do not need theirs for long, and a client that
    /// does not read its response would keep it for ever.
    pub connection: Duration,
    /// How long the refusal of a wrong key is held back.
    pub wrong_key: Duration,
    /// Connections at a time; more are closed at once.
    pub connections: usize,
}

impl Default for Limits {
    /// 10 s, 10 s, 10 s, 60 s, 0.2 s, 256.
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            handshake: Duration::from_secs(10),
            body: Duration::from_secs(10),
            connection: Duration::from_secs(60),
            wrong_key: Duration::from_millis(200),
            connections: 256,
        }
    }
}

/// What to serve, and where.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// Addresses to listen on; none means every address of this machine, IPv4 and IPv6.
    pub addresses: Vec<IpAddr>,
    /// The port, the same on all addresses; 0 lets the system choose.
    pub port: u16,
    /// What browsers see that come by https.
    pub certificate: TlsCertificate,
    /// What WHEP requests must bring.
    pub key: AccessKey,
    /// The page: one self-contained HTML text.
    pub page: &'static str,
    /// Patience.
    pub limits: Limits,
}

/// A running server. Stops when dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    stop: watch::Sender<bool>,
    /// Disconnected when the last task has ended: each holds the other end.
    tasks: mpsc::Receiver<Infallible>,
    runtime: Option<Runtime>,
}

impl Server {
    /// Starts listening; the page can be opened when this returns.
    ///
    /// # Errors
    /// [`HttpError`]: the port is taken or not allowed, the address is not ours, no threads, no
    /// certificate with its key.
    pub fn start(config: ServerConfig, bench: Arc<dyn Bench>) -> Result<Self, HttpError> {
        let ServerConfig {
            addresses,
            port,
            certificate,
            key,
            page,
            limits,
        } = config;
        let tls = tls::acceptor(certificate).map_err(HttpError::Certificate)?;
        let listeners = listen(&addresses, port)?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("periscope-http")
            .enable_all()
            .build()
            .map_err(HttpError::Threads)?;
        let (stop, stopped) = watch::channel(false);
        let (alive, tasks) = mpsc::channel();
        let door = Door {
            service: TowerToHyperService::new(warp::service(routes(page, key, bench, limits))),
            tls,
            limits,
            permits: Arc::new(Semaphore::new(limits.connections)),
            stopped,
            alive,
        };
        let mut port = 0;
        for listener in listeners {
            port = listener.local_addr().map_err(HttpError::Threads)?.port();
            // Registering with the runtime's reactor needs its context.
            let _context = runtime.enter();
            let listener = TcpListener::from_std(listener).map_err(HttpError::Threads)?;
            runtime.spawn(door.clone().accept(listener));
        }
        Ok(Self {
            port,
            stop,
            tasks,
            runtime: Some(runtime),
        })
    }

    /// The port that is listened on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops: no new connections, responses on their way are finished, for a second at most.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        let Some(runtime) = self.runtime.take() else {
            return;
        };
        self.stop.send_replace(true);
        // Nothing is ever sent: this ends when all tasks have, or when patience does.
        let _ = self.tasks.recv_timeout(STOP);
        runtime.shutdown_background();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// What every connection needs.
#[derive(Clone)]
struct Door<S> {
    service: S,
    tls: TlsAcceptor,
    limits: Limits,
    permits: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
    alive: mpsc::Sender<Infallible>,
}

impl<S> Door<S>
where
    S: Service<Request<Incoming>, Response = warp::reply::Response, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send,
{
    async fn accept(self, listener: TcpListener) {
        let mut stopped = self.stopped.clone();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            match accepted {
                Ok((stream, address)) => {
                    // Too many: closed by being dropped.
                    if let Ok(permit) = self.permits.clone().try_acquire_owned() {
                        tokio::spawn(self.clone().serve(stream, address, permit));
                    }
                }
                // The connection is gone already, or there are no descriptors left.
                Err(_) => sleep(RECOVER).await,
            }
        }
    }

    async fn serve(self, stream: TcpStream, address: SocketAddr, permit: OwnedSemaphorePermit) {
        let end = Instant::now() + self.limits.connection;
        // An answer is one small write that somebody waits for.
        let _ = stream.set_nodelay(true);
        // ::ffff:192.168.1.5 is how a socket for both families shows an IPv4 address.
        let client = Client(SocketAddr::new(address.ip().to_canonical(), address.port()));
        let mut stopped = self.stopped.clone();
        let opened = tokio::select! {
            opened = self.open(stream) => opened,
            _ = sleep_until(end) => return,
            _ = stopped.wait_for(|stopped| *stopped) => return,
        };
        match opened {
            Some(Opened::Plain(stream)) => self.talk(stream, client, end).await,
            Some(Opened::Tls(stream)) => self.talk(stream, client, end).await,
            // Nobody spoke, or the browser does not trust the certificate yet: there is nobody
            // to tell.
            None => {}
        }
        drop(permit);
    }

    /// Waits for the first byte, and, if that begins a handshake of TLS, for the rest of it.
    async fn open(&self, stream: TcpStream) -> Option<Opened> {
        let mut first = [0];
        let patience = timeout(self.limits.header, stream.peek(&mut first));
        if !matches!(patience.await, Ok(Ok(1))) {
            return None;
        }
        if first != [tls::HANDSHAKE] {
            return Some(Opened::Plain(stream));
        }
        match timeout(self.limits.handshake, self.tls.accept(stream)).await {
            Ok(Ok(stream)) => Some(Opened::Tls(Box::new(stream))),
            _ => None,
        }
    }

    /// Answers requests until `end`.
    async fn talk<T>(self, stream: T, client: Client, end: Instant)
    where
        T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let service = self.service;
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(client);
            service.call(request)
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.header)
            .max_headers(64)
            .max_buf_size(32 * 1024)
            .serve_connection(TokioIo::new(stream), service);
        let mut stopped = self.stopped;
        tokio::pin!(connection);
        let grace = tokio::select! {
            // However it ended: there is nobody to tell.
            _ = connection.as_mut() => return,
            _ = sleep_until(end) => self.limits.header,
            _ = stopped.wait_for(|stopped| *stopped) => STOP,
        };
        connection.as_mut().graceful_shutdown();
        let _ = timeout(grace, connection).await;
        drop(self.alive);
    }
}

/// A connection on which requests can come.
enum Opened {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}
