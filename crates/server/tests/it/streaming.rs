//! Streams pass as they come, end as they end, and cost nobody anything when somebody leaves.

use std::time::{Duration, Instant};

use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Answer, Call, Gate, Setup, TestServer, usual};
use serde_json::json;

use crate::scene::{SECOND, begin, call};

#[tokio::test(flavor = "multi_thread")]
async fn each_event_passes_before_the_next_is_sent() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for kind in Kind::STREAMING {
        let gates: Vec<Gate> = events(kind).iter().map(|_| Gate::closed()).collect();
        let answer = gates
            .iter()
            .zip(events(kind))
            .fold(Answer::events(), |answer, (gate, event)| answer.until(gate).chunk(*event));
        server.provider.answer(answer.end());
        let mut reply = server.send(call(kind, true, &account.token)).await;
        for (gate, event) in gates.iter().zip(events(kind)) {
            gate.open();
            assert_eq!(reply.until(event).await, **event, "{kind:?}");
        }
        assert_eq!(reply.piece().await, Ok(None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_event_passes_as_well() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let gate = Gate::closed();
    let (event, rest) = events(Kind::Chat)[0].split_at(20);
    server.provider.answer(Answer::events().chunk(event).until(&gate).chunk(rest).end());
    let mut reply = begin(&server, Kind::Chat, &account.token, event).await;
    gate.open();
    assert_eq!(reply.until(rest).await, rest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_arrives_byte_for_byte() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for kind in Kind::STREAMING {
        let answer = server.call(call(kind, true, &account.token)).await;
        assert_eq!(answer.text(), events(kind).concat(), "{kind:?}");
        assert!(!answer.broken);
        assert_eq!(answer.header("content-type"), Some("text/event-stream; charset=utf-8"));
    }
}

/// Without TCP_NODELAY towards the client each of these would take 40 ms: the ends of the test acknowledge
/// as late as they may. Towards the upstream a request is written at once, so that nothing shows there.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_gets_its_first_events_well_under_40_ms() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let mut fastest = Duration::MAX;
    for _ in 0..20 {
        // The connection to the provider is new as well: the one before was not read to its end.
        let paced = (1..5).fold(Answer::events(), |answer, number| {
            answer.chunk(format!("data: {number}\n\n")).pause(Duration::from_millis(2))
        });
        server.provider.answer(paced.silence());
        let started = Instant::now();
        let mut reply = server.send(call(Kind::Chat, true, &account.token)).await;
        reply.until("data: 4\n\n").await;
        fastest = fastest.min(started.elapsed());
    }
    assert!(fastest < Duration::from_millis(35), "{fastest:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_before_the_first_byte_ends_the_upstream_call_within_a_second() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let mut count = 0;
    for kind in Kind::STREAMING {
        for stream in [false, true] {
            count += 1;
            server.provider.answer(Answer::none().silence());
            let calling = server.send(call(kind, stream, &account.token));
            let heard = tokio::select! {
                _ = calling => panic!("nobody answers"),
                heard = server.provider.wait_for(count) => heard,
            };
            heard.wait_closed(SECOND).await;
            let record = server.ended_records(&account.token, count).await.remove(0);
            assert_eq!((record.outcome.as_str(), record.status), ("client_aborted", None));
            assert_eq!((record.stream, record.usage.estimated), (stream, false));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_ends_the_upstream_call_within_a_second() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for (number, kind) in Kind::STREAMING.into_iter().enumerate() {
        server.provider.answer(Answer::events().chunk(events(kind)[0]).silence());
        let reply = begin(&server, kind, &account.token, events(kind)[0]).await;
        drop(reply);
        server.provider.last().wait_closed(SECOND).await;
        let record = server.ended_records(&account.token, number + 1).await.remove(0);
        assert_eq!((record.outcome.as_str(), record.status), ("client_aborted", Some(200)));
        assert!(record.usage.estimated, "what passed of a broken stream is a part");
        assert!(record.first_byte_ms.is_some() && record.response_bytes > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_after_the_terminal_event_has_succeeded() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let all = events(Kind::Messages);
    server.provider.answer(Answer::events().chunks(all).silence());
    let reply = begin(&server, Kind::Messages, &account.token, "message_stop\"}\n\n").await;
    drop(reply);
    server.provider.last().wait_closed(SECOND).await;
    let record = server.record(&account.token).await;
    assert_eq!((record.outcome.as_str(), record.usage.estimated), ("succeeded", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_breaks_off_leaves_a_broken_stream_and_nothing_added() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let mut count = 0;
    for kind in Kind::STREAMING {
        let first = events(kind)[0];
        let half = &first[..first.len() / 2];
        for answer in [
            Answer::events().chunk(first).pause(PASSING).reset(),
            Answer::events().chunk(half).pause(PASSING).reset(),
            // Closed in good order, but without the end of its chunks.
            Answer::events().chunk(first).hang_up(),
        ] {
            server.provider.answer(answer);
            let answer = server.call(call(kind, true, &account.token)).await;
            assert!(answer.broken, "{kind:?}: a clean end");
            assert!(first.starts_with(answer.text()), "{kind:?}: {}", answer.text());
            count += 1;
            let record = server.ended_records(&account.token, count).await.remove(0);
            assert_eq!(record.outcome, "cut", "{kind:?}");
            assert_eq!(record.error_code.as_deref(), Some("UPSTREAM_RESET"));
            assert!(record.usage.estimated);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_shorter_than_announced_is_broken() {
    let server = TestServer::start().await;
    let account = server.account().await;
    server.provider.answer(Answer::announcing(200, "application/json", 100).chunk("{\"id\":").hang_up());
    let answer = server.call(call(Kind::Chat, false, &account.token)).await;
    assert!(answer.broken);
    assert_eq!(server.record(&account.token).await.outcome, "cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_terminal_event_ends_as_it_ended() {
    let server = TestServer::start().await;
    let account = server.account().await;
    server.provider.answer(Answer::events().chunk(events(Kind::Messages)[0]).end());
    let answer = server.call(call(Kind::Messages, true, &account.token)).await;
    assert_eq!((answer.text(), answer.broken), (events(Kind::Messages)[0], false));
    assert_eq!(server.record(&account.token).await.outcome, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_given_out_when_the_upstream_does_not_hang_up() {
    let server = Setup::new().await.set("gateway.idle_timeout", "400ms").start().await;
    let account = server.account().await;
    let all = events(Kind::Responses);
    server.provider.answer(Answer::events().chunks(all).silence());
    let answer = server.call(call(Kind::Responses, true, &account.token)).await;
    assert_eq!((answer.text(), answer.broken), (all.concat().as_str(), false));
    assert_eq!(server.record(&account.token).await.outcome, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_falls_silent_is_cut_with_an_event_that_says_so() {
    let server = Setup::new().await.set("gateway.idle_timeout", "400ms").start().await;
    let account = server.account().await;
    for (number, kind) in Kind::STREAMING.into_iter().enumerate() {
        server.provider.answer(Answer::events().chunk(events(kind)[0]).silence());
        let answer = server.call(call(kind, true, &account.token)).await;
        assert!(answer.broken, "{kind:?}");
        let event = answer.text().strip_prefix(events(kind)[0]).expect("what came before");
        assert!(event.contains("UPSTREAM_TIMEOUT") && event.ends_with("\n\n"), "{event}");
        server.provider.last().wait_closed(SECOND).await;
        let record = server.ended_records(&account.token, number + 1).await.remove(0);
        assert_eq!(
            (record.outcome.as_str(), record.error_code.as_deref()),
            ("cut", Some("UPSTREAM_TIMEOUT"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_counted_from_the_last_byte_and_not_from_the_first() {
    let server = Setup::new().await.set("gateway.idle_timeout", "2s").start().await;
    let account = server.account().await;
    let slow = (0..6).fold(Answer::events(), |answer, _| answer.chunk(": ping\n\n").pause(SECOND / 2));
    server.provider.answer(slow.chunk("data: [DONE]\n\n").end());
    let answer = server.call(call(Kind::Chat, true, &account.token)).await;
    assert!(!answer.broken, "{}", answer.text());
    assert_eq!(server.record(&account.token).await.outcome, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_not_taken_for_a_silent_upstream() {
    let server = Setup::new().await.set("gateway.idle_timeout", "500ms").start().await;
    let account = server.account().await;
    // More than all the buffers between them hold.
    let event = format!("data: {}\n\n", "x".repeat(64 * 1024));
    let large = (0..256).fold(Answer::events(), |answer, _| answer.chunk(event.clone()));
    server.provider.answer(large.chunk("data: [DONE]\n\n").end());
    let reply = server.send(call(Kind::Chat, true, &account.token)).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let answer = reply.whole().await;
    assert!(!answer.broken);
    assert_eq!(answer.body.len(), 256 * event.len() + "data: [DONE]\n\n".len());
    assert_eq!(server.record(&account.token).await.outcome, "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_clients_with_large_streams_that_leave_at_once_hold_up_nobody() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let event = format!("data: {}\n\n", "x".repeat(32 * 1024));
    server.provider.answer_with(move |_| {
        (0..32).fold(Answer::events(), |answer, _| answer.chunk(event.clone())).silence()
    });
    let mut open = Vec::new();
    for _ in 0..30 {
        open.push(begin(&server, Kind::Chat, &account.token, "\n\n").await);
    }
    drop(open);
    for _ in 0..10 {
        let health = tokio::time::timeout(SECOND, server.call(Call::get("/healthz"))).await;
        assert_eq!(health.expect("health answers at once").status, 200);
    }
    for heard in server.provider.received() {
        heard.wait_closed(SECOND).await;
    }
    let records = server.ended_records(&account.token, 30).await;
    assert!(records.iter().all(|record| record.outcome == "client_aborted"));
    // The places of all of them are free again.
    server.provider.answer_with(usual::answer);
    assert_eq!(server.call(call(Kind::Chat, false, &account.token)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_body_is_not_delayed_by_what_the_client_asks_of_its_encoding() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let asked = call(Kind::Messages, true, &account.token).header("accept-encoding", "gzip, br");
    assert_eq!(server.call(asked).await.text(), events(Kind::Messages).concat());
    assert_eq!(server.provider.only().header("accept-encoding"), Some("identity"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_asked_for_passes_too() {
    let server = TestServer::start().await;
    let account = server.account().await;
    server.provider.answer(Answer::events().chunks(events(Kind::Chat)).end());
    let answer = server.call(call(Kind::Chat, false, &account.token)).await;
    assert_eq!(answer.text(), events(Kind::Chat).concat());
    let usage = server.record(&account.token).await.usage;
    assert_eq!((usage.input_tokens, usage.output_tokens), (9, 7));
    server.provider.answer(Answer::json(
        200,
        &json!({"id": "x", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}),
    ));
    let answer = server.call(call(Kind::Chat, true, &account.token)).await;
    assert_eq!(answer.json()["id"], "x");
    let usage = server.ended_records(&account.token, 2).await.remove(0).usage;
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.estimated), (3, 4, false));
}

/// For bytes that were sent just before a reset to pass, which would destroy them otherwise.
const PASSING: Duration = Duration::from_millis(100);
