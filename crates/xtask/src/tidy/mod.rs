//! The invariants of the workspace, read from `cargo metadata` and from the sources.
//!
//! What can be told from dependencies is told from them; the rest from tokens, which cannot mistake a
//! comment or a text for code. Code that only tests compile is free of most rules.

mod dependencies;
mod licence;
mod metadata;
mod rules;
mod source;
mod supply;
mod variables;

use std::fmt;
use std::path::Path;

use metadata::Metadata;
use source::Source;

/// An invariant that does not hold.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// A file, with its line, or a crate.
    place: String,
    /// What is wrong, and what would be right.
    message: String,
}

impl Finding {
    fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

/// All that does not hold in the workspace at `root`.
///
/// # Errors
/// When the workspace cannot be read at all.
pub(crate) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let metadata = Metadata::load(root)?;
    let sources = Source::all(root)?;
    let policy = supply::Policy::load(&root.join("deny.toml"))?;
    let mut findings = dependencies::check(&metadata);
    findings.extend(supply::check(&metadata, &policy));
    findings.extend(lints(root)?);
    findings.extend(sources.iter().flat_map(rules::check));
    let documented = variables::documented(root)?;
    findings.extend(sources.iter().flat_map(|source| variables::check(source, &documented)));
    Ok(findings)
}

/// Each crate takes the workspace's lints, `unsafe_code = "forbid"` among them.
fn lints(root: &Path) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for manifest in source::manifests(root)? {
        let text = std::fs::read_to_string(&manifest).map_err(|error| error.to_string())?;
        if !takes_lints(&text) {
            findings.push(Finding::new(manifest.display().to_string(), "needs `[lints] workspace = true`"));
        }
    }
    Ok(findings)
}

fn takes_lints(manifest: &str) -> bool {
    let table = manifest.parse::<toml::Table>().ok();
    let lints = table.as_ref().and_then(|table| table.get("lints"));
    lints.and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_the_lints_of_the_workspace_is_seen() {
        assert!(takes_lints("[package]\nname = \"a\"\n[lints]\nworkspace = true\n"));
        assert!(!takes_lints("[package]\nname = \"a\"\n"));
        assert!(!takes_lints("[lints.rust]\nunsafe_code = \"allow\"\n"));
    }
}
