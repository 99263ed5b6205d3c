//! API keys of an organization: at most so many that are active, each of a name of its own.

use keywright_protocol::{KeyId, OrganizationId, Scopes, Timestamp, UserId};
use sqlx::FromRow;

use crate::engine::{Value, transaction, values};
use crate::statement::statements;
use crate::tokens::{NewToken, read_id, take_turn};
use crate::{Store, StoreError};

/// What became of a key that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyInsertion {
    /// It is stored.
    Inserted,
    /// Another active key of the organization has its name.
    NameTaken,
    /// The organization has as many active keys as it may have.
    TooMany,
    /// The token of whoever asked has been revoked meanwhile.
    CreatorRevoked,
}

/// An API key as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Its id.
    pub id: KeyId,
    /// What may be shown of it.
    pub hint: String,
    /// Its name.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Option<Timestamp>,
    /// When the account of its user ends, and the key with it.
    pub account_expires_at: Option<Timestamp>,
    /// When it was last used, as far as noted.
    pub last_used_at: Option<Timestamp>,
    /// Whose it is.
    pub user: UserId,
}

impl Store {
    /// Stores an API key unless the organization has `most` active ones already: exact however many
    /// ask at once, on however many servers. It acts as an administrator if its creator does: of an
    /// administrator's account, what was planted before the claim makes nothing that administers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_key(
        &self,
        key: &NewToken,
        creator: KeyId,
        most: i64,
    ) -> Result<KeyInsertion, StoreError> {
        let (organization, creator_id) = (key.organization.to_string(), creator.to_string());
        transaction!(self, |open| {
            take_turn(open, key.organization).await?;
            let creator: Option<(String,)> = open.first(CREATOR_ALIVE, values![&creator_id]).await?;
            let named: Option<(String,)> =
                open.first(NAMED, values![&organization, &key.name, key.created_at]).await?;
            if creator.is_none() {
                KeyInsertion::CreatorRevoked
            } else if named.is_some() {
                KeyInsertion::NameTaken
            } else if key.insert(open, INSERT_UNDER_CAP, &[Value::Integer(most)]).await? == 1 {
                open.execute(INHERIT, values![&key.id.to_string(), &creator_id]).await?;
                KeyInsertion::Inserted
            } else {
                KeyInsertion::TooMany
            }
        })
    }

    /// The active API keys of an organization, newest first.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn active_keys(
        &self,
        organization: OrganizationId,
        now: Timestamp,
    ) -> Result<Vec<KeyRow>, StoreError> {
        let rows: Vec<StoredKey> = self.all(ACTIVE, values![&organization.to_string(), now]).await?;
        rows.into_iter().map(StoredKey::read).collect()
    }
}

#[derive(FromRow)]
struct StoredKey {
    id: String,
    hint: String,
    name: String,
    scopes: String,
    created_at: i64,
    expires_at: Option<i64>,
    account_expires_at: Option<i64>,
    last_used_at: Option<i64>,
    user_id: String,
}

impl StoredKey {
    fn read(self) -> Result<KeyRow, StoreError> {
        Ok(KeyRow {
            id: read_id(&self.id, "tokens.id")?,
            hint: self.hint,
            name: self.name,
            scopes: Scopes::from_stored(&self.scopes),
            created_at: Timestamp(self.created_at),
            expires_at: self.expires_at.map(Timestamp),
            account_expires_at: self.account_expires_at.map(Timestamp),
            last_used_at: self.last_used_at.map(Timestamp),
            user: read_id(&self.user_id, "tokens.user_id")?,
        })
    }
}

statements! {
    CREATOR_ALIVE = "SELECT id FROM tokens WHERE id = $1 AND revoked_at IS NULL";
    NAMED = "SELECT id FROM tokens WHERE organization_id = $1 AND kind = 'sk' AND name = $2 \
             AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3) LIMIT 1";
    /// The empty half of the union gives the placeholders their types.
    INSERT_UNDER_CAP = "INSERT INTO tokens (id, hash, kind, hint, user_id, organization_id, parent_id, \
                        name, scopes, created_at, expires_at) \
                        SELECT id, hash, kind, hint, user_id, organization_id, parent_id, name, scopes, \
                        created_at, expires_at FROM tokens WHERE FALSE UNION ALL \
                        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 WHERE \
                        (SELECT COUNT(*) FROM tokens WHERE organization_id = $6 AND kind = 'sk' \
                        AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $10)) < $12";
    INHERIT = "UPDATE tokens SET administrator = TRUE WHERE id = $1 AND EXISTS \
               (SELECT 1 FROM tokens WHERE id = $2 AND administrator)";
    ACTIVE = "SELECT t.id, t.hint, t.name, t.scopes, t.created_at, t.expires_at, \
              u.expires_at AS account_expires_at, t.last_used_at, t.user_id \
              FROM tokens t JOIN users u ON u.id = t.user_id \
              WHERE t.organization_id = $1 AND t.kind = 'sk' AND t.revoked_at IS NULL \
              AND (t.expires_at IS NULL OR t.expires_at > $2) ORDER BY t.id DESC";
}
