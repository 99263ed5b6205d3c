//! The providers: from the file, or, when it names none, from the vendors' usual environment variables.

use std::collections::BTreeMap;
use std::path::Path;

use keywright_providers::{Dialect, KeyHeader, PROVIDERS, Provider, provider};
use keywright_secret::{Secret, Vendor, looks_like_ours};
use toml::{Table, Value};
use url::Url;

use super::layers::{Layers, Source};
use super::problem::Findings;
use super::read::is_loopback_url;

/// A provider that the server passes calls to.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Its name, as in `/gateway/{name}/...`.
    pub name: String,
    /// What it speaks.
    pub dialect: Dialect,
    /// Where it listens, without a slash at the end: with the version for openai, without for the others.
    pub base_url: Url,
    /// Where it wants its key.
    pub key_header: KeyHeader,
    /// The central keys, the preferred first. None: only callers with their own key can use it.
    pub keys: Vec<ProviderKey>,
    /// Where it comes from.
    pub source: Source,
    /// Where its address comes from; the default is the vendor's own.
    pub address: Source,
}

/// A central key.
#[derive(Clone, Debug)]
pub struct ProviderKey {
    /// The key.
    pub secret: Secret,
    /// Where it was read from: `env:NAME` or `file:PATH`.
    pub origin: String,
}

/// All providers, in the order of their names.
pub(super) fn read(
    layers: &Layers,
    environment: &BTreeMap<String, String>,
    findings: &mut Findings,
) -> Vec<ProviderSettings> {
    if layers.providers.is_empty() {
        return from_environment(environment, findings);
    }
    let file = layers.file.clone().unwrap_or_default();
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut all = Vec::new();
    for (name, value) in &layers.providers {
        let place = format!("`providers.{name}` in {}", file.display());
        if !is_name(name) {
            findings
                .problem(place, "A provider's name is lower-case words of letters and digits, with dashes.");
            continue;
        }
        let Value::Table(table) = value else {
            findings.problem(place, "Expected a table.");
            continue;
        };
        let mut entry = Entry { name, table, place, folder, environment, findings };
        all.extend(entry.read(Source::File(file.clone())));
    }
    all
}

/// One `[providers.NAME]` of the file.
struct Entry<'a> {
    name: &'a str,
    table: &'a Table,
    place: String,
    folder: &'a Path,
    environment: &'a BTreeMap<String, String>,
    findings: &'a mut Findings,
}

impl Entry<'_> {
    fn read(&mut self, source: Source) -> Option<ProviderSettings> {
        for field in self.table.keys().filter(|field| !FIELDS.contains(&field.as_str())) {
            self.findings.problem(&self.place, format!("There is no setting `{field}`."));
        }
        let known = provider(self.name);
        // Each part is looked at even when another is wrong, so that all problems are told at once.
        let dialect = self.dialect(known);
        let base_url = self.base_url(known, dialect);
        let keys = self.keys();
        let dialect = dialect?;
        let key_header = known.filter(|known| known.dialect == dialect).map(|known| known.key_header);
        Some(ProviderSettings {
            name: self.name.to_owned(),
            dialect,
            base_url: base_url?,
            key_header: key_header.unwrap_or(usual_header(dialect)),
            keys,
            address: source.clone(),
            source,
        })
    }

    fn dialect(&mut self, known: Option<&Provider>) -> Option<Dialect> {
        let named = match self.table.get("dialect") {
            None => known.map(|known| known.dialect),
            Some(value) => value.as_str().and_then(Dialect::from_name),
        };
        if named.is_none() {
            self.problem("`dialect` must be anthropic, openai or gemini.");
        }
        named
    }

    fn base_url(&mut self, known: Option<&Provider>, dialect: Option<Dialect>) -> Option<Url> {
        let text = match self.table.get("base_url") {
            Some(Value::String(text)) => text.as_str(),
            Some(_) => return self.refuse("`base_url` must be a text."),
            None => match known.and_then(|known| known.base_url) {
                Some(usual) => usual,
                None => return self.refuse("`base_url` is missing; this provider has no usual one."),
            },
        };
        let Some(url) = parse_base_url(text) else {
            return self.refuse("`base_url` must be an http or https URL without login and query.");
        };
        if url.scheme() == "http" && !is_loopback_url(&url) {
            self.findings
                .warn(format!("{}: `base_url` is plain http; its key can be read on the way.", self.place));
        }
        Some(normalize(url, dialect?))
    }

    fn keys(&mut self) -> Vec<ProviderKey> {
        let references = match self.table.get("keys") {
            None => return Vec::new(),
            Some(Value::Array(references)) => references,
            Some(_) => {
                self.problem("`keys` must be a list of `env:NAME` and `file:PATH`.");
                return Vec::new();
            }
        };
        let mut keys: Vec<ProviderKey> = Vec::new();
        for reference in references {
            let Some(key) = self.key(reference.as_str().unwrap_or_default()) else { continue };
            if keys.iter().any(|other| other.secret == key.secret) {
                self.problem(&format!("`{}` holds a key that stands before it already.", key.origin));
            }
            keys.push(key);
        }
        keys
    }

    fn key(&mut self, reference: &str) -> Option<ProviderKey> {
        let text = match reference.split_once(':') {
            Some(("env", name)) => match self.environment.get(name).filter(|text| !text.trim().is_empty()) {
                Some(text) => text.clone(),
                None => {
                    return self.refuse(&format!("The variable {name} that `{reference}` names is not set."));
                }
            },
            Some(("file", path)) => match std::fs::read_to_string(self.folder.join(path)) {
                Ok(text) => text,
                Err(error) => return self.refuse(&format!("`{reference}` cannot be read: {error}.")),
            },
            // A key in clear may stand here: it is not repeated.
            _ => {
                let whose = Vendor::of(reference).map_or("", Vendor::name);
                return self.refuse(&format!(
                    "`keys` holds something that is neither `env:NAME` nor `file:PATH`{}{whose}; keys that the \
                     server keeps sealed come with a later version.",
                    if whose.is_empty() { "" } else { ": it looks like a key of " },
                ));
            }
        };
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return self.refuse(&format!("`{reference}` holds no key: one word of ASCII is expected."));
        }
        Some(ProviderKey { secret: Secret::new(text), origin: reference.to_owned() })
    }

    fn problem(&mut self, message: &str) {
        self.findings.problem(&self.place, message);
    }

    fn refuse<T>(&mut self, message: &str) -> Option<T> {
        self.problem(message);
        None
    }
}

/// The providers whose usual variables are set.
pub(crate) fn from_environment(
    environment: &BTreeMap<String, String>,
    findings: &mut Findings,
) -> Vec<ProviderSettings> {
    let mut all: Vec<ProviderSettings> = PROVIDERS
        .iter()
        .filter_map(|provider| {
            let found = FoundKey::among(provider, provider.environment, provider.key_header, environment)?;
            found.settings(environment, findings)
        })
        .collect();
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// A key that was found where nothing but the provider's id or usual variable is known of it.
pub(crate) struct FoundKey<'a> {
    pub(crate) provider: &'static Provider,
    pub(crate) key: &'a str,
    pub(crate) header: KeyHeader,
    /// Where it was found, for people.
    pub(crate) place: String,
    /// The same as a reference.
    pub(crate) origin: String,
    pub(crate) source: Source,
}

impl<'a> FoundKey<'a> {
    /// The key in the first of these variables that is set.
    pub(crate) fn among(
        provider: &'static Provider,
        names: &[&'static str],
        header: KeyHeader,
        environment: &'a BTreeMap<String, String>,
    ) -> Option<Self> {
        let (name, key) = first_set(names, environment)?;
        let (place, origin) = (name.to_owned(), format!("env:{name}"));
        Some(Self { provider, key, header, source: Source::Environment(place.clone()), place, origin })
    }

    /// The provider with that key, at the address that `environment` names for it or at its usual one.
    pub(crate) fn settings(
        self,
        environment: &BTreeMap<String, String>,
        findings: &mut Findings,
    ) -> Option<ProviderSettings> {
        let Self { provider, key, header, place, origin, source } = self;
        if looks_like_ours(key) {
            findings.warn(format!(
                "{place} holds a Keywright token, not a key of {}; it is ignored.",
                provider.name
            ));
            return None;
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            findings.warn(format!("{place} is ignored: it holds no key, which is one word of ASCII."));
            return None;
        }
        let named = first_set(provider.address_environment, environment);
        if let (Some((address, _)), Some(token)) = (named, token_beside(provider, environment)) {
            findings.warn(format!(
                "{place} is not used: the Keywright token in {token} says that {address} leads to a Keywright \
                 server, and not to where the key belongs; unset {address}."
            ));
            return None;
        }
        let (base_url, address) = match named {
            Some((name, text)) => {
                (named_address(name, text, findings)?, Source::Environment(name.to_owned()))
            }
            None => match provider.base_url.and_then(parse_base_url) {
                Some(url) => (url, Source::Default),
                None => {
                    findings.warn(format!(
                        "{place} is ignored: {} has no usual address; set `providers.{}.base_url`.",
                        provider.name, provider.id
                    ));
                    return None;
                }
            },
        };
        Some(ProviderSettings {
            name: provider.id.to_owned(),
            dialect: provider.dialect,
            base_url: normalize(base_url, provider.dialect),
            key_header: header,
            keys: vec![ProviderKey { secret: Secret::new(key), origin }],
            source,
            address,
        })
    }
}

/// The variable of the provider that holds a Keywright token, as in a program that `run` has started: the
/// address beside it is the one that the token is for.
fn token_beside(provider: &Provider, environment: &BTreeMap<String, String>) -> Option<&'static str> {
    let ours = |name: &&&str| environment.get(**name).is_some_and(|value| looks_like_ours(value.trim()));
    provider.environment.iter().chain(provider.bearer_environment).find(ours).copied()
}

/// Security rule 15: a key goes to the address that it was issued for, or nowhere.
fn named_address(name: &str, text: &str, findings: &mut Findings) -> Option<Url> {
    let Some(url) = parse_base_url(text) else {
        findings.problem(name, "It must be an http or https URL without login and query.");
        return None;
    };
    if url.scheme() == "http" && !is_loopback_url(&url) {
        findings.warn(format!("{name} is plain http; the key can be read on the way."));
    }
    Some(url)
}

/// The first of these variables that is set, and its value without blanks around it.
fn first_set<'e>(
    names: &[&'static str],
    environment: &'e BTreeMap<String, String>,
) -> Option<(&'static str, &'e str)> {
    names.iter().find_map(|name| {
        let text = environment.get(*name)?.trim();
        (!text.is_empty()).then_some((*name, text))
    })
}

/// Whether `name` is lower-case words of letters and digits, joined by single dashes.
fn is_name(name: &str) -> bool {
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    name.split('-').all(word)
}

fn parse_base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let login = !url.username().is_empty() || url.password().is_some();
    let extra = url.query().is_some() || url.fragment().is_some();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && !login && !extra).then_some(url)
}

/// Brings an address into the form that the vendor's SDK takes, so that no path is ever `/v1/v1`:
/// for openai a lone host gets its version and a doubled one loses it, for the others a version at
/// the end goes, since their paths begin with it.
fn normalize(mut url: Url, dialect: Dialect) -> Url {
    let mut path = url.path().trim_end_matches('/').to_owned();
    match dialect {
        Dialect::OpenAi => {
            while let Some(shorter) = path.strip_suffix("/v1/v1") {
                path = format!("{shorter}/v1");
            }
            if path.is_empty() {
                path.push_str("/v1");
            }
        }
        Dialect::Anthropic | Dialect::Gemini => {
            while let Some(shorter) = path.strip_suffix("/v1").or(path.strip_suffix("/v1beta")) {
                path = shorter.trim_end_matches('/').to_owned();
            }
        }
    }
    url.set_path(&path);
    url
}

fn usual_header(dialect: Dialect) -> KeyHeader {
    match dialect {
        Dialect::Anthropic => KeyHeader::XApiKey,
        Dialect::OpenAi => KeyHeader::Bearer,
        Dialect::Gemini => KeyHeader::XGoogApiKey,
    }
}

const FIELDS: &[&str] = &["dialect", "base_url", "keys"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_take_the_form_of_the_vendors_sdk() {
        for (dialect, given, expected) in [
            (Dialect::OpenAi, "https://api.openai.com/v1", "https://api.openai.com/v1"),
            (Dialect::OpenAi, "https://api.openai.com/v1/", "https://api.openai.com/v1"),
            (Dialect::OpenAi, "https://api.openai.com/v1/v1", "https://api.openai.com/v1"),
            (Dialect::OpenAi, "http://127.0.0.1:11434", "http://127.0.0.1:11434/v1"),
            (Dialect::OpenAi, "https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1"),
            (Dialect::OpenAi, "https://api.z.ai/api/paas/v4/", "https://api.z.ai/api/paas/v4"),
            (Dialect::Anthropic, "https://api.anthropic.com", "https://api.anthropic.com/"),
            (Dialect::Anthropic, "https://api.anthropic.com/v1/", "https://api.anthropic.com/"),
            (Dialect::Anthropic, "https://x.example/anthropic/v1", "https://x.example/anthropic"),
            (Dialect::Gemini, "https://x.example/v1beta", "https://x.example/"),
        ] {
            let url = parse_base_url(given).expect(given);
            assert_eq!(normalize(url, dialect).as_str(), expected, "{given}");
        }
    }

    #[test]
    fn names_are_words_with_single_dashes() {
        for name in ["openai", "my-openai-2", "7"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-", "a-", "-a", "a--b", "A", "a_b", "a.b", "a/b", "ä"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
