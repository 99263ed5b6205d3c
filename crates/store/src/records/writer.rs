//! The handle that the data plane holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keywright_protocol::Timestamp;
use keywright_protocol::record::RecordOp;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::inbox::{Batch, Inbox, Work};
use super::{LocalRecords, RecordsMove};
use super::{postgres, sqlite};
use crate::StoreError;
use crate::database::{Pools, Store};

/// How many calls may be running or waiting for their record at one time.
pub const SLOTS: usize = 65_536;

/// Why a batch is not in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordsFailure {
    /// The database did not take the rows: the disk is full or failing, or the server does not answer.
    /// The reason is in the log, once. Later batches are tried again, so it mends itself. When the
    /// connection broke during the commit the rows may be there all the same.
    #[error("the records could not be written")]
    NotCommitted,
    /// The writer has been shut down, or its thread died.
    #[error("the writer of records has ended")]
    Closed,
}

/// Writes records. Clones share one writer.
///
/// Whoever submits holds a [`Slot`] for each call, from its start until its last write is
/// acknowledged. That bounds what can wait here, and it is why an abort can always be recorded.
#[derive(Clone, Debug)]
pub struct RecordsWriter {
    queue: UnboundedSender<Work>,
    /// Only on SQLite.
    direct: Option<Arc<sqlite::Direct>>,
    free: Arc<AtomicUsize>,
}

impl RecordsWriter {
    /// Starts the one writer of this server's records. Rows that an ended server left without an end
    /// become `interrupted` first; should such a call end after all, its end wins.
    ///
    /// On SQLite it is a thread and all open rows are such rows, because the folder is ours alone. On
    /// PostgreSQL it is a task on the runtime that this is called from, with a connection of its own that
    /// holds a lock on this server's number: rows whose number nobody holds are such rows. The store must
    /// outlive the writer, since it is what keeps the folder ours.
    ///
    /// # Errors
    /// The file cannot be opened or written; the server does not answer or refuses.
    pub async fn open(store: &Store) -> Result<Self, StoreError> {
        let (queue, inbox) = Inbox::new();
        let direct = match store.pools() {
            Pools::Sqlite { records, .. } => Some(sqlite::start(records, sqlite::ALONE, inbox)?),
            Pools::Postgres(pool) => {
                postgres::start(&pool.connect_options(), inbox).await?;
                None
            }
        };
        Ok(Self::over(queue, direct))
    }

    /// Starts a writer of local mode's records, beside those of other runs. `local` must outlive it: it is
    /// what says that this run lives.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open_local(local: &LocalRecords) -> Result<Self, StoreError> {
        let (queue, inbox) = Inbox::new();
        let direct = sqlite::start(local.path(), local.run(), inbox)?;
        Ok(Self::over(queue, Some(direct)))
    }

    fn over(queue: UnboundedSender<Work>, direct: Option<Arc<sqlite::Direct>>) -> Self {
        Self { queue, direct, free: Arc::new(AtomicUsize::new(SLOTS)) }
    }

    /// Keeps a place for one call; none when [`SLOTS`] calls hold theirs. Given back on drop.
    pub fn reserve(&self) -> Option<Slot> {
        self.free.fetch_update(Ordering::AcqRel, Ordering::Acquire, |free| free.checked_sub(1)).ok()?;
        Some(Slot(Arc::clone(&self.free)))
    }

    /// Hands over a batch and returns at once. `done` hears `Ok` after the commit and never before it. It
    /// runs on the writer's thread: it should wake somebody and no more. All of a batch is written or
    /// nothing of it; batches are answered in the order in which they came.
    ///
    /// An end without a beginning is not an error: there is no row to end.
    pub fn submit(
        &self,
        batch: impl Into<Arc<Vec<RecordOp>>>,
        done: impl FnOnce(Result<(), RecordsFailure>) + Send + 'static,
    ) {
        // A batch that nobody takes any more answers `Closed` when it is dropped.
        let _ = self.queue.send(Work::Write(Batch::new(batch, done)));
    }

    /// Commits one beginning or end before it returns, if that takes no waiting; else `false`, and the
    /// caller submits it. For a caller with one row and little else to do: handing a row to the writer's
    /// thread and being woken by it takes longer than writing it. It blocks for one write to the
    /// system's cache of the file, and once in a while for a flush of the head of the log.
    pub fn write_now(&self, op: &RecordOp) -> bool {
        self.direct.as_ref().is_some_and(|direct| direct.try_write(op))
    }

    /// Deletes the rows of before `before`, at most 1,000 between two groups of writes, until none is
    /// left. Returns at once. A failure ends it; it goes on where it was when asked again.
    pub fn delete_older_than(&self, before: Timestamp) {
        let _ = self.queue.send(Work::DeleteBefore(before));
    }

    /// Gives the records of one organization to another, at most 1,000 between two groups of writes, until
    /// none is left. Returns at once. A failure ends it; it goes on where it was when asked again.
    pub fn move_records(&self, asked: RecordsMove) {
        let _ = self.queue.send(Work::Move(asked));
    }

    /// Writes all that waits, folds the log into the file and ends the writer; what is submitted later
    /// hears [`RecordsFailure::Closed`]. Returns when the files are closed. The last thing of a drain.
    pub async fn shutdown(&self) {
        let (ended, wait) = oneshot::channel();
        if self.queue.send(Work::Stop(ended)).is_ok() {
            // An error says that the writer ended without a word: there is nothing left to wait for.
            let _ = wait.await;
        }
    }
}

/// The promise that one call can be recorded, whatever becomes of it.
#[derive(Debug)]
pub struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_run_out_and_come_back() {
        let (queue, _inbox) = Inbox::new();
        let writer = RecordsWriter::over(queue, None);
        let mut held: Vec<Slot> = std::iter::from_fn(|| writer.reserve()).collect();
        assert_eq!(held.len(), SLOTS);
        assert!(writer.reserve().is_none());
        held.pop();
        let again = writer.reserve();
        assert!(again.is_some());
        assert!(writer.clone().reserve().is_none(), "clones share the slots");
    }

    #[test]
    fn a_writer_whose_thread_died_says_so() {
        let (queue, inbox) = Inbox::new();
        let writer = RecordsWriter::over(queue, None);
        let (sender, heard) = std::sync::mpsc::channel();
        let late = sender.clone();
        writer.submit(vec![], move |result| sender.send(result).expect("the test listens"));
        drop(inbox);
        assert_eq!(heard.recv(), Ok(Err(RecordsFailure::Closed)));
        writer.submit(vec![], move |result| late.send(result).expect("the test listens"));
        assert_eq!(heard.recv(), Ok(Err(RecordsFailure::Closed)));
    }
}
