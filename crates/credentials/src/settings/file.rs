//! Changing `config.toml` as a careful person would: one line at a time, with the comments, the order and
//! the fields of later versions left as they are.

use std::path::Path;
use std::time::Duration;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use super::{ProfileSettings, Settings, SettingsError};
use crate::ProfileName;
use crate::store::{LockedFile, SafeFile};

/// The file.
#[derive(Clone, Debug)]
pub struct SettingsFile(SafeFile);

/// The file under its lock: read again, and nobody else of ours changes it until this is dropped.
///
/// Whoever holds the credentials as well takes this lock first.
#[derive(Debug)]
pub struct HeldSettings {
    file: LockedFile,
    document: DocumentMut,
    settings: Settings,
}

impl SettingsFile {
    /// The file at `path`, which need not be there.
    pub fn new(path: impl Into<std::path::PathBuf>) -> Self {
        Self(SafeFile::new(path))
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Reads it; takes no lock.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn read(&self) -> Result<Settings, SettingsError> {
        Settings::read(self.path())
    }

    /// Waits for the lock and reads.
    ///
    /// # Errors
    /// [`SettingsError`]; a file that cannot be understood stays as it is.
    pub fn hold(&self) -> Result<HeldSettings, SettingsError> {
        let file = self.0.lock(PATIENCE)?;
        let path = self.path();
        let malformed = |source| SettingsError::Malformed { path: path.into(), source };
        let content = file.read()?.unwrap_or_default();
        let text = std::str::from_utf8(&content).map_err(|error| malformed(error.into()))?;
        let settings = Settings::parse(text, path)?;
        let document = text.parse().map_err(|error: toml_edit::TomlError| malformed(error.into()))?;
        Ok(HeldSettings { file, document, settings })
    }

    /// Changes it under its lock.
    ///
    /// # Errors
    /// [`SettingsError`]; the file is as it was.
    pub fn change<T>(&self, change: impl FnOnce(&mut HeldSettings) -> T) -> Result<T, SettingsError> {
        let mut held = self.hold()?;
        let outcome = change(&mut held);
        held.save()?;
        Ok(outcome)
    }
}

impl HeldSettings {
    /// The settings as they are now.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Makes `profile` the one that counts when none is named.
    pub fn set_active(&mut self, profile: &ProfileName) {
        put(self.document.as_table_mut(), "active_profile", Some(profile.as_str()));
        self.settings.active_profile = Some(profile.to_string());
    }

    /// Writes what is set for `profile`; fields of it that this version does not know stay.
    pub fn set_profile(&mut self, profile: &ProfileName, set: ProfileSettings) {
        let profiles = child(self.document.as_table_mut(), "profiles", true);
        let profiles = profiles.and_then(Item::as_table_like_mut);
        if let Some(item) = profiles.and_then(|profiles| child(profiles, profile.as_str(), false)) {
            if let Some(table) = item.as_table_like_mut() {
                put(table, "server", set.server.as_deref());
                put(table, "organization_id", set.organization_id.as_deref());
                put(table, "organization_name", set.organization_name.as_deref());
            }
            // Without a line of its own it needs a heading, or it would be gone.
            if let Some(table) = item.as_table_mut().filter(|table| table.is_empty()) {
                table.set_dotted(false);
                table.set_implicit(false);
            }
        }
        self.settings.profiles.insert(profile.to_string(), set);
    }

    /// Takes out `profile`, and the word that it is the active one. What stands at the head of the file is
    /// about the whole of it and stays.
    pub fn remove_profile(&mut self, profile: &ProfileName) {
        let before = self.document.to_string();
        let root = self.document.as_table_mut();
        if let Some(profiles) = root.get_mut("profiles").and_then(Item::as_table_like_mut) {
            profiles.remove(profile.as_str());
        }
        self.settings.profiles.remove(profile.as_str());
        if self.settings.active_profile.as_deref() == Some(profile.as_str()) {
            put(self.document.as_table_mut(), "active_profile", None);
            self.settings.active_profile = None;
        }
        let (head, rest) = (head(&before), self.document.to_string());
        if !rest.starts_with(head)
            && let Ok(document) = format!("{head}{}", rest.trim_start_matches(['\n', '\r'])).parse()
        {
            self.document = document;
        }
    }

    /// Whether [`save`](Self::save) could write.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn check_writable(&self) -> Result<(), SettingsError> {
        Ok(self.file.check_writable()?)
    }

    /// Writes the settings as they are now.
    ///
    /// # Errors
    /// [`SettingsError`]; the file is as it was.
    pub fn save(&self) -> Result<(), SettingsError> {
        Ok(self.file.replace(self.document.to_string().as_bytes())?)
    }
}

/// The comment that a file begins with: to the last blank line before its first word, or all of it where there
/// is none, since nobody can tell then whether it is about the file or about what follows.
fn head(text: &str) -> &str {
    let (mut end, mut blank) = (0, None);
    for line in text.split_inclusive('\n') {
        match line.trim() {
            "" if end > 0 => blank = Some(end + line.len()),
            "" => {}
            comment if comment.starts_with('#') => {}
            _ => break,
        }
        end += line.len();
    }
    let head = text.get(..blank.unwrap_or(end)).unwrap_or_default();
    if head.trim().is_empty() { "" } else { head }
}

/// What has that name; a table, if nothing has yet.
fn child<'t>(parent: &'t mut dyn TableLike, name: &str, implicit: bool) -> Option<&'t mut Item> {
    if parent.get(name).is_none() {
        let mut made = Table::new();
        made.set_implicit(implicit);
        // Inside of an inline table it becomes one as well.
        parent.insert(name, Item::Table(made));
    }
    parent.get_mut(name)
}

/// Sets a text, or takes it out. One that is there is changed where it stands, with the comments around it.
fn put(table: &mut dyn TableLike, name: &str, text: Option<&str>) {
    let Some(text) = text else {
        table.remove(name);
        return;
    };
    let mut value = Value::from(text);
    match table.get_mut(name) {
        Some(item) => {
            if let Some(old) = item.as_value() {
                *value.decor_mut() = old.decor().clone();
            }
            *item = Item::Value(value);
        }
        None => {
            table.insert(name, Item::Value(value));
        }
    }
}

/// Nobody holds this lock over a call to a server.
const PATIENCE: Duration = Duration::from_secs(30);
