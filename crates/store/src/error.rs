//! What can go wrong with a database.

use std::path::PathBuf;

/// Why the store could not do what it was asked. None of them holds the database's URL.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer: the server is down, the connection broke or no connection came
    /// free in time. Trying again later may help.
    #[error("the database does not answer")]
    Unavailable(#[source] sqlx::Error),
    /// The disk that holds the database is full. Nothing was written; free some space.
    #[error("the disk of the database is full")]
    Full(#[source] sqlx::Error),
    /// Another transaction got in the way, again and again. Trying again helps.
    #[error("other transactions were in the way")]
    Conflict(#[source] sqlx::Error),
    /// The database was written by a newer Keywright. Start that version; nothing was changed.
    #[error(
        "{database} was written by a newer version of Keywright (its schema has version {found}, this \
         binary knows {known}); start the newer version. Nothing was changed"
    )]
    Newer {
        /// Which database.
        database: String,
        /// The newest migration that it has seen.
        found: i64,
        /// The newest migration that this binary knows.
        known: i64,
    },
    /// Another process serves the same data folder. End that one, or choose another `data_dir`.
    #[error("{} is in use by another `keywright` process; stop that one first, or choose another `--data-dir`", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The data folder or a file in it cannot be made or opened; look at its owner and mode.
    #[error("cannot use {}", path.display())]
    Folder {
        /// What was tried.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The PostgreSQL URL cannot be read. It is not repeated here, because it may hold a password.
    #[error("the URL of the database is not a valid `postgres://` URL")]
    BadUrl,
    /// The schema could not be brought up to date.
    #[error("the schema of the database could not be brought up to date")]
    Migration(#[source] sqlx::migrate::MigrateError),
    /// A row holds what no version of Keywright wrote: somebody edited the database.
    #[error("the database holds an unreadable value in {column}")]
    Unreadable {
        /// Table and column.
        column: &'static str,
    },
    /// The database refused a statement: a defect of ours.
    #[error("the database refused a statement")]
    Statement(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same transaction may succeed when it is run again at once.
    pub(crate) fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict(_))
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match cause(&error) {
            Cause::Unavailable => Self::Unavailable(error),
            Cause::Full => Self::Full(error),
            Cause::Conflict => Self::Conflict(error),
            Cause::Statement => Self::Statement(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            other => Self::Migration(other),
        }
    }
}

enum Cause {
    Unavailable,
    Full,
    Conflict,
    Statement,
}

fn cause(error: &sqlx::Error) -> Cause {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Cause::Unavailable,
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            if database.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
                sqlite_cause(&code)
            } else {
                postgres_cause(&code)
            }
        }
        _ => Cause::Statement,
    }
}

/// The low byte of SQLite's extended result code is the primary one: <https://sqlite.org/rescode.html>.
fn sqlite_cause(code: &str) -> Cause {
    match code.parse::<u32>().map(|code| code & 0xff) {
        // SQLITE_FULL
        Ok(13) => Cause::Full,
        // SQLITE_BUSY, LOCKED, READONLY, IOERR, CANTOPEN
        Ok(5 | 6 | 8 | 10 | 14) => Cause::Unavailable,
        _ => Cause::Statement,
    }
}

/// Appendix A of the PostgreSQL manual.
fn postgres_cause(code: &str) -> Cause {
    match code {
        "40001" | "40P01" => Cause::Conflict,
        "53100" => Cause::Full,
        _ if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Cause::Unavailable,
        // A role or database that is not there, a wrong password.
        _ if code.starts_with("28") || code == "3D000" => Cause::Unavailable,
        _ => Cause::Statement,
    }
}
