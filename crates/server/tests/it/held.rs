//! Streams that are all open at the same time: a tenth of those that `cargo xtask soak` holds.

use keywright_protocol::routes;
use keywright_testkit::usual::{Kind, events};
use keywright_testkit::{Answer, Call, Gate, Setup};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::scene::begin;

#[tokio::test(flavor = "multi_thread")]
async fn of_hundreds_of_streams_held_at_once_none_is_lost_and_each_is_counted() {
    allow_files();
    let server = Setup::new().await.set("auth.temporary_per_minute", "10000").start().await;
    let account = server.account().await;
    let gate = Gate::closed();
    let all = events(Kind::Messages);
    let answer = Answer::events().chunk(all[0]).until(&gate).chunks(&all[1..]).end();
    server.provider.answer_with(move |_| answer.clone());
    let mut held = Vec::new();
    for _ in 0..STREAMS {
        held.push(begin(&server, Kind::Messages, &account.token, all[0]).await);
    }
    gate.open();
    for reply in held {
        let rest = reply.whole().await;
        assert!(!rest.broken && rest.text().ends_with(all[all.len() - 1]), "{}", rest.text());
    }
    // An answer ends only once its record is committed.
    let usage = server.call(Call::get(routes::USAGE).token(&account.token)).await.json();
    assert_eq!(usage["data"]["total"]["requests"], STREAMS, "{usage}");
}

/// Both ends of both connections of each stream are in this process.
fn allow_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
        .expect("as many files as allowed");
}

const STREAMS: usize = 950;
