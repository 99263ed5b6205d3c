//! Starting an agent through the gateway, with nothing to configure.
//!
//! The agent gets a token of its own in its environment, never in its arguments; whatever would win
//! over that token is taken out of the environment, and settings of the project that would send the
//! agent's traffic elsewhere are refused.

mod agent;
mod agents;
mod child;
mod command_line;
mod conceal;
mod no_proxy;
mod overlay;
mod project;
mod shell;
mod variables;
mod version;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use keywright_client::ServerUrl;
use keywright_secret::Secret;

pub use agent::Agent;
pub use agents::SettingsFile;
pub use conceal::conceal_process;
pub use shell::{always_quoted, shell_quoted};
pub use variables::{Removal, TOKEN_VARIABLE, Variable};
pub use version::{NoVersion, find_program, version};

use crate::Environment;
use agent::Started;
use agents::{Findings, Place, Setup};
use overlay::{Overlay, Plan};

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
    /// Where configuration folders are made for agents that need one.
    pub agents: &'a Path,
    /// Whether the project's own settings of the agent are trusted.
    pub trust_project: bool,
}

/// A program that is ready to start, but for its token.
pub struct Launch {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Environment,
    plans: Vec<(Agent, Plan)>,
    agents: PathBuf,
    /// The agents that it is, or names in its arguments.
    pub started: Vec<Agent>,
    /// The variables that were set and are taken out.
    pub removed: Vec<&'static Removal>,
    /// The variables that are set, but for those that lead to a configuration folder.
    pub variables: Vec<Variable>,
    /// Settings files that would have won and are overridden. Tell the user.
    pub overridden: Vec<SettingsFile>,
    /// Settings files that would win and cannot be overridden: in a Claude Code that the program starts
    /// (project settings if nothing says that it starts one, else those that are trusted and the user's
    /// own, which only newer versions of it then ignore), and trusted ones that an agent reads last. Warn
    /// the user.
    pub standing: Vec<SettingsFile>,
    /// What else the user should hear of.
    pub notes: Vec<String>,
}

impl Launch {
    /// Prepares the environment and arguments. Nothing is sent, made or started.
    ///
    /// # Errors
    /// [`LaunchError::ProjectRedirects`] and [`LaunchError::ProjectUnreadable`].
    pub fn prepare(request: &LaunchRequest<'_>) -> Result<Self, LaunchError> {
        let started = Started::by(request.program, request.arguments);
        let mut environment = request.environment.clone();
        let removals = started.removals().into_iter();
        let removed = removals.filter(|removal| environment.remove(removal.name)).collect();
        no_proxy::merge(&mut environment, request.server);
        let mut launch = Self {
            program: request.program.to_owned(),
            arguments: request.arguments.to_vec(),
            environment,
            plans: Vec::new(),
            agents: request.agents.to_owned(),
            started: started.agents().to_vec(),
            removed,
            variables: Vec::new(),
            overridden: Vec::new(),
            standing: Vec::new(),
            notes: Vec::new(),
        };
        let place = match &started {
            Started::Agent(_) => Place::Itself,
            Started::Behind(_) => Place::Behind,
            Started::Other => Place::Unnamed,
        };
        for agent in launch.started.clone() {
            let findings = (agent.recipe().inspect)(request, place)?;
            let setup = (agent.recipe().setup)(request, &findings);
            launch.add(agent, place, findings, setup);
        }
        if place != Place::Itself {
            launch.add_common(request)?;
        }
        Ok(launch)
    }

    fn add(&mut self, agent: Agent, place: Place, findings: Findings, setup: Setup) {
        let at = match place {
            Place::Itself => Some(0),
            _ => command_line::place_of_arguments(&self.program, &self.arguments, agent),
        };
        match at {
            Some(at) => drop(self.arguments.splice(at..at, setup.arguments)),
            None if setup.arguments.is_empty() => {}
            None => self.notes.push(format!(
                "{} can be led to the gateway by arguments alone, and here they cannot be given: start it \
                 as `keywright run -- {}`.",
                agent.name(),
                agent.program()
            )),
        }
        for variable in setup.variables {
            self.set(variable);
        }
        self.overridden.extend(findings.overridden);
        self.standing.extend(findings.standing);
        self.plans.extend(setup.folder.map(|plan| (agent, plan)));
        self.notes.extend(setup.notes);
    }

    /// What other programs get, unless an agent would mind it.
    fn add_common(&mut self, request: &LaunchRequest<'_>) -> Result<(), LaunchError> {
        let root = request.server.to_string();
        let versioned = format!("{root}/v1");
        for (name, value) in [
            ("ANTHROPIC_BASE_URL", &root),
            ("ANTHROPIC_API_BASE", &root),
            ("OPENAI_BASE_URL", &versioned),
            ("OPENAI_API_BASE", &versioned),
            ("GOOGLE_GEMINI_BASE_URL", &root),
        ] {
            self.set(Variable::new(name, value.as_str()));
        }
        // Claude Code sends this one beside its token.
        if !self.started.contains(&Agent::ClaudeCode) {
            self.set(Variable::token("ANTHROPIC_API_KEY"));
            if self.started.is_empty() {
                let findings = (Agent::ClaudeCode.recipe().inspect)(request, Place::Unnamed)?;
                self.standing.extend(findings.standing);
            }
        }
        self.set(Variable::token("OPENAI_API_KEY"));
        self.set(Variable::token("GEMINI_API_KEY"));
        Ok(())
    }

    fn set(&mut self, variable: Variable) {
        if self.variables.iter().all(|known| known.name != variable.name) {
            self.variables.push(variable);
        }
    }

    /// The configuration folders that a run makes: the variable, and what stands in the place of what.
    pub fn folders(&self) -> impl Iterator<Item = String> {
        self.plans.iter().map(|(_, plan)| {
            format!(
                "{} leads to a folder in {} for as long as it runs: {} of its own, the rest linked to {}",
                plan.variable,
                self.agents.display(),
                plan.file,
                plan.source.display()
            )
        })
    }

    /// The same start without this program, for a shell: the token is in a variable of the shell's.
    pub fn plain_command(&self) -> String {
        let mut parts = vec!["env".to_owned()];
        parts.extend(self.removed.iter().map(|removal| format!("-u {}", removal.name)));
        let merged =
            no_proxy::SPELLINGS.iter().filter_map(|name| Some((*name, self.environment.text(name)?)));
        parts.extend(merged.map(|(name, value)| format!("{name}={}", shell_quoted(value))));
        parts.extend(
            self.variables.iter().map(|variable| format!("{}={}", variable.name, variable.for_shell())),
        );
        parts.extend(self.plans.iter().map(|(agent, plan)| {
            format!("{}={}", plan.variable, shell_quoted(&self.lasting(*agent).to_string_lossy()))
        }));
        parts.extend(self.command().iter().map(|word| shell_quoted(word)));
        parts.join(" ")
    }

    /// The program and its arguments; what is not Unicode in them is replaced.
    pub fn command(&self) -> Vec<String> {
        let words = std::iter::once(&self.program).chain(&self.arguments);
        words.map(|word| word.to_string_lossy().into_owned()).collect()
    }

    /// What a shell must set and unset so that the program can be started there. Makes the configuration
    /// folders it needs; they stay, and are renewed the next time.
    ///
    /// # Errors
    /// [`LaunchError::Folder`]
    pub fn for_shell(&self, token: &Secret) -> Result<ForShell, LaunchError> {
        let mut set: BTreeMap<String, Secret> =
            self.variables.iter().map(|it| (it.name.to_owned(), it.value(token))).collect();
        for name in no_proxy::SPELLINGS {
            set.extend(self.environment.text(name).map(|value| (name.to_owned(), Secret::new(value))));
        }
        let mut folders = Vec::new();
        for (agent, plan) in &self.plans {
            let folder = Overlay::lasting(plan, &self.lasting(*agent))?.folder;
            set.insert(plan.variable.to_owned(), Secret::new(folder.to_string_lossy().into_owned()));
            folders.push(folder);
        }
        let unset = self.removed.iter().map(|removal| removal.name.to_owned());
        Ok(ForShell { unset: unset.filter(|name| !set.contains_key(name)).collect(), set, folders })
    }

    /// The agent's configuration folder that stays.
    fn lasting(&self, agent: Agent) -> PathBuf {
        self.agents.join(agent.program())
    }

    /// Starts the program with `token` and waits for it. Its exit code; as shells have it, 128 and the
    /// number of the signal that ended it. Nothing that was made for it is left behind.
    ///
    /// # Errors
    /// [`LaunchError::Folder`], [`LaunchError::NotFound`] and [`LaunchError::NotStarted`].
    pub async fn run(mut self, token: &Secret) -> Result<u8, LaunchError> {
        // Before anything is there, so that no signal ends this process and leaves it behind.
        let signals = child::Signals::listen().map_err(|source| LaunchError::NotStarted {
            program: self.program.to_string_lossy().into_owned(),
            source,
        })?;
        for variable in &self.variables {
            self.environment.set(variable.name, variable.value(token).expose());
        }
        let mut overlays = Vec::new();
        let mut outcome = Ok(());
        for (_, plan) in &self.plans {
            match Overlay::temporary(plan, &self.agents) {
                Ok(overlay) => {
                    self.environment.set(plan.variable, overlay.folder.as_os_str());
                    overlays.push(overlay);
                }
                Err(error) => outcome = Err(error),
            }
        }
        let outcome = match outcome {
            Ok(()) => child::run(&self.program, &self.arguments, &self.environment, signals).await,
            Err(error) => Err(error),
        };
        overlays.into_iter().for_each(Overlay::close);
        outcome
    }
}

/// What a shell must do so that a program can be started in it.
pub struct ForShell {
    /// The variables to set; some hold the token.
    pub set: BTreeMap<String, Secret>,
    /// The variables to unset.
    pub unset: std::collections::BTreeSet<String>,
    /// The configuration folders that were made.
    pub folders: Vec<PathBuf>,
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
    #[error("{} cannot be read, so what it changes cannot be known", path.display())]
    ProjectUnreadable {
        /// The file.
        path: PathBuf,
    },
    /// The agent's configuration folder cannot be made.
    #[error("the agent's configuration cannot be laid out at {}", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no program of that name.
    #[error("there is no program `{program}`")]
    NotFound {
        /// Its name as it was given.
        program: String,
        /// The agent that it would be.
        agent: Option<Agent>,
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
