//! `doctor`: each thing that can be wrong, made wrong, and the line that mends it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use keywright_testkit::{Answer, Setup, TestServer, usual};
use serde_json::{Value, json};

use crate::home::{Ended, Home};

/// `doctor` in `home`, told of a server and a token.
fn doctor(home: &Home, server: &TestServer, token: &str) -> Command {
    let mut command = home.command(["doctor"]);
    command.env("KEYWRIGHT_SERVER", format!("http://{}", server.address())).env("KEYWRIGHT_API_KEY", token);
    command
}

/// What was found under `check`, as JSON; the exit code is the same with and without it.
#[track_caller]
fn found(command: &mut Command, code: i32, check: &str) -> Value {
    let ended = Ended::of(command.arg("--json")).with_code(code);
    let findings = ended.json()["data"].as_array().unwrap().clone();
    for finding in &findings {
        assert!(finding["check"].is_string() && finding["message"].is_string(), "{finding}");
        assert_eq!(finding["outcome"] == "ok", finding.get("mend").is_none(), "{finding}");
    }
    let mut named = findings.iter().filter(|finding| finding["check"] == check);
    named.next().unwrap_or_else(|| panic!("nothing about {check}: {findings:#?}")).clone()
}

#[track_caller]
fn expect(finding: &Value, outcome: &str, message: &str, mend: &str) {
    assert_eq!(finding["outcome"], outcome, "{finding}");
    assert!(finding["message"].as_str().unwrap().contains(message), "{finding}");
    assert!(finding["mend"].as_str().unwrap_or_default().contains(mend), "{finding}");
}

/// Puts a program on the path of `home`. Another process writes it, so that none that this one starts
/// meanwhile holds it open.
fn install(home: &Home, name: &str, script: &str) -> String {
    let folder = home.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", r#"printf '%s\n' "$2" > "$1" && chmod 755 "$1""#, "sh"]);
    let status = command.arg(folder.join(name)).arg(format!("#!/bin/sh\n{script}")).status();
    assert!(status.unwrap().success());
    format!("{}:/usr/bin:/bin", folder.display())
}

fn write(path: &Path, text: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::set_permissions(path.parent().unwrap(), PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// An address where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_it_says_so_line_by_line() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let account = server.account().await;
    let path = install(&home, "claude", "echo '2.1.329 (Claude Code)'");
    let ended = Ended::of(doctor(&home, &server, &account.token).env("PATH", path)).with_code(0);
    for line in [
        "ok       profile        default",
        "(from KEYWRIGHT_SERVER)",
        "ok       connection     answers, version 0.1.0",
        "ok       clock          the server's and this machine's agree",
        "(from KEYWRIGHT_API_KEY)",
        "ok       scopes         models can be called, and records read",
        "ok       provider anthropic can be reached by the server, which has a key for it",
        "ok       claude         Claude Code 2.1.329 (Claude Code) (",
        "ok       variables      none competes with the gateway",
    ] {
        assert!(ended.stdout.contains(line), "no “{line}”:\n{}", ended.stdout);
    }
    assert_eq!(ended.stderr, "All is well.\n");
    assert!(!ended.stdout.contains(&account.token));
    assert!(!home.credentials().exists(), "it made an account");
    assert_eq!(server.provider.count(), 0, "it sent something to a provider");
}

#[test]
fn a_damaged_credential_file_is_told_and_left_where_it_is() {
    let home = Home::new();
    write(&home.credentials(), "{ \"profiles\": canary", 0o600);
    expect(&found(&mut home.command(["doctor"]), 1, "credentials"), "problem", "is damaged", "mv ");
    assert_eq!(std::fs::read_to_string(home.credentials()).unwrap(), "{ \"profiles\": canary");
    assert_eq!(std::fs::read_dir(home.credentials().parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn files_that_others_can_read_or_change_are_told_and_the_line_mends_them() {
    let home = Home::new();
    let settings = home.path().join(".config/keywright/config.toml");
    write(&home.credentials(), "{}", 0o644);
    write(&settings, "", 0o666);
    std::fs::set_permissions(home.credentials().parent().unwrap(), PermissionsExt::from_mode(0o755)).unwrap();
    for (check, message) in [
        ("credentials", "open to others (mode 0644)"),
        ("state folder", "open to others (mode 0755)"),
        ("settings", "others can change"),
    ] {
        let finding = found(&mut home.command(["doctor"]), 1, check);
        expect(&finding, "problem", message, "chmod ");
        let mend = finding["mend"].as_str().unwrap();
        assert!(Command::new("/bin/sh").args(["-c", mend]).status().unwrap().success());
        assert_eq!(found(&mut home.command(["doctor"]), 1, check)["outcome"], "ok");
    }
}

#[test]
fn settings_that_cannot_be_read_are_told_and_the_rest_is_looked_at_all_the_same() {
    let home = Home::new();
    let settings = home.path().join(".config/keywright/config.toml");
    write(&settings, "profiles = 3", 0o600);
    let finding = found(&mut home.command(["doctor"]), 1, "settings");
    expect(&finding, "problem", "config.toml is not valid: ", "Correct ");
    assert_eq!(found(&mut home.command(["doctor"]), 1, "server")["outcome"], "ok");
}

#[test]
fn a_profile_that_nothing_knows_and_a_bad_address_are_told() {
    let home = Home::new();
    let finding = found(&mut home.command(["doctor", "--profile", "wrok"]), 1, "profile");
    expect(&finding, "problem", "there is no profile `wrok`", "profiles list");
    let finding = found(home.command(["doctor"]).env("KEYWRIGHT_PROFILE", "a b"), 1, "profile");
    expect(&finding, "problem", "KEYWRIGHT_PROFILE", "Correct");
    let finding = found(&mut home.command(["doctor", "--server", "http://10.0.0.1"]), 1, "server");
    expect(&finding, "problem", "--server", "https://");
}

#[test]
fn a_named_server_that_does_not_answer_is_six_and_a_default_one_is_not() {
    let home = Home::new();
    let down = nobody();
    let finding = found(home.command(["doctor"]).env("KEYWRIGHT_SERVER", &down), 6, "connection");
    expect(&finding, "problem", &format!("{down} cannot be reached: no connection: "), "keywright serve");
    let finding =
        found(&mut home.command(["doctor", "--server", "https://nowhere.invalid"]), 6, "connection");
    expect(&finding, "problem", "does not resolve", "Check the name");
    let mut command = home.command(["doctor"]);
    command.env("ANTHROPIC_API_KEY", "sk-ant-canary").env("ANTHROPIC_BASE_URL", &down);
    let finding = found(&mut command, 0, "connection");
    expect(&finding, "ok", "none has been started here", "");
}

#[test]
fn a_server_that_is_silent_is_given_up() {
    let home = Home::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let begun = Instant::now();
    let finding = found(home.command(["doctor"]).env("KEYWRIGHT_SERVER", url), 6, "connection");
    expect(&finding, "problem", "does not answer within 4 s", "firewall");
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ_are_told_with_the_difference() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let account = server.account().await;
    server.clock.advance_seconds(1_000);
    let finding = found(&mut doctor(&home, &server, &account.token), 1, "clock");
    expect(&finding, "problem", "s ahead of this machine's", "timedatectl");
    server.clock.advance_seconds(-2_000);
    expect(&found(&mut doctor(&home, &server, &account.token), 1, "clock"), "problem", "s behind", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_do_not_serve_are_told_and_never_shown() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let account = server.account().await;
    let key = server.key(&account.token, json!({"name": "k"})).await;
    server.revoke(&account.token, key.key_id).await;
    let raw = key.raw.unwrap();
    let finding = found(&mut doctor(&home, &server, &raw), 1, "account");
    expect(&finding, "problem", "has been revoked", "keywright tokens create");
    let cut = &raw[..raw.len() - 1];
    expect(&found(&mut doctor(&home, &server, cut), 1, "token"), "problem", "KEYWRIGHT_API_KEY: ", "");
    let vendors = "sk-ant-api03-canary";
    let ended = Ended::of(&mut doctor(&home, &server, vendors)).with_code(1);
    assert!(ended.stdout.contains("Anthropic") && !ended.stdout.contains("canary"), "{}", ended.stdout);
    let scopes = json!({"name": "reader", "scopes": ["executions:read"]});
    let reader = server.key(&account.token, scopes).await.raw.unwrap();
    let finding = found(&mut doctor(&home, &server, &reader), 1, "scopes");
    expect(&finding, "problem", "lacks `models:use`", "--scope models:use");
    let mut without = doctor(&home, &server, "");
    let finding = found(without.env("KEYWRIGHT_NO_TEMPORARY", "1"), 1, "token");
    expect(&finding, "problem", "temporary accounts are switched off", "KEYWRIGHT_API_KEY");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_soon_and_what_a_credential_shadows_are_told() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let url = format!("http://{}", server.address());
    home.command(["whoami"]).env("KEYWRIGHT_SERVER", &url).output().unwrap();
    let account = server.account().await;
    let child: Value = server
        .data(
            keywright_testkit::Call::post("/api/v1/auth/child", &json!({"lifetimeSeconds": 60}))
                .token(&account.token),
        )
        .await;
    let token = child["token"].as_str().unwrap();
    expect(
        &found(&mut doctor(&home, &server, token), 0, "account"),
        "warning",
        "ends soon",
        "KEYWRIGHT_API_KEY",
    );
    expect(&found(&mut doctor(&home, &server, token), 0, "token"), "ok", "shadows the temporary account", "");
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_that_cannot_be_reached_have_no_key_or_failed_are_told() {
    let home = Home::new();
    let setup = Setup::new().await;
    let (down, up) = (format!("{}/v1", nobody()), format!("{}/v1", setup.upstream()));
    let server =
        setup.provider("openai", "openai", &down).provider_without_key("groq", "openai", &up).start().await;
    let account = server.account().await;
    server.provider.answer(Answer::json(401, &json!({"error": {"type": "authentication_error"}})));
    let body = usual::Kind::Messages.body(false);
    server.call(keywright_testkit::Call::post("/v1/messages", &body).token(&account.token)).await;
    let id = server.record(&account.token).await.id;
    let look = |code, check| found(&mut doctor(&home, &server, &account.token), code, check);
    expect(&look(1, "provider openai"), "problem", "cannot connect", "providers.openai.base_url");
    expect(&look(1, "provider groq"), "warning", "no key", "own key");
    expect(&look(1, "provider anthropic"), "warning", "failed (401)", &format!("keywright why {id}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_that_hang_or_are_missing_are_told_and_nothing_fails_for_it() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let account = server.account().await;
    let finding = found(&mut doctor(&home, &server, &account.token), 0, "agents");
    expect(&finding, "warning", "none is on the path: claude, codex", "keywright run -- PROGRAM");
    let path = install(&home, "codex", "sleep 600");
    let finding = found(doctor(&home, &server, &account.token).env("PATH", &path), 0, "codex");
    expect(&finding, "warning", "does not answer `--version` within 6 s", "--version");
    let path = install(&home, "pi", "exit 1");
    let mut command = doctor(&home, &server, &account.token);
    expect(&found(command.env("PATH", &path), 0, "pi"), "warning", "with nothing", "install it again: npm");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_competes_with_the_gateway_is_told_without_its_value() {
    let (home, server) = (Home::new(), TestServer::start().await);
    let account = server.account().await;
    write(
        &home.path().join("work/.claude/settings.json"),
        r#"{"env":{"ANTHROPIC_BASE_URL":"http://x"}}"#,
        0o600,
    );
    let mut command = doctor(&home, &server, &account.token);
    command
        .current_dir(home.path().join("work"))
        .env("ANTHROPIC_API_KEY", "sk-ant-canary")
        .env("OPENAI_API_KEY", &account.token)
        .env("OPENAI_BASE_URL", format!("http://{}/v1", server.address()))
        .env("http_proxy", "http://user:canary@proxy.example:3128");
    let ended = Ended::of(&mut command).with_code(0);
    for line in [
        "follows ANTHROPIC_API_KEY and not the gateway",
        "http_proxy (proxy.example) is set; `keywright run` exempts 127.0.0.1",
        "settings.json changes where the agent sends its calls",
        "--trust-project",
    ] {
        assert!(ended.stdout.contains(line), "no “{line}”:\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains("canary") && !ended.stdout.contains(&account.token), "{}", ended.stdout);
    assert!(ended.stderr.starts_with("Nothing is wrong; "), "{}", ended.stderr);
}
