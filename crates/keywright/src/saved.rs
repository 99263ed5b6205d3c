//! Storing a key that was just made or brought, and telling what will be used from now on.

use keywright_credentials::{ChosenServer, NewStoredKey, ProfileName, ProfileSource, SavedProfile, save_key};

use crate::context::Context;
use crate::error::CommandError;

/// Stores `key` for `server` under the profile `name`, or under one of the organization's; says aloud what
/// stands in the way of using it.
pub(crate) fn store(
    context: &Context,
    server: &ChosenServer,
    key: NewStoredKey,
    name: Option<&ProfileName>,
) -> Result<SavedProfile, CommandError> {
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

/// What would be used in place of the profile by the next command in the same shell.
fn shadows(context: &Context, server: &ChosenServer, saved: &ProfileName) -> Vec<String> {
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
