//! The profiles there are, and taking one away.

use std::collections::BTreeSet;
use std::path::PathBuf;

use keywright_protocol::Clock;

use crate::store::FileError;
use crate::{CredentialFile, Credentials, ProfileName, Settings, SettingsError, SettingsFile};

/// The profiles that settings or credentials know. Names that none may have are left out.
pub fn profile_names(settings: &Settings, credentials: &Credentials) -> BTreeSet<ProfileName> {
    let set = settings.profiles.keys().filter_map(|name| name.parse().ok());
    set.chain(credentials.profiles()).collect()
}

/// Takes away a profile: all that is stored under it, then its settings. Where the process dies in between,
/// the profile is still there, without credentials, to be taken away again.
///
/// Returns where a damaged file of credentials was moved. Tell the user.
///
/// # Errors
/// [`RemoveProfileError`]
pub fn remove_profile(
    settings_file: &SettingsFile,
    credential_file: &CredentialFile,
    clock: &dyn Clock,
    profile: &ProfileName,
) -> Result<Option<PathBuf>, RemoveProfileError> {
    let mut settings = settings_file.hold()?;
    let active = settings.settings().active_profile.as_deref() == Some(profile.as_str());
    let changed = credential_file.change(clock, |credentials| credentials.remove(profile, active))?;
    settings.remove_profile(profile);
    settings.save()?;
    Ok(changed.set_aside)
}

/// The profile could not be taken away, or not wholly.
#[derive(Debug, thiserror::Error)]
pub enum RemoveProfileError {
    /// The settings could not be read, locked or written.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The credentials could not be read, locked or written. Nothing was taken away.
    #[error(transparent)]
    Credentials(#[from] FileError),
}
