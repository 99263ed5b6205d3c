//! Keys that are viewed, changed and rotated over HTTP, and calls that run meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::future::join_all;
use keywright_protocol::wire::{ApiKey, RotatedKey};
use keywright_protocol::{ErrorCode, KeyId, routes};
use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Answer, Call, Gate, TestServer, on_both};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::scene::{SECOND, begin, call};

fn rotate(token: &str, key: KeyId, body: &Value) -> Call {
    Call::post(&routes::rotate(key), body).token(token)
}

fn change(token: &str, key: KeyId, body: &Value) -> Call {
    Call::new("PATCH", &routes::key(key)).json(body).token(token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_fails_on_the_next_request_its_streams_are_cut_and_the_new_one_is_shown_once() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let key = server.key(&account.token, json!({"name": "ci"})).await;
        let old = key.raw.as_deref().expect("the key itself");
        server.provider.answer(Answer::events().chunk(events(Kind::Messages)[0]).silence());
        let mut stream = begin(&server, Kind::Messages, old, "message_start").await;
        let answer: Value = server.data(rotate(&account.token, key.key_id, &json!({}))).await;
        let raw = answer["apiKey"]["raw"].as_str().expect("the new key").to_owned();
        for _ in 0..8 {
            server.call(call(Kind::Chat, false, old)).await.assert_refused(ErrorCode::KeyRevoked);
        }
        let rest = tokio::time::timeout(SECOND, stream.until("KEY_REVOKED")).await.expect("within a second");
        assert!(rest.contains("event: error"), "{rest}");
        assert_eq!(server.call(call(Kind::Chat, false, &raw)).await.status, 200);
        let rotated: RotatedKey = serde_json::from_value(answer).expect("a rotated key");
        assert_eq!((rotated.api_key.name.as_str(), rotated.replaced.key_id), ("ci", key.key_id));
        let viewed: ApiKey =
            server.data(Call::get(&routes::key(rotated.api_key.key_id)).token(&account.token)).await;
        assert_eq!((viewed.raw, viewed.key_prefix), (None, rotated.api_key.key_prefix));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_manages_keys_rotates_itself_and_is_told_its_successor_before_it_dies() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let scopes = json!(["models:use", "api-keys:manage"]);
    let key = server.key(&account.token, json!({"name": "self", "scopes": scopes})).await;
    let old = key.raw.expect("the key itself");
    let rotated: RotatedKey = server.data(rotate(&old, key.key_id, &json!({}))).await;
    server.call(rotate(&old, key.key_id, &json!({}))).await.assert_refused(ErrorCode::KeyRevoked);
    let new = rotated.api_key.raw.expect("the new key");
    let again: RotatedKey =
        server.data(rotate(&new, rotated.api_key.key_id, &json!({"overlapSeconds": 60}))).await;
    let newest = again.api_key.key_id;
    let early = server.call(rotate(&new, newest, &json!({"overlapSeconds": 60}))).await;
    early.assert_refused(ErrorCode::RotationInProgress);
    assert_eq!(early.header("retry-after"), Some("60"));
    let twice = server.call(rotate(&new, rotated.api_key.key_id, &json!({}))).await;
    twice.assert_refused(ErrorCode::KeyAlreadyRotated);
    assert_eq!(twice.json()["error"]["details"]["replacedBy"], newest.to_string());
    server.clock.advance_seconds(60);
    server.call(call(Kind::Chat, false, &new)).await.assert_refused(ErrorCode::KeyExpired);
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_mean_nothing_are_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k", "lifetimeSeconds": 7_200})).await.key_id;
    for (body, code) in [
        (json!({"overlapSeconds": -1}), ErrorCode::InvalidOverlap),
        (json!({"overlapSeconds": 604_801}), ErrorCode::InvalidOverlap),
        (json!({"overlapSeconds": "1h"}), ErrorCode::InvalidOverlap),
        (json!({"overlap": 60}), ErrorCode::InvalidRequest),
        (json!([]), ErrorCode::InvalidJson),
    ] {
        server.call(rotate(&account.token, key, &body)).await.assert_refused(code);
    }
    for (body, code) in [
        (json!({}), ErrorCode::InvalidRequest),
        (json!({"raw": "x"}), ErrorCode::InvalidRequest),
        (json!({"userId": "usr_x"}), ErrorCode::InvalidRequest),
        (json!({"name": null}), ErrorCode::InvalidRequest),
        (json!({"scopes": null}), ErrorCode::InvalidRequest),
        (json!({"scopes": "models:use"}), ErrorCode::InvalidRequest),
        (json!({"lifetimeSeconds": null}), ErrorCode::InvalidLifetime),
        (json!({"expiresInDays": 0}), ErrorCode::InvalidExpiresInDays),
        (json!({"expiresInDays": 1, "lifetimeSeconds": 7_200}), ErrorCode::InvalidRequest),
        (json!({"scopes": ["executions:read"]}), ErrorCode::InvalidScope),
        (json!({"name": " "}), ErrorCode::InvalidName),
    ] {
        let answer = server.call(change(&account.token, key, &body)).await;
        assert_eq!(answer.code(), Some(code), "{body}: {}", answer.text());
        answer.assert_refused(code);
    }
    let untouched = server.keys(&account.token).await.keys.remove(0);
    assert_eq!((untouched.name.as_str(), untouched.key_id), ("k", key));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_holds_for_the_next_request() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let scopes = json!(["models:use", "executions:read"]);
        let key = server.key(&account.token, json!({"name": "ci", "scopes": scopes})).await;
        let raw = key.raw.as_deref().expect("the key itself");
        for _ in 0..8 {
            assert_eq!(server.call(call(Kind::Chat, false, raw)).await.status, 200);
        }
        let body = json!({"name": "reader", "scopes": ["executions:read"], "lifetimeSeconds": 3_600});
        let changed: ApiKey = server.data(change(&account.token, key.key_id, &body)).await;
        assert_eq!((changed.name.as_str(), changed.raw), ("reader", None));
        for _ in 0..8 {
            server.call(call(Kind::Chat, false, raw)).await.assert_refused(ErrorCode::InsufficientScope);
            assert_eq!(server.call(Call::get(routes::USAGE).token(raw)).await.status, 200);
        }
        server.clock.advance_seconds(3_600);
        let late = server.call(Call::get(routes::USAGE).token(raw)).await;
        late.assert_refused(ErrorCode::KeyExpired);
        let taken = server.key(&account.token, json!({"name": "taken"})).await;
        server.key(&account.token, json!({"name": "other"})).await;
        let refused = server.call(change(&account.token, taken.key_id, &json!({"name": "other"}))).await;
        refused.assert_refused(ErrorCode::NameTaken);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_another_organization_is_not_there_to_be_viewed_changed_or_rotated() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let (owner, stranger) = (server.account().await, server.account().await);
        let key = server.key(&owner.token, json!({"name": "k"})).await;
        for id in [key.key_id.to_string(), KeyId::new().to_string(), "key_0".to_owned(), "%27".to_owned()] {
            let path = format!("{}/{id}", routes::KEYS);
            for sent in [
                Call::get(&path),
                Call::new("PATCH", &path).json(&json!({"name": "mine"})),
                Call::post(&format!("{path}/rotate"), &json!({})),
            ] {
                server.call(sent.token(&stranger.token)).await.assert_refused(ErrorCode::NotFound);
            }
        }
        assert_eq!(server.call(call(Kind::Chat, false, &key.raw.expect("the key"))).await.status, 200);
        assert_eq!(server.keys(&owner.token).await.keys[0].name, "k");
    })
    .await;
}

/// Callers that learn of the new key while the old one still works: none of 1,000 calls fails, the old key
/// is used no more, and a stream that began with it runs to its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_during_a_thousand_calls_fails_none_of_them() {
    on_both(|setup| async move {
        let server = Arc::new(setup.start().await);
        let account = server.lasting_account().await;
        let key = server.key(&account.token, json!({"name": "busy"})).await;
        let old = key.raw.expect("the key itself");
        let gate = Gate::closed();
        let pieces = events(Kind::Messages);
        let first = Answer::events().chunk(pieces[0]).until(&gate).chunks(&pieces[1..]).end();
        server.provider.answer(first);
        let mut stream = begin(&server, Kind::Messages, &old, "message_start").await;

        let (key_now, _) = watch::channel(old.clone());
        let (done, rotated) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let callers = (0..20).map(|_| {
            let (server, key_now) = (Arc::clone(&server), key_now.subscribe());
            let (done, rotated, old) = (Arc::clone(&done), Arc::clone(&rotated), old.clone());
            tokio::spawn(async move {
                let (mut with_old, mut with_new) = (0, 0);
                for _ in 0..50 {
                    // Read before the call: what is in flight when the key changes runs on with the old one.
                    let raw = key_now.borrow().clone();
                    let answer = server.call(call(Kind::Chat, false, &raw)).await;
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    done.fetch_add(1, Ordering::Relaxed);
                    if raw == old {
                        with_old += 1
                    } else {
                        with_new += 1
                    }
                    // Nobody is through before the key has changed.
                    while with_old == 25 && !rotated.load(Ordering::Relaxed) {
                        tokio::task::yield_now().await;
                    }
                }
                (with_old, with_new)
            })
        });
        let calling = join_all(callers.collect::<Vec<_>>());
        let rotating = async {
            while done.load(Ordering::Relaxed) < 200 {
                tokio::task::yield_now().await;
            }
            let answer: RotatedKey =
                server.data(rotate(&account.token, key.key_id, &json!({"overlapSeconds": 3_600}))).await;
            // Both are good for a while, and only then does anybody hear of it.
            while done.load(Ordering::Relaxed) < 300 {
                tokio::task::yield_now().await;
            }
            key_now.send_replace(answer.api_key.raw.clone().expect("the new key"));
            rotated.store(true, Ordering::Relaxed);
            answer
        };
        let (counts, answer) = tokio::join!(calling, rotating);
        let (mut with_old, mut with_new) = (0, 0);
        for count in counts {
            let (before, after) = count.expect("no call failed");
            with_old += before;
            with_new += after;
        }
        assert_eq!(with_old + with_new, 1_000);
        assert!(with_old >= 300 && with_new > 0, "{with_old} and {with_new}");
        // The overlap ends; what began before runs on.
        server.clock.advance_seconds(3_600);
        server.call(call(Kind::Chat, false, &old)).await.assert_refused(ErrorCode::KeyExpired);
        gate.open();
        stream.until("message_stop").await;
        let new = answer.api_key.raw.expect("the new key");
        assert_eq!(server.call(call(Kind::Chat, false, &new)).await.status, 200);
    })
    .await;
}
