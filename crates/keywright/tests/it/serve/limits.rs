//! At its limits it refuses, and recovers.

use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::home::Home;
use crate::served::{FREE_PORTS, Served};

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

/// Starts a server to which a file that may not grow is an error and no signal.
fn served_without_signal(home: &Home) -> Served {
    let plain = home.command(["serve", "--demo"]);
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", r#"trap '' XFSZ; exec "$0" "$@""#])
        .arg(plain.get_program())
        .args(plain.get_args())
        .args(FREE_PORTS)
        .env_clear()
        .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(home.path());
    Served::start(&mut command)
}

/// Found with a real full disk: SQLite ended the transaction by itself, and no key could be made or
/// deleted until the next start.
#[test]
fn with_no_room_on_the_disk_nothing_is_promised_and_with_room_again_everything_works() {
    let home = Home::new();
    let served = served_without_signal(&home);
    let account = served.temporary();
    let (id, key) = served.key(&account, "first");
    let path = format!("/api/v1/keys/{id}");
    served.limit_file_size(Some(1));
    for _ in 0..3 {
        let refused = served.post("/api/v1/keys", &json!({"name": "second"})).token(&account).send();
        assert_eq!((refused.status, refused.code().as_str()), (503, "STORAGE_UNAVAILABLE"));
        served.delete(&path).token(&account).send().with_status(503);
        let refused = served.message(&key, "hello", false).send().with_status(503);
        assert!(refused.text().contains("AUDIT_UNAVAILABLE"), "{}", refused.text());
        served.get("/api/v1/whoami").token(&key).send().with_status(200);
    }
    served.limit_file_size(None);
    served.delete(&path).token(&account).send().with_status(200);
    let refused = served.message(&key, "hello", false).send().with_status(401);
    assert!(refused.text().contains("KEY_REVOKED"), "{}", refused.text());
    let (_, second) = served.key(&account, "second");
    served.message(&second, "hello", false).send().with_status(200);
}
