//! Where there is no credential: why, and whether a temporary account may be made; and what to do where one is
//! refused.

use std::path::Path;

use keywright_client::ServerUrl;
use keywright_credentials::{CredentialFile, Credentials, ProfileName, Settings, Source};
use keywright_protocol::ErrorCode;

use crate::error::CommandError;
use crate::table::printable;

/// Why a credential is missed that was there, if one is: a temporary account must not silently take its place.
/// Only `default` with nothing in it, and a profile with a temporary account, never were anything else.
pub(crate) fn lost(
    settings: &Settings,
    credentials: &Credentials,
    file: &CredentialFile,
    profile: &ProfileName,
    server: &ServerUrl,
) -> Option<String> {
    let temporary = credentials.entry(profile, server).is_some_and(|entry| entry.temporary.is_some());
    let set = settings.profiles.get(profile.as_str()).filter(|set| set.is_for(server));
    let organization = set.filter(|set| set.organization_id.is_some()).map(|set| {
        let name = set.organization_name.as_ref().or(set.organization_id.as_ref());
        printable(name.map(String::as_str).unwrap_or_default())
    });
    if organization.is_none() && temporary {
        return None;
    }
    match (file.set_aside_before(), organization) {
        (Some(aside), _) => {
            let state = if is_empty(&aside) { "was empty" } else { "was damaged" };
            let (path, aside) = (file.path().display(), aside.display());
            Some(format!("{path} {state} and was moved to {aside}"))
        }
        (None, Some(name)) => Some(format!(
            "what the profile {profile} held for the organization {name} is not stored any more"
        )),
        (None, None) if *profile != ProfileName::default() => {
            Some(format!("the profile {profile} holds nothing for it"))
        }
        (None, None) => None,
    }
}

/// Whether nothing is in the file at all, as after a crash of the machine.
pub(crate) fn is_empty(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.len() == 0)
}

/// The same error; where the server takes the credential from `source` no longer, with what works in place of
/// making a new one with the dead one.
pub(crate) fn dead(error: CommandError, source: Source) -> CommandError {
    use ErrorCode::{KeyExpired, KeyRevoked, KeyUnknown};
    if ![KeyExpired, KeyRevoked, KeyUnknown].iter().any(|code| error.is(*code)) {
        return error;
    }
    let mend = match source {
        Source::Flag => "Give another key with `--api-key`, or leave it out to use what is stored.",
        Source::Environment => "Put another key into KEYWRIGHT_API_KEY, or unset it to use what is stored.",
        Source::StoredKey | Source::Session => SIGN_IN,
        Source::Temporary => return error,
    };
    let unknown = error.is(KeyUnknown);
    let error = error.without_hints().hint(mend);
    if unknown {
        error.hint("Check that the address is that of its server: `keywright status`.")
    } else {
        error
    }
}

/// What works where a stored credential does not.
pub(crate) const SIGN_IN: &str = "Sign in again with `keywright login` or `keywright auth login-request --email EMAIL`, \
                                  or store another key with `keywright login --api-key-file -`.";
