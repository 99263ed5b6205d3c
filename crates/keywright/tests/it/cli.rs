//! The command line and a server in the test that it talks to.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use crate::fake_api::FakeApi;
pub(crate) use crate::home::Ended;
use crate::home::Home;

/// A home folder and the server that its command line talks to.
pub(crate) struct Cli {
    pub(crate) home: Home,
    pub(crate) api: FakeApi,
}

impl Cli {
    pub(crate) fn new() -> Self {
        Self { home: Home::new(), api: FakeApi::start() }
    }

    /// The binary, ready for arguments; it is told of no server.
    pub(crate) fn bare(&self) -> Command {
        self.home.command([""; 0])
    }

    /// The same, told of the server.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = self.home.command(arguments);
        command.env("KEYWRIGHT_SERVER", &self.api.url);
        command
    }

    /// Runs it to its end.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Ended {
        Ended::of(&mut self.command(arguments))
    }

    pub(crate) fn credentials(&self) -> PathBuf {
        self.home.credentials()
    }
}
