//! Loopback is not a wall: any web page can make a browser send requests to it. So a listener answers
//! only to its own names, and to no page of another origin.

use std::net::{IpAddr, SocketAddr};

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue};
use keywright_dial::Network;
use keywright_protocol::oauth_routes::OPEN_TO_PAGES;
use keywright_protocol::{ApiError, ErrorCode};
use url::{Host, Url};

use crate::config::is_loopback_host;

/// What a listener answers to.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    loopback: bool,
    /// The one address that it answers to, where nobody has a reason to use another.
    only: Option<SocketAddr>,
    public_url: Url,
    hosts: Vec<String>,
    trusted_proxies: Vec<Network>,
    /// How clients that use our address write it: these need no closer look.
    usual: [String; 2],
}

impl Guard {
    /// The guard of a listener at `listen`, whose clients use `public_url` or one of `hosts`.
    pub(crate) fn new(
        listen: SocketAddr,
        public_url: Url,
        hosts: Vec<String>,
        trusted_proxies: Vec<Network>,
    ) -> Self {
        let own = public_url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
        Self {
            loopback: listen.ip().to_canonical().is_loopback(),
            only: None,
            public_url,
            hosts,
            trusted_proxies,
            usual: [listen.to_string(), own],
        }
    }

    /// The guard of a loopback listener that answers to a loopback address with its own port, and to no
    /// other name: its one client is told where it is.
    pub(crate) fn only(listen: SocketAddr, public_url: Url) -> Self {
        Self { only: Some(listen), ..Self::new(listen, public_url, Vec::new(), Vec::new()) }
    }

    /// Lets a request pass, or says why not. The `Host` header can only get a request refused: nothing
    /// is built from it and nobody is trusted for it.
    pub(crate) fn check(&self, parts: &Parts) -> Result<(), ApiError> {
        if self.is_usual(parts) {
            return Ok(());
        }
        let authority = authority(parts)?;
        if self.loopback && !authority.as_ref().is_some_and(|authority| self.answers_to(authority)) {
            return Err(ErrorCode::HostNotAllowed.into());
        }
        if OPEN_TO_PAGES.contains(&parts.uri.path()) {
            return Ok(());
        }
        for origin in parts.headers.get_all(ORIGIN) {
            // What a page of ours posts under `Referrer-Policy: no-referrer` is of no origin; no script can say
            // that it is of the same.
            let own_page = origin == "null"
                && parts.headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin");
            if !own_page && !self.is_ours(origin, authority.as_ref()) {
                return Err(ErrorCode::OriginNotAllowed.into());
            }
        }
        Ok(())
    }

    /// Whether a request names one of our usual addresses and comes from no page.
    fn is_usual(&self, parts: &Parts) -> bool {
        let mut hosts = parts.headers.get_all(HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        parts.uri.authority().is_none()
            && !parts.headers.contains_key(ORIGIN)
            && self.usual.iter().any(|usual| usual.as_bytes() == host.as_bytes())
    }

    /// Whose request it is: the peer's, or, when that is a trusted proxy, that of the last address in
    /// `X-Forwarded-For` that is none.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let trusted = |address: IpAddr| self.trusted_proxies.iter().any(|proxy| proxy.contains(address));
        if !trusted(peer) {
            return peer.to_canonical();
        }
        let forwarded: Vec<IpAddr> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            // What cannot be read ends the chain: nothing before it can be believed.
            .map_while(|address| address.trim().parse().ok())
            .collect();
        let last = forwarded.into_iter().rev().find(|address| !trusted(*address));
        last.unwrap_or(peer).to_canonical()
    }

    fn answers_to(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        if let Some(only) = self.only {
            return authority.port_u16() == Some(only.port()) && is_loopback_host(&host);
        }
        match Host::parse(&host) {
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            Ok(Host::Domain(name)) => {
                name == "localhost"
                    || name.ends_with(".localhost")
                    || self.public_url.host_str() == Some(name.as_str())
                    || self.hosts.contains(&name)
            }
            Err(_) => false,
        }
    }

    /// Whether a page of `origin` is one of our own. Programs send none, or one that is no web page's.
    fn is_ours(&self, origin: &HeaderValue, authority: Option<&Authority>) -> bool {
        let Ok(text) = origin.to_str() else { return false };
        let Ok(url) = Url::parse(text) else {
            // "null" is what a sandboxed page sends.
            return false;
        };
        if !matches!(url.scheme(), "http" | "https") {
            return true;
        }
        let same_host = authority.is_some_and(|authority| {
            let ours = Url::parse(&format!("{}://{authority}", self.public_url.scheme()));
            ours.is_ok_and(|ours| ours.origin() == url.origin())
        });
        url.origin() == self.public_url.origin() || self.loopback && same_host
    }
}

/// The one host that a request is for.
fn authority(parts: &Parts) -> Result<Option<Authority>, ApiError> {
    let bad =
        || ApiError::new(ErrorCode::InvalidRequest).because("The Host header is missing or is not one host.");
    let mut given = parts.headers.get_all(HOST).iter();
    let header = match (given.next(), given.next()) {
        (_, Some(_)) => return Err(bad()),
        (Some(value), None) => Some(Authority::try_from(value.as_bytes()).map_err(|_| bad())?),
        (None, None) => None,
    };
    // HTTP/2 and absolute requests have it in the target, and that is the one that counts.
    match (parts.uri.authority(), header) {
        (Some(target), Some(header)) if target.host() != header.host() => Err(bad()),
        (Some(target), _) => Ok(Some(target.clone())),
        (None, header) => Ok(header),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(listen: &str, public_url: &str) -> Guard {
        let proxies = vec!["10.0.0.0/8".parse().expect("a range")];
        Guard::new(
            listen.parse().expect("an address"),
            public_url.parse().expect("a URL"),
            vec!["kw.test".into()],
            proxies,
        )
    }

    fn code(guard: &Guard, headers: &[(&str, &str)]) -> Option<ErrorCode> {
        let mut request = http::Request::get("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        guard.check(&parts).err().map(|error| error.code)
    }

    #[test]
    fn a_loopback_listener_answers_to_its_own_names_only() {
        let guard = guard("127.0.0.1:5399", "http://127.0.0.1:5399");
        for host in [
            "127.0.0.1:5399",
            "localhost:5399",
            "LOCALHOST",
            "x.localhost",
            "[::1]:5399",
            "kw.test",
            "192.168.0.9",
        ] {
            assert_eq!(code(&guard, &[("host", host)]), None, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:5399", "notlocalhost"]
        {
            assert_eq!(code(&guard, &[("host", host)]), Some(ErrorCode::HostNotAllowed), "{host}");
        }
        assert_eq!(code(&guard, &[]), Some(ErrorCode::HostNotAllowed));
        assert_eq!(
            code(&guard, &[("host", "localhost"), ("host", "localhost")]),
            Some(ErrorCode::InvalidRequest)
        );
    }

    #[test]
    fn where_one_address_is_all_there_is_other_ports_and_addresses_are_refused() {
        let listen = "127.0.0.1:40123".parse().expect("an address");
        let guard = Guard::only(listen, "http://127.0.0.1:40123".parse().expect("a URL"));
        for host in ["127.0.0.1:40123", "localhost:40123", "[::1]:40123"] {
            assert_eq!(code(&guard, &[("host", host)]), None, "{host}");
        }
        for host in ["127.0.0.1", "127.0.0.1:5399", "192.168.0.9:40123", "evil.example:40123", "localhost:1"]
        {
            assert_eq!(code(&guard, &[("host", host)]), Some(ErrorCode::HostNotAllowed), "{host}");
        }
        let page = [("host", "127.0.0.1:40123"), ("origin", "http://evil.example")];
        assert_eq!(code(&guard, &page), Some(ErrorCode::OriginNotAllowed));
    }

    #[test]
    fn pages_of_other_origins_are_refused_and_programs_are_not() {
        let guard = guard("127.0.0.1:5399", "http://127.0.0.1:5399");
        let host = ("host", "localhost:5399");
        for origin in ["http://127.0.0.1:5399", "http://localhost:5399", "vscode-webview://abc"] {
            assert_eq!(code(&guard, &[host, ("origin", origin)]), None, "{origin}");
        }
        for origin in ["http://evil.example", "https://localhost:5399", "http://localhost:3000", "null", ""] {
            assert_eq!(
                code(&guard, &[host, ("origin", origin)]),
                Some(ErrorCode::OriginNotAllowed),
                "{origin}"
            );
        }
    }

    #[test]
    fn beyond_loopback_only_the_public_origin_is_ours_whatever_the_host_says() {
        let guard = guard("0.0.0.0:443", "https://kw.example");
        assert_eq!(code(&guard, &[("host", "anything.example")]), None);
        assert_eq!(code(&guard, &[("host", "kw.example"), ("origin", "https://kw.example")]), None);
        assert_eq!(
            code(&guard, &[("host", "evil.example"), ("origin", "https://evil.example")]),
            Some(ErrorCode::OriginNotAllowed)
        );
    }

    #[test]
    fn forwarded_addresses_count_from_trusted_proxies_only() {
        let guard = guard("0.0.0.0:443", "https://kw.example");
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 7.7.7.7, 10.0.0.2"));
        let client = |peer: &str| guard.client(peer.parse().expect("an address"), &headers).to_string();
        assert_eq!(client("8.8.8.8"), "8.8.8.8");
        assert_eq!(client("10.0.0.1"), "7.7.7.7");
        assert_eq!(client("::ffff:8.8.8.8"), "8.8.8.8");
    }
}
