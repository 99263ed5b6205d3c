//! Folds the log of the records file into the file, on a thread of its own, so that no commit waits for it.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

/// The thread that checkpoints.
pub(super) struct Checkpointer {
    running: Sender<()>,
    thread: JoinHandle<()>,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> io::Result<Self> {
        let connection = Connection::open(path).map_err(io::Error::other)?;
        connection.busy_timeout(PATIENCE).map_err(io::Error::other)?;
        let (running, ended) = mpsc::channel::<()>();
        let thread = std::thread::Builder::new().name("records-log".to_owned()).spawn(move || {
            let mut failing = false;
            while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
                let result = fold(&connection);
                if let Err(error) = &result
                    && !failing
                {
                    tracing::warn!(%error, "the log of the records cannot be folded into the file");
                }
                failing = result.is_err();
            }
        })?;
        Ok(Self { running, thread })
    }

    /// Ends the thread and closes its connection.
    pub(super) fn stop(self) {
        drop(self.running);
        // An error is a panic, which has been reported where it happened.
        let _ = self.thread.join();
    }
}

fn fold(connection: &Connection) -> rusqlite::Result<()> {
    // Does not disturb the writer, but a writer that never rests keeps the log from starting over.
    if checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)")? > LONGEST_LOG {
        // Holds the writer up for the little that was added since.
        checkpoint(connection, "PRAGMA wal_checkpoint(FULL)")?;
    }
    Ok(())
}

/// Folds what can be folded; how many pages the log has.
fn checkpoint(connection: &Connection, how: &str) -> rusqlite::Result<i64> {
    connection.query_row(how, [], |row| row.get(1))
}

const EVERY: Duration = Duration::from_secs(1);

/// Pages of 4 KiB: 64 MiB.
const LONGEST_LOG: i64 = 16_384;

/// How long a checkpoint waits for readers while it holds up the writer.
const PATIENCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_folded_into_the_file_while_the_writer_lives() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("records.db");
        let writer = Connection::open(&path).expect("opens");
        writer.pragma_update(None, "journal_mode", "wal").expect("wal");
        writer.pragma_update(None, "wal_autocheckpoint", 0).expect("set");
        writer.execute_batch("CREATE TABLE t (n BIGINT); INSERT INTO t VALUES (1);").expect("written");
        let other = Connection::open(&path).expect("opens");
        let before = std::fs::metadata(&path).expect("there").len();
        fold(&other).expect("folds");
        assert!(std::fs::metadata(&path).expect("there").len() > before);
        let (log, folded): (i64, i64) = other
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| Ok((row.get(1)?, row.get(2)?)))
            .expect("answers");
        assert_eq!(log, folded);
    }

    #[test]
    fn the_thread_ends_at_once_when_told() {
        let folder = tempfile::tempdir().expect("folder");
        let checkpointer = Checkpointer::start(&folder.path().join("records.db")).expect("starts");
        checkpointer.stop();
    }
}
