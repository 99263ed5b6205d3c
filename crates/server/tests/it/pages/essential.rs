//! The mark for essential traffic only: stored, seen, and there until the person takes it away.

use keywright_protocol::wire::{SignedIn, TemporaryAccount};
use keywright_protocol::{Clock as _, routes};
use keywright_testkit::{Call, TestServer, on_both};
use serde_json::json;

use crate::mailbox::whoami;
use crate::oauth::register::{proven, site};
use crate::oauth::scene::{DEVICE_GRANT, Person, form, refused, text, token};
use crate::pages::browser::{Browser, hidden};

async fn marked(server: &TestServer, token: &str) -> bool {
    whoami(server, token).await.essential_traffic_only
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_marked_from_the_start_and_still_when_it_becomes_a_persons() {
    on_both(|setup| async move {
        let mut server = setup.start().await;
        let made: TemporaryAccount =
            server.data(Call::post(routes::TEMPORARY, &json!({"essentialTrafficOnly": true}))).await;
        assert!(marked(&server, &made.token).await);
        assert!(!marked(&server, &server.account().await.token).await);
        let signs_up = async |server: &TestServer, more: serde_json::Value, along: Option<&str>| {
            let email = format!("p{}@example.com", server.clock.now().0);
            server.clock.advance_seconds(1);
            let code = server.mailed(routes::SIGNUP_REQUEST, &email).await;
            let mut body = json!({"email": email, "code": code, "upgrade": along.is_some()});
            body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            let call = Call::post(routes::SIGNUP_COMPLETE, &body);
            let call = along.map_or(call.clone(), |token| call.token(token));
            let made: SignedIn = server.data(call).await;
            (email, made.api_key.raw.expect("the key itself"))
        };
        let (_, upgraded) = signs_up(&server, json!({}), Some(&made.token)).await;
        assert!(marked(&server, &upgraded).await, "same user");
        let (email, plain) = signs_up(&server, json!({}), None).await;
        assert!(!marked(&server, &plain).await);
        let (_, asked) = signs_up(&server, json!({"essentialTrafficOnly": true}), None).await;
        assert!(marked(&server, &asked).await);
        // A marked temporary account that goes into another marks that, and so does asking at a login.
        let along: TemporaryAccount =
            server.data(Call::post(routes::TEMPORARY, &json!({"essentialTrafficOnly": true}))).await;
        server.clock.advance_seconds(60);
        let code = server.mailed(routes::LOGIN_REQUEST, &email).await;
        let body = json!({"email": email, "code": code, "upgrade": true});
        let _: SignedIn = server.data(Call::post(routes::LOGIN_COMPLETE, &body).token(&along.token)).await;
        assert!(marked(&server, &plain).await, "each token knows at once");
        server.restart().await;
        assert!(marked(&server, &plain).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_marks_its_account_at_the_token_endpoint_and_the_person_takes_the_mark_away() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let person = Person::new(&server).await;
        let tokens = person.signs_in(&server, &[]).await;
        assert!(!marked(&server, text(&tokens, "access_token")).await);
        let grant = |token: &str, mark: &str| {
            [
                ("grant_type".to_owned(), "refresh_token".to_owned()),
                ("client_id".to_owned(), "keywright-cli".to_owned()),
                ("refresh_token".to_owned(), token.to_owned()),
                ("essential_traffic_only".to_owned(), mark.to_owned()),
            ]
        };
        let refreshed = async |token_text: &str, mark: &str| {
            let grant = grant(token_text, mark);
            let grant: Vec<(&str, &str)> = grant.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            token(&server, &grant).await
        };
        refused(&refreshed(text(&tokens, "refresh_token"), "yes").await, 400, "invalid_request");
        let next = refreshed(text(&tokens, "refresh_token"), "true").await.json();
        for known in [text(&tokens, "access_token"), text(&next, "access_token")] {
            assert!(marked(&server, known).await);
        }
        let next = refreshed(text(&next, "refresh_token"), "false").await.json();
        assert!(
            marked(&server, text(&next, "access_token")).await,
            "it stays until the person says otherwise"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_turns_it_on_and_off_at_the_page_of_the_account() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let person = server.person("a@example.com").await;
        server.clock.advance_seconds(60);
        let mut browser = Browser::signed_in(&server, "a@example.com").await;
        for (press, words) in [("on", "It is on"), ("off", "It is off")] {
            let form = hidden(&browser.get(&server, "/account").await, "form");
            let answer = browser.post(&server, "/account", &[("form", &form), ("essential", press)]).await;
            assert_eq!((answer.status, answer.header("location")), (303, Some("/account")));
            assert!(browser.get(&server, "/account").await.text().contains(words));
            assert_eq!(marked(&server, &person.token).await, press == "on");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_nobody_vouches_for_marks_nobody() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    let site = site(&server).await;
    let begun = form(keywright_protocol::oauth_routes::DEVICE_AUTHORIZATION, &[("scope", "models:use")]);
    let codes = server.call(proven(&site, begun)).await.json();
    person.approve(&server, text(&codes, "user_code")).await;
    let grant = [
        ("grant_type", DEVICE_GRANT),
        ("device_code", text(&codes, "device_code")),
        ("essential_traffic_only", "true"),
    ];
    let tokens =
        server.call(proven(&site, form(keywright_protocol::oauth_routes::TOKEN, &grant))).await.json();
    assert!(!marked(&server, text(&tokens, "access_token")).await);
}
