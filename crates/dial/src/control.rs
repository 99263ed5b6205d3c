//! HTTP for control calls: one request, one whole answer, a connection each. Follows no redirect.
//!
//! Not for model traffic, which streams; that is the gateway's.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use url::Url;

use crate::{Destination, DialError, Dialler, Reach, TlsSetup};

/// A way to make control calls to one origin.
#[derive(Clone, Debug)]
pub struct Control {
    dialler: Dialler,
    destination: Destination,
}

impl Control {
    /// Calls to the origin of `address`, which the user or operator named.
    ///
    /// # Errors
    /// [`DialError::Unresolved`] when it is not an http or https address with a host.
    pub fn to(address: &Url) -> Result<Self, DialError> {
        let tls = TlsSetup::new(None).map_err(|_| DialError::Unresolved)?;
        let destination = Destination::of(address, Reach::Exactly).map_err(|_| DialError::Unresolved)?;
        Ok(Self { dialler: Dialler::new(tls, CONNECT_TIMEOUT, []), destination })
    }

    /// With another dialler: for other roots or another policy.
    #[must_use]
    pub fn through(mut self, dialler: Dialler) -> Self {
        self.dialler = dialler;
        self
    }

    /// Whether calls go to this machine or are encrypted, so that a credential may ride in them.
    pub fn is_confidential(&self) -> bool {
        self.destination.is_tls() || self.destination.is_loopback()
    }

    /// Sends `request`, whose URI is a path, and reads the whole answer.
    ///
    /// # Errors
    /// [`DialError`] when there is no connection, no answer within 30 s, or a broken or overlong one.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, DialError> {
        let exchange = async {
            let stream = self.dialler.connect(&self.destination).await?;
            let (mut sender, connection) =
                http1::handshake(TokioIo::new(stream)).await.map_err(|_| DialError::Broken)?;
            let drive = async {
                // Whatever ends the connection shows in the answer as well.
                let _ = connection.await;
                std::future::pending::<()>().await;
            };
            let mut request = request.map(Full::new);
            let host = HeaderValue::from_str(&self.destination.authority()).map_err(|_| DialError::Broken)?;
            request.headers_mut().insert(HOST, host);
            let call = async {
                let (parts, body) =
                    sender.send_request(request).await.map_err(|_| DialError::Broken)?.into_parts();
                let body = Limited::new(body, LONGEST_ANSWER).collect().await.map_err(|error| {
                    let long = error.is::<http_body_util::LengthLimitError>();
                    if long { DialError::TooLong } else { DialError::Broken }
                })?;
                Ok(Response::from_parts(parts, body.to_bytes()))
            };
            tokio::select! {
                answer = call => answer,
                () = drive => Err(DialError::Broken),
            }
        };
        tokio::time::timeout(ANSWER_TIMEOUT, exchange).await.unwrap_or(Err(DialError::TimedOut))
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
const LONGEST_ANSWER: usize = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn answering(answer: &'static [u8]) -> Control {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url: Url = format!("http://{}", listener.local_addr().expect("bound")).parse().expect("a URL");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("accepts");
            let mut buffer = [0; 4096];
            let _ = stream.read(&mut buffer).await;
            stream.write_all(answer).await.expect("writes");
        });
        Control::to(&url).expect("a destination")
    }

    fn request() -> Request<Bytes> {
        Request::get("/x").body(Bytes::new()).expect("a request")
    }

    #[tokio::test]
    async fn an_answer_is_read_whole_and_a_redirect_is_handed_back() {
        let control = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
        assert_eq!(control.send(request()).await.expect("an answer").body(), "hi");
        let control =
            answering(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
                .await;
        assert_eq!(control.send(request()).await.expect("an answer").status(), 302);
    }

    #[tokio::test]
    async fn a_cut_answer_is_an_error() {
        let control = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhi").await;
        assert!(matches!(control.send(request()).await, Err(DialError::Broken)));
        let control = answering(b"SSH-2.0-x\r\n").await;
        assert!(matches!(control.send(request()).await, Err(DialError::Broken)));
    }

    #[test]
    fn plain_text_to_another_machine_is_not_confidential() {
        for (url, confidential) in [
            ("http://127.0.0.1:1", true),
            ("https://h.example", true),
            ("http://h.example", false),
            ("http://10.0.0.1", false),
        ] {
            let control = Control::to(&url.parse().expect(url)).expect(url);
            assert_eq!(control.is_confidential(), confidential, "{url}");
        }
    }
}
