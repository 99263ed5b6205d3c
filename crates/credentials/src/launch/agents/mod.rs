//! What is known of each agent, as data: one file an agent.

pub(super) mod aider;
pub(super) mod claude_code;
pub(super) mod codex;
pub(super) mod gemini_cli;
pub(super) mod opencode;
pub(super) mod pi;

use std::ffi::OsString;
use std::path::PathBuf;

use super::overlay::Plan;
use super::variables::Removal;
use super::{LaunchError, LaunchRequest, Variable};

/// How an agent is led to the gateway.
pub(super) struct Recipe {
    /// What it is called.
    pub(super) name: &'static str,
    /// The file name of its program.
    pub(super) program: &'static str,
    /// The last parts of the names of the packages that it comes in.
    pub(super) packages: &'static [&'static str],
    /// The command that installs it.
    pub(super) install: &'static str,
    /// What it reads as a credential for models, or as the way to them.
    pub(super) removals: &'static [&'static [Removal]],
    /// Looks at the settings files that would win over what it is given.
    pub(super) inspect: fn(&LaunchRequest<'_>, Place) -> Result<Findings, LaunchError>,
    /// What it is given.
    pub(super) setup: fn(&LaunchRequest<'_>, &Findings) -> Setup,
}

/// Where the agent stands in the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the program that is started, and can be given arguments.
    Itself,
    /// Another program starts it.
    Behind,
    /// Nothing says that it is started at all.
    Unnamed,
}

/// What an agent is given. No argument holds a secret: everybody can read them.
#[derive(Default)]
pub(super) struct Setup {
    /// Variables.
    pub(super) variables: Vec<Variable>,
    /// Arguments before its own.
    pub(super) arguments: Vec<OsString>,
    /// The configuration folder that is made for it.
    pub(super) folder: Option<Plan>,
    /// What the user may want to know.
    pub(super) notes: Vec<String>,
}

/// A settings file that would win over what the agent is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsFile {
    /// The file.
    pub path: PathBuf,
    /// The settings in it that would, such as `env.NAME` or the name of a helper.
    pub settings: Vec<String>,
}

impl SettingsFile {
    /// The file, if anything in it would win.
    pub(super) fn of(path: PathBuf, settings: Vec<String>) -> Option<Self> {
        (!settings.is_empty()).then_some(Self { path, settings })
    }
}

/// What came of looking at settings files.
#[derive(Default)]
pub(super) struct Findings {
    /// What the agent's arguments and variables take back.
    pub(super) overridden: Vec<SettingsFile>,
    /// What nothing takes back.
    pub(super) standing: Vec<SettingsFile>,
}

impl Findings {
    /// Project settings: refused unless trusted, then overridden.
    pub(super) fn of_project(
        request: &LaunchRequest<'_>,
        place: Place,
        found: impl IntoIterator<Item = Result<SettingsFile, LaunchError>>,
    ) -> Result<Self, LaunchError> {
        let mut findings = Self::default();
        if place == Place::Unnamed {
            return Ok(findings);
        }
        for file in found {
            match file {
                Err(_) if request.trust_project => {}
                Err(error) => return Err(error),
                Ok(SettingsFile { path, settings }) if !request.trust_project => {
                    return Err(LaunchError::ProjectRedirects { path, settings });
                }
                Ok(file) => findings.overridden.push(file),
            }
        }
        Ok(findings)
    }
}
