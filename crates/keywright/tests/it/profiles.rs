//! Profiles: which one counts and why, and what becomes of them.

use std::io::Write;
use std::process::Stdio;

use keywright_protocol::ErrorCode;
use keywright_secret::{PlatformToken, TokenKind};
use serde_json::{Value, json};

use crate::accounts::{log_in, sign_up};
use crate::cli::{Cli, Ended};
use crate::home::Home;
use crate::served::Served;

fn profiles(home: &Home) -> Value {
    home.run(["profiles", "list", "--json"]).with_code(0).json()["data"].clone()
}

fn names(home: &Home) -> Vec<String> {
    let list = profiles(home)["profiles"].clone();
    list.as_array().unwrap().iter().map(|profile| profile["name"].as_str().unwrap().to_owned()).collect()
}

fn with_environment(home: &Home, arguments: &[&str], variables: &[(&str, &str)]) -> Ended {
    Ended::of(home.command(arguments).envs(variables.iter().copied()))
}

#[test]
fn profiles_are_listed_chosen_and_forgotten() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let none = fresh.run(["profiles", "list"]).with_code(0);
    assert!(none.stdout.contains("no profile yet"), "{}", none.stdout);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    let bob = sign_up(&served, &home, "bob@example.com", "Other Ltd");
    log_in(&served, &fresh, &ada.key);
    log_in(&served, &fresh, &bob.key);
    let list = fresh.run(["profiles", "list"]).with_code(0).stdout;
    assert!(list.contains("*  other-ltd") && list.contains("acme") && list.contains(&served.url()), "{list}");
    assert!(list.contains(&format!("API key ({}…)", &ada.key[..10])), "{list}");
    assert!(!list.contains(&ada.key), "{list}");
    let data = profiles(&fresh);
    assert_eq!((&data["active"], data["profiles"].as_array().unwrap().len()), (&json!("other-ltd"), 2));
    let acme = &data["profiles"][0];
    assert_eq!(
        (&acme["name"], &acme["active"], &acme["server"]),
        (&json!("acme"), &json!(false), &json!(served.url()))
    );
    assert_eq!(acme["organizationId"], ada.organization_id);
    assert_eq!(
        (&acme["credentials"][0]["source"], &acme["credentials"][0]["keyId"]),
        (&json!("storedKey"), &json!(ada.key_id))
    );

    let used = fresh.run(["profiles", "use", "acme"]).with_code(0);
    assert!(used.stdout.contains("acme is the active one now") && used.stderr.is_empty(), "{}", used.stdout);
    assert_eq!(fresh.run(["whoami", "--json"]).with_code(0).json()["data"]["tokenId"], ada.key_id);
    let shadowed =
        with_environment(&fresh, &["profiles", "use", "acme"], &[("KEYWRIGHT_PROFILE", "other-ltd")]);
    assert!(shadowed.with_code(0).stderr.contains("KEYWRIGHT_PROFILE names the profile other-ltd"));
    let list =
        with_environment(&fresh, &["profiles", "ls"], &[("KEYWRIGHT_PROFILE", "other-ltd")]).with_code(0);
    assert!(list.stdout.contains("*  acme") && list.stderr.contains("which counts here"), "{}", list.stderr);
    for unknown in [["profiles", "use", "nope"], ["profiles", "rm", "nope"], ["--profile", "nope", "whoami"]]
    {
        let ended = fresh.run(unknown).with_code(1);
        assert!(
            ended.stderr.contains("there is no profile `nope`") && ended.stderr.contains("profiles list")
        );
    }

    let gone = fresh.run(["profiles", "rm", "acme", "--yes", "--json"]).with_code(0);
    assert_eq!(gone.json()["data"], json!({ "removed": "acme", "active": null, "revoked": [] }));
    assert!(gone.stderr.contains("stays good at"), "{}", gone.stderr);
    assert_eq!(names(&fresh), ["other-ltd"]);
    let stored = std::fs::read_to_string(fresh.credentials()).unwrap();
    assert!(!stored.contains(&ada.key) && stored.contains(&bob.key));
    served.get("/api/v1/whoami").token(&ada.key).send().with_status(200);
}

#[test]
fn the_profile_that_counts_is_the_first_that_is_named_and_its_place_is_always_shown() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    for (name, email) in [("first", "a@example.com"), ("second", "b@example.com"), ("third", "c@example.com")]
    {
        let account = sign_up(&served, &home, email, name);
        log_in(&served, &fresh, &account.key);
    }
    let url = served.url();
    let environment = ("KEYWRIGHT_PROFILE", "second");
    for (flags, variables, name, source, words) in [
        (&["--profile", "first"][..], &[environment][..], "first", "flag", "--profile"),
        (&[], &[environment], "second", "environment", "KEYWRIGHT_PROFILE"),
        (&[], &[], "third", "active", "active_profile"),
    ] {
        let run =
            |command: &[&str]| with_environment(&fresh, &[flags, command].concat(), variables).with_code(0);
        for command in ["whoami", "status"] {
            let data = run(&[command, "--json"]).json()["data"].clone();
            assert_eq!(
                (&data["profile"], &data["profileSource"]),
                (&json!(name), &json!(source)),
                "{command}"
            );
            let people = run(&[command]);
            assert!(people.stdout.contains(&format!("{name} (from {words})")), "{}", people.stdout);
            assert!(people.stderr.is_empty(), "{}", people.stderr);
        }
        assert_eq!(run(&["whoami", "--json"]).json()["data"]["organizationName"], name);
        let words =
            format!("Using the profile {name} (from {words}) and the server {url} (from the profile).");
        for command in [&["tokens", "list", "-v"][..], &["usage", "-v"], &["models", "-v"]] {
            let said = run(command).stderr;
            assert!(said.contains(&words), "{command:?}: {said}");
        }
    }
    // And the server: flag, then environment, then the profile's.
    let elsewhere = Cli::new();
    let status = |flags: &[&str], variables: &[(&str, &str)]| {
        let ended =
            with_environment(&fresh, &[flags, &["status", "--json"]].concat(), variables).with_code(0);
        ended.json()["data"]["server"].clone()
    };
    let variable = ("KEYWRIGHT_SERVER", elsewhere.api.url.as_str());
    assert_eq!(status(&[], &[])["source"], "profile");
    assert_eq!(status(&[], &[variable])["source"], "environment");
    assert_eq!(status(&["--server", &url], &[variable])["url"], url.as_str());
    // A key goes to its own server and to no other.
    with_environment(&fresh, &["--no-temporary", "whoami"], &[variable]).with_code(3);
    assert_eq!(elsewhere.api.calls_to("/api/v1/whoami"), 0);
    assert_eq!(
        with_environment(&fresh, &["whoami"], &[("KEYWRIGHT_PROFILE", "no name")]).with_code(1).stdout,
        ""
    );
}

#[test]
fn a_key_that_beats_the_profile_which_was_named_is_said_aloud_every_time() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    let bob = sign_up(&served, &home, "bob@example.com", "Other");
    log_in(&served, &fresh, &ada.key);
    let key = [("KEYWRIGHT_API_KEY", bob.key.as_str())];
    let words = |place: &str, name: &str| {
        format!(
            "{place} ({}…) is used, and not the stored API key ({}…) of the profile acme that {name} names",
            &bob.key[..10],
            &ada.key[..10]
        )
    };
    for _ in 0..2 {
        for command in [&["whoami"][..], &["status"], &["tokens", "list"], &["usage"], &["run", "--", "true"]]
        {
            let ended =
                with_environment(&fresh, &[&["--profile", "acme"], command].concat(), &key).with_code(0);
            let expected = words("KEYWRIGHT_API_KEY", "--profile");
            assert_eq!(ended.stderr.matches(&expected).count(), 1, "{command:?}: {}", ended.stderr);
        }
    }
    let named = [key[0], ("KEYWRIGHT_PROFILE", "acme")];
    let ended = with_environment(&fresh, &["whoami", "--json"], &named).with_code(0);
    assert!(ended.stderr.contains(&words("KEYWRIGHT_API_KEY", "KEYWRIGHT_PROFILE")), "{}", ended.stderr);
    assert_eq!(ended.json()["data"]["credentialSource"], "environment");
    assert_eq!(ended.json()["data"]["organizationName"], "Other");
    let flag = fresh.run(["--profile", "acme", "--api-key", &bob.key, "whoami"]).with_code(0);
    assert!(flag.stderr.contains(&words("--api-key", "--profile")), "{}", flag.stderr);
    // Nobody named a profile, or it has nothing to be used: then nothing is beaten.
    assert_eq!(with_environment(&fresh, &["whoami"], &key).with_code(0).stderr, "");
    let mut empty = served.command(&fresh, ["--profile", "default", "whoami"]);
    assert_eq!(Ended::of(empty.envs(key)).with_code(0).stderr, "");
}

#[test]
fn forgetting_with_revoke_deletes_the_key_at_the_server_or_forgets_nothing() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    let (_, narrow) = served.key(&ada.key, "narrow");
    log_in(&served, &fresh, &narrow);
    let refused = fresh.run(["profiles", "rm", "acme", "--revoke", "--yes", "--json"]).with_code(4);
    assert_eq!(refused.json()["error"]["code"], "INSUFFICIENT_SCOPE");
    assert!(refused.stderr.contains("the profile is still there"), "{}", refused.stderr);
    assert_eq!(names(&fresh), ["acme"]);

    log_in(&served, &fresh, &ada.key);
    let gone = fresh.run(["profiles", "rm", "acme", "--revoke", "--yes", "--json"]).with_code(0);
    assert_eq!(gone.json()["data"]["revoked"][0]["keyId"], ada.key_id);
    assert_eq!(served.get("/api/v1/whoami").token(&ada.key).send().status, 401);
    assert_eq!(names(&fresh), Vec::<String>::new());

    // One that is dead already does not keep its profile.
    let bob = sign_up(&served, &home, "bob@example.com", "Other");
    log_in(&served, &fresh, &bob.key);
    served.delete(&format!("/api/v1/keys/{}", bob.key_id)).token(&bob.key).send().with_status(200);
    let gone = fresh.run(["profiles", "rm", "other", "--revoke", "--yes"]).with_code(0);
    assert!(gone.stderr.contains("dead already"), "{}", gone.stderr);

    let eve = sign_up(&served, &home, "eve@example.com", "Eve");
    log_in(&served, &fresh, &eve.key);
    served.stop();
    let down = fresh.run(["profiles", "rm", "eve", "--revoke", "--yes"]).with_code(6);
    assert!(down.stderr.contains("cannot be reached"), "{}", down.stderr);
    assert_eq!(names(&fresh), ["eve"]);
    fresh.run(["profiles", "rm", "eve", "--yes"]).with_code(0);
}

#[test]
fn a_temporary_account_is_warned_of_and_cannot_be_revoked() {
    let fresh = Home::new();
    let home = Home::new();
    let served = Served::demo(&home);
    served.cli(&fresh, ["whoami"]).with_code(0);
    assert!(profiles(&fresh)["profiles"][0]["credentials"][0]["source"] == "temporary");
    let ended = fresh.run(["profiles", "rm", "default", "--revoke", "--yes", "--json"]).with_code(1);
    assert_eq!(ended.json()["error"]["code"], "NO_STORED_KEY");
    let nobody = fresh.run(["profiles", "rm", "default"]).with_code(2);
    assert!(nobody.stderr.contains("--yes"), "{}", nobody.stderr);
    let ended = fresh.run(["profiles", "rm", "default", "--yes"]).with_code(0);
    assert!(ended.stderr.contains("can not be reached afterwards"), "{}", ended.stderr);
    assert!(!std::fs::read_to_string(fresh.credentials()).unwrap().contains("tmp_kw_"));
}

/// `script` gives the command a terminal, on which somebody types.
#[test]
fn on_a_terminal_forgetting_is_asked_about_and_no_is_no() {
    let fresh = Home::new();
    let folder = fresh.path().join(".config/keywright");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "[profiles.work]\nserver = \"https://k.example\"\n").unwrap();
    for (typed, code, left) in [("n", 1, 1), ("", 1, 1), ("y", 0, 0)] {
        let line = format!("{} profiles rm work", env!("CARGO_BIN_EXE_keywright"));
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &line, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin");
        command.env("HOME", fresh.path()).env("TERM", "dumb");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{typed}").unwrap();
        let output = child.wait_with_output().unwrap();
        let seen = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{seen}");
        assert!(seen.contains("Forget the profile work? [y/N]"), "{seen}");
        assert_eq!(names(&fresh).len(), left, "{seen}");
    }
}

#[test]
fn a_damaged_file_of_credentials_is_set_aside_and_one_of_settings_stays() {
    let fresh = Home::new();
    let settings = fresh.path().join(".config/keywright/config.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    std::fs::create_dir_all(fresh.credentials().parent().unwrap()).unwrap();
    for command in
        [&["profiles", "list"][..], &["profiles", "use", "work"], &["profiles", "rm", "work", "--yes"]]
    {
        std::fs::write(&settings, "[profiles.work]\n").unwrap();
        std::fs::write(fresh.credentials(), "{\"canary").unwrap();
        let ended = fresh.run(command).with_code(0);
        assert!(ended.stderr.contains(".corrupt-") && !ended.stderr.contains("canary"), "{}", ended.stderr);
    }
    for command in
        [&["profiles", "list"][..], &["profiles", "use", "default"], &["profiles", "rm", "x", "--yes"]]
    {
        std::fs::write(&settings, "active_profile = 3\n").unwrap();
        let ended = fresh.run(command).with_code(1);
        assert!(ended.stderr.contains("config.toml is not valid"), "{}", ended.stderr);
        assert_eq!(std::fs::read_to_string(&settings).unwrap(), "active_profile = 3\n");
    }
    // An active profile that has no name, or is not there any more, is mended by choosing another.
    for broken in ["no name", "gone"] {
        std::fs::write(&settings, format!("active_profile = \"{broken}\"\n[profiles.work]\n")).unwrap();
        fresh.run(["whoami"]).with_code(1);
        fresh.run(["profiles", "list"]).with_code(0);
        fresh.run(["profiles", "use", "work"]).with_code(0);
        assert_eq!(profiles(&fresh)["active"], "work");
    }
}

/// A token from each place that one can come from, and the command that is given it.
fn asking(cli: &Cli, place: &str, arguments: &[&str]) -> Ended {
    let minted = |kind| PlatformToken::mint(kind).expose().to_owned();
    let stored = |entry: Value| {
        std::fs::create_dir_all(cli.credentials().parent().unwrap()).unwrap();
        let content = json!({ "profiles": { "default": { "servers": { &cli.api.url: entry } } } });
        std::fs::write(cli.credentials(), content.to_string()).unwrap();
    };
    let mut command = cli.command(arguments);
    match place {
        "flag" => {
            command.args(["--api-key", &minted(TokenKind::ApiKey)]);
        }
        "environment" => {
            command.env("KEYWRIGHT_API_KEY", minted(TokenKind::ApiKey));
        }
        "storedKey" => stored(json!({ "apiKey": { "raw": minted(TokenKind::ApiKey) } })),
        "session" => stored(json!({ "session": { "accessToken": minted(TokenKind::Access) } })),
        "temporary" => {
            let account = cli.api.state.lock().unwrap().temporary();
            stored(json!({ "temporary": serde_json::to_value(account).unwrap() }));
        }
        other => panic!("{other}"),
    }
    Ended::of(&mut command)
}

#[test]
fn whoami_tells_refused_from_expired_from_unreachable_wherever_the_credential_comes_from() {
    for place in ["flag", "environment", "storedKey", "session", "temporary"] {
        let mut cli = Cli::new();
        for (code, exit) in [
            (ErrorCode::KeyRevoked, 3),
            (ErrorCode::KeyUnknown, 3),
            (ErrorCode::KeyExpired, 7),
            (ErrorCode::Forbidden, 4),
        ] {
            // A temporary account that has ended is replaced; the new one is refused as well here.
            cli.api.state.lock().unwrap().refuse = Some(code);
            let ended = asking(&cli, place, &["whoami", "--json"]).with_code(exit);
            assert_eq!(ended.json()["error"]["code"], code.as_str(), "{place}");
            // Status succeeds whatever it finds, and says which it was.
            let status = asking(&cli, place, &["status", "--json"]).with_code(0).json()["data"].clone();
            assert_eq!(status["server"]["reachable"], true, "{place}");
            assert_eq!(status["credentialProblem"], code.message(), "{place}");
            assert_eq!((status.get("account"), &status["credential"]["source"]), (None, &json!(place)));
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        cli.api.url = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let ended = asking(&cli, place, &["whoami", "--json"]).with_code(6);
        assert_eq!(ended.json()["error"]["code"], "SERVER_UNREACHABLE", "{place}");
        let status = asking(&cli, place, &["status", "--json"]).with_code(0).json()["data"].clone();
        assert_eq!(
            (&status["server"]["reachable"], status.get("credentialProblem")),
            (&json!(false), None),
            "{place}"
        );
    }
}
