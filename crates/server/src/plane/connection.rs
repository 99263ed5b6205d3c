//! Connections: accepted, served, drained.

use std::convert::Infallible;
use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use keywright_gateway::Gateway;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::pin;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;

use crate::plane::body::PlaneBody;
use crate::plane::framing::{Framing, FramingWatch};
use crate::plane::service::{Ends, respond};
use crate::plane::stall::StallGuard;
use crate::plane::{PlaneParts, Stage};

/// The connections of one thread.
pub(super) struct Connections {
    pub(super) parts: Rc<PlaneParts>,
    pub(super) gateway: Rc<Gateway>,
    pub(super) tracker: TaskTracker,
    pub(super) stage: watch::Receiver<Stage>,
}

impl Connections {
    /// Takes connections until the server drains.
    pub(super) async fn accept(&self, listener: TcpListener) {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => {
                tracing::error!(%error, "a thread of the data plane cannot use the listener");
                return;
            }
        };
        let mut stage = self.stage.clone();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = stage.wait_for(|stage| *stage == Stage::Draining) => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.take(stream, peer),
                Err(error) => {
                    // Out of file handles, most likely: connections that end give some back.
                    tracing::warn!(%error, "a connection cannot be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Waits for the running connections to end, and cuts them off when the time is over.
    pub(super) async fn drain(&self) {
        self.tracker.close();
        // Each cuts itself off in time; the moment more is for them to hand in their records.
        if tokio::time::timeout(self.parts.drain + Duration::from_secs(2), self.tracker.wait()).await.is_err()
        {
            tracing::error!("{} connections did not end", self.tracker.len());
        }
    }

    fn take(&self, stream: TcpStream, peer: SocketAddr) {
        let Some(local) = prepare(&stream) else { return };
        let ends = Ends { peer: peer.ip(), local };
        let (parts, gateway) = (Rc::clone(&self.parts), Rc::clone(&self.gateway));
        let stage = self.stage.clone();
        let drain = self.parts.drain;
        self.tracker.spawn_local(async move {
            let mut ending = stage.clone();
            let cut_off = async move {
                // An error means that the server is gone, which is later than draining.
                let _ = ending.wait_for(|stage| *stage == Stage::Draining).await;
                tokio::time::sleep(drain).await;
            };
            tokio::select! {
                () = serve(parts, gateway, ends, stream, stage) => {}
                () = cut_off => {}
            }
        });
    }
}

/// Small writes leave at once, and a peer that is gone is noticed. `None` when it is gone already.
fn prepare(stream: &TcpStream) -> Option<SocketAddr> {
    stream.set_nodelay(true).ok()?;
    #[cfg(target_os = "linux")]
    SockRef::from(stream).set_tcp_user_timeout(Some(USER_TIMEOUT)).ok()?;
    stream.local_addr().ok()
}

async fn serve(
    parts: Rc<PlaneParts>,
    gateway: Rc<Gateway>,
    ends: Ends,
    stream: TcpStream,
    stage: watch::Receiver<Stage>,
) {
    match parts.tls.clone() {
        None => serve_http1(StallGuard::new(stream), parts, gateway, ends, stage).await,
        // Boxed, so that a connection without TLS is no larger than it must be.
        Some(acceptor) => Box::pin(serve_tls(acceptor, parts, gateway, ends, stream, stage)).await,
    }
}

async fn serve_tls(
    acceptor: TlsAcceptor,
    parts: Rc<PlaneParts>,
    gateway: Rc<Gateway>,
    ends: Ends,
    stream: TcpStream,
    stage: watch::Receiver<Stage>,
) {
    // A client that fails the handshake is told by TLS, and is no concern of anybody here.
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await else { return };
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let stream = StallGuard::new(stream);
    if h2 {
        let connection = http2::Builder::new(OnThisThread)
            .timer(TokioTimer::new())
            .max_concurrent_streams(MOST_STREAMS)
            .max_header_list_size(LARGEST_HEAD as u32)
            .keep_alive_interval(HEAD_TIME)
            // HTTP/2 has one framing, and no Transfer-Encoding.
            .serve_connection(TokioIo::new(stream), service(parts, gateway, ends, Rc::default()));
        drive(connection, stage).await;
    } else {
        serve_http1(stream, parts, gateway, ends, stage).await;
    }
}

async fn serve_http1<S>(
    stream: S,
    parts: Rc<PlaneParts>,
    gateway: Rc<Gateway>,
    ends: Ends,
    stage: watch::Receiver<Stage>,
) where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (stream, framing) = FramingWatch::new(stream);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service(parts, gateway, ends, framing));
    drive(connection, stage).await;
}

/// Serves a connection to its end; from the moment on that the server drains, to the end of what is
/// running on it.
async fn drive(connection: impl GracefulConnection, mut stage: watch::Receiver<Stage>) {
    pin!(connection);
    tokio::select! {
        // How a connection ends is recorded with its calls.
        _ = connection.as_mut() => return,
        _ = stage.wait_for(|stage| *stage == Stage::Draining) => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = connection.await;
}

/// Answers requests, each on its own.
trait Answers: HttpService<Incoming, ResBody = PlaneBody, Error = Infallible, Future: 'static> + 'static {}

impl<S> Answers for S where
    S: HttpService<Incoming, ResBody = PlaneBody, Error = Infallible, Future: 'static> + 'static
{
}

fn service(parts: Rc<PlaneParts>, gateway: Rc<Gateway>, ends: Ends, framing: Rc<Framing>) -> impl Answers {
    service_fn(move |request: Request<Incoming>| {
        let framing = Rc::clone(&framing);
        let answering = respond(Rc::clone(&parts), Rc::clone(&gateway), ends, framing, request);
        // hyper keeps room for it as long as the connection lasts; it is large, and done with once the
        // answer's head is there.
        let answering: Pin<Box<dyn Future<Output = _>>> = Box::pin(answering);
        async move { Ok::<_, Infallible>(answering.await) }
    })
}

/// Runs the streams of an HTTP/2 connection on the thread that has the connection.
#[derive(Clone, Copy)]
struct OnThisThread;

impl<F> hyper::rt::Executor<F> for OnThisThread
where
    F: Future<Output = ()> + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(30);
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// For the head of a request, the wait for it on an idle connection included.
const HEAD_TIME: Duration = Duration::from_secs(40);
pub(super) const LARGEST_HEAD: usize = 256 * 1024;
const MOST_STREAMS: u32 = 200;
