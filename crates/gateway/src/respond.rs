//! The only place that makes statuses, codes and headers of the gateway's own answers: in the caller's
//! dialect, so that its SDK shows our message, with the code, the request id and what to do next.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use keywright_protocol::{ApiError, ErrorCode, RequestId};
use keywright_providers::Dialect;
use serde_json::{Value, json};

/// The header that carries the id under which a call is recorded.
pub const REQUEST_ID_HEADER: &str = "x-keywright-request-id";

/// A refusal as a whole answer.
pub(crate) fn refusal(dialect: Dialect, error: &ApiError, id: RequestId) -> Response<Bytes> {
    let body = Bytes::from(error_body(dialect, error, id).to_string());
    let mut response = Response::new(body);
    *response.status_mut() = status(error.code);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = error.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if !worth_retrying(error) {
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
    }
    if error.code.status() == 401 {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"keywright\""));
    }
    if error.code == ErrorCode::UpgradeRequired {
        headers.insert(http::header::UPGRADE, HeaderValue::from_static("HTTP/1.1"));
        headers.insert(http::header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if let Some(Value::String(methods)) = error.details.get("allow")
        && let Ok(methods) = HeaderValue::from_str(methods)
    {
        headers.insert(http::header::ALLOW, methods);
    }
    protect(headers, id);
    response
}

/// The event that tells a client, in a stream that is running, why it ends here.
pub(crate) fn error_event(dialect: Dialect, route: &str, error: &ApiError, id: RequestId) -> Bytes {
    let body = error_body(dialect, error, id);
    Bytes::from(match dialect {
        Dialect::Anthropic => format!("event: error\ndata: {body}\n\n"),
        Dialect::OpenAi if route.ends_with("/responses") => {
            let event = json!({
                "type": "error",
                "code": error.code.as_str(),
                "message": sentence(error),
                "param": null,
                "request_id": id,
            });
            format!("event: error\ndata: {event}\n\n")
        }
        Dialect::OpenAi | Dialect::Gemini => format!("data: {body}\n\n"),
    })
}

/// The headers that every answer of the gateway carries, an upstream's included: what it says is not
/// ours to run.
pub(crate) fn protect(headers: &mut HeaderMap, id: RequestId) {
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("content-security-policy", HeaderValue::from_static("sandbox"));
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
}

fn error_body(dialect: Dialect, error: &ApiError, id: RequestId) -> Value {
    let code = error.code.as_str();
    let message = sentence(error);
    match dialect {
        Dialect::Anthropic => json!({
            "type": "error",
            "error": {
                "type": anthropic_type(error.code),
                "message": message,
                "code": code,
                "next_action": error.next_action(),
                "details": error.details,
            },
            "request_id": id,
        }),
        Dialect::OpenAi => json!({
            "error": {
                "message": message,
                "type": openai_type(error.code),
                "param": null,
                "code": code,
                "next_action": error.next_action(),
                "details": error.details,
            },
            "request_id": id,
        }),
        Dialect::Gemini => json!({
            "error": {
                "code": error.code.status(),
                "message": message,
                "status": gemini_status(error.code),
                "details": [{
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": code,
                    "domain": "keywright",
                    "metadata": { "requestId": id, "nextAction": error.next_action() },
                }],
            },
        }),
    }
}

/// What happened and what to do: programs show the message and nothing else.
fn sentence(error: &ApiError) -> String {
    format!("{} {} ({})", error.message(), error.next_action(), error.code.as_str())
}

fn status(code: ErrorCode) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Whether the same request may do better in a moment. One agent retries for three minutes unless told
/// that it is of no use.
fn worth_retrying(error: &ApiError) -> bool {
    match error.code.status() {
        502..=504 => !matches!(error.code, ErrorCode::ProviderNotConfigured | ErrorCode::NoProviderKey),
        429 => error.retry_after().is_some_and(|seconds| seconds <= SOON_SECONDS),
        _ => false,
    }
}

const SOON_SECONDS: i64 = 60;

fn anthropic_type(code: ErrorCode) -> &'static str {
    match code.status() {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        // Only what passes by itself is a matter of load.
        503 if !matches!(code, ErrorCode::ProviderNotConfigured | ErrorCode::NoProviderKey) => {
            "overloaded_error"
        }
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn openai_type(code: ErrorCode) -> &'static str {
    match code.status() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

fn gemini_status(code: ErrorCode) -> &'static str {
    match code.status() {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        502 | 503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(dialect: Dialect, code: ErrorCode) -> (http::response::Parts, Value) {
        let (parts, body) = refusal(dialect, &code.into(), RequestId::new()).into_parts();
        (parts, serde_json::from_slice(&body).expect("JSON"))
    }

    #[test]
    fn each_dialect_carries_code_message_and_next_action_in_its_own_shape() {
        let (parts, body) = parsed(Dialect::Anthropic, ErrorCode::KeyRevoked);
        assert_eq!(parts.status, 401);
        assert_eq!(parts.headers["x-should-retry"], "false");
        assert_eq!(body["type"], "error");
        assert_eq!(body["error"]["type"], "authentication_error");
        assert_eq!(body["error"]["code"], "KEY_REVOKED");
        assert!(body["error"]["message"].as_str().expect("text").contains("keywright tokens create"));

        let (_, body) = parsed(Dialect::OpenAi, ErrorCode::InsufficientScope);
        assert_eq!(body["error"]["code"], "INSUFFICIENT_SCOPE");
        assert_eq!(body["error"]["type"], "permission_error");
        assert!(body["error"]["param"].is_null());

        let (_, body) = parsed(Dialect::Gemini, ErrorCode::BodyTooLarge);
        assert_eq!(body["error"]["code"], 413);
        assert_eq!(body["error"]["status"], "INVALID_ARGUMENT");
        assert_eq!(body["error"]["details"][0]["reason"], "BODY_TOO_LARGE");
    }

    #[test]
    fn only_what_may_pass_soon_is_worth_retrying() {
        for (error, worth) in [
            (ApiError::new(ErrorCode::UpstreamTimeout), true),
            (ApiError::new(ErrorCode::AuditUnavailable), true),
            (ApiError::new(ErrorCode::TemporaryRateLimited).retry_in(20), true),
            (ApiError::new(ErrorCode::TemporaryRateLimited).retry_in(4_000), false),
            (ApiError::new(ErrorCode::KeyExpired), false),
            (ApiError::new(ErrorCode::ProviderNotConfigured), false),
            (ApiError::new(ErrorCode::Internal), false),
        ] {
            let response = refusal(Dialect::OpenAi, &error, RequestId::new());
            assert_eq!(!response.headers().contains_key("x-should-retry"), worth, "{error}");
        }
    }

    #[test]
    fn an_error_event_is_one_whole_event() {
        for (dialect, route) in [
            (Dialect::Anthropic, "POST /v1/messages"),
            (Dialect::OpenAi, "POST /v1/responses"),
            (Dialect::Gemini, ""),
        ] {
            let event = error_event(dialect, route, &ErrorCode::KeyRevoked.into(), RequestId::new());
            let text = std::str::from_utf8(&event).expect("UTF-8");
            assert!(text.ends_with("\n\n") && text.matches("\n\n").count() == 1, "{text}");
            let data = text.lines().find_map(|line| line.strip_prefix("data: ")).expect("data");
            assert!(serde_json::from_str::<Value>(data).is_ok() && data.contains("KEY_REVOKED"));
        }
    }
}
