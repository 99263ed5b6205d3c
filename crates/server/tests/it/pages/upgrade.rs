//! Temporary accounts that a person takes over while signing in: security rule 13.

use keywright_protocol::wire::UpgradeTicket;
use keywright_protocol::{ErrorCode, routes};
use keywright_testkit::{Account, Call, TestServer, on_both};
use serde_json::json;

use crate::mailbox::{call_models, whoami};
use crate::oauth::register::native;
use crate::oauth::scene::{begin, poll, refresh, refused, text};
use crate::pages::authorize::{ALLOW, answer_of, link, tokens_for};
use crate::pages::browser::{Browser, assert_page, changed, filled_in, hidden};

async fn ticket(server: &TestServer, account: &Account) -> String {
    let made: UpgradeTicket =
        server.data(Call::post(routes::UPGRADE_TICKET, &json!({})).token(&account.token)).await;
    server.keep_out_of_the_log(&made.ticket);
    assert!(made.ticket.len() >= 32, "128 bits");
    made.ticket
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_takes_the_temporary_account_over_and_every_credential_of_it_dies() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let key = server.gateway_key(&account.token).await;
        assert_eq!(server.call(call_models(&key)).await.status, 200);
        server.ended_records(&account.token, 1).await;
        let link = link(&[("upgrade", &ticket(&server, &account).await)]);
        let mut browser = Browser::signed_in(&server, "a@example.com").await;
        let page = browser.get(&server, &link).await;
        assert_page(&page, 200);
        for part in
            ["Take over the temporary account of ", "1 record.", "Its token and its key stop working."]
        {
            assert!(page.text().contains(part), "no {part}: {}", page.text());
        }
        let fields = filled_in(&page);
        let allowed = browser.post(&server, &link, &changed(&fields, &[ALLOW])).await;
        for dead in [&account.token, &key] {
            server.call(call_models(dead)).await.assert_refused(ErrorCode::KeyRevoked);
        }
        let tokens = tokens_for(&server, &allowed).await;
        assert_eq!(text(&tokens, "upgrade"), "merged");
        let access = text(&tokens, "access_token");
        let who = whoami(&server, access).await;
        assert!(who.account.organization_id != account.organization && !who.administrator);
        let records = server.ended_records(access, 1).await;
        assert_eq!(records[0].user_id, who.account.user_id);
        // The ticket was good once. That ends no login.
        let again = browser.get(&server, &link).await;
        assert!(again.text().contains("cannot be taken over any more"), "{}", again.text());
        let fields = filled_in(&again);
        let fields = changed(&fields, &[("take_over", Some("yes")), ALLOW]);
        let tokens = tokens_for(&server, &browser.post(&server, &link, &fields).await).await;
        assert_eq!(text(&tokens, "upgrade"), "unavailable");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_unticks_it_leaves_the_temporary_account_as_it_was() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let link = link(&[("upgrade", &ticket(&server, &account).await)]);
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let fields = filled_in(&browser.get(&server, &link).await);
    assert!(fields.iter().any(|(name, _)| name == "take_over"));
    let fields = changed(&fields, &[("take_over", None), ALLOW]);
    let tokens = tokens_for(&server, &browser.post(&server, &link, &fields).await).await;
    assert_eq!(text(&tokens, "upgrade"), "declined");
    whoami(&server, &account.token).await;
    assert!(browser.get(&server, &link).await.text().contains("cannot be taken over any more"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_brings_its_temporary_account_along() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let ticket = ticket(&server, &account).await;
        let codes = begin(&server, &[("client_id", "keywright-cli"), ("upgrade", &ticket)]).await.json();
        let mut browser = Browser::signed_in(&server, "a@example.com").await;
        let user_code = text(&codes, "user_code");
        let form = hidden(&browser.get(&server, "/device").await, "form");
        let shown = browser.post(&server, "/device", &[("form", &form), ("user_code", user_code)]).await;
        assert!(shown.text().contains("0 records. Its token stops working."), "{}", shown.text());
        whoami(&server, &account.token).await;
        let fields = filled_in(&shown);
        let allowed = browser.post(&server, "/device", &changed(&fields, &[ALLOW])).await;
        assert_page(&allowed, 200);
        assert!(allowed.text().contains("The temporary account is part of yours now."));
        server.call(call_models(&account.token)).await.assert_refused(ErrorCode::KeyRevoked);
        let tokens = poll(&server, "keywright-cli", text(&codes, "device_code")).await.json();
        assert_eq!(text(&tokens, "upgrade"), "merged");
        // Who is turned away takes nothing along.
        let other = server.account().await;
        let ticket = self::ticket(&server, &other).await;
        let codes = begin(&server, &[("client_id", "keywright-cli"), ("upgrade", &ticket)]).await.json();
        let fields =
            [("form", form.as_str()), ("user_code", text(&codes, "user_code")), ("decision", "deny")];
        assert_page(&browser.post(&server, "/device", &fields).await, 200);
        whoami(&server, &other.token).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_command_line_takes_temporary_accounts_over() {
    let server = TestServer::start().await;
    let ticket = ticket(&server, &server.account().await).await;
    let other = native(&server).await;
    let browser = Browser::signed_in(&server, "a@example.com").await;
    let link = link(&[
        ("client_id", text(&other, "client_id")),
        ("redirect_uri", "http://127.0.0.1/cb"),
        ("upgrade", &ticket),
    ]);
    let told = answer_of(&browser.get(&server, &link).await);
    assert_eq!(told("error").as_deref(), Some("invalid_request"));
    let device = crate::oauth::register::site(&server).await;
    let asked = [
        ("client_id", text(&device, "client_id")),
        ("client_secret", text(&device, "client_secret")),
        ("upgrade", &ticket),
    ];
    refused(&begin(&server, &asked).await, 401, "invalid_client");
    let basic = crate::oauth::scene::form(
        keywright_protocol::oauth_routes::DEVICE_AUTHORIZATION,
        &[("upgrade", &ticket)],
    );
    refused(&server.call(crate::oauth::register::proven(&device, basic)).await, 400, "invalid_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_is_a_temporary_accounts_for_a_quarter_of_an_hour_and_good_for_nothing_else() {
    let server = TestServer::start().await;
    let ask = |token: &str| Call::post(routes::UPGRADE_TICKET, &json!({})).token(token);
    let account = server.account().await;
    let key = server.gateway_key(&account.token).await;
    server.call(ask(&key)).await.assert_refused(ErrorCode::UpgradeRefused);
    let person = server.person("b@example.com").await;
    server.call(ask(&person.token)).await.assert_refused(ErrorCode::UpgradeRefused);
    server.call(Call::post(routes::UPGRADE_TICKET, &json!({}))).await.assert_refused(ErrorCode::KeyMissing);
    let ticket = ticket(&server, &account).await;
    server.call(Call::get(routes::WHOAMI).token(&ticket)).await.assert_refused(ErrorCode::WrongKeyKind);
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let link = link(&[("upgrade", &ticket)]);
    server.clock.advance_seconds(899);
    let page = browser.get(&server, &link).await;
    assert!(page.text().contains("Take over"), "{}", page.text());
    let fields = filled_in(&page);
    server.clock.advance_seconds(1);
    // It ran out while the page was looked at.
    let tokens = tokens_for(&server, &browser.post(&server, &link, &changed(&fields, &[ALLOW])).await).await;
    assert_eq!(text(&tokens, "upgrade"), "unavailable");
    whoami(&server, &account.token).await;
    assert!(browser.get(&server, &link).await.text().contains("cannot be taken over any more"));
}

/// Whoever else reads the link would administer the server.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_administers_is_not_to_be_had_by_a_ticket() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let link = link(&[("upgrade", &ticket(&server, &account).await)]);
    let code = json!({"code": server.claim_code()});
    assert_eq!(server.call(Call::post(routes::CLAIM, &code).token(&account.token)).await.status, 200);
    let ask = Call::post(routes::UPGRADE_TICKET, &json!({})).token(&account.token);
    server.call(ask).await.assert_refused(ErrorCode::UpgradeRefused);
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let page = browser.get(&server, &link).await;
    assert!(page.text().contains("cannot be taken over any more"), "{}", page.text());
    let fields = filled_in(&page);
    let fields = changed(&fields, &[("take_over", Some("yes")), ALLOW]);
    let tokens = tokens_for(&server, &browser.post(&server, &link, &fields).await).await;
    assert_eq!(text(&tokens, "upgrade"), "unavailable");
    assert!(!whoami(&server, text(&tokens, "access_token")).await.administrator);
    assert!(whoami(&server, &account.token).await.administrator);
}

/// What an administrator of the command line claims stays when its access token is over.
#[tokio::test(flavor = "multi_thread")]
async fn who_claims_with_a_session_administers_after_the_next_refresh_as_well() {
    let server = TestServer::start().await;
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let link = link(&[]);
    let fields = filled_in(&browser.get(&server, &link).await);
    let tokens = tokens_for(&server, &browser.post(&server, &link, &changed(&fields, &[ALLOW])).await).await;
    let code = json!({"code": server.claim_code()});
    let claimed = server.call(Call::post(routes::CLAIM, &code).token(text(&tokens, "access_token"))).await;
    assert_eq!(claimed.status, 200, "{}", claimed.text());
    let next = refresh(&server, text(&tokens, "refresh_token")).await.json();
    for token in [text(&tokens, "access_token"), text(&next, "access_token")] {
        assert!(whoami(&server, token).await.administrator);
    }
}
