//! API keys of an organization: at most so many that are active, each of a name of its own.

use keywright_protocol::wire::UserKind;
use keywright_protocol::{KeyId, OrganizationId, Scopes, Timestamp, UserId};
use sqlx::FromRow;

use crate::callers::{CallerFacts, caller_facts};
use crate::engine::{Transaction, Value, transaction, values};
use crate::members::member_kind;
use crate::statement::statements;
use crate::tokens::{NewToken, read_id, take_turn};
use crate::{Store, StoreError};

/// What became of a key that was to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyInsertion<E> {
    /// It is stored.
    Inserted,
    /// It was not allowed.
    Refused(E),
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
    /// The key that took its place; this one lives on for a while.
    pub replaced_by: Option<KeyId>,
    /// The key whose place it took, as long as that one lives.
    pub replaces: Option<KeyId>,
}

impl Store {
    /// Stores an API key unless the organization has `most` active ones already: exact however many
    /// ask at once, on however many servers. A key whose place another took does not count. `judge` hears who
    /// asks, and what kind of member the key is for, if it is for one. It acts as an administrator if its
    /// creator does and is its user: of an administrator's account, what was planted before the claim makes
    /// nothing that administers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_key<E>(
        &self,
        key: &NewToken,
        creator: KeyId,
        most: i64,
        judge: impl Fn(&CallerFacts, Option<UserKind>) -> Result<(), E>,
    ) -> Result<KeyInsertion<E>, StoreError> {
        let (organization, creator_id) = (key.organization.to_string(), creator.to_string());
        let (id, user) = (key.id.to_string(), key.user.to_string());
        transaction!(self, |open| {
            take_turn(open, key.organization).await?;
            let creator = caller_facts(open, creator, key.created_at).await?;
            let kind = member_kind(open, key.organization, key.user).await?;
            let named = name_is_taken(open, &organization, &key.name, key.created_at, None).await?;
            match creator.map(|creator| judge(&creator, kind)) {
                None => KeyInsertion::CreatorRevoked,
                Some(Err(refusal)) => KeyInsertion::Refused(refusal),
                Some(Ok(())) if named => KeyInsertion::NameTaken,
                Some(Ok(())) if key.insert(open, INSERT_UNDER_CAP, &[Value::Integer(most)]).await? == 1 => {
                    open.execute(INHERIT, values![&id, &creator_id, &user]).await?;
                    KeyInsertion::Inserted
                }
                Some(Ok(())) => KeyInsertion::TooMany,
            }
        })
    }

    /// The active API keys of an organization, or of one user in it, newest first.
    ///
    /// # Errors
    /// When the database does not answer, or a row was tampered with.
    pub async fn active_keys(
        &self,
        organization: OrganizationId,
        user: Option<UserId>,
        now: Timestamp,
    ) -> Result<Vec<KeyRow>, StoreError> {
        let user = user.map(|user| user.to_string());
        let rows: Vec<StoredKey> = self.all(ACTIVE, values![&organization.to_string(), now, &user]).await?;
        rows.into_iter().map(StoredKey::read).collect()
    }

    /// One active API key of an organization, or of one user in it.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn active_key(
        &self,
        organization: OrganizationId,
        user: Option<UserId>,
        key: KeyId,
        now: Timestamp,
    ) -> Result<Option<KeyRow>, StoreError> {
        let (organization, user) = (organization.to_string(), user.map(|user| user.to_string()));
        let key = key.to_string();
        let row: Option<StoredKey> = self.first(ACTIVE_ONE, values![&organization, now, &user, &key]).await?;
        row.map(StoredKey::read).transpose()
    }
}

/// Whether an active key has that name, other than `but` and the one that `but` took the place of.
pub(crate) async fn name_is_taken(
    open: &mut Transaction,
    organization: &str,
    name: &str,
    now: Timestamp,
    but: Option<KeyId>,
) -> Result<bool, StoreError> {
    let but = but.map(|key| key.to_string()).unwrap_or_default();
    let named: Option<(String,)> = open.first(NAMED, values![organization, name, now, &but]).await?;
    Ok(named.is_some())
}

/// The active keys of an organization, in this transaction.
pub(crate) async fn active_in(
    open: &mut Transaction,
    organization: OrganizationId,
    now: Timestamp,
) -> Result<Vec<KeyRow>, StoreError> {
    let rows: Vec<StoredKey> = open.all(ACTIVE, values![&organization.to_string(), now, &None]).await?;
    rows.into_iter().map(StoredKey::read).collect()
}

/// `wanted`, or with the first number behind it that makes it unlike the names of `keys`: `name (2)`.
pub(crate) fn free_name(wanted: &str, keys: &[KeyRow]) -> String {
    let mut name = wanted.to_owned();
    let mut number = 1;
    while keys.iter().any(|key| key.name == name) {
        number += 1;
        let suffix = format!(" ({number})");
        let room = LONGEST_NAME - suffix.len();
        name = wanted.chars().take(room).chain(suffix.chars()).collect();
    }
    name
}

/// In characters.
const LONGEST_NAME: usize = 100;

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
    replaced_by: Option<String>,
    replaces: Option<String>,
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
            replaced_by: self.replaced_by.map(|id| read_id(&id, "tokens.replaced_by")).transpose()?,
            replaces: self.replaces.map(|id| read_id(&id, "tokens.id")).transpose()?,
        })
    }
}

/// The columns of a key that is listed, and which keys those are. `$1` is the organization, `$2` now, `$3` the
/// user or NULL.
macro_rules! active {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.hint, t.name, t.scopes, t.created_at, t.expires_at, \
             u.expires_at AS account_expires_at, t.last_used_at, t.user_id, t.replaced_by, \
             (SELECT MAX(o.id) FROM tokens o WHERE o.replaced_by = t.id AND o.revoked_at IS NULL \
             AND (o.expires_at IS NULL OR o.expires_at > $2)) AS replaces \
             FROM tokens t JOIN users u ON u.id = t.user_id \
             WHERE t.organization_id = $1 AND t.kind = 'sk' AND t.revoked_at IS NULL \
             AND (t.expires_at IS NULL OR t.expires_at > $2) \
             AND (CAST($3 AS TEXT) IS NULL OR t.user_id = CAST($3 AS TEXT)) ",
            $rest
        )
    };
}

statements! {
    NAMED = "SELECT id FROM tokens WHERE organization_id = $1 AND kind = 'sk' AND name = $2 \
             AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3) \
             AND id <> $4 AND (replaced_by IS NULL OR replaced_by <> $4) LIMIT 1";
    /// The empty half of the union gives the placeholders their types.
    INSERT_UNDER_CAP = "INSERT INTO tokens (id, hash, kind, hint, user_id, organization_id, parent_id, \
                        name, scopes, created_at, expires_at) \
                        SELECT id, hash, kind, hint, user_id, organization_id, parent_id, name, scopes, \
                        created_at, expires_at FROM tokens WHERE FALSE UNION ALL \
                        SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 WHERE \
                        (SELECT COUNT(*) FROM tokens WHERE organization_id = $6 AND kind = 'sk' \
                        AND revoked_at IS NULL AND replaced_by IS NULL \
                        AND (expires_at IS NULL OR expires_at > $10)) < $12";
    INHERIT = "UPDATE tokens SET administrator = TRUE WHERE id = $1 AND EXISTS \
               (SELECT 1 FROM tokens WHERE id = $2 AND user_id = $3 AND administrator)";
    ACTIVE = active!("ORDER BY t.id DESC");
    ACTIVE_ONE = active!("AND t.id = $4");
}
