//! `why`: calls that ended in every way, explained.

use keywright_protocol::{ErrorCode, RequestId};
use keywright_testkit::usual::Kind;
use keywright_testkit::{Answer, Call, Gate, Setup, TestServer};
use serde_json::json;

use crate::home::{Ended, Home};

const OWN: &str = "sk-ant-api03-own-canary-7d02c4b9e1";

fn why(home: &Home, server: &TestServer, token: &str, id: &str) -> Ended {
    let url = format!("http://{}", server.address());
    Ended::of(home.command(["why", id]).env("KEYWRIGHT_SERVER", url).env("KEYWRIGHT_API_KEY", token))
}

#[track_caller]
fn expect(ended: &Ended, lines: &[&str]) {
    for line in lines {
        assert!(ended.stdout.contains(line), "no “{line}”:\n{}{}", ended.stdout, ended.stderr);
    }
    assert!(!ended.stdout.contains("canary"), "{}", ended.stdout);
}

fn message(token: &str) -> Call {
    Call::post("/v1/messages", &Kind::Messages.body(false)).header("x-keywright-token", token)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_call_is_told_from_its_token_to_its_tokens() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "laptop"})).await.raw.unwrap();
    server.call(message(&key).header("x-claude-code-session-id", "s-1")).await;
    let record = server.record(&account.token).await;
    let ended = why(&home, &server, &account.token, &format!("(request id: {})", record.id)).with_code(0);
    let hint = record.credential_hint.unwrap();
    expect(
        &ended,
        &[
            &format!("call        {}, ", record.id),
            &format!("account     {} in {}", account.user, account.organization),
            "token       API key “laptop” sk_kw_",
            "session s-1",
            "route       POST /v1/messages in the dialect anthropic\n",
            "provider    anthropic\nmodel       claude-x\n",
            &format!("credential  the server's key {hint}\ntimes       first byte "),
            "outcome     succeeded 200\n            The answer went out whole.",
        ],
    );
    assert!(!ended.stdout.contains("next "), "{}", ended.stdout);
    assert!(!ended.stdout.contains(&key) && !ended.stdout.contains(&account.token));
    let url = format!("http://{}", server.address());
    let id = record.id.to_string();
    let mut command = home.command(["why", "--json", &id]);
    let json = Ended::of(command.env("KEYWRIGHT_SERVER", url).env("KEYWRIGHT_API_KEY", &account.token));
    let data = json.with_code(0).json()["data"].clone();
    assert_eq!((&data["request"]["id"], &data["key"]["name"]), (&json!(id), &json!("laptop")));
    assert_eq!((&data["shadowed"], &data["verdict"]["nextAction"]), (&json!([]), &json!(null)));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_with_their_code_what_was_not_used_and_what_to_do() {
    let home = Home::new();
    let server = Setup::new().await.set("gateway.allow_byok", "false").start().await;
    let account = server.account().await;
    server.call(message(&account.token).header("x-api-key", OWN)).await;
    let id = server.record(&account.token).await.id;
    let ended = why(&home, &server, &account.token, &id.to_string()).with_code(0);
    expect(
        &ended,
        &[
            "credential  none was chosen\n            not used: the caller's own key in `x-api-key` sk-a...b9e1",
            "outcome     refused 403 BYOK_DISABLED",
            ErrorCode::ByokDisabled.message(),
            &format!("next        {}", ErrorCode::ByokDisabled.next_action()),
        ],
    );
    server.call(Call::post("/v1/messages", &json!({"messages": []})).token(&account.token)).await;
    let id = server.ended_records(&account.token, 2).await.remove(0).id;
    let ended = why(&home, &server, &account.token, &id.to_string()).with_code(0);
    expect(&ended, &["refused 400 MODEL_REQUIRED", ErrorCode::ModelRequired.next_action()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stray_own_key_that_turned_a_call_away_is_named() {
    let home = Home::new();
    let server = Setup::new().await.without_provider("anthropic").start().await;
    let account = server.account().await;
    server
        .call(message(&account.token).header("x-api-key", OWN))
        .await
        .assert_refused(ErrorCode::ProviderNotConfigured);
    let id = server.record(&account.token).await.id;
    let ended = why(&home, &server, &account.token, &id.to_string()).with_code(0);
    expect(
        &ended,
        &[
            "not used: the caller's own key in `x-api-key` sk-a...b9e1",
            "an own provider key came along",
            "next        Leave out your own provider key, or name the provider",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_error_is_told_by_its_name_and_whose_key_it_met() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let account = server.account().await;
    let error = json!({"type": "error", "error": {"type": "authentication_error", "message": "canary"}});
    server.provider.answer(Answer::json(401, &error).header("request-id", "up-1"));
    server.call(message(&account.token).header("x-api-key", OWN)).await;
    let id = server.record(&account.token).await.id;
    let ended = why(&home, &server, &account.token, &id.to_string()).with_code(0);
    expect(
        &ended,
        &[
            "credential  the caller's own key sk-a...b9e1\n            not used: the server's key cent...",
            "upstream    calls it up-1",
            "outcome     upstream_error 401\n",
            "status 401 (authentication_error).",
            "next        anthropic does not take your own key",
        ],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_left_is_told() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let account = server.account().await;
    server.provider.answer(Answer::events().chunk("data: {}\n\n").until(&Gate::closed()));
    let body = Kind::Messages.body(true);
    let mut reply = server.send(Call::post("/v1/messages", &body).token(&account.token)).await;
    reply.until("{}").await;
    drop(reply);
    let id = server.record(&account.token).await.id;
    let ended = why(&home, &server, &account.token, &id.to_string()).with_code(0);
    expect(&ended, &["as a stream", "outcome     client_aborted 200", "The program that called left"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recorded_here_says_what_that_can_mean() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let (one, two) = (server.account().await, server.account().await);
    server.call(message(&one.token)).await;
    let id = server.record(&one.token).await.id;
    for id in [id, RequestId::new()] {
        let ended = why(&home, &server, &two.token, &id.to_string()).with_code(1);
        assert!(ended.stderr.contains(&format!("no call {id} is recorded")), "{}", ended.stderr);
        assert!(ended.stderr.contains("cannot be proven has no record"), "{}", ended.stderr);
        assert!(ended.stderr.contains("another account or server"), "{}", ended.stderr);
    }
}

#[test]
fn what_is_no_id_is_a_mistyped_command_and_is_not_repeated() {
    let home = Home::new();
    let ended = home.run(["why", "req_canary"]).with_code(2);
    assert!(ended.stderr.contains("req_0190a1b2") && !ended.stderr.contains("canary"), "{}", ended.stderr);
    home.run(["why"]).with_code(2);
}
