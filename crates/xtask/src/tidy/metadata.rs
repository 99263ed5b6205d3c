//! What cargo knows of the workspace.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// The part of `cargo metadata` that the checks read.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    pub(super) workspace_members: Vec<String>,
    /// Name and version of each package that is used, on whatever system, ours among them. Neither the
    /// lock file nor `cargo metadata` can tell: both list what a feature that nobody turns on would bring.
    #[serde(skip)]
    used: BTreeSet<(String, String)>,
}

/// A package, ours or another's.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) version: String,
    /// Where it comes from; absent for a folder.
    pub(super) source: Option<String>,
    pub(super) license: Option<String>,
    pub(super) dependencies: Vec<Dependency>,
}

/// A line of a manifest's dependencies.
#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    /// Absent for a normal one, else `dev` or `build`.
    pub(super) kind: Option<String>,
}

impl Metadata {
    pub(super) fn load(root: &Path) -> Result<Self, String> {
        let text = cargo(root, &["metadata", "--format-version", "1", "--locked"])?;
        let mut metadata: Self =
            serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
        let edges = ["--workspace", "--all-features", "--target", "all", "--edges", "normal,build,dev"];
        let form = ["--prefix", "none", "--format", "{p}", "--locked"];
        metadata.used = used(&cargo(root, &[&["tree"], &edges[..], &form[..]].concat())?);
        Ok(metadata)
    }

    /// The packages that are used, ours among them.
    pub(super) fn used(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|it| self.used.contains(&(it.name.clone(), it.version.clone())))
    }

    /// The packages of the workspace.
    pub(super) fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }
}

fn cargo(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo cannot be run: {error}"))?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo {} failed: {reason}", arguments[0]));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

/// Reads lines like `bytes v1.0.0 (*)`.
fn used(tree: &str) -> BTreeSet<(String, String)> {
    let lines = tree.lines().filter_map(|line| {
        let mut words = line.split(' ');
        let (name, version) = (words.next()?, words.next()?);
        Some((name.to_owned(), version.strip_prefix('v')?.to_owned()))
    });
    lines.collect()
}

impl Package {
    /// The name of its folder under `crates/`.
    pub(super) fn short_name(&self) -> &str {
        short(&self.name)
    }

    /// What it needs to be built and run.
    pub(super) fn needs(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|it| it.kind.as_deref() != Some("dev")).map(|it| it.name.as_str())
    }

    /// What only its tests need.
    pub(super) fn tests_need(&self) -> impl Iterator<Item = &str> {
        self.dependencies.iter().filter(|it| it.kind.as_deref() == Some("dev")).map(|it| it.name.as_str())
    }
}

pub(super) fn short(name: &str) -> &str {
    name.strip_prefix("keywright-").unwrap_or(name)
}

/// A workspace made up for a test: crates, and what each needs.
#[cfg(test)]
pub(super) fn workspace(crates: &[(&str, &[&str])]) -> Metadata {
    let dependency = |need: &&str| match need.strip_prefix("dev:") {
        Some(name) => Dependency { name: name.to_owned(), kind: Some("dev".to_owned()) },
        None => Dependency { name: (*need).to_owned(), kind: None },
    };
    let package = |(name, needs): &(&str, &[&str])| Package {
        id: (*name).to_owned(),
        name: (*name).to_owned(),
        version: "0.1.0".to_owned(),
        source: None,
        license: None,
        dependencies: needs.iter().map(dependency).collect(),
    };
    let packages: Vec<Package> = crates.iter().map(package).collect();
    let workspace_members = packages.iter().map(|package| package.id.clone()).collect();
    Metadata { packages, workspace_members, used: BTreeSet::new() }
}

/// The same with a package of somebody else's, and whether ours uses it.
#[cfg(test)]
pub(super) fn with_foreign(package: Package, used: bool) -> Metadata {
    let mut metadata = workspace(&[("keywright-ours", &[])]);
    if used {
        metadata.used.insert((package.name.clone(), package.version.clone()));
    }
    metadata.packages.push(package);
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_of_cargo_is_read() {
        let tree = "keywright v0.1.0 (/work/crates/keywright)\nserde v1.0.0 (*)\nsyn v2.0.1 (proc-macro)\n\n";
        let used = used(tree);
        assert_eq!(used.len(), 3);
        assert!(used.contains(&("serde".to_owned(), "1.0.0".to_owned())));
    }
}
