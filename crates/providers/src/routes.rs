//! The routes that pass to a provider, per dialect. What is not listed does not pass: a central key
//! may be an administrator's key, and one central key is one account that all callers share.

use crate::Dialect;

/// How the gateway treats a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// Makes something with a model and keeps nothing: the body names the model.
    Create,
    /// The same, with the model in the path.
    CreateByPath,
    /// Lists or describes models: the same answer for everybody.
    Models,
    /// Touches an object that an earlier call made. With a central key only the organization that made
    /// it may.
    Object,
}

/// A route that passes.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// Whose dialect.
    pub dialect: Dialect,
    /// The method.
    pub method: &'static str,
    /// The path below the provider's root, as vendors document it. `{id}` stands for one segment,
    /// `{version}` for `v1` or `v1beta`, and `{model}:verb` for a segment that ends in that verb.
    pub template: &'static str,
    /// Method and template in one, for records and metrics.
    pub label: &'static str,
    /// How it is treated.
    pub handling: Handling,
}

macro_rules! routes {
    ($($dialect:ident $method:literal $template:literal $handling:ident;)+) => {
        /// All routes that pass.
        pub const ROUTES: &[Route] = &[$(Route {
            dialect: Dialect::$dialect,
            method: $method,
            template: $template,
            label: concat!($method, " ", $template),
            handling: Handling::$handling,
        },)+];
    };
}

routes! {
    Anthropic "POST" "/v1/messages" Create;
    Anthropic "POST" "/v1/messages/count_tokens" Create;
    Anthropic "GET" "/v1/models" Models;
    Anthropic "GET" "/v1/models/{id}" Models;
    OpenAi "POST" "/v1/chat/completions" Create;
    OpenAi "POST" "/v1/responses" Create;
    OpenAi "GET" "/v1/responses/{id}" Object;
    OpenAi "DELETE" "/v1/responses/{id}" Object;
    OpenAi "POST" "/v1/responses/{id}/cancel" Object;
    OpenAi "GET" "/v1/responses/{id}/input_items" Object;
    OpenAi "POST" "/v1/embeddings" Create;
    OpenAi "GET" "/v1/models" Models;
    OpenAi "GET" "/v1/models/{id}" Models;
    Gemini "POST" "/{version}/models/{model}:generateContent" CreateByPath;
    Gemini "POST" "/{version}/models/{model}:streamGenerateContent" CreateByPath;
    Gemini "POST" "/{version}/models/{model}:countTokens" CreateByPath;
    Gemini "GET" "/{version}/models" Models;
    Gemini "GET" "/{version}/models/{id}" Models;
}

/// A path that fits a route.
#[derive(Clone, Copy, Debug)]
pub struct Matched<'p> {
    /// The route.
    pub route: &'static Route,
    /// The model or the id in the path, as it stands there.
    pub subject: Option<&'p str>,
}

/// The routes that `path` fits, for that method. Several dialects may share a path (`/v1/models`); who
/// asks tells them apart by the caller's headers.
pub fn match_route<'p>(method: &str, path: &'p str) -> impl Iterator<Item = Matched<'p>> {
    ROUTES
        .iter()
        .filter(move |route| route.method == method)
        .filter_map(move |route| fits(route.template, path).map(|subject| Matched { route, subject }))
}

/// The methods that some route has at `path`, for an `Allow` header.
pub fn methods_of(path: &str) -> Vec<&'static str> {
    let mut methods: Vec<_> = ROUTES
        .iter()
        .filter(|route| fits(route.template, path).is_some())
        .map(|route| route.method)
        .collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

/// Whether `path` fits `template`, and what stands in the place of the model or id.
fn fits<'p>(template: &str, path: &'p str) -> Option<Option<&'p str>> {
    let mut subject = None;
    let mut expected = template.split('/');
    let mut given = path.split('/');
    loop {
        match (expected.next(), given.next()) {
            (None, None) => return Some(subject),
            (Some("{version}"), Some("v1" | "v1beta")) => {}
            (Some("{id}"), Some(segment)) if is_plain(segment) && !segment.contains(':') => {
                subject = Some(segment)
            }
            (Some(expected), Some(segment)) if expected.starts_with("{model}:") => {
                let model = segment.strip_suffix(expected.trim_start_matches("{model}"))?;
                if !is_plain(model) {
                    return None;
                }
                subject = Some(model);
            }
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return None,
        }
    }
}

/// Whether a segment is a name and nothing that another reader of the path could take differently:
/// not empty, no dots alone, no percent escape, nothing outside the characters that names have.
fn is_plain(segment: &str) -> bool {
    !segment.is_empty()
        && segment.len() <= 256
        && segment.bytes().any(|byte| byte != b'.')
        && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:@~+".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(method: &str, path: &str) -> Vec<&'static str> {
        match_route(method, path).map(|matched| matched.route.label).collect()
    }

    #[test]
    fn native_paths_find_their_route() {
        for (method, path, label) in [
            ("POST", "/v1/messages", "POST /v1/messages"),
            ("POST", "/v1/messages/count_tokens", "POST /v1/messages/count_tokens"),
            ("POST", "/v1/chat/completions", "POST /v1/chat/completions"),
            ("POST", "/v1/responses", "POST /v1/responses"),
            ("POST", "/v1/embeddings", "POST /v1/embeddings"),
            (
                "POST",
                "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
                "POST /{version}/models/{model}:streamGenerateContent",
            ),
            ("POST", "/v1/models/m:generateContent", "POST /{version}/models/{model}:generateContent"),
        ] {
            assert_eq!(labels(method, path), [label], "{path}");
        }
        assert_eq!(labels("GET", "/v1/models").len(), 3);
        assert_eq!(labels("GET", "/v1beta/models"), ["GET /{version}/models"]);
    }

    #[test]
    fn the_model_or_id_in_the_path_is_found() {
        let matched = match_route("POST", "/v1/models/gemini-3:countTokens").next().expect("fits");
        assert_eq!(matched.subject, Some("gemini-3"));
        let matched = match_route("GET", "/v1/responses/resp_1/input_items").next().expect("fits");
        assert_eq!(matched.subject, Some("resp_1"));
    }

    #[test]
    fn what_is_not_listed_does_not_pass() {
        for (method, path) in [
            ("GET", "/v1/files"),
            ("GET", "/v1/responses"),
            ("POST", "/v1/messages/batches"),
            ("GET", "/v1/messages"),
            ("POST", "/v1/messages/"),
            ("POST", "//v1/messages"),
            ("POST", "/v1/./messages"),
            ("POST", "/v1/../v1/messages"),
            ("POST", "/V1/messages"),
            ("GET", "/v1/models/.."),
            ("GET", "/v1/models/a%2fb"),
            ("GET", "/v1/models/a:generateContent"),
            ("POST", "/v1beta/models/a/b:generateContent"),
            ("POST", "/v1beta/models/:generateContent"),
            ("POST", "/v1beta/models/a%3Ab:generateContent"),
            ("POST", "/v2/models/a:generateContent"),
            ("GET", "/v1/organization/admin_api_keys"),
        ] {
            assert!(labels(method, path).is_empty(), "{method} {path}");
        }
    }

    #[test]
    fn the_methods_of_a_path_are_listed() {
        assert_eq!(methods_of("/v1/messages"), ["POST"]);
        assert_eq!(methods_of("/v1/responses/resp_1"), ["DELETE", "GET"]);
        assert!(methods_of("/nowhere").is_empty());
    }
}
