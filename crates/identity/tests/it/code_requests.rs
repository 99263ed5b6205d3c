//! Codes that are asked for: who gets how many, and what is mailed.

use std::net::IpAddr;
use std::time::Duration;

use keywright_identity::{Delivery, IdentitySettings, MailContent};
use keywright_protocol::wire::{CompleteSignup, RequestCode};
use keywright_protocol::{ErrorCode, Timestamp};
use keywright_store::testing::on_both;
use serde_json::{Value, json};

use crate::bench::{Bench, HOME, code};
use crate::mailing::{Login, Signup, ask, ask_from, asked, refused, sign_up, signup};

const ANN: &str = "ann@example.com";

fn address(number: usize) -> IpAddr {
    format!("192.0.2.{number}").parse().expect("an address")
}

#[tokio::test]
async fn a_code_is_mailed_once_and_only_its_hash_is_kept() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let asked = RequestCode { machine: Some(" ann's laptop ".to_owned()), ..asked("Ann@Example.COM.") };
        let client = Some("keywright/0.1".to_owned());
        let requested = bench.identity.request_code(Signup, address(7), asked, client).await.expect("a code");
        assert_eq!((requested.email.as_str(), requested.expires_in_seconds), (ANN, 600));

        let mails = bench.post.mails();
        let [mail] = &mails[..] else { panic!("{} mails", mails.len()) };
        assert_eq!(mail.to.as_str(), ANN);
        let MailContent::Code { purpose, code, minutes, asker } = &mail.content else {
            panic!("another mail")
        };
        assert_eq!((*purpose, *minutes), (Signup, 10));
        assert_eq!((asker.address, asker.at.0), (address(7), 1_795_000_000_000));
        assert_eq!(
            (asker.client.as_deref(), asker.machine.as_deref()),
            (Some("keywright/0.1"), Some("ann's laptop"))
        );
        let code = code.expose();
        assert!(code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()), "six digits");
        assert!(!format!("{mail:?}").contains(code));

        let stored = bench.scene.mail_codes().await;
        let [stored] = &stored[..] else { panic!("{} rows", stored.len()) };
        assert_eq!((stored.mailbox.as_str(), stored.state.as_str()), (ANN, "open"));
        let hash = stored.hash.as_ref().expect("a hash");
        assert!(hash.len() == 32 && !hash.windows(6).any(|bytes| bytes == code.as_bytes()));
        sign_up(&bench.identity, signup(ANN, code)).await.expect("an account");
        assert_eq!(bench.scene.mail_codes().await[0].hash, None);
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_gets_another_code_after_thirty_seconds() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        bench.code(Signup, ANN).await;
        bench.clock.forward_seconds(29);
        let refusal = refused(ask(&bench.identity, Signup, "ANN@example.com.").await);
        assert_eq!((refusal.code, refusal.retry_after()), (ErrorCode::OtpResendCooldown, Some(1)));
        assert_eq!(bench.post.count(), 1);
        bench.clock.forward_seconds(1);
        ask(&bench.identity, Signup, ANN).await.expect("another code");
        ask(&bench.identity, Signup, "bob@example.com").await.expect("another mailbox");
    })
    .await;
}

#[tokio::test]
async fn a_mailbox_gets_twenty_codes_in_any_hour_however_it_is_spelled_and_whoever_asks() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let mut spellings =
            ["me@bücher.example", "ME@xn--bcher-kva.example", "me@BÜCHER.example."].into_iter().cycle();
        let mut spelling = || spellings.next().expect("one");
        for number in 1..=20 {
            ask_from(&bench.identity, Signup, spelling(), address(number)).await.expect("a code");
            bench.clock.forward_seconds(60);
        }
        for _ in 0..3 {
            let refusal = refused(ask_from(&bench.identity, Signup, spelling(), address(99)).await);
            // The first was sent 20 minutes ago.
            assert_eq!((refusal.code, refusal.retry_after()), (ErrorCode::EmailRateLimited, Some(2_400)));
        }
        let restarted = bench.restarted(IdentitySettings::default());
        assert_eq!(
            code(ask(&restarted, Signup, spelling()).await),
            ErrorCode::EmailRateLimited,
            "after a restart"
        );
        ask(&restarted, Signup, ANN).await.expect("another mailbox");
        bench.clock.forward_seconds(2_400);
        ask(&restarted, Signup, spelling()).await.expect("the first has left the hour");
        bench.clock.forward_seconds(30);
        assert!(ask(&restarted, Signup, spelling()).await.is_err(), "room for one, not more");
    })
    .await;
}

#[tokio::test]
async fn an_address_asks_sixty_times_an_hour_whether_it_gets_a_code_or_not() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        for number in 0..30 {
            ask(&bench.identity, Signup, &format!("a{number}@example.com")).await.expect("a code");
            // One that is refused counts as much.
            assert_eq!(
                code(ask(&bench.identity, Login, "nobody@example.com").await),
                ErrorCode::UserNotFound
            );
        }
        bench.clock.forward_seconds(600);
        for _ in 0..2 {
            let refusal = refused(ask(&bench.identity, Signup, ANN).await);
            assert_eq!((refusal.code, refusal.retry_after()), (ErrorCode::IpRateLimited, Some(3_000)));
        }
        ask_from(&bench.identity, Signup, ANN, address(1)).await.expect("another address");
        // Those that are refused for this reason do not count, or nobody would ever get out of it.
        bench.clock.forward_seconds(3_000);
        ask(&bench.identity, Signup, "bob@example.com").await.expect("an hour later");
    })
    .await;
}

#[tokio::test]
async fn an_ipv6_site_asks_as_one_address() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let site = |host: usize| format!("2001:db8::{host:x}").parse().expect("an address");
        for number in 0..60 {
            ask_from(&bench.identity, Signup, &format!("a{number}@example.com"), site(number))
                .await
                .expect("a code");
        }
        let refused = ask_from(&bench.identity, Signup, ANN, site(99)).await;
        assert_eq!(code(refused), ErrorCode::IpRateLimited);
        let next = "2001:db8:0:1::1".parse().expect("an address");
        ask_from(&bench.identity, Signup, ANN, next).await.expect("the next site");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limits_are_exact_under_a_hundred_parallel_requests_on_two_servers() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let servers = [bench.identity.clone(), bench.other_server().await];
        // Of one address for many mailboxes, then of many addresses for one.
        for (accepted, refusal, one_mailbox) in
            [(60, ErrorCode::IpRateLimited, false), (1, ErrorCode::OtpResendCooldown, true)]
        {
            let asking: Vec<_> = (0..100)
                .map(|number| {
                    let identity = servers[number % 2].clone();
                    let email = if one_mailbox { ANN.to_owned() } else { format!("a{number}@example.com") };
                    let from = if one_mailbox { address(number) } else { HOME };
                    tokio::spawn(async move { ask_from(&identity, Signup, &email, from).await })
                })
                .collect();
            let before = bench.post.count();
            let mut codes = 0;
            for outcome in asking {
                match outcome.await.expect("it ran") {
                    Ok(_) => codes += 1,
                    Err(error) => assert_eq!(error.code, refusal),
                }
            }
            assert_eq!((codes, bench.post.count() - before), (accepted, accepted));
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_asks_for_the_code_of_a_stranger_pushes_out_what_they_asked_for_before() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (me, stranger) = (HOME, address(9));
        let mut mine = None;
        for (from, void) in [
            (me, &[][..]),
            (stranger, &[]),
            (stranger, &[]),
            (stranger, &[1]),
            (stranger, &[1, 2]),
            // Who has none takes from who has most, and where all have one, the oldest.
            (address(1), &[1, 2, 3]),
            (address(2), &[0, 1, 2, 3]),
            (address(3), &[0, 1, 2, 3, 4]),
            (me, &[0, 1, 2, 3, 4, 5]),
            (stranger, &[0, 1, 2, 3, 4, 5, 6]),
            (stranger, &[0, 1, 2, 3, 4, 5, 6, 9]),
        ] {
            let requested = ask_from(&bench.identity, Signup, ANN, from).await.expect("a code");
            if from == me {
                mine = Some((requested.request_id.to_string(), bench.mailed(ANN)));
            }
            bench.clock.forward_seconds(30);
            let codes = bench.scene.mail_codes().await;
            let replaced = codes.iter().enumerate().filter(|(_, code)| code.state == "replaced");
            assert_eq!(replaced.map(|(number, _)| number).collect::<Vec<_>>(), void);
        }
        let (request, right) = mine.expect("a code");
        let asked = CompleteSignup { request_id: Some(request), ..signup(ANN, &right) };
        sign_up(&bench.identity, asked).await.expect("an account");
        // What is over takes no place.
        let old = bench.scene.mail_codes().await.len();
        bench.clock.forward_seconds(600);
        for _ in 0..3 {
            ask_from(&bench.identity, Login, ANN, me).await.expect("a code");
            bench.clock.forward_seconds(30);
        }
        assert!(bench.scene.mail_codes().await[old..].iter().all(|code| code.state == "open"));
    })
    .await;
}

#[tokio::test]
async fn the_server_mails_no_more_than_it_may_in_an_hour() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let now = Timestamp(1_795_000_000_000);
        bench.scene.note_mails(now.plus_seconds(-600), 2_999).await;
        ask(&bench.identity, Signup, ANN).await.expect("the last one");
        let refusal = refused(ask(&bench.identity, Signup, "bob@example.com").await);
        assert_eq!((refusal.code, refusal.retry_after()), (ErrorCode::MailRateLimited, Some(3_000)));
        bench.clock.forward_seconds(3_000);
        ask(&bench.identity, Signup, "bob@example.com").await.expect("an hour later");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_mailbox_is_refused_in_silence() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let before = bench.scene.counts().await;
        let long = format!("{}@example.com", "a".repeat(243));
        for (email, expected) in [
            (Value::Null, ErrorCode::EmailRequired),
            (json!(""), ErrorCode::EmailRequired),
            (json!(" \r\n\t"), ErrorCode::EmailRequired),
            (json!(7), ErrorCode::EmailInvalid),
            (json!(["a@example.com"]), ErrorCode::EmailInvalid),
            (json!("ann"), ErrorCode::EmailInvalid),
            (json!(" ann@example.com"), ErrorCode::EmailInvalid),
            (json!("a@example.com\r\nBcc: b@y.example"), ErrorCode::EmailInvalid),
            (json!("a@example.com\n"), ErrorCode::EmailInvalid),
            (json!("a\0@example.com"), ErrorCode::EmailInvalid),
            (json!("a%0d%0a@example.com"), ErrorCode::EmailInvalid),
            (json!("a@b@example.com"), ErrorCode::EmailInvalid),
            (json!("\"a b\"@example.com"), ErrorCode::EmailInvalid),
            (json!("adm\u{131}n@example.com"), ErrorCode::EmailInvalid),
            (json!("\u{212a}ate@example.com"), ErrorCode::EmailInvalid),
            (json!("\u{fb01}@example.com"), ErrorCode::EmailInvalid),
            (json!("\u{ff41}nn@example.com"), ErrorCode::EmailInvalid),
            (json!(long), ErrorCode::EmailInvalid),
        ] {
            let request = RequestCode { email: Some(email.clone()), ..RequestCode::default() };
            let refused = bench.identity.request_code(Signup, HOME, request, None).await;
            assert_eq!(code(refused), expected, "{email}");
        }
        let missing = bench.identity.request_code(Login, HOME, RequestCode::default(), None).await;
        assert_eq!(code(missing), ErrorCode::EmailRequired);
        for machine in ["two\nlines", "\u{202e}evil", &"m".repeat(65)] {
            let request = RequestCode { machine: Some(machine.to_owned()), ..asked(ANN) };
            let refused = bench.identity.request_code(Signup, HOME, request, None).await;
            assert_eq!(code(refused), ErrorCode::InvalidName, "{machine:?}");
        }
        let request = RequestCode { request_id: Some("otp_1".to_owned()), ..asked(ANN) };
        let refused = bench.identity.request_code(Signup, HOME, request, None).await;
        assert_eq!(code(refused), ErrorCode::InvalidRequest);
        assert_eq!((bench.post.count(), bench.scene.counts().await), (0, before));
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_is_refused_counts_for_the_address_and_not_for_the_mailbox() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        let (first, old) = bench.code(Signup, ANN).await;
        bench.clock.forward_seconds(30);
        let before = bench.scene.mail_codes().await;
        bench.post.set(Delivery::Refused);
        // It was to take the place of the first.
        let again = || RequestCode { request_id: Some(first.to_string()), ..asked(ANN) };
        for _ in 0..59 {
            let answer = bench.identity.request_code(Signup, HOME, again(), None).await;
            assert_eq!(code(answer), ErrorCode::MailUnavailable);
        }
        let answer = bench.identity.request_code(Signup, HOME, again(), None).await;
        assert_eq!(code(answer), ErrorCode::IpRateLimited);
        assert_eq!(bench.scene.mail_codes().await, before);
        bench.post.set(Delivery::Taken);
        ask_from(&bench.identity, Signup, ANN, address(1)).await.expect("a code for the mailbox, at once");
        let asked = CompleteSignup { request_id: Some(first.to_string()), ..signup(ANN, &old) };
        sign_up(&bench.identity, asked).await.expect("the code from before");
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_may_have_been_taken_counts_for_the_mailbox_too_but_nobody_waits() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        for _ in 0..18 {
            bench.code(Signup, ANN).await;
            bench.clock.forward_seconds(30);
        }
        let before = bench.scene.mail_codes().await;
        bench.post.set(Delivery::Silent);
        let asking = ask(&bench.identity, Signup, ANN);
        let answer = tokio::time::timeout(Duration::from_secs(5), asking).await.expect("in time");
        assert_eq!(code(answer), ErrorCode::MailUnavailable);
        assert_eq!(bench.scene.mail_codes().await, before, "the code is void");
        bench.post.set(Delivery::Taken);
        ask(&bench.identity, Signup, ANN).await.expect("another at once");
        bench.clock.forward_seconds(30);
        assert_eq!(code(ask(&bench.identity, Signup, ANN).await), ErrorCode::EmailRateLimited);
    })
    .await;
}

#[tokio::test]
async fn a_caller_who_goes_away_leaves_no_code_that_nobody_was_mailed() {
    on_both(|scene| async move {
        let bench = Bench::new(scene);
        bench.post.set(Delivery::Silent);
        let leaving = tokio::time::timeout(Duration::from_secs(1), ask(&bench.identity, Signup, ANN)).await;
        assert!(leaving.is_err() && bench.scene.mail_codes().await.len() == 1, "it is being mailed");
        let gone = async {
            while !bench.scene.mail_codes().await.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), gone).await.expect("taken back");
        bench.post.set(Delivery::Taken);
        ask(&bench.identity, Signup, ANN).await.expect("no cooldown");
    })
    .await;
}
