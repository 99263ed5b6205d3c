//! The JSON API. Handlers are thin: they read, ask `identity` or the records, and wrap the answer.

mod caller;
mod claim;
mod health;
mod instance;
mod keys;
mod providers;
mod read;
mod records;
mod reply;
mod temporary;
mod whoami;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};
use keywright_identity::Identity;
use keywright_protocol::{ApiError, Clock, ErrorCode, routes};
use keywright_secret::Secret;
use keywright_store::{RecordsReader, Store};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;

pub(crate) use health::{healthz, readyz};
pub(crate) use providers::ProviderChecks;
pub(crate) use reply::Refusal;

use crate::plane::Stage;

/// What the handlers share.
pub(crate) struct Api {
    pub(crate) identity: Identity,
    pub(crate) store: Arc<Store>,
    pub(crate) records: RecordsReader,
    pub(crate) clock: Arc<dyn Clock>,
    /// How the providers are doing.
    pub(crate) providers: ProviderChecks,
    /// Whether temporary accounts are given out.
    pub(crate) temporary: bool,
    /// What proves that this server belongs to whoever can read its data folder.
    pub(crate) instance: Secret,
    /// The file with the administrator code, gone once that is used.
    pub(crate) claim_file: PathBuf,
    pub(crate) stage: watch::Receiver<Stage>,
}

/// The router of everything that is not the gateway's.
pub(crate) fn router(api: Arc<Api>) -> Router {
    Router::new()
        .route(routes::TEMPORARY, post(temporary::create))
        .route(routes::CHILD, post(temporary::child).delete(temporary::end_child))
        .route(routes::WHOAMI, get(whoami::whoami))
        .route(routes::KEYS, get(keys::list).post(keys::create))
        .route(routes::KEY, delete(keys::remove))
        .route(routes::REQUESTS, get(records::requests))
        .route(routes::REQUEST, get(records::request))
        .route(routes::USAGE, get(records::usage))
        .route(routes::PROVIDERS, get(providers::list))
        .route(routes::CLAIM, post(claim::claim))
        .route(routes::INSTANCE, get(instance::prove))
        .route(routes::HEALTHZ, get(healthz))
        .route(routes::READYZ, get(readyz))
        .fallback(async || Refusal::from(ErrorCode::NotFound))
        .method_not_allowed_fallback(async || Refusal::from(ErrorCode::MethodNotAllowed))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            // What the panic said goes to the log by the panic hook, not to the caller.
            axum::response::IntoResponse::into_response(Refusal(ApiError::new(ErrorCode::Internal)))
        }))
        .with_state(api)
}
