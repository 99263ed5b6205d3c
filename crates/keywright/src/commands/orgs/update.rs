//! `keywright orgs update`: another name, another description.

use clap::Args;
use keywright_protocol::wire::UpdateOrganization;

use super::{find, view};
use crate::context::Context;
use crate::error::CommandError;
use crate::keeping;

/// What is to change.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub(crate) struct UpdateArgs {
    /// Its new name
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// What it is; an empty text takes the description away
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// Changes the organization and shows it.
pub(super) async fn update(context: &Context, args: UpdateArgs) -> Result<(), CommandError> {
    let request = UpdateOrganization { name: args.rename, description: args.description };
    let changed = context
        .call("changing the organization", async |client| {
            client.update_organization(find::current(client).await?, &request).await
        })
        .await?;
    keeping::named(context, changed.organization_id, &changed.name);
    context.output.data(&changed, || view::describe(&changed))
}
