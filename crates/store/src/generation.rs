//! The count of revoking transactions, by which servers that share a database notice each other's.

use crate::engine::{Transaction, values};
use crate::statement::statements;
use crate::{Store, StoreError};

impl Store {
    /// How many transactions that ended or changed tokens have committed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn generation(&self) -> Result<i64, StoreError> {
        let row: Option<(i64,)> = self.first(READ, values![]).await?;
        row.map(|(n,)| n).ok_or(StoreError::Unreadable { column: "generation.n" })
    }
}

/// The last statement of a transaction that ends or changes tokens: the row lock, held until the
/// commit, makes the order of numbers the order of commits.
pub(crate) async fn count_up(open: &mut Transaction) -> Result<(), StoreError> {
    open.execute(COUNT_UP, values![]).await.map(drop)
}

statements! {
    READ = "SELECT n FROM generation WHERE id = 1";
    COUNT_UP = "UPDATE generation SET n = n + 1 WHERE id = 1";
}
