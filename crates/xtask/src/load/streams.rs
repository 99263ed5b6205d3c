//! Streams that are all open at the same time, and read to their end.

use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::connection::{Connection, Requests};
use super::{Count, Order};
use crate::process;

pub(super) async fn run(
    order: &Rc<Order>,
    count: &Rc<Count>,
    streams: usize,
    opening: usize,
    settle: Duration,
) {
    let requests = Rc::new(Requests::of(order));
    let turns = Rc::new(Semaphore::new(opening));
    let before = process::processor_time(&order.watch);
    let begun = Instant::now();
    count.counting.set(true);
    let tasks: Vec<_> = (0..streams)
        .map(|_| {
            let (order, count, requests) = (Rc::clone(order), Rc::clone(count), Rc::clone(&requests));
            let turns = Rc::clone(&turns);
            tokio::task::spawn_local(async move {
                let Ok(turn) = turns.acquire().await else { return };
                if let Err(error) = one(&order, &count, &requests, turn).await {
                    count.failed(error);
                }
            })
        })
        .collect();
    // All are open when each has shown its first event.
    while count.first_events.borrow().len() + failures(count) < streams {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(settle).await;
    let memory = process::resident(&order.watch);
    for task in tasks {
        let _ = task.await;
    }
    let mut outcome = count.outcome.borrow_mut();
    outcome.memory = memory;
    outcome.seconds = begun.elapsed().as_secs_f64();
    outcome.processor = process::processor_time(&order.watch) - before;
}

fn failures(count: &Count) -> usize {
    usize::try_from(count.outcome.borrow().failures).unwrap_or(usize::MAX)
}

/// Opens a stream, lets the next one open when its first event is there, and reads it to its end.
async fn one(
    order: &Order,
    count: &Count,
    requests: &Requests,
    turn: tokio::sync::SemaphorePermit<'_>,
) -> std::io::Result<()> {
    let mut connection = Connection::open(order).await?;
    connection.ask(requests, order, count, Instant::now(), || drop(turn)).await
}
