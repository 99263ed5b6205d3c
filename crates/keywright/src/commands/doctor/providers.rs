//! The providers: behind the server as it sees them, for only it may connect to them; and where no server
//! is in use, those that one started here would have.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use keywright_client::{Client, reach};
use keywright_protocol::ErrorCode;
use keywright_protocol::wire::ProviderState;
use keywright_server::config::{Config, ProviderSettings, process_environment};
use tokio::time::timeout;

use super::finding::Finding;
use crate::error::CommandError;

/// Asks the server for all of them.
pub(super) async fn ask(client: &Client) -> Vec<Finding> {
    let states = match timeout(PATIENCE, client.providers()).await {
        Ok(Ok(states)) => states.providers,
        // An older server, or a token that may not know; both are told elsewhere.
        Ok(Err(error)) if is_told_elsewhere(error.code()) => return Vec::new(),
        Ok(Err(error)) => {
            return vec![Finding::failed("providers", &CommandError::from(error), "Ask the operator.")];
        }
        Err(_) => {
            let message = "the server does not say in time how its providers are doing";
            return vec![Finding::warning("providers", message, "Try again in a while.")];
        }
    };
    if states.is_empty() {
        return vec![Finding::problem(
            "providers",
            "the server has none",
            ErrorCode::ProviderNotConfigured.next_action(),
        )];
    }
    states.iter().map(describe).collect()
}

fn is_told_elsewhere(code: Option<ErrorCode>) -> bool {
    // Whoever is not accepted, or lacks the scope, is told so under `account` and `scopes`.
    code.is_some_and(|code| matches!(code.status(), 401 | 403 | 404))
}

fn describe(state: &ProviderState) -> Finding {
    let ProviderState { name, has_key, connection, last_call, .. } = state;
    let failure = match connection.as_str() {
        "connected" => None,
        "unresolved" => Some("the server cannot resolve its name"),
        "unreachable" => Some("the server cannot connect to it"),
        "timedOut" => Some("the server's connection to it does not stand in time"),
        "tls" => Some("the server gets no secure connection to it"),
        "forbidden" => Some("its address is one that the server may not dial"),
        _ => Some("the server has an unknown difficulty with it"),
    };
    let check = format!("provider {name}");
    if let Some(failure) = failure {
        let mend = format!("Ask the operator to check `providers.{name}.base_url` and the server's network.");
        return Finding::problem(check, failure, mend);
    }
    if !has_key {
        let mend = "Send your own key beside the token, or ask the operator to configure one.";
        return Finding::warning(check, "can be reached, but the server has no key for it", mend);
    }
    match last_call.as_ref().filter(|call| call.outcome == "upstream_error") {
        Some(call) => {
            let status = call.status.map(|status| format!(" ({status})")).unwrap_or_default();
            let message =
                format!("can be reached, but the last call there failed{status}, {}", call.started_at);
            Finding::warning(check, message, format!("keywright why {}", call.id))
        }
        None => Finding::ok(check, "can be reached by the server, which has a key for it"),
    }
}

/// Those that a server started here would have, and whether this machine can connect to them. Nothing is
/// sent to them.
pub(super) async fn found_here() -> Vec<Finding> {
    let loaded = Config::load(&BTreeMap::new(), &process_environment(), None);
    let providers = match loaded {
        Ok((config, _)) => config.providers,
        Err(problems) => {
            let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
            let mend = "Correct them; `keywright serve` says the same.";
            return vec![Finding::problem("serve settings", told.join("; "), mend)];
        }
    };
    if providers.is_empty() {
        return vec![Finding::warning(
            "providers",
            "the environment holds the key of none",
            "Set a key, ANTHROPIC_API_KEY for instance, or try `keywright serve --demo`, which needs none.",
        )];
    }
    join_all(providers.iter().map(connect)).await
}

async fn connect(provider: &ProviderSettings) -> Finding {
    let check = format!("provider {}", provider.name);
    let key = match provider.keys.first() {
        Some(key) => format!("has its key {} from {}", key.secret.hint(), provider.source),
        None => format!("is in {}, without a key", provider.source),
    };
    let host = provider.base_url.host_str().unwrap_or_default();
    let failure = match timeout(PATIENCE, reach(&provider.base_url)).await {
        Ok(Ok(())) => return Finding::ok(check, format!("{key}; {host} can be reached")),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no connection in time".to_owned(),
    };
    let mend = format!("Check the network between here and {host}, and the address if you have set it.");
    Finding::problem(check, format!("{key}, but {host} cannot be reached: {failure}"), mend)
}

const PATIENCE: Duration = Duration::from_secs(5);
