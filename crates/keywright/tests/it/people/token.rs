//! `keywright login token` at the real server, and who uses it.

use super::Scene;
use crate::home::Ended;
use crate::tools::tool;

#[test]
fn a_child_calls_models_and_nothing_else_and_the_full_token_does_all() {
    let scene = Scene::signed_in("ada@example.com");
    let child = scene.run(["login", "token"]).with_code(0).stdout.trim().to_owned();
    scene.model_call(&child).unwrap();
    let keys = |token: &str| scene.served.get("/api/v1/keys").token(token).send().status;
    assert_eq!(keys(&child), 403);
    let full = scene.run(["login", "token", "--full"]).with_code(0).stdout.trim().to_owned();
    assert_eq!(full, scene.access_token());
    assert_eq!(keys(&full), 200);
    let data = scene.run(["login", "token", "--json"]).with_code(0).json()["data"].take();
    assert!(data["token"].as_str().unwrap().starts_with("at_kw_") && data["expiresAt"].is_string());
}

#[test]
fn the_line_of_the_guide_gives_a_shell_a_key_that_the_gateway_takes() {
    let scene = Scene::signed_in("ada@example.com");
    let line = format!(
        "export ANTHROPIC_API_KEY=$({} login token) && printf %s \"$ANTHROPIC_API_KEY\"",
        env!("CARGO_BIN_EXE_keywright")
    );
    let plain = scene.command([""; 0]);
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &line]).env_clear();
    shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = Ended::of(&mut shell).with_code(0);
    scene.model_call(&ended.stdout).unwrap();
}

#[test]
fn claude_code_gets_its_token_from_us_by_its_helper() {
    let scene = Scene::signed_in("ada@example.com");
    let settings = serde_json::json!({
        "apiKeyHelper": format!("{} login token", env!("CARGO_BIN_EXE_keywright")),
        "env": { "ANTHROPIC_BASE_URL": scene.served.url() },
    });
    let folder = scene.home.path().join(".claude");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("settings.json"), settings.to_string()).unwrap();
    let plain = scene.command([""; 0]);
    let mut claude = std::process::Command::new("timeout");
    claude
        .args(["--kill-after=5", "240"])
        .arg(tool("claude"))
        .args(["-p", "hello by the helper"])
        .env_clear();
    claude.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    claude.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1").env("DISABLE_AUTOUPDATER", "1");
    claude.env("PATH", format!("{}:/usr/bin:/bin", tool("node/bin/node").parent().unwrap().display()));
    claude.current_dir(scene.home.path()).stdin(std::process::Stdio::null());
    let ended = Ended::of(&mut claude).with_code(0);
    assert!(ended.stdout.contains("You said “hello by the helper”"), "{}{}", ended.stdout, ended.stderr);
    let calls = scene.served.requests(&scene.access_token());
    assert!(!calls.is_empty() && calls.iter().all(|call| call["outcome"] == "succeeded"), "{calls:?}");
}
