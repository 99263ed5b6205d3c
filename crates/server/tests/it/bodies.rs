//! Bodies and how they are framed: passed on as they are, or refused before anybody hears of them.

use std::time::Duration;

use keywright_protocol::ErrorCode;
use keywright_testkit::usual::Kind;
use keywright_testkit::{Call, Setup, TestServer};

use crate::scene::call;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_goes_up_byte_for_byte() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for body in [
        "{ \"model\" :\t\"claude-x\" ,\r\n\"messages\":[ ] ,\"max_tokens\":1 }\n\n",
        r#"{"n":123456789012345678901234567890,"f":1.00000000000000000001e-400,"model":"m","z":-0}"#,
        r#"{"model":"m","u":"\ud83d\ude00 \u0000 \/ é 漢字 \ud800","e":""}"#,
        r#"{"inner":{"model":"other","model":"other","a":1,"a":2},"model":"m","unknown_field":{"x":[null,true]}}"#,
        r#"{"\u006dodel":"m"}"#,
        "\u{20}{\"model\":\"m\",\"bidi\":\"\u{202e}x\"}",
    ] {
        let sent = Call::new("POST", "/v1/messages").body(body).token(&account.token);
        let answer = server.call(sent).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        let heard = server.provider.last();
        assert_eq!(std::str::from_utf8(&heard.body), Ok(body));
        assert_eq!(heard.header("content-length"), Some(body.len().to_string().as_str()));
        assert_eq!(heard.header("transfer-encoding"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_in_chunks_goes_up_whole_and_with_its_length() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let mut connection = server.raw().await;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        account.token
    );
    connection.write(head).await;
    for piece in ["{\"mod", "el\":\"m\"", ",\"x\":\"y\"}"] {
        connection.write(format!("{:X};ext=1\r\n{piece}\r\n", piece.len())).await;
    }
    connection.write("0\r\nx-trailer: 1\r\n\r\n").await;
    assert_eq!(connection.answer().await.status, 200);
    let heard = server.provider.only();
    assert_eq!(&heard.body[..], br#"{"model":"m","x":"y"}"#);
    assert_eq!(heard.header("content-length"), Some("21"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_two_readers_could_take_differently_are_refused() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let body = Kind::Messages.body(false).to_string();
    let length = body.len();
    let chunked = format!("{length:x}\r\n{body}\r\n0\r\n\r\n");
    for (lines, body) in [
        (format!("content-length: {length}\r\ncontent-length: {}\r\n", length + 1), &body),
        (format!("content-length: {length}, {}\r\n", length + 1), &body),
        (format!("content-length: +{length}\r\n"), &body),
        ("content-length: -1\r\n".to_owned(), &body),
        ("content-length: 99999999999999999999999\r\n".to_owned(), &body),
        ("transfer-encoding: chunked, identity\r\n".to_owned(), &chunked),
        ("transfer-encoding: xchunked\r\n".to_owned(), &chunked),
        (format!("content-length : {length}\r\n"), &body),
        (format!("content-length: {length}\r\nx: a\r\n folded\r\n"), &body),
        (format!("content-length: {length}\r\nx\0y: a\r\n"), &body),
        (format!("content-length: {length}\r\nhost: 127.0.0.1\r\n"), &body),
    ] {
        let mut connection = server.raw().await;
        let head = format!(
            "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-keywright-token: {}\r\n",
            account.token
        );
        connection.write(format!("{head}{lines}\r\n{body}")).await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 400, "{lines:?}: {}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(server.provider.connections(), 0);
}

/// RFC 9112 section 6.3: two readers could take such a request differently.
#[tokio::test(flavor = "multi_thread")]
async fn a_length_beside_chunks_is_refused_and_recorded() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let body = Kind::Messages.body(false).to_string();
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let before = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    for framing in [
        "transfer-encoding: chunked\r\ncontent-length: 3",
        "content-length: 3\r\ntransfer-encoding: chunked",
        "content-length: 0\r\nTransfer-Encoding: Chunked\r\ncontent-length: 9999",
    ] {
        for (first, path) in [("", "/v1/messages"), (&before[..], "/v1/messages"), ("", "/api/v1/keys")] {
            let mut connection = server.raw().await;
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: localhost\r\nx-keywright-token: {}\r\n{framing}\r\n\r\n",
                account.token
            );
            // Cut in the middle of the head: it is one all the same.
            connection.write(format!("{first}{}", &head[..head.len() - 20])).await;
            connection.write(format!("{}{chunks}{smuggled}", &head[head.len() - 20..])).await;
            let answers = String::from_utf8_lossy(&connection.to_end().await).into_owned();
            let statuses: Vec<&str> =
                answers.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)).collect();
            let expected = if first.is_empty() { vec!["400"] } else { vec!["401", "400"] };
            assert_eq!(statuses, expected, "{framing}: {answers}");
            assert!(
                answers.contains("INVALID_REQUEST") && answers.contains("beside each other"),
                "{answers}"
            );
        }
    }
    assert_eq!(server.provider.connections(), 0);
    let records = server.ended_records(&account.token, 6).await;
    assert!(
        records.iter().all(|record| record.error_code.as_deref() == Some("INVALID_REQUEST")),
        "{records:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_behind_a_body_in_chunks() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let body = Kind::Messages.body(false).to_string();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-keywright-token: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        account.token
    );
    let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let mut connection = server.raw().await;
    connection.write(format!("{head}{chunks}{head}{chunks}")).await;
    let answers = String::from_utf8_lossy(&connection.to_end().await).into_owned();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
    assert!(answers.to_ascii_lowercase().contains("connection: close"), "{answers}");
    assert_eq!(server.provider.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_request_behind_the_first_stands_for_itself() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let body = Kind::Messages.body(false).to_string();
    let first = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-keywright-token: {}\r\ncontent-length: {}\r\n\r\n{body}",
        account.token,
        body.len()
    );
    let second = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut connection = server.raw().await;
    connection.write(format!("{first}{second}")).await;
    let answers = String::from_utf8_lossy(&connection.to_end().await).into_owned();
    assert!(answers.starts_with("HTTP/1.1 200") && answers.contains("HTTP/1.1 401"), "{answers}");
    assert_eq!(server.provider.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_refused_before_the_upstream_hears_of_it() {
    let server = Setup::new().await.set("gateway.max_body", "64KiB").start().await;
    let account = server.account().await;
    let padding = "x".repeat(64 * 1024 - r#"{"model":"m","p":""}"#.len());
    let fits = format!(r#"{{"model":"m","p":"{padding}"}}"#);
    let over = format!("{fits} ");
    let post = |body: &str| Call::new("POST", "/v1/messages").body(body.to_owned()).token(&account.token);
    assert_eq!(server.call(post(&fits)).await.status, 200);
    let refused = server.call(post(&over)).await;
    refused.assert_refused(ErrorCode::BodyTooLarge);
    assert_eq!(refused.json()["error"]["details"]["limitBytes"], 64 * 1024);

    let mut connection = server.raw().await;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-keywright-token: {}\r\ntransfer-encoding: chunked\r\n\r\n",
        account.token
    );
    connection.write(head).await;
    for piece in over.as_bytes().chunks(1000) {
        connection.write(format!("{:x}\r\n", piece.len())).await;
        connection.write(piece).await;
        connection.write("\r\n").await;
    }
    connection.write("0\r\n\r\n").await;
    assert_eq!(connection.answer().await.status, 413);
    assert_eq!(server.provider.count(), 1);
    let records = server.ended_records(&account.token, 3).await;
    assert_eq!(records[0].error_code.as_deref(), Some("BODY_TOO_LARGE"));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_bodies_in_memory_together_are_bounded() {
    let setup = Setup::new().await.set("gateway.max_body", "1MiB").set("gateway.max_buffered", "1MiB");
    let server = setup.start().await;
    let account = server.account().await;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-keywright-token: {}\r\ncontent-length: 1000000\r\n\r\n",
        account.token
    );
    let second = " ".repeat(400_000) + &Kind::Messages.body(false).to_string();
    let (mut first, mut refused) = (server.raw().await, None);
    for _ in 0..20 {
        first = server.raw().await;
        first.write(format!("{head}{}", " ".repeat(900_000))).await;
        // For it to be read, which is when it takes up room.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let sent = Call::new("POST", "/v1/messages").body(second.clone()).token(&account.token);
        refused = Some(server.call(sent).await).filter(|answer| answer.status != 200);
        if refused.is_some() {
            break;
        }
    }
    let refused = refused.expect("a refusal for want of room");
    refused.assert_refused(ErrorCode::BuffersFull);
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(first);
    for _ in 0..200 {
        if server.call(call(Kind::Messages, false, &account.token)).await.status == 200 {
            return;
        }
    }
    panic!("the room was not given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compressed_body_is_not_accepted() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for encoding in ["gzip", "zstd", "br", "deflate", "GZIP", "identity, gzip"] {
        let sent =
            Call::new("POST", "/v1/messages").body(vec![0x1f; 1000]).header("content-encoding", encoding);
        server.call(sent.token(&account.token)).await.assert_refused(ErrorCode::EncodingUnsupported);
    }
    assert_eq!(server.provider.connections(), 0);
    let plain = call(Kind::Messages, false, &account.token).header("content-encoding", "identity");
    assert_eq!(server.call(plain).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_expects_to_be_told_to_go_on_is_told() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let body = Kind::Messages.body(false).to_string();
    let mut connection = server.raw().await;
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-keywright-token: {}\r\nexpect: 100-continue\r\ncontent-length: {}\r\n\r\n",
        account.token,
        body.len()
    );
    connection.write(head).await;
    connection.until("HTTP/1.1 100 Continue\r\n\r\n").await;
    connection.write(&body).await;
    connection.until("HTTP/1.1 200").await;
    assert_eq!(server.provider.wait_for(1).await.header("expect"), None);
}
