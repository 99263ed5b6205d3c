//! Invitations: mailed, withdrawn, declined, accepted, counted.

use std::sync::Arc;

use futures_util::future::join_all;
use keywright_identity::{Delivery, MailContent};
use keywright_protocol::wire::{AcceptInvitation, AskedKey, InviteMember};
use keywright_protocol::{ErrorCode, InvitationId, Role, Scopes};
use keywright_store::testing::on_both;
use serde_json::json;

use crate::bench::{Bench, code};
use crate::town::{Town, invitation, organization};

fn nothing() -> AcceptInvitation {
    AcceptInvitation::default()
}

/// Whoever comes in, or is raised, can do everything by signing in.
#[tokio::test]
async fn a_token_that_may_not_do_everything_lets_nobody_in_and_raises_nobody() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, id, owner) = (town.identity(), town.organization, &town.owner.principal);
        let member = town.with("member@example.com", Role::Member).await;
        let (_, narrow) = town.bench.scoped(owner, "narrow", &["projects:create", "api-keys:manage"]).await;
        let refused = identity.invite(&narrow, id, invitation("eve@example.com", Role::Owner)).await;
        assert_eq!(code(refused), ErrorCode::InsufficientScope);
        let refused = identity.change_role(&narrow, id, member.user(), Role::Owner).await;
        assert_eq!(code(refused), ErrorCode::InsufficientScope);
        let (_, projects) = town.bench.scoped(owner, "projects", &["projects:create", "projects:read"]).await;
        let refused = identity.remove_member(&projects, id, member.user()).await;
        assert_eq!(code(refused), ErrorCode::InsufficientScope);
        let refused = identity.delete_organization(&projects, id).await;
        assert_eq!(code(refused), ErrorCode::InsufficientScope);
        assert_eq!(town.roles().await.len(), 2, "nothing has changed");
        identity.remove_member(&narrow, id, member.user()).await.expect("who manages keys may end them");
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_mailed_and_whoever_has_the_mailbox_comes_with_a_key() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (home, _) = town.bench.person("ada@example.com").await;
        let asked = InviteMember { email: Some(json!("Ada@EXAMPLE.com")), role: None };
        let invited =
            town.identity().invite(&town.owner.principal, town.organization, asked).await.expect("invited");
        assert_eq!((invited.email.as_str(), invited.role), ("ada@example.com", Role::Member));
        assert_eq!(invited.expires_at, invited.created_at.plus_seconds(7 * 86_400));
        let mail = town.bench.post.mails().pop().expect("a mail");
        assert_eq!(mail.to.as_str(), "ada@example.com");
        let MailContent::Invitation { organization, organization_name, role, invited_by, expires_at } =
            mail.content
        else {
            panic!("not an invitation")
        };
        assert_eq!((organization, role, expires_at), (town.organization, Role::Member, invited.expires_at));
        assert_eq!(organization_name, "My Organization");
        assert_eq!(invited_by.expect("a mailbox").as_str(), "owner@example.com");
        let mine = town.identity().invitations(&home).await.expect("a list").invitations;
        assert_eq!(mine, std::slice::from_ref(&invited));
        let asked = AcceptInvitation {
            api_key: Some(AskedKey {
                name: Some("CLI default key".into()),
                expires_in_days: Some(json!(30)),
            }),
        };
        let accepted = town.identity().accept_invitation(&home, invited.invitation_id, asked).await;
        let (token, entered) = accepted.expect("accepted");
        assert_eq!(entered.organization.organization_id, town.organization);
        assert_eq!((entered.organization.role, entered.organization.current), (Role::Member, false));
        assert_eq!(entered.api_key.name, "CLI default key (2)", "the owner's key has the name");
        let there = town.bench.verified(&token).await;
        assert_eq!((there.role, there.scopes, there.user), (Role::Member, Scopes::EVERY, home.user));
        assert!(town.identity().invitations(&home).await.expect("a list").invitations.is_empty());
        let again = town.identity().accept_invitation(&home, invited.invitation_id, nothing()).await;
        assert_eq!(code(again), ErrorCode::NotFound);
        let again = invitation("ada@example.com", Role::Admin);
        let refused = town.identity().invite(&town.owner.principal, town.organization, again).await;
        assert_eq!(code(refused), ErrorCode::AlreadyMember);
    })
    .await;
}

#[tokio::test]
async fn what_is_answered_does_not_tell_whether_the_mailbox_has_an_account() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        town.bench.person("known@example.com").await;
        let known = town.invite("known@example.com", Role::Member).await;
        let unknown = town.invite("nobody@example.com", Role::Member).await;
        let shape = |invited: keywright_protocol::wire::Invitation| {
            let mut json = serde_json::to_value(invited).expect("JSON");
            for private in ["invitationId", "email"] {
                json.as_object_mut().expect("an object").remove(private);
            }
            json
        };
        assert_eq!(shape(known), shape(unknown));
        let mails = town.bench.post.mails();
        let invitations = mails.iter().filter(|mail| matches!(mail.content, MailContent::Invitation { .. }));
        assert_eq!(invitations.count(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_admin_invites_members_and_admins_and_only_an_owner_invites_owners() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let admin = town.with("admin@example.com", Role::Admin).await;
        let member = town.with("member@example.com", Role::Member).await;
        let (identity, id) = (town.identity(), town.organization);
        for (number, (by, role, may)) in [
            (&member, Role::Member, false),
            (&admin, Role::Member, true),
            (&admin, Role::Admin, true),
            (&admin, Role::Owner, false),
            (&town.owner, Role::Owner, true),
        ]
        .into_iter()
        .enumerate()
        {
            let asked = invitation(&format!("n{number}@example.com"), role);
            let outcome = identity.invite(&by.principal, id, asked).await;
            assert_eq!(outcome.is_ok(), may, "{number}: {outcome:?}");
            assert!(outcome.is_ok() || outcome.is_err_and(|error| error.code == ErrorCode::Forbidden));
        }
        let refused = identity.organization_invitations(&member.principal, id).await;
        assert_eq!(code(refused), ErrorCode::Forbidden);
        let listed = identity.organization_invitations(&admin.principal, id).await.expect("a list");
        let emails: Vec<_> = listed.invitations.iter().map(|it| it.email.as_str()).collect();
        assert_eq!(emails, ["n4@example.com", "n2@example.com", "n1@example.com"]);
        for (email, expected) in [
            (None, ErrorCode::EmailRequired),
            (Some(json!("a@b@c.example")), ErrorCode::EmailInvalid),
            (Some(json!("a@x.example\r\nBcc: b@y.example")), ErrorCode::EmailInvalid),
            (Some(json!(7)), ErrorCode::EmailInvalid),
        ] {
            let outcome = identity.invite(&admin.principal, id, InviteMember { email, role: None }).await;
            assert_eq!(code(outcome), expected);
        }
        let before = town.bench.post.count();
        let refused = identity.invite(&admin.principal, id, invitation("OWNER@example.com", Role::Member));
        assert_eq!(code(refused.await), ErrorCode::AlreadyMember);
        assert_eq!(town.bench.post.count(), before);
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_withdrawn_by_an_admin_or_declined_by_its_mailbox_and_by_nobody_else() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let admin = town.with("admin@example.com", Role::Admin).await;
        let member = town.with("member@example.com", Role::Member).await;
        let (ada, _) = town.bench.person("ada@example.com").await;
        let (eve, _) = town.bench.person("eve@example.com").await;
        let temporary = town.bench.caller().await;
        let identity = town.identity();
        let first = town.invite("ada@example.com", Role::Member).await.invitation_id;
        for (by, expected) in [
            (&eve, ErrorCode::NotFound),
            (&member.principal, ErrorCode::Forbidden),
            (&temporary, ErrorCode::InsufficientScope),
        ] {
            assert_eq!(code(identity.close_invitation(by, first).await), expected);
        }
        for by in [&eve, &member.principal, &admin.principal] {
            assert_eq!(code(identity.accept_invitation(by, first, nothing()).await), ErrorCode::NotFound);
            assert!(identity.invitations(by).await.expect("a list").invitations.is_empty());
        }
        assert_eq!(code(identity.close_invitation(&ada, InvitationId::new()).await), ErrorCode::NotFound);
        assert_eq!(identity.close_invitation(&ada, first).await.expect("declined").email, "ada@example.com");
        assert_eq!(code(identity.close_invitation(&ada, first).await), ErrorCode::NotFound);
        town.bench.clock.forward_seconds(30);
        let second = town.invite("ada@example.com", Role::Member).await.invitation_id;
        identity.close_invitation(&admin.principal, second).await.expect("withdrawn");
        assert_eq!(code(identity.accept_invitation(&ada, second, nothing()).await), ErrorCode::NotFound);
        // Seven days, and not a second more.
        town.bench.clock.forward_seconds(30);
        let third = town.invite("ada@example.com", Role::Member).await;
        town.bench.clock.set(third.expires_at);
        assert_eq!(code(identity.close_invitation(&ada, third.invitation_id).await), ErrorCode::NotFound);
        let late = identity.accept_invitation(&ada, third.invitation_id, nothing()).await;
        assert_eq!(code(late), ErrorCode::NotFound);
        identity.sweep().await.expect("swept");
        town.bench.clock.set(third.expires_at.plus_millis(-1));
        assert!(identity.invitations(&ada).await.expect("a list").invitations.is_empty());
    })
    .await;
}

#[tokio::test]
async fn inviting_again_replaces_the_invitation_and_mails_once_in_thirty_seconds() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (ada, _) = town.bench.person("ada@example.com").await;
        let (identity, owner, id) = (town.identity(), &town.owner.principal, town.organization);
        let first = town.invite("ada@example.com", Role::Member).await;
        town.bench.clock.forward_seconds(20);
        let error = identity.invite(owner, id, invitation("ada@example.com", Role::Admin)).await;
        let error = error.expect_err("refused");
        assert_eq!((error.code, error.retry_after()), (ErrorCode::EmailRateLimited, Some(10)));
        // Withdrawing is no way around it.
        identity.close_invitation(owner, first.invitation_id).await.expect("withdrawn");
        let error = identity.invite(owner, id, invitation("ada@example.com", Role::Admin)).await;
        assert_eq!(code(error), ErrorCode::EmailRateLimited);
        town.bench.clock.forward_seconds(10);
        let second = town.invite("ada@example.com", Role::Member).await;
        town.bench.clock.forward_seconds(30);
        let third = town.invite("ada@example.com", Role::Admin).await;
        let open = identity.invitations(&ada).await.expect("a list").invitations;
        assert_eq!(open, std::slice::from_ref(&third));
        let old = identity.accept_invitation(&ada, second.invitation_id, nothing()).await;
        assert_eq!(code(old), ErrorCode::NotFound);
        assert_eq!(town.come(&ada, &third).await.principal.role, Role::Admin);
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_is_not_taken_leaves_the_invitations_as_they_were() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (ada, _) = town.bench.person("ada@example.com").await;
        let (identity, owner, id) = (town.identity(), &town.owner.principal, town.organization);
        let invite = || identity.invite(owner, id, invitation("ada@example.com", Role::Admin));
        town.bench.post.set(Delivery::Refused);
        assert_eq!(code(invite().await), ErrorCode::MailUnavailable);
        assert!(identity.invitations(&ada).await.expect("a list").invitations.is_empty());
        // No wait begins.
        town.bench.post.set(Delivery::Taken);
        let first = invite().await.expect("invited");
        town.bench.clock.forward_seconds(30);
        town.bench.post.set(Delivery::Refused);
        for _ in 0..2 {
            assert_eq!(code(invite().await), ErrorCode::MailUnavailable);
            assert_eq!(
                identity.invitations(&ada).await.expect("a list").invitations,
                std::slice::from_ref(&first)
            );
        }
        assert_eq!(town.come(&ada, &first).await.principal.role, Role::Admin);
    })
    .await;
}

#[tokio::test]
async fn an_invitation_that_was_not_taken_counts_all_the_same_for_whoever_invites() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner, id) = (town.identity(), &town.owner.principal, town.organization);
        let invite = || identity.invite(owner, id, invitation("ada@example.com", Role::Member));
        town.bench.post.set(Delivery::Silent);
        assert_eq!(code(invite().await), ErrorCode::MailUnavailable);
        // It may have arrived.
        let refusal = invite().await.expect_err("a wait");
        assert_eq!((refusal.code, refusal.retry_after()), (ErrorCode::EmailRateLimited, Some(30)));
        town.bench.clock.forward_seconds(30);
        town.bench.post.set(Delivery::Refused);
        for _ in 1..20 {
            assert_eq!(code(invite().await), ErrorCode::MailUnavailable);
        }
        let refusal = invite().await.expect_err("a wait");
        assert_eq!((refusal.code, refusal.retry_after()), (ErrorCode::EmailRateLimited, Some(3_570)));
    })
    .await;
}

#[tokio::test]
async fn twenty_invitations_an_hour_are_mailed_for_an_organization_and_twenty_to_a_mailbox() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner, id) = (town.identity(), &town.owner.principal, town.organization);
        for number in 0..20 {
            let invited = town.invite(&format!("n{number}@example.com"), Role::Member).await;
            // Neither withdrawing nor a failing mail makes room or takes any.
            identity.close_invitation(owner, invited.invitation_id).await.expect("withdrawn");
            town.bench.clock.forward_seconds(1);
        }
        town.bench.post.set(Delivery::Refused);
        let more = || identity.invite(owner, id, invitation("more@example.com", Role::Member));
        let error = more().await.expect_err("refused");
        assert_eq!((error.code, error.retry_after()), (ErrorCode::EmailRateLimited, Some(3_600 - 20)));
        town.bench.post.set(Delivery::Taken);
        town.bench.clock.forward_seconds(3_600 - 20);
        more().await.expect("room again");
        assert_eq!(
            code(identity.invite(owner, id, invitation("most@example.com", Role::Member)).await),
            ErrorCode::EmailRateLimited
        );

        // Twenty organizations cannot flood one mailbox, nor one user all mailboxes.
        town.bench.clock.forward_seconds(3_600);
        let mut organizations = vec![(Arc::clone(owner), id)];
        for number in 1..4 {
            let made = identity.create_organization(owner, organization(&format!("o{number}"))).await;
            let (token, entered) = made.expect("made");
            organizations.push((town.bench.verified(&token).await, entered.organization.organization_id));
        }
        for number in 0..60 {
            let (by, id) = &organizations[number % 3];
            let asked = invitation(&format!("m{number}@example.com"), Role::Member);
            identity.invite(by, *id, asked).await.unwrap_or_else(|error| panic!("{number}: {error}"));
        }
        let (by, id) = &organizations[3];
        let error = identity.invite(by, *id, invitation("last@example.com", Role::Member)).await;
        let error = error.expect_err("refused");
        assert_eq!(error.code, ErrorCode::EmailRateLimited);
        assert!(error.message().contains("60"), "{error}");
        town.bench.clock.forward_seconds(3_600);
        for _ in 0..20 {
            identity.invite(by, *id, invitation("victim@example.com", Role::Member)).await.expect("invited");
            town.bench.clock.forward_seconds(30);
        }
        let (stranger, _) = town.bench.person("stranger@example.com").await;
        let asked = invitation("victim@example.com", Role::Member);
        let error = identity.invite(&stranger, stranger.organization, asked).await.expect_err("refused");
        assert_eq!((error.code, error.retry_after()), (ErrorCode::EmailRateLimited, Some(3_600 - 600)));
    })
    .await;
}

/// However many invite and accept at once on however many servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirty_invitations_at_once_twenty_are_mailed_and_one_is_accepted_once() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (ada, _) = town.bench.person("ada@example.com").await;
        let invited = town.invite("ada@example.com", Role::Member).await;
        let servers = [town.identity().clone(), town.bench.other_server().await];
        let inviting = (0..30).map(|number| {
            let (identity, owner) = (servers[number % 2].clone(), Arc::clone(&town.owner.principal));
            let id = town.organization;
            let asked = invitation(&format!("n{number}@example.com"), Role::Member);
            tokio::spawn(async move { identity.invite(&owner, id, asked).await.is_ok() })
        });
        let accepting = (0..6).map(|number| {
            let (identity, ada) = (servers[number % 2].clone(), Arc::clone(&ada));
            let id = invited.invitation_id;
            tokio::spawn(async move { identity.accept_invitation(&ada, id, nothing()).await.is_ok() })
        });
        let (inviting, accepting) = tokio::join!(join_all(inviting), join_all(accepting));
        let good = |outcomes: Vec<Result<bool, tokio::task::JoinError>>| {
            outcomes.into_iter().filter(|outcome| *outcome.as_ref().expect("it ran")).count()
        };
        assert_eq!((good(inviting), good(accepting)), (19, 1), "one was mailed before");
        let keys = town.identity().list_keys(&town.owner.principal).await.expect("a list").keys;
        assert_eq!(keys.len(), 2);
        assert_eq!(town.roles().await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn whoever_goes_or_falls_takes_the_invitations_along_that_were_beyond_others() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (identity, owner, id) = (town.identity(), &town.owner.principal, town.organization);
        let second = town.with("second@example.com", Role::Owner).await;
        for (email, role) in [("as-owner@example.com", Role::Owner), ("as-member@example.com", Role::Member)]
        {
            identity.invite(&second.principal, id, invitation(email, role)).await.expect("invited");
        }
        town.invite("kept@example.com", Role::Owner).await;
        let open = async || {
            let listed = identity.organization_invitations(owner, id).await.expect("a list").invitations;
            listed.into_iter().map(|it| it.email).collect::<Vec<_>>()
        };
        identity.change_role(owner, id, second.user(), Role::Admin).await.expect("an admin");
        assert_eq!(open().await, ["kept@example.com", "as-member@example.com"]);
        identity.remove_member(owner, id, second.user()).await.expect("removed");
        assert_eq!(open().await, ["kept@example.com"]);
    })
    .await;
}

#[tokio::test]
async fn an_organization_with_twenty_keys_takes_nobody_in_and_the_invitation_stays_open() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (ada, _) = town.bench.person("ada@example.com").await;
        let invited = town.invite("ada@example.com", Role::Member).await;
        let mut last = None;
        for number in 1..20 {
            last = Some(town.bench.key(&town.owner.principal, &format!("key {number}")).await.1.key_id);
        }
        let refused = town.identity().accept_invitation(&ada, invited.invitation_id, nothing()).await;
        assert_eq!(code(refused), ErrorCode::MaxApiKeysReached);
        assert_eq!(town.roles().await.len(), 1);
        town.identity().revoke_key(&town.owner.principal, last.expect("a key")).await.expect("deleted");
        town.come(&ada, &invited).await;
    })
    .await;
}

#[tokio::test]
async fn a_narrow_key_accepts_into_a_narrow_key() {
    on_both(|scene| async move {
        let town = Town::new(Bench::new(scene)).await;
        let (ada, _) = town.bench.person("ada@example.com").await;
        let (_, narrow) = town.bench.scoped(&ada, "narrow", &["projects:create"]).await;
        let (_, reading) = town.bench.scoped(&ada, "reading", &["projects:read"]).await;
        let invited = town.invite("ada@example.com", Role::Owner).await;
        assert_eq!(town.identity().invitations(&reading).await.expect("a list").invitations.len(), 1);
        let refused = town.identity().accept_invitation(&reading, invited.invitation_id, nothing()).await;
        assert_eq!(code(refused), ErrorCode::InsufficientScope);
        let there = town.come(&narrow, &invited).await.principal;
        assert_eq!((there.scopes, there.role), (narrow.scopes, Role::Owner));
    })
    .await;
}
