//! What a dialect must be able to do, and how each says that something is wrong.

use bytes::Bytes;
use http::{Response, header};
use keywright_providers::Dialect;
use serde_json::{Value, json};

use super::playback::{self, DemoBody};
use super::turn::{Reply, Turn};

/// One way to ask for a turn of the model.
pub(super) trait Wire {
    /// The dialect it belongs to.
    fn dialect(&self) -> Dialect;
    /// Reads a request.
    fn read(&self, body: &Value) -> Result<Turn, Fault>;
    /// The answer in one piece.
    fn whole(&self, turn: &Turn, reply: &Reply) -> Value;
    /// The answer as the events of a stream, each framed as it goes over the wire.
    fn events(&self, turn: &Turn, reply: &Reply) -> Vec<Bytes>;
    /// The media type of the stream.
    fn stream_type(&self) -> &'static str {
        "text/event-stream; charset=utf-8"
    }
}

/// Why a request is not answered.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) status: u16,
    pub(super) message: String,
    parameter: Option<&'static str>,
    code: Option<&'static str>,
    retry_after: Option<u32>,
}

impl Fault {
    pub(super) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), parameter: None, code: None, retry_after: None }
    }

    /// A field that must be there is not, or is of another type.
    pub(super) fn field(name: &'static str, message: impl Into<String>) -> Self {
        Self { parameter: Some(name), ..Self::new(400, message) }
    }

    /// The fault that the caller ordered with `demo:status=`.
    pub(super) fn ordered(status: u16) -> Self {
        Self {
            retry_after: matches!(status, 429 | 503 | 529).then_some(1),
            code: (status == 429).then_some("rate_limit_exceeded"),
            ..Self::new(status, format!("The demo provider fails with {status}, as the message asked."))
        }
    }

    /// The key is missing or wrong; each vendor has its own words and Google its own status.
    pub(super) fn unauthenticated(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Anthropic => Self::new(401, "invalid x-api-key"),
            Dialect::OpenAi => {
                Self { code: Some("invalid_api_key"), ..Self::new(401, "Incorrect API key provided.") }
            }
            Dialect::Gemini => Self::new(400, "API key not valid. Please pass a valid API key."),
        }
    }

    /// The answer that says so.
    pub(super) fn response(&self, dialect: Dialect) -> Response<DemoBody> {
        let mut response = playback::json(dialect, &self.body(dialect));
        *response.status_mut() = super::status(self.status);
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    pub(super) fn body(&self, dialect: Dialect) -> Value {
        match dialect {
            Dialect::Anthropic => json!({
                "type": "error",
                "error": {"type": anthropic_type(self.status), "message": self.message},
                "request_id": super::turn::id("req_"),
            }),
            Dialect::OpenAi => json!({
                "error": {
                    "message": self.message,
                    "type": openai_type(self.status),
                    "param": self.parameter,
                    "code": self.code,
                },
            }),
            Dialect::Gemini => json!({
                "error": {
                    "code": self.status,
                    "message": self.message,
                    "status": gemini_status(self.status),
                },
            }),
        }
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

fn openai_type(status: u16) -> &'static str {
    match status {
        429 => "requests",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

fn gemini_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        400..=499 => "INVALID_ARGUMENT",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

/// A server-sent event with a name.
pub(super) fn named_event(name: &str, data: &Value) -> Bytes {
    Bytes::from(format!("event: {name}\ndata: {data}\n\n"))
}

/// A server-sent event without one.
pub(super) fn event(data: &Value) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The events of a stream: name, and data as JSON where it is JSON.
    pub(in crate::demo) fn events_of(events: &[Bytes]) -> Vec<(String, Value)> {
        let text = String::from_utf8(events.concat()).expect("text");
        text.split_terminator("\n\n")
            .map(|event| {
                let (name, data) = match event.strip_prefix("event: ") {
                    Some(named) => named.split_once("\ndata: ").expect("data"),
                    None => ("", event.strip_prefix("data: ").expect("data")),
                };
                let data = serde_json::from_str(data).unwrap_or_else(|_| data.into());
                (name.to_owned(), data)
            })
            .collect()
    }

    #[test]
    fn errors_have_the_shape_of_each_vendor() {
        let fault = Fault::ordered(429);
        let anthropic = fault.body(Dialect::Anthropic);
        assert_eq!(anthropic["type"], "error");
        assert_eq!(anthropic["error"]["type"], "rate_limit_error");
        let openai = fault.body(Dialect::OpenAi);
        assert_eq!(openai["error"]["code"], "rate_limit_exceeded");
        assert!(openai["error"]["param"].is_null());
        let gemini = fault.body(Dialect::Gemini);
        assert_eq!(gemini["error"]["code"], 429);
        assert_eq!(gemini["error"]["status"], "RESOURCE_EXHAUSTED");
    }

    #[test]
    fn a_rate_limit_says_when_to_come_back_and_a_bad_request_does_not() {
        let response = Fault::ordered(429).response(Dialect::OpenAi);
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "1");
        assert!(!Fault::ordered(400).response(Dialect::OpenAi).headers().contains_key("retry-after"));
    }

    #[test]
    fn every_status_of_an_error_has_a_name_in_every_dialect() {
        for status in 400..600 {
            for dialect in Dialect::ALL {
                assert!(Fault::ordered(status).body(dialect)["error"].is_object());
            }
        }
    }
}
