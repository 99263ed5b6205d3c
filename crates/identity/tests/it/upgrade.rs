//! Temporary accounts that become somebody's, or go into somebody's.

use std::sync::Arc;

use keywright_identity::IdentitySettings;
use keywright_protocol::wire::{Company, CompleteLogin, CompleteSignup, SignedIn, UpgradeOutcome};
use keywright_protocol::{ApiError, Clock, ErrorCode, KeyId, Principal, Role, Scopes};
use keywright_secret::PlatformToken;
use keywright_store::testing::on_both;

use crate::bench::{Bench, code, named, with_scopes};
use crate::mailing::{Login, Signup, log_in, login, refused, sign_up, signup, wrong};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

type Signed = Result<(PlatformToken, SignedIn), ApiError>;

impl Bench {
    /// Upgrades the account of `caller` by a sign-up.
    async fn upgraded(&self, caller: &Principal, email: &str, keep_keys: &[KeyId]) -> Signed {
        let (_, code) = self.code(Signup, email).await;
        self.upgrade_with(caller, signup(email, &code), keep_keys).await
    }

    async fn upgrade_with(&self, caller: &Principal, asked: CompleteSignup, keep: &[KeyId]) -> Signed {
        let asked = CompleteSignup { upgrade: true, keep_keys: keep.to_vec(), ..asked };
        self.identity.complete_signup(Some(caller), asked).await
    }

    /// Moves what is of `caller`'s account into the one of the mailbox.
    async fn merged(&self, caller: &Principal, email: &str) -> Signed {
        let (_, code) = self.code(Login, email).await;
        let asked = CompleteLogin { upgrade: true, ..login(email, &code) };
        self.identity.complete_login(Some(caller), asked).await
    }
}

#[tokio::test]
async fn an_upgrade_keeps_user_organization_and_the_keys_it_names() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let token = bench.account().await;
        let caller = bench.verified(&token).await;
        let (kept, kept_key) = bench.key(&caller, "kept").await;
        let (_, other_key) = bench.key(&caller, "other").await;
        assert!(bench.verified(&kept).await.expires_at.is_some());
        let (_, right) = bench.code(Signup, ANN).await;
        let asked = CompleteSignup {
            company: Some(Company { name: Some("Acme".to_owned()), description: None }),
            ..signup(ANN, &right)
        };
        let (new, made) = bench.upgrade_with(&caller, asked, &[kept_key.key_id]).await.expect("upgraded");
        let upgrade = made.upgrade.as_ref().expect("an upgrade");
        assert_eq!(upgrade.outcome, UpgradeOutcome::Upgraded);
        assert_eq!((&upgrade.kept_keys[..], upgrade.ended_credentials), (&[kept_key.key_id][..], 2));
        assert!(made.is_new_user && made.organization_name == "Acme");
        let owner = bench.verified(&new).await;
        assert_eq!(
            (owner.user, owner.organization, owner.role),
            (caller.user, caller.organization, Role::Owner)
        );
        assert!(!owner.temporary && !owner.administrator && owner.scopes == Scopes::EVERY);
        let who = bench.identity.whoami(&owner).await.expect("an answer");
        assert_eq!((who.email.as_deref(), who.organization_name.as_str()), (Some(ANN), "Acme"));

        assert!(caller.liveness.is_dead(), "the token is dead at once");
        bench.refusal(&token).await;
        assert_eq!(code(bench.identity.view_key(&owner, other_key.key_id).await), ErrorCode::NotFound);
        let kept = bench.verified(&kept).await;
        assert!(kept.expires_at.is_none() && !kept.temporary, "its own end, which is none");
        bench.clock.forward_seconds(100 * 86_400);
        bench.identity.sweep().await.expect("swept");
        bench.verified(&new).await;
        let [users, organizations, _, _, _, _, moves] = bench.scene.counts().await;
        assert_eq!([users, organizations, moves], [1, 1, 0]);
    })
    .await;
}

/// Whoever planted the token made all that could be made with it, and waits for it to become somebody's.
#[tokio::test]
async fn a_planted_token_gains_nothing() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let server = bench.other_server().await;
        let planted = bench.account().await;
        let caller = bench.verified(&planted).await;
        let every = ["models:use", "api-keys:manage", "executions:read"];
        let mut loot = vec![planted];
        for number in 0..3 {
            let wide = with_scopes(&format!("wide {number}"), &every);
            let (key, _) = bench.identity.create_key(&caller, wide).await.expect("a key");
            let holder = bench.verified(&key).await;
            let (child, _) = bench.identity.mint_child(&holder, None).await.expect("a child");
            loot.extend([key, child]);
        }
        let (child, _) = bench.identity.mint_child(&caller, None).await.expect("a child");
        loot.push(child);
        // A key in the middle of its rotation: both halves.
        let (rotated, key) =
            bench.identity.create_key(&caller, with_scopes("turning", &every)).await.expect("a key");
        let overlap = keywright_protocol::wire::RotateKey { overlap_seconds: Some(3_600.into()) };
        let (successor, turned) =
            bench.identity.rotate_key(&caller, key.key_id, &overlap).await.expect("rotated");
        for half in [&rotated, &successor] {
            let holder = bench.verified(half).await;
            loot.push(bench.identity.mint_child(&holder, None).await.expect("a child").0);
        }
        loot.push(rotated);
        // And a way back in.
        let now = bench.clock.now();
        let home = (caller.organization, caller.user);
        bench.scene.invite(home, "mallory@evil.example", "owner", (now, now.plus_seconds(86_400))).await;
        let mut held: Vec<Arc<Principal>> = Vec::new();
        for token in &loot {
            held.push(bench.verified(token).await);
        }

        // The victim lists what it minted itself: here one key, and one that is not its own.
        let (stranger, _) = bench.person(BOB).await;
        let foreign = bench.identity.list_keys(&stranger).await.expect("keys").keys[0].key_id;
        let keep = [turned.api_key.key_id, foreign, caller.token, KeyId::new()];
        let (_, made) = bench.upgraded(&caller, ANN, &keep).await.expect("upgraded");
        let upgrade = made.upgrade.expect("an upgrade");
        assert_eq!(upgrade.kept_keys, [turned.api_key.key_id]);
        assert_eq!(upgrade.ended_credentials, loot.len() as i64);
        assert!(held.iter().all(|principal| principal.liveness.is_dead()));
        for token in &loot {
            bench.refusal(token).await;
            assert!(server.verify(token).await.is_err());
        }
        bench.verified(&successor).await;
        assert_eq!(bench.scene.counts().await[5], 0, "the invitation is gone");
        let refusal = crate::mailing::ask(&bench.identity, Login, "mallory@evil.example").await;
        assert_eq!(code(refusal), ErrorCode::UserNotFound);
    })
    .await;
}

#[tokio::test]
async fn an_account_that_somebody_else_belongs_to_is_not_upgraded() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (mallory, _) = bench.person("mallory@evil.example").await;
        bench.scene.let_in(mallory.user, caller.organization, "member", bench.clock.now()).await;
        bench.signed_up(BOB).await;
        let (_, right) = bench.code(Signup, ANN).await;
        let refusal = refused(bench.upgrade_with(&caller, signup(ANN, &right), &[]).await);
        assert_eq!(refusal.code, ErrorCode::UpgradeRefused);
        assert!(refusal.message().contains("Others"), "{refusal}");
        assert_eq!(code(bench.merged(&caller, BOB).await), ErrorCode::UpgradeRefused);
        assert!(!caller.liveness.is_dead());
        sign_up(&bench.identity, signup(ANN, &right)).await.expect("the code is still good");
    })
    .await;
}

#[tokio::test]
async fn only_the_token_of_a_living_temporary_account_is_upgraded() {
    on_both(|scene| async move {
        let bench = Bench::with(
            scene,
            IdentitySettings { temporary_ttl_seconds: 300, ..IdentitySettings::default() },
        );
        let second = bench.other_server().await;
        let caller = bench.caller().await;
        let (_, right) = bench.code(Signup, ANN).await;
        let asked = || CompleteSignup { upgrade: true, ..signup(ANN, &right) };
        assert_eq!(code(bench.identity.complete_signup(None, asked()).await), ErrorCode::UpgradeRefused);
        // A key of it is none, and neither is a child.
        let (key, _) = bench.key(&caller, "key").await;
        let (child, _) = bench.identity.mint_child(&caller, None).await.expect("a child");
        for token in [&key, &child] {
            let other = bench.verified(token).await;
            let refusal = bench.identity.complete_signup(Some(&other), asked()).await;
            assert_eq!(code(refusal), ErrorCode::UpgradeRefused);
        }
        // One that was revoked elsewhere, which this server has not heard of.
        let revoked = bench.caller().await;
        second.revoke_key(&revoked, revoked.token).await.expect("revoked");
        let refusal = code(bench.identity.complete_signup(Some(&revoked), asked()).await);
        assert!([ErrorCode::UpgradeRefused, ErrorCode::KeyRevoked].contains(&refusal), "{refusal:?}");
        // One whose time is over.
        bench.clock.forward_seconds(300);
        let refusal = bench.identity.complete_signup(Some(&caller), asked()).await;
        assert_eq!(code(refusal), ErrorCode::KeyExpired);
        assert_eq!(bench.scene.mail_codes().await[0].unnamed_failures, 0);
        let fresh = bench.caller().await;
        bench.identity.complete_signup(Some(&fresh), asked()).await.expect("the code is still good");
        // One that is somebody's by now: its token went with the upgrade.
        let (_, right) = bench.code(Signup, "eve@example.com").await;
        let refusal = bench.upgrade_with(&fresh, signup("eve@example.com", &right), &[]).await;
        assert_eq!(code(refusal), ErrorCode::KeyRevoked);
    })
    .await;
}

#[tokio::test]
async fn a_wrong_code_upgrades_nothing() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let (_, right) = bench.code(Signup, ANN).await;
        let refusal = bench.upgrade_with(&caller, signup(ANN, wrong(&right)), &[]).await;
        assert_eq!(code(refusal), ErrorCode::OtpInvalid);
        assert!(!caller.liveness.is_dead());
        let user = bench.scene.user(caller.user).await.expect("a user");
        assert_eq!(user, ("temporary".to_owned(), "active".to_owned(), None));
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_whose_account_is_in_no_organization_takes_the_temporary_one() {
    on_both(|scene| async move {
        for by_login in [false, true] {
            let hidden = IdentitySettings { hide_accounts: true, ..IdentitySettings::default() };
            let bench = Bench::with(scene.clone(), hidden);
            let email = format!("leaver{by_login}@example.com");
            let (former, _) = bench.person(&email).await;
            bench.scene.leave(former.user).await;
            let caller = bench.caller().await;
            let (new, made) = match by_login {
                false => bench.upgraded(&caller, &email, &[]).await.expect("upgraded"),
                true => bench.merged(&caller, &email).await.expect("upgraded"),
            };
            assert_eq!(made.upgrade.expect("an upgrade").outcome, UpgradeOutcome::Upgraded);
            assert!(!made.is_new_user);
            let owner = bench.verified(&new).await;
            assert_eq!((owner.user, owner.organization), (caller.user, caller.organization));
            let before = bench.scene.user(former.user).await.expect("a row");
            assert_eq!(before, ("person".to_owned(), "deleted".to_owned(), None));
            let now = bench.scene.user(owner.user).await.expect("a row");
            assert_eq!(now, ("person".to_owned(), "active".to_owned(), Some(email)));
        }
    })
    .await;
}

#[tokio::test]
async fn a_login_moves_the_records_and_ends_the_account() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, home) = bench.signed_up(BOB).await;
        let token = bench.account().await;
        let caller = bench.verified(&token).await;
        let (key, listed) = bench.key(&caller, "key").await;
        bench.verified(&key).await;
        let (_, right) = bench.code(Login, BOB).await;
        let asked = CompleteLogin { upgrade: true, keep_keys: vec![listed.key_id], ..login(BOB, &right) };
        let (new, made) = bench.identity.complete_login(Some(&caller), asked).await.expect("merged");
        let upgrade = made.upgrade.expect("an upgrade");
        assert_eq!(upgrade.outcome, UpgradeOutcome::Merged);
        assert_eq!((upgrade.kept_keys.len(), upgrade.ended_credentials), (0, 2), "no key comes along");
        assert!(caller.liveness.is_dead());
        bench.refusal(&token).await;
        bench.refusal(&key).await;
        let owner = bench.verified(&new).await;
        assert_eq!((owner.user, owner.organization), (home.api_key.user_id, home.organization_id));
        let moves = bench.identity.record_moves().await.expect("moves");
        let [moved] = &moves[..] else { panic!("{} moves", moves.len()) };
        assert_eq!((moved.from, moved.to, moved.user), (caller.organization, owner.organization, owner.user));
        // Nothing is left of it a day later.
        bench.clock.forward_seconds(86_400);
        assert_eq!(bench.identity.sweep().await.expect("swept"), 1);
        assert_eq!(bench.scene.user(caller.user).await, None);
        bench.verified(&new).await;
    })
    .await;
}

#[tokio::test]
async fn a_login_that_is_refused_moves_nothing() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (bob, _) = bench.person(BOB).await;
        bench.scene.found(bob.user, "Second", bench.clock.now()).await;
        let caller = bench.caller().await;
        assert_eq!(code(bench.merged(&caller, BOB).await), ErrorCode::MultipleOrganizations);
        assert!(!caller.liveness.is_dead() && bench.identity.record_moves().await.expect("moves").is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_administrator_stays_one() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        // In place.
        let claimed = bench.lasting().await;
        let caller = bench.verified(&claimed).await;
        let (plain, plain_key) = bench.key(&caller, "plain").await;
        let (new, _) = bench.upgraded(&caller, ANN, &[plain_key.key_id]).await.expect("upgraded");
        let administrator = bench.verified(&new).await;
        assert!(administrator.administrator && administrator.expires_at.is_none());
        assert!(!bench.verified(&plain).await.administrator);
        // A key that only the mailbox vouches for is none.
        let (_, right) = bench.code(Login, ANN).await;
        let (by_mail, _) = log_in(&bench.identity, login(ANN, &right)).await.expect("a key");
        assert!(!bench.verified(&by_mail).await.administrator);
        // Into another account.
        let claimed = bench.verified(&bench.lasting().await).await;
        bench.signed_up(BOB).await;
        let (merged, _) = bench.merged(&claimed, BOB).await.expect("merged");
        assert!(bench.verified(&merged).await.administrator);
        let (_, right) = bench.code(Login, BOB).await;
        let (by_mail, _) = log_in(&bench.identity, login(BOB, &right)).await.expect("a key");
        assert!(!bench.verified(&by_mail).await.administrator);
        // What a plain temporary account becomes administers nothing.
        let (new, _) =
            bench.upgraded(&*bench.caller().await, "eve@example.com", &[]).await.expect("upgraded");
        assert!(!bench.verified(&new).await.administrator);
    })
    .await;
}

#[tokio::test]
async fn twenty_kept_keys_leave_no_room_for_the_new_one() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let caller = bench.caller().await;
        let mut keys = Vec::new();
        for number in 0..20 {
            keys.push(
                bench.identity.create_key(&caller, named(&number.to_string())).await.expect("a key").1.key_id,
            );
        }
        let (_, right) = bench.code(Signup, ANN).await;
        let refusal = refused(bench.upgrade_with(&caller, signup(ANN, &right), &keys).await);
        assert_eq!(refusal.code, ErrorCode::MaxApiKeysReached);
        assert!(refusal.next_action().contains("keepKeys") && !caller.liveness.is_dead());
        let (_, made) = bench.upgrade_with(&caller, signup(ANN, &right), &keys[1..]).await.expect("upgraded");
        assert_eq!(made.upgrade.expect("an upgrade").kept_keys.len(), 19);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_who_upgrade_one_account_at_once_one_gets_it() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let servers = [bench.identity.clone(), bench.other_server().await];
        for round in 0..5 {
            let caller = bench.caller().await;
            let mut racing = Vec::new();
            for (server, name) in servers.iter().cloned().zip(["one", "two"]) {
                let email = format!("{name}{round}@example.com");
                let (_, right) = bench.code(Signup, &email).await;
                let asked = CompleteSignup { upgrade: true, ..signup(&email, &right) };
                let caller = Arc::clone(&caller);
                racing.push(tokio::spawn(async move { server.complete_signup(Some(&caller), asked).await }));
            }
            let mut won = 0;
            for outcome in racing {
                match outcome.await.expect("it ran") {
                    Ok(_) => won += 1,
                    Err(error) => {
                        assert!([ErrorCode::UpgradeRefused, ErrorCode::KeyRevoked].contains(&error.code));
                    }
                }
            }
            assert_eq!(won, 1);
        }
    })
    .await;
}
