//! How a run ends when something goes wrong, and what is left then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Scene, Setting};
use crate::served::PATIENCE;
use crate::tools::tool;

/// An answer that takes a minute.
const SLOW: &str = "demo:words=600 demo:gap=100ms";

/// Each agent with a prompt that it is still being answered when it is ended.
const SLOWLY: &[(&str, &[&str], &[&str])] = &[
    ("claude", &[], &["-p", SLOW]),
    ("codex", &[], &["exec", "--skip-git-repo-check", "-m", "demo-small", SLOW]),
    ("gemini", &["--trust-project"], &["-m", "gemini-2.5-flash", "-p", SLOW]),
    ("opencode", &[], &["run", "-m", "anthropic/claude-sonnet-4-5", SLOW]),
    ("pi", &[], &["-p", SLOW]),
    (
        "aider",
        &[],
        &["--model", "openai/demo-small", "--no-git", "--no-show-model-warnings", "--message", SLOW],
    ),
];

/// What their users have, which is no business of a run's.
const OWN: &[(&str, &str)] = &[
    (".claude/settings.json", r#"{"model":"opus"}"#),
    (".codex/config.toml", "model_reasoning_summary = \"none\"\n"),
    (".codex/auth.json", r#"{"OPENAI_API_KEY":"sk-own"}"#),
    (".gemini/settings.json", r#"{"security":{"auth":{"selectedType":"oauth-personal"}}}"#),
    (".gemini/oauth_creds.json", "{}"),
    // opencode writes the name of the schema into one that has none.
    (".config/opencode/opencode.json", r#"{"$schema":"https://opencode.ai/config.json","share":"disabled"}"#),
    (
        ".local/share/opencode/auth.json",
        r#"{"openai":{"type":"oauth","refresh":"r","access":"a","expires":1}}"#,
    ),
    (".pi/agent/auth.json", r#"{"anthropic":{"type":"api_key","key":"sk-own"}}"#),
    (".pi/agent/models.json", r#"{"providers":{}}"#),
    (".aider.conf.yml", "dark-mode: true\n"),
];

#[test]
fn an_agent_that_is_ended_in_the_middle_leaves_nothing_behind() {
    for (index, (program, flags, arguments)) in SLOWLY.iter().enumerate() {
        for setting in Setting::ALL {
            let signal = if index % 2 == 0 { Signal::INT } else { Signal::TERM };
            let scene = Scene::new(setting);
            let before = own(&scene, OWN);
            let mut run = started(&scene, flags, program, arguments);
            calling(&scene, &mut run, program);
            let session = run.id();
            // As from a supervisor: to the one process. The agent hears of it.
            kill_process(Pid::from_child(&run), signal).unwrap();
            let begun = Instant::now();
            while run.try_wait().unwrap().is_none() {
                assert!(begun.elapsed() < PATIENCE, "{program} does not end");
                std::thread::sleep(Duration::from_millis(20));
            }
            nothing_left(&scene, session, program);
            assert_eq!(unchanged(&scene), before, "{program}");
        }
    }
}

#[test]
fn a_server_that_vanishes_ends_the_agent_as_it_would_and_keywright_with_its_code() {
    let mut scene = Scene::new(Setting::Server);
    let before = own(&scene, OWN);
    let (program, flags, arguments) = SLOWLY[2];
    let mut run = started(&scene, flags, program, arguments);
    calling(&scene, &mut run, program);
    let session = run.id();
    let served = scene.served.take().unwrap();
    served.signal(Signal::KILL);
    // Gemini CLI gives up a stream that broke off, and tries for minutes to connect when none had begun.
    let gives_up = Instant::now() + PATIENCE;
    let ended = loop {
        match run.try_wait().unwrap() {
            None if Instant::now() < gives_up => std::thread::sleep(Duration::from_millis(20)),
            ended => break ended,
        }
    };
    match ended {
        Some(status) => assert_eq!(status.code(), Some(1)),
        None => {
            kill_process(Pid::from_child(&run), Signal::TERM).unwrap();
            assert!(!run.wait().unwrap().success());
        }
    }
    nothing_left(&scene, session, program);
    assert_eq!(unchanged(&scene), before);
}

#[test]
fn an_agent_that_is_not_installed_is_said_so_with_how_to_install_it() {
    let scene = Scene::new(Setting::Server);
    for (program, install) in [
        ("claude", "npm install -g @anthropic-ai/claude-code"),
        ("codex", "npm install -g @openai/codex"),
        ("gemini", "npm install -g @google/gemini-cli"),
        ("opencode", "npm install -g opencode-ai"),
        ("pi", "npm install -g @earendil-works/pi-coding-agent"),
        ("aider", "uv tool install aider-chat"),
    ] {
        let ended = crate::home::Ended::of(scene.keywright(["run", "--", program]).env("PATH", "/nowhere"));
        let ended = ended.with_code(127);
        assert!(ended.stderr.contains(install), "{}", ended.stderr);
        nothing_left(&scene, 0, program);
    }
}

/// Sign-ins that the agents would use rather than what they are given.
#[test]
fn stored_sign_ins_of_the_user_are_not_used() {
    let scene = Scene::new(Setting::Server);
    own(&scene, OWN);
    let prompts: [(&str, &[&str]); 3] = [
        ("codex", &["exec", "--skip-git-repo-check", "-m", "demo-small", "hello"]),
        ("opencode", &["run", "-m", "openai/gpt-5", "hello"]),
        ("pi", &["--provider", "anthropic", "-p", "hello"]),
    ];
    for (program, arguments) in prompts {
        let ended = scene.run(&[], program, arguments).with_code(0);
        assert!(
            ended.stdout.contains("There is no model here"),
            "{program}: {}{}",
            ended.stdout,
            ended.stderr
        );
    }
    let calls = scene.calls();
    assert!(calls.len() >= 3 && calls.iter().all(|call| call["credential"] == "central"), "{calls:?}");
}

fn started(scene: &Scene, flags: &[&str], program: &str, arguments: &[&str]) -> Child {
    let command = scene.started_by(flags);
    // A session of its own, so that what is left of it can be found.
    let mut apart = Command::new("setsid");
    apart.arg(command.get_program()).args(command.get_args()).arg("--").arg(tool(program));
    apart
        .args(arguments)
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    apart.current_dir(scene.project()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    apart.spawn().unwrap()
}

/// Waits until its call is being answered.
fn calling(scene: &Scene, run: &mut Child, program: &str) {
    let begun = Instant::now();
    // It makes its account by itself.
    while (scene.served.is_some() && !scene.home.credentials().exists())
        || !scene.calls().iter().any(|call| call["outcome"] == "running" && call["stream"] == true)
    {
        assert!(run.try_wait().unwrap().is_none(), "{program} ended before it was answered");
        assert!(begun.elapsed() < PATIENCE, "{program} does not call");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn nothing_left(scene: &Scene, session: u32, program: &str) {
    let agents = scene.home.path().join(".local/state/keywright/agents");
    let folders: Vec<PathBuf> =
        fs::read_dir(agents).into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    assert!(folders.is_empty(), "{program}: {folders:?}");
    // What the agent started ends with it, though not in the same instant.
    let begun = Instant::now();
    loop {
        let left = of_session(session);
        if left.is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{program} left {left:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The programs of a session that still run.
fn of_session(session: u32) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let stat = processes.filter_map(|process| fs::read_to_string(process.path().join("stat")).ok());
    stat.filter(|stat| {
        // Behind the name in brackets: state, parent, group, session.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        session != 0 && fields[3] == session.to_string() && fields[0] != "Z"
    })
    .collect()
}

fn own(scene: &Scene, files: &[(&str, &str)]) -> BTreeMap<PathBuf, String> {
    for (file, content) in files {
        let path = scene.home.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    unchanged(scene)
}

fn unchanged(scene: &Scene) -> BTreeMap<PathBuf, String> {
    let read = |file: &str| fs::read_to_string(scene.home.path().join(file)).unwrap_or_default();
    OWN.iter().map(|(file, _)| (Path::new(file).to_owned(), read(file))).collect()
}
