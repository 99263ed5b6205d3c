use std::sync::Arc;

use futures_util::future::join_all;
use keywright_identity::Identity;
use keywright_protocol::wire::CreateKey;
use keywright_protocol::{ErrorCode, Principal, Scopes};
use keywright_store::testing::on_both;
use serde_json::{Value, json};

use crate::bench::{Bench, code, named, rounds, with_scopes};

#[tokio::test]
async fn a_created_key_is_listed_and_shown_in_full_nowhere() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (token, created) = bench.key(&caller, "laptop").await;
        assert_eq!(created.key_prefix, token.hint());
        assert_eq!(created.scopes, Scopes::GATEWAY);
        let list = bench.identity.list_keys(&caller).await.expect("a list");
        assert_eq!((list.keys.len(), list.limit), (1, 20));
        let text = serde_json::to_string(&list).expect("JSON");
        assert!(text.contains(&created.key_id.to_string()) && !text.contains(token.expose()));
        assert_eq!(list.keys[0].user_id, caller.user);
    })
    .await;
}

/// Abuse case 58. Several rounds, because a lock that is missing is not missed every time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirty_creates_at_nineteen_keys_exactly_one_succeeds() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        for number in 0..19 {
            bench.key(&caller, &format!("first {number}")).await;
        }
        let servers = [bench.identity.clone(), other_server(&bench).await];
        for round in 0..rounds(100) {
            let names = (0..30).map(|number| format!("round {round}, {number}"));
            let codes = create_at_once(&servers, &caller, names).await;
            assert_eq!(codes.iter().filter(|code| code.is_none()).count(), 1);
            assert!(codes.iter().flatten().all(|code| *code == ErrorCode::MaxApiKeysReached));
            let keys = bench.identity.list_keys(&caller).await.expect("a list").keys;
            assert_eq!(keys.len(), 20);
            bench.identity.revoke_key(&caller, keys[0].key_id).await.expect("revoked");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirty_creates_of_one_name_exactly_one_succeeds() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let servers = [bench.identity.clone(), other_server(&bench).await];
        let codes = create_at_once(&servers, &caller, (0..30).map(|_| "ci".to_owned())).await;
        assert_eq!(codes.iter().filter(|code| code.is_none()).count(), 1);
        assert!(codes.iter().flatten().all(|code| *code == ErrorCode::NameTaken));
    })
    .await;
}

async fn other_server(bench: &Bench) -> Identity {
    bench.second_server().await.unwrap_or_else(|| bench.identity.clone())
}

/// Creates keys of those names on both servers in turn, none waiting for another.
async fn create_at_once(
    servers: &[Identity; 2],
    caller: &Arc<Principal>,
    names: impl Iterator<Item = String>,
) -> Vec<Option<ErrorCode>> {
    let creating = names.enumerate().map(|(number, name)| {
        let (identity, caller) = (servers[number % 2].clone(), Arc::clone(caller));
        tokio::spawn(async move { identity.create_key(&caller, named(&name)).await.err() })
    });
    let ended = join_all(creating).await;
    ended.into_iter().map(|outcome| outcome.expect("it ran").map(|error| error.code)).collect()
}

#[tokio::test]
async fn a_revoked_or_expired_key_makes_room_at_once() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let brief = CreateKey { lifetime_seconds: Some(json!(3_600)), ..named("brief") };
        bench.identity.create_key(&caller, brief).await.expect("a key");
        for number in 0..19 {
            bench.key(&caller, &format!("key {number}")).await;
        }
        assert_eq!(
            code(bench.identity.create_key(&caller, named("one more")).await),
            ErrorCode::MaxApiKeysReached
        );
        let newest = bench.identity.list_keys(&caller).await.expect("a list").keys[0].key_id;
        bench.identity.revoke_key(&caller, newest).await.expect("revoked");
        bench.key(&caller, "one more").await;
        bench.clock.forward_seconds(3_600);
        bench.key(&caller, "brief").await;
        assert_eq!(
            code(bench.identity.create_key(&caller, named("too many")).await),
            ErrorCode::MaxApiKeysReached
        );
    })
    .await;
}

#[tokio::test]
async fn a_name_is_taken_while_its_key_is_active_and_free_afterwards() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (caller, neighbour) = (bench.caller().await, bench.caller().await);
        let (_, key) = bench.key(&caller, "ci").await;
        assert_eq!(code(bench.identity.create_key(&caller, named("ci")).await), ErrorCode::NameTaken);
        bench.key(&caller, "CI").await;
        bench.key(&neighbour, "ci").await;
        bench.identity.revoke_key(&caller, key.key_id).await.expect("revoked");
        bench.key(&caller, "ci").await;
    })
    .await;
}

#[tokio::test]
async fn names_are_one_to_a_hundred_characters_without_control_characters() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (hundred, more) = ("ж".repeat(100), "x".repeat(101));
        let most = "x".repeat(300);
        for wrong in ["", " ", more.as_str(), &most, "a\nb", "a\0b", "\u{7f}", "a\u{85}"] {
            assert_eq!(
                code(bench.identity.create_key(&caller, named(wrong)).await),
                ErrorCode::InvalidName,
                "{wrong:?}"
            );
        }
        for right in ["x", hundred.as_str(), "O'Neil \"the\" key", " 🦀 "] {
            assert_eq!(bench.key(&caller, right).await.1.name, right);
        }
    })
    .await;
}

#[tokio::test]
async fn expiry_in_days_is_a_whole_number_from_1_to_365() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        for wrong in ["0", "-1", "366", "1.5", "\"7\"", "1e2", "9223372036854775808", "true", "[7]"] {
            let days: Value = serde_json::from_str(wrong).expect("JSON");
            let request = CreateKey { expires_in_days: Some(days), ..named("key") };
            assert_eq!(
                code(bench.identity.create_key(&caller, request).await),
                ErrorCode::InvalidExpiresInDays,
                "{wrong}"
            );
        }
        // An account that lasts, so that nothing but its own time ends a key.
        let claim = bench.identity.issue_claim(true).await.expect("a code").expect("a code");
        bench.identity.claim(&caller, &claim).await.expect("an administrator");
        for right in [1, 365] {
            let request = CreateKey { expires_in_days: Some(json!(right)), ..named(&format!("{right}")) };
            let (_, key) = bench.identity.create_key(&caller, request).await.expect("a key");
            assert_eq!(key.expires_at, Some(key.created_at.plus_seconds(right * 86_400)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_lifetime_is_an_hour_to_a_year_and_stands_alone() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        for wrong in [json!(3_599), json!(31_536_001), json!("3600"), json!(3_600.0)] {
            let request = CreateKey { lifetime_seconds: Some(wrong.clone()), ..named("key") };
            let refused = code(bench.identity.create_key(&caller, request).await);
            assert_eq!(refused, ErrorCode::InvalidLifetime, "{wrong}");
        }
        let both = CreateKey {
            lifetime_seconds: Some(json!(3_600)),
            expires_in_days: Some(json!(1)),
            ..named("key")
        };
        assert_eq!(code(bench.identity.create_key(&caller, both).await), ErrorCode::InvalidRequest);
    })
    .await;
}

#[tokio::test]
async fn nobody_mints_a_scope_that_it_lacks() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let refused = bench.identity.create_key(&caller, with_scopes("wide", &["deploy:use-case"])).await;
        let error = refused.map(drop).expect_err("refused");
        assert_eq!(error.code, ErrorCode::InsufficientScope);
        assert_eq!(error.details["required"], json!(["deploy:use-case"]));
        // A key that manages keys but calls no models cannot hand out model calls, asked or by default.
        let manager = with_scopes("manager", &["api-keys:manage"]);
        let (manager, _) = bench.identity.create_key(&caller, manager).await.expect("a key");
        let manager = bench.verified(&manager).await;
        for request in [named("default"), with_scopes("asked", &["models:use"])] {
            assert_eq!(
                code(bench.identity.create_key(&manager, request).await),
                ErrorCode::InsufficientScope
            );
        }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_scope_is_answered_with_the_valid_ones() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        for scopes in [&["models:use", "everything"][..], &[], &["MODELS:USE"]] {
            let refused = bench.identity.create_key(&caller, with_scopes("key", scopes)).await;
            let error = refused.map(drop).expect_err("refused");
            assert_eq!(error.code, ErrorCode::InvalidScope);
            assert_eq!(error.details["validScopes"].as_array().map(Vec::len), Some(11));
        }
    })
    .await;
}

#[tokio::test]
async fn keys_are_managed_with_the_scope_for_it_only() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (plain, key) = bench.key(&caller, "plain").await;
        let plain = bench.verified(&plain).await;
        let refusals = [
            code(bench.identity.create_key(&plain, named("another")).await),
            code(bench.identity.list_keys(&plain).await),
            code(bench.identity.revoke_key(&plain, key.key_id).await),
        ];
        assert_eq!(refusals, [ErrorCode::InsufficientScope; 3]);
    })
    .await;
}

#[tokio::test]
async fn last_used_is_noted_and_never_goes_back() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (token, created) = bench.key(&caller, "used").await;
        let last_used =
            async || bench.identity.list_keys(&caller).await.expect("a list").keys[0].last_used_at;
        bench.identity.flush_last_used().await.expect("noted");
        assert_eq!(last_used().await, None);
        bench.clock.forward_seconds(10);
        bench.verified(&token).await;
        bench.clock.forward_seconds(10);
        bench.verified(&token).await;
        bench.identity.flush_last_used().await.expect("noted");
        assert_eq!(last_used().await, Some(created.created_at.plus_seconds(20)));
        bench.clock.forward_seconds(-15);
        bench.verified(&token).await;
        bench.identity.flush_last_used().await.expect("noted");
        assert_eq!(last_used().await, Some(created.created_at.plus_seconds(20)));
    })
    .await;
}
