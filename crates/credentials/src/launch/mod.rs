//! Starting an agent through the gateway, with nothing to configure.
//!
//! The agent gets a token of its own in its environment, never in its arguments; whatever would win
//! over that token is taken out of the environment, and settings of the project that would send the
//! agent's traffic elsewhere are refused.

mod agent;
mod child;
mod command_line;
mod conceal;
mod no_proxy;
mod settings;
mod variables;
mod version;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use keywright_client::ServerUrl;
use keywright_secret::Secret;

pub use agent::Agent;
pub use conceal::conceal_process;
pub use settings::SettingsFile;
pub use variables::Removal;
pub use version::{NoVersion, find_program, version};

use crate::Environment;
use settings::Findings;

/// What is to be started, and where.
pub struct LaunchRequest<'a> {
    /// The program, a name or a path.
    pub program: &'a OsStr,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// The environment that it would have had.
    pub environment: &'a Environment,
    /// The server whose gateway it shall use.
    pub server: &'a ServerUrl,
    /// The user's home folder.
    pub home: &'a Path,
    /// The folder that it starts in.
    pub folder: &'a Path,
    /// Whether the project's own settings of the agent are trusted.
    pub trust_project: bool,
}

/// A program that is ready to start, but for its token.
pub struct Launch {
    agent: Agent,
    program: OsString,
    arguments: Vec<OsString>,
    environment: Environment,
    /// The variables that were set and are taken out.
    pub removed: Vec<&'static Removal>,
    /// Settings files that would have won and are overridden. Tell the user.
    pub overridden: Vec<SettingsFile>,
    /// Settings files that would win in a Claude Code that the program starts, where they cannot be
    /// overridden: project settings if nothing says that it starts one, else those that are trusted and
    /// the user's own, which only newer versions of Claude Code then ignore. Warn the user.
    pub standing: Vec<SettingsFile>,
}

impl Launch {
    /// Prepares the environment and arguments. Nothing is sent or started.
    ///
    /// # Errors
    /// [`LaunchError::ProjectRedirects`] and [`LaunchError::ProjectUnreadable`].
    pub fn prepare(request: &LaunchRequest<'_>) -> Result<Self, LaunchError> {
        let agent = Agent::of(request.program, request.arguments);
        let Findings { overridden, standing } = settings::inspect(agent, request)?;
        let mut environment = request.environment.clone();
        let removed = agent.removals().filter(|removal| environment.remove(removal.name)).collect();
        for (name, value) in agent.addresses(request.server) {
            environment.set(name, value);
        }
        no_proxy::merge(&mut environment, request.server);
        let mut arguments = settings::arguments(&overridden, request);
        arguments.extend(request.arguments.iter().cloned());
        let program = request.program.to_owned();
        Ok(Self { agent, program, arguments, environment, removed, overridden, standing })
    }

    /// Starts the program with `token`, passes signals on, and waits; the code to exit with, which is
    /// 128 and the signal's number when a signal ended it.
    ///
    /// # Errors
    /// [`LaunchError::NotFound`] and [`LaunchError::NotStarted`].
    pub async fn run(mut self, token: &Secret) -> Result<u8, LaunchError> {
        for name in self.agent.token_variables() {
            self.environment.set(name, token.expose());
        }
        child::run(&self.program, &self.arguments, &self.environment).await
    }
}

/// The program was not started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Settings in the working folder would send the agent's traffic, or its credential, elsewhere.
    #[error("{} changes where the agent sends its calls or credentials: {}", path.display(), settings.join(", "))]
    ProjectRedirects {
        /// The file.
        path: PathBuf,
        /// The settings in it.
        settings: Vec<String>,
    },
    /// Settings in the working folder cannot be checked.
    #[error("{} cannot be read as JSON, so what it changes cannot be known", path.display())]
    ProjectUnreadable {
        /// The file.
        path: PathBuf,
    },
    /// There is no program of that name.
    #[error("there is no program `{program}`")]
    NotFound {
        /// Its name as it was given.
        program: String,
    },
    /// The program is there, but could not be started.
    #[error("`{program}` cannot be started")]
    NotStarted {
        /// Its name as it was given.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
