//! Keys that sign ID tokens. The private halves are sealed; the store cannot open them.

use keywright_protocol::Timestamp;

use crate::engine::{transaction, values};
use crate::statement::statements;
use crate::{Store, StoreError};

/// A key that signs, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKeyRow {
    /// Its public id.
    pub id: String,
    /// The public half, as a JSON web key.
    pub public_jwk: String,
    /// The private half, sealed under the master key.
    pub sealed: Vec<u8>,
    /// Since when.
    pub created_at: Timestamp,
}

impl Store {
    /// The keys made after `since`, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn signing_keys(&self, since: Timestamp) -> Result<Vec<SigningKeyRow>, StoreError> {
        let rows: Vec<(String, String, Vec<u8>, i64)> = self.all(READ, values![since]).await?;
        Ok(rows
            .into_iter()
            .map(|(id, public_jwk, sealed, at)| SigningKeyRow {
                id,
                public_jwk,
                sealed,
                created_at: Timestamp(at),
            })
            .collect())
    }

    /// Stores a key unless there is one that was made after `since`: of several servers one wins.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn insert_signing_key(
        &self,
        key: &SigningKeyRow,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        transaction!(self, |open| {
            open.execute(TAKE_TURN, values![]).await?;
            if open.first::<(String,)>(NEWER, values![since]).await?.is_some() {
                false
            } else {
                let row = values![&key.id, &key.public_jwk, &key.sealed[..], key.created_at];
                open.execute(INSERT, row).await?;
                true
            }
        })
    }
}

statements! {
    TAKE_TURN = "UPDATE turns SET n = n + 1 WHERE name = 'oauth'";
    READ = "SELECT id, public_jwk, sealed, created_at FROM signing_keys WHERE created_at > $1 \
            ORDER BY created_at DESC, id DESC";
    NEWER = "SELECT id FROM signing_keys WHERE created_at > $1 LIMIT 1";
    INSERT = "INSERT INTO signing_keys (id, public_jwk, sealed, created_at) VALUES ($1, $2, $3, $4)";
}
