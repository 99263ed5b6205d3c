//! Records of one thread on their way to the writer: gathered over a turn of the loop, handed over as
//! one batch, one batch in flight, one wake for all of it.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

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
    /// Places in the writer, one for each call whose last write is not yet acknowledged.
    slots: RefCell<Vec<Slot>>,
    wake: Notify,
    closed: Cell<bool>,
}

#[derive(Default)]
struct Queue {
    ops: Vec<RecordOp>,
    waiting: Vec<oneshot::Sender<Result<(), NotRecorded>>>,
}

impl PlaneRecorder {
    pub(super) fn new(writer: RecordsWriter, mode: RecordsMode) -> Self {
        Self {
            writer,
            mode,
            queue: RefCell::default(),
            slots: RefCell::default(),
            wake: Notify::new(),
            closed: Cell::new(false),
        }
    }

    /// Hands records over until it is closed, and then what is left.
    pub(super) async fn run(self: Rc<Self>) {
        loop {
            self.wake.notified().await;
            match self.mode {
                // The other calls of this turn of the loop come along.
                RecordsMode::Strict => tokio::task::yield_now().await,
                RecordsMode::Batched if self.closed.get() => {}
                RecordsMode::Batched => {
                    let _ = tokio::time::timeout(BATCH_TIME, self.wake.notified()).await;
                }
            }
            while self.hand_over().await {}
            if self.closed.get() {
                return;
            }
        }
    }

    /// Ends [`run`](Self::run) once everything is handed over.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.wake.notify_one();
    }

    /// Writes one batch; whether there was one.
    async fn hand_over(&self) -> bool {
        let Queue { ops, waiting } = self.queue.take();
        if ops.is_empty() {
            return false;
        }
        let ended = ops.iter().filter(|op| !matches!(op, RecordOp::Begin(_))).count();
        let (done, committed) = oneshot::channel();
        self.writer.submit(ops, move |outcome| {
            // Nobody waits only when the thread is gone.
            let _ = done.send(outcome.map_err(|_| NotRecorded));
        });
        let outcome = committed.await.unwrap_or(Err(NotRecorded));
        if outcome.is_err() {
            metrics::counter!("keywright_records_lost_total").increment(ended as u64);
        }
        for waiting in waiting {
            // Whoever stopped waiting has no use for it.
            let _ = waiting.send(outcome);
        }
        let mut slots = self.slots.borrow_mut();
        let left = slots.len().saturating_sub(ended);
        slots.truncate(left);
        true
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
