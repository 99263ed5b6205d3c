//! `why` over local runs.

use keywright_protocol::RequestId;
use keywright_testkit::Answer;
use serde_json::json;

use crate::home::{Ended, Home};
use crate::served::Served;

use super::{KEY, Running, Upstream, calls};

/// Has one call made in a run of its own; its id.
fn one_call(home: &Home, upstream: &Upstream, status: u16) -> String {
    let run = Running::start(&mut upstream.command(home, &["run", "--"]));
    run.message(false).send().with_status(status);
    assert_eq!(run.end().0, Some(0));
    calls(home)[0]["id"].as_str().unwrap().to_owned()
}

#[track_caller]
fn expect(ended: &Ended, lines: &[&str]) {
    for line in lines {
        assert!(ended.stdout.contains(line), "no “{line}”:\n{}{}", ended.stdout, ended.stderr);
    }
    assert!(!ended.stdout.contains(KEY), "{}", ended.stdout);
}

#[test]
fn a_good_call_of_a_local_run_is_explained_without_a_server() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let id = one_call(&home, &upstream, 200);
    let ended = home.run(["why", &format!("(request id: {id})")]).with_code(0);
    expect(
        &ended,
        &[
            &format!("call        {id}, "),
            "account     none: a local run on this machine\ntoken       key_",
            ", which ends with its run\n",
            "route       POST /v1/messages in the dialect anthropic\nprovider    anthropic\n",
            "credential  your key sk-a...6789, which the run had\n",
            "outcome     succeeded 200\n            The answer went out whole.",
        ],
    );
    assert!(!ended.stdout.contains("next ") && !ended.stdout.contains("server"), "{}", ended.stdout);
    assert!(ended.stderr.contains("the calls of local runs"), "{}", ended.stderr);
    let data = home.run(["why", "--json", "--local", &id]).with_code(0).json()["data"].clone();
    assert_eq!((&data["request"]["id"], &data["request"]["outcome"]), (&json!(id), &json!("succeeded")));
    assert_eq!((&data["key"], &data["shadowed"]), (&json!(null), &json!([])));
    assert_eq!(data["organizationName"], "Local runs on this machine");
}

#[test]
fn a_providers_error_in_a_local_run_is_explained_and_sends_to_no_operator() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let error = json!({"type": "error", "error": {"type": "authentication_error", "message": "canary"}});
    upstream.provider.answer(Answer::json(401, &error).header("request-id", "up-1"));
    let id = one_call(&home, &upstream, 401);
    let ended = home.run(["why", &id]).with_code(0);
    expect(
        &ended,
        &[
            "upstream    calls it up-1\noutcome     upstream_error 401\n",
            "status 401 (authentication_error).\n",
            "next        anthropic does not take your key: replace it; `keywright status` says where",
        ],
    );
    assert!(!ended.stdout.contains("operator") && !ended.stdout.contains("canary"), "{}", ended.stdout);
    let data = home.run(["why", "--json", &id]).with_code(0).json()["data"].clone();
    assert_eq!(data["upstreamError"]["type"], "authentication_error");
    assert!(data["verdict"]["nextAction"].as_str().unwrap().contains("your key"), "{data}");
}

#[test]
fn a_provider_that_is_away_is_explained_by_what_this_machine_can_do() {
    let home = Home::new();
    let mut command = home.command(["run", "--"]);
    command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", "http://127.0.0.1:1");
    let run = Running::start(&mut command);
    run.message(false).send().with_status(502);
    run.end();
    let id = calls(&home)[0]["id"].as_str().unwrap().to_owned();
    let ended = home.run(["why", &id]).with_code(0);
    expect(
        &ended,
        &["502 UPSTREAM_UNREACHABLE", "next        Try again shortly; if it stays, `keywright doctor`"],
    );
}

#[test]
fn local_calls_and_those_of_a_server_are_kept_apart_and_each_names_the_other() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let id = one_call(&home, &upstream, 200);
    let served = Served::demo(&home);
    let ended = served.cli(&home, ["why", &id]).with_code(1);
    assert!(ended.stderr.contains("keywright why --local ID"), "{}", ended.stderr);
    served.cli(&home, ["why", "--local", &id]).with_code(0);
    drop(served);
    let unknown = RequestId::new().to_string();
    let ended = home.run(["why", "--local", &unknown]).with_code(1);
    assert!(ended.stderr.contains("recorded for local runs on this machine"), "{}", ended.stderr);
    assert!(ended.stderr.contains("--server URL"), "{}", ended.stderr);
}

#[test]
fn without_any_local_run_nothing_is_found_and_nothing_is_made() {
    let home = Home::new();
    let ended = home.run(["why", "--json", &RequestId::new().to_string()]).with_code(1);
    assert_eq!(ended.json()["error"]["code"], "NOT_FOUND");
    assert!(ended.stderr.contains("no local run has been recorded"), "{}", ended.stderr);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
