//! The configuration of the server: flag > environment > file > default.
//!
//! Each value remembers where it came from, every problem is found before any is told, and nothing
//! listens before that. Reading touches the files that the configuration names and nothing else: the
//! environment is handed in, so that tests are alone in theirs.

mod environment;
mod keys;
mod layers;
mod mail;
mod oauth;
mod problem;
mod providers;
mod read;
pub(crate) mod units;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use keywright_dial::Network;
use keywright_identity::Signup;
use keywright_secret::Secret;
use url::Url;

pub use self::environment::process_environment;
pub use self::keys::{KEYS, Key, Kind};
pub use self::layers::Source;
pub use self::mail::{Login, MailServer, MailSettings, Protection, Sender};
pub use self::problem::{Problem, Warning};
pub(crate) use self::providers::{FoundKey, from_environment};
pub use self::providers::{ProviderKey, ProviderSettings};
pub use oauth::OAuthSettings;

use self::layers::Layers;
pub(crate) use self::problem::Findings;
use self::read::{Reader, is_loopback_url};

/// The configuration of a server, with nothing wrong in it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the server listens.
    pub listen: SocketAddr,
    /// The address that clients use, if it was set; see [`public_url`](Self::public_url).
    pub configured_public_url: Option<Url>,
    /// More host names under which the server answers, in lower case.
    pub server_hosts: Vec<String>,
    /// Proxies whose forwarded headers count.
    pub trusted_proxies: Vec<Network>,
    /// Certificate and key, if the server speaks TLS itself.
    pub tls: Option<TlsFiles>,
    /// More authorities to trust on the way out, in PEM.
    pub extra_ca: Option<PathBuf>,
    /// The folder of the server's files.
    pub data_dir: PathBuf,
    /// Where accounts and records are kept.
    pub database: Database,
    /// The file of the master key.
    pub master_key_file: PathBuf,
    /// The master key itself, when the environment holds it; the file does not count then.
    pub master_key: Option<Secret>,
    /// Who may sign up, and how.
    pub auth: Auth,
    /// Who may sign up with a mailbox.
    pub signup: Signup,
    /// The authorization server.
    pub oauth: OAuthSettings,
    /// How mails go out.
    pub mail: MailSettings,
    /// How model calls are passed.
    pub gateway: Gateway,
    /// How long running calls may take to end at a stop.
    pub drain: Duration,
    /// What is kept of calls.
    pub records: Records,
    /// Where metrics and health are served; nowhere when switched off.
    pub operations: Option<SocketAddr>,
    /// The form of the log.
    pub log_format: LogFormat,
    /// Threads that pass model calls, at least one.
    pub data_plane_threads: usize,
    /// Whether the built-in provider `demo` is there.
    pub demo: bool,
    /// The providers, in the order of their names.
    pub providers: Vec<ProviderSettings>,
    sources: Vec<Sourced>,
}

/// Certificate and key of the listener, in PEM. Both files could be read when the configuration was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where accounts and records are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// Two SQLite files in the data folder.
    Sqlite,
    /// A PostgreSQL server; its URL may hold a password.
    Postgres(Secret),
}

/// Who may sign up, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Whether temporary accounts are made. Never beyond loopback.
    pub temporary: bool,
    /// How long one lives.
    pub temporary_ttl: Duration,
    /// Model calls of all temporary accounts together in a minute.
    pub temporary_per_minute: NonZeroU32,
    /// Model calls of all temporary accounts together in a day.
    pub temporary_per_day: NonZeroU32,
    /// Whether it is told only to whoever has proven a mailbox that it has an account.
    pub hide_accounts: bool,
}

/// How model calls are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// Whether callers may use their own provider keys.
    pub allow_byok: bool,
    /// The largest request body, in bytes.
    pub max_body: u64,
    /// All request bodies in memory together, in bytes; at least [`max_body`](Self::max_body).
    pub max_buffered: u64,
    /// How long a provider may take to connect.
    pub connect_timeout: Duration,
    /// How long it may take to begin to answer.
    pub first_byte_timeout: Duration,
    /// How long it may be silent inside an answer.
    pub idle_timeout: Duration,
}

/// What is kept of calls. Content is not, in this version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Records {
    /// When records are committed.
    pub mode: RecordsMode,
    /// How long they are kept; `None` for ever.
    pub retention: Option<Duration>,
}

/// When records are committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordsMode {
    /// Before the upstream hears of a call, and before the end of its answer goes out.
    Strict,
    /// Within a second.
    Batched,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// Lines of JSON.
    Json,
}

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced {
    /// The name of the setting.
    pub path: String,
    /// Its value, with secrets masked.
    pub value: String,
    /// Where it came from.
    pub source: Source,
}

impl Config {
    /// Reads the configuration. `flags` go by the path of the setting (`gateway.max_body`), `file` is
    /// what `--config` names.
    ///
    /// # Errors
    /// Everything that is wrong, at once. No message holds a secret.
    pub fn load(
        flags: &BTreeMap<String, String>,
        environment: &BTreeMap<String, String>,
        file: Option<PathBuf>,
    ) -> Result<(Self, Vec<Warning>), Vec<Problem>> {
        let mut findings = Findings::default();
        let set = |name: &str| environment.get(name).filter(|text| !text.is_empty());
        let file = file.or_else(|| set(keys::CONFIG_VARIABLE).map(PathBuf::from));
        let layers = Layers::gather(flags, environment, file, &mut findings);
        let providers = providers::read(&layers, environment, &mut findings);
        let master_key = set(keys::MASTER_KEY_VARIABLE).map(Secret::new);
        let reader = Reader { layers: &layers, findings: &mut findings, sources: Vec::new() };
        let config = Self::read(reader, environment, providers, master_key);
        if findings.problems.is_empty() { Ok((config, findings.warnings)) } else { Err(findings.problems) }
    }

    fn read(
        mut reader: Reader<'_>,
        environment: &BTreeMap<String, String>,
        providers: Vec<ProviderSettings>,
        master_key: Option<Secret>,
    ) -> Self {
        let data_dir = data_dir(&mut reader, environment);
        let mut config = Self {
            listen: reader.address("listen"),
            configured_public_url: reader.origin("public_url"),
            server_hosts: reader.hosts("server_hosts"),
            trusted_proxies: reader.networks("trusted_proxies"),
            tls: tls(&mut reader),
            extra_ca: reader.file("tls.extra_ca"),
            database: reader.database("database"),
            master_key_file: master_key_file(&mut reader, &data_dir),
            data_dir,
            master_key,
            auth: auth(&mut reader),
            signup: mail::signup(&mut reader),
            oauth: oauth::read(&mut reader),
            mail: MailSettings::default(),
            gateway: gateway(&mut reader),
            drain: reader.duration("drain"),
            records: records(&mut reader),
            operations: reader.address_or_off("operations.listen"),
            log_format: match reader.word("log.format", &["text", "json"]) {
                "json" => LogFormat::Json,
                _ => LogFormat::Text,
            },
            data_plane_threads: threads(&mut reader),
            demo: reader.switch("demo").unwrap_or(false),
            providers,
            sources: Vec::new(),
        };
        config.check_listeners(&mut reader);
        config.auth.temporary = config.temporary(&mut reader);
        config.mail = mail::read(&mut reader, !config.is_local());
        config.check_providers(&mut reader);
        config.sources = reader.sources;
        config
    }

    /// The address that clients use, given the address that the server really listens on.
    pub fn public_url(&self, bound: SocketAddr) -> Url {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.configured_public_url.clone().unwrap_or_else(|| origin_of(scheme, bound))
    }

    /// Every value in force, with where it came from; secrets are masked.
    pub fn sources(&self) -> &[Sourced] {
        &self.sources
    }

    fn check_listeners(&self, reader: &mut Reader<'_>) {
        let insecure = reader.switch("insecure").unwrap_or(false);
        let open = !self.listen.ip().to_canonical().is_loopback();
        if open && self.tls.is_none() && self.trusted_proxies.is_empty() && !insecure {
            let place = reader.place("listen");
            reader.findings.problem(
                place,
                "Beyond loopback tokens would cross the network in clear. Set `tls.cert` and `tls.key`, name the \
                 proxy that does TLS in `trusted_proxies`, or say `--insecure`.",
            );
        }
        if self.operations == Some(self.listen) && self.listen.port() != 0 {
            let place = reader.place("operations.listen");
            reader.findings.problem(place, "It is the address of `listen` already.");
        }
        match &self.configured_public_url {
            None if self.listen.ip().is_unspecified() => reader
                .findings
                .warn("`public_url` is not set, and `listen` names no address that a client could use."),
            Some(url) if url.scheme() == "http" && !is_loopback_url(url) => {
                reader.findings.warn(format!(
                    "`public_url` is plain http: tokens sent to {url} can be read on the way."
                ));
            }
            _ => {}
        }
        if self.configured_public_url.is_none() {
            let url = self.public_url(self.listen).to_string();
            reader.note("public_url", url, Source::Default);
        }
    }

    /// Whether only this machine uses the server, as far as its addresses say.
    fn is_local(&self) -> bool {
        let url_is_local = self.configured_public_url.as_ref().is_none_or(is_loopback_url);
        self.listen.ip().to_canonical().is_loopback() && url_is_local
    }

    /// Security rule 10: temporary accounts are for a server that only this machine can reach.
    fn temporary(&self, reader: &mut Reader<'_>) -> bool {
        let local = self.is_local() && self.trusted_proxies.is_empty();
        let temporary = reader.switch("auth.temporary");
        if temporary == Some(true) && !local {
            let place = reader.place("auth.temporary");
            reader.findings.problem(
                place,
                "Temporary accounts need `listen` and `public_url` on loopback and no `trusted_proxies`: anybody \
                 who reaches the server could spend its provider keys.",
            );
        }
        if temporary.is_none() {
            reader.note("auth.temporary", local.to_string(), Source::Default);
        }
        temporary.unwrap_or(local)
    }

    fn check_providers(&self, reader: &mut Reader<'_>) {
        let mut spendable = Vec::new();
        for provider in &self.providers {
            if provider.name == "demo" && self.demo {
                let place = "`providers.demo`";
                reader.findings.problem(place, "With `demo` on, that name belongs to the built-in provider.");
            }
            if !provider.keys.is_empty() {
                spendable.push(provider.name.as_str());
            }
            let hints: Vec<String> =
                provider.keys.iter().map(|key| format!("{} ({})", key.origin, key.secret.hint())).collect();
            let path = |field: &str| format!("providers.{}.{field}", provider.name);
            reader.note(path("dialect"), provider.dialect.as_str(), provider.source.clone());
            reader.note(path("base_url"), provider.base_url.as_str(), provider.address.clone());
            reader.note(path("keys"), hints.join(", "), provider.source.clone());
        }
        if self.auth.temporary && !spendable.is_empty() {
            reader.findings.warn(format!(
                "Temporary accounts are on, so every program on this machine can spend the provider keys of {}.",
                spendable.join(", ")
            ));
        }
        if let Some(key) = &self.master_key {
            let source = Source::Environment(keys::MASTER_KEY_VARIABLE.to_owned());
            reader.note("master_key", key.hint(), source);
        }
    }
}

/// Whether `host`, a name or an IP literal, can only be this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let name = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

fn origin_of(scheme: &str, address: SocketAddr) -> Url {
    #[allow(clippy::expect_used, reason = "an address with a port is an origin")]
    Url::parse(&format!("{scheme}://{address}")).expect("an origin")
}

fn data_dir(reader: &mut Reader<'_>, environment: &BTreeMap<String, String>) -> PathBuf {
    if let Some(configured) = reader.path("data_dir") {
        return configured;
    }
    let folder = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")));
    let Some(data) = data else {
        reader.findings.problem("`data_dir`", "Set it: neither XDG_DATA_HOME nor HOME is an absolute path.");
        return PathBuf::new();
    };
    let chosen = data.join("keywright");
    reader.note("data_dir", chosen.display().to_string(), Source::Default);
    chosen
}

fn master_key_file(reader: &mut Reader<'_>, data_dir: &std::path::Path) -> PathBuf {
    if let Some(configured) = reader.path("master_key_file") {
        return configured;
    }
    let chosen = data_dir.join("master.key");
    reader.note("master_key_file", chosen.display().to_string(), Source::Default);
    chosen
}

fn tls(reader: &mut Reader<'_>) -> Option<TlsFiles> {
    match (reader.file("tls.cert"), reader.file("tls.key")) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (None, None) => None,
        (cert, _) => {
            let (there, missing) =
                if cert.is_some() { ("tls.cert", "tls.key") } else { ("tls.key", "tls.cert") };
            let place = reader.place(there);
            reader.findings.problem(place, format!("It needs `{missing}` beside it."));
            None
        }
    }
}

fn gateway(reader: &mut Reader<'_>) -> Gateway {
    let gateway = Gateway {
        allow_byok: reader.switch("gateway.allow_byok").unwrap_or(true),
        max_body: reader.size("gateway.max_body"),
        max_buffered: reader.size("gateway.max_buffered"),
        connect_timeout: reader.span("gateway.connect_timeout"),
        first_byte_timeout: reader.span("gateway.first_byte_timeout"),
        idle_timeout: reader.span("gateway.idle_timeout"),
    };
    // A stand-in of zero means that the value itself was refused.
    if gateway.max_buffered != 0 && gateway.max_buffered < gateway.max_body {
        let place = reader.place("gateway.max_buffered");
        reader
            .findings
            .problem(place, "It must be at least `gateway.max_body`, or no large request ever passes.");
    }
    gateway
}

fn records(reader: &mut Reader<'_>) -> Records {
    reader.word("records.content", &["off"]);
    Records {
        mode: match reader.word("records.mode", &["strict", "batched"]) {
            "batched" => RecordsMode::Batched,
            _ => RecordsMode::Strict,
        },
        retention: Some(reader.duration("records.retention")).filter(|length| !length.is_zero()),
    }
}

/// How calls are passed and recorded when nobody says otherwise: in local mode.
pub(crate) fn usual() -> (Gateway, Auth, Records) {
    let (layers, mut findings) = (Layers::default(), Findings::default());
    let mut reader = Reader { layers: &layers, findings: &mut findings, sources: Vec::new() };
    (gateway(&mut reader), auth(&mut reader), records(&mut reader))
}

/// Who may sign up; whether at all is known once the listeners are.
fn auth(reader: &mut Reader<'_>) -> Auth {
    Auth {
        temporary: false,
        temporary_ttl: reader.span("auth.temporary_ttl"),
        temporary_per_minute: reader.count("auth.temporary_per_minute").unwrap_or(NonZeroU32::MIN),
        temporary_per_day: reader.count("auth.temporary_per_day").unwrap_or(NonZeroU32::MIN),
        hide_accounts: reader.switch("auth.hide_accounts").unwrap_or(false),
    }
}

fn threads(reader: &mut Reader<'_>) -> usize {
    if let Some(configured) = reader.count("data_plane.threads") {
        return configured.get() as usize;
    }
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    reader.note("data_plane.threads", cores.to_string(), Source::Default);
    cores
}

#[cfg(test)]
mod tests;
