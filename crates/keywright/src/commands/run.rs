//! `keywright run -- PROGRAM`: starts a program that calls models through the gateway.

use std::ffi::OsString;

use clap::Args;
use keywright_credentials::launch::{Launch, LaunchRequest};
use keywright_protocol::Exit;
use keywright_protocol::wire::CreateChild;

use crate::context::Context;
use crate::error::CommandError;

/// What to start.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Starts even where settings of the project would send the agent elsewhere; they are overridden
    #[arg(long)]
    trust_project: bool,
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    command: Vec<OsString>,
}

/// Gets a token for the program, starts it and waits; the program's own exit code.
pub(crate) async fn run(context: &Context, args: RunArgs) -> Result<u8, CommandError> {
    let Some((program, arguments)) = args.command.split_first() else {
        return Err(CommandError::usage("no program was named"));
    };
    let folder = std::env::current_dir().map_err(|error| {
        CommandError::new(Exit::User, "NO_FOLDER", "the working folder cannot be found").because(&error)
    })?;
    let launch = Launch::prepare(&LaunchRequest {
        program,
        arguments,
        environment: &context.environment,
        server: &context.server.url,
        home: &context.paths.home,
        folder: &folder,
        trust_project: args.trust_project,
    })?;
    report(context, &launch);
    let child = context
        .call("getting a token for the program", async |client| client.child(&CreateChild::default()).await)
        .await?;
    context.output.say_more(&format!(
        "The program uses {} with a token that ends {}.",
        context.server.url, child.expires_at
    ));
    let outcome = launch.run(&child.token).await;
    // It would end by itself in time; a program that is gone needs none until then.
    if let Err(error) = context.connect().await?.with_token(child.token).end_child().await {
        context.output.say_more(&format!("Its token could not be ended now: {error}."));
    }
    Ok(outcome?)
}

fn report(context: &Context, launch: &Launch) {
    for file in &launch.overridden {
        context.output.warn(&format!(
            "{} would send the agent elsewhere; overridden for this run: {}.",
            file.path.display(),
            file.settings.join(", ")
        ));
    }
    for file in &launch.standing {
        context.output.warn(&format!(
            "{} would send Claude Code elsewhere if this program starts it, and is not overridden: {}.",
            file.path.display(),
            file.settings.join(", ")
        ));
    }
    for removal in &launch.removed {
        context
            .output
            .say_more(&format!("Taken out of its environment: {} ({}).", removal.name, removal.reason));
    }
}
