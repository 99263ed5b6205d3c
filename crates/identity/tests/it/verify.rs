use std::sync::Arc;
use std::time::Duration;

use keywright_identity::{IdentitySettings, Unproven};
use keywright_protocol::wire::CreateKey;
use keywright_protocol::{Scope, Scopes};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_store::testing::on_both;

use crate::bench::{Bench, HOME, named, with_scopes};

#[tokio::test]
async fn a_token_that_was_never_issued_is_unknown() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        for kind in TokenKind::ALL {
            assert_eq!(bench.refusal(&PlatformToken::mint(kind)).await, Unproven::Unknown);
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_proves_its_own_account_and_no_other() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let made = bench.identity.provision_temporary(HOME, false).await.expect("an account");
        let other = bench.caller().await;
        let caller = bench.verified(&made.token).await;
        assert_eq!(caller.user, made.account.user_id);
        assert_eq!(caller.organization, made.account.organization_id);
        assert_eq!(caller.scopes, Scopes::TEMPORARY);
        assert_eq!(caller.expires_at, Some(made.expires_at));
        assert!(caller.temporary && !caller.administrator && caller.parent.is_none());
        assert_ne!(caller.user, other.user);
        assert_ne!(caller.organization, other.organization);
    })
    .await;
}

#[tokio::test]
async fn two_keys_of_one_account_are_told_apart_however_often_they_are_checked() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (narrow, narrow_key) = bench.key(&caller, "narrow").await;
        let wide = with_scopes("wide", &["models:use", "api-keys:manage"]);
        let (wide, wide_key) = bench.identity.create_key(&caller, wide).await.expect("a key");
        for _ in 0..3 {
            let (one, other) = (bench.verified(&narrow).await, bench.verified(&wide).await);
            assert_eq!((one.token, other.token), (narrow_key.key_id, wide_key.key_id));
            assert!(!one.may(Scope::ApiKeysManage) && other.may(Scope::ApiKeysManage));
        }
    })
    .await;
}

#[tokio::test]
async fn memory_answers_on_a_single_server_and_never_on_a_shared_database() {
    on_both(|scene| async move {
        let shared = scene.store.is_shared();
        let bench = Bench::new(scene);
        let token = bench.account().await;
        assert!(bench.identity.cached(&token).is_none(), "nobody has asked yet");
        let verified = bench.verified(&token).await;
        match bench.identity.cached(&token) {
            Some(cached) => {
                assert!(!shared);
                assert!(Arc::ptr_eq(&cached.expect("good"), &verified));
            }
            None => assert!(shared),
        }
        assert!(Arc::ptr_eq(&bench.verified(&token).await, &verified), "one principal, one death");
    })
    .await;
}

#[tokio::test]
async fn a_key_is_good_until_the_second_before_it_ends() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let request = CreateKey { lifetime_seconds: Some(7_200.into()), ..named("two hours") };
        let (token, key) = bench.identity.create_key(&caller, request).await.expect("a key");
        let end = key.expires_at.expect("an end");
        bench.clock.set(end.plus_seconds(-1));
        bench.verified(&token).await;
        bench.clock.set(end);
        assert_eq!(bench.refusal(&token).await, Unproven::Expired);
        assert_eq!(bench.refusal(&token).await, Unproven::Expired);
    })
    .await;
}

#[tokio::test]
async fn the_keys_of_a_temporary_account_die_with_it() {
    on_both(|scene| async move {
        let settings = IdentitySettings { temporary_ttl_seconds: 3_600, ..IdentitySettings::default() };
        let bench = Bench::with(scene, settings);
        let made = bench.identity.provision_temporary(HOME, false).await.expect("an account");
        let caller = bench.verified(&made.token).await;
        let (key, listed) = bench.key(&caller, "for ever").await;
        assert_eq!(listed.expires_at, Some(made.expires_at), "a key is not shown to outlive its account");
        let listed = bench.identity.list_keys(&caller).await.expect("a list").keys;
        assert_eq!(listed[0].expires_at, Some(made.expires_at));
        assert_eq!(bench.verified(&key).await.expires_at, Some(made.expires_at));
        bench.clock.forward_seconds(3_600);
        assert_eq!(bench.refusal(&made.token).await, Unproven::Expired);
        assert_eq!(bench.refusal(&key).await, Unproven::Expired);
        assert!(bench.identity.create_key(&caller, named("late")).await.is_err());
    })
    .await;
}

/// One of what broke LiteLLM in 2026. A token cannot carry SQL, because its alphabet is checked before
/// the look-up, and the look-up binds the 32 bytes of its hash.
#[tokio::test]
async fn sql_in_a_presented_key_reaches_no_database() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let token = bench.account().await;
        for attack in ["' OR '1'='1", "'; DROP TABLE tokens; --", "\0", "%", "_"] {
            for text in [
                attack.to_owned(),
                format!("sk_kw_{attack}"),
                format!("{}{attack}", token.expose()),
                format!("{attack}{}", token.expose()),
            ] {
                assert!(PlatformToken::parse(&text).is_err(), "{text}");
            }
        }
        bench.verified(&token).await;
    })
    .await;
}

/// A name is the only text of a caller's that is stored; it comes back as it went in.
#[tokio::test]
async fn sql_in_a_name_is_a_name() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        for name in ["'; DROP TABLE tokens; --", "\" OR 1=1", "$1", "%_", "\\'", "ключ 🔑"] {
            bench.key(&caller, name).await;
            let keys = bench.identity.list_keys(&caller).await.expect("a list").keys;
            assert_eq!(keys[0].name, name);
        }
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_gone_lets_nobody_in() {
    on_both(|scene| async move {
        let shared = scene.store.is_shared();
        let bench = Bench::new(scene);
        let (known, unasked) = (bench.account().await, bench.account().await);
        bench.verified(&known).await;
        bench.scene.store.close().await;
        assert_eq!(bench.refusal(&unasked).await, Unproven::Unavailable);
        // Alone on its database, memory is the truth; sharing it, it is not.
        assert_eq!(bench.identity.verify(&known).await.is_ok(), !shared);
    })
    .await;
}

/// Made-up tokens that are well formed always cost a read. They have a share of the connections: tokens
/// that were good before pass them by, and a good one that nobody has asked for yet waits its turn.
#[tokio::test]
async fn a_flood_of_unknown_tokens_holds_up_no_known_one_and_a_new_one_only_for_a_while() {
    on_both(|scene| async move {
        let shared = scene.store.is_shared();
        let bench = Bench::new(scene);
        let (known, unasked) = (bench.account().await, bench.account().await);
        bench.verified(&known).await;
        let share = bench.identity.free_lookups();
        assert!((1..bench.scene.store.connections()).contains(&share));
        let mut flood = Vec::new();
        for _ in 0..share {
            let pause = bench.identity.pause_next_fill();
            let (identity, stranger) = (bench.identity.clone(), PlatformToken::mint(TokenKind::ApiKey));
            let asking = tokio::spawn(async move { identity.verify(&stranger).await });
            pause.reached().await;
            flood.push((pause, asking));
        }
        assert_eq!(bench.identity.free_lookups(), 0);
        assert_eq!(bench.identity.cached(&known).is_some(), !shared);
        bench.verified(&known).await;
        let identity = bench.identity.clone();
        let waiting = tokio::spawn(async move { identity.verify(&unasked).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!waiting.is_finished(), "it waits for a turn");
        for (pause, asking) in flood {
            pause.go_on();
            assert_eq!(asking.await.expect("it ran").expect_err("nobody"), Unproven::Unknown);
        }
        waiting.await.expect("it ran").expect("a good token");
        assert_eq!(bench.identity.free_lookups(), share);
    })
    .await;
}
