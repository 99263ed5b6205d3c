//! `doctor` where no server is in use; it and `status` say the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use keywright_testkit::FakeProvider;
use serde_json::Value;

use crate::home::{Ended, Home};

use super::{KEY, Running, Upstream, store};

/// What was found under `check`.
#[track_caller]
fn found(command: &mut Command, code: i32, check: &str) -> Value {
    let data = Ended::of(command.args(["doctor", "--json"])).with_code(code).json()["data"].clone();
    let mut named = data.as_array().unwrap().iter().filter(|finding| finding["check"] == check);
    named.next().unwrap_or_else(|| panic!("nothing about {check}: {data:#}")).clone()
}

#[track_caller]
fn expect(finding: &Value, outcome: &str, message: &str, mend: &str) {
    assert_eq!(finding["outcome"], outcome, "{finding}");
    assert!(finding["message"].as_str().unwrap().contains(message), "{finding}");
    assert!(finding["mend"].as_str().unwrap_or_default().contains(mend), "{finding}");
}

#[test]
fn where_a_provider_has_a_key_no_server_is_missed_and_nothing_is_sent() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let ended = Ended::of(&mut upstream.command(&home, &["doctor"])).with_code(0);
    for line in [
        "ok       connection     no server is configured, and none has been started here\n",
        "ok       token          none is needed without a server\n",
        "ok       local mode     `run` uses the gateway inside it\n",
        "ok       provider anthropic key sk-a...6789 from ANTHROPIC_API_KEY; 127.0.0.1, from ANTHROPIC_BASE_URL, can be reached\n",
    ] {
        assert!(ended.stdout.contains(line), "no “{line}”:\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains("problem"), "{}", ended.stdout);
    assert!(!ended.stdout.contains(KEY) && upstream.provider.count() == 0, "{}", ended.stdout);
    let status = Ended::of(&mut upstream.command(&home, &["status"])).with_code(0).stdout;
    assert!(
        status.contains("run         local mode, without a server: uses the gateway inside it\n"),
        "{status}"
    );
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "something was made");
}

#[test]
fn without_any_key_it_names_the_three_ways_on() {
    let home = Home::new();
    let finding = found(&mut home.command([""; 0]), 1, "local mode");
    expect(&finding, "problem", "needs the key of a provider, and none was found", "ANTHROPIC_API_KEY");
    expect(&finding, "problem", "", "`keywright run --demo -- AGENT`");
    expect(&finding, "problem", "", "`keywright serve`");
    let status = home.run(["status"]).with_code(0).stdout;
    assert!(status.contains("needs the key of a provider, and none was found"), "{status}");
}

#[test]
fn stored_keys_count_as_in_run_and_what_is_wrong_with_them_is_told() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let file = store(&home, r#"{"anthropic":{"type":"api_key","key":"sk-ant-stored-9876543210"}}"#);
    let look = |code, check| found(&mut upstream.command(&home, &[]), code, check);
    expect(&look(0, "provider anthropic"), "ok", "key sk-a...3210 from ", "");
    expect(&look(0, "provider anthropic"), "ok", "providers.json", "");
    store(&home, r#"{"anthropic":{"type":"api_key","key":"!touch ran; echo canary"}}"#);
    expect(&look(1, "provider keys"), "warning", "names a command", "Put a key");
    expect(&look(1, "local mode"), "problem", "none was found", "ANTHROPIC_API_KEY");
    store(&home, "{\"anthropic\": canary");
    let damaged = look(1, "local mode");
    expect(&damaged, "problem", "providers.json is damaged at line 1", "Mend the file");
    assert!(!damaged.to_string().contains("canary") && !home.path().join("ran").exists());
    store(&home, r#"{"anthropic":{"type":"api_key","key":"sk-ant-stored-9876543210"}}"#);
    fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    let open = look(1, "provider keys");
    expect(&open, "problem", "is open to others (mode 0644)", "chmod 600 ");
    let mend = open["mend"].as_str().unwrap();
    assert!(Command::new("/bin/sh").args(["-c", mend]).status().unwrap().success());
    expect(&look(0, "provider anthropic"), "ok", "can be reached", "");
}

#[test]
fn a_provider_that_is_away_is_a_warning_and_an_address_that_is_none_a_problem() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let away = |url: &str, code, check| {
        found(upstream.command(&home, &[]).env("ANTHROPIC_BASE_URL", url), code, check)
    };
    let finding = away("http://127.0.0.1:1", 0, "provider anthropic");
    expect(&finding, "warning", "cannot be reached: no connection", "Check the network");
    let finding = away("https://me:pw-canary@x.example", 1, "local mode");
    expect(&finding, "problem", "ANTHROPIC_BASE_URL", "Correct");
    assert!(!finding.to_string().contains("canary"), "{finding}");
}

#[test]
fn a_companys_own_authority_is_trusted_as_in_run() {
    let home = Home::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let provider = runtime.block_on(FakeProvider::start_tls("localhost"));
    let authority = home.path().join("authority.pem");
    fs::write(&authority, provider.certificate()).unwrap();
    let command = || {
        let mut command = home.command([""; 0]);
        let url = format!("https://localhost:{}", provider.address().port());
        command.env("ANTHROPIC_API_KEY", KEY).env("ANTHROPIC_BASE_URL", url);
        command
    };
    expect(&found(&mut command(), 0, "provider anthropic"), "warning", "cannot be reached: ", "");
    let trusting = found(command().env("KEYWRIGHT_TLS_EXTRA_CA", &authority), 0, "provider anthropic");
    expect(&trusting, "ok", "can be reached", "");
    let absent = home.path().join("absent");
    let finding = found(command().env("KEYWRIGHT_TLS_EXTRA_CA", absent), 1, "certificates");
    expect(&finding, "problem", "absent", "KEYWRIGHT_TLS_EXTRA_CA");
}

#[test]
fn a_token_is_told_to_be_of_no_use_without_a_server() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let token = keywright_secret::PlatformToken::mint(keywright_secret::TokenKind::ApiKey);
    let mut command = upstream.command(&home, &[]);
    let finding = found(command.env("KEYWRIGHT_API_KEY", token.expose()), 0, "token");
    expect(&finding, "warning", "KEYWRIGHT_API_KEY is not used", "KEYWRIGHT_SERVER");
    let mut command = upstream.command(&home, &["status"]);
    let status = Ended::of(command.env("KEYWRIGHT_API_KEY", token.expose())).with_code(0).stdout;
    assert!(status.contains("is for a server; a local run does not use it"), "{status}");
}

#[test]
fn inside_a_local_run_the_gateway_of_that_one_is_found_and_no_key_is_missed() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let inside = |arguments: &str| {
        let script = format!("{} {arguments}", env!("CARGO_BIN_EXE_keywright"));
        Ended::of(&mut upstream.command(&home, &["run", "--", "sh", "-c", &script])).with_code(0).stdout
    };
    for arguments in ["doctor", "status"] {
        let text = inside(arguments);
        assert!(text.contains("gateway of the `keywright run` that this is inside of, http://127"), "{text}");
        assert!(!text.contains("problem") && !text.contains("none was found"), "{text}");
    }
    let json: Value = serde_json::from_str(&inside("status --json")).unwrap();
    assert!(json["data"]["localMode"]["gateway"].as_str().unwrap().starts_with("http://127"), "{json}");
    assert_eq!(upstream.provider.connections(), 0);
    // What is left of a run that has ended leads nowhere.
    let run = Running::start(&mut upstream.command(&home, &["run", "--"]));
    let (url, token) = (format!("http://{}", run.address), run.token.clone());
    run.end();
    let mut left_over = home.command([""; 0]);
    left_over.env("KEYWRIGHT_LOCAL_GATEWAY", url).env("ANTHROPIC_API_KEY", token);
    expect(&found(&mut left_over, 1, "local mode"), "problem", "none was found", "has ended");
}

#[test]
fn an_instance_file_that_cannot_be_trusted_is_told_and_run_goes_on_without_a_server() {
    let (home, upstream) = (Home::new(), Upstream::start());
    let instance = home.data("instance");
    fs::create_dir_all(instance.parent().unwrap()).unwrap();
    fs::write(&instance, "short").unwrap();
    fs::set_permissions(&instance, PermissionsExt::from_mode(0o644)).unwrap();
    let finding = found(&mut upstream.command(&home, &[]), 0, "connection");
    expect(&finding, "warning", "instance cannot be used", "--server URL");
    expect(&found(&mut upstream.command(&home, &[]), 0, "local mode"), "ok", "the gateway inside it", "");
}
