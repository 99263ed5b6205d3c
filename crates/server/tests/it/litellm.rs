//! What broke LiteLLM in 2026, tried here (`spec/abuse-cases.md` 1).

use keywright_protocol::wire::WhoAmI;
use keywright_protocol::{ErrorCode, routes};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_testkit::usual::Kind;
use keywright_testkit::{Call, FakeProvider, TestServer, on_both};
use serde_json::json;

use crate::scene::call;

/// CVE-2026-42208: the key of the request stood in the text of a query, before anybody was proven.
#[tokio::test(flavor = "multi_thread")]
async fn sql_in_the_key_check_proves_nobody() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let good = PlatformToken::mint(TokenKind::ApiKey);
        let good = good.expose();
        for injected in [
            "' OR '1'='1".to_owned(),
            "x' UNION SELECT hash FROM tokens --".to_owned(),
            "'; DROP TABLE tokens; --".to_owned(),
            "sk_kw_' OR 1=1 --".to_owned(),
            format!("sk_kw_{}", "' OR ''='".repeat(6)),
            format!("{good}' OR '1'='1"),
            format!("{good}%00"),
            format!("{}%", &good[..20]),
            format!("{}_", &good[..54]),
            "$1".to_owned(),
        ] {
            for name in ["x-api-key", "x-goog-api-key", "api-key", "x-keywright-token", "authorization"] {
                let value =
                    if name == "authorization" { format!("Bearer {injected}") } else { injected.clone() };
                for path in [Kind::Messages.path(false), routes::WHOAMI, routes::KEYS] {
                    let method = if path == Kind::Messages.path(false) { "POST" } else { "GET" };
                    let answer = server.call(Call::new(method, path).header(name, &value)).await;
                    assert_eq!(answer.status, 401, "{name}: {value} at {path}: {}", answer.text());
                }
            }
        }
        assert_eq!(server.provider.connections(), 0);
        assert_eq!(server.call(call(Kind::Chat, false, &account.token)).await.status, 200);
    })
    .await;
}

/// Whoever sends the request chooses its Host: nobody may become somebody by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_header_changes_nobody() {
    let server = TestServer::start().await;
    let (one, other) = (server.account().await, server.lasting_account().await);
    let own = server.address();
    for host in [
        own.to_string(),
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "[::1]:1".to_owned(),
        "admin.localhost".to_owned(),
        "10.0.0.1".to_owned(),
        "evil.example".to_owned(),
        "localhost.evil.example".to_owned(),
    ] {
        for forwarded in
            ["x-forwarded-host", "x-forwarded-for", "forwarded", "x-original-host", "x-real-ip", "x-host"]
        {
            let shaped = |call: Call| call.header("host", &host).header(forwarded, "127.0.0.1");
            let nobody = server.call(shaped(Call::get(routes::WHOAMI))).await;
            assert!(matches!(nobody.status, 401 | 421), "{host} {forwarded}: {}", nobody.text());
            let minted = server.call(shaped(Call::post(routes::TEMPORARY, &json!({})))).await;
            assert!(
                forwarded.starts_with("x-real") || minted.status != 200 || !forwarded.contains("forwarded")
            );
            let known = server.call(shaped(Call::get(routes::WHOAMI).token(&one.token))).await;
            if known.status == 200 {
                assert_eq!(known.json()["data"]["account"]["userId"], json!(one.user));
                assert_eq!(known.json()["data"]["administrator"], json!(false));
            } else {
                known.assert_refused(ErrorCode::HostNotAllowed);
            }
        }
    }
    // Two hosts, and a target that names another than the header.
    for head in [
        "GET /api/v1/whoami HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n",
        "GET http://evil.example/api/v1/whoami HTTP/1.1\r\nhost: localhost\r\n",
        "GET http://localhost/api/v1/whoami HTTP/1.1\r\nhost: evil.example\r\n",
        "GET /api/v1/whoami HTTP/1.1\r\nhost: localhost@evil.example\r\n",
        "GET /api/v1/whoami HTTP/1.1\r\nhost: localhost/evil\r\n",
        "GET /api/v1/whoami HTTP/1.1\r\nhost:\r\n",
        "GET /api/v1/whoami HTTP/1.1\r\n",
    ] {
        let mut connection = server.raw().await;
        connection.write(format!("{head}authorization: Bearer {}\r\n\r\n", other.token)).await;
        let status = connection.answer().await.status;
        assert!(matches!(status, 400 | 421), "{head:?}: {status}");
    }
}

/// A cache went by the first characters of the token, and by what several callers had in common.
#[tokio::test(flavor = "multi_thread")]
async fn no_two_identities_share_an_entry_of_the_cache() {
    let server = TestServer::start().await;
    let accounts = [server.account().await, server.account().await, server.account().await];
    let who = async |token: &str| -> WhoAmI { server.data(Call::get(routes::WHOAMI).token(token)).await };
    for turn in 0..60 {
        let account = &accounts[turn % 3];
        assert_eq!(who(&account.token).await.account.user_id, account.user);
    }
    // All at once, over both threads of the data plane.
    let (a, b, c) = tokio::join!(who(&accounts[0].token), who(&accounts[1].token), who(&accounts[2].token));
    let users = [a, b, c].map(|who| who.account.user_id);
    assert_eq!(users, [accounts[0].user, accounts[1].user, accounts[2].user]);
    // As one is, nothing that resembles it is.
    let known = &accounts[0].token;
    for near in [
        known[..known.len() - 1].to_owned(),
        format!("{known}x"),
        known.to_ascii_uppercase().replacen("TMP_KW_", "tmp_kw_", 1),
        known.replacen("tmp_", "sk_", 1),
        format!("{}{}", &known[..30], &accounts[1].token[30..]),
    ] {
        let answer = server.call(Call::get(routes::WHOAMI).token(&near)).await;
        answer.assert_refused(ErrorCode::KeyMalformed);
    }
    // The same prompt by two callers is two calls, each in its own records.
    for account in &accounts {
        assert_eq!(server.call(call(Kind::Messages, false, &account.token)).await.status, 200);
        assert_eq!(server.record(&account.token).await.user_id, account.user);
    }
    assert_eq!(server.provider.count(), 3);
}

/// `api_base` in a body sent the provider's key wherever the caller wished.
#[tokio::test(flavor = "multi_thread")]
async fn no_caller_chooses_where_a_call_goes() {
    let canary = FakeProvider::start().await;
    let server = TestServer::start().await;
    let account = server.account().await;
    let to = format!("http://{}", canary.address());
    let authority = canary.address().to_string();
    for field in [
        "api_base",
        "base_url",
        "api_url",
        "endpoint",
        "api_key",
        "extra_headers",
        "custom_llm_provider",
        "azure_endpoint",
        "litellm_params",
        "provider",
        "proxy",
        "url",
        "host",
        "user_config",
        "model_list",
        "fallbacks",
    ] {
        for kind in Kind::ALL {
            let mut body = kind.body(false);
            body[field] = if field == "extra_headers" { json!({"host": authority}) } else { json!(to) };
            let answer = server.call(Call::post(kind.path(false), &body).token(&account.token)).await;
            assert_eq!(answer.status, 200, "{field}");
        }
    }
    for name in [
        "x-forwarded-host",
        "x-host",
        "x-original-host",
        "x-original-url",
        "x-rewrite-url",
        "x-api-base",
        "x-base-url",
        "x-portkey-custom-host",
        "x-target-url",
        "x-upstream",
        "helicone-target-url",
        "api-base",
    ] {
        let sent = call(Kind::Messages, false, &account.token).header(name, &to);
        assert_eq!(server.call(sent).await.status, 200, "{name}");
        let other = call(Kind::Messages, false, &account.token).header(name, &authority);
        assert_eq!(server.call(other).await.status, 200, "{name}");
    }
    for model in [to.as_str(), &format!("openai/{to}"), "../../x", "@evil.example"] {
        let answer =
            server.call(Call::post("/v1/messages", &json!({"model": model})).token(&account.token)).await;
        assert_eq!(answer.status, 200, "{model}");
    }
    let body = Kind::Messages.body(false).to_string();
    for target in [
        format!("{to}/v1/messages"),
        format!("/gateway/{to}/v1/messages"),
        format!("/gateway/{authority}/v1/messages"),
        format!("/gateway/anthropic@{authority}/v1/messages"),
        format!("/gateway/anthropic/{to}/v1/messages"),
        format!("//{authority}/v1/messages"),
        format!("/v1/messages?api_base={to}&base_url={to}"),
        format!("/v1beta/models/@{authority}:generateContent"),
        format!("/v1beta/models/..%2f..%2f{authority}:generateContent"),
    ] {
        let mut connection = server.raw().await;
        let head = format!(
            "POST {target} HTTP/1.1\r\nhost: {authority}\r\nx-keywright-token: {}\r\n",
            account.token
        );
        connection.write(format!("{head}content-length: {}\r\n\r\n{body}", body.len())).await;
        connection.answer().await;
    }
    assert_eq!(canary.connections(), 0, "the canary was reached");
    for heard in server.provider.received() {
        assert_eq!(heard.header("host"), Some(server.provider.address().to_string().as_str()));
    }
}
