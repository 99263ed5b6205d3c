//! The table of settings: every key with one value, its default and what it is for.
//!
//! `a.b_c` in the file is `--a-b-c` on the command line and `KEYWRIGHT_A_B_C` in the environment.
//! Reading, the command line's flags, the reference and the tests all go by this table.

/// A setting with one value.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the file, `gateway.max_body` for instance.
    pub path: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What stands there when nobody says otherwise; absent where it is worked out (see `doc`).
    pub default: Option<&'static str>,
    /// What it is for, in one line.
    pub doc: &'static str,
    /// Whether a later version of Keywright will bring it: setting it now is an error that says so.
    pub later: bool,
}

/// What may stand in a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An IP address and a port.
    Address,
    /// An IP address and a port, or `off`.
    AddressOrOff,
    /// An origin: `https://host` or `http://host:port`.
    Origin,
    /// Host names.
    Hosts,
    /// IP addresses and networks.
    Networks,
    /// A file or folder. A relative one in the file is meant from the file's folder.
    Path,
    /// `sqlite` or a PostgreSQL URL.
    Database,
    /// `true` or `false`.
    Switch,
    /// A length of time.
    Duration,
    /// A number of bytes.
    Size,
    /// A number from 1 to so many.
    Count(u32),
    /// One of some words.
    Word(&'static [&'static str]),
    /// The URL of a mail server.
    MailServer,
    /// The mailbox that mails come from.
    Sender,
    /// What stands behind the `@` of mailboxes.
    MailDomains,
    /// Addresses of resources, each as its clients write it.
    Urls,
}

impl Key {
    /// The key of that path.
    pub fn of(path: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.path == path)
    }

    /// Its flag, without the dashes before it: `gateway-max-body`.
    pub fn flag(&self) -> String {
        self.path.replace(['.', '_'], "-")
    }

    /// Its environment variable: `KEYWRIGHT_GATEWAY_MAX_BODY`.
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.path.replace('.', "_").to_uppercase())
    }
}

impl Kind {
    /// What is expected, to follow the word "expected".
    pub fn expected(self) -> String {
        match self {
            Self::Address => "an address like 127.0.0.1:5399".to_owned(),
            Self::AddressOrOff => "an address like 127.0.0.1:5398, or off".to_owned(),
            Self::Origin => "an origin like https://keywright.example.com, without a path".to_owned(),
            Self::Hosts => "host names without ports".to_owned(),
            Self::Networks => "IP addresses or networks like 10.0.0.0/8".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Database => "`sqlite` or a URL like postgres://user@host/database".to_owned(),
            Self::Switch => "true or false".to_owned(),
            Self::Duration => "a length of time like 500ms, 10s, 72h or 60d".to_owned(),
            Self::Size => "a size like 64KiB or 32MiB".to_owned(),
            Self::Count(most) => format!("a number from 1 to {most}"),
            Self::Word(words) => format!("one of: {}", words.join(", ")),
            Self::MailServer => "a URL like smtp://user:password@mail.example.com:587 or smtps://mail.example.com, \
                                 with nothing behind the port and signs like @ / : % in the login written as %40 \
                                 and so on"
                .to_owned(),
            Self::Sender => "a mailbox like keywright@example.com, or Name <keywright@example.com> with ASCII letters, \
                             digits, blanks, dots and dashes; no six digits in a row, which only codes have"
                .to_owned(),
            Self::Urls => "URLs like https://mcp.example.com/tools, without fragment".to_owned(),
            Self::MailDomains => "domains of mailboxes like example.com, each exactly as behind the @".to_owned(),
        }
    }

    /// Whether a login may stand in it.
    pub(super) fn holds_login(self) -> bool {
        matches!(self, Self::Database | Self::MailServer)
    }

    /// Whether several values may stand there, separated by commas or as a list.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Hosts | Self::Networks | Self::MailDomains | Self::Urls)
    }
}

/// What each of our environment variables begins with.
pub(super) const PREFIX: &str = "KEYWRIGHT_";

/// Variables of ours that are no settings of the server: the command line's, and the master key itself.
pub(super) const OTHER_VARIABLES: &[&str] = &[
    "KEYWRIGHT_API_KEY",
    "KEYWRIGHT_SERVER",
    "KEYWRIGHT_HOME",
    "KEYWRIGHT_NO_TEMPORARY",
    "KEYWRIGHT_PROFILE",
    "KEYWRIGHT_CLIENT_ID",
    "KEYWRIGHT_ESSENTIAL_TRAFFIC_ONLY",
    "KEYWRIGHT_LOCAL_GATEWAY",
    CONFIG_VARIABLE,
    MASTER_KEY_VARIABLE,
];

/// The variable that names the file, as `--config` does.
pub(super) const CONFIG_VARIABLE: &str = "KEYWRIGHT_CONFIG";

/// The variable that holds the master key itself. It is no key of the table: a secret has no place on
/// a command line or in the file.
pub(super) const MASTER_KEY_VARIABLE: &str = "KEYWRIGHT_MASTER_KEY";

/// Tables of the file whose contents come with a later version.
pub(super) const LATER_TABLES: &[&str] = &["tiers", "forward"];

const fn key(path: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, kind, default, doc, later: false }
}

const fn later(path: &'static str, kind: Kind, default: Option<&'static str>, doc: &'static str) -> Key {
    Key { path, kind, default, doc, later: true }
}

/// As good as no limit.
const MOST_CALLS: u32 = 1_000_000_000;

/// All settings with one value. The order is that of the reference.
pub const KEYS: &[Key] = &[
    key("listen", Kind::Address, Some("127.0.0.1:5399"), "Where the server listens."),
    key("public_url", Kind::Origin, None, "The address that clients use; from `listen` when not set."),
    key("server_hosts", Kind::Hosts, Some(""), "More host names under which the server answers."),
    key("data_dir", Kind::Path, None, "The folder of the server's files; $XDG_DATA_HOME/keywright."),
    key("database", Kind::Database, Some("sqlite"), "`sqlite` in the data folder, or a PostgreSQL URL."),
    key("master_key_file", Kind::Path, None, "The master key; `master.key` in the data folder."),
    key("auth.temporary", Kind::Switch, None, "Accounts without sign-up; on only on loopback."),
    key("auth.temporary_ttl", Kind::Duration, Some("72h"), "How long a temporary account lives."),
    key(
        "auth.temporary_per_minute",
        Kind::Count(MOST_CALLS),
        Some("300"),
        "Model calls of all temporary accounts together in a minute.",
    ),
    key(
        "auth.temporary_per_day",
        Kind::Count(MOST_CALLS),
        Some("10000"),
        "Model calls of all temporary accounts together in a day.",
    ),
    key(
        "auth.hide_accounts",
        Kind::Switch,
        Some("false"),
        "Whether a mailbox has an account is told to its owner only.",
    ),
    key(
        "auth.signup",
        Kind::Word(&["open", "domains", "invited"]),
        Some("open"),
        "Who may sign up with a mailbox: everybody, some domains, or only who was invited, who always may.",
    ),
    key("auth.signup_domains", Kind::MailDomains, None, "The domains whose mailboxes may sign up."),
    key(
        "auth.registration",
        Kind::Word(&["open", "admin", "off"]),
        Some("open"),
        "Who registers applications that people sign in with.",
    ),
    key("auth.resources", Kind::Urls, None, "More resources that tokens are given out for; not good here."),
    key(
        "mail.smtp",
        Kind::MailServer,
        None,
        "The mail server; without one, mails are files in the data folder.",
    ),
    key("mail.from", Kind::Sender, None, "The mailbox that mails come from; needed with `mail.smtp`."),
    key("trusted_proxies", Kind::Networks, Some(""), "Proxies whose forwarded headers count."),
    key("tls.cert", Kind::Path, None, "The certificate chain, in PEM."),
    key("tls.key", Kind::Path, None, "The private key of the certificate, in PEM."),
    key("tls.extra_ca", Kind::Path, None, "More authorities to trust on the way out, in PEM."),
    key("insecure", Kind::Switch, Some("false"), "Listen beyond loopback without TLS or a trusted proxy."),
    key("gateway.allow_byok", Kind::Switch, Some("true"), "Whether callers may use their own provider keys."),
    key("gateway.max_body", Kind::Size, Some("32MiB"), "The largest request body."),
    key("gateway.max_buffered", Kind::Size, Some("256MiB"), "All request bodies in memory together."),
    key("gateway.connect_timeout", Kind::Duration, Some("10s"), "How long a provider may take to connect."),
    key(
        "gateway.first_byte_timeout",
        Kind::Duration,
        Some("600s"),
        "How long it may take to begin to answer.",
    ),
    key("gateway.idle_timeout", Kind::Duration, Some("300s"), "How long it may be silent inside an answer."),
    key("drain", Kind::Duration, Some("30s"), "How long running calls may take to end at a stop."),
    key("records.mode", Kind::Word(&["strict", "batched"]), Some("strict"), "When records are committed."),
    key("records.content", Kind::Word(&["off"]), Some("off"), "What of prompts and answers is kept."),
    key("records.retention", Kind::Duration, Some("60d"), "How long records are kept; 0 for ever."),
    later("tiers.preset", Kind::Word(&["hosted"]), None, "A ready table of tiers."),
    later("forward.listen", Kind::AddressOrOff, Some("off"), "Where the forward proxy listens."),
    later("forward.hosts", Kind::Hosts, None, "The hosts that the forward proxy looks into."),
    later("forward.tunnel", Kind::Word(&["deny", "allow"]), Some("deny"), "What happens to other hosts."),
    key(
        "operations.listen",
        Kind::AddressOrOff,
        Some("127.0.0.1:5398"),
        "Where metrics and health are served.",
    ),
    key("log.format", Kind::Word(&["text", "json"]), Some("text"), "The form of the log."),
    key("data_plane.threads", Kind::Count(1024), None, "Threads that pass model calls; one per core."),
    key("demo", Kind::Switch, Some("false"), "Adds the built-in provider `demo`, which needs no key."),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_key_has_a_flag_and_a_variable_of_its_own() {
        let flags: HashSet<String> = KEYS.iter().map(Key::flag).collect();
        let variables: HashSet<String> = KEYS.iter().map(Key::variable).collect();
        assert_eq!((flags.len(), variables.len()), (KEYS.len(), KEYS.len()));
        assert!(OTHER_VARIABLES.iter().all(|other| !variables.contains(*other)));
    }

    #[test]
    fn names_follow_from_the_path() {
        let key = Key::of("gateway.max_body").expect("a key");
        assert_eq!(key.flag(), "gateway-max-body");
        assert_eq!(key.variable(), "KEYWRIGHT_GATEWAY_MAX_BODY");
    }
}
