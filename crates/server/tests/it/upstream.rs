//! What an upstream may do, and what the caller gets then.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use keywright_protocol::ErrorCode;
use keywright_testkit::usual::Kind;
use keywright_testkit::{Answer, Call, FakeProvider, Setup, TestServer, central_key};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::scene::{SECOND, call};

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let canary = FakeProvider::start().await;
    let server = TestServer::start().await;
    let account = server.account().await;
    for status in [301, 302, 303, 307, 308, 304] {
        let to = format!("http://{}/v1/messages", canary.address());
        server.provider.answer(Answer::whole(status, "text/plain", "").header("location", &to));
        let answer = server.call(call(Kind::Messages, false, &account.token)).await;
        answer.assert_refused(ErrorCode::UpstreamRedirect);
        assert_eq!(answer.header("location"), None);
    }
    assert_eq!(canary.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstreams_error_passes_untouched() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for (status, body) in [
        (400, r#"{"type":"error", "error":{"type":"invalid_request_error","message":"é \u00e9"}}"#),
        (401, r#"{"error":{"message":"invalid x-api-key"}}"#),
        (403, "<html>no</html>"),
        (404, ""),
        (413, "too large"),
        (429, r#"{"error":{"type":"rate_limit_error"}}"#),
        (500, "\u{0}\u{1}binary"),
        (529, r#"{"type":"error","error":{"type":"overloaded_error"}}"#),
    ] {
        for kind in Kind::STREAMING {
            let answer = Answer::whole(status, "application/x-whatever", body).header("retry-after", "17");
            server.provider.answer(answer.header("x-should-retry", "true").header("request-id", "up"));
            let answer = server.call(call(kind, true, &account.token)).await;
            assert_eq!((answer.status, answer.text()), (status, body));
            for (name, value) in [
                ("content-type", "application/x-whatever"),
                ("retry-after", "17"),
                ("x-should-retry", "true"),
                ("request-id", "up"),
            ] {
                assert_eq!(answer.header(name), Some(value), "{name}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wait_that_a_provider_asks_for_reaches_the_caller_and_costs_the_key_nothing() {
    let server = TestServer::start().await;
    let account = server.account().await;
    server.provider.answer(Answer::json(429, &json!({})).header("retry-after", "17"));
    let answer = server.call(call(Kind::Messages, false, &account.token)).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, Some("17")));
    assert_eq!(server.provider.count(), 1, "it was sent again");
    assert_eq!(server.call(call(Kind::Messages, false, &account.token)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_repeats_the_key_is_masked_however_it_comes() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = central_key("anthropic");
    let body = format!("{{\"error\":\"{key} and {key} again\"}}");
    let (first, second) = body.split_at(20);
    for answer in [
        Answer::whole(401, "application/json", body.clone()),
        Answer::chunked(401, "application/json").chunk(first.to_owned()).chunk(second.to_owned()).end(),
        Answer::chunked(500, "text/event-stream").chunk(body.clone()).end(),
    ] {
        server.provider.answer(answer);
        let answer = server.call(call(Kind::Messages, false, &account.token)).await;
        assert!(answer.text().contains(" again") && !answer.text().contains(&key), "{}", answer.text());
        assert!(!answer.broken);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_cannot_be_reached_is_named_and_the_next_caller_is_not_harmed() {
    // Nobody but the superuser can listen there, and nothing does.
    let closed = "127.0.0.1:1";
    let setup = Setup::new().await;
    let (plain, untrusted, misnamed) = (
        speaks_no_tls().await,
        FakeProvider::start_tls("localhost").await,
        FakeProvider::start_tls("other.example").await,
    );
    let authority = setup.folder().join("ca.pem");
    std::fs::write(&authority, misnamed.certificate()).expect("a file");
    let server = setup
        .set("tls.extra_ca", authority.to_str().expect("a path"))
        .provider("closed", "openai", &format!("http://{closed}"))
        .provider("unresolved", "openai", "http://nowhere.invalid")
        .provider("nottls", "openai", &format!("https://{plain}"))
        .provider("untrusted", "openai", &format!("https://localhost:{}", untrusted.address().port()))
        .provider("misnamed", "openai", &format!("https://localhost:{}", misnamed.address().port()))
        .start()
        .await;
    let account = server.account().await;
    for (name, code) in [
        ("closed", ErrorCode::UpstreamUnreachable),
        ("unresolved", ErrorCode::UpstreamUnreachable),
        ("nottls", ErrorCode::UpstreamTls),
        ("untrusted", ErrorCode::UpstreamTls),
        ("misnamed", ErrorCode::UpstreamTls),
    ] {
        for stream in [false, true] {
            let path = format!("/gateway/{name}/v1/chat/completions");
            let sent = Call::post(&path, &Kind::Chat.body(stream)).token(&account.token);
            let answer = server.call(sent).await;
            assert_eq!(answer.code(), Some(code), "{name}: {}", answer.text());
            assert!(answer.text().contains(&format!("The provider {name} could")), "{}", answer.text());
            answer.assert_refused(code);
            assert_eq!(answer.header("x-should-retry"), None, "it may pass");
        }
    }
    assert_eq!((untrusted.count(), misnamed.count(), server.provider.count()), (0, 0, 0));
    assert_eq!(server.call(call(Kind::Chat, false, &account.token)).await.status, 200);
    let records = server.ended_records(&account.token, 11).await;
    assert_eq!(records[1].outcome, "upstream_error");
    assert_eq!(records[1].error_code.as_deref(), Some("UPSTREAM_TLS"));
}

/// A listener that answers a greeting in TLS in plain HTTP.
async fn speaks_no_tls() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_an_extra_authority_is_good() {
    let setup = Setup::new().await;
    let upstream = FakeProvider::start_tls("localhost").await;
    let authority = setup.folder().join("ca.pem");
    std::fs::write(&authority, upstream.certificate()).expect("a file");
    let server = setup
        .set("tls.extra_ca", authority.to_str().expect("a path"))
        .provider("openai", "openai", &format!("https://localhost:{}/v1", upstream.address().port()))
        .start()
        .await;
    let account = server.account().await;
    assert_eq!(server.call(call(Kind::Chat, true, &account.token)).await.status, 200);
    assert_eq!(upstream.only().target, "/v1/chat/completions");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_breaks_off_before_it_answers_is_asked_once() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for (answer, expected) in [
        (Answer::none().reset(), ErrorCode::UpstreamReset),
        (Answer::none().hang_up(), ErrorCode::UpstreamReset),
        (Answer::raw("SSH-2.0-OpenSSH_9.2\r\n"), ErrorCode::UpstreamReset),
        (Answer::raw("HTTP/1.1 200 OK\r\ncontent-le"), ErrorCode::UpstreamReset),
        (Answer::raw("HTTP/1.1 999999 OK\r\n\r\n"), ErrorCode::UpstreamReset),
        (Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"), ErrorCode::UpstreamReset),
        (
            Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab"),
            ErrorCode::UpstreamReset,
        ),
        (
            Answer::raw("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            ErrorCode::UpstreamReset,
        ),
        (
            Answer::raw(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20))),
            ErrorCode::UpstreamReset,
        ),
    ] {
        let before = server.provider.count();
        server.provider.answer(answer.clone());
        let refused = server.call(call(Kind::Messages, false, &account.token)).await;
        assert_eq!(refused.code(), Some(expected), "{answer:?}");
        refused.assert_refused(expected);
        assert_eq!(server.provider.count(), before + 1, "{answer:?}: it was sent again");
        // The next caller is not harmed.
        assert_eq!(server.call(call(Kind::Messages, false, &account.token)).await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_connection_that_the_upstream_has_closed_is_replaced_unseen() {
    let server = Setup::new().await.set("data_plane.threads", "1").start().await;
    let account = server.account().await;
    for _ in 0..5 {
        let body = r#"{"usage":{"prompt_tokens":1,"completion_tokens":1}}"#;
        let answer = Answer::announcing(200, "application/json", body.len()).chunk(body);
        server.provider.answer(answer.hang_up());
        assert_eq!(server.call(call(Kind::Chat, false, &account.token)).await.status, 200);
        assert_eq!(server.call(call(Kind::Chat, false, &account.token)).await.status, 200);
    }
    assert_eq!(server.provider.count(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_read_to_its_end_is_used_again() {
    let server = Setup::new().await.set("data_plane.threads", "1").start().await;
    let account = server.account().await;
    for kind in Kind::STREAMING {
        for stream in [false, true, false, true] {
            assert_eq!(server.call(call(kind, stream, &account.token)).await.status, 200);
        }
    }
    // One for each of the three providers; a second where an answer's end came after the client's.
    assert!(server.provider.connections() <= 6, "{} connections", server.provider.connections());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_begin_to_answer_is_given_up_in_time() {
    let server = Setup::new().await.set("gateway.first_byte_timeout", "300ms").start().await;
    let account = server.account().await;
    for kind in Kind::STREAMING {
        server.provider.answer(Answer::none().silence());
        let started = Instant::now();
        let answer = server.call(call(kind, true, &account.token)).await;
        answer.assert_refused(ErrorCode::UpstreamTimeout);
        assert!(started.elapsed() < Duration::from_millis(300) + SECOND);
        server.provider.last().wait_closed(SECOND).await;
    }
    // The head alone is the answer's beginning.
    server.provider.answer(Answer::events().pause(SECOND / 2).chunk("data: [DONE]\n\n").end());
    assert!(!server.call(call(Kind::Chat, true, &account.token)).await.broken);
}

#[tokio::test(flavor = "multi_thread")]
async fn interim_answers_are_not_taken_for_the_answer() {
    let server = TestServer::start().await;
    let account = server.account().await;
    server.provider.answer(Answer::raw(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    ));
    let answer = server.call(call(Kind::Messages, false, &account.token)).await;
    assert_eq!((answer.status, answer.text(), answer.header("link")), (200, "{}", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_a_length_ends_with_its_connection() {
    let server = TestServer::start().await;
    let account = server.account().await;
    server
        .provider
        .answer(Answer::raw("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"id\":\"x\"}"));
    let answer = server.call(call(Kind::Messages, false, &account.token)).await;
    assert_eq!((answer.status, answer.text(), answer.broken), (200, "{\"id\":\"x\"}", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_comes_back_is_known_as_a_loop() {
    let server = TestServer::start().await;
    let account = server.account().await;
    assert_eq!(server.call(call(Kind::Messages, false, &account.token)).await.status, 200);
    let heard = server.provider.only();
    let mark = heard.header("x-keywright-hop").expect("a mark");
    let back = call(Kind::Messages, false, &account.token).header("x-keywright-hop", mark);
    server.call(back).await.assert_refused(ErrorCode::LoopDetected);
    // Another instance in front of this one is no loop.
    let chained = call(Kind::Messages, false, &account.token).header("x-keywright-hop", "another");
    assert_eq!(server.call(chained).await.status, 200);
    assert_eq!(server.provider.last().all("x-keywright-hop"), ["another", mark]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_at_our_own_address_is_never_dialled() {
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let own = reserved.local_addr().expect("an address");
    drop(reserved);
    let setup = Setup::new().await.set("listen", &own.to_string());
    let server = setup.provider("openai", "openai", &format!("http://{own}")).start().await;
    let account = server.account().await;
    server.call(call(Kind::Chat, false, &account.token)).await.assert_refused(ErrorCode::UpstreamUnreachable);
}
