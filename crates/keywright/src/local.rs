//! What local mode has to work with: the provider keys of this user, and where each was found.

use std::collections::BTreeSet;

use keywright_credentials::{Environment, ProviderFile, StoredCredential};
use keywright_protocol::Exit;
use keywright_providers::{Dialect, PROVIDERS, Provider};
use keywright_server::config::{ProviderSettings, Source, process_environment};
use keywright_server::local::{Discovered, StoredKey, discover};

use crate::context::Context;
use crate::error::CommandError;

/// What was found.
pub(crate) struct Found {
    /// The providers that can be called.
    pub(crate) providers: Vec<ProviderSettings>,
    /// What was found and is not used, and why.
    pub(crate) unused: Vec<String>,
}

impl Found {
    /// Looks at `providers.json` and at the environment. Runs nothing and changes nothing.
    pub(crate) fn look(context: &Context) -> Result<Self, CommandError> {
        let file = ProviderFile::new(&context.paths.providers);
        let mut unused = Vec::new();
        let mut owned = BTreeSet::new();
        let mut stored = Vec::new();
        for entry in file.read(&context.environment)? {
            match entry.credential {
                StoredCredential::Key(key) => stored.push(StoredKey {
                    provider: entry.id.clone(),
                    key,
                    environment: entry.environment,
                    file: file.path().to_owned(),
                }),
                StoredCredential::Unused(why) => unused.push(format!(
                    "The credential of {} in {} is not used: {why}. While it is stored, the environment does \
                     not count for that provider.",
                    entry.id,
                    file.path().display()
                )),
            }
            owned.insert(entry.id);
        }
        let Discovered { providers, warnings } =
            discover(&process_environment(), &stored, &owned).map_err(|problems| {
                let error = CommandError::new(
                    Exit::User,
                    "CONFIGURATION_INVALID",
                    "the environment points a provider's key to no usable address",
                );
                problems.iter().fold(error, |error, problem| error.because(problem))
            })?;
        unused.extend(warnings.into_iter().map(|warning| warning.0));
        Ok(Self { providers, unused })
    }

    /// Whether one of them speaks one of `dialects`.
    pub(crate) fn serves(&self, dialects: &[Dialect]) -> bool {
        self.providers.iter().any(|provider| dialects.contains(&provider.dialect))
    }
}

/// A provider with its key, masked, and where both come from.
pub(crate) fn describe(provider: &ProviderSettings) -> String {
    let hint = provider.keys.first().map(|key| key.secret.hint()).unwrap_or_default();
    let found = format!("{} (key {hint} from {})", provider.name, provider.source);
    match &provider.address {
        Source::Default => found,
        named => format!("{found} at {}, from {named}", provider.base_url),
    }
}

/// The variables in which a key is looked for: of the providers that speak one of `dialects`.
pub(crate) fn key_variables(dialects: &[Dialect]) -> impl Iterator<Item = &'static str> {
    PROVIDERS
        .iter()
        // One whose address depends on the account must be configured in a server.
        .filter(|provider| dialects.contains(&provider.dialect) && provider.base_url.is_some())
        .flat_map(variables)
}

fn variables(provider: &Provider) -> impl Iterator<Item = &'static str> + use<> {
    provider.environment.iter().chain(provider.bearer_environment).copied()
}

/// Takes the provider keys out of a program's environment; which were set.
pub(crate) fn withhold_keys(environment: &mut Environment) -> Vec<&'static str> {
    let mut withheld = Vec::new();
    for name in PROVIDERS.iter().flat_map(variables) {
        let set = environment.text(name).is_some();
        if environment.remove(name) && set {
            withheld.push(name);
        }
    }
    withheld
}
