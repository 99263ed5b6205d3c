//! The configuration folders that are made for a run, and what becomes of them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use keywright_secret::Secret;
use serde_json::{Value, json};

use crate::launch::{SERVER, Scene, value};

/// An agent that does as `script` says in its configuration folder, and notes what is there.
fn agent(scene: &Scene, program: &str, variable: &str, script: &str) {
    let path = scene.path("bin").join(program);
    let at = scene.folder.path().display();
    let script = format!(
        "#!/bin/sh\nenv > '{at}/seen'\ncd \"${variable}\" || exit 1\nls -lA . > '{at}/there'\n{script}\n"
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
}

async fn run(scene: &Scene, program: &str) -> u8 {
    scene.prepare(program, &[], false).unwrap().run(&Secret::new("at_child")).await.unwrap()
}

fn read(scene: &Scene, path: &str) -> Value {
    serde_json::from_slice(&fs::read(scene.path(path)).unwrap()).unwrap()
}

fn left_behind(scene: &Scene) -> Vec<PathBuf> {
    fs::read_dir(scene.path("agents")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn pi_sees_its_users_settings_but_no_sign_in_and_another_address() {
    let scene = Scene::new();
    scene.write("home/.pi/agent/auth.json", r#"{"anthropic":{"type":"api_key","key":"canary"}}"#);
    scene.write("home/.pi/agent/settings.json", r#"{"theme":"dark"}"#);
    scene.write("home/.pi/agent/skills/one.md", "a skill");
    let models = r#"{"providers":{
        "anthropic":{"baseUrl":"https://x","apiKey":"canary","headers":{"a":"canary"},"modelOverrides":{"m":{"name":"mine","headers":{"b":"canary"}}}},
        "ollama":{"baseUrl":"http://localhost:11434/v1","api":"openai-completions","models":[]}}}"#;
    scene.write("home/.pi/agent/models.json", models);
    let note = scene.prepare("pi", &[], false).unwrap().notes;
    assert!(note.len() == 1 && note[0].contains("ollama"), "{note:?}");
    agent(
        &scene,
        "pi",
        "PI_CODING_AGENT_DIR",
        "cp models.json ../../copied; cat settings.json skills/one.md; stat -c %a . > ../../mode\n\
         mkdir -p sessions/s && echo x > sessions/s/1.jsonl; echo '{\"theme\":\"light\"}' > settings.json\n\
         echo '{\"anthropic\":{}}' > auth.json; echo new > keybindings.json; mkdir -p npm/x; exit 3",
    );
    assert_eq!(run(&scene, "pi").await, 3);
    let copied = fs::read_to_string(scene.path("copied")).unwrap();
    assert!(!copied.contains("canary") && !copied.contains("at_child"), "{copied}");
    let copied: Value = serde_json::from_str(&copied).unwrap();
    let anthropic = &copied["providers"]["anthropic"];
    assert_eq!(
        (&anthropic["baseUrl"], &anthropic["apiKey"]),
        (&json!(SERVER), &json!("$PI_KEYWRIGHT_TOKEN"))
    );
    assert_eq!(anthropic["modelOverrides"]["m"]["name"], "mine");
    assert!(copied["providers"].get("ollama").is_none());
    assert_eq!(value(&scene.lines("seen"), "PI_KEYWRIGHT_TOKEN"), Some("at_child"));
    assert_eq!(fs::read_to_string(scene.path("mode")).unwrap(), "700\n");
    assert!(!scene.lines("there").join("\n").contains("auth.json"));
    // What the agent wrote is its user's; what it was given is gone.
    assert!(left_behind(&scene).is_empty());
    assert_eq!(read(&scene, "home/.pi/agent/settings.json")["theme"], "light");
    assert!(scene.path("home/.pi/agent/sessions/s/1.jsonl").exists());
    assert!(
        scene.path("home/.pi/agent/keybindings.json").exists() && scene.path("home/.pi/agent/npm/x").exists()
    );
    assert_eq!(fs::read_to_string(scene.path("home/.pi/agent/models.json")).unwrap(), models);
    assert_eq!(read(&scene, "home/.pi/agent/auth.json")["anthropic"]["key"], "canary");
}

#[tokio::test]
async fn what_gemini_changes_in_its_settings_is_kept_but_for_how_it_signs_in() {
    let scene = Scene::new();
    scene.write(
        "dotfiles/gemini.json",
        r#"{"security":{"auth":{"selectedType":"oauth-personal"}},"ui":{"theme":"a","old":1},"own":true}"#,
    );
    fs::create_dir_all(scene.path("home/.gemini")).unwrap();
    symlink(scene.path("dotfiles/gemini.json"), scene.path("home/.gemini/settings.json")).unwrap();
    scene.write("home/.gemini/oauth_creds.json", "canary");
    scene.write("home/.gemini/GEMINI.md", "memory");
    let change = r#"{"security":{"auth":{"selectedType":"vertex-ai"},"more":1},"ui":{"theme":"b"},"own":true,"new":[1]}"#;
    agent(
        &scene,
        "gemini",
        "GEMINI_CLI_HOME",
        &format!(
            "cd .gemini; ls -lA > ../../../there; cp settings.json ../../../copied\ncat GEMINI.md; echo '{change}' > settings.json\necho x > state.new && mv state.new GEMINI.md; kill -9 $$"
        ),
    );
    assert_eq!(run(&scene, "gemini").await, 137);
    assert_eq!(read(&scene, "copied")["security"]["auth"], json!({ "selectedType": "gemini-api-key" }));
    assert!(!scene.lines("there").join("\n").contains("oauth_creds"));
    assert!(left_behind(&scene).is_empty(), "though it was killed");
    let settings = read(&scene, "dotfiles/gemini.json");
    let expected = json!({
        "security": { "auth": { "selectedType": "oauth-personal" }, "more": 1 },
        "ui": { "theme": "b" }, "own": true, "new": [1],
    });
    assert_eq!(settings, expected);
    assert!(scene.path("home/.gemini/settings.json").is_symlink());
    assert_eq!(fs::read_to_string(scene.path("home/.gemini/GEMINI.md")).unwrap(), "x\n");
}

#[tokio::test]
async fn settings_with_comments_are_left_as_they_are() {
    let scene = Scene::new();
    let commented = "{ // mine\n\"ui\":{\"theme\":\"a\"}}";
    scene.write("home/.gemini/settings.json", commented);
    agent(
        &scene,
        "gemini",
        "GEMINI_CLI_HOME",
        "grep -q theme .gemini/settings.json && echo '{}' > .gemini/settings.json",
    );
    assert_eq!(run(&scene, "gemini").await, 0);
    assert_eq!(fs::read_to_string(scene.path("home/.gemini/settings.json")).unwrap(), commented);
}

#[tokio::test]
async fn what_a_killed_run_left_behind_is_removed_by_the_next_and_what_is_in_use_is_not() {
    let scene = Scene::new();
    agent(
        &scene,
        "pi",
        "PI_CODING_AGENT_DIR",
        "touch ../../ready; while [ ! -e ../../go ]; do sleep 0.02; done; ls -A . > ../../still",
    );
    scene.write("agents/run-dead/.keywright-lock", "");
    scene.write("agents/run-dead/models.json", "{}");
    scene.write("agents/.new-young/models.json", "{}");
    scene.write("agents/pi/models.json", "{}");
    let first = scene.prepare("pi", &[], false).unwrap();
    let running = tokio::spawn(async move { first.run(&Secret::new("at_child")).await.unwrap() });
    while !scene.path("ready").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!scene.path("agents/run-dead").exists());
    assert!(scene.path("agents/.new-young").exists() && scene.path("agents/pi").exists());
    let other = Scene::new();
    agent(&scene, "pi", "PI_CODING_AGENT_DIR", "true");
    assert_eq!(run(&scene, "pi").await, 0);
    fs::write(scene.path("go"), "").unwrap();
    assert_eq!(running.await.unwrap(), 0);
    assert!(scene.lines("still").contains(&"models.json".to_owned()), "it was removed under it");
    drop(other);
}

#[tokio::test]
async fn what_is_made_for_a_shell_stays_and_is_renewed() {
    let scene = Scene::new();
    scene.write("home/.pi/agent/settings.json", "{}");
    let prepare = || scene.prepare("pi", &[("ANTHROPIC_API_KEY", "own")], false).unwrap();
    let made = prepare().for_shell(&Secret::new("at_child")).unwrap();
    assert_eq!(made.folders, [scene.path("agents/pi")]);
    assert_eq!(made.set["PI_CODING_AGENT_DIR"].expose(), scene.path("agents/pi").to_str().unwrap());
    assert_eq!(made.set["PI_KEYWRIGHT_TOKEN"].expose(), "at_child");
    assert!(made.unset.contains("ANTHROPIC_API_KEY"));
    scene.write("home/.pi/agent/later.json", "{}");
    scene.write("agents/pi/new.json", "{}");
    prepare().for_shell(&Secret::new("at_child")).unwrap();
    assert!(scene.path("agents/pi/later.json").is_symlink());
    assert!(scene.path("home/.pi/agent/new.json").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_said_so_and_nothing_starts() {
    let scene = Scene::new();
    scene.write("agents", "a file");
    let launch = scene.prepare("pi", &[], false).unwrap();
    let refused = launch.run(&Secret::new("at_child")).await;
    assert!(matches!(refused, Err(keywright_credentials::launch::LaunchError::Folder { .. })));
    assert!(!scene.path("seen").exists());
}
