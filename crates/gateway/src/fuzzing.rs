//! Doors for the fuzz targets in `fuzz/`. Not for programs.

use http::{HeaderMap, HeaderValue};
use keywright_protocol::wire::TokenUsage;

use crate::meter::Meter;
use crate::phase::authenticate::platform_token;
use crate::phase::{inject, route};
use crate::usage::Size;

/// What the gate reads of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Model {
    /// No text, or none at all.
    None,
    /// One text.
    Once(String),
    /// Several.
    Repeated,
}

/// The model in `body`, read in pieces of that many bytes; `None` when it is no JSON.
pub fn model_of(body: &[u8], piece: usize) -> Option<Model> {
    let mut reader = route::body_reader();
    for bytes in body.chunks(piece) {
        reader.feed(bytes).ok()?;
    }
    reader.finish().ok()?;
    let text = reader.value("model").and_then(|raw| serde_json::from_slice(raw).ok());
    Some(match (reader.repeated(), text) {
        (Some(_), _) => Model::Repeated,
        (None, Some(text)) => Model::Once(text),
        (None, None) => Model::None,
    })
}

/// The usage in an event stream, read in pieces of that many bytes.
pub fn usage_of(stream: &[u8], piece: usize) -> TokenUsage {
    let mut meter = Meter::events();
    for bytes in stream.chunks(piece) {
        let terminal = meter.feed(bytes);
        assert!(terminal.is_none_or(|at| at <= bytes.len()));
    }
    meter.settle(Size::default()).usage
}

/// Reads `header` as each of the credential headers.
pub fn credentials_in(header: &str) {
    for name in ["authorization", "x-api-key", "x-goog-api-key", "x-keywright-token"] {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_str(header) {
            headers.insert(name, value);
        }
        let _ = platform_token(&headers);
    }
}

/// What of a query goes upstream.
pub fn query_for_upstream(query: &str) -> String {
    inject::query_for_upstream(query)
}
