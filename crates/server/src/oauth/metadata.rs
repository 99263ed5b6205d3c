//! What the server says of itself: RFC 8414, OpenID Connect Discovery, RFC 9728. All addresses are made from the
//! configured one, whatever a request says.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CACHE_CONTROL;
use keywright_identity::oauth::{Authentication, GrantType, Registration, SessionScope};
use keywright_protocol::{Scope, oauth_routes as routes};
use serde_json::{Value, json};

use crate::api::{Api, protect};
use crate::oauth::respond::OAuthRefusal;

/// The metadata of the authorization server; the two documents that ask for it say the same.
pub(super) async fn server(State(api): State<Arc<Api>>) -> Response {
    let issuer = api.identity.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    let ways: Vec<&str> = Authentication::ALL.map(Authentication::as_str).to_vec();
    let with_secret: Vec<&str> =
        [Authentication::Basic, Authentication::Post].map(Authentication::as_str).to_vec();
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": at(routes::AUTHORIZE),
        "token_endpoint": at(routes::TOKEN),
        "device_authorization_endpoint": at(routes::DEVICE_AUTHORIZATION),
        "revocation_endpoint": at(routes::REVOKE),
        "introspection_endpoint": at(routes::INTROSPECT),
        "userinfo_endpoint": at(routes::USERINFO),
        "jwks_uri": at(routes::JWKS),
        "scopes_supported": SessionScope::supported(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": GrantType::ALL.map(GrantType::as_str),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ways,
        "revocation_endpoint_auth_methods_supported": ways,
        "introspection_endpoint_auth_methods_supported": with_secret,
        "authorization_response_iss_parameter_supported": true,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported":
            ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "org_id", "email", "email_verified"],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_parameter_supported": false,
    });
    if api.identity.registration() != Registration::Off {
        document["registration_endpoint"] = at(routes::REGISTER).into();
    }
    public(document)
}

/// The metadata of the resource that this server is, for whoever wants a token for it.
pub(super) async fn resource(State(api): State<Arc<Api>>) -> Response {
    let issuer = api.identity.issuer();
    public(json!({
        "resource": issuer,
        "resource_name": "Keywright",
        "authorization_servers": [issuer],
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "bearer_methods_supported": ["header"],
    }))
}

/// The keys that ID tokens may be signed with.
pub(super) async fn signing_keys(State(api): State<Arc<Api>>) -> Result<Response, OAuthRefusal> {
    Ok(public(api.identity.signing_key_set().await?))
}

fn public(document: Value) -> Response {
    let mut response = Json(document).into_response();
    protect(&mut response);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}
