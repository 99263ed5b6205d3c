//! The providers behind the server, as it sees them: only it may connect to them.

use std::time::Duration;

use keywright_client::Client;
use keywright_protocol::ErrorCode;
use keywright_protocol::wire::ProviderState;
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

const PATIENCE: Duration = Duration::from_secs(5);
