//! The agents from npm and PyPI, unmodified, through `keywright run` on the demo provider: each a prompt
//! and a tool turn, in every way to reach a gateway.

mod aider;
mod claude;
mod ending;
mod turns;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::home::{Ended, Home};
use crate::served::Served;
use crate::tools::tool;

/// How the agent reaches a gateway.
#[derive(Clone, Copy, Debug)]
enum Setting {
    /// A server of its own process.
    Server,
    /// No server: the gateway inside the command.
    Local,
}

impl Setting {
    const ALL: [Self; 2] = [Self::Server, Self::Local];
}

/// A home and a gateway for it.
struct Scene {
    home: Home,
    served: Option<Served>,
}

impl Scene {
    fn new(setting: Setting) -> Self {
        let home = Home::new();
        let served = match setting {
            Setting::Server => Some(Served::demo(&home)),
            Setting::Local => None,
        };
        std::fs::create_dir(home.path().join("project")).unwrap();
        Self { home, served }
    }

    fn keywright<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let mut command = match &self.served {
            Some(served) => served.command(&self.home, arguments),
            None => self.home.command(arguments),
        };
        for (name, value) in QUIET {
            command.env(name, value);
        }
        let node = tool("node/bin/node");
        command
            .env("PATH", format!("{}:/usr/bin:/bin", node.parent().unwrap().display()))
            .current_dir(self.project());
        command
    }

    /// `run` with these flags, ready for its program.
    fn started_by(&self, flags: &[&str]) -> Command {
        let mut command = self.keywright(["run"]);
        if self.served.is_none() {
            command.arg("--demo");
        }
        command.args(flags);
        command
    }

    fn project(&self) -> std::path::PathBuf {
        self.home.path().join("project")
    }

    /// Runs an agent to its end, which comes.
    fn run(&self, flags: &[&str], program: &str, arguments: &[&str]) -> Ended {
        Ended::of(&mut within_minutes(self.started_by(flags).arg("--").arg(tool(program)).args(arguments)))
    }

    /// The records of its calls, newest first.
    fn calls(&self) -> Vec<Value> {
        let page = Ended::of(&mut self.keywright(["usage", "--requests", "--json"])).with_code(0).json();
        page["data"]["requests"].as_array().unwrap().clone()
    }
}

/// The same command, given up after some minutes: a test that waits for ever says nothing.
fn within_minutes(command: &Command) -> Command {
    let mut bounded = Command::new("timeout");
    bounded.args(["--kill-after=5", "240"]).arg(command.get_program()).args(command.get_args()).env_clear();
    bounded.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    bounded
        .current_dir(command.get_current_dir().unwrap_or(Path::new("/")))
        .stdin(std::process::Stdio::null());
    bounded
}

/// They call nobody but whom they are told to call.
const QUIET: [(&str, &str); 9] = [
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("PI_OFFLINE", "1"),
    ("AIDER_CHECK_UPDATE", "false"),
    ("AIDER_ANALYTICS", "false"),
    ("LANG", "C.UTF-8"),
];
