//! The records file of local mode: every `keywright run` of a user writes it, several at a time.
//!
//! Each run has a random number, which its rows carry, and holds a lock on the byte of that number in one
//! lock file. The system lets go of it when the process ends, however it ends; so whoever gets that lock
//! knows that the run is over and marks what it left open as `interrupted`. No file is left behind by a
//! run that was killed.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use rusqlite::Connection;

use super::statement::{INTERRUPT_SERVER, SERVERS};
use crate::StoreError;
use crate::migration::{SqliteSchema, is_current, migrate_sqlite, subset};

/// The records file of local mode, and the lock that says that this run lives.
#[derive(Debug)]
pub struct LocalRecords {
    path: PathBuf,
    run: i64,
    /// The lock file; what is locked through it ends with it.
    locks: Locks,
}

impl LocalRecords {
    /// Opens the file in `folder`, makes what is not there, brings the schema up to date, and marks the
    /// rows that ended runs left open.
    ///
    /// # Errors
    /// [`StoreError::Newer`] when a newer version wrote it, and whatever the disk says.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(FILE);
        let unusable = |source| StoreError::Folder { path: path.clone(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unusable)?;
        let locks = Locks::open(&path.with_extension("lock")).map_err(unusable)?;
        if !is_current(&path, &subset(AREA)).await? {
            // Runs that begin together take turns.
            while !locks.lock(MIGRATION).map_err(unusable)? {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            migrate_sqlite(&[SqliteSchema { path: &path, migrations: subset(AREA) }]).await?;
            locks.unlock(MIGRATION).map_err(unusable)?;
        }
        let run = (getrandom::u64().map_err(|error| unusable(error.into()))? >> 2).cast_signed() + 1;
        // It is random, so nobody else has it.
        locks.lock(run).map_err(unusable)?;
        let local = Self { path, run, locks };
        if let Err(error) = local.settle() {
            tracing::warn!(%error, "calls of ended runs still count as running");
        }
        Ok(local)
    }

    /// The same, if any run has been recorded in `folder` before; nothing is made otherwise.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_existing(folder: &Path) -> Result<Option<Self>, StoreError> {
        if folder.join(FILE).exists() { Self::open(folder).await.map(Some) } else { Ok(None) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn run(&self) -> i64 {
        self.run
    }

    /// Marks what ended runs left open. A file that is busy is left for the next time.
    fn settle(&self) -> rusqlite::Result<()> {
        let connection = Connection::open(&self.path)?;
        connection.busy_timeout(Duration::from_millis(200))?;
        let runs: Vec<i64> =
            connection.prepare(SERVERS)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for run in runs.into_iter().filter(|run| *run != self.run) {
            // A lock that cannot be asked for belongs to a run that may live.
            if matches!(self.locks.lock(run), Ok(true)) {
                let marked = connection.execute(INTERRUPT_SERVER, [run]);
                // Nobody ever wants it again, so it matters little whether that succeeds.
                let _ = self.locks.unlock(run);
                marked?;
            }
        }
        Ok(())
    }
}

/// The lock file. It is opened once: on systems without locks that belong to what was opened, they belong
/// to the process, and end when it closes the file anywhere.
#[derive(Debug)]
struct Locks(File);

impl Locks {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path).map(Self)
    }

    /// Locks one byte, which need not be in the file; whether nobody else has it locked.
    fn lock(&self, byte: i64) -> io::Result<bool> {
        match self.set(byte, libc::F_WRLCK as libc::c_short) {
            Ok(()) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn unlock(&self, byte: i64) -> io::Result<()> {
        Ok(self.set(byte, libc::F_UNLCK as libc::c_short)?)
    }

    fn set(&self, byte: i64, kind: libc::c_short) -> nix::Result<()> {
        let range = libc::flock {
            l_type: kind,
            l_whence: libc::SEEK_SET as libc::c_short,
            l_start: byte,
            l_len: 1,
            l_pid: 0,
        };
        #[cfg(target_os = "linux")]
        let how = FcntlArg::F_OFD_SETLK(&range);
        #[cfg(not(target_os = "linux"))]
        let how = FcntlArg::F_SETLK(&range);
        fcntl(&self.0, how).map(|_| ())
    }
}

const FILE: &str = "local-records.db";
/// Which migrations are those of records.
const AREA: &str = "records";
/// The byte whose lock whoever changes the schema holds. No run has it as its number.
const MIGRATION: i64 = 0;
