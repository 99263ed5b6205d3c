//! The gateway's paths in the description: what passes to a provider, by the provider's own rules.

use std::collections::BTreeMap;

use keywright_gateway::BY_PROVIDER;
use keywright_providers::{Handling, ROUTES};
use utoipa::openapi::path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Object, Type};
use utoipa::openapi::{ContentBuilder, HttpMethod, PathItem, Required, ResponseBuilder};

/// Native paths one by one, and for each way to name a provider one path for all below it.
pub(super) fn paths() -> BTreeMap<String, PathItem> {
    let mut paths: BTreeMap<String, PathItem> = BTreeMap::new();
    let mut add = |path: String, method: HttpMethod, operation: Operation| {
        let item = paths.entry(path).or_default();
        // Dialects share a path: one description serves all of them.
        item.merge_operations(PathItem::new(method, operation));
    };
    for route in ROUTES {
        let versions: &[&str] =
            if route.template.contains("{version}") { &["v1", "v1beta"] } else { &["v1"] };
        for path in versions.iter().map(|version| route.template.replace("{version}", version)) {
            let Some(method) = method(route.method) else { continue };
            let takes_body = matches!(route.handling, Handling::Create | Handling::CreateByPath);
            let operation = operation(route.method, &path, takes_body);
            add(path, method, operation);
        }
    }
    for prefix in BY_PROVIDER {
        for name in ["GET", "POST", "DELETE"] {
            let path = format!("{prefix}{{provider}}/{{path}}");
            let Some(method) = method(name) else { continue };
            let operation = operation(name, &path, name == "POST");
            add(path, method, operation);
        }
    }
    paths
}

fn operation(method: &str, path: &str, takes_body: bool) -> Operation {
    let answer = ResponseBuilder::new()
        .description("What the provider answers, as it comes; or a refusal in the form of the dialect.")
        .content("application/json", ContentBuilder::new().build())
        .content("text/event-stream", ContentBuilder::new().build());
    let mut operation = OperationBuilder::new()
        .tag("gateway")
        .summary(Some(format!("Pass to the provider: {method} {path}")))
        .operation_id(Some(operation_id(method, path)))
        .response("default", answer.build())
        .securities(Some(super::openapi::any_place(&[])));
    for (name, what) in PARAMETERS.iter().filter(|(name, _)| path.contains(&format!("{{{name}}}"))) {
        let parameter = ParameterBuilder::new()
            .name(*name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(*what))
            .schema(Some(Object::with_type(Type::String)));
        operation = operation.parameter(parameter.build());
    }
    if takes_body {
        let any = ContentBuilder::new().schema(Some(Object::with_type(Type::Object)));
        let body = RequestBodyBuilder::new().content("application/json", any.build());
        operation = operation.request_body(Some(body.required(Some(Required::True)).build()));
    }
    operation.build()
}

fn method(name: &str) -> Option<HttpMethod> {
    match name {
        "GET" => Some(HttpMethod::Get),
        "POST" => Some(HttpMethod::Post),
        "DELETE" => Some(HttpMethod::Delete),
        _ => None,
    }
}

/// `POST /v1/chat/completions` is `post_v1_chat_completions`.
fn operation_id(method: &str, path: &str) -> String {
    let words: Vec<&str> =
        path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!("{}_{}", method.to_lowercase(), words.join("_"))
}

const PARAMETERS: &[(&str, &str)] = &[
    ("provider", "The name of a configured provider."),
    ("path", "The path as the provider documents it; it may have several segments."),
    ("model", "The model."),
    ("id", "The id of a model, or of an object that an earlier call made."),
];
