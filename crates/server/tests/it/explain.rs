//! What explains a call: its route, what it keeps, and what it never keeps; and how providers are doing.

use keywright_protocol::wire::{ProviderState, ProviderStates, RequestDetail};
use keywright_protocol::{ErrorCode, RequestId, Scope, routes};
use keywright_testkit::usual::Kind;
use keywright_testkit::{Answer, Call, FakeProvider, Setup, TestServer, central_key, on_both};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::scene::call;

const OWN: &str = "own-key-7d02c4b9e1";

/// The one call of the account, explained.
async fn explained(server: &TestServer, token: &str) -> RequestDetail {
    let id = server.record(token).await.id;
    server.data(Call::get(&routes::request(id)).token(token)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_error_is_kept_by_name_and_its_message_is_not() {
    on_both(async |setup: Setup| {
        let server = setup.start().await;
        let account = server.account().await;
        let error = json!({"error": {"type": "invalid_request_error", "code": "model_not_found",
            "message": "you said canary-prompt", "param": "canary-prompt"}});
        server.provider.answer(Answer::json(404, &error).header("x-request-id", "up-1"));
        server.call(call(Kind::Chat, false, &account.token)).await;
        let detail = explained(&server, &account.token).await;
        let error = detail.upstream_error.clone().expect("its names");
        assert_eq!(error.kind.as_deref(), Some("invalid_request_error"));
        assert_eq!(error.code.as_deref(), Some("model_not_found"));
        assert_eq!(detail.request.upstream_request_id.as_deref(), Some("up-1"));
        assert!(detail.verdict.next_action.as_deref().is_some_and(|next| next.contains("gpt-x")));
        assert!(!serde_json::to_string(&detail).expect("JSON").contains("canary"), "{detail:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_call_names_its_key_and_has_nothing_more_to_say() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "laptop"})).await;
    server.call(call(Kind::Messages, false, &key.raw.expect("the key"))).await;
    let detail = explained(&server, &account.token).await;
    let card = detail.key.expect("the key");
    assert_eq!((card.name.as_str(), card.kind.as_str()), ("laptop", "sk"));
    assert_eq!((card.key_prefix, card.revoked_at), (key.key_prefix, None));
    assert_eq!(detail.organization_id, account.organization);
    assert_eq!((detail.shadowed, detail.upstream_error, detail.parent_key), (vec![], None, None));
    assert_eq!(detail.verdict.next_action, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_is_shown_with_its_parent_and_a_dead_key_with_its_end() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "laptop", "scopes": ["models:use"]})).await;
    let raw = key.raw.expect("the key");
    let child: serde_json::Value = server.data(Call::post(routes::CHILD, &json!({})).token(&raw)).await;
    server.call(call(Kind::Messages, false, child["token"].as_str().expect("a token"))).await;
    server.revoke(&account.token, key.key_id).await;
    let detail = explained(&server, &account.token).await;
    assert_eq!(detail.key.map(|card| card.kind).as_deref(), Some("at"));
    let parent = detail.parent_key.expect("the parent");
    assert_eq!((parent.key_id, parent.name.as_str()), (key.key_id, "laptop"));
    assert!(parent.revoked_at.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_key_beside_a_question_for_all_models_goes_nowhere_and_is_told() {
    let mut server = TestServer::start().await;
    server.guard_provider_key(OWN);
    let account = server.account().await;
    let asked =
        Call::get(routes::MODELS).header("x-keywright-token", &account.token).header("x-api-key", OWN);
    assert_eq!(server.call(asked).await.status, 200);
    let detail = explained(&server, &account.token).await;
    let [shadowed] = &detail.shadowed[..] else { panic!("{:?}", detail.shadowed) };
    assert_eq!((shadowed.kind.as_str(), shadowed.place.as_str()), ("byok", "x-api-key"));
    assert!(!shadowed.hint.contains(OWN));
}

#[tokio::test(flavor = "multi_thread")]
async fn own_keys_that_are_not_used_are_told_masked_and_with_their_place() {
    let refuses = Setup::new().await.set("gateway.allow_byok", "false").start().await;
    let takes = TestServer::start().await;
    let other = format!("Bearer {OWN}-2");
    for (mut server, status) in [(refuses, 403), (takes, 200)] {
        server.guard_provider_key(OWN);
        let account = server.account().await;
        let both = Call::post("/v1/messages", &Kind::Messages.body(false))
            .header("x-keywright-token", &account.token)
            .header("x-api-key", OWN)
            .header("authorization", &other);
        assert_eq!(server.call(both).await.status, status);
        let detail = explained(&server, &account.token).await;
        let shadowed: Vec<_> =
            detail.shadowed.iter().map(|one| (one.kind.as_str(), one.place.as_str())).collect();
        let second = match status {
            403 => ("byok", "x-api-key"),
            _ => ("central", "configuration"),
        };
        assert_eq!(shadowed, [("byok", "authorization"), second]);
        let text = serde_json::to_string(&detail).expect("JSON");
        assert!(!text.contains(OWN) && !text.contains(&central_key("anthropic")), "{text}");
        assert_eq!(detail.request.error_code.is_some(), status == 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_others_and_calls_that_never_were_look_the_same() {
    let server = TestServer::start().await;
    let (one, two) = (server.account().await, server.account().await);
    server.call(call(Kind::Messages, false, &one.token)).await;
    let id = server.record(&one.token).await.id;
    for id in [id.to_string(), RequestId::new().to_string(), "req_1".to_owned(), "x".to_owned()] {
        let answer = server.call(Call::get(&format!("{}/{id}", routes::REQUESTS)).token(&two.token)).await;
        answer.assert_refused(ErrorCode::NotFound);
    }
}

async fn providers(server: &TestServer, token: &str) -> Vec<ProviderState> {
    server.data::<ProviderStates>(Call::get(routes::PROVIDERS).token(token)).await.providers
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_connected_to_once_and_get_nothing() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("binds").local_addr().expect("bound");
    let alive = FakeProvider::start().await;
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let no_tls = plain.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let setup = Setup::new().await.without_provider("google").without_provider("openai");
    let server = setup
        .provider("anthropic", "anthropic", &format!("http://{}", alive.address()))
        .provider_without_key("gone", "openai", &format!("http://{closed}/v1"))
        .provider("nowhere", "openai", "https://nowhere.invalid/v1")
        .provider("plain", "openai", &format!("https://{no_tls}/v1"))
        .start()
        .await;
    let account = server.account().await;
    for _ in 0..5 {
        let states = providers(&server, &account.token).await;
        let told: Vec<_> =
            states.iter().map(|state| (state.name.as_str(), state.connection.as_str())).collect();
        assert_eq!(
            told,
            [
                ("anthropic", "connected"),
                ("gone", "unreachable"),
                ("nowhere", "unresolved"),
                ("plain", "tls")
            ]
        );
        let keys: Vec<bool> = states.iter().map(|state| state.has_key).collect();
        assert_eq!(keys, [true, false, true, true]);
    }
    assert!(alive.connections() <= 2, "{}", alive.connections());
    assert_eq!(alive.count(), 0, "something was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_call_to_a_provider_is_for_its_organization_and_for_readers_of_records() {
    let server = TestServer::start().await;
    let (one, two) = (server.account().await, server.account().await);
    server.provider.answer(Answer::json(529, &json!({})));
    server.call(call(Kind::Messages, false, &one.token)).await;
    let record = server.record(&one.token).await;
    let last = async |token: &str| providers(&server, token).await.remove(0).last_call;
    let seen = last(&one.token).await.expect("the call");
    assert_eq!((seen.id, seen.outcome.as_str(), seen.status), (record.id, "upstream_error", Some(529)));
    assert!(last(&two.token).await.is_none());
    let scopes = json!({"name": "k", "scopes": [Scope::ModelsUse.as_str()]});
    let key = server.key(&one.token, scopes).await.raw.expect("the key");
    assert!(last(&key).await.is_none());
}
