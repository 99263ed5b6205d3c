//! Signing up by mailbox code.

use keywright_identity::{IdentitySettings, Signup as Open};
use keywright_protocol::wire::{AskedKey, Company, CompleteSignup};
use keywright_protocol::{Clock, ErrorCode, Role, Scopes};
use keywright_store::testing::on_both;
use serde_json::{Value, json};

use crate::bench::{Bench, code};
use crate::mailing::{Login, Signup, ask, log_in, login, refused, sign_up, signup, wrong};

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

fn company(name: &str) -> Option<Company> {
    Some(Company { name: Some(name.to_owned()), description: None })
}

fn key(name: Option<&str>, days: Option<Value>) -> Option<AskedKey> {
    Some(AskedKey { name: name.map(str::to_owned), expires_in_days: days })
}

#[tokio::test]
async fn a_signup_makes_a_user_an_organization_and_a_key_that_may_do_everything_there() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (token, made) = bench.signed_up("Ann@EXAMPLE.com").await;
        assert_eq!((made.organization_name.as_str(), made.is_new_user), ("My Organization", true));
        assert_eq!((made.api_key.name.as_str(), made.api_key.expires_at), ("CLI default key", None));
        assert!(made.api_key.scopes == Scopes::EVERY && made.api_key.raw.is_none() && made.upgrade.is_none());
        let caller = bench.verified(&token).await;
        assert_eq!((caller.token, caller.user), (made.api_key.key_id, made.api_key.user_id));
        assert_eq!((caller.organization, caller.role), (made.organization_id, Role::Owner));
        assert!(!caller.temporary && !caller.administrator && caller.expires_at.is_none());
        let who = bench.identity.whoami(&caller).await.expect("an answer");
        assert_eq!((who.email.as_deref(), who.role), (Some(ANN), Some(Role::Owner)));
        assert_eq!(who.organization_name, "My Organization");
        // It is an account like any other.
        bench.key(&caller, "another").await;
        bench.clock.forward_seconds(400 * 86_400);
        bench.verified(&token).await;
    })
    .await;
}

#[tokio::test]
async fn a_signup_takes_names_description_and_expiry() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, code) = bench.code(Signup, ANN).await;
        let name = "ü".repeat(100);
        let asked = CompleteSignup {
            company: Some(Company {
                name: Some(format!(" {name}\t")),
                description: Some("two\nlines".to_owned()),
            }),
            api_key: key(Some("ci"), Some(json!(7))),
            ..signup(ANN, &code)
        };
        let (token, made) = sign_up(&bench.identity, asked).await.expect("an account");
        assert_eq!((made.organization_name, made.api_key.name.as_str()), (name, "ci"));
        let end = bench.clock.now().plus_seconds(7 * 86_400);
        assert_eq!(
            (made.api_key.expires_at, bench.verified(&token).await.expires_at),
            (Some(end), Some(end))
        );
    })
    .await;
}

#[tokio::test]
async fn wrong_fields_cost_no_try() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, right) = bench.code(Signup, ANN).await;
        let with = |company, api_key| CompleteSignup { company, api_key, ..signup(ANN, wrong(&right)) };
        let described = |text: &str| Some(Company { name: None, description: Some(text.to_owned()) });
        for (asked, expected) in [
            (with(company(&"x".repeat(101)), None), ErrorCode::CompanyNameTooLong),
            (with(company("two\r\nlines"), None), ErrorCode::InvalidName),
            (with(company("\u{202e}evil"), None), ErrorCode::InvalidName),
            (with(company("a\u{2066}b"), None), ErrorCode::InvalidName),
            (with(company("a\u{200f}b"), None), ErrorCode::InvalidName),
            (with(company("a\0b"), None), ErrorCode::InvalidName),
            (with(described(&"x".repeat(501)), None), ErrorCode::InvalidRequest),
            (with(described("a\u{7}"), None), ErrorCode::InvalidRequest),
            (with(None, key(Some(""), None)), ErrorCode::InvalidName),
            (with(None, key(Some(&"k".repeat(101)), None)), ErrorCode::InvalidName),
            (with(None, key(None, Some(json!(0)))), ErrorCode::InvalidExpiresInDays),
            (with(None, key(None, Some(json!(-1)))), ErrorCode::InvalidExpiresInDays),
            (with(None, key(None, Some(json!(366)))), ErrorCode::InvalidExpiresInDays),
            (with(None, key(None, Some(json!(1.5)))), ErrorCode::InvalidExpiresInDays),
            (with(None, key(None, Some(json!("7")))), ErrorCode::InvalidExpiresInDays),
            (CompleteSignup { email: None, ..with(None, None) }, ErrorCode::EmailRequired),
            (CompleteSignup { email: Some(json!("ann")), ..with(None, None) }, ErrorCode::EmailInvalid),
            (CompleteSignup { upgrade: true, ..with(None, None) }, ErrorCode::UpgradeRefused),
        ] {
            assert_eq!(code(sign_up(&bench.identity, asked).await), expected);
        }
        assert_eq!(bench.scene.mail_codes().await[0].unnamed_failures, 0);
        let blank = CompleteSignup { company: company("  "), ..signup(ANN, &right) };
        let (_, made) = sign_up(&bench.identity, blank).await.expect("an account");
        assert_eq!(made.organization_name, "My Organization");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_fifty_who_have_the_right_code_on_two_servers_one_gets_an_account() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let servers = [bench.identity.clone(), bench.other_server().await];
        let (_, right) = bench.code(Signup, ANN).await;
        let completing: Vec<_> = (0..50)
            .map(|number| {
                let (identity, asked) = (servers[number % 2].clone(), signup(ANN, &right));
                tokio::spawn(async move { sign_up(&identity, asked).await })
            })
            .collect();
        let mut tokens = Vec::new();
        for completed in completing {
            match completed.await.expect("it ran") {
                Ok((token, _)) => tokens.push(token),
                Err(error) => assert_eq!(error.code, ErrorCode::OtpAlreadyUsed),
            }
        }
        assert_eq!(tokens.len(), 1);
        let [users, organizations, keys, ..] = bench.scene.counts().await;
        assert_eq!([users, organizations, keys], [1, 1, 1]);
        servers[1].verify(&tokens[0]).await.expect("a good key");
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_with_an_organization_is_sent_to_the_login_and_may_ask_at_once() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        bench.signed_up("admin@example.com").await;
        let refusal = refused(ask(&bench.identity, Signup, "ADMIN@Example.com").await);
        assert_eq!(refusal.code, ErrorCode::UserAlreadyHasOrganization);
        assert!(refusal.next_action().contains("login-request"), "{}", refusal.next_action());
        assert_eq!(bench.post.count(), 1);
        // The sign-up has cleared the 30 seconds, and the refusal began none.
        ask(&bench.identity, Login, "admin@example.com").await.expect("a code");
        assert_eq!(bench.scene.counts().await[0], 1);
    })
    .await;
}

/// Two programs of one person both asked before either was done.
#[tokio::test]
async fn a_raced_signup_leaves_its_code_alive_and_the_login_open() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (first, first_code) = bench.code(Signup, ANN).await;
        bench.clock.forward_seconds(30);
        let (second, second_code) = bench.code(Signup, ANN).await;
        let named = |request: keywright_protocol::CodeRequestId, code: &str| CompleteSignup {
            request_id: Some(request.to_string()),
            ..signup(ANN, code)
        };
        bench.clock.forward_seconds(30);
        sign_up(&bench.identity, named(first, &first_code)).await.expect("an account");
        ask(&bench.identity, Login, ANN).await.expect("a code");
        for _ in 0..2 {
            let raced = sign_up(&bench.identity, named(second, &second_code)).await;
            assert_eq!(code(raced), ErrorCode::UserAlreadyHasOrganization);
        }
        // Whoever has a right code reads the mailbox, and need not wait.
        let (_, code) = bench.code(Login, ANN).await;
        log_in(&bench.identity, login(ANN, &code)).await.expect("a key");
        assert_eq!(bench.scene.counts().await[1], 1, "one organization");
    })
    .await;
}

#[tokio::test]
async fn a_user_without_an_organization_signs_up_again_and_stays_the_same_user() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (before, _) = bench.person(ANN).await;
        bench.scene.leave(before.user).await;
        assert_eq!(code(ask(&bench.identity, Login, ANN).await), ErrorCode::UserHasNoOrganization);
        let (_, right) = bench.code(Signup, ANN).await;
        let asked = CompleteSignup { company: company("Second"), ..signup(ANN, &right) };
        let (token, made) = sign_up(&bench.identity, asked).await.expect("an organization");
        assert!(!made.is_new_user && made.organization_name == "Second");
        let after = bench.verified(&token).await;
        assert_eq!(after.user, before.user);
        assert_ne!(after.organization, before.organization);
    })
    .await;
}

#[tokio::test]
async fn an_organization_that_cannot_be_made_leaves_nothing_and_the_code_good() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, right) = bench.code(Signup, ANN).await;
        bench.scene.refuse_organizations().await;
        for _ in 0..6 {
            let failed = sign_up(&bench.identity, signup(ANN, &right)).await;
            assert_eq!(code(failed), ErrorCode::OrganizationCreationFailed);
        }
        let [users, organizations, keys, ..] = bench.scene.counts().await;
        assert_eq!([users, organizations, keys], [0, 0, 0]);
        bench.scene.accept_organizations().await;
        sign_up(&bench.identity, signup(ANN, &right)).await.expect("the code is still good");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_is_away_is_no_organization_that_could_not_be_made() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (_, right) = bench.code(Signup, ANN).await;
        bench.scene.store.close().await;
        assert_eq!(code(sign_up(&bench.identity, signup(ANN, &right)).await), ErrorCode::StorageUnavailable);
        assert_eq!(code(ask(&bench.identity, Signup, BOB).await), ErrorCode::StorageUnavailable);
    })
    .await;
}

#[tokio::test]
async fn only_chosen_domains_and_who_is_invited_sign_up_where_the_operator_says_so() {
    on_both(|scene| async move {
        let only = |signup| IdentitySettings { signup, ..IdentitySettings::default() };
        let bench = Bench::with(scene, only(Open::Domains(vec!["example.com".to_owned()])));
        let (owner, _) = bench.person(ANN).await;
        let refusal = refused(ask(&bench.identity, Signup, "eve@evil.example").await);
        assert_eq!(refusal.code, ErrorCode::SignupClosed);
        assert_eq!(code(ask(&bench.identity, Signup, "eve@sub.example.com").await), ErrorCode::SignupClosed);
        let now = bench.clock.now();
        let home = (owner.organization, owner.user);
        bench.scene.invite(home, "guest@other.example", "member", (now, now.plus_seconds(60))).await;
        bench.signed_up("guest@other.example").await;

        let invited = bench.restarted(only(Open::Invited));
        assert_eq!(code(ask(&invited, Signup, BOB).await), ErrorCode::SignupClosed);
        bench.scene.invite(home, BOB, "member", (now, now.plus_seconds(60))).await;
        ask(&invited, Signup, BOB).await.expect("a code");
        let right = bench.mailed(BOB);
        // What is true when the code comes back counts.
        bench.clock.forward_seconds(60);
        assert_eq!(code(sign_up(&invited, signup(BOB, &right)).await), ErrorCode::SignupClosed);
        let now = bench.clock.now();
        bench.identity.sweep().await.expect("swept");
        bench.scene.invite(home, BOB, "member", (now, now.plus_seconds(60))).await;
        sign_up(&invited, signup(BOB, &right)).await.expect("the code is still good");
        assert_eq!(code(ask(&invited, Login, "eve@evil.example").await), ErrorCode::UserNotFound);
    })
    .await;
}

/// Until the code comes back, nothing tells an account from none, nor an invitation from none.
#[tokio::test]
async fn where_accounts_are_hidden_every_request_is_answered_the_same() {
    on_both(|scene| async move {
        let hidden = IdentitySettings { hide_accounts: true, ..IdentitySettings::default() };
        let bench = Bench::with(scene, hidden.clone());
        bench.signed_up(ANN).await;
        let (leaver, _) = bench.person("leaver@example.com").await;
        bench.scene.leave(leaver.user).await;
        let now = bench.clock.now();
        let home = (leaver.organization, leaver.user);
        bench.scene.invite(home, "guest@example.com", "member", (now, now.plus_seconds(60_000))).await;
        let closed = bench.restarted(IdentitySettings { signup: Open::Invited, ..hidden.clone() });
        for identity in [&bench.identity, &closed] {
            for purpose in [Signup, Login] {
                for email in [ANN, "leaver@example.com", "guest@example.com", "nobody@example.com"] {
                    bench.clock.forward_seconds(30);
                    let before = bench.post.count();
                    let answer = ask(identity, purpose, email).await.expect("a code, or so it seems");
                    assert_eq!((answer.email.as_str(), answer.expires_in_seconds), (email, 600));
                    assert_eq!(bench.post.count(), before + 1, "a mail");
                    let again = refused(ask(identity, purpose, email).await);
                    assert_eq!((again.code, again.retry_after()), (ErrorCode::OtpResendCooldown, Some(30)));
                    // Only who reads the mail is told.
                    let right = bench.mailed(email);
                    let told = match purpose {
                        Signup => sign_up(identity, signup(email, wrong(&right))).await,
                        _ => log_in(identity, login(email, wrong(&right))).await,
                    };
                    assert_eq!(code(told), ErrorCode::OtpInvalid);
                }
            }
        }
        let mut told = Vec::new();
        for email in [ANN, "leaver@example.com", "nobody@example.com"] {
            bench.clock.forward_seconds(30);
            let (_, right) = bench.code(Login, email).await;
            told.push(
                log_in(&bench.identity, login(email, &right)).await.map_err(|error| error.code).map(drop),
            );
        }
        assert_eq!(told, [Ok(()), Err(ErrorCode::UserHasNoOrganization), Err(ErrorCode::UserNotFound)]);
        bench.clock.forward_seconds(30);
        let (_, right) = bench.code(Signup, "nobody@example.com").await;
        let refusal = sign_up(&closed, signup("nobody@example.com", &right)).await;
        assert_eq!(code(refusal), ErrorCode::SignupClosed);
        // The domain is no secret, and is the same for who was invited and who was not.
        let domains = Open::Domains(vec!["corp.example".to_owned()]);
        let corporate = bench.restarted(IdentitySettings { signup: domains, ..hidden });
        for email in [ANN, "guest@example.com", "nobody@example.com"] {
            bench.clock.forward_seconds(30);
            assert_eq!(code(ask(&corporate, Signup, email).await), ErrorCode::SignupClosed);
            ask(&corporate, Login, email).await.expect("a code");
        }
    })
    .await;
}
