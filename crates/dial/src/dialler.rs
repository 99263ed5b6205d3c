//! Dialling: resolve, check the very address that is dialled, connect, speak TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls_pki_types::ServerName;
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use url::Host;

use crate::address::{is_metadata, is_public};
use crate::{Destination, Reach, Stream, TlsSetup};

/// Makes connections.
#[derive(Clone, Debug)]
pub struct Dialler {
    tls: TlsSetup,
    connect_timeout: Duration,
    own_listeners: Arc<[SocketAddr]>,
}

impl Dialler {
    /// A dialler whose connections must stand within `connect_timeout`, name look-up and TLS included,
    /// and which never dials this process's own listeners.
    pub fn new(
        tls: TlsSetup,
        connect_timeout: Duration,
        own_listeners: impl Into<Arc<[SocketAddr]>>,
    ) -> Self {
        Self { tls, connect_timeout, own_listeners: own_listeners.into() }
    }

    /// Connects to `destination`: its addresses in turn, the first that answers.
    ///
    /// # Errors
    /// [`DialError`]; nothing was sent in any case.
    pub async fn connect(&self, destination: &Destination) -> Result<Stream, DialError> {
        let deadline = Instant::now() + self.connect_timeout;
        let attempt = async {
            let tcp = self.connect_tcp(destination).await?;
            prepare(&tcp).map_err(DialError::Connect)?;
            if destination.tls { self.speak_tls(destination, tcp).await } else { Ok(Stream::Plain(tcp)) }
        };
        timeout_at(deadline, attempt).await.unwrap_or(Err(DialError::TimedOut))
    }

    async fn connect_tcp(&self, destination: &Destination) -> Result<TcpStream, DialError> {
        let addresses = resolve(destination).await?;
        let mut last = DialError::Unresolved;
        for address in addresses {
            // The address that was checked is the one that is dialled: no second look-up happens.
            if !self.permits(destination, address) {
                last = DialError::Forbidden;
                continue;
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = DialError::Connect(error),
            }
        }
        Err(last)
    }

    fn permits(&self, destination: &Destination, address: SocketAddr) -> bool {
        let ip = address.ip().to_canonical();
        if is_metadata(ip) || self.own_listeners.iter().any(|own| reaches(*own, ip, address.port())) {
            return false;
        }
        match &destination.reach {
            Reach::Exactly => true,
            Reach::Public { allow_private } => {
                is_public(ip) || allow_private.iter().any(|range| range.contains(ip))
            }
        }
    }

    async fn speak_tls(&self, destination: &Destination, tcp: TcpStream) -> Result<Stream, DialError> {
        let name = match &destination.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| DialError::Unresolved)?,
            Host::Ipv4(address) => ServerName::from(IpAddr::V4(*address)),
            Host::Ipv6(address) => ServerName::from(IpAddr::V6(*address)),
        };
        let stream =
            TlsConnector::from(Arc::clone(&self.tls.0)).connect(name, tcp).await.map_err(DialError::Tls)?;
        Ok(Stream::Tls(Box::new(stream)))
    }
}

/// Whether dialling that address and port would reach a listener bound to `own`.
fn reaches(own: SocketAddr, ip: IpAddr, port: u16) -> bool {
    let everywhere = own.ip().is_unspecified() && (ip.is_loopback() || ip.is_unspecified());
    own.port() == port && (own.ip().to_canonical() == ip || everywhere)
}

async fn resolve(destination: &Destination) -> Result<Vec<SocketAddr>, DialError> {
    let port = destination.port;
    match &destination.host {
        Host::Ipv4(address) => Ok(vec![SocketAddr::from((*address, port))]),
        Host::Ipv6(address) => Ok(vec![SocketAddr::from((*address, port))]),
        Host::Domain(name) => {
            let found =
                tokio::net::lookup_host((name.as_str(), port)).await.map_err(|_| DialError::Unresolved)?;
            Ok(found.collect())
        }
    }
}

/// Small writes leave at once, and a peer that is gone is noticed.
fn prepare(tcp: &TcpStream) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    SockRef::from(tcp).set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Why no connection stands.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name does not resolve: mistyped, or no name server answers.
    #[error("the name does not resolve")]
    Unresolved,
    /// The address is one that must not be dialled: private, this machine's, or this process's own.
    #[error("the address may not be dialled")]
    Forbidden,
    /// Nobody listens there, or the network does not lead there.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The connection did not stand in time.
    #[error("no connection in time")]
    TimedOut,
    /// The peer's certificate is not valid for the name, or it does not speak TLS.
    #[error("no secure connection")]
    Tls(#[source] io::Error),
    /// The peer broke off, or what it said is not HTTP. Only from [`control`](crate::control).
    #[error("the answer broke off or is not HTTP")]
    Broken,
    /// The answer is longer than a control call's may be. Only from [`control`](crate::control).
    #[error("the answer is too long")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialler(own: &[SocketAddr]) -> Dialler {
        Dialler::new(TlsSetup::new(None).expect("roots"), Duration::from_secs(2), own.to_vec())
    }

    fn public(url: &str) -> Destination {
        Destination::of(&url.parse().expect(url), Reach::Public { allow_private: Arc::new([]) }).expect(url)
    }

    fn exactly(url: &str) -> Destination {
        Destination::of(&url.parse().expect(url), Reach::Exactly).expect(url)
    }

    #[tokio::test]
    async fn a_loopback_address_is_dialled_only_for_the_operator() {
        let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let url = format!("http://{}", canary.local_addr().expect("bound"));
        let Ok(Stream::Plain(tcp)) = dialler(&[]).connect(&exactly(&url)).await else {
            panic!("no connection")
        };
        assert!(tcp.nodelay().expect("asked"), "small writes would wait");
        #[cfg(target_os = "linux")]
        assert_eq!(SockRef::from(&tcp).tcp_user_timeout().expect("asked"), Some(USER_TIMEOUT));
        let accepted = canary.accept().await;
        assert!(accepted.is_ok());
        let port = canary.local_addr().expect("bound").port();
        for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0177.0.0.1"] {
            let outcome = dialler(&[]).connect(&public(&format!("http://{host}:{port}"))).await;
            assert!(matches!(outcome, Err(DialError::Forbidden)), "{host}: {outcome:?}");
        }
        let nobody = tokio::time::timeout(Duration::from_millis(50), canary.accept()).await;
        assert!(nobody.is_err(), "the canary was reached");
    }

    #[tokio::test]
    async fn own_listeners_and_metadata_addresses_are_dialled_for_nobody() {
        let own = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = own.local_addr().expect("bound");
        let everywhere = SocketAddr::from(([0, 0, 0, 0], address.port()));
        for listeners in [address, everywhere] {
            let outcome = dialler(&[listeners]).connect(&exactly(&format!("http://{address}"))).await;
            assert!(matches!(outcome, Err(DialError::Forbidden)));
        }
        let outcome = dialler(&[]).connect(&exactly("http://169.254.169.254")).await;
        assert!(matches!(outcome, Err(DialError::Forbidden)));
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        let closed = {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
            listener.local_addr().expect("bound")
        };
        assert!(matches!(
            dialler(&[]).connect(&exactly(&format!("http://{closed}"))).await,
            Err(DialError::Connect(_))
        ));
        assert!(matches!(
            dialler(&[]).connect(&exactly("http://nowhere.invalid")).await,
            Err(DialError::Unresolved)
        ));

        let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = plain.local_addr().expect("bound");
        let talk = tokio::spawn(async move {
            let (mut stream, _) = plain.accept().await.expect("accepts");
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n")
                .await
                .expect("writes");
        });
        assert!(matches!(
            dialler(&[]).connect(&exactly(&format!("https://{address}"))).await,
            Err(DialError::Tls(_))
        ));
        talk.await.expect("talks");

        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = silent.local_addr().expect("bound");
        let hasty = Dialler::new(TlsSetup::new(None).expect("roots"), Duration::from_millis(50), []);
        assert!(matches!(
            hasty.connect(&exactly(&format!("https://{address}"))).await,
            Err(DialError::TimedOut)
        ));
    }

    /// A TLS server for the name `name.test` on `localhost`, and the certificate of its own authority.
    async fn tls_server(name: &str) -> (SocketAddr, String) {
        crate::install_crypto();
        let certified = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
        let key =
            rustls_pki_types::PrivateKeyDer::try_from(certified.signing_key.serialize_der()).expect("a key");
        let config = rustls::ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .expect("a configuration");
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = acceptor.accept(stream).await;
            }
        });
        (address, certified.cert.pem())
    }

    #[tokio::test]
    async fn tls_stands_only_with_a_trusted_certificate_for_the_very_name() {
        let trusting = |pem: &str| {
            let tls = TlsSetup::new(Some(pem.as_bytes())).expect("roots");
            Dialler::new(tls, Duration::from_secs(5), [])
        };
        let (address, pem) = tls_server("localhost").await;
        let destination = exactly(&format!("https://localhost:{}", address.port()));
        assert!(matches!(trusting(&pem).connect(&destination).await, Ok(Stream::Tls(_))));
        assert!(matches!(dialler(&[]).connect(&destination).await, Err(DialError::Tls(_))));

        let (address, pem) = tls_server("other.test").await;
        let destination = exactly(&format!("https://localhost:{}", address.port()));
        assert!(matches!(trusting(&pem).connect(&destination).await, Err(DialError::Tls(_))));
    }

    #[test]
    fn extra_authorities_must_be_certificates() {
        for text in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(TlsSetup::new(Some(text.as_bytes())).is_err(), "{text}");
        }
    }
}
