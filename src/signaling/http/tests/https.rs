//! https on the port of http: TLS clients of all kinds, most of them no good.

use super::*;
use std::net::Shutdown;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    self, ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, SignatureScheme,
    StreamOwned, SupportedProtocolVersion,
};

/// The first bytes of a handshake record that is not followed by one (RFC 8446, section 5.1).
const RECORD: [u8; 5] = [0x16, 3, 1, 1, 0];

type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A person's exception: this certificate, whatever it is for, and no other.
#[derive(Debug)]
struct Exception {
    certificate: Vec<u8>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exception {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match **shown == *self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(rustls::Error::General("another certificate".into())),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, shown, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        shown: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, shown, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// What a browser would say next.
fn client(version: &'static SupportedProtocolVersion, protocols: &[&str]) -> ClientConnection {
    let provider = Arc::new(ring::default_provider());
    let exception = Exception {
        certificate: config().certificate.certificate,
        provider: provider.clone(),
    };
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(exception))
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| (*name).into()).collect();
    let name = ServerName::try_from("bench.local").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap()
}

fn connect_tls(port: u16) -> Tls {
    StreamOwned::new(client(&TLS13, &["h2", "http/1.1"]), connect(port))
}

fn get(port: u16) -> Reply {
    request_on(connect_tls(port), "GET", "/", &[], "")
}

/// The first message of a client.
fn client_hello() -> Vec<u8> {
    let mut hello = Vec::new();
    client(&TLS13, &["http/1.1"]).write_tls(&mut hello).unwrap();
    hello
}

/// Waits until the server closes the connection, whatever it says before.
fn read_to_the_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("not closed: {error}"),
    }
    bytes
}

/// Waits until the server cuts a connection off, with or without a good-bye.
fn is_cut_off(mut stream: Tls) {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    assert!(bytes.is_empty(), "{bytes:?}");
}

/// The page by https, as it is by http.
fn is_served(port: u16) {
    let reply = get(port);
    assert_eq!((reply.status, reply.body.as_str()), (200, PAGE));
}

#[test]
fn the_page_comes_by_http_and_https_on_one_port_with_the_same_headers() {
    let (server, _) = start(|_| {});
    let plain = request(server.port(), "GET", "/", &[], "");
    let secure = get(server.port());
    assert_eq!((secure.status, secure.body.as_str()), (200, PAGE));
    let without_date = |mut reply: Reply| {
        reply.headers.remove("date");
        reply.headers
    };
    let headers = without_date(secure);
    assert!(headers["content-security-policy"].contains("script-src 'sha256-"));
    // A browser that knew it would not let a person make an exception.
    assert!(!headers.contains_key("strict-transport-security"));
    assert_eq!(headers, without_date(plain));
}

#[test]
fn an_offer_by_https_is_answered_with_a_session_that_ends_by_https() {
    let (server, bench) = start(|_| {});
    let port = server.port();
    let reply = request_on(connect_tls(port), "POST", "/whep", &[SDP, BEARER], "v=0");
    assert_eq!((reply.status, reply.body.as_str()), (201, "answer to 3"));
    // Without a scheme: it is that of the request (RFC 3986, section 4.2).
    let location = reply.header("location");
    assert_eq!(location, "/whep/s-1_A");
    let client = bench.clients.lock().unwrap()[0];
    assert_eq!(client.ip(), IpAddr::V4(Ipv4Addr::LOCALHOST));
    let ended = request_on(connect_tls(port), "DELETE", location, &[BEARER], "");
    assert_eq!(ended.status, 200);
    let refused = request_on(connect_tls(port), "POST", "/whep", &[SDP], "v=0");
    assert_eq!(refused.status, 401);
}

#[test]
fn tls_1_2_and_1_3_are_spoken_and_http_1_1_is_chosen() {
    let (server, _) = start(|_| {});
    for (version, number) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let client = client(version, &["h2", "http/1.1"]);
        let mut stream = StreamOwned::new(client, connect(server.port()));
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).unwrap();
        }
        assert_eq!(stream.conn.protocol_version(), Some(number));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        assert_eq!(request_on(stream, "GET", "/", &[], "").status, 200);
    }
    // Programs that do not choose are served, too.
    let stream = StreamOwned::new(client(&TLS13, &[]), connect(server.port()));
    assert_eq!(request_on(stream, "GET", "/", &[], "").status, 200);
}

#[test]
fn a_connection_by_https_can_be_used_again() {
    let (server, _) = start(|_| {});
    let mut stream = connect_tls(server.port());
    stream.write_all(b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let text = until_closed(stream);
    assert!(
        text.starts_with("HTTP/1.1 204") && text.ends_with(PAGE),
        "{text}"
    );
}

#[test]
fn two_hundred_refused_handshakes_do_no_harm() {
    // None of them may keep its place.
    let (server, _) = start(|config| config.limits.connections = 16);
    let port = server.port();
    let hello = client_hello();
    // RFC 8446, section 6: fatal, unknown_ca; what browsers say on the first visit.
    let alert = [0x15, 3, 3, 0, 2, 2, 48];
    for number in 0..200 {
        let mut stream = connect(port);
        if number % 5 != 4 {
            stream.write_all(&hello).unwrap();
            // The ServerHello: it was our turn, and it was taken.
            let mut header = [0; 5];
            stream.read_exact(&mut header).unwrap();
            assert_eq!(header[0], 0x16);
        }
        match number % 5 {
            0 => {}
            1 => stream.write_all(&alert).unwrap(),
            2 => stream.write_all(&[0xff; 500]).unwrap(),
            3 => stream.shutdown(Shutdown::Write).unwrap(),
            _ => {
                stream.write_all(&RECORD).unwrap();
                stream.write_all(&[0xff; 256]).unwrap();
            }
        }
        // Where the client has not gone away by itself, the server closes.
        if number % 5 != 0 {
            read_to_the_end(&mut stream);
        }
        drop(stream);
        if number % 50 == 0 {
            assert_eq!(request(port, "GET", "/", &[], "").status, 200);
        }
    }
    is_served(port);
}

#[test]
fn garbage_behind_the_first_byte_gets_an_alert() {
    let (server, _) = start(|_| {});
    for garbage in [
        &[0x16; 64][..],
        b"\x16GET / HTTP/1.1\r\n\r\n",
        &[0x16, 0, 0],
    ] {
        let mut stream = connect(server.port());
        stream.write_all(garbage).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let said = read_to_the_end(&mut stream);
        assert!(said.is_empty() || said[0] == 0x15, "{said:?}");
    }
    is_served(server.port());
}

#[test]
fn a_client_without_a_common_version_or_protocol_is_refused() {
    let (server, _) = start(|_| {});
    // HTTP/2 alone.
    let mut stream = StreamOwned::new(client(&TLS13, &["h2"]), connect(server.port()));
    let error = stream.write_all(b"x").unwrap_err().to_string();
    assert!(error.contains("NoApplicationProtocol"), "{error}");
    // TLS 1.0 alone: legacy_version, and no extension supported_versions.
    let body = [&[3, 1][..], &[7; 32], &[0], &[0, 2, 0xc0, 0x09], &[1, 0]].concat();
    let mut hello = vec![
        0x16,
        3,
        1,
        0,
        4 + body.len() as u8,
        1,
        0,
        0,
        body.len() as u8,
    ];
    hello.extend(body);
    let mut stream = connect(server.port());
    stream.write_all(&hello).unwrap();
    assert_eq!(read_to_the_end(&mut stream)[0], 0x15);
    is_served(server.port());
}

#[test]
fn fifty_slow_clients_do_not_keep_another_one_waiting() {
    let (server, _) = start(|_| {});
    let port = server.port();
    let hello = client_hello();
    let mut slow: Vec<TcpStream> = (0..50).map(|_| connect(port)).collect();
    // Byte by byte, and a whole page for somebody else after each of them.
    for byte in &hello[..10] {
        for stream in &mut slow {
            stream.write_all(&[*byte]).unwrap();
        }
        is_served(port);
    }
    // They were not forgotten.
    for stream in &mut slow {
        stream.write_all(&hello[10..]).unwrap();
        let mut first = [0];
        stream.read_exact(&mut first).unwrap();
        assert_eq!(first, [0x16]);
    }
    is_served(port);
}

#[test]
fn a_handshake_that_is_too_slow_is_cut_off() {
    let (server, _) = start(|config| config.limits.handshake = Duration::from_millis(100));
    let hello = client_hello();
    // The first byte, half a message, and all of it without the client's turn after it.
    for length in [1, hello.len() / 2, hello.len()] {
        let mut stream = connect(server.port());
        stream.write_all(&hello[..length]).unwrap();
        read_to_the_end(&mut stream);
    }
    let plain = request(server.port(), "GET", "/", &[], "");
    assert_eq!(plain.status, 200);
}

#[test]
fn a_sender_by_https_that_is_too_slow_is_cut_off() {
    let (server, _) = start(|config| {
        // Long enough for a handshake on a loaded machine.
        config.limits.header = Duration::from_millis(500);
        config.limits.body = Duration::from_millis(100);
    });
    for part in ["", "GET /", "GET / HTTP/1.1\r\nHost:"] {
        let mut stream = connect_tls(server.port());
        stream.write_all(part.as_bytes()).unwrap();
        is_cut_off(stream);
    }
    let mut stream = connect_tls(server.port());
    let head = format!(
        "POST /whep HTTP/1.1\r\nHost: x\r\n{SDP}\r\n{BEARER}\r\nContent-Length: 10\r\n\r\nv=0"
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(Reply::parse(&until_closed(stream)).status, 408);
}

#[test]
fn a_connection_by_https_does_not_live_for_ever() {
    let (server, bench) = start(|config| {
        config.limits.connection = Duration::from_secs(1);
        config.limits.header = Duration::from_millis(500);
    });
    let events = watch(&bench);
    let mut stream = connect_tls(server.port());
    let head = format!(
        "POST /whep HTTP/1.1\r\nHost: x\r\n{SDP}\r\n{BEARER}\r\nContent-Length: 5\r\n\r\nnever"
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"));
    assert_eq!(events.recv_timeout(PATIENCE), Ok("dropped"));
    is_cut_off(stream);
}

#[test]
fn the_handshake_counts_towards_the_life_of_a_connection() {
    let (server, _) = start(|config| config.limits.connection = Duration::from_millis(100));
    let mut silent = connect(server.port());
    let mut half = connect(server.port());
    half.write_all(&client_hello()[..20]).unwrap();
    read_to_the_end(&mut silent);
    read_to_the_end(&mut half);
}

#[test]
fn who_has_not_finished_the_handshake_holds_a_place() {
    let (server, _) = start(|config| config.limits.connections = 2);
    let port = server.port();
    let held: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = connect(port);
            stream.write_all(&client_hello()).unwrap();
            let mut first = [0];
            stream.read_exact(&mut first).unwrap();
            stream
        })
        .collect();
    assert!(read_to_the_end(&mut connect(port)).is_empty());
    drop(held);
    let begun = Instant::now();
    loop {
        let mut stream = connect(port);
        let _ =
            stream.write_all(b"GET /favicon.ico HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        if read_to_the_end(&mut stream).starts_with(b"HTTP/1.1 204") {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "no place became free");
    }
    is_served(port);
}

#[test]
fn a_browser_that_goes_away_by_https_ends_its_offer() {
    let (server, bench) = start(|_| {});
    let events = watch(&bench);
    let mut stream = connect_tls(server.port());
    let head = format!(
        "POST /whep HTTP/1.1\r\nHost: x\r\n{SDP}\r\n{BEARER}\r\nContent-Length: 5\r\n\r\nnever"
    );
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(events.recv_timeout(PATIENCE), Ok("asked"));
    drop(stream);
    assert_eq!(events.recv_timeout(PATIENCE), Ok("dropped"));
}

#[test]
fn many_are_served_by_http_and_https_at_once() {
    let (server, _) = start(|_| {});
    let port = server.port();
    std::thread::scope(|scope| {
        for number in 0..32 {
            scope.spawn(move || {
                for _ in 0..4 {
                    match number % 2 {
                        0 => is_served(port),
                        _ => assert_eq!(request(port, "GET", "/", &[], "").status, 200),
                    }
                }
            });
        }
    });
}

#[test]
fn a_server_that_stops_waits_for_no_handshake() {
    let (server, _) = start(|_| {});
    let mut half = connect(server.port());
    half.write_all(&client_hello()[..20]).unwrap();
    let mut idle = connect_tls(server.port());
    idle.conn.complete_io(&mut idle.sock).unwrap();
    let begun = Instant::now();
    drop(server);
    assert!(
        begun.elapsed() < Duration::from_millis(900),
        "{:?}",
        begun.elapsed()
    );
    read_to_the_end(&mut half);
    assert_eq!(until_closed(idle), "");
}

#[test]
fn a_key_of_another_certificate_is_an_error() {
    let mut config = config();
    let (other, _) = Identity::open(Source::None, UNIX_EPOCH).unwrap();
    config.certificate.key = other.tls_certificate().key;
    let error = Server::start(config, Arc::new(FakeBench::default())).unwrap_err();
    assert!(matches!(error, HttpError::Certificate(_)), "{error}");
}

#[test]
fn debugging_output_does_not_show_the_key_of_the_certificate() {
    let shown = format!("{:?}", config().certificate);
    assert_eq!(shown, "TlsCertificate { .. }");
}
