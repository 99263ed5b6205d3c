//! Refresh tokens: each is exchanged once for the next, and whoever exchanges it again right after gets the
//! same answer.

use keywright_protocol::{KeyId, OrganizationId, Scopes, Timestamp, UserId};
use keywright_secret::TokenHash;
use sqlx::FromRow;

use crate::engine::{transaction, values};
use crate::grants::{GrantToken, add_tokens};
use crate::statement::statements;
use crate::tokens::{read_id, take_turn};
use crate::{Store, StoreError};

/// A refresh token that somebody presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshRow {
    /// Its id.
    pub id: KeyId,
    /// The session that it is of.
    pub grant: KeyId,
    /// The application that has that session.
    pub client: String,
    /// Whose it is.
    pub user: UserId,
    /// The organization that it acts in.
    pub organization: OrganizationId,
    /// What may be done with what it gives.
    pub scopes: Scopes,
    /// What may be known of its user: names with blanks between.
    pub identity_scopes: String,
    /// The resources that tokens of the session may be for, with blanks between.
    pub resources: String,
    /// The one that this one's access token is for.
    pub audience: Option<String>,
    /// When the session ends by itself.
    pub ends_at: Timestamp,
    /// Whether it, its session, its user or its user's membership was ended before that.
    pub revoked: bool,
    /// What it was exchanged for, if it was.
    pub rotation: Option<Rotation>,
}

/// What a refresh token was exchanged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// When.
    pub at: Timestamp,
    /// What was answered, sealed under a key that only the exchanged token gives.
    pub answer: Option<Vec<u8>>,
    /// Whether the next one was exchanged as well.
    pub succeeded: bool,
    /// What may be done with what was given.
    pub scopes: Scopes,
    /// What may be known of the user by it: names with blanks between.
    pub identity_scopes: String,
    /// The resource that it is for.
    pub audience: Option<String>,
}

/// How often the refresh tokens of one session are exchanged.
#[derive(Clone, Copy, Debug)]
pub struct RotationLimit {
    /// At most so often; at least 1.
    pub most: i64,
    /// Within so many seconds.
    pub window_seconds: i64,
}

/// What became of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    /// It is made.
    Made,
    /// Somebody else made it, or the session was revoked.
    Lost,
    /// The session has had as many as it gets; there is room for the next at that time.
    FullUntil(Timestamp),
}

/// An exchange that is to be.
#[derive(Clone, Debug)]
pub struct NewRotation {
    /// The refresh token that was presented.
    pub token: KeyId,
    /// Its session.
    pub grant: KeyId,
    /// The session's organization.
    pub organization: OrganizationId,
    /// The refresh token that takes its place.
    pub successor: KeyId,
    /// That one, and the access token that comes with it.
    pub tokens: Vec<GrantToken>,
    /// The sealed answer.
    pub answer: Vec<u8>,
    /// Now.
    pub at: Timestamp,
    /// Until when the presented one is remembered.
    pub remembered_until: Timestamp,
}

impl Store {
    /// The refresh token of that hash, dead or alive.
    ///
    /// # Errors
    /// When the database does not answer, or the row was tampered with.
    pub async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<RefreshRow>, StoreError> {
        let stored: Option<StoredRefresh> = self.first(FIND, values![&hash.as_bytes()[..]]).await?;
        stored.map(StoredRefresh::read).transpose()
    }

    /// Exchanges a refresh token: of many that try at once, on however many servers, one succeeds.
    ///
    /// # Errors
    /// When the database does not answer. Whether it is exchanged is unknown then.
    pub async fn rotate_refresh(
        &self,
        new: &NewRotation,
        limit: &RotationLimit,
    ) -> Result<Exchange, StoreError> {
        let (token, grant) = (new.token.to_string(), new.grant.to_string());
        let successor = new.successor.to_string();
        transaction!(self, |open| {
            take_turn(open, new.organization).await?;
            let exchange = values![&token, &successor, new.at, &new.answer[..], &grant];
            let since = new.at.plus_seconds(-limit.window_seconds);
            let nth: Option<(i64,)> = open.first(NTH, values![&grant, since, limit.most - 1]).await?;
            if open.first::<(String,)>(EXCHANGED, values![&token]).await?.is_some() {
                Exchange::Lost
            } else if let Some((nth,)) = nth {
                Exchange::FullUntil(Timestamp(nth).plus_seconds(limit.window_seconds))
            } else if open.execute(ROTATE, exchange).await? == 1 {
                add_tokens(open, new.grant, &new.tokens).await?;
                open.execute(REMEMBER, values![&token, new.remembered_until]).await?;
                open.execute(NOTE_REFRESHED, values![&grant, new.at]).await?;
                Exchange::Made
            } else {
                Exchange::Lost
            }
        })
    }

    /// Wipes the answers of exchanges at or before `before`. How many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn wipe_answers(&self, before: Timestamp) -> Result<u64, StoreError> {
        // Asked first, so that a quiet server does not write every few seconds.
        if self.first::<(String,)>(FIND_ANSWER, values![before]).await?.is_none() {
            return Ok(0);
        }
        transaction!(self, |open| { open.execute(WIPE, values![before]).await? })
    }
}

#[derive(FromRow)]
struct StoredRefresh {
    id: String,
    grant_id: String,
    client_id: String,
    user_id: String,
    organization_id: String,
    scopes: String,
    identity_scopes: String,
    resources: String,
    audience: Option<String>,
    revoked_at: Option<i64>,
    grant_revoked_at: Option<i64>,
    grant_expires_at: i64,
    grant_scopes: String,
    user_status: String,
    user_expires_at: Option<i64>,
    role: Option<String>,
    rotated_at: Option<i64>,
    answer: Option<Vec<u8>>,
    successor_rotated_at: Option<i64>,
    successor_scopes: Option<String>,
    successor_identity_scopes: Option<String>,
    successor_audience: Option<String>,
}

impl StoredRefresh {
    fn read(self) -> Result<RefreshRow, StoreError> {
        let ends_at =
            self.user_expires_at.map_or(self.grant_expires_at, |end| end.min(self.grant_expires_at));
        let most = Scopes::from_stored(&self.grant_scopes);
        Ok(RefreshRow {
            id: read_id(&self.id, "tokens.id")?,
            grant: read_id(&self.grant_id, "tokens.grant_id")?,
            client: self.client_id,
            user: read_id(&self.user_id, "tokens.user_id")?,
            organization: read_id(&self.organization_id, "tokens.organization_id")?,
            scopes: Scopes::from_stored(&self.scopes).and(most),
            identity_scopes: self.identity_scopes,
            resources: self.resources,
            audience: self.audience,
            ends_at: Timestamp(ends_at),
            revoked: self.revoked_at.is_some()
                || self.grant_revoked_at.is_some()
                || self.user_status != "active"
                || self.role.is_none(),
            rotation: self.rotated_at.map(|at| Rotation {
                at: Timestamp(at),
                answer: self.answer,
                succeeded: self.successor_rotated_at.is_some(),
                scopes: Scopes::from_stored(&self.successor_scopes.unwrap_or_default()).and(most),
                identity_scopes: self.successor_identity_scopes.unwrap_or_default(),
                audience: self.successor_audience,
            }),
        })
    }
}

statements! {
    FIND = "SELECT t.id, a.id AS grant_id, g.client_id, t.user_id, t.organization_id, t.scopes, \
            COALESCE(t.identity_scopes, '') AS identity_scopes, g.resources, t.audience, t.revoked_at, a.revoked_at AS grant_revoked_at, \
            a.expires_at AS grant_expires_at, a.scopes AS grant_scopes, u.status AS user_status, \
            u.expires_at AS user_expires_at, m.role, r.at AS rotated_at, r.answer, \
            (SELECT n.at FROM rotations n WHERE n.token_id = r.successor_id) AS successor_rotated_at, \
            s.scopes AS successor_scopes, s.identity_scopes AS successor_identity_scopes, \
            s.audience AS successor_audience \
            FROM tokens t JOIN tokens a ON a.id = t.grant_id JOIN grants g ON g.id = a.id \
            JOIN users u ON u.id = t.user_id \
            LEFT JOIN memberships m ON m.user_id = t.user_id AND m.organization_id = t.organization_id \
            LEFT JOIN rotations r ON r.token_id = t.id LEFT JOIN tokens s ON s.id = r.successor_id \
            WHERE t.hash = $1 AND t.kind = 'rt'";
    /// The empty half of the union gives the placeholders their types.
    ROTATE = "INSERT INTO rotations (token_id, successor_id, at, answer, grant_id) \
              SELECT token_id, successor_id, at, answer, grant_id FROM rotations WHERE FALSE UNION ALL \
              SELECT $1, $2, $3, $4, $5 WHERE EXISTS \
              (SELECT 1 FROM tokens WHERE id = $1 AND revoked_at IS NULL) ON CONFLICT DO NOTHING";
    NTH = "SELECT at FROM rotations WHERE grant_id = $1 AND at > $2 ORDER BY at DESC LIMIT 1 OFFSET $3";
    EXCHANGED = "SELECT token_id FROM rotations WHERE token_id = $1";
    REMEMBER = "UPDATE tokens SET expires_at = $2 WHERE id = $1 AND expires_at > $2";
    NOTE_REFRESHED = "UPDATE tokens SET last_used_at = $2 WHERE id = $1 \
                      AND (last_used_at IS NULL OR last_used_at < $2)";
    FIND_ANSWER = "SELECT token_id FROM rotations WHERE answer IS NOT NULL AND at <= $1 LIMIT 1";
    WIPE = "UPDATE rotations SET answer = NULL WHERE answer IS NOT NULL AND at <= $1";
}
