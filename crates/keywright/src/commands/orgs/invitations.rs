//! `keywright orgs invitations`: those of the user's mailbox, and those that the organization has sent.

use clap::{Args, Subcommand};
use keywright_client::Client;
use keywright_credentials::ProfileName;
use keywright_protocol::InvitationId;
use keywright_protocol::wire::{AcceptInvitation, Invitation, Invitations};

use super::{entered, find};
use crate::commands::new_key::NewKeyArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::saved;
use crate::table::{minute, printable, table};

/// What to do with invitations.
#[derive(Debug, Args)]
pub(crate) struct InvitationsArgs {
    #[command(subcommand)]
    command: Option<InvitationsCommand>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Subcommand)]
enum InvitationsCommand {
    /// List the open invitations of your mailbox
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Come into the organization, and keep its key as a profile
    Accept(AcceptArgs),
    /// Refuse an invitation of your mailbox
    Decline(EndArgs),
    /// Take an invitation back that the organization in use has sent
    Withdraw(EndArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Those that the organization in use has sent, in place of those of your mailbox
    #[arg(long)]
    sent: bool,
}

#[derive(Debug, Args)]
struct AcceptArgs {
    /// The id of the invitation
    #[arg(value_name = "ID")]
    id: InvitationId,
    #[command(flatten)]
    key: NewKeyArgs,
    /// The profile that keeps the key; named after the organization when left out
    #[arg(long, value_name = "PROFILE")]
    name: Option<ProfileName>,
}

#[derive(Debug, Args)]
struct EndArgs {
    /// The id of the invitation
    #[arg(value_name = "ID")]
    id: InvitationId,
}

/// Does it.
pub(super) async fn invitations(context: &Context, args: InvitationsArgs) -> Result<(), CommandError> {
    match args.command {
        None => list(context, args.list.sent).await,
        Some(InvitationsCommand::List(list_args)) => list(context, args.list.sent || list_args.sent).await,
        Some(_) if args.list.sent => Err(CommandError::usage("`--sent` goes with `list` alone")),
        Some(InvitationsCommand::Accept(args)) => accept(context, args).await,
        Some(InvitationsCommand::Decline(args)) => end(context, args.id, "declined").await,
        Some(InvitationsCommand::Withdraw(args)) => end(context, args.id, "withdrew").await,
    }
}

async fn list(context: &Context, sent: bool) -> Result<(), CommandError> {
    let ask = async |client: &Client| {
        if sent {
            client.sent_invitations(find::current(client).await?).await
        } else {
            client.invitations().await
        }
    };
    let list: Invitations = context.call("asking for the invitations", ask).await?;
    context.output.data(&list, || {
        table(["ORGANIZATION", "MAILBOX", "ROLE", "ENDS", "ID"], list.invitations.iter().map(row))
    })
}

fn row(invitation: &Invitation) -> [String; 5] {
    [
        invitation.organization_name.clone(),
        invitation.email.clone(),
        invitation.role.to_string(),
        minute(invitation.expires_at),
        invitation.invitation_id.to_string(),
    ]
}

async fn accept(context: &Context, args: AcceptArgs) -> Result<(), CommandError> {
    saved::check(context)?;
    let request = AcceptInvitation { api_key: args.key.asked() };
    let entered =
        context.call("accepting", async |client| client.accept_invitation(args.id, &request).await).await?;
    entered::keep(context, entered, args.name.as_ref()).await
}

async fn end(context: &Context, id: InvitationId, done: &str) -> Result<(), CommandError> {
    let ended = context.call("ending the invitation", async |client| client.end_invitation(id).await).await?;
    context.output.data(&ended, || {
        format!(
            "{done} the invitation of {} into {}",
            printable(&ended.email),
            printable(&ended.organization_name)
        )
    })
}
