//! Service accounts: members with keys only.

use std::sync::Arc;

use futures_util::future::join_all;
use keywright_identity::Unproven;
use keywright_protocol::wire::{AskedKey, CreateKey, CreateServiceAccount, RotateKey, UserKind};
use keywright_protocol::{ErrorCode, Role, Scopes, UserId};
use keywright_store::testing::on_both;
use serde_json::json;

use crate::bench::{Bench, code, named};
use crate::town::Town;

fn service(name: &str, scopes: Option<&[&str]>) -> CreateServiceAccount {
    CreateServiceAccount {
        name: name.to_owned(),
        scopes: scopes.map(|scopes| scopes.iter().map(|scope| (*scope).to_owned()).collect()),
        api_key: None,
    }
}

fn key_for(name: &str, user: UserId) -> CreateKey {
    CreateKey { user_id: Some(user), ..named(name) }
}

#[tokio::test]
async fn an_admin_makes_a_service_account_that_is_a_member_with_a_key() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let admin = town.with("admin@example.com", Role::Admin).await;
        let (identity, id) = (town.identity(), town.organization);
        let request = CreateServiceAccount {
            api_key: Some(AskedKey { name: Some("ci".into()), expires_in_days: Some(json!(90)) }),
            ..service("Nightly build", None)
        };
        let (token, made) =
            identity.create_service_account(&admin.principal, id, request).await.expect("made");
        let there = town.bench.verified(&token).await;
        assert_eq!(
            (there.user, there.role, there.scopes),
            (made.member.user_id, Role::Member, Scopes::GATEWAY)
        );
        assert_eq!((made.api_key.name.as_str(), made.api_key.user_id), ("ci", there.user));
        assert_eq!(made.api_key.expires_at, Some(made.api_key.created_at.plus_seconds(90 * 86_400)));
        let members = identity.members(&admin.principal, id).await.expect("a list").members;
        assert_eq!(members.last(), Some(&made.member));
        assert_eq!(
            (made.member.kind, made.member.name.as_deref()),
            (UserKind::Service, Some("Nightly build"))
        );
        assert_eq!(made.member.email, None);
        let twice =
            identity.create_service_account(&admin.principal, id, service("Nightly build", None)).await;
        assert_eq!(code(twice), ErrorCode::NameTaken, "two of one name could not be told apart");
        // A key's name that is taken gets a number.
        let (_, second) = identity
            .create_service_account(
                &admin.principal,
                id,
                CreateServiceAccount {
                    api_key: Some(AskedKey { name: Some("ci".into()), expires_in_days: None }),
                    ..service("Nightly check", Some(&["models:use", "executions:read"]))
                },
            )
            .await
            .expect("made");
        assert_eq!(second.api_key.name, "ci (2)");
        for (bad, expected) in [
            (service("", None), ErrorCode::InvalidName),
            (service(&"x".repeat(101), None), ErrorCode::CompanyNameTooLong),
            (service("x", Some(&["nope"])), ErrorCode::InvalidScope),
            (service("x", Some(&[])), ErrorCode::InvalidScope),
        ] {
            let refused = identity.create_service_account(&admin.principal, id, bad).await;
            assert_eq!(code(refused), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn nobody_makes_a_service_account_that_may_do_more_than_it_may() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, id, owner) = (town.identity(), town.organization, &town.owner.principal);
        let member = town.with("member@example.com", Role::Member).await;
        let refused = identity.create_service_account(&member.principal, id, service("s", None)).await;
        let error = refused.map(drop).expect_err("refused");
        assert_eq!(error.code, ErrorCode::Forbidden);
        assert!(error.message().contains("admin"), "{error}");
        let (_, makes) = town.bench.scoped(owner, "makes", &["projects:create", "api-keys:manage"]).await;
        for lacking in [service("s", None), service("s", Some(&["api-keys:manage", "skills:read"]))] {
            let refused = identity.create_service_account(&makes, id, lacking).await;
            assert_eq!(code(refused), ErrorCode::InsufficientScope);
        }
        identity
            .create_service_account(&makes, id, service("s", Some(&["api-keys:manage"])))
            .await
            .expect("made");
        for lacks in [["projects:create", "models:use"], ["api-keys:manage", "models:use"]] {
            let (_, narrow) = town.bench.scoped(owner, lacks[0], &lacks).await;
            let refused = identity.create_service_account(&narrow, id, service("s", None)).await;
            assert_eq!(code(refused), ErrorCode::InsufficientScope);
        }
        let was_admin = town.with("admin@example.com", Role::Admin).await;
        identity.change_role(owner, id, was_admin.user(), Role::Member).await.expect("a member");
        let refused = identity.create_service_account(&was_admin.principal, id, service("s", None)).await;
        assert_eq!(code(refused), ErrorCode::Forbidden);
    })
    .await;
}

#[tokio::test]
async fn an_admin_makes_and_rotates_keys_for_a_service_account_and_for_nobody_else() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, id) = (town.identity(), town.organization);
        let admin = town.with("admin@example.com", Role::Admin).await;
        let member = town.with("member@example.com", Role::Member).await;
        let (_, made) =
            identity.create_service_account(&admin.principal, id, service("s", None)).await.expect("made");
        let robot = made.member.user_id;
        let (token, key) =
            identity.create_key(&admin.principal, key_for("second", robot)).await.expect("a key");
        assert_eq!((town.bench.verified(&token).await.user, key.user_id), (robot, robot));
        let (rotated, _) =
            identity.rotate_key(&admin.principal, key.key_id, &RotateKey::default()).await.expect("rotated");
        assert_eq!(town.bench.verified(&rotated).await.user, robot);
        let own = identity.create_key(&member.principal, key_for("own", member.user())).await;
        own.expect("its own id says what is the case anyway");
        let (stranger, _) = town.bench.person("stranger@example.com").await;
        for (by, user, expected) in [
            (&member, robot, ErrorCode::Forbidden),
            (&member, UserId::new(), ErrorCode::Forbidden),
            (&admin, member.user(), ErrorCode::Forbidden),
            (&admin, town.owner.user(), ErrorCode::Forbidden),
            (&admin, stranger.user, ErrorCode::NotFound),
            (&admin, UserId::new(), ErrorCode::NotFound),
        ] {
            let refused = identity.create_key(&by.principal, key_for("n", user)).await;
            assert_eq!(code(refused), expected);
        }
        // Not into another organization either.
        let refused = identity.create_key(&stranger, key_for("n", robot)).await;
        assert_eq!(code(refused), ErrorCode::NotFound);
        // Nor wider than the one who makes it.
        let (_, narrow) = town.bench.scoped(&admin.principal, "narrow", &["api-keys:manage"]).await;
        let refused = identity.create_key(&narrow, key_for("n", robot)).await;
        assert_eq!(code(refused), ErrorCode::InsufficientScope);
        let refused = identity.rotate_key(&narrow, made.api_key.key_id, &RotateKey::default()).await;
        assert_eq!(code(refused), ErrorCode::InsufficientScope);
    })
    .await;
}

#[tokio::test]
async fn a_service_account_that_is_removed_is_no_more_and_owns_nothing_while_it_is() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, id, owner) = (town.identity(), town.organization, &town.owner.principal);
        let every: Vec<&str> = keywright_protocol::Scope::ALL.iter().map(|scope| scope.as_str()).collect();
        let (token, made) =
            identity.create_service_account(owner, id, service("s", Some(&every))).await.expect("made");
        let robot = made.member.user_id;
        let owning = identity.change_role(owner, id, robot, Role::Owner).await.expect_err("refused");
        assert_eq!(owning.code, ErrorCode::Forbidden);
        identity.change_role(owner, id, robot, Role::Admin).await.expect("an admin");
        let held = town.bench.verified(&token).await;
        let invited = identity
            .invite(&held, id, crate::town::invitation("x@example.com", Role::Member))
            .await
            .expect("an admin invites");
        assert_eq!(invited.invited_by, robot);
        let removed = identity.remove_member(owner, id, robot).await.expect("removed");
        assert_eq!(removed.revoked_tokens, 1);
        assert!(held.liveness.is_dead());
        assert_eq!(town.bench.refusal(&token).await, Unproven::Revoked);
        assert_eq!(town.roles().await.len(), 1);
        let status = town.bench.scene.user(robot).await.expect("a row");
        assert_eq!((status.0.as_str(), status.1.as_str()), ("service", "deleted"));
        // It goes with the last of its tokens.
        town.bench.clock.forward_seconds(30 * 86_400);
        identity.sweep().await.expect("swept");
        assert_eq!(town.bench.scene.user(robot).await, None);
    })
    .await;
}

/// Its own organizations would belong to nobody who can sign in.
#[tokio::test]
async fn a_service_account_makes_no_organization() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, id, owner) = (town.identity(), town.organization, &town.owner.principal);
        let request = service("s", Some(&["projects:create"]));
        let (token, _) = identity.create_service_account(owner, id, request).await.expect("made");
        let robot = town.bench.verified(&token).await;
        let refused = identity.create_organization(&robot, crate::town::organization("n")).await;
        assert_eq!(code(refused), ErrorCode::Forbidden);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn their_keys_count_to_the_twenty_however_many_ask_at_once() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        for number in 0..18 {
            town.bench.key(&town.owner.principal, &format!("key {number}")).await;
        }
        let servers = [town.identity().clone(), town.bench.other_server().await];
        let making = (0..8).map(|number| {
            let (identity, owner) = (servers[number % 2].clone(), Arc::clone(&town.owner.principal));
            let id = town.organization;
            tokio::spawn(async move {
                identity.create_service_account(&owner, id, service("s", None)).await.err().map(|it| it.code)
            })
        });
        let codes: Vec<_> = join_all(making).await.into_iter().map(|it| it.expect("it ran")).collect();
        assert_eq!(codes.iter().filter(|code| code.is_none()).count(), 1, "{codes:?}");
        assert!(codes.iter().flatten().all(|code| *code == ErrorCode::MaxApiKeysReached), "{codes:?}");
        assert_eq!(town.roles().await.len(), 2, "no account is left without a key");
    })
    .await;
}

#[tokio::test]
async fn five_hundred_members_and_open_invitations_are_the_most() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, id, owner) = (town.identity(), town.organization, &town.owner.principal);
        let (ada, _) = town.bench.person("ada@example.com").await;
        let invited = town.invite("ada@example.com", Role::Member).await;
        let until = invited.expires_at;
        for number in 0..498 {
            let mailbox = format!("n{number}@example.com");
            let at = invited.created_at;
            town.bench.scene.invite((id, owner.user), &mailbox, "member", (at, until)).await;
        }
        let more = crate::town::invitation("more@example.com", Role::Member);
        assert_eq!(code(identity.invite(owner, id, more.clone()).await), ErrorCode::MaxMembersReached);
        let refused = identity.create_service_account(owner, id, service("s", None)).await;
        assert_eq!(code(refused), ErrorCode::MaxMembersReached);
        // One that is open may be replaced, and accepted.
        town.bench.clock.forward_seconds(30);
        let again = town.invite("ada@example.com", Role::Member).await;
        town.come(&ada, &again).await;
        assert_eq!(code(identity.invite(owner, id, more.clone()).await), ErrorCode::MaxMembersReached);
        // What is over takes no room.
        town.bench.clock.set(until);
        identity.invite(owner, id, more).await.expect("room");
    })
    .await;
}
