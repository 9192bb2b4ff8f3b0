//! `a=candidate` lines (RFC 8839, section 5.1).

use super::transport::is_ice_text;
use std::fmt;
use std::net::IpAddr;

/// A UDP candidate of component 1 with a real address: all that an agent can use here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    foundation: String,
    priority: u32,
    address: IpAddr,
    port: u16,
    kind: Kind,
    related: Option<(IpAddr, u16)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Host,
    ServerReflexive,
    PeerReflexive,
    Relayed,
}

impl Candidate {
    /// Reads what follows `a=candidate:`. `None` for what is of no use:
    /// - TCP: libnice asserts on some of it, and one UDP port is all that we open;
    /// - component 2: RTCP shares the port (RFC 5761);
    /// - names, also `.local` ones: 1.22 would look them up without us, and never finish. The
    ///   browser reaches us anyway, and its address is learnt from its checks;
    /// - addresses to which nothing is sent.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let foundation = words
            .next()
            .filter(|text| is_ice_text(text, 1, 32))?
            .to_owned();
        if words.next()? != "1" || !words.next()?.eq_ignore_ascii_case("udp") {
            return None;
        }
        let priority = words.next()?.parse().ok()?;
        let address = words.next()?.parse().ok().filter(is_reachable)?;
        let port = words.next()?.parse().ok().filter(|port| *port != 0)?;
        if words.next()? != "typ" {
            return None;
        }
        let kind = match words.next()? {
            "host" => Kind::Host,
            "srflx" => Kind::ServerReflexive,
            "prflx" => Kind::PeerReflexive,
            "relay" => Kind::Relayed,
            _ => return None,
        };
        let mut related = (None, None);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            match name {
                "raddr" => related.0 = value.parse().ok(),
                "rport" => related.1 = value.parse().ok(),
                // Extensions (generation, network-id, ufrag …) change nothing for us.
                _ => {}
            }
        }
        let related = related.0.zip(related.1);
        Some(Self {
            foundation,
            priority,
            address,
            port,
            kind,
            related,
        })
    }
}

fn is_reachable(address: &IpAddr) -> bool {
    let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !broadcast
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            foundation,
            priority,
            address,
            port,
            ..
        } = self;
        let kind = match self.kind {
            Kind::Host => "host",
            Kind::ServerReflexive => "srflx",
            Kind::PeerReflexive => "prflx",
            Kind::Relayed => "relay",
        };
        write!(
            f,
            "{foundation} 1 UDP {priority} {address} {port} typ {kind}"
        )?;
        match self.related {
            Some((address, port)) => write!(f, " raddr {address} rport {port}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_browsers_udp_candidate_is_kept_without_its_extensions() {
        let text = "2228470961 1 udp 2122194687 192.0.2.2 33300 typ host generation 0 network-id 1";
        let candidate = Candidate::parse(text).unwrap();
        assert_eq!(
            candidate.to_string(),
            "2228470961 1 UDP 2122194687 192.0.2.2 33300 typ host"
        );
    }

    #[test]
    fn the_base_of_a_reflexive_candidate_is_kept() {
        let text = "1 1 UDP 1 198.51.100.7 5000 typ srflx raddr 0.0.0.0 rport 0";
        assert_eq!(Candidate::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn what_the_agent_cannot_use_is_dropped() {
        for text in [
            "1 1 tcp 1 192.0.2.2 9 typ host tcptype active",
            "1 1 TCP 1 192.0.2.2 9 typ host",
            "1 2 UDP 1 192.0.2.2 5000 typ host",
            "1 1 UDP 1 a702dc94-7f46-4c4c-add9-4ccc21286ff6.local 5000 typ host",
            "1 1 UDP 1 example.com 5000 typ host",
            "1 1 UDP 1 0.0.0.0 5000 typ host",
            "1 1 UDP 1 239.1.1.1 5000 typ host",
            "1 1 UDP 1 ff02::1 5000 typ host",
            "1 1 UDP 1 255.255.255.255 5000 typ host",
            "1 1 UDP 1 192.0.2.2 0 typ host",
            "1 1 UDP 1 192.0.2.2 70000 typ host",
            "1 1 UDP -1 192.0.2.2 5000 typ host",
            "1 1 UDP 1 192.0.2.2 5000 typ",
            "1 1 UDP 1 192.0.2.2 5000 host",
            "",
        ] {
            assert_eq!(Candidate::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_dropped(text in "\\PC*") {
            let _ = Candidate::parse(&text);
        }

        #[test]
        fn what_is_written_is_read_again(a in any::<[u8; 4]>(), port: u16, priority: u32) {
            let address = std::net::Ipv4Addr::from(a);
            if let Some(candidate) = Candidate::parse(&format!("1 1 UDP {priority} {address} {port} typ host")) {
                prop_assert_eq!(Candidate::parse(&candidate.to_string()), Some(candidate));
            }
        }
    }
}
