//! Answers in the one envelope.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use keywright_protocol::wire::Success;
use keywright_protocol::{ApiError, ErrorCode, RequestId};
use serde::Serialize;

/// A good answer.
pub(crate) struct Reply<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        let mut response = Json(Success::new(self.0)).into_response();
        protect(&mut response);
        response
    }
}

/// A refusal.
pub(crate) struct Refusal(pub(crate) ApiError);

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self(code.into())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = self.0;
        let id = RequestId::new().to_string();
        tracing::debug!(request.id = %id, error.code = error.code.as_str(), "refused a request: {error}");
        let failure = error.to_failure(Some(id));
        let status = StatusCode::from_u16(failure.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(failure)).into_response();
        protect(&mut response);
        let headers = response.headers_mut();
        if let Some(seconds) = error.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            // RFC 6750, 3.1: who sent a token is told that it is no good, who sent none only how to send one.
            let challenge = match error.code {
                ErrorCode::KeyMissing => "Bearer realm=\"keywright\"",
                _ => "Bearer realm=\"keywright\", error=\"invalid_token\"",
            };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// Answers may hold what is shown once, and are data, never pages.
pub(crate) fn protect(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("content-security-policy", HeaderValue::from_static("sandbox"));
}
