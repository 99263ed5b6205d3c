use keywright_testkit::{TestServer, Whole, on_both};
use serde_json::json;
use url::Url;

use crate::oauth::register::register;
use crate::oauth::scene::{refused, text, token};
use crate::pages::browser::{Browser, assert_page, hidden, organization};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn link(more: &[(&str, &str)]) -> String {
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

fn answer_of(answer: &Whole) -> impl Fn(&str) -> Option<String> + use<> {
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
    let silent = answer_of(&browser.get(&server, &link(&[("prompt", "none")])).await);
    assert_eq!(silent("error").as_deref(), Some("interaction_required"));
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
