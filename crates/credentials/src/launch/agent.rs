//! What each agent reads.

use std::ffi::{OsStr, OsString};

use keywright_client::ServerUrl;

use super::command_line;
use super::variables::{CLAUDE_CODE, COMMON, OWN, Removal};

/// A program, as far as its way to be configured is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// Claude Code.
    ClaudeCode,
    /// A program whose arguments name Claude Code, as those of `env`, `npx` and `sh -c` may: it gets
    /// what Claude Code does, and what other programs get unless Claude Code would mind it.
    StartsClaudeCode,
    /// Any other program: it gets the variables that the vendors' libraries read.
    Other,
}

impl Agent {
    /// The agent that `program` is, told by its file name, or that its arguments name.
    pub fn of(program: &OsStr, arguments: &[OsString]) -> Self {
        if command_line::is_claude_code(program) {
            Self::ClaudeCode
        } else if command_line::names_claude_code(program, arguments) {
            Self::StartsClaudeCode
        } else {
            Self::Other
        }
    }

    /// The variables to take out, with the reason for each.
    pub fn removals(self) -> impl Iterator<Item = &'static Removal> {
        let (first, second): (&[Removal], &[Removal]) = match self {
            Self::ClaudeCode => (CLAUDE_CODE, &[]),
            Self::StartsClaudeCode => (CLAUDE_CODE, COMMON),
            Self::Other => (COMMON, &[]),
        };
        OWN.iter().chain(first).chain(second)
    }

    /// The variables that lead to `server`.
    pub(super) fn addresses(self, server: &ServerUrl) -> Vec<(&'static str, String)> {
        let root = server.to_string();
        let versioned = format!("{root}/v1");
        match self {
            Self::ClaudeCode => vec![
                ("ANTHROPIC_BASE_URL", root),
                // Claude Code then ignores what any settings file says of provider and credential.
                // Seen in 2.1.197; an older one does not know it and is overridden by `settings`.
                ("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1".to_owned()),
            ],
            Self::StartsClaudeCode => {
                [Self::ClaudeCode.addresses(server), Self::Other.addresses(server)].concat()
            }
            Self::Other => vec![
                ("ANTHROPIC_BASE_URL", root.clone()),
                ("ANTHROPIC_API_BASE", root.clone()),
                ("OPENAI_BASE_URL", versioned.clone()),
                ("OPENAI_API_BASE", versioned),
                ("GOOGLE_GEMINI_BASE_URL", root),
            ],
        }
    }

    /// The variables that carry the token.
    pub(super) fn token_variables(self) -> &'static [&'static str] {
        match self {
            // Sent as a bearer; an API key would first ask the user for approval.
            Self::ClaudeCode => &["ANTHROPIC_AUTH_TOKEN"],
            // The vendor's libraries read it too.
            Self::StartsClaudeCode => &["ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY"],
            Self::Other => &["ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_told_by_its_file_name() {
        for (program, agent) in [
            ("claude", Agent::ClaudeCode),
            ("/usr/local/bin/claude", Agent::ClaudeCode),
            // The same file to some file systems.
            ("Claude", Agent::ClaudeCode),
            ("./claude.sh", Agent::Other),
            ("python3", Agent::Other),
            ("", Agent::Other),
        ] {
            assert_eq!(Agent::of(OsStr::new(program), &[]), agent, "{program}");
        }
        let arguments = ["claude".into()];
        assert_eq!(Agent::of(OsStr::new("env"), &arguments), Agent::StartsClaudeCode);
        assert_eq!(Agent::of(OsStr::new("claude"), &arguments), Agent::ClaudeCode);
    }

    #[test]
    fn what_belongs_to_other_programs_is_never_taken_out() {
        for agent in [Agent::ClaudeCode, Agent::StartsClaudeCode, Agent::Other] {
            for removal in agent.removals() {
                let other = removal.name.starts_with("AWS_")
                    || ["GH_TOKEN", "GITHUB_TOKEN", "PATH", "HOME"].contains(&removal.name);
                assert!(!other && !removal.reason.is_empty(), "{}", removal.name);
            }
        }
    }
}
