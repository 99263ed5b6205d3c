//! `keywright tokens`: API keys of the organization.

mod create;
mod find;
mod list;
mod rm;
mod rotate;
mod update;
mod verify;
mod view;

use clap::Subcommand;

pub(crate) use verify::{VerifyArgs, verify};

use crate::context::Context;
use crate::error::CommandError;

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// Make an API key and print it, this once
    Create(create::CreateArgs),
    /// List the API keys
    #[command(visible_alias = "ls")]
    List,
    /// Show one API key, but not the key itself
    #[command(visible_alias = "show")]
    View(view::ViewArgs),
    /// Rename an API key, narrow it, or give it another end
    #[command(visible_alias = "edit")]
    Update(update::UpdateArgs),
    /// Put a new key in the place of one and print it, this once
    Rotate(rotate::RotateArgs),
    /// Delete API keys; they are dead at once
    #[command(visible_alias = "remove")]
    Rm(rm::RmArgs),
    /// Say whether a token is well formed, without asking anybody
    Verify(VerifyArgs),
}

/// Does it.
pub(crate) async fn run(context: &Context, command: TokensCommand) -> Result<(), CommandError> {
    match command {
        TokensCommand::Create(args) => create::create(context, args).await,
        TokensCommand::List => list::list(context).await,
        TokensCommand::View(args) => view::view(context, args).await,
        TokensCommand::Update(args) => update::update(context, args).await,
        TokensCommand::Rotate(args) => rotate::rotate(context, args).await,
        TokensCommand::Rm(args) => rm::rm(context, args).await,
        TokensCommand::Verify(args) => verify(args, context.output),
    }
}
