//! `keywright run -- PROGRAM`: starts a program that calls models through the gateway.

mod target;

use std::ffi::OsString;

use clap::Args;
use keywright_credentials::launch::{Agent, Launch, LaunchRequest};
use keywright_protocol::Exit;

use crate::context::Context;
use crate::error::CommandError;
use target::{Target, TargetArgs};

/// What to start.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    target: TargetArgs,
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
    let target = Target::choose(context, &args.target, Agent::of(program, arguments)).await?;
    let launch = Launch::prepare(&LaunchRequest {
        program,
        arguments,
        environment: target.environment(),
        server: target.url(),
        home: &context.paths.home,
        folder: &folder,
        trust_project: args.trust_project,
    })?;
    report(context, &launch);
    let opened = target.open(context, &launch.removed).await?;
    let outcome = launch.run(opened.token()).await;
    opened.end(context.output).await;
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
