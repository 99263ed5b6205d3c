//! What the data plane is started with, in a server and in local mode.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use keywright_dial::{Dialler, TlsSetup};
use keywright_gateway::{BufferBudget, Limits, Settings};
use keywright_protocol::Clock;
use keywright_secret::random_hex;

use crate::boot::{StartError, Upstreams};
use crate::config::{Auth, Gateway};

/// Takes a port.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).map_err(|source| unusable(address, source))?;
    listener.set_nonblocking(true).map_err(|source| unusable(address, source))?;
    Ok(listener)
}

/// The address cannot be listened on.
pub(crate) fn unusable(address: SocketAddr, source: std::io::Error) -> StartError {
    StartError::Listen { address: address.to_string(), source }
}

/// The way to the providers, which never leads to `own` listeners.
pub(crate) fn dialler(
    extra_ca: Option<&Path>,
    connect_timeout: Duration,
    own: Vec<SocketAddr>,
) -> Result<Dialler, StartError> {
    let failed = |path: &Path, source| StartError::File { path: path.to_owned(), source };
    let extra =
        extra_ca.map(|path| std::fs::read(path).map_err(|source| failed(path, source))).transpose()?;
    let tls = TlsSetup::new(extra.as_deref()).map_err(|source| StartError::ExtraCa {
        path: extra_ca.map(Path::to_owned).unwrap_or_default(),
        source,
    })?;
    Ok(Dialler::new(tls, connect_timeout, own))
}

/// What all threads of the plane share.
pub(crate) fn gateway_settings(
    gateway: Gateway,
    auth: Auth,
    upstreams: &Upstreams,
    clock: Arc<dyn Clock>,
) -> Settings {
    Settings {
        catalog: Arc::clone(&upstreams.catalog),
        limits: Arc::new(Limits::new(auth.temporary_per_minute, auth.temporary_per_day)),
        buffers: BufferBudget::new(as_size(gateway.max_buffered)),
        max_body: as_size(gateway.max_body),
        allow_byok: gateway.allow_byok,
        first_byte_timeout: gateway.first_byte_timeout,
        idle_timeout: gateway.idle_timeout,
        clock,
        hop: hop(),
    }
}

/// What marks the requests of this process.
fn hop() -> HeaderValue {
    HeaderValue::from_str(random_hex::<8>().expose()).unwrap_or(HeaderValue::from_static("keywright"))
}

fn as_size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
