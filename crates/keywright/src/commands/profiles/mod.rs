//! `keywright profiles`: the servers and organizations that this user has credentials for.
//!
//! None of these needs a server that can be reached, or a choice that makes sense: they mend it.

mod choose;
mod list;
mod rm;

use std::sync::Arc;

use clap::Subcommand;
use keywright_credentials::{CredentialFile, Credentials, Environment, Paths, SettingsFile};
use keywright_protocol::{Clock, SystemClock};

pub(super) use rm::{delete_itself, is_dead};

use crate::arguments::Global;
use crate::context::report_set_aside;
use crate::error::CommandError;
use crate::output::Output;
use crate::runtime::block_on;

/// What to do with profiles.
#[derive(Debug, Subcommand)]
pub(crate) enum ProfilesCommand {
    /// List the profiles, with the credential of each and when it ends
    #[command(visible_alias = "ls")]
    List,
    /// Make a profile the active one: it counts where none is named
    Use(choose::UseArgs),
    /// Forget a profile and what is stored in it
    #[command(visible_alias = "remove")]
    Rm(rm::RmArgs),
}

/// Does it.
pub(crate) fn run(global: Global, command: ProfilesCommand, output: Output) -> Result<(), CommandError> {
    let place = Place::new(global, output)?;
    match command {
        ProfilesCommand::List => list::list(&place),
        ProfilesCommand::Use(args) => choose::choose(&place, &args),
        ProfilesCommand::Rm(args) => block_on(rm::rm(&place, args)),
    }
}

/// Where profiles are kept.
struct Place {
    output: Output,
    global: Global,
    environment: Environment,
    paths: Paths,
    settings_file: SettingsFile,
    credential_file: CredentialFile,
    clock: Arc<dyn Clock>,
}

impl Place {
    fn new(global: Global, output: Output) -> Result<Self, CommandError> {
        let environment = Environment::of_process();
        let paths = Paths::of(&environment)?;
        Ok(Self {
            output,
            global,
            environment,
            settings_file: SettingsFile::new(&paths.settings),
            credential_file: CredentialFile::new(&paths.credentials),
            paths,
            clock: Arc::new(SystemClock),
        })
    }

    /// What is stored. A damaged file is set aside, and told.
    fn stored(&self) -> Result<Credentials, CommandError> {
        let opened = self.credential_file.read(self.clock.as_ref())?;
        report_set_aside(self.output, self.credential_file.path(), opened.set_aside.as_deref());
        Ok(opened.credentials)
    }
}
