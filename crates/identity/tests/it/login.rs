//! Signing in by mailbox code.

use keywright_protocol::wire::{AskedKey, CompleteLogin, SignedIn};
use keywright_protocol::{ApiError, Clock, ErrorCode, KeyId, Principal, Role};
use keywright_secret::PlatformToken;
use keywright_store::testing::on_both;
use serde_json::{Value, json};

use crate::bench::{Bench, code, named, with_scopes};
use crate::mailing::{Login, ask, log_in, login, refused};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

fn into(organization: impl ToString, email: &str, code: &str) -> CompleteLogin {
    CompleteLogin { organization_id: Some(organization.to_string()), ..login(email, code) }
}

impl Bench {
    async fn logged_in(&self, email: &str) -> Result<(PlatformToken, SignedIn), ApiError> {
        let (_, code) = self.code(Login, email).await;
        log_in(&self.identity, login(email, &code)).await
    }

    /// Fills the organization of `caller` up to 20 keys; the ids of those that were made.
    async fn full(&self, caller: &Principal) -> Vec<KeyId> {
        let there = self.identity.list_keys(caller).await.expect("keys").keys.len();
        let mut made = Vec::new();
        for number in there..20 {
            made.push(self.key(caller, &format!("key {number}")).await.1.key_id);
        }
        made
    }
}

#[tokio::test]
async fn a_login_makes_another_key_and_those_from_before_live_on() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (first, before) = bench.signed_up(ANN).await;
        let mut names = Vec::new();
        for _ in 0..2 {
            let (token, made) = bench.logged_in("ANN@example.com").await.expect("a key");
            assert_eq!((made.organization_id, made.is_new_user), (before.organization_id, false));
            let caller = bench.verified(&token).await;
            assert_eq!((caller.user, caller.role), (before.api_key.user_id, Role::Owner));
            assert!(!caller.administrator);
            names.push(made.api_key.name);
        }
        assert_eq!(names, ["CLI default key (2)", "CLI default key (3)"]);
        bench.verified(&first).await;
        // However long the name is.
        let (_, code) = bench.code(Login, ANN).await;
        let long = "k".repeat(100);
        let api_key = || Some(AskedKey { name: Some(long.clone()), expires_in_days: None });
        log_in(&bench.identity, CompleteLogin { api_key: api_key(), ..login(ANN, &code) })
            .await
            .expect("a key");
        let (_, code) = bench.code(Login, ANN).await;
        let asked = CompleteLogin { api_key: api_key(), ..login(ANN, &code) };
        let (_, made) = log_in(&bench.identity, asked).await.expect("a key");
        assert_eq!(made.api_key.name, format!("{} (2)", "k".repeat(96)));
    })
    .await;
}

#[tokio::test]
async fn whoever_is_in_several_organizations_names_one_with_the_same_code() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (owner, first) = bench.person(ANN).await;
        let second = bench.scene.found(owner.user, "Beta Corp", bench.clock.now().plus_seconds(1)).await;
        let (stranger, _) = bench.person(BOB).await;
        let (_, right) = bench.code(Login, ANN).await;
        let listed = json!([
            { "id": first.organization_id, "name": "My Organization" },
            { "id": second, "name": "Beta Corp" },
        ]);
        let refusal = refused(log_in(&bench.identity, login(ANN, &right)).await);
        assert_eq!(refusal.code, ErrorCode::MultipleOrganizations);
        assert_eq!(refusal.details["organizations"], listed);
        for wrong in [stranger.organization.to_string(), "Beta Corp".to_owned(), String::new()] {
            let refusal = refused(log_in(&bench.identity, into(&wrong, ANN, &right)).await);
            assert_eq!(refusal.code, ErrorCode::OrganizationNotMember, "{wrong}");
            assert_eq!(refusal.details["organizations"], listed);
        }
        let (token, made) = log_in(&bench.identity, into(second, ANN, &right)).await.expect("a key");
        assert_eq!((made.organization_id, made.organization_name.as_str()), (second, "Beta Corp"));
        assert_eq!(made.api_key.name, "CLI default key", "names are of one organization");
        assert_eq!(bench.verified(&token).await.organization, second);
        // One that was deleted is none.
        bench.scene.delete_organization(second, bench.clock.now()).await;
        let (_, made) = bench.logged_in(ANN).await.expect("a key");
        assert_eq!(made.organization_id, first.organization_id);
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_in_no_organization_is_told_what_it_can_do() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let refusal = refused(ask(&bench.identity, Login, BOB).await);
        assert_eq!(refusal.code, ErrorCode::UserNotFound);
        assert!(refusal.next_action().contains("signup-request"));
        let (owner, _) = bench.person(ANN).await;
        let (_, right) = bench.code(Login, ANN).await;
        // All went between the request and the code.
        bench.scene.leave(owner.user).await;
        let refusal = refused(log_in(&bench.identity, login(ANN, &right)).await);
        assert_eq!(refusal.code, ErrorCode::UserHasNoOrganization);
        assert!(!refusal.details.contains_key("invitations"));
        assert!(
            refusal.next_action().contains("signup-request") && !refusal.next_action().contains("details")
        );
    })
    .await;
}

#[tokio::test]
async fn an_invitation_is_accepted_with_the_code() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (owner, home) = bench.person(ANN).await;
        let (member, _) = bench.person("carl@example.com").await;
        bench.scene.leave(member.user).await;
        for (email, role, known) in [(BOB, "admin", None), ("carl@example.com", "member", Some(member.user))]
        {
            let now = bench.clock.now();
            bench
                .scene
                .invite((owner.organization, owner.user), email, role, (now, now.plus_seconds(600)))
                .await;
            let (_, right) = bench.code(Login, email).await;
            // Nobody joins anything unasked.
            let refusal = refused(log_in(&bench.identity, login(email, &right)).await);
            assert_eq!(refusal.code, ErrorCode::UserHasNoOrganization);
            let there =
                json!([{ "organizationId": home.organization_id, "organizationName": "My Organization" }]);
            assert_eq!(refusal.details["invitations"], there);
            let elsewhere = into(keywright_protocol::OrganizationId::new(), email, &right);
            let refusal = refused(log_in(&bench.identity, elsewhere).await);
            assert_eq!(refusal.code, ErrorCode::OrganizationNotMember, "it is the name that is wrong");
            assert_eq!(
                (&refusal.details["organizations"], &refusal.details["invitations"]),
                (&json!([]), &there)
            );
            let (token, made) =
                log_in(&bench.identity, into(home.organization_id, email, &right)).await.expect("a key");
            assert_eq!((made.organization_id, made.is_new_user), (home.organization_id, known.is_none()));
            let caller = bench.verified(&token).await;
            assert_eq!(caller.role.as_str(), role);
            assert!(known.is_none_or(|known| known == caller.user));
            assert_eq!(bench.scene.counts().await[5], 0, "it is used up");
            let who = bench.identity.whoami(&caller).await.expect("an answer");
            assert_eq!(who.email.as_deref(), Some(email));
        }
        // One whose time is over is none.
        let now = bench.clock.now();
        bench.scene.invite((owner.organization, owner.user), "late@example.com", "owner", (now, now)).await;
        assert_eq!(code(ask(&bench.identity, Login, "late@example.com").await), ErrorCode::UserNotFound);
    })
    .await;
}

#[tokio::test]
async fn who_owns_as_many_organizations_as_one_may_is_invited_as_an_admin_only() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (owner, home) = bench.person(ANN).await;
        let (guest, _) = bench.person(BOB).await;
        for number in 2..=20 {
            bench.scene.found(guest.user, &number.to_string(), bench.clock.now()).await;
        }
        let now = bench.clock.now();
        let inviter = (owner.organization, owner.user);
        bench.scene.invite(inviter, BOB, "owner", (now, now.plus_seconds(600))).await;
        let (_, right) = bench.code(Login, BOB).await;
        let refusal = log_in(&bench.identity, into(home.organization_id, BOB, &right)).await;
        assert_eq!(code(refusal), ErrorCode::MaxOrganizationsReached);
        assert_eq!(bench.scene.role_of(guest.user, home.organization_id).await, None);
        bench.scene.leave(guest.user).await;
        log_in(&bench.identity, into(home.organization_id, BOB, &right)).await.expect("a key");
        let role = bench.scene.role_of(guest.user, home.organization_id).await;
        assert_eq!(role.as_deref(), Some("owner"));
    })
    .await;
}

#[tokio::test]
async fn at_the_limit_of_keys_an_invitation_stays_open() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (owner, home) = bench.person(ANN).await;
        bench.full(&owner).await;
        let now = bench.clock.now();
        bench
            .scene
            .invite((owner.organization, owner.user), BOB, "member", (now, now.plus_seconds(600)))
            .await;
        let (_, right) = bench.code(Login, BOB).await;
        let refusal = refused(log_in(&bench.identity, into(home.organization_id, BOB, &right)).await);
        assert_eq!(refusal.code, ErrorCode::MaxApiKeysReached);
        assert_eq!(refusal.details["keys"], json!([]), "none that a member may delete");
        assert!(refusal.next_action().contains("admin"), "{}", refusal.next_action());
        let [users, _, _, _, _, invitations, _] = bench.scene.counts().await;
        assert_eq!((users, invitations), (1, 1), "nobody came in");
    })
    .await;
}

#[tokio::test]
async fn at_the_limit_of_keys_the_code_stays_good_and_makes_room() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (owner, _) = bench.person(ANN).await;
        let made = bench.full(&owner).await;
        let (_, right) = bench.code(Login, ANN).await;
        let refusal = refused(log_in(&bench.identity, login(ANN, &right)).await);
        assert_eq!(refusal.code, ErrorCode::MaxApiKeysReached);
        let keys = refusal.details["keys"].as_array().expect("keys");
        assert_eq!(keys.len(), 20);
        let shown = keys.iter().find(|key| key["keyId"] == json!(made[0])).expect("one of them");
        assert!(shown["keyPrefix"].as_str().is_some_and(|prefix| prefix.starts_with("sk_kw_")));
        assert!(shown["name"].is_string() && shown["createdAt"].is_string());
        assert_eq!(shown["lastUsedAt"], Value::Null);

        let revoking = |keys: &[KeyId]| CompleteLogin { revoke_keys: keys.to_vec(), ..login(ANN, &right) };
        let unknown = KeyId::new();
        let refusal = log_in(&bench.identity, revoking(&[made[0], unknown])).await;
        assert_eq!(code(refusal), ErrorCode::NotFound);
        assert!(bench.identity.view_key(&owner, made[0]).await.is_ok(), "nothing was deleted");
        let (token, _) = log_in(&bench.identity, revoking(&[made[0], made[0]])).await.expect("a key");
        bench.verified(&token).await;
        assert_eq!(code(bench.identity.view_key(&owner, made[0]).await), ErrorCode::NotFound);
        assert_eq!(bench.identity.list_keys(&owner).await.expect("keys").keys.len(), 20);
    })
    .await;
}

#[tokio::test]
async fn a_key_that_makes_room_is_dead_when_the_login_answers() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (owner, _) = bench.person(ANN).await;
        let (key, made) = bench.key(&owner, "old").await;
        let held = bench.verified(&key).await;
        let (child, _) = bench.identity.mint_child(&held, None).await.expect("a child");
        bench.verified(&child).await;
        let (_, right) = bench.code(Login, ANN).await;
        let api_key = Some(AskedKey { name: Some("old".to_owned()), expires_in_days: None });
        let asked = CompleteLogin { revoke_keys: vec![made.key_id], api_key, ..login(ANN, &right) };
        let (_, signed_in) = log_in(&bench.identity, asked).await.expect("a key");
        assert!(held.liveness.is_dead());
        bench.refusal(&key).await;
        bench.refusal(&child).await;
        assert_eq!(signed_in.api_key.name, "old", "its name is free");
    })
    .await;
}

#[tokio::test]
async fn a_member_makes_room_with_own_keys_and_an_admin_with_all() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (owner, _) = bench.person(ANN).await;
        let (other, _) = bench.person(BOB).await;
        bench.scene.leave(other.user).await;
        bench.scene.let_in(other.user, owner.organization, "member", bench.clock.now()).await;
        let (token, own) = bench.logged_in(BOB).await.expect("a key");
        let made = bench.full(&owner).await;
        let (_, right) = bench.code(Login, BOB).await;
        let refusal = refused(log_in(&bench.identity, login(BOB, &right)).await);
        let keys = refusal.details["keys"].as_array().expect("keys");
        assert_eq!(keys.iter().map(|key| &key["keyId"]).collect::<Vec<_>>(), [&json!(own.api_key.key_id)]);
        let revoking = |key| CompleteLogin { revoke_keys: vec![key], ..login(BOB, &right) };
        assert_eq!(code(log_in(&bench.identity, revoking(made[0])).await), ErrorCode::NotFound);
        bench.scene.set_role(other.user, "admin").await;
        log_in(&bench.identity, revoking(made[0])).await.expect("an admin may");
        bench.verified(&token).await;
    })
    .await;
}

#[tokio::test]
async fn a_rotated_pair_counts_once() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (owner, _) = bench.person(ANN).await;
        let wide = with_scopes("wide", &["models:use"]);
        let (_, old) = bench.identity.create_key(&owner, wide).await.expect("a key");
        let rotate = keywright_protocol::wire::RotateKey { overlap_seconds: Some(json!(3_600)) };
        bench.identity.rotate_key(&owner, old.key_id, &rotate).await.expect("rotated");
        for number in 2..19 {
            bench.identity.create_key(&owner, named(&number.to_string())).await.expect("a key");
        }
        bench.logged_in(ANN).await.expect("the twentieth that counts");
        let (_, right) = bench.code(Login, ANN).await;
        // The old half of the pair makes no room.
        let asked = CompleteLogin { revoke_keys: vec![old.key_id], ..login(ANN, &right) };
        assert_eq!(code(log_in(&bench.identity, asked).await), ErrorCode::MaxApiKeysReached);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limit_of_keys_is_exact_under_parallel_logins_and_creations() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let second = bench.other_server().await;
        let (owner, _) = bench.person(ANN).await;
        for number in 0..17 {
            bench.key(&owner, &format!("key {number}")).await;
        }
        // Two are free; three codes and ten creations want them.
        let mut codes = Vec::new();
        for _ in 0..3 {
            codes.push(bench.code(Login, ANN).await);
            bench.clock.forward_seconds(30);
        }
        let mut asking: Vec<tokio::task::JoinHandle<Result<(), ApiError>>> = Vec::new();
        for (request, code) in codes {
            let asked = CompleteLogin { request_id: Some(request.to_string()), ..login(ANN, &code) };
            let identity = second.clone();
            asking.push(tokio::spawn(async move { log_in(&identity, asked).await.map(drop) }));
        }
        for number in 0..10 {
            let (identity, owner) = (bench.identity.clone(), std::sync::Arc::clone(&owner));
            let asked = named(&format!("parallel {number}"));
            asking.push(tokio::spawn(async move { identity.create_key(&owner, asked).await.map(drop) }));
        }
        let mut made = 0;
        for outcome in asking {
            match outcome.await.expect("it ran") {
                Ok(()) => made += 1,
                Err(error) => assert_eq!(error.code, ErrorCode::MaxApiKeysReached),
            }
        }
        assert_eq!(made, 2);
        assert_eq!(bench.identity.list_keys(&owner).await.expect("keys").keys.len(), 20);
    })
    .await;
}
