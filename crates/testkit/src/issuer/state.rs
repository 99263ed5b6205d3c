//! What the issuer knows, and how it answers when nothing is wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::Full;
use keywright_protocol::wire::{
    Account, ChildToken, DeletedKey, InstanceProof, Success, TemporaryAccount, UpgradeTicket, WhoAmI,
};
use keywright_protocol::{
    ApiError, Clock, ErrorCode, KeyId, OrganizationId, Scopes, SystemClock, Timestamp, UserId,
};
use keywright_secret::TokenKind;
use serde::Serialize;
use serde_json::{Value, json as value};

use super::device::DeviceCode;
use super::{json, mint, plain};

/// A pair of tokens.
#[derive(Clone)]
pub struct Issued {
    /// The `at_` token.
    pub access: String,
    /// The `rt_` token.
    pub refresh: String,
}

/// What goes wrong with a call of the token endpoint.
pub enum Fault {
    /// That status, and no JSON.
    Status(u16),
    /// An error of OAuth.
    Error(&'static str),
    /// No answer ever.
    Stall,
    /// The work is done and the answer gets lost.
    LoseAnswer,
    /// Something happens first, then that.
    After(Box<dyn FnMut() + Send>, Option<Box<Fault>>),
}

/// What the issuer knows and has seen.
pub struct IssuerState {
    /// Its issuer.
    pub issuer: String,
    /// How many seconds its access tokens live, as it says.
    pub access_life: u64,
    /// What goes wrong with the next calls of the token endpoint, one each.
    pub faults: VecDeque<Fault>,
    /// The access tokens that it takes.
    pub access: BTreeSet<String>,
    /// Whether it refuses every access token.
    pub takes_none: bool,
    /// What was sent to the token endpoint.
    pub token_calls: Vec<BTreeMap<String, String>>,
    /// What was revoked.
    pub revoked: Vec<String>,
    /// How many calls of the token endpoint have arrived, answered or not.
    pub token_calls_begun: usize,
    /// What happens, once, before an access token is refused.
    pub before_refusal: Option<Box<dyn FnOnce() + Send>>,
    /// Path and credential of each other call.
    pub calls: Vec<(String, Option<String>)>,
    /// How often a refresh token was rotated.
    pub rotations: usize,
    /// Whether it offers no OAuth at all.
    pub without_oauth: bool,
    /// The device codes that it gave out.
    pub devices: Vec<DeviceCode>,
    /// How long a device code lives, in seconds.
    pub device_life: u64,
    /// How long to wait between two polls, in seconds.
    pub interval: u64,
    /// What it says that became of a temporary account whose ticket came along.
    pub upgrade: Option<&'static str>,
    /// The codes of the authorization endpoint, with the challenge that each is bound to.
    pub codes: BTreeMap<String, BTreeMap<String, String>>,
    live: BTreeSet<String>,
    rotated: BTreeMap<String, (Issued, Instant)>,
    account: Account,
}

impl IssuerState {
    pub(super) fn new(issuer: String) -> Self {
        Self {
            issuer,
            access_life: 3600,
            faults: VecDeque::new(),
            access: BTreeSet::new(),
            takes_none: false,
            token_calls: Vec::new(),
            token_calls_begun: 0,
            before_refusal: None,
            revoked: Vec::new(),
            calls: Vec::new(),
            rotations: 0,
            without_oauth: false,
            devices: Vec::new(),
            device_life: 600,
            interval: 1,
            upgrade: None,
            codes: BTreeMap::new(),
            live: BTreeSet::new(),
            rotated: BTreeMap::new(),
            account: Account { user_id: UserId::new(), organization_id: OrganizationId::new() },
        }
    }

    /// Whether a client that holds `refresh` is still signed in: it is the newest, or the answer that brought
    /// its successor may have been lost.
    pub fn takes(&self, refresh: &str) -> bool {
        let lost = self.rotated.get(refresh).is_some_and(|(next, _)| self.live.contains(&next.refresh));
        lost || self.live.contains(refresh)
    }

    /// A new pair.
    pub fn issue(&mut self) -> Issued {
        let issued = Issued { access: mint(TokenKind::Access), refresh: mint(TokenKind::Refresh) };
        self.access.insert(issued.access.clone());
        self.live.insert(issued.refresh.clone());
        issued
    }

    /// What goes wrong with this call.
    pub(super) fn fault_for(&mut self, request: &Request<Bytes>) -> Option<Fault> {
        if request.uri().path() != "/oauth/token" {
            return None;
        }
        self.token_calls_begun += 1;
        self.faults.pop_front()
    }

    pub(super) fn answer(&mut self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        match (request.method(), path.as_str()) {
            (&Method::GET, "/healthz") => return plain(200, "ok"),
            (&Method::GET, "/api/v1/instance") => {
                let version = env!("CARGO_PKG_VERSION").into();
                return data(&InstanceProof { proof: "none".into(), version, now: None });
            }
            (_, path) if self.without_oauth && (path.starts_with("/oauth") || path.starts_with("/.well")) => {
                return plain(404, "no such page");
            }
            (&Method::GET, "/.well-known/oauth-authorization-server") => return json(200, &self.metadata()),
            (&Method::GET, "/oauth/authorize") => return self.authorize(request.uri().query().unwrap_or("")),
            (&Method::POST, "/oauth/token") => return self.token(request),
            (&Method::POST, "/oauth/device_authorization") => {
                return self.start_device(&form(request.body()));
            }
            (&Method::POST, "/api/v1/auth/temporary") => return data(&self.temporary()),
            (&Method::POST, "/oauth/revoke") => return self.revoke(&form(request.body())),
            _ => {}
        }
        let credential = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        let token = credential.and_then(|value| value.strip_prefix("Bearer ")).map(str::to_owned);
        self.calls.push((path.clone(), token.clone()));
        if self.takes_none || token.as_ref().is_none_or(|token| !self.access.contains(token)) {
            if let Some(deed) = self.before_refusal.take() {
                deed();
            }
            return refusal(ErrorCode::KeyExpired);
        }
        match path.as_str() {
            "/api/v1/whoami" => data(&self.who()),
            "/api/v1/auth/child" => {
                let token = mint(TokenKind::Access);
                self.access.insert(token.clone());
                data(&ChildToken { token, expires_at: in_an_hour() })
            }
            "/api/v1/auth/upgrade-ticket" if self.upgrade.is_some() => {
                data(&UpgradeTicket { ticket: "ticket".into(), expires_at: in_an_hour() })
            }
            "/api/v1/auth/upgrade-ticket" => refusal(ErrorCode::UpgradeRefused),
            _ if request.method() == Method::DELETE => {
                self.access.retain(|known| Some(known) != token.as_ref());
                data(&DeletedKey { key_id: KeyId::new(), revoked_at: SystemClock.now() })
            }
            _ => refusal(ErrorCode::RouteNotSupported),
        }
    }

    fn temporary(&mut self) -> TemporaryAccount {
        let token = mint(TokenKind::Temporary);
        self.access.insert(token.clone());
        TemporaryAccount { token, expires_at: in_an_hour(), account: self.account.clone() }
    }

    fn metadata(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.issuer);
        value!({
            "issuer": self.issuer,
            "authorization_endpoint": at("/oauth/authorize"),
            "token_endpoint": at("/oauth/token"),
            "device_authorization_endpoint": at("/oauth/device_authorization"),
            "revocation_endpoint": at("/oauth/revoke"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["models:use", "api-keys:manage"],
            "authorization_response_iss_parameter_supported": true,
        })
    }

    /// Consents at once.
    fn authorize(&mut self, query: &str) -> Response<Full<Bytes>> {
        let fields = form(query.as_bytes());
        let code = mint(TokenKind::ApiKey);
        let mut back = url::Url::parse(&fields["redirect_uri"]).expect("a redirect address");
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &fields["state"])
            .append_pair("iss", &self.issuer);
        self.codes.insert(code, fields);
        let mut answer = plain(303, "");
        answer.headers_mut().insert("location", back.as_str().parse().expect("a header"));
        answer
    }

    fn token(&mut self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let fields = form(request.body());
        self.token_calls.push(fields.clone());
        match fields.get("grant_type").map(String::as_str) {
            Some("refresh_token") => self.refresh(&fields["refresh_token"]),
            Some("authorization_code") => self.redeem(&fields),
            Some("urn:ietf:params:oauth:grant-type:device_code") => self.poll_device(&fields["device_code"]),
            _ => oauth_error("unsupported_grant_type"),
        }
    }

    fn redeem(&mut self, fields: &BTreeMap<String, String>) -> Response<Full<Bytes>> {
        use base64::Engine;
        use sha2::Digest;
        let Some(asked) = self.codes.remove(&fields["code"]) else { return oauth_error("invalid_grant") };
        let digest = sha2::Sha256::digest(fields["code_verifier"].as_bytes());
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
        let same = |name: &str| asked.get(name) == fields.get(name);
        if challenge != asked["code_challenge"] || !same("redirect_uri") || !same("client_id") {
            return oauth_error("invalid_grant");
        }
        let issued = self.issue();
        self.pair(&issued)
    }

    /// One successor; the same again within ten seconds, unless that has been rotated itself.
    fn refresh(&mut self, presented: &str) -> Response<Full<Bytes>> {
        if let Some((successor, at)) = self.rotated.get(presented).cloned() {
            if self.live.contains(&successor.refresh) && at.elapsed() < REPLAY_WINDOW {
                return self.pair(&successor);
            }
            return oauth_error("invalid_grant");
        }
        if !self.live.remove(presented) {
            return oauth_error("invalid_grant");
        }
        self.rotations += 1;
        let successor = self.issue();
        self.rotated.insert(presented.to_owned(), (successor.clone(), Instant::now()));
        self.pair(&successor)
    }

    fn revoke(&mut self, fields: &BTreeMap<String, String>) -> Response<Full<Bytes>> {
        let token = &fields["token"];
        self.live.remove(token);
        self.access.remove(token);
        self.revoked.push(token.clone());
        plain(200, "")
    }

    pub(super) fn pair(&self, issued: &Issued) -> Response<Full<Bytes>> {
        let mut body = value!({
            "access_token": issued.access,
            "refresh_token": issued.refresh,
            "token_type": "Bearer",
            "expires_in": self.access_life,
            "scope": "models:use api-keys:manage",
        });
        if let Some(upgrade) = self.upgrade {
            body["upgrade"] = upgrade.into();
        }
        json(200, &body)
    }

    fn who(&self) -> WhoAmI {
        WhoAmI {
            account: self.account.clone(),
            organization_name: "Example".into(),
            role: None,
            email: Some("person@example.com".into()),
            temporary: false,
            administrator: false,
            essential_traffic_only: false,
            token_id: KeyId::new(),
            token_kind: "at".into(),
            scopes: Scopes::TEMPORARY,
            expires_at: Some(in_an_hour()),
        }
    }
}

pub(super) fn oauth_error(error: &str) -> Response<Full<Bytes>> {
    json(400, &value!({ "error": error }))
}

fn data(data: &impl Serialize) -> Response<Full<Bytes>> {
    json(200, &serde_json::to_value(Success::new(data)).expect("JSON"))
}

fn refusal(code: ErrorCode) -> Response<Full<Bytes>> {
    let failure = ApiError::new(code).to_failure(Some("req_test".into()));
    json(code.status(), &serde_json::to_value(failure).expect("JSON"))
}

fn form(body: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

fn in_an_hour() -> Timestamp {
    SystemClock.now().plus_seconds(3600)
}

const REPLAY_WINDOW: Duration = Duration::from_secs(10);
