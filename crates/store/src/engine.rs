//! One way to run a statement on either engine.

use keywright_protocol::Timestamp;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, FromRow, Postgres, Sqlite};

use crate::StoreError;
use crate::database::{Pools, Store};

/// A value bound to a placeholder. Statements are constants, so what a caller sends can only be here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// TEXT.
    Text(&'a str),
    /// TEXT or NULL.
    MaybeText(Option<&'a str>),
    /// BIGINT.
    Integer(i64),
    /// BIGINT or NULL.
    MaybeInteger(Option<i64>),
    /// BYTEA.
    Bytes(&'a [u8]),
    /// BYTEA or NULL.
    MaybeBytes(Option<&'a [u8]>),
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Option<String>> for Value<'a> {
    fn from(text: &'a Option<String>) -> Self {
        Self::MaybeText(text.as_deref())
    }
}

impl From<i64> for Value<'_> {
    fn from(integer: i64) -> Self {
        Self::Integer(integer)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(instant: Timestamp) -> Self {
        Self::Integer(instant.0)
    }
}

impl From<Option<Timestamp>> for Value<'_> {
    fn from(instant: Option<Timestamp>) -> Self {
        Self::MaybeInteger(instant.map(|instant| instant.0))
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a> From<Option<&'a [u8]>> for Value<'a> {
    fn from(bytes: Option<&'a [u8]>) -> Self {
        Self::MaybeBytes(bytes)
    }
}

/// The values of a statement, in the order of its placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::engine::Value::from($value)),*] };
}
pub(crate) use values;

/// A row that either engine can give.
pub(crate) trait Row:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Row for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// An open transaction. Dropped without [`commit`](Self::commit) it leaves nothing behind.
pub(crate) enum Transaction {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Transaction {
    /// Runs a statement; how many rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<u64, StoreError> {
        Ok(match self {
            Self::Sqlite(open) => sqlx::query_with(sql, bound::<SqliteArguments>(values)?)
                .execute(&mut **open)
                .await?
                .rows_affected(),
            Self::Postgres(open) => sqlx::query_with(sql, bound::<PgArguments>(values)?)
                .execute(&mut **open)
                .await?
                .rows_affected(),
        })
    }

    /// The first row of a statement's answer.
    pub(crate) async fn first<T: Row>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<T>, StoreError> {
        Ok(match self {
            Self::Sqlite(open) => {
                sqlx::query_as_with(sql, bound::<SqliteArguments>(values)?)
                    .fetch_optional(&mut **open)
                    .await?
            }
            Self::Postgres(open) => {
                sqlx::query_as_with(sql, bound::<PgArguments>(values)?).fetch_optional(&mut **open).await?
            }
        })
    }

    /// All rows of a statement's answer.
    pub(crate) async fn all<T: Row>(
        &mut self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        Ok(match self {
            Self::Sqlite(open) => {
                sqlx::query_as_with(sql, bound::<SqliteArguments>(values)?).fetch_all(&mut **open).await?
            }
            Self::Postgres(open) => {
                sqlx::query_as_with(sql, bound::<PgArguments>(values)?).fetch_all(&mut **open).await?
            }
        })
    }

    /// Makes it last.
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(open) => open.commit().await?,
            Self::Postgres(open) => open.commit().await?,
        }
        Ok(())
    }
}

impl Store {
    /// Begins a transaction that will write.
    pub(crate) async fn begin(&self) -> Result<Transaction, StoreError> {
        Ok(match self.pools() {
            // A transaction that reads before it writes must hold the write lock from the start.
            Pools::Sqlite { writer, .. } => Transaction::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres(pool) => Transaction::Postgres(pool.begin().await?),
        })
    }

    /// The first row of a query's answer, outside any transaction.
    pub(crate) async fn first<T: Row>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<T>, StoreError> {
        Ok(match self.pools() {
            Pools::Sqlite { reader, .. } => {
                sqlx::query_as_with(sql, bound::<SqliteArguments>(values)?).fetch_optional(reader).await?
            }
            Pools::Postgres(pool) => {
                sqlx::query_as_with(sql, bound::<PgArguments>(values)?).fetch_optional(pool).await?
            }
        })
    }

    /// All rows of a query's answer, outside any transaction.
    pub(crate) async fn all<T: Row>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<T>, StoreError> {
        Ok(match self.pools() {
            Pools::Sqlite { reader, .. } => {
                sqlx::query_as_with(sql, bound::<SqliteArguments>(values)?).fetch_all(reader).await?
            }
            Pools::Postgres(pool) => {
                sqlx::query_as_with(sql, bound::<PgArguments>(values)?).fetch_all(pool).await?
            }
        })
    }
}

/// Runs a block in a transaction and commits it, again when another transaction was in the way. `?`
/// in the block rolls back.
macro_rules! transaction {
    ($store:expr, |$open:ident| $body:block) => {{
        let mut attempt = 0;
        loop {
            let outcome = async {
                let mut opened = $store.begin().await?;
                let $open = &mut opened;
                let value = $body;
                opened.commit().await?;
                Ok::<_, $crate::StoreError>(value)
            }
            .await;
            match outcome {
                Err(error) if error.is_conflict() && attempt < $crate::engine::RETRIES => {
                    attempt += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(5 << attempt)).await;
                }
                outcome => break outcome,
            }
        }
    }};
}
pub(crate) use transaction;

/// How often a transaction is run again; the waits between add up to about a third of a second.
pub(crate) const RETRIES: u32 = 5;

pub(crate) fn bound<A>(values: &[Value<'_>]) -> Result<A, StoreError>
where
    A: Arguments,
    for<'v> &'v str: sqlx::Encode<'v, A::Database> + sqlx::Type<A::Database>,
    for<'v> &'v [u8]: sqlx::Encode<'v, A::Database> + sqlx::Type<A::Database>,
    for<'v> Option<&'v [u8]>: sqlx::Encode<'v, A::Database> + sqlx::Type<A::Database>,
    for<'v> Option<&'v str>: sqlx::Encode<'v, A::Database> + sqlx::Type<A::Database>,
    for<'v> Option<i64>: sqlx::Encode<'v, A::Database> + sqlx::Type<A::Database>,
    for<'v> i64: sqlx::Encode<'v, A::Database> + sqlx::Type<A::Database>,
{
    let mut arguments = A::default();
    for value in values {
        match *value {
            Value::Text(text) => arguments.add(text),
            Value::MaybeText(text) => arguments.add(text),
            Value::Integer(integer) => arguments.add(integer),
            Value::MaybeInteger(integer) => arguments.add(integer),
            Value::Bytes(bytes) => arguments.add(bytes),
            Value::MaybeBytes(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::testing::on_both;

    #[tokio::test]
    async fn a_transaction_that_another_was_in_the_way_of_runs_again() {
        on_both(|scene| async move {
            if !scene.store.is_shared() {
                return;
            }
            for (fails, succeeds) in [(1, true), (RETRIES, true), (RETRIES + 1, false)] {
                let runs = AtomicU32::new(0);
                let outcome: Result<(), StoreError> = transaction!(scene.store, |open| {
                    if runs.fetch_add(1, Ordering::SeqCst) < fails {
                        open.execute(FAIL_TO_SERIALIZE, values![]).await?;
                    }
                });
                assert_eq!(outcome.is_ok(), succeeds);
                assert_eq!(runs.into_inner(), fails.min(RETRIES) + 1);
            }
        })
        .await;
    }

    #[tokio::test]
    async fn a_transaction_that_fails_leaves_nothing_behind() {
        on_both(|scene| async move {
            let outcome: Result<(), StoreError> = transaction!(scene.store, |open| {
                crate::generation::count_up(open).await?;
                Err(StoreError::BadUrl)?
            });
            assert!(outcome.is_err());
            assert_eq!(scene.store.generation().await.expect("a number"), 0);
        })
        .await;
    }

    #[tokio::test]
    async fn a_full_disk_is_told_from_a_database_that_is_away() {
        on_both(|scene| async move {
            if let Pools::Sqlite { writer, .. } = scene.store.pools() {
                sqlx::query("PRAGMA max_page_count = 1").execute(writer).await.expect("limited");
                let big = vec![7u8; 100_000];
                let outcome: Result<(), StoreError> = transaction!(scene.store, |open| {
                    open.execute(FILL, values![&big[..]]).await?;
                });
                assert!(matches!(outcome, Err(StoreError::Full(_))), "{outcome:?}");
            }
            scene.store.close().await;
            let outcome = scene.store.generation().await;
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
        })
        .await;
    }

    const FAIL_TO_SERIALIZE: &str = "DO $$ BEGIN RAISE SQLSTATE '40001'; END $$";
    const FILL: &str = "INSERT INTO admin_claims (hash, created_at) VALUES ($1, 0)";
}
