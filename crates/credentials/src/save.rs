//! Storing a key under a profile: one for each server and organization.

use std::path::PathBuf;

use keywright_client::ServerUrl;
use keywright_protocol::{Clock, OrganizationId};
use keywright_secret::Secret;

use crate::store::FileError;
use crate::{
    ChosenServer, CredentialFile, Credentials, DEFAULT_SERVER, NewStoredKey, ProfileName, ProfileSettings,
    ServerEntry, ServerSource, Settings, SettingsError, SettingsFile,
};

/// Where a key was stored.
#[derive(Debug)]
pub struct SavedProfile {
    /// The profile, which is the active one now.
    pub name: ProfileName,
    /// Whether it was made for this key.
    pub is_new: bool,
    /// What may be shown of another key that stood there. It is still good at the server.
    pub replaced_hint: Option<String>,
    /// Where a damaged file was moved. Tell the user.
    pub set_aside: Option<PathBuf>,
}

/// Stores `key` and makes its profile the active one: the profile `name` if one is given, else the one that
/// is there for this server and organization, else a new one that is named as the organization is.
///
/// The key is written first, the settings after it. What is left when the process dies in between is found
/// again by the next call for the same key or organization.
///
/// # Errors
/// [`SaveKeyError`]; nothing is stored, unless it is [`SaveKeyError::SettingsUnwritten`].
pub fn save_key(
    settings_file: &SettingsFile,
    credential_file: &CredentialFile,
    clock: &dyn Clock,
    server: &ChosenServer,
    key: NewStoredKey,
    name: Option<&ProfileName>,
) -> Result<SavedProfile, SaveKeyError> {
    let mut settings = settings_file.hold()?;
    let mut held = credential_file.hold(clock)?;
    let known = Known { settings: settings.settings(), credentials: &held.credentials, server: &server.url };
    let (name, is_new) = known.place(name, &Newcomer::key(&key))?;
    let profile = ProfileSettings {
        server: address(settings.settings().profiles.get(name.as_str()), server),
        organization_id: key.metadata.organization_id.map(|id| id.to_string()),
        organization_name: key.metadata.organization_name.clone(),
    };

    let entry = held.credentials.entry_mut(&name, &server.url);
    let replaced = entry.api_key.take().filter(|old| old.raw != key.raw);
    entry.api_key = Some(key.into());
    entry.signed_out = false;
    held.save()?;

    settings.set_profile(&name, profile);
    settings.set_active(&name);
    if let Err(source) = settings.save() {
        return Err(SaveKeyError::SettingsUnwritten { profile: name, source });
    }
    let replaced_hint = replaced.map(|old| old.hint());
    Ok(SavedProfile { name, is_new, replaced_hint, set_aside: held.set_aside.take() })
}

/// Whether [`save_key`] could write both files: to be asked before a key is made that would be lost.
///
/// # Errors
/// [`SaveKeyError`], as it would be.
pub fn check_savable(
    settings_file: &SettingsFile,
    credential_file: &CredentialFile,
    clock: &dyn Clock,
) -> Result<Option<PathBuf>, SaveKeyError> {
    let settings = settings_file.hold()?;
    let mut held = credential_file.hold(clock)?;
    settings.check_writable()?;
    held.check_writable()?;
    Ok(held.set_aside.take())
}

/// What the settings say of the server. One that nobody named must prove itself each time, so it is not
/// written down as if somebody had.
pub(crate) fn address(before: Option<&ProfileSettings>, server: &ChosenServer) -> Option<String> {
    match server.source {
        ServerSource::Default => before.and_then(|profile| profile.server.clone()),
        _ => Some(server.url.to_string()),
    }
}

/// The profiles that there are, as a key for `server` meets them.
pub(crate) struct Known<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) credentials: &'a Credentials,
    pub(crate) server: &'a ServerUrl,
}

/// What is to be stored, as far as it decides where.
pub(crate) struct Newcomer<'a> {
    pub(crate) organization_id: Option<OrganizationId>,
    pub(crate) organization_name: Option<&'a str>,
    pub(crate) key: Option<&'a Secret>,
}

impl<'a> Newcomer<'a> {
    fn key(key: &'a NewStoredKey) -> Self {
        Self {
            organization_id: key.metadata.organization_id,
            organization_name: key.metadata.organization_name.as_deref(),
            key: Some(&key.raw),
        }
    }
}

impl Known<'_> {
    /// The profile to store under, and whether it is a new one.
    pub(crate) fn place(
        &self,
        name: Option<&ProfileName>,
        new: &Newcomer<'_>,
    ) -> Result<(ProfileName, bool), SaveKeyError> {
        let name = match name {
            Some(name) => self.named(name, new)?,
            None => self.of(new).unwrap_or_else(|| self.free(new)),
        };
        let is_new = !self.settings.profiles.contains_key(name.as_str()) && !self.credentials.knows(&name);
        Ok((name, is_new))
    }

    /// The profile that was asked for, if it is not another one's.
    fn named(&self, name: &ProfileName, new: &Newcomer<'_>) -> Result<ProfileName, SaveKeyError> {
        match self.owner(name, new) {
            None => Ok(name.clone()),
            Some(owner) => Err(SaveKeyError::Taken { profile: name.clone(), owner }),
        }
    }

    /// Which other server or organization the profile is for.
    fn owner(&self, name: &ProfileName, new: &Newcomer<'_>) -> Option<String> {
        let set = self.settings.profiles.get(name.as_str());
        if let Some(set) = set.filter(|set| !set.is_for(self.server))
            && (set.server.is_some() || set.organization_id.is_some())
        {
            return Some(set.server.clone().unwrap_or_else(|| DEFAULT_SERVER.to_owned()));
        }
        let here = self.credentials.entry(name, self.server);
        if set.is_none() && here.is_none() {
            let lasts = |entry: &ServerEntry| entry.api_key.is_some() || entry.session.is_some();
            let mut stored = self.credentials.entries(name).filter(|(_, entry)| lasts(entry));
            if let Some((origin, _)) = stored.next() {
                return Some(origin.to_owned());
            }
        }
        let (id, shown) = self.organization(name)?;
        let same = new.organization_id.is_none_or(|new| new.to_string() == id);
        (!same).then_some(shown)
    }

    /// The profile that is there for this key, the active one first.
    fn of(&self, new: &Newcomer<'_>) -> Option<ProfileName> {
        let active = self.settings.active_profile.iter().filter_map(|name| name.parse().ok());
        let set = self.settings.profiles.keys().filter_map(|name| name.parse().ok());
        active.chain(set).chain(self.credentials.profiles()).find(|name| self.is_of(name, new))
    }

    fn is_of(&self, name: &ProfileName, new: &Newcomer<'_>) -> bool {
        let stored = self.credentials.entry(name, self.server);
        let here = match self.settings.profiles.get(name.as_str()) {
            Some(set) => set.is_for(self.server),
            None => stored.is_some(),
        };
        let same_key = stored
            .and_then(|entry| entry.api_key.as_ref())
            .is_some_and(|stored| new.key == Some(&stored.raw));
        let organization = || {
            let new = new.organization_id?.to_string();
            Some(self.organization(name)?.0 == new)
        };
        here && (same_key || organization().unwrap_or_default())
    }

    /// The organization of a profile: its id, and what to call it.
    fn organization(&self, name: &ProfileName) -> Option<(String, String)> {
        let set = self.settings.profiles.get(name.as_str());
        if let Some(id) = set.and_then(|set| set.organization_id.clone()) {
            let shown = set.and_then(|set| set.organization_name.clone()).unwrap_or_else(|| id.clone());
            return Some((id, shown));
        }
        let entry = self.credentials.entry(name, self.server)?;
        if let Some(key) = &entry.api_key {
            let id = key.metadata.organization_id?.to_string();
            let shown = key.metadata.organization_name.clone().unwrap_or_else(|| id.clone());
            return Some((id, shown));
        }
        let organization = entry.session.as_ref()?.organization.as_ref()?;
        Some((organization.id.to_string(), organization.name.clone()))
    }

    /// A name that no profile has.
    fn free(&self, new: &Newcomer<'_>) -> ProfileName {
        let wanted = new.organization_name.unwrap_or(self.server.host());
        (1..)
            .map(|number| ProfileName::slug(wanted, number))
            .find(|name| self.is_free(name))
            .unwrap_or_default()
    }

    fn is_free(&self, name: &ProfileName) -> bool {
        // The default one is there without being written anywhere.
        *name != ProfileName::default()
            && !self.settings.profiles.contains_key(name.as_str())
            && !self.credentials.knows(name)
    }
}

/// The key is not stored.
#[derive(Debug, thiserror::Error)]
pub enum SaveKeyError {
    /// The name that was asked for is that of a profile for another server or organization.
    #[error("the profile `{profile}` is for {owner}")]
    Taken {
        /// The profile.
        profile: ProfileName,
        /// The server or organization that it is for.
        owner: String,
    },
    /// The settings cannot be read or locked. Nothing is stored.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The credentials cannot be read or written. Nothing is stored.
    #[error(transparent)]
    Credentials(#[from] FileError),
    /// The key is stored, but the settings could not be written: a full disk between the two, for instance.
    /// Storing the same key again mends it.
    #[error("the key is stored under the profile `{profile}`, but the settings do not name that profile")]
    SettingsUnwritten {
        /// The profile.
        profile: ProfileName,
        /// Why.
        #[source]
        source: SettingsError,
    },
}
