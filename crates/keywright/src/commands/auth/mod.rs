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

/// Signing in and out, by whichever way.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Sign in by browser or device code, or store an API key; the same as `keywright login`
    Login(super::login::LoginArgs),
    /// Forget session, stored key and temporary account; the same as `keywright logout`
    Logout(super::logout::LogoutArgs),
    /// Show the server and the credential that counts; the same as `keywright status`
    Status,
    #[command(flatten)]
    Mailbox(MailboxCommand),
}

/// Which step.
#[derive(Debug, Subcommand)]
pub(crate) enum MailboxCommand {
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
pub(crate) async fn run(command: MailboxCommand, global: Global, output: Output) -> Result<(), CommandError> {
    match command {
        MailboxCommand::SignupRequest(args) => {
            request::request(CodePurpose::Signup, args, global, output).await
        }
        MailboxCommand::SignupComplete(args) => signup::complete(args, global, output).await,
        MailboxCommand::LoginRequest(args) => {
            request::request(CodePurpose::Login, args, global, output).await
        }
        MailboxCommand::LoginComplete(args) => login::complete(args, global, output).await,
    }
}
