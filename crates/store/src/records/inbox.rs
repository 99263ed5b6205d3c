//! What waits to be written, and how it is taken in groups. Both engines read from one of these.

use std::collections::VecDeque;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use keywright_protocol::Timestamp;
use keywright_protocol::record::RecordOp;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::RecordsMove;
use super::writer::RecordsFailure;

/// No more than this many writes go into one transaction, so that none takes long. A batch is never split.
const GROUP: usize = 4096;

/// One thing that the writer is asked to do.
pub(super) enum Work {
    Write(Batch),
    DeleteBefore(Timestamp),
    Move(RecordsMove),
    Stop(oneshot::Sender<()>),
}

type Done = Box<dyn FnOnce(Result<(), RecordsFailure>) + Send>;

/// Writes that belong together, and whom to tell. Dropped without an answer it tells `Closed`, so that
/// nobody waits for a writer that is gone.
pub(super) struct Batch {
    /// Shared with whoever submitted them, who may want to try again.
    pub(super) ops: Arc<Vec<RecordOp>>,
    pub(super) submitted: Instant,
    done: Option<Done>,
}

impl Batch {
    pub(super) fn new(
        ops: impl Into<Arc<Vec<RecordOp>>>,
        done: impl FnOnce(Result<(), RecordsFailure>) + Send + 'static,
    ) -> Self {
        Self { ops: ops.into(), submitted: Instant::now(), done: Some(Box::new(done)) }
    }

    fn answer(&mut self, result: Result<(), RecordsFailure>) {
        let Some(done) = self.done.take() else { return };
        // A caller that panics must not take the writer of all calls with it.
        if catch_unwind(AssertUnwindSafe(move || done(result))).is_err() {
            tracing::error!("a caller of the records writer panicked");
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.answer(Err(RecordsFailure::Closed));
    }
}

/// The writer's end of the queue.
pub(super) struct Inbox {
    queue: UnboundedReceiver<Work>,
    /// What is older than this is being deleted.
    pub(super) delete_before: Option<Timestamp>,
    /// What is being moved, one after the other.
    moves: VecDeque<RecordsMove>,
    stopping: Vec<oneshot::Sender<()>>,
    failing: bool,
}

impl Inbox {
    pub(super) fn new() -> (UnboundedSender<Work>, Self) {
        let (sender, queue) = unbounded_channel();
        (
            sender,
            Self { queue, delete_before: None, moves: VecDeque::new(), stopping: Vec::new(), failing: false },
        )
    }

    /// All that waits; sleeps while nothing does, unless something is to be deleted or moved. `None` when the
    /// writer is to end and all has been taken.
    pub(super) fn next_blocking(&mut self) -> Option<Vec<Batch>> {
        match self.try_first() {
            First::Work(work) => Some(self.gather(work)),
            First::Chore => Some(Vec::new()),
            First::Wait => self.queue.blocking_recv().map(|work| self.gather(work)),
            First::Ended => None,
        }
    }

    /// The same in a task.
    pub(super) async fn next(&mut self) -> Option<Vec<Batch>> {
        match self.try_first() {
            First::Work(work) => Some(self.gather(work)),
            First::Chore => Some(Vec::new()),
            First::Wait => self.queue.recv().await.map(|work| self.gather(work)),
            First::Ended => None,
        }
    }

    fn try_first(&mut self) -> First {
        match self.queue.try_recv() {
            Ok(work) => First::Work(work),
            Err(TryRecvError::Empty) if self.delete_before.is_some() || !self.moves.is_empty() => {
                First::Chore
            }
            Err(TryRecvError::Empty) => First::Wait,
            Err(TryRecvError::Disconnected) => First::Ended,
        }
    }

    fn gather(&mut self, first: Work) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut writes = 0;
        let mut next = Some(first);
        while let Some(work) = next {
            match work {
                Work::Write(batch) => {
                    writes += batch.ops.len();
                    batches.push(batch);
                }
                Work::DeleteBefore(before) => self.delete_before = Some(before),
                Work::Move(asked) if self.moves.contains(&asked) => {}
                Work::Move(asked) => self.moves.push_back(asked),
                Work::Stop(ended) => {
                    // Nothing comes in any more; what is in is still written.
                    self.queue.close();
                    self.stopping.push(ended);
                }
            }
            next = if writes < GROUP { self.queue.try_recv().ok() } else { None };
        }
        batches
    }

    /// Tells each batch of a group what became of it. A failure is logged when it begins and when it ends.
    pub(super) fn answer(&mut self, batches: Vec<Batch>, result: Result<(), impl Error + 'static>) {
        if let Err(error) = &result
            && !self.failing
        {
            tracing::error!(error = error as &dyn Error, "records cannot be written");
        } else if result.is_ok() && self.failing {
            tracing::info!("records are written again");
        }
        self.failing = result.is_err();
        for mut batch in batches {
            batch.answer(if self.failing { Err(RecordsFailure::NotCommitted) } else { Ok(()) });
        }
    }

    /// Takes note of a turn of deletion: it goes on until a turn finds nothing.
    pub(super) fn deleted(&mut self, rows: Result<u64, impl Error + 'static>) {
        match rows {
            Ok(0) => self.delete_before = None,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "old records cannot be deleted");
                self.delete_before = None;
            }
        }
    }

    /// What is to be moved now.
    pub(super) fn next_move(&self) -> Option<RecordsMove> {
        self.moves.front().copied()
    }

    /// Takes note of a turn of moving: it goes on until a turn finds nothing.
    pub(super) fn moved(&mut self, rows: Result<u64, impl Error + 'static>) {
        match rows {
            Ok(0) => drop(self.moves.pop_front()),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn Error, "records cannot be moved");
                // It is asked for again.
                self.moves.pop_front();
            }
        }
    }

    /// Tells those who wait for the end.
    pub(super) fn ended(self) {
        for waiting in self.stopping {
            let _ = waiting.send(());
        }
    }
}

enum First {
    Work(Work),
    Chore,
    Wait,
    Ended,
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn batch(size: usize, told: &mpsc::Sender<Result<(), RecordsFailure>>) -> Work {
        let told = told.clone();
        let at = Timestamp(0);
        let op = RecordOp::Unproven {
            address: [127, 0, 0, 1].into(),
            error: keywright_protocol::ErrorCode::KeyMissing,
            at,
        };
        Work::Write(Batch::new(vec![op; size], move |result| told.send(result).expect("the test listens")))
    }

    #[test]
    fn a_group_takes_what_waits_up_to_its_bound_and_splits_no_batch() {
        let (queue, mut inbox) = Inbox::new();
        let (told, heard) = mpsc::channel();
        for size in [1, GROUP - 2, 3, 5] {
            assert!(queue.send(batch(size, &told)).is_ok());
        }
        let first = inbox.next_blocking().expect("work");
        assert_eq!(first.len(), 3);
        inbox.answer(first, Ok::<(), std::fmt::Error>(()));
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Ok(()); 3]);
        let second = inbox.next_blocking().expect("work");
        assert_eq!(second.len(), 1);
        inbox.answer(second, Err(std::fmt::Error));
        assert_eq!(heard.try_iter().collect::<Vec<_>>(), [Err(RecordsFailure::NotCommitted)]);
    }

    #[test]
    fn a_stop_still_hands_out_what_came_before_it() {
        let (queue, mut inbox) = Inbox::new();
        let (told, heard) = mpsc::channel();
        let (ended, mut wait) = oneshot::channel();
        assert!(queue.send(batch(GROUP, &told)).is_ok());
        assert!(queue.send(Work::Stop(ended)).is_ok());
        assert!(queue.send(batch(1, &told)).is_ok());
        for _ in 0..2 {
            let batches = inbox.next_blocking().expect("work");
            inbox.answer(batches, Ok::<(), std::fmt::Error>(()));
        }
        assert_eq!(heard.try_iter().count(), 2);
        assert!(queue.send(batch(1, &told)).is_err());
        assert!(inbox.next_blocking().is_none());
        assert!(wait.try_recv().is_err());
        inbox.ended();
        assert_eq!(wait.try_recv(), Ok(()));
    }

    #[test]
    fn a_panicking_caller_does_not_end_the_writer() {
        let (queue, mut inbox) = Inbox::new();
        let (told, heard) = mpsc::channel();
        assert!(queue.send(Work::Write(Batch::new(vec![], |_| panic!("a defect")))).is_ok());
        assert!(queue.send(batch(1, &told)).is_ok());
        let batches = inbox.next_blocking().expect("work");
        inbox.answer(batches, Ok::<(), std::fmt::Error>(()));
        assert_eq!(heard.recv(), Ok(Ok(())));
    }
}
