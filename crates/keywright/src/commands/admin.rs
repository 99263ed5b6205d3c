//! `keywright admin`: becoming the administrator of a server, and what its operator looks at.

pub(crate) mod outbox;

use clap::{Args, Subcommand};
use keywright_protocol::Exit;
use keywright_secret::Secret;
use keywright_server::issue_claim as issue;
use serde_json::json;

use crate::commands::serve::{ServerSettings, not_started};
use crate::context::Context;
use crate::error::CommandError;
use crate::input;
use crate::output::Output;
use crate::runtime::block_on;

/// What to administer.
#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Make your account the administrator, with the code that `keywright serve` made
    Claim(ClaimArgs),
    /// Show the mails that a server on this machine keeps as files because it has no mail server
    Outbox(outbox::OutboxArgs),
}

/// The one-time code.
#[derive(Debug, Args)]
#[command(mut_args = |argument| argument.hide_short_help(true))]
pub(crate) struct ClaimArgs {
    /// The code; `-` reads it from standard input
    #[arg(value_parser = code, required_unless_present = "new", conflicts_with = "new")]
    code: Option<Secret>,
    /// Make a new code instead, beside the data folder or database of a server
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    settings: ServerSettings,
}

impl ClaimArgs {
    /// Whether a code is to be made, and not used.
    pub(crate) fn is_new(&self) -> bool {
        self.new
    }
}

/// Makes a new code. Talks to no server: whoever may read the data folder may have one.
pub(crate) fn issue_claim(args: &ClaimArgs, output: Output) -> Result<u8, CommandError> {
    let config = args.settings.load(false, output)?;
    let notice = block_on(async { issue(&config).await.map_err(|error| not_started(&error)) })?;
    let code = notice.code.expose();
    output.data(&json!({ "code": code, "file": notice.file }), || code.to_owned())?;
    output.say("Use it with: keywright admin claim CODE");
    Ok(Exit::Ok as u8)
}

/// Claims the server that is in use.
pub(crate) async fn claim(context: &Context, args: ClaimArgs) -> Result<(), CommandError> {
    let code = match args.code {
        Some(code) if code.expose() != "-" => code,
        _ => input::secret("code")?,
    };
    let who = context.call("claiming", async |client| client.claim(&code).await).await?;
    // The account lasts from now on; what is stored of it must not say otherwise.
    context.note_account_end(who.expires_at).await?;
    context.output.data(&who, || format!("{} administers {} now.", who.account.user_id, context.server.url))
}

fn code(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text.trim()))
}
