use super::*;
use crate::identity::{Identity, Source};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant, UNIX_EPOCH};

mod https;

const PAGE: &str = "<!doctype html><title>bench</title><style>p{}</style><script>alert(1)</script>";
const KEY: &str = "lab-7";
/// Long enough for a loaded machine: nothing waits for it unless a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Stands for the element: makes the answer out of what the offer says.
#[derive(Default)]
struct FakeBench {
    ended: Mutex<Vec<String>>,
    clients: Mutex<Vec<SocketAddr>>,
    /// Says when an offer has come, and when its future was dropped.
    watcher: Mutex<Option<Sender<&'static str>>>,
}

struct OnDrop(Option<Sender<&'static str>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        if let Some(sender) = &self.0 {
            let _ = sender.send("dropped");
        }
    }
}

impl Bench for FakeBench {
    fn answer(&self, offer: String, from: SocketAddr) -> Answering {
        self.clients.lock().unwrap().push(from);
        let on_drop = OnDrop(self.watcher.lock().unwrap().clone());
        if let Some(sender) = &on_drop.0 {
            sender.send("asked").unwrap();
        }
        Box::pin(async move {
            let _on_drop = on_drop;
            match offer.as_str() {
                "bad" => Err(Refusal::BadOffer("no DTLS:\r\nturn it on".into())),
                "codec" => Err(Refusal::NotAcceptable("no codec in common".into())),
                "full" => Err(Refusal::Full("60 peers are connected: close one".into())),
                "broken" => Err(Refusal::Failed("no encoder: install one".into())),
                "never" => std::future::pending().await,
                _ => Ok(Session {
                    id: "s-1_A".into(),
                    answer: format!("answer to {}", offer.len()),
                    etag: "tag".into(),
                }),
            }
        })
    }

    fn end(&self, session: &str) -> bool {
        self.ended.lock().unwrap().push(session.into());
        session == "s-1_A"
    }
}

fn config() -> ServerConfig {
    // It takes time to make one, and none of the tests is about it.
    static CERTIFICATE: LazyLock<TlsCertificate> = LazyLock::new(|| {
        let (identity, _) = Identity::open(Source::None, UNIX_EPOCH).unwrap();
        identity.tls_certificate()
    });
    ServerConfig {
        addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
        port: 0,
        certificate: CERTIFICATE.clone(),
        key: AccessKey::parse(KEY).unwrap(),
        page: PAGE,
        limits: Limits {
            wrong_key: Duration::from_millis(1),
            ..Limits::default()
        },
    }
}

fn start(change: impl FnOnce(&mut ServerConfig)) -> (Server, Arc<FakeBench>) {
    let mut config = config();
    change(&mut config);
    let bench = Arc::new(FakeBench::default());
    (Server::start(config, bench.clone()).unwrap(), bench)
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// A response, taken apart.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: HashMap<String, String>,
    body: String,
}

impl Reply {
    fn parse(text: &str) -> Self {
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no response: {text:?}"));
        let mut lines = head.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Self {
            status,
            headers,
            body: body.to_owned(),
        }
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// Everything until the server closes the connection.
fn until_closed(mut stream: impl Read) -> String {
    let mut text = Vec::new();
    match stream.read_to_end(&mut text) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("not closed: {error}"),
    }
    String::from_utf8(text).unwrap()
}

fn request(port: u16, method: &str, path: &str, headers: &[&str], body: &str) -> Reply {
    request_on(connect(port), method, path, headers, body)
}

fn request_on(
    mut stream: impl Read + Write,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Reply {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    stream
        .write_all(format!("{text}\r\n{body}").as_bytes())
        .unwrap();
    Reply::parse(&until_closed(stream))
}

const SDP: &str = "Content-Type: application/sdp";
const BEARER: &str = "Authorization: Bearer lab-7";

fn post(port: u16, offer: &str) -> Reply {
    request(port, "POST", "/whep", &[SDP, BEARER], offer)
}

#[test]
fn the_page_is_served_with_a_policy_that_fits_it() {
    let (server, _) = start(|_| {});
    let page = request(server.port(), "GET", "/", &[], "");
    assert_eq!((page.status, page.body.as_str()), (200, PAGE));
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(page.header("cache-control"), "no-cache");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-frame-options"), "DENY");
    let policy = page.header("content-security-policy");
    assert!(
        policy.contains("script-src 'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"),
        "{policy}"
    );

    let head = request(server.port(), "HEAD", "/", &[], "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), PAGE.len().to_string());
    let wrong = request(server.port(), "POST", "/", &[], "x");
    assert_eq!((wrong.status, wrong.header("allow")), (405, "GET, HEAD"));
}

#[test]
fn a_page_that_did_not_change_is_not_sent_again() {
    let (server, _) = start(|_| {});
    let etag = request(server.port(), "GET", "/", &[], "")
        .header("etag")
        .to_owned();
    assert!(etag.starts_with('"') && etag.len() > 10);
    for tags in [etag.clone(), format!("\"x\", W/{etag}")] {
        let reply = request(
            server.port(),
            "GET",
            "/",
            &[&format!("If-None-Match: {tags}")],
            "",
        );
        assert_eq!((reply.status, reply.body.as_str()), (304, ""));
    }
    assert_eq!(
        request(server.port(), "GET", "/", &["If-None-Match: \"x\""], "").status,
        200
    );
}

#[test]
fn other_paths_hold_nothing() {
    let (server, _) = start(|_| {});
    assert_eq!(
        request(server.port(), "GET", "/favicon.ico", &[], "").status,
        204
    );
    for path in ["/x", "/whepp", "/whep/a/b", "/../etc/passwd", "/%00"] {
        let reply = request(server.port(), "GET", path, &[], "");
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
}

#[test]
fn an_offer_is_answered_with_a_session() {
    let (server, bench) = start(|_| {});
    let reply = post(server.port(), "v=0");
    assert_eq!((reply.status, reply.body.as_str()), (201, "answer to 3"));
    assert_eq!(reply.header("content-type"), "application/sdp");
    assert_eq!(reply.header("location"), "/whep/s-1_A");
    assert_eq!(reply.header("etag"), "\"tag\"");
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert!(
        reply
            .header("access-control-expose-headers")
            .contains("Location, ETag")
    );
    assert_eq!(reply.header("cache-control"), "no-store");
    let client = bench.clients.lock().unwrap()[0];
    assert_eq!(client.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let typed = &[
        "content-type: application/SDP; charset=utf-8",
        "authorization: bearer  lab-7",
    ];
    assert_eq!(
        request(server.port(), "POST", "/whep", typed, "v=0").status,
        201
    );
}

#[test]
fn each_refusal_has_its_status_and_one_line() {
    let (server, _) = start(|_| {});
    for (offer, status) in [("bad", 400), ("codec", 406), ("full", 503), ("broken", 500)] {
        let reply = post(server.port(), offer);
        assert_eq!(reply.status, status);
        assert_eq!(reply.body.matches('\n').count(), 1, "{:?}", reply.body);
        assert_eq!(reply.header("retry-after").is_empty(), status != 503);
        assert_eq!(reply.header("access-control-allow-origin"), "*");
    }
}

#[test]
fn without_the_key_there_is_no_session() {
    let (server, bench) = start(|_| {});
    for key in [
        "",
        "Authorization: Bearer lab-8",
        "Authorization: Bearer",
        "Authorization: Basic lab-7",
        "Authorization: lab-7",
    ] {
        for (method, path) in [("POST", "/whep"), ("DELETE", "/whep/s-1_A")] {
            let headers: Vec<&str> = [SDP, key]
                .into_iter()
                .filter(|header| !header.is_empty())
                .collect();
            let reply = request(server.port(), method, path, &headers, "v=0");
            assert_eq!(reply.status, 401, "{key}");
            assert_eq!(
                reply.header("www-authenticate"),
                "Bearer realm=\"periscope\""
            );
            assert!(reply.body.contains("address"), "{}", reply.body);
            assert_eq!(reply.header("access-control-allow-origin"), "*");
        }
    }
    assert!(bench.clients.lock().unwrap().is_empty() && bench.ended.lock().unwrap().is_empty());
}

#[test]
fn a_session_can_be_ended_once() {
    let (server, bench) = start(|_| {});
    let delete = |path: &str| request(server.port(), "DELETE", path, &[BEARER], "").status;
    assert_eq!(delete("/whep/s-1_A"), 200);
    assert_eq!(delete("/whep/other"), 404);
    assert_eq!(*bench.ended.lock().unwrap(), ["s-1_A", "other"]);
}

#[test]
fn other_methods_are_refused_with_the_allowed_ones() {
    let (server, _) = start(|_| {});
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE"] {
        let reply = request(server.port(), method, "/whep", &[BEARER], "");
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, "POST, OPTIONS"),
            "{method}"
        );
    }
    for method in ["GET", "HEAD", "PUT", "PATCH", "POST"] {
        let reply = request(server.port(), method, "/whep/s-1_A", &[BEARER], "");
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, "DELETE, OPTIONS"),
            "{method}"
        );
    }
}

#[test]
fn a_page_from_elsewhere_may_ask() {
    let (server, _) = start(|_| {});
    for (path, methods) in [
        ("/whep", "POST, OPTIONS"),
        ("/whep/s-1_A", "DELETE, OPTIONS"),
    ] {
        let asks = &["Origin: null", "Access-Control-Request-Method: POST"];
        let reply = request(server.port(), "OPTIONS", path, asks, "");
        assert_eq!(reply.status, 204);
        assert_eq!(reply.header("accept-post"), "application/sdp");
        assert_eq!(reply.header("access-control-allow-origin"), "*");
        assert_eq!(reply.header("access-control-allow-methods"), methods);
        assert!(
            reply
                .header("access-control-allow-headers")
                .contains("Authorization, Content-Type")
        );
    }
}

#[test]
fn only_sdp_is_taken() {
    let (server, _) = start(|_| {});
    for headers in [
        &[BEARER][..],
        &[BEARER, "Content-Type: text/plain"],
        &[BEARER, "Content-Type: application/sdpfrag"],
    ] {
        let reply = request(server.port(), "POST", "/whep", headers, "v=0");
        assert_eq!(
            (reply.status, reply.header("accept-post")),
            (415, "application/sdp")
        );
    }
    let mut stream = connect(server.port());
    let head = format!(
        "POST /whep HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{SDP}\r\n{BEARER}\r\nContent-Length: 2\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"\xff\xfe").unwrap();
    assert_eq!(Reply::parse(&until_closed(stream)).status, 400);
}

#[test]
fn an_offer_of_64_kib_is_the_longest() {
    let (server, _) = start(|_| {});
    assert_eq!(post(server.port(), &"x".repeat(MAX_OFFER)).status, 201);
    let reply = post(server.port(), &"x".repeat(MAX_OFFER + 1));
    assert_eq!((reply.status, reply.header("connection")), (413, "close"));
    assert_eq!(post(server.port(), &"x".repeat(900_000)).status, 413);
}

#[test]
fn a_huge_body_is_cut_off() {
    let (server, bench) = start(|_| {});
    let mut stream = connect(server.port());
    let head = format!(
        "POST /whep HTTP/1.1\r\nHost: x\r\n{SDP}\r\n{BEARER}\r\nContent-Length: 1000000000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let part = [b'x'; 65_536];
    let mut sent = 0usize;
    // The server closes long before the gigabyte is through.
    while stream.write_all(&part).is_ok() {
        sent += part.len();
        assert!(sent < 100_000_000, "still taken");
    }
    assert!(bench.clients.lock().unwrap().is_empty());
    assert_eq!(post(server.port(), "v=0").status, 201);
}

#[test]
fn a_sender_that_is_too_slow_is_cut_off() {
    let short = Duration::from_millis(100);
    let (server, _) = start(|config| {
        config.limits.header = short;
        config.limits.body = short;
    });
    // Nothing, half a request line, half the headers: closed.
    for part in ["", "GET /", "GET / HTTP/1.1\r\nHost:"] {
        let mut stream = connect(server.port());
        stream.write_all(part.as_bytes()).unwrap();
        until_closed(stream);
    }
    // Half the body: told so, then closed.
    let mut stream = connect(server.port());
    let head = format!(
        "POST /whep HTTP/1.1\r\nHost: x\r\n{SDP}\r\n{BEARER}\r\nContent-Length: 10\r\n\r\nv=0"
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(Reply::parse(&until_closed(stream)).status, 408);
}

#[test]
fn an_idle_connection_is_closed() {
    let (server, _) = start(|config| config.limits.header = Duration::from_millis(100));
    let mut stream = connect(server.port());
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    let text = until_closed(stream);
    assert!(text.ends_with(PAGE), "{text}");
}

#[test]
fn a_connection_can_be_used_again() {
    let (server, _) = start(|_| {});
    let mut stream = connect(server.port());
    stream.write_all(b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let text = until_closed(stream);
    assert!(
        text.starts_with("HTTP/1.1 204") && text.ends_with(PAGE),
        "{text}"
    );
}

#[test]
fn a_connection_does_not_live_for_ever() {
    let (server, bench) = start(|config| {
        config.limits.connection = Duration::from_millis(100);
        config.limits.header = Duration::from_millis(100);
    });
    let events = watch(&bench);
    let mut stream = connect(server.port());
    let head = format!(
        "POST /whep HTTP/1.1\r\nHost: x\r\n{SDP}\r\n{BEARER}\r\nContent-Length: 5\r\n\r\nnever"
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(until_closed(stream), "");
    assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"));
    assert_eq!(events.recv_timeout(PATIENCE), Ok("dropped"));
}

fn watch(bench: &FakeBench) -> Receiver<&'static str> {
    let (sender, receiver) = channel();
    *bench.watcher.lock().unwrap() = Some(sender);
    receiver
}

#[test]
fn an_offer_whose_sender_goes_away_is_given_up() {
    let (server, bench) = start(|_| {});
    let events = watch(&bench);
    let mut stream = connect(server.port());
    let head = format!(
        "POST /whep HTTP/1.1\r\nHost: x\r\n{SDP}\r\n{BEARER}\r\nContent-Length: 5\r\n\r\nnever"
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"));
    drop(stream);
    assert_eq!(events.recv_timeout(PATIENCE), Ok("dropped"));
}

#[test]
fn more_connections_than_allowed_are_closed_at_once() {
    let (server, _) = start(|config| config.limits.connections = 2);
    // Each holds its place, which the response shows.
    let held: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = connect(server.port());
            stream
                .write_all(b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n")
                .unwrap();
            let mut first = [0; 12];
            stream.read_exact(&mut first).unwrap();
            assert_eq!(&first, b"HTTP/1.1 204");
            stream
        })
        .collect();
    assert_eq!(until_closed(connect(server.port())), "");
    // A place that was left is free again, as soon as the server has seen it.
    drop(held);
    let begun = Instant::now();
    loop {
        let mut stream = connect(server.port());
        let _ =
            stream.write_all(b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        if until_closed(stream).starts_with("HTTP/1.1 204") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "no place became free");
    }
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let (first, _) = start(|_| {});
    let mut config = config();
    config.port = first.port();
    let error = Server::start(config, Arc::new(FakeBench::default())).unwrap_err();
    assert!(matches!(error, HttpError::PortTaken(port) if port == first.port()));
    assert!(error.to_string().contains("choose another"), "{error}");
}

#[test]
fn an_address_of_another_machine_is_an_error() {
    let mut config = config();
    config.addresses = vec![IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1))];
    let error = Server::start(config, Arc::new(FakeBench::default())).unwrap_err();
    assert!(
        error.to_string().contains("not an address of this machine"),
        "{error}"
    );
}

#[test]
fn without_addresses_both_families_are_served() {
    let (server, bench) = start(|config| config.addresses.clear());
    assert_eq!(post(server.port(), "v=0").status, 201);
    // Not as ::ffff:127.0.0.1.
    assert_eq!(
        bench.clients.lock().unwrap()[0].ip(),
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    );
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok() {
        let mut stream = TcpStream::connect((Ipv6Addr::LOCALHOST, server.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        assert_eq!(Reply::parse(&until_closed(stream)).status, 200);
    }
}

#[test]
fn several_addresses_share_one_port() {
    let (server, _) = start(|config| {
        config
            .addresses
            .push(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)))
    });
    let other = TcpStream::connect(("127.0.0.2", server.port()));
    assert!(other.is_ok());
    assert_eq!(request(server.port(), "GET", "/", &[], "").status, 200);
}

#[test]
fn a_stopped_server_closes_its_connections_and_frees_the_port() {
    let (server, bench) = start(|_| {});
    let port = server.port();
    let events = watch(&bench);
    let idle = connect(port);
    let mut busy = connect(port);
    let head = format!(
        "POST /whep HTTP/1.1\r\nHost: x\r\n{SDP}\r\n{BEARER}\r\nContent-Length: 5\r\n\r\nnever"
    );
    busy.write_all(head.as_bytes()).unwrap();
    assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"));
    let begun = Instant::now();
    server.stop();
    assert!(begun.elapsed() < Duration::from_secs(5));
    until_closed(idle);
    until_closed(busy);
    assert_eq!(events.recv_timeout(PATIENCE), Ok("dropped"));
    // Free again; another test's port may be the same one only by chance.
    let again = Server::start(ServerConfig { port, ..config() }, bench).unwrap();
    assert_eq!(again.port(), port);
}

#[test]
fn stopping_an_idle_server_takes_no_time() {
    let (server, _) = start(|_| {});
    let _idle = connect(server.port());
    let begun = Instant::now();
    drop(server);
    assert!(
        begun.elapsed() < Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn garbage_is_refused_and_does_no_harm() {
    let (server, _) = start(|_| {});
    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"\r\n\r\n\r\n",
        b"GET\r\n\r\n",
        b"\0\0\0\0\0\0\0\0\r\n\r\n",
    ] {
        let mut stream = connect(server.port());
        stream.write_all(garbage).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        until_closed(stream);
    }
    let long = format!("X: {}", "y".repeat(100_000));
    let reply = request(server.port(), "GET", "/", &[&long], "");
    assert_eq!(reply.status, 431);
    assert_eq!(request(server.port(), "GET", "/", &[], "").status, 200);
}
