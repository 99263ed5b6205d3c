//! API keys: made, listed, counted, deleted.

use futures_util::future::join_all;
use keywright_protocol::wire::{ApiKey, RequestPage};
use keywright_protocol::{ErrorCode, routes};
use keywright_testkit::usual::Kind;
use keywright_testkit::{Call, TestServer, on_both};
use serde_json::{Value, json};

use crate::scene::call;

/// Asks for a key.
pub(crate) fn create(token: &str, body: &Value) -> Call {
    Call::post(routes::KEYS, body).token(token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let key = server.key(&account.token, json!({"name": "k"})).await;
        let raw = key.raw.expect("the key itself");
        assert!(raw.starts_with("sk_kw_") && raw.len() == 55);
        assert_eq!(server.call(call(Kind::Chat, false, &raw)).await.status, 200);
        for path in [routes::KEYS, routes::REQUESTS, routes::USAGE, routes::WHOAMI] {
            let answer = server.call(Call::get(path).token(&account.token)).await;
            assert_eq!(answer.status, 200);
            assert!(!answer.text().contains(&raw[..11]), "{path}: {}", answer.text());
        }
        let metrics = server.call_operations(Call::get(routes::METRICS)).await;
        assert!(!metrics.text().contains(&raw[..10]));
        let listed = server.keys(&account.token).await.keys.remove(0);
        assert_eq!((listed.key_prefix.as_str(), listed.raw), (&raw[..10], None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_thirty_keys_made_at_once_beside_nineteen_exactly_one_is() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let mut keys: Vec<ApiKey> = Vec::new();
        for number in 0..19 {
            keys.push(server.key(&account.token, json!({"name": format!("k{number}")})).await);
        }
        let making = (0..30).map(async |number| {
            let body = json!({"name": format!("new{number}")});
            server.call(create(&account.token, &body)).await
        });
        let answers = join_all(making).await;
        let good = answers.iter().filter(|answer| answer.status == 200).count();
        let full = answers.iter().filter(|answer| answer.code() == Some(ErrorCode::MaxApiKeysReached));
        assert_eq!((good, full.count()), (1, 29));
        assert_eq!(server.keys(&account.token).await.keys.len(), 20);
        server.revoke(&account.token, keys[0].key_id).await;
        server.key(&account.token, json!({"name": "after"})).await;
        server
            .call(create(&account.token, &json!({"name": "one more"})))
            .await
            .assert_refused(ErrorCode::MaxApiKeysReached);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lifetimes_that_are_none_are_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for days in ["0", "-1", "366", "1.5", "\"7\"", "1e2", "9223372036854775808", "true", "[]", "1.0"] {
        let body = format!("{{\"name\":\"k\",\"expiresInDays\":{days}}}");
        let sent = Call::new("POST", routes::KEYS).body(body).header("content-type", "application/json");
        let answer = server.call(sent.token(&account.token)).await;
        assert_eq!(answer.code(), Some(ErrorCode::InvalidExpiresInDays), "{days}: {}", answer.text());
    }
    for seconds in [json!(3_599), json!(31_536_001), json!(-1), json!("3600"), json!(3600.5)] {
        let answer =
            server.call(create(&account.token, &json!({"name": "k", "lifetimeSeconds": seconds}))).await;
        answer.assert_refused(ErrorCode::InvalidLifetime);
    }
    let both = json!({"name": "k", "lifetimeSeconds": 3_600, "expiresInDays": 1});
    server.call(create(&account.token, &both)).await.assert_refused(ErrorCode::InvalidRequest);
    assert!(server.keys(&account.token).await.keys.is_empty());
    // A key of a temporary account ends with it.
    let year = server.key(&account.token, json!({"name": "short", "expiresInDays": 365})).await;
    assert_eq!(year.expires_at.expect("an end").millis_since(year.created_at), 72 * 3_600_000);
    let lasting = server.lasting_account().await;
    let year = server.key(&lasting.token, json!({"name": "year", "expiresInDays": 365})).await;
    assert_eq!(year.expires_at.expect("an end").millis_since(year.created_at), 365 * 86_400_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_kept_as_they_are_or_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let longest = "é".repeat(100);
    for name in ["'; DROP TABLE tokens; --", "\"quoted\"", "<img onerror=1>", "🔑 key", "%s {} $1", &longest]
    {
        let made = server.key(&account.token, json!({"name": name})).await;
        assert_eq!(made.name, name);
        let taken = server.call(create(&account.token, &json!({"name": name}))).await;
        taken.assert_refused(ErrorCode::NameTaken);
    }
    let listed: Vec<String> =
        server.keys(&account.token).await.keys.into_iter().map(|key| key.name).collect();
    assert!(listed.contains(&"'; DROP TABLE tokens; --".to_owned()) && listed.len() == 6);
    let overlong = "x".repeat(101);
    for name in ["", "   ", "a\nb", "a\u{0}b", &"x".repeat(300), &overlong] {
        server
            .call(create(&account.token, &json!({"name": name})))
            .await
            .assert_refused(ErrorCode::InvalidName);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_nobody_more_than_it_has() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let narrow = server.key(&account.token, json!({"name": "n", "scopes": ["api-keys:manage"]})).await;
    let narrow = narrow.raw.expect("the key itself");
    for scopes in [json!(["models:use"]), json!(["api-keys:manage", "executions:read"])] {
        let answer = server.call(create(&narrow, &json!({"name": "w", "scopes": scopes}))).await;
        answer.assert_refused(ErrorCode::InsufficientScope);
    }
    // What a plain key carries is more as well.
    server
        .call(create(&narrow, &json!({"name": "plain"})))
        .await
        .assert_refused(ErrorCode::InsufficientScope);
    server.key(&narrow, json!({"name": "same", "scopes": ["api-keys:manage"]})).await;
    for scopes in [json!(["everything"]), json!([]), json!(["models:use "])] {
        let answer = server.call(create(&account.token, &json!({"name": "x", "scopes": scopes}))).await;
        answer.assert_refused(ErrorCode::InvalidScope);
        assert!(answer.json()["error"]["details"]["validScopes"].as_array().expect("a list").len() > 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_organization_has_is_not_there() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let (owner, stranger) = (server.account().await, server.account().await);
        let key = server.key(&owner.token, json!({"name": "k"})).await;
        for id in [key.key_id.to_string(), "key_0".to_owned(), "../keys".to_owned(), "%27".to_owned()] {
            let path = format!("{}/{id}", routes::KEYS);
            let answer = server.call(Call::new("DELETE", &path).token(&stranger.token)).await;
            answer.assert_refused(ErrorCode::NotFound);
        }
        assert_eq!(server.call(call(Kind::Chat, false, &key.raw.expect("the key"))).await.status, 200);
        server.ended_records(&owner.token, 1).await;
        assert!(server.records(&stranger.token).await.is_empty());
        let by_key = format!("{}?keyId={}", routes::REQUESTS, key.key_id);
        let page: RequestPage = server.data(Call::get(&by_key).token(&stranger.token)).await;
        assert!(page.requests.is_empty());
        assert!(server.keys(&stranger.token).await.keys.is_empty());
        server.revoke(&owner.token, key.key_id).await;
        let again = Call::new("DELETE", &routes::key(key.key_id)).token(&owner.token);
        server.call(again).await.assert_refused(ErrorCode::NotFound);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn last_use_is_known_after_the_server_has_ended() {
    on_both(|setup| async move {
        let mut server = setup.start().await;
        let account = server.account().await;
        let key = server.key(&account.token, json!({"name": "k"})).await;
        server.clock.advance_seconds(100);
        assert_eq!(server.call(call(Kind::Chat, false, &key.raw.expect("the key"))).await.status, 200);
        server.restart().await;
        let listed = server.keys(&account.token).await.keys.remove(0);
        assert_eq!(listed.last_used_at.expect("used").millis_since(key.created_at), 100_000);
    })
    .await;
}

/// Abuse case 158: beyond what 32 bits of seconds hold.
#[tokio::test(flavor = "multi_thread")]
async fn expiry_is_the_same_after_2038() {
    let server = TestServer::start().await;
    server.clock.advance_seconds(20 * 365 * 86_400);
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "late", "lifetimeSeconds": 3600})).await;
    assert!(key.created_at.to_string().as_str() > "2045", "{}", key.created_at);
    assert_eq!(key.expires_at, Some(key.created_at.plus_seconds(3_600)));
    let raw = key.raw.as_deref().expect("the key itself");
    server.clock.advance_seconds(3_599);
    assert_eq!(server.call(call(Kind::Chat, false, raw)).await.status, 200);
    server.clock.advance_seconds(1);
    server.call(call(Kind::Chat, false, raw)).await.assert_refused(ErrorCode::KeyExpired);
}
