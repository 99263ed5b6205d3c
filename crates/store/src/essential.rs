//! Users who are marked for essential traffic only: no content of them is ever captured.

use keywright_protocol::UserId;
use keywright_secret::TokenHash;

use crate::engine::{Transaction, transaction, values};
use crate::generation::count_up;
use crate::statement::statements;
use crate::tokens::read_hash;
use crate::{Store, StoreError};

impl Store {
    /// Whether a user is marked; `None` when there is no such user.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn essential_traffic_only(&self, user: UserId) -> Result<Option<bool>, StoreError> {
        let row: Option<(bool,)> = self.first(MARKED, values![&user.to_string()]).await?;
        Ok(row.map(|(marked,)| marked))
    }

    /// Marks a user, or takes the mark away. The tokens of which something else is true now.
    ///
    /// # Errors
    /// When the database does not answer. Whether the user is marked is unknown then.
    pub async fn set_essential_traffic_only(
        &self,
        user: UserId,
        marked: bool,
    ) -> Result<Vec<TokenHash>, StoreError> {
        transaction!(self, |open| {
            let changed = mark(open, user, marked).await?;
            if !changed.is_empty() {
                count_up(open).await?;
            }
            changed
        })
    }
}

/// Marks a user, or takes the mark away. The tokens of which something else is true now.
pub(crate) async fn mark(
    open: &mut Transaction,
    user: UserId,
    marked: bool,
) -> Result<Vec<TokenHash>, StoreError> {
    let user = user.to_string();
    if open.execute(MARK, values![&user, i64::from(marked)]).await? == 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<(Vec<u8>,)> = open.all(TOKENS, values![&user]).await?;
    rows.into_iter().map(|(hash,)| read_hash(&hash)).collect()
}

/// Marks a user if another one is.
pub(crate) async fn mark_like(
    open: &mut Transaction,
    user: UserId,
    other: UserId,
) -> Result<Vec<TokenHash>, StoreError> {
    let row: Option<(bool,)> = open.first(MARKED, values![&other.to_string()]).await?;
    match row {
        Some((true,)) => mark(open, user, true).await,
        _ => Ok(Vec::new()),
    }
}

statements! {
    MARKED = "SELECT essential_traffic_only FROM users WHERE id = $1";
    MARK = "UPDATE users SET essential_traffic_only = (CAST($2 AS BIGINT) = 1) WHERE id = $1 \
            AND essential_traffic_only <> (CAST($2 AS BIGINT) = 1)";
    TOKENS = "SELECT hash FROM tokens WHERE user_id = $1 AND revoked_at IS NULL";
}
