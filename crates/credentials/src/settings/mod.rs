//! `config.toml`: settings, no secrets. People edit it, so it is never set aside: what cannot be
//! understood is an error, and stays as it is.

mod file;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use keywright_client::{PlainText, ServerUrl};
use serde::Deserialize;

pub use file::{HeldSettings, SettingsFile};

use crate::store::FileError;
use crate::{DEFAULT_SERVER, Environment};

/// What `config.toml` says. Fields that this version does not know are left to later ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The profile that counts when none is named.
    pub active_profile: Option<String>,
    /// The profiles by name.
    pub profiles: BTreeMap<String, ProfileSettings>,
    /// Whether nothing is sent but what a command is there for.
    pub essential_traffic_only: bool,
}

/// What is set for one profile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ProfileSettings {
    /// The address of its server; the default one, which must prove itself, when there is none.
    pub server: Option<String>,
    /// The organization that its key acts in.
    pub organization_id: Option<String>,
    /// That organization's name when the key was stored.
    pub organization_name: Option<String>,
}

impl ProfileSettings {
    /// Whether `server` is this profile's.
    pub fn is_for(&self, server: &ServerUrl) -> bool {
        let address = self.server.as_deref().unwrap_or(DEFAULT_SERVER);
        // Whether it may be spoken to in the clear is asked where it is spoken to.
        ServerUrl::parse(address, PlainText::Anywhere).is_ok_and(|own| own == *server)
    }
}

impl Settings {
    /// Whether nothing is sent but what a command is there for: by the settings, by
    /// `KEYWRIGHT_ESSENTIAL_TRAFFIC_ONLY`, or by `DO_NOT_TRACK`.
    pub fn is_essential_traffic_only(&self, environment: &Environment) -> bool {
        self.essential_traffic_only
            || ["KEYWRIGHT_ESSENTIAL_TRAFFIC_ONLY", "DO_NOT_TRACK"]
                .into_iter()
                .any(|name| environment.switch(name))
    }

    /// Reads the file at `path`; no file is no settings.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(SettingsError::Unreadable { path: path.into(), source }),
        };
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, SettingsError> {
        toml::from_str(text)
            .map_err(|source| SettingsError::Malformed { path: path.into(), source: Box::new(source) })
    }
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file is there, but cannot be read: its permissions, or it is a folder.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is no TOML, or a value has the wrong type. It is as it was.
    #[error("{} is not valid", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// It could not be locked or changed.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, SettingsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Settings::read(&path)
    }

    #[test]
    fn profiles_are_read_and_later_fields_left_alone() {
        let settings = read(
            "active_profile = \"work\"\nlater = 1\n[profiles.work]\nserver = \"https://k.example\"\nlater = []\n",
        )
        .unwrap();
        assert_eq!(settings.active_profile.as_deref(), Some("work"));
        assert_eq!(settings.profiles["work"].server.as_deref(), Some("https://k.example"));
        assert!(!settings.essential_traffic_only);
    }

    #[test]
    fn essential_traffic_only_is_asked_for_in_three_places() {
        let asked = |settings: &Settings, name: &str, value: &str| {
            settings.is_essential_traffic_only(&[(name, value)].into_iter().collect())
        };
        let settings = Settings::default();
        assert!(!asked(&settings, "OTHER", "1") && !asked(&settings, "DO_NOT_TRACK", "0"));
        assert!(asked(&settings, "DO_NOT_TRACK", "1"));
        assert!(asked(&settings, "KEYWRIGHT_ESSENTIAL_TRAFFIC_ONLY", "on"));
        let settings = Settings { essential_traffic_only: true, ..settings };
        assert!(asked(&settings, "DO_NOT_TRACK", "0"));
    }

    #[test]
    fn no_file_is_no_settings_and_a_broken_one_an_error_that_names_it() {
        assert_eq!(Settings::read(Path::new("/nonexistent/config.toml")).unwrap(), Settings::default());
        let error = read("profiles = 3").unwrap_err();
        assert!(error.to_string().contains("config.toml"));
    }
}
