//! Giving back and asking: checklist 1.9 and 1.10, abuse case 38.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keywright_protocol::{ErrorCode, oauth_routes as routes};
use keywright_testkit::{Call, TestServer};
use serde_json::json;

use crate::oauth::register::{native, site};
use crate::oauth::scene::{DEVICE_GRANT, Person, form, refused, text};

#[tokio::test(flavor = "multi_thread")]
async fn an_application_gives_back_its_own_and_hears_the_same_whatever_it_sends() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    let tokens = person.signs_in(&server, &[]).await;
    let access = text(&tokens, "access_token");
    let other = native(&server).await;
    let key = server.gateway_key(access).await;
    let give = |client: &str, token: &str| {
        form(routes::REVOKE, &[("client_id", client), ("token", token), ("token_type_hint", "refresh_token")])
    };
    for (client, token) in
        [("keywright-cli", "nonsense"), ("keywright-cli", &key), (text(&other, "client_id"), access)]
    {
        let answer = server.call(give(client, token)).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
    }
    let whoami = |token: &str| Call::get(keywright_protocol::routes::WHOAMI).token(token);
    assert_eq!(server.call(whoami(access)).await.status, 200);
    assert_eq!(server.call(whoami(&key)).await.status, 200);
    assert_eq!(server.call(give("keywright-cli", access)).await.status, 200);
    server.call(whoami(access)).await.assert_refused(ErrorCode::KeyRevoked);
    refused(
        &server.call(form(routes::REVOKE, &[("client_id", "keywright-cli")])).await,
        400,
        "invalid_request",
    );
    refused(&server.call(form(routes::REVOKE, &[("token", access)])).await, 401, "invalid_client");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_with_a_secret_asks_what_its_tokens_are_worth() {
    let server = TestServer::start().await;
    let person = Person::new(&server).await;
    let site = site(&server).await;
    let basic = format!(
        "Basic {}",
        STANDARD.encode(format!("{}:{}", text(&site, "client_id"), text(&site, "client_secret")))
    );
    let proven =
        |path: &str, parameters: &[(&str, &str)]| form(path, parameters).header("authorization", &basic);
    let codes =
        server.call(proven(routes::DEVICE_AUTHORIZATION, &[("scope", "openid models:use")])).await.json();
    person.approve(&server, text(&codes, "user_code")).await;
    let grant = [("grant_type", DEVICE_GRANT), ("device_code", text(&codes, "device_code"))];
    let tokens = server.call(proven(routes::TOKEN, &grant)).await.json();
    let ask = |token: &str| proven(routes::INTROSPECT, &[("token", token)]);
    let worth = server.call(ask(text(&tokens, "access_token"))).await;
    assert_eq!(worth.headers["cache-control"], "no-store");
    let worth = worth.json();
    let issuer = format!("http://{}", server.address());
    assert_eq!((&worth["active"], text(&worth, "scope")), (&json!(true), "openid models:use"));
    assert_eq!((text(&worth, "aud"), text(&worth, "iss")), (issuer.as_str(), issuer.as_str()));
    assert_eq!(text(&worth, "sub"), person.user.to_string());
    let foreign = person.signs_in(&server, &[]).await;
    for token in ["nonsense", text(&foreign, "access_token"), text(&foreign, "refresh_token")] {
        assert_eq!(server.call(ask(token)).await.json(), json!({"active": false}));
    }
    server.clock.advance_seconds(3_600);
    assert_eq!(server.call(ask(text(&tokens, "access_token"))).await.json(), json!({"active": false}));
    refused(&server.call(form(routes::INTROSPECT, &[("token", "x")])).await, 401, "invalid_client");
    let public = form(routes::INTROSPECT, &[("client_id", "keywright-cli"), ("token", "x")]);
    refused(&server.call(public).await, 401, "invalid_client");
    // A hundred at once; the clock stands still.
    server.clock.advance_seconds(1);
    for _ in 0..100 {
        assert_eq!(server.call(ask("nonsense")).await.status, 200);
    }
    let limited = server.call(ask("nonsense")).await;
    refused(&limited, 429, "temporarily_unavailable");
    assert_eq!(limited.headers["retry-after"], "1");
    server.clock.advance_seconds(1);
    assert_eq!(server.call(ask("nonsense")).await.status, 200);
}
