//! What a key is asked to be: its name, its scopes, how long it lives.

use keywright_protocol::wire::AskedKey;
use keywright_protocol::{ApiError, ErrorCode, Lifetime, Principal, Scope, Scopes};

/// 1 to 100 characters, none of them a control character, not all blank; kept as they are.
pub(crate) struct KeyName(String);

impl KeyName {
    pub(crate) fn parse(text: String) -> Result<Self, ApiError> {
        let length = text.chars().count();
        let good = (1..=100).contains(&length) && !text.chars().any(char::is_control);
        if good && !text.trim().is_empty() { Ok(Self(text)) } else { Err(ErrorCode::InvalidName.into()) }
    }

    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// The name and the lifetime of a key that comes along with something else.
pub(crate) fn asked_key(asked: Option<AskedKey>) -> Result<(KeyName, Option<Lifetime>), ApiError> {
    let AskedKey { name, expires_in_days } = asked.unwrap_or_default();
    let name = KeyName::parse(name.unwrap_or_else(|| DEFAULT_NAME.to_owned()))?;
    Ok((name, lifetime(expires_in_days.as_ref(), None)?))
}

/// How long the key lives; for ever when neither field is there.
pub(crate) fn lifetime(
    days: Option<&serde_json::Value>,
    seconds: Option<&serde_json::Value>,
) -> Result<Option<Lifetime>, ApiError> {
    // A number with a fraction or an exponent is not an integer, whatever it comes to.
    match (days, seconds) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ApiError::new(ErrorCode::InvalidRequest)
            .because("Send `expiresInDays` or `lifetimeSeconds`, not both.")),
        (Some(days), None) => {
            let lifetime = days.as_i64().and_then(|days| Lifetime::from_days(days).ok());
            lifetime.map(Some).ok_or(ErrorCode::InvalidExpiresInDays.into())
        }
        (None, Some(seconds)) => {
            let lifetime = seconds.as_i64().and_then(|seconds| Lifetime::from_seconds(seconds).ok());
            lifetime.map(Some).ok_or(ErrorCode::InvalidLifetime.into())
        }
    }
}

/// The scopes that were asked for, all of which the caller must have.
pub(crate) fn granted(principal: &Principal, names: Option<&[String]>) -> Result<Scopes, ApiError> {
    let wanted = names.map_or(Ok(Scopes::GATEWAY), asked_scopes)?;
    refuse_wider(principal.scopes, wanted).map(|()| wanted)
}

/// Refuses a key that could do more than whoever makes it.
pub(crate) fn refuse_wider(held: Scopes, wanted: Scopes) -> Result<(), ApiError> {
    match missing_scopes(held, wanted) {
        None => Ok(()),
        Some(missing) => Err(ApiError::new(ErrorCode::InsufficientScope)
            .because("A key cannot be given scopes that the token lacks which creates it.")
            .detail("required", missing)),
    }
}

/// Scopes by name, at least one.
pub(crate) fn asked_scopes(names: &[String]) -> Result<Scopes, ApiError> {
    let scopes = Scopes::from_names(names.iter().map(String::as_str));
    let scopes = scopes.map_err(|unknown| invalid_scope(format!("{unknown}.")))?;
    if scopes.is_empty() {
        return Err(invalid_scope("A key needs at least one scope.".to_owned()));
    }
    Ok(scopes)
}

/// The names of the scopes in `wanted` that are not in `held`, if there are any.
pub(crate) fn missing_scopes(held: Scopes, wanted: Scopes) -> Option<Vec<&'static str>> {
    let missing: Vec<&str> =
        wanted.iter().filter(|scope| !held.contains(*scope)).map(Scope::as_str).collect();
    (!missing.is_empty()).then_some(missing)
}

fn invalid_scope(why: String) -> ApiError {
    let valid: Vec<&str> = Scope::ALL.into_iter().map(Scope::as_str).collect();
    ApiError::new(ErrorCode::InvalidScope).because(why).detail("validScopes", valid)
}

/// What a key is called that nobody named.
const DEFAULT_NAME: &str = "CLI default key";
