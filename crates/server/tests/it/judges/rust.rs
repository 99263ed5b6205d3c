//! The crate `oauth2` for Rust. It gives back tokens over https only, so that the server has such an address; what
//! ends TLS before it is left out here.

use std::convert::Infallible;
use std::time::Duration;

use keywright_protocol::{ErrorCode, oauth_routes as routes};
use keywright_testkit::{Call, Setup, TestServer};
use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenResponse, BasicTokenType};
use oauth2::{
    AccessToken, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl,
    DeviceCodeErrorResponseType, EndpointSet, HttpRequest, HttpResponse, IntrospectionUrl, PkceCodeChallenge,
    RedirectUrl, RefreshToken, RequestTokenError, RevocationUrl, Scope, StandardDeviceAuthorizationResponse,
    StandardRevocableToken, TokenIntrospectionResponse, TokenResponse, TokenUrl,
};
use tokio::sync::Mutex;
use url::Url;

use crate::judges::Person;
use crate::oauth::register::site;
use crate::oauth::scene::text;

const ISSUER: &str = "https://keywright.localhost";
const CALLBACK: &str = "http://127.0.0.1:40001/callback";

type Judge = BasicClient<EndpointSet, EndpointSet, EndpointSet, EndpointSet, EndpointSet>;

async fn server() -> TestServer {
    Setup::new().await.set("public_url", ISSUER).start().await
}

fn judge(id: &str) -> Judge {
    let at = |path: &str| format!("{ISSUER}{path}");
    BasicClient::new(ClientId::new(id.to_owned()))
        .set_auth_uri(AuthUrl::new(at(routes::AUTHORIZE)).expect("a URL"))
        .set_token_uri(TokenUrl::new(at(routes::TOKEN)).expect("a URL"))
        .set_device_authorization_url(
            DeviceAuthorizationUrl::new(at(routes::DEVICE_AUTHORIZATION)).expect("a URL"),
        )
        .set_revocation_url(RevocationUrl::new(at(routes::REVOKE)).expect("a URL"))
        .set_introspection_url(IntrospectionUrl::new(at(routes::INTROSPECT)).expect("a URL"))
}

/// Carries what the judge sends, to the byte.
fn wire<'s>(server: &'s TestServer) -> impl Fn(HttpRequest) -> Carried<'s> {
    move |request| {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let mut call = Call::new(head.method.as_str(), head.uri.path()).body(body);
            for (name, value) in &head.headers {
                call = call.header(name.as_str(), value.to_str().expect("a text"));
            }
            let answer = server.call(call).await;
            let mut response = HttpResponse::new(answer.body);
            *response.status_mut() = answer.status.try_into().expect("a status");
            *response.headers_mut() = answer.headers;
            Ok(response)
        })
    }
}

type Carried<'s> = std::pin::Pin<Box<dyn Future<Output = Result<HttpResponse, Infallible>> + Send + 's>>;

async fn whoami(server: &TestServer, token: &AccessToken) -> keywright_testkit::Whole {
    server.call(Call::get(keywright_protocol::routes::WHOAMI).token(token.secret())).await
}

/// What an answer on the redirect URI says.
fn said(answer: &str, name: &str) -> Option<String> {
    let url = Url::parse(answer).expect("a URL");
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oauth2_crate_signs_in_by_code_refreshes_and_gives_back() {
    let server = server().await;
    let wire = wire(&server);
    let judge =
        judge("keywright-cli").set_redirect_uri(RedirectUrl::new(CALLBACK.to_owned()).expect("a URL"));
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (link, state) = judge
        .authorize_url(CsrfToken::new_random)
        .add_scope(Scope::new("models:use".to_owned()))
        .add_scope(Scope::new("offline_access".to_owned()))
        .set_pkce_challenge(challenge)
        .url();
    let mut person = Person::default();
    let answer = person.visits(&server, link.as_str(), true).await;
    assert!(answer.starts_with(CALLBACK));
    assert_eq!(said(&answer, "state").as_ref(), Some(state.secret()));
    assert_eq!(said(&answer, "iss").as_deref(), Some(ISSUER));
    let code = AuthorizationCode::new(said(&answer, "code").expect("a code"));
    let exchange = judge.exchange_code(code.clone()).set_pkce_verifier(verifier);
    let tokens: BasicTokenResponse = exchange.request_async(&wire).await.expect("tokens");
    assert_eq!(*tokens.token_type(), BasicTokenType::Bearer);
    assert_eq!(tokens.expires_in(), Some(Duration::from_secs(3_600)));
    let scopes: Vec<&str> = tokens.scopes().expect("scopes").iter().map(|scope| scope.as_str()).collect();
    assert_eq!(scopes, ["offline_access", "models:use"]);
    assert_eq!(whoami(&server, tokens.access_token()).await.status, 200);

    let refresh = tokens.refresh_token().expect("a refresh token");
    let refreshed: BasicTokenResponse =
        judge.exchange_refresh_token(refresh).request_async(&wire).await.expect("tokens");
    assert_ne!(refreshed.access_token().secret(), tokens.access_token().secret());
    assert_eq!(whoami(&server, refreshed.access_token()).await.status, 200);

    let refresh = refreshed.refresh_token().expect("a refresh token");
    let given_back = judge.revoke_token(StandardRevocableToken::RefreshToken(refresh.clone()));
    given_back.expect("an https address").request_async(&wire).await.expect("given back");
    whoami(&server, refreshed.access_token()).await.assert_refused(ErrorCode::KeyRevoked);
    refused(judge.exchange_refresh_token(refresh).request_async(&wire).await);
    let unknown = StandardRevocableToken::AccessToken(AccessToken::new("at_unknown".to_owned()));
    judge.revoke_token(unknown).expect("https").request_async(&wire).await.expect("no matter");
    refused(judge.exchange_code(code).request_async(&wire).await);
}

#[track_caller]
fn refused(
    answer: Result<BasicTokenResponse, RequestTokenError<Infallible, oauth2::basic::BasicErrorResponse>>,
) {
    match answer {
        Err(RequestTokenError::ServerResponse(error)) => {
            assert_eq!(*error.error(), BasicErrorResponseType::InvalidGrant);
            assert!(error.error_description().is_some_and(|text| text.ends_with('.')));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oauth2_crate_waits_for_a_device_to_be_let_in() {
    let server = server().await;
    let wire = wire(&server);
    let judge = judge("keywright-cli");
    let person = Mutex::new(Person::default());
    for allow in [true, false] {
        let asked = judge.exchange_device_code().add_scope(Scope::new("models:use".to_owned()));
        let codes: StandardDeviceAuthorizationResponse = asked.request_async(&wire).await.expect("codes");
        assert_eq!(
            (codes.interval(), codes.expires_in()),
            (Duration::from_secs(5), Duration::from_secs(600))
        );
        assert_eq!(codes.verification_uri().as_str(), format!("{ISSUER}{}", routes::DEVICE));
        let complete = codes.verification_uri_complete().expect("a link").secret();
        assert!(complete.ends_with(codes.user_code().secret().as_str()));
        let waits = Mutex::new(Vec::new());
        // The person comes while it waits for the third time; of the second wait only a part goes by.
        let sleep = |wait: Duration| {
            let (server, person, codes, waits) = (&server, &person, &codes, &waits);
            async move {
                let mut waits = waits.lock().await;
                waits.push(wait.as_secs());
                let seconds = if waits.len() == 2 { 2 } else { i64::try_from(wait.as_secs()).expect("few") };
                server.clock.advance_seconds(seconds);
                if waits.len() == 3 {
                    person.lock().await.decides(server, codes.user_code().secret(), allow).await;
                }
            }
        };
        let polled = judge.exchange_device_access_token(&codes).request_async(&wire, sleep, None).await;
        assert_eq!(*waits.lock().await, [5, 5, 10], "pending, pending, slow_down");
        match (allow, polled) {
            (true, Ok(tokens)) => assert_eq!(whoami(&server, tokens.access_token()).await.status, 200),
            (false, Err(RequestTokenError::ServerResponse(error))) => {
                assert_eq!(*error.error(), DeviceCodeErrorResponseType::AccessDenied);
            }
            (_, other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oauth2_crate_asks_what_a_token_is_worth() {
    let server = server().await;
    let wire = wire(&server);
    let site = site(&server).await;
    let judge = judge(text(&site, "client_id"))
        .set_client_secret(ClientSecret::new(text(&site, "client_secret").to_owned()))
        .set_redirect_uri(RedirectUrl::new("https://app.example/cb".to_owned()).expect("a URL"));
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let (link, _) = judge.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge).url();
    let answer = Person::default().visits(&server, link.as_str(), true).await;
    let code = AuthorizationCode::new(said(&answer, "code").expect("a code"));
    let tokens = judge.exchange_code(code).set_pkce_verifier(verifier).request_async(&wire).await;
    let tokens = tokens.expect("tokens");
    let worth = judge.introspect(tokens.access_token()).set_token_type_hint("access_token");
    let worth = worth.request_async(&wire).await.expect("an answer");
    assert!(worth.active());
    assert_eq!(worth.client_id().map(|id| id.as_str()), site["client_id"].as_str());
    assert_eq!(worth.iss(), Some(ISSUER));
    assert_eq!(worth.token_type(), Some(&BasicTokenType::Bearer));
    assert!(worth.exp().is_some() && worth.sub().is_some());
    let nothing = AccessToken::new("nothing".to_owned());
    assert!(!judge.introspect(&nothing).request_async(&wire).await.expect("an answer").active());
    let refresh: RefreshToken = tokens.refresh_token().expect("a refresh token").clone();
    let given_back = judge.revoke_token(StandardRevocableToken::RefreshToken(refresh));
    given_back.expect("an https address").request_async(&wire).await.expect("given back");
    assert!(!judge.introspect(tokens.access_token()).request_async(&wire).await.expect("an answer").active());
}
