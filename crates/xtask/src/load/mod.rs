//! The load generator of the bench: one thread, connections that stay open, one order on standard input,
//! one outcome on standard output. It reads the processor time of the processes under load itself, at
//! the very moments at which it begins and ends to count.

mod closed;
mod connection;
mod open;
mod streams;

use std::cell::{Cell, RefCell};
use std::io::{self, Read};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::figures::percentile;
use crate::process;

/// What to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Whom to ask.
    pub(crate) target: SocketAddr,
    /// The tokens in `x-api-key`, each in its turn.
    pub(crate) tokens: Vec<String>,
    /// The processes whose processor time and memory count.
    pub(crate) watch: Vec<u32>,
    /// How many bytes each request's body has, at least.
    pub(crate) body: usize,
    /// The model that requests name; the provider takes it for its script.
    pub(crate) model: String,
    /// Whether requests ask for a stream.
    pub(crate) stream: bool,
    /// The status that answers must have.
    pub(crate) status: u16,
    /// How requests come.
    pub(crate) shape: Shape,
}

/// How requests come.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Shape {
    /// Each connection sends its next request when the answer to the last is there.
    Closed {
        /// How many connections.
        connections: usize,
        /// How long before anything is counted.
        warm_up: Duration,
        /// How long to count.
        time: Duration,
    },
    /// So many requests a second, whether answers come or not; times count from the moment at which a
    /// request was due.
    Open {
        /// Requests a second.
        rate: u32,
        /// How long before anything is counted.
        warm_up: Duration,
        /// How long to count.
        time: Duration,
    },
    /// Each connection opens one stream and reads it to its end; nothing else is opened meanwhile.
    Held {
        /// How many streams.
        streams: usize,
        /// How many may be opening at the same time.
        opening: usize,
        /// How long to let them be once all are open, before memory is read.
        settle: Duration,
    },
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Answers that came whole while it counted.
    pub(crate) requests: u64,
    /// Events with text that came while it counted.
    pub(crate) events: u64,
    /// Answers that broke off, or had another status.
    pub(crate) failures: u64,
    /// What the first of them was.
    pub(crate) first_failure: Option<String>,
    /// How long it counted, in seconds.
    pub(crate) seconds: f64,
    /// Processor time of the watched processes meanwhile, in microseconds.
    pub(crate) processor: u64,
    /// From request to whole answer, half of them, in nanoseconds.
    pub(crate) p50: u64,
    /// From request to whole answer, all but one in a hundred, in nanoseconds.
    pub(crate) p99: u64,
    /// From request to first event, half of them, in nanoseconds.
    pub(crate) first_event: u64,
    /// From the writing of an event to its arrival, half of them, in nanoseconds.
    pub(crate) delay: u64,
    /// Memory of the watched processes before, in KiB.
    pub(crate) memory_before: u64,
    /// Memory of the watched processes while streams are held, else at the end, in KiB.
    pub(crate) memory: u64,
    /// The most memory that the watched processes ever had, in KiB.
    pub(crate) memory_peak: u64,
}

/// Reads an order and fulfils it.
pub(crate) fn run() -> io::Result<()> {
    let mut order = String::new();
    io::stdin().read_to_string(&mut order)?;
    let order: Order = serde_json::from_str(&order)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let outcome = tokio::task::LocalSet::new().block_on(&runtime, fulfil(order));
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

async fn fulfil(order: Order) -> Outcome {
    let count = Rc::new(Count::default());
    count.outcome.borrow_mut().memory_before = process::resident(&order.watch);
    let order = Rc::new(order);
    match order.shape {
        Shape::Closed { connections, warm_up, time } => {
            closed::run(&order, &count, connections, warm_up, time).await;
        }
        Shape::Open { rate, warm_up, time } => open::run(&order, &count, rate, warm_up, time).await,
        Shape::Held { streams, opening, settle } => {
            streams::run(&order, &count, streams, opening, settle).await;
        }
    }
    count.finish(&order)
}

/// What is counted, and when.
#[derive(Debug, Default)]
struct Count {
    /// Whether it counts now.
    counting: Cell<bool>,
    /// Whether no further request is to be sent.
    over: Cell<bool>,
    outcome: RefCell<Outcome>,
    whole: RefCell<Vec<u64>>,
    first_events: RefCell<Vec<u64>>,
    delays: RefCell<Vec<u64>>,
}

impl Count {
    /// Begins to count after `warm_up` and ends after `time` more.
    async fn window(&self, order: &Order, warm_up: Duration, time: Duration) {
        tokio::time::sleep(warm_up).await;
        let before = process::processor_time(&order.watch);
        let begun = Instant::now();
        self.counting.set(true);
        tokio::time::sleep(time).await;
        self.counting.set(false);
        self.over.set(true);
        let mut outcome = self.outcome.borrow_mut();
        outcome.seconds = begun.elapsed().as_secs_f64();
        outcome.processor = process::processor_time(&order.watch) - before;
        outcome.memory = process::resident(&order.watch);
    }

    fn answered(&self, since: Instant) {
        if self.counting.get() {
            self.outcome.borrow_mut().requests += 1;
            self.whole.borrow_mut().push(nanoseconds(since.elapsed()));
        }
    }

    fn failed(&self, why: impl ToString) {
        let mut outcome = self.outcome.borrow_mut();
        outcome.failures += 1;
        outcome.first_failure.get_or_insert_with(|| why.to_string());
    }

    fn finish(&self, order: &Order) -> Outcome {
        let mut outcome = self.outcome.borrow().clone();
        outcome.p50 = percentile(&mut self.whole.borrow_mut(), 50.0);
        outcome.p99 = percentile(&mut self.whole.borrow_mut(), 99.0);
        outcome.first_event = percentile(&mut self.first_events.borrow_mut(), 50.0);
        outcome.delay = percentile(&mut self.delays.borrow_mut(), 50.0);
        outcome.memory_peak = process::peak(&order.watch);
        outcome
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
