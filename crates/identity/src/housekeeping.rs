//! What is done from time to time: deleting what has ended, noting what was used.

use keywright_protocol::ApiError;
use keywright_store::{RecordsMove, StoreError, SweepRules};

use crate::Identity;
use crate::failure::store_failed;

impl Identity {
    /// Deletes temporary accounts and child tokens that ended at least a day ago, API keys that were
    /// revoked at least 30 days ago, mailed codes of the day before, invitations whose time is over, applications
    /// that nobody has used for 90 days, and notes that no limit counts any more. How many accounts went.
    /// Until then a token is told that it has expired or was revoked; afterwards that it is unknown.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE`; what is left is deleted the next time.
    pub async fn sweep(&self) -> Result<i64, ApiError> {
        let now = self.now();
        let rules = SweepRules {
            now,
            ended_before: now.plus_seconds(-KEPT_SECONDS),
            revoked_before: now.plus_seconds(-REVOKED_KEPT_SECONDS),
            used_before: now.plus_seconds(-IDLE_KEPT_SECONDS),
            signed_before: now.plus_seconds(-SIGNED_KEPT_SECONDS),
            notes_before: now.plus_seconds(-COUNTED_SECONDS),
            at_most: AT_ONCE,
        };
        let mut accounts = 0;
        loop {
            let identity = self.clone();
            let swept = self
                .lasting(async move {
                    let swept = identity.inner.store.sweep(&rules).await?;
                    identity.inner.cache.bury(swept.tokens.iter().copied());
                    Ok(swept)
                })
                .await?;
            accounts += swept.accounts;
            if !swept.more {
                return Ok(accounts);
            }
        }
    }

    /// The records that are to move, by all that was decided within the last day.
    ///
    /// # Errors
    /// `STORAGE_UNAVAILABLE`; ask again.
    pub async fn record_moves(&self) -> Result<Vec<RecordsMove>, ApiError> {
        let since = self.now().plus_seconds(-KEPT_SECONDS);
        self.inner.store.record_moves(since).await.map_err(|error| store_failed(&error))
    }

    /// Completes when a change on this server has decided that records move.
    pub async fn moves_decided(&self) {
        self.inner.moves.notified().await;
    }

    /// Tells the store which tokens were used since the last call; every 30 seconds keeps `last used`
    /// within the minute that is promised.
    ///
    /// # Errors
    /// When the database does not answer; nothing is lost, the next call tells it.
    pub async fn flush_last_used(&self) -> Result<(), StoreError> {
        let uses = self.inner.cache.take_uses();
        let noted = self.inner.store.note_used(&uses).await;
        if noted.is_err() {
            self.inner.cache.keep_unnoted(uses);
        }
        noted
    }
}

/// Long enough for a late caller to hear why, and for streams that were running to end by themselves.
const KEPT_SECONDS: i64 = 86_400;
/// Long enough for whoever has such a key in a configuration to hear that it was revoked.
const REVOKED_KEPT_SECONDS: i64 = 30 * 86_400;
/// As long as sessions live at most, so that an application that is used at all stays.
const IDLE_KEPT_SECONDS: i64 = 90 * 86_400;
/// As long as a signing key is in use, and longer than anything that it signed is good.
const SIGNED_KEPT_SECONDS: i64 = 60 * 86_400;
/// The window of the hourly limits.
const COUNTED_SECONDS: i64 = 3_600;
/// Small enough that no other change waits long.
const AT_ONCE: i64 = 100;
