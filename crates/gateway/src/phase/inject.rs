//! Phase 5: out with everything of the client's that could be a credential, in with the one that was
//! chosen.
//!
//! Edits the one header map in place. All else the client sent, versions and betas included, stays.

use http::header::{ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use keywright_protocol::ErrorCode;
use keywright_providers::{CREDENTIAL_QUERY, Dialect, HOP_BY_HOP, KeyHeader, is_withheld};
use keywright_secret::mentions_token;
use memchr::memmem;
use smallvec::SmallVec;
use url::form_urlencoded;

use crate::catalog::Upstream;
use crate::phase::credential::Credential;
use crate::phase::permit::Permit;

/// The header that shows a request that has been through this process before.
pub(crate) const HOP_HEADER: HeaderName = HeaderName::from_static("x-keywright-hop");

/// Makes `headers` those of the upstream request.
pub(crate) fn inject(
    headers: &mut HeaderMap,
    _permit: &Permit,
    credential: &Credential,
    upstream: &Upstream,
    dialect: Dialect,
    hop: &HeaderValue,
) {
    let own_selectors = match credential {
        Credential::Byok(_) => {
            remove(headers, |name, _| is_of_connection(name));
            account_selectors(headers)
        }
        Credential::Central(_) => Vec::new(),
    };
    remove(headers, |name, value| {
        let replaced = [HOST, CONTENT_LENGTH, EXPECT].contains(name);
        replaced || is_of_connection(name) || is_credential(name, value)
    });
    headers.insert(HOST, upstream.authority.clone());
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.append(HOP_HEADER, hop.clone());
    headers.extend(own_selectors);
    match credential {
        Credential::Central(key) => {
            let place = upstream.key_header(dialect);
            headers.insert(place.name(), key.value(place == KeyHeader::Bearer));
        }
        Credential::Byok(own) => {
            headers.insert(own.carrier.name(), own.value.clone());
        }
    }
}

/// The query for the upstream: the client's, byte for byte, less the parameters that are credentials or
/// mention a token.
pub(crate) fn query_for_upstream(query: &str) -> String {
    // As it stands as well as decoded: an escape may swallow the first letter of a prefix.
    let kept = query.split('&').filter(|pair| !mentions_token(pair.as_bytes())).filter(|pair| {
        // Some readers part parameters at semicolons as well.
        pair.split(';').flat_map(|part| form_urlencoded::parse(part.as_bytes())).all(|(name, value)| {
            let name = name.trim_start_matches('$').to_ascii_lowercase();
            !CREDENTIAL_QUERY.contains(&name.as_str())
                && !mentions_token(name.as_bytes())
                && !mentions_token(value.as_bytes())
        })
    });
    kept.collect::<Vec<_>>().join("&")
}

/// Whether the request has been through the process that marks its requests with `hop`.
pub(crate) fn refuse_loop(headers: &HeaderMap, hop: &HeaderValue) -> Result<(), ErrorCode> {
    if headers.get_all(HOP_HEADER).iter().any(|value| value == hop) {
        Err(ErrorCode::LoopDetected)
    } else {
        Ok(())
    }
}

/// Removes the headers that `unwanted` picks, and what the `Connection` header names. What the gateway
/// puts in itself comes after this, so naming it there takes nothing away.
pub(crate) fn remove(headers: &mut HeaderMap, unwanted: impl Fn(&HeaderName, &HeaderValue) -> bool) {
    let named = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok());
    let picked = headers.iter().filter(|(name, value)| unwanted(name, value)).map(|(name, _)| name.clone());
    let all: SmallVec<[HeaderName; 16]> = named.chain(picked).collect();
    for name in all {
        headers.remove(name);
    }
}

/// Whether a header belongs to one connection.
pub(crate) fn is_of_connection(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(&name.as_str())
}

/// With a caller's own key its own choice of account goes along.
fn account_selectors(headers: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    ACCOUNT_SELECTORS
        .iter()
        .filter_map(|name| Some((HeaderName::from_static(name), headers.get(*name)?.clone())))
        .filter(|(_, value)| !mentions_token(value.as_bytes()))
        .collect()
}

/// Whether a header could be a credential by its name or by what stands in it.
fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    let named = is_withheld(name.as_str()) && *name != HOP_HEADER;
    let mentioned = || memmem::find(value.as_bytes(), b"_kw_").is_some() && mentions_token(value.as_bytes());
    named || mentioned()
}

const ACCOUNT_SELECTORS: &[&str] = &[
    "openai-organization",
    "openai-project",
    "chatgpt-account-id",
    "x-goog-user-project",
    "anthropic-workspace-id",
];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keywright_dial::Reach;
    use keywright_protocol::{KeyId, Liveness, OrganizationId, Principal, Scopes, UserId};
    use keywright_providers::CREDENTIAL_HEADERS;
    use keywright_secret::{PlatformToken, Secret, TokenKind};
    use proptest::prelude::*;

    use super::*;
    use crate::phase::authenticate::Own;
    use crate::traits::CentralKey;

    fn permit() -> Permit {
        Permit {
            principal: Arc::new(Principal {
                token: KeyId::new(),
                kind: TokenKind::ApiKey,
                parent: None,
                session: None,
                user: UserId::new(),
                organization: OrganizationId::new(),
                role: keywright_protocol::Role::Member,
                scopes: Scopes::GATEWAY,
                temporary: false,
                administrator: false,
                essential_traffic_only: false,
                expires_at: None,
                liveness: Liveness::new().0,
            }),
        }
    }

    fn injected(mut headers: HeaderMap, credential: &Credential, dialect: Dialect) -> HeaderMap {
        let url = "https://api.example.com".parse().expect("a URL");
        let upstream = Upstream::new("x", vec![dialect], &url, Reach::Exactly, None).expect("an upstream");
        inject(&mut headers, &permit(), credential, &upstream, dialect, &HeaderValue::from_static("boot"));
        headers
    }

    fn central() -> Credential {
        Credential::Central(Arc::new(CentralKey::new(Secret::new("sk-central")).expect("a header value")))
    }

    fn map(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                name.parse::<HeaderName>().expect("a name"),
                HeaderValue::from_str(value).expect("a value"),
            );
        }
        headers
    }

    #[test]
    fn the_key_stands_where_the_upstream_wants_it_and_nowhere_else() {
        for (dialect, name, value) in [
            (Dialect::Anthropic, "x-api-key", "sk-central"),
            (Dialect::OpenAi, "authorization", "Bearer sk-central"),
            (Dialect::Gemini, "x-goog-api-key", "sk-central"),
        ] {
            let headers = injected(
                map(&[("authorization", "Bearer x"), ("x-api-key", "y"), ("x-goog-api-key", "z")]),
                &central(),
                dialect,
            );
            assert_eq!(headers[name], value);
            let holding = CREDENTIAL_HEADERS.iter().filter(|name| headers.contains_key(**name)).count();
            assert_eq!(holding, 1);
        }
    }

    #[test]
    fn versions_betas_and_unknown_headers_stay_with_all_their_values() {
        let headers = injected(
            map(&[
                ("anthropic-version", "2026-10-21"),
                ("anthropic-beta", "a"),
                ("anthropic-beta", "b"),
                ("session_id", "s"),
                ("user-agent", "u"),
                ("x-custom", "c"),
            ]),
            &central(),
            Dialect::Anthropic,
        );
        assert_eq!(headers.get_all("anthropic-beta").iter().count(), 2);
        for name in ["anthropic-version", "session_id", "user-agent", "x-custom"] {
            assert!(headers.contains_key(name), "{name}");
        }
        assert_eq!(headers[HOST], "api.example.com");
    }

    #[test]
    fn what_connection_names_is_removed_and_the_key_still_arrives() {
        let headers = injected(
            map(&[
                ("connection", "x-api-key, authorization, x-mine"),
                ("x-mine", "1"),
                ("keep-alive", "5"),
                ("te", "trailers"),
                ("transfer-encoding", "chunked"),
                ("upgrade", "h2c"),
                ("proxy-authorization", "Basic x"),
            ]),
            &central(),
            Dialect::Anthropic,
        );
        assert_eq!(headers["x-api-key"], "sk-central");
        for name in [
            "connection",
            "x-mine",
            "keep-alive",
            "te",
            "transfer-encoding",
            "upgrade",
            "proxy-authorization",
        ] {
            assert!(!headers.contains_key(name), "{name}");
        }
    }

    #[test]
    fn account_selectors_go_along_with_an_own_key_only() {
        let client = map(&[("openai-organization", "org-1"), ("openai-project", "p")]);
        assert!(!injected(client.clone(), &central(), Dialect::OpenAi).contains_key("openai-organization"));
        let own = Credential::Byok(Own {
            carrier: KeyHeader::Bearer,
            secret: Secret::new("own"),
            value: HeaderValue::from_static("Bearer own"),
        });
        let headers = injected(client, &own, Dialect::OpenAi);
        assert_eq!(
            (&headers["openai-organization"], &headers["authorization"]),
            (&HeaderValue::from_static("org-1"), &HeaderValue::from_static("Bearer own"))
        );
    }

    #[test]
    fn credentials_leave_the_query_and_the_rest_stays_byte_for_byte() {
        let token = PlatformToken::mint(TokenKind::ApiKey);
        let text = token.expose();
        for (query, kept) in [
            ("beta=true", "beta=true".to_owned()),
            ("alt=sse&key=AIza", "alt=sse".to_owned()),
            ("%6Bey=x&a=%20+b&Key=y&a", "a=%20+b&a".to_owned()),
            ("api_key=1&access_token=2&x=1", "x=1".to_owned()),
            ("b=1;key=AIza&c=1;d=2", "c=1;d=2".to_owned()),
            (&format!("debug={text}&z=%3D"), "z=%3D".to_owned()),
            (&format!("%E{}", text.replace("sk_", "at_")), String::new()),
            ("", String::new()),
        ] {
            assert_eq!(query_for_upstream(query), kept, "{query}");
        }
    }

    proptest! {
        #[test]
        fn no_platform_token_leaves_in_any_header(
            names in proptest::collection::vec("[a-z][a-z0-9-]{0,12}", 1..8),
            listed in proptest::collection::vec(0usize..CREDENTIAL_HEADERS.len(), 0..4),
            before in "[ -~]{0,10}", after in "[ -~]{0,10}", kind in 0usize..4,
        ) {
            let token = PlatformToken::mint(TokenKind::ALL[kind]);
            let value = format!("x{before}{}{}{after}", if before.ends_with(char::is_alphanumeric) { " " } else { "" }, token.expose());
            let mut headers = HeaderMap::new();
            for name in names.iter().map(String::as_str).chain(listed.iter().map(|at| CREDENTIAL_HEADERS[*at])) {
                if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
                    headers.append(name, value);
                }
            }
            let headers = injected(headers, &central(), Dialect::OpenAi);
            for (name, value) in &headers {
                prop_assert!(!value.as_bytes().windows(token.expose().len()).any(|w| w == token.expose().as_bytes()), "{}", name);
            }
        }
    }
}
