//! `providers.json`: provider credentials in the schema of Pi's auth file, one entry for each provider.
//!
//! Read only, so far: keys that stand there literally. A value that names a command or a variable is
//! neither run nor looked up nor taken for a key, and a sign-in is not used; the caller tells the user.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keywright_secret::Secret;
use serde_json::{Map, Value};

use crate::Environment;
use crate::store::{FileError, SafeFile};

/// The file.
#[derive(Clone, Debug)]
pub struct ProviderFile(SafeFile);

/// What is stored for a provider. It owns its provider, usable or not.
pub struct StoredProvider {
    /// The provider's id.
    pub id: String,
    /// The credential.
    pub credential: StoredCredential,
    /// Variables that count for this provider before those of the environment.
    pub environment: BTreeMap<String, String>,
}

/// A stored credential.
#[derive(Debug, PartialEq, Eq)]
pub enum StoredCredential {
    /// A key.
    Key(Secret),
    /// One that this version does not use.
    Unused(Unused),
}

/// Why a stored credential is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unused {
    /// An `oauth` entry.
    #[error("it is a sign-in, which this version does not use yet")]
    SignIn,
    /// A key that begins with `!`.
    #[error("it names a command, which this version does not run")]
    Command,
    /// A key with `$NAME` in it, or one that is the name of a variable, as older versions of Pi have it.
    #[error("it names a variable, which this version does not look up")]
    Variable,
    /// An `api_key` entry without a key.
    #[error("it has no `key`")]
    NoKey,
    /// An entry of another kind, or one whose fields have other types.
    #[error("its entry is of no kind that this version knows")]
    Unknown,
}

impl ProviderFile {
    /// The file at `path`, which need not be there.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(SafeFile::new(path))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// What is in it, in the order of the ids. `environment` tells a key from the name of a variable.
    ///
    /// # Errors
    /// [`ProviderFileError`]; the file is as it was.
    pub fn read(&self, environment: &Environment) -> Result<Vec<StoredProvider>, ProviderFileError> {
        let Some(content) = self.0.read()? else { return Ok(Vec::new()) };
        let damaged = |line| ProviderFileError::Damaged { path: self.path().to_owned(), line };
        // The parser's message may quote what it found, so only the line goes further.
        let entries: Map<String, Value> =
            serde_json::from_slice(&content).map_err(|error| damaged(error.line()))?;
        let mut all: Vec<_> =
            entries.iter().map(|(id, entry)| StoredProvider::of(id, entry, environment)).collect();
        all.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(all)
    }
}

impl StoredProvider {
    fn of(id: &str, entry: &Value, environment: &Environment) -> Self {
        let texts = entry.get("env").and_then(Value::as_object).into_iter().flatten();
        Self {
            // The id that it had first.
            id: if id == "azure-openai-responses" { "azure-openai".to_owned() } else { id.to_owned() },
            credential: credential(entry, environment),
            environment: texts
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
        }
    }
}

fn credential(entry: &Value, environment: &Environment) -> StoredCredential {
    use StoredCredential::{Key, Unused as Not};
    match (entry.get("type").and_then(Value::as_str), entry.get("key")) {
        (Some("oauth"), _) => Not(Unused::SignIn),
        (Some("api_key"), None) => Not(Unused::NoKey),
        (Some("api_key"), Some(Value::String(key))) => match key.trim() {
            "" => Not(Unused::NoKey),
            key if key.starts_with('!') => Not(Unused::Command),
            key if key.contains('$') || names_variable(key, environment) => Not(Unused::Variable),
            key => Key(Secret::new(key)),
        },
        _ => Not(Unused::Unknown),
    }
}

fn names_variable(key: &str, environment: &Environment) -> bool {
    let upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    key.bytes().all(upper) && environment.contains(key)
}

/// The file cannot be used. It was not changed, and none of its content is in here.
#[derive(Debug, thiserror::Error)]
pub enum ProviderFileError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no JSON object: edited by hand, or cut off. What stands in it must not be passed over, because
    /// a stored credential comes before all others.
    #[error("{} is damaged at line {line}: it holds no JSON object of providers; nothing in it was changed", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Vec<StoredProvider>, ProviderFileError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("providers.json");
        std::fs::write(&path, text).unwrap();
        let all = ProviderFile::new(&path).read(&environment.iter().copied().collect());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "the file is as it was");
        all
    }

    #[test]
    fn keys_are_read_as_they_stand_and_nothing_else_is_taken_for_one() {
        use StoredCredential::{Key, Unused as Not};
        for (entry, expected) in [
            (r#"{"type":"api_key","key":"sk-ant-1"}"#, Key(Secret::new("sk-ant-1"))),
            (r#"{"type":"api_key","key":" K9_SET \n"}"#, Not(Unused::Variable)),
            (r#"{"type":"api_key","key":"K9_UNSET"}"#, Key(Secret::new("K9_UNSET"))),
            (r#"{"type":"api_key","key":"$K9_SET"}"#, Not(Unused::Variable)),
            (r#"{"type":"api_key","key":"a${X}b"}"#, Not(Unused::Variable)),
            (r#"{"type":"api_key","key":"!touch /tmp/keywright-ran"}"#, Not(Unused::Command)),
            (r#"{"type":"api_key","key":""}"#, Not(Unused::NoKey)),
            (r#"{"type":"api_key"}"#, Not(Unused::NoKey)),
            (r#"{"type":"api_key","key":7}"#, Not(Unused::Unknown)),
            (r#"{"type":"oauth","access":"a","refresh":"r","expires":1}"#, Not(Unused::SignIn)),
            (r#"{"type":"later"}"#, Not(Unused::Unknown)),
            (r#""text""#, Not(Unused::Unknown)),
        ] {
            let all = read(&format!(r#"{{"anthropic":{entry}}}"#), &[("K9_SET", "v")]).unwrap();
            assert_eq!(all[0].credential, expected, "{entry}");
        }
    }

    #[test]
    fn entries_keep_their_own_variables_and_come_in_order() {
        let text = r#"{"xai":{"type":"oauth"},
            "openai":{"type":"api_key","key":"k","env":{"OPENAI_BASE_URL":"https://x.example/v1","N":1}}}"#;
        let all = read(text, &[]).unwrap();
        assert_eq!((all[0].id.as_str(), all[1].id.as_str()), ("openai", "xai"));
        assert_eq!(all[0].environment.len(), 1);
        assert_eq!(all[0].environment["OPENAI_BASE_URL"], "https://x.example/v1");
    }

    #[test]
    fn a_damaged_file_is_an_error_that_names_it_and_quotes_nothing() {
        for text in ["{\"anthropic\":\n{\"type\":\"api_key\",\"key\":\"canary", "[]", "", "canary"] {
            let error = read(text, &[]).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("providers.json is damaged") && !error.contains("canary"), "{error}");
        }
        assert!(
            ProviderFile::new("/nowhere/providers.json").read(&Environment::default()).unwrap().is_empty()
        );
    }
}
