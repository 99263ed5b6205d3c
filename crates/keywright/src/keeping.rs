//! What is stored follows what the server has just done to a key. None of this fails the command: the server
//! has done it, and its answer must still be printed.

use keywright_client::Client;
use keywright_credentials::{
    Changed, Credentials, KeyMetadata, NewStoredKey, ProfileName, ProfileSettings, Resolved, ServerEntry,
    Source, forget_organization,
};
use keywright_protocol::wire::{ApiKey, WhoAmI};
use keywright_protocol::{KeyId, OrganizationId};
use keywright_secret::Secret;

use crate::context::Context;
use crate::error::CommandError;

/// Finds out which key the stored one in use is, where that is not known: it was stored while its server
/// could not be asked. To be called before a key is rotated or deleted.
pub(crate) async fn identify(context: &Context) -> Result<(), CommandError> {
    let stored_key = |used: &Resolved| used.source == Source::StoredKey && used.key_id.is_none();
    if context.credential()?.as_ref().is_some_and(stored_key) {
        let who = context.call("asking the server", async |client: &Client| client.whoami().await).await?;
        caller(context, &who);
    }
    Ok(())
}

/// Takes over the name that the server has for an organization, in the profiles that are for it. Where it
/// cannot be written down, the old one is shown, which is no reason for a warning.
pub(crate) fn named(context: &Context, id: OrganizationId, name: &str) {
    let id = id.to_string();
    let is_old = |set: &ProfileSettings| {
        let same = set.is_for(&context.server.url) && set.organization_id.as_ref() == Some(&id);
        same && set.organization_name.as_deref() != Some(name)
    };
    if !context.settings.profiles.values().any(is_old) {
        return;
    }
    let changed = context.settings_file.change(|held| {
        for (profile, set) in held.settings().profiles.clone() {
            if let Ok(profile) = profile.parse()
                && is_old(&set)
            {
                held.set_profile(
                    &profile,
                    ProfileSettings { organization_name: Some(name.to_owned()), ..set },
                );
            }
        }
    });
    if let Err(error) = changed {
        context.output.say_more(&format!("The new name of the organization could not be noted: {error}."));
    }
}

/// Takes over what the server says of the caller: the name of the organization, and of the stored key in use.
pub(crate) fn caller(context: &Context, who: &WhoAmI) {
    named(context, who.account.organization_id, &who.organization_name);
    let used = context.credential().ok().flatten();
    let Some(used) = used.filter(|used| used.source == Source::StoredKey) else { return };
    let learn = |credentials: &mut Credentials| {
        let entry = credentials.entry_mut(&context.profile, &context.server.url);
        let Some(key) = entry.api_key.as_mut().filter(|key| key.raw == used.token) else { return false };
        let known = key.metadata.clone().with(KeyMetadata::of_caller(who));
        let differs = known != key.metadata;
        key.metadata = known;
        differs
    };
    if context.stored().is_ok_and(|mut stored| learn(&mut stored)) {
        change(context, learn);
    }
}

/// Notes a key that was made with the stored temporary account: an upgrade of the account keeps it.
pub(crate) fn minted(context: &Context, id: KeyId) {
    let used = context.credential().ok().flatten();
    if used.is_some_and(|used| used.source == Source::Temporary) {
        change(context, |credentials| {
            credentials.entry_mut(&context.profile, &context.server.url).minted_keys.push(id);
        });
    }
}

/// Stores the new key where the rotated one was; the profiles that it is in now.
pub(crate) fn rotated(context: &Context, old: KeyId, raw: &Secret, key: &ApiKey) -> Vec<ProfileName> {
    let new = NewStoredKey { raw: raw.clone(), metadata: KeyMetadata::of(key) };
    of_interest(context, old, |credentials| credentials.replace_key(&context.server.url, old, &new))
}

/// Takes over the new name, scopes and end of a key.
pub(crate) fn updated(context: &Context, key: &ApiKey) {
    of_interest(context, key.key_id, |credentials| credentials.learn_key(&context.server.url, key));
}

/// Forgets a key that was deleted; the profiles that it was in.
pub(crate) fn deleted(context: &Context, id: KeyId) -> Vec<ProfileName> {
    of_interest(context, id, |credentials| credentials.forget_key(&context.server.url, id))
}

/// Forgets the temporary account behind `token`, which has become another.
pub(crate) fn upgraded(context: &Context, token: &Secret) {
    change(context, |credentials| credentials.forget_temporary(&context.server.url, token));
}

/// Forgets what acts in an organization that the user is no longer in, and says so.
pub(crate) fn left(context: &Context, id: OrganizationId) {
    let (settings, file, clock) = (&context.settings_file, &context.credential_file, context.clock.as_ref());
    let in_session = |entry: &ServerEntry| entry.session.as_ref().is_some_and(|held| held.acts_in(id));
    let signed_in = context.stored().is_ok_and(|stored| {
        let all: Vec<ProfileName> = stored.profiles().collect();
        all.iter().any(|name| stored.entry(name, &context.server.url).is_some_and(in_session))
    });
    let what = if signed_in { "what is stored for it" } else { "the key" };
    match forget_organization(settings, file, clock, &context.server.url, id) {
        Ok(profiles) if profiles.is_empty() => {}
        Ok(profiles) => context.output.say(&format!("Forgot {what} in {}.", names(&profiles))),
        Err(error) => unchanged(context, error.into()),
    }
}

/// The names of profiles, as they stand in a sentence.
pub(crate) fn names(profiles: &[ProfileName]) -> String {
    let names: Vec<&str> = profiles.iter().map(ProfileName::as_str).collect();
    format!("{} {}", if names.len() == 1 { "the profile" } else { "the profiles" }, names.join(", "))
}

/// Changes the file only if it knows the key: most keys are for other machines.
fn of_interest<T: Default>(context: &Context, id: KeyId, with: impl FnOnce(&mut Credentials) -> T) -> T {
    let known = context.stored().is_ok_and(|stored| stored.mentions_key(&context.server.url, id));
    if known { change(context, with).unwrap_or_default() } else { T::default() }
}

fn change<T>(context: &Context, with: impl FnOnce(&mut Credentials) -> T) -> Option<T> {
    match context.credential_file.change(context.clock.as_ref(), with) {
        Ok(Changed { outcome, set_aside }) => {
            context.report_set_aside(set_aside.as_deref());
            Some(outcome)
        }
        Err(error) => {
            unchanged(context, error.into());
            None
        }
    }
}

fn unchanged(context: &Context, error: CommandError) {
    let why = error.with_causes();
    context.output.warn(&format!("What is stored could not be changed accordingly: {why}."));
}
