//! From texts to typed values. What does not fit becomes a problem, and reading goes on with a stand-in
//! that nobody sees, since a configuration with problems is never handed out.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use keywright_dial::Network;
use keywright_secret::Secret;
use url::Url;

use super::keys::{Key, Kind};
use super::layers::{Given, Layers, Source, place, split};
use super::problem::Findings;
use super::{Database, Sourced, is_loopback_host, units};

/// Reads settings and notes where each came from.
pub(super) struct Reader<'a> {
    pub(super) layers: &'a Layers,
    pub(super) findings: &'a mut Findings,
    pub(super) sources: Vec<Sourced>,
}

impl Reader<'_> {
    pub(super) fn address(&mut self, path: &'static str) -> SocketAddr {
        let stand_in = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.one(path, address).unwrap_or(stand_in)
    }

    pub(super) fn address_or_off(&mut self, path: &'static str) -> Option<SocketAddr> {
        self.one(path, |text| if text == "off" { Some(None) } else { address(text).map(Some) }).flatten()
    }

    pub(super) fn origin(&mut self, path: &'static str) -> Option<Url> {
        self.one(path, origin)
    }

    pub(super) fn hosts(&mut self, path: &'static str) -> Vec<String> {
        self.many(path, |host| {
            let fits = host.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
            fits.then(|| host.to_ascii_lowercase())
        })
    }

    pub(super) fn networks(&mut self, path: &'static str) -> Vec<Network> {
        self.many(path, |text| text.parse().ok())
    }

    /// A path; one that the file gives is meant from the file's folder.
    pub(super) fn path(&mut self, path: &'static str) -> Option<PathBuf> {
        let from_file = matches!(self.given(path), Some(Given { source: Source::File(_), .. }));
        let folder = self.layers.file.as_ref().filter(|_| from_file).and_then(|file| file.parent());
        let folder = folder.map(std::path::Path::to_owned).unwrap_or_default();
        self.one(path, |text| (!text.is_empty()).then(|| folder.join(text)))
    }

    /// A path of a file that must be there.
    pub(super) fn file(&mut self, path: &'static str) -> Option<PathBuf> {
        let file = self.path(path)?;
        if let Err(error) = std::fs::File::open(&file) {
            let place = self.place(path);
            self.findings.problem(place, format!("{} cannot be read: {error}.", file.display()));
        }
        Some(file)
    }

    pub(super) fn database(&mut self, path: &'static str) -> Database {
        self.one(path, |text| match text.split_once("://") {
            Some(("postgres" | "postgresql", _)) => {
                Url::parse(text).ok().map(|_| Database::Postgres(Secret::new(text)))
            }
            _ => (text == "sqlite").then_some(Database::Sqlite),
        })
        .unwrap_or(Database::Sqlite)
    }

    pub(super) fn switch(&mut self, path: &'static str) -> Option<bool> {
        self.one(path, |text| match text {
            "true" | "1" | "on" => Some(true),
            "false" | "0" | "off" => Some(false),
            _ => None,
        })
    }

    pub(super) fn duration(&mut self, path: &'static str) -> Duration {
        self.one(path, units::duration).unwrap_or_default()
    }

    /// A length of time of which nothing at all makes no sense.
    pub(super) fn span(&mut self, path: &'static str) -> Duration {
        self.one(path, |text| units::duration(text).filter(|length| !length.is_zero())).unwrap_or_default()
    }

    pub(super) fn size(&mut self, path: &'static str) -> u64 {
        self.one(path, |text| units::size(text).filter(|size| *size > 0)).unwrap_or_default()
    }

    /// A number in the range that the table gives.
    pub(super) fn count(&mut self, path: &'static str) -> Option<NonZeroU32> {
        let most = match Key::of(path).map(|key| key.kind) {
            Some(Kind::Count(most)) => most,
            _ => u32::MAX,
        };
        self.one(path, |text| text.parse().ok().filter(|count: &NonZeroU32| count.get() <= most))
    }

    /// Whether the word is `word`; the table says which words there are.
    pub(super) fn word(&mut self, path: &'static str, words: &'static [&'static str]) -> &'static str {
        self.one(path, |text| words.iter().copied().find(|word| *word == text)).unwrap_or_default()
    }

    /// Where the value of that setting stands.
    pub(super) fn place(&self, path: &'static str) -> String {
        place(path, self.given(path).map_or(&Source::Default, |given| &given.source))
    }

    /// Notes a value that was worked out.
    pub(super) fn note(&mut self, path: impl Into<String>, value: impl Into<String>, source: Source) {
        self.sources.push(Sourced { path: path.into(), value: value.into(), source });
    }

    /// Whether anybody said anything of it, good or not.
    pub(super) fn is_given(&self, path: &str) -> bool {
        self.given(path).is_some()
    }

    fn given(&self, path: &str) -> Option<&Given> {
        self.layers.given(path)
    }

    /// One value, read by a function of the caller's.
    pub(super) fn one<T>(&mut self, path: &'static str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        let values = self.many(path, parse);
        values.into_iter().next()
    }

    /// Several values, read by a function of the caller's.
    pub(super) fn many<T>(&mut self, path: &'static str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let Some(key) = Key::of(path) else { return Vec::new() };
        let (texts, source) = match (self.given(path), key.default) {
            (Some(given), _) => (given.texts.clone(), given.source.clone()),
            (None, Some(default)) => (split(key, default), Source::Default),
            (None, None) => return Vec::new(),
        };
        self.note(path, shown(key.kind, &texts), source.clone());
        let mut values = Vec::new();
        for text in texts {
            match parse(&text) {
                Some(value) => values.push(value),
                None => {
                    let message =
                        format!("Expected {}, not `{}`.", key.kind.expected(), masked(key.kind, &text));
                    self.findings.problem(place(path, &source), message);
                }
            }
        }
        values
    }
}

/// Reads an address; `localhost` is the IPv4 one.
fn address(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => port.parse().ok().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        None => text.parse().ok(),
    }
}

/// Reads scheme, host and port, and nothing else.
fn origin(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let bare = url.username().is_empty() && url.password().is_none();
    let only = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && bare && only).then_some(url)
}

/// Whether that URL leads to this machine.
pub(super) fn is_loopback_url(url: &Url) -> bool {
    url.host_str().is_some_and(is_loopback_host)
}

fn shown(kind: Kind, texts: &[String]) -> String {
    texts.iter().map(|text| masked(kind, text)).collect::<Vec<String>>().join(", ")
}

/// A value as it may be shown: of a URL that is more than an origin only scheme, host and path, since
/// a password may stand in the rest.
fn masked(kind: Kind, text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        let login = kind.holds_login() && text.contains([':', '@']);
        return if login { "...".to_owned() } else { text.to_owned() };
    };
    let (address, further) = rest.split_at(rest.find(['?', '#']).unwrap_or(rest.len()));
    // These signs may stand in a password that should have been encoded: then all before is login too.
    if further.contains('@') {
        return format!("{scheme}://...");
    }
    let host = address.rsplit_once('@').map_or(address, |(_, host)| host);
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_and_queries_of_urls_are_not_shown() {
        for (text, shown) in [
            ("postgres://me:canary@db/keywright?password=canary", "postgres://db/keywright"),
            ("postgres://me:can@ry@db", "postgres://db"),
            ("postgres://me:can#ary@db", "postgres://..."),
            ("smtp://me:can?ary@mail.example:25", "smtp://..."),
            ("smtp://me:can/ary@mail.example:25", "smtp://mail.example:25"),
            ("smtp:me:canary@mail.example", "..."),
            ("me@canary", "..."),
            ("mysql", "mysql"),
            ("https://example.com", "https://example.com"),
            ("10s", "10s"),
        ] {
            assert_eq!(masked(Kind::MailServer, text), shown);
        }
        assert_eq!(masked(Kind::Address, "127.0.0.1:99999"), "127.0.0.1:99999");
    }

    #[test]
    fn an_origin_is_nothing_but_an_origin() {
        for text in ["http://127.0.0.1:5399", "https://keywright.example.com", "https://x.example/"] {
            assert!(origin(text).is_some(), "{text}");
        }
        for text in [
            "",
            "keywright.example.com",
            "ftp://x",
            "https://x/path",
            "https://x/?q",
            "https://me@x",
            "https://",
        ] {
            assert!(origin(text).is_none(), "{text}");
        }
    }
}
