//! The bench's name on the LAN: multicast DNS (RFC 6762), so that a page still finds the bench
//! whose address has changed since the code was made.
//!
//! In come the name, a port and the bench's addresses; out go announcements and answers on the
//! interfaces that have these addresses, and on no others. The bench is announced as a service
//! `_periscope._udp` as well (RFC 6763), for programs that look for benches. The element starts
//! one [`Publisher`], tells it when addresses change, and drops it. Without one all works but
//! names: whatever goes wrong here is a warning.

use mdns_sd::{IfKind, IfPredicate, ServiceDaemon, ServiceInfo};
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// The port of RFC 6762.
const PORT: u16 = 5353;

const SERVICE: &str = "_periscope._udp.local.";

/// Longest wait for the last words: a name that is not taken back is forgotten by others after
/// two minutes.
const FAREWELL: Duration = Duration::from_millis(500);

/// Why the name is not published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MdnsError {
    /// Another program keeps the port to itself.
    #[error(
        "the name {name} cannot be published, as UDP port {port} cannot be shared ({error}): \
         pages find this bench by its addresses only"
    )]
    Port {
        /// The bench's name.
        name: String,
        /// The port of multicast DNS.
        port: u16,
        /// What the system said.
        error: io::Error,
    },
    /// Anything else.
    #[error(
        "the name {name} cannot be published ({error}): pages find this bench by its addresses only"
    )]
    Daemon {
        /// The bench's name.
        name: String,
        /// What the library said.
        error: mdns_sd::Error,
    },
}

/// Publishes a name until dropped.
pub(crate) struct Publisher {
    /// With `.local`.
    name: String,
    /// The bench's port.
    port: u16,
    /// The port of multicast DNS.
    mdns_port: u16,
    addresses: Vec<IpAddr>,
    /// None after an error.
    responder: Option<Responder>,
}

impl Publisher {
    /// Publishes `name` (`….local`) with these addresses, and with the UDP port at which the
    /// bench waits for pages. Returns at once; the first announcement goes out soon after.
    pub(crate) fn start(name: &str, port: u16, addresses: &[IpAddr]) -> Result<Self, MdnsError> {
        Self::start_on(PORT, name, port, addresses)
    }

    fn start_on(
        mdns_port: u16,
        name: &str,
        port: u16,
        addresses: &[IpAddr],
    ) -> Result<Self, MdnsError> {
        let mut publisher = Self {
            name: name.to_owned(),
            port,
            mdns_port,
            addresses: addresses.to_vec(),
            responder: None,
        };
        publisher.respond()?;
        Ok(publisher)
    }

    /// Publishes these addresses from now on. Takes a few milliseconds, half a second at most.
    pub(crate) fn set_addresses(&mut self, addresses: &[IpAddr]) -> Result<(), MdnsError> {
        if self.addresses == addresses && self.responder.is_some() {
            return Ok(());
        }
        self.addresses = addresses.to_vec();
        self.respond()
    }

    fn respond(&mut self) -> Result<(), MdnsError> {
        // First its farewell, which would take back the new announcement.
        self.responder = None;
        // The library would go on without a socket and say nothing.
        try_port(self.mdns_port, &self.addresses).map_err(|error| MdnsError::Port {
            name: self.name.clone(),
            port: self.mdns_port,
            error,
        })?;
        let started = self
            .service()
            .and_then(|service| Responder::start(self.mdns_port, service, self.addresses.clone()));
        self.responder = Some(started.map_err(|error| MdnsError::Daemon {
            name: self.name.clone(),
            error,
        })?);
        Ok(())
    }

    fn service(&self) -> mdns_sd::Result<ServiceInfo> {
        let host = self.name.strip_suffix(".local").unwrap_or(&self.name);
        // Two benches of one user have one name, but not one port.
        let instance = format!("{host}-{}", self.port);
        let addresses = self.addresses.as_slice();
        let name = format!("{}.", self.name);
        let mut service = ServiceInfo::new(SERVICE, &instance, &name, addresses, self.port, None)?;
        // The name is made from a certificate: whoever else has it is the same bench. And a bench
        // that were given another name could not be found by it.
        service.set_requires_probe(false);
        Ok(service)
    }
}

/// The library's thread and sockets, for one set of addresses: when an interface gets another
/// address, a running one would go on with the old one for seconds, and be unheard.
struct Responder(ServiceDaemon);

impl Responder {
    fn start(
        mdns_port: u16,
        service: ServiceInfo,
        addresses: Vec<IpAddr>,
    ) -> mdns_sd::Result<Self> {
        let responder = Self(ServiceDaemon::new_with_port(mdns_port)?);
        let is_chosen = IfPredicate::new(move |interface| addresses.contains(&interface.ip()));
        responder.0.disable_interface(IfKind::All)?;
        responder.0.enable_interface(IfKind::Predicate(is_chosen))?;
        responder.0.register(service)?;
        Ok(responder)
    }
}

/// Takes the name back and ends the thread.
impl Drop for Responder {
    fn drop(&mut self) {
        if let Ok(done) = self.0.shutdown() {
            let _ = done.recv_timeout(FAREWELL);
        }
    }
}

/// Whether the port can be shared with whoever has it already, for each family of addresses.
fn try_port(port: u16, addresses: &[IpAddr]) -> io::Result<()> {
    let try_bind = |domain, any: IpAddr| {
        let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        if any.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&SocketAddr::new(any, port).into())
    };
    if addresses.iter().any(IpAddr::is_ipv4) {
        try_bind(Domain::IPV4, Ipv4Addr::UNSPECIFIED.into())?;
    }
    if addresses.iter().any(IpAddr::is_ipv6) {
        try_bind(Domain::IPV6, Ipv6Addr::UNSPECIFIED.into())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mdns_sd::HostnameResolutionEvent;
    use std::collections::HashSet;
    use std::net::UdpSocket;
    use std::time::Instant;

    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    /// An address that the loopback interface answers to as well.
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

    /// Somebody else on the LAN, which is the loopback interface.
    struct Resolver(ServiceDaemon);

    impl Resolver {
        fn new(port: u16) -> Self {
            let daemon = ServiceDaemon::new_with_port(port).unwrap();
            daemon.disable_interface(IfKind::All).unwrap();
            daemon.enable_interface(IfKind::LoopbackV4).unwrap();
            Self(daemon)
        }

        /// The addresses of a name, as soon as they are `enough` or five seconds are over.
        fn resolve(
            &self,
            name: &str,
            enough: impl Fn(&HashSet<IpAddr>) -> bool,
        ) -> HashSet<IpAddr> {
            self.resolve_within(5000, name, enough)
        }

        fn resolve_within(
            &self,
            milliseconds: u64,
            name: &str,
            enough: impl Fn(&HashSet<IpAddr>) -> bool,
        ) -> HashSet<IpAddr> {
            let name = format!("{name}.");
            let events = self.0.resolve_hostname(&name, Some(milliseconds)).unwrap();
            let mut known = HashSet::new();
            while let Ok(event) = events.recv_timeout(Duration::from_secs(6)) {
                match event {
                    HostnameResolutionEvent::AddressesFound(_, addresses) => {
                        known.extend(addresses.iter().map(|address| address.to_ip_addr()));
                    }
                    HostnameResolutionEvent::AddressesRemoved(_, addresses) => {
                        for address in addresses {
                            known.remove(&address.to_ip_addr());
                        }
                    }
                    HostnameResolutionEvent::SearchTimeout(_) => break,
                    _ => {}
                }
                if enough(&known) {
                    break;
                }
            }
            self.0.stop_resolve_hostname(&name).unwrap();
            known
        }
    }

    impl Drop for Resolver {
        fn drop(&mut self) {
            let done = self.0.shutdown().unwrap();
            let _ = done.recv_timeout(FAREWELL);
        }
    }

    /// A port of multicast DNS that no other test has.
    fn free_port() -> u16 {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.local_addr().unwrap().port()
    }

    #[test]
    fn a_name_is_answered_with_the_address() {
        let port = free_port();
        let name = "periscope-00000001.local";
        let publisher = Publisher::start_on(port, name, 8080, &[LOOPBACK]).unwrap();
        let resolver = Resolver::new(port);
        let known = resolver.resolve(name, |known| !known.is_empty());
        assert_eq!(known, HashSet::from([LOOPBACK]));
        drop(publisher);
    }

    #[test]
    fn a_new_address_is_published_in_place_of_the_old_one() {
        let port = free_port();
        let name = "periscope-00000002.local";
        let mut publisher = Publisher::start_on(port, name, 8080, &[LOOPBACK, OTHER]).unwrap();
        let resolver = Resolver::new(port);
        let both = HashSet::from([LOOPBACK, OTHER]);
        assert_eq!(resolver.resolve(name, |known| *known == both), both);
        publisher.set_addresses(&[LOOPBACK]).unwrap();
        let only = HashSet::from([LOOPBACK]);
        assert_eq!(resolver.resolve(name, |known| *known == only), only);
    }

    #[test]
    fn a_name_is_taken_back_at_the_end() {
        let port = free_port();
        let name = "periscope-00000003.local";
        let publisher = Publisher::start_on(port, name, 8080, &[LOOPBACK]).unwrap();
        let resolver = Resolver::new(port);
        let events = resolver
            .0
            .resolve_hostname(&format!("{name}."), None)
            .unwrap();
        let mut publisher = Some(publisher);
        let gone =
            std::iter::from_fn(|| events.recv_timeout(Duration::from_secs(5)).ok()).find(|event| {
                match event {
                    HostnameResolutionEvent::AddressesFound(..) => {
                        publisher = None;
                        false
                    }
                    HostnameResolutionEvent::AddressesRemoved(..) => true,
                    _ => false,
                }
            });
        assert!(publisher.is_none() && gone.is_some());
    }

    #[test]
    fn an_interface_without_one_of_the_addresses_hears_nothing() {
        let port = free_port();
        let name = "periscope-00000004.local";
        // In the network of the loopback interface, but not its address.
        let mut publisher = Publisher::start_on(port, name, 8080, &[OTHER]).unwrap();
        let resolver = Resolver::new(port);
        let known = resolver.resolve_within(500, name, |known| !known.is_empty());
        assert_eq!(known, HashSet::new());
        publisher.set_addresses(&[LOOPBACK]).unwrap();
        let known = resolver.resolve(name, |known| !known.is_empty());
        assert_eq!(known, HashSet::from([LOOPBACK]));
    }

    #[test]
    fn a_port_that_somebody_keeps_is_a_warning_in_words() {
        let keeper = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = keeper.local_addr().unwrap().port();
        let started = Publisher::start_on(port, "periscope-00000005.local", 8080, &[LOOPBACK]);
        let error = started.err().unwrap().to_string();
        assert!(error.contains("cannot be shared"), "{error}");
        assert!(error.contains("by its addresses only"), "{error}");
    }

    #[test]
    fn the_end_does_not_take_long() {
        let publisher =
            Publisher::start_on(free_port(), "periscope-00000006.local", 8080, &[LOOPBACK]);
        let begun = Instant::now();
        drop(publisher.unwrap());
        assert!(begun.elapsed() < FAREWELL * 2, "{:?}", begun.elapsed());
    }
}
