//! The one-time code that makes its bearer the administrator of this server.

use keywright_protocol::{ApiError, ErrorCode, Principal, Scope};
use keywright_secret::{Secret, random_hex};
use keywright_store::{ClaimOutcome, ClaimRules, Claimant, StoreError};
use sha2::{Digest, Sha256};

use crate::failure::seconds_until;
use crate::require::refuse_child;
use crate::{Identity, Unproven, require};

impl Identity {
    /// Makes a code of 128 bits, in place of every code that was never used. Without `force` only on a
    /// server that has neither an administrator nor an open code, else `None`. Only its hash is kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn issue_claim(&self, force: bool) -> Result<Option<Secret>, StoreError> {
        let code = random_hex::<16>();
        let issued = self.inner.store.issue_claim(&hash(code.expose()), self.now(), force).await?;
        Ok(issued.then_some(code))
    }

    /// Makes the caller's user an administrator. The account's time to live ends with it, and the next
    /// check of each of its tokens knows. Only the caller's token acts as an administrator, and the keys
    /// made with it from now on: a key from before may be anybody's who used the account.
    ///
    /// # Errors
    /// `CLAIM_INVALID`, `CLAIM_USED`, `CLAIM_LOCKED` with the wait after five wrong codes within an
    /// hour, `FORBIDDEN` for a child token, `INSUFFICIENT_SCOPE` without `api-keys:manage`.
    pub async fn claim(&self, principal: &Principal, code: &Secret) -> Result<(), ApiError> {
        let now = self.still_standing(principal)?;
        refuse_child(principal)?;
        require(principal, Scope::ApiKeysManage)?;
        let (identity, hash) = (self.clone(), hash(code.expose().trim()));
        let user = principal.user;
        let claimant = Claimant { token: principal.token, user, organization: principal.organization };
        let outcome = self.lasting(async move {
            let outcome = identity.inner.store.claim(&hash, &claimant, now, &RULES).await?;
            if let ClaimOutcome::Claimed(tokens) = &outcome {
                identity.inner.cache.distrust(tokens.iter().copied());
            }
            Ok(outcome)
        });
        match outcome.await? {
            ClaimOutcome::Claimed(_) => {
                tracing::info!(user.id = %user, "the user {user} became an administrator");
                Ok(())
            }
            ClaimOutcome::Used => Err(ErrorCode::ClaimUsed.into()),
            ClaimOutcome::Wrong => Err(ErrorCode::ClaimInvalid.into()),
            ClaimOutcome::LockedUntil(until) => {
                Err(ApiError::new(ErrorCode::ClaimLocked).retry_in(seconds_until(until, now)))
            }
            ClaimOutcome::ClaimantGone => Err(Unproven::Revoked.into()),
        }
    }
}

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.as_bytes()).into()
}

const RULES: ClaimRules = ClaimRules { wrong_tries: 5, window_seconds: 3_600 };
