//! Case 143: killed at any moment, a server has lost nothing that it acknowledged and undone no deletion.
//! A tenth of the 200 rounds that a long proof makes.

use std::collections::BTreeSet;
use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};
use rustix::process::Signal;
use serde_json::json;

use crate::call::{Answer, Call};
use crate::home::Home;
use crate::postgres::Postgres;
use crate::served::{FREE_PORTS, PATIENCE, Served};

const ROUNDS: usize = 20;

/// How many times [`ROUNDS`]: 10 for the long proof, which `cargo xtask soak` asks for.
fn rounds() -> usize {
    let times = std::env::var("LONG_PROOFS").ok().and_then(|text| text.parse::<usize>().ok());
    ROUNDS * times.unwrap_or(1)
}
const WRITERS: usize = 3;
/// Far below the 20 that an organization may have, so that a key of unknown fate is no trouble.
const KEPT: usize = 3;

#[test]
fn on_sqlite_no_kill_loses_what_was_acknowledged() {
    let home = Home::new();
    let serve = || home.command(["serve", "--demo"]);
    killed_again_and_again(serve, || {
        for name in ["keywright.db", "records.db"] {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
            let database = Connection::open_with_flags(home.data(name), flags).unwrap();
            let sound: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(sound, "ok", "{name}");
        }
    });
}

#[test]
fn on_postgresql_no_kill_loses_what_was_acknowledged() {
    let (database, home) = (Postgres::new(), Home::new());
    let serve = || {
        let mut command = home.command(["serve", "--demo"]);
        command.env("KEYWRIGHT_DATABASE", database.url());
        command
    };
    killed_again_and_again(serve, || {});
}

/// One that makes and deletes keys and calls models, and what it was told.
#[derive(Default)]
struct Writer {
    account: String,
    /// Acknowledged: id and key.
    live: Vec<(String, String)>,
    /// Acknowledged.
    dead: Vec<String>,
    /// Calls whose answers came to their end.
    calls: BTreeSet<String>,
    /// What was checked after earlier kills: deleted keys, and calls.
    earlier: (Vec<String>, BTreeSet<String>),
}

fn killed_again_and_again(serve: impl Fn() -> Command, check_files: impl Fn()) {
    let start = || Served::start(serve().args(FREE_PORTS));
    let mut served = start();
    let new = || Writer { account: served.temporary(), ..Writer::default() };
    let mut writers: Vec<Writer> = (0..WRITERS).map(|_| new()).collect();
    let mut starts = Vec::new();
    for round in 0..rounds() {
        let acknowledged = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for writer in &mut writers {
                let (served, acknowledged) = (&served, &acknowledged);
                scope.spawn(move || writer.write_until_killed(served, acknowledged));
            }
            // After some writes and at any moment of the next, however fast the machine is.
            let enough = 20 + (round * 7) % 40;
            let begun = Instant::now();
            while acknowledged.load(Ordering::Relaxed) < enough {
                assert!(begun.elapsed() < PATIENCE, "nothing is written any more");
                std::thread::sleep(Duration::from_millis(1));
            }
            std::thread::sleep(Duration::from_micros((round as u64 * 1_713) % 12_000));
            served.signal(Signal::KILL);
        });
        served.ended();
        served = start();
        starts.push(served.start);
        check_files();
        for writer in &mut writers {
            writer.check(&served);
            writer.tidy(&served);
        }
    }
    for writer in &mut writers {
        (writer.dead, writer.calls) = std::mem::take(&mut writer.earlier);
        writer.check(&served);
    }
    let calls: usize = writers.iter().map(|writer| writer.calls.len()).sum();
    assert!(calls > rounds() * 5, "{calls}");
    // The middle one, since a machine that does much else may be slow to start any of them.
    starts.sort();
    assert!(starts[starts.len() / 2] < Duration::from_secs(2), "{starts:?}");
}

impl Writer {
    /// Writes until the server is gone. What was asked and not answered may have happened or not.
    fn write_until_killed(&mut self, served: &Served, acknowledged: &AtomicUsize) {
        let mut number = 0;
        while self.write(served, number, acknowledged).is_ok() {
            number += 1;
        }
    }

    /// Makes a key, calls a model with it and deletes an older one. An error is a broken connection.
    fn write(&mut self, served: &Served, number: usize, acknowledged: &AtomicUsize) -> io::Result<()> {
        let done = |call: Call| -> io::Result<Answer> {
            let answer = call.try_send()?;
            if !answer.whole {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            acknowledged.fetch_add(1, Ordering::Relaxed);
            Ok(answer.with_status(200))
        };
        let name = json!({ "name": number.to_string() });
        let made = done(served.post("/api/v1/keys", &name).token(&self.account))?.data();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let key = text("raw");
        self.live.push((text("keyId"), key.clone()));

        let answer = done(served.message(&key, "hello", number.is_multiple_of(2)))?;
        self.calls.insert(answer.headers["x-keywright-request-id"].clone());

        if self.live.len() > KEPT {
            // Of unknown fate from here on, unless it is acknowledged.
            let (id, key) = self.live.remove(0);
            done(served.delete(&format!("/api/v1/keys/{id}")).token(&self.account))?;
            self.dead.push(key);
        }
        Ok(())
    }

    fn check(&self, served: &Served) {
        let status = |key: &str| served.get("/v1/models").header("x-api-key", key).send().status;
        for (id, key) in &self.live {
            assert_eq!(status(key), 200, "the key {id} is lost");
        }
        for key in &self.dead {
            assert_eq!(status(key), 401, "a deleted key lives again");
        }
        let missing = self.without_record(served);
        assert!(missing.is_empty(), "calls without a record: {missing:?}");
    }

    /// The calls that are not recorded as successes.
    fn without_record(&self, served: &Served) -> BTreeSet<String> {
        let mut missing = self.calls.clone();
        let mut cursor = String::new();
        while !missing.is_empty() {
            let path = format!("/api/v1/requests?limit=100{cursor}");
            let page = served.get(&path).token(&self.account).send().with_status(200).data();
            for request in page["requests"].as_array().unwrap() {
                assert_ne!(request["outcome"], "running", "the next start settles what was running");
                if request["outcome"] == "succeeded" {
                    missing.remove(request["id"].as_str().unwrap());
                }
            }
            let Some(next) = page["nextCursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        missing
    }

    /// Deletes what is left, known or not, so that the next round begins with nothing.
    fn tidy(&mut self, served: &Served) {
        let keys = served.get("/api/v1/keys").token(&self.account).send().with_status(200).data();
        for key in keys["keys"].as_array().unwrap() {
            let path = format!("/api/v1/keys/{}", key["keyId"].as_str().unwrap());
            served.delete(&path).token(&self.account).send().with_status(200);
        }
        let (dead, calls) = &mut self.earlier;
        dead.append(&mut self.dead);
        dead.extend(self.live.drain(..).map(|(_, key)| key));
        calls.append(&mut self.calls);
    }
}
