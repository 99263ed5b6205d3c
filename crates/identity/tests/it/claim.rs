use keywright_identity::IdentitySettings;
use keywright_protocol::ErrorCode;
use keywright_secret::Secret;
use keywright_store::testing::on_both;

use crate::bench::{Bench, code, named, with_scopes};

#[tokio::test]
async fn a_code_makes_an_administrator_whose_account_ends_no_more() {
    on_both(|scene| async move {
        let settings = IdentitySettings { temporary_ttl_seconds: 3_600, ..IdentitySettings::default() };
        let bench = Bench::with(scene, settings);
        let token = bench.account().await;
        let before = bench.verified(&token).await;
        let (key, _) = bench.key(&before, "key").await;
        assert!(bench.verified(&key).await.expires_at.is_some());
        let issued = bench.identity.issue_claim(false).await.expect("stored").expect("the first");
        assert_eq!(issued.expose().len(), 32, "128 bits");
        let typed = Secret::new(format!(" {}\n", issued.expose()));
        bench.identity.claim(&before, &typed).await.expect("claimed");
        bench.clock.forward_seconds(100 * 3_600);
        let after = bench.verified(&token).await;
        assert!(after.administrator && !after.temporary);
        assert_eq!(after.expires_at, None);
        assert!(!before.liveness.is_dead(), "nothing was revoked");
        let key = bench.verified(&key).await;
        assert_eq!(key.expires_at, None);
        assert!(!key.administrator, "a key for model calls does not administer");
        let (child, _) = bench.identity.mint_child(&after, None).await.expect("a child");
        assert!(!bench.verified(&child).await.administrator);
        bench.identity.revoke_key(&after, after.token).await.expect("revoked");
        assert!(before.liveness.is_dead(), "the principal from before the claim dies with it");
    })
    .await;
}

const EVERYTHING: [&str; 2] = ["models:use", "api-keys:manage"];

/// Whoever used the account before may have left a key behind, for just this moment.
#[tokio::test]
async fn only_what_claimed_and_what_it_makes_afterwards_administers() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let server = bench.second_server().await.unwrap_or_else(|| bench.identity.clone());
        let claiming = bench.account().await;
        let owner = bench.verified(&claiming).await;
        let wide = |name| with_scopes(name, &EVERYTHING);
        let (planted, _) = bench.identity.create_key(&owner, wide("planted")).await.expect("a key");
        assert!(!server.verify(&planted).await.expect("good").administrator);

        let issued = bench.identity.issue_claim(false).await.expect("stored").expect("the first");
        bench.identity.claim(&owner, &issued).await.expect("claimed");
        let owner = bench.verified(&claiming).await;
        assert!(owner.administrator);
        assert!(server.verify(&claiming).await.expect("good").administrator);
        let (made, _) = bench.identity.create_key(&owner, wide("made")).await.expect("a key");
        let made = bench.verified(&made).await;
        assert!(made.administrator);
        let (child, _) = bench.identity.mint_child(&made, None).await.expect("a child");
        assert!(!bench.verified(&child).await.administrator);

        let planted = bench.verified(&planted).await;
        assert!(!planted.administrator);
        assert!(!bench.identity.whoami(&planted).await.expect("an answer").administrator);
        let (offspring, _) = bench.identity.create_key(&planted, wide("offspring")).await.expect("a key");
        assert!(!bench.verified(&offspring).await.administrator, "it makes nothing better than itself");
    })
    .await;
}

#[tokio::test]
async fn a_second_code_raises_another_token_of_the_same_user() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.caller().await;
        let wide = with_scopes("wide", &EVERYTHING);
        let (key, _) = bench.identity.create_key(&owner, wide).await.expect("a key");
        for claimant in [owner, bench.verified(&key).await] {
            let issued = bench.identity.issue_claim(true).await.expect("stored").expect("forced");
            bench.identity.claim(&claimant, &issued).await.expect("claimed");
        }
        assert!(bench.verified(&key).await.administrator);
    })
    .await;
}

#[tokio::test]
async fn a_token_that_was_revoked_elsewhere_uses_up_no_code() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let Some(second) = bench.second_server().await else { return };
        let owner = bench.caller().await;
        let issued = bench.identity.issue_claim(false).await.expect("stored").expect("the first");
        second.revoke_key(&owner, owner.token).await.expect("revoked");
        assert!(!owner.liveness.is_dead(), "this server has not heard of it");
        assert_eq!(code(bench.identity.claim(&owner, &issued).await), ErrorCode::KeyRevoked);
        bench.identity.claim(&*bench.caller().await, &issued).await.expect("the code is still good");
    })
    .await;
}

#[tokio::test]
async fn a_code_is_good_once() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (first, second) = (bench.caller().await, bench.caller().await);
        let issued = bench.identity.issue_claim(false).await.expect("stored").expect("the first");
        bench.identity.claim(&first, &issued).await.expect("claimed");
        assert_eq!(code(bench.identity.claim(&second, &issued).await), ErrorCode::ClaimUsed);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_present_a_code_at_once_one_gets_it() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let second = bench.second_server().await.unwrap_or_else(|| bench.identity.clone());
        let issued = bench.identity.issue_claim(false).await.expect("stored").expect("the first");
        let mut claiming = Vec::new();
        for number in 0..10 {
            let identity = if number % 2 == 0 { bench.identity.clone() } else { second.clone() };
            let (caller, issued) = (bench.caller().await, issued.clone());
            claiming.push(tokio::spawn(async move { identity.claim(&caller, &issued).await }));
        }
        let mut claimed = 0;
        for outcome in claiming {
            match outcome.await.expect("it ran") {
                Ok(()) => claimed += 1,
                Err(error) => assert_eq!(error.code, ErrorCode::ClaimUsed),
            }
        }
        assert_eq!(claimed, 1);
    })
    .await;
}

#[tokio::test]
async fn a_second_start_makes_no_second_code_but_force_does() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let first = bench.identity.issue_claim(false).await.expect("stored").expect("the first");
        assert!(bench.identity.issue_claim(false).await.expect("asked").is_none());
        let second = bench.identity.issue_claim(true).await.expect("stored").expect("forced");
        assert_eq!(code(bench.identity.claim(&caller, &first).await), ErrorCode::ClaimInvalid);
        bench.identity.claim(&caller, &second).await.expect("claimed");
        assert!(bench.identity.issue_claim(false).await.expect("asked").is_none(), "there is one");
        let third = bench.identity.issue_claim(true).await.expect("stored").expect("forced");
        let other = bench.caller().await;
        bench.identity.claim(&other, &third).await.expect("a second administrator");
    })
    .await;
}

#[tokio::test]
async fn five_wrong_codes_lock_for_an_hour_even_the_right_one() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let issued = bench.identity.issue_claim(false).await.expect("stored").expect("the first");
        for _ in 0..5 {
            let wrong = Secret::new("0".repeat(32));
            assert_eq!(code(bench.identity.claim(&caller, &wrong).await), ErrorCode::ClaimInvalid);
            bench.clock.forward_seconds(60);
        }
        let locked = bench.identity.claim(&caller, &issued).await.expect_err("locked");
        assert_eq!(locked.code, ErrorCode::ClaimLocked);
        assert_eq!(locked.retry_after(), Some(3_300));
        bench.clock.forward_seconds(3_300);
        bench.identity.claim(&caller, &issued).await.expect("claimed");
    })
    .await;
}

#[tokio::test]
async fn an_agent_claims_nothing() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let issued = bench.identity.issue_claim(false).await.expect("stored").expect("the first");
        let (child, _) = bench.identity.mint_child(&caller, None).await.expect("a child");
        let child = bench.verified(&child).await;
        assert_eq!(code(bench.identity.claim(&child, &issued).await), ErrorCode::Forbidden);
        let (plain, _) = bench.identity.create_key(&caller, named("plain")).await.expect("a key");
        let plain = bench.verified(&plain).await;
        assert_eq!(code(bench.identity.claim(&plain, &issued).await), ErrorCode::InsufficientScope);
    })
    .await;
}
