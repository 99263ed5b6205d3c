//! An organization that the user has just come into: its key is kept as a profile and not shown.

use keywright_client::EnteredOrganization;
use keywright_credentials::ProfileName;
use keywright_protocol::wire::Organization;
use serde::Serialize;

use super::view;
use crate::commands::new_key::MaskedKey;
use crate::context::Context;
use crate::error::CommandError;
use crate::saved;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    profile_name: String,
    organization: Organization,
    api_key: MaskedKey,
}

/// Keeps the key, makes its profile the active one, and says so.
pub(super) async fn keep(
    context: &Context,
    entered: EnteredOrganization,
    name: Option<&ProfileName>,
) -> Result<(), CommandError> {
    let EnteredOrganization { organization, key } = entered;
    let api_key = MaskedKey::of(&key.key);
    let account = (organization.organization_id, organization.name.as_str());
    let profile_name = saved::minted(context, &key, account, name).await?.to_string();
    let shown = Shown { profile_name, organization, api_key };
    context.output.data(&shown, || {
        format!(
            "{}\nprofile      {}, active now\nkey          {}",
            view::describe(&shown.organization),
            shown.profile_name,
            shown.api_key.describe()
        )
    })
}
