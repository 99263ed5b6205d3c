//! The same main job on PostgreSQL, and two servers that share it.

use serde_json::json;

use crate::home::{Ended, Home};
use crate::postgres::Postgres;
use crate::served::{FREE_PORTS, Served};

/// A server on `database` that has the master key of `home`.
fn serve(home: &Home, database: &Postgres) -> Served {
    let mut command = home.command(["serve", "--demo"]);
    Served::start(command.args(FREE_PORTS).env("KEYWRIGHT_DATABASE", database.url()))
}

/// A second installation with a copy of the first one's master key, as an operator makes it.
fn beside(home: &Home) -> Home {
    let second = Home::new();
    std::fs::create_dir_all(second.data("")).unwrap();
    std::fs::copy(home.data("master.key"), second.data("master.key")).unwrap();
    second
}

#[test]
fn on_postgresql_the_main_job_is_the_same() {
    let (database, home) = (Postgres::new(), Home::new());
    let served = serve(&home, &database);
    served.cli(&home, ["whoami"]).with_code(0);
    let create = ["tokens", "create", "-n", "ci", "--scope", "models:use,api-keys:manage", "--json"];
    let made = served.cli(&home, create).with_code(0).json();
    let raw = made["data"]["raw"].as_str().unwrap();
    for stream in [false, true] {
        served.message(raw, "hello", stream).send().with_status(200);
    }
    let report = served.cli(&home, ["usage", "--json"]).with_code(0).json();
    assert_eq!(
        (&report["data"]["total"]["requests"], &report["data"]["total"]["failed"]),
        (&json!(2), &json!(0))
    );
    let calls = served.cli(&home, ["usage", "--requests", "--json"]).with_code(0).json();
    assert!(calls["data"]["requests"].as_array().unwrap().iter().all(|call| call["outcome"] == "succeeded"));
    let code = std::fs::read_to_string(home.data("admin-claim")).unwrap();
    served.cli(&home, ["admin", "claim", &code]).with_code(0);
    assert!(!home.data("keywright.db").exists() && !home.data("records.db").exists());
    served.stop();

    let served = serve(&home, &database);
    served.message(raw, "hello", false).send().with_status(200);
    let mut command = served.command(&home, ["tokens", "rm", "ci"]);
    Ended::of(command.env("KEYWRIGHT_API_KEY", raw)).with_code(0);
    served.message(raw, "hello", false).send().with_status(401);
    // Beside a database that is shared, another code can be made while it serves.
    let mut command = home.command(["admin", "claim", "--new"]);
    Ended::of(command.env("KEYWRIGHT_DATABASE", database.url())).with_code(0);
    let url = database.url();
    assert!(!served.stop().contains(url.split('/').next_back().unwrap()), "the URL is in no log");
}

#[test]
fn a_second_server_with_another_master_key_is_refused() {
    let (database, home) = (Postgres::new(), Home::new());
    let _served = serve(&home, &database);
    let other = Home::new();
    let mut command = other.command(["serve", "--demo", "--database", &database.url()]);
    let ended = Ended::of(command.args(FREE_PORTS)).with_code(1);
    assert!(ended.stderr.contains("master key"), "{}", ended.stderr);
}

#[test]
fn a_database_that_is_not_there_is_said_without_its_password() {
    let home = Home::new();
    let url = "postgres://keywright:canary@127.0.0.1:1/keywright";
    let mut command = home.command(["serve", "--demo", "--database", url]);
    let ended = Ended::of(command.args(FREE_PORTS)).with_code(1);
    assert!(ended.stderr.contains("does not answer") && !ended.stderr.contains("canary"), "{}", ended.stderr);
}

#[test]
fn what_one_server_does_the_other_knows_at_the_next_request() {
    let (database, home) = (Postgres::new(), Home::new());
    let one = serve(&home, &database);
    let two_home = beside(&home);
    let two = serve(&two_home, &database);
    let account = one.temporary();
    for round in 0..20 {
        let (id, key) = one.key(&account, &format!("round {round}"));
        two.message(&key, "hello", false).send().with_status(200);
        one.message(&key, "hello", false).send().with_status(200);
        let (deleting, other) = if round % 2 == 0 { (&one, &two) } else { (&two, &one) };
        deleting.delete(&format!("/api/v1/keys/{id}")).token(&account).send().with_status(200);
        let refused = other.message(&key, "hello", false).send().with_status(401);
        assert!(refused.text().contains("KEY_REVOKED"), "{}", refused.text());
    }
    let requests = two.requests(&account);
    assert_eq!(requests.iter().filter(|call| call["outcome"] == "succeeded").count(), 40);
}

/// Case 58.
#[test]
fn thirty_creates_at_once_over_two_servers_leave_exactly_twenty_keys() {
    let (database, home) = (Postgres::new(), Home::new());
    let one = serve(&home, &database);
    let two_home = beside(&home);
    let two = serve(&two_home, &database);
    let account = one.temporary();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let creating: Vec<_> = (0..30)
            .map(|number| {
                let (served, account) = (if number % 2 == 0 { &one } else { &two }, &account);
                scope.spawn(move || {
                    served.post("/api/v1/keys", &json!({ "name": number.to_string() })).token(account).send()
                })
            })
            .collect();
        creating.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let made = answers.iter().filter(|answer| answer.status == 200).count();
    let refused = answers.iter().filter(|answer| answer.status == 429);
    assert_eq!((made, refused.clone().count()), (20, 10));
    assert!(refused.clone().all(|answer| answer.code() == "MAX_API_KEYS_REACHED"));
    let listed = two.get("/api/v1/keys").token(&account).send().data();
    assert_eq!(listed["keys"].as_array().unwrap().len(), 20);
}
