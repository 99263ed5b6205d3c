//! The address of a server, checked once.

use std::fmt;

use url::{Host, Url};

/// The origin of a server: scheme, host and port, and nothing else.
///
/// Credentials are kept and sent by this value, so two servers are the same exactly when it is equal.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ServerUrl(Url);

/// Whether a server that is not on this machine may be spoken to without TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainText {
    /// Only on this machine.
    LoopbackOnly,
    /// Anywhere: the caller was told to.
    Anywhere,
}

impl ServerUrl {
    /// Reads the address of a server.
    ///
    /// # Errors
    /// [`BadServer`] when it is no http or https origin, or would send credentials in the clear.
    pub fn parse(text: &str, plain_text: PlainText) -> Result<Self, BadServer> {
        let parsed = Url::parse(text);
        let is_http = parsed.as_ref().is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if let Some(meant) = without_scheme(text).filter(|_| !is_http) {
            return Err(BadServer::NoScheme { meant: meant.to_string() });
        }
        let url = parsed.map_err(|source| BadServer::NotAUrl { source })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(BadServer::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadServer::Credential);
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(BadServer::NotAnOrigin { origin: url.origin().ascii_serialization() });
        }
        let server = Self(url);
        if server.0.scheme() == "http" && plain_text == PlainText::LoopbackOnly && !server.is_loopback() {
            return Err(BadServer::PlainText { origin: server.to_string() });
        }
        Ok(server)
    }

    /// Whether the server is on this machine, as far as its address says.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }

    /// The host as it stands in the address, an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// The host and port that are dialled.
    pub fn authority(&self) -> String {
        format!("{}:{}", self.host(), self.0.port_or_known_default().unwrap_or_default())
    }

    /// The address as a URL, which ends in a slash.
    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

/// The server that is meant by an address without a scheme. Only what looks like a host, and not like a
/// credential, may be repeated.
fn without_scheme(text: &str) -> Option<ServerUrl> {
    if text.len() > LONGEST_GUESS || text.contains("://") {
        return None;
    }
    let (plain, tls) = (format!("http://{text}"), format!("https://{text}"));
    let plain = ServerUrl::parse(&plain, PlainText::LoopbackOnly);
    let server = plain.or_else(|_| ServerUrl::parse(&tls, PlainText::LoopbackOnly)).ok()?;
    let is_name = matches!(server.0.host(), Some(Host::Domain(name)) if !name.contains('.'));
    (!is_name || server.is_loopback()).then_some(server)
}

/// Shorter than a token of any kind that has dots in it.
const LONGEST_GUESS: usize = 64;

impl fmt::Display for ServerUrl {
    /// The origin, without a slash at its end.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// The address names no server that may be used. The text is not repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum BadServer {
    /// The text is no URL, often because `http://` is missing.
    #[error("the server address is not a URL ({source}); it looks like https://keywright.example")]
    NotAUrl {
        /// What the parser says.
        source: url::ParseError,
    },
    /// The scheme is missing.
    #[error("the server address has no scheme; did you mean {meant}?")]
    NoScheme {
        /// The address with one.
        meant: String,
    },
    /// Another scheme than http or https.
    #[error("the server address must begin with https:// or http://")]
    Scheme,
    /// A user name or password stands in the address.
    #[error("the server address must not hold a user name or password")]
    Credential,
    /// There is something behind host and port.
    #[error("the server address ends after host and port: {origin}")]
    NotAnOrigin {
        /// What of it would do.
        origin: String,
    },
    /// Credentials would cross the network in the clear.
    #[error("{origin} is not on this machine and has no TLS: credentials would be sent in the clear")]
    PlainText {
        /// The server.
        origin: String,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<ServerUrl, BadServer> {
        ServerUrl::parse(text, PlainText::LoopbackOnly)
    }

    #[test]
    fn servers_on_this_machine_and_with_tls_are_taken() {
        for (text, origin, authority) in [
            ("http://127.0.0.1:5399", "http://127.0.0.1:5399", "127.0.0.1:5399"),
            ("http://127.8.9.1/", "http://127.8.9.1", "127.8.9.1:80"),
            ("http://localhost:1", "http://localhost:1", "localhost:1"),
            ("http://[::1]:5399/", "http://[::1]:5399", "[::1]:5399"),
            ("https://Keywright.Example", "https://keywright.example", "keywright.example:443"),
        ] {
            let server = parse(text).unwrap();
            assert_eq!((server.to_string().as_str(), server.authority().as_str()), (origin, authority));
        }
    }

    #[test]
    fn plain_http_to_another_machine_needs_a_word() {
        for text in ["http://10.0.0.1", "http://keywright.example", "http://localhost.evil.example"] {
            assert!(matches!(parse(text), Err(BadServer::PlainText { .. })), "{text}");
            assert!(ServerUrl::parse(text, PlainText::Anywhere).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_missing_scheme_is_guessed_unless_the_text_may_be_a_secret() {
        for (text, meant) in [
            ("127.0.0.1:6100", "http://127.0.0.1:6100"),
            ("localhost:6100", "http://localhost:6100"),
            ("keywright.example", "https://keywright.example"),
            ("10.0.0.1:80", "https://10.0.0.1:80"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("the server address has no scheme; did you mean {meant}?"));
        }
        for text in ["canary", "ann:1234", "ann:canary@keywright.example", "sk_kw_canary", "k.example/canary"]
        {
            assert!(matches!(parse(text), Err(BadServer::NotAUrl { .. } | BadServer::Scheme)), "{text}");
        }
    }

    #[test]
    fn what_is_no_origin_is_refused_without_repeating_a_password() {
        for text in ["", "keywright.example", "ftp://x", "file:///etc", "http://127.0.0.1/v1", "https://x/?a"]
        {
            assert!(parse(text).is_err(), "{text}");
        }
        let error = parse("https://user:canary@x").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
        // The user name is not the host.
        assert!(matches!(parse("http://127.0.0.1@evil.example"), Err(BadServer::Credential)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn whatever_text_is_taken_is_an_origin_that_may_be_spoken_to(
            scheme in "(https?|HTTP|ftp|)", rest in "(://|:|/{0,3})[a-z0-9.:@\\[\\]%/?#é \\\\-]{0,24}",
        ) {
            if let Ok(server) = parse(&format!("{scheme}{rest}")) {
                let url = server.as_url();
                prop_assert!(url.scheme() == "https" || server.is_loopback(), "{}", server);
                prop_assert!(url.username().is_empty() && url.password().is_none(), "{}", server);
                prop_assert_eq!(ServerUrl::parse(&server.to_string(), PlainText::LoopbackOnly).unwrap(), server);
            }
        }
    }

    /// A fuzz target has millions.
    const CASES: u32 = 10_000;
}
