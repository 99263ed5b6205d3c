//! The providers of local mode: from what the user has stored, then from the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use keywright_providers::{KeyHeader, PROVIDERS, provider};
use keywright_secret::Secret;

use crate::config::{Findings, FoundKey, Problem, ProviderSettings, Source, Warning, from_environment};

/// A provider's key that the user has stored.
pub struct StoredKey {
    /// The provider's id.
    pub provider: String,
    /// The key.
    pub key: Secret,
    /// Variables that count for this provider before those of the environment.
    pub environment: BTreeMap<String, String>,
    /// The file that it stands in.
    pub file: PathBuf,
}

/// What can be called.
#[derive(Debug)]
pub struct Discovered {
    /// The providers, in the order of their names.
    pub providers: Vec<ProviderSettings>,
    /// What was found and cannot be used.
    pub warnings: Vec<Warning>,
}

/// Finds the providers. A stored credential owns its provider: what `environment` has for one in `owned`
/// does not count, whether or not what is stored can be used.
///
/// # Errors
/// What is set and wrong, so that a key could go to the wrong place.
pub fn discover(
    environment: &BTreeMap<String, String>,
    stored: &[StoredKey],
    owned: &BTreeSet<String>,
) -> Result<Discovered, Vec<Problem>> {
    let mut findings = Findings::default();
    let mut free = environment.clone();
    for owner in owned.iter().filter_map(|id| provider(id)) {
        free.retain(|name, _| !owner.environment.contains(&name.as_str()));
    }
    let mut providers = Vec::new();
    for provider in PROVIDERS.iter().filter(|provider| !owned.contains(provider.id)) {
        let token = FoundKey::among(provider, provider.bearer_environment, KeyHeader::Bearer, environment);
        if let Some(found) = token.and_then(|token| token.settings(environment, &mut findings)) {
            free.retain(|name, _| !provider.environment.contains(&name.as_str()));
            providers.push(found);
        }
    }
    providers.extend(from_environment(&free, &mut findings));
    for stored in stored {
        let place = format!("the key of {} in {}", stored.provider, stored.file.display());
        let Some(provider) = provider(&stored.provider) else {
            findings.warn(format!("{place} is not used: this version knows no such provider."));
            continue;
        };
        let source = Source::File(stored.file.clone());
        let origin = format!("file:{}", stored.file.display());
        let (key, header) = (stored.key.expose(), provider.key_header);
        let found = FoundKey { provider, key, header, place, origin, source };
        let mut environment = environment.clone();
        if provider.address_environment.iter().any(|name| stored.environment.contains_key(*name)) {
            // What stands beside another address says nothing of this one.
            let keys = || provider.environment.iter().chain(provider.bearer_environment);
            environment.retain(|name, _| keys().all(|key| key != name));
        }
        environment.extend(stored.environment.clone());
        providers.extend(found.settings(&environment, &mut findings));
    }
    providers.sort_by(|one, other| one.name.cmp(&other.name));
    let Findings { problems, warnings } = findings;
    if problems.is_empty() { Ok(Discovered { providers, warnings }) } else { Err(problems) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn stored(provider: &str, key: &str, environment: &[(&str, &str)]) -> StoredKey {
        StoredKey {
            provider: provider.to_owned(),
            key: Secret::new(key),
            environment: variables(environment),
            file: "/s/providers.json".into(),
        }
    }

    fn lines(found: &Discovered) -> Vec<String> {
        let line = |provider: &ProviderSettings| {
            let key = provider.keys[0].secret.expose();
            format!("{} {key} {} {}", provider.name, provider.base_url, provider.source)
        };
        found.providers.iter().map(line).collect()
    }

    #[test]
    fn a_stored_credential_owns_its_provider_usable_or_not() {
        let environment = variables(&[
            ("ANTHROPIC_API_KEY", "env-a"),
            ("OPENAI_API_KEY", "env-o"),
            ("XAI_API_KEY", "env-x"),
        ]);
        let owned = ["anthropic".to_owned(), "openai".to_owned()].into();
        let found = discover(&environment, &[stored("anthropic", "stored-a", &[])], &owned).expect("found");
        let expected = [
            "anthropic stored-a https://api.anthropic.com/ /s/providers.json",
            "xai env-x https://api.x.ai/v1 XAI_API_KEY",
        ];
        assert_eq!(lines(&found), expected);
    }

    #[test]
    fn a_key_goes_where_its_owners_environment_points() {
        let environment = variables(&[
            ("ANTHROPIC_API_KEY", "a"),
            ("ANTHROPIC_BASE_URL", "https://llm.corp.example/anthropic/"),
            ("OPENAI_API_KEY", "o"),
            ("OPENAI_API_BASE", "http://127.0.0.1:11434"),
        ]);
        let own = [("GOOGLE_GEMINI_BASE_URL", "https://own.example")];
        let found = discover(&environment, &[stored("google", "g", &own)], &["google".to_owned()].into());
        let expected = [
            "anthropic a https://llm.corp.example/anthropic ANTHROPIC_API_KEY",
            "google g https://own.example/ /s/providers.json",
            "openai o http://127.0.0.1:11434/v1 OPENAI_API_KEY",
        ];
        assert_eq!(lines(&found.expect("found")), expected);
    }

    #[test]
    fn a_token_of_the_owner_comes_before_a_key_and_is_sent_as_a_bearer() {
        let environment = variables(&[
            ("ANTHROPIC_API_KEY", "a-key"),
            ("ANTHROPIC_AUTH_TOKEN", "a-token"),
            ("ANTHROPIC_BASE_URL", "https://llm.corp.example"),
        ]);
        let found = discover(&environment, &[], &BTreeSet::new()).expect("found");
        assert_eq!(lines(&found), ["anthropic a-token https://llm.corp.example/ ANTHROPIC_AUTH_TOKEN"]);
        assert_eq!(found.providers[0].key_header, KeyHeader::Bearer);
        let owned = ["anthropic".to_owned()].into();
        assert!(discover(&environment, &[], &owned).expect("nothing").providers.is_empty());
    }

    /// As in a shell that `keywright run` has started: the address is the server's, and the key is not.
    #[test]
    fn a_key_is_not_sent_to_the_server_that_a_token_beside_it_is_for() {
        let token = keywright_secret::PlatformToken::mint(keywright_secret::TokenKind::Access);
        let environment = variables(&[
            ("ANTHROPIC_AUTH_TOKEN", token.expose()),
            ("ANTHROPIC_API_KEY", "own"),
            ("ANTHROPIC_BASE_URL", "https://keywright.corp.example"),
            ("OPENAI_API_KEY", token.expose()),
            ("OPENAI_BASE_URL", "https://keywright.corp.example/v1"),
        ]);
        let found = discover(&environment, &[], &BTreeSet::new()).expect("nothing");
        assert!(found.providers.is_empty(), "{:?}", lines(&found));

        let own_address = [("ANTHROPIC_BASE_URL", "https://own.example")];
        let owned = ["anthropic".to_owned(), "openai".to_owned()].into();
        let stored = [stored("anthropic", "stored-a", &own_address), stored("openai", "stored-o", &[])];
        let found = discover(&environment, &stored, &owned).expect("found");
        assert_eq!(lines(&found), ["anthropic stored-a https://own.example/ /s/providers.json"]);
        let told: Vec<&str> = found.warnings.iter().map(|warning| warning.0.as_str()).collect();
        assert!(matches!(told[..], [told] if told.contains("unset OPENAI_BASE_URL")), "{told:?}");
    }

    #[test]
    fn an_address_that_is_none_is_an_error_and_never_the_vendors_own() {
        for address in ["corp", "ftp://x.example", "https://me:pw@x.example", "https://x.example?a=b"] {
            let environment = variables(&[("OPENAI_API_KEY", "o"), ("OPENAI_BASE_URL", address)]);
            let problems = discover(&environment, &[], &BTreeSet::new()).expect_err(address);
            assert_eq!(problems[0].place, "OPENAI_BASE_URL");
            assert!(!problems[0].message.contains("pw"));
        }
    }

    #[test]
    fn what_is_no_key_is_told_and_not_used() {
        let token = keywright_secret::PlatformToken::mint(keywright_secret::TokenKind::Access);
        let environment =
            variables(&[("ANTHROPIC_API_KEY", token.expose()), ("OPENAI_API_KEY", "two words")]);
        let found = discover(&environment, &[stored("acme", "k", &[])], &BTreeSet::new()).expect("nothing");
        assert!(found.providers.is_empty());
        let told: Vec<&str> = found.warnings.iter().map(|warning| warning.0.as_str()).collect();
        assert!(told[0].contains("Keywright token") && told[1].contains("one word"), "{told:?}");
        assert!(told[2].contains("acme") && told.iter().all(|told| !told.contains(token.expose())));
    }
}
