//! A running server.

use std::net::SocketAddr;
use std::sync::Arc;

use keywright_identity::oauth::OAuthKeys;
use keywright_identity::{Identity, IdentitySettings, Mailer, Mailroom};
use keywright_protocol::Clock;
use keywright_store::{RecordsReader, RecordsWriter, Store};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use url::Url;

use crate::api::{Api, ProviderChecks, auth_guide_page, router};
use crate::boot::{
    ClaimNotice, StartError, check_master_key, claim_file, database, dialler, first_claim, gateway_settings,
    instance_secret, listen, unusable, upstreams,
};
use crate::config::Config;
use crate::demo::Demo;
use crate::jobs::Jobs;
use crate::mail::{Outbox, Post};
use crate::oauth::introspections;
use crate::operations;
use crate::plane::{Guard, Plane, PlaneParts, Stage, acceptor, accounts};

/// A running server.
pub struct Server {
    address: SocketAddr,
    public_url: Url,
    operations: Option<SocketAddr>,
    claim: Option<ClaimNotice>,
    stage: watch::Sender<Stage>,
    plane: Plane,
    jobs: Jobs,
    operations_task: Option<JoinHandle<()>>,
    identity: Identity,
    reader: RecordsReader,
    writer: RecordsWriter,
    store: Arc<Store>,
}

impl Server {
    /// Starts a server. The current runtime is its control runtime: store, jobs and API live there and
    /// must go on running; model calls get threads of their own.
    ///
    /// # Errors
    /// [`StartError`]; nothing listens then.
    pub async fn start(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, StartError> {
        Self::start_with(config, clock, None).await
    }

    /// The same, with mails handed to `mailer`.
    ///
    /// # Errors
    /// [`StartError`]; nothing listens then.
    pub async fn start_with_mailer(
        config: &Config,
        clock: Arc<dyn Clock>,
        mailer: Arc<dyn Mailer>,
    ) -> Result<Self, StartError> {
        Self::start_with(config, clock, Some(mailer)).await
    }

    async fn start_with(
        config: &Config,
        clock: Arc<dyn Clock>,
        mailer: Option<Arc<dyn Mailer>>,
    ) -> Result<Self, StartError> {
        // Ports first: they fail most often, and nothing needs undoing.
        let listener = listen(config.listen)?;
        let address = listener.local_addr().map_err(|source| unusable(config.listen, source))?;
        let operations_listener = config.operations.map(listen).transpose()?;
        let operations = operations_listener.as_ref().and_then(|listener| listener.local_addr().ok());
        let tls = config.tls.as_ref().map(acceptor).transpose()?;
        let own = [Some(address), operations].into_iter().flatten().collect();
        let dialler = dialler(config.extra_ca.as_deref(), config.gateway.connect_timeout, own)?;

        let store = Arc::new(Store::open(&database(config)).await?);
        let master_keys = check_master_key(config, &store, clock.as_ref()).await?;
        let public_url = config.public_url(address);
        let mailer = match mailer {
            Some(mailer) => mailer,
            None => Arc::new(Post::open(config, &public_url, Arc::clone(&clock))?),
        };
        let mailroom = Mailroom { mailer, codes: master_keys.keyed_hash("mailbox codes") };
        let keys = OAuthKeys {
            user_codes: master_keys.keyed_hash("user codes"),
            links: master_keys.keyed_hash("links"),
            master: Arc::new(master_keys),
        };
        let settings = identity_settings(config, &public_url);
        let identity = Identity::with_keys(Arc::clone(&store), Arc::clone(&clock), settings, mailroom, keys);
        let instance = instance_secret(config)?;
        let claim = first_claim(config, &identity).await?;
        let writer = RecordsWriter::open(&store).await?;
        let reader = RecordsReader::open(&store).await?;

        let demo = if config.demo {
            Some(Demo::listen().await.map_err(|source| unusable(config.listen, source))?)
        } else {
            None
        };
        let upstreams = upstreams(&config.providers, demo.as_ref())?;
        let (stage, stages) = watch::channel(Stage::Running);
        let guard = |listen| {
            Guard::new(
                listen,
                public_url.clone(),
                config.server_hosts.clone(),
                config.trusted_proxies.clone(),
            )
        };
        let api = Arc::new(Api {
            identity: identity.clone(),
            store: Arc::clone(&store),
            records: reader.clone(),
            clock: Arc::clone(&clock),
            introspections: introspections(Arc::clone(&clock)),
            providers: ProviderChecks::new(&upstreams, dialler.clone()),
            temporary: config.auth.temporary,
            instance,
            claim_file: claim_file(config),
            auth_guide: auth_guide_page(config, &public_url),
            outbox: config.mail.server.is_none(),
            stage: stages.clone(),
        });
        operations::metrics();
        let operations_task = match (operations_listener, operations) {
            (Some(listener), Some(bound)) => {
                let serving = operations::serve(listener, guard(bound), Arc::clone(&api));
                Some(serving.map_err(|source| unusable(bound, source))?)
            }
            _ => None,
        };
        let settings = gateway_settings(config.gateway, config.auth, &upstreams, Arc::clone(&clock));
        let parts = PlaneParts {
            settings,
            upstreams,
            dialler,
            callers: accounts(identity.clone(), reader.clone(), Handle::current()),
            writer: writer.clone(),
            mode: config.records.mode,
            router: router(api),
            control: Handle::current(),
            guard: Arc::new(guard(address)),
            tls,
            drain: config.drain,
        };
        let plane = Plane::start(&parts, listener, config.data_plane_threads, &stages)
            .map_err(|source| unusable(address, source))?;
        let outbox = Outbox::of(&config.data_dir);
        let jobs = Jobs::start(&identity, &writer, outbox, &clock, config.records.retention);
        tracing::info!("listening on {address}");
        Ok(Self {
            address,
            public_url,
            operations,
            claim,
            stage,
            plane,
            jobs,
            operations_task,
            identity,
            reader,
            writer,
            store,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that clients use.
    pub fn public_url(&self) -> &Url {
        &self.public_url
    }

    /// Where the operations listener is, if there is one.
    pub fn operations(&self) -> Option<SocketAddr> {
        self.operations
    }

    /// The administrator code, when this start made one.
    pub fn claim(&self) -> Option<&ClaimNotice> {
        self.claim.as_ref()
    }

    /// The accounts, for programs that embed the server.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Takes nothing new, lets what runs end within the configured time, writes everything and closes.
    pub async fn stop(self) {
        // Only a server whose threads have all panicked has nobody to tell.
        let _ = self.stage.send(Stage::Draining);
        self.plane.ended().await;
        self.jobs.end().await;
        if let Some(task) = self.operations_task {
            task.abort();
        }
        self.reader.close().await;
        // The writer is the last to stop: until then every call can hand in its record.
        self.writer.shutdown().await;
        self.store.close().await;
        tracing::info!("stopped");
    }
}

fn identity_settings(config: &Config, public_url: &Url) -> IdentitySettings {
    let ttl = i64::try_from(config.auth.temporary_ttl.as_secs()).unwrap_or(i64::MAX);
    IdentitySettings {
        temporary_ttl_seconds: ttl,
        hide_accounts: config.auth.hide_accounts,
        signup: config.signup.clone(),
        issuer: public_url.as_str().trim_end_matches('/').to_owned(),
        resources: config.oauth.resources.clone(),
        registration: config.oauth.registration,
        ..IdentitySettings::default()
    }
}
