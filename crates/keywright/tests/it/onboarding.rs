//! What a newcomer does, with nothing there but the binary: a server, an account, keys, calls, records.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};

use crate::home::{Ended, Home};
use crate::served::Served;

#[test]
fn the_first_commands_lead_from_nothing_to_a_recorded_call() {
    let home = Home::new();
    let served = Served::demo(&home);
    let who = served.cli(&home, ["whoami"]).with_code(0);
    assert!(who.stderr.contains("Made a temporary account"), "{}", who.stderr);
    assert!(who.stdout.contains("(temporary)") && who.stdout.contains("models:use"), "{}", who.stdout);
    assert_eq!(home.credentials().metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let script = r#"exec curl -sSN "$OPENAI_BASE_URL/chat/completions" -H "Authorization: Bearer $OPENAI_API_KEY" \
        -H "Content-Type: application/json" -d '{"model":"demo-small","stream":true,"stream_options":{"include_usage":true},
        "messages":[{"role":"user","content":"hello from a newcomer"}]}'"#;
    let run = served.cli(&home, ["run", "--", "sh", "-c", script]).with_code(0);
    assert!(run.stdout.contains("data: [DONE]") && run.stdout.contains("newcomer"), "{}", run.stdout);
    assert!(run.stderr.is_empty(), "{}", run.stderr);

    let usage = served.cli(&home, ["usage"]).with_code(0).stdout;
    assert!(usage.contains("demo-small") && !usage.contains('~'), "{usage}");
    let calls = served.cli(&home, ["usage", "--requests", "--json"]).with_code(0).json();
    let call = &calls["data"]["requests"][0];
    assert_eq!((&call["outcome"], &call["provider"]), (&json!("succeeded"), &json!("demo")));
    assert_eq!(
        (&call["client"], &call["stream"], &call["status"]),
        (&json!("curl"), &json!(true), &json!(200))
    );
    assert!(call["usage"]["outputTokens"].as_i64().unwrap() > 5, "{call}");
}

#[test]
fn keys_are_made_used_listed_and_deleted() {
    let home = Home::new();
    let served = Served::demo(&home);
    let made = served.cli(&home, ["tokens", "create", "-n", "ci", "--lifetime", "30d"]).with_code(0);
    let raw = made.stdout.trim_end();
    served.message(raw, "hello", false).send().with_status(200);
    // A key alone may use models and nothing else; what is asked for is what it gets.
    let refused =
        Ended::of(served.command(&home, ["tokens", "list", "--json"]).env("KEYWRIGHT_API_KEY", raw));
    assert_eq!(refused.with_code(4).json()["error"]["code"], "INSUFFICIENT_SCOPE");
    let wide = ["tokens", "create", "-n", "wide", "--scope", "executions:read,models:use", "--json"];
    let wide = served.cli(&home, wide).with_code(0).json()["data"].clone();
    assert_eq!(wide["scopes"], json!(["models:use", "executions:read"]));
    let who = served.cli(&home, ["whoami", "--json"]).with_code(0).json()["data"].clone();
    assert_eq!(wide["expiresAt"], who["expiresAt"], "no key outlives its temporary account");
    let usage = Ended::of(
        served.command(&home, ["usage", "--json"]).env("KEYWRIGHT_API_KEY", wide["raw"].as_str().unwrap()),
    );
    assert_eq!(usage.with_code(0).json()["data"]["total"]["requests"], 1);

    let list = served.cli(&home, ["tokens", "list"]).with_code(0).stdout;
    assert!(list.contains("ci") && list.contains("wide") && !list.contains(raw), "{list}");
    let listed = served.cli(&home, ["tokens", "list", "--json"]).with_code(0).json()["data"].clone();
    assert_eq!((listed["keys"].as_array().unwrap().len(), &listed["limit"]), (2, &json!(20)));
    assert!(
        served.cli(&home, ["tokens", "create", "-n", "ci"]).with_code(1).stderr.contains("tokens rm NAME")
    );
    let unknown = served.cli(&home, ["tokens", "create", "-n", "x", "--scope", "everything"]).with_code(1);
    assert!(unknown.stderr.contains("models:use"), "the valid scopes are shown: {}", unknown.stderr);

    let removed = served.cli(&home, ["tokens", "rm", "ci", "--json"]).with_code(0).json();
    assert!(removed["data"][0]["revokedAt"].is_string());
    assert_eq!(served.message(raw, "hello", false).send().status, 401);
    served.cli(&home, ["tokens", "rm", "ci"]).with_code(1);
    let whoami = Ended::of(served.command(&home, ["whoami", "--json"]).env("KEYWRIGHT_API_KEY", raw));
    assert_eq!(whoami.with_code(3).json()["error"]["code"], "KEY_REVOKED");
}

#[test]
fn the_twenty_first_key_is_refused_as_too_many() {
    let home = Home::new();
    let served = Served::demo(&home);
    let token = served.temporary();
    for number in 0..20 {
        served.key(&token, &number.to_string());
    }
    let command = &mut served.command(&home, ["tokens", "create", "--json"]);
    let ended = Ended::of(command.env("KEYWRIGHT_API_KEY", &token)).with_code(5);
    assert_eq!(ended.json()["error"]["code"], "MAX_API_KEYS_REACHED");
}

#[test]
fn the_code_in_the_file_makes_an_administrator_once() {
    let home = Home::new();
    let served = Served::demo(&home);
    let code = std::fs::read_to_string(home.data("admin-claim")).unwrap();
    assert!(!served.log().contains(&code), "the code is for the file and a terminal");
    served.cli(&home, ["admin", "claim", "0123456789abcdef0123456789abcdef"]).with_code(4);
    let mut command = served.command(&home, ["admin", "claim", "-", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{code}").unwrap();
    let output = child.wait_with_output().unwrap();
    let who: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &who["data"]["administrator"]), (Some(0), &json!(true)));
    // Its account does not end any more.
    let who = served.cli(&home, ["whoami"]).with_code(0).stdout;
    assert!(who.contains("administrator") && who.contains("ends          never"), "{who}");
    let again = served.cli(&home, ["admin", "claim", &code, "--json"]).with_code(1).json();
    assert_eq!(again["error"]["code"], "CLAIM_USED");
}

#[test]
fn another_code_is_made_beside_a_running_server_and_beside_a_stopped_one() {
    let home = Home::new();
    let served = Served::demo(&home);
    let first = std::fs::read_to_string(home.data("admin-claim")).unwrap();
    let made = home.run(["admin", "claim", "--new"]).with_code(0);
    let code = made.stdout.trim_end().to_owned();
    assert_eq!(std::fs::read_to_string(home.data("admin-claim")).unwrap(), code);
    served.cli(&home, ["admin", "claim", &first]).with_code(4);
    served.stop();
    let json = home.run(["admin", "claim", "--new", "--json"]).with_code(0).json();
    let newest = json["data"]["code"].as_str().unwrap();

    let served = Served::demo(&home);
    for void in [&first, &code] {
        served.cli(&home, ["admin", "claim", void]).with_code(4);
    }
    served.cli(&home, ["admin", "claim", newest]).with_code(0);
}

#[test]
fn status_names_what_counts_and_what_it_shadows() {
    let home = Home::new();
    let served = Served::demo(&home);
    let before = served.cli(&home, ["status", "--json"]).with_code(0).json()["data"].clone();
    assert_eq!((&before["server"]["reachable"], &before["credential"]), (&json!(true), &Value::Null));
    assert!(!home.credentials().exists(), "status makes nothing");
    served.cli(&home, ["whoami"]).with_code(0);
    let raw = served.cli(&home, ["tokens", "create"]).with_code(0).stdout;
    let raw = raw.trim_end();
    let ended = Ended::of(served.command(&home, ["status"]).env("KEYWRIGHT_API_KEY", raw)).with_code(0);
    assert!(ended.stdout.contains("(from KEYWRIGHT_API_KEY)"), "{}", ended.stdout);
    assert!(ended.stdout.contains("shadows the temporary account"), "{}", ended.stdout);
    assert!(!ended.stdout.contains(raw));
    let status = Ended::of(served.command(&home, ["status", "--json"]).env("KEYWRIGHT_API_KEY", raw));
    let status = status.with_code(0).json()["data"].clone();
    assert_eq!(status["account"]["tokenKind"], "sk");
    assert_eq!(status["credential"]["shadowed"][0]["source"], "temporary");
    let url = served.url();
    served.stop();
    let gone = home.run(["--server", &url, "status"]).with_code(0);
    assert!(gone.stdout.contains(&url), "{}", gone.stdout);
    home.run(["--server", &url, "whoami"]).with_code(6);
}

#[test]
fn nobody_gets_an_account_who_does_not_want_one() {
    let home = Home::new();
    let served = Served::demo(&home);
    for (flag, value) in [("KEYWRIGHT_NO_TEMPORARY", "1"), ("KEYWRIGHT_NO_TEMPORARY", "true")] {
        let ended = Ended::of(served.command(&home, ["run", "--", "true"]).env(flag, value)).with_code(3);
        assert!(ended.stderr.contains("temporary accounts are switched off"), "{}", ended.stderr);
    }
    let token = served.temporary();
    let mut command = served.command(&home, ["whoami"]);
    Ended::of(command.env("KEYWRIGHT_NO_TEMPORARY", "1").env("KEYWRIGHT_API_KEY", token)).with_code(0);
    assert!(!home.credentials().exists());
}

#[test]
fn no_account_is_given_out_where_the_operator_says_so() {
    let home = Home::new();
    let served = Served::with(&home, ["--demo", "--auth-temporary=false"]);
    let ended = served.cli(&home, ["whoami", "--json"]).with_code(4);
    assert_eq!(ended.json()["error"]["code"], "TEMPORARY_DISABLED");
}

#[test]
fn provider_keys_never_reach_the_program_that_run_starts() {
    let home = Home::new();
    let keys = [
        ("ANTHROPIC_API_KEY", "sk-ant-api03-canary-one"),
        ("OPENAI_API_KEY", "sk-proj-canary-two"),
        ("GEMINI_API_KEY", "AIzaCanaryThree"),
        ("GOOGLE_API_KEY", "AIzaCanaryFour"),
        ("ANTHROPIC_AUTH_TOKEN", "canary-five"),
    ];
    // The same shell profile has set the keys for the server and for whoever starts the program.
    let mut command = home.command(["serve"]);
    let served = Served::start(command.args(crate::served::FREE_PORTS).envs(keys));
    assert!(served.log().contains("Providers: anthropic, "), "{}", served.log());
    let script = "cat /proc/self/environ; cat /proc/$$/cmdline";
    let ended = Ended::of(served.command(&home, ["run", "--", "sh", "-c", script]).envs(keys)).with_code(0);
    for (name, canary) in keys {
        assert!(!ended.stdout.contains(canary), "{name}: {}", ended.stdout);
        assert!(!served.log().contains(canary), "{name}");
    }
    let variables: Vec<&str> = ended.stdout.split('\0').collect();
    let value = |name: &str| variables.iter().find_map(|entry| entry.strip_prefix(&format!("{name}=")));
    let child = value("ANTHROPIC_API_KEY").unwrap();
    assert!(child.starts_with("at_kw_"));
    assert_eq!((value("OPENAI_API_KEY"), value("GEMINI_API_KEY")), (Some(child), Some(child)));
    assert_eq!((value("GOOGLE_API_KEY"), value("ANTHROPIC_AUTH_TOKEN")), (None, None));
    assert_eq!(value("ANTHROPIC_BASE_URL"), Some(&*served.url()));
    // The account itself stays with its person: the program may use models and nothing else.
    let stored: Value = serde_json::from_slice(&std::fs::read(home.credentials()).unwrap()).unwrap();
    assert!(!ended.stdout.contains("tmp_kw_") && stored.to_string().contains("tmp_kw_"));
    // The program is gone, and its token with it.
    assert_eq!(served.get("/api/v1/whoami").token(child).send().status, 401);
}

#[test]
fn a_programs_exit_code_and_its_signals_are_its_own() {
    let home = Home::new();
    let served = Served::demo(&home);
    for (script, code) in [("exit 0", 0), ("exit 42", 42), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
        served.cli(&home, ["run", "--", "sh", "-c", script]).with_code(code);
    }
    served.cli(&home, ["run", "--", "keywright-no-such-program"]).with_code(127);
    let script = "trap 'exit 33' TERM; echo ready; while :; do sleep 0.02; done";
    let mut command = served.command(&home, ["run", "--", "sh", "-c", script]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut ready = [0; 6];
    std::io::Read::read_exact(child.stdout.as_mut().unwrap(), &mut ready).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(33));
}

#[test]
fn a_token_made_for_a_program_dies_with_the_key_that_made_it() {
    let home = Home::new();
    let served = Served::demo(&home);
    let account = served.temporary();
    let (id, key) = served.key(&account, "parent");
    let script = r#"echo "$ANTHROPIC_API_KEY"; read -r line"#;
    let mut command = served.command(&home, ["run", "--", "sh", "-c", script]);
    command.env("KEYWRIGHT_API_KEY", &key).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = command.spawn().unwrap();
    let mut child = String::new();
    BufReader::new(program.stdout.as_mut().unwrap()).read_line(&mut child).unwrap();
    let child = child.trim_end();
    assert_eq!(served.get("/api/v1/keys").token(child).send().status, 403);
    served.message(child, "hello", false).send().with_status(200);
    served.delete(&format!("/api/v1/keys/{id}")).token(&account).send().with_status(200);
    let refused = served.message(child, "hello", false).send().with_status(401);
    assert!(refused.text().contains("KEY_REVOKED"), "{}", refused.text());
    assert_eq!(refused.headers["x-should-retry"], "false");
    writeln!(program.stdin.take().unwrap()).unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(0), "the program's code, whatever became of its token");
}

#[test]
fn a_revoked_token_cuts_its_running_stream_within_a_second() {
    let home = Home::new();
    let served = Served::demo(&home);
    let account = served.temporary();
    let (id, key) = served.key(&account, "streaming");
    let mut stream = served.message(&key, "demo:words=1000 demo:gap=50ms", true).open().unwrap();
    stream.read_until("content_block_delta");
    served.delete(&format!("/api/v1/keys/{id}")).token(&account).send().with_status(200);
    let deleted = std::time::Instant::now();
    let rest = stream.finish().text();
    assert!(deleted.elapsed() < Duration::from_secs(1), "{:?}", deleted.elapsed());
    assert!(rest.contains("event: error") && rest.contains("KEY_REVOKED"), "{rest}");
    assert_eq!(served.settled(&account)[0]["outcome"], "revoked");
}
