//! The layers of the configuration: flag, environment, file; the first that says something counts.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::keys::{self, Key};
use super::problem::Findings;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag of the command line, without its dashes.
    Flag(String),
    /// An environment variable.
    Environment(String),
    /// The configuration file.
    File(PathBuf),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) => write!(formatter, "--{name}"),
            Self::Environment(name) => formatter.write_str(name),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// What somebody said a setting is.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) texts: Vec<String>,
    pub(super) source: Source,
}

/// All that was said, by path, the strongest layer only.
#[derive(Debug, Default)]
pub(super) struct Layers {
    given: BTreeMap<&'static str, Given>,
    /// The `providers` table of the file.
    pub(super) providers: Table,
    /// The file.
    pub(super) file: Option<PathBuf>,
}

impl Layers {
    pub(super) fn gather(
        flags: &BTreeMap<String, String>,
        environment: &BTreeMap<String, String>,
        file: Option<PathBuf>,
        findings: &mut Findings,
    ) -> Self {
        let mut layers = Self { file, ..Self::default() };
        layers.take_file(findings);
        layers.take_environment(environment, findings);
        layers.take_flags(flags, findings);
        layers
    }

    pub(super) fn given(&self, path: &str) -> Option<&Given> {
        self.given.get(path)
    }

    fn take_flags(&mut self, flags: &BTreeMap<String, String>, findings: &mut Findings) {
        for (path, text) in flags {
            match Key::of(path) {
                Some(key) => self.put(key, split(key, text), Source::Flag(key.flag()), findings),
                None => findings.problem(format!("--{path}"), "There is no such setting."),
            }
        }
    }

    fn take_environment(&mut self, environment: &BTreeMap<String, String>, findings: &mut Findings) {
        for (name, text) in environment {
            if !name.starts_with(keys::PREFIX) || text.is_empty() {
                continue;
            }
            match keys::KEYS.iter().find(|key| key.variable() == *name) {
                Some(key) => self.put(key, split(key, text), Source::Environment(name.clone()), findings),
                None if keys::OTHER_VARIABLES.contains(&name.as_str()) => {}
                None if name.starts_with("KEYWRIGHT_TEST_") => {}
                None => findings.warn(format!("{name} is set, but there is no such setting.")),
            }
        }
    }

    fn take_file(&mut self, findings: &mut Findings) {
        let Some(path) = self.file.clone() else { return };
        let place = path.display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => return findings.problem(place, format!("The file cannot be read: {error}.")),
        };
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                // The error's own text quotes the line, and a secret may stand in it.
                let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
                return findings.problem(place, format!("Line {line} is not TOML: {}.", error.message()));
            }
        };
        for (name, value) in table {
            match (name.as_str(), value) {
                ("providers", Value::Table(providers)) => self.providers = providers,
                (_, value) => self.take_value(&name, value, &path, findings),
            }
        }
    }

    fn take_value(&mut self, path: &str, value: Value, file: &Path, findings: &mut Findings) {
        let place = format!("`{path}` in {}", file.display());
        let top = path.split('.').next().unwrap_or(path);
        match (Key::of(path), value) {
            (None, Value::Table(table)) => {
                for (name, value) in table {
                    self.take_value(&format!("{path}.{name}"), value, file, findings);
                }
            }
            (None, _) if keys::LATER_TABLES.contains(&top) => findings.problem(place, LATER),
            (None, _) => findings.problem(place, "There is no such setting."),
            (Some(key), value) => match texts(key, value) {
                Some(texts) => self.put(key, texts, Source::File(file.to_owned()), findings),
                None => findings.problem(place, format!("Expected {}.", key.kind.expected())),
            },
        }
    }

    fn put(&mut self, key: &'static Key, texts: Vec<String>, source: Source, findings: &mut Findings) {
        if key.later {
            return findings.problem(place(key.path, &source), LATER);
        }
        self.given.insert(key.path, Given { texts, source });
    }
}

/// Names a setting and where its value stands.
pub(super) fn place(path: &str, source: &Source) -> String {
    match source {
        Source::Default => format!("`{path}`"),
        Source::File(file) => format!("`{path}` in {}", file.display()),
        Source::Flag(_) | Source::Environment(_) => format!("`{path}` from {source}"),
    }
}

/// A value of the file as texts, if its type fits: numbers and switches may stand without quotes.
fn texts(key: &Key, value: Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(split(key, &text)),
        Value::Integer(number) => Some(vec![number.to_string()]),
        Value::Boolean(on) => Some(vec![on.to_string()]),
        Value::Array(items) if key.kind.is_list() => {
            items.into_iter().map(|item| item.as_str().map(str::to_owned)).collect()
        }
        Value::Array(_) | Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

pub(super) fn split(key: &Key, text: &str) -> Vec<String> {
    if !key.kind.is_list() {
        return vec![text.to_owned()];
    }
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

pub(super) const LATER: &str = "This setting comes with a later version of Keywright; take it out.";
