//! Organizations: made, listed, changed, deleted.

use std::sync::Arc;

use futures_util::future::join_all;
use keywright_identity::Unproven;
use keywright_protocol::wire::{AskedKey, CreateOrganization, UpdateOrganization};
use keywright_protocol::{ErrorCode, OrganizationId, Role, Scope, Scopes};
use keywright_store::testing::on_both;
use serde_json::json;

use crate::bench::{Bench, code, named, with_scopes};
use crate::town::{Town, organization};

#[tokio::test]
async fn a_new_organization_is_owned_by_its_maker_and_its_key_may_do_what_the_maker_may() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner) = (town.identity(), &town.owner.principal);
        let request = CreateOrganization {
            name: "  Second & Söhne ".to_owned(),
            description: Some("what it\nis for".to_owned()),
            api_key: Some(AskedKey { name: Some("mine".to_owned()), expires_in_days: Some(json!(7)) }),
        };
        let (token, entered) = identity.create_organization(owner, request).await.expect("made");
        assert_eq!(entered.organization.name, "Second & Söhne");
        assert_eq!((entered.organization.role, entered.organization.current), (Role::Owner, false));
        assert_eq!(entered.api_key.name, "mine");
        assert_eq!(entered.api_key.expires_at, Some(entered.api_key.created_at.plus_seconds(7 * 86_400)));
        let there = town.bench.verified(&token).await;
        assert_eq!((there.user, there.role, there.scopes), (owner.user, Role::Owner, Scopes::EVERY));
        assert_eq!(there.organization, entered.organization.organization_id);
        let seen: Vec<_> = identity.organizations(&there).await.expect("a list").organizations;
        let named: Vec<_> = seen.iter().map(|it| (it.name.as_str(), it.current)).collect();
        assert_eq!(named, [("My Organization", false), ("Second & Söhne", true)]);
        let viewed = identity.view_organization(&there, there.organization).await.expect("shown");
        assert_eq!(viewed.description.as_deref(), Some("what it\nis for"));
        // Case 68: a token acts in one organization, its user's other ones included.
        for other in [owner.organization, OrganizationId::new()] {
            assert_eq!(code(identity.view_organization(&there, other).await), ErrorCode::NotFound);
            assert_eq!(code(identity.members(&there, other).await), ErrorCode::NotFound);
            assert_eq!(code(identity.delete_organization(&there, other).await), ErrorCode::NotFound);
        }
        assert_eq!(identity.whoami(&there).await.expect("who").role, Some(Role::Owner));
    })
    .await;
}

#[tokio::test]
async fn a_key_of_a_new_organization_is_never_wider_than_the_one_that_made_it() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let owner = &town.owner.principal;
        let (_, narrow) = town.bench.scoped(owner, "narrow", &["projects:create", "models:use"]).await;
        let (token, entered) =
            town.identity().create_organization(&narrow, organization("Narrow")).await.expect("made");
        let expected = Scopes::of(&[Scope::ModelsUse, Scope::ProjectsCreate]);
        assert_eq!((entered.api_key.scopes, town.bench.verified(&token).await.scopes), (expected, expected));
        // With the principal that it had before it was narrowed, or after it died.
        let less = keywright_protocol::wire::UpdateKey {
            scopes: Some(vec!["projects:create".to_owned()]),
            ..Default::default()
        };
        town.identity().update_key(owner, narrow.token, less).await.expect("narrowed");
        let refused = town.identity().create_organization(&narrow, organization("Wide")).await;
        assert_eq!(code(refused), ErrorCode::InsufficientScope);
        let copy = keywright_protocol::Principal { liveness: owner.liveness.clone(), ..*narrow };
        town.identity().revoke_key(owner, narrow.token).await.expect("revoked");
        let refused = town.identity().create_organization(&copy, organization("Late")).await;
        assert_eq!(code(refused), ErrorCode::KeyRevoked);
        let refused = town.identity().create_organization(&narrow, organization("Late")).await;
        assert_eq!(code(refused), ErrorCode::KeyRevoked);
    })
    .await;
}

#[tokio::test]
async fn names_and_descriptions_that_mislead_are_refused() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner) = (town.identity(), &town.owner.principal);
        let long = "é".repeat(101);
        let bad_names = [
            ("", ErrorCode::InvalidName),
            ("a\r\nb", ErrorCode::InvalidName),
            ("\u{202e}evil", ErrorCode::InvalidName),
            (long.as_str(), ErrorCode::CompanyNameTooLong),
        ];
        for (name, expected) in bad_names {
            assert_eq!(code(identity.create_organization(owner, organization(name)).await), expected);
            let update = UpdateOrganization { name: Some(name.to_owned()), description: None };
            assert_eq!(code(identity.update_organization(owner, town.organization, update).await), expected);
        }
        let described = |text: &str| UpdateOrganization { name: None, description: Some(text.to_owned()) };
        let refused = identity.update_organization(owner, town.organization, described(&"x".repeat(501)));
        assert_eq!(code(refused.await), ErrorCode::InvalidRequest);
        let nothing = identity.update_organization(owner, town.organization, UpdateOrganization::default());
        assert_eq!(code(nothing.await), ErrorCode::InvalidRequest);
        let renamed = UpdateOrganization { name: Some("Acme".into()), description: Some("anvils".into()) };
        let now = identity.update_organization(owner, town.organization, renamed).await.expect("changed");
        assert_eq!(
            (now.name.as_str(), now.description.as_deref(), now.current),
            ("Acme", Some("anvils"), true)
        );
        let now =
            identity.update_organization(owner, town.organization, described("")).await.expect("changed");
        assert_eq!((now.name.as_str(), now.description), ("Acme", None));
        assert_eq!(identity.whoami(owner).await.expect("who").organization_name, "Acme");
    })
    .await;
}

/// However many are asked for at once on however many servers: a user owns twenty and no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_organizations_made_at_once_beside_nineteen_exactly_one_is() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let mut last = None;
        for number in 2..20 {
            let made = town.identity().create_organization(&town.owner.principal, organization("more")).await;
            last = Some(made.unwrap_or_else(|error| panic!("{number}: {error}")).0);
        }
        let servers = [town.identity().clone(), town.bench.other_server().await];
        let making = (0..10).map(|number| {
            let (identity, owner) = (servers[number % 2].clone(), Arc::clone(&town.owner.principal));
            tokio::spawn(
                async move { identity.create_organization(&owner, organization("last")).await.err() },
            )
        });
        let codes: Vec<_> = join_all(making)
            .await
            .into_iter()
            .map(|outcome| outcome.expect("it ran").map(|error| error.code))
            .collect();
        assert_eq!(codes.iter().filter(|code| code.is_none()).count(), 1, "{codes:?}");
        assert!(codes.iter().flatten().all(|code| *code == ErrorCode::MaxOrganizationsReached), "{codes:?}");
        let owned = town.identity().organizations(&town.owner.principal).await.expect("a list");
        assert_eq!(owned.organizations.len(), 20);
        // One less makes room for one more.
        let there = town.bench.verified(&last.expect("a key")).await;
        town.identity().delete_organization(&there, there.organization).await.expect("deleted");
        for expected in [None, Some(ErrorCode::MaxOrganizationsReached)] {
            let made = town.identity().create_organization(&town.owner.principal, organization("more")).await;
            assert_eq!(made.err().map(|error| error.code), expected);
        }
        // Nobody is made an owner beyond that either.
        let (stranger, _) = town.bench.person("stranger@example.com").await;
        let invited = town.identity().invite(
            &stranger,
            stranger.organization,
            crate::town::invitation("owner@example.com", Role::Owner),
        );
        let invited = invited.await.expect("invited").invitation_id;
        let accepting = town.identity().accept_invitation(&town.owner.principal, invited, Default::default());
        assert_eq!(code(accepting.await), ErrorCode::MaxOrganizationsReached);
        town.bench.clock.forward_seconds(30);
        let invited = town.identity().invite(
            &stranger,
            stranger.organization,
            crate::town::invitation("owner@example.com", Role::Admin),
        );
        let invited = invited.await.expect("invited");
        town.come(&town.owner.principal, &invited).await;
        let id = stranger.organization;
        let raised = town.identity().change_role(&stranger, id, town.owner.user(), Role::Owner).await;
        assert_eq!(code(raised), ErrorCode::MaxOrganizationsReached);
    })
    .await;
}

#[tokio::test]
async fn deleting_an_organization_ends_every_token_in_it_and_nothing_else() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner) = (town.identity(), &town.owner.principal);
        let member = town.with("member@example.com", Role::Member).await;
        let invited = town.invite("late@example.com", Role::Member).await;
        let (key, _) = town.bench.key(owner, "key").await;
        let held = town.bench.verified(&key).await;
        let (child, _) = identity.mint_child(&held, None).await.expect("a child");
        let held_child = town.bench.verified(&child).await;
        let (elsewhere, entered) =
            identity.create_organization(owner, organization("Elsewhere")).await.expect("made");
        let there = town.bench.verified(&elsewhere).await;
        let late = town.bench.person("late@example.com").await.0;

        let admin = town.with("admin@example.com", Role::Admin).await;
        for not_owner in [&member, &admin] {
            let refused = identity.delete_organization(&not_owner.principal, town.organization).await;
            let error = refused.expect_err("refused");
            assert_eq!((error.code, &error.details["requiredRole"]), (ErrorCode::Forbidden, &json!("owner")));
            assert!(error.message().contains("owner") && error.next_action().contains("orgs members"));
        }
        let deleted = identity.delete_organization(owner, town.organization).await.expect("deleted");
        assert_eq!(deleted.revoked_tokens, 5, "owner, key, child, member, admin");
        for dead in [&owner.liveness, &held.liveness, &held_child.liveness, &member.principal.liveness] {
            assert!(dead.is_dead());
        }
        for dead in [&town.owner.token, &key, &child, &member.token, &admin.token] {
            assert_eq!(town.bench.refusal(dead).await, Unproven::Revoked);
        }
        assert_eq!(code(identity.create_key(owner, named("late")).await), ErrorCode::KeyRevoked);
        // What is elsewhere lives, and knows nothing of it any more.
        let left = identity.organizations(&there).await.expect("a list").organizations;
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].organization_id, entered.organization.organization_id);
        assert_eq!(code(identity.view_organization(&there, town.organization).await), ErrorCode::NotFound);
        assert!(identity.invitations(&late).await.expect("a list").invitations.is_empty());
        let accepting = identity.accept_invitation(&late, invited.invitation_id, Default::default()).await;
        assert_eq!(code(accepting), ErrorCode::NotFound);
        // Its service accounts, memberships and invitations are gone; its row and its dead tokens stay.
        town.bench.clock.forward_seconds(31 * 86_400);
        identity.sweep().await.expect("swept");
        town.bench.verified(&elsewhere).await;
        assert_eq!(town.bench.refusal(&key).await, Unproven::Unknown);
    })
    .await;
}

#[tokio::test]
async fn a_token_for_an_agent_changes_nothing_and_a_temporary_account_has_no_say() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner) = (town.identity(), &town.owner.principal);
        let (child, _) = identity.mint_child(owner, None).await.expect("a child");
        let child = town.bench.verified(&child).await;
        assert_eq!(child.role, Role::Owner);
        let id = town.organization;
        let invite = crate::town::invitation("x@example.com", Role::Member);
        for refused in [
            code(identity.create_organization(&child, organization("n")).await),
            code(identity.update_organization(&child, id, UpdateOrganization::default()).await),
            code(identity.delete_organization(&child, id).await),
            code(identity.change_role(&child, id, owner.user, Role::Member).await),
            code(identity.remove_member(&child, id, owner.user).await),
            code(identity.invite(&child, id, invite).await),
            code(identity.create_service_account(&child, id, Default::default()).await),
        ] {
            assert_eq!(refused, ErrorCode::Forbidden);
        }
        let temporary = town.bench.caller().await;
        assert_eq!(temporary.role, Role::Owner);
        for refused in [
            code(identity.organizations(&temporary).await),
            code(identity.create_organization(&temporary, organization("n")).await),
            code(identity.create_key(&temporary, with_scopes("wide", &["projects:create"])).await),
        ] {
            assert_eq!(refused, ErrorCode::InsufficientScope);
        }
    })
    .await;
}
