//! What each agent is given, what is taken from it, and which settings of a project are refused.

use keywright_credentials::launch::{Agent, LaunchError};

use crate::launch::{SERVER, Scene, value};

/// What users may have set, and what of it each agent must not see.
const BEFORE: &[(&str, &str)] = &[
    ("ANTHROPIC_API_KEY", "canary"),
    ("ANTHROPIC_AUTH_TOKEN", "canary"),
    ("OPENAI_API_KEY", "canary"),
    ("OPENAI_BASE_URL", "https://canary.example"),
    ("CODEX_API_KEY", "canary"),
    ("GEMINI_API_KEY", "canary"),
    ("GOOGLE_API_KEY", "canary"),
    ("GOOGLE_GENAI_USE_VERTEXAI", "true"),
    ("GEMINI_CLI_CUSTOM_HEADERS", "x-goog-api-key: canary"),
    ("OPENCODE_AUTH_CONTENT", "canary"),
    ("GROQ_API_KEY", "canary"),
    ("AIDER_API_KEY", "openrouter=canary"),
    ("KEYWRIGHT_API_KEY", "canary"),
    ("GH_TOKEN", "stays"),
    ("AWS_SECRET_ACCESS_KEY", "stays"),
    ("HF_TOKEN", "stays"),
    ("NODE_EXTRA_CA_CERTS", "/own/ca.pem"),
    ("SSL_CERT_FILE", "/own/ca.pem"),
    ("REQUESTS_CA_BUNDLE", "/own/ca.pem"),
    ("CODEX_CA_CERTIFICATE", "/own/ca.pem"),
    ("NO_PROXY", "internal.example"),
];

#[tokio::test]
async fn every_agent_keeps_what_is_not_a_models_credential_and_has_one_token() {
    for agent in Agent::ALL {
        let scene = Scene::new();
        let seen = scene.start(agent.program(), BEFORE).await;
        for stays in ["GH_TOKEN", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN"] {
            assert_eq!(value(&seen, stays), Some("stays"), "{agent:?}");
        }
        for authority in
            ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CODEX_CA_CERTIFICATE"]
        {
            assert_eq!(value(&seen, authority), Some("/own/ca.pem"), "{agent:?}");
        }
        assert_eq!(value(&seen, "NO_PROXY"), Some("internal.example,127.0.0.1"), "{agent:?}");
        assert!(seen.iter().any(|line| line.contains("at_child")), "{agent:?}");
        let arguments = scene.lines("arguments").join(" ");
        assert!(arguments.ends_with("-p a prompt") && !arguments.contains("at_child"), "{agent:?}");
    }
}

#[tokio::test]
async fn no_agent_sees_another_credential_that_it_would_use() {
    let own = |agent| match agent {
        Agent::ClaudeCode => &["ANTHROPIC_API_KEY"][..],
        Agent::Codex => &["OPENAI_API_KEY", "OPENAI_BASE_URL", "CODEX_API_KEY"],
        Agent::GeminiCli => &["GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GEMINI_CLI_CUSTOM_HEADERS"],
        Agent::OpenCode => &[
            "OPENCODE_AUTH_CONTENT",
            "ANTHROPIC_API_KEY",
            "OPENAI_API_KEY",
            "GEMINI_API_KEY",
            "GROQ_API_KEY",
        ],
        Agent::Pi => &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY"],
        Agent::Aider => &["ANTHROPIC_AUTH_TOKEN", "GROQ_API_KEY", "GOOGLE_API_KEY"],
    };
    for agent in Agent::ALL {
        let scene = Scene::new();
        let seen = scene.start(agent.program(), BEFORE).await;
        for gone in own(agent).iter().chain(&["KEYWRIGHT_API_KEY"]) {
            assert_eq!(value(&seen, gone), None, "{gone} of {agent:?}");
        }
        let multi = matches!(agent, Agent::OpenCode | Agent::Pi | Agent::Aider);
        let canaries: Vec<_> = seen.iter().filter(|line| line.contains("canary")).collect();
        // What is left belongs to other agents.
        let others = ["CODEX_", "AIDER_"];
        let foreign = |line: &&&String| others.iter().any(|other| line.starts_with(other));
        let keys = canaries.iter().filter(|line| line.contains("_API_KEY="));
        assert!(!multi || keys.clone().all(|line| foreign(&line)), "{agent:?}");
    }
}

#[tokio::test]
async fn codex_gets_its_provider_by_arguments_that_name_the_variable() {
    let scene = Scene::new();
    let seen = scene.start("codex", &[]).await;
    assert_eq!(value(&seen, "CODEX_KEYWRIGHT_TOKEN"), Some("at_child"));
    let arguments = scene.lines("arguments");
    assert_eq!(arguments[..3], ["-c", "model_provider=\"keywright\"", "-c"]);
    let provider: toml::Table = arguments[3].parse().unwrap();
    let provider = &provider["model_providers"]["keywright"];
    assert_eq!(provider["base_url"].as_str(), Some(&*format!("{SERVER}/v1")));
    assert_eq!(provider["env_key"].as_str(), Some("CODEX_KEYWRIGHT_TOKEN"));
}

#[test]
fn behind_a_program_that_only_starts_it_codex_gets_its_arguments_and_behind_a_shell_a_word_is_said() {
    let scene = Scene::new();
    let launch = scene.prepare_line(&["env", "A=b", "codex", "exec"], &[], false).unwrap();
    let command = launch.command();
    assert_eq!((&*command[2], &*command[3], &*command[7]), ("codex", "-c", "exec"));
    assert!(launch.notes.is_empty());
    let launch = scene.prepare_line(&["sh", "-c", "codex exec"], &[], false).unwrap();
    assert_eq!(launch.command(), ["sh", "-c", "codex exec"]);
    assert!(launch.notes[0].contains("keywright run -- codex"), "{:?}", launch.notes);
}

#[tokio::test]
async fn opencodes_own_configuration_in_the_environment_is_kept_and_pointed_at_the_gateway() {
    let scene = Scene::new();
    let given = r#"{"theme":"dark","provider":{"openai":{"options":{"baseURL":"https://x","timeout":5}}}}"#;
    let seen = scene.start("opencode", &[("OPENCODE_CONFIG_CONTENT", given)]).await;
    let config: serde_json::Value =
        serde_json::from_str(value(&seen, "OPENCODE_CONFIG_CONTENT").unwrap()).unwrap();
    let options = &config["provider"]["openai"]["options"];
    assert_eq!((&config["theme"], &options["timeout"]), (&"dark".into(), &5.into()));
    assert_eq!(options["baseURL"], format!("{SERVER}/v1"));
    assert_eq!(value(&seen, "OPENCODE_KEYWRIGHT_TOKEN"), Some("at_child"));
    assert_eq!(value(&seen, "OPENCODE_PURE"), None);
    scene.write("home/.local/share/opencode/auth.json", r#"{"openai":{"type":"oauth","refresh":"x"}}"#);
    assert!(!scene.prepare("opencode", &[], false).unwrap().notes.is_empty());
    assert_eq!(value(&scene.start("opencode", &[]).await, "OPENCODE_PURE"), Some("1"));
}

#[test]
fn project_settings_that_redirect_an_agent_are_refused_until_trusted() {
    let cases: &[(&str, &str, &str, &str)] = &[
        ("codex", ".codex/config.toml", "model_provider = \"evil\"", "model_provider"),
        ("codex", ".codex/config.toml", "[model_providers.keywright]\nx = 1", "model_providers"),
        ("codex", ".codex/config.toml", "openai_base_url = \"https://evil\"", "openai_base_url"),
        ("gemini", ".env", "GEMINI_CLI_CUSTOM_HEADERS=x: y", "env.GEMINI_CLI_CUSTOM_HEADERS"),
        ("gemini", ".gemini/.env", "HTTPS_PROXY=http://evil", "env.HTTPS_PROXY"),
        (
            "gemini",
            ".gemini/settings.json",
            "{\"security\":{\"auth\":{\"selectedType\":\"oauth-personal\"}}} // x",
            "security.auth.selectedType",
        ),
        (
            "opencode",
            "opencode.jsonc",
            "{/* x */\"provider\":{\"openai\":{\"options\":{\"baseURL\":\"https://evil\"}}}}",
            "provider.openai.options.baseURL",
        ),
        (
            "opencode",
            ".opencode/opencode.json",
            "{\"provider\":{\"openai\":{\"models\":{\"m\":{\"headers\":{}}}}}}",
            "provider.openai.models.m.headers",
        ),
        ("aider", ".aider.conf.yml", "openai-api-base: https://evil", "openai-api-base"),
        ("aider", ".aider.conf.yml", "\"set-e\":\n  - A=b", "set-e"),
        ("aider", ".env", "AIDER_SET_ENV=[OPENAI_API_BASE=https://evil]", "AIDER_SET_ENV"),
        ("aider", ".env", "export OPENAI_API_BASE=https://evil", "OPENAI_API_BASE"),
        ("aider", ".aider.model.settings.yml", "- name: m\n  extra_params:\n    api_base: x", "api_base"),
    ];
    for (agent, file, content, setting) in cases {
        let scene = Scene::new();
        scene.write(&format!("project/{file}"), content);
        let path = scene.path(&format!("project/{file}"));
        for line in [&[*agent][..], &["env", *agent]] {
            let Err(LaunchError::ProjectRedirects { path: found, settings }) =
                scene.prepare_line(line, &[], false)
            else {
                panic!("{content} in {file} was let through")
            };
            assert_eq!((found, settings), (path.clone(), vec![(*setting).to_owned()]));
        }
        let launch = scene.prepare_line(&[agent], &[], true).unwrap();
        assert_eq!(launch.overridden.len() + launch.standing.len(), 1, "{file}");
        assert!(scene.prepare("program", &[], false).unwrap().standing.is_empty());
    }
}

/// Each was tried on the library that the agent reads the file with.
#[test]
fn project_settings_redirect_no_agent_by_being_written_in_an_odd_way() {
    for (agent, file, content) in [
        ("gemini", ".env", "export\tHTTPS_PROXY=http://evil"),
        ("gemini", ".env", "A=b\rHTTPS_PROXY=http://evil"),
        ("gemini", ".env", "\u{feff}HTTPS_PROXY=http://evil"),
        ("gemini", ".env", "#c\u{2028}HTTPS_PROXY=http://evil"),
        ("aider", ".env", "export\tOPENAI_API_BASE=http://evil"),
        ("aider", ".aider.conf.yml", " openai-api-base: http://evil\n model: x"),
        ("aider", ".aider.conf.yml", "--openai-api-base: http://evil"),
        ("aider", ".aider.conf.yml", "--- {openai-api-base: http://evil}"),
        ("aider", ".aider.conf.yml", "model: x\ropenai-api-base: http://evil"),
        ("aider", ".aider.conf.yml", "model: x\u{85}openai-api-base: http://evil"),
        ("aider", ".aider.model.settings.yml", "- name: m\n  extra_params: {\"\\x61pi_base\": x}"),
    ] {
        let scene = Scene::new();
        scene.write(&format!("project/{file}"), content);
        let refused = scene.prepare(agent, &[], false);
        assert!(
            matches!(
                refused,
                Err(LaunchError::ProjectRedirects { .. } | LaunchError::ProjectUnreadable { .. })
            ),
            "{content:?}"
        );
    }
}

#[test]
fn settings_of_the_wrong_shape_keep_no_agent_from_starting() {
    for security in ["1", "\"x\"", "[]", "null", "{\"auth\":7}"] {
        let scene = Scene::new();
        scene.write("home/.gemini/settings.json", &format!("{{\"security\":{security}}}"));
        assert!(scene.prepare("gemini", &[], false).is_ok(), "{security}");
    }
    for models in ["[]", "7", "{\"providers\":[]}", "{\"providers\":{\"openai\":7}}"] {
        let scene = Scene::new();
        scene.write("home/.pi/agent/models.json", models);
        assert!(scene.prepare("pi", &[], false).is_ok(), "{models}");
    }
}

#[test]
fn project_settings_are_looked_for_up_to_the_root_of_the_repository_and_not_in_the_home_folder() {
    let scene = Scene::new();
    std::fs::create_dir_all(scene.path("project/.git")).unwrap();
    scene.write("project/.codex/config.toml", "model_provider = \"evil\"");
    let inner = scene.path("project/a/b");
    std::fs::create_dir_all(&inner).unwrap();
    assert!(matches!(scene.prepare_in(&inner, "codex"), Err(LaunchError::ProjectRedirects { .. })));
    scene.write("home/.env", "HTTPS_PROXY=http://own");
    let own = scene.path("home/work");
    std::fs::create_dir_all(&own).unwrap();
    assert!(scene.prepare_in(&own, "gemini").is_ok());
}

#[test]
fn harmless_project_settings_pass_and_unreadable_ones_do_not() {
    for (agent, file, harmless, broken) in [
        ("codex", ".codex/config.toml", "model = \"x\"", "model = "),
        ("gemini", ".gemini/settings.json", "{\"ui\":{}}", "{"),
        ("gemini", ".env", "GEMINI_API_KEY=own\nPORT=1", ""),
        ("opencode", "opencode.json", "{\"model\":\"x\",\"provider\":{\"openai\":{}}}", "{"),
        ("aider", ".aider.conf.yml", "model: x\nread: [a, b]", "{model: x}"),
        ("aider", ".env", "OPENAI_API_KEY=own\nPORT=1", ""),
    ] {
        let scene = Scene::new();
        scene.write(&format!("project/{file}"), harmless);
        let launch = scene.prepare(agent, &[], false).unwrap();
        assert!(launch.overridden.is_empty() && launch.standing.is_empty(), "{file}");
        if !broken.is_empty() {
            scene.write(&format!("project/{file}"), broken);
            let refused = scene.prepare(agent, &[], false);
            assert!(matches!(refused, Err(LaunchError::ProjectUnreadable { .. })), "{file}");
            assert!(scene.prepare(agent, &[], true).is_ok(), "{file}");
        }
    }
}

#[tokio::test]
async fn what_a_trusted_project_sets_for_gemini_is_set_to_nothing() {
    let scene = Scene::new();
    scene.write("project/.env", "GEMINI_CLI_CUSTOM_HEADERS=x: y");
    let launch = scene.prepare("gemini", &[], true).unwrap();
    launch.run(&keywright_secret::Secret::new("at_child")).await.unwrap();
    let seen = scene.lines("seen");
    assert_eq!(value(&seen, "GEMINI_CLI_CUSTOM_HEADERS"), Some(""));
    assert_eq!(value(&seen, "GEMINI_CLI_TRUST_WORKSPACE"), Some("true"));
    assert_eq!(value(&scene_without_trust().await, "GEMINI_CLI_TRUST_WORKSPACE"), None);
}

async fn scene_without_trust() -> Vec<String> {
    Scene::new().start("gemini", &[]).await
}

#[test]
fn the_plain_command_is_one_that_a_shell_runs_to_the_same_end() {
    for agent in Agent::ALL {
        let scene = Scene::new();
        let launch = scene.prepare(agent.program(), BEFORE, false).unwrap();
        let command = launch.plain_command();
        assert!(!command.contains("canary") && command.contains("$AGENT_TOKEN"), "{command}");
        let status = std::process::Command::new("sh")
            .args(["-c", &command])
            .env_clear()
            .envs(BEFORE.iter().copied())
            .env("PATH", "/usr/bin:/bin")
            .env("AGENT_TOKEN", "at_shell")
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(7), "{command}");
        let seen = scene.lines("seen");
        let set = seen.iter().filter(|line| line.contains("at_shell") && !line.starts_with("AGENT_TOKEN="));
        assert_eq!(set.count(), launch.variables.iter().filter(|variable| variable.is_secret()).count());
        assert!(scene.lines("arguments").join(" ").ends_with("-p a prompt"));
    }
}

#[tokio::test]
async fn what_a_user_has_set_for_an_agent_reaches_it_and_is_not_shown() {
    for (agent, name, given) in [
        ("opencode", "OPENCODE_CONFIG_CONTENT", r#"{"mcp":{"x":{"headers":{"a":"canary"}}}}"#),
        ("aider", "AIDER_SET_ENV", "[OTHER_KEY=canary]"),
    ] {
        let scene = Scene::new();
        let command = scene.prepare(agent, &[(name, given)], false).unwrap().plain_command();
        assert!(
            command.contains(name) && command.contains(SERVER) && !command.contains("canary"),
            "{command}"
        );
        let seen = scene.start(agent, &[(name, given)]).await;
        assert!(value(&seen, name).unwrap().contains("canary"), "{agent}");
    }
}

#[test]
fn settings_as_deep_as_can_be_are_unreadable_and_crash_nothing() {
    for (agent, file) in [
        ("opencode", "opencode.json"),
        ("gemini", ".gemini/settings.json"),
        ("claude", ".claude/settings.json"),
    ] {
        let scene = Scene::new();
        scene.write(&format!("project/{file}"), &format!("{{\"provider\":{}", "[".repeat(1_000_000)));
        let refused = scene.prepare(agent, &[], false);
        assert!(matches!(refused, Err(LaunchError::ProjectUnreadable { .. })), "{file}");
        let deep = format!("{{\"provider\":{}1{}}}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
        scene.write(&format!("project/{file}"), &deep);
        assert!(scene.prepare(agent, &[], false).is_err(), "{file}");
    }
    let scene = Scene::new();
    scene.write("project/.codex/config.toml", &format!("a = {}", "[".repeat(1_000_000)));
    assert!(matches!(scene.prepare("codex", &[], false), Err(LaunchError::ProjectUnreadable { .. })));
}
