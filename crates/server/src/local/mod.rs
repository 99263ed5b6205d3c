//! Local mode: the gateway of a server for the life of one program, without a server.
//!
//! The same data plane as a server's, on one thread and a loopback port of the system's choice. It knows
//! one caller, by a token made for this run; there are no accounts, no JSON API and no other listener.
//! Records go to a file that all runs of the user share.

mod discover;
mod principals;
mod probe;
mod records;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use keywright_protocol::{Clock, SystemClock};
use keywright_secret::{PlatformToken, Secret, TokenKind};
use keywright_store::{LocalRecords, RecordsReader, RecordsWriter};
use tokio::runtime::Handle;
use tokio::sync::watch;
use url::Url;

pub use discover::{Discovered, StoredKey, discover};
pub use keywright_store::RequestFilter;
pub use probe::Probe;
pub use records::{LocalCalls, UnreadableRecords};

use crate::api::local_router;
use crate::boot::{StartError, dialler, gateway_settings, listen, unusable, upstreams};
use crate::config::{ProviderSettings, RecordsMode, usual};
use crate::demo::Demo;
use crate::plane::{Guard, Plane, PlaneParts, Stage};

/// A port that is taken for a local gateway; nothing answers on it yet.
pub struct LocalListener {
    listener: TcpListener,
    address: SocketAddr,
}

/// What a local gateway is started with.
pub struct LocalSetup {
    /// Where calls go, and with which keys.
    pub providers: Vec<ProviderSettings>,
    /// Whether the built-in provider is there.
    pub demo: bool,
    /// The folder of the records file.
    pub folder: PathBuf,
    /// More authorities to trust on the way out, in PEM.
    pub extra_ca: Option<PathBuf>,
}

/// A running local gateway. Dropped without [`stop`](Self::stop) it leaves calls recorded as running,
/// which the next run finds interrupted.
pub struct LocalGateway {
    token: Secret,
    stage: watch::Sender<Stage>,
    plane: Plane,
    reader: RecordsReader,
    writer: RecordsWriter,
    /// Says that this run lives, until the last record is written.
    records: LocalRecords,
}

impl LocalListener {
    /// Takes a port.
    ///
    /// # Errors
    /// [`StartError::Listen`]
    pub fn bind() -> Result<Self, StartError> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = listen(wanted)?;
        let address = listener.local_addr().map_err(|source| unusable(wanted, source))?;
        Ok(Self { listener, address })
    }

    /// The address that the program is given.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Starts the gateway. The current runtime drives what is not a model call and must go on running.
    ///
    /// # Errors
    /// [`StartError`]; nothing answers then.
    pub async fn serve(self, setup: LocalSetup) -> Result<LocalGateway, StartError> {
        let Self { listener, address } = self;
        let (gateway, auth, kept) = usual();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let dialler = dialler(setup.extra_ca.as_deref(), gateway.connect_timeout, vec![address])?;
        let demo = match setup.demo {
            true => Some(Demo::listen().await.map_err(|source| unusable(address, source))?),
            false => None,
        };
        let upstreams = upstreams(&setup.providers, demo.as_ref())?;
        let records = LocalRecords::open(&setup.folder).await?;
        let reader = RecordsReader::open_local(&records);
        let writer = RecordsWriter::open_local(&records)?;
        let (stage, stages) = watch::channel(Stage::Running);
        let token = PlatformToken::mint(TokenKind::Access);
        let secret = Secret::new(token.expose());
        #[allow(clippy::expect_used, reason = "an address with a port is an origin")]
        let url = Url::parse(&format!("http://{address}")).expect("an origin");
        let parts = PlaneParts {
            settings: gateway_settings(gateway, auth, &upstreams, Arc::clone(&clock)),
            upstreams,
            dialler,
            callers: principals::one(&token, reader.clone(), Handle::current()),
            writer: writer.clone(),
            mode: RecordsMode::Strict,
            router: local_router(secret.clone()),
            control: Handle::current(),
            guard: Arc::new(Guard::only(address, url)),
            tls: None,
            drain: DRAIN,
        };
        let plane = Plane::start(&parts, listener, 1, &stages).map_err(|source| unusable(address, source))?;
        if let Some(retention) = kept.retention {
            let kept = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
            writer.delete_older_than(clock.now().plus_millis(-kept));
        }
        Ok(LocalGateway { token: secret, stage, plane, reader, writer, records })
    }
}

impl LocalGateway {
    /// The one token that it takes.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// Ends what still runs, writes everything and closes.
    pub async fn stop(self) {
        // Only a plane whose thread has panicked has nobody to tell.
        let _ = self.stage.send(Stage::Draining);
        self.plane.ended().await;
        self.reader.close().await;
        self.writer.shutdown().await;
        drop(self.records);
    }
}

/// The program has ended: what still runs belongs to something that it left behind.
const DRAIN: Duration = Duration::from_millis(500);
