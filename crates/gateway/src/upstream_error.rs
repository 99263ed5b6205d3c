//! How an upstream names its error, read out of the body that passes.
//!
//! Only its `type`, `code` and `status`, and only where they look like the words of a documentation: the
//! message beside them can quote the prompt, which is content and not kept.

use keywright_protocol::wire::UpstreamError;
use serde::Deserialize;
use serde_json::Value;

/// The names in an error's body; `None` where there are none.
pub(crate) fn read(body: &[u8]) -> Option<UpstreamError> {
    let body = body.trim_ascii();
    if body.len() > LONGEST {
        return None;
    }
    let error = match body.first()? {
        // Gemini's streams answer with an array.
        b'[' => serde_json::from_slice::<Vec<Envelope>>(body).ok()?.into_iter().next()?.error,
        _ => serde_json::from_slice::<Envelope>(body).ok()?.error,
    };
    let Value::Object(error) = error else { return None };
    let named = |name: &str| error.get(name).and_then(Value::as_str).filter(|text| is_name(text));
    let kind = named("type").or_else(|| named("status")).map(str::to_owned);
    let code = named("code").map(str::to_owned);
    (kind.is_some() || code.is_some()).then_some(UpstreamError { kind, code })
}

#[derive(Deserialize)]
struct Envelope {
    error: Value,
}

/// A word as vendors name their errors.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

const LONGEST: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Option<(Option<String>, Option<String>)> {
        read(body.as_bytes()).map(|error| (error.kind, error.code))
    }

    #[test]
    fn the_names_of_every_dialect_are_read_and_the_message_is_not() {
        let text = |text: &str| Some(text.to_owned());
        for (body, kind, code) in [
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                text("overloaded_error"),
                None,
            ),
            (
                r#" {"error":{"message":"No `gpt-9`","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
                text("invalid_request_error"),
                text("model_not_found"),
            ),
            (
                r#"{"error":{"code":400,"message":"Bad","status":"INVALID_ARGUMENT"}}"#,
                text("INVALID_ARGUMENT"),
                None,
            ),
            (r#"[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]"#, text("RESOURCE_EXHAUSTED"), None),
        ] {
            assert_eq!(names(body), Some((kind, code)), "{body}");
        }
    }

    #[test]
    fn what_could_be_content_is_no_name() {
        let long = format!(r#"{{"error":{{"type":"{}"}}}}"#, "x".repeat(65));
        let huge = format!(r#"{{"error":{{"type":"x"}},"pad":"{}"}}"#, "x".repeat(LONGEST));
        for body in [
            "",
            "<html>no</html>",
            "null",
            r#"{"error":"canary said no"}"#,
            r#"{"error":{"type":"you said: canary","code":7,"message":"canary"}}"#,
            r#"{"message":"canary"}"#,
            "[]",
            "[1]",
            &long,
            &huge,
        ] {
            assert_eq!(names(body), None, "{body:.80}");
        }
    }
}
