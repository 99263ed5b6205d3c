//! A new key in the place of an old one.

use std::sync::Arc;

use futures_util::future::join_all;
use keywright_identity::Unproven;
use keywright_protocol::wire::{CreateKey, RotateKey};
use keywright_protocol::{ErrorCode, KeyId};
use keywright_store::testing::on_both;
use serde_json::json;

use crate::bench::{Bench, code, named};

fn overlap(seconds: i64) -> RotateKey {
    RotateKey { overlap_seconds: Some(json!(seconds)) }
}

#[tokio::test]
async fn without_an_overlap_the_old_key_and_its_children_are_dead_before_the_answer() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (old, key) = bench.key(&caller, "ci").await;
        let held = bench.verified(&old).await;
        let (child, _) = bench.identity.mint_child(&held, None).await.expect("a child");
        let held_child = bench.verified(&child).await;
        let (new, rotated) =
            bench.identity.rotate_key(&caller, key.key_id, &RotateKey::default()).await.expect("rotated");
        assert!(held.liveness.is_dead() && held_child.liveness.is_dead());
        for dead in [&old, &child] {
            assert_eq!(bench.refusal(dead).await, Unproven::Revoked);
        }
        let successor = bench.verified(&new).await;
        assert_eq!((successor.scopes, successor.user), (held.scopes, held.user));
        assert_eq!((rotated.api_key.name.as_str(), rotated.api_key.key_id), ("ci", successor.token));
        assert_ne!(rotated.api_key.key_id, key.key_id);
        assert_eq!((rotated.replaced.key_id, rotated.api_key.replaces), (key.key_id, None));
    })
    .await;
}

#[tokio::test]
async fn with_an_overlap_both_work_until_it_is_over_and_then_the_old_one_is_dead_with_its_children() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (old, key) = bench.key(&caller, "ci").await;
        let held = bench.verified(&old).await;
        let (child, _) = bench.identity.mint_child(&held, None).await.expect("a child");
        bench.verified(&child).await;
        let (new, rotated) =
            bench.identity.rotate_key(&caller, key.key_id, &overlap(60)).await.expect("rotated");
        let end = rotated.replaced.ends_at;
        assert_eq!(end, key.created_at.plus_seconds(60));
        assert_eq!(rotated.api_key.replaces, Some(key.key_id));
        for good in [&old, &new, &child] {
            assert!(!bench.verified(good).await.liveness.is_dead());
        }
        assert_eq!(bench.verified(&child).await.expires_at, Some(end), "no child outlives its parent");
        // Nor one that is made now, by a principal that was read before.
        let (late, _) = bench.identity.mint_child(&held, None).await.expect("a child");
        assert_eq!(bench.verified(&late).await.expires_at, Some(end));
        let listed = bench.identity.list_keys(&caller).await.expect("a list").keys;
        assert_eq!(listed[1].replaced_by, Some(rotated.api_key.key_id));
        bench.clock.set(end);
        for dead in [&old, &child, &late] {
            assert_eq!(bench.refusal(dead).await, Unproven::Expired);
        }
        bench.verified(&new).await;
        let viewed = bench.identity.view_key(&caller, rotated.api_key.key_id).await.expect("a key");
        assert_eq!(viewed.replaces, None);
        assert_eq!(code(bench.identity.view_key(&caller, key.key_id).await), ErrorCode::NotFound);
    })
    .await;
}

#[tokio::test]
async fn the_new_key_has_a_term_of_its_own_and_the_overlap_is_never_longer_than_the_old_life() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.verified(&bench.lasting().await).await;
        let brief = CreateKey { lifetime_seconds: Some(json!(7_200)), ..named("brief") };
        let (old, key) = bench.identity.create_key(&caller, brief).await.expect("a key");
        bench.clock.forward_seconds(7_000);
        let (_, rotated) =
            bench.identity.rotate_key(&caller, key.key_id, &overlap(3_600)).await.expect("rotated");
        assert_eq!(Some(rotated.replaced.ends_at), key.expires_at, "200 s were left");
        assert_eq!(rotated.api_key.expires_at, Some(key.created_at.plus_seconds(7_000 + 7_200)));
        bench.clock.forward_seconds(200);
        assert_eq!(bench.refusal(&old).await, Unproven::Expired);
        let (_, lasting) = bench.key(&caller, "lasting").await;
        let (_, rotated) =
            bench.identity.rotate_key(&caller, lasting.key_id, &overlap(60)).await.expect("rotated");
        assert_eq!(rotated.api_key.expires_at, None);
    })
    .await;
}

#[tokio::test]
async fn deleting_the_new_key_ends_the_old_one_and_deleting_the_old_one_ends_it_alone() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (old, key) = bench.key(&caller, "both").await;
        let held = bench.verified(&old).await;
        let (child, _) = bench.identity.mint_child(&held, None).await.expect("a child");
        let (new, rotated) =
            bench.identity.rotate_key(&caller, key.key_id, &overlap(60)).await.expect("rotated");
        bench.verified(&old).await;
        bench.identity.revoke_key(&caller, rotated.api_key.key_id).await.expect("deleted");
        assert!(held.liveness.is_dead());
        for dead in [&old, &new, &child] {
            assert_eq!(bench.refusal(dead).await, Unproven::Revoked);
        }
        let (old, key) = bench.key(&caller, "one").await;
        let (new, _) = bench.identity.rotate_key(&caller, key.key_id, &overlap(60)).await.expect("rotated");
        bench.identity.revoke_key(&caller, key.key_id).await.expect("deleted");
        assert_eq!(bench.refusal(&old).await, Unproven::Revoked);
        bench.verified(&new).await;
    })
    .await;
}

#[tokio::test]
async fn a_second_rotation_waits_for_the_overlap_or_ends_both() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (first, key) = bench.key(&caller, "ci").await;
        let (second, rotated) =
            bench.identity.rotate_key(&caller, key.key_id, &overlap(60)).await.expect("rotated");
        let again = bench.identity.rotate_key(&caller, key.key_id, &overlap(60)).await;
        let error = again.map(drop).expect_err("refused");
        assert_eq!(error.code, ErrorCode::KeyAlreadyRotated);
        assert_eq!(error.details["replacedBy"], rotated.api_key.key_id.to_string());
        let second_id = rotated.api_key.key_id;
        let early = bench.identity.rotate_key(&caller, second_id, &overlap(1)).await;
        let error = early.map(drop).expect_err("refused");
        assert_eq!((error.code, error.retry_after()), (ErrorCode::RotationInProgress, Some(60)));
        assert_eq!(error.details["replaces"], key.key_id.to_string());
        bench.verified(&first).await;
        let (third, _) = bench.identity.rotate_key(&caller, second_id, &overlap(0)).await.expect("ends both");
        for dead in [&first, &second] {
            assert_eq!(bench.refusal(dead).await, Unproven::Revoked);
        }
        bench.verified(&third).await;
        assert_eq!(bench.identity.list_keys(&caller).await.expect("a list").keys.len(), 1);
        // After an overlap there is another.
        let (_, key) = bench.key(&caller, "again").await;
        let (_, rotated) =
            bench.identity.rotate_key(&caller, key.key_id, &overlap(60)).await.expect("rotated");
        bench.clock.forward_seconds(60);
        bench.identity.rotate_key(&caller, rotated.api_key.key_id, &overlap(60)).await.expect("rotated");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_has_ended_or_never_was_is_not_rotated_and_neither_is_another_token() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (caller, stranger) = (bench.caller().await, bench.caller().await);
        let (_, revoked) = bench.key(&caller, "revoked").await;
        bench.identity.revoke_key(&caller, revoked.key_id).await.expect("revoked");
        let brief = CreateKey { lifetime_seconds: Some(json!(3_600)), ..named("brief") };
        let (_, expired) = bench.identity.create_key(&caller, brief).await.expect("a key");
        bench.clock.forward_seconds(3_600);
        let (_, foreign) = bench.key(&stranger, "foreign").await;
        for id in [revoked.key_id, expired.key_id, foreign.key_id, caller.token, KeyId::new()] {
            let refused = bench.identity.rotate_key(&caller, id, &RotateKey::default()).await;
            assert_eq!(code(refused), ErrorCode::NotFound);
            assert_eq!(code(bench.identity.view_key(&caller, id).await), ErrorCode::NotFound);
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_gets_a_key_by_rotation_that_may_do_more_than_it_may() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.verified(&bench.lasting().await).await;
        let (_, manager) = bench.scoped(&owner, "manager", &["api-keys:manage"]).await;
        let (_, wide) = bench.key(&owner, "wide").await;
        let refused = bench.identity.rotate_key(&manager, wide.key_id, &overlap(9)).await;
        let error = refused.map(drop).expect_err("refused");
        assert_eq!(
            (error.code, &error.details["required"]),
            (ErrorCode::InsufficientScope, &json!(["models:use"]))
        );
        bench.identity.rotate_key(&owner, wide.key_id, &overlap(9)).await.expect("by who may do as much");
    })
    .await;
}

#[tokio::test]
async fn a_key_of_another_user_or_of_the_administrator_is_rotated_by_neither_member_nor_helper() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let early = bench.account().await;
        // A key that was made before the claim does not administer.
        let before = bench.verified(&early).await;
        let (helper_token, _) = bench.scoped(&before, "helper", &["api-keys:manage"]).await;
        let claim = bench.identity.issue_claim(true).await.expect("a code").expect("a code");
        bench.identity.claim(&before, &claim).await.expect("an administrator");
        let owner = bench.verified(&early).await;
        let (_, administering) = bench.scoped(&owner, "administering", &["api-keys:manage"]).await;
        assert!(administering.administrator);
        let helper = bench.verified(&helper_token).await;
        assert!(!helper.administrator);
        let refused = bench.identity.rotate_key(&helper, administering.token, &overlap(0)).await;
        assert_eq!(code(refused), ErrorCode::Forbidden);
        let (own, _) = bench
            .identity
            .rotate_key(&administering, administering.token, &overlap(0))
            .await
            .expect("itself");
        assert!(bench.verified(&own).await.administrator);
        assert!(administering.liveness.is_dead());

        let member_token = bench.account().await;
        let member = bench.verified(&member_token).await;
        let (_, owners) = bench.key(&owner, "owners").await;
        bench.scene.move_token(member.token, owner.organization).await;
        let second = bench.second_server().await.unwrap_or_else(|| bench.identity.clone());
        let member = keywright_protocol::Principal {
            organization: owner.organization,
            liveness: member.liveness.clone(),
            ..*member
        };
        // A member sees its own keys alone.
        let refused = second.rotate_key(&member, owners.key_id, &overlap(0)).await;
        assert_eq!(code(refused), ErrorCode::NotFound);
        assert_eq!(code(second.revoke_key(&member, owners.key_id).await), ErrorCode::NotFound);
    })
    .await;
}

#[tokio::test]
async fn an_overlap_is_a_whole_number_of_seconds_up_to_seven_days() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (_, key) = bench.key(&caller, "ci").await;
        for wrong in
            [json!(-1), json!(604_801), json!("60"), json!(1.0), json!(true), json!(null), json!([1])]
        {
            let request = RotateKey { overlap_seconds: Some(wrong.clone()) };
            let refused = bench.identity.rotate_key(&caller, key.key_id, &request).await;
            assert_eq!(code(refused), ErrorCode::InvalidOverlap, "{wrong}");
        }
        let (_, rotated) =
            bench.identity.rotate_key(&caller, key.key_id, &overlap(604_800)).await.expect("rotated");
        assert_eq!(Some(rotated.replaced.ends_at), caller.expires_at, "the account's end is nearer");
        let lasting = bench.verified(&bench.lasting().await).await;
        let (_, key) = bench.key(&lasting, "ci").await;
        let (_, rotated) =
            bench.identity.rotate_key(&lasting, key.key_id, &overlap(604_800)).await.expect("rotated");
        assert_eq!(rotated.replaced.ends_at, key.created_at.plus_seconds(604_800));
    })
    .await;
}

/// However many rotate and create at once on however many servers: one rotation of a key is made, and there
/// are never more than twenty that count.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotated_pair_counts_once_however_many_ask_at_once() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let mut keys = Vec::new();
        for number in 0..19 {
            keys.push(bench.key(&caller, &format!("key {number}")).await.1.key_id);
        }
        let second = bench.second_server().await.unwrap_or_else(|| bench.identity.clone());
        let servers = [bench.identity.clone(), second];
        let rotations = keys.iter().take(5).flat_map(|key| [*key; 3]).enumerate().map(|(number, key)| {
            let (identity, caller) = (servers[number % 2].clone(), Arc::clone(&caller));
            tokio::spawn(async move { identity.rotate_key(&caller, key, &overlap(600)).await.err() })
        });
        let creations = (0..10).map(|number| {
            let (identity, caller) = (servers[number % 2].clone(), Arc::clone(&caller));
            tokio::spawn(
                async move { identity.create_key(&caller, named(&format!("new {number}"))).await.err() },
            )
        });
        let (rotated, created) = tokio::join!(join_all(rotations), join_all(creations));
        let codes = |ended: Vec<Result<Option<keywright_protocol::ApiError>, _>>| -> Vec<Option<ErrorCode>> {
            ended
                .into_iter()
                .map(|outcome: Result<_, tokio::task::JoinError>| {
                    outcome.expect("it ran").map(|error| error.code)
                })
                .collect()
        };
        let (rotated, created) = (codes(rotated), codes(created));
        assert_eq!(rotated.iter().filter(|code| code.is_none()).count(), 5);
        assert!(rotated.iter().flatten().all(|code| *code == ErrorCode::KeyAlreadyRotated), "{rotated:?}");
        assert_eq!(created.iter().filter(|code| code.is_none()).count(), 1);
        assert!(created.iter().flatten().all(|code| *code == ErrorCode::MaxApiKeysReached), "{created:?}");
        let listed = bench.identity.list_keys(&caller).await.expect("a list").keys;
        let counted = listed.iter().filter(|key| key.replaced_by.is_none()).count();
        assert_eq!((listed.len(), counted), (25, 20));
        assert_eq!(
            code(bench.identity.create_key(&caller, named("more")).await),
            ErrorCode::MaxApiKeysReached
        );
        // The end of an overlap makes no room: the old ones did not count.
        bench.clock.forward_seconds(600);
        assert_eq!(
            code(bench.identity.create_key(&caller, named("more")).await),
            ErrorCode::MaxApiKeysReached
        );
        assert_eq!(bench.identity.list_keys(&caller).await.expect("a list").keys.len(), 20);
    })
    .await;
}
