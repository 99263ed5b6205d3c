//! Signing up and in by mailbox code, as a program without a browser does it: four routes, no token.

use std::time::Duration;

use keywright_protocol::wire::{CodeRequested, SignedIn, WhoAmI};
use keywright_protocol::{ErrorCode, KeyId, routes};
use keywright_testkit::usual::Kind;
use keywright_testkit::{Call, Delivery, MailContent, Setup, TestServer, on_both};
use serde_json::{Value, json};

use crate::scene::call;

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

/// Sends `body` to `path` and looks at the refusal in every respect that all of them share.
async fn refuse(server: &TestServer, path: &str, body: Value, code: ErrorCode) -> Value {
    refuse_call(server, Call::post(path, &body), code).await
}

pub(crate) async fn refuse_call(server: &TestServer, call: Call, code: ErrorCode) -> Value {
    let answer = server.call(call).await;
    answer.assert_refused(code);
    let mut body = answer.json();
    assert_eq!((&body["success"], &body["status"]), (&json!(false), &json!(code.status())));
    let error = &body["error"];
    for text in ["message", "nextAction"] {
        assert!(error[text].as_str().is_some_and(|text| text.ends_with('.')), "{text}: {error}");
    }
    assert!(body["requestId"].as_str().is_some_and(|id| id.starts_with("req_")));
    let wait = &error["details"]["retryInSeconds"];
    assert_eq!(answer.header("retry-after").map(str::to_owned), wait.as_i64().map(|wait| wait.to_string()));
    body["error"].take()
}

/// A code unlike that one.
fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

pub(crate) async fn whoami(server: &TestServer, token: &str) -> WhoAmI {
    server.data(Call::get(routes::WHOAMI).token(token)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_calls_make_an_account_and_two_more_another_key() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let asked = json!({ "email": "Ann@Example.com", "machine": "build-7" });
        let call = Call::post(routes::SIGNUP_REQUEST, &asked).header("user-agent", "curl/8 \u{e9}x");
        let requested: CodeRequested = server.data(call).await;
        assert_eq!((requested.email.as_str(), requested.expires_in_seconds), (ANN, 600));
        let mails = server.post.mails();
        let MailContent::Code { asker, .. } = &mails[0].content else { panic!("another mail") };
        assert!(asker.address.is_loopback());
        assert_eq!((asker.client.as_deref(), asker.machine.as_deref()), (Some("curl/8 x"), Some("build-7")));

        let code = server.post.code(ANN).expect("a code");
        let company = json!({ "name": "Acme", "description": "Makes everything." });
        let key = json!({ "name": "laptop", "expiresInDays": 30 });
        let request = requested.request_id;
        let body =
            json!({ "email": ANN, "code": code, "requestId": request, "company": company, "apiKey": key });
        let answer = server.call(Call::post(routes::SIGNUP_COMPLETE, &body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let data = &answer.json()["data"];
        assert_eq!((&data["organizationName"], &data["isNewUser"]), (&json!("Acme"), &json!(true)));
        let (raw, prefix) = (&data["apiKey"]["raw"], &data["apiKey"]["keyPrefix"]);
        let raw = raw.as_str().expect("the key itself");
        server.keep_out_of_the_log(raw);
        assert!(raw.starts_with("sk_kw_") && raw.starts_with(prefix.as_str().expect("a prefix")));
        let scopes: Vec<&str> =
            data["apiKey"]["scopes"].as_array().expect("scopes").iter().filter_map(Value::as_str).collect();
        let ten = [
            "deploy:use-case",
            "projects:create",
            "workflows:trigger",
            "executions:read",
            "instances:read",
            "instances:manage",
            "skills:read",
            "integrations:manage",
            "api-keys:manage",
            "projects:read",
        ];
        assert!(ten.iter().all(|scope| scopes.contains(scope)) && scopes.contains(&"models:use"));
        let who = whoami(&server, raw).await;
        assert_eq!((who.email.as_deref(), who.organization_name.as_str()), (Some(ANN), "Acme"));
        assert!(!who.temporary && !who.administrator && who.expires_at.is_some());
        // It calls models at once.
        assert_eq!(server.call(call_models(raw)).await.status, 200);

        let code = server.mailed(routes::LOGIN_REQUEST, ANN).await;
        let body = json!({ "email": ANN, "code": code });
        let again: SignedIn = server.data(Call::post(routes::LOGIN_COMPLETE, &body)).await;
        assert_eq!((again.organization_name.as_str(), again.is_new_user), ("Acme", false));
        let second = again.api_key.raw.expect("the key itself");
        assert_ne!(second, raw);
        assert_eq!(whoami(&server, &second).await.account.user_id, who.account.user_id);
        whoami(&server, raw).await;
    })
    .await;
}

pub(crate) fn call_models(token: &str) -> Call {
    call(Kind::Messages, false, token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_code_is_refused_with_what_to_do() {
    let server = TestServer::start().await;
    for path in [routes::SIGNUP_REQUEST, routes::LOGIN_REQUEST] {
        refuse(&server, path, json!({}), ErrorCode::EmailRequired).await;
        refuse(&server, path, json!({ "email": null }), ErrorCode::EmailRequired).await;
        refuse(&server, path, json!({ "email": "a@x.com\r\nBcc: b@y.com" }), ErrorCode::EmailInvalid).await;
        refuse(&server, path, json!({ "email": 7 }), ErrorCode::EmailInvalid).await;
        refuse(&server, path, json!({ "email": ANN, "x": 1 }), ErrorCode::InvalidRequest).await;
        refuse(&server, path, json!({ "email": ANN, "machine": "a\nb" }), ErrorCode::InvalidName).await;
    }
    let error =
        refuse(&server, routes::LOGIN_REQUEST, json!({ "email": ANN }), ErrorCode::UserNotFound).await;
    assert!(error["nextAction"].as_str().expect("a text").contains("signup-request"));
    assert_eq!(server.post.count(), 0);

    server.mailed(routes::SIGNUP_REQUEST, ANN).await;
    let error =
        refuse(&server, routes::SIGNUP_REQUEST, json!({ "email": ANN }), ErrorCode::OtpResendCooldown).await;
    assert_eq!(error["details"]["retryInSeconds"], 30);
    let bob = server.person(BOB).await;
    let taken = ErrorCode::UserAlreadyHasOrganization;
    let error = refuse(&server, routes::SIGNUP_REQUEST, json!({ "email": "BOB@example.com" }), taken).await;
    assert!(error["nextAction"].as_str().expect("a text").contains("login-request"));
    let path = routes::organization(bob.organization);
    let _: Value = server.data(Call::new("DELETE", &path).token(&bob.token)).await;
    let homeless = ErrorCode::UserHasNoOrganization;
    let error = refuse(&server, routes::LOGIN_REQUEST, json!({ "email": BOB }), homeless).await;
    assert!(error["nextAction"].as_str().expect("a text").contains("signup-request"));
}

/// Behind a proxy, each caller has an address of its own.
#[tokio::test(flavor = "multi_thread")]
async fn mailboxes_and_addresses_have_limits_of_their_own() {
    let setup = Setup::new().await.set("trusted_proxies", "127.0.0.1");
    let server = setup.start().await;
    let ask = |email: &str, address: &str| {
        Call::post(routes::SIGNUP_REQUEST, &json!({ "email": email })).header("x-forwarded-for", address)
    };
    for number in 0..20 {
        let _: CodeRequested = server.data(ask(ANN, &format!("192.0.2.{number}"))).await;
        server.clock.advance_seconds(30);
    }
    let error = refuse_call(&server, ask(ANN, "192.0.2.99"), ErrorCode::EmailRateLimited).await;
    assert_eq!(error["details"]["retryInSeconds"], 3_000);
    for number in 0..60 {
        let email = format!("a{number}@example.com");
        let _: CodeRequested = server.data(ask(&email, &format!("2001:db8::{number:x}"))).await;
    }
    let error = refuse_call(&server, ask(BOB, "2001:db8::ffff"), ErrorCode::IpRateLimited).await;
    assert_eq!(error["details"]["retryInSeconds"], 3_600);
    let _: CodeRequested = server.data(ask(BOB, "198.51.100.1")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_comes_back_is_refused_with_what_to_do() {
    let server = TestServer::start().await;
    for path in [routes::SIGNUP_COMPLETE, routes::LOGIN_COMPLETE] {
        let sent = |code: &str| json!({ "email": ANN, "code": code });
        refuse(&server, path, json!({ "code": "123456" }), ErrorCode::EmailRequired).await;
        refuse(&server, path, json!({ "email": "ann", "code": "123456" }), ErrorCode::EmailInvalid).await;
        refuse(&server, path, json!({ "email": ANN, "code": 123_456 }), ErrorCode::InvalidRequest).await;
        refuse(&server, path, sent("12345"), ErrorCode::OtpInvalid).await;
        refuse(&server, path, json!({ "email": ANN }), ErrorCode::OtpInvalid).await;
        refuse(&server, path, sent("123456"), ErrorCode::OtpNotFound).await;
        let mut key = sent("123456");
        key["apiKey"] = json!({ "expiresInDays": 366 });
        refuse(&server, path, key.clone(), ErrorCode::InvalidExpiresInDays).await;
        key["apiKey"] = json!({ "name": "two\nlines" });
        refuse(&server, path, key, ErrorCode::InvalidName).await;
    }
    let code = server.mailed(routes::SIGNUP_REQUEST, ANN).await;
    let body = |code: &str| json!({ "email": ANN, "code": code });
    let mut company = body(&code);
    company["company"] = json!({ "name": "x".repeat(101) });
    refuse(&server, routes::SIGNUP_COMPLETE, company.clone(), ErrorCode::CompanyNameTooLong).await;
    company["company"] = json!({ "name": "a\u{202e}b" });
    refuse(&server, routes::SIGNUP_COMPLETE, company, ErrorCode::InvalidName).await;

    let error = refuse(&server, routes::LOGIN_COMPLETE, body(&code), ErrorCode::OtpPurposeMismatch).await;
    assert_eq!(error["details"]["attemptsRemaining"], 4);
    for left in [3, 2, 1] {
        let error = refuse(&server, routes::SIGNUP_COMPLETE, body(wrong(&code)), ErrorCode::OtpInvalid).await;
        assert_eq!(error["details"]["attemptsRemaining"], left);
    }
    for code in [wrong(&code), &code] {
        refuse(&server, routes::SIGNUP_COMPLETE, body(code), ErrorCode::OtpLockedOut).await;
    }
    server.clock.advance_seconds(30);
    let code = server.mailed(routes::SIGNUP_REQUEST, ANN).await;
    server.clock.advance_seconds(600);
    refuse(&server, routes::SIGNUP_COMPLETE, body(&code), ErrorCode::OtpExpired).await;
    let code = server.mailed(routes::SIGNUP_REQUEST, ANN).await;
    let _: SignedIn = server.data(Call::post(routes::SIGNUP_COMPLETE, &body(&code))).await;
    refuse(&server, routes::SIGNUP_COMPLETE, body(&code), ErrorCode::OtpAlreadyUsed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raced_signup_is_sent_to_the_login() {
    let server = TestServer::start().await;
    let mut codes = Vec::new();
    for _ in 0..2 {
        let asked: CodeRequested =
            server.data(Call::post(routes::SIGNUP_REQUEST, &json!({ "email": ANN }))).await;
        codes.push((asked.request_id, server.post.code(ANN).expect("a code")));
        server.clock.advance_seconds(30);
    }
    let body = |(request, code): &(_, String)| json!({ "email": ANN, "code": code, "requestId": request });
    let _: SignedIn = server.data(Call::post(routes::SIGNUP_COMPLETE, &body(&codes[0]))).await;
    let raced = ErrorCode::UserAlreadyHasOrganization;
    let error = refuse(&server, routes::SIGNUP_COMPLETE, body(&codes[1]), raced).await;
    assert!(error["nextAction"].as_str().expect("a text").contains("login-request"));
    server.mailed(routes::LOGIN_REQUEST, ANN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_names_the_organization_where_there_are_several() {
    let server = TestServer::start().await;
    let ann = server.person(ANN).await;
    let second: Value = server
        .data(Call::post(routes::ORGANIZATIONS, &json!({ "name": "Beta Corp" })).token(&ann.token))
        .await;
    server.keep_out_of_the_log(second["apiKey"]["raw"].as_str().expect("the key itself"));
    let second = &second["organization"]["organizationId"];
    let code = server.mailed(routes::LOGIN_REQUEST, ANN).await;
    let body = |organization: &Value| json!({ "email": ANN, "code": code, "organizationId": organization });
    let listed = json!([
        { "id": ann.organization, "name": "My Organization" }, { "id": second, "name": "Beta Corp" },
    ]);
    let several = ErrorCode::MultipleOrganizations;
    let error = refuse(&server, routes::LOGIN_COMPLETE, json!({ "email": ANN, "code": code }), several).await;
    assert_eq!(error["details"]["organizations"], listed);
    let stranger = server.person(BOB).await;
    for other in [json!(stranger.organization), json!("Beta Corp")] {
        let refused = ErrorCode::OrganizationNotMember;
        let error = refuse(&server, routes::LOGIN_COMPLETE, body(&other), refused).await;
        assert_eq!(error["details"]["organizations"], listed);
    }
    let made: SignedIn = server.data(Call::post(routes::LOGIN_COMPLETE, &body(second))).await;
    assert_eq!(json!(made.organization_id), *second);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_mailbox_comes_in_with_its_code() {
    let server = TestServer::start().await;
    let ann = server.person(ANN).await;
    let invited = json!({ "email": BOB, "role": "admin" });
    let path = routes::organization_invitations(ann.organization);
    let _: Value = server.data(Call::post(&path, &invited).token(&ann.token)).await;
    let code = server.mailed(routes::LOGIN_REQUEST, BOB).await;
    let nowhere = ErrorCode::UserHasNoOrganization;
    let error = refuse(&server, routes::LOGIN_COMPLETE, json!({ "email": BOB, "code": code }), nowhere).await;
    let there = json!([{ "organizationId": ann.organization, "organizationName": "My Organization" }]);
    assert_eq!(error["details"]["invitations"], there);
    let body = json!({ "email": BOB, "code": code, "organizationId": ann.organization });
    let made: SignedIn = server.data(Call::post(routes::LOGIN_COMPLETE, &body)).await;
    assert!(made.is_new_user && made.organization_id == ann.organization);
    let who = whoami(&server, made.api_key.raw.as_deref().expect("the key itself")).await;
    assert_eq!(who.role.map(|role| role.as_str()), Some("admin"));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_of_keys_a_login_makes_room() {
    let server = TestServer::start().await;
    let ann = server.person(ANN).await;
    for _ in 0..19 {
        server.gateway_key(&ann.token).await;
    }
    let code = server.mailed(routes::LOGIN_REQUEST, ANN).await;
    let mut body = json!({ "email": ANN, "code": code });
    let error = refuse(&server, routes::LOGIN_COMPLETE, body.clone(), ErrorCode::MaxApiKeysReached).await;
    let keys = error["details"]["keys"].as_array().expect("keys");
    assert_eq!((keys.len(), &error["details"]["limit"]), (20, &json!(20)));
    for key in keys {
        assert!(
            ["keyId", "name", "keyPrefix", "createdAt"].iter().all(|field| key[field].is_string()),
            "{key}"
        );
    }
    body["revokeKeys"] = json!([KeyId::new()]);
    refuse(&server, routes::LOGIN_COMPLETE, body.clone(), ErrorCode::NotFound).await;
    body["revokeKeys"] = json!([keys[0]["keyId"]]);
    let made: SignedIn = server.data(Call::post(routes::LOGIN_COMPLETE, &body)).await;
    whoami(&server, made.api_key.raw.as_deref().expect("the key itself")).await;
    assert_eq!(server.keys(&ann.token).await.keys.len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_nobody_takes_is_told_in_time_and_another_may_be_asked_for_at_once() {
    let server = TestServer::start().await;
    for delivery in [Delivery::Refused, Delivery::Silent] {
        server.post.set(delivery);
        let asking =
            refuse(&server, routes::SIGNUP_REQUEST, json!({ "email": ANN }), ErrorCode::MailUnavailable);
        tokio::time::timeout(Duration::from_secs(5), asking).await.expect("in time");
    }
    server.post.set(Delivery::Taken);
    server.person(ANN).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_sign_up_is_the_operators_choice() {
    let setup = Setup::new().await.set("auth.signup", "domains").set("auth.signup_domains", "example.com");
    let server = setup.start().await;
    let ann = server.person(ANN).await;
    let eve = json!({ "email": "eve@evil.example" });
    refuse(&server, routes::SIGNUP_REQUEST, eve.clone(), ErrorCode::SignupClosed).await;
    let path = routes::organization_invitations(ann.organization);
    let _: Value = server.data(Call::post(&path, &eve).token(&ann.token)).await;
    server.person("eve@evil.example").await;
}

/// Status, headers and shape of the answer, and the number of mails: whoever asks learns nothing of the mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn hidden_accounts_look_like_none() {
    let server = Setup::new().await.set("auth.hide_accounts", "true").start().await;
    server.person(ANN).await;
    for path in [routes::SIGNUP_REQUEST, routes::LOGIN_REQUEST] {
        let mut seen = Vec::new();
        for email in [ANN, "zoe@example.com"] {
            server.clock.advance_seconds(30);
            let before = server.post.count();
            let answer = server.call(Call::post(path, &json!({ "email": email }))).await;
            let mut body = answer.json();
            let data = body["data"].as_object_mut().expect("data");
            assert_eq!(data.remove("email"), Some(json!(email)));
            assert!(data.remove("requestId").expect("an id").as_str().is_some_and(|id| id.len() == 36));
            let headers: Vec<String> = answer
                .headers
                .keys()
                .map(|name| name.as_str().to_owned())
                .filter(|name| name != "date")
                .collect();
            seen.push((answer.status, headers, body, server.post.count() - before));
        }
        assert_eq!(seen[0], seen[1], "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_and_forms_have_no_code_mailed() {
    let server = TestServer::start().await;
    let body = json!({ "email": ANN });
    for path in
        [routes::SIGNUP_REQUEST, routes::LOGIN_REQUEST, routes::SIGNUP_COMPLETE, routes::LOGIN_COMPLETE]
    {
        let page = Call::post(path, &body).header("origin", "http://evil.example");
        server.call(page).await.assert_refused(ErrorCode::OriginNotAllowed);
        let form = Call::new("POST", path).body(body.to_string()).header("content-type", "text/plain");
        server.call(form).await.assert_refused(ErrorCode::InvalidJson);
    }
    assert_eq!(server.post.count(), 0);
}

/// Long codes are looked for, since short ones stand in any log by chance.
#[tokio::test(flavor = "multi_thread")]
async fn no_code_is_logged_or_answered() {
    let server = TestServer::start().await;
    // Guessing makes them long.
    for _ in 0..13 {
        let code = server.mailed(routes::SIGNUP_REQUEST, ANN).await;
        server.clock.advance_seconds(30);
        for _ in 0..4 {
            let guess = json!({ "email": ANN, "code": wrong(&code) });
            refuse(&server, routes::SIGNUP_COMPLETE, guess, ErrorCode::OtpInvalid).await;
        }
    }
    let code = server.mailed(routes::SIGNUP_REQUEST, ANN).await;
    assert_eq!(code.len(), 8);
    server.keep_out_of_the_log(&code);
    for path in [routes::LOGIN_COMPLETE, routes::SIGNUP_COMPLETE] {
        let answer = server.call(Call::post(path, &json!({ "email": ANN, "code": code }))).await;
        assert!(!answer.text().contains(&code));
    }
}
