//! Connections that send their next request when the last is answered.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::connection::{Connection, Requests};
use super::{Count, Order};

pub(super) async fn run(
    order: &Rc<Order>,
    count: &Rc<Count>,
    connections: usize,
    warm_up: Duration,
    time: Duration,
) {
    let requests = Rc::new(Requests::of(order));
    for _ in 0..connections {
        let (order, count, requests) = (Rc::clone(order), Rc::clone(count), Rc::clone(&requests));
        tokio::task::spawn_local(async move {
            while !count.over.get() {
                if let Err(error) = one(&order, &count, &requests).await {
                    count.failed(error);
                    // So that a part that is gone does not make this spin.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        });
    }
    count.window(order, warm_up, time).await;
}

/// Uses one connection until it is over.
async fn one(order: &Order, count: &Count, requests: &Requests) -> std::io::Result<()> {
    let mut connection = Connection::open(order).await?;
    while !count.over.get() {
        connection.ask(requests, order, count, Instant::now(), || {}).await?;
    }
    Ok(())
}
