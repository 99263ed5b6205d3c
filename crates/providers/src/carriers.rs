//! Every place in a request where a credential, or the choice of an account, may stand, and every
//! header of an answer that must not come back. Names are lower case, as HTTP libraries keep them.

use memchr::memmem;

/// The header in which a provider wants its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyHeader {
    /// `Authorization: Bearer KEY`
    Bearer,
    /// `x-api-key: KEY`
    XApiKey,
    /// `x-goog-api-key: KEY`
    XGoogApiKey,
    /// `api-key: KEY`
    ApiKey,
}

impl KeyHeader {
    /// The name of the header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "authorization",
            Self::XApiKey => "x-api-key",
            Self::XGoogApiKey => "x-goog-api-key",
            Self::ApiKey => "api-key",
        }
    }
}

/// Headers that hold Keywright tokens and nothing else.
pub const PLATFORM_HEADERS: &[&str] = &["x-keywright-token", "x-coder-ai-governance-token"];

/// Headers that some provider reads as a credential or as the choice of an account. None of a
/// client's ever goes upstream; the gateway puts in the one that it chose.
pub const CREDENTIAL_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-goog-user-project",
    "x-goog-iam-authorization-token",
    "x-goog-iam-authority-selector",
    "x-goog-authenticated-user-email",
    "x-goog-authenticated-user-id",
    "x-auth-token",
    "x-access-token",
    "x-amz-security-token",
    "ocp-apim-subscription-key",
    "openai-organization",
    "openai-project",
    "chatgpt-account-id",
    "anthropic-workspace-id",
    "cookie",
];

/// Whether a client's header never goes upstream: one of the lists, or one whose name says that it is a
/// credential, or that it steers where a proxy behind the provider's address sends the key.
pub fn is_withheld(name: &str) -> bool {
    PLATFORM_HEADERS.contains(&name)
        || CREDENTIAL_HEADERS.contains(&name)
        || FORWARDING_HEADERS.contains(&name)
        || WITHHELD_ENDINGS.iter().any(|ending| name.ends_with(ending))
        || WITHHELD_PARTS.iter().any(|part| memmem::find(name.as_bytes(), part.as_bytes()).is_some())
}

const WITHHELD_ENDINGS: &[&str] = &[
    "-api-key",
    "-apikey",
    "-auth",
    "-authorization",
    "-access-token",
    "-auth-token",
    "-secret",
    "-password",
    "-host",
    "-base-url",
    "-target-url",
    "-upstream-url",
    "-endpoint",
];

const WITHHELD_PARTS: &[&str] = &["method-override", "x-keywright-"];

/// Query parameters that some provider reads as a credential.
pub const CREDENTIAL_QUERY: &[&str] = &[
    "key",
    "api_key",
    "api-key",
    "apikey",
    "access_token",
    "oauth_token",
    "token",
    "userproject",
    "quotauser",
    "subscription-key",
];

/// Headers that say who was before us, or try to say where the request should go. The upstream is
/// told neither.
pub const FORWARDING_HEADERS: &[&str] = &[
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-forwarded-prefix",
    "x-original-host",
    "x-original-url",
    "x-rewrite-url",
    "x-host",
    "x-real-ip",
    "x-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
];

/// Headers that belong to one connection (RFC 9110 section 7.6.1), besides those that `Connection` names.
pub const HOP_BY_HOP: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header of an upstream's answer must not be passed on: it would act on our own origin, or
/// could carry a credential.
pub fn is_unsafe_response_header(name: &str) -> bool {
    UNSAFE_RESPONSE.contains(&name)
        || CREDENTIAL_HEADERS.contains(&name)
        || PLATFORM_HEADERS.contains(&name)
        || name.starts_with("access-control-")
}

const UNSAFE_RESPONSE: &[&str] = &[
    "set-cookie",
    "set-cookie2",
    "alt-svc",
    "strict-transport-security",
    "content-security-policy",
    "content-security-policy-report-only",
    "clear-site-data",
    "link",
    "nel",
    "report-to",
    "reporting-endpoints",
    "location",
    "content-location",
    "refresh",
    "www-authenticate",
    "proxy-authenticate",
    "authentication-info",
    "proxy-authentication-info",
    "public-key-pins",
    "expect-ct",
    "x-frame-options",
    "service-worker-allowed",
    "sourcemap",
    "x-accel-redirect",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-expires",
    "x-accel-limit-rate",
    "x-sendfile",
    "x-lighttpd-send-file",
    "origin-agent-cluster",
    "cross-origin-opener-policy",
    "cross-origin-embedder-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "referrer-policy",
    "server",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PROVIDERS;

    #[test]
    fn every_header_in_which_a_provider_wants_its_key_is_stripped_from_clients() {
        for provider in PROVIDERS {
            assert!(CREDENTIAL_HEADERS.contains(&provider.key_header.name()), "{}", provider.id);
        }
    }

    #[test]
    fn headers_of_other_gateways_that_carry_or_steer_a_key_are_withheld_and_others_pass() {
        for withheld in [
            "x-portkey-custom-host",
            "helicone-target-url",
            "x-portkey-api-key",
            "x-litellm-api-key",
            "helicone-auth",
            "cf-aig-authorization",
            "x-http-method-override",
            "authorization",
            "x-forwarded-host",
            "x-keywright-token",
        ] {
            assert!(is_withheld(withheld), "{withheld}");
        }
        for passed in [
            "anthropic-beta",
            "anthropic-version",
            "x-stainless-os",
            "session_id",
            "x-app",
            "originator",
            "content-type",
            "x-claude-code-session-id",
            "openai-beta",
            "x-codex-turn-metadata",
            "x-client-request-id",
            "user-agent",
        ] {
            assert!(!is_withheld(passed), "{passed}");
        }
    }

    #[test]
    fn names_are_lower_case() {
        for name in
            [PLATFORM_HEADERS, CREDENTIAL_HEADERS, FORWARDING_HEADERS, HOP_BY_HOP, UNSAFE_RESPONSE].concat()
        {
            assert_eq!(name, name.to_ascii_lowercase());
        }
    }

    #[test]
    fn answers_keep_what_clients_need_and_lose_what_acts_on_our_origin() {
        for kept in [
            "content-type",
            "retry-after",
            "request-id",
            "x-request-id",
            "anthropic-ratelimit-tokens-remaining",
        ] {
            assert!(!is_unsafe_response_header(kept), "{kept}");
        }
        for lost in [
            "set-cookie",
            "x-goog-api-key",
            "authorization",
            "access-control-allow-origin",
            "location",
            "x-keywright-token",
        ] {
            assert!(is_unsafe_response_header(lost), "{lost}");
        }
    }
}
