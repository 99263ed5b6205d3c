//! A provider on loopback that records what it hears, byte for byte, and answers by a script.
//!
//! It reads HTTP/1.1 itself: a library would hide what matters here, such as a header sent twice.

mod answer;
mod connection;
mod received;
pub mod usual;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

pub use answer::{Answer, Gate};
pub use received::Received;

use crate::client::acknowledge_late;
use connection::serve;

type Script = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;

/// A provider on loopback.
pub struct FakeProvider {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
    certificate: Option<String>,
}

struct Shared {
    script: Mutex<Script>,
    queue: Mutex<VecDeque<Answer>>,
    received: Mutex<Vec<Received>>,
    count: watch::Sender<usize>,
    connections: watch::Sender<usize>,
}

impl FakeProvider {
    /// Listens, and answers each route of each dialect as its vendor usually does.
    pub async fn start() -> Self {
        Self::listen(None).await
    }

    /// The same behind TLS, with a certificate for `name`; see [`certificate`](Self::certificate).
    pub async fn start_tls(name: &str) -> Self {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
        let chain = vec![CertificateDer::from(made.cert.der().to_vec())];
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .expect("a server configuration");
        let mut started = Self::listen(Some(TlsAcceptor::from(Arc::new(config)))).await;
        started.certificate = Some(made.cert.pem());
        started
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(usual::answer)),
            queue: Mutex::default(),
            received: Mutex::default(),
            count: watch::Sender::new(0),
            connections: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, tls, Arc::clone(&shared)));
        Self { address, shared, accepting, certificate: None }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate in PEM, which is its own authority.
    pub fn certificate(&self) -> &str {
        self.certificate.as_deref().expect("a provider behind TLS")
    }

    /// Answers the next request that has no answer yet with this; several wait in line.
    pub fn answer(&self, answer: Answer) {
        lock(&self.shared.queue).push_back(answer);
    }

    /// Answers all requests for which nothing waits in line with this.
    pub fn answer_with(&self, script: impl Fn(&Received) -> Answer + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// All requests so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// The one request that came.
    pub fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "exactly one request was to come");
        received.into_iter().next().expect("one")
    }

    /// The last request that came.
    pub fn last(&self) -> Received {
        self.received().pop().expect("a request has come")
    }

    /// How many requests have come.
    pub fn count(&self) -> usize {
        lock(&self.shared.received).len()
    }

    /// How many connections have come, whatever was sent on them.
    pub fn connections(&self) -> usize {
        *self.shared.connections.borrow()
    }

    /// Waits until `count` requests have come, 10 s at most, and returns the last of them.
    pub async fn wait_for(&self, count: usize) -> Received {
        let mut counted = self.shared.count.subscribe();
        let waiting = counted.wait_for(|seen| *seen >= count);
        tokio::time::timeout(LONG, waiting).await.expect("the request comes in time").expect("it lives");
        lock(&self.shared.received)[count - 1].clone()
    }
}

impl Drop for FakeProvider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn answer_to(&self, request: Received) -> Answer {
        let answer = lock(&self.queue).pop_front();
        let script = Arc::clone(&*lock(&self.script));
        let answer = answer.unwrap_or_else(|| script(&request));
        let mut received = lock(&self.received);
        received.push(request);
        self.count.send_replace(received.len());
        answer
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Connections end with the provider.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.send_modify(|count| *count += 1);
        stream.set_nodelay(true).expect("a socket");
        acknowledge_late(&stream);
        connections.spawn(serve(stream, tls.clone(), Arc::clone(&shared)));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const LONG: Duration = Duration::from_secs(10);
