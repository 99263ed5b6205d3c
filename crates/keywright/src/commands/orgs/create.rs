//! `keywright orgs create`.

use clap::Args;
use keywright_credentials::ProfileName;
use keywright_protocol::wire::CreateOrganization;

use super::entered;
use crate::commands::new_key::NewKeyArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::saved;

/// What the organization shall be.
#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name, at most 100 characters
    #[arg(value_name = "NAME")]
    organization: String,
    /// What it is
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    key: NewKeyArgs,
    /// The profile that keeps the key; named after the organization when left out
    #[arg(long, value_name = "PROFILE")]
    name: Option<ProfileName>,
}

/// Makes it and keeps its key.
pub(super) async fn create(context: &Context, args: CreateArgs) -> Result<(), CommandError> {
    let CreateArgs { organization, description, key, name } = args;
    saved::check(context)?;
    let request = CreateOrganization { name: organization, description, api_key: key.asked() };
    let made = context
        .call("making the organization", async |client| client.create_organization(&request).await)
        .await?;
    entered::keep(context, made, name.as_ref()).await
}
