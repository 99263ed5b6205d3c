//! `keywright orgs view`, and how one organization is shown.

use clap::Args;
use keywright_protocol::wire::Organization;

use super::find;
use crate::context::Context;
use crate::error::CommandError;
use crate::table::printable;

/// Which organization.
#[derive(Debug, Args)]
pub(crate) struct ViewArgs {
    /// Its id or its name; the one in use when left out
    #[arg(value_name = "ORGANIZATION")]
    organization: Option<String>,
}

/// Asks the server and prints.
pub(super) async fn view(context: &Context, args: ViewArgs) -> Result<(), CommandError> {
    let list =
        context.call("asking for the organizations", async |client| client.organizations().await).await?;
    let organization = find::organization(&list.organizations, args.organization.as_deref())?;
    context.output.data(organization, || {
        format!(
            "{}\nin use       {}",
            describe(organization),
            if organization.current { "yes" } else { "no" }
        )
    })
}

/// An organization in lines.
pub(super) fn describe(organization: &Organization) -> String {
    let mut lines = vec![
        format!("name         {}", printable(&organization.name)),
        format!("id           {}", organization.organization_id),
        format!("your role    {}", organization.role),
        format!("created      {}", organization.created_at),
    ];
    if let Some(description) = &organization.description {
        lines.insert(1, format!("description  {}", printable(&description.replace('\n', " "))));
    }
    lines.join("\n")
}
