//! A server in memory with the routes of the JSON API.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keywright_protocol::wire::{
    Account, ApiKey, ApiKeys, ChildToken, CreateKey, DeletedKey, ListedModel, ModelUsage, Models, RenewChild,
    RenewedChild, RequestPage, Success, TemporaryAccount, TokenUsage, UsageReport, UsageTotal, WhoAmI,
};
use keywright_protocol::{
    ApiError, Clock, ErrorCode, KeyId, OrganizationId, Scopes, SystemClock, Timestamp, UserId,
};
use keywright_secret::{PlatformToken, TokenKind};
use serde::Serialize;
use tokio::net::TcpListener;

/// The server. It lives on a thread of its own, for as long as the tests do.
pub(crate) struct FakeApi {
    pub(crate) url: String,
    pub(crate) state: Arc<Mutex<State>>,
}

/// What it knows and has seen.
#[derive(Default)]
pub(crate) struct State {
    /// The tokens that it takes.
    pub(crate) accounts: BTreeMap<String, Account>,
    /// The child tokens that it gave out.
    pub(crate) children: Vec<String>,
    /// How long each of them lives; an hour when it says nothing.
    pub(crate) child_lives: Option<i64>,
    /// The child tokens that were renewed.
    pub(crate) renewed: Vec<String>,
    /// The API keys.
    pub(crate) keys: Vec<ApiKey>,
    /// Each call: method, path with query, and the credential that came along.
    pub(crate) calls: Vec<(String, String, Option<String>)>,
    /// What it refuses every call but the making of accounts with.
    pub(crate) refuse: Option<ErrorCode>,
    /// Whether it gives out no temporary accounts.
    pub(crate) closed: bool,
}

impl FakeApi {
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, shared));
        });
        Self { url, state }
    }

    pub(crate) fn calls_to(&self, path: &str) -> usize {
        self.state.lock().unwrap().calls.iter().filter(|(_, called, _)| called.starts_with(path)).count()
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<Mutex<State>>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let state = Arc::clone(&state);
        let service = service_fn(move |request: Request<Incoming>| {
            let state = Arc::clone(&state);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                Ok::<_, Infallible>(state.lock().unwrap().answer(&Request::from_parts(head, body)))
            }
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
        );
    }
}

impl State {
    fn answer(&mut self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let credential =
            request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let token = credential.as_deref().and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        let target = request.uri().to_string();
        self.calls.push((request.method().to_string(), target, token.clone()));
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::GET, "/healthz") => return good(&"ok"),
            (&Method::POST, "/api/v1/auth/temporary") if self.closed => {
                return bad(ErrorCode::TemporaryDisabled);
            }
            (&Method::POST, "/api/v1/auth/temporary") => return good(&self.temporary()),
            _ => {}
        }
        if let Some(code) = self.refuse {
            return bad(code);
        }
        let Some(account) = token.and_then(|token| self.accounts.get(&token).cloned()) else {
            return bad(ErrorCode::KeyUnknown);
        };
        match (request.method(), path.as_str()) {
            (&Method::GET, "/api/v1/whoami") | (&Method::POST, "/api/v1/admin/claim") => good(&who(account)),
            (&Method::POST, "/api/v1/auth/child") => {
                let token = PlatformToken::mint(TokenKind::Access).expose().to_owned();
                self.children.push(token.clone());
                good(&ChildToken { token, expires_at: self.childs_end() })
            }
            (&Method::PATCH, "/api/v1/auth/child") => {
                let asked: RenewChild = serde_json::from_slice(request.body()).unwrap();
                self.renewed.push(asked.token);
                good(&RenewedChild { expires_at: self.childs_end() })
            }
            (&Method::DELETE, "/api/v1/auth/child") => bad(ErrorCode::KeyUnknown),
            (&Method::POST, "/api/v1/keys") => {
                self.create(serde_json::from_slice(request.body()).unwrap(), account)
            }
            (&Method::GET, "/api/v1/keys") => {
                good(&ApiKeys { keys: self.keys.iter().map(copy).collect(), limit: 20 })
            }
            (&Method::DELETE, path) => self.delete(path.rsplit('/').next().unwrap()),
            (&Method::GET, "/api/v1/models") => good(&models()),
            (&Method::GET, "/api/v1/usage") => good(&usage()),
            (&Method::GET, "/api/v1/requests") => good(&RequestPage { requests: vec![], next_cursor: None }),
            _ => bad(ErrorCode::RouteNotSupported),
        }
    }

    /// Makes an account and takes its token from now on.
    fn childs_end(&self) -> Timestamp {
        self.child_lives.map_or_else(soon, |milliseconds| SystemClock.now().plus_millis(milliseconds))
    }

    pub(crate) fn temporary(&mut self) -> TemporaryAccount {
        let token = PlatformToken::mint(TokenKind::Temporary).expose().to_owned();
        let account = Account { user_id: UserId::new(), organization_id: OrganizationId::new() };
        self.accounts.insert(token.clone(), account.clone());
        TemporaryAccount { token, expires_at: soon(), account }
    }

    fn create(&mut self, request: CreateKey, account: Account) -> Response<Full<Bytes>> {
        if self.keys.iter().any(|key| key.name == request.name) {
            return bad(ErrorCode::NameTaken);
        }
        let token = PlatformToken::mint(TokenKind::ApiKey);
        let lifetime = request.lifetime_seconds.and_then(|seconds| seconds.as_i64());
        let key = ApiKey {
            key_id: KeyId::new(),
            raw: None,
            key_prefix: token.hint(),
            name: request.name,
            scopes: Scopes::GATEWAY,
            created_at: SystemClock.now(),
            expires_at: lifetime.map(|seconds| SystemClock.now().plus_seconds(seconds)),
            last_used_at: None,
            user_id: account.user_id,
            replaced_by: None,
            replaces: None,
        };
        let shown = ApiKey { raw: Some(token.expose().to_owned()), ..copy(&key) };
        self.keys.push(key);
        good(&shown)
    }

    fn delete(&mut self, id: &str) -> Response<Full<Bytes>> {
        match self.keys.iter().position(|key| key.key_id.to_string() == id) {
            Some(index) => {
                let key = self.keys.remove(index);
                good(&DeletedKey { key_id: key.key_id, revoked_at: SystemClock.now() })
            }
            None => bad(ErrorCode::NotFound),
        }
    }
}

fn who(account: Account) -> WhoAmI {
    WhoAmI {
        account,
        organization_name: "Temporary".into(),
        role: None,
        email: None,
        temporary: true,
        administrator: false,
        essential_traffic_only: false,
        token_id: KeyId::new(),
        token_kind: "tmp".into(),
        scopes: Scopes::TEMPORARY,
        expires_at: Some(soon()),
    }
}

fn models() -> Models {
    let model = |id: &str, provider: &str, dialect: &str| ListedModel {
        id: id.to_owned(),
        provider: provider.to_owned(),
        dialects: vec![dialect.to_owned()],
        display_name: None,
        created_at: None,
    };
    Models {
        models: vec![model("claude-x", "anthropic", "anthropic"), model("gpt-x", "openai", "openai")],
        incomplete: vec!["groq".to_owned()],
    }
}

fn usage() -> UsageReport {
    let tokens = TokenUsage { input_tokens: 12, output_tokens: 34, estimated: true, ..TokenUsage::default() };
    let total = UsageTotal { requests: 3, failed: 1, tokens };
    let line = ModelUsage { provider: Some("demo".into()), model: Some("demo-1".into()), total };
    UsageReport { since: Timestamp(0), models: vec![line], total }
}

fn copy(key: &ApiKey) -> ApiKey {
    ApiKey { key_prefix: key.key_prefix.clone(), name: key.name.clone(), raw: None, ..*key }
}

fn soon() -> Timestamp {
    SystemClock.now().plus_seconds(3600)
}

fn good(data: &impl Serialize) -> Response<Full<Bytes>> {
    json(200, &Success::new(data))
}

fn bad(code: ErrorCode) -> Response<Full<Bytes>> {
    json(code.status(), &ApiError::new(code).to_failure(Some("req_test".into())))
}

fn json(status: u16, body: &impl Serialize) -> Response<Full<Bytes>> {
    let body = serde_json::to_vec(body).unwrap();
    Response::builder().status(status).body(Full::new(body.into())).unwrap()
}
