//! Where no server is in use: what `run` does then, with which keys, and whether this machine can connect
//! to the providers that they are for. Nothing is sent to them.

use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;
use keywright_server::config::{ProviderSettings, Source};
use keywright_server::local::Probe;
use tokio::time::timeout;

use super::Scene;
use super::finding::Finding;
use crate::commands::serve::not_started;
use crate::context::named_credential;
use crate::local::{OUTER, OUTER_ENDED, Serverless};

/// Looks as `run` does.
pub(super) async fn look(scene: &Scene) -> Vec<Finding> {
    let mut findings = vec![token(scene)];
    let serverless = match Serverless::look(&scene.paths, &scene.environment).await {
        Ok(serverless) => serverless,
        Err(error) => {
            findings.push(Finding::failed("local mode", &error, "Correct it, or unset it."));
            return findings;
        }
    };
    let what = format!("`run` {}", serverless.describe());
    findings.push(match serverless.lacks_a_provider() {
        true => match scene.environment.text(OUTER) {
            Some(_) => Finding::problem("local mode", what, format!("{GET_A_KEY} {OUTER_ENDED}")),
            None => Finding::problem("local mode", what, GET_A_KEY),
        },
        false => Finding::ok("local mode", what),
    });
    let Some(found) = serverless.found() else { return findings };
    findings.extend(found.unused.iter().map(|why| Finding::warning("provider keys", why, PUT_A_KEY)));
    if found.providers.is_empty() {
        return findings;
    }
    match Probe::new(scene.environment.text(EXTRA_CA).map(Path::new)) {
        Ok(probe) => {
            let probing = found.providers.iter().map(|provider| connect(&probe, provider));
            findings.extend(join_all(probing).await);
        }
        Err(error) => {
            let mend = format!("Correct {EXTRA_CA}, or unset it.");
            findings.push(Finding::failed("certificates", &not_started(&error), &mend));
        }
    }
    findings
}

/// A token is for a server.
fn token(scene: &Scene) -> Finding {
    match named_credential(scene.global.api_key.as_ref(), &scene.environment) {
        None => Finding::ok("token", "none is needed without a server"),
        Some(place) => Finding::warning(
            "token",
            format!("{} is not used: it is for a server, and none is in use", place.describe()),
            "Name its server with KEYWRIGHT_SERVER, or leave the token out.",
        ),
    }
}

async fn connect(probe: &Probe, provider: &ProviderSettings) -> Finding {
    let check = format!("provider {}", provider.name);
    let hint = provider.keys.first().map(|key| key.secret.hint()).unwrap_or_default();
    let host = provider.base_url.host_str().unwrap_or_default();
    let place = match &provider.address {
        Source::Default => host.to_owned(),
        named => format!("{host}, from {named},"),
    };
    let found = format!("key {hint} from {}; {place}", provider.source);
    let failure = match timeout(PATIENCE, probe.connect(provider)).await {
        Ok(Ok(())) => return Finding::ok(check, format!("{found} can be reached")),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no connection in time".to_owned(),
    };
    let mend = format!("Check the network between here and {host}, and the address if you have set it.");
    // Agents that use other providers are none the worse for it.
    Finding::warning(check, format!("{found} cannot be reached: {failure}"), mend)
}

const PATIENCE: Duration = Duration::from_secs(5);
const EXTRA_CA: &str = "KEYWRIGHT_TLS_EXTRA_CA";
const GET_A_KEY: &str = "Set a provider's key, ANTHROPIC_API_KEY for instance, or see it work without one, \
                         `keywright run --demo -- AGENT`, or start a server: `keywright serve`.";
const PUT_A_KEY: &str = "Put a key of that provider there, or take out what stands there.";
