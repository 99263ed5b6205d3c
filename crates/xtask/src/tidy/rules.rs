//! What no line of code may do, or only some lines.

use super::Finding;
use super::source::{Source, Token};

/// All rules, upon one file.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    [prints, reads_the_environment, connects, speaks_sql, shows_secrets]
        .iter()
        .flat_map(|rule| rule(source))
        .collect()
}

/// Crates whose work is the workspace itself: tests and this one.
const TOOLS: &[&str] = &["testkit", "xtask"];

/// Only the binary prints: what a library prints no caller can redirect, translate or silence.
fn prints(source: &Source) -> Vec<Finding> {
    if source.owner() == "keywright" || TOOLS.contains(&source.owner()) {
        return Vec::new();
    }
    let patterns = ["println !", "eprintln !", "print !", "eprint !", "dbg !", "io : : stdout"];
    find(source, &patterns, &[], "only `keywright` prints")
}

/// The environment is read in one place of each side, so that tests are alone in theirs.
fn reads_the_environment(source: &Source) -> Vec<Finding> {
    if TOOLS.contains(&source.owner()) {
        return Vec::new();
    }
    let patterns = [
        "env : : var",
        "env : : vars",
        "env : : var_os",
        "env : : vars_os",
        "env : : set_var",
        "env : : remove_var",
    ];
    find(source, &patterns, READS_ENVIRONMENT, "the environment is read in `environment.rs` only")
}

const READS_ENVIRONMENT: &[&str] = &[
    "crates/credentials/src/environment.rs",
    "crates/server/src/config/environment.rs",
    // Runs the tests of `store` and `identity` on the PostgreSQL that `./test` names; a test feature.
    "crates/store/src/testing.rs",
];

/// Every outward connection is made by `dial`, which checks the address that is really dialled. The
/// PostgreSQL driver connects inside sqlx, out of sight here: see the reserved packages.
fn connects(source: &Source) -> Vec<Finding> {
    if source.owner() == "dial" || TOOLS.contains(&source.owner()) {
        return Vec::new();
    }
    let patterns = [
        "TcpStream : : connect",
        "TcpStream : : connect_timeout",
        "TcpSocket : : new_v4",
        "TcpSocket : : new_v6",
        "UdpSocket : : bind",
        "lookup_host (",
        ". to_socket_addrs (",
    ];
    let mut findings = find(source, &patterns, &[], "only `dial` connects and resolves");
    findings.extend(find(source, &["lettre : :"], SENDS_MAIL, "mail is sent in one place"));
    findings
}

/// The mail server is spoken to by lettre, which connects by itself.
const SENDS_MAIL: &[&str] = &["crates/server/src/mail/smtp.rs", "crates/server/src/mail/message.rs"];

/// SQL stands in `store`, and where another agent's SQLite file is looked into.
fn speaks_sql(source: &Source) -> Vec<Finding> {
    let free = source.owner() == "store" || source.owner() == "xtask";
    if free || source.path.starts_with("crates/credentials/src/discover/") {
        return Vec::new();
    }
    let texts = code(source).filter(|token| is_sql(&token.text));
    texts.map(|token| finding(source, token, "only `store` has SQL")).collect()
}

/// Whether a literal begins like a statement, as statements are written: key words in capitals.
fn is_sql(literal: &str) -> bool {
    let text = literal.trim_start_matches(['b', 'c', 'r', '#']);
    let Some(text) = text.strip_prefix('"') else { return false };
    let text = text.replace("\\n", " ");
    let mut words = text.split_whitespace();
    let first = words.next().unwrap_or_default();
    let mut has = |word: &str| words.any(|it| it == word);
    match first {
        "SELECT" | "DELETE" => has("FROM"),
        "INSERT" | "REPLACE" => has("INTO"),
        "UPDATE" => has("SET"),
        "CREATE" | "DROP" | "ALTER" => ["TABLE", "INDEX", "VIEW"].iter().any(|what| text.contains(what)),
        "PRAGMA" => true,
        _ => false,
    }
}

/// The types of `secret` show themselves by hand-written code or not at all.
fn shows_secrets(source: &Source) -> Vec<Finding> {
    if source.owner() != "secret" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (at, token) in source.tokens.iter().enumerate().filter(|(_, token)| !token.test) {
        if token.text == "derive" {
            let end = position(source, at, |text| matches!(text, "struct" | "enum"));
            let name = source.tokens.get(end + 1).map_or("", |token| token.text.as_str());
            let close = position(source, at, |text| text == ")");
            let derived = source.tokens[at..close].iter().map(|token| token.text.as_str());
            for shown in derived.filter(|name| matches!(*name, "Debug" | "Serialize" | "Display")) {
                if !NOT_SECRET.contains(&name) {
                    findings.push(finding(source, token, &format!("`{name}` must not derive {shown}")));
                }
            }
        }
        if token.text == "impl" {
            let end = position(source, at, |text| text == "{");
            let words: Vec<&str> = source.tokens[at..end].iter().map(|token| token.text.as_str()).collect();
            let shown = words.iter().find(|word| matches!(**word, "Display" | "Serialize" | "ToString"));
            let name = words.iter().skip_while(|word| **word != "for").nth(1).copied().unwrap_or_default();
            if let Some(shown) = shown.filter(|_| !NOT_SECRET.contains(&name)) {
                findings.push(finding(source, token, &format!("`{name}` must not implement {shown}")));
            }
        }
    }
    findings
}

/// Types of `secret` that hold none.
const NOT_SECRET: &[&str] = &["Vendor", "TokenKind", "MalformedToken", "SealError", "Place"];

fn position(source: &Source, from: usize, is: impl Fn(&str) -> bool) -> usize {
    let found = source.tokens[from..].iter().position(|token| is(&token.text));
    found.map_or(source.tokens.len(), |found| from + found)
}

fn find(source: &Source, patterns: &[&str], exceptions: &[&str], message: &str) -> Vec<Finding> {
    if exceptions.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let places =
        patterns.iter().flat_map(|pattern| source.places(pattern).map(move |token| (pattern, token)));
    places
        .filter(|(_, token)| !token.test)
        .map(|(pattern, token)| finding(source, token, &format!("`{}`: {message}", pattern.replace(' ', ""))))
        .collect()
}

fn code(source: &Source) -> impl Iterator<Item = &Token> {
    source.tokens.iter().filter(|token| !token.test)
}

fn finding(source: &Source, token: &Token, message: &str) -> Finding {
    Finding::new(format!("{}:{}", source.path, token.line), message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        let source = Source::parse(path, text).expect("tokens");
        check(&source).iter().map(ToString::to_string).collect()
    }

    /// Each text breaks a rule in the first place and none in the second.
    #[test]
    fn each_rule_sees_what_breaks_it_and_spares_who_may() {
        for (text, broken, spared) in [
            ("fn a() { println!(\"x\"); }", "crates/store/src/a.rs", "crates/keywright/src/a.rs"),
            ("fn a() { std::io::stdout(); }", "crates/gateway/src/a.rs", "crates/xtask/src/a.rs"),
            (
                "fn a() { std::env::var(\"X\"); }",
                "crates/server/src/boot.rs",
                "crates/server/src/config/environment.rs",
            ),
            ("fn a() { env::var_os(\"X\"); }", "crates/keywright/src/a.rs", "crates/keywright/tests/it/a.rs"),
            ("fn a() { TcpStream::connect(x); }", "crates/gateway/src/a.rs", "crates/dial/src/a.rs"),
            ("fn a() { lettre::x(); }", "crates/server/src/api/a.rs", "crates/server/src/mail/smtp.rs"),
            ("fn a() { tokio::net::lookup_host(x); }", "crates/server/src/a.rs", "crates/testkit/src/a.rs"),
            ("const A: &str = \"SELECT a FROM b\";", "crates/identity/src/a.rs", "crates/store/src/a.rs"),
            (
                "const A: &str = r#\"INSERT INTO b VALUES (1)\"#;",
                "crates/server/src/a.rs",
                "crates/credentials/src/discover/zed.rs",
            ),
            (
                "#[derive(Clone, Debug)] pub struct Key(String);",
                "crates/secret/src/a.rs",
                "crates/store/src/a.rs",
            ),
            ("impl fmt::Display for Key { }", "crates/secret/src/a.rs", "crates/protocol/src/a.rs"),
        ] {
            assert_eq!(found(broken, text).len(), 1, "{broken}: {text}");
            assert_eq!(found(spared, text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn prose_about_statements_is_none() {
        for text in ["\"SELECT a provider\"", "\"Update the key\"", "\"CREATE a thing\"", "b\"x\"", "'S'"] {
            assert!(!is_sql(text), "{text}");
        }
        for text in [
            "\"UPDATE a SET b = 1\"",
            "\"PRAGMA journal_mode\"",
            "\"CREATE TABLE a (b)\"",
            "r\"DELETE FROM a\"",
        ] {
            assert!(is_sql(text), "{text}");
        }
    }

    #[test]
    fn secrets_may_show_themselves_by_hand_and_names_by_derive() {
        let text = "#[derive(Clone)] pub struct Secret(String);\nimpl fmt::Debug for Secret { }\n\
                    #[derive(Debug)] pub enum Vendor { A }\n#[derive(Debug)] pub struct MalformedToken;";
        assert_eq!(found("crates/secret/src/text.rs", text), Vec::<String>::new());
    }
}
