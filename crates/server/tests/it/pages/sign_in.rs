use keywright_testkit::{Setup, TestServer, on_both};

use crate::oauth::scene::form;
use crate::pages::browser::{Browser, assert_page, hidden};

/// Abuse case 138.
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_without_an_account_gets_one_and_the_cookie_is_another_after_signing_in() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let mut browser = Browser::default();
        assert_page(&browser.get(&server, "/login").await, 200);
        let mailed =
            browser.post(&server, "/login", &[("email", "a@example.com"), ("next", "/device")]).await;
        assert_eq!((mailed.status, mailed.header("location")), (303, Some("/login/code?next=%2Fdevice")));
        let before = browser.clone();
        let page = browser.get(&server, "/login/code?next=%2Fdevice").await;
        assert_page(&page, 200);
        assert!(page.text().contains("a@example.com"));
        let code = server.code_for("a@example.com");
        let token = hidden(&page, "form");
        let wrong = [("form", token.as_str()), ("next", "/device"), ("code", "000001")];
        if code != "000001" {
            let refused = browser.post(&server, "/login/code", &wrong).await;
            assert_page(&refused, 400);
            assert!(refused.text().contains("Tries left: 4"), "{}", refused.text());
        }
        let right = [("form", token.as_str()), ("next", "/device"), ("code", code.as_str())];
        let answer = browser.post(&server, "/login/code", &right).await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("/device")));
        let set = answer.header("set-cookie").expect("a cookie");
        for part in ["keywright=", "Path=/", "Max-Age=3600", "HttpOnly", "SameSite=Lax"] {
            assert!(set.contains(part), "{set}");
        }
        assert_ne!(browser.cookie, before.cookie);
        assert_page(&browser.get(&server, "/account").await, 200);
        assert_eq!(before.get(&server, "/account").await.status, 303, "the cookie from before is void");
        let mut again = before.clone();
        assert_eq!(again.post(&server, "/login/code", &right).await.status, 403);
        // The same person comes back into the same account.
        let second = Browser::signed_in(&server, "A@Example.com").await;
        assert_page(&second.get(&server, "/account").await, 200);
        server.clock.advance_seconds(3_600);
        assert_eq!(browser.get(&server, "/account").await.status, 303, "an hour on plain http");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_https_no_other_host_can_set_the_cookie() {
    let server = Setup::new().await.set("public_url", "https://keywright.localhost").start().await;
    let mut browser = Browser::default();
    let mailed = browser.post(&server, "/login", &[("email", "a@example.com")]).await;
    let set = mailed.header("set-cookie").expect("a cookie");
    assert!(
        set.starts_with("__Host-keywright=") && set.contains("; Secure") && !set.contains("Domain"),
        "{set}"
    );
}

/// Abuse case 137.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_page_or_browser_is_refused() {
    let server = TestServer::start().await;
    let (mut mine, other) = (
        Browser::signed_in(&server, "a@example.com").await,
        Browser::signed_in(&server, "b@example.com").await,
    );
    let (own, foreign) = (
        hidden(&mine.get(&server, "/account").await, "form"),
        hidden(&other.get(&server, "/account").await, "form"),
    );
    for token in ["", "x", foreign.as_str()] {
        assert_page(&mine.post(&server, "/logout", &[("form", token)]).await, 403);
    }
    let cookie = mine.cookie.clone().expect("a cookie");
    let sent = |headers: &[(&str, &str)]| {
        headers.iter().fold(
            form("/logout", &[("form", own.as_str())]).header("cookie", &cookie),
            |call, (name, value)| call.header(name, value),
        )
    };
    for site in ["cross-site", "same-site", "none"] {
        assert_page(&server.call(sent(&[("sec-fetch-site", site)])).await, 403);
    }
    assert_page(&server.call(sent(&[])).await, 403);
    for headers in [
        &[("origin", "https://evil.example")][..],
        &[("origin", "null")],
        &[("origin", "null"), ("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(server.call(sent(headers)).await.status, 403, "{headers:?}");
    }
    let twice = sent(&[("sec-fetch-site", "same-origin"), ("cookie", "keywright=x")]);
    assert_eq!(server.call(twice).await.status, 403, "somebody else has set a cookie of that name");
    assert_page(&mine.get(&server, "/account").await, 200);
    // A browser that does not say where a form comes from says at least its origin.
    let origin = format!("http://{}", server.address());
    assert_eq!(server.call(sent(&[("origin", &origin)])).await.status, 303);
    assert_eq!(mine.get(&server, "/account").await.status, 303, "signed out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_opens_the_pages_and_nothing_else() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server, "a@example.com").await;
    let cookie = browser.cookie.clone().expect("a cookie");
    let value = cookie.split_once('=').expect("a value").1;
    let api = keywright_testkit::Call::get(keywright_protocol::routes::WHOAMI);
    let answer = server.call(api.clone().header("cookie", &cookie)).await;
    answer.assert_refused(keywright_protocol::ErrorCode::KeyMissing);
    server.call(api.token(value)).await.assert_refused(keywright_protocol::ErrorCode::WrongKeyKind);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_mailbox_is_told_and_shown_as_text() {
    let server = TestServer::start().await;
    let mut browser = Browser::default();
    for email in ["", "x", "<img src=x onerror=alert(1)>@example.com", "a@example.com\r\nBcc: b@example.com"]
    {
        let answer = browser.post(&server, "/login", &[("email", email), ("next", "//evil.example")]).await;
        assert_page(&answer, 400);
        assert!(!answer.text().contains("<img") && !answer.text().contains("evil"), "{}", answer.text());
    }
    assert_eq!(browser.get(&server, "/login/code").await.header("location"), Some("/login?next=%2Faccount"));
    let closed = Setup::new().await.set("auth.signup", "invited").start().await;
    let refused = Browser::default().post(&closed, "/login", &[("email", "a@example.com")]).await;
    assert_page(&refused, 403);
}

/// Abuse case 39.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_does_anything_for_a_form_without_its_token() {
    let server = TestServer::start().await;
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let mut other = Browser::signed_in(&server, "b@example.com").await;
    let foreign = hidden(&other.get(&server, "/account").await, "form");
    let link = crate::pages::authorize::link(&[]);
    let codes = crate::oauth::scene::begin(&server, &[("client_id", "keywright-cli")]).await.json();
    let user_code = codes["user_code"].as_str().expect("a code");
    let chosen = crate::pages::browser::organization(&browser.get(&server, &link).await);
    for (page, fields) in [
        (link.as_str(), &[("decision", "allow"), ("organization", chosen.as_str())][..]),
        (&link, &[("decision", "deny")]),
        ("/device", &[("user_code", user_code)]),
        ("/device", &[("user_code", user_code), ("decision", "allow"), ("organization", &chosen)]),
        ("/device", &[("user_code", user_code), ("decision", "deny")]),
        ("/account", &[("end", "all")]),
        ("/account", &[("essential", "on")]),
        ("/logout", &[]),
        ("/login/code", &[("code", "000000")]),
    ] {
        for token in [&[][..], &[("form", "")], &[("form", foreign.as_str())]] {
            let answer = browser.post(&server, page, &[fields, token].concat()).await;
            assert_page(&answer, 403);
        }
        // Nor does a browser that nobody knows.
        let answer =
            Browser::default().post(&server, page, &[fields, &[("form", foreign.as_str())]].concat()).await;
        assert_page(&answer, 403);
    }
    assert_page(&browser.get(&server, "/account").await, 200);
    assert_page(&other.post(&server, "/device", &[("form", &foreign), ("user_code", user_code)]).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bare_address_leads_a_person_on_and_a_link_that_lacks_something_says_what() {
    let server = TestServer::start().await;
    let browser = Browser::default();
    let home = browser.get(&server, "/").await;
    assert_eq!((home.status, home.header("location")), (303, Some("/account")));
    let nowhere = browser.get(&server, "/oauth/authorize?client_id=keywright-cli").await;
    assert_page(&nowhere, 400);
    assert!(nowhere.text().contains("redirect_uri is missing"), "{}", nowhere.text());
}
