//! Where the browser comes back to (RFC 8252, section 7.3): a port of 127.0.0.1 for one answer.
//!
//! 1. Only a request whose Host is this very port is listened to: another name that leads here is somebody
//!    else's page.
//! 2. What is no answer to this sign-in is refused, and the waiting goes on.
//! 3. The answer ends the waiting. Whoever comes after it hears that it is over.
//!
//! No page says anything of what was sent.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use url::Url;

/// A port that waits for the browser.
pub struct Loopback {
    listener: TcpListener,
    address: SocketAddr,
}

/// What an answer is worth.
pub enum Verdict<T> {
    /// It is the one that was waited for.
    Final {
        /// What it came to.
        outcome: T,
        /// Whether the person is signed in now, as far as the browser is to know.
        good: bool,
    },
    /// It belongs to something else; the right one may still come.
    NotOurs,
}

impl Loopback {
    /// Takes a free port.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// The address to come back to.
    pub fn redirect(&self) -> Url {
        let mut url = self.url();
        url.set_path(CALLBACK);
        url
    }

    fn url(&self) -> Url {
        // An address and a port always make a URL.
        #[allow(clippy::expect_used)]
        Url::parse(&format!("http://{}", self.address)).expect("a URL")
    }

    /// Waits for the answer and gives it to `then`; until that is done, whoever comes again hears that it is
    /// over. `judge` looks at the query of each request.
    pub async fn serve<T: Send + 'static, R>(
        self,
        judge: impl Fn(&str) -> Verdict<T> + Send + Sync + 'static,
        then: impl AsyncFnOnce(T) -> R,
    ) -> R {
        let (found, mut answer) = mpsc::channel(1);
        let desk = Arc::new(Desk { host: self.address.to_string(), judge, found: Mutex::new(Some(found)) });
        // Dropped, and with it all that is open, when this returns.
        let mut open = JoinSet::new();
        open.spawn(accept(self.listener, desk));
        match answer.recv().await {
            Some(outcome) => then(outcome).await,
            // The desk lives as long as the task that listens, which never ends.
            None => std::future::pending().await,
        }
    }
}

/// Who answers the browser.
struct Desk<J, T> {
    host: String,
    judge: J,
    found: Mutex<Option<mpsc::Sender<T>>>,
}

async fn accept<J, T>(listener: TcpListener, desk: Arc<Desk<J, T>>)
where
    J: Fn(&str) -> Verdict<T> + Send + Sync + 'static,
    T: Send + 'static,
{
    let mut open = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, for instance: others will be given back.
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        while open.try_join_next().is_some() {}
        let desk = Arc::clone(&desk);
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = desk.answer(&request);
            async move { Ok::<_, Infallible>(answer) }
        });
        open.spawn(
            hyper::server::conn::http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service),
        );
    }
}

impl<J: Fn(&str) -> Verdict<T>, T> Desk<J, T> {
    fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let host = hosts.next().filter(|_| hosts.next().is_none());
        if host.is_none_or(|host| host.as_bytes() != self.host.as_bytes()) {
            return page(StatusCode::BAD_REQUEST, NOT_HERE);
        }
        if request.uri().path() != CALLBACK {
            return page(StatusCode::NOT_FOUND, NOT_HERE);
        }
        if request.method() != Method::GET {
            return page(StatusCode::METHOD_NOT_ALLOWED, NOT_HERE);
        }
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = found.as_ref() else { return page(StatusCode::GONE, OVER) };
        match (self.judge)(request.uri().query().unwrap_or_default()) {
            Verdict::NotOurs => page(StatusCode::BAD_REQUEST, NOT_OURS),
            Verdict::Final { outcome, good } => {
                // There is room for the one answer, and somebody waits for it or nobody cares.
                let _ = sender.try_send(outcome);
                *found = None;
                page(StatusCode::OK, if good { DONE } else { FAILED })
            }
        }
    }
}

fn page(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Keywright</title>\
         <body style=\"font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;padding:0 1rem\">\
         <h1>Keywright</h1><p>{words}</p></body></html>"
    );
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
        (header::CONNECTION, "close"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}

const CALLBACK: &str = "/callback";
const DONE: &str = "That is all here. You can close this page and go back to the terminal.";
const FAILED: &str = "The sign-in did not succeed. The terminal says why; you can close this page.";
const NOT_OURS: &str = "This does not belong to the sign-in that is waiting. It goes on waiting.";
const OVER: &str = "This sign-in is over. You can close this page.";
const NOT_HERE: &str = "There is nothing here.";

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;

    async fn call(address: SocketAddr, line: &str, host: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{line} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        (text[9..12].parse().unwrap(), text)
    }

    fn judge(query: &str) -> Verdict<String> {
        match query.strip_prefix("state=right&code=") {
            Some(code) => Verdict::Final { outcome: code.to_owned(), good: true },
            None => Verdict::NotOurs,
        }
    }

    #[tokio::test]
    async fn a_wrong_answer_is_refused_the_right_one_counts_and_the_next_comes_too_late() {
        let loopback = Loopback::bind().await.unwrap();
        let (address, host) = (loopback.address, loopback.address.to_string());
        assert_eq!(loopback.redirect().as_str(), format!("http://{host}/callback"));
        let browser = async {
            assert_eq!(call(address, "GET /callback?state=wrong&code=canary", &host).await.0, 400);
            assert_eq!(call(address, "GET /callback", &host).await.0, 400);
            let (status, page) = call(address, "GET /callback?state=right&code=canary", &host).await;
            assert_eq!(status, 200);
            assert!(!page.contains("canary") && page.contains("no-store"), "{page}");
            assert_eq!(call(address, "GET /callback?state=right&code=canary", &host).await.0, 410);
        };
        let (done, over) = tokio::sync::oneshot::channel();
        let waiting = loopback.serve(judge, async |code| {
            over.await.unwrap();
            code
        });
        let browser = async {
            browser.await;
            done.send(()).unwrap();
        };
        let (code, ()) = tokio::join!(waiting, browser);
        assert_eq!(code, "canary");
        assert!(TcpStream::connect(address).await.is_err(), "the port is still open");
    }

    #[tokio::test]
    async fn another_host_path_or_method_is_not_listened_to() {
        let loopback = Loopback::bind().await.unwrap();
        let (address, host) = (loopback.address, loopback.address.to_string());
        let right = "/callback?state=right&code=c";
        let browser = async {
            for (line, host, status) in [
                (format!("GET {right}"), "evil.example".to_owned(), 400),
                (format!("GET {right}"), format!("localhost:{}", address.port()), 400),
                (format!("GET {right}"), "127.0.0.1".to_owned(), 400),
                (format!("GET {right}"), format!("{host}\r\nHost: {host}"), 400),
                ("GET /favicon.ico".to_owned(), host.clone(), 404),
                (format!("GET /{right}"), host.clone(), 404),
                (format!("POST {right}"), host.clone(), 405),
            ] {
                assert_eq!(call(address, &line, &host).await.0, status, "{line} {host}");
            }
            call(address, &format!("GET {right}"), &host).await
        };
        let (code, (status, _)) = tokio::join!(loopback.serve(judge, async |code| code), browser);
        assert_eq!((code.as_str(), status), ("c", 200));
    }
}
