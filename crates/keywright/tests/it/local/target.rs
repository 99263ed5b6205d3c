//! When local mode is chosen, what it says, and whom it answers.

use std::process::Stdio;
use std::time::Duration;

use keywright_testkit::FakeProvider;
use rustix::process::Signal;
use serde_json::json;

use crate::call::Call;
use crate::home::{Ended, Home};
use crate::served::Served;

use super::{KEY, Running, Upstream, calls, wait_until};

#[test]
fn without_a_server_the_call_goes_to_the_users_provider_with_the_users_key() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let run = Running::start(&mut upstream.command(&home, &["run", "--"]));
    run.message(true).send().with_status(200);
    let received = upstream.provider.only();
    assert_eq!(received.header("x-api-key"), Some(KEY));
    assert!(received.headers.iter().all(|(_, value)| !value.windows(4).any(|part| part == b"_kw_")));
    let (code, words) = run.end();
    assert_eq!(code, Some(0), "{words}");
    let lines: Vec<&str> = words.lines().collect();
    let [found, removed, next] = lines[..] else { panic!("three lines, not {words}") };
    assert!(found.contains("anthropic (key sk-a...6789 from ANTHROPIC_API_KEY)"), "{found}");
    assert!(found.contains(&upstream.url()) && found.contains("ANTHROPIC_BASE_URL"), "{found}");
    assert!(removed.contains("ANTHROPIC_API_KEY") && next.contains("keywright usage --local"), "{words}");
    let call = &calls(&home)[0];
    assert_eq!((&call["provider"], &call["outcome"]), (&"anthropic".into(), &"succeeded".into()));
    assert_eq!((&call["credential"], &call["credentialHint"]), (&"central".into(), &"sk-a...6789".into()));
}

#[test]
fn only_the_run_s_own_token_at_its_own_address_is_answered_and_there_is_no_api() {
    let home = Home::new();
    let run = Running::start(&mut home.command(["run", "--demo", "--"]));
    run.message(false).send().with_status(200);
    let refused = |call: Call, status| call.send().with_status(status);
    refused(run.message(false).header("host", "evil.example"), 400);
    let other = format!("127.0.0.1:{}", run.address.port() ^ 1);
    for host in ["evil.example", "localhost.evil.example", "192.168.0.9", other.as_str()] {
        refused(Call::get(run.address, "/healthz").host(host), 421);
    }
    for origin in ["http://evil.example", "http://127.0.0.1:3000", "null"] {
        refused(run.message(false).header("origin", origin), 403);
    }
    let another = Running::start(&mut home.command(["run", "--demo", "--"]));
    let body = json!({ "model": "demo-small", "max_tokens": 9, "messages": [] });
    let strange = Call::post(run.address, "/v1/messages", &body).token(&another.token);
    assert!(refused(strange, 401).text().contains("KEY_UNKNOWN"));
    refused(Call::post(run.address, "/v1/messages", &body), 401);
    refused(Call::get(run.address, "/healthz").host(&format!("localhost:{}", run.address.port())), 200);
    for path in ["/api/v1/whoami", "/api/v1/keys", "/api/v1/requests", "/readyz", "/metrics", "/"] {
        refused(Call::get(run.address, path).token(&run.token), 404);
    }
    refused(Call::post(run.address, "/api/v1/auth/temporary", &json!({})), 404);
}

#[test]
fn a_server_that_is_named_and_away_is_an_error_and_never_local_mode() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let nobody = "http://127.0.0.1:1";
    let mut command = upstream.command(&home, &["run", "--", "true"]);
    let ended = Ended::of(command.env("KEYWRIGHT_SERVER", nobody)).with_code(6);
    assert!(!ended.stderr.contains("Local mode"), "{}", ended.stderr);
    let ended = Ended::of(&mut upstream.command(&home, &["--server", nobody, "run", "true"]));
    assert!(!ended.with_code(6).stderr.contains("Local mode"));
    // Unless it is asked for.
    let mut command = upstream.command(&home, &["run", "--local", "--", "true"]);
    Ended::of(command.env("KEYWRIGHT_SERVER", nobody)).with_code(0);
    Ended::of(&mut upstream.command(&home, &["--server", nobody, "run", "--local", "true"])).with_code(2);
}

#[test]
fn a_run_inside_a_run_uses_the_gateway_of_the_outer_one() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let keywright = env!("CARGO_BIN_EXE_keywright");
    let inner = format!("{keywright} run -- sh -c 'echo $OPENAI_BASE_URL $OPENAI_API_KEY'");
    let script = format!("echo $OPENAI_BASE_URL $OPENAI_API_KEY; {inner}");
    let ended = Ended::of(&mut upstream.command(&home, &["run", "--", "sh", "-c", &script])).with_code(0);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines[0], lines[1], "{}", ended.stderr);
    assert!(ended.stderr.contains("inside another `keywright run`"), "{}", ended.stderr);
    // What is left of a run that has ended leads nowhere, whoever has its port by now.
    let (url, token) = lines[0].split_once("/v1 ").unwrap();
    let mut left_over = home.command(["run", "--", "true"]);
    left_over.env("KEYWRIGHT_LOCAL_GATEWAY", url).env("ANTHROPIC_API_KEY", token);
    let ended = Ended::of(&mut left_over).with_code(3);
    assert!(ended.stderr.contains("has ended") && !ended.stderr.contains(token), "{}", ended.stderr);
    let another = Running::start(&mut home.command(["run", "--demo", "--"]));
    left_over.env("KEYWRIGHT_LOCAL_GATEWAY", format!("http://{}", another.address));
    Ended::of(&mut left_over).with_code(3);
}

#[test]
fn a_server_that_goes_away_leaves_the_program_its_end_and_its_exit_code() {
    let home = Home::new();
    let served = Served::demo(&home);
    let script = "touch ready; while [ ! -e gone ]; do sleep 0.02; done; exit 7";
    let mut command = served.command(&home, ["run", "--", "sh", "-c", script]);
    let run = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the program", || home.path().join("ready").exists());
    served.signal(Signal::KILL);
    served.ended();
    std::fs::write(home.path().join("gone"), "").unwrap();
    let output = run.wait_with_output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{words}");
    assert!(words.contains("cannot be reached") && words.contains("ends by itself"), "{words}");
}

#[test]
fn a_provider_that_is_away_is_told_in_the_program_s_own_dialect() {
    let home = Home::new();
    let mut command = home.command(["run", "--"]);
    let run =
        Running::start(command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", "http://127.0.0.1:1"));
    let answer = run.message(false).send().with_status(502).json();
    assert_eq!(
        (&answer["type"], &answer["error"]["code"]),
        (&"error".into(), &"UPSTREAM_UNREACHABLE".into())
    );
    assert_eq!(run.end().0, Some(0));
    assert_eq!(calls(&home)[0]["errorCode"], "UPSTREAM_UNREACHABLE");
}

#[test]
fn a_company_s_own_authority_is_trusted_when_it_is_named() {
    let home = Home::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let provider = runtime.block_on(FakeProvider::start_tls("localhost"));
    let authority = home.path().join("authority.pem");
    std::fs::write(&authority, provider.certificate()).unwrap();
    let url = format!("https://localhost:{}", provider.address().port());
    let command = || {
        let mut command = home.command(["run", "--"]);
        command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", &url);
        command
    };
    let run = Running::start(&mut command());
    assert!(run.message(false).send().with_status(502).text().contains("UPSTREAM_TLS"));
    let run = Running::start(command().env("KEYWRIGHT_TLS_EXTRA_CA", &authority));
    run.message(false).send().with_status(200);
    let ended = Ended::of(command().args(["true"]).env("KEYWRIGHT_TLS_EXTRA_CA", home.path().join("absent")));
    assert!(ended.with_code(1).stderr.contains("absent"));
}

#[test]
fn a_program_that_is_not_there_exits_as_in_a_shell() {
    let home = Home::new();
    let begun = std::time::Instant::now();
    let ended = home.run(["run", "--demo", "--", "keywright-no-such-program"]).with_code(127);
    assert!(ended.stderr.contains("keywright-no-such-program"), "{}", ended.stderr);
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert!(calls(&home).is_empty());
}

#[test]
fn status_says_what_run_would_do() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let none = home.run(["status"]).with_code(0).stdout;
    assert!(none.contains("local mode") && none.contains("none was found"), "{none}");
    let text = Ended::of(&mut upstream.command(&home, &["status"])).with_code(0).stdout;
    assert!(text.contains("anthropic (key sk-a...6789 from ANTHROPIC_API_KEY)"), "{text}");
    let json = Ended::of(&mut upstream.command(&home, &["status", "--json"])).with_code(0).json();
    assert_eq!(json["data"]["localMode"]["providers"][0]["source"], "ANTHROPIC_API_KEY");
    for (command, next) in [
        (&mut home.command([""; 0]), "keywright run --demo"),
        (&mut upstream.command(&home, &[]), "keywright run -- claude"),
        (upstream.command(&home, &[]).env("ANTHROPIC_BASE_URL", "nowhere"), "Mend"),
    ] {
        let words = Ended::of(command).with_code(0).stderr;
        assert!(words.contains("next:") && words.contains(next), "{words}");
    }
    let named = Ended::of(upstream.command(&home, &["status"]).env("KEYWRIGHT_SERVER", "http://127.0.0.1:1"));
    assert!(!named.stdout.contains("local mode"), "{}", named.stdout);
}
