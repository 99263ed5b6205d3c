//! `keywright auth signup-request` and `login-request`: a code is mailed.

use clap::Args;
use keywright_credentials::CodePurpose;
use keywright_credentials::launch::shell_quoted;
use keywright_protocol::wire::RequestCode;

use super::pending::Pending;
use super::place::PlaceArgs;
use crate::arguments::Global;
use crate::error::CommandError;
use crate::machine;
use crate::output::Output;
use crate::spinner::Spinner;
use crate::table::printable;

/// For which mailbox.
#[derive(Debug, Args)]
pub(crate) struct RequestArgs {
    /// The mailbox that the code is sent to
    #[arg(long)]
    email: String,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Asks for the code.
pub(super) async fn request(
    purpose: CodePurpose,
    args: RequestArgs,
    global: Global,
    output: Output,
) -> Result<(), CommandError> {
    let place = args.place.choose(global, output)?;
    let context = &place.context;
    let client = place.connect().await?;
    let pending = Pending::of(context, purpose, &args.email);
    let request = RequestCode {
        email: Some(args.email.as_str().into()),
        request_id: pending.find().map(|id| id.to_string()),
        machine: machine::name(),
    };
    let spinner = Spinner::start("handing the mail over");
    let requested = match purpose {
        CodePurpose::Signup => client.request_signup(&request).await,
        CodePurpose::Login => client.request_login(&request).await,
    };
    drop(spinner);
    let requested = requested?;
    pending.note(requested.request_id);
    let minutes = requested.expires_in_seconds / 60;
    output.data(&requested, || {
        format!("A code was mailed to {}; it is good for {minutes} minutes.", printable(&requested.email))
    })?;
    let command = match purpose {
        CodePurpose::Signup => "signup-complete",
        CodePurpose::Login => "login-complete",
    };
    let (email, flags) = (shell_quoted(&args.email), place.flags());
    output.say(&format!("Next: keywright auth {command} --email {email} --code -{flags}"));
    Ok(())
}
