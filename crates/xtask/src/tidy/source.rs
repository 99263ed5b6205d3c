//! The sources, as tokens.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A file of Rust.
#[derive(Debug)]
pub(super) struct Source {
    /// Its path from the root, with `/` between folders.
    pub(super) path: String,
    /// All of its tokens in a row. Doc comments are the attributes that they stand for.
    pub(super) tokens: Vec<Token>,
}

/// A token: an identifier, a literal with its quotes, a mark, or a bracket.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    /// Whether only tests compile it.
    pub(super) test: bool,
}

impl Source {
    /// Reads every file of Rust under `crates/`.
    pub(super) fn all(root: &Path) -> Result<Vec<Self>, String> {
        let mut files = Vec::new();
        for manifest in manifests(root)? {
            let folder = manifest.parent().unwrap_or(root);
            for part in ["src", "tests", "benches", "examples"] {
                collect(&folder.join(part), &mut files)?;
            }
            let build = folder.join("build.rs");
            files.extend(build.exists().then_some(build));
        }
        files.sort();
        let read = |file: &PathBuf| {
            let text =
                std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
            let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
            Self::parse(path, &text)
        };
        files.iter().map(read).collect()
    }

    pub(super) fn parse(path: impl Into<String>, text: &str) -> Result<Self, String> {
        let path = path.into();
        let stream = TokenStream::from_str(text).map_err(|error| format!("{path}: {error}"))?;
        let test = is_test_file(&path);
        let mut tokens = Vec::new();
        flatten(stream, test, &mut tokens);
        Ok(Self { path, tokens })
    }

    /// The crate that the file belongs to.
    pub(super) fn owner(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    /// Where `pattern` stands in the code: each word of it is one token, `:` and `!` too.
    pub(super) fn places<'a>(&'a self, pattern: &str) -> impl Iterator<Item = &'a Token> {
        let words: Vec<String> = pattern.split(' ').map(str::to_owned).collect();
        self.tokens
            .windows(words.len())
            .filter(move |window| window.iter().zip(&words).all(|(token, word)| token.text == *word))
            .map(|window| &window[0])
    }
}

/// The manifests of the workspace's crates.
pub(super) fn manifests(root: &Path) -> Result<Vec<PathBuf>, String> {
    let folder = root.join("crates");
    let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut manifests: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path().join("Cargo.toml")).collect();
    manifests.retain(|manifest| manifest.exists());
    manifests.sort();
    Ok(manifests)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Files that a `#[cfg(test)]` elsewhere takes in.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/") || path.contains("/benches/")
}

/// Puts the tokens of a stream in a row, brackets included. An item after `#[cfg(test)]` goes up to its
/// braces or its semicolon; so does what `#[test]` stands before.
fn flatten(stream: TokenStream, test: bool, tokens: &mut Vec<Token>) {
    let mut marked = false;
    let mut after_hash = false;
    for tree in stream {
        let line = tree.span().start().line;
        let here = test || marked;
        let mut push = |text: String| tokens.push(Token { text, line, test: here });
        match tree {
            TokenTree::Group(group) => {
                let attribute = after_hash && group.delimiter() == Delimiter::Bracket;
                let (open, close) = brackets(group.delimiter());
                let text = group.stream().to_string();
                push(open.to_owned());
                let end = group.span_close().start().line;
                flatten(group.stream(), here, tokens);
                tokens.push(Token { text: close.to_owned(), line: end, test: here });
                if attribute {
                    marked |= is_test_attribute(&text);
                } else if group.delimiter() == Delimiter::Brace {
                    marked = false;
                }
                after_hash = false;
            }
            TokenTree::Punct(mark) => {
                push(mark.to_string());
                after_hash = mark.as_char() == '#' || (after_hash && mark.as_char() == '!');
                if mark.as_char() == ';' {
                    marked = false;
                }
            }
            TokenTree::Ident(name) => {
                push(name.to_string());
                after_hash = false;
            }
            TokenTree::Literal(literal) => {
                push(literal.to_string());
                after_hash = false;
            }
        }
    }
}

fn is_test_attribute(text: &str) -> bool {
    let text: String = text.split_whitespace().collect();
    text.starts_with("cfg(test") || text.starts_with("cfg(all(test") || text == "test"
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, pattern: &str) -> Vec<(usize, bool)> {
        let source = Source::parse("crates/a/src/lib.rs", text).expect("tokens");
        source.places(pattern).map(|token| (token.line, token.test)).collect()
    }

    #[test]
    fn comments_and_texts_are_no_code() {
        let text = "// println!()\n/* println!() */\nfn a() { let b = \"println!()\"; }\n";
        assert_eq!(lines(text, "println !"), []);
    }

    #[test]
    fn code_inside_macros_is_code() {
        assert_eq!(
            lines("fn a() { select! { x = TcpStream::connect(y) => {} } }", "TcpStream : : connect"),
            [(1, false)]
        );
    }

    #[test]
    fn what_only_tests_compile_is_marked() {
        let text = "fn a() { hit(); }\n#[cfg(test)]\nmod tests {\n fn b() { hit(); }\n}\nfn c() { hit(); }\n\
                    #[cfg(test)]\nuse x;\nfn d() { hit(); }\n#[cfg(not(test))]\nfn e() { hit(); }\n";
        assert_eq!(lines(text, "hit ("), [(1, false), (4, true), (6, false), (9, false), (11, false)]);
        let whole = Source::parse("crates/a/src/demo/tests.rs", "fn a() { hit(); }").expect("tokens");
        assert!(whole.tokens.iter().all(|token| token.test));
    }
}
