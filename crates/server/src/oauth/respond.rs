//! Answers in the form of RFC 6749 section 5.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use keywright_identity::oauth::{OAuthCode, OAuthError};
use keywright_secret::Secret;
use serde_json::json;

use crate::api::protect;

/// A refusal.
pub(crate) struct OAuthRefusal {
    error: OAuthError,
    /// How the application may prove itself, where that was wrong.
    challenge: Option<&'static str>,
}

impl OAuthRefusal {
    /// The same, asking for a proof of that kind.
    pub(crate) fn asking_for(self, challenge: &'static str) -> Self {
        Self { challenge: Some(challenge), ..self }
    }
}

impl From<OAuthError> for OAuthRefusal {
    fn from(error: OAuthError) -> Self {
        // RFC 6749, 5.2: with 401 goes the scheme that the server takes.
        let challenge = match error.code {
            OAuthCode::InvalidClient => Some("Basic realm=\"keywright\""),
            OAuthCode::InvalidToken => Some("Bearer realm=\"keywright\", error=\"invalid_token\""),
            _ => None,
        };
        Self { error, challenge }
    }
}

impl IntoResponse for OAuthRefusal {
    fn into_response(self) -> Response {
        let Self { error, challenge } = self;
        tracing::debug!(error.code = error.code.as_str(), "refused an OAuth request: {error}");
        let status = match error.code {
            OAuthCode::AccessDenied if challenge.is_some() => StatusCode::FORBIDDEN,
            code => StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        };
        let body = json!({ "error": error.code.as_str(), "error_description": error.description });
        let mut response = (status, Json(body)).into_response();
        shut(&mut response);
        let headers = response.headers_mut();
        if let Some(seconds) = error.retry_in {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(challenge) = challenge {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// JSON that identity made.
pub(crate) fn answered(text: &Secret) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut response = (headers, text.expose().to_owned()).into_response();
    shut(&mut response);
    response
}

/// Nobody keeps it, and no browser takes it for a page.
pub(crate) fn shut(response: &mut Response) {
    protect(response);
    response.headers_mut().insert(PRAGMA, HeaderValue::from_static("no-cache"));
}
