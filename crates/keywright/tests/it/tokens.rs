//! `tokens`: keys of the organization, and tokens that are only looked at.

use std::io::Write;
use std::process::Stdio;

use keywright_secret::{PlatformToken, TokenKind};
use serde_json::json;

use crate::cli::{Cli, Ended};
use crate::home::Home;
use crate::served::Served;

#[test]
fn a_new_key_is_printed_alone_and_listed_without_itself() {
    let cli = Cli::new();
    let created = cli.run(["tokens", "create", "-n", "ci", "--lifetime", "30d"]).with_code(0);
    let raw = created.stdout.trim_end();
    assert!(raw.starts_with("sk_kw_") && !raw.contains('\n'), "{raw}");
    assert!(created.stderr.contains("shown this once") && !created.stderr.contains(raw));
    let list = cli.run(["tokens", "list"]).with_code(0).stdout;
    assert!(list.contains("ci") && list.contains("sk_kw_") && !list.contains(raw));
    let json = cli.run(["--json", "tokens", "list"]).with_code(0);
    assert_eq!(json.json()["data"]["keys"][0]["name"], "ci");
    assert!(!json.stdout.contains(raw));
}

#[test]
fn as_json_the_key_stands_in_raw() {
    let cli = Cli::new();
    let data = cli.run(["tokens", "create", "--json"]).with_code(0).json()["data"].clone();
    assert!(data["raw"].as_str().unwrap().starts_with("sk_kw_"));
    assert!(data["name"].as_str().unwrap().starts_with("cli-"));
}

#[test]
fn keys_are_deleted_by_name_id_and_beginning() {
    let cli = Cli::new();
    for name in ["one", "two", "three"] {
        cli.run(["tokens", "create", "-n", name]).with_code(0);
    }
    let list = cli.run(["tokens", "list", "--json"]).json()["data"]["keys"].clone();
    let by_id = list[1]["keyId"].as_str().unwrap();
    let by_beginning = list[2]["keyPrefix"].as_str().unwrap();
    cli.run(["tokens", "rm", "one", by_id, by_beginning]).with_code(0);
    assert!(cli.api.state.lock().unwrap().keys.is_empty());
}

#[test]
fn when_one_key_is_not_known_none_is_deleted() {
    let cli = Cli::new();
    cli.run(["tokens", "create", "-n", "one"]).with_code(0);
    cli.run(["tokens", "rm", "one", "nope"]).with_code(1);
    assert_eq!(cli.api.state.lock().unwrap().keys.len(), 1);
}

#[test]
fn a_name_that_is_taken_and_a_bad_lifetime_say_what_to_do() {
    let cli = Cli::new();
    cli.run(["tokens", "create", "-n", "one"]).with_code(0);
    assert!(cli.run(["tokens", "create", "-n", "one"]).with_code(1).stderr.contains("tokens rm NAME"));
    cli.run(["tokens", "create", "--lifetime", "5m"]).with_code(2);
}

#[test]
fn a_key_is_viewed_changed_and_rotated_by_name_and_by_id() {
    let home = Home::new();
    let served = Served::demo(&home);
    let made = served.cli(&home, ["tokens", "create", "-n", "ci", "--scope", "models:use,executions:read"]);
    let old = made.with_code(0).stdout.trim_end().to_owned();
    let viewed = served.cli(&home, ["tokens", "view", "ci"]).with_code(0).stdout;
    assert!(viewed.contains("models:use executions:read") && !viewed.contains(&old), "{viewed}");
    let viewed = served.cli(&home, ["tokens", "view", "ci", "--json"]).with_code(0).json()["data"].clone();
    let id = viewed["keyId"].as_str().unwrap();
    let update = ["tokens", "update", id, "--name", "build", "--lifetime", "8h", "--scope", "models:use"];
    let changed = served.cli(&home, update).with_code(0).stdout;
    assert!(changed.contains("build") && !changed.contains("executions:read"), "{changed}");
    let wider = served.cli(&home, ["tokens", "edit", "build", "--scope", "executions:read", "--json"]);
    assert_eq!(wider.with_code(1).json()["error"]["code"], "INVALID_SCOPE");
    served.cli(&home, ["tokens", "update", "build"]).with_code(2);

    let rotated = served.cli(&home, ["tokens", "rotate", "build", "--overlap", "1h"]).with_code(0);
    let new = rotated.stdout.trim_end();
    assert!(new.starts_with("sk_kw_") && new != old && !rotated.stderr.contains(new), "{}", rotated.stderr);
    assert!(rotated.stderr.contains("works until") && rotated.stderr.contains("shown this once"));
    for key in [&old, new] {
        served.message(key, "hello", false).send().with_status(200);
    }
    let list = served.cli(&home, ["tokens", "list"]).with_code(0).stdout;
    assert!(list.contains("(replaced)"), "{list}");
    let again = served.cli(&home, ["tokens", "rotate", id, "--json"]).with_code(1).json();
    assert_eq!(again["error"]["code"], "KEY_ALREADY_ROTATED");
    let early = served.cli(&home, ["tokens", "rotate", "build", "--overlap", "1m", "--json"]).with_code(1);
    assert_eq!(early.json()["error"]["code"], "ROTATION_IN_PROGRESS");
    let last = served.cli(&home, ["tokens", "rotate", "build", "--json"]).with_code(0).json()["data"].clone();
    for dead in [&old, new] {
        served.message(dead, "hello", false).send().with_status(401);
    }
    let raw = last["apiKey"]["raw"].as_str().unwrap();
    served.message(raw, "hello", false).send().with_status(200);
    assert!(last["replaced"]["endsAt"].is_string());
    served.cli(&home, ["tokens", "rotate", "build", "--overlap", "8d"]).with_code(2);
    served.cli(&home, ["tokens", "rotate", "nobody"]).with_code(1);
    served.cli(&home, ["tokens", "view", "nobody"]).with_code(1);
}

#[test]
fn a_key_in_use_rotates_itself() {
    let home = Home::new();
    let served = Served::demo(&home);
    let wide = ["tokens", "create", "-n", "self", "--scope", "models:use,api-keys:manage"];
    let mut key = served.cli(&home, wide).with_code(0).stdout.trim_end().to_owned();
    for _ in 0..2 {
        let mut command = served.command(&home, ["tokens", "rotate", "self"]);
        let next = Ended::of(command.env("KEYWRIGHT_API_KEY", &key)).with_code(0).stdout;
        served.message(&key, "hello", false).send().with_status(401);
        key = next.trim_end().to_owned();
        served.message(&key, "hello", false).send().with_status(200);
    }
}

#[test]
fn all_keys_of_the_account_go_with_the_one_in_use_last_and_not_without_a_yes() {
    let home = Home::new();
    let served = Served::demo(&home);
    let wide = ["tokens", "create", "-n", "in use", "--scope", "models:use,api-keys:manage"];
    let in_use = served.cli(&home, wide).with_code(0).stdout.trim_end().to_owned();
    for name in ["one", "two", "three"] {
        served.cli(&home, ["tokens", "create", "-n", name]).with_code(0);
    }
    served.cli(&home, ["tokens", "rotate", "two", "--overlap", "1h"]).with_code(0);
    let with =
        |arguments: &[&str]| Ended::of(served.command(&home, arguments).env("KEYWRIGHT_API_KEY", &in_use));
    let unasked = with(&["tokens", "rm", "--all-mine"]).with_code(2);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    with(&["tokens", "rm", "--all-mine", "one"]).with_code(2);
    with(&["tokens", "rm"]).with_code(2);
    let gone = with(&["tokens", "rm", "--all-mine", "--yes", "--json"]).with_code(0);
    assert!(gone.stderr.contains("Deleting 4 of 4 keys."), "{}", gone.stderr);
    assert_eq!(gone.json()["data"].as_array().unwrap().len(), 4, "the rotated one went with its successor");
    with(&["whoami"]).with_code(3);
    let left = served.cli(&home, ["tokens", "list", "--json"]).with_code(0).json();
    assert_eq!(left["data"]["keys"], json!([]));
    let none = served.cli(&home, ["tokens", "rm", "--all-mine", "--yes"]).with_code(0);
    assert!(none.stdout.contains("no key to delete"), "{}", none.stdout);
}

#[test]
fn keys_of_others_are_not_among_mine() {
    let cli = Cli::new();
    for name in ["mine", "other"] {
        cli.run(["tokens", "create", "-n", name]).with_code(0);
    }
    cli.api.state.lock().unwrap().keys[1].user_id = keywright_protocol::UserId::new();
    let ended = cli.run(["tokens", "rm", "--all-mine", "--yes"]).with_code(0);
    assert!(ended.stderr.contains("1 of 2"), "{}", ended.stderr);
    assert_eq!(cli.api.state.lock().unwrap().keys[0].name, "other");
}

/// `script` gives the command a terminal, on which somebody types.
#[test]
fn on_a_terminal_all_mine_is_asked_about_and_no_is_no() {
    let cli = Cli::new();
    for name in ["one", "two"] {
        cli.run(["tokens", "create", "-n", name]).with_code(0);
    }
    for (typed, code, left) in [("n", 1, 2), ("", 1, 2), ("y", 0, 0)] {
        let line = format!("{} tokens rm --all-mine", env!("CARGO_BIN_EXE_keywright"));
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("HOME", cli.home.path()).env("KEYWRIGHT_SERVER", &cli.api.url).env("TERM", "dumb");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{typed}").unwrap();
        let output = child.wait_with_output().unwrap();
        let seen = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{seen}");
        assert!(seen.contains("Delete 2 of 2 keys: one, two? [y/N]"), "{seen}");
        assert_eq!(cli.api.state.lock().unwrap().keys.len(), left, "{seen}");
    }
}

/// Gives `token` on standard input to a command that may ask nobody: what it is told to ask does not exist.
fn verify(home: &Home, arguments: &[&str], token: &str) -> Ended {
    let mut command = home.command(["tokens", "verify"]);
    command.args(arguments).env("KEYWRIGHT_SERVER", "not even an address").stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended without reading.
    let _ = writeln!(child.stdin.take().unwrap(), "{token}");
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

#[test]
fn a_token_is_verified_offline_and_never_repeated() {
    let home = Home::new();
    for (kind, words) in [
        (TokenKind::ApiKey, "an API key"),
        (TokenKind::Temporary, "temporary account"),
        (TokenKind::Access, "an access token"),
        (TokenKind::Refresh, "a refresh token"),
    ] {
        let token = PlatformToken::mint(kind);
        let ended = verify(&home, &["-"], token.expose()).with_code(0);
        assert!(ended.stdout.contains(words) && ended.stderr.is_empty(), "{}{}", ended.stdout, ended.stderr);
        let json = verify(&home, &["--json"], token.expose()).with_code(0).json();
        assert_eq!(json["data"], json!({"wellFormed": true, "kind": kind.as_str()}));
        let argued = verify(&home, &[token.expose()], "").with_code(0);
        assert!(argued.stderr.contains("list of processes"), "{}", argued.stderr);
        assert!(!format!("{}{}", argued.stdout, argued.stderr).contains(&token.expose()[..14]));
    }
    let cut = &PlatformToken::mint(TokenKind::ApiKey).expose()[..54].to_owned();
    for (token, code, words) in [
        (cut.as_str(), "KEY_MALFORMED", "mistyped or cut off"),
        ("sk-ant-api03-canary-canary-canary", "WRONG_KEY_KIND", "Anthropic"),
        ("ghp_canarycanarycanarycanary", "WRONG_KEY_KIND", "GitHub"),
        ("canary", "WRONG_KEY_KIND", "not a Keywright token"),
    ] {
        let ended = verify(&home, &[], token).with_code(1);
        assert!(ended.stderr.contains(words) && ended.stdout.is_empty(), "{}", ended.stderr);
        let json = verify(&home, &["--json"], token).with_code(1);
        assert_eq!((&json.json()["error"]["code"], json.stdout.contains("canary")), (&json!(code), false));
        assert!(!ended.stderr.contains("canary") && !ended.stderr.contains(cut));
    }
    verify(&home, &[], "").with_code(2);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "nothing was written");
}
