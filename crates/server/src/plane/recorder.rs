//! Records of one thread on their way to the writer: gathered over a turn of the loop, handed over as
//! one batch, one batch in flight, one wake for all of it.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use keywright_gateway::{Committed, NotRecorded, Recorder};
use keywright_protocol::record::RecordOp;
use keywright_protocol::{Clock, ErrorCode, SystemClock};
use keywright_store::{RecordsWriter, Slot};
use tokio::sync::{Notify, oneshot};

use crate::config::RecordsMode;

/// The recorder of one thread.
pub(super) struct PlaneRecorder {
    writer: RecordsWriter,
    mode: RecordsMode,
    queue: RefCell<Queue>,
    /// Writes that failed and that nobody waits for: tried again until they succeed.
    failed: RefCell<Failed>,
    /// Places in the writer, one for each call whose last write is not yet committed.
    slots: RefCell<Vec<Slot>>,
    wake: Notify,
    closed: Cell<bool>,
    /// When something was last recorded.
    recorded_at: Cell<Instant>,
}

#[derive(Default)]
struct Queue {
    ops: Vec<RecordOp>,
    waiting: Vec<oneshot::Sender<Result<(), NotRecorded>>>,
}

#[derive(Default)]
struct Failed {
    ops: Vec<RecordOp>,
    tries: u32,
}

impl PlaneRecorder {
    pub(super) fn new(writer: RecordsWriter, mode: RecordsMode) -> Self {
        Self {
            writer,
            mode,
            queue: RefCell::default(),
            failed: RefCell::default(),
            slots: RefCell::default(),
            wake: Notify::new(),
            closed: Cell::new(false),
            recorded_at: Cell::new(Instant::now()),
        }
    }

    /// Hands records over until it is closed, and then what is left.
    pub(super) async fn run(self: Rc<Self>) {
        while !self.closed.get() {
            self.next_turn().await;
            while self.hand_over().await {
                self.gather().await;
            }
        }
        for _ in 0..LAST_TRIES {
            if self.failed.borrow().ops.is_empty() {
                return;
            }
            self.try_again().await;
            tokio::time::sleep(PAUSE).await;
        }
        self.give_up();
    }

    /// Ends [`run`](Self::run) once everything is handed over.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.wake.notify_one();
    }

    /// Waits until there is something to write, and for what else comes with it.
    async fn next_turn(&self) {
        while !self.failed.borrow().ops.is_empty() {
            if tokio::time::timeout(PAUSE, self.wake.notified()).await.is_ok() {
                return;
            }
            self.try_again().await;
        }
        self.wake.notified().await;
        match self.mode {
            RecordsMode::Strict => self.gather().await,
            RecordsMode::Batched if self.closed.get() => {}
            RecordsMode::Batched => {
                let _ = tokio::time::timeout(BATCH_TIME, self.wake.notified()).await;
            }
        }
    }

    /// Lets the other calls of this turn of the loop come along, and under load those of the next few: a
    /// commit costs about as much as ten rows.
    async fn gather(&self) {
        for _ in 0..MOST_TURNS {
            let before = self.queue.borrow().ops.len();
            tokio::task::yield_now().await;
            if self.queue.borrow().ops.len() == before {
                return;
            }
        }
    }

    /// Writes one batch; whether there was one.
    async fn hand_over(&self) -> bool {
        let Queue { ops, waiting } = self.queue.take();
        if ops.is_empty() {
            return false;
        }
        let outcome = match self.write(ops).await {
            Ok(()) => Ok(()),
            Err(mut ops) => {
                if self.mode == RecordsMode::Strict {
                    // Whoever waits for a beginning refuses its call, and records that.
                    ops.retain(|op| !matches!(op, RecordOp::Begin(_)));
                }
                self.failed.borrow_mut().ops.append(&mut ops);
                Err(NotRecorded)
            }
        };
        for waiting in waiting {
            // Whoever stopped waiting has no use for it.
            let _ = waiting.send(outcome);
        }
        true
    }

    async fn try_again(&self) {
        let Failed { ops, tries } = self.failed.take();
        if let Err(ops) = self.write(ops).await {
            let mut failed = self.failed.borrow_mut();
            failed.ops.splice(0..0, ops);
            failed.tries = tries + 1;
        }
        if self.failed.borrow().tries >= MOST_TRIES {
            self.give_up();
        }
    }

    /// Writes; on failure the writes come back.
    async fn write(&self, ops: Vec<RecordOp>) -> Result<(), Vec<RecordOp>> {
        let ops = Arc::new(ops);
        let (done, committed) = oneshot::channel();
        self.writer.submit(Arc::clone(&ops), move |outcome| {
            // Nobody waits only when the thread is gone.
            let _ = done.send(outcome);
        });
        if matches!(committed.await, Ok(Ok(()))) {
            self.release(&ops);
            Ok(())
        } else {
            Err(Arc::unwrap_or_clone(ops))
        }
    }

    /// Whether this thread may make a commit itself: few calls are open, or the last record is long ago.
    /// With more to do the writer's thread is faster, which commits many at once.
    fn has_time(&self) -> bool {
        let now = Instant::now();
        let rested = now.duration_since(self.recorded_at.replace(now)) >= REST;
        let open = self.slots.borrow().len();
        self.mode == RecordsMode::Strict
            && (open <= FEW_CALLS || rested && open <= SOME_CALLS)
            && self.queue.borrow().ops.is_empty()
    }

    /// Gives back the places of calls whose last write is done with.
    fn release(&self, ops: &[RecordOp]) {
        let ended = ops.iter().filter(|op| !matches!(op, RecordOp::Begin(_))).count();
        let mut slots = self.slots.borrow_mut();
        let left = slots.len().saturating_sub(ended);
        slots.truncate(left);
    }

    fn give_up(&self) {
        let Failed { ops, .. } = self.failed.take();
        tracing::error!("{} writes to the records are lost", ops.len());
        metrics::counter!("keywright_records_lost_total").increment(ops.len() as u64);
        self.release(&ops);
    }
}

impl Recorder for PlaneRecorder {
    fn reserve(&self) -> bool {
        match self.writer.reserve() {
            Some(slot) => {
                self.slots.borrow_mut().push(slot);
                true
            }
            None => false,
        }
    }

    fn record(&self, op: RecordOp) -> Committed {
        if self.has_time() && self.writer.write_now(&op) {
            self.release(std::slice::from_ref(&op));
            return Committed::already(Ok(()));
        }
        let mut queue = self.queue.borrow_mut();
        queue.ops.push(op);
        self.wake.notify_one();
        if self.mode == RecordsMode::Batched {
            return Committed::already(Ok(()));
        }
        let (waiting, committed) = oneshot::channel();
        queue.waiting.push(waiting);
        Committed::when(committed)
    }

    fn unproven(&self, address: IpAddr, error: ErrorCode) {
        metrics::counter!("keywright_unproven_total", "code" => error.as_str()).increment(1);
        if self.reserve() {
            let at = SystemClock.now();
            self.queue.borrow_mut().ops.push(RecordOp::Unproven { address, error, at });
            self.wake.notify_one();
        }
    }
}

/// How long a record may wait in batched mode, less the time that writing takes.
const BATCH_TIME: Duration = Duration::from_millis(500);
/// With no more calls than this a thread makes its commits itself.
const FEW_CALLS: usize = 4;
/// With no more than this it does when it has rested: a disk that stalls would stall them all.
const SOME_CALLS: usize = 64;
/// Many times what a commit takes.
const REST: Duration = Duration::from_micros(500);
/// How many turns of the loop a batch waits for more, as long as more comes with each.
const MOST_TURNS: usize = 4;
/// Between two tries of a write that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// Five minutes without a commit: then the writes count as lost.
const MOST_TRIES: u32 = 300;
/// At the end of the process.
const LAST_TRIES: u32 = 3;
