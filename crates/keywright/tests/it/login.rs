//! `keywright login`: keys that were made elsewhere, and all that is no key.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use keywright_protocol::ErrorCode;
use keywright_secret::{PlatformToken, TokenKind};
use serde_json::{Value, json};

use crate::accounts::{log_in, sign_up};
use crate::cli::{Cli, Ended};
use crate::home::Home;
use crate::served::Served;

/// Runs the command with `typed` on standard input.
fn with_input(command: &mut Command, typed: &[u8]) -> Ended {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(typed);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn settings(home: &Home) -> String {
    std::fs::read_to_string(home.path().join(".config/keywright/config.toml")).unwrap()
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A file with a key that no server made.
fn key_file(home: &Home) -> (String, String) {
    let key = PlatformToken::mint(TokenKind::ApiKey).expose().to_owned();
    let file = home.path().join("key.txt");
    std::fs::write(&file, &key).unwrap();
    (key, file.to_str().unwrap().to_owned())
}

#[test]
fn a_key_in_a_file_is_stored_under_its_organizations_name_and_used_from_then_on() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Ada & Söhne");
    let folder = fresh.path().join(".config/keywright");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), "# By hand.\nlater = 1 # kept\n").unwrap();
    let ended = log_in(&served, &fresh, &ada.key);
    let data = ended.json()["data"].clone();
    assert_eq!((&data["profileName"], &data["isNew"]), (&json!("ada-s-hne"), &json!(true)));
    assert_eq!((&data["verified"], &data["server"]), (&json!(true), &json!(served.url())));
    assert_eq!(data["organizationId"], ada.organization_id);
    assert_eq!(data["organizationName"], "Ada & Söhne");
    assert_eq!(
        (&data["apiKey"]["keyId"], &data["apiKey"]["name"]),
        (&json!(ada.key_id), &json!("CLI default key"))
    );
    assert_eq!(data["apiKey"]["keyPrefix"], ada.key[..10]);
    assert!(!format!("{}{}", ended.stdout, ended.stderr).contains(&ada.key));

    assert_eq!(fresh.credentials().metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let written = settings(&fresh);
    assert!(written.contains("# By hand.\nlater = 1 # kept") && !written.contains("sk_kw_"), "{written}");

    // No server is named any more: the profile has it.
    let who = fresh.run(["whoami", "--json"]).with_code(0).json()["data"].clone();
    assert_eq!(who["tokenId"], ada.key_id);
    assert_eq!((&who["profile"], &who["profileSource"]), (&json!("ada-s-hne"), &json!("active")));
    assert_eq!(who["credentialSource"], "storedKey");
    let status = fresh.run(["status", "--json"]).with_code(0).json()["data"].clone();
    assert_eq!((&status["profile"], &status["profileSource"]), (&json!("ada-s-hne"), &json!("active")));
    assert_eq!(status["organization"], json!({ "id": ada.organization_id, "name": "Ada & Söhne" }));
    assert_eq!(status["server"]["source"], "profile");
    let run = fresh.run(["run", "--", "sh", "-c", "echo $ANTHROPIC_BASE_URL"]).with_code(0);
    assert_eq!(run.stdout.trim_end(), served.url());
}

#[test]
fn a_second_key_of_the_same_organization_takes_the_place_of_the_first_and_names_it() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    log_in(&served, &fresh, &ada.key);
    let (_, second) = served.key(&ada.key, "second");
    let ended = log_in(&served, &fresh, &second);
    let data = ended.json()["data"].clone();
    assert_eq!((&data["profileName"], &data["isNew"]), (&json!("acme"), &json!(false)));
    assert_eq!(data["replaced"], ada.key[..10]);
    assert!(ended.stderr.contains("still good at the server"), "{}", ended.stderr);
    assert_eq!(log_in(&served, &fresh, &second).json()["data"].get("replaced"), None);
    // Another organization gets a profile of its own, of the same name or of the one that is asked for.
    let bob = sign_up(&served, &home, "bob@example.com", "Acme");
    assert_eq!(log_in(&served, &fresh, &bob.key).json()["data"]["profileName"], "acme-2");
    let named = |name: &str, key: &str| {
        let url = served.url();
        let mut command =
            fresh.command(["--server", &url, "login", "--api-key-file", "-", "--json", "--name", name]);
        with_input(&mut command, key.as_bytes())
    };
    let taken = named("acme", &bob.key).with_code(1).json()["error"].clone();
    assert_eq!(taken["code"], "PROFILE_TAKEN");
    assert_eq!(named("bob", &bob.key).with_code(0).json()["data"]["isNew"], true);
    assert_eq!(settings(&fresh).matches("[profiles.").count(), 3);
}

#[test]
fn a_key_comes_from_standard_input_or_an_argument_that_is_warned_of() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    let url = served.url();
    for end in ["", "\n", "\r\n"] {
        let mut command = fresh.command(["--server", &url, "login", "--api-key-file", "-"]);
        let ended = with_input(&mut command, format!("{}{end}", ada.key).as_bytes()).with_code(0);
        assert!(
            ended.stdout.contains("under the profile acme") && ended.stderr.is_empty(),
            "{}",
            ended.stderr
        );
    }
    let argued = fresh.run(["--server", &url, "login", "--api-key", &ada.key]).with_code(0);
    assert!(argued.stderr.contains("list of processes"), "{}", argued.stderr);
    assert!(!format!("{}{}", argued.stdout, argued.stderr).contains(&ada.key));
}

#[test]
fn what_is_no_key_is_refused_before_anything_is_asked_or_stored() {
    let home = Home::new();
    let server = nobody();
    let whole = PlatformToken::mint(TokenKind::ApiKey);
    let whole = whole.expose();
    let token = |kind| PlatformToken::mint(kind).expose().to_owned();
    let damaged = format!("{}0", &whole[..whole.len() - 1]);
    let damaged = if damaged == whole { format!("{}1", &whole[..whole.len() - 1]) } else { damaged };
    let (malformed, wrong, missing) = ("KEY_MALFORMED", "WRONG_KEY_KIND", "KEY_MISSING");
    for (content, code, words) in [
        (String::new(), missing, "empty"),
        ("\n".into(), missing, "empty"),
        (format!("{whole}\0"), malformed, "not text"),
        (format!("{whole}\n{whole}\n"), malformed, "more than one line"),
        (format!("{whole}\n\n"), malformed, "more than one line"),
        (whole.repeat(100), malformed, "4 KiB"),
        (damaged, malformed, "mistyped or cut off"),
        (format!(" {whole}"), malformed, "blanks before or behind"),
        (format!("{whole} "), malformed, "blanks before or behind"),
        ("sk-ant-api03-canary".into(), wrong, "Anthropic"),
        ("sk-proj-canary".into(), wrong, "OpenAI"),
        ("ghp_canary".into(), wrong, "GitHub"),
        ("AIzaCanary".into(), wrong, "Google"),
        (token(TokenKind::Temporary), wrong, "tmp_kw_"),
        (token(TokenKind::Access), wrong, "at_kw_"),
        (token(TokenKind::Refresh), wrong, "rt_kw_"),
    ] {
        let mut command = home.command(["--server", &server, "login", "--api-key-file", "-", "--json"]);
        let ended = with_input(&mut command, content.as_bytes()).with_code(3);
        let error = ended.json()["error"].clone();
        assert_eq!(error["code"], code, "{content:?}: {error}");
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        assert!(!ended.stdout.contains("canary") && !ended.stdout.contains(&whole[..20]), "{}", ended.stdout);
        // An argument is what its shell made of it: no file's line break, and never a NUL.
        if !content.is_empty() && !content.contains(['\n', '\0']) && content.len() < 1000 {
            let argued =
                home.run(["--server", &server, "login", "--api-key", &content, "--json"]).with_code(3);
            assert_eq!(argued.json()["error"]["code"], code, "{content:?}");
        }
    }
    for missing in ["no-such-file", "."] {
        let ended = home.run(["--server", &server, "login", "--api-key-file", missing]).with_code(1);
        assert!(
            ended.stderr.contains("cannot be read") && ended.stderr.contains("because"),
            "{}",
            ended.stderr
        );
    }
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "nothing was written");
}

#[test]
fn without_a_server_there_is_nowhere_to_sign_in() {
    let home = Home::new();
    let ended = home.run(["login"]).with_code(6);
    assert!(ended.stderr.contains("--server URL"), "{}", ended.stderr);
    let both = ["login", "--api-key", "sk_kw_x", "--api-key-file", "x"];
    assert_eq!(home.run(both).with_code(2).stdout, "");
    home.run(["login", "--api-key-file", "x", "--name", "../x"]).with_code(2);
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0);
}

#[test]
fn a_key_that_the_server_refuses_is_not_stored() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    let (id, revoked) = served.key(&ada.key, "revoked");
    served.delete(&format!("/api/v1/keys/{id}")).token(&ada.key).send().with_status(200);
    let unknown = PlatformToken::mint(TokenKind::ApiKey).expose().to_owned();
    for (key, code) in [(revoked, "KEY_REVOKED"), (unknown, "KEY_UNKNOWN")] {
        let url = served.url();
        let mut command = fresh.command(["--server", &url, "login", "--api-key-file", "-", "--json"]);
        let ended = with_input(&mut command, key.as_bytes()).with_code(3);
        assert_eq!(ended.json()["error"]["code"], code);
    }
    let cli = Cli::new();
    let (_, file) = key_file(&fresh);
    for (code, exit) in [
        (ErrorCode::KeyExpired, 7),
        (ErrorCode::StorageUnavailable, ErrorCode::StorageUnavailable.exit() as i32),
    ] {
        cli.api.state.lock().unwrap().refuse = Some(code);
        let ended = fresh.run(["--server", &cli.api.url, "login", "--api-key-file", &file, "--json"]);
        assert_eq!(ended.with_code(exit).json()["error"]["code"], code.as_str());
    }
    assert!(!fresh.credentials().exists() && !fresh.path().join(".config").exists());
}

#[test]
fn what_answers_and_is_no_keywright_gets_no_say() {
    let fresh = Home::new();
    let (_, file) = key_file(&fresh);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello");
        }
    });
    let ended = fresh.run(["--server", &url, "login", "--api-key-file", &file, "--json"]).with_code(6);
    assert_eq!(ended.json()["error"]["code"], "NOT_A_KEYWRIGHT_SERVER");
    assert!(!fresh.credentials().exists());
}

#[test]
fn a_key_for_no_server_that_anybody_named_is_not_stored() {
    let fresh = Home::new();
    let (_, file) = key_file(&fresh);
    let ended = fresh.run(["login", "--api-key-file", &file, "--json"]).with_code(6);
    assert_eq!(ended.json()["error"]["code"], "NO_SERVER");
    assert!(ended.stdout.contains("--server URL"), "{}", ended.stdout);
    assert!(!fresh.credentials().exists());
}

#[test]
fn a_key_for_a_server_that_is_down_is_stored_aloud_and_known_once_it_is_up() {
    let (home, fresh) = (Home::new(), Home::new());
    let served = Served::demo(&home);
    let ada = sign_up(&served, &home, "ada@example.com", "Acme");
    let (address, url) = (served.address.to_string(), served.url());
    served.stop();
    let file = fresh.path().join("key.txt");
    std::fs::write(&file, &ada.key).unwrap();
    let login = ["--server", &url, "login", "--api-key-file", file.to_str().unwrap(), "--json"];
    let ended = fresh.run(login).with_code(0);
    let data = ended.json()["data"].clone();
    assert!(
        ended.stderr.contains("cannot be reached") && ended.stderr.contains("whoami"),
        "{}",
        ended.stderr
    );
    assert_eq!((&data["profileName"], &data["verified"]), (&json!("127-0-0-1"), &json!(false)));
    assert_eq!(fresh.run(["whoami"]).with_code(6).stdout, "");

    let mut command =
        home.command(["serve", "--demo", "--operations-listen", "127.0.0.1:0", "--listen", &address]);
    let _served = Served::start(&mut command);
    let listed = |home: &Home| {
        home.run(["profiles", "list", "--json"]).with_code(0).json()["data"]["profiles"][0].clone()
    };
    assert_eq!(listed(&fresh).get("organizationName"), None);
    fresh.run(["whoami"]).with_code(0);
    let profile = listed(&fresh);
    assert_eq!((&profile["name"], &profile["organizationName"]), (&json!("127-0-0-1"), &json!("Acme")));
    assert_eq!(profile["credentials"][0]["keyId"], ada.key_id);
    // Asked again with the server there, it is the same profile.
    let again = fresh.run(login).with_code(0).json()["data"].clone();
    assert_eq!(
        (&again["profileName"], &again["isNew"], &again["verified"]),
        (&json!("127-0-0-1"), &json!(false), &json!(true))
    );
}

#[test]
fn what_will_be_used_in_place_of_the_new_key_is_said_aloud() {
    let fresh = Home::new();
    let (key, file) = key_file(&fresh);
    let server = nobody();
    let mut command = fresh.command(["--server", &server, "login", "--api-key-file", &file]);
    command.env("KEYWRIGHT_API_KEY", &key).env("KEYWRIGHT_PROFILE", "other");
    let ended = Ended::of(command.env("KEYWRIGHT_SERVER", "https://elsewhere.example")).with_code(0);
    for words in ["KEYWRIGHT_API_KEY is set", "names the profile other", "names https://elsewhere.example"] {
        assert!(ended.stderr.contains(words), "{words}: {}", ended.stderr);
    }
    let plain = fresh.run(["--server", &server, "login", "--api-key-file", &file]).with_code(0);
    assert_eq!(plain.stderr.matches("warning:").count(), 1, "but that nobody answers: {}", plain.stderr);
}

#[test]
fn settings_that_are_malformed_are_an_error_and_stay_as_they_are() {
    let fresh = Home::new();
    let (_, file) = key_file(&fresh);
    let path = fresh.path().join(".config/keywright/config.toml");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "[profiles\n").unwrap();
    let ended = fresh.run(["--server", &nobody(), "login", "--api-key-file", &file, "--json"]).with_code(1);
    assert_eq!(ended.json()["error"]["code"], "SETTINGS_INVALID");
    assert_eq!(settings(&fresh), "[profiles\n");
    assert!(!fresh.credentials().exists());
}

/// The binary on a terminal, as `script` makes one.
fn on_a_terminal(home: &Home, shell: &str) -> Command {
    let mut command = Command::new("script");
    command.args(["-qec", shell, "/dev/null"]).env_clear().env("PATH", "/usr/bin:/bin").env("TERM", "dumb");
    command.env("HOME", home.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

/// Types `typed` once the prompt is there; all that could be seen, and how it ended.
fn typing(command: &mut Command, typed: &str) -> (Option<i32>, String) {
    let mut child = command.spawn().unwrap();
    let mut seen = Vec::new();
    let (mut stdout, mut stdin) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    while !String::from_utf8_lossy(&seen).contains("not shown") {
        let mut piece = [0; 256];
        let read = stdout.read(&mut piece).unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
    stdin.write_all(typed.as_bytes()).unwrap();
    stdin.flush().unwrap();
    stdout.read_to_end(&mut seen).unwrap();
    drop(stdin);
    (child.wait().unwrap().code(), String::from_utf8_lossy(&seen).into_owned())
}

#[test]
fn a_key_that_is_typed_is_not_shown_and_an_interrupt_shows_again_what_comes_next() {
    let fresh = Home::new();
    let key = PlatformToken::mint(TokenKind::ApiKey).expose().to_owned();
    let binary = env!("CARGO_BIN_EXE_keywright");
    let login = format!(
        "trap : INT; {binary} --server {} login --api-key-file -; code=$?; stty -a; exit $code",
        nobody()
    );
    let (code, seen) = typing(&mut on_a_terminal(&fresh, &login), "\u{3}");
    assert_eq!(code, Some(1), "{seen}");
    assert!(seen.contains("interrupted") && seen.contains(" echo ") && !seen.contains(" -echo "), "{seen}");
    assert!(!fresh.credentials().exists());

    let (code, seen) = typing(&mut on_a_terminal(&fresh, &login), &format!("{key}\n"));
    assert_eq!(code, Some(0), "{seen}");
    assert!(seen.contains("Stored the key") && seen.contains(" echo "), "{seen}");
    assert!(!seen.contains(&key[12..]), "the key was shown");
    let stored: Value = serde_json::from_slice(&std::fs::read(fresh.credentials()).unwrap()).unwrap();
    assert!(stored.to_string().contains(&key) && Path::new(&fresh.credentials()).exists());
}
