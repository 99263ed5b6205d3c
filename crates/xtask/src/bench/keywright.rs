//! Keywright as it is shipped, with a provider of its own and an account that lasts.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Fallible;
use super::control::Session;
use super::part::{Cores, Part, free_address};

/// What a Keywright is started with.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// On which cores.
    pub(super) cores: Cores,
    /// The program.
    pub(super) binary: PathBuf,
    /// The folder of its files.
    pub(super) folder: PathBuf,
    /// The provider's address.
    pub(super) provider: SocketAddr,
}

/// A running Keywright.
#[derive(Debug)]
pub(super) struct Keywright {
    /// The process.
    pub(super) part: Part,
    /// The token of the account.
    pub(super) account: String,
    /// A key of the account that may call models, alone in a list.
    pub(super) keys: Vec<String>,
}

impl Keywright {
    /// Starts one in a new folder and makes an account and a key.
    pub(super) fn start(setting: &Setting) -> Fallible<Self> {
        let part = setting.serve()?;
        let mut session = Session::open(part.address)?;
        let temporary = session.call("POST", "/api/v1/auth/temporary", "", Some(&json!({})))?;
        let account = temporary["token"].as_str().unwrap_or_default().to_owned();
        // Temporary accounts share a small rate; one that was claimed lasts and is free of it.
        let code = read_when_there(&setting.folder.join("admin-claim"))?;
        session.call("POST", "/api/v1/admin/claim", &account, Some(&json!({ "code": code.trim() })))?;
        let made = session.call("POST", "/api/v1/keys", &account, Some(&json!({ "name": "bench" })))?;
        let key = made["raw"].as_str().unwrap_or_default().to_owned();
        Ok(Self { part, account, keys: vec![key] })
    }
}

impl Setting {
    /// Starts one. What is not said here is as shipped: strict records, SQLite.
    pub(super) fn serve(&self) -> Fallible<Part> {
        self.serve_with(&[])
    }

    /// The same with more settings, as they stand on a command line.
    pub(super) fn serve_with(&self, more: &[&str]) -> Fallible<Part> {
        let failed = |error: std::io::Error| format!("keywright: {error}");
        fs::create_dir_all(&self.folder).map_err(failed)?;
        let configuration = self.folder.join("keywright.toml");
        let providers = format!(
            "[providers.anthropic]\nbase_url = \"http://{}\"\nkeys = [\"env:BENCH_PROVIDER_KEY\"]\n",
            self.provider
        );
        fs::write(&configuration, providers).map_err(failed)?;
        let address = free_address()?;
        let mut command = self.cores.proxy(&self.binary);
        command.args(["serve", "--operations-listen", "off", "--data-plane-threads", "1", "--listen"]);
        command.arg(address.to_string()).arg("--config").arg(&configuration);
        command.arg("--data-dir").arg(&self.folder).args(more);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", &self.folder).env("BENCH_PROVIDER_KEY", "sk-ant-bench-provider-key");
        let log = self.folder.join("log");
        command.stdout(Stdio::null()).stderr(fs::File::create(&log).map_err(failed)?);
        Part::started("keywright", command.spawn().map_err(failed)?, address)
            .map_err(|reason| format!("{reason}: {}", fs::read_to_string(&log).unwrap_or_default()))
    }
}

fn read_when_there(path: &Path) -> Fallible<String> {
    let begun = Instant::now();
    loop {
        match fs::read_to_string(path) {
            Ok(text) => return Ok(text),
            Err(error) if begun.elapsed() > Duration::from_secs(10) => {
                return Err(format!("{}: {error}", path.display()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
