//! What a test server is started with.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use keywright_identity::Postbox;
use keywright_secret::Secret;
use keywright_server::config::Config;
use keywright_store::Database;
use keywright_store::testing::Scene;
use tempfile::TempDir;

use crate::audit::Seen;
use crate::server::{TestServer, begin};
use crate::{FakeClock, FakeProvider, log};

/// What a test server is started with: SQLite in a folder of its own, and providers of all three
/// dialects behind one [`FakeProvider`], unless a test says otherwise.
pub struct Setup {
    flags: BTreeMap<String, String>,
    providers: BTreeMap<String, String>,
    postgres: Option<Secret>,
    /// Kept so that the database lives as long as the server.
    folder: TempDir,
    provider: FakeProvider,
}

/// The central key of a provider.
pub fn central_key(provider: &str) -> String {
    format!("central-{provider}-5f0c91d2ab37e648")
}

impl Setup {
    /// The usual one.
    pub async fn new() -> Self {
        let provider = FakeProvider::start().await;
        let at = format!("http://{}", provider.address());
        let mut flags = BTreeMap::new();
        for (path, value) in [
            ("listen", "127.0.0.1:0"),
            ("operations.listen", "127.0.0.1:0"),
            // More than one, so that what must hold between them is tried.
            ("data_plane.threads", "2"),
            ("drain", "1s"),
        ] {
            flags.insert(path.to_owned(), value.to_owned());
        }
        let setup = Self {
            flags,
            providers: BTreeMap::new(),
            postgres: None,
            folder: tempfile::tempdir().expect("a temporary folder"),
            provider,
        };
        setup
            .provider("anthropic", "anthropic", &at)
            .provider("openai", "openai", &format!("{at}/v1"))
            .provider("google", "gemini", &at)
    }

    /// With a setting, as on the command line: `gateway.max_body`.
    #[must_use]
    pub fn set(mut self, path: &str, value: &str) -> Self {
        self.flags.insert(path.to_owned(), value.to_owned());
        self
    }

    /// With a provider, new or in place of the one of that name. Its key is [`central_key`].
    #[must_use]
    pub fn provider(self, name: &str, dialect: &str, base_url: &str) -> Self {
        let keys = format!("keys = [\"env:{}\"]", variable(name));
        self.provider_table(name, &format!("dialect = \"{dialect}\"\nbase_url = \"{base_url}\"\n{keys}"))
    }

    /// With a provider that has no key.
    #[must_use]
    pub fn provider_without_key(self, name: &str, dialect: &str, base_url: &str) -> Self {
        self.provider_table(name, &format!("dialect = \"{dialect}\"\nbase_url = \"{base_url}\""))
    }

    /// Without the provider of that name.
    #[must_use]
    pub fn without_provider(mut self, name: &str) -> Self {
        self.providers.remove(name);
        self
    }

    fn provider_table(mut self, name: &str, table: &str) -> Self {
        self.providers.insert(name.to_owned(), table.to_owned());
        self
    }

    /// Where the fake provider is, for further providers that it is to be.
    pub fn upstream(&self) -> String {
        format!("http://{}", self.provider.address())
    }

    /// The folder of the server's files.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Starts the server.
    pub async fn start(mut self) -> TestServer {
        log::keep();
        let mut text = String::new();
        let mut environment = BTreeMap::new();
        let mut keys = Vec::new();
        for (name, table) in &self.providers {
            writeln!(text, "[providers.{name}]\n{table}").expect("a text");
            environment.insert(variable(name), central_key(name));
            keys.push(central_key(name));
        }
        if let Some(url) = &self.postgres {
            self.flags.insert("database".to_owned(), url.expose().to_owned());
        }
        let data = self.folder.path().join("data");
        self.flags.insert("data_dir".to_owned(), data.display().to_string());
        let file = self.folder.path().join("keywright.toml");
        std::fs::write(&file, text).expect("a configuration");
        let (config, _) = Config::load(&self.flags, &environment, Some(file)).expect("a good configuration");
        // Unless a test is about the mails themselves.
        let post = Arc::new(Postbox::default());
        let mailer = (!self.flags.keys().any(|path| path.starts_with("mail."))).then(|| Arc::clone(&post));
        let clock = Arc::new(FakeClock::default());
        let server = begin(&config, &clock, mailer.as_ref()).await;
        TestServer {
            server: Some(server),
            config,
            clock,
            post,
            mailer,
            provider: self.provider,
            seen: Arc::new(Seen::default()),
            keys,
            token_in_body: false,
            _folder: self.folder,
        }
    }
}

/// Runs `test` with a server on SQLite, then with one on PostgreSQL in a database made for it.
///
/// # Panics
/// When the test does, or when there is no PostgreSQL to be had.
pub async fn on_both<F, T>(test: F)
where
    F: Fn(Setup) -> T,
    T: Future<Output = ()>,
{
    let test = &test;
    keywright_store::testing::on_both(|scene: Scene| async move {
        scene.store.close().await;
        let mut setup = Setup::new().await;
        if let Database::Postgres { url } = &scene.database {
            setup.postgres = Some(url.clone());
        }
        test(setup).await;
    })
    .await;
}

fn variable(provider: &str) -> String {
    format!("CENTRAL_{}", provider.replace('-', "_").to_uppercase())
}
