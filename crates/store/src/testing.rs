//! Runs a test on both engines, each time in a database of its own. For tests only.
#![allow(clippy::expect_used, clippy::panic)]

mod bulk;
mod people;
mod turns;

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use keywright_protocol::{KeyId, OrganizationId, UserId};
use keywright_secret::Secret;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

use crate::database::{Pools, RECORDS_FILE};
use crate::engine::Value;
use crate::{Database, Store};

pub use bulk::{fill_records, fill_tokens};
pub use people::StoredMailCode;

/// The variable that holds the URL of a PostgreSQL server on which databases may be made.
pub const POSTGRES_VARIABLE: &str = "KEYWRIGHT_TEST_POSTGRES";

/// An empty database with a store open on it.
#[derive(Clone, Debug)]
pub struct Scene {
    /// The store.
    pub store: Arc<Store>,
    /// What it was opened with.
    pub database: Database,
}

impl Scene {
    /// A second server on the same database, where there may be one.
    pub async fn second_server(&self) -> Option<Arc<Store>> {
        match &self.database {
            Database::Sqlite { .. } => None,
            Database::Postgres { .. } => {
                Some(Arc::new(Store::open(&self.database).await.expect("a second server opens")))
            }
        }
    }

    /// Gives a user that role in each of its organizations.
    pub async fn set_role(&self, user: UserId, role: &str) {
        self.change(SET_ROLE, &[&user.to_string(), role]).await;
    }

    /// Lets a token act in another organization, as if its user were a member there.
    pub async fn move_token(&self, token: KeyId, organization: OrganizationId) {
        let (token, organization) = (token.to_string(), organization.to_string());
        self.change(JOIN, &[&token, &organization]).await;
        self.change(MOVE_TOKEN, &[&token, &organization]).await;
    }

    async fn change(&self, sql: &'static str, values: &[&str]) {
        let values: Vec<Value<'_>> = values.iter().map(|value| Value::Text(value)).collect();
        let mut open = self.store.begin().await.expect("a transaction");
        open.execute(sql, &values).await.expect("a change");
        open.commit().await.expect("a commit");
    }

    /// The folder of the files, on SQLite.
    pub fn folder(&self) -> Option<&PathBuf> {
        match &self.database {
            Database::Sqlite { folder } => Some(folder),
            Database::Postgres { .. } => None,
        }
    }
}

/// Runs `test` on SQLite in a temporary folder, then on PostgreSQL in a database made for it.
///
/// # Panics
/// When the test does, or when there is no PostgreSQL to be had.
pub async fn on_both<F, T>(test: F)
where
    F: Fn(Scene) -> T,
    T: Future<Output = ()>,
{
    on_sqlite(&test).await;
    on_postgres(&test).await;
}

async fn on_sqlite<F, T>(test: F)
where
    F: Fn(Scene) -> T,
    T: Future<Output = ()>,
{
    let folder = tempfile::tempdir().expect("a temporary folder");
    run(&test, Database::Sqlite { folder: folder.path().to_owned() }, "SQLite").await;
}

async fn on_postgres<F, T>(test: F)
where
    F: Fn(Scene) -> T,
    T: Future<Output = ()>,
{
    let url = postgres_url();
    let server =
        PgConnectOptions::from_str(url.expose()).expect("a PostgreSQL URL").disable_statement_logging();
    let name = format!("keywright_test_{}", KeyId::new());
    command(&server, format!("CREATE DATABASE {name}")).await;
    let database = Database::Postgres { url: in_database(&url, &name) };
    let ended = AssertUnwindSafe(run(&test, database, "PostgreSQL")).catch_unwind().await;
    command(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

async fn run<F, T>(test: F, database: Database, engine: &'static str)
where
    F: Fn(Scene) -> T,
    T: Future<Output = ()>,
{
    let store = Arc::new(Store::open(&database).await.expect("an empty database opens"));
    if let Err(panic) = AssertUnwindSafe(test(Scene { store, database })).catch_unwind().await {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
        panic!("on {engine}: {text}");
    }
}

impl Store {
    /// Notes a migration that this binary does not know, as a newer one would have.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn pretend_to_be_newer(&self) {
        let mut open = self.begin().await.expect("a transaction");
        open.execute(NEWER, &[]).await.expect("noted");
        open.commit().await.expect("committed");
    }
}

/// Lets nobody write the records in `folder` until what it returns is dropped.
///
/// # Panics
/// When there are none, or somebody else has been writing for 10 s.
pub fn hold_records(folder: &Path) -> HeldRecords {
    let file = folder.join(RECORDS_FILE);
    let connection = rusqlite::Connection::open(file).expect("the records");
    connection.busy_timeout(Duration::from_secs(10)).expect("a setting");
    connection.execute_batch("BEGIN IMMEDIATE").expect("the write lock");
    HeldRecords { _connection: connection }
}

/// Holds the write lock of the records.
#[derive(Debug)]
pub struct HeldRecords {
    // Closed, it rolls back.
    _connection: rusqlite::Connection,
}

/// How many callers whom nobody could prove to be anybody were refused with `code`, by the records in
/// `folder`.
///
/// # Panics
/// When there are none.
pub fn counted_refusals(folder: &Path, code: &str) -> i64 {
    let connection = rusqlite::Connection::open(folder.join(RECORDS_FILE)).expect("the records");
    connection.query_row(COUNTED_REFUSALS, [code], |row| row.get(0)).expect("a sum")
}

/// Has the engine read every SQL text of the identity database without running it.
///
/// # Panics
/// With the first text that the engine does not understand.
pub async fn prepare_every_statement(store: &Store) {
    for sql in crate::statement::IDENTITY.iter().copied().flatten().copied() {
        let prepared = match store.pools() {
            Pools::Sqlite { reader, .. } => reader.prepare(sqlx::SqlStr::from_static(sql)).await.map(drop),
            Pools::Postgres(pool) => pool.prepare(sqlx::SqlStr::from_static(sql)).await.map(drop),
        };
        prepared.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

fn postgres_url() -> Secret {
    #[allow(clippy::disallowed_methods)]
    match std::env::var(POSTGRES_VARIABLE) {
        Ok(url) if !url.is_empty() => Secret::new(url),
        _ => panic!("{POSTGRES_VARIABLE} is not set: run `./test`, which starts a PostgreSQL for the tests"),
    }
}

fn in_database(url: &Secret, name: &str) -> Secret {
    let (address, options) = url.expose().split_once('?').unwrap_or((url.expose(), ""));
    let (server, _) = address.rsplit_once('/').expect("the URL names a database");
    Secret::new(format!("{server}/{name}?{options}"))
}

async fn command(server: &PgConnectOptions, sql: String) {
    let mut connection = PgConnection::connect_with(server).await.expect("PostgreSQL answers");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.expect("PostgreSQL obeys");
    connection.close().await.expect("PostgreSQL lets go");
}

const SET_ROLE: &str = "UPDATE memberships SET role = $2 WHERE user_id = $1";
const JOIN: &str = "INSERT INTO memberships (user_id, organization_id, role, created_at) \
                    SELECT user_id, $2, 'member', created_at FROM tokens WHERE id = $1 \
                    AND NOT EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = tokens.user_id \
                    AND m.organization_id = $2)";
const MOVE_TOKEN: &str = "UPDATE tokens SET organization_id = $2 WHERE id = $1";
const COUNTED_REFUSALS: &str = "SELECT COALESCE(SUM(count), 0) FROM refusals WHERE code = $1";

const NEWER: &str = "INSERT INTO _sqlx_migrations \
                     (version, description, success, checksum, execution_time) \
                     SELECT 9999, 'identity later', success, checksum, execution_time \
                     FROM _sqlx_migrations WHERE version = 1";
