//! The agents that are known by name, and which of them a command line starts.

use std::ffi::{OsStr, OsString};

use super::agents::{Recipe, aider, claude_code, codex, gemini_cli, opencode, pi};
use super::command_line;
use super::variables::{COMMON, OWN, Removal};

/// An agent whose way to be configured is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Agent {
    /// Anthropic's Claude Code.
    ClaudeCode,
    /// OpenAI's Codex.
    Codex,
    /// Google's Gemini CLI.
    GeminiCli,
    /// opencode.
    OpenCode,
    /// Pi.
    Pi,
    /// aider.
    Aider,
}

impl Agent {
    /// All of them, in the order of the guide.
    pub const ALL: [Self; 6] =
        [Self::ClaudeCode, Self::Codex, Self::GeminiCli, Self::OpenCode, Self::Pi, Self::Aider];

    /// What it is called, such as `Claude Code`.
    pub fn name(self) -> &'static str {
        self.recipe().name
    }

    /// The file name of its program, by which it is told.
    pub fn program(self) -> &'static str {
        self.recipe().program
    }

    /// The command that installs it.
    pub fn install_command(self) -> &'static str {
        self.recipe().install
    }

    /// The variables that would lead it past the gateway, with the reason for each.
    pub fn removals(self) -> Vec<&'static Removal> {
        Started::Agent(self).removals()
    }

    /// The agent that a program is, told by its file name; the same file to some file systems, whatever
    /// its case.
    pub fn of(program: &OsStr) -> Option<Self> {
        let name = std::path::Path::new(program).file_name()?;
        Self::ALL.into_iter().find(|agent| name.eq_ignore_ascii_case(agent.program()))
    }

    /// The agents that a command line starts: the program itself, or those that its arguments name.
    pub fn started_by(program: &OsStr, arguments: &[OsString]) -> Vec<Self> {
        Started::by(program, arguments).agents().to_vec()
    }

    pub(super) fn recipe(self) -> &'static Recipe {
        match self {
            Self::ClaudeCode => &claude_code::RECIPE,
            Self::Codex => &codex::RECIPE,
            Self::GeminiCli => &gemini_cli::RECIPE,
            Self::OpenCode => &opencode::RECIPE,
            Self::Pi => &pi::RECIPE,
            Self::Aider => &aider::RECIPE,
        }
    }
}

/// What a command line starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Started {
    /// An agent.
    Agent(Agent),
    /// A program whose arguments name agents, as those of `env`, `npx` and `sh -c` may: it gets what they
    /// do, and what other programs get unless one of them would mind it.
    Behind(Vec<Agent>),
    /// Any other program: it gets the variables that the vendors' libraries read.
    Other,
}

impl Started {
    pub(super) fn by(program: &OsStr, arguments: &[OsString]) -> Self {
        match Agent::of(program) {
            Some(agent) => Self::Agent(agent),
            None => match command_line::names_agents(program, arguments) {
                agents if agents.is_empty() => Self::Other,
                agents => Self::Behind(agents),
            },
        }
    }

    pub(super) fn agents(&self) -> &[Agent] {
        match self {
            Self::Agent(agent) => std::slice::from_ref(agent),
            Self::Behind(agents) => agents,
            Self::Other => &[],
        }
    }

    /// The variables to take out, with the reason for each.
    pub(super) fn removals(&self) -> Vec<&'static Removal> {
        let agents = self.agents().iter().flat_map(|agent| agent.recipe().removals.iter().copied());
        let common: &[Removal] = if matches!(self, Self::Agent(_)) { &[] } else { COMMON };
        let mut removals: Vec<&Removal> = Vec::new();
        for removal in OWN.iter().chain(agents.flatten()).chain(common) {
            if removals.iter().all(|known| known.name != removal.name) {
                removals.push(removal);
            }
        }
        removals
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_told_by_its_file_name() {
        for (program, agent) in [
            ("claude", Some(Agent::ClaudeCode)),
            ("/usr/local/bin/claude", Some(Agent::ClaudeCode)),
            ("Claude", Some(Agent::ClaudeCode)),
            ("codex", Some(Agent::Codex)),
            ("~/bin/gemini", Some(Agent::GeminiCli)),
            ("opencode", Some(Agent::OpenCode)),
            ("pi", Some(Agent::Pi)),
            ("aider", Some(Agent::Aider)),
            ("./claude.sh", None),
            ("pip", None),
            ("python3", None),
            ("", None),
        ] {
            assert_eq!(Agent::of(OsStr::new(program)), agent, "{program}");
        }
        let arguments = ["claude".into(), "codex".into()];
        let behind = Started::Behind(vec![Agent::ClaudeCode, Agent::Codex]);
        assert_eq!(Started::by(OsStr::new("env"), &arguments), behind);
        assert_eq!(Started::by(OsStr::new("pi"), &arguments), Started::Agent(Agent::Pi));
        assert_eq!(Started::by(OsStr::new("env"), &[]), Started::Other);
    }

    #[test]
    fn what_belongs_to_other_programs_is_never_taken_out() {
        let started = Agent::ALL.map(Started::Agent).into_iter();
        for started in started.chain([Started::Behind(Agent::ALL.to_vec()), Started::Other]) {
            for removal in started.removals() {
                let other = removal.name.starts_with("AWS_")
                    || ["GH_TOKEN", "GITHUB_TOKEN", "PATH", "HOME"].contains(&removal.name);
                assert!(!other && !removal.reason.is_empty(), "{}", removal.name);
            }
        }
    }

    /// They end up in text for `eval`.
    #[test]
    fn a_shell_takes_every_name() {
        for removal in Started::Behind(Agent::ALL.to_vec()).removals() {
            let mut letters = removal.name.chars();
            assert!(letters.next().is_some_and(|first| first.is_ascii_uppercase()), "{}", removal.name);
            let plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            assert!(letters.all(plain), "{}", removal.name);
        }
    }

    #[test]
    fn every_agent_takes_out_what_could_carry_another_credential_and_says_how_to_install_it() {
        for agent in Agent::ALL {
            assert!(Started::Agent(agent).removals().len() > OWN.len(), "{agent:?}");
            assert!(agent.install_command().contains(' ') && !agent.name().is_empty(), "{agent:?}");
        }
    }
}
