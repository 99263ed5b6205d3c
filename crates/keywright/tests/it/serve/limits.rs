//! At its limits it refuses, and recovers.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::home::Home;
use crate::served::Served;

/// Abuse case 159.
#[test]
fn out_of_file_handles_it_waits_and_goes_on_when_there_are_some_again() {
    let home = Home::new();
    let served = Served::demo(&home);
    let account = served.temporary();
    served.limit_files(256);
    // More than it can take; the rest wait in the system's queue.
    let held: Vec<TcpStream> = (0..300).filter_map(|_| TcpStream::connect(served.address).ok()).collect();
    assert!(held.len() > 250, "{}", held.len());
    std::thread::sleep(Duration::from_millis(300));
    drop(held);
    let begun = Instant::now();
    while served.message(&account, "hello", false).try_send().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not recover:\n{}", served.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    served.message(&account, "hello", false).send().with_status(200);
    assert!(served.log().contains("a connection cannot be accepted"), "{}", served.log());
}

/// Abuse case 147: SQLite has one writer at a time, and no client hears of it.
#[test]
fn sixty_four_writers_at_once_are_all_served() {
    let home = Home::new();
    let served = Served::demo(&home);
    let account = served.temporary();
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..3 {
                    let minted =
                        served.post("/api/v1/auth/child", &json!({})).token(&account).send().with_status(200);
                    let child = minted.data()["token"].as_str().unwrap().to_owned();
                    served.message(&child, "hello", false).send().with_status(200);
                }
            });
        }
    });
    assert_eq!(served.requests(&account).len(), 100, "a page of them");
}
