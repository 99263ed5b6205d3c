//! Applications that register: checklist 1.5, abuse case 43.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keywright_protocol::oauth_routes as routes;
use keywright_testkit::{Call, Setup, TestServer, Whole};
use serde_json::{Value, json};

use crate::oauth::scene::{refused, text};

pub(crate) async fn register(server: &TestServer, metadata: &Value) -> Whole {
    server.call(Call::post(routes::REGISTER, metadata)).await
}

/// A site with a secret.
pub(crate) async fn site(server: &TestServer) -> Value {
    let asked = json!({
        "client_name": "Site",
        "redirect_uris": ["https://app.example/cb"],
        "grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    });
    register(server, &asked).await.json()
}

/// A request by which a site proves itself.
pub(crate) fn proven(site: &Value, call: Call) -> Call {
    let pair = format!("{}:{}", text(site, "client_id"), text(site, "client_secret"));
    call.header("authorization", &format!("Basic {}", STANDARD.encode(pair)))
}

/// A program on the person's machine.
pub(crate) async fn native(server: &TestServer) -> Value {
    let asked = json!({
        "client_name": "Program",
        "redirect_uris": ["http://127.0.0.1/cb", "http://localhost/cb"],
        "grant_types": ["authorization_code", "refresh_token"],
        "token_endpoint_auth_method": "none",
    });
    register(server, &asked).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_registers_and_learns_its_secret_once() {
    let server = TestServer::start().await;
    let answer =
        register(&server, &json!({"redirect_uris": ["http://localhost:3000/cb"], "unknown": 7})).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, Some("no-store")));
    let body = answer.json();
    assert_eq!(
        (text(&body, "application_type"), text(&body, "token_endpoint_auth_method")),
        ("native", "none")
    );
    for absent in ["client_secret", "registration_client_uri", "registration_access_token", "unknown"] {
        assert!(body.get(absent).is_none(), "{absent}");
    }
    let site = site(&server).await;
    assert_eq!((text(&site, "client_secret").len(), &site["client_secret_expires_at"]), (64, &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_registered_is_refused_and_so_is_the_eleventh_in_an_hour() {
    let server = TestServer::start().await;
    for (asked, code) in [
        (json!({"redirect_uris": ["javascript:alert(1)"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["myapp:/cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": vec!["https://a.example/"; 1_000]}), "invalid_redirect_uri"),
        (
            json!({"redirect_uris": ["https://a.example/"], "grant_types": ["password"]}),
            "invalid_client_metadata",
        ),
        (
            json!({"redirect_uris": ["https://a.example/"], "client_name": "KEYWRIGHT \u{200b}command-line"}),
            "invalid_client_metadata",
        ),
        (json!([]), "invalid_client_metadata"),
    ] {
        refused(&register(&server, &asked).await, 400, code);
    }
    let broken = Call::new("POST", routes::REGISTER).body("{").header("content-type", "application/json");
    refused(&server.call(broken).await, 400, "invalid_client_metadata");
    let form = Call::new("POST", routes::REGISTER).body("{}").header("content-type", "text/plain");
    refused(&server.call(form).await, 400, "invalid_client_metadata");
    for _ in 0..10 {
        assert!(native(&server).await.get("client_id").is_some());
    }
    let full = register(&server, &json!({"redirect_uris": ["https://a.example/"]})).await;
    refused(&full, 429, "temporarily_unavailable");
    assert_eq!(full.headers["retry-after"], "3600");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_administrators_register_others_are_refused_and_where_nobody_does_all_are() {
    let asked = json!({"redirect_uris": ["https://a.example/cb"]});
    let server = Setup::new().await.set("auth.registration", "admin").start().await;
    let answer = register(&server, &asked).await;
    refused(&answer, 401, "invalid_token");
    assert!(answer.headers["www-authenticate"].to_str().expect("ASCII").starts_with("Bearer"));
    let with = |token: &str| Call::post(routes::REGISTER, &asked).token(token);
    let stranger = server.account().await;
    refused(&server.call(with(&stranger.token)).await, 401, "invalid_token");
    refused(&server.call(with("nonsense")).await, 401, "invalid_token");
    let administrator = server.lasting_account().await;
    assert_eq!(server.call(with(&administrator.token)).await.status, 201);
    let server = Setup::new().await.set("auth.registration", "off").start().await;
    refused(&register(&server, &asked).await, 403, "access_denied");
    let metadata = server.call(Call::get(routes::METADATA)).await.json();
    assert!(metadata.get("registration_endpoint").is_none());
}
