//! `keywright profiles use`: which profile counts where none is named.

use clap::Args;
use keywright_credentials::{DEFAULT_SERVER, ProfileName};
use serde_json::json;

use super::Place;
use crate::context::unknown_profile;
use crate::error::CommandError;
use crate::table::printable;

/// Which one.
#[derive(Debug, Args)]
pub(crate) struct UseArgs {
    /// The name that `profiles list` shows
    #[arg(value_name = "PROFILE")]
    name: ProfileName,
}

/// Makes it the active one.
pub(super) fn choose(place: &Place, args: &UseArgs) -> Result<(), CommandError> {
    let name = &args.name;
    let stored = place.stored()?;
    let mut held = place.settings_file.hold()?;
    if !name.is_known(held.settings(), &stored) {
        return Err(unknown_profile(name));
    }
    held.set_active(name);
    held.save()?;
    let profile = held.settings().profiles.get(name.as_str()).cloned().unwrap_or_default();
    let server = printable(profile.server.as_deref().unwrap_or(DEFAULT_SERVER));
    let organization = profile.organization_name.as_deref().map(printable);
    let shown = json!({ "active": name.as_str(), "server": server, "organizationName": organization });
    place.output.data(&shown, || {
        let organization = organization.map(|name| format!(", {name}")).unwrap_or_default();
        format!("The profile {name} is the active one now: {server}{organization}.")
    })?;
    if let Some(other) = place.environment.text("KEYWRIGHT_PROFILE").filter(|other| *other != name.as_str()) {
        place.output.warn(&format!("KEYWRIGHT_PROFILE names the profile {other}. Unset it to use {name}."));
    }
    Ok(())
}
