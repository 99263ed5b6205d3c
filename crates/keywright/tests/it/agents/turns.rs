//! A table of agents and settings.

use serde_json::Value;

use super::{Scene, Setting};
use crate::home::Ended;

/// How an agent is asked, and what tells that it did.
struct Case {
    program: &'static str,
    flags: &'static [&'static str],
    /// Asks it to say something, with `PROMPT` where the prompt belongs.
    prompt: &'static [&'static str],
    /// Asks it to use a tool that prints [`PRINTED`].
    tool: &'static [&'static str],
    /// What records call it.
    client: &'static str,
    /// Reads the session's id from what it printed or stored, if it tells one.
    session: fn(&Scene, &Ended) -> Option<String>,
}

const CASES: &[Case] = &[
    Case {
        program: "claude",
        flags: &[],
        prompt: &["-p", "PROMPT", "--output-format", "json"],
        tool: &["-p", "use the tool Bash", "--allowedTools", "Bash", "--output-format", "json"],
        client: "claude-code",
        session: |_, ended| ended.json()["session_id"].as_str().map(str::to_owned),
    },
    Case {
        program: "codex",
        flags: &[],
        prompt: &["exec", "--skip-git-repo-check", "--json", "-m", "demo-small", "PROMPT"],
        tool: &["exec", "--skip-git-repo-check", "--json", "-m", "demo-small", "use the tool"],
        client: "codex",
        session: |_, ended| line(ended, "thread.started")["thread_id"].as_str().map(str::to_owned),
    },
    Case {
        program: "gemini",
        // Without a terminal it starts in trusted folders alone.
        flags: &["--trust-project"],
        // Without a model it has a small one choose, and wants the choice as JSON.
        prompt: &["-p", "PROMPT"],
        tool: &["-m", "gemini-2.5-flash", "--yolo", "-p", "use the tool run_shell_command"],
        client: "gemini-cli",
        session: |_, _| None,
    },
    Case {
        program: "opencode",
        flags: &[],
        prompt: &["run", "--format", "json", "-m", "anthropic/claude-sonnet-4-5", "PROMPT"],
        tool: &["run", "--format", "json", "-m", "openai/gpt-5", "use the tool bash"],
        client: "opencode",
        session: |_, ended| line(ended, "step_start")["sessionID"].as_str().map(str::to_owned),
    },
    Case {
        program: "pi",
        flags: &[],
        prompt: &["--provider", "openai", "--model", "gpt-5", "-p", "PROMPT"],
        tool: &["--provider", "openai", "--model", "gpt-5", "-p", "use the tool bash"],
        client: "pi",
        // The user's own folder has the session, though the agent's was a temporary one.
        session: |scene, _| {
            let folder = scene.home.path().join(".pi/agent/sessions");
            let project = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
            let file = std::fs::read_dir(project.path()).unwrap().next().unwrap().unwrap().file_name();
            let name = file.into_string().unwrap();
            Some(name.trim_end_matches(".jsonl").rsplit('_').next().unwrap().to_owned())
        },
    },
];

#[test]
fn every_agent_answers_a_prompt_and_the_call_is_recorded() {
    for (case, setting) in table() {
        let scene = Scene::new(setting);
        let prompt = "hello from the agent";
        let arguments: Vec<&str> =
            case.prompt.iter().map(|word| if *word == "PROMPT" { prompt } else { word }).collect();
        let ended = scene.run(case.flags, case.program, &arguments).with_code(0);
        assert!(
            ended.stdout.contains(prompt) && ended.stdout.contains("There is no model here"),
            "{}",
            ended.stdout
        );
        recorded(case, &scene, &ended, 1);
    }
}

#[test]
fn every_agent_uses_a_tool_and_its_result_goes_back() {
    for (case, setting) in table() {
        let scene = Scene::new(setting);
        let ended = scene.run(case.flags, case.program, case.tool).with_code(0);
        assert!(
            ended.stdout.contains("The tool answered"),
            "{}: {}{}",
            case.program,
            ended.stdout,
            ended.stderr
        );
        assert!(ended.stdout.contains(PRINTED), "{}: {}", case.program, ended.stdout);
        recorded(case, &scene, &ended, 2);
    }
}

fn table() -> impl Iterator<Item = (&'static Case, Setting)> {
    CASES.iter().flat_map(|case| Setting::ALL.map(|setting| (case, setting)))
}

/// All calls succeeded on the demo provider, in the agent's own session where it tells one.
fn recorded(case: &Case, scene: &Scene, ended: &Ended, least: usize) {
    let calls = scene.calls();
    assert!(calls.len() >= least, "{}: {calls:?}", case.program);
    let session = (case.session)(scene, ended);
    for call in &calls {
        let told = (&call["client"], &call["outcome"], &call["provider"], &call["credential"]);
        let expected = (&Value::from(case.client), &"succeeded".into(), &"demo".into(), &"central".into());
        assert_eq!(told, expected, "{}", case.program);
        assert_eq!(call["sessionId"].as_str(), session.as_deref(), "{}", case.program);
    }
    let agents = scene.home.path().join(".local/state/keywright/agents");
    let left = std::fs::read_dir(agents).into_iter().flatten().count();
    assert_eq!(left, 0, "{} left a folder behind", case.program);
}

/// The first line of JSON of that type.
fn line(ended: &Ended, kind: &str) -> Value {
    let lines = ended.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .into_iter()
        .find(|line| line["type"] == kind)
        .unwrap_or_else(|| panic!("no {kind}: {}", ended.stdout))
}

/// The demo provider's command prints it.
const PRINTED: &str = "keywright-demo";
