//! Tickets for a person who signs in at the pages and may take a temporary account over by that.

use keywright_protocol::{ApiError, ErrorCode, Principal, Timestamp};
use keywright_secret::{Secret, TokenKind, random_hex};
use keywright_store::NewUpgradeTicket;
use sha2::{Digest, Sha256};

use crate::failure::store_failed;
use crate::{Identity, Unproven};

impl Identity {
    /// Gives out a ticket of the caller's temporary account, and when that ends.
    ///
    /// # Errors
    /// `UPGRADE_REFUSED` for any other token and for an administrator's, `KEY_REVOKED` or `KEY_EXPIRED` when it ended meanwhile,
    /// `STORAGE_UNAVAILABLE`.
    pub async fn upgrade_ticket(&self, principal: &Principal) -> Result<(Secret, Timestamp), ApiError> {
        let now = self.still_standing(principal)?;
        if principal.kind != TokenKind::Temporary {
            return Err(ApiError::new(ErrorCode::UpgradeRefused)
                .because("Only the token of a temporary account gets a ticket.")
                .next("Sign in without one: `keywright login`."));
        }
        if principal.administrator {
            return Err(ApiError::new(ErrorCode::UpgradeRefused)
                .because("An account that administers the server is not to be had by a link.")
                .next(
                    "Sign in without it: `keywright login`. To take it along, sign up or in by a mailed code: \
                     `keywright auth login-request --email EMAIL`.",
                ));
        }
        let ticket = random_hex::<32>();
        let stored = NewUpgradeTicket {
            hash: hash(&ticket),
            token: principal.token,
            organization: principal.organization,
            created_at: now,
            expires_at: now.plus_seconds(LIFETIME_SECONDS),
        };
        let inserted = self.inner.store.insert_upgrade_ticket(&stored, MOST_TICKETS).await;
        match inserted.map_err(|error| store_failed(&error))? {
            true => Ok((ticket, stored.expires_at)),
            false => Err(Unproven::Revoked.into()),
        }
    }
}

/// What a ticket is stored and looked up by.
pub(crate) fn hash(ticket: &Secret) -> [u8; 32] {
    Sha256::digest(ticket.expose().as_bytes()).into()
}

const LIFETIME_SECONDS: i64 = 900;
/// Several logins may wait for their person side by side.
const MOST_TICKETS: i64 = 8;
