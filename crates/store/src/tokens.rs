//! Platform tokens: finding one by its hash, handing out children, ending them.

use keywright_protocol::{KeyId, OrganizationId, Role, Scopes, Session, Timestamp, UserId};
use keywright_secret::{TokenHash, TokenKind};
use sqlx::FromRow;

use crate::callers::{CallerFacts, OrganizationChange, caller_facts};
use crate::engine::{Transaction, Value, transaction, values};
use crate::generation::count_up;
use crate::key_changes::TargetKey;
use crate::statement::statements;
use crate::{Store, StoreError};

/// A token as it is to be stored.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its id.
    pub id: KeyId,
    /// What it is looked up by.
    pub hash: TokenHash,
    /// What it is for.
    pub kind: TokenKind,
    /// What may be shown of it.
    pub hint: String,
    /// Whose it is.
    pub user: UserId,
    /// The organization that it acts in.
    pub organization: OrganizationId,
    /// The token that it dies with.
    pub parent: Option<KeyId>,
    /// Its name; empty where people never see one.
    pub name: String,
    /// What it may do.
    pub scopes: Scopes,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when, by itself; the end of its account comes on top.
    pub expires_at: Option<Timestamp>,
}

/// All that a principal is built from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRow {
    /// The token.
    pub id: KeyId,
    /// What kind of token.
    pub kind: TokenKind,
    /// The token that it dies with, where it was made for an agent.
    pub parent: Option<KeyId>,
    /// The session that it dies with, where a sign-in gave it.
    pub session: Option<Session>,
    /// The resource that it is good for; this server's when left out.
    pub audience: Option<String>,
    /// Whose it is.
    pub user: UserId,
    /// The organization that it acts in.
    pub organization: OrganizationId,
    /// What its user is in that organization.
    pub role: Role,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether the account has no mailbox and a time to live.
    pub temporary: bool,
    /// Whether the user is an administrator and the token acts as one.
    pub administrator: bool,
    /// Whether the user is marked: no content of it is captured.
    pub essential_traffic_only: bool,
    /// When it ends by itself, with its parent or with its account, whichever comes first.
    pub expires_at: Option<Timestamp>,
    /// Whether it, its parent, its user or its user's membership was ended before that.
    pub revoked: bool,
}

/// What became of a child that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildInsertion {
    /// It is stored.
    Inserted,
    /// The parent has as many live children as it may have; the first of them ends at that time.
    FullUntil(Timestamp),
    /// The parent has been revoked.
    ParentRevoked,
}

/// What became of a child that was to live longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildRenewal {
    /// It ends at that time now.
    Until(Timestamp),
    /// It had ended, and the parent has as many live children as it may have; the first of them ends at
    /// that time.
    FullUntil(Timestamp),
    /// The parent has no such child, or it was revoked.
    Gone,
}

/// A token that a transaction has just ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedToken {
    /// Its id.
    pub id: KeyId,
    /// Its hash.
    pub hash: TokenHash,
}

impl Store {
    /// The token of that hash, dead or alive.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn token(&self, hash: &TokenHash) -> Result<Option<TokenRow>, StoreError> {
        let stored: Option<StoredToken> = self.first(FIND, values![&hash.as_bytes()[..]]).await?;
        stored.map(StoredToken::read).transpose()
    }

    /// Stores the child of a token unless that has `most` live ones already, at least 1: exact however
    /// many ask at once, on however many servers.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_child(&self, child: &NewToken, most: i64) -> Result<ChildInsertion, StoreError> {
        let parent = child.parent.map(|parent| parent.to_string());
        transaction!(self, |open| {
            take_turn(open, child.organization).await?;
            if let Some(until) =
                full_until(open, parent.as_deref().unwrap_or_default(), child.created_at, most).await?
            {
                ChildInsertion::FullUntil(until)
            } else if child.insert(open, INSERT_CHILD, &[]).await? == 1 {
                ChildInsertion::Inserted
            } else {
                ChildInsertion::ParentRevoked
            }
        })
    }

    /// Lets a child of `parent` live until `until`, never shorter than it would have. One that has ended
    /// by itself lives again if that does not make more than `most`.
    ///
    /// # Errors
    /// When the database does not answer. How long the child lives is unknown then.
    pub async fn renew_child(
        &self,
        organization: OrganizationId,
        parent: KeyId,
        child: &TokenHash,
        until: Timestamp,
        now: Timestamp,
        most: i64,
    ) -> Result<ChildRenewal, StoreError> {
        let parent = parent.to_string();
        transaction!(self, |open| {
            take_turn(open, organization).await?;
            let found: Option<(i64,)> =
                open.first(FIND_CHILD, values![&child.as_bytes()[..], &parent]).await?;
            match found.map(|(end,)| Timestamp(end)) {
                None => ChildRenewal::Gone,
                Some(end) if end >= until => ChildRenewal::Until(end),
                Some(end) => {
                    let full = match end > now {
                        true => None,
                        false => full_until(open, &parent, now, most).await?,
                    };
                    if let Some(until) = full {
                        ChildRenewal::FullUntil(until)
                    } else {
                        open.execute(RENEW_CHILD, values![&child.as_bytes()[..], until]).await?;
                        ChildRenewal::Until(until)
                    }
                }
            }
        })
    }

    /// Ends a token of the organization and its children, and the key that it took the place of, if that
    /// still lives. `judge` hears who asks and whose it is. What was ended.
    ///
    /// # Errors
    /// When the database does not answer. Whether the tokens live is unknown then.
    pub async fn revoke_token<E>(
        &self,
        target: &TargetKey,
        judge: impl Fn(&CallerFacts, UserId) -> Result<(), E>,
    ) -> Result<OrganizationChange<Vec<RevokedToken>, E>, StoreError> {
        let (organization, id) = (target.organization.to_string(), target.key.to_string());
        transaction!(self, |open| {
            take_turn(open, target.organization).await?;
            let caller = caller_facts(open, target.caller, target.at).await?;
            let found: Option<(String,)> = open.first(FIND_REVOCABLE, values![&id, &organization]).await?;
            let owner = found.map(|(user,)| read_id(&user, "tokens.user_id")).transpose()?;
            match (caller, owner) {
                (None, _) => OrganizationChange::CallerEnded,
                (_, None) => OrganizationChange::NotThere,
                (Some(caller), Some(owner)) => match judge(&caller, owner) {
                    Err(refusal) => OrganizationChange::Refused(refusal),
                    Ok(()) => {
                        let revoked = revoke(open, target.organization, target.key, target.at).await?;
                        count_up(open).await?;
                        OrganizationChange::Made(revoked)
                    }
                },
            }
        })
    }

    /// Notes when tokens were last used; an earlier time never replaces a later one.
    ///
    /// # Errors
    /// When the database does not answer; nothing is noted then.
    pub async fn note_used(&self, uses: &[(KeyId, Timestamp)]) -> Result<(), StoreError> {
        // In order of id, so that two servers never wait for each other crosswise.
        let mut uses: Vec<(String, Timestamp)> = uses.iter().map(|(id, at)| (id.to_string(), *at)).collect();
        uses.sort_unstable();
        for batch in uses.chunks(USES_AT_ONCE) {
            transaction!(self, |open| {
                for (id, at) in batch {
                    open.execute(NOTE_USED, values![id, *at]).await?;
                }
            })?;
        }
        Ok(())
    }
}

impl NewToken {
    /// Runs one of the `INSERT`s, all of which begin with the same eleven values.
    pub(crate) async fn insert(
        &self,
        open: &mut Transaction,
        sql: &'static str,
        more: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        let (id, user, organization) =
            (self.id.to_string(), self.user.to_string(), self.organization.to_string());
        let parent = self.parent.map(|parent| parent.to_string());
        let scopes = self.scopes.to_stored();
        let own: &[Value<'_>; 11] = values![
            &id,
            &self.hash.as_bytes()[..],
            self.kind.as_str(),
            &self.hint,
            &user,
            &organization,
            &parent,
            &self.name,
            &scopes,
            self.created_at,
            self.expires_at,
        ];
        open.execute(sql, &[own, more].concat()).await
    }

    /// Stores it unconditionally.
    pub(crate) async fn insert_plainly(&self, open: &mut Transaction) -> Result<(), StoreError> {
        self.insert(open, INSERT, &[]).await.map(drop)
    }
}

/// Makes every change of the organization's tokens wait for the one before it to commit.
pub(crate) async fn take_turn(
    open: &mut Transaction,
    organization: OrganizationId,
) -> Result<(), StoreError> {
    open.execute(TAKE_TURN, values![&organization.to_string()]).await.map(drop)
}

/// Ends a token, its children, and the key that it took the place of with that one's.
pub(crate) async fn revoke(
    open: &mut Transaction,
    organization: OrganizationId,
    token: KeyId,
    at: Timestamp,
) -> Result<Vec<RevokedToken>, StoreError> {
    let (organization, id) = (organization.to_string(), token.to_string());
    let rows: Vec<(String, Vec<u8>)> = open.all(REVOKE, values![&id, &organization, at]).await?;
    rows.into_iter().map(read_revoked).collect()
}

/// When the first of the parent's live children ends, if it has as many as it may have.
async fn full_until(
    open: &mut Transaction,
    parent: &str,
    now: Timestamp,
    most: i64,
) -> Result<Option<Timestamp>, StoreError> {
    // The n-th that ends last: while it lives there is no room. The first to end makes some.
    let full: Option<(i64,)> = open.first(NTH_LIVE_CHILD, values![parent, now, most - 1]).await?;
    if full.is_none() {
        return Ok(None);
    }
    let first: Option<(i64,)> = open.first(FIRST_LIVE_CHILD, values![parent, now]).await?;
    let (first,) = first.ok_or(StoreError::Unreadable { column: "tokens.expires_at" })?;
    Ok(Some(Timestamp(first)))
}

/// Reads a stored hash.
pub(crate) fn read_hash(bytes: &[u8]) -> Result<TokenHash, StoreError> {
    TokenHash::from_bytes(bytes).ok_or(StoreError::Unreadable { column: "tokens.hash" })
}

/// Reads a stored id; `column` is where it stands.
pub(crate) fn read_id<T: std::str::FromStr>(text: &str, column: &'static str) -> Result<T, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable { column })
}

pub(crate) fn read_revoked((id, hash): (String, Vec<u8>)) -> Result<RevokedToken, StoreError> {
    Ok(RevokedToken { id: read_id(&id, "tokens.id")?, hash: read_hash(&hash)? })
}

#[derive(FromRow)]
struct StoredToken {
    id: String,
    kind: String,
    parent_id: Option<String>,
    grant_id: Option<String>,
    audience: Option<String>,
    user_id: String,
    organization_id: String,
    scopes: String,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    parent_revoked_at: Option<i64>,
    parent_expires_at: Option<i64>,
    parent_scopes: Option<String>,
    role: Option<String>,
    user_kind: String,
    user_status: String,
    administrator: bool,
    user_administrator: bool,
    user_essential_traffic_only: bool,
    user_expires_at: Option<i64>,
}

impl StoredToken {
    fn read(self) -> Result<TokenRow, StoreError> {
        // A child has no more than its parent has now, which may be less than it had.
        let ends = [self.expires_at, self.parent_expires_at, self.user_expires_at].into_iter().flatten();
        let own = Scopes::from_stored(&self.scopes);
        let scopes = self.parent_scopes.map_or(own, |parents| own.and(Scopes::from_stored(&parents)));
        let role = match self.role.as_deref() {
            None => None,
            Some(name) => {
                Some(Role::from_name(name).ok_or(StoreError::Unreadable { column: "memberships.role" })?)
            }
        };
        let parent = self.parent_id.map(|id| read_id(&id, "tokens.parent_id")).transpose()?;
        let session = match (self.grant_id, self.parent_expires_at) {
            (None, _) => None,
            (Some(id), Some(end)) => {
                Some(Session { id: read_id(&id, "tokens.grant_id")?, expires_at: Timestamp(end) })
            }
            (Some(_), None) => return Err(StoreError::Unreadable { column: "tokens.expires_at" }),
        };
        Ok(TokenRow {
            id: read_id(&self.id, "tokens.id")?,
            kind: TokenKind::from_name(&self.kind).ok_or(StoreError::Unreadable { column: "tokens.kind" })?,
            parent: parent.filter(|_| session.is_none()),
            session,
            audience: self.audience,
            user: read_id(&self.user_id, "tokens.user_id")?,
            organization: read_id(&self.organization_id, "tokens.organization_id")?,
            role: role.unwrap_or(Role::Member),
            scopes,
            temporary: self.user_kind == "temporary" && self.user_expires_at.is_some(),
            administrator: self.administrator && self.user_administrator,
            essential_traffic_only: self.user_essential_traffic_only,
            expires_at: ends.min().map(Timestamp),
            revoked: self.revoked_at.is_some()
                || self.parent_revoked_at.is_some()
                || self.user_status != "active"
                || role.is_none(),
        })
    }
}

const USES_AT_ONCE: usize = 500;

statements! {
    FIND = "SELECT t.id, t.kind, t.parent_id, t.grant_id, t.audience, t.user_id, t.organization_id, t.scopes, t.expires_at, \
            t.revoked_at, t.administrator, p.revoked_at AS parent_revoked_at, \
            p.expires_at AS parent_expires_at, p.scopes AS parent_scopes, u.kind AS user_kind, \
            u.status AS user_status, u.administrator AS user_administrator, \
            u.essential_traffic_only AS user_essential_traffic_only, \
            u.expires_at AS user_expires_at, m.role \
            FROM tokens t JOIN users u ON u.id = t.user_id LEFT JOIN tokens p ON p.id = t.parent_id \
            LEFT JOIN memberships m ON m.user_id = t.user_id AND m.organization_id = t.organization_id \
            WHERE t.hash = $1";
    INSERT = "INSERT INTO tokens (id, hash, kind, hint, user_id, organization_id, parent_id, name, scopes, \
              created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    /// The empty half of the union gives the placeholders their types.
    INSERT_CHILD = "INSERT INTO tokens (id, hash, kind, hint, user_id, organization_id, parent_id, name, \
                    scopes, created_at, expires_at) \
                    SELECT id, hash, kind, hint, user_id, organization_id, parent_id, name, scopes, \
                    created_at, expires_at FROM tokens WHERE FALSE UNION ALL \
                    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11 WHERE EXISTS \
                    (SELECT 1 FROM tokens WHERE id = $7 AND revoked_at IS NULL)";
    NTH_LIVE_CHILD = "SELECT expires_at FROM tokens WHERE parent_id = $1 AND revoked_at IS NULL \
                      AND grant_id IS NULL AND expires_at > $2 ORDER BY expires_at DESC LIMIT 1 OFFSET $3";
    FIRST_LIVE_CHILD = "SELECT expires_at FROM tokens WHERE parent_id = $1 AND revoked_at IS NULL \
                        AND grant_id IS NULL AND expires_at > $2 ORDER BY expires_at LIMIT 1";
    FIND_CHILD = "SELECT expires_at FROM tokens WHERE hash = $1 AND parent_id = $2 AND revoked_at IS NULL \
                  AND grant_id IS NULL AND expires_at IS NOT NULL";
    RENEW_CHILD = "UPDATE tokens SET expires_at = $2 WHERE hash = $1 AND revoked_at IS NULL";
    TAKE_TURN = "UPDATE organizations SET seq = seq + 1 WHERE id = $1";
    FIND_REVOCABLE = "SELECT user_id FROM tokens WHERE id = $1 AND organization_id = $2 AND revoked_at IS NULL";
    REVOKE = "UPDATE tokens SET revoked_at = $3 WHERE (id = $1 OR parent_id = $1 OR replaced_by = $1 \
              OR parent_id IN (SELECT id FROM tokens WHERE replaced_by = $1)) AND organization_id = $2 \
              AND revoked_at IS NULL RETURNING id, hash";
    NOTE_USED = "UPDATE tokens SET last_used_at = $2 WHERE id = $1 \
                 AND (last_used_at IS NULL OR last_used_at < $2)";
}
