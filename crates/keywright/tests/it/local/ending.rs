//! How a local run ends, and what it leaves.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use keywright_testkit::Answer;
use rustix::process::{Pid, Signal, kill_process};

use crate::home::Home;

use super::{KEY, Running, Upstream, calls, wait_until};

#[test]
fn an_interrupt_during_a_stream_cancels_the_call_and_is_recorded_as_the_client_s() {
    let (home, upstream) = (Home::new(), Upstream::start());
    upstream.provider.answer(Answer::events().chunk("event: ping\ndata: {}\n\n").silence());
    let program = "import json, os, urllib.request\n\
        body = json.dumps({'model': 'claude-x', 'max_tokens': 9, 'stream': True, 'messages': []}).encode()\n\
        headers = {'x-api-key': os.environ['ANTHROPIC_API_KEY'], 'content-type': 'application/json'}\n\
        call = urllib.request.Request(os.environ['ANTHROPIC_BASE_URL'] + '/v1/messages', body, headers)\n\
        answer = urllib.request.urlopen(call)\n\
        print(answer.readline(), flush=True)\n\
        answer.read()\n";
    let mut command = upstream.command(&home, &["run", "--", "python3", "-c", program]);
    // Apart from the terminal of the tests, if there is one.
    let run = command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let received = upstream.runtime.block_on(upstream.provider.wait_for(1));
    wait_until("the call", || calls(&home).iter().any(|call| call["outcome"] == "running"));
    kill_process(Pid::from_child(&run), Signal::INT).unwrap();
    let output = run.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stdout));
    upstream.runtime.block_on(received.wait_closed(Duration::from_secs(10)));
    assert_eq!(calls(&home)[0]["outcome"], "client_aborted");
}

#[test]
fn what_a_program_leaves_running_is_cut_off_soon_after_it() {
    let (home, upstream) = (Home::new(), Upstream::start());
    upstream.provider.answer(Answer::events().chunk("event: ping\ndata: {}\n\n").silence());
    let run = Running::start(&mut upstream.command(&home, &["run", "--"]));
    let mut opened = run.message(true).open().unwrap();
    opened.read_until("ping");
    let (code, words) = run.end();
    assert_eq!(code, Some(0), "{words}");
    assert!(!opened.finish().whole);
    assert_ne!(calls(&home)[0]["outcome"], "running");
}

#[test]
fn a_killed_run_leaves_a_record_that_is_interrupted_and_those_of_living_runs_go_on() {
    let (home, upstream) = (Home::new(), Upstream::start());
    upstream.provider.answer_with(|_| Answer::events().chunk("event: ping\ndata: {}\n\n").silence());
    let killed = Running::start(&mut upstream.command(&home, &["run", "--"]));
    let living = Running::start(&mut upstream.command(&home, &["run", "--"]));
    let mut streams = [&killed, &living].map(|run| run.message(true).open().unwrap());
    streams.iter_mut().for_each(|stream| drop(stream.read_until("ping")));
    let outcomes = || calls(&home).iter().map(|call| call["outcome"].as_str().unwrap().to_owned()).collect();
    let before: Vec<String> = outcomes();
    assert_eq!(before, ["running", "running"]);
    killed.signal(Signal::KILL);
    wait_until("the mark", || calls(&home).iter().any(|call| call["outcome"] == "interrupted"));
    let after: Vec<String> = outcomes();
    assert_eq!(after, ["running", "interrupted"], "newest first");
    let [_, stream] = streams;
    drop(stream);
    assert_eq!(living.end().0, Some(0));
    drop(killed);
    let last: Vec<String> = outcomes();
    assert_eq!(last, ["client_aborted", "interrupted"]);
    // Nothing else is left of either.
    let mut files: Vec<String> = fs::read_dir(home.data(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    files.sort();
    assert_eq!(files, ["local-records.db", "local-records.lock"]);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "only the data folder was made");
}

#[test]
fn a_full_disk_refuses_calls_before_they_cost_anything_and_crashes_nothing() {
    let (home, upstream) = (Home::new(), Upstream::start());
    // A disk is full where a file may not grow; the signal for that must not end the process.
    let mut command = Command::new("sh");
    let keywright = env!("CARGO_BIN_EXE_keywright");
    command.args(["-c", "trap '' XFSZ; exec \"$0\" run -- \"$@\"", keywright]).env_clear();
    command.env("PATH", "/usr/bin:/bin").env("HOME", home.path()).current_dir(home.path());
    let run = Running::start(command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", upstream.url()));
    run.message(false).send().with_status(200);
    let limit = |most| {
        let limit = rustix::process::Rlimit { current: most, maximum: None };
        rustix::process::prlimit(Some(Pid::from_child(&run.child)), rustix::process::Resource::Fsize, limit)
            .unwrap();
    };
    limit(Some(0));
    let refused = run.message(false).send().with_status(503);
    assert!(refused.text().contains("AUDIT_UNAVAILABLE"), "{}", refused.text());
    assert_eq!(upstream.provider.count(), 1, "nothing went out");
    limit(None);
    run.message(false).send().with_status(200);
    assert_eq!(run.end().0, Some(0));
}
