//! An authorization server for tests of clients: a real HTTP server on a thread of its own that counts, can
//! be told to fail, and rotates refresh tokens as the real one does, the replay window included.

mod device;
mod state;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keywright_secret::{PlatformToken, TokenKind};
use tokio::net::TcpListener;

pub use state::{Fault, Issued, IssuerState};

/// The server. It lives for as long as the process does.
pub struct FakeIssuer {
    /// Its origin, which is its issuer.
    pub url: String,
    state: Arc<Mutex<IssuerState>>,
}

impl FakeIssuer {
    /// Starts one that offers everything.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let state = Arc::new(Mutex::new(IssuerState::new(url.clone())));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve(listener, shared));
        });
        Self { url, state }
    }

    /// What it knows and has seen.
    pub fn state(&self) -> MutexGuard<'_, IssuerState> {
        self.state.lock().expect("no test panicked inside")
    }

    /// Signs somebody in without any ceremony.
    pub fn sign_in(&self) -> Issued {
        self.state().issue()
    }

    /// How often a refresh token was rotated.
    pub fn rotations(&self) -> usize {
        self.state().rotations
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<Mutex<IssuerState>>) {
    let listener = TcpListener::from_std(listener).expect("a socket");
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let state = Arc::clone(&state);
        let service = service_fn(move |request: Request<Incoming>| {
            let state = Arc::clone(&state);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
                let request = Request::from_parts(head, body);
                let fault = state.lock().expect("no test panicked inside").fault_for(&request);
                answer(&state, &request, fault).await
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

/// Answers, or does what the fault says. An error closes the connection without an answer.
async fn answer(
    state: &Mutex<IssuerState>,
    request: &Request<Bytes>,
    fault: Option<Fault>,
) -> Result<Response<Full<Bytes>>, std::io::Error> {
    let well = || state.lock().expect("no test panicked inside").answer(request);
    match fault {
        None => Ok(well()),
        Some(Fault::Status(status)) => Ok(plain(status, "out of order")),
        Some(Fault::Error(error)) => {
            Ok(json(400, &serde_json::json!({ "error": error, "error_description": "told to" })))
        }
        Some(Fault::Stall) => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            Ok(well())
        }
        Some(Fault::LoseAnswer) => {
            well();
            Err(std::io::Error::other("the answer is lost"))
        }
        Some(Fault::After(mut deed, then)) => {
            deed();
            Box::pin(answer(state, request, then.map(|then| *then))).await
        }
    }
}

fn json(status: u16, body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut answer = plain(status, body.to_string());
    answer
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    answer
}

fn plain(status: u16, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    answer
}

fn mint(kind: TokenKind) -> String {
    PlatformToken::mint(kind).expose().to_owned()
}
