//! Where the page is, as a person and a program are told.

use std::net::{IpAddr, SocketAddr};

use crate::signaling::fingerprint::Fingerprint;

/// What the page's addresses are made of. Pure.
#[derive(Debug)]
pub(super) struct Page<'a> {
    /// The addresses of this host, best first.
    pub(super) addresses: &'a [IpAddr],
    pub(super) port: u16,
    pub(super) key: &'a str,
    /// The bench's name on the LAN, if it is published.
    pub(super) name: Option<&'a str>,
    /// Of the certificate that browsers see.
    pub(super) fingerprint: &'a Fingerprint,
    /// Whether the certificate is the same one after a restart.
    pub(super) is_kept: bool,
}

impl Page<'_> {
    /// The addresses, best first; the name comes last, for not every viewer finds it.
    pub(super) fn urls(&self, scheme: &str) -> Vec<String> {
        let addresses = self
            .addresses
            .iter()
            .map(|address| SocketAddr::new(*address, self.port).to_string());
        let name = self.name.map(|name| format!("{name}:{}", self.port));
        addresses
            .chain(name)
            .map(|host| format!("{scheme}://{host}/#{}", self.key))
            .collect()
    }

    /// What to know before opening one of the addresses with https.
    pub(super) fn note(&self) -> String {
        let how_often = match self.is_kept {
            true => "the first time",
            false => "after each start of the bench, for its identity is not kept",
        };
        format!(
            "https is for talking: browsers give the microphone to no page from http. They warn \
             {how_often}, because only the bench itself vouches for its certificate, which has the \
             fingerprint {}",
            self.fingerprint
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const ADDRESSES: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::new(192, 168, 1, 20)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)),
    ];

    fn page<'a>(name: Option<&'a str>, fingerprint: &'a Fingerprint) -> Page<'a> {
        Page {
            addresses: &ADDRESSES,
            port: 8080,
            key: "lab-7",
            name,
            fingerprint,
            is_kept: true,
        }
    }

    #[test]
    fn each_address_is_told_with_port_and_key_and_the_name_last() {
        let fingerprint = Fingerprint::sha256(&[0; 32]);
        let urls = page(Some("periscope-01234567.local"), &fingerprint).urls("https");
        assert_eq!(
            urls,
            [
                "https://192.168.1.20:8080/#lab-7",
                "https://[fd00::1]:8080/#lab-7",
                "https://periscope-01234567.local:8080/#lab-7"
            ]
        );
        let urls = page(None, &fingerprint).urls("http");
        assert_eq!(urls[..1], ["http://192.168.1.20:8080/#lab-7"]);
        assert_eq!(urls.len(), 2);
    }

    #[test]
    fn the_note_says_what_https_is_for_and_how_to_know_the_certificate() {
        let fingerprint = Fingerprint::sha256(&[0xab; 32]);
        let mut page = page(None, &fingerprint);
        let note = page.note();
        assert!(note.contains("microphone"), "{note}");
        assert!(note.contains("warn the first time"), "{note}");
        assert!(note.ends_with(&format!("sha-256 AB{}", ":AB".repeat(31))));
        assert_eq!(note.lines().count(), 1);
        page.is_kept = false;
        assert!(page.note().contains("after each start"), "{}", page.note());
    }
}
