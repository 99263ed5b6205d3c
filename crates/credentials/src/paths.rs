//! Where the files lie.

use std::path::PathBuf;

use crate::Environment;

/// The files of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Settings, no secrets: `config.toml`.
    pub settings: PathBuf,
    /// Platform credentials: `credentials.json`.
    pub credentials: PathBuf,
    /// Provider credentials: `providers.json`.
    pub providers: PathBuf,
    /// Mailbox codes that were asked for: `pending.json`, beside the credentials.
    pub pending: PathBuf,
    /// The data folder, which holds a server's files and the records of local mode.
    pub data: PathBuf,
    /// Where configuration folders are made for agents: `agents`, beside the credentials.
    pub agents: PathBuf,
    /// What a server of this user writes so that its clients know it: `instance`, in the data folder.
    pub instance: PathBuf,
    /// The home folder, where agents keep their own settings.
    pub home: PathBuf,
}

impl Paths {
    /// The paths that `environment` leads to: `KEYWRIGHT_HOME` for all files, else the XDG folders on
    /// every system. The data folder is the server's and moves with `KEYWRIGHT_DATA_DIR` alone.
    ///
    /// # Errors
    /// [`NoHome`]
    pub fn of(environment: &Environment) -> Result<Self, NoHome> {
        let home = match environment.text("HOME") {
            Some(home) => PathBuf::from(home),
            None => etcetera::home_dir().map_err(|_| NoHome)?,
        };
        // The XDG specification: a path that is not absolute is to be ignored.
        let folder = |variable: &str, default: &str| match environment.text(variable).map(PathBuf::from) {
            Some(path) if path.is_absolute() => path.join("keywright"),
            _ => home.join(default).join("keywright"),
        };
        let own = environment.text("KEYWRIGHT_HOME").map(PathBuf::from);
        let settings = own.clone().unwrap_or_else(|| folder("XDG_CONFIG_HOME", ".config"));
        let credentials = own.unwrap_or_else(|| folder("XDG_STATE_HOME", ".local/state"));
        let data = environment
            .text("KEYWRIGHT_DATA_DIR")
            .map_or_else(|| folder("XDG_DATA_HOME", ".local/share"), PathBuf::from);
        Ok(Self {
            settings: settings.join("config.toml"),
            agents: credentials.join("agents"),
            credentials: credentials.join("credentials.json"),
            providers: credentials.join("providers.json"),
            pending: credentials.join("pending.json"),
            instance: data.join("instance"),
            data,
            home,
        })
    }
}

/// The system names no home folder for this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no home folder; set HOME or KEYWRIGHT_HOME")]
pub struct NoHome;

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(variables: &[(&str, &str)]) -> Paths {
        Paths::of(&variables.iter().copied().collect()).unwrap()
    }

    #[test]
    fn files_lie_in_the_xdg_folders() {
        let paths = paths(&[("HOME", "/h"), ("XDG_STATE_HOME", "/s"), ("XDG_CONFIG_HOME", "relative")]);
        assert_eq!(paths.settings, PathBuf::from("/h/.config/keywright/config.toml"));
        assert_eq!(paths.credentials, PathBuf::from("/s/keywright/credentials.json"));
        assert_eq!(paths.providers, PathBuf::from("/s/keywright/providers.json"));
        assert_eq!(paths.instance, PathBuf::from("/h/.local/share/keywright/instance"));
        assert_eq!(paths.data, PathBuf::from("/h/.local/share/keywright"));
    }

    #[test]
    fn one_variable_moves_all_files_and_another_the_data_folder() {
        let paths = paths(&[("HOME", "/h"), ("KEYWRIGHT_HOME", "/k"), ("KEYWRIGHT_DATA_DIR", "/d")]);
        assert_eq!(paths.settings, PathBuf::from("/k/config.toml"));
        assert_eq!(paths.credentials, PathBuf::from("/k/credentials.json"));
        assert_eq!(paths.agents, PathBuf::from("/k/agents"));
        assert_eq!(paths.instance, PathBuf::from("/d/instance"));
    }
}
