//! The operations listener: metrics, and health beside it. For the operator's own tools.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use keywright_protocol::{ErrorCode, routes};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::api::{Api, Refusal, healthz, readyz};
use crate::plane::Guard;

/// The process's metrics. One recorder a process: servers of one process, as in tests, share it.
pub(crate) fn metrics() -> PrometheusHandle {
    static HANDLE: std::sync::OnceLock<PrometheusHandle> = std::sync::OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let recorder = PrometheusBuilder::new().build_recorder();
            let handle = recorder.handle();
            // Refused only where the program that embeds the server has one of its own.
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}

/// Serves the operations listener until the runtime ends.
pub(crate) fn serve(
    listener: std::net::TcpListener,
    guard: Guard,
    api: Arc<Api>,
) -> io::Result<JoinHandle<()>> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    let handle = metrics();
    let guard = Arc::new(guard);
    let router = Router::new()
        .route(routes::METRICS, get(move || rendered(handle.clone())))
        .route(routes::HEALTHZ, get(healthz))
        .route(routes::READYZ, get(readyz))
        .fallback(async || Refusal::from(ErrorCode::NotFound))
        .layer(from_fn(move |request: Request, next: Next| guarded(Arc::clone(&guard), request, next)))
        .with_state(api);
    Ok(tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let service = TowerToHyperService::new(router.clone());
                    let connection = http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(HEAD_TIME)
                        .serve_connection(TokioIo::new(stream), service);
                    // How a tool of the operator's hangs up is of no concern.
                    tokio::spawn(async move { drop(connection.await) });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the operations listener cannot be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }))
}

async fn rendered(handle: PrometheusHandle) -> impl IntoResponse {
    handle.run_upkeep();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render())
}

async fn guarded(guard: Arc<Guard>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match guard.check(&parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(error) => Refusal(error).into_response(),
    }
}

/// For the head of a request, the wait for it on an idle connection included.
const HEAD_TIME: Duration = Duration::from_secs(30);
