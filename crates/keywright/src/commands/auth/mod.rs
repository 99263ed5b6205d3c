//! `keywright auth`: an account and a key with nothing but a mailbox, in two commands.
//!
//! The first has a code mailed, the second presents it. The key that comes back is kept as a profile and
//! never printed.

mod complete;
mod login;
mod pending;
mod place;
mod request;
mod shown;
mod signup;
mod upgrade;

use clap::Subcommand;
use keywright_credentials::CodePurpose;

use crate::arguments::Global;
use crate::error::CommandError;
use crate::output::Output;

/// Which step.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Have a code mailed to a mailbox that has no account yet
    SignupRequest(request::RequestArgs),
    /// Make the account with the mailed code, and keep its key as a profile
    SignupComplete(signup::SignupArgs),
    /// Have a code mailed to the mailbox of an account
    LoginRequest(request::RequestArgs),
    /// Get a new key with the mailed code, and keep it as a profile
    LoginComplete(login::LoginArgs),
}

/// Does it.
pub(crate) async fn run(command: AuthCommand, global: Global, output: Output) -> Result<(), CommandError> {
    match command {
        AuthCommand::SignupRequest(args) => request::request(CodePurpose::Signup, args, global, output).await,
        AuthCommand::SignupComplete(args) => signup::complete(args, global, output).await,
        AuthCommand::LoginRequest(args) => request::request(CodePurpose::Login, args, global, output).await,
        AuthCommand::LoginComplete(args) => login::complete(args, global, output).await,
    }
}
