//! What local mode has to work with: the provider keys of this user, and where each was found; or the
//! gateway of a run that this one is inside of.

use std::collections::BTreeSet;

use keywright_client::{Client, PlainText, ServerUrl};
use keywright_credentials::{Environment, Paths, ProviderFile, StoredCredential, prove_by};
use keywright_protocol::Exit;
use keywright_providers::{Dialect, PROVIDERS, Provider};
use keywright_secret::{PlatformToken, Secret, TokenKind};
use keywright_server::config::{ProviderSettings, Source, process_environment};
use keywright_server::local::{Discovered, StoredKey, discover};

use crate::error::CommandError;

/// What `run` does where no server is in use; `status` and `doctor` say the same of it.
pub(crate) enum Serverless {
    /// It uses the gateway of the run that this one is inside of.
    Inside(ServerUrl),
    /// It uses the gateway inside it, with what was found.
    Own(Found),
}

/// What was found.
#[derive(Default)]
pub(crate) struct Found {
    /// The providers that can be called.
    pub(crate) providers: Vec<ProviderSettings>,
    /// What was found and is not used, and why.
    pub(crate) unused: Vec<String>,
}

impl Serverless {
    /// Looks as `run` does.
    pub(crate) async fn look(paths: &Paths, environment: &Environment) -> Result<Self, CommandError> {
        match outer(environment).await {
            Some((url, _)) => Ok(Self::Inside(url)),
            None => Found::look(paths, environment).map(Self::Own),
        }
    }

    /// What the gateway inside `run` would have; nothing where the outer one is used.
    pub(crate) fn found(&self) -> Option<&Found> {
        match self {
            Self::Inside(_) => None,
            Self::Own(found) => Some(found),
        }
    }

    /// Whether a run would find no provider to call.
    pub(crate) fn lacks_a_provider(&self) -> bool {
        self.found().is_some_and(|found| found.providers.is_empty())
    }

    /// For people.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Inside(url) => {
                format!("uses the gateway of the `keywright run` that this is inside of, {url}")
            }
            Self::Own(_) if self.lacks_a_provider() => {
                "needs the key of a provider, and none was found".to_owned()
            }
            Self::Own(_) => "uses the gateway inside it".to_owned(),
        }
    }
}

impl Found {
    /// Looks at `providers.json` and at the environment. Runs nothing and changes nothing.
    pub(crate) fn look(paths: &Paths, environment: &Environment) -> Result<Self, CommandError> {
        let file = ProviderFile::new(&paths.providers);
        let mut unused = Vec::new();
        let mut owned = BTreeSet::new();
        let mut stored = Vec::new();
        for entry in file.read(environment)? {
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

/// The gateway of the run that this one is inside of, and the token that it takes. Nothing but the gateway
/// that made the token can prove that it knows it; what is left over from a run that has ended counts for
/// nothing.
pub(crate) async fn outer(environment: &Environment) -> Option<(ServerUrl, Secret)> {
    let url = ServerUrl::parse(environment.text(OUTER)?, PlainText::LoopbackOnly).ok()?;
    let client = Client::new(&url).ok().filter(|_| url.is_loopback())?;
    let mut tried: Vec<Secret> = Vec::new();
    for (_, value) in environment.iter() {
        let token = value.to_str().and_then(|text| PlatformToken::parse(text).ok());
        let Some(token) = token.filter(|token| token.kind() == TokenKind::Access) else { continue };
        let token = Secret::new(token.expose());
        // An agent may have it in several variables.
        if tried.contains(&token) {
            continue;
        }
        if prove_by(&client, &token).await.is_ok() {
            return Some((url, token));
        }
        tried.push(token);
    }
    None
}

/// What to do where [`OUTER`] is set and leads nowhere.
pub(crate) const OUTER_ENDED: &str =
    "The `keywright run` that this shell was started in has ended; open another shell.";

/// Where a program that runs in local mode finds the gateway, should it start `keywright run` itself.
pub(crate) const OUTER: &str = "KEYWRIGHT_LOCAL_GATEWAY";
