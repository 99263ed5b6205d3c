//! What a role is at keys: a member has its own, an admin the organization's.

use keywright_identity::restricted_to;
use keywright_protocol::wire::{RotateKey, UpdateKey};
use keywright_protocol::{ErrorCode, Role, Scope};
use keywright_store::testing::on_both;

use crate::bench::{Bench, code};
use crate::town::Town;

fn renamed(name: &str) -> UpdateKey {
    UpdateKey { name: Some(name.to_owned()), ..UpdateKey::default() }
}

#[tokio::test]
async fn a_member_manages_its_own_keys_and_others_are_not_there_for_it() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner) = (town.identity(), &town.owner.principal);
        let member = town.with("member@example.com", Role::Member).await.principal;
        assert!(member.may(Scope::ApiKeysManage));
        let (owners_token, owners) = town.bench.key(owner, "owners").await;
        let (_, own) = town.bench.key(&member, "own").await;
        let listed = identity.list_keys(&member).await.expect("a list").keys;
        assert!(listed.len() == 2 && listed.iter().all(|key| key.user_id == member.user));
        for foreign in [owners.key_id, owner.token] {
            for refused in [
                code(identity.view_key(&member, foreign).await),
                code(identity.update_key(&member, foreign, renamed("stolen")).await),
                code(identity.rotate_key(&member, foreign, &RotateKey::default()).await),
                code(identity.revoke_key(&member, foreign).await),
            ] {
                assert_eq!(refused, ErrorCode::NotFound);
            }
        }
        town.bench.verified(&owners_token).await;
        identity.view_key(&member, own.key_id).await.expect("its own");
        identity.update_key(&member, own.key_id, renamed("still own")).await.expect("its own");
        // A name belongs to one key of the organization, whoever may see it.
        let taken = identity.update_key(&member, own.key_id, renamed("owners")).await;
        assert_eq!(code(taken), ErrorCode::NameTaken);
        let rotated =
            identity.rotate_key(&member, own.key_id, &RotateKey::default()).await.expect("its own").1;
        identity.revoke_key(&member, rotated.api_key.key_id).await.expect("its own");
        assert_eq!(restricted_to(&member), Some(member.user));
    })
    .await;
}

#[tokio::test]
async fn an_admin_sees_and_revokes_all_keys_and_rotates_none_of_another_person() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner) = (town.identity(), &town.owner.principal);
        let admin = town.with("admin@example.com", Role::Admin).await.principal;
        let member = town.with("member@example.com", Role::Member).await.principal;
        let (_, members) = town.bench.key(&member, "members").await;
        let (_, owners) = town.bench.key(owner, "owners").await;
        assert_eq!(identity.list_keys(&admin).await.expect("a list").keys.len(), 5);
        for key in [members.key_id, owners.key_id] {
            identity.view_key(&admin, key).await.expect("seen");
            identity.update_key(&admin, key, renamed(&key.to_string())).await.expect("renamed");
            let rotated = identity.rotate_key(&admin, key, &RotateKey::default()).await;
            assert_eq!(code(rotated), ErrorCode::Forbidden);
            identity.revoke_key(&admin, key).await.expect("revoked");
        }
        assert_eq!(restricted_to(&admin), None);
    })
    .await;
}

/// What it may is asked when the change is made, not when it was let in.
#[tokio::test]
async fn an_admin_who_is_one_no_more_does_nothing_with_what_it_was() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner) = (town.identity(), &town.owner.principal);
        let admin = town.with("admin@example.com", Role::Admin).await;
        let (token, owners) = town.bench.key(owner, "owners").await;
        identity.change_role(owner, town.organization, admin.user(), Role::Member).await.expect("a member");
        for refused in [
            code(identity.revoke_key(&admin.principal, owners.key_id).await),
            code(identity.update_key(&admin.principal, owners.key_id, renamed("n")).await),
        ] {
            assert_eq!(refused, ErrorCode::NotFound);
        }
        town.bench.verified(&token).await;
    })
    .await;
}
