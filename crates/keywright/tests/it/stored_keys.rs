//! The stored key in use, when something becomes of it: its end comes near, it is rotated or deleted.

use std::process::{Command, Stdio};

use keywright_protocol::{Clock, OrganizationId, SystemClock, UserId};
use keywright_secret::{PlatformToken, TokenKind};
use serde_json::{Value, json};

use crate::accounts::{log_in, sign_up};
use crate::home::{Ended, Home};
use crate::scripted::Scripted;
use crate::served::Served;

/// What the credential file holds for the server under `profile`.
fn entry(home: &Home, served: &Served, profile: &str) -> Value {
    let content: Value = serde_json::from_slice(&std::fs::read(home.credentials()).unwrap()).unwrap();
    content["profiles"][profile]["servers"][&served.url()].clone()
}

/// Changes it.
fn edit(home: &Home, served: &Served, profile: &str, change: impl FnOnce(&mut Value)) {
    let mut content: Value = serde_json::from_slice(&std::fs::read(home.credentials()).unwrap()).unwrap();
    change(&mut content["profiles"][profile]["servers"][&served.url()]);
    std::fs::write(home.credentials(), content.to_string()).unwrap();
}

/// A key made by `token`, with the scopes of an account or for models alone.
fn made(served: &Served, home: &Home, token: &str, arguments: &[&str]) -> Value {
    let mut command = served.command(home, [&["tokens", "create", "--json"], arguments].concat());
    Ended::of(command.env("KEYWRIGHT_API_KEY", token)).with_code(0).json()["data"].clone()
}

fn raw(key: &Value) -> &str {
    key["raw"].as_str().unwrap()
}

#[test]
fn a_key_that_ends_within_a_week_is_warned_of_with_what_mends_it() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    let manages = ["--scope", "models:use,api-keys:manage"];
    let short = made(&served, &home, &ada.key, &[&manages[..], &["--lifetime", "6d"]].concat());
    log_in(&served, &fresh, raw(&short));
    let id = short["keyId"].as_str().unwrap();
    let mend = format!("keywright tokens rotate {id}");
    assert_eq!(fresh.run(["whoami"]).with_code(0).stderr, "", "it was meant to be short");
    let age = || {
        let long_ago = SystemClock.now().plus_seconds(-40 * 86_400).to_string();
        edit(&fresh, &served, "acme", |entry| entry["apiKey"]["createdAt"] = json!(long_ago));
    };
    age();
    for command in [&["whoami"][..], &["tokens", "list"], &["run", "--", "true"], &["status", "--json"]] {
        let ended = fresh.run(command).with_code(0);
        assert_eq!(ended.stderr.matches("warning:").count(), 1, "{command:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("ends in 5 days") && ended.stderr.contains(&mend), "{}", ended.stderr);
    }
    let list = fresh.run(["profiles", "list"]).with_code(0).stdout;
    assert!(list.contains("(soon)"), "{list}");
    // What mends it does.
    let longer = made(&served, &home, &ada.key, &[&manages[..], &["--lifetime", "8d"]].concat());
    log_in(&served, &fresh, raw(&longer));
    assert_eq!(fresh.run(["whoami"]).with_code(0).stderr, "");
    fresh.run(["tokens", "update", longer["keyId"].as_str().unwrap(), "--lifetime", "2d"]).with_code(0);
    age();
    assert!(fresh.run(["whoami"]).with_code(0).stderr.contains("ends in 47 hours"), "the new end is known");
    // One that cannot rotate itself is told another way.
    let narrow = made(&served, &home, &ada.key, &["--lifetime", "2h"]);
    log_in(&served, &fresh, raw(&narrow));
    age();
    let said = fresh.run(["whoami"]).with_code(0).stderr;
    assert!(
        said.contains("minutes") && said.contains("login --api-key-file") && !said.contains("rotate"),
        "{said}"
    );
    // A key in the environment is not the stored one.
    let other = Ended::of(fresh.command(["whoami"]).env("KEYWRIGHT_API_KEY", &ada.key)).with_code(0);
    assert_eq!(other.stderr, "");
    let over = SystemClock.now().plus_seconds(-60).to_string();
    edit(&fresh, &served, "acme", |entry| entry["apiKey"]["expiresAt"] = json!(over));
    let said = fresh.run(["status"]).with_code(0).stderr;
    assert!(said.contains("has expired") && said.contains("auth login-request"), "{said}");
}

#[test]
fn a_key_that_is_named_is_warned_of_where_the_server_tells_its_end_anyway() {
    let (home, server) = (Home::new(), Scripted::start());
    let ends = SystemClock.now().plus_seconds(3 * 86_400 + 60);
    // Made in 2024.
    let id = "key_018cc251f4007000800000000000000a";
    let account = json!({"userId": UserId::new(), "organizationId": OrganizationId::new()});
    let who = json!({
        "account": account, "organizationName": "Acme", "temporary": false, "administrator": false,
        "tokenId": id, "tokenKind": "sk", "scopes": ["models:use", "api-keys:manage"], "expiresAt": ends,
    });
    server.answers("/api/v1/whoami", (200, json!({"success": true, "data": who})));
    server.answers("/healthz", (200, json!({"success": true, "data": {"version": "0.1.0"}})));
    let key = PlatformToken::mint(TokenKind::ApiKey);
    for command in ["whoami", "status"] {
        let mut command = home.command([command]);
        command.env("KEYWRIGHT_SERVER", &server.url).env("KEYWRIGHT_API_KEY", key.expose());
        let said = Ended::of(&mut command).with_code(0).stderr;
        assert!(said.contains("from KEYWRIGHT_API_KEY ends in 3 days"), "{said}");
        assert!(
            said.contains(&format!("tokens rotate {id}")) && said.matches("warning:").count() == 1,
            "{said}"
        );
    }
}

/// `script` gives the command a terminal.
#[test]
fn on_a_terminal_a_rotated_key_that_was_stored_is_masked() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    let scopes = ["--name", "mine", "--scope", "models:use,api-keys:manage"];
    log_in(&served, &fresh, raw(&made(&served, &home, &ada.key, &scopes)));
    for (flag, whole) in [("", false), (" --show", true)] {
        let line = format!("{} tokens rotate mine{flag}", env!("CARGO_BIN_EXE_keywright"));
        let mut command = Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("HOME", fresh.path()).env("TERM", "dumb").stdin(Stdio::null());
        let seen = Ended::of(&mut command).with_code(0).stdout;
        let stored = entry(&fresh, &served, "acme")["apiKey"]["raw"].as_str().unwrap().to_owned();
        assert_eq!(seen.contains(&stored), whole, "{seen}");
        assert!(
            seen.contains(stored.get(..10).unwrap()) && seen.contains("stored in the profile acme"),
            "{seen}"
        );
    }
}

#[test]
fn a_key_that_would_outlive_its_temporary_account_is_told_to_be_cut() {
    let home = Home::new();
    let served = Served::demo(&home);
    let cut = served.cli(&home, ["tokens", "create", "--lifetime", "365d"]).with_code(0);
    assert!(cut.stderr.contains("no key outlives its account, which ends"), "{}", cut.stderr);
    let whole = served.cli(&home, ["tokens", "create", "--lifetime", "1h"]).with_code(0);
    assert!(!whole.stderr.contains("outlives"), "{}", whole.stderr);
}

#[test]
fn a_key_of_a_temporary_account_is_not_told_to_rotate_in_circles() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let account = served.temporary();
    let key = made(&served, &home, &account, &["--scope", "models:use,api-keys:manage"]);
    log_in(&served, &fresh, raw(&key));
    // Much later, as far as this machine knows.
    let stored = std::fs::read_to_string(fresh.credentials()).unwrap();
    let aged = stored.replace(key["createdAt"].as_str().unwrap(), "2026-01-01T00:00:00.000Z");
    assert_ne!(aged, stored);
    std::fs::write(fresh.credentials(), aged).unwrap();
    let said = fresh.run(["whoami"]).with_code(0).stderr;
    assert!(said.contains("auth signup-request") && !said.contains("rotate"), "{said}");
}

#[test]
fn rotating_the_stored_key_in_use_does_not_lock_the_terminal_out() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    log_in(&served, &fresh, &ada.key);
    let rotated = fresh.run(["tokens", "rotate", &ada.key_id, "--json"]).with_code(0);
    assert!(rotated.stderr.contains("stored in the profile acme"), "{}", rotated.stderr);
    let new = rotated.json()["data"]["apiKey"].clone();
    assert_eq!(served.get("/api/v1/whoami").token(&ada.key).send().status, 401);
    let who = fresh.run(["whoami", "--json"]).with_code(0).json()["data"].clone();
    assert_eq!((&who["tokenId"], &who["credentialSource"]), (&new["keyId"], &json!("storedKey")));
    let stored = entry(&fresh, &served, "acme")["apiKey"].clone();
    assert_eq!((&stored["raw"], &stored["keyId"]), (&new["raw"], &new["keyId"]));
    assert_eq!(stored["organizationId"], ada.organization_id);
    // One that was stored while nobody could say which it is, is asked about first; an overlap changes nothing.
    edit(&fresh, &served, "acme", |entry| entry["apiKey"] = json!({ "raw": new["raw"] }));
    let again = fresh.run(["tokens", "rotate", "CLI default key", "--overlap", "1h"]).with_code(0);
    assert!(again.stderr.contains("stored in the profile acme"), "{}", again.stderr);
    assert_eq!(entry(&fresh, &served, "acme")["apiKey"]["raw"], again.stdout.trim_end());
    // Rotated with another key it is followed too; one that is stored nowhere changes nothing.
    let (_, other) = served.key(&ada_key(&fresh, &served), "elsewhere");
    let mut by_another = fresh.command(["tokens", "rotate", "CLI default key"]);
    let wide = ada_key(&fresh, &served);
    let ended = Ended::of(by_another.env("KEYWRIGHT_API_KEY", &wide)).with_code(0);
    assert!(ended.stderr.contains("stored in the profile acme"), "{}", ended.stderr);
    let before = std::fs::read(fresh.credentials()).unwrap();
    let ended = fresh.run(["tokens", "rotate", "elsewhere"]).with_code(0);
    assert!(!ended.stderr.contains("stored in") && !ended.stdout.contains(&other));
    assert_eq!(std::fs::read(fresh.credentials()).unwrap(), before);
}

fn ada_key(home: &Home, served: &Served) -> String {
    entry(home, served, "acme")["apiKey"]["raw"].as_str().unwrap().to_owned()
}

#[test]
fn deleting_the_stored_key_in_use_forgets_it_and_makes_no_temporary_account_in_its_place() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    log_in(&served, &fresh, &ada.key);
    let deleted = fresh.run(["tokens", "rm", "CLI default key"]).with_code(0);
    assert!(
        deleted.stderr.contains("was stored in the profile acme; it is forgotten there"),
        "{}",
        deleted.stderr
    );
    assert!(!std::fs::read_to_string(fresh.credentials()).unwrap().contains(&ada.key));
    let who = fresh.run(["whoami", "--json"]).with_code(3);
    assert_eq!(who.json()["error"]["code"], "KEY_MISSING");
    assert!(who.stdout.contains("login --api-key-file"), "{}", who.stdout);
    assert!(fresh.run(["profiles", "list"]).with_code(0).stdout.contains("none"));
    // Signing in again ends that.
    let bob = sign_up(&served, &home, "bob@example.com", "Other");
    log_in(&served, &fresh, &bob.key);
    fresh.run(["whoami"]).with_code(0);
    fresh.run(["tokens", "rm", "--all-mine", "--yes"]).with_code(0);
    fresh.run(["whoami"]).with_code(3);
}

#[test]
fn at_twenty_keys_the_terminal_still_lists_views_rotates_and_deletes_them() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    log_in(&served, &fresh, &ada.key);
    for number in 1..20 {
        served.key(&ada.key, &number.to_string());
    }
    let full = fresh.run(["tokens", "create", "-n", "more", "--json"]).with_code(5);
    assert_eq!(full.json()["error"]["code"], "MAX_API_KEYS_REACHED");
    let list = fresh.run(["tokens", "list", "--json"]).with_code(0).json()["data"]["keys"].clone();
    assert_eq!(list.as_array().unwrap().len(), 20);
    fresh.run(["tokens", "view", "7"]).with_code(0);
    fresh.run(["tokens", "rotate", "7", "--overlap", "1h"]).with_code(0);
    fresh.run(["tokens", "rotate", "8"]).with_code(0);
    // Its own as well, and goes on with the new one.
    fresh.run(["tokens", "rotate", "CLI default key"]).with_code(0);
    fresh.run(["tokens", "create", "-n", "more"]).with_code(5);
    fresh.run(["tokens", "rm", "9"]).with_code(0);
    fresh.run(["tokens", "create", "-n", "more"]).with_code(0);
}

#[test]
fn keys_made_with_the_temporary_account_are_remembered_as_its_own() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let minted = || entry(&fresh, &served, "default")["mintedKeys"].clone();
    let wide = ["tokens", "create", "-n", "one", "--json", "--scope", "models:use,api-keys:manage"];
    let one = served.cli(&fresh, wide).with_code(0).json()["data"].clone();
    let two =
        served.cli(&fresh, ["tokens", "create", "-n", "two", "--json"]).with_code(0).json()["data"].clone();
    assert_eq!(minted(), json!([one["keyId"], two["keyId"]]));
    // Made by another token, it is another's to keep.
    let mut by_key = served.command(&fresh, ["tokens", "create", "-n", "three"]);
    Ended::of(by_key.env("KEYWRIGHT_API_KEY", raw(&one))).with_code(0);
    assert_eq!(minted(), json!([one["keyId"], two["keyId"]]));
    let rotated = served.cli(&fresh, ["tokens", "rotate", "two", "--json"]).with_code(0).json();
    assert_eq!(minted(), json!([one["keyId"], rotated["data"]["apiKey"]["keyId"]]));
    served.cli(&fresh, ["tokens", "rm", "one"]).with_code(0);
    assert_eq!(minted(), json!([rotated["data"]["apiKey"]["keyId"]]));
    // They end with their account, and a new one has none.
    edit(&fresh, &served, "default", |entry| entry["temporary"]["expiresAt"] = json!("2020-01-01T00:00:00Z"));
    let renewed = served.cli(&fresh, ["whoami"]).with_code(0);
    assert!(renewed.stderr.contains("has ended; made a new one"), "{}", renewed.stderr);
    assert_eq!(minted(), Value::Null);
}
