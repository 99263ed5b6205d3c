//! Every place where a credential may stand, on every route: the same answer, whatever the place.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keywright_protocol::{ErrorCode, InvitationId, KeyId, OrganizationId, Scope, UserId, routes};
use keywright_providers::{Dialect, Handling, ROUTES, Route};
use keywright_secret::{PlatformToken, TokenKind};
use keywright_testkit::usual::Kind;
use keywright_testkit::{Call, TestServer};
use serde_json::json;

use crate::scene::call;

/// A place where a token may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Platform,
    Governance,
    Bearer,
    Basic,
    XApiKey,
    ApiKey,
    XGoogApiKey,
    /// On paths of the gemini dialect only.
    Query,
}

impl Carrier {
    const ALL: [Self; 8] = [
        Self::Platform,
        Self::Governance,
        Self::Bearer,
        Self::Basic,
        Self::XApiKey,
        Self::ApiKey,
        Self::XGoogApiKey,
        Self::Query,
    ];

    fn put(self, target: &Target, value: &str) -> Call {
        let call = |path: &str| target.call(path);
        match self {
            Self::Platform => call(&target.path).header("x-keywright-token", value),
            Self::Governance => call(&target.path).header("x-coder-ai-governance-token", value),
            Self::Bearer => call(&target.path).header("authorization", &format!("Bearer {value}")),
            Self::Basic => {
                let encoded = STANDARD.encode(format!("anybody:{value}"));
                call(&target.path).header("authorization", &format!("Basic {encoded}"))
            }
            Self::XApiKey => call(&target.path).header("x-api-key", value),
            Self::ApiKey => call(&target.path).header("api-key", value),
            Self::XGoogApiKey => call(&target.path).header("x-goog-api-key", value),
            Self::Query => call(&format!("{}?alt=sse&key={value}", target.path)),
        }
    }
}

/// A route to be called.
#[derive(Clone, Debug)]
struct Target {
    method: &'static str,
    path: String,
    gemini: bool,
}

impl Target {
    fn takes(&self, carrier: Carrier) -> bool {
        carrier != Carrier::Query || self.gemini
    }

    fn call(&self, path: &str) -> Call {
        let call = Call::new(self.method, path);
        match self.method {
            "POST" if self.path == routes::KEYS => call.json(&json!({"name": "n"})),
            "POST" if self.path == routes::CLAIM => call.json(&json!({"code": "x"})),
            "POST" if self.path == routes::CHILD => call.json(&json!({})),
            "POST" if self.path.ends_with("/rotate") => call.json(&json!({})),
            "PATCH" if self.path == routes::CHILD => {
                call.json(&json!({"token": PlatformToken::mint(TokenKind::Access).expose()}))
            }
            "PATCH" if self.path.contains("/members/") => call.json(&json!({"role": "member"})),
            "PATCH" => call.json(&json!({"name": "n"})),
            "POST" if self.path.ends_with("/invitations") => call.json(&json!({"email": "a@b.example"})),
            "POST" if self.path.ends_with("/accept") => call.json(&json!({})),
            "POST" if self.path.starts_with(routes::ORGANIZATIONS) => call.json(&json!({"name": "n"})),
            "POST" => call.json(&json!({"model": "m", "contents": [], "messages": []})),
            _ => call,
        }
    }
}

/// The path of a gateway route, with something in its places.
fn path_of(route: &Route) -> String {
    let path = route.template.replace("{version}", "v1beta").replace("{model}", "gemini-x");
    path.replace("{id}", if route.handling == Handling::Object { "resp_x" } else { "model-x" })
}

fn gateway_targets() -> Vec<Target> {
    let mut targets = Vec::new();
    for route in ROUTES {
        let path = path_of(route);
        let provider = match route.dialect {
            Dialect::Anthropic => "anthropic",
            Dialect::OpenAi => "openai",
            Dialect::Gemini => "google",
        };
        let gemini = route.dialect == Dialect::Gemini;
        let target = |path: String| Target { method: route.method, path, gemini };
        targets.push(target(path.clone()));
        for prefix in ["/gateway", "/api/v2/aibridge", "/api/v2/ai-gateway"] {
            targets.push(target(format!("{prefix}/{provider}{path}")));
        }
    }
    targets
}

/// The routes of the JSON API that ask who is calling, and the scope that they ask for. A route that
/// asks nobody is in [`OPEN`].
const API: &[(&str, &str, Option<Scope>)] = &[
    ("POST", routes::CHILD, Some(Scope::ModelsUse)),
    ("PATCH", routes::CHILD, Some(Scope::ModelsUse)),
    ("DELETE", routes::CHILD, None),
    ("GET", routes::WHOAMI, None),
    ("GET", routes::KEYS, Some(Scope::ApiKeysManage)),
    ("POST", routes::KEYS, Some(Scope::ApiKeysManage)),
    ("GET", routes::KEY, Some(Scope::ApiKeysManage)),
    ("PATCH", routes::KEY, Some(Scope::ApiKeysManage)),
    ("DELETE", routes::KEY, Some(Scope::ApiKeysManage)),
    ("POST", routes::ROTATE, Some(Scope::ApiKeysManage)),
    ("GET", routes::ORGANIZATIONS, Some(Scope::ProjectsRead)),
    ("POST", routes::ORGANIZATIONS, Some(Scope::ProjectsCreate)),
    ("GET", routes::ORGANIZATION, Some(Scope::ProjectsRead)),
    ("PATCH", routes::ORGANIZATION, Some(Scope::ProjectsCreate)),
    ("DELETE", routes::ORGANIZATION, Some(Scope::ProjectsCreate)),
    ("GET", routes::MEMBERS, Some(Scope::ProjectsRead)),
    ("PATCH", routes::MEMBER, Some(Scope::ProjectsCreate)),
    ("DELETE", routes::MEMBER, Some(Scope::ProjectsCreate)),
    ("GET", routes::ORGANIZATION_INVITATIONS, Some(Scope::ProjectsRead)),
    ("POST", routes::ORGANIZATION_INVITATIONS, Some(Scope::ProjectsCreate)),
    ("POST", routes::SERVICE_ACCOUNTS, Some(Scope::ProjectsCreate)),
    ("GET", routes::INVITATIONS, Some(Scope::ProjectsRead)),
    ("DELETE", routes::INVITATION, Some(Scope::ProjectsCreate)),
    ("POST", routes::ACCEPT_INVITATION, Some(Scope::ProjectsCreate)),
    ("GET", routes::MODELS, Some(Scope::ModelsUse)),
    ("GET", routes::REQUESTS, Some(Scope::ExecutionsRead)),
    ("GET", routes::REQUEST, Some(Scope::ExecutionsRead)),
    ("GET", routes::PROVIDERS, Some(Scope::ModelsUse)),
    ("GET", routes::USAGE, Some(Scope::ExecutionsRead)),
    ("POST", routes::CLAIM, Some(Scope::ApiKeysManage)),
];

/// Routes that anybody may call. May only shrink.
const OPEN: &[&str] = &[
    routes::TEMPORARY,
    routes::SIGNUP_REQUEST,
    routes::SIGNUP_COMPLETE,
    routes::LOGIN_REQUEST,
    routes::LOGIN_COMPLETE,
    routes::INSTANCE,
    routes::HEALTHZ,
    routes::READYZ,
];

fn api_targets() -> Vec<Target> {
    let target = |(method, path, _): &(&'static str, &str, Option<Scope>)| Target {
        method,
        path: filled(path),
        gemini: false,
    };
    API.iter().map(target).collect()
}

/// The path, with an id of nothing in each of its places.
fn filled(path: &str) -> String {
    let kind = match path {
        path if path.starts_with(routes::ORGANIZATIONS) => OrganizationId::PREFIX,
        path if path.starts_with(routes::INVITATIONS) => InvitationId::PREFIX,
        _ => KeyId::PREFIX,
    };
    let digits = "0190a1b2c3d47e8f9a0b1c2d3e4f5061";
    path.replace("{id}", &format!("{kind}{digits}")).replace("{user}", &format!("{}{digits}", UserId::PREFIX))
}

fn all_targets() -> Vec<Target> {
    let mut targets = gateway_targets();
    targets.extend(api_targets());
    targets
}

/// Calls every target with the value in every place.
async fn expect_everywhere(server: &TestServer, value: &str, expected: impl Fn(Carrier) -> ErrorCode) {
    for target in all_targets() {
        for carrier in Carrier::ALL.into_iter().filter(|carrier| target.takes(*carrier)) {
            let answer = server.call(carrier.put(&target, value)).await;
            let code = expected(carrier);
            assert_eq!(answer.code(), Some(code), "{carrier:?} at {target:?}: {}", answer.text());
            answer.assert_refused(code);
        }
    }
    assert_eq!(server.provider.connections(), 0, "something went up");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_credential_nothing_is_answered() {
    let server = TestServer::start().await;
    let token = server.account().await.token;
    for target in all_targets() {
        server.call(target.call(&target.path)).await.assert_refused(ErrorCode::KeyMissing);
        // These are not read for credentials.
        for name in ["proxy-authorization", "cookie", "x-auth-token"] {
            let answer =
                server.call(target.call(&target.path).header(name, &format!("Bearer {token}"))).await;
            answer.assert_refused(ErrorCode::KeyMissing);
        }
    }
    for path in OPEN {
        let answer = server.call(Call::get(path)).await;
        assert!(answer.status != 401, "{path}");
    }
    assert_eq!(server.provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_token_is_refused_wherever_it_stands_and_the_store_is_not_asked() {
    let server = TestServer::start().await;
    // Would hold up for ever whoever asked the store.
    let _pause = server.identity().pause_next_fill();
    let good = PlatformToken::mint(TokenKind::ApiKey);
    let damaged = &good.expose()[..good.expose().len() - 1];
    expect_everywhere(&server, damaged, |_| ErrorCode::KeyMalformed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_server_is_unknown_wherever_it_stands() {
    let server = TestServer::start().await;
    let foreign = PlatformToken::mint(TokenKind::ApiKey);
    expect_everywhere(&server, foreign.expose(), |_| ErrorCode::KeyUnknown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_is_refused_wherever_it_stands() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k", "lifetimeSeconds": 3_600})).await;
    server.clock.advance_seconds(3_600);
    expect_everywhere(&server, &key.raw.expect("the key"), |_| ErrorCode::KeyExpired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_wherever_it_stands() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    server.revoke(&account.token, key.key_id).await;
    expect_everywhere(&server, &key.raw.expect("the key"), |_| ErrorCode::KeyRevoked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_opens_nothing() {
    let server = TestServer::start().await;
    let refresh = PlatformToken::mint(TokenKind::Refresh);
    expect_everywhere(&server, refresh.expose(), |_| ErrorCode::WrongKeyKind).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendors_key_is_named_and_not_repeated_wherever_it_stands() {
    let mut server = TestServer::start().await;
    let key = "sk-ant-api03-canary-4b1e77c0";
    server.guard_provider_key(key);
    expect_everywhere(&server, key, |_| ErrorCode::WrongKeyKind).await;
    let targets = gateway_targets();
    let answer = server.call(Carrier::XApiKey.put(&targets[0], key)).await;
    assert!(answer.text().contains("Anthropic"), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_the_scope_is_refused_the_same_from_every_place() {
    let server = TestServer::start().await;
    let account = server.person("owner@example.com").await;
    let scopes = [
        Scope::ModelsUse,
        Scope::ApiKeysManage,
        Scope::ExecutionsRead,
        Scope::ProjectsRead,
        Scope::ProjectsCreate,
    ];
    for missing in scopes {
        let left: Vec<_> =
            scopes.iter().filter(|scope| **scope != missing).map(|scope| scope.as_str()).collect();
        let key = server.key(&account.token, json!({"name": missing.as_str(), "scopes": left})).await;
        let raw = key.raw.expect("the key");
        let mut targets: Vec<Target> = api_targets();
        let wanting = |(_, _, scope): &(&str, &str, Option<Scope>)| *scope == Some(missing);
        let wants: Vec<bool> = API.iter().map(wanting).collect();
        let mut wanted = wants.iter();
        targets.retain(|_| *wanted.next().expect("one for each"));
        if missing == Scope::ModelsUse {
            targets.extend(gateway_targets());
        }
        for target in targets {
            for carrier in Carrier::ALL.into_iter().filter(|carrier| target.takes(*carrier)) {
                let answer = server.call(carrier.put(&target, &raw)).await;
                assert_eq!(answer.code(), Some(ErrorCode::InsufficientScope), "{carrier:?} at {target:?}");
                answer.assert_refused(ErrorCode::InsufficientScope);
            }
        }
    }
    assert_eq!(server.provider.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_token_is_good_in_every_place_and_goes_up_from_none() {
    let server = TestServer::start().await;
    let account = server.lasting_account().await;
    for target in
        gateway_targets().iter().filter(|target| target.method == "POST" && !target.path.contains("resp_x"))
    {
        for carrier in Carrier::ALL.into_iter().filter(|carrier| target.takes(*carrier)) {
            let answer = server.call(carrier.put(target, &account.token)).await;
            assert_eq!(answer.status, 200, "{carrier:?} at {target:?}: {}", answer.text());
        }
    }
    for carrier in Carrier::ALL.into_iter().filter(|carrier| *carrier != Carrier::Query) {
        let whoami = Target { method: "GET", path: routes::WHOAMI.to_owned(), gemini: false };
        assert_eq!(server.call(carrier.put(&whoami, &account.token)).await.status, 200, "{carrier:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_that_differ_are_ambiguous_and_the_same_twice_is_one() {
    let server = TestServer::start().await;
    let (one, two) = (server.account().await, server.account().await);
    let targets = gateway_targets();
    let target = targets.iter().find(|target| target.gemini && target.method == "POST").expect("one");
    for first in Carrier::ALL {
        for second in Carrier::ALL.into_iter().filter(|second| *second != first && *second != Carrier::Query)
        {
            // Both stand in the one Authorization header.
            if matches!(
                (first, second),
                (Carrier::Bearer, Carrier::Basic) | (Carrier::Basic, Carrier::Bearer)
            ) {
                continue;
            }
            let both = |token: &str| {
                let call = first.put(target, &one.token);
                match second {
                    Carrier::Platform => call.header("x-keywright-token", token),
                    Carrier::Governance => call.header("x-coder-ai-governance-token", token),
                    Carrier::Bearer => call.header("authorization", &format!("Bearer {token}")),
                    Carrier::Basic => call
                        .header("authorization", &format!("Basic {}", STANDARD.encode(format!("x:{token}")))),
                    Carrier::XApiKey => call.header("x-api-key", token),
                    Carrier::ApiKey => call.header("api-key", token),
                    Carrier::XGoogApiKey => call.header("x-goog-api-key", token),
                    Carrier::Query => call,
                }
            };
            server.call(both(&two.token)).await.assert_refused(ErrorCode::AmbiguousCredentials);
            assert_eq!(server.call(both(&one.token)).await.status, 200, "{first:?} and {second:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_place_filled_twice_is_ambiguous_even_with_the_same() {
    let server = TestServer::start().await;
    let account = server.account().await;
    for name in ["authorization", "x-api-key", "x-goog-api-key", "api-key", "x-keywright-token"] {
        let value =
            if name == "authorization" { format!("Bearer {}", account.token) } else { account.token.clone() };
        let twice =
            Call::post("/v1/messages", &Kind::Messages.body(false)).header(name, &value).header(name, &value);
        server.call(twice).await.assert_refused(ErrorCode::AmbiguousCredentials);
    }
    let path = "/v1beta/models/gemini-x:generateContent";
    let other = server.account().await;
    let twice = Call::post(&format!("{path}?key={}&key={}", account.token, other.token), &json!({}));
    let answer = server.call(twice).await;
    assert_eq!(answer.code(), Some(ErrorCode::AmbiguousCredentials), "{}", answer.text());
    assert_eq!(server.provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_token_is_never_taken_for_an_own_key() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let damaged = &PlatformToken::mint(TokenKind::Temporary).expose()[..40].to_owned();
    for name in ["x-api-key", "x-goog-api-key", "api-key", "authorization"] {
        let value = if name == "authorization" { format!("Bearer {damaged}") } else { damaged.clone() };
        let both = Call::post("/v1/messages", &Kind::Messages.body(false))
            .header("x-keywright-token", &account.token)
            .header(name, &value);
        server.call(both).await.assert_refused(ErrorCode::KeyMalformed);
    }
    // Nor one of another server.
    let foreign = PlatformToken::mint(TokenKind::ApiKey);
    let both = Call::post("/v1/messages", &Kind::Messages.body(false))
        .header("x-keywright-token", &account.token)
        .header("x-api-key", foreign.expose());
    server.call(both).await.assert_refused(ErrorCode::AmbiguousCredentials);
    assert_eq!(server.provider.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn schemes_are_read_as_clients_write_them() {
    let server = TestServer::start().await;
    let account = server.account().await;
    let token = &account.token;
    for good in [format!("bearer {token}"), format!("BEARER   {token}  ")] {
        let sent = Call::get(routes::WHOAMI).header("authorization", &good);
        assert_eq!(server.call(sent).await.status, 200, "{good}");
    }
    for bad in [token.clone(), format!("Token {token}"), "Bearer".to_owned(), "Basic !!".to_owned()] {
        let sent = Call::get(routes::WHOAMI).header("authorization", &bad);
        assert_eq!(server.call(sent).await.status, 401, "{bad}");
    }
    for extra in
        [format!("Bearer {token} x"), format!("Bearer {token},{token}"), format!("Bearer \"{token}\"")]
    {
        let sent = Call::get(routes::WHOAMI).header("authorization", &extra);
        assert_eq!(server.call(sent).await.status, 401, "{extra}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_comes_at_once_and_without_the_body() {
    let server = TestServer::start().await;
    let mut connection = server.raw().await;
    connection
        .write("POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000000\r\n\r\n{")
        .await;
    let answer = tokio::time::timeout(Duration::from_secs(10), connection.answer()).await.expect("in time");
    assert_eq!(answer.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_that_trying_again_is_of_no_use() {
    let server = TestServer::start().await;
    for kind in Kind::STREAMING {
        let answer = server.call(Call::post(kind.path(true), &kind.body(true))).await;
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.header("x-keywright-request-id").expect("an id").starts_with("req_"));
    }
    let unknown = PlatformToken::mint(TokenKind::ApiKey);
    let answer = server.call(call(Kind::Messages, true, unknown.expose())).await;
    let body = answer.json();
    assert_eq!((&body["type"], &body["error"]["type"]), (&json!("error"), &json!("authentication_error")));
    assert!(body["error"]["message"].as_str().expect("a text").contains("keywright"));
    assert!(body["request_id"].as_str().expect("an id").starts_with("req_"));
}
