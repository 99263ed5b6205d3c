//! Which agents are installed, and in which version.

use futures_util::future::join_all;
use keywright_credentials::launch::{find_program, version};

use super::Scene;
use super::finding::Finding;

/// Looks for all of them at once.
pub(super) async fn look(scene: &Scene) -> Vec<Finding> {
    let looking = AGENTS.iter().map(async |(program, name)| {
        let path = find_program(program, &scene.environment)?;
        let shown = path.display();
        Some(match version(&path, &scene.environment).await {
            Ok(version) => Finding::ok(*program, format!("{name} {version} ({shown})")),
            Err(error) => Finding::warning(
                *program,
                format!("{name} is at {shown}, but {error}"),
                format!("Try `{shown} --version`; if that fails too, install {name} again."),
            ),
        })
    });
    let found: Vec<Finding> = join_all(looking).await.into_iter().flatten().collect();
    if !found.is_empty() {
        return found;
    }
    let names: Vec<&str> = AGENTS.iter().map(|(program, _)| *program).collect();
    vec![Finding::warning(
        "agents",
        format!("none is on the path: {}", names.join(", ")),
        "Install one, `npm install -g @anthropic-ai/claude-code` for instance, or start any other program with `keywright run -- PROGRAM`.",
    )]
}

/// The agents that are known by name: the program, and how people write it.
const AGENTS: &[(&str, &str)] = &[
    ("claude", "Claude Code"),
    ("codex", "Codex"),
    ("gemini", "Gemini CLI"),
    ("opencode", "opencode"),
    ("pi", "Pi"),
    ("aider", "aider"),
];
