//! Whether the process lives, and whether it can serve.

use std::sync::Arc;

use axum::extract::State;
use keywright_protocol::wire::Success;
use keywright_protocol::{ErrorCode, routes};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::reply::Reply;
use crate::api::{Api, Refusal};
use crate::plane::Stage;

/// That all is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// Always `ok`.
    status: &'static str,
}

/// Whether the process lives
#[utoipa::path(
    get,
    path = routes::HEALTHZ,
    operation_id = "healthz",
    tag = "operations",
    responses((status = 200, description = "It lives.", body = Success<Health>)),
)]
pub(crate) async fn healthz() -> Reply<Health> {
    Reply(Health { status: "ok" })
}

/// Whether the process can serve
#[utoipa::path(
    get,
    path = routes::READYZ,
    operation_id = "readyz",
    tag = "operations",
    responses((status = 200, description = "It can serve.", body = Success<Health>)),
    extensions(("x-errors" = json!(["SHUTTING_DOWN", "STORAGE_UNAVAILABLE"]))),
)]
pub(crate) async fn readyz(State(api): State<Arc<Api>>) -> Result<Reply<Health>, Refusal> {
    if *api.stage.borrow() == Stage::Draining {
        return Err(ErrorCode::ShuttingDown.into());
    }
    api.store.master_key().await.map_err(|_| ErrorCode::StorageUnavailable)?;
    Ok(Reply(Health { status: "ok" }))
}
