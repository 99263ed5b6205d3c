//! How the providers are doing: whether a connection stands now, and how the caller last fared.
//!
//! A check connects and sends nothing, so it costs no money and no key goes anywhere. Only configured
//! providers are dialled, each at most once in [`STALE`], whoever asks and however often; their
//! addresses are the operator's and are not shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use keywright_dial::{DialError, Dialler};
use keywright_gateway::{CredentialSource, Upstream};
use keywright_identity::require;
use keywright_protocol::record::CredentialKind;
use keywright_protocol::wire::{
    LastCall, ProviderState, ProviderStates, RequestRecord, ShadowedCredential, Success,
};
use keywright_protocol::{ErrorCode, Scope, Timestamp, routes};
use keywright_store::RequestFilter;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::api::caller::Caller;
use crate::api::records::{records_of, unreadable};
use crate::api::reply::Reply;
use crate::api::{Api, Refusal};
use crate::boot::{CentralKeys, Upstreams};

/// Show how the providers are doing
#[utoipa::path(
    get,
    path = routes::PROVIDERS,
    operation_id = "listProviders",
    tag = "models",
    responses((status = 200, description = "The providers, by name.", body = Success<ProviderStates>)),
    security(("token" = [Scope::ModelsUse]), ("token" = [Scope::InstancesRead])),
)]
pub(super) async fn list(
    State(api): State<Arc<Api>>,
    Caller(principal): Caller,
) -> Result<Reply<ProviderStates>, Refusal> {
    // Whoever calls models may know what they go to; a token for nothing but looking needs no more than that.
    if !principal.may(Scope::ModelsUse) {
        require(&principal, Scope::InstancesRead)?;
    }
    let mut last = BTreeMap::new();
    // What was called is for those who may read the records.
    if principal.may(Scope::ExecutionsRead) {
        let filter = RequestFilter { limit: Some(LATEST), ..RequestFilter::default() };
        let page = api.records.page(records_of(&principal), &filter).await.map_err(unreadable)?;
        for call in page.requests.into_iter().filter(|call| call.outcome != "running") {
            let RequestRecord { id, started_at, outcome, status, .. } = call;
            let Some(provider) = call.provider else { continue };
            last.entry(provider).or_insert(LastCall { id, started_at, outcome, status });
        }
    }
    let mut providers = Vec::new();
    for (name, check) in api.providers.look(api.clock.now()).await? {
        providers.push(ProviderState {
            has_key: api.providers.keys.central(&name).is_some(),
            connection: check.connection.to_owned(),
            checked_at: check.at,
            last_call: last.remove(&name),
            name,
        });
    }
    Ok(Reply(ProviderStates { providers }))
}

/// The checks, and what came of the last of each.
pub(crate) struct ProviderChecks {
    keys: Arc<CentralKeys>,
    rounds: Arc<Rounds>,
}

struct Rounds {
    upstreams: Vec<Arc<Upstream>>,
    dialler: Dialler,
    last: Mutex<Option<Round>>,
}

struct Round {
    begun: Instant,
    checks: BTreeMap<String, Check>,
}

#[derive(Clone, Copy)]
struct Check {
    connection: &'static str,
    at: Timestamp,
}

impl ProviderChecks {
    pub(crate) fn new(upstreams: &Upstreams, dialler: Dialler) -> Self {
        let all = upstreams.catalog.iter().cloned().collect();
        let rounds = Rounds { upstreams: all, dialler, last: Mutex::new(None) };
        Self { keys: Arc::clone(&upstreams.keys), rounds: Arc::new(rounds) }
    }

    /// The keys that the server has for the provider of a call, and that the call did not use.
    pub(super) fn unused_keys(&self, call: &RequestRecord) -> Vec<ShadowedCredential> {
        let (Some(provider), Some(used)) = (&call.provider, &call.credential) else { return Vec::new() };
        let first = self.keys.central(provider).filter(|_| used == CredentialKind::Byok.as_str());
        let hints =
            first.iter().map(|key| key.hint()).chain(self.keys.others(provider).iter().map(String::as_str));
        let shadowed = |hint: &str| ShadowedCredential {
            kind: CredentialKind::Central.as_str().to_owned(),
            place: "configuration".to_owned(),
            hint: hint.to_owned(),
        };
        hints.map(shadowed).collect()
    }

    /// The round that counts now. A new one goes on when the caller leaves, so that leaving and coming back
    /// makes no more of them.
    async fn look(&self, now: Timestamp) -> Result<BTreeMap<String, Check>, ErrorCode> {
        let rounds = Arc::clone(&self.rounds);
        tokio::spawn(async move { rounds.look(now).await }).await.map_err(|_| ErrorCode::Internal)
    }
}

impl Rounds {
    /// Connects to all providers at once, unless that was done just now. Whoever asks meanwhile waits for
    /// the same round.
    async fn look(&self, now: Timestamp) -> BTreeMap<String, Check> {
        let mut last = self.last.lock().await;
        if let Some(round) = last.as_ref().filter(|round| round.begun.elapsed() < STALE) {
            return round.checks.clone();
        }
        let begun = Instant::now();
        let mut connecting = JoinSet::new();
        for upstream in self.upstreams.iter().cloned() {
            let dialler = self.dialler.clone();
            connecting.spawn(async move {
                let connection = connect(&dialler, &upstream).await;
                (upstream.name.clone(), Check { connection, at: now })
            });
        }
        let checks: BTreeMap<_, _> = connecting.join_all().await.into_iter().collect();
        *last = Some(Round { begun, checks: checks.clone() });
        checks
    }
}

async fn connect(dialler: &Dialler, upstream: &Upstream) -> &'static str {
    match tokio::time::timeout(PATIENCE, dialler.connect(upstream.destination())).await {
        Ok(Ok(_)) => "connected",
        Ok(Err(DialError::Unresolved)) => "unresolved",
        Ok(Err(DialError::Forbidden)) => "forbidden",
        Ok(Err(DialError::Tls(_))) => "tls",
        Ok(Err(DialError::Connect(_) | DialError::Broken | DialError::TooLong)) => "unreachable",
        Ok(Err(DialError::TimedOut)) | Err(_) => "timedOut",
    }
}

/// How long a round of checks counts.
const STALE: Duration = Duration::from_secs(15);
/// How long a connection may take here.
const PATIENCE: Duration = Duration::from_secs(3);
/// Among how many of the latest calls the last of a provider is looked for.
const LATEST: u32 = 200;
