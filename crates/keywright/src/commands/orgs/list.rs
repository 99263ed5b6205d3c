//! `keywright orgs list`.

use keywright_protocol::wire::Organization;

use crate::context::Context;
use crate::error::CommandError;
use crate::table::{minute, table};

/// Prints the organizations of the user, oldest first.
pub(super) async fn list(context: &Context) -> Result<(), CommandError> {
    let list =
        context.call("asking for the organizations", async |client| client.organizations().await).await?;
    context.output.data(&list, || {
        table(["NAME", "ID", "ROLE", "CREATED", "IN USE"], list.organizations.iter().map(row))
    })
}

fn row(organization: &Organization) -> [String; 5] {
    [
        organization.name.clone(),
        organization.organization_id.to_string(),
        organization.role.to_string(),
        minute(organization.created_at),
        if organization.current { "yes" } else { "no" }.to_owned(),
    ]
}
