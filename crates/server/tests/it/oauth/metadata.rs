//! What the server says of itself: checklist 1.4, abuse case 42; and who may read it (security rule 9).

use keywright_protocol::{ErrorCode, oauth_routes as routes};
use keywright_testkit::{Call, Setup, TestServer};
use serde_json::json;

use crate::oauth::scene::{form, text};

#[tokio::test(flavor = "multi_thread")]
async fn both_documents_say_the_same_of_the_configured_address_whatever_a_request_says() {
    let server = Setup::new().await.set("public_url", "http://keywright.localhost:7000").start().await;
    let mut documents = Vec::new();
    for path in [routes::METADATA, routes::OPENID_CONFIGURATION] {
        for (name, value) in [
            ("host", "localhost"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "host=evil.example"),
        ] {
            let answer = server.call(Call::get(path).header(name, value)).await;
            assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
            documents.push(answer.json());
        }
    }
    assert!(documents.iter().all(|document| *document == documents[0]));
    let document = &documents[0];
    let issuer = "http://keywright.localhost:7000";
    assert_eq!(text(document, "issuer"), issuer);
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(document["response_types_supported"], json!(["code"]));
    for (name, value) in document.as_object().expect("an object") {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let path =
                value.as_str().and_then(|text| text.strip_prefix(issuer)).unwrap_or_else(|| panic!("{name}"));
            assert!(path.starts_with('/') && !path.contains('#'), "{name}");
        }
    }
    for never in ["password", "implicit", "plain", "\"none\"]"] {
        assert!(!document["grant_types_supported"].to_string().contains(never));
        assert!(!document["id_token_signing_alg_values_supported"].to_string().contains(never));
    }
    let resource = server.call(Call::get(routes::RESOURCE_METADATA).header("host", "localhost")).await.json();
    assert_eq!((text(&resource, "resource"), &resource["authorization_servers"]), (issuer, &json!([issuer])));
    assert!(!resource.to_string().contains("offline_access"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_set_has_public_members_only_and_survives_a_restart() {
    let mut server = TestServer::start().await;
    let keys = server.call(Call::get(routes::JWKS)).await.json();
    let key = &keys["keys"][0];
    assert_eq!((text(key, "kty"), text(key, "alg"), text(key, "use")), ("EC", "ES256", "sig"));
    assert!(key.get("d").is_none() && !text(key, "kid").is_empty());
    server.restart().await;
    assert_eq!(server.call(Call::get(routes::JWKS)).await.json(), keys);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_origins_use_what_goes_by_no_cookie_and_nothing_else() {
    let server = TestServer::start().await;
    let origin = ("origin", "https://page.example");
    for path in routes::OPEN_TO_PAGES {
        let asked = Call::new("OPTIONS", path).header(origin.0, origin.1);
        let before = server.call(asked.header("access-control-request-method", "POST")).await;
        assert_eq!((before.status, before.header("access-control-allow-origin")), (204, Some("*")), "{path}");
        assert!(!before.headers.contains_key("access-control-allow-credentials"));
    }
    let answers = [
        server.call(Call::get(routes::METADATA).header(origin.0, origin.1)).await,
        server.call(form(routes::TOKEN, &[]).header(origin.0, origin.1)).await,
    ];
    assert_eq!((answers[0].status, answers[1].status), (200, 401));
    assert!(answers.iter().all(|answer| answer.headers["access-control-allow-origin"] == "*"));
    for path in [routes::DEVICE_AUTHORIZATION, routes::INTROSPECT] {
        let answer = server.call(form(path, &[]).header(origin.0, origin.1)).await;
        answer.assert_refused(ErrorCode::OriginNotAllowed);
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
    let elsewhere = Call::get(routes::METADATA).header("host", "evil.example").header(origin.0, origin.1);
    server.call(elsewhere).await.assert_refused(ErrorCode::HostNotAllowed);
}
