use keywright_identity::{IdentitySettings, Unproven};
use keywright_protocol::{ErrorCode, Scopes};
use keywright_secret::TokenKind;
use keywright_store::testing::on_both;

use crate::bench::{Bench, code, named, with_scopes};

#[tokio::test]
async fn a_child_calls_models_and_nothing_else() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let parent = bench.caller().await;
        let (token, end) = bench.identity.mint_child(&parent, None).await.expect("a child");
        let child = bench.verified(&token).await;
        assert_eq!(child.kind, TokenKind::Access);
        assert_eq!(child.scopes, Scopes::GATEWAY);
        assert_eq!(child.parent, Some(parent.token));
        assert_eq!((child.user, child.organization), (parent.user, parent.organization));
        assert_eq!(child.expires_at, Some(end));
        assert_eq!(code(bench.identity.mint_child(&child, None).await), ErrorCode::Forbidden);
        assert_eq!(code(bench.identity.create_key(&child, named("key")).await), ErrorCode::InsufficientScope);
        assert_eq!(code(bench.identity.revoke_key(&child, child.token).await), ErrorCode::InsufficientScope);
    })
    .await;
}

#[tokio::test]
async fn a_child_lives_at_most_twelve_hours_and_never_longer_than_its_parent() {
    on_both(|scene| async move {
        let settings = IdentitySettings { temporary_ttl_seconds: 20 * 3_600, ..IdentitySettings::default() };
        let bench = Bench::with(scene, settings);
        let parent = bench.caller().await;
        let parents = parent.expires_at.expect("an end");
        let born = parents.plus_seconds(-20 * 3_600);
        for (asked, lives) in [(None, 43_200), (Some(43_200), 43_200), (Some(60), 60)] {
            let (_, end) = bench.identity.mint_child(&parent, asked).await.expect("a child");
            assert_eq!(end, born.plus_seconds(lives));
        }
        for wrong in [0, 59, 43_201, -1, i64::MAX, i64::MIN] {
            assert_eq!(
                code(bench.identity.mint_child(&parent, Some(wrong)).await),
                ErrorCode::InvalidLifetime
            );
        }
        bench.clock.forward_seconds(10 * 3_600);
        let (late, end) = bench.identity.mint_child(&parent, None).await.expect("a child");
        assert_eq!(end, parents);
        bench.clock.set(end);
        assert_eq!(bench.refusal(&late).await, Unproven::Expired);
        assert_eq!(code(bench.identity.mint_child(&parent, None).await), ErrorCode::KeyExpired);
    })
    .await;
}

#[tokio::test]
async fn children_die_with_their_parent_and_siblings_live() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.caller().await;
        let (parent_token, parent_key) = bench.key(&owner, "parent").await;
        let parent = bench.verified(&parent_token).await;
        let (first, _) = bench.identity.mint_child(&parent, None).await.expect("a child");
        let (second, _) = bench.identity.mint_child(&parent, None).await.expect("a child");
        let (cousin, _) = bench.identity.mint_child(&owner, None).await.expect("a child");
        let held = bench.verified(&first).await;
        bench.identity.revoke_key(&owner, parent_key.key_id).await.expect("revoked");
        assert!(held.liveness.is_dead());
        assert_eq!(bench.refusal(&first).await, Unproven::Revoked);
        assert_eq!(bench.refusal(&second).await, Unproven::Revoked);
        bench.verified(&cousin).await;
        assert_eq!(code(bench.identity.mint_child(&parent, None).await), ErrorCode::KeyRevoked);
    })
    .await;
}

/// A child that is minted while its parent is revoked is either in time to die with it, or refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_child_outlives_a_parent_that_is_revoked_meanwhile() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.caller().await;
        for round in 0..30 {
            let (token, key) = bench.key(&owner, &format!("parent {round}")).await;
            let parent = bench.verified(&token).await;
            let minting: Vec<_> = (0..4)
                .map(|_| {
                    let (identity, parent) = (bench.identity.clone(), parent.clone());
                    tokio::spawn(async move {
                        let (child, _) = identity.mint_child(&parent, None).await.ok()?;
                        let _ = identity.verify(&child).await;
                        Some(child)
                    })
                })
                .collect();
            bench.identity.revoke_key(&owner, key.key_id).await.expect("revoked");
            for child in minting {
                if let Some(child) = child.await.expect("it ran") {
                    assert_eq!(bench.refusal(&child).await, Unproven::Revoked);
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn children_do_not_count_as_keys_and_may_be_revoked_by_id() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.caller().await;
        for _ in 0..25 {
            bench.identity.mint_child(&owner, None).await.expect("a child");
        }
        let (token, _) = bench.identity.mint_child(&owner, None).await.expect("a child");
        assert!(bench.identity.list_keys(&owner).await.expect("a list").keys.is_empty());
        let child = bench.verified(&token).await;
        bench.identity.revoke_key(&owner, child.token).await.expect("revoked");
        assert_eq!(bench.refusal(&token).await, Unproven::Revoked);
        assert!(!owner.liveness.is_dead());
    })
    .await;
}

#[tokio::test]
async fn a_token_that_calls_no_models_has_no_children() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.caller().await;
        let request = with_scopes("manager", &["api-keys:manage"]);
        let (manager, _) = bench.identity.create_key(&owner, request).await.expect("a key");
        let manager = bench.verified(&manager).await;
        assert_eq!(code(bench.identity.mint_child(&manager, None).await), ErrorCode::InsufficientScope);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_live_children_are_exact_under_parallel_minting_on_two_servers() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let second = bench.second_server().await.unwrap_or_else(|| bench.identity.clone());
        let servers = [bench.identity.clone(), second];
        let parent = bench.caller().await;
        let minting: Vec<_> = (0..230)
            .map(|number| {
                let (identity, parent) = (servers[number % 2].clone(), parent.clone());
                tokio::spawn(async move { identity.mint_child(&parent, Some(600)).await })
            })
            .collect();
        let mut made = 0;
        for outcome in minting {
            match outcome.await.expect("it ran") {
                Ok(_) => made += 1,
                Err(error) => assert_eq!(error.code, ErrorCode::MaxChildTokensReached),
            }
        }
        assert_eq!(made, 200);
    })
    .await;
}

#[tokio::test]
async fn a_child_that_ended_or_was_revoked_makes_room_for_another() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let parent = bench.caller().await;
        let (first, _) = bench.identity.mint_child(&parent, Some(60)).await.expect("a child");
        for _ in 1..200 {
            bench.identity.mint_child(&parent, Some(3_600)).await.expect("a child");
        }
        let first = bench.verified(&first).await;
        bench.clock.forward_seconds(20);
        let refused = bench.identity.mint_child(&parent, None).await.expect_err("full");
        assert_eq!(refused.code, ErrorCode::MaxChildTokensReached);
        assert_eq!(refused.retry_after(), Some(40));
        assert_eq!(refused.details["limit"], 200);

        let (key, _) = bench.key(&parent, "another parent").await;
        let other = bench.verified(&key).await;
        bench.identity.mint_child(&other, None).await.expect("each parent has its own");

        bench.identity.revoke_key(&parent, first.token).await.expect("revoked");
        let (_, end) = bench.identity.mint_child(&parent, Some(60)).await.expect("room for one");
        assert_eq!(code(bench.identity.mint_child(&parent, None).await), ErrorCode::MaxChildTokensReached);
        bench.clock.set(end);
        bench.identity.mint_child(&parent, None).await.expect("room for one");
        assert_eq!(code(bench.identity.mint_child(&parent, None).await), ErrorCode::MaxChildTokensReached);
    })
    .await;
}

/// What a session of days needs: its token is the same one all along, and ends with its parent.
#[tokio::test]
async fn a_child_lives_on_while_its_parent_asks_for_it_and_not_a_moment_longer_than_the_parent() {
    on_both(|scene| async move {
        let settings = IdentitySettings { temporary_ttl_seconds: 40 * 3_600, ..IdentitySettings::default() };
        let bench = Bench::with(scene, settings);
        let parent = bench.caller().await;
        let parents = parent.expires_at.expect("an end");
        let (token, first) = bench.identity.mint_child(&parent, None).await.expect("a child");
        for _ in 0..3 {
            bench.clock.forward_seconds(11 * 3_600);
            // It was read before, so that a remembered end would show.
            let remembered = bench.verified(&token).await.expires_at.expect("an end");
            let end = bench.identity.renew_child(&parent, token.expose()).await.expect("renewed");
            assert!(end > remembered && end > first && end <= parents);
            assert_eq!(bench.verified(&token).await.expires_at, Some(end));
        }
        let end = bench.identity.renew_child(&parent, token.expose()).await.expect("as long as may be");
        assert_eq!(end, parents);
        bench.clock.set(parents);
        assert_eq!(bench.refusal(&token).await, Unproven::Expired);
        assert_eq!(code(bench.identity.renew_child(&parent, token.expose()).await), ErrorCode::KeyExpired);
    })
    .await;
}

/// A laptop that slept longer than its agent's token lives.
#[tokio::test]
async fn a_child_that_ended_by_itself_lives_again_where_there_is_room() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.caller().await;
        let (parent_token, _) = bench.key(&owner, "parent").await;
        let parent = bench.verified(&parent_token).await;
        let (token, _) = bench.identity.mint_child(&parent, Some(60)).await.expect("a child");
        bench.clock.forward_seconds(3_600);
        assert_eq!(bench.refusal(&token).await, Unproven::Expired);
        bench.identity.renew_child(&parent, token.expose()).await.expect("it lives again");
        bench.verified(&token).await;
        let (late, _) = bench.identity.mint_child(&parent, Some(60)).await.expect("a child");
        bench.clock.forward_seconds(60);
        for _ in 0..199 {
            bench.identity.mint_child(&parent, None).await.expect("a child");
        }
        let refused = bench.identity.renew_child(&parent, late.expose()).await;
        assert_eq!(code(refused), ErrorCode::MaxChildTokensReached);
        bench.identity.renew_child(&parent, token.expose()).await.expect("one that lives needs no room");
    })
    .await;
}

#[tokio::test]
async fn nobody_but_its_parent_lets_a_child_live_on_and_never_once_it_is_revoked() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.caller().await;
        let (parent_token, _) = bench.key(&owner, "parent").await;
        let parent = bench.verified(&parent_token).await;
        let (token, _) = bench.identity.mint_child(&parent, None).await.expect("a child");
        let child = bench.verified(&token).await;
        assert_eq!(code(bench.identity.renew_child(&child, token.expose()).await), ErrorCode::Forbidden);
        assert_eq!(code(bench.identity.renew_child(&owner, token.expose()).await), ErrorCode::NotFound);
        let own = bench.identity.renew_child(&parent, parent_token.expose());
        assert_eq!(code(own.await), ErrorCode::NotFound);
        assert_eq!(code(bench.identity.renew_child(&parent, "at_kw_").await), ErrorCode::KeyMalformed);
        bench.identity.end_child(&child).await.expect("ended");
        assert_eq!(code(bench.identity.renew_child(&parent, token.expose()).await), ErrorCode::NotFound);
        assert_eq!(bench.refusal(&token).await, Unproven::Revoked);
    })
    .await;
}
