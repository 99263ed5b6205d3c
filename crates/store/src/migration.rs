//! Bringing a schema up to date, and refusing one that is newer than this binary.

use std::path::Path;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, SqliteConnection};

use crate::StoreError;
use crate::database::private_file;

/// Every migration; the first word of its description says which SQLite file it is for.
static ALL: Migrator = sqlx::migrate!("./migrations");

/// The migrations whose description begins with `area`.
pub(crate) fn subset(area: &str) -> Migrator {
    let chosen = ALL.iter().filter(|migration| migration.description.starts_with(area));
    Migrator::with_migrations(chosen.cloned().collect())
}

/// One SQLite file and what belongs in it.
pub(crate) struct SqliteSchema<'a> {
    /// The file.
    pub(crate) path: &'a Path,
    /// Its migrations.
    pub(crate) migrations: Migrator,
}

/// Brings the files up to date. All are looked at before any is touched, and where one that holds
/// something is about to change, copies of all are laid aside first, in the order given.
pub(crate) async fn migrate_sqlite(schemas: &[SqliteSchema<'_>]) -> Result<(), StoreError> {
    let mut changes = false;
    for schema in schemas {
        if let Some(applied) = applied_on_sqlite(schema.path).await? {
            refuse_newer(&file_name(schema.path), &schema.migrations, &applied)?;
            changes |= schema.migrations.iter().any(|known| !applied.contains(&known.version));
        }
    }
    if changes {
        for schema in schemas {
            lay_aside(schema.path).await?;
        }
    }
    for schema in schemas {
        private_file(schema.path)?;
        let mut connection = SqliteConnection::connect_with(&sqlite_options(schema.path)).await?;
        let migrated = schema.migrations.run_direct(None, &mut connection, false).await;
        connection.close().await?;
        migrated.map_err(|error| from_migrate(error, &file_name(schema.path), &schema.migrations))?;
    }
    Ok(())
}

/// Whether a file has seen exactly these migrations.
pub(crate) async fn is_current(path: &Path, known: &Migrator) -> Result<bool, StoreError> {
    let Some(applied) = applied_on_sqlite(path).await? else { return Ok(false) };
    refuse_newer(&file_name(path), known, &applied)?;
    Ok(known.iter().all(|migration| applied.contains(&migration.version)))
}

/// Brings a PostgreSQL database up to date. Servers that start together take turns.
pub(crate) async fn migrate_postgres(options: &PgConnectOptions) -> Result<(), StoreError> {
    let mut connection = PgConnection::connect_with(options).await?;
    if sqlx::query_scalar::<_, Option<String>>(POSTGRES_HAS_HISTORY)
        .fetch_one(&mut connection)
        .await?
        .is_some()
    {
        let applied = sqlx::query_scalar(APPLIED).fetch_all(&mut connection).await?;
        refuse_newer(POSTGRES, &ALL, &applied)?;
    }
    // Closing the connection gives back the lock that the migrator takes, whatever happened.
    let migrated = ALL.run_direct(None, &mut connection, false).await;
    connection.close().await?;
    migrated.map_err(|error| from_migrate(error, POSTGRES, &ALL))
}

/// How a SQLite file of ours is opened for writing.
pub(crate) fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(std::time::Duration::from_secs(5))
        .foreign_keys(true)
        .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
        .synchronous(sqlx::sqlite::SqliteSynchronous::Full)
        .disable_statement_logging()
}

/// The migrations that a file has seen; `None` when it is not there or empty. Read-only, and without
/// the switch to WAL, so that a file that will be refused stays as it is to the last byte.
async fn applied_on_sqlite(path: &Path) -> Result<Option<Vec<i64>>, StoreError> {
    let length = std::fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0);
    if length == 0 {
        return Ok(None);
    }
    let options = SqliteConnectOptions::new().filename(path).read_only(true).disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let tables: i64 = sqlx::query_scalar(SQLITE_HAS_HISTORY).fetch_one(&mut connection).await?;
    let applied =
        if tables == 0 { None } else { Some(sqlx::query_scalar(APPLIED).fetch_all(&mut connection).await?) };
    connection.close().await?;
    Ok(applied)
}

fn refuse_newer(database: &str, known: &Migrator, applied: &[i64]) -> Result<(), StoreError> {
    match applied.iter().filter(|version| !known.version_exists(**version)).max() {
        Some(found) => Err(newer(database, known, *found)),
        None => Ok(()),
    }
}

fn newer(database: &str, known: &Migrator, found: i64) -> StoreError {
    let known = known.iter().map(|migration| migration.version).max().unwrap_or(0);
    StoreError::Newer { database: database.to_owned(), found, known }
}

/// A newer server may have migrated between our look and our turn.
fn from_migrate(error: sqlx::migrate::MigrateError, database: &str, known: &Migrator) -> StoreError {
    match error {
        sqlx::migrate::MigrateError::VersionMissing(found) => newer(database, known, found),
        other => other.into(),
    }
}

/// Copies a file that is about to change to `NAME.before-migration`, readable by its owner only.
async fn lay_aside(path: &Path) -> Result<(), StoreError> {
    if !path.exists() {
        return Ok(());
    }
    let copy = path.with_file_name(format!("{}.before-migration", file_name(path)));
    match std::fs::remove_file(&copy) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(StoreError::Folder { path: copy, source });
        }
        _ => private_file(&copy)?,
    }
    let options = SqliteConnectOptions::new().filename(path).disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query(LAY_ASIDE).bind(copy.to_string_lossy().into_owned()).execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

const POSTGRES: &str = "the PostgreSQL database";
const APPLIED: &str = "SELECT version FROM _sqlx_migrations ORDER BY version";
const SQLITE_HAS_HISTORY: &str =
    "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = '_sqlx_migrations'";
const POSTGRES_HAS_HISTORY: &str = "SELECT CAST(to_regclass('_sqlx_migrations') AS TEXT)";
const LAY_ASIDE: &str = "VACUUM INTO $1";

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use sqlx::SqlSafeStr;
    use sqlx::migrate::{Migration, MigrationType};

    use super::*;

    fn migrator(texts: &[&'static str]) -> Migrator {
        let migrations = (1..).zip(texts).map(|(version, sql)| {
            Migration::new(
                version,
                Cow::Borrowed("identity test"),
                MigrationType::Simple,
                sql.into_sql_str(),
                false,
            )
        });
        Migrator::with_migrations(migrations.collect())
    }

    const FIRST: &str =
        "CREATE TABLE things (id BIGINT NOT NULL PRIMARY KEY); INSERT INTO things VALUES (7);";
    const SECOND: &str = "ALTER TABLE things ADD COLUMN name TEXT;";

    async fn bring_up(path: &Path, texts: &[&'static str]) -> Result<(), StoreError> {
        migrate_sqlite(&[SqliteSchema { path, migrations: migrator(texts) }]).await
    }

    #[tokio::test]
    async fn an_older_binary_refuses_a_newer_file_and_leaves_every_byte_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("keywright.db");
        bring_up(&path, &[FIRST, SECOND]).await.expect("made");
        let before = std::fs::read(&path).expect("read");
        let refused = bring_up(&path, &[FIRST]).await.expect_err("refused");
        assert!(matches!(refused, StoreError::Newer { found: 2, known: 1, .. }), "{refused}");
        assert!(refused.to_string().contains("keywright.db was written by a newer version"));
        assert_eq!(std::fs::read(&path).expect("read"), before);
    }

    #[tokio::test]
    async fn a_file_is_laid_aside_before_it_changes_and_keeps_its_rows() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("keywright.db");
        let copy = folder.path().join("keywright.db.before-migration");
        bring_up(&path, &[FIRST]).await.expect("made");
        bring_up(&path, &[FIRST]).await.expect("made twice");
        assert!(!copy.exists(), "nothing changed, nothing to lay aside");
        bring_up(&path, &[FIRST, SECOND]).await.expect("moved on");
        for file in [&path, &copy] {
            let options = SqliteConnectOptions::new().filename(file).read_only(true);
            let mut connection = SqliteConnection::connect_with(&options).await.expect("opens");
            let id: i64 =
                sqlx::query_scalar("SELECT id FROM things").fetch_one(&mut connection).await.expect("row");
            assert_eq!(id, 7);
        }
    }

    #[test]
    fn every_migration_belongs_to_one_of_the_two_files() {
        let named = subset("identity").iter().count() + subset("records").iter().count();
        assert_eq!(named, ALL.iter().count());
    }
}
