//! Phase 2: which provider, which route, which model.
//!
//! The path decides, and on native paths the configuration; nothing in the body or the headers can
//! name an address. May not know who is calling.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::UPGRADE;
use http::{HeaderMap, Method};
use keywright_protocol::{ApiError, ErrorCode};
use keywright_providers::{Dialect, Handling, Route, match_route, methods_of};
use keywright_secret::mentions_token;

use crate::catalog::{Catalog, Native, Upstream};
use crate::json::{TopLevel, Wanted};
use crate::surface::Surface;

/// A route that passes, and the provider that the path names.
pub(crate) struct Routed {
    pub(crate) route: &'static Route,
    /// The path as the vendor documents it.
    pub(crate) path: String,
    /// The model or id in the path.
    pub(crate) subject: Option<String>,
    /// The provider that the path names; none on native paths.
    named: Option<Arc<Upstream>>,
}

/// Finds the route.
pub(crate) fn find(
    catalog: &Catalog,
    surface: Surface<'_>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Routed, ApiError> {
    let named =
        surface.provider.map(|name| catalog.named(name).ok_or_else(|| unknown(catalog))).transpose()?;
    let speaks = |dialect: Dialect| named.is_none_or(|upstream| upstream.speaks(dialect));
    let likely = surface.likely_dialect(headers);
    if mentions_token(surface.rest.as_bytes()) {
        return Err(ErrorCode::RouteNotSupported.into());
    }
    for path in candidates(surface.rest, named.map(Arc::as_ref)) {
        if let Some((route, subject)) = best_fit(method, &path, likely, speaks) {
            return Ok(Routed { route, subject, named: named.cloned(), path: path.into_owned() });
        }
        let methods = methods_of(&path);
        if !methods.is_empty() && !methods.contains(&method.as_str()) {
            return Err(ApiError::new(ErrorCode::MethodNotAllowed).detail("allow", methods.join(", ")));
        }
    }
    Err(ErrorCode::RouteNotSupported.into())
}

/// The route that fits. Several dialects share `/v1/models`: the one that the caller's headers speak of,
/// else the first.
fn best_fit(
    method: &Method,
    path: &str,
    likely: Dialect,
    speaks: impl Fn(Dialect) -> bool,
) -> Option<(&'static Route, Option<String>)> {
    let mut fitting: Vec<_> =
        match_route(method.as_str(), path).filter(|matched| speaks(matched.route.dialect)).collect();
    fitting.sort_by_key(|matched| matched.route.dialect != likely);
    fitting.first().map(|matched| (matched.route, matched.subject.map(str::to_owned)))
}

/// Whether the client asks for the WebSocket of the Responses route. Clients fall back to HTTP at once on
/// 426, and on nothing else.
pub(crate) fn wants_websocket(surface: Surface<'_>, headers: &HeaderMap) -> bool {
    surface.rest.ends_with("/responses")
        && headers.get(UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

impl Routed {
    /// The provider that serves the call. A caller's own key goes to the provider in the path or to the
    /// dialect's own vendor, and is never routed elsewhere.
    pub(crate) fn upstream(
        &self,
        catalog: &Catalog,
        model: Option<&str>,
        own_key: bool,
    ) -> Result<Arc<Upstream>, ApiError> {
        if let Some(named) = &self.named {
            return Ok(Arc::clone(named));
        }
        let dialect = self.route.dialect;
        if own_key {
            return catalog.named(dialect.home()).cloned().ok_or_else(|| {
                ApiError::new(ErrorCode::ProviderNotConfigured).because(format!(
                    "Your own provider key goes to {} on this path, which is not configured here.",
                    dialect.home()
                ))
                .next("Call `/gateway/PROVIDER/...` for a provider that is configured, or ask the operator to add it.")
            });
        }
        match catalog.native(dialect, model) {
            Native::One(upstream) => Ok(Arc::clone(upstream)),
            Native::Several(names) => {
                Err(ApiError::new(ErrorCode::ProviderAmbiguous).detail("providers", names))
            }
            Native::Nobody => Err(ErrorCode::ProviderNotConfigured.into()),
        }
    }

    /// Whether tokens are counted on this route.
    pub(crate) fn is_metered(&self) -> bool {
        match self.route.handling {
            Handling::Create | Handling::CreateByPath => {
                !self.route.template.ends_with("count_tokens")
                    && !self.route.template.ends_with(":countTokens")
            }
            Handling::Models | Handling::Object => false,
        }
    }
}

/// What the gateway reads of a request body.
pub(crate) struct Asked {
    pub(crate) model: Option<String>,
    pub(crate) stream: bool,
    pub(crate) previous_response_id: Option<String>,
    /// A field that names an object which the provider keeps for the whole account.
    pub(crate) shared_object: Option<&'static str>,
}

/// A reader of request bodies.
pub(crate) fn body_reader() -> TopLevel {
    TopLevel::new(FIELDS)
}

/// What a body that was read asks for.
pub(crate) fn asked(routed: &Routed, body: &TopLevel) -> Result<Asked, ApiError> {
    if matches!(routed.route.handling, Handling::Models | Handling::Object) {
        return Ok(Asked { model: None, stream: false, previous_response_id: None, shared_object: None });
    }
    if body.finish().is_err() || !body.is_object() {
        return Err(ErrorCode::InvalidJson.into());
    }
    if let Some(field) = body.repeated() {
        return Err(ApiError::new(ErrorCode::DuplicateField)
            .because(format!("`{field}` stands twice in the body."))
            .detail("field", field));
    }
    if let Some(field) = body.disguised() {
        return Err(ApiError::new(ErrorCode::InvalidRequest)
            .because(format!("A key of the body differs from `{field}` in upper and lower case only."))
            .detail("field", field));
    }
    let by_path = routed.route.handling == Handling::CreateByPath;
    let model = match (by_path, body.value("model")) {
        (true, _) => routed.subject.clone(),
        (false, raw) => raw.and_then(|raw| serde_json::from_slice::<String>(raw).ok()),
    };
    let model = model.filter(|model| is_name(model)).ok_or(ErrorCode::ModelRequired)?;
    let previous = match body.value("previous_response_id") {
        Some(b"null") => None,
        Some(raw) => Some(serde_json::from_slice(raw).map_err(|_| ErrorCode::NotFound)?),
        // Too long to be an id of ours.
        None if body.has("previous_response_id") => return Err(ErrorCode::NotFound.into()),
        None => None,
    };
    let shared_object =
        SHARED_OBJECTS.iter().copied().find(|field| body.has(field) && body.value(field) != Some(b"null"));
    let stream = body.value("stream") == Some(b"true") || routed.route.template.contains(":stream");
    Ok(Asked { model: Some(model), stream, previous_response_id: previous, shared_object })
}

/// A name that can be stored and shown: no control characters, not too long.
fn is_name(model: &str) -> bool {
    !model.is_empty()
        && model.len() <= 256
        && !model.chars().any(char::is_control)
        && !mentions_token(model.as_bytes())
}

/// The paths to try: as it stands, and for openai with the version that its clients leave to the base
/// address.
fn candidates<'p>(rest: &'p str, named: Option<&Upstream>) -> impl Iterator<Item = Cow<'p, str>> {
    let versioned = named
        .filter(|upstream| upstream.speaks(Dialect::OpenAi) && !rest.starts_with("/v1/"))
        .map(|_| Cow::Owned(format!("/v1{rest}")));
    std::iter::once(Cow::Borrowed(rest)).chain(versioned)
}

fn unknown(catalog: &Catalog) -> ApiError {
    ApiError::new(ErrorCode::ProviderUnknown).detail("providers", catalog.names())
}

/// With a central key these belong to everybody who uses it, so nobody may refer to one. Objects that are
/// named deeper in a body (files, vector stores) cannot be made through this gateway.
const SHARED_OBJECTS: &[&str] = &["conversation", "prompt", "container", "cachedContent", "cached_content"];

/// Values longer than these are no names: they count as absent.
const FIELDS: &[Wanted] = &[
    Wanted { name: "model", longest: 2048 },
    Wanted { name: "stream", longest: 16 },
    Wanted { name: "previous_response_id", longest: 512 },
    Wanted { name: "metadata", longest: 4096 },
    Wanted { name: "prompt_cache_key", longest: 512 },
    Wanted { name: "conversation", longest: 16 },
    Wanted { name: "prompt", longest: 16 },
    Wanted { name: "container", longest: 16 },
    Wanted { name: "cachedContent", longest: 16 },
    Wanted { name: "cached_content", longest: 16 },
];

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use keywright_dial::Reach;

    use super::*;

    fn catalog() -> Catalog {
        let upstream = |name: &str, dialects: &[Dialect]| {
            let url = "https://h.example/v1".parse().expect("a URL");
            Upstream::new(name, dialects.to_vec(), &url, Reach::Exactly, None).expect("an upstream")
        };
        Catalog::new(vec![
            upstream("anthropic", &[Dialect::Anthropic]),
            upstream("openai", &[Dialect::OpenAi]),
            upstream("demo", &Dialect::ALL),
        ])
    }

    fn found(method: &str, path: &str, headers: &HeaderMap) -> Result<(String, String), ErrorCode> {
        let method = method.parse().expect("a method");
        find(&catalog(), Surface::of(path).expect("a gateway path"), &method, headers)
            .map(|routed| (format!("{} {}", routed.route.dialect.as_str(), routed.route.label), routed.path))
            .map_err(|error| error.code)
    }

    #[test]
    fn paths_by_provider_take_the_version_or_leave_it() {
        let headers = HeaderMap::new();
        for path in [
            "/gateway/openai/v1/responses",
            "/gateway/openai/responses",
            "/api/v2/aibridge/openai/v1/responses",
        ] {
            let expected = ("openai POST /v1/responses".to_owned(), "/v1/responses".to_owned());
            assert_eq!(found("POST", path, &headers), Ok(expected), "{path}");
        }
        assert_eq!(
            found("POST", "/gateway/openai/v1/v1/responses", &headers),
            Err(ErrorCode::RouteNotSupported)
        );
        assert_eq!(
            found("POST", "/gateway/anthropic/v1/responses", &headers),
            Err(ErrorCode::RouteNotSupported)
        );
    }

    #[test]
    fn shared_paths_are_told_apart_by_headers() {
        let mut headers = HeaderMap::new();
        assert_eq!(found("GET", "/v1/models", &headers).expect("found").0, "openai GET /v1/models");
        headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
        assert_eq!(found("GET", "/v1/models", &headers).expect("found").0, "anthropic GET /v1/models");
        assert_eq!(
            found("GET", "/gateway/openai/v1/models", &headers).expect("found").0,
            "openai GET /v1/models"
        );
    }

    #[test]
    fn unknown_routes_methods_and_providers_are_told_apart() {
        let headers = HeaderMap::new();
        assert_eq!(found("POST", "/v1/files", &headers), Err(ErrorCode::RouteNotSupported));
        assert_eq!(found("GET", "/v1/messages", &headers), Err(ErrorCode::MethodNotAllowed));
        assert_eq!(found("POST", "/gateway/nobody/v1/messages", &headers), Err(ErrorCode::ProviderUnknown));
    }

    fn read(path: &str, body: &str) -> Result<Asked, ErrorCode> {
        let routed = find(&catalog(), Surface::of(path).expect("a path"), &Method::POST, &HeaderMap::new())
            .map_err(|e| e.code)?;
        let mut reader = body_reader();
        let _ = reader.feed(body.as_bytes());
        asked(&routed, &reader).map_err(|error| error.code)
    }

    #[test]
    fn model_and_stream_are_read_from_the_body_or_the_path() {
        let asked = read("/v1/messages", r#"{"model":"claude","stream":true}"#).expect("good");
        assert_eq!((asked.model.as_deref(), asked.stream), (Some("claude"), true));
        let asked =
            read("/v1beta/models/gemini-3:streamGenerateContent", r#"{"contents":[]}"#).expect("good");
        assert_eq!((asked.model.as_deref(), asked.stream), (Some("gemini-3"), true));
        let asked = read("/v1/responses", r#"{"model":"m","previous_response_id":"resp_1"}"#).expect("good");
        assert_eq!(asked.previous_response_id.as_deref(), Some("resp_1"));
    }

    #[test]
    fn a_reference_to_an_object_of_the_shared_account_is_seen() {
        for (field, value) in
            [("conversation", "\"conv_1\""), ("conversation", "{\"id\":\"conv_1\"}"), ("container", "\"c\"")]
        {
            let body = format!(r#"{{"model":"m","{field}":{value}}}"#);
            assert_eq!(read("/v1/responses", &body).expect("good").shared_object, Some(field));
        }
        let body = r#"{"model":"m","conversation":null,"input":{"conversation":"x"}}"#;
        assert_eq!(read("/v1/responses", body).expect("good").shared_object, None);
    }

    #[test]
    fn a_body_in_which_the_model_cannot_be_read_for_certain_is_refused() {
        for (body, code) in [
            ("", ErrorCode::InvalidJson),
            ("{", ErrorCode::InvalidJson),
            ("[]", ErrorCode::InvalidJson),
            ("model=x", ErrorCode::InvalidJson),
            ("{}", ErrorCode::ModelRequired),
            (r#"{"model":null}"#, ErrorCode::ModelRequired),
            (r#"{"model":["a"]}"#, ErrorCode::ModelRequired),
            (r#"{"model":""}"#, ErrorCode::ModelRequired),
            (r#"{"model":"a\nb"}"#, ErrorCode::ModelRequired),
            (r#"{"model":"a","model":"b"}"#, ErrorCode::DuplicateField),
            (r#"{"model":"a","\u006dodel":"b"}"#, ErrorCode::DuplicateField),
            (r#"{"model":"a","stream":false,"stream":true}"#, ErrorCode::DuplicateField),
            (r#"{"model":"a","Model":"b"}"#, ErrorCode::InvalidRequest),
            (r#"{"model":"sk_kw_0123456789012345678901"}"#, ErrorCode::ModelRequired),
            (
                &format!(r#"{{"model":"a","previous_response_id":"{}"}}"#, "x".repeat(600)),
                ErrorCode::NotFound,
            ),
        ] {
            assert_eq!(read("/v1/messages", body).err(), Some(code), "{body}");
        }
    }
}
