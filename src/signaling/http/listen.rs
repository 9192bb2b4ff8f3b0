//! Listening on a port.

use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 128;

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Somebody else listens there.
    #[error("port {0} is taken by another program: stop that one, or choose another port")]
    PortTaken(u16),
    /// Ports below 1024 are for root.
    #[error("port {0} is not for ordinary users: choose one from 1024 on")]
    Permission(u16),
    /// The address is none of this machine.
    #[error("{0} is not an address of this machine: “ip address” lists them")]
    Address(IpAddr),
    /// Anything else.
    #[error("cannot listen for browsers on {address}: {error}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// No threads for the server.
    #[error("cannot start the threads of the page's server: {0}")]
    Threads(io::Error),
    /// The certificate cannot be shown, or its key cannot sign.
    #[error("the bench's certificate is of no use for https: {0}")]
    Certificate(tokio_rustls::rustls::Error),
}

/// Listens on all of `addresses`, or, if there are none, on every address of either family; all
/// on the same port; 0 lets the system choose.
pub(super) fn listen(addresses: &[IpAddr], mut port: u16) -> Result<Vec<TcpListener>, HttpError> {
    if addresses.is_empty() {
        return listen_everywhere(port).map(|listener| vec![listener]);
    }
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = bind(SocketAddr::new(*address, port), true)
            .map_err(|error| explain(*address, port, error))?;
        // The system has chosen for the first one; the others follow.
        port = listener.local_addr().map_or(port, |address| address.port());
        listeners.push(listener);
    }
    Ok(listeners)
}

/// One socket for both families, or only IPv4 where the system has no IPv6.
fn listen_everywhere(port: u16) -> Result<TcpListener, HttpError> {
    let (v6, v4) = (
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    );
    match bind(SocketAddr::new(v6, port), false) {
        Ok(listener) => Ok(listener),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
            ) =>
        {
            Err(explain(v6, port, error))
        }
        Err(_) => bind(SocketAddr::new(v4, port), false).map_err(|error| explain(v4, port, error)),
    }
}

fn bind(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // A restart must not wait for the last connections to be forgotten. (On Windows the option
    // would let two programs share a port.)
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn explain(address: IpAddr, port: u16, error: io::Error) -> HttpError {
    match error.kind() {
        io::ErrorKind::AddrInUse => HttpError::PortTaken(port),
        io::ErrorKind::PermissionDenied => HttpError::Permission(port),
        io::ErrorKind::AddrNotAvailable => HttpError::Address(address),
        _ => HttpError::Listen {
            address: SocketAddr::new(address, port),
            error,
        },
    }
}
