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

/// The names that stand in front of `:` at the beginning of the lines of a file of YAML.
pub(super) fn yaml_names(path: &Path) -> Result<Vec<String>, LaunchError> {
    let Some(text) = text(path)? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for line in text.lines() {
        let inside = line.starts_with([' ', '\t', '#', '-', ']', '}']) || line.trim().is_empty();
        if inside || line.starts_with('%') {
            continue;
        }
        // Anything but a plain name may be one written in another way.
        let name = line.split_once(':').map(|(name, _)| name.trim().trim_matches(['"', '\'']));
        match name {
            Some(name) if name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) => {
                names.push(name.to_owned());
            }
            _ if line.starts_with("...") => {}
            _ => return Err(unreadable(path)),
        }
    }
    Ok(names)
}

/// The names of the variables in a file of `NAME=value` lines.
pub(super) fn dotenv_names(path: &Path) -> Result<Vec<String>, LaunchError> {
    let Some(text) = text(path)? else { return Ok(Vec::new()) };
    let name = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, _) = line.split_once(['=', ':'])?;
        Some(name.trim().trim_matches(['"', '\'']).to_owned())
    };
    Ok(text.lines().filter_map(name).collect())
}

fn unreadable(path: &Path) -> LaunchError {
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
        let commented = file("{// comment\n\"a\": [1,],}");
        assert_eq!(json(commented.path()).unwrap().unwrap()["a"][0], 1);
    }

    #[test]
    fn what_may_hide_a_name_is_unreadable() {
        for content in ["{model: a}", "? model\n: a", "\"\\x6fpenai\": b", "&a model: b", "\"a\n b\": c"] {
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
