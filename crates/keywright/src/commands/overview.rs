//! `keywright` without a command: where things stand and what to do next. Makes a temporary account when
//! there is no credential and a server is there.

use crate::commands::status::Status;
use crate::context::Context;
use crate::error::CommandError;

/// Provisions if need be, then prints the status and the next step.
pub(crate) async fn overview(context: &Context) -> Result<(), CommandError> {
    if let Err(error) = provision(context).await {
        // The status below says the same in its place, and more.
        context.output.say_more(error.message());
    }
    let status = Status::look(context).await;
    context.output.data(&status, || status.describe())?;
    if !context.output.is_json() {
        context.output.say(&format!("\nnext: {}", next_step(&status)));
    }
    Ok(())
}

async fn provision(context: &Context) -> Result<(), CommandError> {
    let client = context.connect().await?;
    context.credential_or_new(&client).await.map(|_| ())
}

fn next_step(status: &Status) -> &str {
    match status.next_local_action().or(status.next_action()) {
        Some(action) => action,
        None if status.is_accepted() => "Start an agent with `keywright run -- claude`.",
        None => {
            "Sign in with `keywright login`, or with a mailbox: `keywright auth login-request --email EMAIL`."
        }
    }
}
