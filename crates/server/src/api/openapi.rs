//! The description of the HTTP surface, OpenAPI 3.1: made from the handlers' annotations, with what is
//! the same for many of them added here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use keywright_protocol::wire::{CreateKey, Failure, UpdateKey};
use keywright_protocol::{ErrorCode, routes};
use serde_json::{Value, json};
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, PathItem, Ref, RefOr, ResponseBuilder,
    SecurityRequirement, ServerBuilder,
};
use utoipa::{PartialSchema, ToSchema};

use super::passthrough;
use super::reply::{Refusal, protect};

/// The whole description. Nothing in it depends on how this server is configured.
pub fn document() -> OpenApi {
    let mut document = super::described().into_openapi();
    let about = InfoBuilder::new().title("Keywright").version(env!("CARGO_PKG_VERSION"));
    document.info = about.description(Some(ABOUT)).build();
    document.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    document.tags =
        Some(TAGS.map(|(name, what)| TagBuilder::new().name(name).description(Some(what)).build()).to_vec());
    for operation in document.paths.paths.values_mut().flat_map(operations) {
        complete(operation);
    }
    document.paths.paths.extend(passthrough::paths());
    let components = document.components.get_or_insert_with(Components::new);
    let mut schemas = vec![(Failure::name().into_owned(), Failure::schema())];
    Failure::schemas(&mut schemas);
    components.schemas.extend(schemas);
    one_end_only(components);
    components.security_schemes = schemes().into_iter().map(|(name, scheme)| (name, scheme.into())).collect();
    document
}

/// Describe this API
#[utoipa::path(
    get,
    path = routes::OPENAPI,
    operation_id = "openapi",
    tag = "operations",
    responses((status = 200, description = "This document.", body = Object)),
)]
pub(super) async fn openapi() -> Result<Response, Refusal> {
    static TEXT: LazyLock<Option<Bytes>> = LazyLock::new(|| document().to_json().ok().map(Bytes::from));
    let text = TEXT.clone().ok_or(ErrorCode::Internal)?;
    let mut response = ([(CONTENT_TYPE, "application/json")], text).into_response();
    protect(&mut response);
    Ok(response)
}

/// The operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

/// A key ends by days or by seconds, and a change changes something: neither has a place in the annotations.
fn one_end_only(components: &mut Components) {
    for (name, least) in [(CreateKey::name(), None), (UpdateKey::name(), Some(1))] {
        let schema = components.schemas.get_mut(name.as_ref());
        let Some(RefOr::T(Schema::Object(schema))) = schema else { continue };
        schema.min_properties = least;
        schema.extensions.get_or_insert_default().insert("not".to_owned(), both_ends());
    }
}

fn both_ends() -> Value {
    json!({
        "required": ["expiresInDays", "lifetimeSeconds"],
        "properties": { "expiresInDays": { "type": "integer" }, "lifetimeSeconds": { "type": "integer" } },
    })
}

/// Adds the refusals that follow from reading a body, from proving the caller, and from being a server at
/// all to those that the handler lists under [`ERRORS`], and every place in which a token may stand.
fn complete(operation: &mut Operation) {
    let mut codes = BTreeSet::from([
        ErrorCode::InvalidRequest,
        ErrorCode::HostNotAllowed,
        ErrorCode::OriginNotAllowed,
        ErrorCode::Internal,
    ]);
    if operation.request_body.is_some() {
        codes.extend([ErrorCode::InvalidJson, ErrorCode::BodyTooLarge]);
    }
    if let Some(security) = &mut operation.security {
        codes.extend(OF_CALLER);
        let alternatives = scopes(security);
        let asked = alternatives.iter().any(|scopes| !scopes.is_empty());
        codes.extend(asked.then_some(ErrorCode::InsufficientScope));
        *security = alternatives.iter().flat_map(|scopes| any_place(scopes)).collect();
    }
    let extensions = operation.extensions.get_or_insert_default();
    let own = extensions.get(ERRORS).and_then(Value::as_array).into_iter().flatten();
    codes.extend(own.filter_map(Value::as_str).filter_map(ErrorCode::from_name));
    extensions.insert(ERRORS.to_owned(), codes.iter().map(|code| code.as_str()).collect());
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(code);
    }
    let refusals = by_status.into_iter().map(|(status, codes)| (status.to_string(), refusal(status, &codes)));
    operation.responses.responses.extend(refusals);
}

/// A refusal with one of `codes`, all of which have that status.
fn refusal(status: u16, codes: &[ErrorCode]) -> RefOr<utoipa::openapi::Response> {
    let described: Vec<String> =
        codes.iter().map(|code| format!("- `{}`: {}", code.as_str(), code.message())).collect();
    let schema = Ref::from_schema_name(Failure::name());
    let mut response = ResponseBuilder::new()
        .description(described.join("\n"))
        .content("application/json", ContentBuilder::new().schema(Some(schema)).build());
    if matches!(status, 429 | 503) {
        let header = HeaderBuilder::new().schema(Some(Object::with_type(Type::Integer)));
        let what = "Seconds to wait, where waiting helps; the same as `details.retryInSeconds`.";
        response = response.header("Retry-After", header.description(Some(what)).build());
    }
    if status == 401 {
        let header = HeaderBuilder::new().schema(Some(Object::with_type(Type::String)));
        let what = "How to say who is calling.";
        response = response.header("WWW-Authenticate", header.description(Some(what)).build());
    }
    response.build().into()
}

/// The scopes that an annotation asks for; several sets are alternatives.
fn scopes(asked: &[SecurityRequirement]) -> Vec<Vec<String>> {
    asked
        .iter()
        .filter_map(|requirement| serde_json::to_value(requirement).ok())
        .filter_map(|requirement| serde_json::from_value::<Vec<String>>(requirement.get(TOKEN)?.clone()).ok())
        .collect()
}

/// A token with these scopes, in any place.
pub(super) fn any_place(scopes: &[String]) -> Vec<SecurityRequirement> {
    schemes().into_keys().map(|place| SecurityRequirement::new(place, scopes.to_vec())).collect()
}

/// The places in which a token may stand.
fn schemes() -> BTreeMap<String, SecurityScheme> {
    let header = |name: &str, what: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, what)))
    };
    let http = |scheme| SecurityScheme::Http(Http::new(scheme));
    BTreeMap::from([
        ("bearer".to_owned(), http(HttpAuthScheme::Bearer)),
        ("basic".to_owned(), http(HttpAuthScheme::Basic)),
        ("xApiKey".to_owned(), header("x-api-key", "As Anthropic's libraries send a key.")),
        ("xGoogApiKey".to_owned(), header("x-goog-api-key", "As Google's libraries send a key.")),
        (
            "xKeywrightToken".to_owned(),
            header("X-Keywright-Token", "Beside a provider key of the caller's own, which stands elsewhere."),
        ),
    ])
}

/// What every route that asks for a caller may refuse.
const OF_CALLER: [ErrorCode; 9] = [
    ErrorCode::StorageUnavailable,
    ErrorCode::KeyMissing,
    ErrorCode::KeyMalformed,
    ErrorCode::KeyUnknown,
    ErrorCode::KeyExpired,
    ErrorCode::KeyRevoked,
    ErrorCode::WrongAudience,
    ErrorCode::WrongKeyKind,
    ErrorCode::AmbiguousCredentials,
];

/// The name in the annotations, before [`any_place`] puts the places in its stead.
const TOKEN: &str = "token";

/// Where an operation lists its codes.
const ERRORS: &str = "x-errors";

const ABOUT: &str = "The credential plane for AI coding agents: accounts, keys, records, and a gateway to model \
    providers.\n\nAnswers of the JSON API stand in one envelope, refusals too; `error.code` is what programs go \
    by, and `x-errors` lists the codes of each operation. The scopes beside a security scheme are those that the \
    token must carry. Paths under the tag `gateway` pass to a provider as they are, so their bodies are the \
    provider's; refusals of the gateway's own have the form of the caller's dialect.";

const TAGS: [(&str, &str); 8] = [
    ("accounts", "Who is calling, and tokens made without sign-up."),
    ("keys", "API keys of the organization."),
    ("organizations", "Organizations, who is in them, and who was asked to come."),
    ("models", "What there is to call."),
    ("records", "What was called, and what it used."),
    ("administration", "Administering the server."),
    ("operations", "The state of the server, and this document."),
    ("gateway", "Model calls, passed to a provider."),
];
