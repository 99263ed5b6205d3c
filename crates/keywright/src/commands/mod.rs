//! The commands, one file each.

pub(crate) mod admin;
pub(crate) mod auth;
pub(crate) mod completions;
mod doctor;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod man;
mod models;
mod new_key;
pub(crate) mod orgs;
mod overview;
pub(crate) mod profiles;
pub(crate) mod run;
pub(crate) mod serve;
mod status;
pub(crate) mod tokens;
mod upgrade;
pub(crate) mod usage;
mod whoami;
pub(crate) mod why;

use keywright_protocol::Exit;

use crate::arguments::{Arguments, Command};
use crate::commands::admin::AdminCommand;
use crate::commands::auth::AuthCommand;
use crate::context::Context;
use crate::error::CommandError;
use crate::output::Output;
use crate::runtime::{block_on, block_on_and_leave};

/// Runs what was typed; the code to exit with.
pub(crate) fn run(arguments: Arguments, output: Output) -> Result<u8, CommandError> {
    let Arguments { global, command } = arguments;
    if let Some(Command::Serve(args)) = command {
        return serve::serve(&args, global.insecure, output);
    }
    if let Some(Command::Admin(AdminCommand::Claim(args))) = &command
        && args.is_new()
    {
        return admin::issue_claim(args, output);
    }
    if let Some(Command::Tokens(tokens::TokensCommand::Verify(args))) = command {
        tokens::verify(args, output)?;
        return Ok(Exit::Ok as u8);
    }
    let context = || Context::new(global.clone(), output);
    match command {
        None => block_on(overview::overview(&context()?)),
        Some(Command::Run(args)) => return block_on(run::run(&context()?, args)),
        // Whatever was not typed to its end is left.
        Some(Command::Login(args) | Command::Auth(AuthCommand::Login(args))) => {
            let context = if args.stores() { Context::signing_in(global, output) } else { context() }?;
            return block_on_and_leave(login::login(&context, args));
        }
        Some(Command::Logout(args) | Command::Auth(AuthCommand::Logout(args))) => {
            block_on(logout::logout(&context()?, args))
        }
        Some(Command::Profiles(command)) => profiles::run(global, command, output),
        Some(Command::Status | Command::Auth(AuthCommand::Status)) => block_on(status::status(&context()?)),
        Some(Command::Whoami) => block_on(whoami::whoami(&context()?)),
        Some(Command::Auth(AuthCommand::Mailbox(command))) => block_on(auth::run(command, global, output)),
        Some(Command::Orgs(command)) => block_on(orgs::run(&context()?, command)),
        Some(Command::Tokens(command)) => block_on(tokens::run(&context()?, command)),
        Some(Command::Models) => block_on(models::models(&context()?)),
        Some(Command::Usage(args)) => block_on(usage::usage(&context()?, args)),
        Some(Command::Why(args)) => block_on(why::why(&context()?, &args)),
        Some(Command::Doctor) => return doctor::doctor(global, output),
        Some(Command::Admin(AdminCommand::Claim(args))) => block_on(admin::claim(&context()?, args)),
        Some(Command::Admin(AdminCommand::Outbox(args))) => {
            return admin::outbox::show(&args, global.insecure, output);
        }
        Some(Command::Serve(args)) => return serve::serve(&args, false, output),
        // These need no settings, and nobody's leave.
        Some(Command::Man(args)) => man::man(&args, output),
        Some(Command::Completions(args)) => completions::completions(&args, output),
    }?;
    Ok(Exit::Ok as u8)
}
