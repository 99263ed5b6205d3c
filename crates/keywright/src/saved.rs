//! Storing a key that was just made or brought, and telling what will be used from now on.

use keywright_client::{Client, CreatedKey};
use keywright_credentials::{
    ChosenServer, KeyMetadata, NewStoredKey, ProfileName, ProfileSource, SaveKeyError, SavedProfile,
    check_savable, save_key,
};
use keywright_protocol::OrganizationId;

use crate::context::Context;
use crate::error::CommandError;

/// Stores `key` for `server` under the profile `name`, or under one of the organization's; says aloud what
/// stands in the way of using it.
pub(crate) fn store(
    context: &Context,
    server: &ChosenServer,
    key: NewStoredKey,
    name: Option<&ProfileName>,
) -> Result<SavedProfile, SaveKeyError> {
    let saved = save_key(
        &context.settings_file,
        &context.credential_file,
        context.clock.as_ref(),
        server,
        key,
        name,
    )?;
    context.report_set_aside(saved.set_aside.as_deref());
    if let Some(old) = &saved.replaced_hint {
        context.output.say(&format!(
            "It takes the place of the key {old}… in the profile {}; that one is still good at the server \
             until it ends or is deleted: `keywright tokens list`.",
            saved.name
        ));
    }
    shadows(context, server, &saved.name).iter().for_each(|words| context.output.warn(words));
    Ok(saved)
}

/// Whether a key could be stored, to be asked before a code is spent on one.
pub(crate) fn check(context: &Context) -> Result<(), CommandError> {
    let (settings, credentials) = (&context.settings_file, &context.credential_file);
    let set_aside = check_savable(settings, credentials, context.clock.as_ref())?;
    context.report_set_aside(set_aside.as_deref());
    Ok(())
}

/// Stores `key`, which acts in that organization, and says what a person should know of it. The profile it
/// is in.
///
/// The server shows a key once. One that cannot be stored would be lost and live on, so it is deleted again.
pub(crate) async fn minted(
    context: &Context,
    key: &CreatedKey,
    organization: (OrganizationId, &str),
    name: Option<&ProfileName>,
) -> Result<ProfileName, CommandError> {
    let (id, organization_name) = organization;
    let attempt = |name| {
        let metadata = KeyMetadata::of(&key.key).in_organization(id, organization_name);
        store(context, &context.server, NewStoredKey { raw: key.raw.clone(), metadata }, name)
    };
    let saved = match attempt(name) {
        Err(error @ SaveKeyError::Taken { .. }) => {
            context.output.warn(&format!("{error}; the key goes into one of its own."));
            attempt(None)
        }
        other => other,
    };
    match saved {
        Ok(saved) => Ok(saved.name),
        Err(error @ SaveKeyError::SettingsUnwritten { .. }) => Err(error.into()),
        Err(error) => Err(delete_again(context, key, error.into()).await),
    }
}

/// What would be used in place of the profile by the next command in the same shell.
pub(crate) fn shadows(context: &Context, server: &ChosenServer, saved: &ProfileName) -> Vec<String> {
    let mut found = Vec::new();
    let environment = &context.environment;
    if environment.text("KEYWRIGHT_API_KEY").is_some() {
        found.push(
            "KEYWRIGHT_API_KEY is set and is used in place of every stored key. Unset it to use this one."
                .to_owned(),
        );
    }
    if let Some(other) = environment.text("KEYWRIGHT_PROFILE").filter(|other| *other != saved.as_str()) {
        let name = ProfileSource::Environment.describe();
        found.push(format!("{name} names the profile {other}. Unset it to use {saved}."));
    }
    if let Some(other) = environment.text("KEYWRIGHT_SERVER").filter(|other| {
        use keywright_client::{PlainText, ServerUrl};
        ServerUrl::parse(other, PlainText::Anywhere).is_ok_and(|other| other != server.url)
    }) {
        found.push(format!("KEYWRIGHT_SERVER names {other}. Unset it to use {}.", server.url));
    }
    found
}

/// The same error, with what became of the key.
async fn delete_again(context: &Context, key: &CreatedKey, error: CommandError) -> CommandError {
    let client = Client::new(&context.server.url).map(|client| client.with_token(key.raw.clone()));
    let deleted = match client {
        Ok(client) => client.delete_key(key.key.key_id).await,
        Err(error) => Err(error),
    };
    error.hint(match deleted {
        Ok(_) => "The new key was deleted again; what came with it is there. Mend this, then ask for a code with \
                  `keywright auth login-request`."
            .to_owned(),
        Err(_) => format!(
            "The new key {} is lost, but lives on. Mend this, sign in with `keywright auth login-request`, and \
             delete it with `keywright tokens rm`.",
            key.key.key_id
        ),
    })
}
