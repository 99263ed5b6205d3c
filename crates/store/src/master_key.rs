//! Which master key the database belongs to. The key itself is never here.

use keywright_protocol::Timestamp;

use crate::engine::{transaction, values};
use crate::statement::statements;
use crate::{Store, StoreError};

/// What the database knows of its master key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKeyMark {
    /// The public id of the key.
    pub key_id: String,
    /// A known text sealed under it: who cannot open it has the wrong key.
    pub canary: Vec<u8>,
}

impl Store {
    /// The mark, if a key was ever claimed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn master_key(&self) -> Result<Option<MasterKeyMark>, StoreError> {
        let row: Option<(String, Vec<u8>)> = self.first(READ, values![]).await?;
        Ok(row.map(|(key_id, canary)| MasterKeyMark { key_id, canary }))
    }

    /// Marks the database as belonging to a key. Of several servers that start at once one wins and
    /// gets `None`; the others get the winner's mark and must discard the key that they made.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim_master_key(
        &self,
        mark: &MasterKeyMark,
        at: Timestamp,
    ) -> Result<Option<MasterKeyMark>, StoreError> {
        transaction!(self, |open| {
            if open.execute(CLAIM, values![&mark.key_id, &mark.canary[..], at]).await? == 1 {
                None
            } else {
                let winner: Option<(String, Vec<u8>)> = open.first(READ, values![]).await?;
                let (key_id, canary) =
                    winner.ok_or(StoreError::Unreadable { column: "master_key.key_id" })?;
                Some(MasterKeyMark { key_id, canary })
            }
        })
    }
}

statements! {
    READ = "SELECT key_id, canary FROM master_key WHERE id = 1";
    CLAIM = "INSERT INTO master_key (id, key_id, canary, created_at) VALUES (1, $1, $2, $3) \
             ON CONFLICT DO NOTHING";
}
