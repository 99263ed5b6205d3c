use std::time::Duration;

use keywright_identity::{Identity, Unproven};
use keywright_protocol::{ErrorCode, KeyId};
use keywright_store::testing::on_both;

use crate::bench::{Bench, code, rounds};

#[tokio::test]
async fn a_revoked_key_is_refused_at_once_and_for_ever() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (token, key) = bench.key(&caller, "doomed").await;
        let held = bench.verified(&token).await;
        let died = held.liveness.died();
        let deleted = bench.identity.revoke_key(&caller, key.key_id).await.expect("revoked");
        assert_eq!(deleted.key_id, key.key_id);
        assert!(held.liveness.is_dead(), "before the answer, not after");
        died.await;
        for _ in 0..3 {
            assert!(!matches!(bench.identity.cached(&token), Some(Ok(_))));
            assert_eq!(bench.refusal(&token).await, Unproven::Revoked);
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_of_another_organization_is_not_found_and_lives() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (owner, stranger) = (bench.caller().await, bench.caller().await);
        let (token, key) = bench.key(&owner, "mine").await;
        assert_eq!(code(bench.identity.revoke_key(&stranger, key.key_id).await), ErrorCode::NotFound);
        assert_eq!(code(bench.identity.revoke_key(&stranger, owner.token).await), ErrorCode::NotFound);
        assert!(bench.identity.list_keys(&stranger).await.expect("a list").keys.is_empty());
        bench.verified(&token).await;
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_dead_or_never_was_is_not_found() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (_, key) = bench.key(&caller, "once").await;
        bench.identity.revoke_key(&caller, key.key_id).await.expect("revoked");
        for id in [key.key_id, KeyId::new()] {
            assert_eq!(code(bench.identity.revoke_key(&caller, id).await), ErrorCode::NotFound);
        }
    })
    .await;
}

#[tokio::test]
async fn a_caller_may_revoke_its_own_token_and_then_do_nothing_more() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let token = bench.account().await;
        let caller = bench.verified(&token).await;
        bench.identity.revoke_key(&caller, caller.token).await.expect("revoked");
        assert_eq!(bench.refusal(&token).await, Unproven::Revoked);
        assert_eq!(code(bench.identity.list_keys(&caller).await), ErrorCode::KeyRevoked);
        assert_eq!(code(bench.identity.whoami(&caller).await), ErrorCode::KeyRevoked);
    })
    .await;
}

/// Abuse case 63: the fill has read "alive" and waits; the revocation runs from end to end; then the
/// fill goes on.
#[tokio::test]
async fn a_fill_that_read_before_a_revocation_never_brings_the_token_back() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        for round in 0..rounds(100) {
            let (token, key) = bench.key(&caller, &format!("round {round}")).await;
            let pause = bench.identity.pause_next_fill();
            let checking = {
                let (identity, token) = (bench.identity.clone(), reparsed(&token));
                tokio::spawn(async move { identity.verify(&token).await.map(drop) })
            };
            pause.reached().await;
            bench.identity.revoke_key(&caller, key.key_id).await.expect("revoked");
            pause.go_on();
            assert_eq!(checking.await.expect("it ran"), Err(Unproven::Revoked));
            assert!(!matches!(bench.identity.cached(&token), Some(Ok(_))));
            assert_eq!(bench.refusal(&token).await, Unproven::Revoked);
        }
    })
    .await;
}

/// The same without a pause, many at once, however the threads fall.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_check_that_begins_after_the_answer_succeeds() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        for round in 0..rounds(100) {
            let (token, key) = bench.key(&caller, &format!("round {round}")).await;
            let checks: Vec<_> = (0..4)
                .map(|_| tokio::spawn(check_until_refused(bench.identity.clone(), reparsed(&token))))
                .collect();
            tokio::task::yield_now().await;
            bench.identity.revoke_key(&caller, key.key_id).await.expect("revoked");
            assert_eq!(bench.refusal(&token).await, Unproven::Revoked);
            for check in checks {
                let ended = tokio::time::timeout(LONG, check).await.expect("it is refused at last");
                assert!(ended.expect("it ran"), "whoever held it saw it die");
            }
            assert!(!matches!(bench.identity.cached(&token), Some(Ok(_))));
        }
    })
    .await;
}

/// Checks again and again until it is refused; whether the last principal handed out is dead by then.
async fn check_until_refused(identity: Identity, token: keywright_secret::PlatformToken) -> bool {
    let mut last = None;
    loop {
        match identity.verify(&token).await {
            Ok(principal) => last = Some(principal),
            Err(Unproven::Revoked) => return last.is_none_or(|held| held.liveness.is_dead()),
            Err(why) => panic!("{why}"),
        }
        tokio::task::yield_now().await;
    }
}

/// A client that hangs up in the middle of a deletion must not leave half of it.
#[tokio::test]
async fn a_revocation_that_nobody_waits_for_ends_all_the_same() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (token, key) = bench.key(&caller, "abandoned").await;
        let held = bench.verified(&token).await;
        let died = held.liveness.died();
        let abandoned = bench.identity.revoke_key(&caller, key.key_id);
        // Polled once, which sets it going, and never again.
        let finished = tokio::select! {
            biased;
            _ = abandoned => true,
            () = std::future::ready(()) => false,
        };
        assert!(!finished, "it was still on its way");
        died.await;
        assert_eq!(bench.refusal(&token).await, Unproven::Revoked);
    })
    .await;
}

#[tokio::test]
async fn after_a_revocation_that_failed_nothing_in_memory_is_trusted() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (token, key) = bench.key(&caller, "doubtful").await;
        bench.verified(&token).await;
        bench.scene.store.close().await;
        assert_eq!(code(bench.identity.revoke_key(&caller, key.key_id).await), ErrorCode::StorageUnavailable);
        assert!(bench.identity.cached(&token).is_none());
        assert_eq!(bench.refusal(&token).await, Unproven::Unavailable);
    })
    .await;
}

#[tokio::test]
async fn a_revocation_on_one_server_is_heard_by_the_next_check_on_another() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let Some(second) = bench.second_server().await else { return };
        let caller = bench.caller().await;
        let (token, key) = bench.key(&caller, "everywhere").await;
        let held = second.verify(&token).await.expect("good");
        bench.identity.revoke_key(&caller, key.key_id).await.expect("revoked");
        assert_eq!(second.verify(&token).await.expect_err("refused"), Unproven::Revoked);
        assert!(held.liveness.is_dead(), "what runs there is ended by that check");
    })
    .await;
}

fn reparsed(token: &keywright_secret::PlatformToken) -> keywright_secret::PlatformToken {
    keywright_secret::PlatformToken::parse(token.expose()).expect("well formed")
}

/// Only a token that came back to life makes a check wait for it.
const LONG: Duration = Duration::from_secs(20);
