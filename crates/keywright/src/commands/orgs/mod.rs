//! `keywright orgs`: organizations, who is in them, and who was asked to come.
//!
//! A key acts in one organization. What is done here is done in that one, but for looking at the others,
//! making one and coming into one.

mod create;
mod entered;
mod find;
mod invitations;
mod invite;
mod leave;
mod list;
mod members;
mod rm;
pub(crate) mod services;
mod update;
mod view;

use clap::Subcommand;
use keywright_protocol::ErrorCode;
use keywright_secret::TokenKind;

use crate::context::Context;
use crate::error::CommandError;

/// What to do with organizations.
#[derive(Debug, Subcommand)]
pub(crate) enum OrgsCommand {
    /// List your organizations
    #[command(visible_alias = "ls")]
    List,
    /// Make an organization that you own, and keep its key as a profile
    Create(create::CreateArgs),
    /// Show one of your organizations; the one in use when none is named
    #[command(visible_alias = "show")]
    View(view::ViewArgs),
    /// Rename or describe the organization in use
    #[command(visible_alias = "edit")]
    Update(update::UpdateArgs),
    /// Delete the organization in use with all that is in it; its keys are dead at once
    #[command(visible_alias = "remove")]
    Rm(rm::RmArgs),
    /// Show who is in the organization in use, change what they are, or remove them
    Members(members::MembersArgs),
    /// Ask a mailbox to come into the organization in use
    Invite(invite::InviteArgs),
    /// Show the invitations of your mailbox, accept or decline one, or withdraw one that was sent
    Invitations(invitations::InvitationsArgs),
    /// Leave the organization in use; your keys there are dead at once
    Leave(leave::LeaveArgs),
    /// Make, list and delete service accounts: members without a mailbox, with keys only
    #[command(subcommand)]
    Services(services::ServicesCommand),
}

/// Does it.
pub(crate) async fn run(context: &Context, command: OrgsCommand) -> Result<(), CommandError> {
    needs_an_account(context)?;
    match command {
        OrgsCommand::List => list::list(context).await,
        OrgsCommand::Create(args) => create::create(context, args).await,
        OrgsCommand::View(args) => view::view(context, args).await,
        OrgsCommand::Update(args) => update::update(context, args).await,
        OrgsCommand::Rm(args) => rm::rm(context, args).await,
        OrgsCommand::Members(args) => members::members(context, args).await,
        OrgsCommand::Invite(args) => invite::invite(context, args).await,
        OrgsCommand::Invitations(args) => invitations::invitations(context, args).await,
        OrgsCommand::Leave(args) => leave::leave(context, args).await,
        OrgsCommand::Services(command) => services::services(context, command).await,
    }
}

/// A temporary account is alone in an organization of its own and manages none, so that none is made for this.
fn needs_an_account(context: &Context) -> Result<(), CommandError> {
    let missing = match context.credential()? {
        None => CommandError::known(ErrorCode::KeyMissing, "organizations are for accounts with a mailbox"),
        Some(used) if used.kind == TokenKind::Temporary => {
            CommandError::known(ErrorCode::Forbidden, "a temporary account manages no organization")
        }
        Some(_) => return Ok(()),
    };
    Err(missing
        .hint("Sign up: `keywright auth signup-request --email EMAIL`; with an account: `login-request`."))
}
