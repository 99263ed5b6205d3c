//! Redirect URIs: which may be registered, and which presented one is a registered one.

use url::Url;

/// Whether `presented` is one of those that are `registered`: byte for byte, but for the port of a loopback
/// address, which a native application takes as it finds it (RFC 8252, 7.3). `localhost` is treated alike,
/// because widely used agents send it.
pub(crate) fn matches(registered: &[String], presented: &str) -> bool {
    registered.iter().any(|known| {
        known == presented
            || loopback(known).is_some_and(|known| loopback(presented).is_some_and(|asked| asked == known))
    })
}

/// Host and all that follows the port, of a plain loopback address. Read from the text itself: a URL parser
/// takes too much for the same.
fn loopback(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("http://")?;
    let host = LOOPBACK.into_iter().find(|host| rest.starts_with(host))?;
    let rest = &rest[host.len()..];
    let rest = match rest.strip_prefix(':') {
        None => rest,
        Some(rest) => {
            let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
            let (port, rest) = rest.split_at(end);
            port.parse::<u16>().ok().filter(|port| *port > 0)?;
            rest
        }
    };
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

/// Whether a URI may be registered, and whether it leads to the user's own machine.
pub(crate) fn registrable(text: &str) -> Option<Place> {
    let plain = text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || text.contains(['\\', '#', '*', '"', '<', '>']) {
        return None;
    }
    let url = Url::parse(text).ok()?;
    // What a parser would take as another path than the one that is written.
    if text.contains("/../") || text.contains("/./") || !url.username().is_empty() || url.password().is_some()
    {
        return None;
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => Some(Place::Web),
        ("http", Some(_)) => loopback(text).map(|_| Place::Machine),
        ("https" | "http", None) => None,
        // A domain of its own, turned around, so that two applications do not take each other's answers.
        (scheme, _) if scheme.contains('.') => Some(Place::Machine),
        _ => None,
    }
}

/// Where a redirect leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// To a site.
    Web,
    /// To a program on the user's machine.
    Machine,
}

/// Whether it leads to the user's own machine by loopback, where any program can listen.
pub(crate) fn is_loopback(text: &str) -> bool {
    loopback(text).is_some()
}

/// The host that a person is shown, or the scheme of a program on the machine.
pub(crate) fn shown_host(text: &str) -> String {
    let Ok(url) = Url::parse(text) else { return String::new() };
    match url.host_str() {
        Some(host) if matches!(url.scheme(), "http" | "https") => host.to_owned(),
        _ => format!("{}:", url.scheme()),
    }
}

/// The origin, or the scheme where there is none.
pub(crate) fn leads_to(text: &str) -> String {
    let Ok(url) = Url::parse(text) else { return String::new() };
    match url.host() {
        // A policy cannot name an IPv6 address.
        Some(url::Host::Domain(_) | url::Host::Ipv4(_)) if matches!(url.scheme(), "http" | "https") => {
            url.origin().ascii_serialization()
        }
        _ => format!("{}:", url.scheme()),
    }
}

const LOOPBACK: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];
const LONGEST: usize = 2_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_of_a_loopback_address_may_differ() {
        let registered = ["http://127.0.0.1/callback".to_owned(), "http://localhost:7777/cb".to_owned()];
        for good in [
            "http://127.0.0.1/callback",
            "http://127.0.0.1:1/callback",
            "http://127.0.0.1:65535/callback",
            "http://localhost/cb",
            "http://localhost:9/cb",
        ] {
            assert!(matches(&registered, good), "{good}");
        }
        for wrong in [
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:80x/callback",
            "http://localhost/callback",
            "http://[::1]/callback",
            "http://127.0.0.2/callback",
            "http://127.0.0.1/callback/",
            "http://127.0.0.1/Callback",
            "http://127.0.0.1/callback?x=1",
            "http://127.0.0.1/callback#x",
            "https://127.0.0.1/callback",
            "http://127.0.0.1.evil/callback",
            "http://127.0.0.1@evil/callback",
            "http://evil@127.0.0.1/callback",
            "http://127.0.0.1:80@evil/callback",
            "http://127.0.0.1\\@evil/callback",
            "http://localhost.evil/cb",
            "http://[::1].evil/callback",
            "http://127.0.0.1/%63allback",
            "http://127.1/callback",
            "HTTP://127.0.0.1/callback",
            "",
        ] {
            assert!(!matches(&registered, wrong), "{wrong}");
        }
        let site = ["https://app.example/cb".to_owned()];
        assert!(matches(&site, "https://app.example/cb"));
        for wrong in [
            "https://app.example:443/cb",
            "https://app.example/cb/",
            "https://app.example/cb?",
            "https://APP.example/cb",
            "https://app.example.evil/cb",
        ] {
            assert!(!matches(&site, wrong), "{wrong}");
        }
    }

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://app.example/cb",
            "https://app.example:8443/cb?tenant=1",
            "http://127.0.0.1/cb",
            "http://localhost:3000/callback",
            "http://[::1]/cb",
            "com.example.app:/oauth",
            "com.example.app://callback",
        ] {
            assert!(registrable(good).is_some(), "{good}");
        }
        for wrong in [
            "http://app.example/cb",
            "https://app.example/cb#x",
            "https://*.example.com/cb",
            "https://user:pw@app.example/cb",
            "https://user@app.example/cb",
            "http://localhost.evil/cb",
            "http://127.0.0.1@evil/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "myapp:/cb",
            "/cb",
            "cb",
            "",
            "https://app.example/a/../b",
            "https://app.example/ cb",
            "https://app.example\\@evil/cb",
            "com.example.app://host/cb\n",
        ] {
            assert!(registrable(wrong).is_none(), "{wrong}");
        }
        assert!(registrable(&format!("https://app.example/{}", "x".repeat(2_000))).is_none());
    }

    #[test]
    fn a_person_is_shown_the_host_or_the_scheme() {
        assert_eq!(shown_host("https://app.example:8443/cb"), "app.example");
        assert_eq!(shown_host("http://[::1]:1/cb"), "[::1]");
        assert_eq!(shown_host("com.example.app:/cb"), "com.example.app:");
        assert_eq!(shown_host("com.example.app://bank.example/cb"), "com.example.app:");
    }
}
