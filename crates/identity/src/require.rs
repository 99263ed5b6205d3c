//! What a verified caller must still be and may do at the moment it asks.

use keywright_protocol::{ApiError, ErrorCode, Principal, Scope, Timestamp};

use crate::{Identity, Unproven};

/// Refuses unless the token carries `scope`; `details.required` names it.
///
/// # Errors
/// `INSUFFICIENT_SCOPE`.
pub fn require(principal: &Principal, scope: Scope) -> Result<(), ApiError> {
    if principal.may(scope) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::InsufficientScope)
        .because(format!("The token lacks the scope `{scope}`."))
        .detail("required", vec![scope.as_str()]))
}

impl Identity {
    /// Refuses a caller whose token ended since it was verified. The moment that it lives in otherwise.
    pub(crate) fn still_standing(&self, principal: &Principal) -> Result<Timestamp, ApiError> {
        let now = self.now();
        if principal.liveness.is_dead() {
            Err(Unproven::Revoked.into())
        } else if principal.expired(now) {
            Err(Unproven::Expired.into())
        } else {
            Ok(now)
        }
    }
}

/// Refuses a token that was made for an agent: it hands nothing on and takes nothing over.
pub(crate) fn refuse_child(principal: &Principal) -> Result<(), ApiError> {
    match principal.parent {
        Some(_) => Err(ErrorCode::Forbidden.into()),
        None => Ok(()),
    }
}
