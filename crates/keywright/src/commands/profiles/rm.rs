//! `keywright profiles rm`: forgets a profile. What it holds stays good at its server, unless `--revoke`.

use clap::Args;
use keywright_client::oauth::OAuth;
use keywright_client::{Client, ClientError, PlainText, ServerUrl};
use keywright_credentials::{
    Credentials, DEFAULT_SERVER, ProfileName, ServerEntry, Settings, StoredKey, StoredSession, profile_names,
    prove, remove_profile,
};
use keywright_protocol::wire::DeletedKey;
use keywright_protocol::{ErrorCode, Exit, KeyId};
use serde_json::json;

use super::Place;
use crate::context::{report_set_aside, unknown_profile};
use crate::error::CommandError;
use crate::input;
use crate::table::printable;

/// Which one, and how thoroughly.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// The name that `profiles list` shows
    #[arg(value_name = "PROFILE")]
    name: ProfileName,
    /// Deletes its API key at the server first; if that fails, nothing is forgotten
    #[arg(long)]
    revoke: bool,
    /// Does not ask
    #[arg(short, long)]
    yes: bool,
}

/// Forgets it, once somebody has said yes to that.
pub(super) async fn rm(place: &Place, args: RmArgs) -> Result<(), CommandError> {
    let name = &args.name;
    let settings = place.settings_file.read()?;
    let stored = place.stored()?;
    if !profile_names(&settings, &stored).contains(name) {
        return Err(unknown_profile(name));
    }
    if !args.yes && !input::is_terminal() {
        return Err(CommandError::usage("a profile is forgotten for good, and nobody can be asked")
            .hint("Add `--yes`."));
    }
    consequences(name, &stored, args.revoke).iter().for_each(|words| place.output.warn(words));
    if !args.yes && !input::confirm(place.output, &format!("Forget the profile {name}?"))? {
        return Err(CommandError::new(Exit::User, "NOT_CONFIRMED", "nothing was forgotten"));
    }
    let revoked = if args.revoke { revoke(place, name, &settings, &stored).await? } else { Vec::new() };
    let clock = place.clock.as_ref();
    let set_aside = remove_profile(&place.settings_file, &place.credential_file, clock, name)?;
    report_set_aside(place.output, place.credential_file.path(), set_aside.as_deref());
    let settings = place.settings_file.read()?;
    let default = ProfileName::default();
    let is_there = profile_names(&settings, &place.stored()?).contains(&default);
    let active = settings.active_profile.or_else(|| is_there.then(|| default.to_string()));
    let shown = json!({ "removed": name.as_str(), "active": active, "revoked": revoked });
    place.output.data(&shown, || {
        let keys = revoked.iter().map(|key| format!("deleted {}\n", key.key_id)).collect::<String>();
        let next = match &active {
            Some(active) => format!("{} is the active one.", printable(active)),
            None => format!("no profile is active; the next command starts anew with `{default}`."),
        };
        format!("{keys}The profile {name} is forgotten; {next}")
    })
}

/// What somebody should know before saying yes.
fn consequences(name: &ProfileName, stored: &Credentials, revoke: bool) -> Vec<String> {
    let mut found = Vec::new();
    for (origin, entry) in stored.entries(name) {
        if entry.temporary.is_some() {
            found.push(format!(
                "the profile holds the temporary account at {origin}, which can not be reached afterwards, \
                 nor can its keys and records be managed."
            ));
        }
        if let Some(key) = entry.api_key.as_ref().filter(|_| !revoke) {
            found.push(format!(
                "its key {}… stays good at {origin}; `--revoke` deletes it there.",
                key.hint()
            ));
        }
        if live_session(entry).is_some() && !revoke {
            found.push(format!("its session stays good at {origin}; `--revoke` ends it there."));
        }
    }
    found
}

fn live_session(entry: &ServerEntry) -> Option<&StoredSession> {
    entry.session.as_ref().filter(|session| session.ended_at.is_none())
}

/// Deletes the keys of the profile, each at its own server and with itself.
async fn revoke(
    place: &Place,
    name: &ProfileName,
    settings: &Settings,
    stored: &Credentials,
) -> Result<Vec<DeletedKey>, CommandError> {
    let keys = stored.entries(name).filter_map(|(origin, entry)| Some((origin, entry.api_key.as_ref()?)));
    let keys: Vec<(&str, &StoredKey)> = keys.collect();
    let sessions = stored.entries(name).filter_map(|(origin, entry)| Some((origin, live_session(entry)?)));
    let sessions: Vec<(&str, &StoredSession)> = sessions.collect();
    if keys.is_empty() && sessions.is_empty() {
        let message =
            format!("the profile {name} holds neither an API key nor a session that could be ended");
        return Err(CommandError::new(Exit::User, "NO_STORED_KEY", message)
            .hint("Leave out `--revoke` to forget it."));
    }
    let named = settings.profiles.get(name.as_str()).is_some_and(|profile| profile.server.is_some());
    for (origin, session) in sessions {
        if let Err(error) = end(place, origin, session, named).await {
            let words = format!("the session could not be ended at {origin}, so the profile is still there.");
            place.output.warn(&words);
            return Err(error);
        }
    }
    let mut deleted = Vec::new();
    for (origin, key) in keys {
        match delete(place, origin, key, named).await {
            Ok(gone) => deleted.extend(gone),
            Err(error) => {
                place.output.warn(&format!(
                    "the key {}… could not be deleted at {origin}, so the profile is still there.",
                    key.hint()
                ));
                return Err(error);
            }
        }
    }
    Ok(deleted)
}

/// Ends one session.
async fn end(place: &Place, origin: &str, session: &StoredSession, named: bool) -> Result<(), CommandError> {
    let client = client(place, origin, named).await?;
    let oauth = OAuth::new(client.server(), session.client_id.clone())?;
    Ok(oauth.revoke(session.refresh_token.as_ref().unwrap_or(&session.access_token)).await?)
}

/// A client of the server at `origin`, which may be given what it has issued.
async fn client(place: &Place, origin: &str, named: bool) -> Result<Client, CommandError> {
    let plain_text = if place.global.insecure { PlainText::Anywhere } else { PlainText::LoopbackOnly };
    let server = ServerUrl::parse(origin, plain_text).map_err(|error| {
        CommandError::new(Exit::User, "SERVER_INVALID", "the server may not be asked").because(&error)
    })?;
    let client = Client::new(&server)?;
    // A server that nobody named must prove itself before it gets anything.
    if origin == DEFAULT_SERVER && !named {
        prove(&client, &place.paths.instance).await?;
    }
    Ok(client)
}

/// Deletes one; `None` when it was dead already.
async fn delete(
    place: &Place,
    origin: &str,
    key: &StoredKey,
    named: bool,
) -> Result<Option<DeletedKey>, CommandError> {
    let client = client(place, origin, named).await?.with_token(key.raw.clone());
    match delete_itself(&client, key.metadata.key_id).await {
        Ok(deleted) => Ok(Some(deleted)),
        Err(error) if is_dead(&error) => {
            place.output.say(&format!("The key {}… was dead already.", key.hint()));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

pub(in crate::commands) async fn delete_itself(
    client: &Client,
    id: Option<KeyId>,
) -> Result<DeletedKey, ClientError> {
    let id = match id {
        Some(id) => id,
        None => client.whoami().await?.token_id,
    };
    client.delete_key(id).await
}

pub(in crate::commands) fn is_dead(error: &ClientError) -> bool {
    use ErrorCode::{KeyExpired, KeyRevoked, KeyUnknown};
    matches!(error.code(), Some(KeyExpired | KeyRevoked | KeyUnknown))
}
