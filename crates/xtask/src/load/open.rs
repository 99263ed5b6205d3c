//! So many requests a second. Each takes a connection that is free, or opens one.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::connection::{Connection, Requests};
use super::{Count, Order};

pub(super) async fn run(order: &Rc<Order>, count: &Rc<Count>, rate: u32, warm_up: Duration, time: Duration) {
    let requests = Rc::new(Requests::of(order));
    let free: Rc<RefCell<Vec<Connection>>> = Rc::default();
    let sending = async {
        let begun = Instant::now();
        for number in 0.. {
            let due = begun + Duration::from_secs(1) / rate * number;
            tokio::time::sleep_until(due.into()).await;
            if count.over.get() {
                return;
            }
            let (order, count, requests) = (Rc::clone(order), Rc::clone(count), Rc::clone(&requests));
            let free = Rc::clone(&free);
            tokio::task::spawn_local(async move {
                let idle = free.borrow_mut().pop();
                let asked = async {
                    let mut connection = match idle {
                        Some(connection) => connection,
                        None => Connection::open(&order).await?,
                    };
                    // Tokio's timers are as fine as a millisecond; the wait for one is not the proxy's.
                    connection.ask(&requests, &order, &count, Instant::now(), || {}).await?;
                    Ok::<_, std::io::Error>(connection)
                };
                match asked.await {
                    Ok(connection) => free.borrow_mut().push(connection),
                    Err(error) => count.failed(error),
                }
            });
        }
    };
    tokio::join!(sending, count.window(order, warm_up, time));
}
