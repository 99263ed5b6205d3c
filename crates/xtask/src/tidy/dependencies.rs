//! Which crate may know which: the table of the crate map, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::metadata::{Metadata, short};

/// Ours that each of ours may need. `*` is anything.
const MAY_NEED: &[(&str, &[&str])] = &[
    ("secret", &[]),
    ("protocol", &["secret"]),
    ("providers", &["protocol", "secret"]),
    ("dial", &["secret"]),
    ("client", &["dial", "protocol", "secret"]),
    ("credentials", &["client", "providers", "protocol", "secret"]),
    ("store", &["protocol", "secret"]),
    ("identity", &["store", "protocol", "secret"]),
    ("gateway", &["providers", "dial", "protocol", "secret"]),
    ("forward", &["gateway", "dial", "providers", "protocol", "secret"]),
    ("server", &["store", "identity", "gateway", "forward", "providers", "dial", "protocol", "secret"]),
    // The binary hands credentials on in their own type, so that it needs `secret` as well.
    ("keywright", &["server", "credentials", "client", "providers", "protocol", "secret"]),
    ("testkit", &["*"]),
    ("xtask", &["*"]),
];

/// The client side never reaches the server's, over however many steps.
const NEVER_REACH: &[(&str, &[&str])] = &[
    ("credentials", &["store", "identity", "gateway", "forward", "server"]),
    ("client", &["store", "identity", "gateway", "forward", "server"]),
    ("identity", &["gateway", "dial", "client", "credentials", "server"]),
    ("gateway", &["store", "identity", "client", "credentials", "server"]),
];

/// Packages that only some of ours may need, and why.
const RESERVED: &[(&[&str], &[&str], &str)] = &[
    (&["sqlx", "rusqlite", "libsqlite3-sys", "diesel", "sea-orm"], &["store"], "only `store` has SQL"),
    (
        &["reqwest", "ureq", "hyper-rustls", "hickory-resolver", "curl", "isahc"],
        &[],
        "`dial` makes every outward connection, with hyper",
    ),
    // These dial by themselves; each is an exception that the design names.
    (&["tokio-postgres"], &["store"], "the PostgreSQL driver belongs to `store`"),
    (&["lettre"], &["server"], "mail belongs to `server`"),
    (&["aws-config", "aws-sigv4"], &["providers", "server"], "AWS's credential chain has its place"),
    (&["clap", "indicatif", "comfy-table", "inquire"], &["keywright"], "only `keywright` prints"),
];

/// What `identity`, which knows no HTTP, must not need.
const HTTP: &[&str] = &[
    "http",
    "http-body",
    "http-body-util",
    "hyper",
    "hyper-util",
    "axum",
    "tower",
    "tower-http",
    "reqwest",
    "h2",
];

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    let mut findings = Vec::new();
    let ours: BTreeSet<&str> = metadata.ours().map(|package| package.short_name()).collect();
    for package in metadata.ours() {
        let name = package.short_name();
        let Some((_, allowed)) = MAY_NEED.iter().find(|(of, _)| *of == name) else {
            findings.push(Finding::new(name, "stands in no line of the crate map"));
            continue;
        };
        let known = |need: &&str| ours.contains(short(need)) && short(need) != name;
        let free = allowed.contains(&"*");
        for need in package.needs().filter(known).map(short) {
            if !free && !allowed.contains(&need) {
                findings.push(Finding::new(name, format!("must not depend on `{need}`")));
            }
        }
        for need in package.tests_need().filter(known).map(short) {
            if !free && need != "testkit" && !allowed.contains(&need) {
                findings.push(Finding::new(name, format!("must not depend on `{need}`, for tests neither")));
            }
        }
        findings.extend(reserved(name, package.needs()));
    }
    findings.extend(reached(metadata));
    findings
}

fn reserved<'a>(name: &str, needs: impl Iterator<Item = &'a str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for need in needs {
        if name == "identity" && HTTP.contains(&need) {
            findings.push(Finding::new(name, format!("knows no HTTP, so it must not depend on `{need}`")));
        }
        for (packages, owners, why) in RESERVED {
            if packages.contains(&need) && !owners.contains(&name) {
                findings.push(Finding::new(name, format!("must not depend on `{need}`: {why}")));
            }
        }
    }
    findings
}

fn reached(metadata: &Metadata) -> Vec<Finding> {
    let needs: BTreeMap<&str, Vec<&str>> =
        metadata.ours().map(|package| (package.short_name(), package.needs().map(short).collect())).collect();
    let mut findings = Vec::new();
    for (from, forbidden) in NEVER_REACH {
        let mut seen = BTreeSet::new();
        let mut open = vec![*from];
        while let Some(name) = open.pop() {
            if seen.insert(name) {
                open.extend(needs.get(name).into_iter().flatten().copied());
            }
        }
        for name in forbidden.iter().filter(|name| seen.contains(*name)) {
            findings.push(Finding::new(*from, format!("must never reach `{name}`, but does")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::metadata::workspace;
    use super::*;

    fn messages(crates: &[(&str, &[&str])]) -> Vec<String> {
        check(&workspace(crates)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_map_itself_holds() {
        let crates = [
            ("keywright-secret", &["zeroize"][..]),
            ("keywright-protocol", &["keywright-secret"]),
            (
                "keywright-store",
                &["keywright-protocol", "sqlx", "dev:keywright-store", "dev:keywright-testkit"],
            ),
            ("keywright-testkit", &["keywright-store", "hyper"]),
        ];
        assert_eq!(messages(&crates), Vec::<String>::new());
    }

    #[test]
    fn a_need_that_the_map_does_not_give_is_seen() {
        let crates = [
            ("keywright-secret", &[][..]),
            ("keywright-store", &[]),
            ("keywright-gateway", &["keywright-store"]),
            ("keywright-protocol", &["dev:keywright-store"]),
            ("keywright-stray", &[]),
        ];
        let messages = messages(&crates);
        assert!(messages.contains(&"gateway: must not depend on `store`".to_owned()));
        assert!(messages.contains(&"gateway: must never reach `store`, but does".to_owned()));
        assert!(messages.contains(&"protocol: must not depend on `store`, for tests neither".to_owned()));
        assert!(messages.contains(&"stray: stands in no line of the crate map".to_owned()));
    }

    #[test]
    fn the_client_side_reaches_the_server_side_over_no_detour() {
        let crates = [
            ("keywright-credentials", &["keywright-client"][..]),
            ("keywright-client", &["keywright-dial"]),
            ("keywright-dial", &["keywright-identity"]),
            ("keywright-identity", &[]),
        ];
        let messages = messages(&crates);
        assert!(messages.contains(&"credentials: must never reach `identity`, but does".to_owned()));
        assert!(messages.contains(&"client: must never reach `identity`, but does".to_owned()));
    }

    #[test]
    fn packages_with_an_owner_are_kept_from_the_others() {
        for (name, need) in [
            ("keywright-identity", "sqlx"),
            ("keywright-identity", "http"),
            ("keywright-credentials", "rusqlite"),
            ("keywright-client", "reqwest"),
            ("keywright-server", "clap"),
        ] {
            assert_eq!(messages(&[(name, &[need])]).len(), 1, "{name} {need}");
        }
        assert_eq!(messages(&[("keywright-identity", &["dev:hyper"])]), Vec::<String>::new());
    }
}
