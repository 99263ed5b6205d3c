//! Phase 3: whether this caller may make this call.
//!
//! Returns a [`Permit`], which the later phases take, so that leaving this one out does not compile.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use keywright_protocol::{ApiError, ErrorCode, Principal, Scope, Timestamp};

/// Leave for one call. Holds the caller's entry, so that a revocation reaches it.
pub(crate) struct Permit {
    pub(crate) principal: Arc<Principal>,
}

/// Grants a call, or says why not.
pub(crate) fn grant(limits: &Limits, principal: Arc<Principal>) -> Result<Permit, ApiError> {
    if !principal.may(Scope::ModelsUse) {
        return Err(ApiError::new(ErrorCode::InsufficientScope)
            .because("The token may not use models.")
            .detail("required", vec![Scope::ModelsUse.as_str()])
            .detail("validScopes", Scope::ALL.map(Scope::as_str).to_vec()));
    }
    if principal.temporary {
        limits.admit_temporary()?;
    }
    Ok(Permit { principal })
}

impl Permit {
    /// Whether the token's time is not over: asked last before anything goes upstream, since an upload may
    /// take long. What runs is not cut by it.
    pub(crate) fn has_time(&self, now: Timestamp) -> Result<(), ApiError> {
        if self.principal.expired(now) { Err(ErrorCode::KeyExpired.into()) } else { Ok(()) }
    }

    /// Whether the token still stood a moment ago.
    pub(crate) fn stands(&self) -> Result<(), ApiError> {
        if self.principal.liveness.is_dead() { Err(ErrorCode::KeyRevoked.into()) } else { Ok(()) }
    }
}

/// What all temporary accounts of a process share.
pub struct Limits {
    windows: Vec<DefaultDirectRateLimiter>,
}

impl Limits {
    /// At most `per_minute` calls a minute and `per_day` a day by all temporary accounts together. The
    /// counts begin anew with the process.
    pub fn new(per_minute: NonZeroU32, per_day: NonZeroU32) -> Self {
        let minute = Quota::per_minute(per_minute);
        let day = Quota::with_period(Duration::from_secs(86_400) / per_day.get())
            .map(|quota| quota.allow_burst(per_day));
        Self { windows: std::iter::once(minute).chain(day).map(RateLimiter::direct).collect() }
    }

    fn admit_temporary(&self) -> Result<(), ApiError> {
        for window in &self.windows {
            window.check().map_err(|until| {
                let wait = until.wait_time_from(DefaultClock::default().now());
                ApiError::new(ErrorCode::TemporaryRateLimited)
                    .retry_in(i64::try_from(wait.as_secs_f64().ceil() as u64).unwrap_or(i64::MAX))
            })?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Limits")
    }
}

#[cfg(test)]
mod tests {
    use keywright_protocol::{KeyId, Liveness, OrganizationId, Scopes, UserId};
    use keywright_secret::TokenKind;

    use super::*;

    fn principal(scopes: Scopes, temporary: bool) -> Arc<Principal> {
        Arc::new(Principal {
            token: KeyId::new(),
            kind: TokenKind::Temporary,
            parent: None,
            session: None,
            user: UserId::new(),
            organization: OrganizationId::new(),
            role: keywright_protocol::Role::Member,
            scopes,
            temporary,
            administrator: false,
            essential_traffic_only: false,
            expires_at: None,
            liveness: Liveness::new().0,
        })
    }

    fn limits(per_minute: u32) -> Limits {
        Limits::new(NonZeroU32::new(per_minute).expect("some"), NonZeroU32::new(10_000).expect("some"))
    }

    #[test]
    fn a_token_without_the_scope_gets_no_permit_and_is_told_which() {
        let error =
            grant(&limits(9), principal(Scopes::of(&[Scope::ApiKeysManage]), false)).err().expect("refused");
        assert_eq!(error.code, ErrorCode::InsufficientScope);
        assert_eq!(error.details["required"][0], "models:use");
    }

    #[test]
    fn temporary_accounts_share_a_rate_and_others_do_not() {
        let limits = limits(2);
        assert!(grant(&limits, principal(Scopes::GATEWAY, true)).is_ok());
        assert!(grant(&limits, principal(Scopes::GATEWAY, true)).is_ok());
        let error = grant(&limits, principal(Scopes::GATEWAY, true)).err().expect("refused");
        assert_eq!(error.code, ErrorCode::TemporaryRateLimited);
        assert!((1..=60).contains(&error.retry_after().expect("a wait")));
        assert!(grant(&limits, principal(Scopes::GATEWAY, false)).is_ok());
    }
}
