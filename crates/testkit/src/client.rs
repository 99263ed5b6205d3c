//! A small client: one request on a connection of its own, and an answer that can be read piece by piece.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use keywright_protocol::ErrorCode;
use serde_json::Value;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::audit::Seen;

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Call {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// A request without a body.
    pub fn new(method: &str, path: &str) -> Self {
        let method = method.parse().expect("a method");
        Self { method, path: path.to_owned(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// A `GET`.
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A `POST` of JSON.
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).json(body)
    }

    /// With a header more.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// With a token.
    #[must_use]
    pub fn token(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With a body of JSON.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body(body.to_string()).header("content-type", "application/json")
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and waits for the head of the answer.
    pub(crate) async fn send(self, address: SocketAddr, seen: &Arc<Seen>) -> Reply {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        acknowledge_late(&stream);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
        // Aborted when nobody waits any more, so that the socket closes then.
        let connection = Connection(tokio::spawn(async move { drop(connection.await) }).abort_handle());
        let mut request = Request::new(Full::new(self.body));
        *request.method_mut() = self.method;
        *request.uri_mut() = self.path.parse().expect("a path");
        *request.headers_mut() = self.headers;
        if !request.headers().contains_key("host") {
            let host = HeaderValue::from_str(&address.to_string()).expect("a host");
            request.headers_mut().insert("host", host);
        }
        let (head, body) = sender.send_request(request).await.expect("an answer").into_parts();
        for (name, value) in &head.headers {
            seen.came_down(&[name.as_str().as_bytes(), b": ", value.as_bytes()].concat());
        }
        let seen = Arc::clone(seen);
        Reply { status: head.status.as_u16(), headers: head.headers, body, seen, _connection: connection }
    }
}

/// Whoever holds small writes back until the last one is acknowledged shows it by this.
pub(crate) fn acknowledge_late(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_quickack(false).expect("a socket");
}

struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer whose body is still to be read. Dropping it closes its connection.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    body: Incoming,
    seen: Arc<Seen>,
    _connection: Connection,
}

/// The answer broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl Reply {
    /// The next piece of the body; `None` at its end.
    ///
    /// # Errors
    /// [`Broken`] when the answer breaks off.
    ///
    /// # Panics
    /// When nothing comes for 20 s.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame());
            match frame.await.expect("the answer goes on") {
                None => return Ok(None),
                Some(Err(_)) => return Err(Broken),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.seen.came_down(&data);
                    return Ok(Some(data));
                }
            }
        }
    }

    /// Reads until `text` has come, and returns all that was read.
    ///
    /// # Panics
    /// When the answer ends before.
    pub async fn until(&mut self, text: &str) -> String {
        let mut read = String::new();
        while !read.contains(text) {
            let piece = self.piece().await.expect("unbroken").expect("more");
            read.push_str(std::str::from_utf8(&piece).expect("a text"));
        }
        read
    }

    /// Reads what is left.
    pub async fn whole(mut self) -> Whole {
        let mut body = Vec::new();
        let mut broken = false;
        loop {
            match self.piece().await {
                Ok(Some(piece)) => body.extend_from_slice(&piece),
                Ok(None) => break,
                Err(Broken) => {
                    broken = true;
                    break;
                }
            }
        }
        self.seen.came_down(&body);
        Whole { status: self.status, headers: self.headers, body, broken }
    }
}

/// An answer that was read to its end.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// Whether it broke off.
    pub broken: bool,
}

impl Whole {
    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The one value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} came twice");
        Some(value.to_str().expect("a text"))
    }

    /// Our error code, wherever the dialect has it; none in an answer that is no refusal of ours.
    pub fn code(&self) -> Option<ErrorCode> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        let error = &body["error"];
        let code = error["code"].as_str().or_else(|| error["details"][0]["reason"].as_str())?;
        ErrorCode::from_name(code)
    }

    /// Asserts that it is this refusal, in the shape that every refusal has.
    pub fn assert_refused(&self, code: ErrorCode) {
        assert_eq!(self.code(), Some(code), "{} {}", self.status, self.text());
        assert_eq!(self.status, code.status(), "{}", self.text());
        assert!(!self.broken);
        assert_eq!(
            self.header("content-type").map(|kind| kind.split(';').next()),
            Some(Some("application/json"))
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert_eq!(self.headers.contains_key("www-authenticate"), code.status() == 401);
        let body = self.json();
        let wait =
            [&body["error"]["details"]["retryInSeconds"], &body["error"]["details"][0]["retryInSeconds"]]
                .into_iter()
                .find_map(Value::as_i64);
        if let Some(wait) = wait {
            assert_eq!(self.header("retry-after"), Some(wait.to_string().as_str()));
        }
    }
}
