//! Whether a command line starts Claude Code, by whatever detour.
//!
//! What is overlooked here is warned of, not refused, so it looks rather too closely: a name where
//! none is meant costs little.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Whether that is Claude Code itself.
pub(super) fn is_claude_code(program: &OsStr) -> bool {
    Path::new(program).file_name().is_some_and(|name| name.eq_ignore_ascii_case("claude"))
}

/// Whether the program or an argument is a path to Claude Code or its package, begins with one as a
/// command line does, or holds one where a shell would read it.
pub(super) fn names_claude_code(program: &OsStr, arguments: &[OsString]) -> bool {
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
        let named = match read_by_shell {
            true => words.any(names),
            false => names(value) || words.find(|word| !word.is_empty()).is_some_and(names),
        };
        if named {
            return true;
        }
    }
    false
}

/// Whether a word is the path of Claude Code, of something inside its package, or the package's name
/// with or without a version.
fn names(word: &str) -> bool {
    let mut parts = word.split('/').map(|part| match part.rsplit_once('@') {
        Some((name, _version)) if !name.is_empty() => name,
        _ => part,
    });
    let last = parts.clone().next_back().unwrap_or_default();
    last.eq_ignore_ascii_case("claude") || parts.any(|part| part.eq_ignore_ascii_case("claude-code"))
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
/// What parts words in a shell.
const SHELL_SIGNS: &str = ";|&()<>{}\"'`$=\\";

#[cfg(test)]
mod tests {
    use super::*;

    fn named(line: &[&str]) -> bool {
        let arguments: Vec<OsString> = line[1..].iter().map(Into::into).collect();
        names_claude_code(OsStr::new(line[0]), &arguments)
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
            assert!(named(line), "{line:?}");
        }
    }

    #[test]
    fn what_only_speaks_of_it_does_not_name_it() {
        for line in [
            &["codex", "exec", "compare yourself with claude"][..],
            &["python3", "bench.py", "--model", "claude-sonnet-4"],
            &["python3", "claude.py"],
            &["sh", "-c", "echo claudette; ./claude.sh"],
            &["cat", ".claude/settings.json", "claude/notes.txt", ""],
            &["git", "commit", "-m", "more of claude"],
        ] {
            assert!(!named(line), "{line:?}");
        }
    }
}
