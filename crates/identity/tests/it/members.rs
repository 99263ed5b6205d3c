//! Members: made something else, taken out, leaving.

use std::sync::Arc;

use futures_util::future::join_all;
use keywright_identity::{Identity, Unproven};
use keywright_protocol::wire::UserKind;
use keywright_protocol::{ApiError, ErrorCode, OrganizationId, Principal, Role, UserId};
use keywright_store::testing::on_both;

use crate::bench::{Bench, code, named, rounds};
use crate::town::Town;

#[tokio::test]
async fn members_see_who_is_there_and_what_they_are() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let member = town.with("Member@Example.com", Role::Member).await;
        town.bench.key(&member.principal, "second").await;
        let members = town.identity().members(&member.principal, town.organization).await.expect("a list");
        let told: Vec<_> = members
            .members
            .iter()
            .map(|it| (it.email.as_deref(), it.role, it.kind, it.active_keys))
            .collect();
        assert_eq!(
            told,
            [
                (Some("owner@example.com"), Role::Owner, UserKind::Person, 1),
                (Some("member@example.com"), Role::Member, UserKind::Person, 2),
            ]
        );
    })
    .await;
}

/// Who may make whom what: each role, of each role, into each role.
#[tokio::test]
async fn an_admin_makes_admins_and_members_and_only_an_owner_makes_and_unmakes_owners() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let other_owner = town.with("second@example.com", Role::Owner).await;
        let admin = town.with("admin@example.com", Role::Admin).await;
        let member = town.with("member@example.com", Role::Member).await;
        let target = town.with("target@example.com", Role::Member).await.user();
        let roles = [Role::Member, Role::Admin, Role::Owner];
        let change = async |by: &Principal, role| {
            town.identity().change_role(by, town.organization, target, role).await
        };
        for (caller, rank) in [(&member, Role::Member), (&admin, Role::Admin), (&other_owner, Role::Owner)] {
            for from in roles {
                for to in roles {
                    change(&town.owner.principal, from).await.expect("the owner may all");
                    let outcome = change(&caller.principal, to).await;
                    let may = match rank {
                        Role::Member => false,
                        Role::Admin => from == to || (from < Role::Owner && to < Role::Owner),
                        Role::Owner => true,
                    };
                    match outcome {
                        Ok(member) => assert!(may && member.role == to, "{rank}: {from} to {to}"),
                        Err(error) => {
                            assert!(
                                !may && error.code == ErrorCode::Forbidden,
                                "{rank}: {from} to {to}: {error}"
                            );
                            assert!(error.message().contains("owner"), "{error}");
                        }
                    }
                }
            }
        }
        for unknown in [UserId::new(), town.bench.person("out@example.com").await.0.user] {
            let refused =
                town.identity().change_role(&town.owner.principal, town.organization, unknown, Role::Admin);
            assert_eq!(code(refused.await), ErrorCode::NotFound);
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_role_counts_from_the_next_request_on_and_cuts_nothing() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let member = town.with("member@example.com", Role::Member).await;
        let (identity, id) = (town.identity(), town.organization);
        let (child, _) = identity.mint_child(&member.principal, None).await.expect("a child");
        for token in [&member.token, &child] {
            assert_eq!(town.bench.verified(token).await.role, Role::Member);
        }
        identity.change_role(&town.owner.principal, id, member.user(), Role::Admin).await.expect("an admin");
        assert!(!member.principal.liveness.is_dead());
        for token in [&member.token, &child] {
            assert_eq!(town.bench.verified(token).await.role, Role::Admin);
        }
        let admin = town.bench.verified(&member.token).await;
        identity.change_role(&town.owner.principal, id, member.user(), Role::Member).await.expect("a member");
        // With the principal that it had as an admin.
        let refused = identity.change_role(&admin, id, member.user(), Role::Admin).await;
        assert_eq!(code(refused), ErrorCode::Forbidden);
        let refused = identity.remove_member(&admin, id, town.owner.user()).await;
        assert_eq!(code(refused), ErrorCode::Forbidden);
    })
    .await;
}

#[tokio::test]
async fn whoever_is_removed_loses_all_tokens_of_this_organization_and_no_others() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (home_token, _) = town.bench.signed_up("member@example.com").await;
        let home = town.bench.verified(&home_token).await;
        let invited = town.invite("member@example.com", Role::Member).await;
        let member = town.come(&home, &invited).await;
        let (identity, id) = (town.identity(), town.organization);
        let (second, _) = town.bench.key(&member.principal, "second").await;
        let (child, _) = identity.mint_child(&member.principal, None).await.expect("a child");
        let held = [town.bench.verified(&second).await, town.bench.verified(&child).await];
        let removed =
            identity.remove_member(&town.owner.principal, id, member.user()).await.expect("removed");
        assert_eq!((removed.user_id, removed.revoked_tokens), (member.user(), 3));
        assert!(member.principal.liveness.is_dead() && held.iter().all(|it| it.liveness.is_dead()));
        for dead in [&member.token, &second, &child] {
            assert_eq!(town.bench.refusal(dead).await, Unproven::Revoked);
        }
        assert_eq!(code(identity.create_key(&member.principal, named("late")).await), ErrorCode::KeyRevoked);
        assert!(!town.bench.verified(&home_token).await.liveness.is_dead());
        assert_eq!(town.roles().await, [(town.owner.user(), Role::Owner)]);
        let again = identity.remove_member(&town.owner.principal, id, member.user()).await;
        assert_eq!(code(again), ErrorCode::NotFound);
        // It may be invited again.
        town.bench.clock.forward_seconds(30);
        let invited = town.invite("member@example.com", Role::Admin).await;
        assert_eq!(town.come(&home, &invited).await.principal.role, Role::Admin);
    })
    .await;
}

#[tokio::test]
async fn a_member_leaves_by_itself_an_admin_removes_no_owner_and_the_last_owner_stays() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let admin = town.with("admin@example.com", Role::Admin).await;
        let member = town.with("member@example.com", Role::Member).await;
        let (identity, id) = (town.identity(), town.organization);
        let remove = async |by: &Principal, user| identity.remove_member(by, id, user).await;
        assert_eq!(code(remove(&member.principal, admin.user()).await), ErrorCode::Forbidden);
        assert_eq!(code(remove(&member.principal, UserId::new()).await), ErrorCode::Forbidden);
        assert_eq!(code(remove(&admin.principal, town.owner.user()).await), ErrorCode::Forbidden);
        assert_eq!(code(remove(&town.owner.principal, town.owner.user()).await), ErrorCode::LastOwner);
        let demoted = identity.change_role(&town.owner.principal, id, town.owner.user(), Role::Admin).await;
        assert_eq!(code(demoted), ErrorCode::LastOwner);
        remove(&member.principal, member.user()).await.expect("left");
        assert_eq!(town.bench.refusal(&member.token).await, Unproven::Revoked);
        identity.change_role(&town.owner.principal, id, admin.user(), Role::Owner).await.expect("an owner");
        remove(&town.owner.principal, town.owner.user()).await.expect("left");
        let successor = town.bench.verified(&admin.token).await;
        assert_eq!(code(remove(&successor, successor.user).await), ErrorCode::LastOwner);
        identity.delete_organization(&successor, id).await.expect("deleted");
    })
    .await;
}

/// Two owners who unmake each other at once, on two servers: one of them stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_two_owners_race_one_is_left() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let mut second = town.with("second@example.com", Role::Owner).await;
        let other_server = town.bench.other_server().await;
        for round in 0..rounds(10) {
            let one = demotion(town.identity(), town.organization, &town.owner.principal, second.user());
            let two = demotion(&other_server, town.organization, &second.principal, town.owner.user());
            let outcomes = [one, two];
            let outcomes: Vec<_> =
                join_all(outcomes).await.into_iter().map(|ended| ended.expect("it ran")).collect();
            let made = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
            assert_eq!(made, 1, "round {round}: {outcomes:?}");
            // The other was no owner any more when its turn came.
            let refused = outcomes.into_iter().find_map(Result::err).expect("one");
            assert_eq!(refused.code, ErrorCode::Forbidden, "round {round}");
            let owner = match town.bench.verified(&town.owner.token).await.role {
                Role::Owner => town.bench.verified(&town.owner.token).await,
                _ => town.bench.verified(&second.token).await,
            };
            assert_eq!(owner.role, Role::Owner);
            for user in [town.owner.user(), second.user()] {
                let owners = town.identity().change_role(&owner, town.organization, user, Role::Owner);
                owners.await.expect("both again");
            }
            second.principal = town.bench.verified(&second.token).await;
        }
        // And each itself.
        let one = demotion(town.identity(), town.organization, &town.owner.principal, town.owner.user());
        let two = demotion(&other_server, town.organization, &second.principal, second.user());
        let outcomes: Vec<_> = join_all([one, two]).await.into_iter().map(|it| it.expect("it ran")).collect();
        let refused: Vec<_> = outcomes.into_iter().filter_map(Result::err).map(|it| it.code).collect();
        assert_eq!(refused, [ErrorCode::LastOwner]);
    })
    .await;
}

fn demotion(
    identity: &Identity,
    id: OrganizationId,
    by: &Arc<Principal>,
    user: UserId,
) -> tokio::task::JoinHandle<Result<(), ApiError>> {
    let (identity, by) = (identity.clone(), Arc::clone(by));
    tokio::spawn(async move { identity.change_role(&by, id, user, Role::Member).await.map(drop) })
}

/// A key that is made while its maker is taken out does not outlive that.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_that_is_made_during_a_removal_lives_after_it() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (home, _) = town.bench.person("member@example.com").await;
        let other_server = town.bench.other_server().await;
        for round in 0..rounds(5) {
            let invited = town.invite("member@example.com", Role::Member).await;
            let member = town.come(&home, &invited).await;
            let making = (0..4).map(|number| {
                let (identity, member) = (other_server.clone(), Arc::clone(&member.principal));
                tokio::spawn(async move {
                    match number % 2 {
                        0 => identity
                            .create_key(&member, named(&format!("{round} {number}")))
                            .await
                            .ok()
                            .map(|it| it.0),
                        _ => identity.mint_child(&member, None).await.ok().map(|it| it.0),
                    }
                })
            });
            let making: Vec<_> = making.collect();
            town.identity()
                .remove_member(&town.owner.principal, town.organization, member.user())
                .await
                .expect("removed");
            for made in join_all(making).await {
                if let Some(token) = made.expect("it ran") {
                    assert_eq!(town.bench.refusal(&token).await, Unproven::Revoked);
                }
            }
            town.bench.clock.forward_seconds(3_600);
        }
    })
    .await;
}
