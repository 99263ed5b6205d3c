use keywright_testkit::{TestServer, on_both};

use crate::oauth::scene::{begin, poll, refused, text};
use crate::pages::authorize::ALLOW;
use crate::pages::browser::{Browser, assert_page, changed, filled_in, hidden, organization};

async fn looks(browser: &mut Browser, server: &TestServer, code: &str) -> keywright_testkit::Whole {
    let form = hidden(&browser.get(server, "/device").await, "form");
    browser.post(server, "/device", &[("form", &form), ("user_code", code)]).await
}

/// Abuse cases 51 to 53.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_let_in_by_two_presses_even_with_the_complete_link() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let codes = begin(&server, &[("client_id", "keywright-cli"), ("machine", "<b>box</b>")]).await.json();
        let (user_code, device_code) = (text(&codes, "user_code"), text(&codes, "device_code"));
        let link = format!("/device?user_code={user_code}");
        let mut browser = Browser::default();
        let first = browser.get(&server, &link).await;
        let expected = format!("/login?next=%2Fdevice%3Fuser_code%3D{user_code}");
        assert_eq!((first.status, first.header("location")), (303, Some(expected.as_str())));
        browser.signs_in(&server, "a@example.com", &link).await;
        let page = browser.get(&server, &link).await;
        assert_page(&page, 200);
        assert!(page.text().contains(&format!("value=\"{user_code}\"")));
        refused(&poll(&server, "keywright-cli", device_code).await, 400, "authorization_pending");
        let form = hidden(&page, "form");
        let shown = browser.post(&server, "/device", &[("form", &form), ("user_code", user_code)]).await;
        assert_page(&shown, 200);
        for part in [
            user_code,
            "Keywright command line",
            "&#60;b&#62;box",
            "loopback",
            " UTC",
            "call models (models:use)",
            "90 days",
        ] {
            assert!(shown.text().contains(part), "no {part}: {}", shown.text());
        }
        server.clock.advance_seconds(5);
        refused(&poll(&server, "keywright-cli", device_code).await, 400, "authorization_pending");
        let chosen = organization(&shown);
        let fields = [
            ("form", form.as_str()),
            ("user_code", user_code),
            ("organization", &chosen),
            ("decision", "allow"),
        ];
        assert_page(&browser.post(&server, "/device", &fields).await, 200);
        assert_page(&browser.post(&server, "/device", &fields).await, 409);
        assert_eq!(poll(&server, "keywright-cli", device_code).await.status, 200);
        let codes = begin(&server, &[("client_id", "keywright-cli")]).await.json();
        let fields =
            [("form", form.as_str()), ("user_code", text(&codes, "user_code")), ("decision", "deny")];
        assert_page(&browser.post(&server, "/device", &fields).await, 200);
        refused(&poll(&server, "keywright-cli", text(&codes, "device_code")).await, 400, "access_denied");
    })
    .await;
}

/// Abuse case 49.
#[tokio::test(flavor = "multi_thread")]
async fn ten_wrong_codes_lock_and_a_right_one_in_between_clears_nothing() {
    let server = TestServer::start().await;
    let codes = begin(&server, &[("client_id", "keywright-cli")]).await.json();
    let mut guesser = Browser::signed_in(&server, "a@example.com").await;
    let mut honest = Browser::signed_in(&server, "b@example.com").await;
    for number in 0..10 {
        if number == 5 {
            assert_page(&looks(&mut honest, &server, text(&codes, "user_code")).await, 200);
        }
        assert_page(&looks(&mut guesser, &server, "BBBB-BBBB").await, 404);
    }
    let locked = looks(&mut guesser, &server, text(&codes, "user_code")).await;
    assert_page(&locked, 429);
    assert!(locked.text().contains("Try again in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_code_as_the_device_does_however_it_was_entered() {
    let server = TestServer::start().await;
    let codes = begin(&server, &[("client_id", "keywright-cli")]).await.json();
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let code = text(&codes, "user_code");
    let typed = code.to_lowercase().replace('-', " ");
    let shown = looks(&mut browser, &server, &typed).await;
    assert!(shown.text().contains(&format!("<strong>{code}</strong>")), "{}", shown.text());
}

/// What all together may try would else be for one of them to use up.
#[tokio::test(flavor = "multi_thread")]
async fn one_address_tries_sixty_codes_an_hour_whoever_signs_in_there() {
    let server = TestServer::start().await;
    let mut guesser = Browser::default();
    for number in 0..60 {
        if number % 10 == 0 {
            server.clock.advance_seconds(61);
            guesser = Browser::signed_in(&server, &format!("guesser-{number}@example.com")).await;
        }
        assert_page(&looks(&mut guesser, &server, "BBBB-BBBB").await, 404);
    }
    server.clock.advance_seconds(61);
    let mut next = Browser::signed_in(&server, "next@example.com").await;
    assert_page(&looks(&mut next, &server, "BBBB-BBBB").await, 429);
}

/// Checklist 1.3.11.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_lets_a_device_do_less_and_for_less_time() {
    let server = TestServer::start().await;
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let asked = [("client_id", "keywright-cli"), ("scope", "openid models:use"), ("lifetime", "86400")];
    let codes = begin(&server, &asked).await.json();
    let shown = looks(&mut browser, &server, text(&codes, "user_code")).await;
    assert!(shown.text().contains(">1 day<") && !shown.text().contains(">7 days<"), "{}", shown.text());
    let fields = filled_in(&shown);
    let nothing = changed(&fields, &[("may:openid", None), ("may:models:use", None), ALLOW]);
    let again = browser.post(&server, "/device", &nothing).await;
    assert_page(&again, 200);
    assert!(again.text().contains("Tick something"), "{}", again.text());
    let nowhere = changed(&fields, &[("organization", Some("org_0")), ALLOW]);
    let again = browser.post(&server, "/device", &nowhere).await;
    assert!(again.text().contains("Choose an organization."), "{}", again.text());
    let less = changed(&fields, &[("may:openid", None), ("life", Some("3600")), ALLOW]);
    assert_page(&browser.post(&server, "/device", &less).await, 200);
    let tokens = poll(&server, "keywright-cli", text(&codes, "device_code")).await.json();
    assert_eq!(text(&tokens, "scope"), "models:use");
    server.clock.advance_seconds(3_600);
    let over = crate::oauth::scene::refresh(&server, text(&tokens, "refresh_token")).await;
    refused(&over, 400, "invalid_grant");
    for wrong in ["3599", "x"] {
        let asked = [("client_id", "keywright-cli"), ("lifetime", wrong)];
        refused(&begin(&server, &asked).await, 400, "invalid_request");
    }
}
