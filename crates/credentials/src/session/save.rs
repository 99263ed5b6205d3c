//! Storing the session of a new sign-in under a profile.

use std::path::PathBuf;

use keywright_protocol::Clock;

use super::StoredSession;
use crate::save::{Known, Newcomer, address};
use crate::{ChosenServer, CredentialFile, ProfileName, ProfileSettings, SaveKeyError, SettingsFile};

/// Where a session was stored.
pub struct SavedSession {
    /// The profile, which is the active one now.
    pub name: ProfileName,
    /// Whether it was made for this session.
    pub is_new: bool,
    /// The session that stood there. It is still good at the server, unless it is revoked.
    pub replaced: Option<StoredSession>,
    /// What may be shown of an API key that stands in the same profile, which comes before the session.
    pub shadowed_by: Option<String>,
    /// Where a damaged file was moved. Tell the user.
    pub set_aside: Option<PathBuf>,
}

/// Stores `session` and makes its profile the active one, as [`save_key`](crate::save_key) does with a key.
///
/// # Errors
/// [`SaveKeyError`]; nothing is stored, unless it is [`SaveKeyError::SettingsUnwritten`].
pub fn save_session(
    settings_file: &SettingsFile,
    credential_file: &CredentialFile,
    clock: &dyn Clock,
    server: &ChosenServer,
    session: StoredSession,
    name: Option<&ProfileName>,
) -> Result<SavedSession, SaveKeyError> {
    let mut settings = settings_file.hold()?;
    let mut held = credential_file.hold(clock)?;
    let known = Known { settings: settings.settings(), credentials: &held.credentials, server: &server.url };
    let organization = session.organization.clone();
    let newcomer = Newcomer {
        organization_id: organization.as_ref().map(|organization| organization.id),
        organization_name: organization.as_ref().map(|organization| organization.name.as_str()),
        key: None,
    };
    let (name, is_new) = known.place(name, &newcomer)?;
    let profile = ProfileSettings {
        server: address(settings.settings().profiles.get(name.as_str()), server),
        organization_id: organization.as_ref().map(|organization| organization.id.to_string()),
        organization_name: organization.map(|organization| organization.name),
    };

    let entry = held.credentials.entry_mut(&name, &server.url);
    let replaced = entry.session.replace(session);
    entry.signed_out = false;
    let shadowed_by = entry.api_key.as_ref().map(|key| key.hint());
    held.save()?;

    settings.set_profile(&name, profile);
    settings.set_active(&name);
    if let Err(source) = settings.save() {
        return Err(SaveKeyError::SettingsUnwritten { profile: name, source });
    }
    Ok(SavedSession { name, is_new, replaced, shadowed_by, set_aside: held.set_aside.take() })
}
