//! What goes up and comes down unchanged, and what does not go at all.

use keywright_providers::{CREDENTIAL_HEADERS, FORWARDING_HEADERS, HOP_BY_HOP};
use keywright_testkit::usual::Kind;
use keywright_testkit::{Answer, Call, TestServer, central_key};
use serde_json::json;

use crate::scene::call;

#[tokio::test(flavor = "multi_thread")]
async fn a_query_goes_up_byte_for_byte_less_its_credentials() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for (query, expected) in [
        ("beta=true", "beta=true"),
        ("beta=true&x=%20+%2F&y=a=b&&z&%C3%A9=%f0", "beta=true&x=%20+%2F&y=a=b&&z&%C3%A9=%f0"),
        ("a=1&key=canary&b=2&api_key=canary&access_token=canary", "a=1&b=2"),
        ("a=1&%6bey=canary", "a=1"),
        ("a=1&KEY=canary&$key=canary", "a=1"),
    ] {
        let sent = Call::post(&format!("/v1/messages?{query}"), &Kind::Messages.body(false));
        assert_eq!(server.call(sent.token(&account.token)).await.status, 200, "{query}");
        assert_eq!(server.provider.last().query(), Some(expected));
    }
    let token = Call::post(&format!("/v1/messages?debug={}", account.token), &Kind::Messages.body(false));
    assert_eq!(server.call(token.token(&account.token)).await.status, 200);
    assert_eq!(server.provider.last().target, "/v1/messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_betas_and_unknown_headers_go_up_as_they_came() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let sent = call(Kind::Messages, false, &account.token)
        .header("anthropic-version", "2023-06-01")
        .header("anthropic-beta", "one,two")
        .header("anthropic-beta", "three")
        .header("openai-beta", "responses=experimental")
        .header("user-agent", "claude-cli/2.1 (external, sdk-cli)")
        .header("session_id", "with-an-underscore")
        .header("x-stainless-retry-count", "0")
        .header("x-unheard-of", " spaced  out ")
        .header("accept", "text/event-stream");
    assert_eq!(server.call(sent).await.status, 200);
    let heard = server.provider.only();
    assert_eq!(heard.all("anthropic-beta"), ["one,two", "three"]);
    for (name, value) in [
        ("anthropic-version", "2023-06-01"),
        ("openai-beta", "responses=experimental"),
        ("user-agent", "claude-cli/2.1 (external, sdk-cli)"),
        ("session_id", "with-an-underscore"),
        ("x-stainless-retry-count", "0"),
        ("x-unheard-of", "spaced  out"),
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
        ("host", &server.provider.address().to_string()),
    ] {
        assert_eq!(heard.header(name), Some(value), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_central_key_stands_where_its_provider_wants_it_and_nowhere_else() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for kind in Kind::ALL {
        assert_eq!(server.call(call(kind, false, &account.token)).await.status, 200);
        let heard = server.provider.last();
        let (provider, place) = kind.provider();
        let key = central_key(provider);
        let expected = if place == "authorization" { format!("Bearer {key}") } else { key.clone() };
        assert_eq!(heard.header(place), Some(expected.as_str()), "{kind:?}");
        let holding = heard
            .headers
            .iter()
            .filter(|(_, value)| value.windows(key.len()).any(|window| window == key.as_bytes()));
        assert_eq!(holding.count(), 1);
        let others = CREDENTIAL_HEADERS.iter().filter(|name| **name != place);
        for name in others {
            assert_eq!(heard.header(name), None, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_or_account_of_the_clients_goes_up_beside_the_central_key() {
    let server = TestServer::start().await;
    let account = server.account().await;
    // A value in one of these is an own key or a platform token, which other tests send.
    let slots = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
    let mut sent = call(Kind::Chat, false, &account.token);
    for name in CREDENTIAL_HEADERS.iter().chain(FORWARDING_HEADERS).filter(|name| !slots.contains(name)) {
        sent = sent.header(name, "canary");
    }
    assert_eq!(server.call(sent).await.status, 200);
    let heard = server.provider.only();
    for (name, value) in &heard.headers {
        assert!(!value.starts_with(b"canary"), "{name} went up");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_token_in_any_other_header_does_not_go_up() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let token = &account.token;
    let sent = call(Kind::Messages, false, token)
        .header("x-debug", token)
        .header("x-note", &format!("the token is {token}, keep it"))
        .header("referer", &format!("http://localhost/?t={}", &token[..40]))
        .header("user-agent", &format!("agent/1 {token}"));
    assert_eq!(server.call(sent).await.status, 200);
    let heard = server.provider.only();
    for name in ["x-debug", "x-note", "referer", "user-agent"] {
        assert_eq!(heard.header(name), None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hop_by_hop_headers_end_here_and_connection_cannot_take_the_key_away() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let mut connection = server.raw().await;
    let body = Kind::Messages.body(false).to_string();
    let request = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-keywright-token: {}\r\ncontent-length: {}\r\n\
         connection: x-api-key, authorization, x-mine, host, content-length\r\nconnection: keep-alive, x-other\r\n\
         x-mine: 1\r\nx-other: 1\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\nte: trailers\r\n\
         proxy-authorization: Basic eA==\r\ntrailer: x\r\n\r\n{body}",
        account.token,
        body.len()
    );
    connection.write(request).await;
    assert_eq!(connection.answer().await.status, 200);
    let heard = server.provider.only();
    assert_eq!(heard.header("x-api-key"), Some(central_key("anthropic").as_str()));
    assert_eq!(heard.header("host"), Some(server.provider.address().to_string().as_str()));
    assert_eq!(&heard.body[..], body.as_bytes());
    for name in HOP_BY_HOP.iter().chain(&["x-mine", "x-other", "proxy-authorization"]) {
        assert_eq!(heard.header(name), None, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answers_headers_come_down_but_for_those_that_act_on_our_origin() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let relayed = [
        ("request-id", "req_upstream"),
        ("x-request-id", "up-1"),
        ("anthropic-ratelimit-tokens-remaining", "42"),
        ("x-ratelimit-reset-requests", "1s"),
        ("openai-processing-ms", "7"),
        ("retry-after", "17"),
        ("x-unheard-of", "1"),
        ("x-should-retry", "true"),
    ];
    let dropped = [
        "set-cookie",
        "alt-svc",
        "strict-transport-security",
        "access-control-allow-origin",
        "access-control-allow-credentials",
        "clear-site-data",
        "link",
        "nel",
        "report-to",
        "location",
        "refresh",
        "content-security-policy-report-only",
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "proxy-authenticate",
        "www-authenticate",
        "x-keywright-token",
        "x-coder-ai-governance-token",
        "server",
        "keep-alive",
        "proxy-connection",
        "upgrade",
        "cookie",
        "openai-organization",
    ];
    for status in [200, 400] {
        let good = relayed
            .iter()
            .fold(Answer::json(status, &json!({})), |answer, (name, value)| answer.header(name, value));
        let answer = dropped.iter().fold(good, |answer, name| answer.header(name, "canary"));
        server.provider.answer(
            answer.header("content-security-policy", "canary").header("x-keywright-request-id", "canary"),
        );
        let answer = server.call(call(Kind::Messages, false, &account.token)).await;
        assert_eq!(answer.status, status);
        for (name, value) in relayed {
            assert_eq!(answer.header(name), Some(value), "{name}");
        }
        for name in dropped {
            assert_eq!(answer.header(name), None, "{name}");
        }
        assert_eq!(answer.header("content-security-policy"), Some("sandbox"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert!(answer.header("x-keywright-request-id").expect("ours").starts_with("req_"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_repeats_the_key_does_not_come_down() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for status in [200, 401] {
        let key = central_key("anthropic");
        let answer = Answer::json(status, &json!({})).header("x-debug-auth", &format!("Bearer {key}; ok"));
        server.provider.answer(answer);
        let answer = server.call(call(Kind::Messages, false, &account.token)).await;
        assert_eq!((answer.status, answer.header("x-debug-auth")), (status, None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overlong_head_is_refused() {
    let server = TestServer::start().await;
    let mut connection = server.raw().await;
    let head = format!("GET /v1/models HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(600 * 1024));
    connection.write(head).await;
    assert_eq!(connection.answer().await.status, 431);
    assert_eq!(server.call(Call::get("/healthz")).await.status, 200);
}
