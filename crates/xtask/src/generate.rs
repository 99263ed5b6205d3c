//! The reference pages: written by `cargo xtask generate`, compared with `--check`.
//!
//! The binary makes them, from the tables that it goes by; here is only what writes and compares. Pages
//! that nothing makes any more are deleted, or found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use similar::TextDiff;

/// Writes the pages; how many have changed.
pub(crate) fn write(root: &Path) -> Result<usize, String> {
    let folder = root.join(FOLDER);
    let changes = changes(&made(root)?, &present(&folder)?);
    for change in &changes {
        let path = folder.join(&change.path);
        let named = |error: std::io::Error| format!("{}: {error}", path.display());
        match &change.new {
            Some(text) => {
                std::fs::create_dir_all(path.parent().unwrap_or(&folder)).map_err(named)?;
                std::fs::write(&path, text).map_err(named)?;
            }
            None => std::fs::remove_file(&path).map_err(named)?,
        }
    }
    Ok(changes.len())
}

/// Where the tree has something else than what would be written, as a diff for each page.
pub(crate) fn check(root: &Path) -> Result<Vec<String>, String> {
    Ok(changes(&made(root)?, &present(&root.join(FOLDER))?).iter().map(Change::diff).collect())
}

/// A page that differs.
struct Change {
    path: String,
    old: Option<String>,
    new: Option<String>,
}

impl Change {
    fn diff(&self) -> String {
        let (old, new) = (self.old.as_deref().unwrap_or_default(), self.new.as_deref().unwrap_or_default());
        let name = |there: bool, side| {
            if there { format!("{side}/{FOLDER}/{}", self.path) } else { "/dev/null".to_owned() }
        };
        let diff = TextDiff::from_lines(old, new);
        let (before, after) = (name(self.old.is_some(), "a"), name(self.new.is_some(), "b"));
        diff.unified_diff().context_radius(2).header(&before, &after).to_string()
    }
}

fn changes(made: &BTreeMap<String, String>, present: &BTreeMap<String, String>) -> Vec<Change> {
    let paths: BTreeSet<&String> = made.keys().chain(present.keys()).collect();
    paths
        .into_iter()
        .filter(|path| made.get(*path) != present.get(*path))
        .map(|path| Change {
            path: path.clone(),
            old: present.get(path).cloned(),
            new: made.get(path).cloned(),
        })
        .collect()
}

/// The pages as they should be, from the binary of this tree.
fn made(root: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--locked", "--package", "keywright", "--", "reference"]).current_dir(root);
    let output = cargo.output().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("the binary makes no pages: {}", String::from_utf8_lossy(&output.stderr)));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("the pages cannot be read: {error}"))
}

/// The pages as they are.
fn present(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let mut pages = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(current) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&current) else { continue };
        for entry in entries {
            let path = entry.map_err(|error| format!("{}: {error}", current.display()))?.path();
            if path.is_dir() {
                open.push(path);
            } else if let Some(name) = below(folder, &path).filter(|name| !BY_HAND.contains(&name.as_str())) {
                let text =
                    std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                pages.insert(name, text);
            }
        }
    }
    Ok(pages)
}

fn below(folder: &Path, path: &Path) -> Option<String> {
    Some(path.strip_prefix(folder).ok()?.to_str()?.replace('\\', "/"))
}

const FOLDER: &str = "docs/reference";

/// Pages of the folder that people or other tools write.
const BY_HAND: &[&str] = &["performance.md"];

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(pages: &[(&str, &str)]) -> BTreeMap<String, String> {
        pages.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_is_new_what_is_gone_and_what_differs_is_shown_line_by_line() {
        let made = pages(&[("a.md", "1\n2\n"), ("b.md", "new\n"), ("same.md", "x\n")]);
        let present = pages(&[("a.md", "1\n3\n"), ("c.md", "old\n"), ("same.md", "x\n")]);
        let diffs: Vec<String> = changes(&made, &present).iter().map(Change::diff).collect();
        assert_eq!(diffs.len(), 3);
        assert!(diffs[0].contains("--- a/docs/reference/a.md\n+++ b/docs/reference/a.md\n"), "{}", diffs[0]);
        assert!(diffs[0].contains("-3\n+2\n"), "{}", diffs[0]);
        assert!(diffs[1].contains("--- /dev/null\n") && diffs[1].contains("+new\n"), "{}", diffs[1]);
        assert!(diffs[2].contains("+++ /dev/null\n") && diffs[2].contains("-old\n"), "{}", diffs[2]);
    }
}
