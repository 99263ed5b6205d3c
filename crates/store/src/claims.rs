//! One-time codes that make their bearer an administrator. Only hashes of them are here.

use keywright_protocol::{KeyId, OrganizationId, Timestamp, UserId};
use keywright_secret::TokenHash;

use crate::engine::{Transaction, transaction, values};
use crate::generation::count_up;
use crate::statement::statements;
use crate::tokens::{read_hash, take_turn};
use crate::{Store, StoreError};

/// How many wrong codes are taken within a rolling time.
#[derive(Clone, Copy, Debug)]
pub struct ClaimRules {
    /// As many wrong codes lock; at least 1.
    pub wrong_tries: i64,
    /// Within so many seconds.
    pub window_seconds: i64,
}

/// Who presents a code.
#[derive(Clone, Copy, Debug)]
pub struct Claimant {
    /// With which token.
    pub token: KeyId,
    /// Whose token it is.
    pub user: UserId,
    /// The organization that the token acts in.
    pub organization: OrganizationId,
}

/// What became of a code that somebody presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The user is an administrator now, the token acts as one, and the account no longer ends. These
    /// are the hashes of the user's tokens, of which more is true now than was.
    Claimed(Vec<TokenHash>),
    /// The code was used before.
    Used,
    /// There is no such code; it counted as a wrong one.
    Wrong,
    /// Too many were wrong; codes are taken again at that time.
    LockedUntil(Timestamp),
    /// The user is there no more, or the token has been revoked.
    ClaimantGone,
}

impl Store {
    /// Stores the hash of a code in place of all that were never used. Without `force` only when the
    /// server has neither an administrator nor an open code; `false` when it has.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn issue_claim(&self, hash: &[u8; 32], at: Timestamp, force: bool) -> Result<bool, StoreError> {
        transaction!(self, |open| {
            open.execute(TAKE_TURN, values![]).await?;
            let taken: Option<(i64,)> = open.first(TAKEN, values![]).await?;
            if force || taken.is_none() {
                open.execute(WITHDRAW, values![]).await?;
                open.execute(ISSUE, values![&hash[..], at]).await?;
                true
            } else {
                false
            }
        })
    }

    /// Makes the user an administrator if the code is good. Of its tokens only the one that claims acts
    /// as one, and what is made with it from now on.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim(
        &self,
        hash: &[u8; 32],
        claimant: &Claimant,
        at: Timestamp,
        rules: &ClaimRules,
    ) -> Result<ClaimOutcome, StoreError> {
        transaction!(self, |open| {
            open.execute(TAKE_TURN, values![]).await?;
            let since = at.plus_seconds(-rules.window_seconds);
            let nth: Option<(i64,)> = open.first(NTH_FAILURE, values![since, rules.wrong_tries - 1]).await?;
            if let Some((nth,)) = nth {
                ClaimOutcome::LockedUntil(Timestamp(nth).plus_seconds(rules.window_seconds))
            } else {
                redeem(open, hash, claimant, at).await?
            }
        })
    }
}

async fn redeem(
    open: &mut Transaction,
    hash: &[u8; 32],
    claimant: &Claimant,
    at: Timestamp,
) -> Result<ClaimOutcome, StoreError> {
    let found: Option<(Option<i64>,)> = open.first(FIND, values![&hash[..]]).await?;
    match found {
        None => {
            open.execute(NOTE_FAILURE, values![&KeyId::new().to_string(), at]).await?;
            return Ok(ClaimOutcome::Wrong);
        }
        Some((Some(_),)) => return Ok(ClaimOutcome::Used),
        Some((None,)) => {}
    }
    // A revocation of the token waits for the same turn: it comes before this, or after.
    take_turn(open, claimant.organization).await?;
    let (token, user) = (claimant.token.to_string(), claimant.user.to_string());
    if open.execute(RAISE, values![&user, at, &token]).await? == 0 {
        return Ok(ClaimOutcome::ClaimantGone);
    }
    open.execute(RAISE_TOKEN, values![&token]).await?;
    if open.execute(USE, values![&hash[..], at, &user]).await? == 0 {
        return Err(StoreError::Unreadable { column: "admin_claims.used_at" });
    }
    let tokens: Vec<(Vec<u8>,)> = open.all(TOKENS_OF_USER, values![&user]).await?;
    count_up(open).await?;
    let hashes = tokens.iter().map(|(hash,)| read_hash(hash)).collect::<Result<_, _>>()?;
    Ok(ClaimOutcome::Claimed(hashes))
}

statements! {
    TAKE_TURN = "UPDATE turns SET n = n + 1 WHERE name = 'claim'";
    TAKEN = "SELECT CAST(1 AS BIGINT) FROM users WHERE administrator AND status = 'active' UNION ALL \
             SELECT CAST(1 AS BIGINT) FROM admin_claims WHERE used_at IS NULL LIMIT 1";
    WITHDRAW = "DELETE FROM admin_claims WHERE used_at IS NULL";
    ISSUE = "INSERT INTO admin_claims (hash, created_at) VALUES ($1, $2)";
    NTH_FAILURE = "SELECT at FROM admin_claim_failures WHERE at > $1 ORDER BY at DESC LIMIT 1 OFFSET $2";
    NOTE_FAILURE = "INSERT INTO admin_claim_failures (id, at) VALUES ($1, $2)";
    FIND = "SELECT used_at FROM admin_claims WHERE hash = $1";
    USE = "UPDATE admin_claims SET used_at = $2, used_by = $3 WHERE hash = $1 AND used_at IS NULL";
    RAISE = "UPDATE users SET administrator = TRUE, expires_at = NULL WHERE id = $1 AND status = 'active' \
             AND (expires_at IS NULL OR expires_at > $2) AND EXISTS \
             (SELECT 1 FROM tokens WHERE id = $3 AND user_id = $1 AND revoked_at IS NULL)";
    /// Of a session all that it has, and by that all that it will have.
    RAISE_TOKEN = "UPDATE tokens SET administrator = TRUE WHERE id = $1 \
                   OR id = (SELECT grant_id FROM tokens WHERE id = $1) \
                   OR grant_id = (SELECT grant_id FROM tokens WHERE id = $1)";
    TOKENS_OF_USER = "SELECT hash FROM tokens WHERE user_id = $1 AND revoked_at IS NULL";
}
