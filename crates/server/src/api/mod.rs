//! The JSON API. Handlers are thin: they read, ask `identity` or the records, and wrap the answer.

mod auth_guide;
mod caller;
mod claim;
mod health;
mod instance;
mod invitations;
mod keys;
mod mailbox;
mod members;
mod models;
mod openapi;
mod organizations;
mod passthrough;
mod providers;
mod read;
mod records;
mod reply;
mod temporary;
mod whoami;

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use bytes::Bytes;
use keywright_identity::Identity;
use keywright_protocol::{ApiError, Clock, ErrorCode};
use keywright_secret::Secret;
use keywright_store::{RecordsReader, Store};
use tokio::sync::watch;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(crate) use auth_guide::page as auth_guide_page;
pub(crate) use caller::{Caller, prove};
pub(crate) use health::{healthz, readyz};
pub use openapi::document;
pub(crate) use providers::ProviderChecks;
pub(crate) use reply::{Refusal, Reply, protect};

use crate::oauth::{self, Introspections};
use crate::pages;
use crate::plane::Stage;

/// What the handlers share.
pub(crate) struct Api {
    pub(crate) identity: Identity,
    pub(crate) store: Arc<Store>,
    pub(crate) records: RecordsReader,
    pub(crate) clock: Arc<dyn Clock>,
    /// How the providers are doing.
    pub(crate) providers: ProviderChecks,
    /// How often applications ask what tokens are worth.
    pub(crate) introspections: Introspections,
    /// Whether temporary accounts are given out.
    pub(crate) temporary: bool,
    /// What proves that this server belongs to whoever can read its data folder.
    pub(crate) instance: Secret,
    /// The file with the administrator code, gone once that is used.
    pub(crate) claim_file: PathBuf,
    /// The page for agents that want a key.
    pub(crate) auth_guide: Bytes,
    /// Whether mails are files, because no mail server is configured.
    pub(crate) outbox: bool,
    pub(crate) stage: watch::Receiver<Stage>,
}

/// The routes, each with its description: what stands here, and only that, is served and documented.
/// Paths and methods are those of the handlers' annotations.
fn described() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(temporary::create))
        .routes(routes!(temporary::child, temporary::renew_child, temporary::end_child))
        .routes(routes!(temporary::upgrade_ticket))
        .routes(routes!(mailbox::request_signup))
        .routes(routes!(mailbox::complete_signup))
        .routes(routes!(mailbox::request_login))
        .routes(routes!(mailbox::complete_login))
        .routes(routes!(whoami::whoami))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::view, keys::update, keys::remove))
        .routes(routes!(keys::rotate))
        .routes(routes!(organizations::list, organizations::create))
        .routes(routes!(organizations::view, organizations::update, organizations::remove))
        .routes(routes!(members::list))
        .routes(routes!(members::update, members::remove))
        .routes(routes!(members::create_service))
        .routes(routes!(invitations::list_of_organization, invitations::invite))
        .routes(routes!(invitations::list))
        .routes(routes!(invitations::close))
        .routes(routes!(invitations::accept))
        .routes(routes!(models::list))
        .routes(routes!(providers::list))
        .routes(routes!(records::requests))
        .routes(routes!(records::request))
        .routes(routes!(records::usage))
        .routes(routes!(claim::claim))
        .routes(routes!(instance::prove))
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(auth_guide::auth_guide))
        .routes(routes!(openapi::openapi))
}

/// The router of local mode: life, and the proof by the run's own token for a run inside the run.
pub(crate) fn local_router(token: Secret) -> Router {
    with_refusals(
        instance::route(token).route(keywright_protocol::routes::HEALTHZ, axum::routing::get(healthz)),
    )
}

/// The router of everything that is not the gateway's.
pub(crate) fn router(api: Arc<Api>) -> Router {
    let pages = pages::router(api.identity.issuer());
    let all = with_refusals(Router::from(described()).merge(oauth::router()).merge(pages));
    all.layer(from_fn(oauth::to_pages)).with_state(api)
}

fn with_refusals<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router
        .fallback(async || Refusal::from(ErrorCode::NotFound))
        .method_not_allowed_fallback(async || Refusal::from(ErrorCode::MethodNotAllowed))
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            // What the panic said goes to the log by the panic hook, not to the caller.
            axum::response::IntoResponse::into_response(Refusal(ApiError::new(ErrorCode::Internal)))
        }))
}
