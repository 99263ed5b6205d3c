//! Phase 1: who is calling.
//!
//! Looks at every place where a credential may stand and sorts what it finds: Keywright tokens, known by
//! their prefix wherever they are, and the caller's own provider credentials. May not look at the
//! route or the body.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue};
use keywright_protocol::record::CredentialKind;
use keywright_protocol::wire::ShadowedCredential;
use keywright_protocol::{ApiError, ErrorCode, Principal};
use keywright_providers::{KeyHeader, PLATFORM_HEADERS};
use keywright_secret::{PlatformToken, Secret, TokenKind, Vendor, looks_like_ours};

use crate::traits::{Principals, Verification};

/// A proven caller, and the own provider credential that came along.
pub(crate) struct Caller {
    pub(crate) principal: Arc<Principal>,
    pub(crate) own: Option<Own>,
    /// Further own credentials, which do not count.
    pub(crate) shadowed: Vec<ShadowedCredential>,
}

/// A caller's own provider credential.
pub(crate) struct Own {
    /// Where it stood, and where it goes on.
    pub(crate) carrier: KeyHeader,
    pub(crate) secret: Secret,
    /// The header as it came.
    pub(crate) value: HeaderValue,
}

impl Own {
    /// What may be said of it when it is not used.
    pub(crate) fn shadowed(&self) -> ShadowedCredential {
        ShadowedCredential {
            kind: CredentialKind::Byok.as_str().to_owned(),
            place: self.carrier.name().to_owned(),
            hint: self.secret.hint(),
        }
    }
}

/// Proves who is calling.
pub(crate) async fn authenticate(
    principals: &dyn Principals,
    headers: &HeaderMap,
    query_key: Option<&str>,
) -> Result<Caller, ApiError> {
    let Presented { token, own, shadowed } = read(headers, query_key)?;
    let verified = match principals.verify(&token) {
        Verification::Known(verified) => verified,
        Verification::Pending(reading) => reading.await,
    };
    Ok(Caller { principal: verified?, own, shadowed })
}

/// The platform token in a request that is not for a model: the same slots, and nothing beside it.
///
/// # Errors
/// As at the gateway: missing, malformed, of a wrong kind, or not the only one.
pub fn platform_token(headers: &HeaderMap) -> Result<PlatformToken, ApiError> {
    Ok(read(headers, None)?.token)
}

/// What stands in the credential slots.
struct Presented {
    token: PlatformToken,
    own: Option<Own>,
    shadowed: Vec<ShadowedCredential>,
}

/// Reads the slots. `query_key` is the value of `?key=` where the path allows it.
fn read(headers: &HeaderMap, query_key: Option<&str>) -> Result<Presented, ApiError> {
    let mut found = Found::default();
    for name in PLATFORM_HEADERS {
        if let Some((text, _)) = single(headers, name)? {
            found.platform(text)?;
        }
    }
    // Of two own credentials the first that is found counts: `x-api-key` wins.
    for carrier in [KeyHeader::XApiKey, KeyHeader::Bearer, KeyHeader::XGoogApiKey, KeyHeader::ApiKey] {
        let Some((text, value)) = single(headers, carrier.name())? else { continue };
        if carrier != KeyHeader::Bearer {
            found.either(text, carrier, value)?;
        } else if let Some(credential) = after_scheme(text, "bearer") {
            found.either(credential, carrier, value)?;
        } else if let Some(encoded) = after_scheme(text, "basic") {
            found.platform(basic_password(encoded).as_ref().map_or("", Secret::expose))?;
        }
        // Any other scheme is nobody's credential here; it goes no further.
    }
    if let Some(text) = query_key.filter(|text| !text.is_empty()) {
        let value = HeaderValue::from_str(text).map_err(|_| ErrorCode::KeyMalformed)?;
        found.either(text, KeyHeader::XGoogApiKey, &value)?;
    }
    match (found.token, found.own) {
        (Some(token), own) => Ok(Presented { token, own, shadowed: found.shadowed }),
        (None, Some(own)) => Err(wrong_kind(own.secret.expose())),
        (None, None) => Err(ErrorCode::KeyMissing.into()),
    }
}

#[derive(Default)]
struct Found {
    token: Option<PlatformToken>,
    own: Option<Own>,
    shadowed: Vec<ShadowedCredential>,
}

impl Found {
    /// A value in a slot that holds platform tokens only.
    fn platform(&mut self, text: &str) -> Result<(), ApiError> {
        match text {
            "" => Ok(()),
            text if looks_like_ours(text) => self.token(text),
            text => Err(wrong_kind(text)),
        }
    }

    /// A value in a slot that holds a platform token or a provider credential.
    fn either(&mut self, text: &str, carrier: KeyHeader, value: &HeaderValue) -> Result<(), ApiError> {
        if text.is_empty() {
            return Ok(());
        }
        if looks_like_ours(text) {
            return self.token(text);
        }
        let mut value = value.clone();
        value.set_sensitive(true);
        let found = Own { carrier, secret: Secret::new(text), value };
        match &self.own {
            None => self.own = Some(found),
            // Some libraries send one credential in two headers.
            Some(first) if first.secret == found.secret => {}
            Some(_) => self.shadowed.push(found.shadowed()),
        }
        Ok(())
    }

    fn token(&mut self, text: &str) -> Result<(), ApiError> {
        let token = PlatformToken::parse(text).map_err(|_| ErrorCode::KeyMalformed)?;
        if token.kind() == TokenKind::Refresh {
            return Err(ApiError::new(ErrorCode::WrongKeyKind)
                .because("A refresh token was sent; it is good only for getting another access token."));
        }
        match &self.token {
            Some(other) if other.hash() != token.hash() => {
                Err(ApiError::new(ErrorCode::AmbiguousCredentials)
                    .because("Two different Keywright tokens were sent."))
            }
            _ => {
                self.token = Some(token);
                Ok(())
            }
        }
    }
}

/// The one value of a header. Two are one too many, even when they agree: another reader may take the
/// other.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<(&'h str, &'h HeaderValue)>, ApiError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ApiError::new(ErrorCode::AmbiguousCredentials)
            .because(format!("The header `{name}` was sent more than once.")));
    }
    match value.to_str() {
        Ok(text) => Ok(Some((text.trim(), value))),
        Err(_) => Err(ErrorCode::KeyMalformed.into()),
    }
}

/// What follows the scheme in an Authorization header, when that scheme is meant.
fn after_scheme<'h>(text: &'h str, scheme: &str) -> Option<&'h str> {
    let (given, rest) = text.split_once(' ').unwrap_or((text, ""));
    given.eq_ignore_ascii_case(scheme).then_some(rest.trim())
}

fn basic_password(encoded: &str) -> Option<Secret> {
    let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    decoded.split_once(':').map(|(_, password)| Secret::new(password))
}

fn wrong_kind(credential: &str) -> ApiError {
    let error = ApiError::new(ErrorCode::WrongKeyKind);
    match Vendor::of(credential) {
        Some(vendor) => error
            .because(format!("That is a key of {}, not a Keywright token.", vendor.name()))
            .detail("vendor", vendor.name()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).expect("a header value"));
        }
        headers
    }

    fn code(pairs: &[(&'static str, &str)], query_key: Option<&str>) -> Option<ErrorCode> {
        read(&headers(pairs), query_key).err().map(|error| error.code)
    }

    #[test]
    fn a_platform_token_is_found_in_every_slot() {
        let token = PlatformToken::mint(TokenKind::ApiKey);
        let text = token.expose();
        let basic = format!("Basic {}", STANDARD.encode(format!("anybody:{text}")));
        for (name, value) in [
            ("x-keywright-token", text.to_owned()),
            ("x-coder-ai-governance-token", text.to_owned()),
            ("authorization", format!("Bearer {text}")),
            ("authorization", format!("bEARER   {text} ")),
            ("x-api-key", text.to_owned()),
            ("x-goog-api-key", text.to_owned()),
            ("api-key", text.to_owned()),
            ("authorization", basic),
        ] {
            let presented = read(&headers(&[(name, &value)]), None).expect(name);
            assert_eq!(presented.token.hash(), token.hash(), "{name}");
            assert!(presented.own.is_none());
        }
        assert!(read(&headers(&[]), Some(text)).is_ok());
    }

    #[test]
    fn the_same_token_twice_is_one_and_two_tokens_are_ambiguous() {
        let (one, two) = (PlatformToken::mint(TokenKind::ApiKey), PlatformToken::mint(TokenKind::Access));
        let bearer = format!("Bearer {}", one.expose());
        assert_eq!(code(&[("authorization", &bearer), ("x-api-key", one.expose())], None), None);
        assert_eq!(
            code(&[("authorization", &bearer), ("x-api-key", two.expose())], None),
            Some(ErrorCode::AmbiguousCredentials)
        );
        assert_eq!(
            code(&[("authorization", &bearer), ("authorization", &bearer)], None),
            Some(ErrorCode::AmbiguousCredentials)
        );
        assert_eq!(
            code(&[("x-api-key", "a"), ("x-api-key", "b")], None),
            Some(ErrorCode::AmbiguousCredentials)
        );
        assert_eq!(
            code(&[("x-keywright-token", one.expose())], Some(two.expose())),
            Some(ErrorCode::AmbiguousCredentials)
        );
    }

    #[test]
    fn a_damaged_token_is_never_taken_for_an_own_credential() {
        let token = PlatformToken::mint(TokenKind::Temporary);
        let damaged = &token.expose()[..30];
        for name in ["x-api-key", "x-goog-api-key", "x-keywright-token"] {
            assert_eq!(code(&[(name, damaged)], None), Some(ErrorCode::KeyMalformed), "{name}");
        }
        let good = PlatformToken::mint(TokenKind::ApiKey);
        assert_eq!(
            code(&[("x-keywright-token", good.expose()), ("x-api-key", damaged)], None),
            Some(ErrorCode::KeyMalformed)
        );
    }

    #[test]
    fn a_vendors_key_alone_is_refused_by_the_vendors_name_and_without_the_key() {
        for (pairs, vendor) in [
            (&[("x-api-key", "sk-ant-api03-canary")][..], Some("Anthropic")),
            (&[("authorization", "Bearer sk-proj-canary")], Some("OpenAI")),
            (&[("x-goog-api-key", "AIzacanary")], Some("Google")),
            (&[("x-keywright-token", "ghp_canary")], Some("GitHub")),
            (&[("x-api-key", "canary")], None),
        ] {
            let error = read(&headers(pairs), None).err().expect("refused");
            assert_eq!(error.code, ErrorCode::WrongKeyKind);
            assert!(!format!("{error:?}{error}").contains("canary"));
            assert!(vendor.is_none_or(|vendor| error.message().contains(vendor)));
        }
    }

    #[test]
    fn an_own_credential_rides_beside_a_token_and_x_api_key_wins() {
        let token = PlatformToken::mint(TokenKind::ApiKey);
        let presented = read(
            &headers(&[
                ("x-keywright-token", token.expose()),
                ("authorization", "Bearer own-b"),
                ("x-api-key", "own-x"),
            ]),
            None,
        )
        .expect("good");
        let own = presented.own.expect("an own credential");
        assert_eq!((own.carrier, own.secret.expose()), (KeyHeader::XApiKey, "own-x"));
        assert!(own.value.is_sensitive());
        let [shadowed] = &presented.shadowed[..] else { panic!("{:?}", presented.shadowed) };
        assert_eq!((shadowed.place.as_str(), shadowed.hint.as_str()), ("authorization", "o...b"));
        let twice =
            [("x-keywright-token", token.expose()), ("authorization", "Bearer own"), ("x-api-key", "own")];
        assert!(read(&headers(&twice), None).expect("good").shadowed.is_empty());
    }

    #[test]
    fn nothing_blank_and_nonsense_are_told_apart() {
        assert_eq!(code(&[], None), Some(ErrorCode::KeyMissing));
        assert_eq!(
            code(&[("authorization", "Bearer "), ("x-api-key", "")], Some("")),
            Some(ErrorCode::KeyMissing)
        );
        assert_eq!(code(&[("authorization", "Digest x")], None), Some(ErrorCode::KeyMissing));
        assert_eq!(code(&[("authorization", "Basic !!!")], None), Some(ErrorCode::KeyMissing));
        let refresh = PlatformToken::mint(TokenKind::Refresh);
        assert_eq!(code(&[("x-api-key", refresh.expose())], None), Some(ErrorCode::WrongKeyKind));
        assert_eq!(code(&[("x-api-key", "' OR '1'='1")], None), Some(ErrorCode::WrongKeyKind));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(CASES))]

        #[test]
        fn whatever_stands_in_a_slot_is_read_and_no_malformed_token_passes(
            slot in 0usize..4, before in "(|Bearer |bearer|Basic |sk_kw_|tmp_kw_)", value in "[ -~]{0,80}",
        ) {
            let names = ["authorization", "x-api-key", "x-goog-api-key", "x-keywright-token"];
            let given = headers(&[(names[slot], &format!("{before}{value}"))]);
            if let Ok(token) = platform_token(&given) {
                prop_assert_eq!(PlatformToken::parse(token.expose()).map(|token| token.hash()), Ok(token.hash()));
            }
        }
    }

    /// A fuzz target has millions.
    const CASES: u32 = 10_000;
}
