//! Where a request goes: told from method, path and, where three vendors share a path, the headers.

use http::{HeaderMap, Method, Uri};
use keywright_providers::Dialect;

/// A route of the demo provider.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    /// Anthropic's turn.
    Messages,
    /// Anthropic's token count.
    CountTokens,
    /// OpenAI's older turn.
    Chat,
    /// OpenAI's newer turn.
    Responses,
    /// OpenAI's embeddings.
    Embeddings,
    /// All models, or one.
    Models(Dialect, Option<String>),
    /// A verb upon a Gemini model.
    Gemini {
        /// The model's name, as it stands in the path.
        model: String,
        /// What is asked of it.
        verb: Verb,
    },
    /// No route.
    Nowhere(Dialect),
    /// A route, for another method.
    WrongMethod(Dialect),
}

/// What a Gemini path asks of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// An answer in one piece.
    Generate,
    /// An answer as server-sent events.
    StreamEvents,
    /// An answer as one JSON array that grows.
    StreamArray,
    /// The number of tokens of the request.
    Count,
}

impl Place {
    pub(super) fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let path = uri.path();
        let fixed = match path {
            "/v1/messages" => Some(Self::Messages),
            "/v1/messages/count_tokens" => Some(Self::CountTokens),
            "/v1/chat/completions" => Some(Self::Chat),
            "/v1/responses" => Some(Self::Responses),
            "/v1/embeddings" => Some(Self::Embeddings),
            _ => None,
        };
        if let Some(place) = fixed {
            return place.only(method == Method::POST);
        }
        let (rest, beta) = match path.strip_prefix("/v1beta/models") {
            Some(rest) => (Some(rest), true),
            None => (path.strip_prefix("/v1/models"), false),
        };
        let dialect = if beta { Dialect::Gemini } else { told_by(headers) };
        match rest.map(|rest| rest.strip_prefix('/').ok_or(rest)) {
            Some(Err("")) => Self::Models(dialect, None).only(method == Method::GET),
            Some(Ok(model)) if !model.is_empty() => match model.rsplit_once(':') {
                Some((model, verb)) => match Verb::of(verb, uri.query()) {
                    Some(verb) => Self::Gemini { model: model.to_owned(), verb }.only(method == Method::POST),
                    None => Self::Nowhere(Dialect::Gemini),
                },
                None => Self::Models(dialect, Some(model.to_owned())).only(method == Method::GET),
            },
            _ => Self::Nowhere(dialect),
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Messages | Self::CountTokens => Dialect::Anthropic,
            Self::Chat | Self::Responses | Self::Embeddings => Dialect::OpenAi,
            Self::Gemini { .. } => Dialect::Gemini,
            Self::Models(dialect, _) | Self::Nowhere(dialect) | Self::WrongMethod(dialect) => *dialect,
        }
    }

    fn only(self, fits: bool) -> Self {
        if fits { self } else { Self::WrongMethod(self.dialect()) }
    }
}

impl Verb {
    fn of(name: &str, query: Option<&str>) -> Option<Self> {
        let events = query.is_some_and(|query| query.split('&').any(|pair| pair == "alt=sse"));
        match name {
            "generateContent" => Some(Self::Generate),
            "streamGenerateContent" if events => Some(Self::StreamEvents),
            "streamGenerateContent" => Some(Self::StreamArray),
            "countTokens" => Some(Self::Count),
            _ => None,
        }
    }
}

fn told_by(headers: &HeaderMap) -> Dialect {
    if headers.contains_key("anthropic-version") {
        Dialect::Anthropic
    } else if headers.contains_key("x-goog-api-key") {
        Dialect::Gemini
    } else {
        Dialect::OpenAi
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(method: &str, uri: &str, header: Option<&'static str>) -> Place {
        let mut headers = HeaderMap::new();
        if let Some(name) = header {
            headers.insert(name, http::HeaderValue::from_static("x"));
        }
        Place::of(&method.parse().expect("a method"), &uri.parse().expect("a path"), &headers)
    }

    #[test]
    fn paths_lead_to_their_routes() {
        let gemini = |verb| Place::Gemini { model: "demo-small".to_owned(), verb };
        for (method, uri, header, expected) in [
            ("POST", "/v1/messages?beta=true", None, Place::Messages),
            ("POST", "/v1/messages/count_tokens", None, Place::CountTokens),
            ("POST", "/v1/chat/completions", None, Place::Chat),
            ("POST", "/v1/responses", None, Place::Responses),
            ("POST", "/v1/embeddings", None, Place::Embeddings),
            ("GET", "/v1/models?limit=20", None, Place::Models(Dialect::OpenAi, None)),
            ("GET", "/v1/models", Some("anthropic-version"), Place::Models(Dialect::Anthropic, None)),
            ("GET", "/v1beta/models", None, Place::Models(Dialect::Gemini, None)),
            ("GET", "/v1/models/a/b", None, Place::Models(Dialect::OpenAi, Some("a/b".to_owned()))),
            ("POST", "/v1beta/models/demo-small:generateContent", None, gemini(Verb::Generate)),
            ("POST", "/v1/models/demo-small:streamGenerateContent?alt=sse", None, gemini(Verb::StreamEvents)),
            ("POST", "/v1beta/models/demo-small:streamGenerateContent", None, gemini(Verb::StreamArray)),
            ("POST", "/v1beta/models/demo-small:countTokens", None, gemini(Verb::Count)),
            ("POST", "/v1beta/models/demo-small:embed", None, Place::Nowhere(Dialect::Gemini)),
            ("GET", "/v1/modelsx", None, Place::Nowhere(Dialect::OpenAi)),
            ("GET", "/v1/models/", None, Place::Nowhere(Dialect::OpenAi)),
            ("GET", "/v1/messages", None, Place::WrongMethod(Dialect::Anthropic)),
            ("GET", "/v1/responses", None, Place::WrongMethod(Dialect::OpenAi)),
            ("GET", "/", None, Place::Nowhere(Dialect::OpenAi)),
        ] {
            assert_eq!(place(method, uri, header), expected, "{method} {uri}");
        }
    }
}
