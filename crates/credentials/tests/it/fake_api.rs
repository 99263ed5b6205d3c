//! A server that gives out temporary accounts and proofs, as the real one does.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use keywright_client::{Client, PlainText, ServerUrl};
use keywright_protocol::wire::{Account, InstanceProof, Success, TemporaryAccount};
use keywright_protocol::{ApiError, Clock, ErrorCode, OrganizationId, SystemClock, UserId};
use keywright_secret::{PlatformToken, TokenKind, hex};
use serde::Serialize;
use sha2::Sha256;
use tokio::net::TcpListener;

/// The server, until it is dropped with its runtime.
pub(crate) struct FakeApi {
    pub(crate) server: ServerUrl,
    /// How many temporary accounts were made.
    pub(crate) made: Arc<AtomicUsize>,
    /// Whether it gives out none.
    pub(crate) closed: Arc<AtomicBool>,
}

impl FakeApi {
    /// Starts one whose instance file says `key`, and which believes to listen on `address` if one is given.
    pub(crate) async fn start(key: &'static str, address: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let bound = listener.local_addr().unwrap().to_string();
        let server = ServerUrl::parse(&format!("http://{bound}"), PlainText::LoopbackOnly).unwrap();
        let api = Self { server, made: Arc::default(), closed: Arc::default() };
        let (made, closed) = (Arc::clone(&api.made), Arc::clone(&api.closed));
        let address = address.map_or(bound, str::to_owned);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (made, closed, address) = (Arc::clone(&made), Arc::clone(&closed), address.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = answer(&request, key, &address, &made, closed.load(Ordering::SeqCst));
                    async { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        api
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.server).unwrap()
    }

    pub(crate) fn made(&self) -> usize {
        self.made.load(Ordering::SeqCst)
    }
}

fn answer(
    request: &Request<Incoming>,
    key: &str,
    address: &str,
    made: &AtomicUsize,
    closed: bool,
) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/api/v1/auth/temporary" if closed => {
            let failure = ApiError::new(ErrorCode::TemporaryDisabled).to_failure(None);
            json(failure.status, &failure)
        }
        "/api/v1/auth/temporary" => {
            assert!(request.headers().get("authorization").is_none(), "a token was sent");
            made.fetch_add(1, Ordering::SeqCst);
            json(200, &Success::new(temporary(3600)))
        }
        "/api/v1/instance" => {
            let challenge = request.uri().query().unwrap().strip_prefix("challenge=").unwrap();
            let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
            mac.update(format!("keywright-instance\n{challenge}\n{address}").as_bytes());
            let proof =
                InstanceProof { proof: hex(&mac.finalize().into_bytes()), version: "0".into(), now: None };
            json(200, &Success::new(proof))
        }
        path => panic!("unexpected {path}"),
    }
}

/// A temporary account that ends in that many seconds.
pub(crate) fn temporary(seconds: i64) -> TemporaryAccount {
    TemporaryAccount {
        token: PlatformToken::mint(TokenKind::Temporary).expose().to_owned(),
        expires_at: SystemClock.now().plus_seconds(seconds),
        account: Account { user_id: UserId::new(), organization_id: OrganizationId::new() },
    }
}

fn json(status: u16, body: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(body).unwrap();
    Response::builder().status(status).body(Full::new(body.into())).unwrap()
}
