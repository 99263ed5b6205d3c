//! What comes from others: from where, under which licence, and what must not come at all. The lists
//! are those of `deny.toml`, so that cargo-deny, where it is installed, says the same.

use std::path::Path;

use serde::Deserialize;

use super::metadata::Metadata;
use super::{Finding, licence};

/// The lists of `deny.toml` that are checked here.
#[derive(Debug, Deserialize)]
pub(super) struct Policy {
    bans: Bans,
    licenses: Licences,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Bans {
    deny: Vec<Ban>,
}

#[derive(Debug, Deserialize)]
struct Ban {
    #[serde(rename = "crate")]
    name: String,
    #[serde(default)]
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Licences {
    allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Sources {
    #[serde(rename = "allow-registry")]
    registries: Vec<String>,
}

impl Policy {
    pub(super) fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// Everything that is used counts, for tests and on other systems too.
pub(super) fn check(metadata: &Metadata, policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in metadata.used() {
        let place = format!("{} {}", package.name, package.version);
        if let Some(ban) = policy.bans.deny.iter().find(|ban| ban.name == package.name) {
            findings.push(Finding::new(&place, format!("must not be depended on: {}", ban.reason)));
        }
        let Some(source) = &package.source else {
            if !metadata.workspace_members.contains(&package.id) {
                findings.push(Finding::new(&place, "comes from a folder outside the workspace"));
            }
            continue;
        };
        let registry = source.strip_prefix("registry+");
        if !registry.is_some_and(|registry| policy.sources.registries.iter().any(|it| it == registry)) {
            findings.push(Finding::new(&place, format!("comes from {source}, which is not allowed")));
        }
        let expression = package.license.as_deref().unwrap_or_default();
        if !licence::allowed(expression, &policy.licenses.allow) {
            findings
                .push(Finding::new(&place, format!("has the licence `{expression}`, which is not allowed")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::metadata::{Package, with_foreign};
    use super::*;

    fn policy() -> Policy {
        let text = r#"
            bans.deny = [{ crate = "ring", reason = "aws-lc-rs is the one provider" }]
            licenses.allow = ["MIT"]
            sources.allow-registry = ["https://github.com/rust-lang/crates.io-index"]
        "#;
        toml::from_str(text).expect("a policy")
    }

    fn found(name: &str, source: Option<&str>, license: Option<&str>) -> Vec<String> {
        check(&with_foreign(package(name, source, license), true), &policy())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn package(name: &str, source: Option<&str>, license: Option<&str>) -> Package {
        Package {
            id: format!("{name} 0.1.0"),
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            source: source.map(str::to_owned),
            license: license.map(str::to_owned),
            dependencies: Vec::new(),
        }
    }

    const CRATES_IO: Option<&str> = Some("registry+https://github.com/rust-lang/crates.io-index");

    #[test]
    fn bans_sources_and_licences_are_kept() {
        assert_eq!(found("bytes", CRATES_IO, Some("MIT OR GPL-3.0")), Vec::<String>::new());
        let banned = found("ring", CRATES_IO, Some("MIT"));
        assert_eq!(banned, ["ring 0.1.0: must not be depended on: aws-lc-rs is the one provider"]);
        assert_eq!(found("bytes", Some("git+https://x"), Some("MIT")).len(), 1);
        assert_eq!(found("bytes", None, None).len(), 1);
        assert_eq!(found("bytes", CRATES_IO, Some("GPL-3.0")).len(), 1);
        assert_eq!(found("bytes", CRATES_IO, None).len(), 1);
    }

    #[test]
    fn what_no_feature_that_is_on_brings_does_not_count() {
        let metadata = with_foreign(package("ring", CRATES_IO, Some("MIT")), false);
        assert_eq!(check(&metadata, &policy()), []);
    }

    #[test]
    fn the_policy_of_the_workspace_reads() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deny.toml");
        let policy = Policy::load(&path).expect("reads");
        for name in ["ring", "openssl", "native-tls", "rsa"] {
            assert!(policy.bans.deny.iter().any(|ban| ban.name == name && !ban.reason.is_empty()), "{name}");
        }
    }
}
