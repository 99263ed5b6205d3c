//! Where to dial, and how far that may reach.

use std::sync::Arc;

use url::{Host, Url};

use crate::Network;

/// How far a destination may reach, decided by who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Named by the operator in configuration, or by the user for the own command line: dialled as it
    /// is written, loopback and private addresses included.
    Exactly,
    /// Named by anything else: only addresses of the public internet, and ranges that the operator opened.
    Public {
        /// Private ranges that are open all the same.
        allow_private: Arc<[Network]>,
    },
}

/// A host and port that can be dialled, with or without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    pub(crate) reach: Reach,
}

impl Destination {
    /// The destination of an http or https address. Its path, query and login are not looked at.
    ///
    /// # Errors
    /// [`BadDestination`] for other schemes and for addresses without a host.
    pub fn of(address: &Url, reach: Reach) -> Result<Self, BadDestination> {
        let tls = match address.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(BadDestination),
        };
        let host = address.host().ok_or(BadDestination)?.to_owned();
        let port = address.port_or_known_default().ok_or(BadDestination)?;
        Ok(Self { host, port, tls, reach })
    }

    /// What stands in the `Host` header: the port only where it is not the usual one.
    pub fn authority(&self) -> String {
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual { self.host.to_string() } else { format!("{}:{}", self.host, self.port) }
    }

    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Whether the host is written as a loopback address or as localhost.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        }
    }
}

/// Not an http or https address with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an address that begins with http:// or https:// and names a host")]
pub struct BadDestination;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_give_host_port_and_scheme() {
        for (text, authority, tls, loopback) in [
            ("https://api.example.com/v1", "api.example.com", true, false),
            ("http://127.0.0.1:11434", "127.0.0.1:11434", false, true),
            ("https://[::1]:8443/x", "[::1]:8443", true, true),
            ("http://localhost", "localhost", false, true),
            ("https://user:pass@h.example:443", "h.example", true, false),
        ] {
            let destination = Destination::of(&text.parse().expect(text), Reach::Exactly).expect(text);
            assert_eq!(
                (destination.authority().as_str(), destination.is_tls(), destination.is_loopback()),
                (authority, tls, loopback)
            );
        }
        for wrong in ["ftp://h", "file:///etc/passwd", "unix:/x"] {
            assert_eq!(Destination::of(&wrong.parse().expect(wrong), Reach::Exactly), Err(BadDestination));
        }
    }
}
