//! Which agents are installed, and in which version.

use futures_util::future::join_all;
use keywright_credentials::launch::{Agent, find_program, version};

use super::Scene;
use super::finding::Finding;

/// Looks for all of them at once.
pub(super) async fn look(scene: &Scene) -> Vec<Finding> {
    let looking = Agent::ALL.into_iter().map(async |agent| {
        let (program, name) = (agent.program(), agent.name());
        let path = find_program(program, &scene.environment)?;
        let shown = path.display();
        Some(match version(&path, &scene.environment).await {
            Ok(version) => Finding::ok(program, format!("{name} {version} ({shown})")),
            Err(error) => Finding::warning(
                program,
                format!("{name} is at {shown}, but {error}"),
                format!(
                    "Try `{shown} --version`; if that fails too, install it again: {}",
                    agent.install_command()
                ),
            ),
        })
    });
    let found: Vec<Finding> = join_all(looking).await.into_iter().flatten().collect();
    if !found.is_empty() {
        return found;
    }
    let names = Agent::ALL.map(Agent::program);
    vec![Finding::warning(
        "agents",
        format!("none is on the path: {}", names.join(", ")),
        format!(
            "Install one, `{}` for instance, or start any other program with `keywright run -- PROGRAM`.",
            Agent::ClaudeCode.install_command()
        ),
    )]
}
