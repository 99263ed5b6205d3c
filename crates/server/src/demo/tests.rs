//! The provider as a whole: who may call it, and what goes over the wire.

use std::time::{Duration, Instant};

use http_body::Body;
use http_body_util::Full;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

fn request(uri: &str, key: &Secret) -> http::request::Builder {
    let bearer = format!("Bearer {}", key.expose());
    Request::post(uri)
        .header("host", "127.0.0.1:5399")
        .header("x-api-key", key.expose())
        .header("x-goog-api-key", key.expose())
        .header("authorization", bearer)
}

fn message(text: &str, stream: bool) -> Full<Bytes> {
    let body = json!({"model": "demo-small", "max_tokens": 1000, "stream": stream,
        "messages": [{"role": "user", "content": text}]});
    Full::from(body.to_string())
}

async fn ask(text: &str, stream: bool) -> Response<DemoBody> {
    let demo = Demo::new();
    let request = request("/v1/messages", demo.key()).body(message(text, stream)).expect("a request");
    demo.respond(request).await
}

async fn text_of(response: Response<DemoBody>) -> String {
    let bytes = response.into_body().collect().await.expect("a whole body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn only_the_key_of_this_run_in_the_header_of_the_dialect_is_served() {
    let demo = Demo::new();
    let key = demo.key().expose().to_owned();
    for (uri, header, value, status) in [
        ("/v1/messages", "x-api-key", key.clone(), 400),
        ("/v1/messages", "authorization", format!("Bearer {key}"), 401),
        ("/v1/messages", "x-api-key", format!("{key}x"), 401),
        ("/v1/responses", "authorization", format!("Bearer {key}"), 400),
        ("/v1/responses", "x-api-key", key.clone(), 401),
        ("/v1/nothing", "authorization", format!("Bearer {key}"), 404),
        ("/v1beta/models/m:generateContent", "x-goog-api-key", key.clone(), 400),
    ] {
        let request = Request::post(uri).header("host", "localhost").header(header, value);
        let response = demo.respond(request.body(Full::from("{}")).expect("a request")).await;
        assert_eq!(response.status(), status, "{uri} {header}");
    }
    // Google answers a wrong key with 400, so that the words must tell.
    let request = Request::post("/v1beta/models/m:generateContent").header("host", "localhost");
    let response = demo.respond(request.body(Full::from("{}")).expect("a request")).await;
    assert_eq!(response.status(), 400);
    assert!(text_of(response).await.contains("API key not valid"));
}

#[tokio::test]
async fn a_foreign_host_or_a_page_is_refused_though_it_has_the_key() {
    let demo = Demo::new();
    for (host, origin, status) in [
        ("127.0.0.1:1", None, 200),
        ("[::1]:1", None, 200),
        ("LOCALHOST", None, 200),
        ("127.0.0.1", Some("vscode-file://x"), 200),
        ("evil.example", None, 421),
        ("localhost.evil.example", None, 421),
        ("10.0.0.1", None, 421),
        ("127.0.0.1", Some("https://evil.example"), 403),
        ("127.0.0.1", Some("http://localhost:3000"), 403),
    ] {
        let mut request = request("/v1/messages", demo.key());
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let mut request = request.body(message("hello", false)).expect("a request");
        request.headers_mut().insert("host", host.parse().expect("a host"));
        assert_eq!(demo.respond(request).await.status(), status, "{host} {origin:?}");
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_has_a_length_and_a_stream_has_none() {
    let whole = ask("hello", false).await;
    assert!(whole.body().size_hint().exact().is_some());
    assert!(whole.headers().contains_key("request-id"));
    let stream = ask("hello", true).await;
    assert!(stream.body().size_hint().exact().is_none());
    assert_eq!(stream.headers()["content-type"], "text/event-stream; charset=utf-8");
    assert!(text_of(stream).await.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
}

#[tokio::test(start_paused = true)]
async fn delays_stand_before_the_first_byte_and_gaps_between_events() {
    let start = tokio::time::Instant::now();
    let response = ask("demo:delay=5s demo:gap=1s demo:words=10", true).await;
    assert_eq!(start.elapsed().as_secs(), 5);
    let events = text_of(response).await.matches("event: ").count();
    assert_eq!(start.elapsed().as_secs(), 5 + events as u64);
}

#[tokio::test]
async fn an_ordered_status_has_the_shape_of_the_vendor() {
    let response = ask("demo:status=429", true).await;
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "1");
    assert!(text_of(response).await.contains("rate_limit_error"));
    let response = ask("demo:status=529", false).await;
    assert_eq!(response.status(), 529);
    assert!(text_of(response).await.contains("overloaded_error"));
}

#[tokio::test]
async fn a_cut_answer_ends_in_an_error_inside_an_event() {
    for stream in [true, false] {
        let mut body = ask("demo:cut", stream).await.into_body();
        let mut text = String::new();
        let ended = loop {
            match body.frame().await {
                Some(Ok(frame)) => text.push_str(&String::from_utf8_lossy(frame.data_ref().expect("data"))),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        assert!(ended.is_some(), "{text}");
        assert!(!text.is_empty() && !text.ends_with("\n\n") && !text.contains("message_stop"), "{text}");
    }
}

async fn raw(server: &DemoServer, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.expect("connects");
    let body = message(text, true).collect().await.expect("a body").to_bytes();
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nhost: {}\r\nx-api-key: {}\r\ncontent-length: {}\r\n\r\n",
        server.address,
        server.key.expose(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("writes");
    stream.write_all(&body).await.expect("writes");
    stream
}

#[tokio::test]
async fn over_a_socket_a_cut_stream_never_comes_to_a_clean_end() {
    let server = Demo::listen().await.expect("listens");
    let mut answer = String::new();
    raw(&server, "demo:cut demo:gap=0").await.read_to_string(&mut answer).await.expect("reads to the end");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.contains("message_start") && !answer.ends_with("0\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn over_a_socket_a_silent_answer_sends_its_head_and_nothing_more() {
    let server = Demo::listen().await.expect("listens");
    let mut stream = raw(&server, "demo:silent").await;
    let mut buffer = [0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(5), stream.read(&mut buffer)).await;
    let read = read.expect("the head comes at once").expect("reads");
    assert!(buffer[..read].ends_with(b"\r\n\r\n"));
    let more = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut buffer)).await;
    assert!(more.is_err(), "something came after the head");
}

#[tokio::test]
async fn over_a_socket_the_first_event_does_not_wait_for_the_others() {
    let server = Demo::listen().await.expect("listens");
    let start = Instant::now();
    let mut stream = raw(&server, "demo:gap=10s").await;
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains("message_start") {
        let read = stream.read(&mut buffer).await.expect("reads");
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    assert!(start.elapsed() < Duration::from_secs(5));
}
