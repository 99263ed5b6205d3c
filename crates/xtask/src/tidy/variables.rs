//! Every environment variable that is read is documented in `docs/reference/environment.md`.

use std::collections::BTreeSet;
use std::path::Path;

use super::Finding;
use super::source::{Source, Token};

/// Reads the page; `cargo xtask generate --check` sees to it that it is what the program says.
pub(super) fn documented(root: &Path) -> Result<BTreeSet<String>, String> {
    let path = root.join("docs/reference/environment.md");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(text.split('`').filter(|word| is_name(word)).map(str::to_owned).collect())
}

pub(super) fn check(source: &Source, documented: &BTreeSet<String>) -> Vec<Finding> {
    if ["testkit", "xtask"].contains(&source.owner()) {
        return Vec::new();
    }
    read(source)
        .filter(|(name, _)| !documented.contains(*name))
        .map(|(name, token)| {
            let place = format!("{}:{}", source.path, token.line);
            Finding::new(place, format!("`{name}` is in no table of keywright/src/reference/environment.rs"))
        })
        .collect()
}

/// The names that stand in a call that reads, and those of ours wherever they stand.
fn read(source: &Source) -> impl Iterator<Item = (&str, &Token)> {
    source.tokens.iter().enumerate().filter(|(_, token)| !token.test).filter_map(|(at, token)| {
        let name = token.text.strip_prefix('"')?.strip_suffix('"')?;
        let before = at.checked_sub(3).map_or(&[][..], |from| &source.tokens[from..at]);
        let called = matches!(before, [dot, method, open]
            if dot.text == "." && READERS.contains(&method.text.as_str()) && open.text == "(");
        let ours = OURS.iter().any(|prefix| name.starts_with(prefix)) && !name.starts_with(FOR_TESTS);
        let whole = is_name(name) && !name.ends_with('_');
        (whole && (called || ours)).then_some((name, token))
    })
}

fn is_name(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.len() > 3 && text.bytes().all(good) && text.starts_with(|first: char| first.is_ascii_uppercase())
}

/// Methods that take the name of a variable.
const READERS: &[&str] = &["text", "switch", "contains", "get"];

const OURS: &[&str] = &["KEYWRIGHT_", "XDG_"];

/// What `./test` tells the tests.
const FOR_TESTS: &str = "KEYWRIGHT_TEST_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_read_and_not_documented_is_found() {
        let documented = BTreeSet::from(["HOME".to_owned(), "KEYWRIGHT_SERVER".to_owned()]);
        let found = |text: &str| {
            let source = Source::parse("crates/keywright/src/a.rs", text).expect("tokens");
            check(&source, &documented).len()
        };
        assert_eq!(
            found("fn a() { environment.text(\"HOME\"); environment.text(\"KEYWRIGHT_SERVER\"); }"),
            0
        );
        assert_eq!(found("fn a() { environment.text(\"SHELL\"); process().get(\"RUST_LOG\"); }"), 2);
        assert_eq!(found("const A: &str = \"KEYWRIGHT_NEW\";"), 1);
        assert_eq!(found("const A: &str = \"KEYWRIGHT_\"; const B: &str = \"Set KEYWRIGHT_NEW\";"), 0);
        assert_eq!(found("const A: &str = \"KEY_MISSING\"; fn a() { map.get(\"name\"); }"), 0);
        assert_eq!(found("#[cfg(test)] mod tests { fn a() { environment.text(\"SHELL\"); } }"), 0);
    }
}
