//! Opening the databases, and what is open.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use keywright_secret::Secret;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqlitePool, SqlitePoolOptions};
use sqlx::{ConnectOptions, Connection};

use crate::StoreError;
use crate::migration::{SqliteSchema, is_current, migrate_postgres, migrate_sqlite, sqlite_options, subset};

/// Which database to use.
#[derive(Clone, Debug)]
pub enum Database {
    /// Two SQLite files in a folder that only one process may serve at a time.
    Sqlite {
        /// The folder; made, for its owner only, when it is not there.
        folder: PathBuf,
    },
    /// A PostgreSQL database, which several servers may share.
    Postgres {
        /// Its `postgres://` URL; it may hold a password.
        url: Secret,
    },
}

/// The open databases. SQLite files stay reserved for this process until it is dropped.
#[derive(Debug)]
pub struct Store {
    pools: Pools,
    /// Its lock ends with it.
    _reserved: Option<File>,
}

/// The connections, by engine. What they run on PostgreSQL is one database.
#[derive(Debug)]
pub(crate) enum Pools {
    /// Identity has one writer, so that no transaction ever waits on another in the middle.
    Sqlite {
        /// The one connection that writes `keywright.db`.
        writer: SqlitePool,
        /// Read-only connections to `keywright.db`.
        reader: SqlitePool,
        /// Where `records.db` lies; its schema is up to date.
        records: PathBuf,
    },
    /// Everything.
    Postgres(PgPool),
}

impl Store {
    /// Opens the databases, makes what is not there and brings the schema up to date.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another process serves the folder, [`StoreError::Newer`] when a newer
    /// version wrote the database (nothing is changed then), and whatever the disk or server says.
    pub async fn open(database: &Database) -> Result<Self, StoreError> {
        match database {
            Database::Sqlite { folder } => Self::open_sqlite(folder).await,
            Database::Postgres { url } => Self::open_postgres(url).await,
        }
    }

    /// Opens the databases although a server may be serving them, for the few changes of which no server
    /// keeps anything in memory. With no server running it is the same as [`open`](Self::open).
    ///
    /// # Errors
    /// As [`open`](Self::open); [`StoreError::InUse`] only when the running server is an older version.
    pub async fn open_beside(database: &Database) -> Result<Self, StoreError> {
        match (Self::open(database).await, database) {
            (Err(StoreError::InUse { folder }), Database::Sqlite { .. }) => {
                let identity = folder.join(IDENTITY_FILE);
                if !is_current(&identity, &subset("identity")).await? {
                    return Err(StoreError::InUse { folder });
                }
                Self::connect_sqlite(&identity, folder.join(RECORDS_FILE), None).await
            }
            (opened, _) => opened,
        }
    }

    async fn open_sqlite(folder: &Path) -> Result<Self, StoreError> {
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|source| StoreError::Folder { path: folder.to_owned(), source })?;
        let reserved = reserve(folder)?;
        let (identity, records) = (folder.join(IDENTITY_FILE), folder.join(RECORDS_FILE));
        migrate_sqlite(&[
            SqliteSchema { path: &records, migrations: subset("records") },
            SqliteSchema { path: &identity, migrations: subset("identity") },
        ])
        .await?;
        Self::connect_sqlite(&identity, records, Some(reserved)).await
    }

    async fn connect_sqlite(
        identity: &Path,
        records: PathBuf,
        reserved: Option<File>,
    ) -> Result<Self, StoreError> {
        let writer = sqlite_pool(1).connect_with(sqlite_options(identity)).await?;
        let reader = sqlite_pool(READERS).connect_with(sqlite_options(identity).read_only(true)).await?;
        Ok(Self { pools: Pools::Sqlite { writer, reader, records }, _reserved: reserved })
    }

    async fn open_postgres(url: &Secret) -> Result<Self, StoreError> {
        // The parser's own error may repeat parts of the URL.
        let options = PgConnectOptions::from_str(url.expose()).map_err(|_| StoreError::BadUrl)?;
        let options = options.application_name("keywright").disable_statement_logging();
        migrate_postgres(&options).await?;
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(PATIENCE)
            .connect_with(options)
            .await?;
        Ok(Self { pools: Pools::Postgres(pool), _reserved: None })
    }

    /// Closes all connections in order; what is dropped instead is closed in its own time.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, reader, .. } => {
                reader.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Whether other servers may change the same data, so that no memory of it can be trusted.
    pub fn is_shared(&self) -> bool {
        matches!(self.pools, Pools::Postgres(_))
    }

    /// How many queries can run at once; what comes on top waits, at most [`PATIENCE`].
    pub fn connections(&self) -> usize {
        let most = if self.is_shared() { POSTGRES_CONNECTIONS } else { READERS };
        most as usize
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }
}

/// Makes an empty file for its owner only, unless it is there. SQLite gives the files that it lays
/// beside a database the mode of the database.
pub(crate) fn private_file(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(source) if source.kind() != ErrorKind::AlreadyExists => {
            Err(StoreError::Folder { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn reserve(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK_FILE);
    private_file(&path)?;
    let file = OpenOptions::new().write(true).open(&path);
    let file = file.map_err(|source| StoreError::Folder { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(StoreError::Folder { path, source }),
    }
}

/// Connections to a file do not go stale: none is tested before use or replaced with age. But when a
/// statement fails for want of room SQLite ends the transaction by itself; sqlx's own end of it then fails,
/// and the connection would refuse every transaction after. Such a one is closed, and a new one opened.
fn sqlite_pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async move {
                if connection.is_in_transaction() {
                    // Its rollback may only be waiting for its turn.
                    connection.ping().await?;
                }
                Ok(!connection.is_in_transaction())
            })
        })
        .idle_timeout(None)
        .max_lifetime(None)
}

pub(crate) const IDENTITY_FILE: &str = "keywright.db";
pub(crate) const RECORDS_FILE: &str = "records.db";
const LOCK_FILE: &str = "keywright.lock";
const READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 10;
/// How long a request waits for a connection before it is told that the database does not answer.
pub const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    /// What a commit promises: on the disk before it answers, and no row without the one it refers to.
    #[tokio::test]
    async fn the_writer_waits_for_the_disk_and_readers_cannot_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = Database::Sqlite { folder: folder.path().to_owned() };
        let store = Store::open(&database).await.expect("opens");
        let Pools::Sqlite { writer, reader, .. } = store.pools() else { panic!("not SQLite") };
        for (pragma, full) in [("PRAGMA synchronous", 2), ("PRAGMA foreign_keys", 1)] {
            let set: i64 = sqlx::query_scalar(pragma).fetch_one(writer).await.expect("asked");
            assert_eq!(set, full, "{pragma}");
        }
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(writer).await.expect("asked");
        assert_eq!(mode, "wal");
        assert!(sqlx::query("DELETE FROM users").execute(reader).await.is_err());
    }
}
