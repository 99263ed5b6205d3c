//! A key that changes: its name, its scopes, its end.

use keywright_identity::Unproven;
use keywright_protocol::wire::{CreateKey, RotateKey, UpdateKey};
use keywright_protocol::{ErrorCode, Scopes};
use keywright_store::testing::on_both;
use serde_json::json;

use crate::bench::{Bench, code, named};

fn renamed(name: &str) -> UpdateKey {
    UpdateKey { name: Some(name.to_owned()), ..UpdateKey::default() }
}

fn narrowed(scopes: &[&str]) -> UpdateKey {
    UpdateKey {
        scopes: Some(scopes.iter().map(|scope| (*scope).to_owned()).collect()),
        ..UpdateKey::default()
    }
}

fn living(seconds: i64) -> UpdateKey {
    UpdateKey { lifetime_seconds: Some(json!(seconds)), ..UpdateKey::default() }
}

#[tokio::test]
async fn a_narrowed_key_may_do_less_on_its_next_use_and_so_may_its_children() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (token, held) = bench.scoped(&caller, "ci", &["models:use", "executions:read"]).await;
        let (child, _) = bench.identity.mint_child(&held, None).await.expect("a child");
        assert_eq!(bench.verified(&child).await.scopes, Scopes::GATEWAY);
        let changed = bench
            .identity
            .update_key(&caller, held.token, narrowed(&["executions:read"]))
            .await
            .expect("changed");
        assert_eq!(changed.scopes.to_stored(), "executions:read");
        assert_eq!(bench.verified(&token).await.scopes, changed.scopes);
        assert!(bench.verified(&child).await.scopes.is_empty());
        assert!(!held.liveness.is_dead(), "what runs is not cut");
        // Neither back, nor by the old principal that somebody still holds.
        let wider = bench.identity.update_key(&caller, held.token, narrowed(&["models:use"])).await;
        let error = wider.map(drop).expect_err("refused");
        assert_eq!(
            (error.code, &error.details["validScopes"]),
            (ErrorCode::InvalidScope, &json!(["executions:read"]))
        );
        for nonsense in [narrowed(&[]), narrowed(&["everything"])] {
            assert_eq!(
                code(bench.identity.update_key(&caller, held.token, nonsense).await),
                ErrorCode::InvalidScope
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_manager_that_was_narrowed_makes_nothing_with_what_it_had() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (_, manager) = bench.scoped(&caller, "manager", &["models:use", "api-keys:manage"]).await;
        let (_, plain) = bench.key(&caller, "plain").await;
        bench
            .identity
            .update_key(&caller, manager.token, narrowed(&["api-keys:manage"]))
            .await
            .expect("changed");
        // With the principal that it had before.
        for refused in [
            code(bench.identity.create_key(&manager, named("new")).await),
            code(bench.identity.rotate_key(&manager, plain.key_id, &RotateKey::default()).await),
            code(bench.identity.update_key(&manager, plain.key_id, narrowed(&["models:use"])).await),
        ] {
            assert_eq!(refused, ErrorCode::InsufficientScope);
        }
        bench.identity.update_key(&manager, plain.key_id, renamed("by a manager")).await.expect("changed");
    })
    .await;
}

#[tokio::test]
async fn a_name_is_changed_unless_another_active_key_has_it() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (_, one) = bench.key(&caller, "one").await;
        let (_, two) = bench.key(&caller, "two").await;
        assert_eq!(
            code(bench.identity.update_key(&caller, two.key_id, renamed("one")).await),
            ErrorCode::NameTaken
        );
        for name in ["", "a\nb"] {
            let refused = bench.identity.update_key(&caller, two.key_id, renamed(name)).await;
            assert_eq!(code(refused), ErrorCode::InvalidName);
        }
        let same =
            bench.identity.update_key(&caller, two.key_id, renamed("two")).await.expect("its own name");
        assert_eq!(same.name, "two");
        bench.identity.revoke_key(&caller, one.key_id).await.expect("deleted");
        bench.identity.update_key(&caller, two.key_id, renamed("one")).await.expect("free now");
        bench.key(&caller, "two").await;
        assert_eq!(
            code(bench.identity.update_key(&caller, one.key_id, renamed("gone")).await),
            ErrorCode::NotFound
        );
        let empty = bench.identity.update_key(&caller, two.key_id, UpdateKey::default()).await;
        assert_eq!(code(empty), ErrorCode::InvalidRequest);
    })
    .await;
}

#[tokio::test]
async fn an_end_is_brought_nearer_by_whoever_manages_keys_and_put_off_by_an_owner() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.verified(&bench.lasting().await).await;
        let (_, manager) = bench.scoped(&owner, "manager", &["models:use", "api-keys:manage"]).await;
        let (token, key) = bench.key(&owner, "ci").await;
        let held = bench.verified(&token).await;
        let (child, _) = bench.identity.mint_child(&held, None).await.expect("a child");
        bench.verified(&child).await;
        let now = key.created_at;
        let nearer = bench.identity.update_key(&manager, key.key_id, living(7_200)).await.expect("nearer");
        assert_eq!(nearer.expires_at, Some(now.plus_seconds(7_200)));
        for of in [&token, &child] {
            assert_eq!(bench.verified(of).await.expires_at, nearer.expires_at);
        }
        for wrong in [3_599, 31_536_001] {
            let refused = bench.identity.update_key(&owner, key.key_id, living(wrong)).await;
            assert_eq!(code(refused), ErrorCode::InvalidLifetime);
        }
        let later = bench.identity.update_key(&owner, key.key_id, living(86_400)).await.expect("later");
        assert_eq!(later.expires_at, Some(now.plus_seconds(86_400)));
        bench.scene.set_role(owner.user, "member").await;
        let refused = bench.identity.update_key(&manager, key.key_id, living(90_000)).await;
        assert_eq!(code(refused), ErrorCode::Forbidden);
        bench.identity.update_key(&manager, key.key_id, living(3_600)).await.expect("nearer");
        bench.clock.forward_seconds(3_600);
        for dead in [&token, &child] {
            assert_eq!(bench.refusal(dead).await, Unproven::Expired);
        }
    })
    .await;
}

#[tokio::test]
async fn a_key_does_not_prolong_its_own_life_and_a_rotation_keeps_to_the_term_it_was_given() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.verified(&bench.lasting().await).await;
        let request = CreateKey {
            scopes: Some(vec!["api-keys:manage".to_owned()]),
            lifetime_seconds: Some(json!(864_000)),
            ..named("manager")
        };
        let (token, key) = bench.identity.create_key(&owner, request).await.expect("a key");
        let itself = bench.verified(&token).await;
        let refused = bench.identity.update_key(&itself, key.key_id, living(900_000)).await;
        assert_eq!(code(refused), ErrorCode::Forbidden);
        bench.clock.forward_seconds(86_400);
        bench.identity.update_key(&itself, key.key_id, living(3_600)).await.expect("nearer");
        bench.clock.forward_seconds(3_000);
        let itself = bench.verified(&token).await;
        let (_, rotated) =
            bench.identity.rotate_key(&itself, key.key_id, &RotateKey::default()).await.expect("rotated");
        let key = rotated.api_key;
        assert_eq!(key.expires_at, Some(key.created_at.plus_seconds(3_600)), "an hour, as it was last given");
    })
    .await;
}

#[tokio::test]
async fn a_rotated_pair_is_changed_as_one() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (old, held) = bench.scoped(&caller, "pair", &["models:use", "executions:read"]).await;
        let overlap = RotateKey { overlap_seconds: Some(json!(86_400)) };
        let (_, rotated) = bench.identity.rotate_key(&caller, held.token, &overlap).await.expect("rotated");
        let new = rotated.api_key.key_id;
        let refused = bench.identity.update_key(&caller, held.token, renamed("other")).await;
        assert_eq!(code(refused), ErrorCode::KeyAlreadyRotated);
        let change = UpdateKey {
            name: Some("couple".to_owned()),
            lifetime_seconds: Some(json!(3_600)),
            ..narrowed(&["models:use"])
        };
        let changed = bench.identity.update_key(&caller, new, change).await.expect("changed");
        let listed = bench.identity.list_keys(&caller).await.expect("a list").keys;
        assert!(listed.iter().all(|key| key.name == "couple" && key.expires_at == changed.expires_at));
        assert_eq!(bench.verified(&old).await.scopes, Scopes::GATEWAY);
        // The old name is free, the new one is not.
        bench.key(&caller, "pair").await;
        assert_eq!(code(bench.identity.create_key(&caller, named("couple")).await), ErrorCode::NameTaken);
    })
    .await;
}
