//! Codes on their way: from a request over HTTP through a real mail server to a key.

use std::time::{Duration, Instant};

use keywright_protocol::{ErrorCode, routes};
use keywright_testkit::{Call, MailManner, MailServer, Setup, Whole, code_in, on_both};
use serde_json::{Value, json};

const MAILBOX: &str = "agent@example.com";

fn by_smtp(setup: Setup, url: &str) -> Setup {
    setup.set("mail.smtp", url).set("mail.from", "Keywright <keywright@mail.example>")
}

fn request(mailbox: &str) -> Call {
    let asked = json!({"email": mailbox, "machine": "build-7"});
    Call::post(routes::SIGNUP_REQUEST, &asked).header("user-agent", "curl/8.5.0")
}

fn complete(mailbox: &str, code: &str) -> Call {
    Call::post(routes::SIGNUP_COMPLETE, &json!({"email": mailbox, "code": code}))
}

/// Asserts that the mail was not sent, and that this was told as it should be.
fn assert_unavailable(answer: &Whole) {
    answer.assert_refused(ErrorCode::MailUnavailable);
    let next = answer.json()["error"]["nextAction"].as_str().expect("what to do").to_owned();
    assert!(next.contains("Try again shortly"), "{next}");
    assert_eq!(answer.header("retry-after"), None, "there is no wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_goes_by_smtp_names_who_asked_and_gets_a_key() {
    let mails = MailServer::start(MailManner::plain().login("me", "canary-of-the-login"));
    let url = format!("smtp://me:canary-of-the-login@127.0.0.1:{}", mails.port());
    let mut server = by_smtp(Setup::new().await, &url).start().await;
    server.guard_provider_key("canary-of-the-login");
    let told: Value = server.data(request("Agent@Example.com")).await;
    assert_eq!((told["email"].as_str(), told["expiresInSeconds"].as_i64()), (Some(MAILBOX), Some(600)));
    let mail = mails.next();
    assert_eq!((&mail.to[..], mail.login.as_deref()), (&[MAILBOX.to_owned()][..], Some("me")));
    for part in ["sign up", "127.0.0.1", "curl/8.5.0", "build-7", "10 minutes"] {
        assert!(mail.message.contains(part), "no {part}: {}", mail.message);
    }
    assert!(server.outbox().is_empty(), "it is in one place only");
    let made: Value = server.data(complete(MAILBOX, &code_in(&mail.message))).await;
    let key = made["apiKey"]["raw"].as_str().expect("the key");
    let who: Value = server.data(Call::get(routes::WHOAMI).token(key)).await;
    assert_eq!(who["account"]["organizationId"], made["organizationId"]);
    assert_eq!(mails.mails().len(), 1, "one request, one mail");
    let metrics = server.call_operations(Call::get(routes::METRICS)).await;
    let counted = r#"keywright_mails_total{kind="code",outcome="sent"}"#;
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_down_costs_nobody_anything_and_the_next_request_is_mailed_at_once() {
    on_both(|setup: Setup| async {
        let mails = MailServer::start(MailManner::plain());
        let server = by_smtp(setup, &mails.url()).start().await;
        let port = mails.stop();
        for _ in 0..3 {
            assert_unavailable(&server.call(request(MAILBOX)).await);
        }
        let mails = MailServer::start(MailManner::plain().port(port));
        let _: Value = server.data(request(MAILBOX)).await;
        let code = mails.next_code(MAILBOX);
        server.call(request(MAILBOX)).await.assert_refused(ErrorCode::OtpResendCooldown);
        let _: Value = server.data(complete(MAILBOX, &code)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_mail_server_is_given_up_within_five_seconds() {
    let mails = MailServer::start(MailManner::plain().slow(30));
    let server = by_smtp(Setup::new().await, &mails.url()).start().await;
    let begun = Instant::now();
    assert_unavailable(&server.call(request(MAILBOX)).await);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_the_mail_server_refuses_is_told_and_others_are_mailed() {
    let mails = MailServer::start(MailManner::plain().refusing(MAILBOX));
    let server = by_smtp(Setup::new().await, &mails.url()).start().await;
    assert_unavailable(&server.call(request(MAILBOX)).await);
    let _: Value = server.data(request("other@example.com")).await;
    mails.next_code("other@example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_mail_server_the_outbox_has_the_code_and_keeps_it_for_a_week() {
    // With a setting of mail there is no stand-in for it.
    let server = Setup::new().await.set("mail.from", "keywright@example.com").start().await;
    let _: Value = server.data(request(MAILBOX)).await;
    let code = server.mailed_code(MAILBOX);
    let _: Value = server.data(complete(MAILBOX, &code)).await;
    assert_eq!(server.outbox()[0].subject, "Your code to sign up");
}
