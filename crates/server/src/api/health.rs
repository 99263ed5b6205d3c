//! Whether the process lives, and whether it can serve.

use std::sync::Arc;

use axum::extract::State;
use keywright_protocol::ErrorCode;
use serde::Serialize;

use crate::api::reply::Reply;
use crate::api::{Api, Refusal};
use crate::plane::Stage;

#[derive(Serialize)]
pub(crate) struct Health {
    status: &'static str,
}

/// `GET /healthz`
pub(crate) async fn healthz() -> Reply<Health> {
    Reply(Health { status: "ok" })
}

/// `GET /readyz`
pub(crate) async fn readyz(State(api): State<Arc<Api>>) -> Result<Reply<Health>, Refusal> {
    if *api.stage.borrow() == Stage::Draining {
        return Err(ErrorCode::ShuttingDown.into());
    }
    api.store.master_key().await.map_err(|_| ErrorCode::StorageUnavailable)?;
    Ok(Reply(Health { status: "ok" }))
}
