//! How many temporary accounts were made lately, by whom.

use keywright_protocol::Timestamp;

use crate::StoreError;
use crate::engine::{Transaction, values};
use crate::statement::statements;

/// How many temporary accounts may be made within a rolling time.
#[derive(Clone, Copy, Debug)]
pub struct MintLimits {
    /// By one address; at least 1.
    pub per_address: i64,
    /// By all together; at least 1.
    pub overall: i64,
    /// Within so many seconds.
    pub window_seconds: i64,
}

/// When there is room for another account, if there is none now. Waits for every other transaction
/// that mints, so that what is counted stays true until the commit.
pub(crate) async fn full_until(
    open: &mut Transaction,
    address: &str,
    limits: &MintLimits,
    at: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    open.execute(TAKE_TURN, values![]).await?;
    let since = at.plus_seconds(-limits.window_seconds);
    // The n-th newest: while it is inside the window there is no room, and its leaving makes some.
    let by_address: Option<(i64,)> =
        open.first(NTH_BY_ADDRESS, values![address, since, limits.per_address - 1]).await?;
    let overall: Option<(i64,)> = open.first(NTH_OVERALL, values![since, limits.overall - 1]).await?;
    let last = by_address.into_iter().chain(overall).map(|(at,)| Timestamp(at)).max();
    Ok(last.map(|mint| mint.plus_seconds(limits.window_seconds)))
}

/// Notes that an account was made.
pub(crate) async fn note_mint(
    open: &mut Transaction,
    user: &str,
    address: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    open.execute(NOTE, values![user, address, at]).await.map(drop)
}

statements! {
    TAKE_TURN = "UPDATE turns SET n = n + 1 WHERE name = 'mint'";
    NTH_BY_ADDRESS = "SELECT at FROM mints WHERE address = $1 AND at > $2 \
                      ORDER BY at DESC LIMIT 1 OFFSET $3";
    NTH_OVERALL = "SELECT at FROM mints WHERE at > $1 ORDER BY at DESC LIMIT 1 OFFSET $2";
    NOTE = "INSERT INTO mints (user_id, address, at) VALUES ($1, $2, $3)";
}
