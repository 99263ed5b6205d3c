use keywright_protocol::wire::{ChildToken, WhoAmI};
use keywright_protocol::{ErrorCode, oauth_routes, routes};
use keywright_testkit::{Call, TestServer, on_both};
use serde_json::json;

use crate::oauth::register::{native, proven, site};
use crate::oauth::scene::{Person, begin, form, poll, refresh, refused, text, token};
use crate::pages::authorize::{ALLOW, VERIFIER, answer_of, link};
use crate::pages::browser::{Browser, assert_page, changed, filled_in, hidden, organization};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_what_is_in_and_ends_it_at_once() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let mut browser = Browser::signed_in(&server, "a@example.com").await;
        let codes = begin(&server, &[("client_id", "keywright-cli"), ("machine", "laptop")]).await.json();
        let form = hidden(&browser.get(&server, "/device").await, "form");
        let shown = browser
            .post(&server, "/device", &[("form", &form), ("user_code", text(&codes, "user_code"))])
            .await;
        let chosen = organization(&shown);
        let allow = [
            ("form", form.as_str()),
            ("user_code", text(&codes, "user_code")),
            ("organization", &chosen),
            ("decision", "allow"),
        ];
        assert_page(&browser.post(&server, "/device", &allow).await, 200);
        let tokens = poll(&server, "keywright-cli", text(&codes, "device_code")).await.json();
        let page = browser.get(&server, "/account").await;
        assert_page(&page, 200);
        assert!(page.text().contains("Keywright command line") && page.text().contains("laptop"));
        assert!(!page.text().contains("Nobody has verified"), "{}", page.text());
        let at = page.text().find("name=\"end\" value=\"").expect("a button") + "name=\"end\" value=\"".len();
        let session = page.text()[at..at + 36].to_owned();
        let mut stranger = Browser::signed_in(&server, "b@example.com").await;
        let theirs = stranger.get(&server, "/account").await;
        assert!(!theirs.text().contains("laptop"));
        let foreign = [("form", hidden(&theirs, "form")), ("end", session.clone())];
        let foreign: Vec<(&str, &str)> =
            foreign.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_page(&stranger.post(&server, "/account", &foreign).await, 404);
        let whoami = || Call::get(routes::WHOAMI).token(text(&tokens, "access_token"));
        assert_eq!(server.call(whoami()).await.status, 200);
        let ended = browser.post(&server, "/account", &[("form", &form), ("end", &session)]).await;
        assert_eq!((ended.status, ended.header("location")), (303, Some("/account")));
        server.call(whoami()).await.assert_refused(ErrorCode::KeyRevoked);
        refused(&refresh(&server, text(&tokens, "refresh_token")).await, 400, "invalid_grant");
        assert!(!browser.get(&server, "/account").await.text().contains("laptop"));
        // A second tab after signing out.
        let tab = browser.clone();
        assert_eq!(browser.post(&server, "/logout", &[("form", &form)]).await.status, 303);
        let after = tab.get(&server, "/account").await;
        assert_eq!((after.status, after.body.len()), (303, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_learns_the_mailbox_only_of_a_person_who_let_it_know() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let mut browser = Browser::signed_in(&server, "a@example.com").await;
        let program = native(&server).await;
        let id = text(&program, "client_id");
        for (client, scope, known) in [
            (id, "models:use", None),
            (id, "openid models:use", None),
            (id, "email models:use", Some("a@example.com")),
            ("keywright-cli", "models:use", Some("a@example.com")),
        ] {
            let path = if client == id { "cb" } else { "callback" };
            let place = format!("http://127.0.0.1:40001/{path}");
            let link = link(&[("client_id", client), ("redirect_uri", &place), ("scope", scope)]);
            let fields = filled_in(&browser.get(&server, &link).await);
            let allowed = browser.post(&server, &link, &changed(&fields, &[ALLOW])).await;
            let code = answer_of(&allowed)("code").expect("a code");
            let grant = [
                ("grant_type", "authorization_code"),
                ("client_id", client),
                ("redirect_uri", &place),
                ("code", &code),
                ("code_verifier", VERIFIER),
            ];
            let tokens = token(&server, &grant).await.json();
            let access = text(&tokens, "access_token");
            assert_eq!(mailbox(&server, access).await.as_deref(), known, "{client} {scope}");
            let child: ChildToken = server.data(Call::post(routes::CHILD, &json!({})).token(access)).await;
            assert_eq!(mailbox(&server, &child.token).await.as_deref(), known, "{client} {scope}, a child");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_of_what_is_in_whether_anybody_vouches_for_it() {
    let server = TestServer::start().await;
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let site = site(&server).await;
    let asked = [("client_id", text(&site, "client_id")), ("redirect_uri", "https://app.example/cb")];
    let link = link(&asked);
    let fields = filled_in(&browser.get(&server, &link).await);
    let allowed = browser.post(&server, &link, &changed(&fields, &[ALLOW])).await;
    let code = answer_of(&allowed)("code").expect("a code");
    let grant = [
        ("grant_type", "authorization_code"),
        ("redirect_uri", "https://app.example/cb"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let tokens = server.call(proven(&site, form(oauth_routes::TOKEN, &grant))).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let page = browser.get(&server, "/account").await;
    assert!(page.text().contains("Nobody has verified this application."), "{}", page.text());
    assert!(page.text().contains("<dd>app.example</dd>"), "{}", page.text());
}

async fn mailbox(server: &TestServer, token: &str) -> Option<String> {
    server.data::<WhoAmI>(Call::get(routes::WHOAMI).token(token)).await.email
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_everywhere_is_in_nowhere_and_keeps_the_keys() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let owner = server.person("a@example.com").await;
        server.clock.advance_seconds(60);
        let person = Person { user: owner.user, organization: owner.organization };
        let (first, second) = (person.signs_in(&server, &[]).await, person.signs_in(&server, &[]).await);
        let mut browser = Browser::signed_in(&server, "a@example.com").await;
        server.clock.advance_seconds(60);
        let other = Browser::signed_in(&server, "a@example.com").await;
        let link = link(&[]);
        let fields = filled_in(&browser.get(&server, &link).await);
        let waiting = browser.post(&server, &link, &changed(&fields, &[ALLOW])).await;
        let device = begin(&server, &[("client_id", "keywright-cli")]).await.json();
        person.approve(&server, text(&device, "user_code")).await;
        let form = hidden(&browser.get(&server, "/account").await, "form");
        let answer = browser.post(&server, "/account", &[("form", &form), ("end", "all")]).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/login")));
        assert!(browser.cookie.is_none(), "the cookie is taken away");
        for tokens in [&first, &second] {
            let whoami = Call::get(routes::WHOAMI).token(text(tokens, "access_token"));
            server.call(whoami).await.assert_refused(ErrorCode::KeyRevoked);
            refused(&refresh(&server, text(tokens, "refresh_token")).await, 400, "invalid_grant");
        }
        assert_eq!(other.get(&server, "/account").await.status, 303, "another browser");
        let code = answer_of(&waiting)("code").expect("a code");
        let grant = [
            ("grant_type", "authorization_code"),
            ("client_id", "keywright-cli"),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        refused(&token(&server, &grant).await, 400, "invalid_grant");
        let polled = poll(&server, "keywright-cli", text(&device, "device_code")).await;
        refused(&polled, 400, "access_denied");
        assert_eq!(server.call(Call::get(routes::WHOAMI).token(&owner.token)).await.status, 200);
    })
    .await;
}
