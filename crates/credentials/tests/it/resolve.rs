//! The precedence of platform credentials, as a table of pairs.

use keywright_client::{PlainText, ServerUrl};
use keywright_credentials::{
    Candidates, CredentialFile, Credentials, Environment, ProfileName, Resolved, Source, UnusableCredential,
    resolve,
};
use keywright_protocol::{SystemClock, Timestamp};
use keywright_secret::{PlatformToken, Secret, TokenKind};
use serde_json::{Map, Value, json};

/// A place where each source is set, or not.
struct Places {
    flag: Option<Secret>,
    environment: Environment,
    stored: Map<String, Value>,
}

impl Places {
    fn with(sources: &[Source]) -> Self {
        let mut places = Self { flag: None, environment: Environment::default(), stored: Map::new() };
        for source in sources {
            places.set(*source, &token(*source));
        }
        places
    }

    fn set(&mut self, source: Source, token: &str) {
        match source {
            Source::Flag => self.flag = Some(Secret::new(token)),
            Source::Environment => self.environment.set("KEYWRIGHT_API_KEY", token),
            Source::StoredKey => {
                self.stored.insert("apiKey".into(), json!({ "raw": token }));
            }
            Source::Session => {
                self.stored.insert("session".into(), json!({ "accessToken": token }));
            }
            Source::Temporary => {
                let account = json!({
                    "userId": format!("usr_{:032x}", 1), "organizationId": format!("org_{:032x}", 1)
                });
                let temporary =
                    json!({ "token": token, "expiresAt": "2030-01-01T00:00:00Z", "account": account });
                self.stored.insert("temporary".into(), temporary);
            }
        }
    }

    fn resolve(&self, now: Timestamp) -> Result<Option<Resolved>, UnusableCredential> {
        let server = ServerUrl::parse("http://127.0.0.1:1", PlainText::LoopbackOnly).unwrap();
        let credentials = self.credentials();
        let stored = credentials.entry(&"p".parse::<ProfileName>().unwrap(), &server);
        resolve(&Candidates { flag: self.flag.as_ref(), environment: &self.environment, stored, now })
    }

    fn credentials(&self) -> Credentials {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials.json");
        let content = json!({ "profiles": { "p": { "servers": { "http://127.0.0.1:1": self.stored } } } });
        std::fs::write(&path, content.to_string()).unwrap();
        CredentialFile::new(path).read(&SystemClock).unwrap().credentials
    }
}

fn token(source: Source) -> String {
    let kind = match source {
        Source::Session => TokenKind::Access,
        Source::Temporary => TokenKind::Temporary,
        _ => TokenKind::ApiKey,
    };
    PlatformToken::mint(kind).expose().to_owned()
}

const BEFORE: Timestamp = Timestamp(1_700_000_000_000);
const AFTER: Timestamp = Timestamp(1_900_000_000_000);

#[test]
fn of_each_pair_the_higher_wins_and_the_other_is_named() {
    for (rank, higher) in Source::PRECEDENCE.into_iter().enumerate() {
        for lower in Source::PRECEDENCE.into_iter().skip(rank + 1) {
            let resolved = Places::with(&[lower, higher]).resolve(BEFORE).unwrap().unwrap();
            let shadowed: Vec<Source> = resolved.shadowed.iter().map(|shadowed| shadowed.source).collect();
            assert_eq!((resolved.source, shadowed), (higher, vec![lower]));
        }
    }
}

#[test]
fn all_that_is_shadowed_is_named_in_order_and_none_shown_whole() {
    let places = Places::with(&Source::PRECEDENCE);
    let resolved = places.resolve(BEFORE).unwrap().unwrap();
    let shadowed: Vec<Source> = resolved.shadowed.iter().map(|shadowed| shadowed.source).collect();
    assert_eq!(shadowed, Source::PRECEDENCE[1..]);
    assert!(!format!("{resolved:?}").contains(places.flag.unwrap().expose()));
    assert!(resolved.shadowed.iter().all(|shadowed| shadowed.hint.len() <= 12));
}

#[test]
fn nothing_set_is_none_and_an_ended_account_counts_as_nothing() {
    assert!(Places::with(&[]).resolve(BEFORE).unwrap().is_none());
    let temporary = Places::with(&[Source::Temporary]);
    assert!(temporary.resolve(BEFORE).unwrap().is_some());
    assert!(temporary.resolve(AFTER).unwrap().is_none());
}

#[test]
fn a_key_that_is_none_of_ours_is_refused_and_the_next_is_not_tried() {
    let whole = token(Source::Flag);
    let refresh = PlatformToken::mint(TokenKind::Refresh);
    let place = Source::Environment;
    for (value, error) in [
        ("sk-ant-api03-canary", UnusableCredential::Foreign { place, vendor: "Anthropic" }),
        ("ghp_canary", UnusableCredential::Foreign { place, vendor: "GitHub" }),
        ("canary", UnusableCredential::Unknown { place }),
        (refresh.expose(), UnusableCredential::Refresh { place }),
    ] {
        let mut places = Places::with(&[Source::StoredKey]);
        places.set(Source::Environment, value);
        let found = places.resolve(BEFORE).unwrap_err();
        assert_eq!(found, error);
        assert!(!format!("{found} {found:?}").contains("canary"));
    }
    let mut places = Places::with(&[Source::Temporary]);
    places.set(Source::Flag, &whole[..whole.len() - 1]);
    assert!(matches!(places.resolve(BEFORE), Err(UnusableCredential::Malformed { place: Source::Flag, .. })));
    places.set(Source::Flag, "");
    assert!(matches!(places.resolve(BEFORE), Err(UnusableCredential::Empty { .. })));
}
