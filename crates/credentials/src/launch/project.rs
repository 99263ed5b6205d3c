//! Settings that lie in the project: which files an agent would read there, and which names stand in them.
//!
//! Looks rather too closely: what cannot be read for sure counts as unreadable, which is refused.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{LaunchError, LaunchRequest};

/// The working folder and those above it up to the repository's root; only itself outside of one. The
/// home folder and what is above it are not the project's.
pub(super) fn folders_of_repository(request: &LaunchRequest<'_>) -> Vec<PathBuf> {
    let all = folders_above(request);
    match all.iter().position(|folder| folder.join(".git").exists()) {
        Some(root) => all.into_iter().take(root + 1).collect(),
        None => all.into_iter().take(1).collect(),
    }
}

/// The working folder and all those above it, as far as they are not the user's own.
pub(super) fn folders_above(request: &LaunchRequest<'_>) -> Vec<PathBuf> {
    request.folder.ancestors().take_while(|folder| *folder != request.home).map(Path::to_owned).collect()
}

/// The text of a file; nothing if it is not there.
pub(super) fn text(path: &Path) -> Result<Option<String>, LaunchError> {
    match path.metadata() {
        Err(_) => return Ok(None),
        // A pipe would keep us waiting.
        Ok(metadata) if !metadata.is_file() => return Err(unreadable(path)),
        Ok(_) => {}
    }
    std::fs::read_to_string(path).map(Some).map_err(|_| unreadable(path))
}

/// A file of JSON, comments allowed.
pub(super) fn json(path: &Path) -> Result<Option<Value>, LaunchError> {
    let Some(text) = text(path)? else { return Ok(None) };
    let value = jsonc_parser::parse_to_serde_value(&text, &jsonc_parser::ParseOptions::default());
    value.map(Some).map_err(|_| unreadable(path))
}

/// A file of TOML.
pub(super) fn toml(path: &Path) -> Result<Option<toml::Table>, LaunchError> {
    let Some(text) = text(path)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| unreadable(path))
}

/// The names that stand in front of `:` at the beginning of the lines of a file of YAML, dashes before them
/// left out as aider does. Only where all of them begin their line, which the first one settles.
pub(super) fn yaml_names(path: &Path) -> Result<Vec<String>, LaunchError> {
    let Some(text) = text(path)? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    let mut begun = false;
    for line in text.split(BREAKS) {
        let words = line.trim();
        if words.is_empty() || words.starts_with('#') || line.starts_with('%') {
            continue;
        }
        if line.starts_with("---") || line.starts_with("...") {
            // The document may begin on the same line.
            let rest = line[3..].trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(unreadable(path));
            }
            begun = false;
            continue;
        }
        let item = words == "-" || line.starts_with("- ");
        if item || line.starts_with([' ', '\t', ']', '}']) {
            // Before any name it is no part of a value: the names themselves are indented.
            if !begun {
                return Err(unreadable(path));
            }
            continue;
        }
        begun = true;
        // Anything but a plain name may be one written in another way.
        let name = line.split_once(':').map(|(name, _)| name.trim().trim_matches(['"', '\'']));
        match name {
            Some(name) if name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) => {
                names.push(name.trim_matches('-').to_owned());
            }
            _ => return Err(unreadable(path)),
        }
    }
    Ok(names)
}

/// The names of the variables in a file of `NAME=value` lines: the last word before the sign, whatever
/// stands before it.
pub(super) fn dotenv_names(path: &Path) -> Result<Vec<String>, LaunchError> {
    let Some(text) = text(path)? else { return Ok(Vec::new()) };
    let around = |c: char| c.is_whitespace() || c == '\u{feff}';
    let name = |line: &str| {
        let line = line.trim_start_matches(around);
        let (before, _) = line.split_once(['=', ':']).filter(|_| !line.starts_with('#'))?;
        let before = before.trim_end_matches(|c: char| around(c) || "\"'".contains(c));
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        Some(before.rsplit(|c: char| !plain(c)).next().unwrap_or_default().to_owned())
    };
    Ok(text.split(BREAKS).filter_map(name).collect())
}

/// What ends a line to any of the agents' own readers.
const BREAKS: [char; 7] = ['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'];

pub(super) fn unreadable(path: &Path) -> LaunchError {
    LaunchError::ProjectUnreadable { path: path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        let yaml = file("# x\n---\n'model': a\n\"openai-api-base\": b\nlist:\n  - c: d\n- e\n");
        assert_eq!(yaml_names(yaml.path()).unwrap(), ["model", "openai-api-base", "list"]);
        let dotenv = file(" export A=b\n'C' = d\n# comment\nE: f\nG\n");
        assert_eq!(dotenv_names(dotenv.path()).unwrap(), ["A", "C", "E"]);
        for content in ["export\tP=x", "A=b\rP=x", "\u{feff}P=x", "#c\u{2028}P=x", "\u{a0} export  P : x"] {
            assert!(dotenv_names(file(content).path()).unwrap().contains(&"P".to_owned()), "{content:?}");
        }
        for content in ["--p: x", "a: b\rp: x", "a: b\u{85}p: x", "#c\u{2028}p: x", "---\n# c\n  # c\np: x"] {
            assert!(yaml_names(file(content).path()).unwrap().contains(&"p".to_owned()), "{content:?}");
        }
        let commented = file("{// comment\n\"a\": [1,],}");
        assert_eq!(json(commented.path()).unwrap().unwrap()["a"][0], 1);
    }

    #[test]
    fn what_may_hide_a_name_is_unreadable() {
        for content in [
            "{model: a}",
            "? model\n: a",
            "\"\\x6fpenai\": b",
            "&a model: b",
            "\"a\n b\": c",
            " p: x\n a: b",
            "# c\n p: x",
            "--- {p: x}",
            "a: b\n---\n p: x",
            "\u{feff}p: x",
        ] {
            assert!(yaml_names(file(content).path()).is_err(), "{content}");
        }
        assert!(json(file("{").path()).is_err());
        assert!(toml(file("a").path()).is_err());
    }

    #[test]
    fn a_file_that_is_not_there_has_no_names() {
        let nowhere = Path::new("/nonexistent/file");
        assert!(yaml_names(nowhere).unwrap().is_empty() && dotenv_names(nowhere).unwrap().is_empty());
        assert!(json(nowhere).unwrap().is_none() && toml(nowhere).unwrap().is_none());
    }
}
