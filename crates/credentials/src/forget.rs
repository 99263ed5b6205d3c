//! Forgetting an organization that the user is no longer in: its keys are dead.

use keywright_client::ServerUrl;
use keywright_protocol::{Clock, OrganizationId};

use crate::{CredentialFile, Credentials, ProfileName, RemoveProfileError, Settings, SettingsFile};

/// Forgets the keys in the organization `id` of `server`, and the profiles that are for it; their names. What
/// a profile holds for other servers or of other organizations stays.
///
/// # Errors
/// [`RemoveProfileError`]
pub fn forget_organization(
    settings_file: &SettingsFile,
    credential_file: &CredentialFile,
    clock: &dyn Clock,
    server: &ServerUrl,
    id: OrganizationId,
) -> Result<Vec<ProfileName>, RemoveProfileError> {
    let mut settings = settings_file.hold()?;
    let mut held = credential_file.hold(clock)?;
    let active = settings.settings().active_profile.clone();
    let set = profiles_for(settings.settings(), server, id);
    let mut forgotten = clear(&mut held.credentials, server, id);
    for profile in set {
        // Nothing else may be lost with it: another server's key, for instance.
        if held.credentials.entries(&profile).all(|(_, entry)| entry.is_empty()) {
            // So that it is remembered which server no temporary account is to be made at.
            held.credentials.entry_mut(&profile, server);
            held.credentials.remove(&profile, active.as_deref() == Some(profile.as_str()));
        }
        settings.remove_profile(&profile);
        if !forgotten.contains(&profile) {
            forgotten.push(profile);
        }
    }
    held.save()?;
    settings.save()?;
    Ok(forgotten)
}

fn profiles_for(settings: &Settings, server: &ServerUrl, id: OrganizationId) -> Vec<ProfileName> {
    let id = id.to_string();
    let is_for =
        |set: &crate::ProfileSettings| set.is_for(server) && set.organization_id.as_ref() == Some(&id);
    let names = settings.profiles.iter().filter(|(_, set)| is_for(set)).map(|(name, _)| name);
    names.filter_map(|name| name.parse().ok()).collect()
}

/// Takes what acts in the organization out of each profile. One with nothing left is as after signing out.
fn clear(credentials: &mut Credentials, server: &ServerUrl, id: OrganizationId) -> Vec<ProfileName> {
    let mut cleared = Vec::new();
    for profile in credentials.profiles().collect::<Vec<_>>() {
        let Some(entry) = credentials.entry(&profile, server) else { continue };
        let key = entry.api_key.as_ref().is_some_and(|key| key.metadata.organization_id == Some(id));
        let temporary = entry.temporary.as_ref().is_some_and(|held| held.account.organization_id == id);
        let session = entry.session.as_ref().is_some_and(|session| session.acts_in(id));
        if !key && !session && !temporary {
            continue;
        }
        let entry = credentials.entry_mut(&profile, server);
        if key {
            entry.api_key = None;
        }
        if session {
            entry.session = None;
        }
        if temporary {
            entry.temporary = None;
            entry.minted_keys.clear();
        }
        entry.signed_out = entry.is_empty();
        cleared.push(profile);
    }
    cleared
}

#[cfg(test)]
mod tests {
    use keywright_client::PlainText;
    use keywright_protocol::SystemClock;
    use keywright_secret::{PlatformToken, Secret, TokenKind};

    use crate::{ChosenServer, KeyMetadata, NewStoredKey, ServerSource, StoredSession, save_key};

    use super::*;

    #[test]
    fn the_profiles_of_one_organization_go_and_all_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SettingsFile::new(folder.path().join("config.toml"));
        let credentials = CredentialFile::new(folder.path().join("credentials.json"));
        let server = |text| ServerUrl::parse(text, PlainText::LoopbackOnly).unwrap();
        let (here, there) = (server("https://here.example"), server("https://there.example"));
        let (gone, kept) = (OrganizationId::new(), OrganizationId::new());
        let store = |url: &ServerUrl, id, name: &str, profile: Option<&str>| {
            let raw = Secret::new(PlatformToken::mint(TokenKind::ApiKey).expose());
            let metadata = KeyMetadata::default().in_organization(id, name);
            let chosen = ChosenServer { url: url.clone(), source: ServerSource::Flag };
            let profile = profile.map(|name| name.parse().unwrap());
            let key = NewStoredKey { raw, metadata };
            save_key(&settings, &credentials, &SystemClock, &chosen, key, profile.as_ref()).unwrap().name
        };
        let elsewhere = store(&there, gone, "Elsewhere", None);
        let other = store(&here, kept, "Other", None);
        let first = store(&here, gone, "Gone", None);
        let second = store(&here, gone, "Gone", Some("second"));
        let session = |id: OrganizationId| -> StoredSession {
            let organization = serde_json::json!({ "id": id, "name": "x" });
            serde_json::from_value(serde_json::json!({ "accessToken": "at", "organization": organization }))
                .unwrap()
        };
        let sign_in = |profile: &ProfileName, id| {
            let change =
                |stored: &mut Credentials| stored.entry_mut(profile, &here).session = Some(session(id));
            credentials.change(&SystemClock, change).unwrap();
        };
        let signed_in: ProfileName = "signed-in".parse().unwrap();
        sign_in(&signed_in, gone);
        sign_in(&other, kept);

        let mut forgotten = forget_organization(&settings, &credentials, &SystemClock, &here, gone).unwrap();
        forgotten.sort();
        assert_eq!(forgotten, [first.clone(), second.clone(), signed_in.clone()]);
        let read = settings.read().unwrap();
        assert_eq!(read.active_profile, None, "the active one is gone");
        let stored = credentials.read(&SystemClock).unwrap().credentials;
        assert!(stored.entry(&other, &here).unwrap().session.is_some());
        for (profile, is_known) in [(elsewhere, true), (other, true), (first, false), (second, false)] {
            assert_eq!(read.profiles.contains_key(profile.as_str()), is_known, "{profile}");
            assert_eq!(stored.knows(&profile), is_known, "{profile}");
        }
        assert!(!stored.knows(&signed_in));
        assert!(forget_organization(&settings, &credentials, &SystemClock, &here, gone).unwrap().is_empty());
    }
}
