//! Claude Code from npm, through `keywright run`.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::{Ended, Home};
use crate::served::{PATIENCE, Served};
use crate::tools::tool;

#[test]
fn a_prompt_is_answered_and_recorded() {
    let home = Home::new();
    let served = Served::demo(&home);
    let ended = Ended::of(claude(&served, &home).args(["-p", "hello from the agent"])).with_code(0);
    assert!(ended.stdout.contains("You said “hello from the agent”"), "{}", ended.stdout);
    assert!(ended.stderr.contains("Made a temporary account"), "{}", ended.stderr);
    let calls = calls(&served, &home);
    assert!(!calls.is_empty());
    for call in &calls {
        assert_eq!((&call["client"], &call["outcome"]), (&"claude-code".into(), &"succeeded".into()));
        assert_eq!((&call["provider"], &call["credential"]), (&"demo".into(), &"central".into()));
        assert!(call["sessionId"].as_str().is_some_and(|id| id.len() == 36), "{call}");
    }
}

#[test]
fn without_a_server_a_prompt_and_a_tool_turn_are_answered() {
    let home = Home::new();
    let run = |arguments: &[&str]| {
        let mut command = home.command(["run", "--demo", "--"]);
        command.arg(tool("claude")).envs(QUIET).args(arguments);
        Ended::of(&mut command).with_code(0)
    };
    let ended = run(&["-p", "hello without a server"]);
    assert!(ended.stdout.contains("You said “hello without a server”"), "{}", ended.stdout);
    assert_eq!(ended.stderr.lines().count(), 3, "{}", ended.stderr);
    let turns = ["-p", "use the tool Bash", "--allowedTools", "Bash", "--output-format", "json"];
    let answer = run(&turns).json();
    assert!(answer["result"].as_str().unwrap().contains("The tool answered “keywright-demo”"), "{answer}");
    let page = home.run(["usage", "--requests", "--json"]).with_code(0).json();
    let calls = page["data"]["requests"].as_array().unwrap();
    assert!(calls.len() >= 3, "both runs are in one list");
    assert!(calls.iter().all(|call| call["client"] == "claude-code" && call["outcome"] == "succeeded"));
}

#[test]
fn a_tool_is_called_and_its_result_goes_back() {
    let home = Home::new();
    let served = Served::demo(&home);
    let mut command = claude(&served, &home);
    command.args(["-p", "use the tool Bash", "--allowedTools", "Bash", "--output-format", "json"]);
    let answer = Ended::of(&mut command).with_code(0).json();
    assert_eq!((&answer["is_error"], &answer["num_turns"]), (&false.into(), &2.into()));
    assert!(answer["result"].as_str().unwrap().contains("The tool answered “keywright-demo”"), "{answer}");
    let calls = calls(&served, &home);
    assert!(calls.len() >= 2 && calls.iter().all(|call| call["sessionId"] == answer["session_id"]));
    let output: i64 = calls.iter().map(|call| call["usage"]["outputTokens"].as_i64().unwrap()).sum();
    assert_eq!(answer["usage"]["output_tokens"], output, "what Claude Code counts is what is recorded");
}

#[test]
fn no_secret_is_in_its_arguments_and_no_other_key_in_its_environment() {
    let home = Home::new();
    let served = Served::demo(&home);
    let account = served.temporary();
    let keys = [
        ("ANTHROPIC_API_KEY", "sk-ant-api03-canary-one"),
        ("ANTHROPIC_AUTH_TOKEN", "canary-two"),
        ("CLAUDE_CODE_OAUTH_TOKEN", "sk-ant-oat01-canary-three"),
        ("ANTHROPIC_CUSTOM_HEADERS", "x-api-key: canary-four"),
        ("KEYWRIGHT_API_KEY", &account),
    ];
    let mut command = claude(&served, &home);
    command.envs(keys).env("CLAUDE_CODE_USE_BEDROCK", "1").env("GH_TOKEN", "stays");
    command.args(["-p", "demo:words=40 demo:gap=250ms"]);
    let mut keywright = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let agent = child_of(keywright.id());
    // Once it calls, it is the agent and has its arguments.
    let begun = Instant::now();
    while served.requests(&account).is_empty() {
        assert!(begun.elapsed() < PATIENCE, "Claude Code does not call");
        std::thread::sleep(Duration::from_millis(20));
    }
    let read = |id: u32, what: &str| fs::read_to_string(format!("/proc/{id}/{what}")).unwrap();
    let (arguments, environment) = (read(agent, "cmdline"), read(agent, "environ"));
    let keywrights_arguments = read(keywright.id(), "cmdline");
    let mut text = String::new();
    keywright.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(keywright.wait().unwrap().success(), "{text}");

    assert!(arguments.contains("demo:words=40"), "{arguments}");
    for text in [&arguments, &keywrights_arguments] {
        assert!(!text.contains("_kw_") && !text.contains("canary"), "{text}");
    }
    let variables: Vec<(&str, &str)> =
        environment.split('\0').filter_map(|entry| entry.split_once('=')).collect();
    let value = |name: &str| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| *value);
    assert!(value("ANTHROPIC_AUTH_TOKEN").is_some_and(|token| token.starts_with("at_kw_")));
    assert_eq!(value("ANTHROPIC_BASE_URL"), Some(&*served.url()));
    assert_eq!(environment.matches("_kw_").count(), 1, "its own token alone");
    assert!(!environment.contains("canary"), "{environment}");
    assert_eq!((value("CLAUDE_CODE_USE_BEDROCK"), value("GH_TOKEN")), (None, Some("stays")));
}

#[test]
fn a_revoked_token_ends_it_soon_with_our_words() {
    let home = Home::new();
    let served = Served::demo(&home);
    let account = served.temporary();
    let (id, key) = served.key(&account, "parent");
    let mut command = claude(&served, &home);
    command.args(["-p", "demo:words=2000 demo:gap=100ms", "--verbose", "--output-format", "stream-json"]);
    command.arg("--include-partial-messages").env("KEYWRIGHT_API_KEY", &key);
    let mut keywright = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(keywright.stdout.take().unwrap()).lines().map(|line| line.unwrap());
    assert!(lines.by_ref().any(|line| line.contains("text_delta")), "the answer has begun");
    served.delete(&format!("/api/v1/keys/{id}")).token(&account).send().with_status(200);
    let revoked = Instant::now();
    let result = lines.find(|line| line.contains(r#""type":"result""#)).expect("it says how it ended");
    let status = keywright.wait().unwrap();
    // Without our word not to, it would try again for three minutes.
    assert!(revoked.elapsed() < Duration::from_secs(30), "{:?}", revoked.elapsed());
    assert!(!status.success() && result.contains("has been revoked"), "{result}");
}

#[test]
fn a_project_that_sends_it_elsewhere_is_overridden_once_it_is_trusted() {
    let home = Home::new();
    let served = Served::demo(&home);
    let project = home.path().join("project");
    fs::create_dir_all(project.join(".claude")).unwrap();
    // Nobody listens there.
    let settings = r#"{"env":{"ANTHROPIC_BASE_URL":"http://127.0.0.1:1","ANTHROPIC_API_KEY":"sk-ant-x"}}"#;
    fs::write(project.join(".claude/settings.json"), settings).unwrap();
    let mut command = claude(&served, &home);
    Ended::of(command.current_dir(&project).args(["-p", "hello"])).with_code(4);
    let mut command = served.command(&home, ["run", "--trust-project", "--"]);
    command.arg(tool("claude")).args(["-p", "hello in a project"]).envs(QUIET).current_dir(&project);
    let ended = Ended::of(&mut command).with_code(0);
    assert!(ended.stdout.contains("hello in a project"), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.contains("overridden for this run"), "{}", ended.stderr);
}

/// It calls nobody but whom it is told to call.
const QUIET: [(&str, &str); 2] =
    [("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"), ("DISABLE_AUTOUPDATER", "1")];

/// `keywright run -- claude`, ready for its arguments.
fn claude(served: &Served, home: &Home) -> Command {
    let mut command = served.command(home, ["run", "--"]);
    command.arg(tool("claude")).envs(QUIET);
    command
}

fn calls(served: &Served, home: &Home) -> Vec<Value> {
    let page = served.cli(home, ["usage", "--requests", "--json"]).with_code(0).json();
    page["data"]["requests"].as_array().unwrap().clone()
}

/// The one child of a process, once it has one.
fn child_of(parent: u32) -> u32 {
    let begun = Instant::now();
    loop {
        // The thread that made it is any of the process's.
        let threads = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
        for thread in threads.filter_map(Result::ok) {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            if let Some(child) = children.split_whitespace().next() {
                return child.parse().unwrap();
            }
        }
        assert!(begun.elapsed() < PATIENCE, "no program was started");
        std::thread::sleep(Duration::from_millis(2));
    }
}
