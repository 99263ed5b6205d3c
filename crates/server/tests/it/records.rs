//! Every call leaves one record, whatever becomes of it, and nothing goes out unrecorded.

use std::time::{Duration, Instant};

use keywright_protocol::ErrorCode;
use keywright_protocol::wire::{RequestRecord, TokenUsage, UsageReport};
use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Answer, Call, Gate, Setup, TestServer, central_key, on_both};
use serde_json::json;

use crate::scene::{begin, call};

#[tokio::test(flavor = "multi_thread")]
async fn a_good_call_leaves_one_record_with_all_that_was_reported() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        let mut count = 0;
        for kind in Kind::ALL {
            for stream in [false, true] {
                if stream && events(kind).is_empty() {
                    continue;
                }
                server.provider.answer_with(move |request| {
                    keywright_testkit::usual::answer(request).header("x-request-id", "upstream-7")
                });
                let sent =
                    call(kind, stream, &account.token).header("user-agent", "claude-cli/2.1 (external)");
                let answer = server.call(sent).await;
                assert_eq!(answer.status, 200);
                count += 1;
                let record = server.ended_records(&account.token, count).await.remove(0);
                assert_whole(&record, kind, stream);
                assert_eq!(answer.header("x-keywright-request-id"), Some(record.id.to_string().as_str()));
                assert_eq!(record.response_bytes, answer.body.len() as i64);
                assert_eq!(record.user_id, account.user);
            }
        }
    })
    .await;
}

fn assert_whole(record: &RequestRecord, kind: Kind, stream: bool) {
    let (provider, _) = kind.provider();
    assert_eq!((record.outcome.as_str(), record.status), ("succeeded", Some(200)), "{kind:?} {stream}");
    assert_eq!(record.error_code, None);
    assert_eq!(record.provider.as_deref(), Some(provider));
    assert_eq!(record.model.as_deref(), Some(kind.model()));
    assert_eq!(record.stream, stream, "{kind:?}");
    assert_eq!(record.client.as_deref(), Some("claude-code"));
    assert_eq!(record.credential.as_deref(), Some("central"));
    let hint = record.credential_hint.as_deref().expect("a hint");
    assert!(hint.len() < central_key(provider).len() && !hint.is_empty());
    assert_eq!(record.upstream_request_id.as_deref(), Some("upstream-7"));
    assert!(record.first_byte_ms.expect("a time") <= record.duration_ms.expect("a time"));
    assert_eq!(record.request_bytes, kind.body(stream).to_string().len() as i64);
    let (input_tokens, output_tokens, cache_read_tokens, cache_write_tokens) = kind.tokens();
    let reported =
        TokenUsage { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, estimated: false };
    assert_eq!(record.usage, reported, "{kind:?} {stream}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_error_is_recorded_with_its_status_and_costs_nothing() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let mut count = 0;
    for kind in Kind::STREAMING {
        for stream in [false, true] {
            server.provider.answer(Answer::json(529, &json!({"error": {"type": "overloaded_error"}})));
            assert_eq!(server.call(call(kind, stream, &account.token)).await.status, 529);
            count += 1;
            let record = server.ended_records(&account.token, count).await.remove(0);
            assert_eq!((record.outcome.as_str(), record.status), ("upstream_error", Some(529)));
            assert_eq!((record.error_code, record.usage), (None, TokenUsage::default()));
            assert_eq!(record.stream, stream);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_known_caller_is_recorded_with_its_code() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let mut count = 0;
    for kind in Kind::STREAMING {
        let broken = Call::new("POST", kind.path(false)).body("{").token(&account.token);
        server.call(broken).await.assert_refused(ErrorCode::InvalidJson);
        count += 1;
        let record = server.ended_records(&account.token, count).await.remove(0);
        assert_eq!((record.outcome.as_str(), record.status), ("refused", Some(400)));
        assert_eq!(record.error_code.as_deref(), Some("INVALID_JSON"));
        assert_eq!(record.usage, TokenUsage::default());
    }
    let unknown = Call::get("/v1/files").token(&account.token);
    server.call(unknown).await.assert_refused(ErrorCode::RouteNotSupported);
    let record = server.ended_records(&account.token, count + 1).await.remove(0);
    assert_eq!((record.route.as_str(), record.model), ("other", None));
    assert_eq!(server.provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_usage_is_estimated_and_flagged() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let silent = json!({"id": "x", "content": [{"type": "text", "text": "x".repeat(400)}]});
    server.provider.answer(Answer::json(200, &silent));
    server.call(call(Kind::Messages, false, &account.token)).await;
    let usage = server.record(&account.token).await.usage;
    assert!(usage.estimated && usage.input_tokens > 0 && usage.output_tokens > 100, "{usage:?}");

    server.provider.answer(Answer::events().chunks(&["data: {}\n\n"; 5]).end());
    server.call(call(Kind::Chat, true, &account.token)).await;
    let usage = server.ended_records(&account.token, 2).await.remove(0).usage;
    assert!(usage.estimated && usage.input_tokens > 0, "{usage:?}");
    assert_eq!(usage.output_tokens, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_costs_no_tokens_is_recorded_without_any() {
    let server = TestServer::start().await;
    let account = server.account().await;
    server.provider.answer(Answer::json(200, &json!({"input_tokens": 12})));
    let counted = Call::post("/v1/messages/count_tokens", &Kind::Messages.body(false)).token(&account.token);
    server.call(counted).await;
    server.call(Call::get("/v1/models").token(&account.token)).await;
    for record in server.ended_records(&account.token, 2).await {
        assert_eq!((record.outcome.as_str(), record.usage), ("succeeded", TokenUsage::default()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_of_each_agent_is_known() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let session = "0b0c1f3e-5a67-4d11-9d3e-9f40d3a1c001";
    let user_id = json!({"device_id": "d", "account_uuid": "", "session_id": session}).to_string();
    let claude = |user_id: &str| {
        let mut body = Kind::Messages.body(true);
        body["metadata"] = json!({"user_id": user_id});
        Call::post("/v1/messages?beta=true", &body)
            .header("user-agent", "claude-cli/2.1.329 (external, sdk-cli)")
    };
    let mut with_key = Kind::Responses.body(true);
    with_key["prompt_cache_key"] = json!(session);
    let codex =
        Call::post("/v1/responses", &with_key).header("user-agent", "codex_exec/0.149.0 (Debian 12; x86_64)");
    let opencode =
        call_without_token(Kind::Chat).header("user-agent", "opencode/1.18.33 ai-sdk/provider-utils/4.0");
    let pi = call_without_token(Kind::Responses).header("user-agent", "pi (linux 6.1; x64)");
    let mut count = 0;
    for (client, sent) in [
        ("claude-code", claude("x").header("x-claude-code-session-id", session)),
        ("claude-code", claude(&user_id)),
        ("claude-code", claude(&format!("user_abc_account__session_{session}"))),
        ("codex", codex.clone().header("session-id", session).header("thread-id", "other")),
        ("codex", codex),
        ("opencode", opencode.header("x-session-id", session).header("x-session-affinity", "other")),
        ("pi", pi.header("session_id", session).header("x-client-request-id", "other")),
    ] {
        assert_eq!(server.call(sent.token(&account.token)).await.status, 200);
        count += 1;
        let record = server.ended_records(&account.token, count).await.remove(0);
        assert_eq!((record.client.as_deref(), record.session_id.as_deref()), (Some(client), Some(session)));
    }
}

fn call_without_token(kind: Kind) -> Call {
    Call::post(kind.path(true), &kind.body(true))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_intent_is_visible_before_the_upstream_hears_of_the_call() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let account = server.account().await;
        server.provider.answer(Answer::none().silence());
        let calling = server.send(call(Kind::Messages, true, &account.token));
        let heard = tokio::select! {
            _ = calling => panic!("nobody answers"),
            heard = async {
                server.provider.wait_for(1).await;
                server.records(&account.token).await
            } => heard,
        };
        assert_eq!(heard.len(), 1);
        assert_eq!((heard[0].outcome.as_str(), heard[0].model.as_deref()), ("running", Some("claude-x")));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_cannot_be_recorded_is_refused_and_nothing_goes_up() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let held = server.hold_records();
    let started = Instant::now();
    let (anthropic, gemini) = tokio::join!(
        server.call(call(Kind::Messages, true, &account.token)),
        server.call(call(Kind::Generate, false, &account.token)),
    );
    anthropic.assert_refused(ErrorCode::AuditUnavailable);
    gemini.assert_refused(ErrorCode::AuditUnavailable);
    assert!(started.elapsed() < Duration::from_secs(9));
    assert_eq!((server.provider.count(), anthropic.header("x-should-retry")), (0, None));
    drop(held);
    assert_eq!(server.call(call(Kind::Messages, true, &account.token)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_answer_is_held_back_until_its_record_is_committed() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for kind in [Kind::Messages, Kind::Chat, Kind::Responses] {
        let all = events(kind);
        let (last, before) = all.split_last().expect("events");
        let gate = Gate::closed();
        server.provider.answer(Answer::events().chunks(before).until(&gate).chunk(*last).end());
        let mut reply = begin(&server, kind, &account.token, before[before.len() - 1]).await;
        let held = server.hold_records();
        gate.open();
        let early = tokio::time::timeout(WHILE, reply.piece()).await;
        assert!(early.is_err(), "{kind:?}: the end came before its record: {early:?}");
        drop(held);
        assert_eq!(reply.until(last).await, **last);
        assert_eq!(reply.piece().await, Ok(None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_bytes_of_a_document_are_held_back_as_well() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let whole = r#"{"id":"x","usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
    let (first, rest) = whole.split_at(9);
    let announced: fn(&Gate, &'static str, &'static str) -> Answer = |gate, first, rest| {
        let head = Answer::announcing(200, "application/json", first.len() + rest.len());
        head.chunk(first).until(gate).chunk(rest)
    };
    let chunked: fn(&Gate, &'static str, &'static str) -> Answer = |gate, first, rest| {
        Answer::chunked(200, "application/json").chunk(first).chunk(rest).until(gate).end()
    };
    // Nothing to hold back but the head.
    let empty: fn(&Gate, &'static str, &'static str) -> Answer =
        |gate, _, _| Answer::announcing(200, "application/json", 0).after(gate);
    for answer in [announced, chunked, empty] {
        let gate = Gate::closed();
        server.provider.answer(answer(&gate, first, rest));
        let sending = server.send(call(Kind::Chat, false, &account.token));
        let count = server.provider.count();
        tokio::pin!(sending);
        let head = tokio::select! {
            reply = &mut sending => Some(reply),
            _ = server.provider.wait_for(count + 1) => None,
        };
        let held = server.hold_records();
        gate.open();
        let finished = async {
            let reply = match head {
                Some(reply) => reply,
                None => sending.await,
            };
            reply.whole().await
        };
        tokio::pin!(finished);
        let early = tokio::time::timeout(WHILE, &mut finished).await;
        assert!(early.is_err(), "the end came before its record");
        drop(held);
        let answer = finished.await;
        assert!((answer.status, answer.broken) == (200, false));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_cannot_be_recorded_is_never_a_clean_one() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let all = events(Kind::Messages);
    let gate = Gate::closed();
    server.provider.answer(Answer::events().chunks(&all[..3]).until(&gate).chunk(all[3]).end());
    let reply = begin(&server, Kind::Messages, &account.token, all[2]).await;
    let held = server.hold_records();
    gate.open();
    let answer = reply.whole().await;
    assert!(answer.broken);
    assert!(!answer.text().contains("message_stop"), "{}", answer.text());
    assert!(answer.text().contains("AUDIT_UNAVAILABLE"), "{}", answer.text());
    drop(held);
    // It is recorded when there is room again.
    assert_ne!(server.ended_records(&account.token, 1).await[0].outcome, "running");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_batched_mode_records_wait_and_calls_do_not() {
    let server = Setup::new().await.set("records.mode", "batched").start().await;
    let account = server.account().await;
    let held = server.hold_records();
    let answer =
        tokio::time::timeout(Duration::from_secs(2), server.call(call(Kind::Messages, true, &account.token)));
    assert_eq!(answer.await.expect("at once").status, 200);
    drop(held);
    let record = server.record(&account.token).await;
    assert_eq!((record.outcome.as_str(), record.usage.input_tokens), ("succeeded", 10));
}

/// Longer than the writer waits for the database: both writes of the call have failed by then.
#[tokio::test(flavor = "multi_thread")]
async fn in_batched_mode_what_could_not_be_written_is_written_when_it_can_be() {
    let server = Setup::new().await.set("records.mode", "batched").start().await;
    let account = server.account().await;
    let held = server.hold_records();
    assert_eq!(server.call(call(Kind::Messages, true, &account.token)).await.status, 200);
    tokio::time::sleep(Duration::from_secs(6)).await;
    drop(held);
    let record = &server.ended_records(&account.token, 1).await[0];
    assert_eq!((record.outcome.as_str(), record.usage.input_tokens), ("succeeded", 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_survive_a_restart_and_running_calls_end_with_it() {
    on_both(|setup| async move {
        let mut server = setup.start().await;
        let account = server.account().await;
        server.call(call(Kind::Messages, false, &account.token)).await;
        server.provider.answer(Answer::events().chunk(events(Kind::Chat)[0]).silence());
        let mut running = begin(&server, Kind::Chat, &account.token, "\n\n").await;
        server.restart().await;
        assert!(running.piece().await.is_err(), "a clean end");
        let records = server.ended_records(&account.token, 2).await;
        assert_ne!(records[0].outcome, "succeeded");
        assert_eq!(records[1].outcome, "succeeded");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_summed_by_model() {
    on_both(|setup| async move {
        let server = setup.start().await;
        let (account, other) = (server.account().await, server.account().await);
        for _ in 0..3 {
            server.call(call(Kind::Messages, true, &account.token)).await;
        }
        server.provider.answer(Answer::json(500, &json!({})));
        server.call(call(Kind::Messages, false, &account.token)).await;
        server.call(call(Kind::Chat, false, &account.token)).await;
        server.call(call(Kind::Chat, false, &other.token)).await;
        server.ended_records(&account.token, 5).await;
        let report: UsageReport = server.data(Call::get("/api/v1/usage").token(&account.token)).await;
        assert_eq!(
            (report.total.requests, report.total.failed, report.total.tokens.input_tokens),
            (5, 1, 39)
        );
        assert_eq!(report.models[0].model.as_deref(), Some("claude-x"));
        assert_eq!((report.models[0].total.requests, report.models[0].total.tokens.output_tokens), (4, 21));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_unproven_callers_are_counted() {
    let server = TestServer::start().await;
    let before = counted(&server, "KEY_MISSING").await;
    for _ in 0..3 {
        let nobody = Call::post("/v1/messages", &Kind::Messages.body(false));
        server.call(nobody).await.assert_refused(ErrorCode::KeyMissing);
    }
    assert!(counted(&server, "KEY_MISSING").await >= before + 3);
    server.counted_refusals(ErrorCode::KeyMissing, 3).await;
}

/// What the metrics say. Other tests of this process count into the same.
async fn counted(server: &TestServer, code: &str) -> u64 {
    let metrics = server.call_operations(Call::get("/metrics")).await;
    let line = format!("keywright_unproven_total{{code=\"{code}\"}} ");
    metrics.text().lines().find_map(|text| text.strip_prefix(&line)?.parse().ok()).unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_content_is_recorded() {
    let mut server = TestServer::start().await;
    let account = server.account().await;
    let secret = "canary-prompt-91ab73";
    let mut body = Kind::Messages.body(true);
    body["messages"][0]["content"] = json!(secret);
    body["metadata"] = json!({"user_id": "nothing to see"});
    server.call(Call::post("/v1/messages", &body).token(&account.token)).await;
    server.record(&account.token).await;
    // Folded into the one file.
    server.stop().await;
    for file in ["records.db", "keywright.db"] {
        let bytes = std::fs::read(server.config().data_dir.join(file)).expect("the file");
        let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
        assert!(!found, "a prompt stands in {file}");
        for key in ["anthropic", "openai", "google"].map(central_key) {
            assert!(
                !bytes.windows(key.len()).any(|window| window == key.as_bytes()),
                "a key stands in {file}"
            );
        }
        let token = account.token.as_bytes();
        assert!(!bytes.windows(token.len()).any(|window| window == token), "a token stands in {file}");
    }
}

/// Long enough for an answer that is not held back to come.
const WHILE: Duration = Duration::from_millis(400);
