//! RFC 8414: what an authorization server offers, and where.

use serde::Deserialize;
use url::Url;

use super::OAuthError;
use super::error::printable;
use crate::ServerUrl;

/// What a server offers. Every endpoint lies on the origin that was asked.
#[derive(Clone, Debug)]
pub struct Metadata {
    pub(super) issuer: String,
    pub(super) authorization: Option<Url>,
    pub(super) token: Url,
    pub(super) device: Option<Url>,
    pub(super) scopes: Vec<String>,
    pub(super) names_itself: bool,
}

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: Option<Url>,
    token_endpoint: Url,
    device_authorization_endpoint: Option<Url>,
    #[serde(default)]
    scopes_supported: Vec<String>,
    #[serde(default)]
    code_challenge_methods_supported: Vec<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// The issuer, which is the origin of the server.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether a person can sign in on another device.
    pub fn offers_device(&self) -> bool {
        self.device.is_some()
    }

    pub(super) fn read(server: &ServerUrl, body: &[u8]) -> Result<Self, OAuthError> {
        let not_ours =
            |reason: &str| OAuthError::NotOurs { server: server.to_string(), reason: reason.into() };
        let document: Document = serde_json::from_slice(body)
            .map_err(|_| not_ours("its metadata are not as RFC 8414 has them"))?;
        // Compared as texts, as RFC 8414, section 3.3, wants it.
        if document.issuer != server.to_string() {
            let issuer = printable(&document.issuer);
            return Err(OAuthError::OtherIssuer { server: server.to_string(), issuer });
        }
        let endpoints = [
            Some(&document.token_endpoint),
            document.authorization_endpoint.as_ref(),
            document.device_authorization_endpoint.as_ref(),
        ];
        if endpoints.into_iter().flatten().any(|endpoint| endpoint.origin() != server.as_url().origin()) {
            return Err(not_ours("its metadata lead to another server"));
        }
        // A server without S256 would take a stolen code.
        let proves = document.code_challenge_methods_supported.iter().any(|method| method == "S256");
        Ok(Self {
            issuer: document.issuer,
            authorization: document.authorization_endpoint.filter(|_| proves),
            token: document.token_endpoint,
            device: document.device_authorization_endpoint,
            scopes: document.scopes_supported.into_iter().filter(|name| !is_of_the_person(name)).collect(),
            names_itself: document.authorization_response_iss_parameter_supported,
        })
    }
}

/// Whether a scope of OpenID Connect only lets know who the person is. The server itself is asked for that, so
/// nobody has to consent to it.
fn is_of_the_person(scope: &str) -> bool {
    matches!(scope, "openid" | "email" | "profile")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::PlainText;

    fn read(change: serde_json::Value) -> Result<Metadata, OAuthError> {
        let server = ServerUrl::parse("https://k.example", PlainText::LoopbackOnly).unwrap();
        let mut document = json!({
            "issuer": "https://k.example",
            "authorization_endpoint": "https://k.example/oauth/authorize",
            "token_endpoint": "https://k.example/oauth/token",
            "code_challenge_methods_supported": ["S256"],
        });
        document.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        Metadata::read(&server, document.to_string().as_bytes())
    }

    #[test]
    fn an_issuer_that_is_not_the_server_is_refused_however_little_it_differs() {
        assert!(read(json!({})).is_ok());
        for issuer in ["https://k.example/", "https://K.example", "http://k.example", "https://evil.example"]
        {
            let error = read(json!({ "issuer": issuer })).unwrap_err();
            assert!(matches!(error, OAuthError::OtherIssuer { .. }), "{issuer}");
        }
    }

    #[test]
    fn no_endpoint_leads_to_another_server() {
        for name in ["authorization_endpoint", "token_endpoint", "device_authorization_endpoint"] {
            let mut change = serde_json::Map::new();
            change.insert(name.into(), "https://evil.example/oauth/token".into());
            assert!(matches!(read(change.into()), Err(OAuthError::NotOurs { .. })), "{name}");
        }
    }

    #[test]
    fn what_a_token_may_do_is_asked_for_and_not_who_the_person_is() {
        let supported = ["openid", "email", "profile", "offline_access", "models:use"];
        let read = read(json!({ "scopes_supported": supported })).unwrap();
        assert_eq!(read.scopes, ["offline_access", "models:use"]);
    }

    #[test]
    fn a_server_without_s256_offers_no_sign_in_by_browser() {
        assert!(read(json!({})).unwrap().authorization.is_some());
        let plain = read(json!({ "code_challenge_methods_supported": ["plain"] })).unwrap();
        assert!(plain.authorization.is_none());
    }
}
