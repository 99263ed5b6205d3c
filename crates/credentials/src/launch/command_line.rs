//! Which agents a command line starts, by whatever detour.
//!
//! What is overlooked here is warned of, not refused, so it looks rather too closely: a name where
//! none is meant costs little.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::Agent;

/// The agents of which the program or an argument is a path to the agent or its package, begins with one
/// as a command line does, or holds one where a shell would read it.
pub(super) fn names_agents(program: &OsStr, arguments: &[OsString]) -> Vec<Agent> {
    let mut found = Vec::new();
    let mut shell_reads_next = false;
    for part in std::iter::once(program).chain(arguments.iter().map(OsString::as_os_str)) {
        let text = part.to_string_lossy();
        let (read_by_shell, value) = match inline_command(&text) {
            Some(command) => (true, command),
            // More options may stand between `-c` and what belongs to it.
            None if text.starts_with('-') => {
                shell_reads_next |= announces_command(&text);
                (false, text.as_ref())
            }
            None => (std::mem::take(&mut shell_reads_next), text.as_ref()),
        };
        let mut words = value.split(|c: char| c.is_whitespace() || SHELL_SIGNS.contains(c));
        match read_by_shell {
            true => found.extend(words.filter_map(named)),
            false => {
                found.extend(named(value));
                found.extend(words.find(|word| !word.is_empty()).and_then(named));
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Where in the arguments of `program` an agent's own begin, if that is sure: behind its name, where it
/// stands alone and the program only starts others.
pub(super) fn place_of_arguments(program: &OsStr, arguments: &[OsString], agent: Agent) -> Option<usize> {
    let starter = Path::new(program).file_name().and_then(OsStr::to_str)?;
    if !STARTERS.contains(&starter) {
        return None;
    }
    let alone = |argument: &OsString| argument.to_str().is_some_and(|word| named(word) == Some(agent));
    arguments.iter().position(alone).map(|index| index + 1)
}

/// The agent of which a word is the path, the path of something inside its package, or the package's name
/// with or without a version.
fn named(word: &str) -> Option<Agent> {
    let parts = word.split('/').map(|part| match part.rsplit_once('@') {
        Some((name, _version)) if !name.is_empty() => name,
        _ => part,
    });
    let last = parts.clone().next_back().unwrap_or_default();
    Agent::ALL.into_iter().find(|agent| {
        let recipe = agent.recipe();
        // A folder that is named as the program is not the program.
        let package = |part: &str| {
            let inside = part.eq_ignore_ascii_case(recipe.program) && part != last;
            !inside && recipe.packages.iter().any(|package| part.eq_ignore_ascii_case(package))
        };
        last.eq_ignore_ascii_case(recipe.program) || parts.clone().any(package)
    })
}

/// The command line in `-Sclaude` and `--command=claude`.
fn inline_command(argument: &str) -> Option<&str> {
    let long = argument.split_once('=').filter(|(option, _)| COMMAND_OPTIONS.contains(option));
    let long = long.map(|(_, command)| command);
    long.or_else(|| argument.strip_prefix("-S").filter(|command| !command.is_empty()))
}

/// Whether a shell reads the next argument, as after `-c`, `-lc` and `--command`.
fn announces_command(option: &str) -> bool {
    let short = !option.starts_with("--") && option.ends_with(['c', 'S']);
    short || COMMAND_OPTIONS.contains(&option)
}

/// Of `env`, `su`, `script`, `npx`, `npm exec` and shells.
const COMMAND_OPTIONS: &[&str] = &["--split-string", "--command", "--call", "--shell"];
/// Programs that do nothing but start the one that their arguments name.
const STARTERS: &[&str] = &[
    "env",
    "npx",
    "bunx",
    "pnpx",
    "npm",
    "pnpm",
    "bun",
    "uvx",
    "pipx",
    "nice",
    "nohup",
    "setsid",
    "stdbuf",
    "time",
    "timeout",
    "ionice",
    "chrt",
    "doas",
    "sudo",
    "caffeinate",
];
/// What parts words in a shell.
const SHELL_SIGNS: &str = ";|&()<>{}\"'`$=\\";

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &[&str]) -> Vec<Agent> {
        let arguments: Vec<OsString> = line[1..].iter().map(Into::into).collect();
        names_agents(OsStr::new(line[0]), &arguments)
    }

    #[test]
    fn claude_code_is_found_behind_every_common_detour() {
        for line in [
            &["env", "claude"][..],
            &["env", "A=b", "/usr/local/bin/claude", "-p", "hello"],
            &["env", "-S", "A=b claude -p"],
            &["env", "-SA=b claude -p"],
            &["env", "--split-string=A=b claude"],
            &["sh", "-c", "claude"],
            &["sh", "-c", "cd work && exec claude -p \"$1\"", "sh", "hello"],
            &["sh", "-c", "--", "A=b;claude"],
            &["sh", "-c", "-e", "true; claude"],
            &["bash", "-lc", "echo $(claude -p x)"],
            &["bash", "-c", "A='b' \"claude\""],
            &["npx", "claude"],
            &["npx", "-y", "@anthropic-ai/claude-code"],
            &["npx", "@anthropic-ai/claude-code@2.1.0", "-p"],
            &["npx", "--call=x && claude"],
            &["npm", "exec", "--", "claude"],
            &["node", "node_modules/@anthropic-ai/claude-code/cli.js"],
            &["node_modules/@anthropic-ai/claude-code/cli.js"],
            &["timeout", "60", "nice", "claude"],
            &["watch", "claude -p hello"],
            &["su", "--command", "true; claude"],
            &["Env", "CLAUDE"],
        ] {
            assert_eq!(found(line), [Agent::ClaudeCode], "{line:?}");
        }
    }

    #[test]
    fn what_only_speaks_of_it_does_not_name_it() {
        for line in [
            &["bash", "notes.sh", "compare yourself with claude"][..],
            &["python3", "bench.py", "--model", "claude-sonnet-4"],
            &["python3", "claude.py"],
            &["sh", "-c", "echo claudette; ./claude.sh"],
            &["cat", ".claude/settings.json", "claude/notes.txt", ""],
            &["git", "commit", "-m", "more of claude"],
        ] {
            assert!(found(line).is_empty(), "{line:?}");
        }
    }

    #[test]
    fn every_agent_is_found_by_its_program_and_its_package() {
        for (line, agent) in [
            (&["env", "codex", "exec"][..], Agent::Codex),
            (&["npx", "-y", "@openai/codex@0.169.0"], Agent::Codex),
            (&["npx", "@google/gemini-cli"], Agent::GeminiCli),
            (&["sh", "-c", "gemini -p x"], Agent::GeminiCli),
            (&["bunx", "opencode-ai@latest"], Agent::OpenCode),
            (&["npx", "@earendil-works/pi-coding-agent"], Agent::Pi),
            (&["timeout", "9", "pi"], Agent::Pi),
            (&["uvx", "--from", "aider-chat", "aider"], Agent::Aider),
            (&["pipx", "run", "aider-chat"], Agent::Aider),
        ] {
            assert_eq!(found(line), [agent], "{line:?}");
        }
        assert_eq!(found(&["sh", "-c", "codex || claude"]), [Agent::ClaudeCode, Agent::Codex]);
        for line in [&["pip", "install", "x"][..], &["cat", "codex/notes", "pi.txt"], &["sh", "-c", "pipx x"]]
        {
            assert!(found(line).is_empty(), "{line:?}");
        }
    }

    #[test]
    fn an_agents_own_arguments_begin_behind_its_name() {
        for (line, place) in [
            (&["env", "A=b", "codex", "exec"][..], Some(2)),
            (&["npx", "-y", "@openai/codex", "exec"], Some(2)),
            (&["sh", "-c", "codex exec"], None),
            (&["grep", "codex", "file"], None),
            (&["env", "-S", "codex exec"], None),
        ] {
            let arguments: Vec<OsString> = line[1..].iter().map(Into::into).collect();
            assert_eq!(place_of_arguments(OsStr::new(line[0]), &arguments, Agent::Codex), place, "{line:?}");
        }
    }
}
