//! What a verified caller must still be and may do at the moment it asks.

use keywright_protocol::{ApiError, ErrorCode, Principal, Role, Scope, Timestamp, UserId};

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

/// Whose keys and records a caller may see in its organization: a member its own, an admin or owner everybody's,
/// which is `None`.
pub fn restricted_to(principal: &Principal) -> Option<UserId> {
    (principal.role < Role::Admin).then_some(principal.user)
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

/// Refuses unless a user of the role `have` may do what takes `need`; `what` completes "may".
pub(crate) fn require_role(have: Role, need: Role, what: &str) -> Result<(), ApiError> {
    if have >= need {
        return Ok(());
    }
    let (who, whom) = match need {
        Role::Owner => ("an owner", "an owner"),
        Role::Admin | Role::Member => ("an admin or an owner", "one of them"),
    };
    let (article, is) = (if have == Role::Admin { "an" } else { "a" }, have.as_str());
    Err(ApiError::new(ErrorCode::Forbidden)
        .because(format!(
            "Only {who} of the organization may {what}, and the token's user is {article} {is}."
        ))
        .next(format!("Ask {whom}; `keywright orgs members` lists who is what."))
        .detail("requiredRole", need.as_str()))
}

/// Refuses a token that was made for an agent: it hands nothing on and takes nothing over.
pub(crate) fn refuse_child(principal: &Principal) -> Result<(), ApiError> {
    match principal.parent {
        Some(_) => Err(ErrorCode::Forbidden.into()),
        None => Ok(()),
    }
}
