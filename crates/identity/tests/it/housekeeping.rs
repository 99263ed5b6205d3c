use keywright_identity::{IdentitySettings, Unproven};
use keywright_protocol::wire::RotateKey;
use keywright_store::testing::on_both;
use serde_json::json;

use crate::bench::{Bench, HOME};

const DAY: i64 = 86_400;

#[tokio::test]
async fn an_ended_account_is_told_so_for_a_day_and_then_deleted() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let old = bench.account().await;
        let caller = bench.verified(&old).await;
        let (key, _) = bench.key(&caller, "key").await;
        bench.clock.forward_seconds(3 * DAY - 3_600);
        let (child, _) = bench.identity.mint_child(&caller, None).await.expect("a child");
        bench.clock.forward_seconds(3_600);
        let young = bench.account().await;
        assert_eq!(bench.identity.sweep().await, Ok(0));
        for token in [&old, &key, &child] {
            assert_eq!(bench.refusal(token).await, Unproven::Expired);
        }
        bench.clock.forward_seconds(DAY);
        let generation = bench.scene.store.generation().await.expect("a number");
        assert_eq!(bench.identity.sweep().await, Ok(1));
        assert!(bench.scene.store.generation().await.expect("a number") > generation);
        for token in [&old, &key, &child] {
            assert_eq!(bench.refusal(token).await, Unproven::Unknown);
        }
        bench.verified(&young).await;
        assert_eq!(bench.identity.sweep().await, Ok(0));
        assert_eq!(
            bench.scene.store.account_names(caller.user, caller.organization).await.expect("asked"),
            None
        );
    })
    .await;
}

#[tokio::test]
async fn more_accounts_than_a_batch_go_in_one_sweep() {
    on_both(|scene| async move {
        let settings = IdentitySettings {
            mints_per_hour_per_address: 1_000,
            mints_per_hour: 1_000,
            ..IdentitySettings::default()
        };
        let bench = Bench::with(scene, settings);
        for _ in 0..205 {
            bench.identity.provision_temporary(HOME, false).await.expect("an account");
        }
        bench.clock.forward_seconds(4 * DAY);
        assert_eq!(bench.identity.sweep().await, Ok(205));
    })
    .await;
}

#[tokio::test]
async fn a_claimed_account_is_never_swept() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let token = bench.account().await;
        let caller = bench.verified(&token).await;
        let code = bench.identity.issue_claim(false).await.expect("stored").expect("the first");
        bench.identity.claim(&caller, &code).await.expect("claimed");
        bench.clock.forward_seconds(400 * DAY);
        assert_eq!(bench.identity.sweep().await, Ok(0));
        bench.verified(&token).await;
    })
    .await;
}

#[tokio::test]
async fn sweeping_forgets_no_limit_that_still_counts() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        for _ in 0..30 {
            bench.account().await;
        }
        bench.clock.forward_seconds(3_599);
        bench.identity.sweep().await.expect("swept");
        assert!(bench.identity.provision_temporary(HOME, false).await.is_err());
        bench.clock.forward_seconds(1);
        bench.identity.sweep().await.expect("swept");
        bench.identity.provision_temporary(HOME, false).await.expect("an hour later");
    })
    .await;
}

#[tokio::test]
async fn a_revoked_key_is_told_so_for_thirty_days_and_its_children_for_one() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.verified(&bench.lasting().await).await;
        let (gone, key) = bench.key(&owner, "gone").await;
        let (kept, _) = bench.key(&owner, "kept").await;
        let (orphan, _) =
            bench.identity.mint_child(&*bench.verified(&gone).await, None).await.expect("a child");
        let (child, _) = bench.identity.mint_child(&owner, None).await.expect("a child");
        let child_id = bench.verified(&child).await.token;
        bench.identity.revoke_key(&owner, key.key_id).await.expect("revoked");
        bench.identity.revoke_key(&owner, child_id).await.expect("revoked");
        for (forward, children, parent) in [
            (DAY - 10, Unproven::Revoked, Unproven::Revoked),
            (10, Unproven::Unknown, Unproven::Revoked),
            (29 * DAY - 10, Unproven::Unknown, Unproven::Revoked),
            (10, Unproven::Unknown, Unproven::Unknown),
        ] {
            bench.clock.forward_seconds(forward);
            assert_eq!(bench.identity.sweep().await, Ok(0));
            assert_eq!(bench.refusal(&orphan).await, children);
            assert_eq!(bench.refusal(&child).await, children);
            assert_eq!(bench.refusal(&gone).await, parent);
        }
        bench.verified(&kept).await;
    })
    .await;
}

#[tokio::test]
async fn a_key_whose_overlap_is_over_is_told_so_for_thirty_days() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.verified(&bench.lasting().await).await;
        let (old, key) = bench.key(&owner, "ci").await;
        bench.identity.mint_child(&*bench.verified(&old).await, None).await.expect("a child");
        let overlap = RotateKey { overlap_seconds: Some(json!(60)) };
        let (new, _) = bench.identity.rotate_key(&owner, key.key_id, &overlap).await.expect("rotated");
        for (forward, told) in [(30 * DAY + 59, Unproven::Expired), (1, Unproven::Unknown)] {
            bench.clock.forward_seconds(forward);
            assert_eq!(bench.identity.sweep().await, Ok(0));
            assert_eq!(bench.refusal(&old).await, told);
        }
        bench.verified(&new).await;
    })
    .await;
}

#[tokio::test]
async fn a_server_that_slept_for_months_sweeps_keys_and_their_many_children_at_once() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let owner = bench.verified(&bench.lasting().await).await;
        let mut tokens = Vec::new();
        for number in 0..2 {
            let (token, key) = bench.key(&owner, &format!("key {number}")).await;
            let parent = bench.verified(&token).await;
            for _ in 0..130 {
                tokens.push(bench.identity.mint_child(&parent, None).await.expect("a child").0);
            }
            tokens.push(token);
            bench.identity.revoke_key(&owner, key.key_id).await.expect("revoked");
        }
        bench.clock.forward_seconds(100 * DAY);
        assert_eq!(bench.identity.sweep().await, Ok(0));
        for token in &tokens {
            assert_eq!(bench.refusal(token).await, Unproven::Unknown);
        }
    })
    .await;
}
