//! Users, organizations and who is in which.

use keywright_protocol::{OrganizationId, Timestamp, UserId};

use crate::engine::{transaction, values};
use crate::mints::{MintLimits, full_until, note_mint};
use crate::statement::statements;
use crate::tokens::NewToken;
use crate::{Store, StoreError};

/// A user without a mailbox in an organization of its own, with the token that opens both.
#[derive(Clone, Debug)]
pub struct NewTemporaryAccount {
    /// The token; it names the user and the organization, both new.
    pub token: NewToken,
    /// The name of the organization.
    pub organization_name: String,
    /// Who asks: an IPv4 address, the /64 of an IPv6 address, or `loopback`.
    pub address: String,
    /// When the account ends, with all that is in it.
    pub expires_at: Timestamp,
}

/// What became of an account that was to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioned {
    /// It is stored.
    Made,
    /// Too many were made; there is room again at that time.
    FullUntil(Timestamp),
}

impl Store {
    /// Stores a temporary account, unless too many were made lately: exact however many ask at once,
    /// on however many servers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_temporary_account(
        &self,
        account: &NewTemporaryAccount,
        limits: &MintLimits,
    ) -> Result<Provisioned, StoreError> {
        let (token, at) = (&account.token, account.token.created_at);
        let (user, organization) = (token.user.to_string(), token.organization.to_string());
        transaction!(self, |open| {
            if let Some(until) = full_until(open, &account.address, limits, at).await? {
                Provisioned::FullUntil(until)
            } else {
                open.execute(INSERT_TEMPORARY_USER, values![&user, at, account.expires_at]).await?;
                open.execute(INSERT_ORGANIZATION, values![&organization, &account.organization_name, at])
                    .await?;
                open.execute(INSERT_OWNER, values![&user, &organization, at]).await?;
                token.insert_plainly(open).await?;
                note_mint(open, &user, &account.address, at).await?;
                Provisioned::Made
            }
        })
    }

    /// When a user's account ends by itself; `None` for one that lasts, and for one that is not there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_end(&self, user: UserId) -> Result<Option<Timestamp>, StoreError> {
        let row: Option<(Option<i64>,)> = self.first(ACCOUNT_END, values![&user.to_string()]).await?;
        Ok(row.and_then(|(end,)| end).map(Timestamp))
    }

    /// The name of an organization.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organization_name(
        &self,
        organization: OrganizationId,
    ) -> Result<Option<String>, StoreError> {
        let row: Option<(String,)> =
            self.first(ORGANIZATION_NAME, values![&organization.to_string()]).await?;
        Ok(row.map(|(name,)| name))
    }
}

statements! {
    ACCOUNT_END = "SELECT expires_at FROM users WHERE id = $1";
    INSERT_TEMPORARY_USER = "INSERT INTO users (id, kind, status, administrator, created_at, expires_at) \
                             VALUES ($1, 'temporary', 'active', FALSE, $2, $3)";
    INSERT_ORGANIZATION = "INSERT INTO organizations (id, name, seq, created_at) VALUES ($1, $2, 0, $3)";
    INSERT_OWNER = "INSERT INTO memberships (user_id, organization_id, role, created_at) \
                    VALUES ($1, $2, 'owner', $3)";
    ORGANIZATION_NAME = "SELECT name FROM organizations WHERE id = $1";
}
