//! What every test begins with: a server, a clock that stands still, and an account.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use keywright_identity::oauth::OAuthKeys;
use keywright_identity::{Identity, IdentitySettings, Mailer, Mailroom, Postbox, Unproven};
use keywright_protocol::wire::{ApiKey, CreateKey};
use keywright_protocol::{ApiError, Clock, ErrorCode, Principal, Timestamp};
use keywright_secret::{KeyedHash, PlatformToken};
use keywright_store::Store;
use keywright_store::testing::Scene;

/// A clock that moves when it is told to.
pub(crate) struct HandClock {
    wall: AtomicI64,
    steady: AtomicU64,
}

impl HandClock {
    pub(crate) fn forward_seconds(&self, seconds: i64) {
        self.wall.fetch_add(seconds * 1_000, Ordering::SeqCst);
        self.steady.fetch_add(seconds.unsigned_abs() * 1_000, Ordering::SeqCst);
    }

    /// Sets it to another time: none goes by.
    pub(crate) fn set(&self, instant: Timestamp) {
        self.wall.store(instant.0, Ordering::SeqCst);
    }
}

impl Clock for HandClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }

    fn steady(&self) -> Duration {
        Duration::from_millis(self.steady.load(Ordering::SeqCst))
    }
}

pub(crate) struct Bench {
    pub(crate) identity: Identity,
    pub(crate) clock: Arc<HandClock>,
    pub(crate) scene: Scene,
    pub(crate) post: Arc<Postbox>,
    settings: IdentitySettings,
    /// Of the whole installation, as it is made from the master key.
    codes: KeyedHash,
    oauth: OAuthKeys,
}

impl Bench {
    pub(crate) fn new(scene: Scene) -> Self {
        Self::with(scene, IdentitySettings::default())
    }

    pub(crate) fn with(scene: Scene, settings: IdentitySettings) -> Self {
        let clock =
            Arc::new(HandClock { wall: AtomicI64::new(1_795_000_000_000), steady: AtomicU64::new(0) });
        let (post, codes) = (Arc::new(Postbox::default()), KeyedHash::random());
        let mailroom = Mailroom { mailer: Arc::clone(&post) as Arc<dyn Mailer>, codes: codes.clone() };
        let oauth = OAuthKeys::random();
        let identity = identity(&scene.store, &clock, settings.clone(), mailroom, oauth.clone());
        Self { identity, clock, scene, post, settings, codes, oauth }
    }

    /// A second server on the same database and clock, where there may be one.
    pub(crate) async fn second_server(&self) -> Option<Identity> {
        let store = self.scene.second_server().await?;
        Some(self.server_on(&store, self.settings.clone()))
    }

    /// A second server where there may be one, else the first again.
    pub(crate) async fn other_server(&self) -> Identity {
        self.second_server().await.unwrap_or_else(|| self.identity.clone())
    }

    /// The same server after a restart, with other settings.
    pub(crate) fn restarted(&self, settings: IdentitySettings) -> Identity {
        self.server_on(&self.scene.store, settings)
    }

    fn server_on(&self, store: &Arc<Store>, settings: IdentitySettings) -> Identity {
        let mailer = Arc::clone(&self.post) as Arc<dyn Mailer>;
        let mailroom = Mailroom { mailer, codes: self.codes.clone() };
        identity(store, &self.clock, settings, mailroom, self.oauth.clone())
    }

    /// The token of an account that lasts, so that nothing but its own time ends a key.
    pub(crate) async fn lasting(&self) -> PlatformToken {
        let token = self.account().await;
        let claim = self.identity.issue_claim(true).await.expect("a code").expect("a code");
        let caller = self.verified(&token).await;
        self.identity.claim(&caller, &claim).await.expect("an administrator");
        token
    }

    /// A key with those scopes, and its principal.
    pub(crate) async fn scoped(
        &self,
        caller: &Principal,
        name: &str,
        scopes: &[&str],
    ) -> (PlatformToken, Arc<Principal>) {
        let (token, _) = self.identity.create_key(caller, with_scopes(name, scopes)).await.expect("a key");
        let principal = self.verified(&token).await;
        (token, principal)
    }

    /// The token of a new temporary account.
    pub(crate) async fn account(&self) -> PlatformToken {
        self.identity.provision_temporary(HOME, false).await.expect("an account").token
    }

    /// A new temporary account, verified.
    pub(crate) async fn caller(&self) -> Arc<Principal> {
        self.verified(&self.account().await).await
    }

    pub(crate) async fn verified(&self, token: &PlatformToken) -> Arc<Principal> {
        self.identity.verify(token).await.expect("a good token")
    }

    pub(crate) async fn refusal(&self, token: &PlatformToken) -> Unproven {
        self.identity.verify(token).await.expect_err("a refused token")
    }

    pub(crate) async fn key(&self, caller: &Principal, name: &str) -> (PlatformToken, ApiKey) {
        self.identity.create_key(caller, named(name)).await.expect("a key")
    }
}

/// So many rounds, or ten times as many for the long proof, which `cargo xtask soak` asks for.
pub(crate) fn rounds(rounds: usize) -> usize {
    let times = std::env::var("LONG_PROOFS").ok().and_then(|text| text.parse::<usize>().ok());
    rounds * times.unwrap_or(1)
}

fn identity(
    store: &Arc<Store>,
    clock: &Arc<HandClock>,
    settings: IdentitySettings,
    mailroom: Mailroom,
    oauth: OAuthKeys,
) -> Identity {
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    Identity::with_keys(Arc::clone(store), clock, settings, mailroom, oauth)
}

pub(crate) fn named(name: &str) -> CreateKey {
    CreateKey { name: name.to_owned(), ..CreateKey::default() }
}

pub(crate) fn with_scopes(name: &str, scopes: &[&str]) -> CreateKey {
    CreateKey { scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()), ..named(name) }
}

/// The code of a refusal.
pub(crate) fn code<T>(outcome: Result<T, ApiError>) -> ErrorCode {
    match outcome {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.code,
    }
}

pub(crate) const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
