//! Wrong codes and secrets that were tried lately, for the limits.

use keywright_protocol::{KeyId, Timestamp};

use crate::engine::{Transaction, transaction, values};
use crate::statement::statements;
use crate::{Store, StoreError};

/// What somebody tries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The code that a device shows to its person.
    UserCode,
    /// The code that a device polls with.
    DeviceCode,
    /// The secret of an application.
    ClientSecret,
}

/// How many wrong tries are taken from one within a rolling time.
#[derive(Clone, Copy, Debug)]
pub struct TryLimit<'a> {
    /// Whose tries: an address, a session of the pages, an application, or everybody's.
    pub who: &'a str,
    /// As many lock; at least 1.
    pub wrong_tries: i64,
    /// Within so many seconds.
    pub window_seconds: i64,
}

impl Store {
    /// When `what` may be tried again, if one of the limits is reached.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn locked_until(
        &self,
        what: Tried,
        limits: &[TryLimit<'_>],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        transaction!(self, |open| { locked(open, what, limits, now).await? })
    }

    /// Notes a wrong try against each of the limits, unless one of them is reached: when that ends. Exact
    /// however many try at once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_wrong_try(
        &self,
        what: Tried,
        limits: &[TryLimit<'_>],
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        transaction!(self, |open| {
            open.execute(TAKE_TURN, values![]).await?;
            let locked = locked(open, what, limits, now).await?;
            if locked.is_none() {
                for limit in limits {
                    let id = KeyId::new().to_string();
                    open.execute(NOTE, values![&id, what.as_str(), limit.who, now]).await?;
                }
            }
            locked
        })
    }
}

impl Tried {
    fn as_str(self) -> &'static str {
        match self {
            Self::UserCode => "user_code",
            Self::DeviceCode => "device_code",
            Self::ClientSecret => "client_secret",
        }
    }
}

async fn locked(
    open: &mut Transaction,
    what: Tried,
    limits: &[TryLimit<'_>],
    now: Timestamp,
) -> Result<Option<Timestamp>, StoreError> {
    let mut until = None;
    for limit in limits {
        let since = now.plus_seconds(-limit.window_seconds);
        let nth = values![what.as_str(), limit.who, since, limit.wrong_tries - 1];
        let row: Option<(i64,)> = open.first(NTH, nth).await?;
        until = until.max(row.map(|(at,)| Timestamp(at).plus_seconds(limit.window_seconds)));
    }
    Ok(until)
}

statements! {
    TAKE_TURN = "UPDATE turns SET n = n + 1 WHERE name = 'oauth'";
    NTH = "SELECT at FROM oauth_failures WHERE what = $1 AND who = $2 AND at > $3 \
           ORDER BY at DESC LIMIT 1 OFFSET $4";
    NOTE = "INSERT INTO oauth_failures (id, what, who, at) VALUES ($1, $2, $3, $4)";
}
