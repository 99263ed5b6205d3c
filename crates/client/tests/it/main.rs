//! The client against servers that answer well, badly, or not as Keywright does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr)]

mod mailbox;

use std::sync::{Arc, Mutex};

use keywright_client::{
    Client, ClientError, PlainText, ServerUrl, TokenFuture, TokenSource, TokenUnavailable,
};
use keywright_protocol::wire::CreateKey;
use keywright_protocol::{ErrorCode, Exit};
use keywright_secret::Secret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that gives every call the same answer and keeps what it was sent.
struct Canned {
    server: ServerUrl,
    seen: Arc<Mutex<String>>,
}

async fn canned(status: &'static str, body: &'static str) -> Canned {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 65536];
            let length = stream.read(&mut buffer).await.unwrap();
            kept.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Canned { server: ServerUrl::parse(&url, PlainText::LoopbackOnly).unwrap(), seen }
}

impl Canned {
    fn client(&self) -> Client {
        Client::new(&self.server).unwrap()
    }

    fn seen(&self) -> String {
        self.seen.lock().unwrap().to_ascii_lowercase()
    }
}

#[tokio::test]
async fn the_token_is_sent_as_a_bearer_and_only_where_one_is_needed() {
    let server = canned("200 OK", r#"{"success":true,"data":{"proof":"p","version":"v"}}"#).await;
    let client = server.client().with_token(Secret::new("at_canary"));
    client.prove_instance("ab").await.unwrap();
    client.healthz().await.unwrap();
    let _ = client.temporary().await;
    assert!(!server.seen().contains("canary"));
    let _ = client.whoami().await;
    assert!(server.seen().contains("authorization: bearer at_canary\r\n"));
}

#[tokio::test]
async fn a_refusal_comes_back_whole() {
    let body = r#"{"success":false,"status":409,"error":{"code":"NAME_TAKEN","message":"M","nextAction":"N"},"requestId":"r"}"#;
    let server = canned("409 Conflict", body).await;
    let Err(error) = server.client().create_key(&CreateKey::default()).await else {
        panic!("it was refused")
    };
    assert_eq!(
        (error.code(), error.exit(), error.to_string().as_str()),
        (Some(ErrorCode::NameTaken), Exit::User, "M")
    );
    let ClientError::Refused(failure) = error else { panic!("it was refused") };
    assert_eq!((failure.error.next_action.as_deref(), failure.request_id.as_deref()), (Some("N"), Some("r")));
}

#[tokio::test]
async fn what_is_not_our_answer_is_told_apart_and_not_repeated() {
    for (status, body) in [
        ("200 OK", "<html>canary</html>"),
        ("200 OK", r#"{"success":true,"data":{"token":"canary"}}"#),
        ("200 OK", r#"{"success":true,"data":"canary"}"#),
        ("502 Bad Gateway", "<html>canary</html>"),
        ("302 Found\r\nlocation: http://127.0.0.1:1/", ""),
        ("204 No Content", ""),
    ] {
        let server = canned(status, body).await;
        let Err(error) = server.client().whoami().await else { panic!("{status} was taken") };
        assert!(matches!(error, ClientError::NotOurs { .. }), "{status}");
        assert_eq!(error.exit(), Exit::Unreachable);
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
}

#[tokio::test]
async fn a_new_key_that_is_missing_from_the_answer_is_an_error() {
    let body = r#"{"success":true,"data":{"keyId":"key_00000000000000000000000000000001","keyPrefix":"sk_kw_aaaa","name":"n","scopes":[],"createdAt":"2026-01-01T00:00:00Z","userId":"usr_00000000000000000000000000000001"}}"#;
    let server = canned("200 OK", body).await;
    assert!(matches!(
        server.client().create_key(&CreateKey::default()).await,
        Err(ClientError::NotOurs { .. })
    ));
}

#[tokio::test]
async fn a_token_that_is_no_header_value_is_not_sent_and_not_shown() {
    let server = canned("200 OK", "").await;
    let client = server.client().with_token(Secret::new("canary\r\nx: y"));
    let Err(error) = client.whoami().await else { panic!("it was sent") };
    assert!(matches!(error, ClientError::Unsendable(_)) && !format!("{error:?}").contains("canary"));
    assert!(server.seen().is_empty());
}

/// Gives a token for one server only.
struct Bound(String);

impl TokenSource for Bound {
    fn token<'a>(&'a self, server: &'a ServerUrl) -> TokenFuture<'a> {
        let known = server.to_string() == self.0;
        let answer = if known {
            Ok(Secret::new("at_bound"))
        } else {
            Err(TokenUnavailable::Missing("another server".into()))
        };
        Box::pin(std::future::ready(answer))
    }
}

#[tokio::test]
async fn a_source_is_told_which_server_asks_and_may_give_nothing() {
    let server = canned("200 OK", "").await;
    let stranger = server.client().with_source(Arc::new(Bound("https://issuer.example".into())));
    assert!(matches!(stranger.whoami().await, Err(ClientError::NoToken(_))));
    assert!(server.seen().is_empty());
    let known = server.client().with_source(Arc::new(Bound(server.server.to_string())));
    let _ = known.whoami().await;
    assert!(server.seen().contains("at_bound"));
}
