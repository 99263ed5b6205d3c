//! A caller's own provider key goes exactly where its owner pointed it, and nowhere else.

use keywright_protocol::ErrorCode;
use keywright_providers::CREDENTIAL_HEADERS;
use keywright_testkit::usual::Kind;
use keywright_testkit::{Answer, Call, Received, Setup, TestServer};
use serde_json::json;

const OWN: &str = "own-key-7d02c4b9e1";

fn sent(kind: Kind, token: &str) -> Call {
    Call::post(kind.path(false), &kind.body(false)).header("x-keywright-token", token)
}

/// The credential headers that went up.
fn credentials(heard: &Received) -> Vec<(&str, &str)> {
    let named = CREDENTIAL_HEADERS.iter().filter_map(|name| Some((*name, heard.header(name)?)));
    named.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_key_beside_a_token_goes_up_as_it_came_and_exactly_once() {
    let mut server = TestServer::start().await;
    server.guard_provider_key(OWN);
    let account = server.account().await;
    let bearer = format!("Bearer {OWN}");
    let mut count = 0;
    for (kind, name, value) in [
        (Kind::Messages, "x-api-key", OWN),
        // A subscription's token.
        (Kind::Messages, "authorization", bearer.as_str()),
        (Kind::Chat, "authorization", bearer.as_str()),
        (Kind::Responses, "authorization", bearer.as_str()),
        (Kind::Generate, "x-goog-api-key", OWN),
    ] {
        assert_eq!(server.call(sent(kind, &account.token).header(name, value)).await.status, 200);
        assert_eq!(credentials(&server.provider.last()), [(name, value)], "{kind:?}");
        count += 1;
        let record = server.ended_records(&account.token, count).await.remove(0);
        assert_eq!(record.credential.as_deref(), Some("byok"));
        assert!(!record.credential_hint.expect("a hint").contains(OWN));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_the_token_stands_any_other_key_is_the_callers_own() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let body = Kind::Messages.body(false);
    let by_bearer = Call::post("/v1/messages", &body).token(&account.token).header("x-api-key", OWN);
    assert_eq!(server.call(by_bearer).await.status, 200);
    assert_eq!(credentials(&server.provider.last()), [("x-api-key", OWN)]);
    let by_key = Call::post("/v1/messages", &body)
        .header("x-api-key", &account.token)
        .header("authorization", &format!("Bearer {OWN}"));
    assert_eq!(server.call(by_key).await.status, 200);
    assert_eq!(credentials(&server.provider.last()), [("authorization", format!("Bearer {OWN}").as_str())]);
    let by_alias = Call::post("/v1/messages", &body)
        .header("x-coder-ai-governance-token", &account.token)
        .header("x-api-key", OWN);
    assert_eq!(server.call(by_alias).await.status, 200);
    assert_eq!(credentials(&server.provider.last()), [("x-api-key", OWN)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_own_keys_x_api_key_wins() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let both =
        sent(Kind::Messages, &account.token).header("authorization", "Bearer other").header("x-api-key", OWN);
    assert_eq!(server.call(both).await.status, 200);
    assert_eq!(credentials(&server.provider.only()), [("x-api-key", OWN)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_key_in_the_query_goes_up_in_its_header() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let path = format!("{}?alt=sse&key={OWN}", Kind::Generate.path(false));
    let call = Call::post(&path, &Kind::Generate.body(false)).header("x-keywright-token", &account.token);
    assert_eq!(server.call(call).await.status, 200);
    let heard = server.provider.only();
    assert_eq!(credentials(&heard), [("x-goog-api-key", OWN)]);
    assert_eq!(heard.query(), Some("alt=sse"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_own_keys_are_off_one_is_refused_and_not_replaced() {
    let server = Setup::new().await.set("gateway.allow_byok", "false").start().await;
    let account = server.account().await;
    for kind in Kind::STREAMING {
        let own = sent(kind, &account.token).header("x-api-key", OWN);
        let answer = server.call(own).await;
        answer.assert_refused(ErrorCode::ByokDisabled);
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
    assert_eq!(server.provider.connections(), 0);
    assert_eq!(server.call(sent(Kind::Messages, &account.token)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_key_goes_to_no_other_vendor() {
    let mut server = TestServer::start().await;
    let account = server.account().await;
    for (kind, key) in [
        (Kind::Chat, "sk-ant-api03-canary00"),
        (Kind::Messages, "sk-proj-canary00"),
        (Kind::Generate, "sk-ant-api03-canary00"),
        (Kind::Messages, "AIzaSycanary00"),
        (Kind::Messages, "ghp_canary00"),
        (Kind::Chat, "AKIAcanary00"),
        (Kind::Chat, "gsk_canary00"),
    ] {
        server.guard_provider_key(key);
        for name in ["x-api-key", "x-goog-api-key"] {
            let answer = server.call(sent(kind, &account.token).header(name, key)).await;
            answer.assert_refused(ErrorCode::ByokProviderMismatch);
        }
    }
    assert_eq!(server.provider.connections(), 0);
    let fitting = sent(Kind::Messages, &account.token).header("x-api-key", "sk-ant-api03-canary00");
    assert_eq!(server.call(fitting).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_key_on_a_native_path_goes_to_the_dialects_vendor_or_nowhere() {
    let setup = Setup::new().await;
    let at = setup.upstream();
    let server = setup.without_provider("openai").provider("groq", "openai", &at).start().await;
    let account = server.account().await;
    let own = sent(Kind::Chat, &account.token).header("authorization", &format!("Bearer {OWN}"));
    server.call(own).await.assert_refused(ErrorCode::ProviderNotConfigured);
    assert_eq!(server.provider.connections(), 0);
    let named = Call::post("/gateway/groq/v1/chat/completions", &Kind::Chat.body(false))
        .header("x-keywright-token", &account.token)
        .header("authorization", &format!("Bearer {OWN}"));
    assert_eq!(server.call(named).await.status, 200);
    assert_eq!(credentials(&server.provider.only()), [("authorization", format!("Bearer {OWN}").as_str())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_choice_of_an_account_goes_along_with_an_own_key_only() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let selectors = ["openai-organization", "openai-project"];
    let chosen = |call: Call| selectors.iter().fold(call, |call, name| call.header(name, "acme"));
    assert_eq!(server.call(chosen(sent(Kind::Chat, &account.token))).await.status, 200);
    for name in selectors {
        assert_eq!(server.provider.last().header(name), None);
    }
    let own = chosen(sent(Kind::Chat, &account.token)).header("authorization", &format!("Bearer {OWN}"));
    assert_eq!(server.call(own).await.status, 200);
    for name in selectors {
        assert_eq!(server.provider.last().header(name), Some("acme"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_a_key_serves_those_who_bring_their_own() {
    let setup = Setup::new().await;
    let at = setup.upstream();
    let server =
        setup.without_provider("anthropic").provider_without_key("anthropic", "anthropic", &at).start().await;
    let account = server.account().await;
    server.call(sent(Kind::Messages, &account.token)).await.assert_refused(ErrorCode::NoProviderKey);
    assert_eq!(server.call(sent(Kind::Messages, &account.token).header("x-api-key", OWN)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_an_own_account_are_the_vendors_to_guard() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let own = Call::get("/v1/responses/resp_elsewhere")
        .header("x-keywright-token", &account.token)
        .header("authorization", &format!("Bearer {OWN}"));
    assert_eq!(server.call(own).await.status, 200);
    assert_eq!(credentials(&server.provider.only()), [("authorization", format!("Bearer {OWN}").as_str())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_error_that_repeats_the_own_key_is_masked() {
    let mut server = TestServer::start().await;
    server.guard_provider_key(OWN);
    let account = server.account().await;
    let message = format!("Incorrect API key provided: {OWN}.");
    server.provider.answer(Answer::json(401, &json!({"error": {"message": message}})));
    let answer = server.call(sent(Kind::Messages, &account.token).header("x-api-key", OWN)).await;
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("Incorrect API key provided: "));
}
