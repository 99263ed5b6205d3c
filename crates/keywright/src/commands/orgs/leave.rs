//! `keywright orgs leave`: the user goes, and so do the user's keys there.

use clap::Args;
use keywright_client::Client;
use keywright_protocol::Exit;
use keywright_protocol::wire::WhoAmI;

use super::members;
use crate::context::Context;
use crate::error::CommandError;
use crate::input;
use crate::keeping;
use crate::table::printable;

/// Whether to ask.
#[derive(Debug, Args)]
pub(crate) struct LeaveArgs {
    /// Does not ask
    #[arg(short, long)]
    yes: bool,
}

/// Leaves, once somebody has said yes to that, and forgets the profiles.
pub(super) async fn leave(context: &Context, args: LeaveArgs) -> Result<(), CommandError> {
    let who: WhoAmI =
        context.call("asking the server", async |client: &Client| client.whoami().await).await?;
    let name = printable(&who.organization_name);
    if !args.yes {
        if !input::is_terminal() {
            let message = format!("all your keys in {name} would go, and nobody can be asked");
            return Err(CommandError::usage(message).hint("Add `--yes`."));
        }
        let question = format!("Leave {name}, with the end of all your keys there?");
        if !input::confirm(context.output, &question)? {
            return Err(CommandError::new(Exit::User, "NOT_CONFIRMED", "you are still there"));
        }
    }
    let (organization, user) = (who.account.organization_id, who.account.user_id);
    let removed =
        context.call("leaving", async |client| client.remove_member(organization, user).await).await?;
    context
        .output
        .data(&removed, || format!("left {name}; {} died", members::tokens(removed.revoked_tokens)))?;
    keeping::left(context, organization);
    Ok(())
}
