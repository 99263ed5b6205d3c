//! What is stored of a key, and what becomes of it.

use keywright_credentials::{
    Candidates, CredentialFile, Environment, KeyMetadata, NewStoredKey, ServerSource, Source,
    StoredTemporary, resolve,
};
use keywright_protocol::wire::ApiKey;
use keywright_protocol::{KeyId, OrganizationId, Scopes, SystemClock, Timestamp, UserId};
use serde_json::{Value, json};

use crate::fake_api::temporary;
use crate::profiles::{Home, chosen, copy, new_key};

#[test]
fn what_is_stored_of_a_key_survives_and_later_scopes_do_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("credentials.json");
    let (id, organization) = (KeyId::new(), OrganizationId::new());
    let key = json!({
        "raw": "sk", "keyId": id, "keyPrefix": "sk_kw_abcd", "name": "n", "scopes": ["models:use", "later:do"],
        "createdAt": "2026-01-01T00:00:00.000Z", "expiresAt": "2027-01-01T00:00:00.000Z", "temporary": true,
        "organizationId": organization, "organizationName": "Acme", "label": { "x": 1 }
    });
    let minted = [KeyId::new(), KeyId::new()];
    let entry = json!({ "apiKey": key, "mintedKeys": minted });
    let before = json!({ "profiles": { "p": { "servers": { "https://k.example": entry } } } });
    std::fs::write(&path, before.to_string()).unwrap();
    let file = CredentialFile::new(&path);
    file.change(&SystemClock, |credentials| {
        let server = chosen("https://k.example", ServerSource::Flag).url;
        let entry = credentials.entry(&"p".parse().unwrap(), &server).unwrap();
        let known = &entry.api_key.as_ref().unwrap().metadata;
        assert_eq!((known.key_id, known.organization_id), (Some(id), Some(organization)));
        assert_eq!(known.expires_at, Timestamp::parse("2027-01-01T00:00:00Z"));
        assert!(!known.manages_keys());
        assert_eq!(entry.minted_keys, minted);
    })
    .unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&std::fs::read(&path).unwrap()).unwrap(), before);
}

fn api_key(key_id: KeyId, expires_at: Option<Timestamp>) -> ApiKey {
    ApiKey {
        key_id,
        raw: None,
        key_prefix: "sk_kw_abcd".into(),
        name: "ci".into(),
        scopes: Scopes::TEMPORARY,
        created_at: Timestamp(5),
        expires_at,
        last_used_at: None,
        user_id: UserId::new(),
        replaced_by: None,
        replaces: None,
    }
}

#[test]
fn a_key_is_replaced_changed_and_forgotten_wherever_it_is_stored_at_its_server() {
    let home = Home::new();
    let (acme, id, successor) = (OrganizationId::new(), KeyId::new(), KeyId::new());
    let metadata = KeyMetadata::of(&api_key(id, None)).in_organization(acme, "Acme");
    let key = NewStoredKey { metadata, ..new_key(None) };
    home.save(copy(&key), Some("one")).unwrap();
    home.save(copy(&key), Some("two")).unwrap();
    let elsewhere = chosen("https://elsewhere.example", ServerSource::Flag);
    home.save_at(&elsewhere, copy(&key), Some("three")).unwrap();
    home.save(new_key(Some((OrganizationId::new(), "Other"))), Some("four")).unwrap();
    let mut credentials = home.credentials();
    credentials.entry_mut(&"four".parse().unwrap(), &home.server.url).minted_keys = vec![id];
    assert!(
        credentials.mentions_key(&home.server.url, id)
            && !credentials.mentions_key(&home.server.url, successor)
    );

    credentials.learn_key(&home.server.url, &api_key(id, Some(Timestamp(9))));
    let raw = new_key(None).raw;
    let new =
        NewStoredKey { raw: raw.clone(), metadata: KeyMetadata::of(&api_key(successor, Some(Timestamp(8)))) };
    let learned = credentials.entry(&"one".parse().unwrap(), &home.server.url).unwrap();
    assert_eq!(learned.api_key.as_ref().unwrap().metadata.expires_at, Some(Timestamp(9)));
    let replaced: Vec<String> =
        credentials.replace_key(&home.server.url, id, &new).iter().map(ToString::to_string).collect();
    assert_eq!(replaced, ["one", "two"]);
    let entry = credentials.entry(&"two".parse().unwrap(), &home.server.url).unwrap();
    let stored = entry.api_key.as_ref().unwrap();
    assert_eq!((&stored.raw, stored.metadata.key_id), (&raw, Some(successor)));
    assert_eq!(
        (stored.metadata.organization_id, stored.metadata.expires_at),
        (Some(acme), Some(Timestamp(8)))
    );
    assert!(credentials.mentions_key(&elsewhere.url, id), "another server's key of that id is another key");
    let four = "four".parse().unwrap();
    assert_eq!(credentials.entry(&four, &home.server.url).unwrap().minted_keys, [successor]);

    credentials.entry_mut(&"two".parse().unwrap(), &home.server.url).temporary =
        Some(StoredTemporary::new(temporary(60).into()));
    assert_eq!(credentials.forget_key(&home.server.url, successor).len(), 2);
    let signed_out = |name: &str| {
        let entry = credentials.entry(&name.parse().unwrap(), &home.server.url).unwrap();
        assert!(entry.api_key.is_none());
        entry.signed_out
    };
    assert!(signed_out("one") && !signed_out("two"), "only where nothing else is left");
    assert!(credentials.entry(&four, &home.server.url).unwrap().minted_keys.is_empty());
}

#[test]
fn what_counts_says_which_key_it_is_and_when_it_ends() {
    let home = Home::new();
    let (id, end) = (KeyId::new(), Timestamp(1_900_000_000_000));
    let key = NewStoredKey { metadata: KeyMetadata::of(&api_key(id, Some(end))), ..new_key(None) };
    let saved = home.save(key, None).unwrap();
    let credentials = home.credentials();
    let resolved = |environment: &Environment| {
        let stored = credentials.entry(&saved.name, &home.server.url);
        let now = Timestamp(1_800_000_000_000);
        resolve(&Candidates { flag: None, environment, stored, now }).unwrap().unwrap()
    };
    let mut environment = Environment::default();
    let used = resolved(&environment);
    assert_eq!((used.source, used.key_id, used.expires_at), (Source::StoredKey, Some(id), Some(end)));
    environment.set("KEYWRIGHT_API_KEY", new_key(None).raw.expose());
    let used = resolved(&environment);
    assert_eq!((used.source, used.key_id, used.expires_at), (Source::Environment, None, None));
}
