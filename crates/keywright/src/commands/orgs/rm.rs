//! `keywright orgs rm`: an organization with all that is in it.

use clap::Args;
use keywright_client::Client;
use keywright_protocol::Exit;
use keywright_protocol::wire::{Members, Organization, Organizations};

use super::{find, members};
use crate::context::Context;
use crate::error::CommandError;
use crate::input;
use crate::keeping;
use crate::table::printable;

/// Which organization.
#[derive(Debug, Args)]
pub(crate) struct RmArgs {
    /// Its id or its name
    #[arg(value_name = "ORGANIZATION")]
    organization: String,
    /// Does not ask for its name
    #[arg(short, long)]
    yes: bool,
}

/// Deletes it, once somebody has typed its name, and forgets its profiles.
pub(super) async fn rm(context: &Context, args: RmArgs) -> Result<(), CommandError> {
    let ask = async |client: &Client| {
        Ok((client.organizations().await?, client.members(find::current(client).await?).await?))
    };
    let (all, inside): (Organizations, Members) = context.call("asking for the organization", ask).await?;
    let organization = find::organization(&all.organizations, Some(&args.organization))?;
    if !organization.current {
        return Err(not_in_use(context, organization));
    }
    let keys = members::keys(inside.members.iter().map(|member| member.active_keys).sum());
    let name = printable(&organization.name);
    let members = match inside.members.len() {
        1 => "1 member".to_owned(),
        count => format!("{count} members"),
    };
    let what = format!("{name} with {keys} of {members}");
    if !args.yes {
        if !input::is_terminal() {
            let message = format!("{what} would go, and nobody can be asked");
            return Err(CommandError::usage(message).hint("Add `--yes`."));
        }
        context.output.say(&format!("This deletes {what}. Nothing of it comes back."));
        if !input::types(context.output, "Type the name of the organization to go on:", &organization.name)? {
            return Err(CommandError::new(Exit::User, "NOT_CONFIRMED", "nothing was deleted"));
        }
    }
    let id = organization.organization_id;
    let deleted = context
        .call("deleting the organization", async |client| client.delete_organization(id).await)
        .await?;
    context
        .output
        .data(&deleted, || format!("deleted {name}; {} died", members::tokens(deleted.revoked_tokens)))?;
    keeping::left(context, id);
    Ok(())
}

/// A key acts in one organization, so another one needs the key of its profile.
fn not_in_use(context: &Context, organization: &Organization) -> CommandError {
    let message = format!("{} is not the organization in use", printable(&organization.name));
    let id = organization.organization_id.to_string();
    let profile = context.settings.profiles.iter().find(|(_, profile)| {
        profile.is_for(&context.server.url) && profile.organization_id.as_ref() == Some(&id)
    });
    CommandError::new(Exit::User, "ORGANIZATION_NOT_IN_USE", message).hint(match profile {
        Some((name, _)) => format!("Use its profile: `--profile {}`.", printable(name)),
        None => {
            format!("Sign in to it first: `keywright auth login-complete` with `--organization-id {id}`.")
        }
    })
}
