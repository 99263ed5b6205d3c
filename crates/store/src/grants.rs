//! Sessions of applications. Each is a row of `tokens` that is no token: what was made in it, for itself or
//! for agents, has it as parent and ends with it.

use keywright_protocol::{KeyId, OrganizationId, Scopes, Timestamp, UserId};
use keywright_secret::TokenHash;
use sqlx::FromRow;

use crate::engine::{Transaction, transaction, values};
use crate::generation::count_up;
use crate::statement::statements;
use crate::tokens::{NewToken, RevokedToken, read_id, revoke, take_turn};
use crate::{Store, StoreError};

/// A session that begins.
#[derive(Clone, Debug)]
pub struct NewGrant {
    /// Its id.
    pub id: KeyId,
    /// What its row is stored under: the hash of nothing that anybody has.
    pub hash: TokenHash,
    /// The application.
    pub client: String,
    /// What that calls itself.
    pub client_name: String,
    /// Whose it is.
    pub user: UserId,
    /// The organization that it acts in.
    pub organization: OrganizationId,
    /// What may be done in it.
    pub scopes: Scopes,
    /// What may be known of its user: names with blanks between.
    pub identity_scopes: String,
    /// The resources that its tokens may be for, with blanks between; empty for this server alone.
    pub resources: String,
    /// The machine, as the application called it.
    pub machine: Option<String>,
    /// Where the application was.
    pub address: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when, however often it is refreshed.
    pub expires_at: Timestamp,
}

/// An access or refresh token of a session, which is its parent.
#[derive(Clone, Debug)]
pub struct GrantToken {
    /// The token.
    pub token: NewToken,
    /// The resource that it is good for; this server's when left out.
    pub audience: Option<String>,
    /// What may be known of the user by it: names with blanks between.
    pub identity_scopes: String,
}

/// A session as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRow {
    /// Its id.
    pub id: KeyId,
    /// The application.
    pub client: String,
    /// What that called itself.
    pub client_name: String,
    /// The organization that it acts in.
    pub organization: OrganizationId,
    /// What may be done in it.
    pub scopes: Scopes,
    /// The machine, as the application called it.
    pub machine: Option<String>,
    /// Where the application was when it began.
    pub address: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when, however often it is refreshed.
    pub expires_at: Timestamp,
    /// When something of it was last used, as far as noted.
    pub last_used_at: Option<Timestamp>,
}

/// What is known of a session besides what its tokens say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantFacts {
    /// The application.
    pub client: String,
    /// What may be known of its user: names with blanks between.
    pub identity_scopes: String,
}

impl Store {
    /// Ends a session, or a token of one, with all that was made in it. What was ended.
    ///
    /// # Errors
    /// When the database does not answer. Whether it lives is unknown then.
    pub async fn end_of_grant(
        &self,
        organization: OrganizationId,
        id: KeyId,
        at: Timestamp,
    ) -> Result<Vec<RevokedToken>, StoreError> {
        transaction!(self, |open| {
            take_turn(open, organization).await?;
            let ended = revoke(open, organization, id, at).await?;
            if !ended.is_empty() {
                count_up(open).await?;
            }
            ended
        })
    }

    /// What is known of a session, dead or alive, besides what its tokens say.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn grant_facts(&self, grant: KeyId) -> Result<Option<GrantFacts>, StoreError> {
        let row: Option<(String, String)> = self.first(FACTS, values![&grant.to_string()]).await?;
        Ok(row.map(|(client, identity_scopes)| GrantFacts { client, identity_scopes }))
    }

    /// What may be known of its user by a token: names with blanks between, none for a token of no session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn identity_scopes_of(&self, token: KeyId) -> Result<String, StoreError> {
        let row: Option<(Option<String>,)> = self.first(IDENTITY_SCOPES, values![&token.to_string()]).await?;
        Ok(row.and_then(|(scopes,)| scopes).unwrap_or_default())
    }

    /// The mailbox of a user, if there are both.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mailbox_of(&self, user: UserId) -> Result<Option<String>, StoreError> {
        let row: Option<(Option<String>,)> = self.first(MAILBOX, values![&user.to_string()]).await?;
        Ok(row.and_then(|(mailbox,)| mailbox))
    }

    /// The living sessions of a user, newest first.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn grants_of(&self, user: UserId, now: Timestamp) -> Result<Vec<GrantRow>, StoreError> {
        let rows: Vec<StoredGrant> = self.all(LIVING, values![&user.to_string(), now]).await?;
        rows.into_iter().map(StoredGrant::read).collect()
    }

    /// One living session of a user.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn grant_of(
        &self,
        user: UserId,
        grant: KeyId,
        now: Timestamp,
    ) -> Result<Option<GrantRow>, StoreError> {
        let (user, grant) = (user.to_string(), grant.to_string());
        let row: Option<StoredGrant> = self.first(LIVING_ONE, values![&user, now, &grant]).await?;
        row.map(StoredGrant::read).transpose()
    }
}

/// Stores a session and its first tokens, after the organization's turn was taken. `false` when its user is
/// there no more, or not in the organization.
pub(crate) async fn begin(
    open: &mut Transaction,
    grant: &NewGrant,
    tokens: &[GrantToken],
) -> Result<bool, StoreError> {
    let (id, user, organization) =
        (grant.id.to_string(), grant.user.to_string(), grant.organization.to_string());
    let scopes = grant.scopes.to_stored();
    let anchor = values![
        &id,
        &grant.hash.as_bytes()[..],
        &user,
        &organization,
        &grant.client_name,
        &scopes,
        grant.created_at,
        grant.expires_at,
    ];
    if open.execute(INSERT_ANCHOR, anchor).await? == 0 {
        return Ok(false);
    }
    let facts =
        values![&id, &grant.client, &grant.identity_scopes, &grant.resources, &grant.machine, &grant.address];
    open.execute(INSERT, facts).await?;
    add_tokens(open, grant.id, tokens).await?;
    open.execute(NOTE_CLIENT_USED, values![&grant.client, grant.created_at]).await?;
    Ok(true)
}

/// Stores further tokens of a session; none once it was revoked.
pub(crate) async fn add_tokens(
    open: &mut Transaction,
    grant: KeyId,
    tokens: &[GrantToken],
) -> Result<(), StoreError> {
    let grant = grant.to_string();
    for GrantToken { token, audience, identity_scopes } in tokens {
        token.insert(open, INSERT_TOKEN, values![&grant, audience, identity_scopes]).await?;
    }
    Ok(())
}

#[derive(FromRow)]
struct StoredGrant {
    id: String,
    client_id: String,
    name: String,
    organization_id: String,
    scopes: String,
    machine: Option<String>,
    address: String,
    created_at: i64,
    expires_at: i64,
    last_used_at: Option<i64>,
    token_used_at: Option<i64>,
}

impl StoredGrant {
    fn read(self) -> Result<GrantRow, StoreError> {
        Ok(GrantRow {
            id: read_id(&self.id, "tokens.id")?,
            client: self.client_id,
            client_name: self.name,
            organization: read_id(&self.organization_id, "tokens.organization_id")?,
            scopes: Scopes::from_stored(&self.scopes),
            machine: self.machine,
            address: self.address,
            created_at: Timestamp(self.created_at),
            expires_at: Timestamp(self.expires_at),
            last_used_at: self.last_used_at.max(self.token_used_at).map(Timestamp),
        })
    }
}

/// The columns of a session that is listed, and which those are. `$1` is the user, `$2` now.
macro_rules! living {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, g.client_id, t.name, t.organization_id, t.scopes, g.machine, g.address, \
             t.created_at, t.expires_at, t.last_used_at, \
             (SELECT MAX(c.last_used_at) FROM tokens c WHERE c.parent_id = t.id) AS token_used_at \
             FROM tokens t JOIN grants g ON g.id = t.id \
             WHERE t.user_id = $1 AND t.kind = 'grant' AND t.revoked_at IS NULL AND t.expires_at > $2 ",
            $rest
        )
    };
}

statements! {
    /// The empty half of the union gives the placeholders their types.
    INSERT_ANCHOR = "INSERT INTO tokens (id, hash, kind, hint, user_id, organization_id, name, scopes, \
                     created_at, expires_at) \
                     SELECT id, hash, kind, hint, user_id, organization_id, name, scopes, created_at, \
                     expires_at FROM tokens WHERE FALSE UNION ALL \
                     SELECT $1, $2, 'grant', '', $3, $4, $5, $6, $7, $8 \
                     FROM memberships m JOIN users u ON u.id = m.user_id \
                     WHERE m.user_id = $3 AND m.organization_id = $4 AND u.status = 'active'";
    INSERT = "INSERT INTO grants (id, client_id, identity_scopes, resources, machine, address) \
              VALUES ($1, $2, $3, $4, $5, $6)";
    /// The empty half of the union gives the placeholders their types. Who claims administration with one token
    /// of a session has it with the next as well.
    INSERT_TOKEN = "INSERT INTO tokens (id, hash, kind, hint, user_id, organization_id, parent_id, name, \
                    scopes, created_at, expires_at, grant_id, audience, identity_scopes, administrator) \
                    SELECT id, hash, kind, hint, user_id, organization_id, parent_id, name, scopes, \
                    created_at, expires_at, grant_id, audience, identity_scopes, administrator \
                    FROM tokens WHERE FALSE UNION ALL \
                    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, administrator \
                    FROM tokens WHERE id = $7 AND revoked_at IS NULL";
    NOTE_CLIENT_USED = "UPDATE clients SET used_at = $2 WHERE id = $1";
    FACTS = "SELECT client_id, identity_scopes FROM grants WHERE id = $1";
    IDENTITY_SCOPES = "SELECT identity_scopes FROM tokens WHERE id = $1";
    MAILBOX = "SELECT mailbox FROM users WHERE id = $1 AND status = 'active'";
    LIVING = living!("ORDER BY t.id DESC");
    LIVING_ONE = living!("AND t.id = $3");
}
