//! `usage` over local runs.

use crate::home::{Ended, Home};
use crate::served::Served;

use super::{Running, calls};

#[test]
fn all_runs_are_listed_together_and_summed() {
    let home = Home::new();
    let first = Running::start(&mut home.command(["run", "--demo", "--"]));
    let second = Running::start(&mut home.command(["run", "--demo", "--"]));
    for run in [&first, &second, &first] {
        run.message(false).send().with_status(200);
    }
    assert_eq!((first.end().0, second.end().0), (Some(0), Some(0)));
    assert_eq!(calls(&home).len(), 3);
    let ended = home.run(["usage"]).with_code(0);
    assert!(ended.stdout.lines().last().unwrap().starts_with("total") && ended.stdout.contains('3'));
    assert!(ended.stderr.contains("calls of local runs"), "{}", ended.stderr);
    let page = home.run(["usage", "--requests", "--limit", "2", "--json"]).with_code(0).json();
    let cursor = page["data"]["nextCursor"].as_str().unwrap();
    let rest = home.run(["usage", "--requests", "--cursor", cursor, "--json"]).with_code(0).json();
    assert_eq!(rest["data"]["requests"].as_array().unwrap().len(), 1);
    home.run(["usage", "--requests", "--cursor", "x"]).with_code(1);
}

#[test]
fn where_a_server_is_named_its_calls_are_shown_unless_the_local_ones_are_asked_for() {
    let home = Home::new();
    let served = Served::demo(&home);
    let run = Running::start(&mut served.command(&home, ["run", "--demo", "--"]));
    run.message(false).send().with_status(200);
    run.end();
    let count = |arguments: &[&str]| {
        let ended = served.cli(&home, arguments).with_code(0);
        ended.json()["data"]["requests"].as_array().unwrap().len()
    };
    assert_eq!(count(&["usage", "--requests", "--json"]), 0);
    assert_eq!(count(&["usage", "--requests", "--json", "--local"]), 1);
}

#[test]
fn without_any_run_there_is_nothing_to_show_and_nothing_is_made() {
    let home = Home::new();
    let ended = home.run(["usage", "--local"]).with_code(0);
    assert!(ended.stderr.contains("no local run has been recorded"), "{}", ended.stderr);
    assert!(Ended::of(&mut home.command(["usage", "--requests"])).with_code(0).stdout.starts_with("TIME"));
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}
