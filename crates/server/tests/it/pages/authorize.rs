use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use keywright_protocol::Clock as _;
use keywright_testkit::{TestServer, Whole, on_both};
use serde_json::{Value, json};
use url::Url;

use crate::oauth::register::register;
use crate::oauth::scene::{refresh, refused, text, token};
use crate::pages::browser::{Browser, assert_page, changed, filled_in, hidden, organization};

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) fn link(more: &[(&str, &str)]) -> String {
    let usual = [
        ("client_id", "keywright-cli"),
        ("redirect_uri", "http://127.0.0.1:40001/callback"),
        ("response_type", "code"),
        ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"),
        ("code_challenge_method", "S256"),
        ("state", "s \"<>'&é"),
    ];
    let kept = usual.iter().filter(|(name, _)| !more.iter().any(|(other, _)| other == name));
    let pairs = kept.chain(more.iter()).copied();
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/oauth/authorize?{query}")
}

pub(crate) fn answer_of(answer: &Whole) -> impl Fn(&str) -> Option<String> + use<> {
    assert_eq!(answer.status, 303, "{}", answer.text());
    let url = Url::parse(answer.header("location").expect("a place")).expect("a URL");
    move |name| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_lets_the_command_line_in_and_that_gets_its_tokens() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let link = link(&[("machine", "laptop"), ("scope", "openid models:use")]);
        let mut browser = Browser::default();
        let first = browser.get(&server, &link).await;
        assert_eq!(first.status, 303);
        assert!(first.header("location").expect("a page").starts_with("/login?next=%2Foauth%2Fauthorize"));
        let back = browser.signs_in(&server, "a@example.com", &link).await;
        assert_eq!(back.header("location"), Some(link.as_str()));
        let page = browser.get(&server, &link).await;
        assert_page(&page, 200);
        for part in [
            "Keywright command line",
            "127.0.0.1",
            "a program on this machine",
            "laptop",
            "a@example.com",
            "call models (models:use)",
        ] {
            assert!(page.text().contains(part), "no {part}: {}", page.text());
        }
        assert!(!page.text().contains("Nobody has verified"));
        assert!(
            page.header("content-security-policy")
                .expect("a policy")
                .contains("form-action 'self' http://127.0.0.1:40001")
        );
        let (form, chosen) = (hidden(&page, "form"), organization(&page));
        let fields = [("form", form.as_str()), ("organization", &chosen), ("decision", "allow")];
        let answer = answer_of(&browser.post(&server, &link, &fields).await);
        assert_eq!(answer("state").as_deref(), Some("s \"<>'&é"));
        assert_eq!(answer("iss"), Some(format!("http://{}", server.address())));
        let code = answer("code").expect("a code");
        let grant = [
            ("grant_type", "authorization_code"),
            ("client_id", "keywright-cli"),
            ("redirect_uri", "http://127.0.0.1:40001/callback"),
            ("code", &code),
            ("code_verifier", VERIFIER),
        ];
        let tokens = token(&server, &grant).await;
        assert_eq!(tokens.status, 200, "{}", tokens.text());
        assert!(tokens.json()["id_token"].is_string());
        refused(&token(&server, &grant).await, 400, "invalid_grant");
        let who = keywright_testkit::Call::get(keywright_protocol::routes::WHOAMI);
        let dead = server.call(who.token(text(&tokens.json(), "access_token"))).await;
        dead.assert_refused(keywright_protocol::ErrorCode::KeyRevoked);
    })
    .await;
}

/// Checklist 1.1.21.
#[tokio::test(flavor = "multi_thread")]
async fn who_says_no_sends_the_application_away() {
    let server = TestServer::start().await;
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let page = browser.get(&server, &link(&[])).await;
    let form = hidden(&page, "form");
    let answer =
        answer_of(&browser.post(&server, &link(&[]), &[("form", &form), ("decision", "deny")]).await);
    assert_eq!((answer("error").as_deref(), answer("code")), (Some("access_denied"), None));
    assert_eq!(answer("state").as_deref(), Some("s \"<>'&é"));
    assert!(answer("iss").is_some());
    let foreign = keywright_protocol::OrganizationId::new().to_string();
    let fields = [("form", form.as_str()), ("organization", &foreign), ("decision", "allow")];
    let asked = browser.post(&server, &link(&[]), &fields).await;
    assert_page(&asked, 200);
    assert!(asked.text().contains("Choose an organization."));
}

/// Checklist 1.1.5, abuse case 29.
#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_an_answer_elsewhere_gets_a_page_and_no_redirect() {
    let server = TestServer::start().await;
    let browser = Browser::signed_in(&server, "a@example.com").await;
    for wrong in [
        ("client_id", "<script>alert(1)</script>"),
        ("redirect_uri", "https://evil.example/\"><script>alert(1)</script>"),
        ("redirect_uri", "http://127.0.0.1@evil.example/callback"),
        ("redirect_uri", "http://127.0.0.1:40001/callback/"),
    ] {
        let answer = browser.get(&server, &link(&[wrong])).await;
        assert_page(&answer, 400);
        assert!(answer.header("location").is_none() && !answer.text().contains("evil"), "{wrong:?}");
    }
    let told = answer_of(&browser.get(&server, &link(&[("code_challenge_method", "plain")])).await);
    assert_eq!(told("error").as_deref(), Some("invalid_request"));
}

/// RFC 9700, 4.11.2.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_ours_leads_to_no_site_of_a_stranger_before_a_person_has_decided() {
    let server = TestServer::start().await;
    let asked = json!({"client_name": "App", "application_type": "native",
        "redirect_uris": ["https://evil.example/land", "http://127.0.0.1/cb"]});
    let client = register(&server, &asked).await.json();
    let id = ("client_id", text(&client, "client_id"));
    let nobody = Browser::default();
    let mut person = Browser::signed_in(&server, "a@example.com").await;
    for wrong in [("response_type", "token"), ("prompt", "none"), ("scope", "nonsense")] {
        let site = link(&[id, ("redirect_uri", "https://evil.example/land"), wrong]);
        for browser in [&nobody, &person] {
            let answer = browser.get(&server, &site).await;
            assert_page(&answer, 400);
            assert!(answer.header("location").is_none(), "{wrong:?}");
            let told = answer.text();
            assert!(told.contains("href=\"https://evil.example/land?error="), "{told}");
            assert!(told.contains("Go on to evil.example") && told.contains("Nobody has verified"), "{told}");
        }
        // A program on the person's machine is told at once.
        let program = link(&[id, ("redirect_uri", "http://127.0.0.1:40001/cb"), wrong]);
        assert!(answer_of(&nobody.get(&server, &program).await)("error").is_some(), "{wrong:?}");
    }
    let good = link(&[id, ("redirect_uri", "https://evil.example/land")]);
    let form = hidden(&person.get(&server, &good).await, "form");
    let denied = person.post(&server, &good, &[("form", &form), ("decision", "deny")]).await;
    assert_eq!(answer_of(&denied)("error").as_deref(), Some("access_denied"), "the person has decided");
}

/// Abuse case 136; checklist 1.5.7.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_registered_itself_is_shown_as_text_with_a_warning() {
    let server = TestServer::start().await;
    let asked =
        json!({"client_name": "<img src=x onerror=alert(1)>", "redirect_uris": ["https://app.example/cb"]});
    let client = register(&server, &asked).await.json();
    let browser = Browser::signed_in(&server, "a@example.com").await;
    let link = link(&[
        ("client_id", text(&client, "client_id")),
        ("redirect_uri", "https://app.example/cb"),
        ("scope", "api-keys:manage models:use"),
    ]);
    let page = browser.get(&server, &link).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("&#60;img") && !page.text().contains("<img"), "{}", page.text());
    assert!(page.text().contains("Nobody has verified") && page.text().contains("app.example"));
    assert!(!page.text().contains("api-keys:manage</li>"), "it gets model calls at most: {}", page.text());
}

/// The command line's tokens for what a person allowed.
pub(crate) async fn tokens_for(server: &TestServer, answer: &Whole) -> Value {
    let code = answer_of(answer)("code").expect("a code");
    let grant = [
        ("grant_type", "authorization_code"),
        ("client_id", "keywright-cli"),
        ("redirect_uri", "http://127.0.0.1:40001/callback"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let tokens = token(server, &grant).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    tokens.json()
}

/// Checklist 1.3.11, for the authorization page.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_may_allow_less_and_never_more() {
    let server = TestServer::start().await;
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let link = link(&[("scope", "openid models:use executions:read"), ("lifetime", "604800")]);
    let page = browser.get(&server, &link).await;
    assert!(page.text().contains(">7 days<") && !page.text().contains(">30 days<"), "{}", page.text());
    let fields = filled_in(&page);
    let nothing = changed(
        &fields,
        &[("may:openid", None), ("may:models:use", None), ("may:executions:read", None), ALLOW],
    );
    let asked = browser.post(&server, &link, &nothing).await;
    assert_page(&asked, 200);
    assert!(asked.text().contains("Tick something"), "{}", asked.text());
    let less = changed(&fields, &[("may:executions:read", None), ("life", Some("3600")), ALLOW]);
    let tokens = tokens_for(&server, &browser.post(&server, &link, &less).await).await;
    assert_eq!((text(&tokens, "scope"), &tokens["expires_in"]), ("openid models:use", &json!(3_600)));
    assert!(tokens.get("upgrade").is_none());
    server.clock.advance_seconds(3_600);
    refused(&refresh(&server, text(&tokens, "refresh_token")).await, 400, "invalid_grant");
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    let page = browser.get(&server, &link).await;
    let fields = filled_in(&page);
    let more =
        changed(&fields, &[("may:api-keys:manage", Some("yes")), ("life", Some("99999999999")), ALLOW]);
    let tokens = tokens_for(&server, &browser.post(&server, &link, &more).await).await;
    assert_eq!(text(&tokens, "scope"), "openid models:use executions:read");
    let session = server.identity().sessions(person(&server, &tokens).await).await.expect("a list");
    let lives = session[0].expires_at.millis_since(session[0].created_at);
    assert_eq!(lives, 604_800_000, "no longer than was proposed");
    for wrong in ["0", "3599", "-1", "x", "1e9", "99999999999999999999"] {
        let told = answer_of(&browser.get(&server, &super::authorize::link(&[("lifetime", wrong)])).await);
        assert_eq!(told("error").as_deref(), Some("invalid_request"), "{wrong}");
    }
}

async fn person(server: &TestServer, tokens: &Value) -> keywright_protocol::UserId {
    crate::mailbox::whoami(server, text(tokens, "access_token")).await.account.user_id
}

/// OpenID Connect Core 3.1.2.1.
#[tokio::test(flavor = "multi_thread")]
async fn prompt_max_age_and_login_hint_do_what_openid_says() {
    let server = TestServer::start().await;
    let nobody = Browser::default();
    let error = async |browser: &Browser, more: &[(&str, &str)]| {
        answer_of(&browser.get(&server, &link(more)).await)("error")
    };
    assert_eq!(error(&nobody, &[("prompt", "none")]).await.as_deref(), Some("login_required"));
    let hint = nobody.get(&server, &link(&[("login_hint", "b@example.com")])).await;
    let login = nobody.get(&server, hint.header("location").expect("a page")).await;
    assert!(login.text().contains("value=\"b@example.com\""), "{}", login.text());
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    assert_eq!(error(&browser, &[("prompt", "none")]).await.as_deref(), Some("consent_required"));
    assert_eq!(error(&browser, &[("prompt", "none login")]).await.as_deref(), Some("invalid_request"));
    for wrong in ["-1", "x", "1.5"] {
        assert_eq!(error(&browser, &[("max_age", wrong)]).await.as_deref(), Some("invalid_request"));
    }
    let other = browser.get(&server, &link(&[("login_hint", "b@example.com")])).await;
    assert!(other.text().contains("The application expects b@example.com."), "{}", other.text());
    let prose =
        browser.get(&server, &link(&[("login_hint", "you to press Let it in. It is verified.")])).await;
    assert!(!prose.text().contains("expects"), "{}", prose.text());
    let own = browser.get(&server, &link(&[("login_hint", "A@example.com")])).await;
    assert!(!own.text().contains("expects"));
    assert_page(&browser.get(&server, &link(&[("max_age", "60"), ("prompt", "consent")])).await, 200);
    server.clock.advance_seconds(61);
    for again in
        [("max_age", "60"), ("max_age", "0"), ("prompt", "login"), ("prompt", "select_account consent")]
    {
        let sent = browser.get(&server, &link(&[again])).await;
        assert_eq!(sent.status, 303, "{again:?}");
        let page = sent.header("location").expect("a page").to_owned();
        assert!(page.starts_with("/login?next="));
        // Going on by hand does not get around it.
        let next = hidden(&browser.get(&server, &page).await, "next");
        let by_hand = browser.get(&server, &next).await;
        assert!(by_hand.header("location").is_some_and(|to| to.starts_with("/login?next=")), "{again:?}");
        // Neither does the form of another page get around it.
        let form = hidden(&browser.get(&server, &link(&[])).await, "form");
        let posted = browser.post(&server, &link(&[again]), &[("form", &form), ("decision", "allow")]).await;
        assert!(posted.header("location").is_some_and(|to| to.starts_with("/login?next=")), "{again:?}");
        assert_eq!(
            error(&browser, &[("prompt", "none"), ("max_age", "60")]).await.as_deref(),
            Some("login_required")
        );
    }
    let link = link(&[("max_age", "60"), ("scope", "openid"), ("nonce", "n-1")]);
    let sent = browser.get(&server, &link).await;
    let next = hidden(&browser.get(&server, sent.header("location").expect("a page")).await, "next");
    let cookie = browser.cookie.clone();
    browser.signs_in(&server, "a@example.com", &next).await;
    assert_ne!(browser.cookie, cookie);
    let before = Browser { cookie };
    assert_eq!(before.get(&server, "/account").await.status, 303, "the cookie from before is void");
    let page = browser.get(&server, &next).await;
    let fields = filled_in(&page);
    let tokens = tokens_for(&server, &browser.post(&server, &next, &changed(&fields, &[ALLOW])).await).await;
    let claims = text(&tokens, "id_token").split('.').nth(1).expect("claims");
    let claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON");
    let now = server.clock.now().0 / 1_000;
    assert_eq!((text(&claims, "nonce"), claims["auth_time"].as_i64()), ("n-1", Some(now)));
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_for_a_request_that_wants_it_is_good_for_that_request_and_for_half_an_hour() {
    let server = TestServer::start().await;
    let mut browser = Browser::signed_in(&server, "a@example.com").await;
    for again in [("max_age", "0"), ("prompt", "login")] {
        server.clock.advance_seconds(61);
        let sent = browser.get(&server, &link(&[again, ("nonce", "n-1")])).await;
        let next = hidden(&browser.get(&server, sent.header("location").expect("a page")).await, "next");
        assert_eq!(browser.get(&server, &next).await.status, 303, "{again:?}: nobody has signed in for it");
        browser.signs_in(&server, "a@example.com", &next).await;
        server.clock.advance_seconds(1);
        assert_page(&browser.get(&server, &next).await, 200);
        let another = next.replace("n-1", "n-2");
        let forged = next.replace("signed_in_after=", "signed_in_after=9");
        let (unmarked, _) = next.split_once("&signed_in_after").expect("a mark");
        for other in [another.as_str(), &forged, unmarked] {
            assert_ne!(other, next);
            assert_eq!(browser.get(&server, other).await.status, 303, "{other}");
        }
        server.clock.advance_seconds(1_800);
        assert_eq!(browser.get(&server, &next).await.status, 303, "{again:?}: that is too long ago");
    }
}

pub(crate) const ALLOW: (&str, Option<&str>) = ("decision", Some("allow"));

/// Browsers hold a form to its policy through every redirect, those of the application included.
#[tokio::test(flavor = "multi_thread")]
async fn the_policy_lets_the_form_lead_to_the_application_and_nowhere_else() {
    let server = TestServer::start().await;
    let asked = json!({"client_name": "App", "application_type": "native",
        "redirect_uris": ["https://app.example/cb", "com.example.app:/cb", "http://[::1]/cb"]});
    let client = register(&server, &asked).await.json();
    let browser = Browser::signed_in(&server, "a@example.com").await;
    let id = ("client_id", text(&client, "client_id"));
    let own = ("client_id", "keywright-cli");
    for (client, uri, allowed) in [
        (own, "http://127.0.0.1:40001/callback", "form-action 'self' http://127.0.0.1:40001;"),
        // A policy cannot name an IPv6 address.
        (own, "http://[::1]:40001/callback", "form-action 'self' http:;"),
        (id, "https://app.example/cb", "form-action 'self' https://app.example https:;"),
        (id, "com.example.app:/cb", "form-action 'self' com.example.app: https:;"),
    ] {
        let page = browser.get(&server, &link(&[client, ("redirect_uri", uri)])).await;
        assert_page(&page, 200);
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains(allowed), "{policy}");
        assert!(policy.contains("require-trusted-types-for 'script'; trusted-types 'none'"), "{policy}");
    }
    let policy = browser.get(&server, "/account").await;
    assert!(policy.header("content-security-policy").expect("a policy").contains("form-action 'self';"));
}
