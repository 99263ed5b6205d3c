//! What was a person's own never silently becomes a temporary account, and what does not work any more is told
//! with what does.

use std::path::PathBuf;

use keywright_protocol::ErrorCode;
use keywright_secret::{PlatformToken, TokenKind};
use serde_json::{Value, json};

use crate::accounts::{log_in, sign_up};
use crate::cli::Cli;
use crate::home::{Ended, Home};
use crate::scripted::{Scripted, refused};
use crate::served::Served;

fn settings(home: &Home) -> PathBuf {
    home.path().join(".config/keywright/config.toml")
}

fn configure(home: &Home, content: &str) {
    std::fs::create_dir_all(settings(home).parent().unwrap()).unwrap();
    std::fs::write(settings(home), content).unwrap();
}

fn store(home: &Home, content: &str) {
    std::fs::create_dir_all(home.credentials().parent().unwrap()).unwrap();
    std::fs::write(home.credentials(), content).unwrap();
}

fn stored_key(home: &Home, server: &str) {
    let raw = PlatformToken::mint(TokenKind::ApiKey).expose().to_owned();
    let entry = json!({ "apiKey": { "raw": raw } });
    store(home, &json!({ "profiles": { "default": { "servers": { server: entry } } } }).to_string());
}

fn accounts_made(cli: &Cli) -> usize {
    cli.api.calls_to("/api/v1/auth/temporary")
}

/// Three ways to need a credential; none of them may make one.
#[track_caller]
fn no_account_is_made(cli: &Cli, code: i32, error: &str, words: &[&str]) {
    for command in
        [&["whoami", "--json"][..], &["tokens", "list", "--json"], &["run", "--json", "--", "true"]]
    {
        let ended = cli.run(command).with_code(code);
        for word in words {
            assert!(ended.stdout.contains(word) || ended.stderr.contains(word), "{word}: {}", ended.stdout);
        }
        assert!(ended.stdout.contains(error) || ended.stderr.contains(error), "{error}: {}", ended.stdout);
    }
    cli.run([""; 0]);
    assert_eq!(accounts_made(cli), 0);
}

const MENDS: [&str; 2] = ["keywright login --api-key-file", "keywright auth login-request --email EMAIL"];

#[test]
fn a_damaged_file_of_credentials_is_not_replaced_by_an_account() {
    for (content, words) in [("{\"canary", "was damaged"), ("", "was empty")] {
        let cli = Cli::new();
        store(&cli.home, content);
        let first = cli.run(["status"]).with_code(0);
        assert!(first.stderr.contains(".corrupt-") && !first.stderr.contains("canary"), "{}", first.stderr);
        assert_eq!(first.stderr.contains("was empty"), content.is_empty(), "{}", first.stderr);
        no_account_is_made(
            &cli,
            3,
            "KEY_MISSING",
            &[&MENDS[..], &[words, "profiles use", "remove "]].concat(),
        );
        let doctor = cli.run(["doctor"]);
        assert!(doctor.stdout.contains(words), "{}", doctor.stdout);
        // What the message names mends it.
        for file in cli.credentials().parent().unwrap().read_dir().unwrap() {
            let path = file.unwrap().path();
            if path.to_string_lossy().contains(".corrupt-") {
                std::fs::remove_file(path).unwrap();
            }
        }
        cli.run(["whoami"]).with_code(0);
        assert_eq!(accounts_made(&cli), 1);
    }
}

#[test]
fn a_profile_that_had_a_key_gets_no_account_in_its_place() {
    let cli = Cli::new();
    let url = &cli.api.url;
    for (profile, organization, words) in [
        ("acme", "organization_id = \"org_1\"\norganization_name = \"Acme\"\n", "organization Acme"),
        ("acme", "", "profile acme holds nothing"),
        ("default", "organization_id = \"org_1\"\n", "organization org_1"),
    ] {
        configure(
            &cli.home,
            &format!(
                "active_profile = \"{profile}\"\n[profiles.{profile}]\nserver = \"{url}\"\n{organization}"
            ),
        );
        no_account_is_made(&cli, 3, "KEY_MISSING", &[&MENDS[..], &[words, "profiles use"]].concat());
    }
    // A temporary account is for a profile that never was anything else.
    configure(&cli.home, &format!("[profiles.acme]\nserver = \"{url}\"\n"));
    cli.run(["whoami"]).with_code(0);
}

#[test]
fn a_profile_that_is_not_there_is_refused_whoever_names_it_and_can_be_mended() {
    let cli = Cli::new();
    configure(&cli.home, "active_profile = \"gone\"\n[profiles.work]\n");
    no_account_is_made(
        &cli,
        1,
        "PROFILE_UNKNOWN",
        &["`gone`, which active_profile names", "profiles use", MENDS[1]],
    );
    for command in ["status", "whoami"] {
        let named =
            Ended::of(cli.command([command, "--json"]).env("KEYWRIGHT_PROFILE", "absent")).with_code(1);
        assert!(named.stdout.contains("`absent`, which KEYWRIGHT_PROFILE names"), "{}", named.stdout);
        let flag = cli.run([command, "--profile", "nope", "--json"]).with_code(1);
        assert_eq!(flag.json()["error"]["code"], "PROFILE_UNKNOWN");
    }
    assert!(cli.run(["doctor"]).stdout.contains("there is no profile `gone`"));
    cli.run(["profiles", "list"]).with_code(0);
    cli.run(["profiles", "use", "default"]).with_code(0);
    cli.run(["whoami"]).with_code(0);
}

#[test]
fn signing_in_mends_an_active_profile_that_is_not_there() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    configure(&fresh, "active_profile = \"gone\"\n");
    log_in(&served, &fresh, &ada.key);
    assert_eq!(fresh.run(["whoami", "--json"]).with_code(0).json()["data"]["profile"], "acme");
}

#[test]
fn what_was_forgotten_stays_forgotten_and_no_account_takes_its_place() {
    for forget in [
        &["profiles", "rm", "acme", "--yes"][..],
        &["profiles", "rm", "acme", "--yes", "--revoke"],
        &["orgs", "rm", "Acme", "--yes"],
    ] {
        let (home, fresh) = (Home::new(), Home::new());
        let served = Served::demo(&home);
        let ada = sign_up(&served, &home, "ada@example.com", "Acme");
        log_in(&served, &fresh, &ada.key);
        let ended = fresh.run(forget).with_code(0);
        if forget[0] == "profiles" {
            let words = "no profile is active; the next command starts anew with `default`";
            assert!(ended.stdout.contains(words), "{}", ended.stdout);
        }
        for command in [&["whoami"][..], &["tokens", "list"], &["run", "--", "true"]] {
            served.cli(&fresh, command).with_code(3);
            let named = [&["--profile", "acme"][..], command].concat();
            assert!(served.cli(&fresh, named).with_code(1).stderr.contains("there is no profile `acme`"));
        }
        served.cli(&fresh, ["status"]).with_code(0);
        let list = fresh.run(["profiles", "list", "--json"]).with_code(0).json()["data"]["profiles"].clone();
        assert_eq!(list, json!([]), "{forget:?}");
        assert!(!std::fs::read_to_string(fresh.credentials()).unwrap().contains("tmp_kw_"));
    }
}

#[test]
fn a_temporary_account_that_was_forgotten_does_not_come_back_as_another() {
    let cli = Cli::new();
    cli.run(["whoami"]).with_code(0);
    cli.run(["profiles", "rm", "default", "--yes"]).with_code(0);
    cli.run(["whoami"]).with_code(3);
    cli.run(["profiles", "rm", "default", "--yes"]).with_code(1);
    assert_eq!(accounts_made(&cli), 1);
}

#[test]
fn a_refused_credential_is_told_what_works_in_its_place_and_not_to_make_a_key_with_itself() {
    let cli = Cli::new();
    for code in [ErrorCode::KeyRevoked, ErrorCode::KeyUnknown, ErrorCode::KeyExpired] {
        cli.api.state.lock().unwrap().refuse = Some(code);
        stored_key(&cli.home, &cli.api.url);
        let key = PlatformToken::mint(TokenKind::ApiKey).expose().to_owned();
        let mut by_environment = cli.command(["whoami", "--json"]);
        by_environment.env("KEYWRIGHT_API_KEY", &key);
        for (ended, words) in [
            (
                cli.run(["whoami", "--json"]),
                &["auth login-request --email EMAIL", "login --api-key-file -"][..],
            ),
            (Ended::of(&mut by_environment), &["KEYWRIGHT_API_KEY, or unset it"]),
            (cli.run(["whoami", "--json", "--api-key", &key]), &["`--api-key`, or leave it out"]),
        ] {
            let next = ended.json()["error"]["nextAction"].as_str().unwrap().to_owned();
            assert!(words.iter().all(|words| next.contains(words)), "{code:?}: {next}");
            assert!(!next.contains("tokens create"), "{code:?}: {next}");
        }
    }
}

#[test]
fn the_name_of_an_organization_is_followed() {
    let (home, fresh, elsewhere) = (Home::new(), Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    log_in(&served, &fresh, &ada.key);
    log_in(&served, &elsewhere, &ada.key);
    let name = |home: &Home| -> Value {
        home.run(["profiles", "list", "--json"]).with_code(0).json()["data"]["profiles"][0]["organizationName"]
            .clone()
    };
    let mut number = 0;
    let mut rename = || {
        number += 1;
        let new = format!("Acme {number}");
        fresh.run(["orgs", "update", "--rename", &new]).with_code(0);
        assert_eq!(name(&fresh), new.as_str());
        new
    };
    for command in ["whoami", "status"] {
        let new = rename();
        assert_ne!(name(&elsewhere), new.as_str());
        elsewhere.run([command]).with_code(0);
        assert_eq!(name(&elsewhere), new.as_str(), "{command}");
    }
    let list = fresh.run(["profiles", "list"]).with_code(0).stdout;
    assert!(list.contains("never"), "{list}");
}

#[test]
fn a_profile_is_listed_with_the_server_of_its_credential_and_not_at_all_when_nothing_is_left() {
    let home = Home::new();
    stored_key(&home, "https://k.example");
    let list = home.run(["profiles", "list", "--json"]).with_code(0).json()["data"]["profiles"].clone();
    assert_eq!(list[0]["server"], "https://k.example");
    store(&home, "{\"profiles\":{\"old\":{\"servers\":{\"https://k.example\":{\"signedOut\":true}}}}}");
    let list = home.run(["profiles", "list", "--json"]).with_code(0).json()["data"]["profiles"].clone();
    assert_eq!(list, json!([]));
}

#[test]
fn a_profile_for_another_server_gets_no_account_of_the_one_that_is_named() {
    let cli = Cli::new();
    configure(&cli.home, "active_profile = \"acme\"\n[profiles.acme]\nserver = \"https://k.example\"\n");
    let ended = cli.run(["whoami", "--json", "-v"]).with_code(0);
    let words = format!("The profile acme is for another server than {}, so it is not used.", cli.api.url);
    assert!(ended.stderr.contains(&words), "{}", ended.stderr);
    assert_eq!(ended.json()["data"]["profile"], "default");
    let stored: Value = serde_json::from_slice(&std::fs::read(cli.credentials()).unwrap()).unwrap();
    let profiles: Vec<&String> = stored["profiles"].as_object().unwrap().keys().collect();
    assert_eq!(profiles, ["default"]);
    let doctor = cli.run(["doctor"]);
    assert!(doctor.stdout.contains("acme (from active_profile) is for another server"), "{}", doctor.stdout);
}

#[test]
fn no_organization_is_made_or_entered_where_its_key_could_not_be_stored() {
    let server = Scripted::start();
    server.answers("/api/v1/organizations", refused(ErrorCode::Forbidden, []));
    let home = Home::new();
    stored_key(&home, &server.url);
    configure(&home, "");
    std::fs::rename(settings(&home), home.path().join("dotfiles.toml")).unwrap();
    std::os::unix::fs::symlink(home.path().join("dotfiles.toml"), settings(&home)).unwrap();
    let invitation = keywright_protocol::InvitationId::new().to_string();
    for command in
        [&["orgs", "create", "Beta", "--json"][..], &["orgs", "invitations", "accept", &invitation, "--json"]]
    {
        let ended = Ended::of(home.command(command).env("KEYWRIGHT_SERVER", &server.url)).with_code(1);
        assert_eq!(ended.json()["error"]["code"], "FILE_UNUSABLE", "{}", ended.stdout);
        assert!(server.seen().is_empty());
    }
}
