//! `keywright orgs invite`.

use clap::Args;
use keywright_protocol::Role;
use keywright_protocol::wire::InviteMember;

use super::{find, members};
use crate::context::Context;
use crate::error::CommandError;
use crate::table::printable;

/// Whom.
#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// The mailbox
    email: String,
    /// What whoever comes will be; member when left out
    #[arg(long, value_name = "ROLE", value_parser = members::role())]
    role: Option<Role>,
}

/// Has the invitation mailed.
pub(super) async fn invite(context: &Context, args: InviteArgs) -> Result<(), CommandError> {
    let request = InviteMember { email: Some(args.email.into()), role: args.role };
    let invitation = context
        .call("handing the mail over", async |client| {
            client.invite(find::current(client).await?, &request).await
        })
        .await?;
    context.output.data(&invitation, || {
        format!(
            "An invitation into {} was mailed to {}; it is good until {} ({}).",
            printable(&invitation.organization_name),
            printable(&invitation.email),
            invitation.expires_at,
            invitation.invitation_id
        )
    })
}
