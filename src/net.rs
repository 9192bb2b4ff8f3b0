//! Which of this host's addresses a viewer on the LAN can reach.
//!
//! Pure choice apart from one call to the system. ICE candidates and the page's
//! address come from here, so that both name the same interfaces.

use std::net::IpAddr;

/// One address of one network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
}

/// Prefixes of interfaces that lead to containers and virtual machines of this
/// host, not to a LAN: a candidate on them only costs connection time.
const VIRTUAL: &[&str] = &[
    "docker", "br-", "veth", "virbr", "vnet", "vmnet", "vboxnet", "lxc", "lxd", "cni", "flannel",
    "cali", "podman", "tap", "ifb", "dummy",
];

/// The addresses to offer to viewers, best first.
///
/// `chosen` are the addresses that the user named (property `address`): only these
/// are used, whatever they belong to. Otherwise the addresses of real interfaces
/// are taken; if there is none, those of virtual ones (inside a container the only
/// interface is such a one); if there is none, loopback, so that a host without any
/// network still shows its pipeline to its own browser.
pub(crate) fn lan_addresses(interfaces: &[Interface], chosen: &[IpAddr]) -> Vec<IpAddr> {
    if !chosen.is_empty() {
        return chosen.to_vec();
    }
    let reachable: Vec<&Interface> = interfaces
        .iter()
        .filter(|i| !i.address.is_loopback() && !i.address.is_unspecified())
        .collect();
    let real: Vec<&Interface> = reachable
        .iter()
        .copied()
        .filter(|i| !VIRTUAL.iter().any(|prefix| i.name.starts_with(prefix)))
        .collect();
    let candidates = if real.is_empty() { reachable } else { real };

    let mut addresses: Vec<IpAddr> = candidates
        .iter()
        .map(|i| i.address)
        .filter(|a| !is_link_local(a))
        .collect();
    if addresses.is_empty() {
        // IPv4 link-local is what two hosts on one cable give themselves. IPv6
        // link-local needs a zone, which neither a URL nor a candidate can carry.
        addresses = candidates
            .iter()
            .map(|i| i.address)
            .filter(IpAddr::is_ipv4)
            .collect();
    }
    if addresses.is_empty() {
        addresses = interfaces
            .iter()
            .map(|i| i.address)
            .filter(IpAddr::is_loopback)
            .collect();
    }
    // IPv4 first: it is what people read aloud and type.
    addresses.sort_by_key(IpAddr::is_ipv6);
    addresses.dedup();
    addresses
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => a.is_link_local(),
        IpAddr::V6(a) => a.is_unicast_link_local(),
    }
}

/// The addresses to offer to viewers right now; none if the system cannot list any.
pub(crate) fn addresses_of_now(chosen: &[IpAddr]) -> Vec<IpAddr> {
    lan_addresses(&interfaces().unwrap_or_default(), chosen)
}

/// The interfaces that are up, as the system reports them.
pub(crate) fn interfaces() -> std::io::Result<Vec<Interface>> {
    Ok(if_addrs::get_if_addrs()?
        .into_iter()
        .filter(if_addrs::Interface::is_oper_up)
        .map(|i| Interface {
            address: i.ip(),
            name: i.name,
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, address: &str) -> Interface {
        Interface {
            name: name.into(),
            address: address.parse().expect("an address"),
        }
    }

    fn addresses(list: &[&str]) -> Vec<IpAddr> {
        list.iter()
            .map(|a| a.parse().expect("an address"))
            .collect()
    }

    #[test]
    fn containers_and_loopback_are_left_out() {
        let found = lan_addresses(
            &[
                interface("lo", "127.0.0.1"),
                interface("docker0", "172.17.0.1"),
                interface("veth12ab", "169.254.3.4"),
                interface("wlan0", "fd00::5"),
                interface("eth0", "192.168.1.20"),
                interface("eth0", "fe80::1"),
            ],
            &[],
        );
        assert_eq!(found, addresses(&["192.168.1.20", "fd00::5"]));
    }

    #[test]
    fn the_only_interface_of_a_container_is_used() {
        let found = lan_addresses(
            &[interface("lo", "127.0.0.1"), interface("veth0", "10.0.0.2")],
            &[],
        );
        assert_eq!(found, addresses(&["10.0.0.2"]));
    }

    #[test]
    fn two_hosts_on_one_cable_use_link_local_addresses() {
        let found = lan_addresses(
            &[
                interface("eth0", "169.254.7.7"),
                interface("eth0", "fe80::7"),
            ],
            &[],
        );
        assert_eq!(found, addresses(&["169.254.7.7"]));
    }

    #[test]
    fn a_host_without_a_network_falls_back_to_loopback() {
        let found = lan_addresses(&[interface("lo", "127.0.0.1")], &[]);
        assert_eq!(found, addresses(&["127.0.0.1"]));
    }

    #[test]
    fn addresses_that_the_user_names_are_the_only_ones() {
        let found = lan_addresses(
            &[interface("eth0", "192.168.1.20")],
            &addresses(&["172.17.0.1"]),
        );
        assert_eq!(found, addresses(&["172.17.0.1"]));
    }
}
