//! What may be typed.

use clap::{Args, Parser, Subcommand};
use keywright_credentials::ProfileName;
use keywright_secret::Secret;

use crate::commands::{
    admin, auth, completions, login, logout, man, orgs, profiles, run, serve, tokens, usage, why,
};

/// The credential plane for AI coding agents.
///
/// Without a command, shows where things stand and what to do next.
#[derive(Debug, Parser)]
#[command(name = "keywright", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Arguments {
    /// Whether each step of the command is told as it comes, by a line of its own.
    pub(crate) fn tells_steps(&self) -> bool {
        let (Some(Command::Login(args)) | Some(Command::Auth(auth::AuthCommand::Login(args)))) =
            &self.command
        else {
            return false;
        };
        args.tells_steps() && self.global.api_key.is_none()
    }
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The server to use, instead of KEYWRIGHT_SERVER or the profile's
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The token to use this once, or under `login` to store; KEYWRIGHT_API_KEY hides it from other users of
    /// the machine
    #[arg(long, global = true, value_name = "KEY", value_parser = secret)]
    pub(crate) api_key: Option<Secret>,
    /// The profile to use, instead of KEYWRIGHT_PROFILE or the active one
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<ProfileName>,
    /// Prints JSON, errors too
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Makes no temporary account; so does KEYWRIGHT_NO_TEMPORARY=1
    #[arg(long, global = true)]
    pub(crate) no_temporary: bool,
    /// Sends credentials in the clear to an http:// server that is not on this machine
    #[arg(long, global = true)]
    pub(crate) insecure: bool,
    /// Says more of what is done
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// The commands, in the order of the help text.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the server: accounts, keys, gateway and records
    Serve(serve::ServeArgs),
    /// Start a program that calls models through Keywright
    Run(run::RunArgs),
    /// Sign in by browser or device code, or store an API key that was made elsewhere
    ///
    /// A key comes from a file or from standard input, or from `--api-key`, which other users of the machine can see.
    /// With `--json` each step is one line, so that a program can show the address and the code to its person.
    Login(login::LoginArgs),
    /// Forget the session, the stored key and the temporary account of the profile
    Logout(logout::LogoutArgs),
    /// List the profiles, choose the one that counts, forget one
    #[command(subcommand)]
    Profiles(profiles::ProfilesCommand),
    /// Show the server, the credential that counts, and what it shadows
    Status,
    /// Show whose credential this is and what it may do
    Whoami,
    /// Sign up or in with a mailbox and no browser: a mailed code becomes a key
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// Organizations, their members, invitations and service accounts
    #[command(subcommand)]
    Orgs(orgs::OrgsCommand),
    /// Make, list, rotate and delete API keys
    #[command(subcommand)]
    Tokens(tokens::TokensCommand),
    /// Show the models of the providers behind the server
    Models,
    /// Show tokens used by model, or the calls one by one
    Usage(usage::UsageArgs),
    /// Explain one call: who, with which credential, what came of it and what would mend it
    Why(why::WhyArgs),
    /// Check files, server, clock, token, providers and agents, and say what mends what is wrong
    Doctor,
    /// Administer a server
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Print the manual page, or write one for each command
    Man(man::ManArgs),
    /// Print the completion script of a shell
    Completions(completions::CompletionsArgs),
}

/// Never fails, and so never repeats the key in a message.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_tree_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_key_on_the_command_line_is_not_in_the_debug_text() {
        let arguments = Arguments::parse_from(["keywright", "--api-key", "canary", "status"]);
        assert!(!format!("{arguments:?}").contains("canary"));
    }
}
