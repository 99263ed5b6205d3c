//! `keywright run -- PROGRAM`: starts a program that calls models through the gateway.

mod print_env;
mod renewal;
mod report;
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
    /// Starts nothing: prints what a shell must set for it, token included, for `eval` or as JSON
    #[arg(long)]
    print_env: bool,
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
    let agents = Agent::started_by(program, arguments);
    let target = Target::choose(context, &args.target, &agents, args.print_env).await?;
    let launch = Launch::prepare(&LaunchRequest {
        program,
        arguments,
        environment: target.environment(),
        server: target.url(),
        home: &context.paths.home,
        folder: &folder,
        agents: &context.paths.agents,
        trust_project: args.trust_project,
    })?;
    report::report(context.output, &launch);
    if args.print_env {
        let child = target.for_shell(context).await?;
        return print_env::print_env(context.output, &launch, &child).map(|()| 0);
    }
    let mut opened = target.open(context, &launch.removed).await?;
    let token = opened.token().clone();
    let outcome = tokio::select! {
        outcome = launch.run(&token) => outcome,
        never = opened.keep_up() => match never {},
    };
    opened.end(context.output).await;
    Ok(outcome?)
}
