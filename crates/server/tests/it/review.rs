//! What an attack review found, each as it was reproduced.

use std::time::{Duration, Instant};

use keywright_protocol::ErrorCode;
use keywright_protocol::routes;
use keywright_protocol::wire::ChildToken;
use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Answer, Call, TestServer};
use serde_json::json;

use crate::scene::{SECOND, begin};

/// The second piece begins where a reader that forgot its error would begin anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_the_grammar_between_two_pieces_is_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let (open, close) = ("[".repeat(512), "]".repeat(512));
    for pieces in [
        vec![
            format!(r#"{{"model":"cheap","a":{open}{close},"model":"EXPENSIVE","pad":""#),
            format!("{}}}", "]".repeat(511)),
            "\"}".to_owned(),
        ],
        vec![r#"{"model":"a"}"#.to_owned(), r#"{"model":"b"}"#.to_owned()],
        vec![r#"{"model":"a"} x"#.to_owned(), "{}".to_owned()],
    ] {
        let mut connection = server.raw().await;
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {}\r\ntransfer-encoding: chunked\r\n\r\n",
            account.token
        );
        connection.write(head).await;
        for piece in &pieces {
            connection.write(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        }
        connection.write("0\r\n\r\n").await;
        assert_eq!(connection.answer().await.status, 400, "{pieces:?}");
    }
    assert_eq!(server.provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_the_shared_account_are_for_nobody_and_those_of_an_own_key_are_its_owners() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for (path, body) in [
        ("/v1/responses", json!({"model": "m", "conversation": "conv_1"})),
        ("/v1/responses", json!({"model": "m", "prompt": {"id": "pmpt_1"}})),
        ("/v1/messages", json!({"model": "m", "container": "container_1"})),
        ("/v1beta/models/m:generateContent", json!({"contents": [], "cachedContent": "cachedContents/1"})),
    ] {
        let sent = Call::post(path, &body);
        server.call(sent.token(&account.token)).await.assert_refused(ErrorCode::NotFound);
    }
    let escaped: String =
        "resp_".chars().chain("x".repeat(90).chars()).map(|c| format!("\\u{:04x}", c as u32)).collect();
    let sent = Call::new("POST", "/v1/responses")
        .body(format!(r#"{{"model":"m","previous_response_id":"{escaped}"}}"#));
    server.call(sent.token(&account.token)).await.assert_refused(ErrorCode::NotFound);
    assert_eq!(server.provider.count(), 0);

    let sent = Call::post("/v1/responses", &json!({"model": "m", "conversation": "conv_1"}));
    let own = sent
        .header("authorization", "Bearer sk-proj-own-key-of-the-caller")
        .header("x-keywright-token", &account.token);
    assert_eq!(server.call(own).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_time_ends_during_its_upload_sends_nothing() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let minute = json!({"lifetimeSeconds": 60});
    let child: ChildToken = server.data(Call::post(routes::CHILD, &minute).token(&account.token)).await;
    let mut connection = server.raw().await;
    let body = r#"{"model":"m","messages":[]}"#;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n",
        child.token,
        body.len()
    );
    let (first, rest) = body.split_at(9);
    connection.write(format!("{head}{first}")).await;
    // Until it has been seen, the token is not verified.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.clock.advance_seconds(61);
    connection.write(rest).await;
    assert_eq!(connection.answer().await.status, 401);
    assert_eq!(server.provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_call_ends_upstream_although_its_client_reads_nothing() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    let raw = key.raw.as_deref().expect("the key itself");
    // Far more than the buffers of a loopback connection hold.
    let flood = format!("data: {{\"x\":\"{}\"}}\n\n", "x".repeat(1024 * 1024));
    server.provider.answer_with(move |_| {
        (0..64).fold(Answer::events(), |answer, _| answer.chunk(flood.clone())).silence()
    });
    let mut connection = server.raw().await;
    let body = r#"{"model":"m","stream":true,"messages":[]}"#;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-api-key: {raw}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    connection.write(head).await;
    let heard = server.provider.wait_for(1).await;
    // The buffers fill, and then nobody polls the answer any more.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let revoked = Instant::now();
    server.revoke(&account.token, key.key_id).await;
    heard.wait_closed(SECOND).await;
    assert!(revoked.elapsed() < SECOND + SECOND);
    let record = &server.ended_records(&account.token, 1).await[0];
    assert_eq!((record.outcome.as_str(), record.error_code.as_deref()), ("revoked", Some("KEY_REVOKED")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_goes_on_after_its_last_event_is_left_and_a_revocation_ends_it_too() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    let raw = key.raw.as_deref().expect("the key itself");
    server.provider.answer(Answer::events().chunks(events(Kind::Chat)).silence());
    let reply = begin(&server, Kind::Chat, raw, "[DONE]").await;
    let heard = server.provider.last();
    server.revoke(&account.token, key.key_id).await;
    heard.wait_closed(SECOND).await;
    assert!(!reply.whole().await.broken, "the answer was whole when the key died");

    server.provider.answer(Answer::events().chunks(events(Kind::Chat)).silence());
    let reply = begin(&server, Kind::Chat, &account.token, "[DONE]").await;
    assert!(!reply.whole().await.broken);
    server.provider.last().wait_closed(SECOND).await;
}
