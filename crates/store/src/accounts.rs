//! Users, organizations and who is in which.

use keywright_protocol::{Mailbox, OrganizationId, Role, Timestamp, UserId};

use crate::engine::{Transaction, transaction, values};
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
    /// Whether it is marked: no content of it is captured.
    pub essential_traffic_only: bool,
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
                open.execute(
                    INSERT_TEMPORARY_USER,
                    values![&user, at, account.expires_at, i64::from(account.essential_traffic_only)],
                )
                .await?;
                open.execute(
                    INSERT_ORGANIZATION,
                    values![&organization, &account.organization_name, at, &None::<String>],
                )
                .await?;
                join(open, token.user, token.organization, Role::Owner, at).await?;
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

    /// The name of an organization, and the mailbox of a user, if it has one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn account_names(
        &self,
        user: UserId,
        organization: OrganizationId,
    ) -> Result<Option<(String, Option<String>)>, StoreError> {
        self.first(ACCOUNT_NAMES, values![&user.to_string(), &organization.to_string()]).await
    }
}

/// Stores a new user with a mailbox that no other has.
pub(crate) async fn insert_person(
    open: &mut Transaction,
    mailbox: &Mailbox,
    at: Timestamp,
) -> Result<UserId, StoreError> {
    let user = UserId::new();
    open.execute(INSERT_PERSON, values![&user.to_string(), mailbox.as_str(), at]).await?;
    Ok(user)
}

/// Stores a new organization that nobody is in yet.
pub(crate) async fn insert_organization(
    open: &mut Transaction,
    organization: OrganizationId,
    name: &str,
    description: &Option<String>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let organization = organization.to_string();
    open.execute(INSERT_ORGANIZATION, values![&organization, name, at, description]).await.map(drop)
}

/// Gives an organization another name, and another description if there is one.
pub(crate) async fn describe_organization(
    open: &mut Transaction,
    organization: OrganizationId,
    name: &str,
    description: &Option<String>,
) -> Result<(), StoreError> {
    open.execute(DESCRIBE, values![&organization.to_string(), name, description]).await.map(drop)
}

/// Makes a user a member of an organization.
pub(crate) async fn join(
    open: &mut Transaction,
    user: UserId,
    organization: OrganizationId,
    role: Role,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (user, organization) = (user.to_string(), organization.to_string());
    open.execute(JOIN, values![&user, &organization, role.as_str(), at]).await.map(drop)
}

statements! {
    ACCOUNT_END = "SELECT expires_at FROM users WHERE id = $1";
    INSERT_TEMPORARY_USER = "INSERT INTO users (id, kind, status, administrator, created_at, expires_at, \
                             essential_traffic_only) VALUES ($1, 'temporary', 'active', FALSE, $2, $3, CAST($4 AS BIGINT) = 1)";
    INSERT_PERSON = "INSERT INTO users (id, kind, status, administrator, created_at, mailbox) \
                     VALUES ($1, 'person', 'active', FALSE, $3, $2)";
    INSERT_ORGANIZATION = "INSERT INTO organizations (id, name, seq, created_at, description) \
                           VALUES ($1, $2, 0, $3, $4)";
    DESCRIBE = "UPDATE organizations SET name = $2, description = COALESCE(CAST($3 AS TEXT), description) \
                WHERE id = $1";
    JOIN = "INSERT INTO memberships (user_id, organization_id, role, created_at) VALUES ($1, $2, $3, $4)";
    ACCOUNT_NAMES = "SELECT o.name, u.mailbox FROM organizations o, users u WHERE u.id = $1 AND o.id = $2";
}
