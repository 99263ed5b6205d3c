//! The one thing that knows who is who.

use std::sync::Arc;

use keywright_protocol::{Clock, Timestamp};
use keywright_secret::fill_random;
use keywright_store::{MintLimits, Moment, Store};
use tokio::runtime::Handle;

use crate::Mailroom;
use crate::cache::TokenCache;
use crate::lookups::Lookups;
use crate::oauth::{OAuthKeys, Registration, Resources};

/// Accounts, keys and token checks. A clone is the same one.
#[derive(Clone)]
pub struct Identity {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: IdentitySettings,
    pub(crate) mailroom: Mailroom,
    pub(crate) oauth: OAuthKeys,
    pub(crate) resources: Resources,
    /// Told when a change has decided that records move.
    pub(crate) moves: tokio::sync::Notify,
    /// What tells this process from others that serve the same database.
    pub(crate) process: i64,
    pub(crate) cache: TokenCache,
    pub(crate) lookups: Lookups,
    /// Where everything that touches the store runs, whichever thread asks.
    pub(crate) runtime: Handle,
    #[cfg(any(test, feature = "test-hooks"))]
    pub(crate) pause: std::sync::Mutex<Option<Arc<crate::Pause>>>,
}

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct IdentitySettings {
    /// How long a temporary account lives.
    pub temporary_ttl_seconds: i64,
    /// How many temporary accounts one address may make in an hour; at least 1.
    pub mints_per_hour_per_address: i64,
    /// How many temporary accounts may be made in an hour; at least 1.
    pub mints_per_hour: i64,
    /// How many tokens are held in memory; those in use come on top.
    pub cached_tokens: usize,
    /// Whether a request for a code tells whether its mailbox has an account, or only the code does.
    pub hide_accounts: bool,
    /// Who may make an account with a mailbox.
    pub signup: Signup,
    /// The address of this server, without a slash at the end: who gives out tokens, and what they are for.
    pub issuer: String,
    /// Further resources that tokens are given out for; such a token opens nothing here.
    pub resources: Vec<String>,
    /// Who may register applications.
    pub registration: Registration,
    /// How long a session of an application lives, however often it is refreshed.
    pub session_seconds: i64,
}

/// Who may make an account with a mailbox. Whoever was invited always may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signup {
    /// Everybody.
    Open,
    /// Mailboxes of these domains, in the form of [`Mailbox::domain`](keywright_protocol::Mailbox::domain).
    Domains(Vec<String>),
    /// Nobody else.
    Invited,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            temporary_ttl_seconds: 72 * 3_600,
            mints_per_hour_per_address: 30,
            mints_per_hour: 300,
            cached_tokens: 1_000_000,
            hide_accounts: false,
            signup: Signup::Open,
            issuer: "http://127.0.0.1:5399".to_owned(),
            resources: Vec::new(),
            registration: Registration::Open,
            session_seconds: 90 * 86_400,
        }
    }
}

impl IdentitySettings {
    pub(crate) fn mint_limits(&self) -> MintLimits {
        MintLimits {
            per_address: self.mints_per_hour_per_address.max(1),
            overall: self.mints_per_hour.max(1),
            window_seconds: 3_600,
        }
    }
}

impl Identity {
    /// Identity over `store`. Store work runs on the runtime that this is called on, so that the loops
    /// of the data plane never drive a database connection.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        settings: IdentitySettings,
        mailroom: Mailroom,
    ) -> Self {
        Self::with_keys(store, clock, settings, mailroom, OAuthKeys::random())
    }

    /// The same with keys that outlive it, for a server that people sign in to.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn with_keys(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        settings: IdentitySettings,
        mailroom: Mailroom,
        oauth: OAuthKeys,
    ) -> Self {
        let resources = Resources::new(&settings.issuer, &settings.resources);
        let cache = TokenCache::new(settings.cached_tokens, !store.is_shared());
        let lookups = Lookups::new(store.connections());
        Self {
            inner: Arc::new(Inner {
                store,
                clock,
                settings,
                mailroom,
                oauth,
                resources,
                moves: tokio::sync::Notify::new(),
                process: i64::from_be_bytes(random_bytes()),
                cache,
                lookups,
                runtime: Handle::current(),
                #[cfg(any(test, feature = "test-hooks"))]
                pause: std::sync::Mutex::new(None),
            }),
        }
    }

    /// The address of this server, which gives out tokens, without a slash at the end.
    pub fn issuer(&self) -> &str {
        &self.inner.settings.issuer
    }

    /// Who may register applications.
    pub fn registration(&self) -> Registration {
        self.inner.settings.registration
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// Now, also by a clock that nobody can set.
    pub(crate) fn moment(&self) -> Moment {
        let steady_ms = i64::try_from(self.inner.clock.steady().as_millis()).unwrap_or(i64::MAX);
        Moment { wall: self.now(), steady_ms, process: self.inner.process }
    }
}

fn random_bytes() -> [u8; 8] {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    bytes
}
