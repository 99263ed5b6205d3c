//! `keywright tokens`: API keys of the organization.

mod create;
mod list;
mod rm;

use clap::Subcommand;

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
    /// Delete API keys; they are dead at once
    #[command(visible_alias = "remove")]
    Rm(rm::RmArgs),
}

/// Does it.
pub(crate) async fn run(context: &Context, command: TokensCommand) -> Result<(), CommandError> {
    match command {
        TokensCommand::Create(args) => create::create(context, args).await,
        TokensCommand::List => list::list(context).await,
        TokensCommand::Rm(args) => rm::rm(context, args).await,
    }
}
