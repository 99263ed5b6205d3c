//! The gateway's paths: which provider and dialect a path means, before anything is checked.

use http::HeaderMap;
use keywright_providers::Dialect;

/// A path of the gateway, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surface<'p> {
    /// The provider in the path; none on native paths.
    pub(crate) provider: Option<&'p str>,
    /// What follows it: the path as the vendor documents it.
    pub(crate) rest: &'p str,
}

impl<'p> Surface<'p> {
    /// The gateway path in `path`; `None` when it is not one.
    pub fn of(path: &'p str) -> Option<Self> {
        for prefix in BY_PROVIDER {
            if let Some(below) = path.strip_prefix(prefix) {
                let (provider, rest) = below.split_at(below.find('/').unwrap_or(below.len()));
                return Some(Self { provider: Some(provider), rest });
            }
        }
        let native = path.starts_with("/v1/") || path.starts_with("/v1beta/");
        native.then_some(Self { provider: None, rest: path })
    }

    /// Whether the path can only be gemini's, whatever the headers say.
    pub(crate) fn is_gemini_path(&self) -> bool {
        self.rest.starts_with("/v1beta/") || self.rest.starts_with("/v1/models/") && self.rest.contains(':')
    }

    /// The dialect in which to answer when the route does not tell: by the provider's name, the form
    /// of the path, or the headers that the vendors' clients send.
    pub(crate) fn likely_dialect(&self, headers: &HeaderMap) -> Dialect {
        let named = self.provider.and_then(|provider| {
            Dialect::from_name(provider).or_else(|| Some(keywright_providers::provider(provider)?.dialect))
        });
        named.unwrap_or_else(|| {
            // The shared list of models has no other mark than where the vendors' clients put their key.
            let key_of_anthropic =
                || self.rest.starts_with("/v1/models") && headers.contains_key("x-api-key");
            if self.rest.starts_with("/v1/messages")
                || headers.contains_key("anthropic-version")
                || !self.is_gemini_path() && key_of_anthropic()
            {
                Dialect::Anthropic
            } else if self.is_gemini_path()
                || headers.contains_key("x-goog-api-key")
                || headers.contains_key("x-goog-api-client")
            {
                Dialect::Gemini
            } else {
                Dialect::OpenAi
            }
        })
    }
}

/// What stands before the name of a provider in a path.
pub const BY_PROVIDER: &[&str] = &["/gateway/", "/api/v2/aibridge/", "/api/v2/ai-gateway/"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_paths_and_paths_by_provider_are_told_apart() {
        for (path, expected) in [
            ("/v1/messages", Some((None, "/v1/messages"))),
            ("/v1beta/models/m:generateContent", Some((None, "/v1beta/models/m:generateContent"))),
            ("/gateway/anthropic/v1/messages", Some((Some("anthropic"), "/v1/messages"))),
            ("/api/v2/aibridge/openai/v1/responses", Some((Some("openai"), "/v1/responses"))),
            ("/api/v2/ai-gateway/openai/responses", Some((Some("openai"), "/responses"))),
            ("/gateway/x", Some((Some("x"), ""))),
            ("/gateway//v1/messages", Some((Some(""), "/v1/messages"))),
            ("/api/v1/keys", None),
            ("/v1", None),
            ("/", None),
        ] {
            assert_eq!(Surface::of(path).map(|surface| (surface.provider, surface.rest)), expected, "{path}");
        }
    }

    #[test]
    fn the_dialect_of_an_error_is_guessed_well() {
        let mut headers = HeaderMap::new();
        for (path, dialect) in [
            ("/v1/messages/x", Dialect::Anthropic),
            ("/v1beta/x", Dialect::Gemini),
            ("/v1/models/m:generateContent", Dialect::Gemini),
            ("/v1/models", Dialect::OpenAi),
            ("/gateway/anthropic/x", Dialect::Anthropic),
            ("/gateway/google/x", Dialect::Gemini),
            ("/gateway/nobody/x", Dialect::OpenAi),
        ] {
            assert_eq!(Surface::of(path).expect(path).likely_dialect(&headers), dialect, "{path}");
        }
        headers.insert("anthropic-version", http::HeaderValue::from_static("2023-06-01"));
        assert_eq!(Surface::of("/v1/models").expect("a path").likely_dialect(&headers), Dialect::Anthropic);
    }
}
